"""Adagrad, section 4 of the document."""

from sympy import sqrt

from .notation import GRADIENT, Algorithm, Equation, eps, eta, g, letter, theta, theta_next

G_before = letter("G_{t-1}", "G_{t-1}", nonnegative=True)
G = letter("G_t", "G_t", nonnegative=True)

AG_6 = Equation("AG-6", G, G_before + g**2, "Adagrad", note="the sum of squares as a recurrence, G_0 = 0")
AG_7 = Equation(
    "AG-7", theta_next, theta - eta / sqrt(G + eps) * g, "Adagrad", "E-09", "one coordinate of the diagonal"
)

ADAGRAD = Algorithm("adagrad", (GRADIENT, AG_6, AG_7), states=((G_before, G),), hyper=("learning_rate", "eps"))
