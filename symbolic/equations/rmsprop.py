"""RMSprop, section 4 of the document."""

from sympy import Eq, Rational, sqrt

from .adadelta import E, E_before
from .notation import GRADIENT, Algorithm, Equation, eps, eta, g, gamma, letter, settings, theta, theta_next

E_free = letter("E[g²]", "E[g^2]", nonnegative=True)

SECTION = "RMSprop"
RMS_3 = Equation(
    "RMS-3",
    section=SECTION,
    erratum="E-20",
    note="ε is not stated; 1e-8 from Adagrad",
    **settings((gamma, Rational("0.9")), (eta, Rational("0.001"))),
)
RMS_1 = Equation(
    "RMS-1",
    E,
    gamma * E_before + (1 - gamma) * g**2,
    SECTION,
    note="displayed with γ = 0.9 put in (RMS-3)",
    written=Eq(E, RMS_3.right * E_before + (1 - RMS_3.right) * g**2, evaluate=False),
    errata=("E-13",),
)
RMS_2 = Equation(
    "RMS-2",
    theta_next,
    theta - eta / sqrt(E + eps) * g,
    SECTION,
    "E-20",
    "E[g²] after its update",
    written=Eq(theta_next, theta - eta / sqrt(E_free + eps) * g, evaluate=False),
)

EQUATIONS = (RMS_1, RMS_2, RMS_3)
RMSPROP = Algorithm("rmsprop", (GRADIENT, RMS_1, RMS_2), states=((E_before, E),), hyper=("learning_rate", "rho", "eps"))
