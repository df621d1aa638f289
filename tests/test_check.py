"""Users' own step functions: the right ones are proved, however they are written; the wrong ones are refuted."""

import math
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


def in_place(x, g, lr):
    x[:] -= lr * g
    return (x,)


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
        (in_place, "sgd", r"in_place\(\) .* write the step for one coordinate"),
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
    with pytest.raises(ValueError, match="name='adamw' is not an algorithm; use one of sgd, momentum"):
        symbolic.check(adam_textbook, "adamw")
