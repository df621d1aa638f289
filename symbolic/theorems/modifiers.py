"""What clipping, weight decay and averaging do, by the equations of `equations.modifiers`."""

from sympy import Abs, Min, Rational, S, Sum

from ..equations import UPDATES
from ..equations.adam import m_before, v_before
from ..equations.modifiers import EMA, POLYAK, a_before, modified
from ..equations.notation import clip, decay_l2, decay_weight, eps, eta, g, i, letter, letter_base, t, theta, theta_next
from ..equations.notation import decay_average as beta
from ..evidence import at_most, counterexample, identity
from .recurrences import solves, unrolled
from .running import moved
from .theorem import Theorem

x = letter_base("x", "x")
norm = letter("n", "n", positive=True)
y = letter("y", "y", real=True)


def decayed(name, kind, known=()):
    """Return Δθ_t of one step with a decay λ of one kind."""
    step = moved(modified(UPDATES[name], (kind,)).equations, known, g)
    return step.subs(decay_l2, decay_weight)


# T-MOD-1 and T-MOD-2: two ways to decay ------------------------------------------------------------------------------


def _one_decay(step):
    yield identity(decayed("sgd", "weight_decay"), step, "SGD-1 from the shrunk point")
    yield identity(decayed("sgd", "l2"), step, "SGD-1 with λθ_t added to the gradient")


T_MOD_1 = Theorem(
    "T-MOD-1",
    "For gradient descent the two ways to decay are one: whether θ shrinks by the factor 1 - ηλ (`weight_decay`) or "
    "λθ_t is added to the gradient (`l2`), a step moves θ by {step}.",
    _one_decay,
    {"step": -eta * (g + decay_weight * theta)},
    "λ₂ = λ >= 0; any η, also one that changes",
)

FIRST = {t: 1, m_before: S.Zero, v_before: S.Zero}


def _two_decays(decoupled, coupled, shrunk, pulled):
    first = {kind: decayed("adam", kind, FIRST) for kind in ("weight_decay", "l2")}
    yield identity(first["weight_decay"], decoupled, "ADAM-6 at t = 1 from the shrunk point")
    taken = first["l2"].subs(g, y - decay_weight * theta)
    yield identity(taken, coupled, "ADAM-6 at t = 1 with y for g_t + λθ_t, which may be any number")
    yield identity(decoupled.subs(g, 0), shrunk, "the decoupled step where the gradient is 0")
    yield identity(coupled.subs(y, decay_weight * theta), pulled, "the coupled step where the gradient is 0")
    at = {theta: 1, eta: 1, eps: 1, decay_weight: Rational(1, 2)}
    yield counterexample("so the two are different methods", shrunk, pulled, at)


T_MOD_2 = Theorem(
    "T-MOD-2",
    "For Adam they are two. Its first step is {decoupled} with weight_decay, and {coupled} for y = g_t + λθ_t with l2. "
    "Where the gradient is 0, that is {shrunk}, in proportion to λ, and {pulled}, nearly η whatever λ is.",
    _two_decays,
    {
        "decoupled": -eta * decay_weight * theta - eta * g / (Abs(g) + eps),
        "coupled": -eta * y / (Abs(y) + eps),
        "shrunk": -eta * decay_weight * theta,
        "pulled": -eta * decay_weight * theta / (decay_weight * Abs(theta) + eps),
    },
    "λ₂ = λ >= 0; ε > 0; t = 1, so m_0 = v_0 = 0",
    "The exact difference of the two is that of these formulas: L2 decay is divided by the size of the gradient.",
)


# T-MOD-3 and T-MOD-4: averages ---------------------------------------------------------------------------------------


def _mean(mean):
    yield solves(mean, POLYAK.right.subs(theta_next, x[t]), a_before, "the recurrence POLYAK of x_1, ..., x_t")


T_MOD_3 = Theorem(
    "T-MOD-3",
    "The average that `polyak` keeps is the mean of the points that the steps led to: {mean} after t steps.",
    _mean,
    {"mean": Sum(x[i], (i, 1, t)) / t},
    "x_i = θ_{i+1}, the point after step i",
)


def _weighted(average, total):
    yield unrolled(average, EMA.right.subs(theta_next, x[t]), a_before, "the recurrence EMA of x_1, ..., x_t")
    sums = Sum((1 - beta) * beta ** (t - i), (i, 1, t))
    adding = beta * a_before + 1 - beta
    yield unrolled(sums, adding, a_before, "the weights (1 - β) β^(t-i) add up as this recurrence does")
    yield solves(total, adding, a_before, "which has this solution")
    weights = average.subs(average.atoms(Sum).pop(), sums / (1 - beta)).subs(sums, total)
    yield identity(weights, S.One, "so the average of a constant 1 is 1")


T_MOD_4 = Theorem(
    "T-MOD-4",
    "The exponential average after t steps is {average}. Its weights add up to 1, because those without the divisor "
    "add up to {total}: nothing is left of the 0 that it starts from.",
    _weighted,
    {"average": (1 - beta) / (1 - beta**t) * Sum(beta ** (t - i) * x[i], (i, 1, t)), "total": 1 - beta**t},
    "x_i = θ_{i+1}; 0 <= β < 1",
)


# T-MOD-5: clipping by the norm ---------------------------------------------------------------------------------------


def _clipped(scale, size):
    yield at_most(0, scale, "the factor is positive, so the direction is that of the gradient", strict=True)
    yield at_most(scale, 1, "and at most 1")
    yield identity((scale * g) ** 2, scale**2 * g**2, "the squares of all coordinates, and their sum, by its square")
    yield identity(scale * norm, size, "so the norm is")
    yield at_most(size, clip, "which is at most c")
    yield identity(scale.subs(clip, norm + clip), 1, "a gradient within the limit is left as it is")


T_MOD_5 = Theorem(
    "T-MOD-5",
    "Times {scale}, a gradient of norm n keeps its direction and has the norm {size}: at most c, and n itself where "
    "that is less.",
    _clipped,
    {"scale": Min(1, clip / norm), "size": Min(norm, clip)},
    "c > 0 is `clip_norm`; n > 0; the gradient 0 is left as it is",
)

MODIFIERS = {"sgd": (T_MOD_1, T_MOD_3, T_MOD_4, T_MOD_5), "adam": (T_MOD_2,)}
