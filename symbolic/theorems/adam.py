"""What follows from Adam's equations."""

from dataclasses import replace

from sympy import Abs, Matrix, Product, S, Sum, Symbol, limit, sign, solve, sqrt

from ..equations.adadelta import E, E_before
from ..equations.adagrad import AG_6, AG_7, G_before
from ..equations.adagrad import G as G_after
from ..equations.adam import ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6, ADAM_7, m, m_before, m_hat, v, v_before, v_hat
from ..equations.nadam import m_hat_before
from ..equations.notation import beta1, beta2, eps, eta, g, g_at, gamma, i, letter, letter_base, t, theta
from ..equations.rmsprop import RMS_1
from ..equations.rmsprop import E_free as mean_square
from ..equations.sgd import SGD_1
from ..evidence import at_most, computation, counterexample, identity, induction
from .equivariance import sigma_square as variance
from .recurrences import linear, solves, tends, unrolled
from .running import after, both_signs, moved
from .theorem import Theorem

EQUATIONS = (ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6)
ZEROS = {m_before: S.Zero, v_before: S.Zero}
DEFAULTS = {ADAM_7.left: ADAM_7.right, ADAM_7.also[0].lhs: ADAM_7.also[0].rhs}  # β₁ and β₂
WEIGHTS = (1 - beta1) * Sum(beta1 ** (t - i), (i, 1, t))

c = letter("c", "c", real=True)
C = letter("C", "C", positive=True)
factor = letter("λ", r"\lambda", positive=True)
mean = letter("E[g]", "E[g]", real=True)
mu, j = letter_base("μ", r"\mu"), letter("j", "j", integer=True, positive=True)
w, w_before = letter("w_t", "w_t", positive=True), letter("w_{t-1}", "w_{t-1}", nonnegative=True)
slack = Symbol("slack", nonnegative=True)


def _sum(total):
    yield unrolled(total, ADAM_2.right.subs(g, g_at[t]), m_before, f"m_t = {total} for every t")


def _correction(total, closed):
    once = ADAM_2.right.subs(g, 1)
    yield unrolled(total, once, m_before, "the sum of the weights is what ADAM-2 makes of gradients that are all 1")
    yield solves(closed, once, m_before, f"and so is {closed}, for every t")
    second = ADAM_3.right.subs(g**2, mean_square)
    yield linear(ADAM_2.right, m_before, g)
    yield replace(linear(second, v_before, mean_square), statement="ADAM-3 is linear in v_{t-1} and g_t²")
    expected = mean * closed, mean_square * closed.subs(beta1, beta2)
    yield solves(expected[0], ADAM_2.right.subs(g, mean), m_before, f"so that E[m_t] = {expected[0]}")
    yield solves(expected[1], second, v_before, f"and E[v_t] = {expected[1]}")
    yield identity(ADAM_4.right.subs(m, expected[0]), mean, "ADAM-4 divides by the bias of m_t")
    yield identity(ADAM_5.right.subs(v, expected[1]), mean_square, "ADAM-5 divides by the bias of v_t")


def _varying(total, closed):
    varying = ADAM_2.right.subs({beta1: mu[t], g: 1})
    yield unrolled(total, varying, m_before, "the sum of the weights, for gradients that are all 1")
    yield solves(closed, varying, m_before, f"the same recurrence gives {closed}")
    constant = closed.xreplace({mu[j]: beta1}).doit()
    yield identity(constant, 1 - beta1**t, "for μ_t = β₁ it is the correction of ADAM-4")


def _constant(step, first):
    grown = {m: g * (1 - beta1**t), v: g**2 * (1 - beta2**t)}
    yield solves(grown[m], ADAM_2.right, m_before, f"m_t = {grown[m]} where every gradient is g_t")
    yield solves(grown[v], ADAM_3.right, v_before, f"v_t = {grown[v]} where every gradient is g_t")
    constant = moved((ADAM_4, ADAM_5, ADAM_6), grown)
    yield identity(constant, step, "put into ADAM-4, ADAM-5 and ADAM-6, at every t")
    at_first = moved(EQUATIONS, ZEROS).subs({t: 1, eps: 0})
    yield both_signs(at_first, first.subs(g_at[1], g), g, "the first step with ε = 0, whatever the first gradient is")


def _scale(multiplier, descent):
    scaled = {m_before: c * m_before, v_before: c**2 * v_before, g: c * g}
    plain, other = after(EQUATIONS), after(EQUATIONS, scaled)
    sides = (
        Matrix([other[m], other[v], (other[ADAM_6.left] - theta).subs(eps, Abs(c) * eps)]),
        Matrix([c * plain[m], c**2 * plain[v], multiplier * (plain[ADAM_6.left] - theta)]),
    )
    first = Matrix([scaled[m_before], scaled[v_before]]).subs(ZEROS)
    start = identity(first, Matrix([0, 0]), "m_0 = v_0 = 0 are c and c² times themselves")
    for way, text in ((1, "c > 0"), (-1, "c < 0")):
        step = identity(*sides, "m_t, v_t and the step, from those before", given=[(c, way)])
        yield induction(start, step, f"for {text}, m_t is multiplied by c, v_t by c², the step by {multiplier}")
    numbers = {g: 1, c: 2, eta: 1, eps: 1, t: 1, beta1: S.Half, beta2: S.Half, theta: 0}
    unscaled = moved(EQUATIONS, {**ZEROS, g: c * g})
    same = moved(EQUATIONS, ZEROS)
    yield counterexample("with ε as it was, the step is not the same", unscaled, same, numbers)
    downhill = moved((SGD_1,), gradient=c * g), descent * moved((SGD_1,), gradient=g)
    yield identity(*downhill, "gradient descent")


def _hat(rate, floor):
    reordered = theta - rate * m / (sqrt(v) + floor)
    document = after((ADAM_4, ADAM_5, ADAM_6))[ADAM_6.left]
    yield identity(document, reordered, f"{ADAM_6.left} = {reordered}")


def _bounds(spike, bound):
    rest = after((ADAM_2, ADAM_3), {**ZEROS, g: S.Zero})
    yield identity(Matrix([rest[m], rest[v]]), Matrix([0, 0]), "m and v stay 0 as long as the gradients are 0")
    jump = Abs(moved(EQUATIONS, ZEROS)).subs(eps, 0)
    ready = -moved(EQUATIONS, {**ZEROS, g: S.One}).subs(eps, 0)
    yield both_signs(jump, ready, g, "after them the first other gradient moves θ as far as 1 would, with ε = 0")
    yield tends(ready, spike, f"that length tends to {spike}")
    yield identity(spike.subs(DEFAULTS), sqrt(10) * eta, "√10 η = 3.162 η with the document's β₁ and β₂")
    yield from _cauchy_schwarz(bound)


def _cauchy_schwarz(bound):
    """Yield the Parts that |m̂_t| <= bound * √v̂_t: the induction keeps m_t² <= K v_t for one K."""
    long = [(beta2, 1), (beta2 - beta1**2, 1)]
    K = (bound**2 * (1 - beta1**t) ** 2 / (1 - beta2**t)).subs(t, 1)
    yield identity(bound**2 * (1 - beta1**t) ** 2, K * (1 - beta2**t), f"m_t² <= K v_t is wanted, K = {K}", long)
    yield at_most(0, K, "K > 0", long, strict=True)
    # That m_{t-1}² <= K v_{t-1} is put in by what v_{t-1} has more than it must.
    held = {v_before: m_before**2 / K + slack}
    gap = K * ADAM_3.right.subs(held) - ADAM_2.right**2
    fraction = K * (1 - beta2)
    square = (beta2 * (1 - beta1) * m_before - beta1 * fraction * g) ** 2 / (beta2 * fraction)
    rest = K * beta2 * slack
    step = (
        identity(gap, square + rest, f"K v_t - m_t² = {square} + {rest}, where v_{{t-1}} = m_{{t-1}}²/K + slack", long),
        at_most(0, square, "the first is a square", long),
        at_most(0, rest, "the second is not negative", long),
    )
    start = at_most(ADAM_2.right.subs(ZEROS) ** 2, K * ADAM_3.right.subs(ZEROS), "t = 1", long)
    yield induction(start, step, "m_t² <= K v_t at every t: Cauchy and Schwarz, one term at a time")
    value = after((ADAM_4, ADAM_5), {m: m, v: m**2 / K + slack})
    yield at_most(value[m_hat] ** 2, bound**2 * value[v_hat], "hence m̂_t² <= bound² v̂_t", long)
    positive = Symbol("√v̂_t", positive=True)
    step = Abs((ADAM_6.right - theta).subs(v_hat, positive**2))
    yield at_most(step, eta * Abs(m_hat) / positive, "and a step is at most η |m̂_t|/√v̂_t long (0 where v̂_t is)")


def _limits(signs, rmsprop, smooth, average):
    still = {beta1: S.Zero, beta2: S.Zero}
    yield both_signs(
        moved(EQUATIONS).subs({**still, eps: 0}), signs, g, "β₁ = β₂ = 0 and ε = 0: sign descent, at every t"
    )
    squares = ADAM_3.right.subs({beta2: gamma, v_before: E_before})
    yield identity(squares, RMS_1.right, "v_t is RMSprop's E[g²]_t with β₂ for γ")
    corrected = moved((ADAM_2, ADAM_4, ADAM_5, ADAM_6), {v: E}).subs({beta1: 0, beta2: gamma})
    yield identity(corrected, rmsprop, "β₁ = 0: RMSprop with its mean corrected, and ε outside the root")
    yield computation(
        "limit as ε -> oo with η = λ ε",
        limit((ADAM_6.right - theta).subs(eta, factor * eps), eps, S.Infinity),
        smooth,
        "η = λ ε, ε -> oo: descent along the corrected average of the gradients",
    )
    weighted = (1 - beta2) * Sum(beta2 ** (t - i) * g_at[i] ** 2, (i, 1, t))
    yield unrolled(weighted, ADAM_3.right.subs(g, g_at[t]), v_before, f"v_t = {weighted}")
    yield from _long_memory(average)


def _long_memory(average):
    """Yield the Parts that v̂_t tends to the plain average as β₂ -> 1, with which Adam is Adagrad."""
    (total,) = average.atoms(Sum)
    near = Symbol("β", positive=True)
    weight = ADAM_5.right.subs(v, (1 - beta2) * beta2 ** (t - i)).subs(beta2, near)
    found = limit(weight, near, 1) * g_at[i] ** 2
    yield computation(
        "limit of the weight as β₂ -> 1", found, average.xreplace({total: total.function}), "every term of v̂_t"
    )
    plain = Sum(g_at[i] ** 2, (i, 1, t))
    yield unrolled(plain, AG_6.right.subs(g, g_at[t]), G_before, "Adagrad's G_t is the sum of squares")
    limiting = {v_hat: average.xreplace({total: G_after}), eta: eta / sqrt(t), eps: S.Zero}
    adam = (ADAM_6.right - theta).subs(m_hat, ADAM_4.right).subs(m, ADAM_2.right).subs(beta1, 0).subs(limiting)
    adagrad = (AG_7.right - theta).subs(eps, 0)
    yield identity(adam, adagrad, "so Adam with β₁ = 0, η/√t and ε = 0 tends to Adagrad", [(G_after, 1)])


def _variance(spread, limiting):
    slope, weight = ADAM_2.right.diff(m_before), ADAM_2.right.diff(g)
    before = Symbol("Var m_{t-1}", nonnegative=True)
    yield linear(ADAM_2.right, m_before, g)
    yield solves(
        spread, slope**2 * before + weight**2 * variance, before, f"Var m_t = {spread}: variances of independent add"
    )
    yield tends(spread, limiting, f"it tends to {limiting}")


def _reddi(decay, average):
    beyond = Symbol("x", positive=True)
    cycle = (2 + beyond, S.NegativeOne, S.NegativeOne)
    decay = decay.subs(C, cycle[0])
    average = average.subs(C, cycle[0])
    yield identity(sum(cycle) / 3, average, "the mean gradient")
    yield at_most(0, average, "is positive for C = 2 + x, x > 0: descent decreases θ", strict=True)
    yield at_most(0, decay, f"β₂ = {decay} is in (0, 1)", strict=True)
    yield at_most(decay, 1, f"β₂ = {decay} is in (0, 1)", strict=True)
    squares = ADAM_3.right.subs(beta2, decay)
    V = [Symbol(f"V{k}", positive=True) for k in (1, 2, 3)]
    ring = [squares.subs({v_before: V[k - 1], g: cycle[k]}) for k in range(3)]
    (found,) = solve([V[k] - ring[k] for k in range(3)], V, dict=True)
    yield identity(
        Matrix([found[x] for x in V]), Matrix(ring).subs(found), f"v repeats itself every three steps: {found}"
    )
    for x in V:
        yield at_most(0, found[x], f"{x} > 0", strict=True)
    other = Symbol("v'", nonnegative=True)
    gap = squares.subs(v_before, other) - squares
    yield identity(gap, decay * (other - v_before), "any other v comes β₂ times nearer to it at every step")
    yield tends(beta2**t, 0, "so v_t tends to it, and v̂_t as well")
    drift = [
        moved((ADAM_2, ADAM_4, ADAM_6), {v_hat: x, g: a}).subs({beta1: 0, eps: 0})
        for x, a in zip(V, cycle, strict=True)
    ]
    a, b = 1 / sqrt(V[1]), 1 / sqrt(V[2])
    yield identity(sum(drift), eta * (a + b - cycle[0] / sqrt(V[0])), "the three steps together, β₁ = 0 and ε = 0")
    back, forth = cycle[0] ** 2 / found[V[0]], 1 / found[V[1]] + 1 / found[V[2]]
    yield at_most(back, forth, "the square of C/√V1 is less than those of 1/√V2 and 1/√V3 together", strict=True)
    yield at_most(a**2 + b**2, (a + b) ** 2, "which are less than the square of their sum: θ increases", strict=True)


def _running(recurrence, weight, estimate):
    yield solves(weight, recurrence, w_before, f"w_t = {weight} with w_0 = 0")
    document = after((ADAM_2, ADAM_4), {m_before: (1 - beta1 ** (t - 1)) * m_hat_before})[m_hat]
    yield identity(document, estimate.subs(w, weight), "ADAM-2 and ADAM-4 with m_{t-1} = (1 - β₁^(t-1)) m̂_{t-1}")


ADAM = (
    Theorem(
        "T-ADAM-1",
        "m_t is a sum of all gradients with weights that decay: m_t = {total}.",
        _sum,
        {"total": (1 - beta1) * Sum(beta1 ** (t - i) * g_at[i], (i, 1, t))},
        "m_0 = 0",
    ),
    Theorem(
        "T-ADAM-2",
        "The weights of m_t add up to {total} = {closed}. Hence, where E[g_t] and E[g_t²] are the same at all t, the "
        "corrections of ADAM-4 and ADAM-5 give E[m̂_t] = E[g] and E[v̂_t] = E[g²].",
        _correction,
        {"total": WEIGHTS, "closed": 1 - beta1**t},
        "m_0 = v_0 = 0; for the expectations, gradients whose first two moments do not change",
    ),
    Theorem(
        "T-ADAM-3",
        "With a rate μ_t that changes, the weights add up to {total} = {closed}: what the correction divides by then.",
        _varying,
        {
            "total": Sum((1 - mu[i]) * Product(mu[j], (j, i + 1, t)), (i, 1, t)),
            "closed": 1 - Product(mu[j], (j, 1, t)),
        },
        "m_t = μ_t m_{t-1} + (1 - μ_t) g_t, m_0 = 0",
    ),
    Theorem(
        "T-ADAM-4",
        "While the gradient is constant, every step is {step}; the first step with ε = 0 is {first} whatever g_1 is.",
        _constant,
        {"step": -eta * g / (Abs(g) + eps), "first": -eta * sign(g_at[1])},
        "m_0 = v_0 = 0; g_1 not 0 in the second part",
    ),
    Theorem(
        "T-ADAM-5",
        "With c g_t for every g_t and |c| ε for ε, every step is multiplied by {multiplier}: for c > 0 it stays the "
        "same. Gradient descent's step is multiplied by {descent}.",
        _scale,
        {"multiplier": c / Abs(c), "descent": c},
        "c not 0; m_0 = v_0 = 0",
        "With one and the same ε the steps differ.",
    ),
    Theorem(
        "T-ADAM-6",
        "ADAM-4 to ADAM-6 are θ_{{t+1}} = θ_t - η_t m_t/(√v_t + ε̂_t) with η_t = {rate} and ε̂_t = {floor}.",
        _hat,
        {"rate": eta * sqrt(1 - beta2**t) / (1 - beta1**t), "floor": eps * sqrt(1 - beta2**t)},
        note="Libraries that keep ε̂ constant compute something else unless ε = 0.",
    ),
    Theorem(
        "T-ADAM-7",
        "After t - 1 gradients that are 0, one that is not moves θ, with ε = 0, by a length that tends to {spike} as "
        "t -> oo. Whatever the gradients are, |m̂_t| is at most √v̂_t times {bound}, and a step at most η times that.",
        _bounds,
        {
            "spike": eta * (1 - beta1) / sqrt(1 - beta2),
            "bound": (1 - beta1) * sqrt(1 - beta2**t) / ((1 - beta1**t) * sqrt(1 - beta2)) / sqrt(1 - beta1**2 / beta2),
        },
        "m_0 = v_0 = 0; β₁, β₂ > 0 in the limit; β₁² < β₂ in the second part",
        "With β₁ = 0.9 and β₂ = 0.999 the spike is √10 η = 3.162 η.",
    ),
    Theorem(
        "T-ADAM-8",
        "Adam's step is {signs} for β₁ = β₂ = ε = 0; {rmsprop} for β₁ = 0, γ = β₂; it tends to {smooth} for η = λ ε, "
        "ε -> oo; and v̂_t tends to {average} as β₂ -> 1, so that Adam with β₁ = 0 and η/√t for η tends to Adagrad, "
        "both with ε = 0.",
        _limits,
        {
            "signs": -eta * sign(g),
            "rmsprop": -eta * g / (sqrt(E) / sqrt(1 - gamma**t) + eps),
            "smooth": -factor * m_hat,
            "average": Sum(g_at[i] ** 2, (i, 1, t)) / t,
        },
        "m_0 = v_0 = 0; g_t not 0 in the first part, G_t not 0 in the last",
    ),
    Theorem(
        "T-ADAM-9",
        "The average of independent gradients has Var m_t = {spread}, which tends to {limiting}.",
        _variance,
        {
            "spread": variance * (1 - beta1) / (1 + beta1) * (1 - beta1 ** (2 * t)),
            "limiting": variance * (1 - beta1) / (1 + beta1),
        },
        "independent gradients with one variance σ², m_0 = 0; β₁ > 0 in the limit",
    ),
    Theorem(
        "T-ADAM-10",
        "Adam need not converge. Where the gradients C, -1, -1 repeat themselves, C > 2, their mean is {average} > 0, "
        "and θ should decrease; but with β₁ = 0, β₂ = {decay} and ε = 0 the three steps together increase it, once v̂_t "
        "repeats itself, to which it tends.",
        _reddi,
        {"decay": 1 / (1 + C**2), "average": (C - 2) / 3},
        "C > 2, a constant η, gradients that do not depend on θ",
        "After Reddi, Kale and Kumar (2018).",
    ),
    Theorem(
        "T-ADAM-11",
        "m̂_t needs no powers: with w_t = {recurrence} from w_0 = 0, which is {weight}, it is {estimate}.",
        _running,
        {
            "recurrence": 1 + beta1 * w_before,
            "weight": (1 - beta1**t) / (1 - beta1),
            "estimate": (1 - 1 / w) * m_hat_before + g / w,
        },
        "m_0 = 0",
    ),
)
