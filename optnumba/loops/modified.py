"""What modifiers make of a rule's functions: bound around them, each takes the last coefficient for itself.

Bound are `inner`, the function inside; `iterate`, which gives the point to average; and how many slots, carried scalars
and hyperparameters are the rule's own.
"""

from numpy import expm1, log1p  # math.log1p(-1) raises, and a decay of 0 is one like any other

# -- Of one coordinate -------------------------------------------------------------------------------------------------


def shrunk(x, g, *rest):
    return inner(rest[-1] * x, g, *rest[:-1])


def pulled(x, g, *rest):
    return inner(x, g + rest[-1] * x, *rest[:-1])


def clipped(x, g, *rest):
    return inner(x, min(max(g, -rest[-1]), rest[-1]), *rest[:-1])


def scaled(x, g, *rest):
    return inner(x, rest[-1] * g, *rest[:-1])


def averaged(x, g, *rest):
    new = inner(x, g, *rest[:SLOTS], *rest[AFTER:-1])
    point = iterate(*new, *rest[AFTER:-1])
    return (*new, rest[SLOTS] + rest[-1] * (point - rest[SLOTS]))


def averaged_at(point, new, before, c):
    """Return the state after a step to `new`, from the slots `before`, where x was then put to `point`."""
    return (point, *new[1:-1], before[-1] + c[-1] * (iterate(point, *new[1:], *c) - before[-1]))


def put_to(point, new, before, c):
    """Return the same for a rule that keeps no average."""
    return (point, *new[1:])


def moved_average(slots, i, shift, c):
    """Move the average along where x was moved by `shift` after the step."""
    slots[-1][i] += c[-1] * shift


def no_average(slots, i, shift, c):
    """Move nothing: a rule that keeps no average."""


def held(x, *rest):
    """Return x: what `iterate` means for a rule without a readout."""
    return x


def without(x, *rest):
    """Call a function of the rule without the slot and the coefficients that are not its own."""
    return inner(x, *rest[:SLOTS], *rest[FIRST:LAST])


def paced(*rest):
    """Call the rule's `pace` without the slot and the coefficients that are not its own."""
    return inner(*rest[:SLOTS], *rest[FIRST:LAST])


# -- Of a step ---------------------------------------------------------------------------------------------------------


def shrinking(t, *rest):
    return (*inner(t, *rest[:-1]), 1 - rest[RATE] * rest[-1])


def shrinking_without_rate(t, *rest):
    return (*inner(t, *rest[:-1]), 1 - rest[-1])


def passing_on(t, *rest):
    return (*inner(t, *rest[:-1]), rest[-1])


def mean(t, *rest):
    return (*inner(t, *rest), 1 / t)


def moving_mean(t, *rest):
    # The weight that makes the average one of t points only, not of these and the 0 that it starts from.
    return (*inner(t, *rest[:-1]), (1 - rest[-1]) / -expm1(t * log1p(rest[-1] - 1)))


def fewer(t, *rest):
    """Call a function of the rule with its own hyperparameters only."""
    return inner(t, *rest[:COUNT])
