"""NAdam in the libraries: Dozat's two bias corrections, with a constant decay (optax) or with his schedule."""

from sympy import Rational, sqrt

from ..equations.adam import ADAM_2, ADAM_3, ADAM_5, m, v, v_hat
from ..equations.nadam import NAD_1, NADAM
from ..equations.notation import Equation, beta1, beta2, eps, eta, g, letter, psi, t, theta, theta_next
from .convention import restated

TORCH = "torch 2.13, optim/nadam.py"
OPTAX = "optax 0.2.8, scale_by_adam(nesterov=True)"
KERAS = "Keras 3.15, optimizers/nadam.py, where ψ is 1"
ENSMALLEN = "ensmallen, adam/nadam_update.hpp, as AdamType runs it"

mu = letter("μ_t", r"\mu_t", nonnegative=True)
mu_next = letter("μ_{t+1}", r"\mu_{t+1}", nonnegative=True)
P_before = letter("P_{t-1}", "P_{t-1}", nonnegative=True)
P = letter("P_t", "P_t", nonnegative=True)
q_before = letter("q_{t-1}", "q_{t-1}", nonnegative=True)
q = letter("q_t", "q_t", nonnegative=True)


def decay(step):
    """Return μ of a step: torch's `mu`, ensmallen's `beta1T`, Keras's `u_t`."""
    return beta1 * (1 - Rational(1, 2) * Rational(96, 100) ** (step * psi))


SCHEDULE = (
    Equation("nadam:torch-1", mu, decay(t), TORCH),
    Equation("nadam:torch-2", mu_next, decay(t + 1), TORCH),
    Equation("nadam:torch-3", P_before, 1 - q_before, TORCH, note="the product so far, 1 at first: q starts at 0"),
    Equation("nadam:torch-4", P, P_before * mu, TORCH),
    Equation("nadam:torch-5", q, 1 - P, TORCH),
)
LOOK_AHEAD = mu_next / (1 - P * mu_next) * m + (1 - mu) / (1 - P) * g

STEP_TORCH = Equation("nadam:torch-6", theta_next, theta - eta * LOOK_AHEAD / (sqrt(v_hat) + eps), TORCH)
STEP_ENSMALLEN = Equation(
    "nadam:ensmallen-1", theta_next, theta - eta * LOOK_AHEAD * sqrt(1 - beta2**t) / (sqrt(v) + eps), ENSMALLEN
)
STEP_OPTAX = Equation(
    "nadam:optax-1",
    theta_next,
    theta - eta * (beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)) / (sqrt(v_hat) + eps),
    OPTAX,
)

NADAM_TORCH = restated(
    NADAM,
    "nadam:torch",
    TORCH,
    equations=(NAD_1, *SCHEDULE, ADAM_2, ADAM_3, ADAM_5, STEP_TORCH),
    hyper=(*NADAM.hyper, "momentum_decay"),
    scalars=((q_before, q),),
)
NADAM_KERAS = restated(NADAM_TORCH, "nadam:keras", KERAS)
NADAM_ENSMALLEN = restated(
    NADAM_TORCH, "nadam:ensmallen", ENSMALLEN, equations=(NAD_1, *SCHEDULE, ADAM_2, ADAM_3, STEP_ENSMALLEN)
)
NADAM_OPTAX = restated(NADAM, "nadam:optax", OPTAX, equations=(NAD_1, ADAM_2, ADAM_3, ADAM_5, STEP_OPTAX))
