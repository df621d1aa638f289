"""What follows from Momentum's equations, MOM-1 and MOM-2: what the velocity is, and the spectrum on a quadratic."""

from sympy import Abs, Poly, S, Sum, Symbol, discriminant, limit, oo, solve, sqrt

from ..equations import UPDATES
from ..equations.adam import m_before
from ..equations.momentum import MOM_1, MOM_2, MOM_7, v, v_before
from ..equations.notation import NablaJ, eta, g, g_at, gamma, letter, s, t, theta, theta_before, theta_next
from ..equations.sgd import SGD_1
from ..evidence import at_most, computation, identity, induction
from .quadratic import (
    L,
    X,
    are_roots,
    below,
    between,
    condition,
    conjugate_pair,
    jury,
    lam,
    matrix,
    mu,
    stable_between,
    w,
    w0,
)
from .recurrences import solves, tends, unrolled
from .theorem import Theorem

b, b_before = letter("b_t", "b_t", real=True), letter("b_{t-1}", "b_{t-1}", real=True)
eta_1, eta_2 = letter("η_1", r"\eta_1", positive=True), letter("η_2", r"\eta_2", positive=True)
r = letter("r", "r", positive=True)  # √γ, where 0 < γ < 1
NINE_TENTHS = MOM_7.right  # the γ that the document recommends


def velocity(before, gradient, rate=eta):
    """Return v_t by MOM-1."""
    right = MOM_1.right.replace(NablaJ, lambda *_: gradient)
    return right.xreplace({v_before: S(before), eta: rate})


# T-MOM-1: the velocity is a sum ----------------------------------------------------------------------------------


def _sum(total):
    yield unrolled(total, velocity(v_before, g_at[t]), v_before, "MOM-1 from v_0 = 0")


T_MOM_1 = Theorem(
    "T-MOM-1",
    "The velocity is the sum of all gradients so far, each forgotten by γ per step: v_t = {total}.",
    _sum,
    {"total": eta * Sum(gamma ** (t - s) * g_at[s], (s, 1, t))},
    "v_0 = 0; any gradients; constant η; 0 <= γ < 1, with 0⁰ = 1",
)


# T-MOM-2: a constant gradient ------------------------------------------------------------------------------------


def _constant_gradient(speed, terminal):
    yield solves(speed, velocity(v_before, g), v_before, "MOM-1 with the same gradient at each step, from v_0 = 0")
    yield tends(speed, terminal, "the velocity as t -> oo, for 0 < γ < 1")
    yield identity(speed.subs(gamma, 0), terminal.subs(gamma, 0), "for γ = 0 it is there at once")
    yield identity(terminal.subs(gamma, NINE_TENTHS), 10 * eta * g, "ten steps of gradient descent at γ = 0.9")


T_MOM_2 = Theorem(
    "T-MOM-2",
    "With a constant gradient the velocity is v_t = {speed}, which tends to {terminal}: at γ = 0.9 ten times the step "
    "of gradient descent.",
    _constant_gradient,
    {"speed": eta * g * (1 - gamma**t) / (1 - gamma), "terminal": eta * g / (1 - gamma)},
    "v_0 = 0; constant g and η; 0 <= γ < 1",
)


# T-MOM-3: how far it coasts --------------------------------------------------------------------------------------


def _coasting(travelled, rest):
    travel, start = Symbol("d", real=True), letter("v_0", "v_0", real=True)
    yield identity(velocity(v_before, 0), gamma * v_before, "where the gradient is 0, MOM-1 only forgets")
    speed = gamma**t * start
    yield solves(speed, velocity(v_before, 0), v_before, f"so the velocity is {speed} from v_0 on", start)
    yield identity(MOM_2.right, theta - v, "MOM-2 moves by v_t, so that what is travelled grows by it")
    yield solves(travelled, travel + speed, travel, "what is travelled in t steps")
    yield tends(travelled, rest, "what is travelled as t -> oo, for 0 < γ < 1")
    yield identity(rest.subs(gamma, 0), 0, "nothing is for γ = 0")
    yield identity(rest.subs(gamma, NINE_TENTHS), 9 * start, "nine times the velocity at γ = 0.9")
    forever = Symbol("v", positive=True)
    yield identity(velocity(forever, 0).subs(gamma, 1), forever, "for γ = 1 the velocity stays")
    yield solves(t * forever, travel + forever, travel, "and t steps travel t times that")
    n = Symbol("n", positive=True)
    yield computation("limit of nv as n -> oo, v > 0", limit(n * forever, n, oo), oo, "without end")


_v_0 = letter("v_0", "v_0", real=True)
T_MOM_3 = Theorem(
    "T-MOM-3",
    "Once the gradient is 0, Momentum with velocity v_0 travels {travelled} in t further steps and {rest} in all; nine "
    "times the velocity at γ = 0.9, and without end if γ were 1.",
    _coasting,
    {"travelled": _v_0 * gamma * (1 - gamma**t) / (1 - gamma), "rest": _v_0 * gamma / (1 - gamma)},
    "a gradient that is 0 from some step on; 0 <= γ < 1",
    "This is how far the ball of the document's story slides on flat ground: a finite stretch, and no further (E-30).",
)


# T-MOM-4: the heavy ball -----------------------------------------------------------------------------------------


def _heavy_ball(two_terms):
    before = MOM_2.right.subs({theta: theta_before, v: v_before}, simultaneous=True)
    (found,) = solve(before - theta, v_before)
    yield computation("solve MOM-2 one step earlier for v_{t-1}", found, theta_before - theta)
    new = MOM_2.right.subs(v, MOM_1.right).subs(v_before, found)
    yield identity(new, two_terms, "MOM-1 in MOM-2, with that velocity")
    yield identity(
        two_terms.subs(theta_before, theta), theta - velocity(0, NablaJ(theta)), "t = 1: θ_0 = θ_1 is v_0 = 0"
    )


T_MOM_4 = Theorem(
    "T-MOM-4",
    "Momentum is the heavy ball: θ_{{t+1}} = {two_terms}.",
    _heavy_ball,
    {"two_terms": theta - eta * NablaJ(theta) + gamma * (theta - theta_before)},
    "any J; constant η; θ_0 = θ_1 for the first step",
)


# T-MOM-5: the spectrum on a quadratic ----------------------------------------------------------------------------


def _spectrum(polynomial, lower, upper, bound):
    found = matrix(UPDATES["momentum"]).charpoly(lam).as_expr(lam)
    yield computation("characteristic polynomial of the step on (θ_t - c, v_{t-1}/η)", found, polynomial)
    quadratic = Poly(polynomial, lam)
    trace, determinant = -quadratic.coeff_monomial(lam), quadratic.coeff_monomial(1)
    yield computation("discriminant", discriminant(polynomial, lam), trace**2 - 4 * determinant, "T² - 4d")
    yield identity(trace**2 - 4 * determinant, (X - lower) * (X - upper), "its zeros are the ends of the interval")
    root = {gamma: r**2}
    trace_r, low, high = (e.subs(root) for e in (trace, lower, upper))
    inside, units = between(low, high), [r]
    yield at_most(Abs(trace_r.subs(X, inside)), 2 * r, f"|T| <= 2√γ for {lower} <= X < {upper}, r = √γ", units=units)
    yield identity(Abs(trace_r.subs(X, high)), 2 * r, f"|T| = 2√γ at X = {upper}")
    cosine = Symbol("k", real=True)
    complex_trace = 2 * r * cosine / sqrt(1 + cosine**2)
    given_trace = lam**2 - complex_trace * lam + r**2
    yield are_roots(given_trace, complex_trace, r**2, "|T| < 2√γ: a complex pair of roots")
    x, y = conjugate_pair(complex_trace, r**2)
    yield identity(x**2 + y**2, r**2, "then |λ|² = γ")
    yield identity((lam**2 - 2 * r * lam + r**2), (lam - r) ** 2, "|T| = 2√γ: a double root of size √γ")
    gap = 2 * r + w
    large = (gap + sqrt(gap**2 - 4 * r**2)) / 2
    yield identity(large**2 - gap * large + r**2, 0, "|T| = 2√γ + w: (|T| + √(T² - 4γ))/2 is the size of a root")
    yield at_most(r, large, "which is above √γ", strict=True)
    outside = "|T| > 2√γ for "
    yield at_most(2 * r, Abs(trace_r.subs(X, below(low))), f"{outside}0 < X < {lower}", units=units, strict=True)
    yield at_most(2 * r, Abs(trace_r.subs(X, -w0)), f"{outside}X <= 0", units=units, strict=True, given=[(1 - r, 1)])
    yield at_most(2 * r, Abs(trace_r.subs(X, high + w)), f"{outside}X > {upper}", strict=True)
    for sign, word in ((1, "γ >= 0"), (-1, "γ <= 0, with -γ for γ")):
        signed = (S(e).subs(gamma, sign * gamma) for e in (trace, determinant, bound))
        yield from stable_between(*signed, word)
    yield from jury()
    for beyond, word in ((1 + w0, "γ >= 1"), (-1 - w0, "γ <= -1")):
        product = determinant.subs(gamma, beyond)
        yield at_most(1, Abs(product), f"{word}: the product of both roots is γ, so one is not inside the unit circle")


T_MOM_5 = Theorem(
    "T-MOM-5",
    "On a quadratic, with X = ηa, the step of Momentum has the characteristic polynomial {polynomial}. Its roots have "
    "size √γ if and only if {lower} <= X <= {upper}, and one is larger otherwise; they lie inside the unit circle if "
    "and only if |γ| < 1 and 0 < X < {bound}.",
    _spectrum,
    {
        "polynomial": lam**2 - (1 + gamma - X) * lam + gamma,
        "lower": (1 - sqrt(gamma)) ** 2,
        "upper": (1 + sqrt(gamma)) ** 2,
        "bound": 2 * (1 + gamma),
    },
    "J(θ) = a/2 (θ - c)²; constant η and γ, with 0 < γ < 1 for the sizes and any real γ for the unit circle",
    "The bound on η is 1 + γ times that of gradient descent.",
)


# T-MOM-6: the best constants -------------------------------------------------------------------------------------


def _best(root, best, rate):
    end, gap = letter("√μ", r"\sqrt\mu", positive=True), Symbol("d", positive=True)
    values = {mu: end**2, L: (end + gap) ** 2, condition: ((end + gap) / end) ** 2}
    root, best, rate = (e.subs(values) for e in (root, best, rate))
    X_low, X_high = best * end**2, best * (end + gap) ** 2
    yield identity(X_low, (1 - root) ** 2, "ημ is the lower end of the complex regime of T-MOM-5, √μ and √L = √μ + d")
    yield identity(X_high, (1 + root) ** 2, "ηL is its upper end, so every curvature in [μ, L] has |λ| = √γ")
    yield identity(root, rate, "√γ is the rate")
    yield at_most(0, root, "0 < √γ", strict=True)
    yield at_most(root, 1, "√γ < 1", strict=True)
    yield from _fastest(rate.subs(end, gap / w))


def _fastest(rate):
    """Yield the Parts that roots of size <= ρ at both ends need √κ <= (1 + ρ)/(1 - ρ); `rate` is that of √κ = 1 + w."""
    size, kept = letter("ρ", r"\rho", positive=True), Symbol("k", nonnegative=True)
    larger, ratio = size / (1 + w0), (1 - kept) / (1 + kept)
    slack = (size + ratio * larger**2 / size) - larger * (1 + ratio)
    yield at_most(0, slack, "real roots p and kp, p <= ρ, -1 < k <= 1: |T| <= ρ + d/ρ; for k = -1, T is 0")
    yield at_most(2 * larger, size + larger**2 / size, "complex roots of size p, d = p²: |T| < 2p <= ρ + d/ρ")
    inner = size**2 / (1 + kept)
    inside, reach = {size: 1 / (1 + w)}, (1 + size) / (1 - size)
    for other, word in ((inner, "0 < γ <= ρ²"), (S.Zero, "γ = 0")):
        low, high = ((1 + other) - (size + other / size), (1 + other) + (size + other / size))
        at_mu, at_L = (1 - size) * (1 - other / size), (1 + size) * (1 + other / size)
        yield identity(low, at_mu, f"{word}: 1 + γ - X <= ρ + γ/ρ at μ, ημ >= (1 - ρ)(1 - γ/ρ)")
        yield at_most(0, at_mu.subs(inside), f"{word}: and that is positive, as ρ < 1", strict=True)
        yield identity(high, at_L, f"{word}: 1 + γ - X >= -(ρ + γ/ρ) at L, ηL <= (1 + ρ)(1 + γ/ρ)")
        yield at_most((at_L / at_mu).subs(inside), reach.subs(inside) ** 2, f"{word}: so κ <= ((1 + ρ)/(1 - ρ))²")
    yield identity(reach.subs(size, rate), 1 + w, "at ρ = the rate, (1 + ρ)/(1 - ρ) is √κ = 1 + w")
    yield at_most(
        0, reach.diff(size).subs(inside), "(1 + ρ)/(1 - ρ) grows with ρ, so no smaller ρ will do", strict=True
    )


T_MOM_6 = Theorem(
    "T-MOM-6",
    "Where the curvatures lie in [μ, L], both ends occurring, the best constants for Momentum are √γ = {root} and η = "
    "{best}. Then every root has the size {rate}, and no choice of η and γ makes all of them smaller.",
    _best,
    {
        "root": (sqrt(condition) - 1) / (sqrt(condition) + 1),
        "best": 4 / (sqrt(L) + sqrt(mu)) ** 2,
        "rate": (sqrt(condition) - 1) / (sqrt(condition) + 1),
    },
    "a quadratic, decoupled as in T-GD-2; 0 < μ < L, κ = L/μ; 0 <= γ < 1",
    "Gradient descent has κ where this has √κ (T-GD-4).",
)


# T-MOM-7: the learning rate inside or outside --------------------------------------------------------------------


def _rate_outside(difference):
    outside = gamma * b_before + g
    yield induction(
        identity(velocity(0, g), eta * outside.subs(b_before, 0), "t = 1: v_1 = η b_1, from v_0 = b_0 = 0"),
        identity(velocity(eta * b_before, g), eta * outside, "v_{t-1} = η b_{t-1} gives v_t = η b_t"),
        "for a constant η, v_t = η b_t, so that both make the same steps",
    )
    g_1, g_2 = g_at[1], g_at[2]
    second = velocity(velocity(0, g_1, eta_1), g_2, eta_2)
    own = eta_2 * outside.subs({b_before: g_1, g: g_2}, simultaneous=True)
    yield identity(second - own, difference, "two steps with η_1 and η_2: v_2 - η_2 b_2")


T_MOM_7 = Theorem(
    "T-MOM-7",
    "With the learning rate outside the velocity, b_t = γ b_{{t-1}} + g_t and θ_{{t+1}} = θ_t - η b_t, the iteration "
    "is the same for a constant η. With a schedule it is another one: the second steps differ by v_2 - η_2 b_2 = "
    "{difference}.",
    _rate_outside,
    {"difference": gamma * (eta_1 - eta_2) * g_at[1]},
    "v_0 = b_0 = 0; any gradients",
)


# T-MOM-8: the mean in the place of the sum -----------------------------------------------------------------------


def _mean(rate):
    average = gamma * m_before + (1 - gamma) * g
    yield induction(
        identity(velocity(0, g), rate * average.subs(m_before, 0), f"t = 1: v_1 = {rate} m_1, from v_0 = m_0 = 0"),
        identity(velocity(rate * m_before, g), rate * average, "that at t - 1 gives it at t"),
        f"v_t = {rate} m_t, so that both make the same steps",
    )
    step = MOM_2.right.subs(v, MOM_1.right)
    descent = SGD_1.right.replace(NablaJ, lambda point, *_: NablaJ(point))
    yield identity(step.subs(gamma, 0), descent, f"γ = 0: {theta_next} is that of gradient descent")


T_MOM_8 = Theorem(
    "T-MOM-8",
    "With the mean m_t = γ m_{{t-1}} + (1 - γ) g_t and the learning rate {rate}, θ_{{t+1}} = θ_t - {rate} m_t is the "
    "same iteration. For γ = 0 Momentum is gradient descent.",
    _mean,
    {"rate": eta / (1 - gamma)},
    "v_0 = m_0 = 0; any gradients; constant η; 0 <= γ < 1",
)

MOMENTUM = (T_MOM_1, T_MOM_2, T_MOM_3, T_MOM_4, T_MOM_5, T_MOM_6, T_MOM_7, T_MOM_8)
