"""Momentum with the rate outside the velocity b: v = ηb while the rate is constant, and only then (T-MOM-7)."""

from dataclasses import replace

from ..momentum import MOMENTUM


def update(x, g, b, eta, gamma):
    b = gamma * b + g
    return x - eta * b, b


def pace(b, eta, gamma):
    return eta / (1 - gamma)


# The libraries' own default of `momentum`, 0, is gradient descent; the document's 0.9 stands where they have no other.
# There is no `idle`: what x moves by without a gradient depends on the rate of each of those steps.
MOMENTUM_TORCH = replace(MOMENTUM, update=update, slots=("b",), pace=pace).with_defaults(
    "momentum:torch", "torch 2.13, optim/sgd.py, dampening=0; optax 0.2.8, sgd(momentum=...)", learning_rate=0.001
)
MOMENTUM_ENSMALLEN = MOMENTUM.with_defaults(
    "momentum:ensmallen", "ensmallen, sgd/update_policies/momentum_update.hpp", momentum=0.5
)
