"""Adagrad in the libraries: where ε stands, and where the sum of squares starts."""

from sympy import sqrt

from ..equations.adagrad import ADAGRAD, AG_6, G
from ..equations.notation import GRADIENT, Equation, eps, eta, first_sum, g, kappa, letter, t, theta, theta_next
from .convention import restated

TORCH = "torch 2.13, optim/adagrad.py"
KERAS = "Keras 3.15, optimizers/adagrad.py"
ENSMALLEN = "ensmallen, ada_grad/ada_grad_update.hpp"

s = letter("s_t", "s_t", nonnegative=True)
eta_t = letter("η_t", r"\eta_t", positive=True)

SUM = Equation("adagrad:torch-1", s, first_sum + G, TORCH, note="what the library stores; it starts at G₀")
RATE = Equation("adagrad:torch-2", eta_t, eta / (1 + (t - 1) * kappa), TORCH)
STEP_TORCH = Equation("adagrad:torch-3", theta_next, theta - eta_t * g / (sqrt(s) + eps), TORCH)
STEP_KERAS = Equation("adagrad:keras-2", theta_next, theta - eta * g / sqrt(s + eps), KERAS)
STEP_ENSMALLEN = Equation("adagrad:ensmallen-1", theta_next, theta - eta * g / (sqrt(G) + eps), ENSMALLEN)

ADAGRAD_TORCH = restated(
    ADAGRAD,
    "adagrad:torch",
    TORCH,
    equations=(GRADIENT, AG_6, SUM, RATE, STEP_TORCH),
    hyper=("learning_rate", "lr_decay", "initial_accumulator_value", "eps"),
)
ADAGRAD_KERAS = restated(
    ADAGRAD,
    "adagrad:keras",
    KERAS,
    equations=(GRADIENT, AG_6, SUM, STEP_KERAS),
    hyper=("learning_rate", "initial_accumulator_value", "eps"),
)
ADAGRAD_ENSMALLEN = restated(ADAGRAD, "adagrad:ensmallen", ENSMALLEN, equations=(GRADIENT, AG_6, STEP_ENSMALLEN))
