"""Users' own step functions: the right ones are proved, however they are written; the wrong ones are refuted."""

import json
import math
import time
from functools import partial
from math import sqrt

import numba
import numpy as np
import pytest

from optnumba import symbolic
from optnumba.rule import where

# Right ----------------------------------------------------------------------------------------------------------


def adam_textbook(x, g, m, v, t, learning_rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return x - learning_rate * m_hat / (v_hat**0.5 + eps), m, v


def adam_numpy(w, grad, m, v, t, lr, b1, b2, epsilon):
    m = b1 * m + (1 - b1) * grad
    v = b2 * v + (1 - b2) * np.square(grad)
    rate = lr * np.sqrt(1.0 - np.power(b2, t)) / (1.0 - np.power(b1, t))
    return w - rate * m / (np.sqrt(v) + epsilon * np.sqrt(1.0 - b2**t)), m, v


def adam_math(x, g, m, v, t, lr, beta1, beta2, eps):
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (math.pow(g, 2) - v)
    c1, c2 = -math.expm1(t * math.log(beta1)), 1 - math.exp(t * math.log1p(beta2 - 1))
    return x - lr * (m / c1) / (math.sqrt(v / c2) + eps), m, v


@numba.njit
def adam_compiled(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps), m, v


def adam_other_order(x, g, v, m, t, eps, beta2, beta1, lr):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps), v, m


def adam_keywords(x, g, m, v, *, t, beta1=0.9, beta2=0.999, eps=1e-8, lr=1e-3):
    return adam_textbook(x, g, m, v, t, lr, beta1, beta2, eps)


def adam_around(lr, beta1, beta2=0.999, eps=1e-8):
    @numba.njit
    def average(old, new, beta):
        return beta * old + (1 - beta) * new

    def step(x, g, m, v, t, maximize=False):
        m, v = average(m, g, beta1), average(v, g * g, beta2)
        unbiased = [old / (1 - beta**t) for old, beta in ((m, beta1), (v, beta2))]
        return x - lr * unbiased[0] / (sqrt(unbiased[1]) + eps), m, v

    return step


def nadam_one_bracket(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * (beta1 * m + (1 - beta1) * g) / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def momentum_heavy_ball(x, g, v, learning_rate, momentum):
    step = learning_rate * g + momentum * v
    return x - step, step


def nag_shifted(phi, g, v, lr, mu):
    v_new = mu * v + lr * g
    return phi + mu * v - v_new - mu * v_new, v_new


def adagrad_power(x, g, G, lr, eps):
    G = G + g**2
    return x - lr * (G + eps) ** -0.5 * g, G


def adadelta_rms(x, g, Eg, Ex, rho, eps):
    def rms(mean_square):
        return (mean_square + eps) ** 0.5

    Eg = rho * Eg + (1 - rho) * g**2
    dx = -rms(Ex) / rms(Eg) * g
    return x + dx, Eg, rho * Ex + (1 - rho) * dx**2


def rmsprop_decay(x, g, s, lr, decay, epsilon):
    s = decay * s + (1 - decay) * g * g
    return x - lr / np.sqrt(s + epsilon) * g, s


def adamax_where(x, g, m, u, t, lr, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    u = np.maximum(beta2 * u, np.abs(g))
    return x - np.where(u > 0, lr / (1 - beta1**t) * m / u, 0.0), m, u


def adamax_absolute_value(x, g, m, u, t, lr, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    a, b = beta2 * u, sqrt(g**2)
    u = (a + b + abs(a - b)) / 2
    return x - where(u == 0, 0, lr * m / u) / (1 - beta1**t), m, u


def adamax_max(x, g, m, u, t, lr, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    u = max(abs(g), beta2 * u)
    return x - lr / (1 - beta1**t) * m / (u + where(u, 0.0, 1.0)) * where(u, 1.0, 0.0), m, u


def sgd_scalar(x, g, lr):
    return x - np.multiply(lr, g)


RIGHT = [
    (adam_textbook, "adam"),
    (adam_numpy, "adam"),
    (adam_math, "adam"),
    (adam_compiled, "adam"),
    (adam_other_order, "adam"),
    (adam_keywords, "adam"),
    (adam_around(0.001, 0.9), "adam"),
    (nadam_one_bracket, "nadam"),
    (momentum_heavy_ball, "momentum"),
    (nag_shifted, "nag"),
    (adagrad_power, "adagrad"),
    (adadelta_rms, "adadelta"),
    (rmsprop_decay, "rmsprop"),
    (adamax_where, "adamax"),
    (adamax_absolute_value, "adamax"),
    (adamax_max, "adamax"),
    (sgd_scalar, "sgd"),
]


@pytest.mark.parametrize(("step", "name"), RIGHT, ids=lambda item: getattr(item, "__name__", item))
def test_right_steps_are_proved(step, name):
    proof = symbolic.check(step, name)
    assert proof.proved, proof.explain()
    assert all(residual == 0 for residual in proof.residuals.values())


def test_the_assignment_of_the_states_is_reported():
    text = symbolic.check(adam_other_order, "adam").explain()
    assert "v is v_{t-1}" in text and "m is m_{t-1}" in text and "lr is η" in text


def test_variables_from_around_are_reported():
    text = symbolic.check(adam_around(0.001, 0.9), "adam").explain()
    assert "beta1 = 0.9 from around the function counts as free" in text


# Wrong ----------------------------------------------------------------------------------------------------------


def adam_uncorrected(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * m / (sqrt(v) + eps), m, v


def adam_epsilon_inside(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * m / (1 - beta1**t) / sqrt(v / (1 - beta2**t) + eps), m, v


def adam_from_zero(x, g, m, v, t, lr, beta1, beta2, eps):
    return adam_textbook(x, g, m, v, t + 1, lr, beta1, beta2, eps)


def adam_fixed_beta(x, g, m, v, t, lr, beta2, eps):
    return adam_textbook(x, g, m, v, t, lr, 0.9, beta2, eps)


def adam_returns_old_state(x, g, m, v, t, lr, beta1, beta2, eps):
    return adam_textbook(x, g, m, v, t, lr, beta1, beta2, eps)[0], m, v


def adam_states_crossed(x, g, m, v, t, lr, beta1, beta2, eps):
    x, m, v = adam_textbook(x, g, m, v, t, lr, beta1, beta2, eps)
    return x, v, m


def momentum_torch(x, g, b, lr, momentum):
    b = momentum * b + g
    return x - lr * b, b


def adagrad_outside(x, g, G, lr, eps):
    G = G + g * g
    return x - lr * g / (np.sqrt(G) + eps), G


def adamax_no_guard(x, g, m, u, t, lr, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    u = max(beta2 * u, abs(g))
    return x - lr / (1 - beta1**t) * m / u, m, u


def adamax_epsilon(x, g, m, u, t, lr, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    u = max(beta2 * u, abs(g) + 1e-7)
    return x - lr / (1 - beta1**t) * m / u, m, u


def adam_without_epsilon(lr, beta1, beta2, eps=0.0):
    def step(x, g, m, v, t):
        return adam_textbook(x, g, m, v, t, lr, beta1, beta2, eps)

    return step


WRONG = [
    (adam_uncorrected, "adam"),
    (adam_epsilon_inside, "adam"),
    (adam_from_zero, "adam"),
    (adam_fixed_beta, "adam"),
    (adam_returns_old_state, "adam"),
    (adam_states_crossed, "adam"),
    (adam_textbook, "nadam"),
    (adam_without_epsilon(0.001, 0.9, 0.999), "adam"),
    (momentum_torch, "momentum"),
    (momentum_heavy_ball, "nag"),
    (nag_shifted, "momentum"),
    (adagrad_outside, "adagrad"),
    (adamax_no_guard, "adamax"),
    (adamax_epsilon, "adamax"),
]


@pytest.mark.parametrize(("step", "name"), WRONG, ids=lambda item: getattr(item, "__name__", item))
def test_wrong_steps_are_refuted(step, name):
    proof = symbolic.check(step, name)
    assert proof.status == "refuted" and not proof.proved
    assert proof.counterexample.found != proof.counterexample.expected
    assert any(residual != 0 for residual in proof.residuals.values())
    assert "NOT equal" in proof.explain() and "refuted: " in proof.explain()


def test_adamax_without_the_guard_is_equal_everywhere_else():
    proof = symbolic.check(adamax_no_guard, "adamax")
    assert proof.counterexample.found is None
    assert proof.counterexample.values["g"] == 0
    assert "equal except where g_t = 0, u_{t-1} > 0 (u_{t-1} = δ1), β₂ = 0; or g_t = 0, u_{t-1} = 0" in " ".join(
        proof.explain().split()
    )


def test_nag_in_theta_is_recognised_but_refused():
    """The same code is momentum when g is the gradient at x, and NAG only when it is that at the look-ahead."""
    proof = symbolic.check(momentum_heavy_ball, "nag")
    assert not proof.proved
    assert "form in θ" in proof.explain()


# Refused --------------------------------------------------------------------------------------------------------

steps_done = 0


def branches(x, g, m, u, t, lr, beta1, beta2):
    u = max(beta2 * u, abs(g))
    if u == 0:
        return x, m, u
    return x - lr * m / u, m, u


def counts(x, g, lr):
    global steps_done
    steps_done += 1
    return x - lr * g


def sums(x, g, lr):
    return x - lr * g / np.sum(g * g)


def mixes(x, g, lr):
    x[1:] -= lr * g[:-1]


def late(x, g, t, lr):
    if t > 10:
        lr = lr / 10
    return x - lr * g


def modes(x, g, t, lr, n=1):
    if n == 1:
        return x - lr * g
    return x - lr * g


def foreign(x, g, lr):
    return x - json.dumps(g)


def nothing(x, g, lr):
    x = x - lr * g


def guarded(x, g, lr):
    try:
        return x - lr * g
    except ZeroDivisionError:
        return x


def elements(x, g, lr):
    for i in range(len(x)):
        if g[i] > 0:
            x[i] -= lr * g[i]


def rounds(x, g, lr):
    return (x - lr * np.round(g),)


def casts(x, g, lr):
    return (x - lr * int(g),)


def squares(x, g, lr):
    return (x - lr * g, g * g)


def any_arguments(x, g, *state):
    return (x, *state)


@pytest.mark.parametrize(
    ("step", "name", "message"),
    [
        (branches, "adamax", r"branches\(\) cannot be run on symbols: it branches .* write where\(condition, a, b\)"),
        (counts, "sgd", r"counts\(\) .* assigns to the global 'steps_done'"),
        (sums, "sgd", r"sums\(\) .* combines different coordinates .*test_check.py:\d+: return x - lr \* g / np.sum"),
        (mixes, "sgd", r"mixes\(\) computes coordinate 1 from coordinate 0 of g"),
        (late, "sgd", r"late\(\) .* branches at t = 10, and only the first step .*:\d+: if t > 10:"),
        (modes, "sgd", r"modes\(\) branches on n, which is not its step number"),
        (foreign, "sgd", r"foreign\(\) .* json.dumps|json .*no meaning on symbols.*:\d+: return x - json"),
        (nothing, "sgd", r"nothing\(\) returns None and changes none of its arguments; .* x\[:\] = "),
        (guarded, "sgd", r"guarded\(\) .* try or with .*:\d+: "),
        (elements, "sgd", r"elements\(\) .*(branches|picks elements) .*:\d+: "),
        (rounds, "sgd", r"rounds\(\) .* numpy.round .* no meaning on symbols; use sqrt"),
        (casts, "sgd", r"casts\(\) .* int"),
        (squares, "sgd", r"squares\(\) returns 2 values; it should return a tuple of 1"),
        (any_arguments, "sgd", r"should be step\(x, g, \*state, t, \*hyper\)"),
        ("adam", "adam", r"step='adam' has no signature"),
        (lambda x, g, m, v, w, lr: (x, m, v, w), "adam", r"has 3 state\(s\) \(m, v, w\), and 'adam' has 2"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_a_remedy(step, name, message):
    with pytest.raises(TypeError, match=message):
        symbolic.check(step, name)


def test_unknown_algorithm():
    with pytest.raises(ValueError, match="name='adamw' is not an algorithm; did you mean adam, "):
        symbolic.check(adam_textbook, "adamw")


# As people write them -------------------------------------------------------------------------------------------

# -- over arrays, in place --------------------------------------------------------------------------------------


def adam_in_place(x, g, m, v, t, lr, beta1, beta2, eps):
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g * g
    x -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)


def adam_out(params, grads, m, v, t, lr, beta1, beta2, eps):
    tmp = np.empty_like(params)
    np.multiply(m, beta1, out=m)
    np.multiply(grads, 1 - beta1, out=tmp)
    np.add(m, tmp, out=m)
    np.multiply(v, beta2, out=v)
    np.multiply(grads, grads, out=tmp)
    tmp *= 1 - beta2
    np.add(v, tmp, v)
    np.divide(v, 1 - beta2**t, out=tmp)
    np.sqrt(tmp, out=tmp)
    tmp += eps
    np.divide(m, tmp, out=tmp)
    tmp *= lr / (1 - beta1**t)
    params[:] = params - tmp


@numba.njit
def rmsprop_loop(grad, theta, s, lr, rho, eps):
    for i in numba.prange(theta.size):
        s[i] = rho * s[i] + (1 - rho) * grad[i] ** 2
        theta[i] -= lr * grad[i] / math.sqrt(s[i] + eps)


def momentum_list(params, grads, velocities, lr, momentum):
    for p, g, v in zip(params, grads, velocities):  # noqa: B905 (as people write it)
        v *= momentum
        v += lr * g
        p -= v


def adagrad_slices(w, dw, cache, lr, eps=1e-8):
    cache[:] += dw**2
    w[:] -= lr * dw / np.sqrt(cache[:] + eps)
    return w, cache


def adamax_divide_where(x, g, m, u, t, lr, beta1, beta2):
    m[:] = beta1 * m + (1 - beta1) * g
    np.maximum(beta2 * u, np.abs(g), out=u)
    ratio = np.divide(m, u, out=np.zeros_like(m), where=u != 0)
    x -= lr / (1 - beta1**t) * ratio


def adam_cs231n(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-3)
    config.setdefault("beta1", 0.9)
    config.setdefault("beta2", 0.999)
    config.setdefault("epsilon", 1e-8)
    config.setdefault("m", np.zeros_like(w))
    config.setdefault("v", np.zeros_like(w))
    config.setdefault("t", 0)
    config["t"] += 1
    config["m"] = config["beta1"] * config["m"] + (1 - config["beta1"]) * dw
    config["v"] = config["beta2"] * config["v"] + (1 - config["beta2"]) * (dw**2)
    mt = config["m"] / (1 - config["beta1"] ** config["t"])
    vt = config["v"] / (1 - config["beta2"] ** config["t"])
    next_w = w - config["learning_rate"] * mt / (np.sqrt(vt) + config["epsilon"])
    return next_w, config


def momentum_state_dict(params, grads, state, lr, momentum):
    if "v" not in state:
        state["v"] = np.zeros_like(params)
    state["v"] = momentum * state["v"] + lr * grads
    params -= state["v"]
    return params


def adam_state_tuple(x, g, state, t, lr, beta1, beta2, eps):
    m, v = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    x = x - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return x, (m, v)


class MomentumBook:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None

    def update(self, params, grads):
        if self.v is None:
            self.v = {}
            for key, val in params.items():
                self.v[key] = np.zeros_like(val)
        for key in params.keys():
            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]
            params[key] += self.v[key]


class AdamBook:
    """ε outside the root of the raw average: Keras's form, as the book has it."""

    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m = None
        self.v = None

    def update(self, params, grads):
        if self.m is None:
            self.m, self.v = {}, {}
            for key, val in params.items():
                self.m[key] = np.zeros_like(val)
                self.v[key] = np.zeros_like(val)
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)
        for key in params.keys():
            self.m[key] += (1 - self.beta1) * (grads[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (grads[key] ** 2 - self.v[key])
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)


class AdamObject:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m = 0.0
        self.v = 0.0
        self.t = 0

    def average(self, old, new, beta):
        return beta * old + (1 - beta) * new

    def step(self, w, grad):
        self.t += 1
        self.m = self.average(self.m, grad, self.beta1)
        self.v = self.average(self.v, grad**2, self.beta2)
        mhat = self.m / (1 - self.beta1**self.t)
        vhat = self.v / (1 - self.beta2**self.t)
        return w - self.lr * mhat / (vhat**0.5 + self.eps)


class AdamForgetsToCount(AdamObject):
    def step(self, w, grad):
        self.m = self.average(self.m, grad, self.beta1)
        self.v = self.average(self.v, grad**2, self.beta2)
        self.t += 1
        return w - self.lr * self.m / (1 - self.beta1 ** (self.t + 1)) / (
            (self.v / (1 - self.beta2 ** (self.t + 1))) ** 0.5 + self.eps
        )


# -- running powers, counters, first step ---------------------------------------------------------------------------


def adam_running_powers(x, g, m, v, beta1_t, beta2_t, lr, beta1, beta2, eps):
    beta1_t *= beta1
    beta2_t *= beta2
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return x - lr * (m / (1 - beta1_t)) / (math.sqrt(v / (1 - beta2_t)) + eps), m, v, beta1_t, beta2_t


def adam_counter(x, g, m, v, t, lr, beta1, beta2, eps):
    t = t + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return x - lr * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)) ** 0.5 + eps), m, v, t


def momentum_first_step(x, g, v, t, lr, momentum):
    if t == 1:
        v = lr * g
    else:
        v = momentum * v + lr * g
    return x - v, v


def adam_first_step_uncorrected(x, g, m, v, t, lr, beta1, beta2, eps):
    if t == 1:
        m, v = g, g**2
    else:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
    return x - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps), m, v


def adam_partial(eps, x, g, m, v, t, lr, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return x - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps), m, v


# -- other letters ----------------------------------------------------------------------------------------------------


def momentum_keras(x, g, m, lr, momentum):
    m = momentum * m - lr * g
    return x + m, m


def momentum_dampened(x, g, m, lr, beta):
    m = beta * m + (1 - beta) * g
    return x - lr * m, m


def adam_sums(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + g
    v = beta2 * v + g * g
    mh = (1 - beta1) * m / (1 - beta1**t)
    vh = (1 - beta2) * v / (1 - beta2**t)
    return x - lr * mh / (math.sqrt(vh) + eps), m, v


def adam_zero_based(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * m / (1 - beta1 ** (t + 1)) / (math.sqrt(v / (1 - beta2 ** (t + 1))) + eps), m, v


def adam_keras(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (math.sqrt(v) + eps), m, v


def adam_literals(x, g, m, v, t, lr):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    return x - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v


def silent(a, b, c, d, e):
    c = e * c + d * a
    return b - c, c


def silent_adam(p1, p2, p3, p4, p5, p6, p7, p8, p9):
    p3 = p7 * p3 + (1 - p7) * p2
    p4 = p8 * p4 + (1 - p8) * p2 * p2
    return p1 - p6 * (p3 / (1 - p7**p5)) / ((p4 / (1 - p8**p5)) ** 0.5 + p9), p3, p4


def sgd_gradient_first(grad, theta, lr):
    return theta - lr * grad


# -- wrong ------------------------------------------------------------------------------------------------------------


def adam_beta_swapped(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta2 * m + (1 - beta2) * g
    v = beta1 * v + (1 - beta1) * g * g
    return x - lr * m / (1 - beta2**t) / (math.sqrt(v / (1 - beta1**t)) + eps), m, v


def adam_stale_m(x, g, m, v, t, lr, beta1, beta2, eps):
    new_m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps), new_m, v


def momentum_before_state(x, g, v, lr, momentum):
    x = x - v
    v = momentum * v + lr * g
    return x, v


def adam_aliased(x, g, m, v, t, lr, beta1, beta2, eps):
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g**2
    m_hat, v_hat = m, v
    m_hat /= 1 - beta1**t
    v_hat /= 1 - beta2**t
    x -= lr * m_hat / (np.sqrt(v_hat) + eps)


def nag_overwritten(phi, g, v, lr, mu):
    v[:] = mu * v + lr * g
    phi += mu * v
    phi -= v + mu * v


def adagrad_stale(x, g, G, lr, eps):
    x = x - lr * g / np.sqrt(G + eps)
    return x, G + g**2


def rmsprop_weights(x, g, s, lr, rho, eps):
    s = (1 - rho) * s + rho * g * g
    return x - lr * g / np.sqrt(s + eps), s


def adam_no_root(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps), m, v


def adam_ascends(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x + lr * m / (1 - beta1**t) / (math.sqrt(v / (1 - beta2**t)) + eps), m, v


def last_coordinate_left_out(x, g, v, lr, momentum):
    for i in range(len(x) - 1):
        v[i] = momentum * v[i] + lr * g[i]
        x[i] -= v[i]


def adam_two_mistakes(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return x - lr * m / np.sqrt(v + eps), m, v


AS_WRITTEN_RIGHT = [
    (adam_in_place, "adam", None),
    (adam_out, "adam", None),
    (rmsprop_loop, "rmsprop", None),
    (momentum_list, "momentum", None),
    (adagrad_slices, "adagrad", None),
    (adamax_divide_where, "adamax", None),
    (adam_cs231n, "adam", None),
    (momentum_state_dict, "momentum", None),
    (adam_state_tuple, "adam", None),
    (MomentumBook().update, "momentum", "the sign of v: v_t = -v'_t"),
    (AdamObject().step, "adam", None),
    (adam_running_powers, "adam", None),
    (adam_counter, "adam", None),
    (momentum_first_step, "momentum", None),
    (partial(adam_partial, 1e-8), "adam", None),
    (momentum_keras, "momentum", "the sign of v: v_t = -v'_t"),
    (adam_sums, "adam", "m not averaged and v not averaged: m_t = m'_t*(1 - β₁), v_t = v'_t*(1 - β₂)"),
    (silent, "momentum", None),
    (silent_adam, "adam", None),
    (sgd_gradient_first, "sgd", None),
    (adam_keras, "adam:keras", None),
]


def called(step):
    return getattr(getattr(step, "func", step), "__qualname__", step)


@pytest.mark.parametrize(("step", "name", "relation"), AS_WRITTEN_RIGHT, ids=lambda item: str(called(item))[:40])
def test_right_steps_as_people_write_them(step, name, relation):
    answer = symbolic.check(step, name)
    assert answer.proved, answer.explain()
    assert answer.against == answer.nearest == name
    assert answer.relation is None if relation is None else str(answer.relation) == relation
    assert all(residual == 0 for residual in answer.residuals.values())
    found = symbolic.check(step)
    assert found.proved and found.against == name


AS_WRITTEN_WRONG = [
    (AdamBook().update, "adam", "adam:keras, numbers written into it: ε = 1e-07 (for ε = 1e-07 only)"),
    (AdamForgetsToCount().step, "adam", "adam"),
    (adam_first_step_uncorrected, "adam", None),
    (momentum_dampened, "momentum", "momentum"),
    (adam_zero_based, "adam", "adam"),
    (adam_keras, "adam", "adam:keras"),
    (adam_literals, "adam", "adam"),
    (adam_beta_swapped, "adam", "adam with β₁ and β₂ exchanged"),
    (adam_stale_m, "adam", "adam with its first state from before the step"),
    (momentum_before_state, "momentum", "momentum with its first state from before the step"),
    (adam_aliased, "adam", "adam with both states overwritten by the bias correction"),
    (nag_overwritten, "nag", "momentum"),
    (adagrad_stale, "adagrad", "adagrad with its first state from before the step"),
    (rmsprop_weights, "rmsprop", "rmsprop with β and 1 - β exchanged in its first average"),
    (adam_no_root, "adam", "adam without the root"),
    (adam_ascends, "adam", "adam with the opposite sign: it ascends"),
    (last_coordinate_left_out, "momentum", None),
    (adam_two_mistakes, "adam", "adam with ε inside the root and without bias correction"),
    (adam_uncorrected, "adam", "adam without bias correction"),
    (adam_epsilon_inside, "adam", "adam with ε inside the root"),
    (adam_returns_old_state, "adam", "adam with its states never updated"),
    (adam_states_crossed, "adam", "adam with its states exchanged after the step"),
    (adagrad_outside, "adagrad", "adagrad:ensmallen"),
    (adamax_no_guard, "adamax", "adamax without the case u = 0"),
    (momentum_torch, "momentum", "momentum:torch"),
]


@pytest.mark.parametrize(("step", "name", "nearest"), AS_WRITTEN_WRONG, ids=lambda item: str(called(item))[:40])
def test_wrong_steps_as_people_write_them(step, name, nearest):
    answer = symbolic.check(step, name)
    assert answer.status == "refuted" and not answer.proved
    assert answer.against == name and answer.nearest == nearest
    assert answer.counterexample.found != answer.counterexample.expected
    assert any(residual != 0 for residual in answer.residuals.values())


RELATIONS = [
    (momentum_torch, "momentum", "the learning rate outside v: v_t = v'_t*η (for a constant learning rate)"),
    (
        momentum_dampened,
        "momentum",
        "another learning rate, and the learning rate outside v: η of the document is η*(1 - γ), v_t = v'_t*η "
        "(for a constant learning rate)",
    ),
    (
        adam_zero_based,
        "adam",
        "its t counts from 0: t = t' + 1 (right if it is called with t = 0, 1, 2, ...; here t = 1, 2, ...)",
    ),
    (
        adam_literals,
        "adam",
        "numbers written into it: β₁ = 0.9, β₂ = 0.999, ε = 1e-08 (for β₁ = 0.9, β₂ = 0.999, ε = 1e-08 only)",
    ),
]


@pytest.mark.parametrize(("step", "name", "relation"), RELATIONS, ids=lambda item: str(called(item))[:40])
def test_a_relation_that_needs_a_condition_is_stated_and_is_not_what_was_asked(step, name, relation):
    answer = symbolic.check(step, name)
    assert not answer.proved and str(answer.relation) == relation
    assert f"{name}: {relation}".split(" (")[0] in " ".join(answer.explain().split())


def test_the_first_step_is_a_case_of_its_own():
    answer = symbolic.check(momentum_first_step, "momentum")
    assert [label for label, _ in answer.parts] == ["", "on the first step"]
    wrong = symbolic.check(adam_first_step_uncorrected, "adam")
    assert "on the first step" in wrong.summary()
    assert wrong.counterexample.values["t"] == 1 and wrong.counterexample.values["m"] == 0


def test_running_powers_are_shown_to_be_powers():
    text = symbolic.check(adam_running_powers, "adam").explain()
    assert "beta1_t is β₁^(t-1) before step t, by induction" in text


def adam_scalar_only_right(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m
    m_hat /= 1 - beta1**t
    return x - lr * m_hat / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def test_what_is_right_for_numbers_and_wrong_for_arrays_is_refuted():
    answer = symbolic.check(adam_scalar_only_right, "adam")
    assert not answer.proved
    assert "on arrays" in answer.summary()
    assert [proof.proved for _, proof in answer.parts] == [True, False]


def test_a_search_finds_the_document_before_the_libraries():
    assert symbolic.check(adam_textbook).against == "adam"
    assert symbolic.check(momentum_torch).against == "momentum:torch"
    assert symbolic.check(adam_uncorrected).nearest == "adam without bias correction"


def test_checks_are_quick():
    start = time.process_time()
    symbolic.check(adam_textbook, "adam")
    symbolic.check(adam_textbook)
    assert time.process_time() - start < 10


# What a review found ----------------------------------------------------------------------------------------------

# -- proved although wrong, once ------------------------------------------------------------------------------------


def momentum_first_is_none(x, g, v, lr, momentum):
    v = g if v is None else momentum * v + lr * g
    return x - v, v


def momentum_state_is_none(x, g, state, lr, momentum):
    if state["v"] is None:
        state["v"] = g
    state["v"] = momentum * state["v"] + lr * g
    return x - state["v"]


def momentum_first_is_none_at_one(x, g, v, t, lr, momentum):
    if v is None and t == 1:
        v = g
    v = momentum * v + lr * g
    return x - v, v


class SgdThatSlows:
    def __init__(self, lr=0.1):
        self.lr = lr

    def step(self, x, g):
        x = x - self.lr * g
        self.lr *= 0.99
        return x


def masked_copy(x, g, lr):
    np.copyto(x, x - lr * g, where=g > 0)


def adam_array_without_copy(x, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = np.array(m, copy=False)
    m_hat /= 1 - beta1**t
    return x - lr * m_hat / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def adam_astype_without_copy(x, g, m, v, t, lr, beta1, beta2, eps):
    m[:] = beta1 * m + (1 - beta1) * g
    v[:] = beta2 * v + (1 - beta2) * g**2
    m_hat = m.astype(float, copy=False)
    m_hat /= 1 - beta1**t
    x -= lr * m_hat / (np.sqrt(v / (1 - beta2**t)) + eps)


class AdagradFromTenth:
    def __init__(self, lr=0.1, eps=1e-8):
        self.lr, self.eps, self.G = lr, eps, 0.1

    def step(self, x, g):
        self.G = self.G + g * g
        return x - self.lr * g / np.sqrt(self.G + self.eps)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (momentum_first_is_none, "momentum"),
        (momentum_state_is_none, "momentum"),
        (momentum_first_is_none_at_one, "momentum"),
        (SgdThatSlows().step, "sgd"),
        (masked_copy, "sgd"),
        (adam_array_without_copy, "adam"),
        (adam_astype_without_copy, "adam"),
        (AdagradFromTenth().step, "adagrad"),
    ],
    ids=lambda item: str(called(item)),
)
def test_what_the_review_found_to_be_proved_falsely_is_refuted(step, name):
    answer = symbolic.check(step, name)
    assert answer.status == "refuted", answer.explain()


def test_a_state_that_does_not_start_at_zero_is_named():
    assert "G is 0 before step 1: NOT SHOWN" in symbolic.check(AdagradFromTenth().step, "adagrad").explain()


@pytest.mark.parametrize(
    "step",
    [
        lambda x, g, lr: x - lr * g.astype(int),
        lambda x, g, lr: x - lr * np.array(g, dtype=int),
        lambda x, g, lr: x - lr * np.asarray(g, dtype=np.int64),
        lambda x, g, lr: x - np.zeros_like(x, dtype=np.int32) - lr * g,
        lambda x, g, lr: x - np.multiply(lr, g, dtype="int64"),
        lambda x, g, lr: x - np.zeros(len(x), dtype=bool) - lr * g,
    ],
)
def test_dtypes_that_cut_real_numbers_are_refused(step):
    with pytest.raises(TypeError, match="converts to another dtype than float"):
        symbolic.check(step, "sgd")


# -- refused or refuted although right, once ------------------------------------------------------------------------


def momentum_default_none(x, g, v=None, lr=0.1, momentum=0.9):
    if v is None:
        v = np.zeros_like(x)
    v = momentum * v + lr * g
    return x - v, v


def momentum_default_zero(x, g, v=0.0, *, lr=0.1, momentum=0.9):
    v = momentum * v + lr * g
    return x - v, v


def momentum_empty_state(x, g, state={}, lr=0.1, momentum=0.9):  # noqa: B006 (as people write it)
    if len(state) == 0:
        state["v"] = np.zeros_like(x)
    state["v"] = momentum * state["v"] + lr * g
    x -= state["v"]


def momentum_state_by_place(x, g, state, lr, momentum):
    state[0] = momentum * state[0] + lr * g
    x -= state[0]


def momentum_asserts(x, g, v, t, lr, momentum):
    assert t >= 1
    if t < 1:
        raise ValueError("t counts from 1")
    v = momentum * v + lr * g
    return x - v, v


def adam_pair(x, g, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
    b1, b2 = betas
    return adam_textbook(x, g, m, v, t, lr, b1, b2, eps)


def adam_new_state(x, g, state, lr, beta1, beta2, eps):
    t = state["t"] + 1
    x, m, v = adam_textbook(x, g, state["m"], state["v"], t, lr, beta1, beta2, eps)
    return x, {"v": v, "t": t, "m": m}


def adam_counter_in_the_middle(x, g, t, m, v, lr, beta1, beta2, eps):
    t = t + 1
    x, m, v = adam_textbook(x, g, m, v, t, lr, beta1, beta2, eps)
    return x, m, v, t


def sgd_arrays_made(x, g, lr):
    step = np.zeros_like(x, float) + np.zeros(len(x), float) + np.full_like(x, fill_value=lr) * np.reshape(g, -1)
    step = np.clip(step, a_min=None, a_max=None) + np.full(x.shape, 0, float)
    return np.array([a - b for a, b in zip(x, step)])  # noqa: B905 (as people write it)


def sgd_matrix(x, g, lr):
    rows, columns = x.shape
    for i in range(rows):
        for j in range(columns):
            x[i, j] -= lr * g[i, j]


def sgd_each(x, g, lr):
    for i in np.ndindex(x.shape):
        x[i] -= lr * g.flat[i]


@numba.vectorize
def sgd_vectorized(x, g, lr):
    return x - lr * g


LR, BETA_1, BETA_2, EPS = 0.001, 0.9, 0.999, 1e-8


def adam_constants(x, g, m, v, t):
    return adam_textbook(x, g, m, v, t, LR, BETA_1, BETA_2, EPS)


class MomentumObject:
    def __init__(self, lr=0.01, momentum=0.9):
        self._lr, self._momentum, self.calls, self.history, self.last = lr, momentum, 0, [], None

    @property
    def decay(self):
        return self._momentum

    def __call__(self, x, g):
        if not hasattr(self, "v"):
            self.v = 0.0
        self.calls += 1
        self.last = x
        setattr(self, "v", self.decay * getattr(self, "v") + self._lr * g)  # noqa: B009, B010
        self.history.append(self.v)
        return x - self.v


class AdamRunningPowers(AdamObject):
    def __init__(self):
        super().__init__()
        self.p1, self.p2 = self.beta1, self.beta2

    def step(self, w, grad):
        self.m = self.average(self.m, grad, self.beta1)
        self.v = self.average(self.v, grad**2, self.beta2)
        w = w - self.lr * (self.m / (1 - self.p1)) / ((self.v / (1 - self.p2)) ** 0.5 + self.eps)
        self.p1 *= self.beta1
        self.p2 *= self.beta2
        return w


class MomentumOwnsParameters:
    def __init__(self, params, lr=0.01, momentum=0.9):
        self.params, self.lr, self.momentum = params, lr, momentum
        self.v = [np.zeros_like(p) for p in params]

    def step(self, grads):
        for i, (p, g) in enumerate(zip(self.params, grads)):  # noqa: B905 (as people write it)
            self.v[i] = self.momentum * self.v[i] + self.lr * g
            p -= self.v[i]


REVIEWED = [
    (momentum_default_none, "momentum"),
    (momentum_default_zero, "momentum"),
    (momentum_empty_state, "momentum"),
    (momentum_state_by_place, "momentum"),
    (momentum_asserts, "momentum"),
    (adam_pair, "adam"),
    (adam_new_state, "adam"),
    (adam_counter_in_the_middle, "adam"),
    (sgd_arrays_made, "sgd"),
    (sgd_matrix, "sgd"),
    (sgd_each, "sgd"),
    (sgd_vectorized, "sgd"),
    (adam_constants, "adam"),
    (MomentumObject(), "momentum"),
    (AdamRunningPowers().step, "adam"),
    (MomentumOwnsParameters([np.zeros(5), np.zeros((2, 2)), np.zeros(1)]).step, "momentum"),
]


@pytest.mark.parametrize(("step", "name"), REVIEWED, ids=lambda item: str(called(item))[:40])
def test_what_the_review_found_to_be_refused_is_proved(step, name):
    answer = symbolic.check(step, name)
    assert answer.proved and answer.relation is None, answer.explain()


def nag_literals(phi, g, v, lr):
    new = 0.9 * v + lr * g
    return phi + 0.9 * v - new - 0.9 * new, new


def adam_folded(x, g, m, v, t, lr):
    m = 0.9 * m + (1 - 0.9) * g
    v = 0.9999 * v + (1 - 0.9999) * g**2
    return x - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.9999**t)) + 1e-8), m, v


@pytest.mark.parametrize(
    ("step", "name", "numbers"),
    [(nag_literals, "nag", "γ = 0.9"), (adam_folded, "adam", "β₁ = 0.9, β₂ = 0.9999, ε = 1e-08")],
)
def test_numbers_in_the_code_are_recognised(step, name, numbers):
    answer = symbolic.check(step, name)
    assert not answer.proved and f"numbers written into it: {numbers}" in str(answer.relation)


def test_what_is_wrong_in_the_first_step_alone_is_refuted_where_no_branch_sets_it_apart():
    def step(x, g, t, learning_rate):
        return x - learning_rate * g * min(t - 1, 1)

    answer = symbolic.check(step, "sgd")
    assert answer.status == "refuted" and answer.counterexample.values["t"] == 1


def sgd_first_coordinate_late(x, g, t, learning_rate):
    held = x[:1] - learning_rate * g[:1] * min(t - 1, 1)
    x -= learning_rate * g
    x[:1] = held


def sgd_other_coordinates_late(x, g, t, learning_rate):
    held = x[1:] - learning_rate * g[1:] * min(t - 1, 1)
    x -= learning_rate * g
    x[1:] = held


@pytest.mark.parametrize("step", [sgd_first_coordinate_late, sgd_other_coordinates_late])
def test_what_is_wrong_in_the_first_step_of_one_coordinate_is_refuted(step):
    answer = symbolic.check(step, "sgd")
    assert answer.status == "refuted" and answer.counterexample.values["t"] == 1
