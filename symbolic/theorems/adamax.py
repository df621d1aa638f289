"""What follows from AdaMax's equations."""

from sympy import Abs, Max, Rational, S, Sum, Symbol, expand_power_base, limit, sign

from ..equations.adam import ADAM_2, ADAM_4, m, m_before
from ..equations.adam import v_before as power_before
from ..equations.adamax import AMX_3, AMX_5, AMX_6, AMX_7, p, u, u_before
from ..equations.notation import beta1, beta2, eta, g, g_at, gamma, i, letter, t
from ..evidence import at_most, computation, counterexample, identity, induction
from .recurrences import solves, tends, unrolled
from .running import after, both_signs, moved
from .theorem import Theorem

EQUATIONS = (ADAM_2, ADAM_4, AMX_5, AMX_6)
ZEROS = {m_before: S.Zero, u_before: S.Zero}
DEFAULTS = {setting.lhs: setting.rhs for setting in AMX_7.also}  # β₁ and β₂

b = letter("b", "b", nonnegative=True)
decayed = letter("β₂^p", r"\beta_2^p", nonnegative=True)
raised = letter("|g_t|^p", r"\left|{g_t}\right|^p", nonnegative=True)
largest = letter("M_{t-1}^p", "M_{t-1}^p", nonnegative=True)
slack = Symbol("slack", nonnegative=True)
x = Symbol("x", positive=True)


def in_decayed(expression):
    """Return an expression with one letter for β₂^p, which is in [0, 1) as β₂ is: β₂^(p k) is its power k."""
    return expression.replace(
        lambda e: e.is_Pow and e.base == beta2, lambda e: decayed ** (e.exp / p).expand(), simultaneous=True
    )


def _sum(total):
    yield unrolled(total, AMX_3.right.subs(g, g_at[t]), power_before, f"v_t = {total} for every t")


def _limit(low, high):
    yield at_most(0, (x**p).diff(x), "x^p increases with x, so powers may be taken inside a maximum", strict=True)
    powers = expand_power_base((beta2 * x) ** p), beta2**p * x**p
    yield computation("power of a product", *powers, "so u_t^p of AMX-5 is max(β₂^p u_{t-1}^p, |g_t|^p)")
    inside = in_decayed(AMX_3.right).subs(Abs(g) ** p, raised)
    low_inside, high_inside = in_decayed(low), in_decayed(high)
    yield _squeezed(inside, Max(decayed * largest, raised), low_inside, high_inside, decayed, "u_t")
    yield from _vanishing(low, high, beta2)


def _squeezed(power, power_of_largest, low, high, decay, name):
    """Return the Part that low M_t^p <= v_t <= high M_t^p at every t, for a v_t and a maximum M_t with recurrences."""

    def compare(held, at, extra):
        v, M = power.subs(power_before, held), power_of_largest.subs(largest, extra)
        return v, low.subs(t, at) * M, high.subs(t, at) * M

    v, below, above = compare(0, 1, 0)
    base = at_most(below, v, "low at t = 1", units=[decay]), at_most(v, above, "high at t = 1", units=[decay])
    v, below, _ = compare(low * largest + slack, t + 1, largest)
    first = at_most(below, v, "low, from t to t + 1, where v_t = low M_t^p + slack", units=[decay])
    v, _, above = compare(high * largest - slack, t + 1, largest)
    second = at_most(v, above, "high, from t to t + 1, where v_t = high M_t^p - slack", units=[decay])
    return induction(base, (first, second), f"({low}) M_t^p <= v_t <= ({high}) M_t^p, with {name} for M_t")


def _vanishing(low, high, decay):
    """Yield the Parts that the root 1/p of both bounds tends to 1 as p -> oo, the decay being in (0, 1)."""
    for bound in (low, high):
        found = limit(bound.subs(decay, 1 / (1 + x)) ** (1 / p), p, S.Infinity)
        yield computation(f"limit as p -> oo, {decay} = 1/(1 + x)", found, S.One, f"({bound})^(1/p) tends to 1")


def _maximum(term):
    # First by induction over the number of terms, with t fixed; then AMX-5 adds one.
    later = term.subs(t, t + 1)
    so_far = Symbol("max_{i<n}", nonnegative=True)
    one = identity(later, beta2 * term, "a term at t + 1 is β₂ times what it was at t")
    more = identity(Max(beta2 * so_far, later), beta2 * Max(so_far, term), "β₂ may be taken out of a maximum")
    yield induction(one, more, "the maximum of the terms i <= t at t + 1 is β₂ times that at t")
    maximum = AMX_5.right.subs(g, g_at[t])
    start = identity(maximum.subs({u_before: 0, t: 1}), term.subs({t: 1, i: 1}), "u_1 is the only term")
    step = identity(
        maximum.subs({u_before: so_far, t: t + 1}),
        Max(beta2 * so_far, later.subs(i, t + 1)),
        "AMX-5 adds the term i = t + 1 to β₂ times the maximum at t",
    )
    yield induction(start, step, f"u_t is the largest {term} with i <= t, for every t")


def _constant_coefficient(low, high):
    inside = AMX_3.right.subs(beta2**p, b).subs(Abs(g) ** p, raised)
    yield _squeezed(inside, Max(largest, raised), low, high, b, "the largest |g_i|")
    yield from _vanishing(low, high, b)
    u_1 = AMX_5.right.subs({u_before: 0, g: 1})
    u_2 = AMX_5.right.subs({u_before: u_1, g: 0})
    yield counterexample(
        "AMX-5 is not that maximum: u_2 for the gradients 1, 0", u_2, Max(1, 0), {beta2: DEFAULTS[beta2]}
    )


def _unbiased(norm, step):
    yield solves(norm, AMX_5.right, u_before, f"u_t = {norm} where every gradient is g_t")
    grown = g * (1 - beta1**t)
    yield solves(grown, ADAM_2.right, m_before, f"m_t = {grown} where every gradient is g_t")
    always = moved((ADAM_4, AMX_6), {m: grown, u: norm})
    yield both_signs(always, step, g, "ADAM-4 and AMX-6 with these, at every t")
    yield identity(always.subs(g, 0), 0, "and no step where the gradients are 0")
    yield both_signs(moved(EQUATIONS, ZEROS).subs(t, 1), step, g, "the first step, whatever the first gradient is")


def _bound(bound, limiting, second):
    away = [[(1 - beta1 * (1 + x), way)] for way in (1, -1)]
    order = {1: "β₁ < β₂", -1: "β₁ > β₂"}  # with β₂ = 1/(1 + x)
    K = (bound * (1 - beta1**t)).subs(beta2, 1 / (1 + x))
    size = Symbol("K", positive=True)
    following = (1 - beta1) + beta1 / beta2 * size
    grown = following.subs(beta2, 1 / (1 + x)).subs(size, K)
    for given in away:
        first = identity(K.subs(t, 1), 1 - beta1, "K_1 = 1 - β₁", given)
        step = identity(K.subs(t, t + 1), grown, f"K_{{t+1}} = {following}", given)
        yield induction(first, step, f"K_t = (1 - β₁^t) {bound}, {order[given[0][1]]}")
    yield at_most(0, following.subs(beta2, 1 / (1 + x)), "K_t > 0, as that keeps it so", strict=True)
    yield _kept(size, following)
    yield from _attained(bound, K, away)
    yield from _values(bound, limiting, second)


def _kept(size, following):
    """Return the Part that |m_t| <= K_t u_t at every t."""
    first = Abs(ADAM_2.right.subs(m_before, 0)), (1 - beta1) * AMX_5.right.subs(u_before, 0)
    start = at_most(*first, "t = 1, K_1 = 1 - β₁")
    below, under, above = (
        letter(f"({name})", rf"\left({name.replace('β₂', chr(92) + 'beta_2')}\right)", nonnegative=True)
        for name in ("K u_{t-1} - |m_{t-1}|", "u_t - |g_t|", "u_t - β₂ u_{t-1}")
    )
    sizes = {m_before: size * u_before - below, g: beta2 * u_before + above - under}
    apart = ADAM_2.right.subs({m_before: Abs(m_before), g: Abs(g)})
    steps = (
        at_most(Abs(ADAM_2.right), apart, f"|m_t| <= {apart}"),
        at_most(Abs(g), AMX_5.right, "|g_t| <= u_t"),
        at_most(beta2 * u_before, AMX_5.right, "β₂ u_{t-1} <= u_t"),
        at_most(
            ADAM_2.right.subs(sizes),
            following * (beta2 * u_before + above),
            "from K_t to K_{t+1}: with what is left of the three and of |m_{t-1}| <= K u_{t-1}",
            [(beta2, 1)],
        ),
    )
    return induction(start, steps, "|m_t| <= K_t u_t for every t, so that |m̂_t|/u_t is at most the bound")


def _attained(bound, K, away):
    """Yield the Parts that the gradients β₂^(t-1) make |m̂_t|/u_t equal to the bound, at every t."""
    falling = (1 + x) ** (1 - t)
    yield solves(
        falling, AMX_5.right.subs({g: falling, beta2: 1 / (1 + x)}), u_before, "u_t = β₂^(t-1) for g_t = β₂^(t-1)"
    )
    for given in away:
        yield solves(K * falling, ADAM_2.right.subs(g, falling), m_before, "m_t = K_t β₂^(t-1) for these", given=given)
        ratio = ADAM_4.right.subs(m, K * falling) / falling
        yield identity(ratio, bound.subs(beta2, 1 / (1 + x)), "so m̂_t/u_t is the bound itself", given)


def _values(bound, limiting, second):
    """Yield the Parts on the bound at t = 2, its limit, and a step that is longer than η."""
    given = [(beta2, 1)]
    for way in (1, -1):
        yield identity(bound.subs(t, 2), second, f"the bound at t = 2 is {second}", [*given, (beta2 - beta1, way)])
    yield at_most(1, second, "which exceeds 1 where β₁ > 0", [*given, (beta1, 1)], strict=True)
    below = {beta1: gamma * beta2}
    yield tends(bound.subs(below), limiting.subs(below), f"for β₁ = γ β₂ < β₂ the bound tends to {limiting}")
    yield identity(limiting.subs(DEFAULTS), Rational(111, 110), f"111/110 = 1.00909 at {DEFAULTS}")
    one = after(EQUATIONS, {**ZEROS, g: S.One})
    two = Abs(moved(EQUATIONS, {m_before: one[m], u_before: one[u], g: beta2}).subs(t, 2))
    yield counterexample("|θ_3 - θ_2| <= η, for the gradients 1, β₂", Max(two, eta), eta, {**DEFAULTS, eta: 1})


ADAMAX = (
    Theorem(
        "T-AMX-1",
        "v_t of AMX-3 is a sum of powers with weights that decay: v_t = {total}.",
        _sum,
        {"total": (1 - beta2**p) * Sum(beta2 ** (p * (t - i)) * Abs(g_at[i]) ** p, (i, 1, t))},
        "v_0 = 0",
    ),
    Theorem(
        "T-AMX-2",
        "v_t^(1/p) tends to u_t of AMX-5 as p -> oo, because it is squeezed: at every t and p, v_t is between u_t^p "
        "times {low} and u_t^p times {high}, and the roots 1/p of both factors tend to 1.",
        _limit,
        {"low": 1 - beta2**p, "high": t * (1 - beta2**p)},
        "v_0 = u_0 = 0, p > 0, β₂ > 0 for the limit",
        "What u_t is, T-AMX-3 says.",
    ),
    Theorem(
        "T-AMX-3",
        "u_t is the largest {term} with 1 <= i <= t.",
        _maximum,
        {"term": beta2 ** (t - i) * Abs(g_at[i])},
        "u_0 = 0",
    ),
    Theorem(
        "T-AMX-4",
        "The power p of β₂ in AMX-3 is no mere notation. With one coefficient b for all p, v_t is between {low} and "
        "{high} times the power p of the largest |g_i|, so that v_t^(1/p) tends to that maximum without any decay, and "
        "AMX-5 would be false.",
        _constant_coefficient,
        {"low": (1 - b) * b ** (t - 1), "high": 1 - b**t},
        "v_0 = 0, b in (0, 1)",
        "Erratum E-22.",
    ),
    Theorem(
        "T-AMX-5",
        "u_t needs no correction: while the gradient is constant, u_t = {norm} from t = 1 on and every step is {step}. "
        "So is the first step, whatever g_1 is.",
        _unbiased,
        {"norm": Abs(g), "step": -eta * sign(g)},
        "m_0 = u_0 = 0; for the steps, a gradient that is not 0",
    ),
    Theorem(
        "T-AMX-6",
        "|m̂_t|/u_t <= {bound}, which the gradients g_t = β₂^(t-1) attain at every t. At t = 2 it is {second} > 1, and "
        "for β₁ < β₂ it tends to {limiting}, which is 1.00909 with the document's β₁ and β₂: a step can be longer than "
        "η.",
        _bound,
        {
            "bound": (1 - beta1) * (1 - (beta1 / beta2) ** t) / ((1 - beta1**t) * (1 - beta1 / beta2)),
            "limiting": (1 - beta1) / (1 - beta1 / beta2),
            "second": (beta1 + beta2) / (beta2 * (1 + beta1)),
        },
        "m_0 = u_0 = 0, β₁, β₂ > 0, β₁ not β₂, u_t > 0",
    ),
)
