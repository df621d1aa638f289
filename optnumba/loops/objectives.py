"""An objective in each of its forms as one function that returns the value and writes the gradient.

Compiled around a Numba objective, interpreted around a Python one. Bound are `fun`, `jac`, `guard` (keeps the objective
from writing on x), `scalar` and `pair` (what a Python objective returned, checked). Bounds may be None.
"""

import math

from .memory import assign


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
        y[i] = x[i] + min(h, above) if forward else x[i] - min(h, below)
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
        else:
            h = min(h, above / 2) if above >= below else -min(h, below / 2)
            y[i] = x[i] + h
            f_near = scalar(fun(guard(y), *args))
            y[i] = x[i] + 2 * h
            slope = 4 * f_near - 3 * f - scalar(fun(guard(y), *args))
            grad[i] = 0 if h == 0 else slope / (2 * h)
        y[i] = x[i]
    return f


def room(x, lower, upper, i):
    """Return how far coordinate `i` is from its lower and its upper bound."""
    if lower is None:
        return math.inf, math.inf
    return x[i] - lower[i], upper[i] - x[i]
