"""What follows from RMSprop's equations, RMS-1 to RMS-3: its relatives, its steps, and that it need not settle."""

from sympy import Abs, Matrix, Rational, S, Symbol, eye, sqrt
from sympy import sign as signum

from ..equations.adadelta import AD_1, AD_2, E, E_before, delta
from ..equations.adam import ADAM_2, ADAM_3, ADAM_6, m_hat, v_before, v_hat
from ..equations.notation import beta1, beta2, eps, eta, g, gamma, t, theta
from ..equations.rmsprop import RMS_1, RMS_2, RMS_3
from ..evidence import at_most, computation, counterexample, identity, induction
from .adagrad import c
from .quadratic import a, jury
from .quadratic import lam as multiplier
from .recurrences import solves, tends
from .running import after, both_signs, moved, within
from .theorem import Theorem


def average(before, gradient=g):
    """Return E[g²]_t by RMS-1."""
    return RMS_1.right.xreplace({E_before: before, g: gradient})


def step(**known):
    """Return Δθ_t by RMS-1 and RMS-2, with `before`, `g`, `eps` and `gamma` put in for E[g²]_{t-1}, g_t, ε and γ."""
    letters = {"before": E_before, "g": g, "eps": eps, "gamma": gamma}
    return moved((RMS_1, RMS_2), {letters[name]: S(value) for name, value in known.items()})


# T-RMS-1: Adadelta's first form ------------------------------------------------------------------------------------


def _first_form(decay, average):
    yield identity(RMS_3.right, decay, f"RMS-3 sets γ to {decay}")
    yield identity(RMS_1.written.rhs, average, f"RMS-1 as displayed is {average}")
    yield identity(AD_1.right.subs(gamma, decay), average, f"AD-1 at γ = {decay} is the same")
    yield identity(RMS_1.right, AD_1.right, "and so it is for every γ, with γ put back")
    yield identity(RMS_2.right - theta, AD_2.right, f"RMS-2 moves by the {delta} of AD-2")


T_RMS_1 = Theorem(
    "T-RMS-1",
    "RMSprop is Adadelta's first form, AD-1 and AD-2, at γ = {decay}: E[g²]_t = {average}.",
    _first_form,
    {"decay": Rational(9, 10), "average": Rational(9, 10) * E_before + g**2 / 10},
    "E[g²] in RMS-2 taken after its update (E-20)",
)


# T-RMS-2: the bound on a step --------------------------------------------------------------------------------------


def _step_bound(bound, constant, limiting):
    yield from within(step(), bound, f"(Δθ_t)² < ({bound})²", strict=True)
    yield from within(step(g=Symbol("|g|", positive=True), eps=0), bound, f"(Δθ_t)² <= ({bound})² where ε = 0")
    yield both_signs(step(before=0, eps=0), -bound * signum(g), g, f"with ε = 0 the first step is as long as {bound}")
    ten = bound.subs(gamma, RMS_3.right)
    yield computation("at γ = 0.9", ten, sqrt(10) * eta, "√10 η at γ = 0.9")
    grown = g**2 * (1 - gamma**t)
    yield solves(grown, RMS_1.right, E_before, f"RMS-1 under a constant gradient gives E[g²]_t = {grown}")
    held = moved((RMS_2,), {E: grown, eps: S.Zero})
    yield both_signs(held, constant, g, f"then Δθ_t = {constant}, with ε = 0")
    yield tends(constant, limiting, f"which tends to {limiting}")


T_RMS_2 = Theorem(
    "T-RMS-2",
    "|Δθ_t| < {bound} at every step; with ε = 0 no step is longer, and the first is as long: √10 η at γ = 0.9. Under a "
    "constant gradient, with ε = 0, Δθ_t = {constant}, which tends to {limiting}.",
    _step_bound,
    {
        "bound": eta / sqrt(1 - gamma),
        "constant": -eta * signum(g) / sqrt(1 - gamma**t),
        "limiting": -eta * signum(g),
    },
    "E[g²]_0 = 0; η, ε > 0 in the bound; 0 <= γ < 1, and 0 < γ in the limit; g ≠ 0 where ε = 0",
)


# T-RMS-3: signs, scales, and Adam ----------------------------------------------------------------------------------


def _relatives(descent, scaled):
    yield both_signs(step(gamma=0, eps=0), descent, g, f"γ = 0 and ε = 0: Δθ_t = {descent}")
    larger = {"before": c**2 * E_before, "g": c * g}
    yield induction(
        identity((c**2 * E_before).subs(E_before, 0), S.Zero, "E[g²]_0 = 0 is its own multiple"),
        identity(average(c**2 * E_before, c * g), c**2 * average(E_before), "gradients times c make E[g²]_t times c²"),
        "E[g²]_t is multiplied by c²",
    )
    yield identity(step(eps=scaled, **larger), step(), f"with ε = {scaled} the step is the same")
    yield counterexample(
        "with ε kept as it is the step is another",
        step(**larger),
        step(),
        {E_before: 0, g: 1, c: 2, eps: 1, eta: 1, gamma: 0},
    )
    yield identity(ADAM_3.right.subs({beta2: gamma, v_before: E_before}), RMS_1.right, "ADAM-3 at β₂ = γ is RMS-1")
    yield identity(ADAM_2.right.subs(beta1, 0), g, "ADAM-2 at β₁ = 0 gives the gradient")
    uncorrected = {v_hat: E, m_hat: ADAM_2.right.subs(beta1, 0)}
    adam = ADAM_6.right.xreplace(uncorrected)
    sides = (adam.subs(eps, 0), RMS_2.right.subs(eps, 0))
    yield identity(*sides, "ADAM-6 with m_t, v_t uncorrected is RMS-2 where ε = 0", [(E, 1)])
    inside = ADAM_6.right.xreplace({**uncorrected, v_hat: E + eps, eps: S.Zero})
    yield identity(inside, RMS_2.right, "and where ε is added to v_t")
    at = {E: 1, g: 1, theta: 0, eta: 1, eps: 1}
    yield counterexample("ε outside the root, as ADAM-6 has it, makes another step", adam, RMS_2.right, at)


T_RMS_3 = Theorem(
    "T-RMS-3",
    "With γ = 0 and ε = 0 RMSprop is sign descent, Δθ_t = {descent}. Multiplying every gradient by c and putting "
    "{scaled} in the place of ε leaves every step as it was. It is Adam with β₁ = 0 and β₂ = γ without bias "
    "correction, but for where ε stands.",
    _relatives,
    {"descent": -eta * signum(g), "scaled": c**2 * eps},
    "c > 0; E[g²]_0 = 0; E[g²]_t > 0 where ε = 0",
)


# T-RMS-4: a swing that does not end --------------------------------------------------------------------------------


def _orbit(swing, polynomial):
    held = (a * swing) ** 2
    here = Matrix([held, swing])
    there = _on_bowl(held, swing)
    yield identity(there, Matrix([held, -swing]), f"a step takes θ = {swing} to -{swing}, and E[g²] stays at {held}")
    yield identity(_on_bowl(*there), here, "and the step after it takes θ back")
    # One step and a change of sign of θ leave the point fixed; the eigenvalues of its Jacobian tell how it attracts.
    x, y = Symbol("x", real=True), Symbol("y", positive=True)
    after_step = _on_bowl(y, x)
    turned = Matrix([after_step[0], -after_step[1]])
    jacobian = turned.jacobian(Matrix([y, x])).subs({y: held, x: swing})
    found = (multiplier * eye(2) - jacobian).det()
    yield computation(
        "charpoly of the step at the orbit", found, polynomial, "how small deviations change at each step"
    )
    trace, determinant = -polynomial.diff(multiplier).subs(multiplier, 0), polynomial.subs(multiplier, 0)
    inside = Symbol("s", positive=True)
    trace, determinant = (e.subs(gamma, 1 / (1 + inside)) for e in (trace, determinant))
    yield at_most(Abs(determinant), 1, "its roots: |d| < 1, d the determinant", strict=True)
    yield at_most(Abs(trace), 1 + determinant, "and |T| < 1 + d, T the trace", strict=True)
    yield from jury()


def _on_bowl(mean, where):
    """Return E[g²]_t and θ_{t+1} after a step on J = a θ²/2, with ε = 0."""
    values = after((RMS_1, RMS_2), {E_before: mean, theta: where, g: a * where, eps: S.Zero})
    return Matrix([values[E], values[RMS_2.left]])


T_RMS_4 = Theorem(
    "T-RMS-4",
    "On J = a θ²/2 with ε = 0 RMSprop with a constant learning rate has the orbit θ = {swing}, -{swing}, {swing}, ... "
    "around the minimum, however small a is. It attracts what is near it: a deviation's multipliers are the roots of "
    "{polynomial}, inside the unit circle.",
    _orbit,
    {"swing": eta / 2, "polynomial": multiplier**2 - (3 * gamma - 1) * multiplier + gamma},
    "ε = 0; η, a > 0; 0 < γ < 1; E[g²] = (a η/2)² on the orbit",
    "So it need not converge unless η decays. Used besides: a fixed point attracts where all eigenvalues of the "
    "Jacobian are inside the unit circle.",
)


# T-RMS-5: ε inside the root ----------------------------------------------------------------------------------------


def _floor(split, floor):
    v = Symbol("v", positive=True)
    yield from within(sqrt(E + eps), split, f"√(E[g²]_t + ε) <= {split}")
    yield identity(split.subs(E, 0), sqrt(eps), "equal where E[g²]_t = 0")
    yield at_most(sqrt(v + eps) ** 2, split.subs(E, v) ** 2, "and only there: E[g²]_t > 0 makes it less", strict=True)
    divisor = -eta * g / (RMS_2.right - theta)
    yield identity(divisor.subs(g, 1), sqrt(E + eps), "RMS-2 divides by √(E[g²]_t + ε)")
    yield at_most(eps, sqrt(E + eps) ** 2, "which is never less than √ε")
    yield computation("√ε at ε = 1e-8", sqrt(eps).subs(eps, Rational(1, 10**8)), floor, f"{floor} for ε = 1e-8")


T_RMS_5 = Theorem(
    "T-RMS-5",
    "√(E[g²]_t + ε) <= {split}, equal only where E[g²]_t = 0. So the document's ε = 1e-8 inside the root keeps the "
    "divisor at {floor} or above.",
    _floor,
    {"split": sqrt(E) + sqrt(eps), "floor": Rational(1, 10**4)},
    "E[g²]_t >= 0, ε > 0",
    "Outside the root the same ε would be a floor of 1e-8.",
)

RMSPROP = (T_RMS_1, T_RMS_2, T_RMS_3, T_RMS_4, T_RMS_5)
