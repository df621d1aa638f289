"""Nesterov's gradient with the rate outside the velocity b. x is what the library hands back: φ, where g is taken.

So it is in Keras and ensmallen, whose x is that of the document's rule; the `readout` of that, θ, no library has.
"""

from dataclasses import replace

from ..nag import NAG
from .momentum import MOMENTUM_TORCH, pace


def update(x, g, b, eta, gamma):
    b = gamma * b + g
    return x - eta * (g + gamma * b), b


NAG_TORCH = replace(
    MOMENTUM_TORCH,
    name="nag:torch",
    update=update,
    source="torch 2.13, optim/sgd.py, nesterov=True; optax 0.2.8, sgd(nesterov=True)",
    pace=pace,
    written_for=(),
)
NAG_ENSMALLEN = NAG.with_defaults(
    "nag:ensmallen", "ensmallen, sgd/update_policies/nesterov_momentum_update.hpp", momentum=0.5
)
