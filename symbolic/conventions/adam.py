"""Adam in the libraries: ε beside the root of the corrected v (the document, torch, optax) or of the raw one (ε̂)."""

from sympy import sqrt

from ..equations.adam import ADAM, ADAM_2, ADAM_3, m, v
from ..equations.notation import GRADIENT, Equation, beta1, beta2, eps, eta, letter, t, theta, theta_next
from .convention import restated

KERAS = "Keras 3.15, optimizers/adam.py"

alpha = letter("α_t", r"\alpha_t", positive=True)

RATE = Equation("adam:keras-1", alpha, eta * sqrt(1 - beta2**t) / (1 - beta1**t), KERAS)
STEP_KERAS = Equation("adam:keras-2", theta_next, theta - alpha * m / (sqrt(v) + eps), KERAS)

ADAM_KERAS = restated(ADAM, "adam:keras", KERAS, equations=(GRADIENT, ADAM_2, ADAM_3, RATE, STEP_KERAS))
ADAM_ENSMALLEN = restated(ADAM_KERAS, "adam:ensmallen", "ensmallen, adam/adam_update.hpp")
