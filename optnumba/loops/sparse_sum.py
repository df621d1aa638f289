"""Gradient descent on a sum over sparse rows, where a step costs the non-zeros of its batch.

A coordinate that a batch does not touch has the gradient 0, or only that of the penalty. What such steps do to it has a
closed form (`idle`, or the decay below), and is caught up on when a batch next touches it, and at the end of an epoch:
then x is what a step on every coordinate would have made it. Where nothing moves, or by the lazy meaning, none is due.

Data are (values, indices, indptr, y): no row holds an index twice. A coordinate belongs to a feature and an output.
"""

from math import isfinite, sqrt

import numpy as np

from .finite_sum import BATCH_SUM, BUDGET_DONE, GRADIENT_NOT_FINITE, HUGE, SHRINK_BAD, STEP, at, copy
from .linear import margin, margins
from .memory import fetch, inlined, part, row
from .norms import add_square, factor_of

# What `counts` holds: features touched by this batch, the step after which all was last caught up on, and whether the
# last sample has the weight 0.
TOUCHED, CAUGHT_UP, LEFT_OUT = range(3)
# What `bounds` holds: the largest |value|, the sum over the batch of what the gradient of an entry can reach, and what
# every weight in x has to be multiplied by.
LARGEST, REACH, SCALE = range(3)
# Below this scale the weights are multiplied by it: far from where they would overflow in float32.
SMALLEST_SCALE = 1e-6
# Below this product of shrinking factors all is caught up on, long before it underflows.
SMALLEST_PRODUCT = 1e-100


def nothing_due(x, f, slots, spare, state, hyper):
    """Leave feature `f` as it is: what `revive` means where a step without a gradient moves nothing."""


def idle_due(x, f, slots, spare, state, hyper):
    """Take the steps that feature `f` has missed, whose gradients were 0."""
    counts, bounds, marks, touched, z, s, last, table, products, sums, listed = spare
    k = state[STEP] - last[f]
    if k > 0:
        scalars = unpack_idle(row(table, k)) if k < table.shape[0] else idle_coefficients(float(k), *hyper)
        c = cast_idle(x.dtype.type, scalars)
        for q in range(f * OUTPUTS, (f + 1) * OUTPUTS):
            store(x, slots, q, idle(x[q], *load(slots, q), *c))
        last[f] = state[STEP]


def decay_due(x, f, slots, spare, state, hyper):
    """Take the steps that feature `f` has missed, which shrank it by the penalty: x ← soft(a x, b) for each."""
    counts, bounds, marks, touched, z, s, last, table, products, sums, listed = spare
    now, before = state[STEP] - counts[CAUGHT_UP], last[f] - counts[CAUGHT_UP]
    if now > before and f >= INTERCEPT:
        factor, shift = products[now] / products[before], products[now] * (sums[now] - sums[before])
        for q in range(f * OUTPUTS, (f + 1) * OUTPUTS):
            x[q] = np.copysign(max(abs(x[q]) * factor - shift, 0.0), x[q])
    last[f] = state[STEP]


def multiply_all(x, buffers, spare, state, hyper):
    """Multiply the weights by their scale."""
    bounds = spare[1]
    for q in range(INTERCEPT * OUTPUTS, x.size):
        x[q] *= bounds[SCALE]
    bounds[SCALE] = 1.0


def multiply_when_small(x, buffers, spare, state, hyper):
    if spare[1][SCALE] < SMALLEST_SCALE:
        multiply_all(x, buffers, spare, state, hyper)


def scaled_outputs(x, values, indices, low, high, z, scale):
    """Write the outputs of a row to `z`, where the weights have to be multiplied by `scale`."""
    unscaled_outputs(x, values, indices, low, high, z, scale)
    for o in range(OUTPUTS):
        intercept = x[o] if INTERCEPT else z.dtype.type(0)
        z[o] = intercept + z.dtype.type(scale) * (z[o] - intercept)


def settle_all(x, buffers, spare, state, hyper):
    """Catch up on every coordinate."""
    counts, bounds, marks, touched, z, s, last, table, products, sums, listed = spare
    slots = window(buffers, 0, x.size)
    for f in range(last.size):
        revive(x, f, slots, spare, state, hyper)
    counts[CAUGHT_UP] = state[STEP]


def mark(indices, seen):
    """Make `seen` true for each column that occurs in `indices`."""
    for k in range(indices.size):
        seen[np.uintp(indices[k])] = True


def keep_listed(x_best, x, spare):
    """Remember x as the best point, from which it differs in the listed features alone; in all, if none are."""
    counts, bounds, marks, touched, z, s, last, table, products, sums, listed = spare
    if not listed.size:
        copy(x_best, x)
    for f in listed:
        for q in range(f * OUTPUTS, (f + 1) * OUTPUTS):
            x_best[q] = x[q]


def one_output(x, values, indices, low, high, z, scale):
    """Write z = w₀ + w · a of a row to `z`."""
    z[0] = margin(x, values, indices, low, high)


def several_outputs(x, values, indices, low, high, z, scale):
    """Write the outputs of a row to `z`."""
    margins(x, values, indices, low, high, z)


def one_slope(z, y, out):
    """Write the slope of the loss to `out`; return its value."""
    value, out[0] = loss(z[0], y)
    return value


@inlined
def coordinate(index, o):
    """Return where the weight of a feature, a column of the data, for output `o` stands in x."""
    return (np.uintp(index) + np.uintp(INTERCEPT)) * np.uintp(OUTPUTS) + np.uintp(o)


@inlined
def rows(x, grad, buffers, spare, order, first, lo, hi, size, block, weights, sums, state, hyper, data, args):
    """Visit samples `lo` to `hi` of a batch of `size`; return one whose value is not finite, or -1.

    Of a batch of one the slopes stay in `s`, and the step goes through the row again; of others the gradients are
    summed in `grad`.
    """
    counts, bounds, marks, touched, z, s = spare[:6]
    all_values, all_indices, indptr, y = data
    slots = window(buffers, 0, x.size)
    for k in range(lo, hi):
        i = at(order, first + k)
        fetch_ahead(x, order, first + k, all_values, all_indices, indptr, y)
        if weights is not None:
            counts[LEFT_OUT] = weights[i] == 0
            if counts[LEFT_OUT]:  # whatever the sample is, NaN for one
                for o in range(OUTPUTS):
                    s[o] = 0
                continue
        low, high = indptr[i], indptr[i + 1]
        values, indices = part(all_values, low, high), part(all_indices, low, high)
        for p in range(indices.size):
            revive(x, indices[p] + INTERCEPT, slots, spare, state, hyper)
        outputs_of(x, all_values, all_indices, low, high, z, bounds[SCALE])
        value = slopes(z, y[i], s)
        largest = 0.0
        for o in range(OUTPUTS):
            if weights is not None:
                s[o] *= weights[i]
            largest += abs(s[o])
        if weights is not None:
            value *= weights[i]
        if not isfinite(value) or not isfinite(largest):
            return i
        sums[BATCH_SUM] += value
        bounds[REACH] += largest * bounds[LARGEST]
        if size > 1:
            scatter(grad, values, indices, spare)
    return -1


@inlined
def fetch_ahead(x, order, k, values, indices, indptr, y):
    """Start to load what the next samples need: where a row is, then the row, then the entries of x."""
    if k + 6 < y.size:
        fetch(indptr, at(order, k + 6))
        fetch(y, at(order, k + 6))
    if k + 4 < y.size:
        i = at(order, k + 4)
        for p in range(indptr[i], indptr[i + 1], 8):
            fetch(values, p)
            fetch(indices, p)
    if k + 1 < y.size:
        i = at(order, k + 1)
        for p in range(indptr[i], indptr[i + 1]):
            fetch(x, (indices[p] + INTERCEPT) * OUTPUTS)


@inlined
def any_row(indptr, i, counts):
    """Return where the row of a batch of one begins and ends."""
    return indptr[i], indptr[i + 1]


@inlined
def row_unless_left_out(indptr, i, counts):
    """Return the same, with nothing in it where the sample has the weight 0."""
    return indptr[i], indptr[i] if counts[LEFT_OUT] else indptr[i + 1]


@inlined
def scatter(grad, values, indices, spare):
    """Add the gradient of one row to `grad`."""
    counts, bounds, marks, touched, z, s = spare[:6]
    for o in range(OUTPUTS):
        if INTERCEPT:
            grad[o] += s[o]
    for p in range(indices.size):
        f = np.uintp(indices[p]) + np.uintp(INTERCEPT)
        if not marks[f]:
            marks[f] = True
            touched[counts[TOUCHED]] = f
            counts[TOUCHED] += 1
        for o in range(OUTPUTS):
            grad[coordinate(indices[p], o)] += s[o] * values[p]


def measure_touched(x, grad, spare, scale, pull, size, i, hyper, data):
    """Return the factor by which to multiply the gradient of a batch: `measure`, of the coordinates touched."""
    counts, bounds, marks, touched, z, s = spare[:6]
    values, indices, indptr, y = data
    low, high = row_of_one(indptr, i, counts)
    top, total = 0.0, 0.0
    for o in range(OUTPUTS):
        slope = float(s[o] if size == 1 else grad[o])
        if INTERCEPT:
            top, total = add_square(top, total, slope * scale)
        if size == 1:
            for p in range(low, high):
                g = slope * scale * values[p] + pull * x[coordinate(indices[p], o)]
                top, total = add_square(top, total, g)
        else:
            for k in range(counts[TOUCHED]):
                q = touched[k] * OUTPUTS + o
                top, total = add_square(top, total, float(grad[q]) * scale + pull * x[q])
    return factor_of(top * sqrt(total), hyper[CLIP])


def unmeasured(x, grad, spare, scale, pull, size, i, hyper, data):
    return 1.0


@inlined
def move(x, q, g, slots, c, pull, push):
    """Step coordinate `q`, with the penalty l2 `pull` in its gradient and l1 `push` as a proximal step."""
    store(x, slots, q, update(x[q], g + pull * x[q], *load(slots, q), *c))
    if push > 0:
        rest = abs(x[q]) - push * pace(*load(slots, q), *c)
        x[q] = np.copysign(max(rest, x.dtype.type(0)), x[q])


@inlined
def move_plain(x, q, g, slots, c, pull, push, inverse):
    """Step a weight as any coordinate."""
    move(x, q, g, slots, c, pull, push)


@inlined
def move_scaled(x, q, g, slots, c, pull, push, inverse):
    """Step a weight that is `inverse` times what x is: of a rule without state, from 0."""
    x[q] += inverse * update(x.dtype.type(0), g, *c)[0]


@inlined
def apply_rows(x, grad, buffers, spare, c, factor, share, penalty, limits, i, size, state, hyper, data):
    """Take the step of a batch, on the coordinates that it touches; return why not, or BUDGET_DONE."""
    counts, bounds, marks, touched, z, s, last, table, products, sums, listed = spare
    values, indices, indptr, y = data
    number, slots = x.dtype.type, window(buffers, 0, x.size)
    reach, bounds[REACH] = bounds[REACH], 0.0
    if not reach * factor <= limits[HUGE]:
        return GRADIENT_NOT_FINITE
    pull, push, none = number(0), number(0), number(0)
    if penalty is not None:
        push, pull = number(penalty[0] * share), number(penalty[1] * share)
        if not shrink(x, c, pull, push, products, sums, state, counts, bounds):
            return SHRINK_BAD
    scale, t, inverse = number(factor), state[STEP] + 1, number(1 / bounds[SCALE])
    c = limited(number, c, touched_factor(x, grad, spare, float(scale), float(pull), size, i, hyper, data))
    if INTERCEPT:
        for o in range(OUTPUTS):
            if size > 1:
                move(x, o, grad[o] * scale, slots, c, none, none)
                grad[o] = 0
            else:
                move(x, o, number(s[o]) * scale, slots, c, none, none)
        note(last, 0, t)
    if size > 1:
        for k in range(counts[TOUCHED]):
            f = touched[k]
            marks[f] = False
            note(last, f, t)
            for o in range(OUTPUTS):
                q = np.uintp(f) * np.uintp(OUTPUTS) + np.uintp(o)
                move_weight(x, q, grad[q] * scale, slots, c, pull, push, inverse)
                grad[q] = 0
        counts[TOUCHED] = 0
    else:
        low, high = row_of_one(indptr, i, counts)
        values, indices = part(values, low, high), part(indices, low, high)
        for o in range(OUTPUTS):
            slope = number(s[o]) * scale
            for p in range(indices.size):
                note(last, indices[p] + INTERCEPT, t)
                move_weight(x, coordinate(indices[p], o), slope * values[p], slots, c, pull, push, inverse)
    return BUDGET_DONE


def no_note(last, f, t):
    """Remember nothing: what `note` means where no step is caught up on."""


def note_step(last, f, t):
    last[f] = t


def no_shrinking(x, c, pull, push, products, sums, state, counts, bounds):
    """Remember nothing: what `shrink` means where coordinates without a gradient do not feel the penalty."""
    return True


def shrinking(x, c, pull, push, products, sums, state, counts, bounds):
    """Note by how much this step shrinks a coordinate without a gradient; False where it would change its sign."""
    number, now = x.dtype.type, state[STEP] - counts[CAUGHT_UP]
    factor = update(number(1), pull, *c)[0]
    if not factor > 0:
        return False
    products[now + 1] = products[now] * factor
    sums[now + 1] = sums[now] + push * pace(*c) / products[now + 1]
    return True


def scaling(x, c, pull, push, products, sums, state, counts, bounds):
    """Multiply all weights by what the penalty shrinks them by, in their scale; False where it would change signs."""
    factor = update(x.dtype.type(1), pull, *c)[0]
    bounds[SCALE] *= factor
    return factor > 0


def catch_up_when_full(x, buffers, spare, state, hyper):
    """Catch up on every coordinate where no more steps can be noted, or their product is about to underflow."""
    counts, products = spare[0], spare[8]
    now = state[STEP] - counts[CAUGHT_UP]
    if now + 1 == products.size or products[now] < SMALLEST_PRODUCT:
        settle_all(x, buffers, spare, state, hyper)
