"""NAdam: Adam with Nesterov's look-ahead: the average that the next step would use, applied in this one."""

from dataclasses import replace
from math import sqrt

from .adam import ADAM


def update(x, g, m, v, alpha, b1, c1, b2, c2, eps_t):
    fresh = c1 * g
    m = b1 * m + fresh
    v = b2 * v + c2 * (g * g)
    return x - alpha * (b1 * m + fresh) / (sqrt(v) + eps_t), m, v


NADAM = replace(
    ADAM,
    name="nadam",
    update=update,
    hyper=(replace(ADAM.hyper[0], default=0.002), *ADAM.hyper[1:]),
    source="Dozat 2016; Ruder 2016, section 4.8; the document, NAD-18",
    written_for=(),  # `pace` of Adam: β₁ m + (1 - β₁) g is g once m has settled
)
