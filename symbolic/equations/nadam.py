"""NAdam, section 4 of the document: its final form, NAD-18."""

from sympy import sqrt

from .adam import ADAM_2, ADAM_3, ADAM_4, ADAM_5, m_before, m_hat, v_before, v_hat
from .adam import m as m_after
from .adam import v as v_after
from .notation import Algorithm, Equation, NablaJ, beta1, eps, eta, g, t, theta, theta_next

NAD_1 = Equation("NAD-1", g, NablaJ(theta), "NAdam")
NAD_18 = Equation(
    "NAD-18",
    theta_next,
    theta - eta / (sqrt(v_hat) + eps) * (beta1 * m_hat + (1 - beta1) * g / (1 - beta1**t)),
    "NAdam",
)

NADAM = Algorithm(
    "nadam",
    (NAD_1, ADAM_2, ADAM_3, ADAM_4, ADAM_5, NAD_18),
    states=((m_before, m_after), (v_before, v_after)),
    hyper=("learning_rate", "beta1", "beta2", "eps"),
)
