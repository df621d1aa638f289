"""Proofs that the steps of several derivations share; each takes the step, or makes a function that does."""

import sympy
from sympy import Matrix

from ..evidence import counterexample, identity


def follows(after, right, left=None, statement="", **hypotheses):
    """Return the Part that both sides of an equation are what an operation gives."""
    text = statement or f"{after.id} is what that gives"
    if left is None:
        return identity(after.right, right, text, **hypotheses)
    return identity(Matrix([after.left, after.right]), Matrix([left, right]), text, **hypotheses)


def substitution(step):
    """Prove a step that puts the equations it uses, one after the other, into the one before."""
    right = step.before.right
    for equation in step.uses:
        right = right.subs(equation.left, equation.right)
    names = ", ".join(equation.id for equation in step.uses)
    yield follows(step.after, right, step.before.left, f"{step.before.id} with {names} put in is {step.after.id}")


def replacing(*pairs):
    """Return the proof of a step that puts one thing for another on both sides: pairs (old, new), all at once.

    Where the step has a difference, that is proved too.
    """

    def proof(step):
        left, right = (side.subs(pairs, simultaneous=True) for side in (step.before.left, step.before.right))
        what = ", ".join(f"{new} for {old}" for old, new in pairs) or "nothing changed"
        yield follows(step.after, right, left, f"{step.before.id} with {what} is {step.after.id}")
        if step.difference is not None:
            yield changes(step)

    return proof


def changes(step, *pairs):
    """Return the Part that a step's difference is right; pairs (symbol, definition) are put in on both sides."""
    found, claimed = step.after.right - step.before.right, step.difference
    for old, new in pairs:
        found, claimed = found.subs(old, new), claimed.subs(old, new)
    return identity(found, claimed, f"{step.after.id} minus {step.before.id} is exactly the difference given")


def not_always_zero(step, at, difference=None):
    """Return the Part that what a step neglects is not always 0, shown by numbers."""
    value = step.difference if difference is None else difference
    return counterexample(f"{step.after.id} is not exact", value, sympy.S.Zero, at)
