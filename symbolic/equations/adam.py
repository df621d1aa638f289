"""Adam, section 4 of the document."""

from sympy import sqrt

from .notation import GRADIENT, Algorithm, Equation, beta1, beta2, eps, eta, g, letter, t, theta, theta_next

m_before = letter("m_{t-1}", "m_{t-1}", real=True)
m = letter("m_t", "m_t", real=True)
v_before = letter("v_{t-1}", "v_{t-1}", nonnegative=True)
v = letter("v_t", "v_t", nonnegative=True)
m_hat = letter("m̂_t", r"\hat m_t", real=True)
v_hat = letter("v̂_t", r"\hat v_t", nonnegative=True)

ADAM_2 = Equation("ADAM-2", m, beta1 * m_before + (1 - beta1) * g, "Adam")
ADAM_3 = Equation("ADAM-3", v, beta2 * v_before + (1 - beta2) * g**2, "Adam")
ADAM_4 = Equation("ADAM-4", m_hat, m / (1 - beta1**t), "Adam")
ADAM_5 = Equation("ADAM-5", v_hat, v / (1 - beta2**t), "Adam")
ADAM_6 = Equation("ADAM-6", theta_next, theta - eta / (sqrt(v_hat) + eps) * m_hat, "Adam")

ADAM = Algorithm(
    "adam",
    (GRADIENT, ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6),
    states=((m_before, m), (v_before, v)),
    hyper=("learning_rate", "beta1", "beta2", "eps"),
)
