"""The whole loop of a minimisation: gradient, tests, update, best point, in chunks that can be resumed.

Three rows of `points` (and of `gradients`) take turns as the point of now, the next one, and the best one seen, so
that nothing is copied. The tests of convergence look no further than the first coordinate that has not converged.
Whether a gradient is finite is tested in the pass that updates, so that the objective never sees what follows from one
that is not.
"""

from math import isfinite

from .memory import disjoint, row

# Why a chunk ended; the last two are for the caller to find out.
STEPS_DONE, GRADIENT_SMALL, VALUE_STILL, POINT_STILL, RATE_BAD = range(5)
VALUE_NOT_FINITE, GRADIENT_NOT_FINITE, POINT_NOT_FINITE, STATE_NOT_FINITE = range(5, 9)
# What `state` holds: steps done, the roles of the three rows, evaluations of the objective.
STEP, NOW, AFTER, BEST, EVALUATIONS = range(5)


def steep(x, g, lower, upper, gtol):
    """Tell whether a slope exceeds gtol or is NaN: of g, or of its projection where there are bounds."""
    for i in range(x.size):
        slope = g[i] if lower is None else x[i] - min(max(x[i] - g[i], lower[i]), upper[i])
        if not abs(slope) <= gtol:
            return True
    return False


@disjoint
def move(x, g, y, slots, c, lower, upper, huge):
    """Write the point after `x` to `y`; return how many entries of the gradient were not finite."""
    broken = 0
    for i in range(x.size):
        before = load(slots, i)
        new = update(x[i], g[i], *before, *c)
        if lower is not None:
            new = put(min(max(new[0], lower[i]), upper[i]), new, before, c)
        store(y, slots, i, new)
        # A count, which LLVM vectorises, unlike a maximum; and of the negation, so that NaN counts.
        broken += not (abs(g[i]) <= huge)
    return broken


def still(x, y, xtol):
    """Tell whether no coordinate differs by more than xtol."""
    for i in range(x.size):
        if not abs(y[i] - x[i]) <= xtol + xtol * abs(x[i]):
            return False
    return True


def descend(
    steps,
    state,
    values,
    carry,
    hyper_values,
    points,
    gradients,
    buffers,
    lower,
    upper,
    gtol,
    ftol,
    xtol,
    huge,
    trail,
    args,
):
    """Take up to `steps` steps; return why it stopped. `state`, `values` = (f, best f) and `carry` are moved on."""
    t, now, after, best = state[STEP], state[NOW], state[AFTER], state[BEST]
    f, f_best = values[0], values[1]
    carried, hyper = unpack(carry), unpack_hyper(hyper_values)
    slots = window(buffers, 0, points.shape[1])
    end = STEPS_DONE
    if not state[EVALUATIONS]:
        state[EVALUATIONS] = 1
        f = evaluate(hand(points, now), hand(gradients, now), lower, upper, args)
        if not isfinite(f):
            end = VALUE_NOT_FINITE
            steps = 0
    for k in range(steps):
        rate = learning_rate(t + 1, hyper, hyper_values)
        if not 0 <= rate <= huge:
            end = RATE_BAD
            break
        new = advance(t + 1, carried, rate, hyper)
        c = cast(points.dtype.type, new[CARRY:])
        x, g, y = row(points, now), row(gradients, now), row(points, after)
        if not steep(x, g, lower, upper, gtol):
            end = GRADIENT_SMALL
            break
        c = limited(points.dtype.type, c, measure(g, hyper))
        if move(x, g, y, slots, c, lower, upper, huge):
            end = GRADIENT_NOT_FINITE
            break
        if f <= f_best:
            f_best = f
            now, after, best = after, best, now
        else:
            now, after = after, now
        t += 1
        carried = new[:CARRY]
        before = f
        f = evaluate(hand(points, now), hand(gradients, now), lower, upper, args)
        state[EVALUATIONS] += 1
        if trail is not None:
            trail[k] = points[now]
        if not isfinite(f):
            end = VALUE_NOT_FINITE
            break
        if abs(before - f) <= ftol * max(abs(before), abs(f), 1):
            end = VALUE_STILL
            break
        if xtol is not None and still(x, y, xtol):
            end = POINT_STILL
            break
    state[STEP], state[NOW], state[AFTER], state[BEST] = t, now, after, best
    values[0], values[1] = f, f_best
    pack(carry, carried)
    return end
