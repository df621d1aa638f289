"""AdaMax in the libraries: an ε beside |g| in the maximum, or beside u; the document has none."""

from sympy import Abs, Max

from ..equations.adam import ADAM_2, ADAM_4, m, m_hat
from ..equations.adamax import ADAMAX, AMX_5, u, u_before
from ..equations.notation import GRADIENT, Equation, beta1, beta2, eps, eta, g, t, theta, theta_next
from .convention import restated

TORCH = "torch 2.13, optim/adamax.py"
KERAS = "Keras 3.15, optimizers/adamax.py"

MAXIMUM_TORCH = Equation("adamax:torch-1", u, Max(beta2 * u_before, Abs(g) + eps), TORCH)
STEP_TORCH = Equation("adamax:torch-2", theta_next, theta - eta / (1 - beta1**t) * m / u, TORCH)
STEP_KERAS = Equation("adamax:keras-1", theta_next, theta - eta * m_hat / (u + eps), KERAS)
HYPER = (*ADAMAX.hyper, "eps")

ADAMAX_TORCH = restated(
    ADAMAX, "adamax:torch", TORCH, equations=(GRADIENT, ADAM_2, MAXIMUM_TORCH, STEP_TORCH), hyper=HYPER
)
ADAMAX_KERAS = restated(
    ADAMAX, "adamax:keras", KERAS, equations=(GRADIENT, ADAM_2, ADAM_4, AMX_5, STEP_KERAS), hyper=HYPER
)
ADAMAX_ENSMALLEN = restated(ADAMAX_KERAS, "adamax:ensmallen", "ensmallen, adam/adamax_update.hpp")
