"""Momentum: the velocity v remembers past gradients, each forgotten by the factor γ per step."""

from ..rule import Hyper, Rule
from .bias_correction import decayed_sum


def coefficients(t, learning_rate, momentum):
    return learning_rate, momentum


def update(x, g, v, eta, gamma):
    v = gamma * v + eta * g
    return x - v, v


def idle_coefficients(k, learning_rate, momentum):
    return momentum**k, decayed_sum(k, momentum)


def idle(x, v, left, path):
    return x - path * v, left * v


def pace(v, eta, gamma):
    return eta / (1 - gamma)


MOMENTUM = Rule(
    "momentum",
    coefficients,
    update,
    slots=("v",),
    hyper=(
        Hyper("learning_rate", 0.01, "(0, inf)", "step size η, in units of x² per unit of the objective"),
        Hyper("momentum", 0.9, "[0, 1)", "factor γ by which the velocity decays per step"),
    ),
    source="Polyak 1964; Ruder 2016, eq. 4; the document, MOM-1 and MOM-2",
    idle_coefficients=idle_coefficients,
    idle=idle,
    pace=pace,
)
