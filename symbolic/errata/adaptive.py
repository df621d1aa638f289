"""Errata of Adagrad, Adadelta and RMSprop."""

from sympy import Integer, Matrix, Rational, S, Symbol, diag, eye, limit, ones, oo, sqrt

from ..equations.adadelta import (
    AD_1,
    AD_2,
    AD_3,
    AD_4,
    AD_6,
    AD_8,
    AD_12,
    AD_14,
    D_before,
    E,
    E_before,
    delta,
    f,
    n,
    parameter,
    time,
    x,
)
from ..equations.adagrad import AG_6, AG_7, G
from ..equations.forms import Unit
from ..equations.notation import NablaJ, eps, eta, g, gamma, theta
from ..equations.rmsprop import RMS_3
from ..equations.sgd import GD_1
from ..evidence import at_most, computation, counterexample, identity, induction
from ..theorems.running import after, moved
from .descent import NOTATION
from .erratum import Erratum

SMALL = Rational("1e-8")
NINE_TENTHS = RMS_3.right  # the γ of the document
total = Symbol("G", positive=True)
size = Symbol("g", positive=True)


def step(**known):
    """Return AG-7's Δθ_t, with the values in `known` for G (G_t itself) and g."""
    right = AG_7.right - theta
    return right.xreplace({{"G": G, "g": g, "eps": eps}[name]: S(value) for name, value in known.items()})


# E-08: which operation comes first ------------------------------------------------------------------------------------


def _order(literal, right):
    yield identity(-step(G=total, g=1), right, "AG-7: add ε, root, invert, times η")
    yield identity(literal.subs(eps, 0), right.subs(eps, 0), "with ε = 0 both orders are the same")
    # Both are positive, so their squares compare as they do.
    yield at_most(
        right**2, literal**2, "with ε > 0 the order told in the text always gives the larger rate", strict=True
    )
    yield counterexample("both orders give one rate", literal, right, {total: 1, eps: 3, eta: 1})
    yield computation(
        "limit as G -> oo", limit(literal, total, oo), eta * sqrt(eps), "invert first: the rate stays above η√ε"
    )
    yield computation("limit as G -> oo", limit(right, total, oo), S.Zero, "add ε first: the rate tends to 0")
    yield computation(
        "limit as G -> 0", limit(literal, total, 0), oo, "invert first: ε does not keep G = 0 from dividing by 0"
    )


# E-09: ε off the diagonal ---------------------------------------------------------------------------------------------


def _off_diagonal(literal, right):
    first, second = total, Symbol("G_2", positive=True)
    squares, gradient = diag(first, second), Matrix([size, Symbol("g_2", real=True)])
    root = diag(*(1 / sqrt(entry + eps) for entry in (first, second)))
    yield identity(root * root * (squares + right), eye(2), f"the inverse root of G + {right.tolist()}")
    alone = Matrix([-step(G=squares[k, k], g=gradient[k]) for k in (0, 1)])
    yield identity(eta * root * gradient, alone, "times ηg_t: coordinate by coordinate as AG-7")
    # ε on every entry: for G_1 = G_2 the eigenvalues are G and G + 2ε, with (1, -1) and (1, 1).
    low, high = 1 / sqrt(total + 2 * eps), 1 / sqrt(total)
    mixed = (low * ones(2) + high * Matrix([[1, -1], [-1, 1]])) / 2
    yield identity(
        mixed * mixed * (diag(total, total) + literal), eye(2), f"the inverse root of G + {literal.tolist()}"
    )
    other = (eta * mixed * Matrix([size, 0]))[1]
    yield identity(other, eta * size * (low - high) / 2, "with that, a gradient (g, 0) moves the second coordinate too")
    yield at_most(low**2, high**2, "since its two eigenvalues are not equal", strict=True)
    yield counterexample("both readings give one step", other, 0, {total: 1, eps: 4, eta: 1, size: 1})


# E-10: the rate and the step ------------------------------------------------------------------------------------------


def _rate_and_step(bound):
    rate = -step(g=1)
    small = rate.subs({G: SMALL, eps: SMALL})
    yield at_most(bound**2, small**2, f"G_t = ε = 1e-8: the rate is above {bound}", strict=True)
    yield counterexample(f"the rate is at most {bound}", rate, bound, {G: Rational(1, 4), eps: SMALL, eta: 1})
    squared = (moved((AG_6, AG_7))) ** 2
    yield at_most(squared, bound**2, f"the step is below {bound}, for every coordinate and every G_(t-1)", strict=True)


# E-14: RMS, with ε or without -----------------------------------------------------------------------------------------


def _rms(first):
    squares = [Symbol(f"g_{k}", real=True) ** 2 for k in (1, 2)]
    equal = AD_3.right.subs(n, 2).doit().subs({x[k]: sqrt(squares[k - 1]) for k in (1, 2)})
    decaying = AD_1.right.subs({E_before: AD_1.right.subs({E_before: 0, g: sqrt(squares[0])}), g: sqrt(squares[1])})
    numbers = {Symbol("g_1", real=True): 1, Symbol("g_2", real=True): 0, gamma: NINE_TENTHS}
    yield counterexample("AD-3 squared is E[g²]_t", equal**2, decaying, numbers)
    yield identity(AD_4.right, AD_2.right, "RMS[g]_t = √(E[g²]_t + ε) makes AD-4 the same as AD-2")
    # Without ε, Adadelta never starts: E[Δθ²]_0 = 0 makes Δθ_1 = 0, and so on.
    step_plain, average_plain = (equation.right.subs(eps, 0) for equation in (AD_14, AD_12))
    still = step_plain.subs(D_before, 0)
    rests = average_plain.subs({D_before: 0, delta: still})
    base = identity(rests.subs(E, AD_1.right.subs({E_before: 0, g: size})), 0, "E[Δθ²]_1 = 0, for g_1 > 0")
    onward = identity(rests.subs(E, total), 0, "E[Δθ²]_t = 0 where E[Δθ²]_{t-1} = 0 and E[g²]_t > 0")
    yield induction(base, onward, "without ε, E[Δθ²] stays 0")
    yield identity(still.subs(E, total), 0, "and then every step is 0")
    begun = AD_14.right.subs({D_before: 0, E: AD_1.right.subs(E_before, 0)})
    yield identity(begun, first, f"with ε its first step is {first}")
    yield at_most(0, first.subs(g, size) ** 2, "and not 0 where the gradient is not", strict=True)


# E-15, E-16: units ----------------------------------------------------------------------------------------------------


def _what_is_updated(step_unit):
    derivative = AD_6.right.subs(n, 1)
    descent = derivative.subs({Unit(f(time)): 1, Unit(time): Unit(parameter)})
    yield identity(descent, step_unit, f"AD-6 for the gradient of a J without a unit: {step_unit}")
    yield identity(AD_8.right, step_unit, "which is what AD-8 says, θ in the place of t")
    # The document's example compares unit(f) with that of df/dt; descent compares unit(θ) with that of dJ/dθ.
    example, needed = Unit(f(time)) / derivative, Unit(parameter) / descent
    second = Integer(2)
    yield counterexample(
        "both are off by the same unit, here one of 2",
        example.subs(Unit(time), second),
        needed.subs(Unit(parameter), second),
    )
    # In numbers: J = θ²/2 from θ = 1 with η = 1/2; the value moved by the derivative, and the value after a step.
    start, rate = {theta: 1, eta: Rational(1, 2)}, GD_1.right.subs(NablaJ(theta), theta)
    value = (theta**2 / 2).subs(theta, rate).subs(start)
    yield counterexample("to move J by dJ/dθ is a step of descent", (theta**2 / 2 - eta * theta).subs(start), value)


def _one_eps(gradients, steps):
    scale = Symbol("s", positive=True)
    two = Symbol("ε_g", positive=True), Symbol("ε_Δ", positive=True)

    def rescaled(eps_g, eps_delta):
        """Return Δθ_t measured as s Δφ_t, for θ = sφ, with an ε for each RMS."""
        right = AD_14.right.subs({E + eps: E + eps_g, D_before + eps: D_before + eps_delta})
        return scale * right.subs({g: scale * g, E: scale**2 * E, D_before: D_before / scale**2}, simultaneous=True)

    squares = AD_1.right.subs({g: scale * g, E_before: scale**2 * E_before}, simultaneous=True)
    yield identity(squares, scale**2 * AD_1.right, "in the unit of φ = θ/s, E[g²] is s² times as large")
    steps_squared = AD_12.right.subs({delta: delta / scale, D_before: D_before / scale**2}, simultaneous=True)
    yield identity(steps_squared, AD_12.right / scale**2, "and E[Δθ²] is 1/s² times as large")
    plain = AD_14.right.subs({E + eps: E + two[0], D_before + eps: D_before + two[1]})
    both = {two[0]: gradients.subs(eps, two[0]), two[1]: steps.subs(eps, two[1])}
    yield identity(
        rescaled(both[two[0]], both[two[1]]),
        plain,
        f"with ε_g -> {both[two[0]]} and ε_Δ -> {both[two[1]]} the step is the same in any unit",
    )
    numbers = {g: 1, E: 1, D_before: 0, eps: 1, scale: 2}
    yield counterexample(
        "with one ε, the same in every unit, the step is the same", rescaled(eps, eps), AD_14.right, numbers
    )


# E-19: γ and ε are not stated -----------------------------------------------------------------------------------------


def _missing_values(inherited, zeiler):
    begun = after((AD_1, AD_14), {E_before: S.Zero, D_before: S.Zero})[delta]
    yield identity(begun, -sqrt(eps) / sqrt((1 - gamma) * g**2 + eps) * g, "the first step by γ and ε, from E = D = 0")
    one, other = ({gamma: values[0], eps: values[1], g: 1} for values in (inherited, zeiler))
    yield counterexample(
        f"γ, ε = {tuple(inherited)} and Zeiler's {tuple(zeiler)} begin alike", begun.subs(one), begun.subs(other)
    )
    ratio = (begun.subs(other) / begun.subs(one)) ** 2
    yield at_most(100, ratio, "Zeiler's first step on a gradient of 1 is more than 10 times as long", strict=True)


# E-31: ε inside the root, or outside ----------------------------------------------------------------------------------


def _inside_outside(inside, outside):
    yield identity(-step(G=total, g=1), inside, "AG-7 has ε inside the root")
    yield identity(inside.subs(eps, 0), outside.subs(eps, 0), "without ε both are the same")
    yield identity(1 / outside**2 - 1 / inside**2, (2 * sqrt(total) * eps + eps**2 - eps) / eta**2, "how they differ")
    numbers = {total: 1, eps: SMALL, eta: 1}
    yield counterexample("both give one rate", inside, outside, numbers)
    floors = [limit(rate, total, 0).subs({eps: SMALL, eta: 1}) for rate in (inside, outside)]
    yield computation(
        "limit as G -> 0 at ε = 1e-8",
        Matrix(floors),
        Matrix([10**4, 10**8]),
        "the rate of a tiny G: η/1e-4 inside, η/1e-8 outside",
    )


ADAPTIVE = (
    Erratum(
        "E-07",
        "C",
        "Adagrad, AG-3",
        "g_{t,i} is called a vector, and written as a gradient of J at the number θ_{t,i}.",
        "A number: the partial derivative of J by θ_i, taken at θ_t.",
        reason=NOTATION,
    ),
    Erratum(
        "E-08",
        "A",
        "Adagrad, what is said about AG-7",
        "The text inverts the entries of G, adds ε, takes the root and multiplies by η: η√(1/G + ε).",
        "Add ε, take the root, invert, multiply: η/√(G + ε), as AG-5 has it.",
        _order,
        {"literal": eta * sqrt(1 / total + eps), "right": eta / sqrt(total + eps)},
    ),
    Erratum(
        "E-09",
        "A",
        "Adagrad, AG-7",
        "G_t is a matrix, so that + ε reaches the entries off its diagonal; ⊙ is explained as matrix times vector.",
        "ε on the diagonal alone, (G_t + εI)^(-1/2) g_t: each coordinate by itself.",
        _off_diagonal,
        {"literal": eps * ones(2), "right": eps * eye(2)},
    ),
    Erratum(
        "E-10",
        "B",
        "Adagrad, the effect of AG-5",
        "Parameters that are updated often are said to move by less than η, as if others moved by more.",
        "Every step of every parameter is below η (T-AG-2). The rate η/√(G + ε) can be above η: where G + ε < 1.",
        _rate_and_step,
        {"bound": eta},
    ),
    Erratum(
        "E-11",
        "C",
        "Adagrad and conclusion",
        "Adagrad is said to store the gradients so far, or their sum.",
        "It stores the sum of their squares.",
        reason=NOTATION,
    ),
    Erratum(
        "E-13",
        "C",
        "Adadelta, AD-1",
        "E[g²]_t is called an expectation.",
        "A weighted average whose weights decay and add up to 1 - γ^t, since E[g²]_0 = 0 (T-AD-1); neither Adadelta "
        "nor RMSprop corrects that.",
        reason="a name; what the average is, is theorem T-AD-1",
    ),
    Erratum(
        "E-14",
        "A",
        "Adadelta, AD-3 and AD-4",
        "The root mean square of n numbers, equal weights and no ε, is put in the place of √(E[g²]_t + ε).",
        "RMS[x]_t = √(E[x²]_t + ε), in the numerator as in the denominator, as in Zeiler's paper.",
        _rms,
        {"first": -sqrt(eps) / sqrt((1 - gamma) * g**2 + eps) * g},
    ),
    Erratum(
        "E-15",
        "B",
        "Adadelta, the example of metres and seconds",
        "It moves f, in m, by df/dt, in m/s; descent does not move the function but its argument.",
        "θ is in the place of t: the step has the unit 1/unit(θ), and should have unit(θ).",
        _what_is_updated,
        {"step_unit": 1 / Unit(parameter)},
    ),
    Erratum(
        "E-16",
        "B",
        "Adadelta, AD-8 to AD-14",
        "The units are said to match in the end; with one ε added to squares of both units they do not.",
        "∝ means: has the unit of. The units match when each RMS has an ε in its own unit; with the one ε of the "
        "document, which this library has, they match up to ε.",
        _one_eps,
        {"gradients": Symbol("s", positive=True) ** 2 * eps, "steps": eps / Symbol("s", positive=True) ** 2},
    ),
    Erratum(
        "E-17",
        "C",
        "Adadelta, AD-7 beside AD-15",
        "The update is θ_t = θ_{t-1} + Δθ there and θ_{t+1} = θ_t + Δθ_t here.",
        "AD-15, which counts as all other updates do.",
        reason=NOTATION,
    ),
    Erratum(
        "E-18",
        "C",
        "Adadelta, AD-11",
        "The minus sign of Newton's step is there; Zeiler's paper leaves it out.",
        "Either: RMS drops the sign, and the minus of AD-14 is the one that counts.",
        reason=NOTATION,
    ),
    Erratum(
        "E-19",
        "A",
        "Adadelta",
        "Neither γ nor ε has a value.",
        "γ = 0.9, which the section on RMSprop gives, and ε = 1e-8 from Adagrad. Zeiler's paper has 0.95 and 1e-6.",
        _missing_values,
        {"inherited": (NINE_TENTHS, SMALL), "zeiler": (Rational("0.95"), Rational("1e-6"))},
    ),
    Erratum(
        "E-20",
        "C",
        "RMSprop, RMS-2",
        "E[g²] has no index, ε no value, and Geoff Hinton's name is misspelt.",
        "E[g²]_t, after its update; ε = 1e-8, inside the root.",
        reason=NOTATION,
    ),
    Erratum(
        "E-31",
        "B",
        "Adagrad, AG-5",
        "ε inside the root is given as the formula of Adagrad.",
        "It is Ruder's; Duchi, Hazan and Singer add it to the root. Inside, 1e-8 is a floor of 1e-4 for the root.",
        _inside_outside,
        {"inside": eta / sqrt(total + eps), "outside": eta / (sqrt(total) + eps)},
    ),
)
