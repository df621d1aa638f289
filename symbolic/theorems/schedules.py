"""What the decaying learning rates of section 3 achieve: enough travel in all, and noise that averages out."""

from sympy import S, Sum, Symbol, limit, oo

from ..equations.notation import eta, i, letter, letter_base, t, theta, theta_next
from ..equations.sgd import SGD_1, LRD_b, decay, eta_0
from ..evidence import at_most, computation, identity
from .quadratic import a, c, on_quadratic, theta_1
from .recurrences import solves
from .running import after
from .theorem import Theorem

k = letter("k", "k", positive=True)
x = letter_base("x", "x")


# T-LR-1: time-based decay ----------------------------------------------------------------------------------------


def _robbins_monro(rate):
    yield identity(rate, LRD_b.right.subs(decay, k), "LRD-b, with k for κ")
    n = Symbol("n", integer=True, positive=True)
    for power, converges, word in ((1, S.false, "diverges"), (2, S.true, "converges")):
        found = Sum(1 / n**power, (n, 1, oo)).is_convergent()
        yield computation("test of convergence", found, converges, f"Σ 1/t{'²' if power == 2 else ''} {word}")
    yield at_most(eta_0 / (1 + k) / t, rate, "η_t >= (η_0/(1 + k)) · 1/t, so Σ η_t diverges")
    yield at_most(rate**2, (eta_0 * (1 + 1 / k) / t) ** 2, "η_t² <= (η_0 (1 + 1/k))² · 1/t², so Σ η_t² converges")
    real = Symbol("T", positive=True)
    found = limit(rate.subs(t, real), real, oo)
    yield computation("limit as t -> oo", found, S.Zero, "η_t vanishes")


T_LR_1 = Theorem(
    "T-LR-1",
    "With time-based decay the learning rates η_t = {rate} vanish, their sum diverges and the sum of their squares "
    "converges: the conditions of Robbins and Monro.",
    _robbins_monro,
    {"rate": eta_0 / (1 + k * (t - 1))},
    "η_0 > 0 and k > 0; for k = 0 the rate is constant and the squares diverge too",
    "The first condition lets gradient descent reach any point, the second lets the noise of T-SGD-2 average out.",
)


# T-LR-2: the mean as gradient descent ----------------------------------------------------------------------------


def _running_mean(rate, mean):
    step = after(on_quadratic((SGD_1,)), {eta: rate})[theta_next].subs(c, x[t])
    yield solves(mean, step, theta, f"by SGD-1, θ_{{t+1}} = {mean} for every t = 1, 2, ..., from any θ_1", theta_1)


T_LR_2 = Theorem(
    "T-LR-2",
    "With the learning rate {rate}, stochastic gradient descent on the terms J_t(θ) = a/2 (θ - x_t)² computes the mean "
    "of what it has seen: θ_{{t+1}} = {mean}.",
    _running_mean,
    {"rate": 1 / (a * t), "mean": Sum(x[i], (i, 1, t)) / t},
    "step t takes the gradient of J_t; a > 0; any θ_1",
)

SCHEDULES = (T_LR_1, T_LR_2)
