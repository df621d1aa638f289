"""Adagrad with a sum that starts above 0, and with ε outside the root.

The libraries store the initial value in the sum. Here, where every slot starts at 0, it is added where the sum is read.
"""

from dataclasses import replace
from math import sqrt

from ...rule import Hyper
from ..adagrad import ADAGRAD


def torch_coefficients(t, learning_rate, lr_decay, initial_accumulator_value, eps):
    return learning_rate / (1 + (t - 1) * lr_decay), initial_accumulator_value, eps


def ensmallen_coefficients(t, learning_rate, eps):
    return learning_rate, 0.0, eps


def keras_coefficients(t, learning_rate, initial_accumulator_value, eps):
    return learning_rate, initial_accumulator_value + eps


def eps_outside(x, g, G, eta, first, eps):
    G = G + g * g
    return x - eta * g / (sqrt(G + first) + eps), G


def pace_outside(G, eta, first, eps):
    return eta / (sqrt(G + first) + eps)


# Without a gradient nothing moves, wherever ε and the first sum stand: each rule keeps Adagrad's `idle`.
def torch_idle(k, learning_rate, lr_decay, initial_accumulator_value, eps):
    return ()


def keras_idle(k, learning_rate, initial_accumulator_value, eps):
    return ()


RATE, EPS = ADAGRAD.hyper
OUTSIDE = replace(EPS, default=1e-10, meaning="ε, added to the root of the sum, in units of g")
FIRST = Hyper("initial_accumulator_value", 0.0, "[0, inf)", "G₀, where the sum of squares starts, in units of g²")
DECAY = Hyper("lr_decay", 0.0, "[0, inf)", "κ: the step size of step t is η / (1 + (t - 1) κ)")

ADAGRAD_TORCH = replace(
    ADAGRAD,
    name="adagrad:torch",
    coefficients=torch_coefficients,
    update=eps_outside,
    hyper=(RATE, DECAY, FIRST, OUTSIDE),
    source="torch 2.13, optim/adagrad.py",
    idle_coefficients=torch_idle,
    pace=pace_outside,
    written_for=(),
)
ADAGRAD_KERAS = replace(
    ADAGRAD,
    coefficients=keras_coefficients,
    hyper=(RATE, FIRST, EPS),
    idle_coefficients=keras_idle,
    written_for=(),
).with_defaults(
    "adagrad:keras",
    "Keras 3.15, optimizers/adagrad.py; optax 0.2.8, scale_by_rss",
    learning_rate=0.001,
    initial_accumulator_value=0.1,
    eps=1e-7,
)
ADAGRAD_ENSMALLEN = replace(
    ADAGRAD,
    coefficients=ensmallen_coefficients,
    update=eps_outside,
    hyper=(RATE, OUTSIDE),
    pace=pace_outside,
    written_for=(),
).with_defaults("adagrad:ensmallen", "ensmallen, ada_grad/ada_grad_update.hpp", eps=1e-8)
