"""Proofs that the steps of several derivations share; each takes the step, or makes a function that does."""

import sympy
from sympy import Matrix

from ..equations.notation import t
from ..evidence import counterexample, identity, induction

age = sympy.Symbol("k", integer=True, nonnegative=True)  # how many steps ago: i = t - k


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


def shift(summand, index):
    """Return the summand f(t, i) of k steps ago, i = t - k, at step t and at step t + 1 (two sympy.Expr)."""
    return tuple(sympy.expand(summand.subs(t, time).subs(index, t - age)) for time in (t, t + 1))


def unrolled(closed, recurrence, state, statement):
    """Return the Part, by induction, that a recurrence from 0 gives the sum c Σ_{i=1}^t f(t, i).

    Parameters
    ----------
    closed : sympy.Expr
        The sum, times a factor that does not depend on t.
    recurrence : sympy.Expr
        The state after step t, in terms of `state` and of quantities with index t.
    state : Symbol
        The state before step t.
    statement : str
    """
    (total,) = closed.atoms(sympy.Sum)
    factor, ((index, _, _),) = closed.coeff(total), total.limits
    decay, fresh = recurrence.diff(state), recurrence.subs(state, 0)
    base = identity(recurrence.subs(state, 0).subs(t, 1), closed.subs(t, 1).doit(), "t = 1, from 0")
    now, then = shift(total.function, index)
    last = factor * total.function.subs(index, t)
    parts = (
        (recurrence, decay * state + fresh),  # linear in the state
        (closed, factor * total),
        (decay * now, then),  # each old summand decays once more
        (fresh, last),  # and the summand i = t is what is new
    )
    text = "from t to t + 1 every summand is multiplied by the decay, and the summand i = t + 1 is what is added"
    left, right = (Matrix([pair[k] for pair in parts]) for k in (0, 1))
    return induction(base, identity(left, right, text), statement)
