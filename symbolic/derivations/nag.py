"""Nesterov's accelerated gradient: Momentum with the gradient taken ahead, and the form of it that the rule runs."""

from optnumba.rules.nag import NAG as RULE

from ..equations.momentum import MOM_1, MOM_2, v, v_before
from ..equations.nag import NAG_1, NAG_2, NAG_3, NAG_4, NAG_5, SHIFT, UNSHIFT
from ..equations.notation import Equation, NablaJ, eta, gamma, letter, phi, theta, theta_next
from ..evidence import counterexample, identity
from .proofs import follows, replacing
from .step import Derivation, Step

phi_next = letter("φ_{t+1}", r"\phi_{t+1}", real=True)
gradient = NablaJ(phi)

VELOCITY = Equation("NAG/a", v, gamma * v_before + eta * gradient, "derivation")
NEXT_SHIFT = Equation("NAG/b", phi_next, theta_next - gamma * v, "derivation")
SHIFTED = Equation("NAG/c", phi_next, phi - (gamma * v + eta * gradient), "derivation")
ONE_LINE = Equation("NAG/d", phi_next, phi - gamma**2 * v_before - (1 + gamma) * eta * gradient, "derivation")

# How much further the point of NAG-3 lies than that of NAG-1, by MOM-1.
ahead = MOM_1.right - gamma * v_before


def _wish(step):
    (move,), (here,) = step.uses, step.before.right.atoms(NablaJ)
    there = here.subs(theta, move.right)
    yield identity(step.after.left, there, "NAG-1 is the gradient where MOM-2 leads")
    yield identity(step.after.left - here, step.difference, "NAG-1 minus the gradient of MOM-1")


def _next_point(step):
    (move,), premise, conclusion = step.uses, step.after.left, step.after.right
    yield identity(premise.lhs - premise.rhs, move.left - move.right, "the premise of NAG-2 is MOM-2")
    yield identity(conclusion.lhs, step.before.left, "what it is about is NAG-1")
    put = step.before.left.subs(move.right, move.left)
    yield identity(conclusion.rhs, put, "NAG-1 with MOM-2 put in is the gradient at the next point")


def _surrogate(step):
    yield identity(step.after.left, step.before.left, "what is approximated is NAG-1")
    (velocity,) = step.uses
    found = (step.after.right - step.before.left).subs(v, velocity.right)
    claimed = step.difference.subs(v, velocity.right)
    yield identity(found, claimed, "NAG-3 minus NAG-1 is exactly the difference given, by MOM-1")
    (near,), (far,) = (side.atoms(NablaJ) for side in (step.before.left, step.after.right))
    yield identity(
        (far.args[0] - near.args[0]).subs(v, velocity.right), ahead, "its argument differs by the scaled gradient alone"
    )
    square = step.difference.replace(NablaJ, lambda x: x)  # J = θ²/2
    yield counterexample("NAG-3 is not exact, with J = θ²/2", square, 0, {theta: 1, v: 0, eta: 1})


def _ahead(step):
    yield from replacing((NablaJ(theta), step.uses[0].right))(step)


def _in_shifted(step):
    (shift,) = step.uses
    yield follows(step.after, step.before.right.subs(shift.right, shift.left), v, "NAG-4 with T-NAG-2 is NAG/a")


def _next_shift(step):
    right = step.before.right.subs({theta: theta_next, v_before: v}, simultaneous=True)
    yield follows(step.after, right, phi_next, "T-NAG-2 one step later")


def _shifted(step):
    move, back, velocity = step.uses
    right = step.before.right.subs(move.left, move.right).subs(back.left, back.right)
    left, right = (side.subs(velocity.left, velocity.right) for side in (step.after.right, right))
    yield identity(left, right, "NAG/b with NAG-5, T-NAG-2 and NAG/a put in is NAG/c")


def _rule(step):
    (velocity,) = step.uses
    put = step.before.right.subs(v, velocity.right)
    yield follows(step.after, put, phi_next, "NAG/c with NAG/a put in is NAG/d")
    # The rule is plain Python of + - *, so it runs on symbols.
    point, stored = RULE.update(phi, gradient, v_before, eta, gamma)
    yield identity(step.after.right, point, "the update of optnumba/rules/nag.py, run on these letters, is NAG/d")
    yield identity(velocity.right, stored, "and the velocity that it stores is that of NAG/a")


def _back(step):
    # θ' = φ' + γ v', and what NAG/d says in φ is put back in terms of θ.
    shift, velocity = step.uses
    found = (step.before.right + gamma * v).subs(shift.left, shift.right)
    left, right = (side.subs(velocity.left, velocity.right) for side in (step.after.right, found))
    yield identity(left, right, "θ for φ again, NAG/d with NAG-4 is NAG-5")
    x = RULE.readout(phi_next, v, eta, gamma)
    yield identity(x, (phi_next + gamma * v), "which is what the rule's readout does")


STEPS = (
    Step(
        MOM_1,
        "take the gradient at {there}, where the velocity leads, instead of at {theta}",
        NAG_1,
        "this is the wish: to see a rise before the velocity has carried the iterate into it",
        _wish,
        (MOM_2,),
        kind="choice",
        difference=NablaJ(theta - v) - NablaJ(theta),
        terms={"there": theta - v, "theta": theta},
    ),
    Step(
        NAG_1,
        "put MOM-2 into the point",
        NAG_2,
        "so what is wished for is the gradient at the next point; it is evaluated there, not differentiated by where "
        "{theta} stands (E-06)",
        _next_point,
        (MOM_2,),
        terms={"theta": theta},
    ),
    Step(
        NAG_1,
        "put {known} for {v} in the point",
        NAG_3,
        "{v} is not known before the gradient is; {known} is the part of it that is. By MOM-1 the point so found lies "
        "exactly {ahead} further than the one wished for",
        _surrogate,
        (MOM_1,),
        kind="approximation",
        difference=NablaJ(theta - v + ahead) - NablaJ(theta - v),
        terms={"known": gamma * v_before, "v": v, "ahead": ahead},
    ),
    Step(
        MOM_1,
        "put the gradient of NAG-3 for that at {theta}",
        NAG_4,
        "the velocity is Momentum's, with the gradient taken ahead (NAG-6 repeats this with J left out, E-05)",
        _ahead,
        (NAG_3,),
        kind="choice",
        difference=eta * (NablaJ(theta - gamma * v_before) - NablaJ(theta)),
        terms={"theta": theta},
    ),
    Step(MOM_2, "keep it", NAG_5, "the iterate moves by the velocity, as in Momentum", replacing()),
    Step(
        NAG_4,
        "call the point of the gradient {phi}, as T-NAG-2 does",
        VELOCITY,
        "now the gradient is taken at the letter that is stored, as in every other method",
        _in_shifted,
        (SHIFT,),
        terms={"phi": phi},
    ),
    Step(SHIFT, "write it for the next step", NEXT_SHIFT, "the same definition, with t + 1 for t", _next_shift),
    Step(
        NEXT_SHIFT,
        "put in NAG-5, then T-NAG-2 solved for {theta}, then NAG/a",
        SHIFTED,
        "a change of variable: {phi} and {v} determine {theta} and back, so nothing is lost",
        _shifted,
        (NAG_5, UNSHIFT, VELOCITY),
        terms={"theta": theta, "phi": phi, "v": v},
    ),
    Step(
        SHIFTED,
        "put NAG/a into NAG/c",
        ONE_LINE,
        "this is what the rule computes; its own code, run on these letters, gives this formula",
        _rule,
        (VELOCITY,),
    ),
    Step(
        ONE_LINE,
        "go back to {theta}: add {shift} and put in T-NAG-2 and NAG-4",
        NAG_5,
        "what runs is the document's NAG exactly; the iterate is read out as {readout}",
        _back,
        (SHIFT, NAG_4),
        terms={"theta": theta, "shift": gamma * v, "readout": UNSHIFT.right},
    ),
)

DERIVATION = Derivation(
    "nag", "NAG, from Momentum by looking ahead, and by a change of variable", (MOM_1, MOM_2, SHIFT, UNSHIFT), STEPS
)
