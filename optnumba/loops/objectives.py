"""An objective in each of its forms as one function that returns the value and writes the gradient.

Compiled around a Numba objective, interpreted around a Python one. Bound are `fun`, `jac`, `guard` (keeps the objective
from writing on x), `scalar` and `pair` (what a Python objective returned, checked). Bounds may be None.
"""

import math

from .memory import assign, inlined


def inplace(x, grad, lower, upper, args):
    return scalar(fun(guard(x), grad, *args))


def together(x, grad, lower, upper, args):
    f, g = pair(fun(guard(x), *args))
    assign(grad, g)
    return scalar(f)


def apart(x, grad, lower, upper, args):
    f = scalar(fun(guard(x), *args))
    assign(grad, jac(guard(x), *args))
    return f


def two_point(x, grad, lower, upper, args):
    """Forward differences; backward where only that way there is room."""
    f = scalar(fun(guard(x), *args))
    y = x.copy()
    for i in range(x.size):
        h = relative_step * max(abs(x[i]), 1)
        below, above = room(x, lower, upper, i)
        forward = x[i] >= 0 or below < h
        if above < h:
            forward = above >= below
        y[i] = within(x[i] + h if forward else x[i] - h, lower, upper, i)
        grad[i] = 0 if y[i] == x[i] else (scalar(fun(guard(y), *args)) - f) / (y[i] - x[i])
        y[i] = x[i]
    return f


def three_point(x, grad, lower, upper, args):
    """Central differences; the one-sided formula of the same order where a bound is nearer than the step."""
    f = scalar(fun(guard(x), *args))
    y = x.copy()
    for i in range(x.size):
        h = relative_step * max(abs(x[i]), 1)
        below, above = room(x, lower, upper, i)
        if min(below, above) >= h:
            y[i] = x[i] + h
            ahead, f_ahead = y[i] - x[i], scalar(fun(guard(y), *args))
            y[i] = x[i] - h
            grad[i] = (f_ahead - scalar(fun(guard(y), *args))) / (ahead + (x[i] - y[i]))
        elif max(below, above) > 0:
            h = min(h, above / 2) if above >= below else -min(h, below / 2)
            y[i] = within(x[i] + h, lower, upper, i)
            f_near = scalar(fun(guard(y), *args))
            y[i] = within(x[i] + 2 * h, lower, upper, i)
            grad[i] = (4 * f_near - 3 * f - scalar(fun(guard(y), *args))) / (2 * h)
        else:
            grad[i] = 0
        y[i] = x[i]
    return f


@inlined
def sample(x, grad, i, data, args):
    """Return the value of one term of a sum, and add its gradient."""
    return scalar(fun(guard(x), grad, i, *data, *args))


def within(number, lower, upper, i):
    """Return the nearest number between the bounds of coordinate `i`: x + (upper - x) can exceed upper by rounding."""
    return number if lower is None else min(max(number, lower[i]), upper[i])


def room(x, lower, upper, i):
    """Return how far coordinate `i` is from its lower and its upper bound."""
    if lower is None:
        return math.inf, math.inf
    return x[i] - lower[i], upper[i] - x[i]
