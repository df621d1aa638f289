"""Momentum: its velocity unrolled into a sum, and gradient descent with that sum as its step."""

from sympy import Sum

from ..equations.momentum import MOM_1, MOM_2, MOM_3, MOM_4, MOM_5, MOM_6, scaled, v, v_at, v_before
from ..equations.notation import Equation, NablaJ, eta, gamma, i, t, theta
from ..equations.sgd import GD_1
from ..evidence import identity
from ..theorems.recurrences import shift, unrolled
from .proofs import changes, follows
from .step import Derivation, Step

UNROLLED = Equation("MOM/a", v, Sum(gamma ** (t - i) * scaled[i], (i, 1, t)), "derivation")


def _recurrence(rule, named):
    """Return MOM-1 with the name of MOM-3 for the scaled gradient (sympy.Expr)."""
    return rule.right.subs(named.right, named.left)


def _first(step):
    first = _recurrence(step.before, step.after).subs({v_before: 0, t: 1})
    (start,) = step.after.also
    yield identity(first, start.rhs, "MOM-1 at t = 1 from velocity 0 is the first scaled gradient")
    yield identity(start.lhs, v_at[1], "which is the velocity after step 1")


def _next(step):
    """Prove that MOM-1 leads from one velocity to the next."""
    rule, *others = step.uses
    if others:
        (named,), k, before = others, step.before.left.indices[0] + 1, step.before.right
    else:
        named, k, before = step.before, 2, step.before.also[0].rhs
    right = _recurrence(rule, named).subs({v_before: before, t: k})
    yield follows(step.after, right, v_at[k], f"MOM-1 at t = {k} gives {step.after.id}")


def _sum(step):
    statement = "MOM-1 from velocity 0 gives MOM/a, for every t"
    yield unrolled(step.after.right, _recurrence(*step.uses), v_before, statement)
    four = step.after.right.subs(t, 4).doit()
    yield identity(four, step.before.right, "MOM/a at t = 4 is MOM-6")


def _split(step):
    now, then = shift(step.before.right.function, i)
    yield identity(then, gamma * now, "every summand of the past is that of the step before, times the decay")
    (named,) = step.uses
    fresh = step.before.right.function.subs(i, t).subs(named.left, named.right)
    yield follows(step.after, gamma * v_before + fresh, step.before.left, "the rest is the velocity before, decayed")


def _velocity(step):
    right = step.before.right.subs(eta * NablaJ(theta), v)
    yield follows(step.after, right, step.before.left, "GD-1 with the velocity for its step is MOM-2")
    yield changes(step, (v, step.uses[0].right))


STEPS = (
    Step(
        MOM_1,
        "give the scaled gradient a name, and start from velocity 0",
        MOM_3,
        "the document leaves J out here and calls this g, a letter that means the gradient itself everywhere else "
        "(E-04)",
        _first,
    ),
    Step(
        MOM_3,
        "put t = 2 into MOM-1",
        MOM_4,
        "{v1} is known from the step before",
        _next,
        (MOM_1,),
        terms={"v1": v_at[1]},
    ),
    Step(
        MOM_4,
        "put t = 3 into MOM-1",
        MOM_5,
        "{v2} is known from the step before",
        _next,
        (MOM_1, MOM_3),
        terms={"v2": v_at[2]},
    ),
    Step(
        MOM_5,
        "put t = 4 into MOM-1",
        MOM_6,
        "{v3} is known from the step before",
        _next,
        (MOM_1, MOM_3),
        terms={"v3": v_at[3]},
    ),
    Step(
        MOM_6,
        "go on so, by induction over t",
        UNROLLED,
        "a gradient that is k steps old counts with weight {weight}, less and less as {gamma} is below 1 (MOM-7)",
        _sum,
        (MOM_1, MOM_3),
        terms={"weight": gamma ** i.func("k"), "gamma": gamma},
    ),
    Step(
        UNROLLED,
        "split off the last summand, and take one factor {gamma} out of the others",
        MOM_1,
        "so the sum and the recurrence say the same, and one number per coordinate remembers all of the past",
        _split,
        (MOM_3,),
        terms={"gamma": gamma},
    ),
    Step(
        GD_1,
        "put the velocity for the step of gradient descent",
        MOM_2,
        "the step now contains the past steps: where the gradient is 0 it still moves, by {coast}",
        _velocity,
        (MOM_1,),
        kind="choice",
        difference=-gamma * v_before,
        terms={"coast": gamma * v_before},
    ),
)

DERIVATION = Derivation("momentum", "Momentum, from a decaying sum of past steps", (GD_1, MOM_1), STEPS)
