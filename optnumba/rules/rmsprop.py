"""RMSprop: each coordinate's step is divided by the root of the running average E of its squared gradients."""

from math import sqrt

from ..rule import Hyper, Rule


def coefficients(t, learning_rate, rho, eps):
    return learning_rate, rho, 1 - rho, eps


def update(x, g, E, eta, rho, c, eps):
    E = rho * E + c * (g * g)
    return x - eta * g / sqrt(E + eps), E


def idle_coefficients(k, learning_rate, rho, eps):
    return (rho**k,)


def idle(x, E, left):
    return x, left * E


def pace(E, eta, rho, c, eps):
    return eta / sqrt(E + eps)


RMSPROP = Rule(
    "rmsprop",
    coefficients,
    update,
    slots=("E",),
    hyper=(
        Hyper("learning_rate", 0.001, "(0, inf)", "step size η, in units of x"),
        Hyper("rho", 0.9, "[0, 1)", "decay γ of the running average of g²"),
        Hyper("eps", 1e-8, "(0, inf)", "ε, added to E inside the root, in units of g²"),
    ),
    source="Hinton 2012, lecture 6e; the document, RMS-1 and RMS-2",
    idle_coefficients=idle_coefficients,
    idle=idle,
    pace=pace,
)
