"""What all nine algorithms share and what tells them apart: where they rest, what changes of variable they follow."""

from itertools import combinations

from sympy import Abs, Derivative, Function, Matrix, Rational, S, Subs, Sum, Symbol, binomial, eye, gammasimp, pi
from sympy import cos as cosine
from sympy import sin as sine

from ..equations import UPDATES
from ..equations.adadelta import D_before, E_before, delta
from ..equations.adagrad import G_before
from ..equations.adam import m_before
from ..equations.adam import v_before as square_before
from ..equations.adamax import u_before
from ..equations.momentum import v_before
from ..equations.notation import (
    LATEX,
    NablaJ,
    beta1,
    beta2,
    eps,
    eta,
    g,
    gamma,
    i,
    letter,
    letter_base,
    t,
    theta,
    theta_next,
)
from ..equations.sgd import SGD_1, N
from ..evidence import at_most, computation, counterexample, identity
from .recurrences import linear
from .running import after, moved
from .theorem import Theorem

LINEAR = ("sgd", "momentum", "nag")
# What the states of the document are, by the names that T-GD-6 gives to where they rest.
RESTS = {v_before: "velocity", m_before: "mean", square_before: "square", E_before: "square", u_before: "largest"}
SETTINGS = {eta: 1, gamma: Rational(9, 10), beta1: Rational(9, 10), beta2: Rational(999, 1000), eps: Rational(1, 10**8)}
p = Symbol("p", positive=True)


# T-GD-6: where all of them rest ----------------------------------------------------------------------------------


def _fixed_points(**rests):
    for name, algorithm in UPDATES.items():
        still = {before: S.Zero for before, _ in algorithm.states if before != G_before}
        values = after(algorithm.equations, still, gradient=S.Zero)
        found = Matrix([values[theta_next], *(values[new] for _, new in algorithm.states)])
        kept = Matrix([theta, *(still.get(before, before) for before, _ in algorithm.states)])
        yield identity(found, kept, f"{name}: with ∇J = 0 and states 0 (but G), nothing changes")
        point = algorithm.gradient_point.subs(still)
        yield identity(point, theta, f"{name}: and ∇J is then taken at θ_t itself")
        for before, new in algorithm.states:
            yield from _rest(name, algorithm, before, new, rests)
        yield from _moves(name, algorithm, rests)
    for word, rest in rests.items():
        yield identity(rest.subs(g, 0), 0, f"for g = 0 the {word} rests at 0")


def _rest(name, algorithm, before, new, rests):
    """Yield the Parts that a state rests, under a constant gradient, only where it is claimed to."""
    (equation,) = (e for e in algorithm.equations if e.left == new)
    following = equation.right.replace(NablaJ, lambda *_: g)
    if before == G_before:
        yield identity(following - before, g**2, f"{name}: {new} is {before} only for g = 0")
    elif before == u_before:
        yield from _rest_of_maximum(name, following, rests["largest"])
    else:
        rest = delta**2 if before == D_before else rests[RESTS[before]]
        slope = following.diff(before)
        yield identity(following - before, (slope - 1) * (before - rest), f"{name}: {new} is {before} only at {rest}")
        yield at_most(slope, 1, f"{name}: as {slope} < 1", strict=True)


def _rest_of_maximum(name, following, rest):
    more, part = Symbol("h", positive=True), Symbol("k", nonnegative=True)
    for size, word in ((p, "g > 0"), (-p, "g < 0")):
        at, new = rest.subs(g, size), following.subs(g, size)
        yield identity(new.subs(u_before, at), at, f"{name}: u rests at {rest}, {word}")
        yield at_most(new.subs(u_before, at + more), at + more, f"{name}: it falls above, {word}", strict=True)
        text = f"{name}: it grows below, {word}"
        yield at_most(at * part, new.subs(u_before, at * part), text, units=[part], strict=True)
    yield at_most(following.subs({g: 0, u_before: p}), p, f"{name}: u > 0 falls if g = 0", strict=True)


def _moves(name, algorithm, rests):
    """Yield the Parts that θ moves against a gradient that is not 0 when the states rest, so that nothing rests."""
    for size, word in ((p, "g > 0"), (-p, "g < 0")):
        still = {b: rests[RESTS[b]].subs(g, size) for b, _ in algorithm.states if b in RESTS}
        step = moved(algorithm.equations, {**still, g: size}, gradient=size)
        yield at_most(step * size, 0, f"{name}: with the states at rest, θ moves against g, {word}", strict=True)


T_GD_6 = Theorem(
    "T-GD-6",
    "A step of any of the nine algorithms changes neither θ nor its states if and only if ∇J(θ) = 0 and the states are "
    "0, but for Adagrad's G, which may be anything. Under a constant gradient g_t a velocity rests only at {velocity}, "
    "a mean of gradients at {mean}, a mean of their squares at {square}, and AdaMax's maximum at {largest}.",
    _fixed_points,
    {"velocity": eta * g / (1 - gamma), "mean": g, "square": g**2, "largest": Abs(g)},
    "any η, ε > 0, decays in [0, 1) and t",
    "So each of them stays at any stationary point where it starts, a saddle or a maximum included (E-03).",
)


# T-GD-7: moving, turning, exchanging and flipping coordinates ----------------------------------------------------


def _run(algorithm, coordinates):
    """Return θ_{t+1} and the states after a step, a row for each coordinate given as θ_t, states before and g_t."""
    rows = []
    for place, *states, gradient in coordinates:
        known = dict(zip((b for b, _ in algorithm.states), states, strict=True))
        # ∇J becomes g, and g what it is here, in the order in which `after` puts them in.
        values = after(algorithm.equations, {**known, theta: place, g: gradient}, gradient=g)
        rows.append([values[theta_next], *(values[new] for _, new in algorithm.states)])
    return Matrix(rows)


def _letters(algorithm, number=""):
    """Return symbols for θ_t, the states before the step and g_t of one coordinate."""
    kept = (theta, *(before for before, _ in algorithm.states), g)
    if not number:
        return list(kept)
    return [letter(f"{s}₍{number}₎", f"{LATEX[s]}^{{({number})}}", **s.assumptions0) for s in kept]


def _equivariance(Q):
    yield identity(Q * Q.T, eye(2), "QQᵀ = 1")
    for name, algorithm in UPDATES.items():
        yield from _moved_and_flipped(name, algorithm)
    for name in LINEAR:
        algorithm = UPDATES[name]
        kept = (theta, *(before for before, _ in algorithm.states), g)
        values = _run(algorithm, [kept])
        for value in values:
            yield linear(value, *kept)
        for symbol in kept:
            rates = values.diff(symbol)
            alike = rates.free_symbols <= {eta, gamma}
            yield computation("free symbols", alike, True, f"{name}: the rates by {symbol} belong to no coordinate")
        yield _turned(name, algorithm, Q)
    turn = Matrix([[cosine(pi / 6), -sine(pi / 6)], [sine(pi / 6), cosine(pi / 6)]])
    for name, algorithm in UPDATES.items():
        if name not in LINEAR:
            before = [0] * (1 + len(algorithm.states))
            direct = _run(algorithm, [(*before, 1), (*before, 3)])[:, 0]
            own = _run(algorithm, [(*before, k) for k in turn.T * Matrix([1, 3])])[:, 0]
            used = direct.free_symbols | own.free_symbols
            at = {symbol: number for symbol, number in {**SETTINGS, t: 1}.items() if symbol in used}
            text = f"{name} does not turn: the first step for g = (1, 3), and that in axes turned by π/6, turned back"
            yield counterexample(text, direct, turn * own, at)


def _moved_and_flipped(name, algorithm):
    """Yield the Parts that hold for every algorithm, one coordinate at a time."""
    place, *states, gradient = own = _letters(algorithm)
    far, shift = _run(algorithm, [own]), Symbol("b", real=True)
    kept = Matrix([[shift, *([0] * len(states))]])
    text = f"{name}: θ moved by b moves θ_{{t+1}} by b and changes no state"
    yield identity(_run(algorithm, [(place + shift, *states, gradient)]), far + kept, text)
    signs = [-1, *(1 if state.is_nonnegative else -1 for state in states)]
    flipped = [sign * symbol for sign, symbol in zip((*signs, -1), own, strict=True)]
    claimed = Matrix([[sign * value for sign, value in zip(signs, far, strict=True)]])
    text = f"{name}: with θ and g their other sign, so have θ_{{t+1}} and the velocity or mean, and no other state"
    yield identity(_run(algorithm, [flipped]), claimed, text)
    first, second = _letters(algorithm, "1"), _letters(algorithm, "2")
    exchanged = _run(algorithm, [second, first]) == Matrix([[0, 1], [1, 0]]) * _run(algorithm, [first, second])
    text = f"{name}: two coordinates exchanged are exchanged after the step"
    yield computation("evaluate the equations on both orders", exchanged, True, text)


def _turned(name, algorithm, Q):
    """Return the Part that a step in two variables y, θ = Qy + b, with the gradient Qᵀg, is that in θ."""
    columns = Matrix([_letters(algorithm, "1"), _letters(algorithm, "2")])
    shift = Matrix([[letter(f"b_{k}", f"b_{k}", real=True), *([0] * len(algorithm.states))] for k in (1, 2)])
    turned = Q * columns
    place = turned[:, :-1] + shift
    # The gradient in y is Qᵀ that in θ, so that in θ is Q times that in y, as QQᵀ = 1.
    in_theta = _run(algorithm, [(*place[k, :], turned[k, -1]) for k in range(2)])
    in_y = _run(algorithm, [tuple(columns[k, :]) for k in range(2)])
    return identity(in_theta, Q * in_y + shift, f"{name}: turned by Q and moved by b, by its equations")


_u = letter("u", "u", real=True)
T_GD_7 = Theorem(
    "T-GD-7",
    "All nine algorithms follow a translation, an exchange of coordinates and a change of sign of a coordinate. "
    "Gradient descent, Momentum and NAG follow every orthogonal Q besides, for two variables the rotations {Q}; "
    "Adagrad, Adadelta, RMSprop, Adam, AdaMax and NAdam do not follow all rotations.",
    _equivariance,
    {"Q": Matrix([[1 - _u**2, -2 * _u], [2 * _u, 1 - _u**2]]) / (1 + _u**2)},
    "θ = Qy + b, velocities likewise, and the gradient in y is Qᵀ times that in θ (chain rule)",
    "A step that is linear in (θ, v, g) with the same rates for every coordinate commutes with every matrix: that is "
    "the proof for any number of variables. The result of the six depends on the axes.",
)


# T-GD-8 and T-GD-9: other units, other sums ----------------------------------------------------------------------

F = Function("J", real=True)
scale = letter("s", "s", positive=True)
term = letter_base("∇J", r"\nabla J")


def _scaled(rate):
    z, y = Symbol("z", real=True), Symbol("y", real=True)
    own = F(scale * y).diff(y)
    slope = Subs(Derivative(F(z), z), z, scale * y)
    yield computation("derivative of J(sy) by y", own, scale * slope, "the gradient in y is s times that in θ = sy")
    in_y = SGD_1.right.replace(NablaJ, lambda *_: own).subs(theta, y)
    in_theta = SGD_1.right.subs(eta, rate).replace(NablaJ, lambda *_: slope).subs(theta, scale * y)
    yield identity(scale * in_y, in_theta, "s times the step of SGD-1 in y with η, and that in θ")


T_GD_8 = Theorem(
    "T-GD-8",
    "In another unit, θ = s y, gradient descent in y with the learning rate η is gradient descent in θ with {rate}.",
    _scaled,
    {"rate": scale**2 * eta},
    "s > 0; J has a derivative",
    "A learning rate has a unit: this is what the document's argument on units says, exactly.",
)


def _sum_or_mean(rate):
    y, summand = Symbol("y", real=True), Function("J", real=True)
    slope = Sum(Derivative(summand(i, y), y), (i, 1, N))
    yield computation("derivative of Σ J_i(y)", Sum(summand(i, y), (i, 1, N)).diff(y), slope, "term by term")
    of_sum = SGD_1.right.replace(NablaJ, lambda *_: slope)
    of_mean = SGD_1.right.subs(eta, rate).replace(NablaJ, lambda *_: slope / N)
    yield identity(of_sum, of_mean, "the step of SGD-1 on the sum with η, and that on the mean")


T_GD_9 = Theorem(
    "T-GD-9",
    "Gradient descent on the sum of N terms with the learning rate η is gradient descent on their mean with {rate}.",
    _sum_or_mean,
    {"rate": N * eta},
    "N >= 1 terms that have derivatives",
    "GD-2 is a sum and SGD-1 takes one term of it, so that the same η is not the same (E-02).",
)


# T-SGD-1: batches ------------------------------------------------------------------------------------------------

n = letter("n", "n", integer=True, positive=True)


def _batches(mean, variance):
    one = binomial(N - 1, n - 1) / binomial(N, n)
    both = binomial(N - 2, n - 2) / binomial(N, n)
    yield computation("count batches with binomials", gammasimp(one), n / N, "a term is in n/N of all batches")
    yield computation(
        "count batches with binomials",
        gammasimp(both),
        n * (n - 1) / (N * (N - 1)),
        "two in n(n - 1)/(N(N - 1))",
        [(N - 1, 1)],
    )
    total = Sum(term[i], (i, 1, N))
    squares = Sum(term[i] ** 2, (i, 1, N))
    yield identity(total * (n / N) / n, mean, "so the mean over all batches of (Σ of the batch)/n")
    spread = squares / N - mean**2
    # Σ over i ≠ j of g_i g_j is (Σ g_i)² - Σ g_i².
    found = (squares * n / N + (total**2 - squares) * n * (n - 1) / (N * (N - 1))) / n**2 - mean**2
    yield identity(found, variance.subs(sigma_square, spread), "and the variance over all batches", [(N - 1, 1)])
    gradients = [Symbol(f"g_{k}", real=True) for k in range(1, 5)]
    yield from _enumerated(gradients, 2, mean, variance)


sigma_square = letter("σ²", r"\sigma^2", nonnegative=True)


def _enumerated(gradients, size, mean, variance):
    """Yield the Parts that the formulas hold for a few terms, all batches written out."""
    batches = [sum(batch) / S(size) for batch in combinations(gradients, size)]
    number, own = len(gradients), {n: size, N: len(gradients)}
    overall = sum(batches) / len(batches)
    average = sum(gradients) / S(number)
    values = dict(zip((term[k] for k in range(1, number + 1)), gradients, strict=True))
    text = f"all {len(batches)} batches of {size} out of {number} written out"
    yield identity(overall, mean.subs(own).doit().subs(values), f"{text}: the mean")
    spread = sum(x**2 for x in gradients) / S(number) - average**2
    found = sum(x**2 for x in batches) / len(batches) - overall**2
    yield identity(found, variance.subs({**own, sigma_square: spread}), f"{text}: the variance")


T_SGD_1 = Theorem(
    "T-SGD-1",
    "The gradient of a batch of n out of N terms, drawn without replacement, is {mean} in the mean, the gradient of "
    "the mean of all terms; its variance is {variance}, with σ² that of one term.",
    _batches,
    {"mean": Sum(term[i], (i, 1, N)) / N, "variance": sigma_square / n * (N - n) / (N - 1)},
    "∇J_i are the gradients of the terms along one coordinate; every batch is as likely; 1 <= n <= N, N > 1 for the "
    "variance",
    "The mean of a sum is the sum of the means, each term counted with the share of batches that have it.",
)
