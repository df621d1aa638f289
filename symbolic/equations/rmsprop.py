"""RMSprop, section 4 of the document."""

from sympy import sqrt

from .adadelta import E, E_before
from .notation import GRADIENT, Algorithm, Equation, eps, eta, g, gamma, theta, theta_next

RMS_1 = Equation(
    "RMS-1", E, gamma * E_before + (1 - gamma) * g**2, "RMSprop", note="displayed with γ = 0.9 put in (RMS-3)"
)
RMS_2 = Equation("RMS-2", theta_next, theta - eta / sqrt(E + eps) * g, "RMSprop", "E-20", "E[g²] after its update")

RMSPROP = Algorithm("rmsprop", (GRADIENT, RMS_1, RMS_2), states=((E_before, E),), hyper=("learning_rate", "rho", "eps"))
