"""Errata of Adam, AdaMax and NAdam, and of where everything starts."""

from sympy import Abs, Matrix, Max, Rational, S, Symbol, limit, oo, sqrt

from ..equations.adam import ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6, ADAM_7, m, m_before, m_hat, v, v_before, v_hat
from ..equations.adamax import AMX_3, AMX_5, AMX_6, norm, p, u, u_before
from ..equations.momentum import MOM_1, MOM_3, scaled
from ..equations.momentum import v_before as velocity_before
from ..equations.nadam import NAD_2, NAD_11, NAD_12, NAD_16, NAD_17, NAD_18, m_hat_before, m_next
from ..equations.notation import beta1, beta2, eps, eta, g, g_next, gamma, t, theta
from ..evidence import at_most, computation, counterexample, identity
from ..theorems.nadam import numerator
from ..theorems.recurrences import solves
from ..theorems.running import after
from .descent import NOTATION
from .erratum import Erratum

NINE_TENTHS = ADAM_7.right  # the document's β₁
size = Symbol("g", positive=True)


# E-21: what is biased -------------------------------------------------------------------------------------------------


def _biased_moments(first, second):
    yield solves(first, ADAM_2.right, m_before, f"a constant gradient g: m_t = {first}, less than g")
    yield solves(second, ADAM_3.right, v_before, f"and v_t = {second}, less than g²")
    yield identity(ADAM_4.right.subs(m, first), g, "ADAM-4 corrects m_t to g")
    yield identity(ADAM_5.right.subs(v, second), g**2, "ADAM-5 corrects v_t to g²")
    # The weights: without the correction the first step is longer, and away from 0 as well as towards it.
    start = {m_before: S.Zero, v_before: S.Zero, t: S.One, g: size}
    uncorrected = after((ADAM_2, ADAM_3), start) | {eps: S.Zero}
    uncorrected |= {m_hat: uncorrected[m], v_hat: uncorrected[v]}
    corrected = after((ADAM_2, ADAM_3, ADAM_4, ADAM_5), start) | {eps: S.Zero}
    steps = [ADAM_6.right.subs(values) - theta for values in (uncorrected, corrected)]
    numbers = {beta1: NINE_TENTHS, beta2: Rational("0.999"), eta: 1, size: 1}
    yield counterexample("without the correction the first step is the same", steps[0], steps[1], numbers)
    text = "it is more than 3 times as long: no pull towards 0"
    yield at_most(9 * steps[1].subs(numbers) ** 2, steps[0].subs(numbers) ** 2, text, strict=True)
    yield identity(steps[0].diff(theta), 0, "and the same wherever θ is, above 0 or below")
    # 0,999 read as a number above 1.
    typed = ADAM_7.written.rhs[1]
    yield at_most(
        ADAM_3.right.subs({v_before: 0, beta2: typed, g: size}), 0, f"β₂ = {typed}: v_1 < 0, no root", strict=True
    )


# E-22: AdaMax ---------------------------------------------------------------------------------------------------------


def _maximum_norm(update):
    yield identity(update, AMX_5.right, f"the reading given here: u_t = {update}")
    yield from _limits_in_p(update)
    # v_1 of Adam in the maximum, and the norm of all coordinates in the place of one.
    literal = AMX_5.written.rhs
    second_moment = literal.subs(v_before, ADAM_3.right.subs({v_before: 0, g: 4}))
    numbers = {u_before: 4, g: 1, norm: 1, beta2: Rational(1, 2)}
    yield counterexample("Adam's v_{t-1} does in AMX-5 as well: g = 4, then 1", second_moment, update, numbers)
    across = {v_before: 0, u_before: 0, norm: 4, g: 3, beta2: Rational(1, 2)}
    yield counterexample("‖g_t‖ is |g_t|: coordinate 3 of a gradient (3, 4), largest 4", literal, update, across)
    # All gradients 0 so far.
    nothing = {u: S.Zero, m_hat: S.Zero}
    divisor = eta * m_hat / (theta - AMX_6.written.rhs)
    yield identity(divisor.subs(u, 0), 0, "AMX-6 as written: 0/0 at u_t = 0, where all gradients so far were 0")
    yield identity(AMX_6.right.subs(nothing), theta, "AMX-6 as read here makes no step there")


def _limits_in_p(update):
    """Yield what v_2^(1/p) tends to, after g_1 = 4 and g_2 = 1 with β₂ = 1/2."""
    half = {beta2: Rational(1, 2)}

    def second(decay):
        """Return v_2 by AMX-3, with `decay` for β₂^p."""
        recurrence = AMX_3.right.subs(beta2**p, decay)
        return recurrence.subs({v_before: recurrence.subs({v_before: 0, g: 4}), g: 1})

    right = update.subs({u_before: update.subs({u_before: 0, g: 4}), g: 1}).subs(half)
    powered, plain = second(beta2**p).subs(half), second(Rational(1, 2))
    # The largest term has to be taken out of the root: SymPy's limits do not do that.
    top = (powered / 2**p).expand().powsimp() ** (1 / p) * 2
    how = "limit as p -> oo, after g = 4, then 1, β₂ = 1/2"
    yield computation(how, limit(top, p, oo), right, "β₂^p a power: v_t^(1/p) tends to u_t of AMX-5")
    yield counterexample("β₂^(p) any constant, as the text has it: also", limit(plain ** (1 / p), p, oo), right)
    yield computation(
        "limit of v_2 itself as p -> oo", limit(powered, p, oo), oo, "without the root 1/p there is no limit"
    )


# E-23 to E-25: NAdam --------------------------------------------------------------------------------------------------


def _next_moment(difference):
    next_one = NAD_2.right.xreplace({m_before: m, g: g_next})
    literal = NAD_12.right.subs(m_next, next_one)
    yield identity(NAD_11.right - literal, difference, f"NAD-11 less NAD-12 is {difference}")
    numbers = {theta: 0, m: 1, g: 1, g_next: 0, eta: 1, gamma: 0}
    yield counterexample("NAD-12 is what NAD-11 says", literal, NAD_11.right, numbers)


def _last_moment(factor):
    # One step on, so that t - 1 = 1, 2, ...: at t = 1 the corrected moment before is 0/0.
    later = {t: t + 1}
    before = ADAM_4.right.subs({m: m_before, t: t - 1})
    exact = NAD_17.right.subs(m_hat_before, factor * m_hat_before).subs(m_hat_before, before)
    yield identity(
        exact.subs(later), NAD_16.right.subs(later), f"NAD-17 with the factor {factor} before m̂_{{t-1}} is NAD-16"
    )
    yield identity((m_before / before).subs(t, 1), 0, "at t = 1 the divisor of m̂_{t-1} is 0, as m_0 is: 0/0")
    numbers = {t: 2, beta1: NINE_TENTHS, m_before: 1, g: 0, v_hat: 1, eps: 1, eta: 2, theta: 0}
    literal = NAD_17.right.subs(m_hat_before, before)
    yield counterexample("NAD-17 is NAD-16", literal, NAD_16.right, numbers)
    tends = limit(factor.subs(beta1, NINE_TENTHS), t, oo)
    yield computation("limit of the factor as t -> oo, β₁ = 0.9", tends, S.One, "later it hardly matters")
    ahead = NAD_16.right.subs(m_before, m)
    yield identity(ahead, NAD_18.right.subs(m_hat, ADAM_4.right), "NAD-16 with m_t for m_{t-1} is NAD-18 as well")


def _look_ahead(dozat, ratio):
    document = numerator(NAD_18).subs(m_hat, ADAM_4.right)
    fresh = (1 - beta1) * g / (1 - beta1**t)
    yield identity(dozat - fresh, ratio * (document - fresh), f"beside NAD-18, Dozat's m_t has the weight {ratio}")
    first = {t: 1, m: ADAM_2.right.subs(m_before, 0)}
    sizes = [form.subs(first).subs(g, size) / size for form in (document, dozat)]
    yield identity(Matrix(sizes), Matrix([1 + beta1, (1 + 2 * beta1) / (1 + beta1)]), "the first step, in terms of g_1")
    numbers = {beta1: NINE_TENTHS}
    yield counterexample("both make the same first step", sizes[0].subs(numbers), sizes[1].subs(numbers))
    extra = sqrt(beta2 * ADAM_5.right)
    yield counterexample(
        "the factor ν in Dozat's root changes nothing", extra, sqrt(ADAM_5.right), {beta2: Rational(1, 4), v: 3, t: 1}
    )


# E-27, E-29: where it starts ------------------------------------------------------------------------------------------


def _start(value):
    yield identity((m / ADAM_4.right).subs(t, 0), 0, "at t = 0 ADAM-4 divides by 0")
    yield at_most(0, (m / ADAM_4.right).subs(m, size), "at no t = 1, 2, ... it does", strict=True)
    moment = g * (1 - beta1**t)
    yield solves(
        moment, ADAM_2.right, m_before, f"from m_0 = {value} a constant gradient gives m_t = {moment}", start=value
    )
    yield identity(ADAM_4.right.subs(m, moment), g, "which ADAM-4 corrects to g")
    other = ADAM_4.right.subs({m: ADAM_2.right, t: 1})
    yield counterexample("from m_0 = 1 it does so too", other, g, {m_before: 1, g: 0, beta1: NINE_TENTHS})
    read = {scaled[t]: MOM_3.right}
    yield identity(
        MOM_1.right.subs(velocity_before, value), scaled[t].subs(read), f"v_1 = g̃_1 in MOM-3 says v_0 = {value}"
    )


def _half_corrected(norm_after, moment_after):
    yield solves(norm_after, AMX_5.right, u_before, f"a constant gradient g: u_t = {norm_after} from t = 1 on, no bias")
    yield solves(moment_after, ADAM_2.right, m_before, f"but m_t = {moment_after}, which is biased")
    constant = {u: Abs(size), m_hat: ADAM_4.right.subs(m, moment_after)}
    steps = theta - AMX_6.right.subs(constant).subs(g, size)
    yield identity(steps, eta, "with m̂_t every step is η")
    plain = theta - AMX_6.right.subs({u: Abs(size), m_hat: moment_after}).subs(g, size)
    yield counterexample(
        "with m_t as well", plain.subs(t, 1), steps, {beta1: NINE_TENTHS, eta: 1, theta: 0, size: 1, t: 1}
    )


MOMENTS = (
    Erratum(
        "E-21",
        "B",
        "Adam, and AdaMax's settings",
        "The weights are said to be biased towards 0; η has no value; β₂ is typed 0,999, in both sections.",
        "The estimates m_t and v_t of the moments are, from m_0 = v_0 = 0. η = 0.001, from Kingma and Ba; β₂ = 0.999.",
        _biased_moments,
        {"first": g * (1 - beta1**t), "second": g**2 * (1 - beta2**t)},
    ),
    Erratum(
        "E-22",
        "A",
        "AdaMax, AMX-3 to AMX-6",
        "β₂^p is said to be no power; ‖g_t‖ is a norm; the root 1/p is missing; v_{t-1} stands in the maximum; where "
        "all gradients were 0 the step is 0/0.",
        "A power. |g_t| of one coordinate: the norm runs over the steps, not over the coordinates. u_t is the limit of "
        "v_t^(1/p), max(β₂u_{t-1}, |g_t|). No step where u_t = 0.",
        _maximum_norm,
        {"update": Max(beta2 * u_before, Abs(g))},
    ),
    Erratum(
        "E-23",
        "B",
        "NAdam, NAD-12",
        "The step is said to be m_{t+1}, which would need the gradient at the point it leads to.",
        "NAD-11; it differs from m_{t+1} by η(g_{t+1} - g_t) (T-NAD-4).",
        _next_moment,
        {"difference": eta * (g_next - g)},
    ),
    Erratum(
        "E-24",
        "A",
        "NAdam, NAD-17",
        "m_{t-1}/(1 - β₁^t) is replaced by m̂_{t-1}, whose divisor is another.",
        "An approximation: exact with the factor (1 - β₁^(t-1))/(1 - β₁^t). NAD-18 does not depend "
        "on it: NAD-16 leads there too. Ruder has this step.",
        _last_moment,
        {"factor": (1 - beta1 ** (t - 1)) / (1 - beta1**t)},
    ),
    Erratum(
        "E-25",
        "A",
        "NAdam, NAD-18",
        "The moment that looks ahead is corrected by 1 - β₁^t.",
        "NAD-18 is the document's NAdam and this library's. Dozat corrects by 1 - β₁^(t+1), lets β₁ vary with t, and "
        "has a factor ν in the root.",
        _look_ahead,
        {
            "dozat": beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t),
            "ratio": (1 - beta1**t) / (1 - beta1 ** (t + 1)),
        },
    ),
    Erratum(
        "E-26",
        "C",
        "NAdam",
        "NAV is written for NAG, accelarated, and Memoment Adam.",
        "NAG; accelerated; Adaptive Moment Estimation.",
        reason="slips of the pen; there is nothing to compute",
    ),
    Erratum(
        "E-27",
        "A",
        "All algorithms",
        "Where the states start, and where t starts, is mostly not said.",
        "All states start at 0, and t at 1: t = 0 would divide by 0 in ADAM-4.",
        _start,
        {"value": S.Zero},
    ),
    Erratum(
        "E-29",
        "B",
        "AdaMax",
        "No bias is said to be left to correct.",
        "None in u_t. m_t is corrected as in Adam, and AMX-6 has m̂_t.",
        _half_corrected,
        {"norm_after": Abs(g), "moment_after": g * (1 - beta1**t)},
    ),
    Erratum(
        "E-32",
        "C",
        "Adam",
        "Decay rates are called small where β₁ and β₂ are near 1, though they are themselves called decay rates.",
        "What is small is how much is forgotten at a step.",
        reason=NOTATION,
    ),
)
