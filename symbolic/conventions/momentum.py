"""Momentum in the libraries: the rate inside the velocity (the document, Keras, ensmallen) or outside."""

from ..equations.momentum import MOMENTUM
from ..equations.notation import Equation, NablaJ, eta, gamma, letter, theta, theta_next
from .convention import Convention, restated

SOURCE = "torch 2.13, optim/sgd.py, dampening=0"

b_before = letter("b_{t-1}", "b_{t-1}", real=True)
b = letter("b_t", "b_t", real=True)
eta_before = letter("η_{t-1}", r"\eta_{t-1}", positive=True)

MOMENTUM_TORCH_1 = Equation("momentum:torch-1", b, gamma * b_before + NablaJ(theta), SOURCE)
MOMENTUM_TORCH_2 = Equation("momentum:torch-2", theta_next, theta - eta * b, SOURCE)

MOMENTUM_TORCH = Convention(
    "momentum:torch",
    (MOMENTUM_TORCH_1, MOMENTUM_TORCH_2),
    states=((b_before, b),),
    hyper=("learning_rate", "momentum"),
    origin=SOURCE,
    rescaled=((b_before, eta_before),),
)
MOMENTUM_ENSMALLEN = restated(
    MOMENTUM, "momentum:ensmallen", "ensmallen, sgd/update_policies/momentum_update.hpp, its velocity being -v"
)
