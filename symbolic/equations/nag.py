"""Nesterov's accelerated gradient, section 4 of the document: the gradient is taken at θ_t - γ v_{t-1}."""

from sympy import Eq

from .momentum import Nabla, v, v_before
from .notation import Algorithm, Equation, NablaJ, eta, gamma, phi, theta, theta_next

SECTION = "NAG"
NAG_1 = Equation(
    "NAG-1", NablaJ(theta - v), None, SECTION, "E-06", "the gradient that is wished for; v_t is not yet known"
)
NAG_2 = Equation(
    "NAG-2",
    Eq(theta_next, theta - v, evaluate=False),
    Eq(NAG_1.left, NablaJ(theta_next), evaluate=False),
    SECTION,
    "E-06",
    "the gradient at the next point",
    relation="⇒",
)
NAG_3 = Equation(
    "NAG-3",
    NAG_1.left,
    NablaJ(theta - gamma * v_before),
    SECTION,
    "E-06",
    "the part of v_t that is known stands in for v_t",
    relation="≈",
)
NAG_4 = Equation(
    "NAG-4", v, gamma * v_before + eta * NablaJ(theta - gamma * v_before), SECTION, "E-05", "J is missing in NAG-6"
)
NAG_5 = Equation("NAG-5", theta_next, theta - v, SECTION)
NAG_6 = Equation(
    "NAG-6",
    v,
    NAG_4.right,
    SECTION,
    "E-05",
    "NAG-4 once more, J put in",
    written=Eq(v, gamma * v_before + eta * Nabla(theta - gamma * v_before), evaluate=False),
)

SHIFT = Equation("T-NAG-2", phi, theta - gamma * v_before, SECTION, note="change of variable")
UNSHIFT = Equation("T-NAG-2", theta, phi + gamma * v_before, SECTION, note="solved for θ_t")

EQUATIONS = (NAG_1, NAG_2, NAG_3, NAG_4, NAG_5, NAG_6)
NAG = Algorithm(
    "nag", (NAG_4, NAG_5), states=((v_before, v),), hyper=("learning_rate", "momentum"), variable=SHIFT, inverse=UNSHIFT
)
