"""Adadelta: the step has the unit of x by itself: root mean square of past steps over that of gradients."""

from math import sqrt

from ..rule import Hyper, Rule


def coefficients(t, rho, eps):
    return rho, 1 - rho, eps


def update(x, g, E, D, rho, c, eps):
    E = rho * E + c * (g * g)
    # Two roots, not the root of the quotient: (D + eps) / (E + eps) underflows in float32 where g is about 1e18.
    step = sqrt(D + eps) / sqrt(E + eps) * g
    D = rho * D + c * (step * step)
    return x - step, E, D


def idle_coefficients(k, rho, eps):
    return (rho**k,)


def idle(x, E, D, left):
    return x, left * E, left * D


def pace(E, D, rho, c, eps):
    return sqrt(D + eps) / sqrt(E + eps)


ADADELTA = Rule(
    "adadelta",
    coefficients,
    update,
    slots=("E", "D"),
    hyper=(
        Hyper("rho", 0.9, "[0, 1)", "decay γ of the running averages of g² and of the squared steps"),
        Hyper("eps", 1e-8, "(0, inf)", "ε, added inside both roots, in units of g² and of x²"),
    ),
    source="Zeiler 2012, Algorithm 1; the document, AD-1, AD-12, AD-14 and AD-15",
    idle_coefficients=idle_coefficients,
    idle=idle,
    pace=pace,
)
