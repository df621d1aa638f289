"""AdaMax, section 4 of the document."""

from sympy import Abs, Max, Ne, Piecewise

from .adam import ADAM_2, ADAM_4, m, m_before, m_hat
from .notation import GRADIENT, Algorithm, Equation, beta2, eta, g, letter, theta, theta_next

u_before = letter("u_{t-1}", "u_{t-1}", nonnegative=True)
u = letter("u_t", "u_t", nonnegative=True)

AMX_5 = Equation(
    "AMX-5", u, Max(beta2 * u_before, Abs(g)), "AdaMax", "E-22", "u in the maximum, not v; |g| per coordinate"
)
AMX_6 = Equation(
    "AMX-6",
    theta_next,
    Piecewise((theta - eta / u * m_hat, Ne(u, 0)), (theta, True)),
    "AdaMax",
    "E-22",
    "no step where u = 0, that is where every gradient so far was 0",
)

ADAMAX = Algorithm(
    "adamax",
    (GRADIENT, ADAM_2, ADAM_4, AMX_5, AMX_6),
    states=((m_before, m), (u_before, u)),
    hyper=("learning_rate", "beta1", "beta2"),
)
