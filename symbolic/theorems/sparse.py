"""What a step without a gradient does, by the document's equations and where it is left out, and soft thresholding.

"Lazy" is what torch's SparseAdam does: a coordinate whose gradient is not stored keeps θ and its state, and t counts
all steps. "Dense" is what the document's equations say of the gradient 0.
"""

from sympy import Abs, Max, Min, Rational, S, Symbol, sqrt

from ..equations import UPDATES
from ..equations.adadelta import D, D_before, E, E_before
from ..equations.adagrad import G, G_before
from ..equations.adam import m, m_before, v, v_before
from ..equations.adamax import u, u_before
from ..equations.momentum import MOM_2
from ..equations.momentum import v as velocity_after
from ..equations.momentum import v_before as velocity_before
from ..equations.nag import UNSHIFT
from ..equations.notation import beta1, beta2, eps, eta, g, gamma, letter, phi, t, theta, theta_next
from ..evidence import at_most, counterexample, identity
from .nag import g_phi, shifted
from .quadratic import theta_1
from .recurrences import solves
from .running import after
from .theorem import Theorem

v_0 = letter("v_0", "v_0", real=True)
E_0, D_0 = letter("E_0", "E_0", nonnegative=True), letter("D_0", "D_0", nonnegative=True)
phi_1 = letter("φ_1", r"\phi_1", real=True)
x, y = letter("x", "x", real=True), letter("y", "y", real=True)
a, b, h = letter("a", "a", nonnegative=True), letter("b", "b", nonnegative=True), letter("h", "h", positive=True)
penalty = letter("λ", r"\lambda", nonnegative=True)


def idle(name):
    """Return what the equations of an algorithm give where the gradient is 0 (dict of Symbol to sympy.Expr)."""
    return after(UPDATES[name].equations, {g: S.Zero}, S.Zero)


def soft(number, threshold):
    """Return `number` moved towards 0 by `threshold`, and no further."""
    return Max(number - threshold, 0) + Min(number + threshold, 0)


# Where a zero gradient moves nothing -------------------------------------------------------------------------------


def _sgd(same):
    yield identity(idle("sgd")[theta_next], same, "SGD-1 with the gradient 0")


T_SPARSE_1 = Theorem(
    "T-SPARSE-1",
    "With the gradient 0 gradient descent leaves {same} as it is. So a step that passes over the coordinates whose "
    "gradient is 0 is the step.",
    _sgd,
    {"same": theta},
    "any η",
)


def _adagrad(same, total):
    yield identity(idle("adagrad")[theta_next], same, "AG-7 with the gradient 0")
    yield identity(idle("adagrad")[G], total, "AG-6 with the gradient 0")


T_SPARSE_6 = Theorem(
    "T-SPARSE-6",
    "With the gradient 0 Adagrad leaves {same} and the sum {total} as they are. So a step that passes over the "
    "coordinates whose gradient is 0 is the step.",
    _adagrad,
    {"same": theta, "total": G_before},
    "G_{t-1} >= 0, ε > 0",
)


def _rmsprop(same, average):
    yield identity(idle("rmsprop")[theta_next], same, "RMS-2 with the gradient 0")
    yield solves(average, idle("rmsprop")[E], E_before, "RMS-1 with the gradient 0, from E_0 on", E_0)


T_SPARSE_8 = Theorem(
    "T-SPARSE-8",
    "With the gradient 0 RMSprop leaves {same} as it is, and t such steps make {average} of the average E_0. So where "
    "that is put in before a coordinate's next gradient, what was passed over is made up for exactly.",
    _rmsprop,
    {"same": theta, "average": gamma**t * E_0},
    "E_0 >= 0, ε > 0; 0 <= γ < 1",
    "Lazy steps keep E_0, so that the next step of a rare coordinate is shorter than the equations have it.",
)


def _adadelta(same, average, steps):
    yield identity(idle("adadelta")[theta_next], same, "AD-14 and AD-15 with the gradient 0")
    yield solves(average, idle("adadelta")[E], E_before, "AD-1 with the gradient 0, from E_0 on", E_0)
    yield solves(steps, idle("adadelta")[D], D_before, "AD-12 with the step 0, from D_0 on", D_0)


T_SPARSE_7 = Theorem(
    "T-SPARSE-7",
    "With the gradient 0 Adadelta leaves {same} as it is, and t such steps make {average} and {steps} of the averages "
    "E_0 and D_0. So where those are put in before a coordinate's next gradient, what was passed over is made up for "
    "exactly.",
    _adadelta,
    {"same": theta, "average": gamma**t * E_0, "steps": gamma**t * D_0},
    "E_0, D_0 >= 0, ε > 0; 0 <= γ < 1",
)


# Where it moves something: dense minus lazy --------------------------------------------------------------------------


def _momentum(velocity, path):
    yield solves(v_0 + velocity, idle("momentum")[velocity_after], velocity_before, "MOM-1 with the gradient 0", v_0)
    step = MOM_2.right.subs(velocity_after, v_0 + velocity)
    yield solves(theta_1 + path, step, theta, "MOM-2 with these velocities", theta_1)
    yield from _differs(path, {t: 1, gamma: Rational(1, 2), v_0: 1}, v_0)


def _differs(difference, at, state):
    yield counterexample("so the two are different methods", difference, S.Zero, at)
    yield identity(difference.subs(state, 0), 0, f"where {state} = 0 they agree")


T_SPARSE_4 = Theorem(
    "T-SPARSE-4",
    "After t steps with the gradient 0, from the velocity v_0 on, Momentum has moved θ by {path} and the "
    "velocity by {velocity}; a lazy method, which passes over such a coordinate, is off by so much.",
    _momentum,
    {"velocity": (gamma**t - 1) * v_0, "path": -gamma * (1 - gamma**t) / (1 - gamma) * v_0},
    "0 <= γ < 1; any rates, since v holds them",
    "Once these two are added, a step that passes over the coordinates without a gradient is the document's.",
)


def _nag(velocity, ahead, path):
    new_phi, new_v = (e.subs(g_phi, 0) for e in shifted())
    yield solves(v_0 + velocity, new_v, velocity_before, "NAG-4 with the gradient 0", v_0)
    held = (v_0 + velocity).subs(t, t - 1)
    yield solves(phi_1 + ahead, new_phi.subs(velocity_before, held), phi, "φ with these velocities (T-NAG-2)", phi_1)
    known = {phi: phi_1 + ahead, velocity_before: v_0 + velocity}
    start = UNSHIFT.right.subs({phi: phi_1, velocity_before: v_0})
    yield identity(UNSHIFT.right.subs(known) - start, path, "θ back from φ, after and before")
    yield from _differs(path, {t: 1, gamma: Rational(1, 2), v_0: 1}, v_0)


T_SPARSE_5 = Theorem(
    "T-SPARSE-5",
    "After t steps with the gradient 0, from the velocity v_0 on, NAG has moved φ by {ahead}, the velocity by "
    "{velocity} and θ, as Momentum does, by {path}; a lazy method, which passes over such a coordinate, is off by so "
    "much.",
    _nag,
    {
        "velocity": (gamma**t - 1) * v_0,
        "ahead": -(gamma**2) * (1 - gamma**t) / (1 - gamma) * v_0,
        "path": -gamma * (1 - gamma**t) / (1 - gamma) * v_0,
    },
    "0 <= γ < 1; any rates; the gradient 0 at φ",
)

root = sqrt(1 - beta2**t)
POINT = {t: 1, beta1: Rational(1, 2), beta2: Rational(3, 4), eta: 1, m_before: 1}


def _adam(first, second, step):
    yield from _moments("adam", "ADAM-6", first, second, step)


def _moments(name, equation, first, second, step):
    values = idle(name)
    yield identity(values[m] - m_before, first, "ADAM-2 with the gradient 0")
    yield identity(values[v] - v_before, second, "ADAM-3 with the gradient 0")
    yield identity(values[theta_next] - theta, step, f"{equation} with these")
    yield from _differs(step, {**POINT, v_before: Rational(4, 3), eps: 1}, m_before)


T_SPARSE_9 = Theorem(
    "T-SPARSE-9",
    "One step t with the gradient 0 moves Adam's m by {first}, v by {second} and θ by {step}. A lazy method, "
    "which passes over such a coordinate as torch's SparseAdam does, is off by so much.",
    _adam,
    {
        "first": -(1 - beta1) * m_before,
        "second": -(1 - beta2) * v_before,
        "step": -eta * root / (1 - beta1**t) * beta1 * m_before / (sqrt(beta2 * v_before) + eps * root),
    },
    "v_{t-1} >= 0, ε > 0; 0 <= β₁, β₂ < 1",
    "For many such steps in a row the moves of θ are a sum of quotients, of which no closed form is known.",
)


def _adamax(first, largest, step):
    values = idle("adamax")
    yield identity(values[m] - m_before, first, "ADAM-2 with the gradient 0")
    yield identity(values[u] - u_before, largest, "AMX-5 with the gradient 0")
    given = [(u_before, 1), (beta2, 1)]
    yield identity(values[theta_next] - theta, step, "AMX-6 with these", given)
    yield identity(values[theta_next].subs(u_before, 0), theta, "and no move where u_{t-1} = 0")
    yield from _differs(step, {**POINT, u_before: 1}, m_before)


T_SPARSE_10 = Theorem(
    "T-SPARSE-10",
    "One step t with the gradient 0 moves AdaMax's m by {first}, u by {largest} and θ by {step}. A lazy method, "
    "which passes over such a coordinate as torch's SparseAdam does, is off by so much.",
    _adamax,
    {
        "first": -(1 - beta1) * m_before,
        "largest": -(1 - beta2) * u_before,
        "step": -eta / (1 - beta1**t) * beta1 * m_before / (beta2 * u_before),
    },
    "u_{t-1} > 0 and β₂ > 0 in the move of θ; 0 <= β₁, β₂ < 1",
)


def _nadam(first, second, step):
    yield from _moments("nadam", "NAD-18", first, second, step)


T_SPARSE_11 = Theorem(
    "T-SPARSE-11",
    "One step t with the gradient 0 moves NAdam's m by {first}, v by {second} and θ by {step}. A lazy method, "
    "which passes over such a coordinate as torch's SparseAdam does, is off by so much.",
    _nadam,
    {
        "first": -(1 - beta1) * m_before,
        "second": -(1 - beta2) * v_before,
        "step": -eta * root / (1 - beta1**t) * beta1**2 * m_before / (sqrt(beta2 * v_before) + eps * root),
    },
    "v_{t-1} >= 0, ε > 0; 0 <= β₁, β₂ < 1",
)


# The proximal step ---------------------------------------------------------------------------------------------------


def _proximal(threshold, gap):
    def cost(number):
        return (number - x) ** 2 / 2 + penalty * Abs(number)

    yield at_most(gap, cost(y) - cost(threshold), f"every y costs at least {gap} more")
    yield at_most(0, gap, "which is at least 0")
    yield identity(gap, (y - threshold) ** 2 / 2, "half the square of how far y is away")
    above, p, q = Symbol("x", positive=True), Symbol("p", nonnegative=True), Symbol("q", nonnegative=True)
    moved = threshold.subs(penalty, h * penalty)
    yield identity(moved.subs(x, above + h * penalty), above, "x > 0 is fixed where the slope is -λ")
    yield identity(moved.subs(x, -above - h * penalty), -above, "x < 0 is fixed where the slope is λ")
    for way in (1, -1):
        inside = {penalty: h * (p + q), x: way * h * p}
        yield identity(threshold.subs(inside), 0, f"0 is where the slope is {'-' if way == 1 else ''}p, λ = p + q")


T_SPARSE_2 = Theorem(
    "T-SPARSE-2",
    "{threshold} minimises (y - x)²/2 + λ|y|: any other y costs at least {gap} more. A step that moves x by -h times "
    "the slope of J and then takes the soft threshold at hλ leaves x as it is where the slope is -λ (x > 0), λ (x < 0) "
    "or from -λ to λ (x = 0): at a minimiser of J + λ|x|, for every h > 0.",
    _proximal,
    {"threshold": soft(x, penalty), "gap": (y - soft(x, penalty)) ** 2 / 2},
    "λ >= 0; h > 0; a convex J, for its minimiser",
    "h is what `pace` of a rule gives, one number for each coordinate.",
)


def _composition(together):
    yield identity(soft(soft(x, a), b), together, "soft thresholding at a and then at b")


T_SPARSE_3 = Theorem(
    "T-SPARSE-3",
    "Soft thresholding at a and then at b is that at a + b: {together}. So where the gradient 0 moves "
    "nothing, proximal steps in a row are one with the sum of their thresholds.",
    _composition,
    {"together": soft(x, a + b)},
    "a, b >= 0",
)

SPARSE = {
    "sgd": (T_SPARSE_1, T_SPARSE_2, T_SPARSE_3),
    "momentum": (T_SPARSE_4,),
    "nag": (T_SPARSE_5,),
    "adagrad": (T_SPARSE_6,),
    "adadelta": (T_SPARSE_7,),
    "rmsprop": (T_SPARSE_8,),
    "adam": (T_SPARSE_9,),
    "adamax": (T_SPARSE_10,),
    "nadam": (T_SPARSE_11,),
}
