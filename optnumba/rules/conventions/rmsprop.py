"""RMSprop with ε outside the root, and with Keras's default of ε inside it."""

from dataclasses import replace
from math import sqrt

from ..rmsprop import RMSPROP


def update(x, g, E, eta, rho, c, eps):
    E = rho * E + c * (g * g)
    return x - eta * g / (sqrt(E) + eps), E


def pace(E, eta, rho, c, eps):
    return eta / (sqrt(E) + eps)


RATE, RHO, EPS = RMSPROP.hyper

RMSPROP_TORCH = replace(
    RMSPROP,
    update=update,
    hyper=(RATE, RHO, replace(EPS, meaning="ε, added to the root of E, in units of g")),
    pace=pace,
    written_for=(),  # `idle` does not depend on ε
).with_defaults(
    "rmsprop:torch",
    "torch 2.13, optim/rmsprop.py; ensmallen, rmsprop/rmsprop_update.hpp",
    learning_rate=0.01,
    rho=0.99,
)
RMSPROP_KERAS = RMSPROP.with_defaults("rmsprop:keras", "Keras 3.15, optimizers/rmsprop.py", eps=1e-7)
