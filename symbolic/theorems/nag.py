"""What follows from Nesterov's accelerated gradient, NAG-4 and NAG-5: its other forms, and its spectrum."""

from sympy import Function, Matrix, Poly, Rational, S, Symbol, discriminant, expand, solve, sqrt, symbols

from ..equations import UPDATES
from ..equations.momentum import MOM_1, MOM_2, v, v_before
from ..equations.nag import NAG_4, NAG_5, SHIFT, UNSHIFT
from ..equations.notation import NablaJ, eta, gamma, letter, phi, theta, theta_before, theta_next
from ..evidence import at_most, computation, identity
from .momentum import NINE_TENTHS, T_MOM_5
from .quadratic import (
    X,
    a,
    are_roots,
    between,
    condition,
    conjugate_pair,
    jury,
    lam,
    matrix,
    on_quadratic,
    stable_between,
    w,
    w0,
)
from .running import after
from .theorem import Theorem

STEP = (NAG_4, NAG_5)
g_phi = letter("∇J(φ_t)", r"\nabla J(\phi_t)", real=True)


def shifted(next_gamma=gamma, own_gamma=gamma):
    """Return φ_{t+1} in φ_t, v_{t-1} and the gradient there; each γ may have its own value."""
    own = {gamma: own_gamma}
    point = UNSHIFT.right.subs(own)
    values = {theta: point, v_before: v_before}
    new_v = NAG_4.right.subs(own).xreplace(values).subs(NablaJ(phi), g_phi)
    new_theta = NAG_5.right.xreplace({theta: point, v: new_v})
    return SHIFT.right.subs(gamma, next_gamma).xreplace({theta: new_theta, v_before: new_v}), new_v


# T-NAG-1: Sutskever's form ---------------------------------------------------------------------------------------

u_before, u = letter("u_{t-1}", "u_{t-1}", real=True), letter("u_t", "u_t", real=True)


def _sutskever(velocity, move):
    opposite = {v_before: -u_before}
    yield identity(-NAG_4.right.subs(opposite), velocity, "-v_t by NAG-4, with -u_{t-1} for v_{t-1}")
    yield identity(NAG_5.right.subs(v, -u), move, "NAG-5 with -u_t for v_t")
    yield identity(velocity.subs(u_before, 0), -NAG_4.right.subs(v_before, 0), "t = 1: u_0 = v_0 = 0")


T_NAG_1 = Theorem(
    "T-NAG-1",
    "With u = -v for the velocity, NAG is u_t = {velocity} and θ_{{t+1}} = {move}, as Sutskever et al. (2013) have it.",
    _sutskever,
    {"velocity": gamma * u_before - eta * NablaJ(theta + gamma * u_before), "move": theta + u},
    "any J; u_0 = v_0 = 0",
)


# T-NAG-2: the point where the gradient is taken ------------------------------------------------------------------


def _shifted(in_v, in_v_before):
    new_phi, new_v = shifted()
    (back,) = solve(SHIFT.right - phi, theta)
    yield computation("solve φ_t = θ_t - γ v_{t-1} for θ_t", back, UNSHIFT.right, "θ_t back from φ_t")
    yield identity(new_v, gamma * v_before + eta * g_phi, "NAG-4 takes its gradient at φ_t")
    yield identity(new_phi, in_v.subs(v, new_v), "φ_{t+1} = θ_{t+1} - γ v_t, by v_t")
    yield identity(new_phi, in_v_before, "and by v_{t-1}")


T_NAG_2 = Theorem(
    "T-NAG-2",
    "In φ_t = θ_t - γ v_{{t-1}}, where its gradient is taken, NAG is φ_{{t+1}} = {in_v} = {in_v_before}; θ_t = φ_t + "
    "γ v_{{t-1}}.",
    _shifted,
    {
        "in_v": phi - (gamma * v + eta * g_phi),
        "in_v_before": phi - gamma**2 * v_before - (1 + gamma) * eta * g_phi,
    },
    "any J; constant γ",
    "Only one point has to be stored, and the gradient is that at the stored point.",
)


# T-NAG-3: a coefficient that changes -----------------------------------------------------------------------------

gamma_t = letter("γ_t", r"\gamma_t", nonnegative=True)
gamma_next = letter("γ_{t+1}", r"\gamma_{t+1}", nonnegative=True)


def _next_coefficient(in_v):
    new_phi, new_v = shifted(gamma_next, gamma_t)
    yield identity(new_v, gamma_t * v_before + eta * g_phi, "NAG-4 with γ_t")
    yield identity(new_phi, in_v.subs(v, new_v), "φ_{t+1} = θ_{t+1} - γ_{t+1} v_t")


T_NAG_3 = Theorem(
    "T-NAG-3",
    "If γ changes, φ_t = θ_t - γ_t v_{{t-1}} becomes φ_{{t+1}} = {in_v}: the step needs the next coefficient.",
    _next_coefficient,
    {"in_v": phi - (gamma_next * v + eta * g_phi)},
    "any J",
    "Hence the coefficient of the next step in Dozat's NAdam.",
)


# T-NAG-4: Nesterov's two sequences -------------------------------------------------------------------------------

y = letter("y_t", "y_t", real=True)


def _two_sequences(ahead, new):
    velocity = theta_before - theta  # NAG-5 one step earlier, as θ_t = θ_{t-1} - v_{t-1}
    earlier = NAG_5.right.subs({theta: theta_before, v: v_before}, simultaneous=True)
    yield identity(earlier.subs(v_before, velocity), theta, "NAG-5 one step earlier, with v_{t-1} = θ_{t-1} - θ_t")
    step = after(STEP, {v_before: velocity})[theta_next]
    yield identity(SHIFT.right.subs(v_before, velocity), ahead, "NAG takes its gradient at y_t")
    gradient = NablaJ(expand(ahead))
    claimed = new.subs({NablaJ(y): gradient, y: ahead})
    yield identity(step.replace(NablaJ, lambda p: NablaJ(expand(p))), claimed, "and leads from there to θ_{t+1}")


T_NAG_4 = Theorem(
    "T-NAG-4",
    "NAG has the two sequences of Nesterov (1983): y_t = {ahead} and θ_{{t+1}} = {new}.",
    _two_sequences,
    {"ahead": theta + gamma * (theta - theta_before), "new": y - eta * NablaJ(y)},
    "any J; constant γ and η; θ_0 = θ_1 for the first step",
    "Nesterov's own γ changes from step to step.",
)


# T-NAG-5: the spectrum on a quadratic ----------------------------------------------------------------------------


def _spectrum(polynomial, edge, size, bound):
    found = matrix(UPDATES["nag"]).charpoly(lam).as_expr(lam)
    yield computation("characteristic polynomial of the step on (θ_t - c, v_{t-1}/η)", found, polynomial)
    coefficients = Poly(polynomial, lam)
    trace, determinant = -coefficients.coeff_monomial(lam), coefficients.coeff_monomial(1)
    yield from _regimes(polynomial, trace, determinant, edge, size)
    yield from stable_between(trace, determinant, bound, "γ >= 0")
    yield from jury()
    positive = {gamma: 1 / (1 + w)}
    of_momentum = T_MOM_5.claim["bound"]
    yield at_most(bound.subs(positive), of_momentum.subs(positive), f"{bound} < {of_momentum} for γ > 0", strict=True)
    root_of_momentum = sqrt(matrix(UPDATES["momentum"]).det())
    at = {gamma: 1 / (1 + w), X: 1 / (1 + Symbol("h", nonnegative=True))}
    squares = (size.subs(at) ** 2, root_of_momentum.subs(at) ** 2)
    yield at_most(*squares, "|λ|² < γ for 0 < X <= 1; γ is the product of Momentum's roots", strict=True)
    at = {gamma: NINE_TENTHS, X: S.Half}
    yield computation("γ = 0.9, X = 0.5", size.subs(at), sqrt(Rational(9, 20)), "the size of NAG's roots, 0.671")
    yield computation("γ = 0.9", root_of_momentum.subs(at), sqrt(NINE_TENTHS), "that of Momentum's, 0.949")
    yield computation("γ = 0.9", bound.subs(at), Rational(19, 14), "NAG diverges from X = 1.357 on")
    yield computation("γ = 0.9", of_momentum.subs(at), Rational(19, 5), "Momentum from 3.8 on")


def _regimes(polynomial, trace, determinant, edge, size):
    """Yield the Parts that the roots are complex for edge < X < 1, with the claimed size, and real outside."""
    found = discriminant(polynomial, lam)
    yield computation("discriminant", found, (1 + gamma) ** 2 * (X - 1) * (X - edge), "its zeros are 1 and the edge")
    positive = {gamma: 1 / (1 + w)}
    inside = {X: between(edge.subs(positive), 1, Symbol("h", positive=True))}
    yield at_most(found.subs(positive).subs(inside), 0, f"complex for {edge} < X < 1, γ > 0", strict=True)
    for value, word in ((edge / (1 + w0), f"0 < X <= {edge}"), (-w0, "X <= 0"), (1 + w0, "X >= 1")):
        yield at_most(0, found.subs({X: value}), f"real for {word}")
    cosine, r = Symbol("k", real=True), Symbol("r", positive=True)
    complex_trace = 2 * r * cosine / sqrt(1 + cosine**2)
    yield are_roots(lam**2 - complex_trace * lam + r**2, complex_trace, r**2, "T² < 4d: a complex pair of roots")
    real, imaginary = conjugate_pair(complex_trace, r**2)
    yield identity(real**2 + imaginary**2, r**2, "then |λ|² = d")
    yield identity((size**2).subs(positive), determinant.subs(positive), "d is the square of the claimed size")


T_NAG_5 = Theorem(
    "T-NAG-5",
    "On a quadratic, with X = ηa, the step of NAG has the characteristic polynomial {polynomial}. Its roots are "
    "complex if and only if {edge} < X < 1, and then of size {size}: less than √γ, which the larger root of Momentum "
    "never is. They lie inside the unit circle if and only if 0 < X < {bound}, a smaller bound than Momentum's.",
    _spectrum,
    {
        "polynomial": lam**2 - (1 + gamma) * (1 - X) * lam + gamma * (1 - X),
        "edge": ((1 - gamma) / (1 + gamma)) ** 2,
        "size": sqrt(gamma * (1 - X)),
        "bound": (2 + 2 * gamma) / (1 + 2 * gamma),
    },
    "J(θ) = a/2 (θ - c)²; constant η; 0 <= γ < 1, and γ > 0 for the complex roots and the comparison",
    "NAG damps oscillation more than Momentum and diverges at a smaller learning rate.",
)


# T-NAG-6: Momentum with another coefficient ----------------------------------------------------------------------


def _against_momentum(coefficient, first_order):
    nag, momentum = (on_quadratic((e,))[0].right for e in (NAG_4, MOM_1))
    other = momentum.subs(v_before, coefficient / gamma * v_before)
    yield identity(nag, other, "NAG-4 on J is MOM-1 with that coefficient", [(gamma, 1)])
    yield identity(nag.subs(gamma, 0), momentum.subs(gamma, 0), "for γ = 0 both are gradient descent")
    yield identity(NAG_5.right, MOM_2.right, "NAG-5 is MOM-2")
    H, x, before = symbols("H x v", commutative=False)
    of_matrices = expand(gamma * before + eta * H * (x - gamma * before))
    as_momentum = expand(gamma * (1 - eta * H) * before + eta * H * x)
    yield computation("multiply matrices out", of_matrices == as_momentum, True, "with H for a: γ(I - ηH) for γ")
    F = Function("F", real=True)
    difference = (NAG_4.right - MOM_1.right).replace(NablaJ, F)
    point = Symbol("z", real=True)
    curvature = F(point).diff(point).subs(point, theta)
    yield identity(difference.subs(v_before, 0), 0, "F = ∇J: NAG-4 minus MOM-1 at v = 0")
    slope = difference.diff(v_before).subs(v_before, 0).doit()
    claimed = first_order.diff(v_before).subs(second, curvature).doit()
    yield computation("derivative by v at v = 0", slope, claimed, "the first term of Taylor's series")
    third = Symbol("D", real=True)
    cubic = lambda z: second * (z - theta) + third * (z - theta) ** 2 / 2  # noqa: E731
    rest = (NAG_4.right - MOM_1.right).replace(NablaJ, cubic) - first_order
    yield identity(rest, eta * gamma**2 * third * v_before**2 / 2, "for a J of third degree the rest is ηγ²J'''v²/2")


second = letter("∇²J(θ_t)", r"\nabla^2 J(\theta_t)", real=True)
T_NAG_6 = Theorem(
    "T-NAG-6",
    "On a quadratic NAG is Momentum with {coefficient} in the place of γ, and with γ(I - ηH) for a Hessian H. In "
    "general its velocity differs from Momentum's by {first_order} + O(v²).",
    _against_momentum,
    {"coefficient": gamma * (1 - eta * a), "first_order": -eta * gamma * second * v_before},
    "J(θ) = a/2 (θ - c)²; in general a J that has three continuous derivatives",
    "NAG forgets more where the curvature is larger: that is its damping.",
)


# T-NAG-7: the usual constants ------------------------------------------------------------------------------------


def _usual(momentum, radius):
    polynomial = T_NAG_5.claim["polynomial"]
    root_kappa = 1 + w
    values = {condition: root_kappa**2}
    own, size = momentum.subs(values), radius.subs(values)
    at_mu = polynomial.subs({gamma: own, X: 1 / root_kappa**2})
    yield identity(at_mu, (lam - size) ** 2, "at μ, where X = 1/κ, the polynomial of T-NAG-5 is a square")
    yield at_most(0, size, "radius > 0", strict=True)
    trace = -Poly(polynomial, lam).coeff_monomial(lam)
    determinant = Poly(polynomial, lam).coeff_monomial(1)
    elsewhere = {gamma: own, X: between(1 / root_kappa**2, 1)}
    yield at_most((trace**2 - 4 * determinant).subs(elsewhere), 0, "for 1/κ <= X < 1 the roots are complex, or equal")
    yield at_most(determinant.subs(elsewhere), size**2, "and |λ|² = d is not above radius²")
    yield identity(Matrix([trace, determinant]).subs(X, 1), Matrix([0, 0]), "at L, where X = 1, both roots are 0")


T_NAG_7 = Theorem(
    "T-NAG-7",
    "With η = 1/L and γ = {momentum}, where the curvatures lie in [μ, L] and κ = L/μ, NAG has a double root {radius} "
    "at the curvature μ, and no larger root at any other.",
    _usual,
    {
        "momentum": (sqrt(condition) - 1) / (sqrt(condition) + 1),
        "radius": 1 - 1 / sqrt(condition),
    },
    "a quadratic, decoupled as in T-GD-2; 0 < μ < L",
)

NAG = (T_NAG_1, T_NAG_2, T_NAG_3, T_NAG_4, T_NAG_5, T_NAG_6, T_NAG_7)
