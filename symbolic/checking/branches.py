"""Branches on the step number: ``if t == 1`` is followed, as two cases, where any other branch is refused."""

import math
from contextlib import contextmanager
from fractions import Fraction

from ..decision.counterexample import evaluate
from ..decision.values import BRANCHES, TraceError, leaves

# The names in use for a step number; one that a step is given under another name is no step number to branch on.
STEP_NUMBERS = tuple(
    "t step k n i iteration iterations iter it nit count counter epoch steps step_count num_steps n_iter time "
    "timestep time_step num_updates cnt".split()
)
COMPARISONS = ("<", "<=", "==")
LAST_CASE = 1  # a step number that is compared with more than this is no first step


class LaterSteps:
    """Answers a condition on the step number as it is for every step after those it singles out.

    Attributes
    ----------
    last : int or None
        The largest step number that a condition told apart from the later ones; None where none was asked.
    names : set of str
        The step numbers that conditions asked for.
    """

    def __init__(self, numbers):
        self.numbers, self.last, self.names = set(numbers), None, set()

    def __call__(self, condition):
        """Return whether a condition holds at the later steps, or None where others than the step number decide it."""
        used = leaves(condition)
        if not used <= self.numbers:
            return None
        if len(used) > 1:
            raise TraceError(f"it compares {' with '.join(sorted(used))}; branch on one step number")
        if not used:
            return bool(evaluate(condition, {}))
        (name,) = used
        self.names.add(name)
        last = max(_last_special(comparison, name) for comparison in _comparisons(condition))
        if last > LAST_CASE:
            raise TraceError(
                f"it branches at {name} = {last}, and only the first step can be told apart; write "
                f"where({name} < {last}, a, b)"
            )
        self.last = last if self.last is None else max(self.last, last)
        return bool(evaluate(condition, {name: Fraction(LAST_CASE + 1)}))


def _comparisons(condition):
    """Return the comparisons that a condition is made of; a bare number is asked whether it is 0."""
    if condition.op in ("and", "or", "not"):
        return [c for argument in condition.args for c in _comparisons(argument)]
    return [condition]


def _last_special(comparison, name):
    """Return the largest step number at which a comparison is not yet what it is ever after; -1 for none."""
    sides = comparison.args if comparison.op in COMPARISONS else (comparison,)

    def gap(number):
        values = [evaluate(side, {name: Fraction(number)}) for side in sides]
        if not all(isinstance(v, Fraction) for v in values):
            raise TraceError(f"it branches on more than a comparison of {name} with a number; write where instead")
        return values[0] - values[1] if len(values) == 2 else values[0]

    def truth(number):
        return bool(evaluate(comparison, {name: Fraction(number)}))

    zero, slope = gap(0), gap(1) - gap(0)
    if gap(7) != zero + 7 * slope:
        raise TraceError(f"it branches on more than a comparison of {name} with a number; write where instead")
    turn = math.floor(-zero / slope) if slope else -1
    # Below the turn a comparison of linear sides does not change any more.
    return next((n for n in (turn, turn - 1) if n >= 0 and truth(n) != truth(max(turn, 0) + 1)), -1)


@contextmanager
def answering(decide):
    """Let conditions be answered by `decide(condition)`, which returns True, False or None, to refuse."""
    token = BRANCHES.set(decide)
    try:
        yield decide
    finally:
        BRANCHES.reset(token)
