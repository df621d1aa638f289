"""Nesterov's gradient in the libraries. What they store and hand back, θ here, is φ of the document."""

from dataclasses import replace

from ..equations.nag import NAG
from ..equations.notation import Equation, NablaJ, eta, gamma, theta, theta_next
from .convention import restated
from .momentum import MOMENTUM_TORCH, MOMENTUM_TORCH_1, b

SOURCE = "torch 2.13, optim/sgd.py, nesterov=True"

NAG_TORCH_2 = Equation("nag:torch-2", theta_next, theta - eta * (NablaJ(theta) + gamma * b), SOURCE)

NAG_TORCH = replace(MOMENTUM_TORCH, name="nag:torch", equations=(MOMENTUM_TORCH_1, NAG_TORCH_2), origin=SOURCE)
NAG_ENSMALLEN = restated(
    NAG, "nag:ensmallen", "ensmallen, sgd/update_policies/nesterov_momentum_update.hpp, its velocity being -v"
)
