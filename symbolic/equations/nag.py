"""Nesterov's accelerated gradient, section 4 of the document: the gradient is taken at θ_t - γ v_{t-1}."""

from .momentum import v, v_before
from .notation import Algorithm, Equation, NablaJ, eta, gamma, phi, theta, theta_next

NAG_4 = Equation(
    "NAG-4", v, gamma * v_before + eta * NablaJ(theta - gamma * v_before), "NAG", "E-05", "J is missing in NAG-6"
)
NAG_5 = Equation("NAG-5", theta_next, theta - v, "NAG")

SHIFT = Equation("T-NAG-2", phi, theta - gamma * v_before, "NAG", note="change of variable")
UNSHIFT = Equation("T-NAG-2", theta, phi + gamma * v_before, "NAG", note="solved for θ_t")

NAG = Algorithm(
    "nag", (NAG_4, NAG_5), states=((v_before, v),), hyper=("learning_rate", "momentum"), variable=SHIFT, inverse=UNSHIFT
)
