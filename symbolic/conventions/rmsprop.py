"""RMSprop in the libraries: ε inside the root (the document, Keras, optax) or outside."""

from sympy import sqrt

from ..equations.adadelta import E
from ..equations.notation import GRADIENT, Equation, eps, eta, g, theta, theta_next
from ..equations.rmsprop import RMS_1, RMSPROP
from .convention import restated

TORCH = "torch 2.13, optim/rmsprop.py, momentum=0, centered=False"

STEP_TORCH = Equation("rmsprop:torch-1", theta_next, theta - eta * g / (sqrt(E) + eps), TORCH)

RMSPROP_TORCH = restated(RMSPROP, "rmsprop:torch", TORCH, equations=(GRADIENT, RMS_1, STEP_TORCH))
RMSPROP_KERAS = restated(RMSPROP, "rmsprop:keras", "Keras 3.15, optimizers/rmsprop.py, momentum=0, centered=False")
