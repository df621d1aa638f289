"""Gradient descent on a sum, sample after sample: batches, epochs, permutations, in chunks that can be resumed.

A batch larger than a block is summed block by block, and the sums of the blocks in their order: by one thread or by
many, the result is the same to the bit. Where a chunk ends, within an epoch, a batch or a block, changes nothing.
"""

from math import isfinite

import numpy as np
from numba import prange

from .descent import steep
from .memory import disjoint, fetch_rows, inlined, row, threaded

# Why a chunk ended.
BUDGET_DONE, LIMIT_REACHED, EPOCH_DONE, EPOCHS_DONE, VALUE_STILL, GRADIENT_SMALL = range(6)
RATE_BAD, VALUE_NOT_FINITE, GRADIENT_NOT_FINITE, GRADIENT_OVERWRITTEN, SHRINK_BAD = range(6, 11)
# What `state` holds: steps and epochs done, samples of this epoch before this batch, samples of this batch done,
# evaluations, and the sample whose value was not finite.
STEP, EPOCH, FIRST, FILLED, EVALUATIONS, SAMPLE = range(6)
# What `sums` holds: values of this batch, of this block, of this epoch with their weight, the last epoch's, the best.
BATCH_SUM, BLOCK_SUM, EPOCH_SUM, EPOCH_WEIGHT, LAST, BEST = range(6)
# What `plan` holds, which no kernel changes; `limit` counts steps, `rows` the epochs before the first row of `history`.
BATCH, COUNT, BLOCK, LIMIT, EPOCHS, ROWS, PAUSE, AVERAGED, THREADS, SHUFFLED = range(10)
# What `limits` holds.
SHARE, GTOL, FTOL, HUGE = range(4)

# How far ahead the rows of samples are fetched.
ROWS_AHEAD = 4

GOLDEN, FIRST_MIX, SECOND_MIX = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
S11, S27, S30, S31 = (np.uint64(shift) for shift in (11, 27, 30, 31))


def mix(z):
    """Scramble 64 bits: the output function of SplitMix64 (Steele, Lea & Flood 2014)."""
    z = (z ^ (z >> S30)) * FIRST_MIX
    z = (z ^ (z >> S27)) * SECOND_MIX
    return z ^ (z >> S31)


def permute(order, seed, epoch):
    """Write the permutation of `epoch` to `order`: Fisher and Yates, a pure function of `seed` and `epoch`."""
    counter = mix(seed + mix(np.uint64(epoch) * GOLDEN))
    for i in range(order.size):
        order[i] = i
    for i in range(order.size - 1, 0, -1):
        counter += GOLDEN
        # 53 bits: no place is likelier than another by more than size / 2**53.
        j = int((mix(counter) >> S11) * 2.0**-53 * (i + 1))
        order[i], order[j] = order[j], order[i]


@disjoint
def add(total, part):
    """Add `part` to `total` and clear it."""
    for j in range(total.size):
        total[j] += part[j]
        part[j] = 0


@disjoint
def copy(target, source):
    """Copy an array: an assignment to ``target[:]`` takes 5 s to compile, for the message it never raises."""
    for j in range(target.size):
        target[j] = source[j]


@disjoint
def scale(g, factor, huge):
    """Multiply by `factor`; return how many entries are not finite."""
    broken = 0
    for j in range(g.size):
        g[j] *= factor
        broken += not (abs(g[j]) <= huge)
    return broken


@disjoint
def move_and_clear(x, g, slots, c):
    """Step every coordinate, and make the gradient 0 for the next batch."""
    for i in range(x.size):
        store(x, slots, i, update(x[i], g[i], *load(slots, i), *c))
        g[i] = 0


@disjoint
def pull(g, x, l2):
    """Add the gradient of l2/2 |x|² to `g`."""
    for j in range(x.size):
        g[j] += l2 * x[j]


@disjoint
def soften(x, slots, c, l1):
    """Take the proximal step of l1 |x|₁ in the metric in which the rule takes its own."""
    for i in range(x.size):
        size = abs(x[i]) - l1 * pace(*load(slots, i), *c)
        new = np.copysign(max(size, x.dtype.type(0)), x[i])
        move_average(slots, i, new - x[i], c)
        x[i] = new


def penalty_value(x, penalty):
    """Return l2/2 |w|² + l1 |w|₁ of the penalised coordinates."""
    l1, l2, free = penalty
    squares, sizes = 0.0, 0.0
    for i in range(free, x.size):
        squares += float(x[i]) * float(x[i])
        sizes += abs(float(x[i]))
    return 0.5 * l2 * squares + l1 * sizes


def overwrites(x, grad, i, data, args):
    """Tell whether the objective assigns to the gradient instead of adding to it: then some entry is NaN no more."""
    for j in range(grad.size):
        grad[j] = np.nan
    sample(x, grad, i, data, args)
    found = False
    for j in range(grad.size):
        found |= grad[j] == grad[j]
        grad[j] = 0
    return found


@inlined
def at(order, k):
    """Return the sample at place `k` of the order; without one they come as they are."""
    return order[k] if order.size else k


@inlined
def fetch_later(data, order, k):
    """Start to load the rows of the sample at place `k` of the order."""
    if k < len(data[-1]):  # not of the first: of sparse rows those are the values
        fetch_rows(data, at(order, k))


def fetch_nothing(data, order, k):
    """Leave it to Python."""


@inlined
def weighted(x, target, i, single, weights, data, args):
    """Add the gradient of sample `i`, times its weight, to `target`; return its value times the weight."""
    if weights is None:
        return sample(x, target, i, data, args)
    if weights[i] == 0:  # whatever the sample is, NaN for one, it is left out
        return 0.0
    f = sample(x, single, i, data, args)
    factor = target.dtype.type(weights[i])
    for j in range(target.size):
        target[j] += factor * single[j]
        single[j] = 0
    return weights[i] * f


@inlined
def serially(x, grad, buffers, spare, order, first, lo, hi, size, block, weights, sums, state, hyper, data, args):
    """Add the gradients of samples `lo` to `hi` of a batch of `size`; return one whose value is not finite, or -1."""
    parts = spare[0]
    target, single = row(parts, 0) if size > block else grad, row(parts, parts.shape[0] - 1)
    end = min(size, lo - lo % block + block)  # of the block: no division for each sample
    for k in range(lo, hi):
        i = at(order, first + k)
        fetch_later(data, order, first + k + ROWS_AHEAD)
        f = weighted(x, target, i, single, weights, data, args)
        if not isfinite(f):
            return i
        sums[BLOCK_SUM] += f
        if k + 1 == end:
            end = min(size, end + block)
            sums[BATCH_SUM] += sums[BLOCK_SUM]
            sums[BLOCK_SUM] = 0.0
            if size > block:
                add(grad, target)
    return -1


def whole_block(x, part, single, order, lo, hi, weights, data, args):
    """Return the sum of the values of samples `lo` to `hi`, and one that is not finite, or -1."""
    total = 0.0
    for k in range(lo, hi):
        i = at(order, k)
        fetch_later(data, order, k + ROWS_AHEAD)
        f = weighted(x, part, i, single, weights, data, args)
        if not isfinite(f):
            return total, i
        total += f
    return total, -1


@threaded
def in_threads(x, grad, buffers, spare, order, first, lo, hi, size, block, weights, sums, state, hyper, data, args):
    """Do the same by many threads, which take a block each; then the sums of these blocks, in their order."""
    parts, block_sums, faults = spare
    threads = faults.size
    for start in range(lo, hi, threads * block):
        for b in prange(threads):
            begin = start + b * block
            until = min(begin + block, hi)
            block_sums[b], faults[b] = 0.0, -1
            if begin < until:
                part, single = row(parts, b), row(parts, parts.shape[0] - 1 - b)
                block_sums[b], faults[b] = whole_block(
                    x, part, single, order, first + begin, first + until, weights, data, args
                )
        for b in range(threads):
            if faults[b] >= 0:
                return faults[b]
            if start + b * block < hi:
                sums[BATCH_SUM] += block_sums[b]
                add(grad, row(parts, b))
    return -1


def weight_of(weights, order, first, size):
    """Return the weight of the samples of a batch."""
    if weights is None:
        return float(size)
    total = 0.0
    for k in range(first, first + size):
        total += weights[at(order, k)]
    return total


@inlined
def apply(x, grad, buffers, spare, c, factor, share, penalty, limits, i, size, state, hyper, data):
    """Take the step of a batch whose gradients are summed in `grad`; return why not, or BUDGET_DONE."""
    number = x.dtype.type
    if penalty is not None:
        free = penalty[2]
        # Before the scaling, so that what is tested is the gradient that the update sees.
        pull(grad[free:], x[free:], number(penalty[1] * share / factor))
    if scale(grad, number(factor), number(limits[HUGE])):
        return GRADIENT_NOT_FINITE
    if limits[GTOL] >= 0 and not steep(x, grad, None, None, number(limits[GTOL])):
        return GRADIENT_SMALL
    c = limited(number, c, measure(grad, hyper))
    move_and_clear(x, grad, window(buffers, 0, x.size), c)
    if penalty is not None and penalty[0] > 0:
        soften(x[free:], window(buffers, free, x.size), c, number(penalty[0] * share))
    return BUDGET_DONE


def still(before, value, ftol):
    """Tell whether the value of an epoch differs by no more than `ftol`, relatively, from the last."""
    return abs(before - value) <= ftol * max(abs(before), abs(value), 1)


def keep_all(x_best, x, spare):
    """Remember x as the best point."""
    copy(x_best, x)


def close_epoch(plan, state, sums, limits, x, x_best, spare, penalty, history):
    """Write what the epoch came to into `history`; return why to stop, or BUDGET_DONE."""
    value = sums[EPOCH_SUM] / sums[EPOCH_WEIGHT] if plan[AVERAGED] else sums[EPOCH_SUM]
    if penalty is not None:
        value += penalty_value(x, penalty)
    history[state[EPOCH] - plan[ROWS]] = value
    sums[EPOCH_SUM] = sums[EPOCH_WEIGHT] = 0.0
    if value < sums[BEST]:
        sums[BEST] = value
        keep_best(x_best, x, spare)
    before, sums[LAST] = sums[LAST], value
    state[EPOCH] += 1
    if still(before, value, limits[FTOL]):
        return VALUE_STILL
    if state[EPOCH] == plan[EPOCHS]:
        return EPOCHS_DONE
    return EPOCH_DONE if plan[PAUSE] or state[EPOCH] - plan[ROWS] == history.size else BUDGET_DONE


def sweep(budget, arrays, weights, penalty, seed, history, data, args):
    """Visit up to `budget` samples; return why it stopped. All that is not finished stays in the `arrays`.

    `lent` makes of arrays such of which no references are counted. `weights` and `penalty` may be None: they are
    handed on as they are, so that each function is compiled for the one or the other.
    """
    plan, state, sums, limits, hyper_values, carry, x, grad, buffers, x_best, spare, order = lent(arrays)
    data, history = lent(data), lent(history)
    hyper = unpack_hyper(hyper_values)
    count, block = plan[COUNT], plan[BLOCK]
    while budget > 0:
        if state[STEP] >= plan[LIMIT]:
            return LIMIT_REACHED
        first, filled = state[FIRST], state[FILLED]
        if plan[SHUFFLED] and not first and not filled:
            permute(order, seed, state[EPOCH])
        if not state[EVALUATIONS] and check_adding(x, grad, 0, data, args):
            return GRADIENT_OVERWRITTEN
        if not filled:
            prepare(x, buffers, spare, state, hyper)
        size = min(plan[BATCH], count - first)
        until = min(size, filled + whole(budget, plan))
        bad = accumulate(
            x, grad, buffers, spare, order, first, filled, until, size, block, weights, sums, state, hyper, data, args
        )
        if bad >= 0:
            state[SAMPLE] = bad
            return VALUE_NOT_FINITE
        state[EVALUATIONS] += until - filled
        budget -= until - filled
        state[FILLED] = until
        if until < size:
            continue
        t = state[STEP] + 1
        rate = learning_rate(t, hyper, hyper_values)
        if not 0 <= rate <= limits[HUGE]:
            return RATE_BAD
        new = advance(t, unpack(carry), rate, hyper)
        factor = limits[SHARE] / size if plan[AVERAGED] else 1.0
        share = 1.0 if plan[AVERAGED] else size / count
        c = cast(x.dtype.type, new[CARRY:])
        i = at(order, first)
        end = take_step(x, grad, buffers, spare, c, factor, share, penalty, limits, i, size, state, hyper, data)
        if end == GRADIENT_SMALL:
            # No step follows: this is the objective at x.
            sums[EPOCH_SUM], sums[EPOCH_WEIGHT] = sums[BATCH_SUM], weight_of(weights, order, first, size)
        if end != BUDGET_DONE:
            return end
        pack(carry, new[:CARRY])
        sums[EPOCH_SUM] += sums[BATCH_SUM]
        sums[EPOCH_WEIGHT] += weight_of(weights, order, first, size)
        sums[BATCH_SUM] = 0.0
        state[STEP], state[FILLED], state[FIRST] = t, 0, first + size
        if first + size == count:
            state[FIRST] = 0
            settle(x, buffers, spare, state, hyper)
            end = close_epoch(plan, state, sums, limits, x, x_best, spare, penalty, history)
            if end != BUDGET_DONE:
                return end
    return BUDGET_DONE


def any_number(budget, plan):
    """Return how many samples to take now: one thread may stop after any sample."""
    return budget


def whole_rounds(budget, plan):
    """Return how many samples to take now: whole blocks, one for each thread."""
    blocks = plan[THREADS] * plan[BLOCK]
    return max(blocks, budget - budget % blocks)


def total(before, x, grad, lo, hi, weights, data, args):
    """Return `before` plus the values of samples `lo` to `hi`; `grad` is for their gradients, which nobody wants."""
    result = before
    for i in range(lo, hi):
        if weights is None:
            result += sample(x, grad, i, data, args)
        elif weights[i] > 0:  # else the sample is left out, whatever it is
            result += weights[i] * sample(x, grad, i, data, args)
    return result


def no_pace(*state):
    return 0.0


def settled(x, buffers, spare, state, hyper):
    """Leave all as it is: what `settle` means where every coordinate takes every step."""


def no_check(x, grad, i, data, args):
    return False
