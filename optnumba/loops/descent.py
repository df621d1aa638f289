"""The whole loop of a minimisation: gradient, tests, update, best point, in chunks that can be resumed.

Three rows of `points` (and of `gradients`) take turns as the point of now, the next one, and the best one seen:
nothing is copied, and the update writes the next point while it tests the present gradient, in one pass.
"""

from math import isfinite

from .memory import disjoint, row

# Why a chunk ended; the last is for the caller to find out.
STEPS_DONE, GRADIENT_SMALL, VALUE_STILL, POINT_STILL, RATE_BAD = range(5)
VALUE_NOT_FINITE, STEP_NOT_FINITE, STATE_NOT_FINITE = range(5, 8)
# What `state` holds: steps done, the roles of the three rows, whether the objective was evaluated at the present row.
STEP, NOW, AFTER, BEST, EVALUATED = range(5)


@disjoint
def move(x, g, y, slots, c, lower, upper, gtol, xtol, huge):
    """Write the point after `x` to `y`; count the coordinates that are steep, broken (not finite), and that moved."""
    steep = 0
    broken = 0
    moved = 0 if xtol is not None else 1
    for i in range(x.size):
        store(y, slots, i, update(x[i], g[i], *load(slots, i), *c))
        if lower is None:
            slope = abs(g[i])
        else:
            y[i] = min(max(y[i], lower[i]), upper[i])
            slope = abs(min(max(x[i] - g[i], lower[i]), upper[i]) - x[i])
        # Integers, since LLVM vectorises their sums but not a maximum of floats; the negations let NaN count.
        steep += not (slope <= gtol)
        # One test for two numbers: the sum exceeds `huge` too where both are finite and one is beyond 1e307.
        broken += not (abs(g[i]) + abs(y[i]) <= huge)
        if xtol is not None:
            moved += not (abs(y[i] - x[i]) <= xtol + xtol * abs(x[i]))
    return steep, broken, moved


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
    if not state[EVALUATED]:
        state[EVALUATED] = 1
        f = evaluate(row(points, now), row(gradients, now), lower, upper, args)
        if not isfinite(f):
            end = VALUE_NOT_FINITE
            steps = 0
    for k in range(steps):
        rate = learning_rate(t + 1, hyper)
        if not 0 <= rate <= huge:
            end = RATE_BAD
            break
        new = advance(t + 1, carried, rate, hyper)
        c = cast(points.dtype.type, new[CARRY:])
        x, g, y = row(points, now), row(gradients, now), row(points, after)
        steep, broken, moved = move(x, g, y, slots, c, lower, upper, gtol, xtol, huge)
        if broken:
            end = STEP_NOT_FINITE
            break
        if not steep:
            end = GRADIENT_SMALL
            break
        if f <= f_best:
            f_best = f
            now, after, best = after, best, now
        else:
            now, after = after, now
        t += 1
        carried = new[:CARRY]
        before = f
        f = evaluate(row(points, now), row(gradients, now), lower, upper, args)
        if trail is not None:
            trail[k] = points[now]
        if not isfinite(f):
            end = VALUE_NOT_FINITE
            break
        if abs(before - f) <= ftol * max(abs(before), abs(f), 1):
            end = VALUE_STILL
            break
        if not moved:
            end = POINT_STILL
            break
    state[STEP], state[NOW], state[AFTER], state[BEST] = t, now, after, best
    values[0], values[1] = f, f_best
    pack(carry, carried)
    return end
