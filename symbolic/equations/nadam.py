"""NAdam, section 4 of the document: Momentum and NAG told once more with m for v, and the way to NAD-18."""

from sympy import Eq, sqrt

from .adam import ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6, m_before, m_hat, v_before, v_hat
from .adam import m as m_after
from .adam import v as v_after
from .notation import Algorithm, Equation, NablaJ, beta1, eps, eta, g, gamma, letter, restated, t, theta, theta_next

m_next = letter("m_{t+1}", "m_{t+1}", real=True)
m_hat_before = letter("m̂_{t-1}", r"\hat m_{t-1}", real=True)

SECTION = "NAdam"
NAD_1 = Equation("NAD-1", g, NablaJ(theta), SECTION)
NAD_2 = Equation("NAD-2", m_after, gamma * m_before + eta * g, SECTION, note="m for the velocity v, η inside")
NAD_3 = Equation("NAD-3", theta_next, theta - m_after, SECTION)
NAD_4 = Equation("NAD-4", theta_next, theta - (gamma * m_before + eta * g), SECTION, note="Momentum in one line")

NAD_5 = Equation("NAD-5", g, NablaJ(theta - gamma * m_before), SECTION)
NAD_6 = restated(NAD_2, "NAD-6", SECTION)
NAD_7 = restated(NAD_3, "NAD-7", SECTION)
NAD_8 = restated(NAD_4, "NAD-8", SECTION, note="NAG in one line, g_t as in NAD-5")

NAD_9 = restated(NAD_1, "NAD-9", SECTION)
NAD_10 = restated(NAD_2, "NAD-10", SECTION)
NAD_11 = Equation(
    "NAD-11",
    theta_next,
    theta - (gamma * m_after + eta * g),
    SECTION,
    note="NAG with θ for the shifted variable φ; m_t for the m_{t-1} of NAD-8",
)
NAD_12 = Equation(
    "NAD-12",
    theta_next,
    theta - m_next,
    SECTION,
    "E-23",
    "off by η(g_{t+1} - g_t)",
    relation="≈",
    written=Eq(theta_next, theta - m_next, evaluate=False),
)

NAD_13 = restated(ADAM_2, "NAD-13", SECTION)
NAD_14 = restated(ADAM_4, "NAD-14", SECTION)
NAD_15 = restated(ADAM_6, "NAD-15", SECTION)


def _step(numerator):
    """Return θ_{t+1} for a numerator of Adam's step."""
    return theta - eta / (sqrt(v_hat) + eps) * numerator


fresh = (1 - beta1) * g / (1 - beta1**t)
NAD_16 = Equation("NAD-16", theta_next, _step(beta1 * m_before / (1 - beta1**t) + fresh), SECTION)
NAD_17 = Equation(
    "NAD-17",
    theta_next,
    _step(beta1 * m_hat_before + fresh),
    SECTION,
    "E-24",
    "exact with the factor (1 - β₁^(t-1))/(1 - β₁^t) before m̂_{t-1}",
    relation="≈",
    written=Eq(theta_next, _step(beta1 * m_hat_before + fresh), evaluate=False),
)
NAD_18 = Equation("NAD-18", theta_next, _step(beta1 * m_hat + fresh), SECTION, errata=("E-25",))

EQUATIONS = (
    NAD_1,
    NAD_2,
    NAD_3,
    NAD_4,
    NAD_5,
    NAD_6,
    NAD_7,
    NAD_8,
    NAD_9,
    NAD_10,
    NAD_11,
    NAD_12,
    NAD_13,
    NAD_14,
    NAD_15,
    NAD_16,
    NAD_17,
    NAD_18,
)
NADAM = Algorithm(
    "nadam",
    (NAD_1, ADAM_2, ADAM_3, ADAM_4, ADAM_5, NAD_18),
    states=((m_before, m_after), (v_before, v_after)),
    hyper=("learning_rate", "beta1", "beta2", "eps"),
)
