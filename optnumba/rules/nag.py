"""Nesterov's accelerated gradient: momentum, with the gradient taken where the momentum is about to lead.

x holds φ = θ - γv, the point where the gradient is taken, so that this is one loop like the others: from
θ' = θ - v' follows φ' = θ' - γv' = φ - (γv' + ηg). `readout` gives the iterate θ back (theorem T-NAG-2).
"""

from dataclasses import replace

from .bias_correction import decayed_sum
from .momentum import MOMENTUM


def update(x, g, v, eta, gamma):
    step = eta * g
    v = gamma * v + step
    return x - (gamma * v + step), v


def readout(x, v, eta, gamma):
    return x + gamma * v


def idle_coefficients(k, learning_rate, momentum):
    return momentum**k, momentum * decayed_sum(k, momentum)


NAG = replace(
    MOMENTUM,
    name="nag",
    update=update,
    readout=readout,
    source="Nesterov 1983; Ruder 2016, eq. 5; the document, NAG-4 and NAG-5",
    idle_coefficients=idle_coefficients,
    written_for=(),  # `idle` and `pace` of momentum are those of this rule too
)
