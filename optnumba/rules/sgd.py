"""Gradient descent: a step against the gradient. Batch, stochastic and mini-batch differ in who computes g."""

from ..rule import Hyper, Rule


def coefficients(t, learning_rate):
    return (learning_rate,)


def update(x, g, eta):
    return (x - eta * g,)


def idle_coefficients(k, learning_rate):
    return ()


def idle(x):
    return (x,)


def pace(eta):
    return eta


SGD = Rule(
    "sgd",
    coefficients,
    update,
    hyper=(Hyper("learning_rate", 0.01, "(0, inf)", "step size η, in units of x² per unit of the objective"),),
    source="Ruder 2016, section 2; the document, GD-1 and SGD-1",
    idle_coefficients=idle_coefficients,
    idle=idle,
    pace=pace,
)
