"""NAdam: Momentum and NAG in one line each, NAG by a change of variable, and the same change made to Adam."""

import sympy
from sympy import Rational, S, sqrt

from ..equations.adam import ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6, m, m_before, m_hat, v_hat
from ..equations.momentum import MOM_1, MOM_2
from ..equations.momentum import v as velocity
from ..equations.momentum import v_before as velocity_before
from ..equations.nadam import (
    NAD_1,
    NAD_2,
    NAD_3,
    NAD_4,
    NAD_5,
    NAD_6,
    NAD_7,
    NAD_8,
    NAD_10,
    NAD_11,
    NAD_12,
    NAD_16,
    NAD_17,
    NAD_18,
    m_hat_before,
    m_next,
)
from ..equations.nag import NAG_4, NAG_5
from ..equations.notation import (
    Equation,
    NablaJ,
    beta1,
    eps,
    eta,
    g,
    g_next,
    gamma,
    phi,
    t,
    theta,
    theta_next,
)
from ..evidence import computation, identity
from .nag import phi_next
from .proofs import follows, not_always_zero, replacing, substitution
from .step import Derivation, Step

M_FOR_V = ((velocity, m), (velocity_before, m_before))

SHIFT_M = Equation("NAD/a", phi, theta - gamma * m_before, "derivation", note="T-NAG-2 with m for v")
SHIFTED = Equation("NAD/b", phi_next, phi - (gamma * m + eta * g), "derivation", note="g_t = ∇J(φ_t)")
BEFORE = Equation("NAD/c", m_hat_before, m_before / (1 - beta1 ** (t - 1)), "derivation", note="for t > 1")

factor = (1 - beta1 ** (t - 1)) / (1 - beta1**t)
divisor = sqrt(v_hat) + eps


def _renamed(step):
    """Prove a step that writes m for v, and g for the gradient where it stands."""
    call = step.before.right.atoms(NablaJ)
    right = step.before.right.subs(M_FOR_V, simultaneous=True)
    for point in call:
        named = point.subs(M_FOR_V)
        (definition,) = [e for e in step.uses if e.right == named] or [None]
        right = right.subs(named, definition.left if definition else named)
    left = step.before.left.subs(M_FOR_V)
    yield follows(step.after, right, left, f"{step.before.id} with other letters is {step.after.id}")


def _shifted(step):
    shift, gradient = step.uses
    following = shift.right.subs({theta: theta_next, m_before: m}, simultaneous=True)
    found = following.subs(theta_next, step.before.right).subs(theta, phi + theta - shift.right)
    yield identity(step.after.right, found, "NAD/a one step later, with NAD-8 and NAD/a put in, is NAD/b")
    point = gradient.right.subs(shift.right, shift.left)
    yield identity(point, NablaJ(phi), "and the gradient of NAD-5 is taken at φ_t")


def _heuristic(step):
    ahead = step.uses[0].right.subs({m_before: m, g: g_next}, simultaneous=True)
    found = (step.after.right - step.before.right).subs(m_next, ahead)
    yield identity(found, step.difference, "NAD-12 minus NAD-11, by NAD-10 one step later")
    yield not_always_zero(step, {eta: 1, g_next: 2, g: 1})


def _earlier(step):
    right = step.before.right.subs({m: m_before, t: t - 1}, simultaneous=True)
    # At t = 1 both are 0/0, so they are compared at t + 1.
    left, right = (side.subs(t, t + 1) for side in (step.after.right, right))
    yield identity(left, right, "ADAM-4 with t - 1 for t is NAD/c, for t > 1")
    yield identity(step.after.left, m_hat_before, "and defines the corrected moment of the step before")


def _approximate(step):
    (before,) = step.uses
    undone = m_hat_before * (1 - beta1 ** (t - 1))
    defined = before.right.subs(m_before, undone).subs(t, t + 1)  # NAD/c is for t > 1
    yield identity(m_hat_before, defined, "NAD/c, solved for m_(t-1)")
    found = (step.after.right - step.before.right).subs(m_before, undone)
    yield identity(found, step.difference, "NAD-17 minus NAD-16 is exactly the difference given")
    with_factor = step.after.right.subs(m_hat_before, factor * m_hat_before)
    exact = step.before.right.subs(m_before, undone)
    yield identity(with_factor, exact, f"with the factor {factor} before m̂_(t-1), NAD-17 would be NAD-16")
    yield identity(factor.subs(t, 1), 0, "the factor is 0 at t = 1, where m̂_0 itself is 0/0")
    far = sympy.limit(factor.subs(beta1, 1 / (1 + sympy.Symbol("s", positive=True))), t, sympy.oo)
    yield computation("limit as t -> oo, with β₁ between 0 and 1", far, S.One, "it goes to 1")
    yield not_always_zero(step, {eta: 1, beta1: Rational(9, 10), m_hat_before: 1, v_hat: 1, eps: 1, t: 2})


def _look_ahead(step):
    momentum, ahead = step.uses
    yield identity(
        ahead.right, momentum.right.subs(m_before, m), "NAD-4 with the new moment for the past one is NAD-11"
    )
    yield from replacing((m_hat_before, m_hat))(step)


STEPS = (
    Step(
        MOM_1,
        "write {m} for {v}, and {g} for the gradient (NAD-1)",
        NAD_2,
        "the letter of Adam's first moment, as the two are to be compared",
        _renamed,
        (NAD_1,),
        terms={"m": m, "v": velocity, "g": g},
    ),
    Step(MOM_2, "write {m} for {v}", NAD_3, "the same letter", _renamed, terms={"m": m, "v": velocity}),
    Step(NAD_3, "put in NAD-2", NAD_4, "Momentum in one line", substitution, (NAD_2,)),
    Step(
        NAG_4,
        "write {m} for {v}, and {g} for the gradient (NAD-5)",
        NAD_6,
        "NAG's moment has the form of Momentum's; only the point of the gradient differs",
        _renamed,
        (NAD_5,),
        terms={"m": m, "v": velocity, "g": g},
    ),
    Step(NAG_5, "write {m} for {v}", NAD_7, "the same letter", _renamed, terms={"m": m, "v": velocity}),
    Step(
        NAD_7,
        "put in NAD-6",
        NAD_8,
        "NAG in one line: the past moment acts here and in the gradient's point",
        substitution,
        (NAD_6,),
    ),
    Step(
        NAD_8,
        "go over to {phi} by NAD/a",
        SHIFTED,
        "a change of variable, exact: now the past moment acts once, and it is {m} that stands where NAD-8 has "
        "{before}",
        _shifted,
        (SHIFT_M, NAD_5),
        terms={"phi": phi, "m": m, "before": m_before},
    ),
    Step(
        SHIFTED,
        "write {theta} for {phi} again",
        NAD_11,
        "the document has this as a proposal of its own; it is NAG itself in the shifted variable, with {g} by NAD-9 "
        "and {m} by NAD-10",
        replacing((phi_next, theta_next), (phi, theta)),
        terms={"theta": theta, "phi": phi, "g": g, "m": m},
    ),
    Step(
        NAD_11,
        "read {ahead} as the next moment {next}",
        NAD_12,
        "it would be, were the next gradient the present one; the document writes an equality (E-23)",
        _heuristic,
        (NAD_10,),
        kind="heuristic",
        difference=-eta * (g_next - g),
        terms={"ahead": gamma * m + eta * g, "next": m_next},
    ),
    Step(
        ADAM_6,
        "put in ADAM-4, then ADAM-2",
        NAD_16,
        "Adam's step (NAD-13 to NAD-15 repeat its equations) in terms of the past moment and the new gradient",
        substitution,
        (ADAM_4, ADAM_2),
    ),
    Step(
        ADAM_4,
        "write it for the step before",
        BEFORE,
        "the corrected moment of step t - 1; there is none at t = 1",
        _earlier,
    ),
    Step(
        NAD_16,
        "put {hat} for {raw}",
        NAD_17,
        "by NAD/c these differ by the factor {factor}, which is left out. It is 0 at t = 1 and goes to 1 (E-24)",
        _approximate,
        (BEFORE,),
        kind="approximation",
        difference=-eta * beta1 * m_hat_before / divisor * (1 - factor),
        terms={"hat": m_hat_before, "raw": m_before / (1 - beta1**t), "factor": factor},
    ),
    Step(
        NAD_17,
        "put {now} for {before}",
        NAD_18,
        "as NAG in NAD-11 has {m} where Momentum in NAD-4 has {m_before}: the moment looks one step ahead. Dozat "
        "divides it by the sum of the weights one step ahead too (E-25)",
        _look_ahead,
        (NAD_4, NAD_11),
        kind="choice",
        difference=-eta * beta1 * (m_hat - m_hat_before) / divisor,
        terms={"now": m_hat, "before": m_hat_before, "m": m, "m_before": m_before},
    ),
)

DERIVATION = Derivation(
    "nadam",
    "NAdam, from Momentum, NAG and Adam by substitution",
    (NAD_1, MOM_1, MOM_2, NAG_4, NAG_5, NAD_5, SHIFT_M, NAD_10, ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6),
    STEPS,
)
