"""Adadelta in the libraries: the step is multiplied by a learning rate; D averages the step before that."""

from ..equations.adadelta import AD_1, AD_12, AD_14, ADADELTA, delta
from ..equations.notation import GRADIENT, Equation, eta, theta, theta_next
from .convention import restated

TORCH = "torch 2.13, optim/adadelta.py"

STEP_TORCH = Equation("adadelta:torch-1", theta_next, theta + eta * delta, TORCH)

ADADELTA_TORCH = restated(
    ADADELTA,
    "adadelta:torch",
    TORCH,
    equations=(GRADIENT, AD_1, AD_14, AD_12, STEP_TORCH),
    hyper=("learning_rate", "rho", "eps"),
)
ADADELTA_KERAS = restated(ADADELTA_TORCH, "adadelta:keras", "Keras 3.15, optimizers/adadelta.py")
ADADELTA_ENSMALLEN = restated(ADADELTA_TORCH, "adadelta:ensmallen", "ensmallen, ada_delta/ada_delta_update.hpp")
