"""Adam: the running average m of the gradient over the root of that of its square v, both freed of their bias to 0."""

from math import sqrt

from ..rule import Hyper, Rule
from .bias_correction import advance, closed_form


def coefficients(t, d1, e1, d2, e2, learning_rate, beta1, beta2, eps):
    d1, e1 = advance(d1, e1, beta1)
    d2, e2 = advance(d2, e2, beta2)
    root = sqrt(d2)
    return d1, e1, d2, e2, learning_rate * root / d1, beta1, 1 - beta1, beta2, 1 - beta2, eps * root


def start(t, learning_rate, beta1, beta2, eps):
    return *closed_form(t, beta1), *closed_form(t, beta2)


def update(x, g, m, v, alpha, b1, c1, b2, c2, eps_t):
    m = b1 * m + c1 * g
    v = b2 * v + c2 * (g * g)
    return x - alpha * m / (sqrt(v) + eps_t), m, v


def pace(m, v, alpha, b1, c1, b2, c2, eps_t):
    return alpha / (sqrt(v) + eps_t)


ADAM = Rule(
    "adam",
    coefficients,
    update,
    slots=("m", "v"),
    hyper=(
        Hyper("learning_rate", 0.001, "(0, inf)", "step size η, in units of x"),
        Hyper("beta1", 0.9, "[0, 1)", "decay β₁ of the running average of g"),
        Hyper("beta2", 0.999, "[0, 1)", "decay β₂ of the running average of g²"),
        Hyper("eps", 1e-8, "(0, inf)", "ε, added to the root of the corrected v, in units of g"),
    ),
    source="Kingma & Ba 2015, Algorithm 1; the document, ADAM-2 to ADAM-6",
    carry=("d1", "e1", "d2", "e2"),
    start=start,
    pace=pace,
)
