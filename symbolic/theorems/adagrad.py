"""What follows from Adagrad's equations, AG-6 and AG-7: its rate, its steps, its travel, and what it is equal to."""

from sympy import Abs, Derivative, Matrix, S, Sum, Symbol, diag, eye, limit, ones, oo, sqrt
from sympy import Rational as Q
from sympy import sign as signum

from ..equations import UPDATES
from ..equations.adagrad import AG_1, AG_2, AG_5, AG_6, AG_7, G, G_before, G_ii, Loss, a, g_i, k, n, theta_i, z
from ..equations.notation import beta1, beta2, eps, eta, g, g_at, gamma, letter, s, t, theta, theta_next
from ..evidence import at_most, computation, counterexample, identity, induction
from .recurrences import solves, unrolled
from .running import after, both_signs, by_square, moved, within
from .theorem import Theorem

c = letter("c", "c", positive=True)
x = letter("x", "x", positive=True)


def step(**known):
    """Return Δθ_t by AG-6 and AG-7, with `before`, `g` and `eps` put in for G_{t-1}, g_t and ε."""
    letters = {"before": G_before, "g": g, "eps": eps}
    return moved((AG_6, AG_7), {letters[name]: S(value) for name, value in known.items()})


def summed(before, gradient=g):
    """Return G_t by AG-6."""
    return AG_6.right.xreplace({G_before: before, g: gradient})


# T-AG-1: the sum and the rate ------------------------------------------------------------------------------------


def _sum_and_rate(total, rate):
    yield unrolled(total, summed(G_before, g_at[t]), G_before, f"AG-6 from G_0 = 0 gives G_t = {total}")
    yield at_most(G_before, summed(G_before), "G_t is not less than G_{t-1}")
    yield identity(AG_7.right, theta - rate * g, f"AG-7 multiplies g_t by {rate}")
    yield from within(
        rate.subs(G, summed(G_before)), rate.subs(G, G_before), "the rate of step t is not above that of step t - 1"
    )


T_AG_1 = Theorem(
    "T-AG-1",
    "The recurrence AG-6 gives the sum of squares, G_t = {total}. It never falls, and so the effective rate {rate} of "
    "a coordinate never rises.",
    _sum_and_rate,
    {"total": Sum(g_at[s] ** 2, (s, 1, t)), "rate": eta / sqrt(G + eps)},
    "G_0 = 0; any real gradients; η, ε > 0",
)


# T-AG-2: the bound on a step -------------------------------------------------------------------------------------


def _step_bound(bound, gap):
    yield identity(1 - (step() / eta) ** 2, gap, f"1 - (Δθ_t/η)² = {gap}")
    yield at_most(0, gap, f"{gap} > 0", strict=True)
    yield from within(step(), bound, f"(Δθ_t)² < ({bound})²", strict=True)
    yield computation(
        "limit of (Δθ_t)² as g_t -> oo", limit(step() ** 2, g, oo), bound**2, f"no bound below {bound} would do"
    )


T_AG_2 = Theorem(
    "T-AG-2",
    "Every step of every coordinate is shorter than the learning rate: |Δθ_t| < {bound}, because 1 - (Δθ_t/η)² is "
    "{gap} > 0. No smaller bound holds.",
    _step_bound,
    {"bound": eta, "gap": (G_before + eps) / (G_before + g**2 + eps)},
    "G_{t-1} >= 0; any real g_t; η, ε > 0",
    "The rate η/√(G_t + ε) itself may well be above η: it is while G_t + ε < 1 (E-10).",
)


# T-AG-3: a constant gradient -------------------------------------------------------------------------------------


def _constant_gradient(total, move, lower, upper, travel):
    yield solves(total, summed(G_before), G_before, f"AG-6 from G_0 = 0 gives G_t = {total}")
    before = total.subs(t, t - 1)
    yield both_signs(step(before=before, eps=0), move, g, f"Δθ_t = {move}, with ε = 0")
    size = Abs(move.subs(g, 1)) / eta
    root, next_root, last_root = sqrt(t), sqrt(t + 1), sqrt(t + 2)
    new = size.subs(t, t + 1)
    yield induction(
        computation("exact numbers compared", lower.subs(t, 1) <= size.subs(t, 1), S.true, f"{lower} <= 1 at t = 1"),
        by_square(
            (lower.subs(t, t + 1) - lower).expand(), new, last_root - next_root, next_root, f"{lower} grows by less"
        ),
        f"the sum of {size} is at least {lower}",
    )
    yield induction(
        at_most(size.subs(t, 1), upper.subs(t, 1), f"{upper} is at least the sum at t = 1"),
        by_square(new, (upper.subs(t, t + 1) - upper).expand(), next_root - root, next_root, f"{upper} grows by more"),
        f"the sum of {size} is at most {upper}",
    )
    for name, bound in (("lower", lower), ("upper", upper)):
        ratio = limit((eta * bound / travel).expand(), t, oo)
        yield computation(f"limit of η ({bound}) / ({travel})", ratio, S.One, f"the {name} bound goes like {travel}")
    yield computation("limit of |Δθ_t|", limit(Abs(move.subs(g, 1)), t, oo), S.Zero, "the steps vanish")
    yield computation(f"limit of {lower}", limit(lower, t, oo), oo, "the travel has no bound")


T_AG_3 = Theorem(
    "T-AG-3",
    "Under a constant gradient G_t = {total} and Δθ_t = {move}. The travel |Δθ_1| + ... + |Δθ_t| lies between "
    "η ({lower}) and η ({upper}), and goes like {travel}: the steps vanish, and yet the travel has no bound.",
    _constant_gradient,
    {
        "total": t * g**2,
        "move": -eta * signum(g) / sqrt(t),
        "lower": 2 * sqrt(t + 1) - 2,
        "upper": 2 * sqrt(t) - 1,
        "travel": 2 * eta * sqrt(t),
    },
    "g_1 = ... = g_t = g ≠ 0; G_0 = 0; ε = 0",
)


# T-AG-4: the first step, and the scale of the gradient -------------------------------------------------------------


def _first_and_scale(first, scaled):
    yield both_signs(step(before=0, eps=0), first.subs(g_at[1], g), g, f"Δθ_1 = {first}, with ε = 0")
    larger = {"before": c**2 * G_before, "g": c * g}
    yield induction(
        identity(c**2 * S.Zero, S.Zero, "G_0 = 0 is its own multiple"),
        identity(summed(c**2 * G_before, c * g), c**2 * summed(G_before), "gradients times c make G_t times c²"),
        "G_t is multiplied by c²",
    )
    yield identity(step(eps=scaled, **larger), step(), f"with ε = {scaled} the step is the same")
    yield counterexample(
        "with ε kept as it is the step is another",
        step(**larger),
        step(),
        {G_before: 0, g: 1, c: 2, eps: 1, eta: 1},
    )


T_AG_4 = Theorem(
    "T-AG-4",
    "With ε = 0 the first step is {first}, whatever the size of g_1. Multiplying every gradient by c and putting "
    "{scaled} in the place of ε leaves every step as it was.",
    _first_and_scale,
    {"first": -eta * signum(g_at[1]), "scaled": c**2 * eps},
    "c > 0; G_0 = 0; g_1 ≠ 0 for the first step",
)


# T-AG-5: sparse inputs -------------------------------------------------------------------------------------------

NUMBERS = {theta: S.Zero, eta: S.One, gamma: Q(1, 2), beta1: Q(1, 2), beta2: Q(1, 2), eps: S.One}


def _without_gradient(still, frozen):
    for name, algorithm in UPDATES.items():
        values = after(algorithm.equations, gradient=S.Zero)
        olds, news = [old for old, _ in algorithm.states], [new for _, new in algorithm.states]
        # What the method remembers is seen after one gradient of 1, from states of 0.
        first = after(algorithm.equations, {**NUMBERS, t: S.One, **dict.fromkeys(olds, S.Zero)}, S.One)
        held = {old: first[new] for old, new in algorithm.states}
        second = after(algorithm.equations, {**NUMBERS, t: S(2), theta: first[theta_next], **held}, S.Zero)
        if name in still:
            yield identity(values[theta_next], theta, f"{name}: θ_{{t+1}} = θ_t where g_t = 0")
        else:
            text = f"{name} moves at g_2 = 0, after g_1 = 1: θ_3 and θ_2 differ"
            yield counterexample(text, second[theta_next], first[theta_next])
        if name in frozen:
            kept = Matrix([values[new] for new in (theta_next, *news)])
            yield identity(kept, Matrix([theta, *olds]), f"{name}: θ and every state stay where g_t = 0")
        elif name in still:
            text = f"{name} changes a state at g_2 = 0, after g_1 = 1"
            yield counterexample(text, Matrix([second[new] for new in news]), Matrix([held[old] for old in olds]))


def _sparse(partial, rate, still, frozen):
    # AG-1 with its terms for w_1, w_2 and all others, which do not have w_2, apart.
    others = Symbol("others", real=True)
    inputs = AG_1.right.subs(n, 2).doit() + others
    found = AG_2.right.lhs.xreplace({AG_1.right: inputs}).doit()
    yield identity(found, partial.subs(z, inputs), f"∂L/∂w_2 = {partial}")
    yield identity(partial.subs(a[2], 0), S.Zero, "∂L/∂w_2 = 0 where a_2 = 0")
    yield from _without_gradient(still.split(", "), frozen.split(", "))
    seen = k * g**2
    yield induction(
        identity(summed(S.Zero), seen.subs(k, 1), "seen once, G = g²"),
        identity(
            Matrix([summed(seen), summed(seen, S.Zero)]),
            Matrix([seen.subs(k, k + 1), seen]),
            "seen once more, G = (k + 1) g²; not seen, G stays",
        ),
        f"a coordinate seen k times with one |g| has G = {seen}",
    )
    effective = -step(before=seen.subs(k, k - 1), eps=0) / g
    yield both_signs(effective, rate, g, f"at its k-th gradient its rate is {rate}, with ε = 0")
    more = Symbol("j", integer=True, positive=True)
    size = Symbol("|g|", positive=True)
    yield from within(
        rate.subs(g, size).subs(k, k + more),
        rate.subs(g, size),
        "the rate of the coordinate seen less often is the larger one",
        strict=True,
    )


T_AG_5 = Theorem(
    "T-AG-5",
    "For L(z), z as in AG-1, ∂L/∂w_2 is {partial}: 0 where a_2 = 0. A coordinate seen k times with gradients of one "
    "size |g_t| has the rate {rate}. Where g_t = 0, of the nine methods exactly {still} leave θ as it is, and exactly "
    "{frozen} leave their states as they are too, so that for them a sparse update is the dense one.",
    _sparse,
    {
        "partial": a[2] * Derivative(Loss(z), z),
        "rate": eta / (Abs(g) * sqrt(k)),
        "still": "sgd, adagrad, adadelta, rmsprop",
        "frozen": "sgd, adagrad",
    },
    "ε = 0 and g ≠ 0 for the rate; any states before the step where g_t = 0",
    "The document groups Momentum and NAG with SGD here; they do move such a weight, by what v remembers (E-12).",
)


# T-AG-6: the matrix reading --------------------------------------------------------------------------------------


def _matrix(entry):
    squares, slopes, points = (
        Matrix([Symbol(f"{name}_{j}", real=True, nonnegative=name == "G" or None) for j in (1, 2, 3)]) for name in "Ggθ"
    )
    root, shifted = diag(*(entry.subs(G_ii, square) for square in squares)), diag(*squares) + eps * eye(3)
    yield identity(root * root * shifted, eye(3), "its square is the inverse of G_t + εI")
    yield at_most(0, entry, "and its entries are positive: it is the root, and no other one", strict=True)
    rows = [dict(zip((theta_i, G_ii, g_i), row, strict=True)) for row in zip(points, squares, slopes, strict=True)]
    elements = Matrix([AG_5.right.xreplace(row) for row in rows])
    yield identity(points - eta * root * slopes, elements, "θ_t - η (G_t + εI)^(-1/2) g_t is AG-5 in every coordinate")
    yield identity(AG_7.right, AG_5.right.subs({theta_i: theta, G_ii: G, g_i: g}), "and AG-7 is AG-5 without the i")
    at = {**dict.fromkeys(squares, 1), eps: 1}
    literal = diag(*squares) + eps * ones(3)
    yield counterexample("with ε added to every entry of G_t it is not its root", root * root * literal, eye(3), at)


T_AG_6 = Theorem(
    "T-AG-6",
    "For a diagonal G_t of three coordinates, (G_t + εI)^(-1/2) is the diagonal matrix with the entries {entry}, and "
    "θ_t - η (G_t + εI)^(-1/2) g_t is AG-5 in every coordinate, which AG-7 abbreviates.",
    _matrix,
    {"entry": 1 / sqrt(G_ii + eps)},
    "G_t diagonal with entries >= 0; ε > 0",
    "Diagonal matrices of any size multiply entry by entry, so three coordinates stand for all. ε belongs on the "
    "diagonal alone (E-09).",
)


# T-AG-7: the sum of the regret bound -----------------------------------------------------------------------------


def _regret(lemma, square, total):
    after_x = G + x
    yield identity(lemma - x / sqrt(after_x), square, f"the difference of the two sides is {square}")
    yield by_square(x / sqrt(after_x), lemma, sqrt(after_x) - sqrt(G), sqrt(after_x), f"x/√(G_t + x) <= {lemma}")
    term = -g * step() / eta
    yield identity(term, g**2 / sqrt(summed(G_before) + eps), "a term g_t²/√(G_t + ε) is -g_t Δθ_t/η")
    bound, grown = total.subs(G, G_before), total.subs(G, summed(G_before))
    root, old = sqrt(summed(G_before) + eps), sqrt(G_before + eps)
    yield induction(
        at_most(0, total.subs(G, 0), f"at t = 0 the sum is empty, and {total} is not negative"),
        by_square(bound + term, grown, root - old, root, f"a term more, and {total} still bounds the sum"),
        f"the sum of g_s²/√(G_s + ε) to t is at most {total}",
    )
    size, held = Symbol("|g|", positive=True), Symbol("G_{t-1}", positive=True)
    bare = {name: e.subs(eps, 0).subs(g, size) for name, e in (("term", term), ("bound", bound), ("grown", grown))}
    yield induction(
        at_most(bare["term"].subs(G_before, 0), bare["grown"].subs(G_before, 0), "the first gradient that is not 0"),
        by_square(
            *(e.subs(G_before, held) for e in (bare["bound"] + bare["term"], bare["grown"])),
            sqrt(held + size**2) - sqrt(held),
            sqrt(held + size**2),
            "a gradient more; one of 0 adds nothing on either side",
        ),
        f"with ε = 0 the sum of g_s²/√G_s, from the first g_s ≠ 0 on, is at most {total.subs(eps, 0)}",
    )
    both = 2 * sqrt(eps)  # added to both sides, so that neither is a difference and the squares decide
    yield from within(total + both, 2 * sqrt(G) + both, f"{total} <= 2√G_t, by (√(G_t + ε))² <= (√G_t + √ε)²")


T_AG_7 = Theorem(
    "T-AG-7",
    "x/√(G_t + x) is at most {lemma}, the difference being {square}. Summed over the steps it telescopes: "
    "g_1²/√(G_1 + ε) + ... + g_t²/√(G_t + ε) <= {total} <= 2√G_t; and for ε = 0 too.",
    _regret,
    {
        "lemma": 2 * sqrt(G + x) - 2 * sqrt(G),
        "square": (sqrt(G + x) - sqrt(G)) ** 2 / sqrt(G + x),
        "total": 2 * sqrt(G + eps) - 2 * sqrt(eps),
    },
    "G_t >= 0, x > 0; G_0 = 0; any real gradients; ε > 0, or ε = 0 and the sum from the first g_s ≠ 0 on",
    "The sum is that of -g_s Δθ_s/η, and the heart of Adagrad's regret bound.",
)


# T-AG-8: ε as the start of the sum -------------------------------------------------------------------------------


def outside(accumulator, added):
    """Return θ_{t+1} of the method that divides by √accumulator plus something, as libraries and Duchi write it."""
    return theta - eta / (sqrt(accumulator) + added) * g


def _accumulator(start):
    acc = G_before + start
    yield induction(
        identity(acc.subs(G_before, 0), start, f"the accumulator starts at {start}, and G_0 = 0"),
        identity(summed(acc), summed(G_before) + start, f"one gradient more: the accumulator is G_t + {start}"),
        f"the accumulator is G_t + {start}",
    )
    yield identity(outside(summed(acc), 0), theta + step(), "with nothing added to its root it makes the step of AG-7")
    yield counterexample(
        "with the accumulator at 0 and ε added to the root it is another method",
        outside(summed(S.Zero), eps),
        theta + step(before=0),
        {theta: 0, eta: 1, g: 1, eps: 1},
    )


T_AG_8 = Theorem(
    "T-AG-8",
    "Adagrad with ε inside the root is the method with ε outside of it, run with that ε = 0 and the accumulator of "
    "squares started at {start}.",
    _accumulator,
    {"start": eps},
    "G_0 = 0; any real gradients; ε > 0",
    "So a library that adds ε to the root computes AG-7 when it is given this start and ε = 0.",
)

ADAGRAD = (T_AG_1, T_AG_2, T_AG_3, T_AG_4, T_AG_5, T_AG_6, T_AG_7, T_AG_8)
