"""What follows from SGD-1 on a quadratic: how fast descent is, when it diverges, and what noise leaves."""

from sympy import Abs, Eq, Interval, Max, Poly, S, Symbol, expand, limit, oo, solve, solveset, symbols

from ..equations.notation import eta, letter, t, theta, theta_next
from ..equations.sgd import SGD_1
from ..evidence import at_most, computation, identity
from .equivariance import T_GD_6, T_GD_7, T_GD_8, T_GD_9, T_SGD_1
from .quadratic import J, L, a, above, below, between, c, condition, mu, on_quadratic, theta_1, w, w0
from .recurrences import solves
from .running import after
from .theorem import Theorem

ON_QUADRATIC = "J(θ) = a/2 (θ - c)² with a > 0"


def descended(noise=0):
    """Return θ_{t+1} by SGD-1 on the quadratic."""
    return after(on_quadratic((SGD_1,), noise))[theta_next]


FACTOR = descended().diff(theta)


# T-GD-1: the path ------------------------------------------------------------------------------------------------


def _path(path):
    yield identity(J.diff(theta), a * (theta - c), "the gradient is a (θ - c)")
    yield solves(path, descended(), theta, "after t steps from θ_1, by SGD-1", theta_1)


T_GD_1 = Theorem(
    "T-GD-1",
    "On a quadratic, t steps of gradient descent lead from θ_1 to θ_{{t+1}} = {path}: the distance to the minimiser is "
    "multiplied by 1 - ηa in each.",
    _path,
    {"path": c + (1 - eta * a) ** t * (theta_1 - c)},
    f"{ON_QUADRATIC}; constant η",
)


# T-GD-2: too small, too large ------------------------------------------------------------------------------------


def _regions(one_step, bound, bound_of_all):
    yield identity(descended() - c, FACTOR * (theta - c), f"a step multiplies the distance by {FACTOR}")
    inside, beyond = FACTOR.subs(eta, below(bound)), FACTOR.subs(eta, above(bound))
    yield at_most(Abs(inside), 1, f"|1 - ηa| < 1 for 0 < η < {bound}", strict=True)
    yield at_most(1, Abs(beyond), f"|1 - ηa| >= 1 for η >= {bound}")
    yield at_most(1, Abs(FACTOR.subs(eta, -w0)), "|1 - ηa| >= 1 for η <= 0")
    x = Symbol("x", real=True)
    found = solveset(Abs(FACTOR.subs(eta, x / a)) < 1, x, S.Reals)
    yield computation("solve |1 - x| < 1 for x = ηa", found, Interval.open(0, a * bound))
    slow = FACTOR.subs(eta, below(one_step))
    yield at_most(0, slow, f"monotone: 1 - ηa > 0 for 0 < η < {one_step}", strict=True)
    over = FACTOR.subs(eta, between(one_step, bound, w))
    yield at_most(over, 0, f"overshoot: 1 - ηa < 0 for {one_step} < η < {bound}", strict=True)
    yield at_most(-1, over, f"and the distance still shrinks: 1 - ηa > -1 for {one_step} < η < {bound}", strict=True)
    yield identity(Abs(FACTOR.subs(eta, bound + w)), 1 + a * w, f"divergence: |1 - ηa| = 1 + aw at η = {bound} + w")
    n = Symbol("n", positive=True)
    yield computation("limit of (1 + w)ⁿ as n -> oo, w > 0", limit((1 + w) ** n, n, oo), oo, "then the distance grows")
    yield computation("limit of e⁻ʷⁿ, w > 0", limit(S.Exp1 ** (-w * n), n, oo), S.Zero, "if |1 - ηa| < 1 it vanishes")
    yield _decoupled()
    curvature = L / (1 + w0)
    yield at_most(
        Abs(FACTOR.subs({a: curvature, eta: below(bound_of_all)})),
        1,
        f"every curvature in (0, L] converges for 0 < η < {bound_of_all}",
        strict=True,
    )
    yield at_most(1, Abs(FACTOR.subs({a: L, eta: above(bound_of_all)})), f"that of L does not for η >= {bound_of_all}")


def _decoupled():
    """Return the Part that the eigenvectors of the Hessian decouple a quadratic of any number of variables."""
    basis, transposed, eigenvalues, x = symbols("Q Qᵀ Λ x", commutative=False)
    stepped = transposed * (x - eta * basis * eigenvalues * transposed * x)
    found = expand(stepped).subs(transposed * basis, 1)
    one_by_one = expand((1 - eta * eigenvalues) * transposed * x)
    return computation(
        "multiply matrices out, with QᵀQ = 1",
        found == one_by_one,
        True,
        "with H = QΛQᵀ, Qᵀ(x - ηHx) = (1 - ηΛ)Qᵀx: each coordinate of Qᵀ(θ - c) is a quadratic of its own",
    )


T_GD_2 = Theorem(
    "T-GD-2",
    "On a quadratic, gradient descent converges if and only if 0 < η < {bound}. Below {one_step} it approaches the "
    "minimiser from one side; between {one_step} and {bound} it overshoots at every step and still converges; above "
    "{bound} it diverges. With a Hessian whose largest eigenvalue is L > 0 and whose others are positive, it converges "
    "from every start if and only if 0 < η < {bound_of_all}.",
    _regions,
    {"one_step": 1 / a, "bound": 2 / a, "bound_of_all": 2 / L},
    f"{ON_QUADRATIC}, θ_1 ≠ c; for several variables a symmetric H = QΛQᵀ with QᵀQ = 1; constant η",
    "This is what the document's too small and too large learning rates are, exactly.",
)


# T-GD-3: descent -------------------------------------------------------------------------------------------------


def _descent(change):
    slope = J.diff(theta)
    yield identity(J.subs(theta, theta - eta * slope) - J, change, "J(θ - ηJ') - J(θ)")
    yield identity(descended(), theta - eta * slope, "θ - ηJ' is the step of SGD-1")
    at = {theta: c + w}
    yield at_most(change.subs(eta, below(2 / a)).subs(at), 0, "J falls for 0 < η < 2/a, θ > c", strict=True)
    at = {theta: c - w}
    yield at_most(change.subs(eta, below(2 / a)).subs(at), 0, "J falls for 0 < η < 2/a, θ < c", strict=True)
    yield at_most(0, change.subs(eta, above(2 / a)), "J does not fall for η >= 2/a")


T_GD_3 = Theorem(
    "T-GD-3",
    "On a quadratic, one step of gradient descent changes J by exactly {change}. So J falls at every point but the "
    "minimiser if 0 < η < 2/a, and at none if η >= 2/a.",
    _descent,
    {"change": -eta * (1 - eta * a / 2) * (a * (theta - c)) ** 2},
    ON_QUADRATIC,
)


# T-GD-4: the best constant rate ----------------------------------------------------------------------------------


def _best_rate(best, rate):
    of_kappa = {condition: L / mu}
    rate = rate.subs(of_kappa)
    wide = {L: mu + w0}

    def size(curvature, value):
        return Abs(FACTOR.subs({a: curvature, eta: value}))

    found = solve(Eq(FACTOR.subs(a, mu), -FACTOR.subs(a, L)), eta)
    yield computation("solve 1 - ημ = -(1 - ηL) for η", found[0], best, "where both ends are multiplied alike")
    ends = ((mu, "μ"), (L, "L"))
    for curvature, name in ends:
        yield identity(
            size(curvature, best).subs(wide), rate.subs(wide), f"|1 - η{name}| is that rate, with L = μ + w₀"
        )
    inner = between(mu, L, Symbol("k", nonnegative=True))
    yield at_most(size(inner, best).subs(wide), rate.subs(wide), "no curvature in [μ, L) is slower")
    other = Symbol("h", real=True)
    worst = Max(size(mu, other), size(L, other))
    yield at_most(rate.subs(wide), worst.subs(wide), "for any other η = h one of both ends is slower, or as slow")
    for change, word in ((best + w, "larger"), (best - w, "smaller")):
        worst = Max(size(mu, change), size(L, change)).subs(wide)
        yield at_most(rate.subs(wide), worst, f"and strictly slower if h is {word}", strict=True)


T_GD_4 = Theorem(
    "T-GD-4",
    "Where the curvatures lie in [μ, L], both ends occurring, the best constant learning rate is {best}: each step "
    "multiplies every distance by at most {rate}, κ = L/μ, and with any other rate some distance by more.",
    _best_rate,
    {"best": 2 / (mu + L), "rate": (condition - 1) / (condition + 1)},
    "a quadratic, decoupled as in T-GD-2; 0 < μ <= L",
)


# T-GD-5: Newton's step -------------------------------------------------------------------------------------------


def _one_step(newton):
    yield identity(descended().subs(eta, newton), c, "SGD-1 from any θ_t")
    yield identity(newton, 1 / J.diff(theta, 2), "it is the inverse of the second derivative, so this is Newton's step")
    found = solve(Eq(FACTOR, 0), eta)
    yield computation("solve 1 - ηa = 0 for η", found[0], newton, "no other rate does it from θ_t ≠ c")


T_GD_5 = Theorem(
    "T-GD-5",
    "On a quadratic, η = {newton} leads to the minimiser in one step from anywhere; this is Newton's step.",
    _one_step,
    {"newton": 1 / a},
    ON_QUADRATIC,
)


# T-SGD-2: the noise floor ----------------------------------------------------------------------------------------

spread = letter("s", "s", positive=True)
V = letter("V", "V", nonnegative=True)


def _variance_after():
    """Return the mean of (θ_{t+1} - c)² where V is that of (θ_t - c)², for noise ξ_t of mean 0 and variance s²."""
    noise, distance = symbols("ξ_t e_t", real=True)
    new = expand((descended(noise) - c).subs(theta, c + distance))
    moments = {(2, 0): V, (1, 1): 0, (0, 2): spread**2}
    return sum(k * moments[powers] for powers, k in Poly(new**2, distance, noise).terms())


def _noise_floor(floor):
    following = _variance_after()
    yield identity(
        following,
        (1 - eta * a) ** 2 * V + (eta * spread) ** 2,
        "the square of θ_{t+1} - c by SGD-1, its mean taken term by term: ξ_t is independent of θ_t and has mean 0",
    )
    inside = {eta: below(2 / a)}
    (found,) = solve(Eq(V, following), V)
    yield computation(
        "solve V = (1 - ηa)²V + η²s² for V", found.subs(inside), floor.subs(inside), "the fixed point, 0 < η < 2/a"
    )
    left, right = following - floor, FACTOR**2 * (V - floor)
    yield identity(left.subs(inside), right.subs(inside), "V - floor is multiplied by (1 - ηa)²")
    yield at_most((FACTOR**2).subs(inside), 1, "so V tends to the floor for 0 < η < 2/a", strict=True)
    yield at_most(0, floor.subs(inside), "the floor is not 0", strict=True)
    yield at_most((eta * spread) ** 2, following, "and for any constant η, V is at least η²s² after a step")
    yield computation("limit as η -> 0", limit(floor, eta, 0), S.Zero, "it vanishes only with η")


T_SGD_2 = Theorem(
    "T-SGD-2",
    "With noisy gradients a(θ_t - c) + ξ_t, the mean of (θ_t - c)² tends to {floor} for every 0 < η < 2/a and for no "
    "constant η to 0: to converge, the learning rate has to decay.",
    _noise_floor,
    {"floor": eta * spread**2 / (a * (2 - eta * a))},
    f"{ON_QUADRATIC}; ξ_t independent of the past, of mean 0 and variance s² > 0",
    "The need for a decaying rate that section 3 of the document speaks of.",
)

SGD = (T_GD_1, T_GD_2, T_GD_3, T_GD_4, T_GD_5, T_GD_6, T_GD_7, T_GD_8, T_GD_9, T_SGD_1, T_SGD_2)
