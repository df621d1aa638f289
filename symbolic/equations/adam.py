"""Adam, section 4 of the document."""

from sympy import Eq, Rational, Tuple, sqrt

from .forms import Expectation
from .notation import (
    GRADIENT,
    Algorithm,
    Equation,
    beta1,
    beta2,
    eps,
    eta,
    g,
    letter,
    letter_base,
    settings,
    t,
    theta,
    theta_next,
)

m_before = letter("m_{t-1}", "m_{t-1}", real=True)
m = letter("m_t", "m_t", real=True)
v_before = letter("v_{t-1}", "v_{t-1}", nonnegative=True)
v = letter("v_t", "v_t", nonnegative=True)
m_hat = letter("m̂_t", r"\hat m_t", real=True)
v_hat = letter("v̂_t", r"\hat v_t", nonnegative=True)

X = letter("X", "X", real=True)
order = letter("n", "n", integer=True, positive=True)
moment = letter("μ_n", r"\mu_n", real=True)
m_at = letter_base("m", "m")
v_at = letter_base("v", "v")

SECTION = "Adam"
ADAM_1 = Equation("ADAM-1", moment, Expectation(X**order), SECTION, note="the n-th moment; the letter μ is ours")
ADAM_2 = Equation("ADAM-2", m, beta1 * m_before + (1 - beta1) * g, SECTION, errata=("E-21", "E-27"))
ADAM_3 = Equation("ADAM-3", v, beta2 * v_before + (1 - beta2) * g**2, SECTION, errata=("E-21", "E-27"))
ADAM_4 = Equation("ADAM-4", m_hat, m / (1 - beta1**t), SECTION, errata=("E-21", "E-27"))
ADAM_5 = Equation("ADAM-5", v_hat, v / (1 - beta2**t), SECTION, errata=("E-21", "E-27"))
ADAM_6 = Equation("ADAM-6", theta_next, theta - eta / (sqrt(v_hat) + eps) * m_hat, SECTION)
ADAM_7 = Equation(
    "ADAM-7",
    section=SECTION,
    erratum="E-21",
    note="β₂ is typed 0,999; η is not stated: 0.001 in Kingma & Ba",
    **settings(
        (beta1, Rational("0.9")), (beta2, Rational("0.999")), (eps, Rational("1e-8")), (m_at[0], 0), (v_at[0], 0)
    ),
    written=Eq(beta2, Tuple(0, 999), evaluate=False),
    errata=("E-21", "E-27", "E-32"),
)

EQUATIONS = (ADAM_1, ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6, ADAM_7)
ADAM = Algorithm(
    "adam",
    (GRADIENT, ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6),
    states=((m_before, m), (v_before, v)),
    hyper=("learning_rate", "beta1", "beta2", "eps"),
)
