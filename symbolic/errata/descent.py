"""Errata of gradient descent, Momentum and NAG."""

from sympy import Abs, Eq, Matrix, Rational, S, Sum, Symbol, exp, solve, solveset

from ..equations.adagrad import AG_2, AG_7, a
from ..equations.momentum import MOM_1, MOM_2, MOM_3, MOM_4, MOM_6, scaled, v_before
from ..equations.nag import NAG_4, NAG_6
from ..equations.notation import NablaJ, eta, g, g_at, gamma, i, theta, theta_next
from ..equations.rmsprop import RMS_2
from ..equations.sgd import GD_1, GD_2, SGD_1, N, error
from ..evidence import at_most, computation, counterexample, identity
from ..theorems.running import after
from .erratum import Erratum

NOTATION = "settled by reading; there is nothing to compute"
TENTH = Rational(1, 10)
x, y = Symbol("x", real=True), Symbol("y", real=True)
s = Symbol("s", positive=True)
curvature = Symbol("a", positive=True)


def descend(objective, *point):
    """Return the coordinates after one step of GD-1, as an expression or, where `point` has several, a Matrix."""
    moved = [GD_1.right.subs({NablaJ(theta): objective.diff(c), theta: c}) for c in point]
    return moved[0] if len(point) == 1 else Matrix(moved)


# E-02: a sum of N terms -----------------------------------------------------------------------------------------------


def _sum_and_mean(factor):
    alike = GD_2.right.replace(lambda e: e == error[i], lambda _: g).doit()
    yield computation("GD-2 over N equal terms", alike, factor * g, f"N equal gradients add up to {factor * g}")
    total = Sum(g_at[i], (i, 1, N))
    on_sum = GD_1.right.subs(NablaJ(theta), total)
    on_mean = GD_1.right.xreplace({NablaJ(theta): total / N, eta: factor * eta})
    yield identity(on_sum, on_mean, f"descent on the sum with η is descent on the mean with {factor * eta}")
    # N terms θ²/2, so that each gradient is θ.
    whole, single = GD_1.right.subs(NablaJ(theta), factor * theta), SGD_1.right.replace(NablaJ, lambda *_: theta)
    numbers = {theta: 1, eta: TENTH, N: 32}
    yield counterexample("one η makes GD-1 and SGD-1 move alike", whole, single, numbers)
    grown, shrunk = (step.diff(theta).subs(numbers) ** 2 for step in (whole, single))
    yield at_most(1, grown, "32 terms θ²/2, η = 0.1: GD-1 diverges, |θ| grows at every step", strict=True)
    yield at_most(shrunk, 1, "while SGD-1 converges with that η", strict=True)


# E-03: where descent ends ---------------------------------------------------------------------------------------------


def _limits_of_descent(saddle, inflection, unbounded, kink):
    yield from _ends_at_saddle(saddle)
    yield from _ends_at_inflection(inflection)
    yield from _never_ends(unbounded)
    there, back = (descend(kink, x).subs(x, start) for start in (eta / 2, -eta / 2))
    yield identity(Matrix([there, back]), Matrix([-eta, eta]) / 2, f"J = {kink} from η/2: to -η/2 and back, for ever")
    yield from _what_holds()


def _ends_at_saddle(saddle):
    after_x, after_y = descend(saddle, x, y).subs(y, 0)
    yield identity(after_y, 0, f"J = {saddle} from y = 0: y stays 0")
    yield at_most(after_x.diff(x).subs(eta, 1 / (1 + s)) ** 2, 1, "and x tends to 0, for 0 < η < 1", strict=True)
    here = {x: 0, y: 0}
    slope = Matrix([saddle.diff(x), saddle.diff(y)]).subs(here)
    yield identity(slope, Matrix([0, 0]), "(0, 0) is stationary")
    yield at_most(saddle.subs({x: 0, y: s}), saddle.subs(here), "but no minimum: J is less at (0, s)", strict=True)


def _ends_at_inflection(inflection):
    start = 1 / (3 * eta * (1 + s))
    following = descend(inflection, x).subs(x, start)
    yield at_most(0, following, f"J = {inflection} from 0 < θ < 1/(3η): θ stays positive", strict=True)
    yield at_most(following, start, "and falls at every step", strict=True)
    found = set(solve(inflection.diff(x), x))
    yield computation("solve J' = 0", found, {S.Zero}, "so it tends to the one stationary point, 0")
    yield at_most(inflection.subs(x, -s), inflection.subs(x, 0), "which is no minimum: J is less at -s", strict=True)


def _never_ends(unbounded):
    nowhere = solveset(unbounded.diff(x), x, S.Reals)
    yield at_most(0, unbounded.diff(x, 2), f"J = {unbounded} is convex", strict=True)
    yield computation("solveset J' = 0 over the reals", nowhere, S.EmptySet, "and stationary nowhere")
    yield at_most(x, descend(unbounded, x), "θ grows at every step", strict=True)


def _what_holds():
    bowl = curvature * x**2 / 2
    gain = (bowl.subs(x, descend(bowl, x)) - bowl).subs(x, Symbol("|θ|", positive=True))
    inside, outside = (gain.subs(eta, rate / curvature) for rate in (2 / (1 + s), 2 + s))
    yield at_most(inside, 0, "curvature a: J falls at every step where 0 < η < 2/a", strict=True)
    yield at_most(0, outside, "and rises at every step where η > 2/a", strict=True)


# E-04, E-05: J is missing ---------------------------------------------------------------------------------------------


def _scaled_gradient(letter):
    velocity = S.Zero
    for k in range(1, 5):
        velocity = MOM_1.right.subs({v_before: velocity, NablaJ(theta): g_at[k]})
    read = {scaled[k]: letter.subs(g, g_at[k]) for k in range(1, 5)}
    yield identity(MOM_6.right.subs(read), velocity, f"with g̃ = {letter}, MOM-6 is what MOM-1 gives from v_0 = 0")
    without = MOM_3.written.rhs.doit()
    fixed = MOM_6.right.subs({scaled[k]: without for k in range(1, 5)})
    at_rest = {eta: TENTH, gamma: Rational(9, 10), **{g_at[k]: 0 for k in range(1, 5)}}
    yield identity(
        without, MOM_3.right.subs(NablaJ(theta), 1), f"MOM-3 as written, without J: {without} at every point"
    )
    yield counterexample("at a stationary point MOM-6 then stays", fixed.subs(at_rest), velocity.subs(at_rest))
    # The same letter as everywhere else: g for ∇J alone.
    raw = MOM_4.right.subs({scaled[1]: g_at[1], scaled[2]: g_at[2]})
    right = MOM_4.right.subs({scaled[1]: eta * g_at[1], scaled[2]: eta * g_at[2]})
    numbers = {eta: TENTH, gamma: 0, g_at[1]: 1, g_at[2]: 1}
    yield counterexample(
        "with g for ∇J, as later sections have it, MOM-4 is the same", raw.subs(numbers), right.subs(numbers)
    )


def _without_objective(travel):
    literal = NAG_6.written.rhs.doit()
    yield identity(literal, gamma * v_before + eta, "NAG-6 as written, ∇(θ_t - γv_{t-1}) being 1, knows no J")
    (settled,) = solve(Eq(v_before, literal), v_before)
    yield computation("fixed point of the velocity", settled, travel, f"the velocity is at rest at {travel} alone")
    yield identity(literal - travel, gamma * (v_before - travel), "and tends to it, γ < 1: θ runs off whatever J is")
    at_rest = {v_before: 0, NablaJ(theta): 0}
    moved = NAG_4.right.subs(v_before, 0).subs(at_rest)
    yield identity(moved, 0, "NAG-4 stays at a stationary point, v = 0")
    yield counterexample("and so does NAG-6 as written", literal.subs(at_rest), moved, {eta: TENTH})


# E-12: zero inputs ----------------------------------------------------------------------------------------------------


def _zero_input(velocity):
    yield computation(
        "derivative of the loss by w_2 at a_2 = 0, AG-2",
        AG_2.right.lhs.doit().subs(a[2], 0).doit().simplify(),
        S.Zero,
        "where the input a_2 is 0, so is the gradient by w_2",
    )
    for equation in (GD_1, AG_7, RMS_2):
        right = equation.right.subs({NablaJ(theta): 0, g: 0})
        yield identity(right, theta, f"with gradient 0, {equation.id} leaves θ as it is")
    for name, equation in (("Momentum", MOM_1), ("NAG", NAG_4)):
        moved = after((equation, MOM_2), gradient=S.Zero)
        yield identity(moved[theta_next], theta - velocity, f"with gradient 0, {name} moves θ by -({velocity})")
        numbers = {v_before: 1, gamma: Rational(9, 10), theta: 0}
        yield counterexample(f"so {name} leaves θ as it is", moved[theta_next], theta, numbers)


# E-28: faster? --------------------------------------------------------------------------------------------------------


def _faster(orbit):
    # Two terms, (θ - 1)²/2 and (θ + 1)²/2 in turn; their mean has its minimiser at 0. Any 0 < η < 2.
    rate = {eta: 2 / (1 + s)}
    turns = [descend((x - c) ** 2 / 2, x) for c in (1, -1)]
    there = turns[0].subs(x, -orbit).subs(rate)
    back = turns[1].subs(x, orbit).subs(rate)
    radius = orbit.subs(rate)
    yield identity(
        Matrix([there, back]), Matrix([radius, -radius]), f"SGD-1, two terms in turn: to and fro at ±({orbit})"
    )
    yield at_most(0, radius, "which is not 0: SGD-1 stays that far from the minimiser", strict=True)
    shrinks = descend(x**2 / 2, x).diff(x).subs(rate)
    yield at_most(shrinks**2, 1, "GD-1 on their mean tends to the minimiser with that η", strict=True)


DESCENT = (
    Erratum(
        "E-01",
        "C",
        "Gradient descent, GD-1 and SGD-1",
        "The gradient is taken of J(θ), without saying at which θ.",
        "At θ_t, where the step starts.",
        reason=NOTATION,
    ),
    Erratum(
        "E-02",
        "A",
        "Gradient descent, GD-2 beside SGD-1",
        "J is the sum over all N terms there and one of them here, under the same η: the steps differ N-fold.",
        "The gradient is the caller's: of the sum, of the mean or of one term. The sum with η is the mean with Nη; "
        "`minimize_finite_sum` takes the mean unless told otherwise.",
        _sum_and_mean,
        {"factor": N},
    ),
    Erratum(
        "E-03",
        "B",
        "Gradient descent, batch gradient descent",
        "The global minimum is said to be guaranteed for convex J, a local one for any other.",
        "Only a stationary point can be expected, and only for 0 < η < 2/L, L bounding the curvature, with a minimiser "
        "that exists. Descent may stop at a saddle or an inflection, run off for ever, or jump to and fro at a kink.",
        _limits_of_descent,
        {"saddle": x**2 - y**2, "inflection": x**3, "unbounded": exp(-x), "kink": Abs(x)},
    ),
    Erratum(
        "E-04",
        "A",
        "Momentum, MOM-3",
        "J is missing after ∇, and the letter g is given to η∇J, while it is ∇J everywhere else.",
        "g̃_t = η∇J(θ_t); g stays the plain gradient.",
        _scaled_gradient,
        {"letter": eta * g},
    ),
    Erratum(
        "E-05",
        "A",
        "NAG, NAG-6",
        "J is missing in the displayed line, so that the gradient of a point is taken, which is 1.",
        "NAG-4, which the text has right a few lines before.",
        _without_objective,
        {"travel": eta / (1 - gamma)},
    ),
    Erratum(
        "E-06",
        "C",
        "NAG, NAG-1 to NAG-3",
        "∇ carries the index θ_t while J is taken at another point.",
        "The gradient of J, evaluated at the shifted point; v is a constant there, so the chain rule adds no factor.",
        reason=NOTATION,
    ),
    Erratum(
        "E-12",
        "B",
        "Adagrad, the example of sparse inputs",
        "A weight whose input is 0 is said not to be updated, and the text says so of SGD, Momentum and NAG alike.",
        "It is true of SGD (and of Adagrad and RMSprop); Momentum and NAG move such a weight on by its velocity.",
        _zero_input,
        {"velocity": gamma * v_before},
    ),
    Erratum(
        "E-28",
        "B",
        "Gradient descent, SGD and mini-batches",
        "Their updates are called faster, as if they arrived sooner.",
        "One update costs 1 or n gradients of terms, not N; that is counting, and the only thing that is faster. With "
        "a constant η SGD need not reach the minimiser at all.",
        _faster,
        {"orbit": eta / (2 - eta)},
    ),
    Erratum(
        "E-30",
        "C",
        "Conclusion",
        "Momentum is said to solve small hills and saddle points; RMSprop and Adadelta are said to mend Adagrad by the "
        "second moment.",
        "Momentum coasts over a finite stretch only (T-MOM-3). It is the forgetting, not the second moment, that mends "
        "Adagrad: its sum is a second moment too.",
        reason="how far Momentum coasts is theorem T-MOM-3; the rest is settled by reading",
    ),
)
