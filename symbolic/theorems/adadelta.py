"""What follows from Adadelta's equations, AD-0 to AD-15: the average, the units, the curvature, and what ε does."""

from dataclasses import replace

from sympy import (
    Abs,
    Derivative,
    FiniteSet,
    Function,
    Lambda,
    Matrix,
    Piecewise,
    S,
    Sum,
    Symbol,
    Tuple,
    diff,
    limit,
    oo,
    solve,
    sqrt,
    summation,
)
from sympy import Rational as Q

from ..equations.adadelta import (
    AD_0,
    AD_1,
    AD_10,
    AD_11,
    AD_12,
    AD_13,
    AD_14,
    AD_15,
    D,
    D_before,
    E,
    E_before,
    J,
    delta,
    first,
    gradient,
    hessian,
    parameter,
    second,
    window,
    window_sum,
)
from ..equations.adadelta import step as newton_step
from ..equations.adagrad import AG_6, G_before
from ..equations.notation import eps, g, g_at, gamma, letter, s, t, theta, theta_next
from ..equations.rmsprop import RMS_3
from ..equations.sgd import SGD_1
from ..evidence import at_most, computation, counterexample, identity, induction
from .adagrad import c
from .recurrences import solves, tends, unrolled
from .running import after, both_signs, moved, within
from .theorem import Theorem

E_0 = letter("E[g²]_0", "E[g^2]_0", nonnegative=True)
eps_g = letter("ε_g", r"\epsilon_g", positive=True)
eps_delta = letter("ε_Δ", r"\epsilon_\Delta", positive=True)
scale = letter("λ", r"\lambda", positive=True)
minimum = letter("θ*", r"\theta^*", real=True)
size = Symbol("|g_t|", positive=True)
point = Symbol("x", real=True)


def average(before, gradient=g):
    """Return E[g²]_t by AD-1."""
    return AD_1.right.xreplace({E_before: before, g: gradient})


def step(known=()):
    """Return what one step defines, by AD-1, AD-14, AD-12 and AD-15 (dict of Symbol to sympy.Expr)."""
    return after((AD_1, AD_14, AD_12, AD_15), known)


# T-AD-1: what the average remembers ------------------------------------------------------------------------------


def _average(kept, fresh, weights, age, box):
    yield unrolled(fresh, average(E_before, g_at[t]), E_before, f"AD-1 from 0 gives E[g²]_t = {fresh}")
    yield solves(kept, average(E_before, S.Zero), E_before, f"AD-1 from E[g²]_0 with no gradient gives {kept}", E_0)
    one, other = Symbol("one", nonnegative=True), Symbol("other", nonnegative=True)
    both = average(one, S.Zero) + average(other)
    yield identity(
        average(one + other), both, "AD-1 takes the sum of the two to their sum, so together they are E[g²]_t"
    )
    yield solves(weights, average(E_before, S.One), E_before, f"the weights add up to {weights}: E[g²]_t for all g = 1")
    yield tends(weights, S.One, "which tends to 1")
    n = Symbol("n", integer=True, nonnegative=True)
    (total,) = fresh.atoms(Sum)
    weight = (fresh.xreplace({total: total.function}) / g_at[s] ** 2).subs(s, t - n)
    front, power = weight.as_independent(n)
    found = summation(n * power, (n, 0, oo))
    found = found.args[0].expr if isinstance(found, Piecewise) else found  # its first case is γ < 1
    yield computation(f"sum of n ({weight}) over n >= 0", front * found, age, f"so the mean age of a square is {age}")
    length = Symbol("w", positive=True)
    mean = summation(n, (n, 0, length - 1)) / length
    (found,) = solve(mean - age, length)
    yield computation("solve mean age of w equal weights for w", found, box, f"as old as a plain mean of {box} squares")
    yield computation("at γ = 0.9", box.subs(gamma, RMS_3.right), S(19), "which are 19 at γ = 0.9")


T_AD_1 = Theorem(
    "T-AD-1",
    "AD-1 gives E[g²]_t = {kept} + {fresh}. The weights of the squares add up to {weights}, which tends to 1; their "
    "mean age tends to {age} steps, which is that of a plain mean of the last {box} squares.",
    _average,
    {
        "kept": gamma**t * E_0,
        "fresh": (1 - gamma) * Sum(gamma ** (t - s) * g_at[s] ** 2, (s, 1, t)),
        "weights": 1 - gamma**t,
        "age": gamma / (1 - gamma),
        "box": (1 + gamma) / (1 - gamma),
    },
    "0 <= γ < 1, and 0 < γ in the limits; E[g²]_0 >= 0, which the document starts at 0; any real gradients",
    "The sense in which the average stands for the window of AD-0: at γ = 0.9 for one of 19 steps.",
)


# T-AD-2: the true window -----------------------------------------------------------------------------------------

P = Function("P", real=True)  # P(n) for g_1² + ... + g_n², which is Adagrad's G_n


def _window(recurrence):
    index, low, high = AD_0.right.limits[0]
    squares = Sum(AD_0.right.function, (index, 1, t))
    yield unrolled(squares, AG_6.right.subs(g, g_at[t]), G_before, f"AG-6 gives P(t) = {squares}")
    now, then = (P(high.subs(t, n)) - P(low.subs(t, n) - 1) for n in (t, t - 1))
    grown = {P(n): AG_6.right.xreplace({G_before: P(n - 1), g: g_at[n]}) for n in (t, t - window)}
    known = {window_sum[t - 1]: then}
    yield identity(now.xreplace(grown), recurrence.xreplace(known), f"S_t = P(t) - P(t - w) is {recurrence}")
    second, third = (AD_0.right.subs(window, 2).subs(t, n).doit() for n in (2, 3))
    one, other = ({g_at[n + 1]: number for n, number in enumerate(history)} for history in ((1, 0, 0), (0, 1, 0)))
    yield identity(second.xreplace(one), second.xreplace(other), "w = 2: the gradients 1, 0 and 0, 1 give one S_2")
    yield counterexample("and with g_3 = 0 they give another S_3", third.xreplace(one), third.xreplace(other))


T_AD_2 = Theorem(
    "T-AD-2",
    "The sum over the window of AD-0 moves on by S_t = {recurrence}. Already for w = 2 it is no function of S_{{t-1}} "
    "and g_t alone: the squares in the window have to be kept one by one, where AD-1 keeps one number.",
    _window,
    {"recurrence": window_sum[t - 1] + g_at[t] ** 2 - g_at[t - window] ** 2},
    "t > w; any real gradients",
)


# T-AD-3: units ---------------------------------------------------------------------------------------------------


def unit(exponents):
    """Return by what the number of a quantity is multiplied when those of J and θ are multiplied by c and λ."""
    of_J, of_theta = exponents
    return c**of_J * scale**of_theta


def _units(slope, curvature, descent, newton, adadelta, rate):
    # J and θ measured in other units: the new J is c times the old, as a function of x = λ θ.
    other = c * J(point / scale)
    for order, exponents, derivative in ((1, slope, first), (2, curvature, second)):
        there = derivative.subs(parameter, point / scale)
        yield identity(diff(other, point, order), unit(exponents) * there, f"unit of {derivative}: {exponents}")
    move = moved((SGD_1,), gradient=g)
    yield identity(move.subs(g, unit(slope) * g), unit(descent) * move, f"unit of a step of SGD-1: {descent}")
    move = AD_10.between[0]
    units = {gradient: unit(slope) * gradient, hessian: unit(curvature) * hessian}
    yield both_signs(move.xreplace(units), unit(newton) * move, hessian, f"unit of {move} in AD-10: {newton}")
    yield identity(Matrix(newton), Matrix(slope) - Matrix(curvature), "which is that of the slope less the curvature's")
    move = two_eps().right
    units = {eps_g: unit(slope) ** 2 * eps_g, eps_delta: unit(adadelta) ** 2 * eps_delta}
    units |= {g: unit(slope) * g, E: unit(slope) ** 2 * E, D_before: unit(adadelta) ** 2 * D_before}
    text = f"unit of AD-14: that of RMS[Δθ], {adadelta}, each ε having the unit of what it is added to"
    yield identity(move.xreplace(units), unit(adadelta) * move, text)
    for exponents, name in ((newton, "Newton's step"), (adadelta, "AD-14")):
        summed = AD_15.right.xreplace({theta: scale * theta, delta: unit(exponents) * delta})
        yield identity(summed, scale * AD_15.right, f"AD-15 may add {name} to θ_t: it has the unit of θ, whatever J's")
    summed = AD_15.right.xreplace({theta: scale * theta, delta: unit(descent) * delta})
    at = {theta: 0, delta: 1, scale: 2, c: 1}
    yield counterexample("AD-15 may not add a step of SGD-1", summed, scale * AD_15.right, at)
    yield identity(Matrix(descent) + Matrix(rate), Matrix([0, 1]), f"unless η has the unit {rate}")


T_AD_3 = Theorem(
    "T-AD-3",
    "Exponents of the units of (J, θ): gradient {slope}, second derivative {curvature}; a step of gradient descent "
    "{descent}, of Newton {newton}, of Adadelta {adadelta}, whatever the unit of J. Gradient descent's step has the "
    "unit of θ only where η has {rate}.",
    _units,
    {
        "slope": Tuple(1, -1),
        "curvature": Tuple(1, -2),
        "descent": Tuple(1, -1),
        "newton": Tuple(0, 1),
        "adadelta": Tuple(0, 1),
        "rate": Tuple(-1, 2),
    },
    "J twice differentiable; η without a unit but in the last clause; H ≠ 0; an ε for each root",
    "That Adadelta's step has some unit by itself is what AD-14 says; that this is the unit of θ, AD-15.",
)


# T-AD-4: the same, in numbers --------------------------------------------------------------------------------------


def two_eps():
    """Return AD-14 with an ε of its own in each root."""
    return replace(AD_14, right=AD_14.right.xreplace({D_before + eps: D_before + eps_delta, E + eps: E + eps_g}))


def _equivariance(gradient_eps, step_eps):
    apart = two_eps()
    yield identity(apart.right.subs({eps_g: eps, eps_delta: eps}), AD_14.right, "AD-14 is the case ε_g = ε_Δ = ε")
    slope = Derivative(J(theta), theta)
    found = diff(c * J(scale * point), point)
    yield identity(
        found, c * scale * slope.subs(theta, scale * point), "the gradient in φ of c J(λ φ) is c λ times J's"
    )
    equations = (AD_1, apart, AD_12, AD_15)
    ours = after(equations)
    other = {E_before: (c * scale) ** 2 * E_before, D_before: D_before / scale**2, theta: theta / scale}
    theirs = after(equations, {**other, g: c * scale * g, eps_g: gradient_eps, eps_delta: step_eps})
    factors = {E: (c * scale) ** 2, D: scale**-2, delta: 1 / scale, theta_next: 1 / scale}
    yield induction(
        identity(
            Matrix([other[E_before], other[D_before]]).subs({E_before: 0, D_before: 0}),
            Matrix([0, 0]),
            "both start at 0",
        ),
        identity(
            Matrix([theirs[symbol] for symbol in factors]),
            Matrix([factor * ours[symbol] for symbol, factor in factors.items()]),
            "E[g²]_t, E[Δθ²]_t, Δθ_t and θ_{t+1} are multiplied by (c λ)², 1/λ², 1/λ and 1/λ",
        ),
        "φ_t = θ_t/λ for all t",
    )
    at = {E_before: 0, D_before: 0, gamma: Q(1, 2), g: 1, eps: 1, c: 1, scale: 2, theta: 0}
    one = step({**other, g: c * scale * g})[theta_next]
    yield counterexample(
        "with one ε for both, and left as it is, φ_2 is not θ_2/λ", one, step()[theta_next] / scale, at
    )


T_AD_4 = Theorem(
    "T-AD-4",
    "Run on c J(λ φ) from φ_1 = θ_1/λ, with {gradient_eps} for the ε of RMS[g] and {step_eps} for that of RMS[Δθ], "
    "Adadelta gives φ_t = θ_t/λ for all t. With a single ε for both it does not: the document's method depends on "
    "units.",
    _equivariance,
    {"gradient_eps": (c * scale) ** 2 * eps_g, "step_eps": eps_delta / scale**2},
    "c, λ > 0; both averages start at 0; ε_g, ε_Δ > 0",
    "What the argument about units claims, made exact (E-16).",
)


# T-AD-5: Newton ----------------------------------------------------------------------------------------------------


def _newton(landing, ratio):
    def on_bowl(expression):
        return expression.replace(J, Lambda(point, hessian * (point - minimum) ** 2 / 2)).doit()

    towards = on_bowl(-first / second)
    yield both_signs(parameter + towards, landing, hessian, f"θ - J'/J'' = {landing}")
    sides = (on_bowl(AD_11.left), on_bowl(AD_11.right).subs(newton_step, towards))
    away = Symbol("away", positive=True)
    for where, word in ((minimum - away, "below"), (minimum + away, "above")):
        here = (side.subs(parameter, where) for side in sides)
        yield both_signs(*here, hessian, f"AD-11 holds for Newton's step from a θ {word} θ*")
    inverse = 1 / hessian**2
    past = {D_before: E_before * inverse, delta: -g / hessian}
    yield induction(
        identity((E_before * inverse).subs(E_before, 0), S.Zero, "both averages start at 0"),
        both_signs(AD_12.right.xreplace(past), AD_1.right * inverse, hessian, "AD-12 and AD-1 keep their ratio"),
        "after steps -g_i/H, E[Δθ²]_t is E[g²]_t/H²",
    )
    mean = Symbol("E[g²]_t", positive=True)
    by_rms = AD_13.right.xreplace({eps: S.Zero}).subs({D: E * inverse}).subs(E, mean)
    yield both_signs(by_rms, -ratio * g, hessian, f"so RMS[Δθ]_t/RMS[g]_t in AD-13 is {ratio}, with ε = 0")
    upward = Symbol("H", positive=True)
    yield identity((-ratio * g).subs(hessian, upward), -g / upward, "which makes Newton's step where H > 0")
    at = {g: 1, hessian: -1}
    yield counterexample("but not where H < 0, the sign being lost", -ratio * g, -g / hessian, at)


T_AD_5 = Theorem(
    "T-AD-5",
    "On J = H (θ - θ*)²/2 Newton's step -J'/J'' leads to {landing} at once, and AD-11 holds for it. After steps "
    "Δθ_i = -g_i/H the ratio RMS[Δθ]_t/RMS[g]_t is {ratio}: the curvature's inverse without its sign.",
    _newton,
    {"landing": minimum, "ratio": 1 / Abs(hessian)},
    "H ≠ 0; θ ≠ θ* in AD-11; ε = 0 and E[g²]_t > 0 in the ratio",
    "The ratio is of one t, as in AD-13; AD-14 has the numerator of the step before.",
)


# T-AD-6: ε as a hidden learning rate -----------------------------------------------------------------------------


def _hidden_rate(first_step, default, larger):
    still = step({eps: S.Zero, D_before: S.Zero})
    yield induction(
        identity(still[delta], S.Zero, "E[Δθ²]_0 = 0 = ε gives Δθ_1 = 0"),
        identity(Matrix([still[D], still[theta_next]]), Matrix([0, theta]), "then E[Δθ²]_t = 0 again, and θ stays"),
        "with ε = 0 nothing ever moves",
    )
    start = step({E_before: S.Zero, D_before: S.Zero})[delta]
    yield from within(start, first_step, f"|Δθ_1| < {first_step}, by the squares", strict=True)
    squared = (start / first_step) ** 2
    yield computation(
        "limit of (Δθ_1)²/bound² as ε -> 0", limit(squared.subs(g, size), eps, 0, "+"), S.One, "near it if ε is small"
    )
    yield computation("limit of (Δθ_1)²/bound² as g_1 -> oo", limit(squared, g, oo), S.One, "or if g_1 is long")
    for number, value in ((Q(1, 10**8), default), (Q(1, 10**6), larger)):
        there = first_step.subs({gamma: RMS_3.right, eps: number})
        yield computation(f"at γ = 0.9, ε = {number}", there, value, f"which is about {value.evalf(3)}")


T_AD_6 = Theorem(
    "T-AD-6",
    "ε is a hidden learning rate. With ε = 0 Adadelta never leaves its start; with ε > 0 its first step is shorter "
    "than {first_step}, and about as long for small ε: {default} for γ = 0.9 and ε = 1e-8, {larger} for ε = 1e-6.",
    _hidden_rate,
    {"first_step": sqrt(eps) / sqrt(1 - gamma), "default": sqrt(10) / 10**4, "larger": sqrt(10) / 10**3},
    "both averages start at 0; g_1 ≠ 0; 0 < γ < 1",
)


# T-AD-7: a constant gradient -------------------------------------------------------------------------------------


def _fixed_point(square, limiting, factor):
    yield identity(AD_1.right - square, gamma * (E_before - square), f"AD-1 takes E[g²] - {square} to γ times that")
    settled = step({E_before: square})
    yield identity(
        settled[D] - square, factor * (D_before - square), f"there, E[Δθ²] - {square} gets {factor} times what it was"
    )
    yield at_most(0, factor, f"{factor} >= 0")
    yield at_most(factor, 1, f"{factor} < 1: the fixed point is the only one, and attracts", strict=True)
    found = solve(settled[D] - D_before, D_before)
    yield computation(
        "solve E[Δθ²]_t = E[Δθ²]_{t-1}", FiniteSet(*found), FiniteSet(square), f"E[Δθ²] stays at {square} alone"
    )
    yield identity(settled[delta].subs(D_before, square), limiting, f"where Δθ_t = {limiting}")
    # From the start, where E[g²]_t is still growing: the same with coefficients that tend to those above.
    grown = square * (1 - gamma**t)
    yield solves(grown, AD_1.right, E_before, f"AD-1 from 0 gives E[g²]_t = {grown}")
    later = after((AD_14, AD_12), {E: grown})[D]
    slope = later.diff(D_before)
    rest = (later - square).subs(D_before, square)
    yield identity(later - square, slope * (D_before - square) + rest, "then E[Δθ²] follows a linear recurrence")
    yield tends(slope.subs(g, size).factor(), factor.subs(g, size), f"whose factor tends to {factor} < 1")
    yield tends(rest.subs(g, size).factor(), S.Zero, f"and whose rest tends to 0, so that E[Δθ²]_t tends to {square}")


T_AD_7 = Theorem(
    "T-AD-7",
    "Under a constant gradient E[g²]_t and E[Δθ²]_t both tend to {square}, the only fixed point, and Δθ_t to "
    "{limiting}: gradient descent with the learning rate 1. Near it the distance of E[Δθ²] is multiplied by {factor} "
    "a step.",
    _fixed_point,
    {"square": g**2, "limiting": -g, "factor": gamma + (1 - gamma) * g**2 / (g**2 + eps)},
    "g_1 = g_2 = ... = g ≠ 0; both averages start at 0; ε > 0; 0 < γ < 1",
    "Used besides: a linear recurrence whose factor tends to less than 1 and whose rest tends to 0 tends to 0.",
)

ADADELTA = (T_AD_1, T_AD_2, T_AD_3, T_AD_4, T_AD_5, T_AD_6, T_AD_7)
