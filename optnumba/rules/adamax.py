"""AdaMax: Adam with the largest decayed gradient u in the place of the root mean square."""

from ..rule import Hyper, Rule, where
from .bias_correction import advance, closed_form


def coefficients(t, d1, e1, learning_rate, beta1, beta2):
    d1, e1 = advance(d1, e1, beta1)
    return d1, e1, learning_rate / d1, beta1, 1 - beta1, beta2


def start(t, learning_rate, beta1, beta2):
    return closed_form(t, beta1)


def update(x, g, m, u, alpha, b1, c1, b2):
    m = b1 * m + c1 * g
    u = max(b2 * u, abs(g))
    # No step where u = 0: every gradient so far was 0. There c1 > 0 stands in for u, so that 0/0 is never formed.
    return x - where(u, alpha * m, u) / where(u, u, c1), m, u


def pace(m, u, alpha, b1, c1, b2):
    return where(u, alpha, u) / where(u, u, c1)


ADAMAX = Rule(
    "adamax",
    coefficients,
    update,
    slots=("m", "u"),
    hyper=(
        Hyper("learning_rate", 0.002, "(0, inf)", "step size η, in units of x"),
        Hyper("beta1", 0.9, "[0, 1)", "decay β₁ of the running average of g"),
        Hyper("beta2", 0.999, "[0, 1)", "decay β₂ of the largest |g|"),
    ),
    source="Kingma & Ba 2015, Algorithm 2; the document, AMX-5 and AMX-6 (u in the maximum, not v)",
    carry=("d1", "e1"),
    start=start,
    pace=pace,
)
