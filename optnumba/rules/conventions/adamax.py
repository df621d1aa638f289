"""AdaMax with an ε, so that it never divides by 0: beside |g| in the maximum, or added to u."""

from dataclasses import replace

from ...rule import Hyper
from ..adamax import ADAMAX
from ..adamax import coefficients as corrected
from ..adamax import start as corrected_start


def coefficients(t, d1, e1, learning_rate, beta1, beta2, eps):
    return corrected(t, d1, e1, learning_rate, beta1, beta2) + (eps,)


def start(t, learning_rate, beta1, beta2, eps):
    return corrected_start(t, learning_rate, beta1, beta2)


def eps_in_maximum(x, g, m, u, alpha, b1, c1, b2, eps):
    m = b1 * m + c1 * g
    u = max(b2 * u, abs(g) + eps)
    return x - alpha * m / u, m, u


def eps_beside_u(x, g, m, u, alpha, b1, c1, b2, eps):
    m = b1 * m + c1 * g
    u = max(b2 * u, abs(g))
    return x - alpha * m / (u + eps), m, u


def pace_in_maximum(m, u, alpha, b1, c1, b2, eps):
    return alpha / max(u, eps)  # u, from ε on after a step


def pace_beside_u(m, u, alpha, b1, c1, b2, eps):
    return alpha / (u + eps)


ADAMAX_TORCH = replace(
    ADAMAX,
    name="adamax:torch",
    coefficients=coefficients,
    start=start,
    update=eps_in_maximum,
    hyper=(*ADAMAX.hyper, Hyper("eps", 1e-8, "(0, inf)", "ε, added to |g| in the maximum, in units of g")),
    source="torch 2.13, optim/adamax.py; optax 0.2.8, scale_by_adamax",
    pace=pace_in_maximum,
)
ADAMAX_KERAS = replace(
    ADAMAX_TORCH,
    update=eps_beside_u,
    hyper=(*ADAMAX.hyper, Hyper("eps", 1e-7, "(0, inf)", "ε, added to u, in units of g")),
    pace=pace_beside_u,
).with_defaults("adamax:keras", "Keras 3.15, optimizers/adamax.py", learning_rate=0.001)
ADAMAX_ENSMALLEN = ADAMAX_KERAS.with_defaults("adamax:ensmallen", "ensmallen, adam/adamax_update.hpp", eps=1e-8)
