"""Adagrad: each coordinate's rate falls with the sum G of its squared gradients."""

from math import sqrt

from ..rule import Hyper, Rule


def coefficients(t, learning_rate, eps):
    return learning_rate, eps


def update(x, g, G, eta, eps):
    G = G + g * g
    return x - eta * g / sqrt(G + eps), G


def idle_coefficients(k, learning_rate, eps):
    return ()


def idle(x, G):
    return x, G


def pace(G, eta, eps):
    return eta / sqrt(G + eps)


ADAGRAD = Rule(
    "adagrad",
    coefficients,
    update,
    slots=("G",),
    hyper=(
        Hyper("learning_rate", 0.01, "(0, inf)", "step size η, in units of x"),
        Hyper("eps", 1e-8, "(0, inf)", "ε, added to G inside the root, in units of g²"),
    ),
    source="Duchi, Hazan & Singer 2011; Ruder 2016, eq. 8; the document, AG-6 and AG-7",
    idle_coefficients=idle_coefficients,
    idle=idle,
    pace=pace,
)
