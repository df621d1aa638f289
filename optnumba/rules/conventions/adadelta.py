"""Adadelta with a learning rate, which Zeiler's has not: the step is scaled, and D averages the unscaled one."""

from dataclasses import replace
from math import sqrt

from ...rule import Hyper
from ..adadelta import ADADELTA


def coefficients(t, learning_rate, rho, eps):
    return learning_rate, rho, 1 - rho, eps


def update(x, g, E, D, eta, rho, c, eps):
    E = rho * E + c * (g * g)
    step = sqrt(D + eps) / sqrt(E + eps) * g
    D = rho * D + c * (step * step)
    return x - eta * step, E, D


def idle_coefficients(k, learning_rate, rho, eps):
    return (rho**k,)


def pace(E, D, eta, rho, c, eps):
    return eta * sqrt(D + eps) / sqrt(E + eps)


RATE = Hyper("learning_rate", 1.0, "(0, inf)", "η, by which the step is multiplied; without a unit")

ADADELTA_TORCH = replace(
    ADADELTA,
    coefficients=coefficients,
    update=update,
    hyper=(RATE, *ADADELTA.hyper),
    idle_coefficients=idle_coefficients,
    pace=pace,
    written_for=(),  # `idle` does not depend on the rate
).with_defaults("adadelta:torch", "torch 2.13, optim/adadelta.py; optax 0.2.8, scale_by_adadelta", eps=1e-6)
ADADELTA_KERAS = ADADELTA_TORCH.with_defaults(
    "adadelta:keras", "Keras 3.15, optimizers/adadelta.py", learning_rate=0.001, rho=0.95, eps=1e-7
)
ADADELTA_ENSMALLEN = ADADELTA_TORCH.with_defaults(
    "adadelta:ensmallen", "ensmallen, ada_delta/ada_delta_update.hpp", rho=0.95, eps=1e-6
)
