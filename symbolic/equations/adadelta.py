"""Adadelta, section 4 of the document."""

from sympy import sqrt

from .notation import GRADIENT, Algorithm, Equation, eps, g, gamma, letter, theta, theta_next

E_before = letter("E[g²]_{t-1}", "E[g^2]_{t-1}", nonnegative=True)
E = letter("E[g²]_t", "E[g^2]_t", nonnegative=True)
D_before = letter("E[Δθ²]_{t-1}", r"E[\Delta\theta^2]_{t-1}", nonnegative=True)
D = letter("E[Δθ²]_t", r"E[\Delta\theta^2]_t", nonnegative=True)
delta = letter("Δθ_t", r"\Delta\theta_t", real=True)


def rms(mean_square):
    """Return RMS[x]_t = √(E[x²]_t + ε), as Zeiler reads it (E-14): AD-3 has no ε."""
    return sqrt(mean_square + eps)


AD_1 = Equation("AD-1", E, gamma * E_before + (1 - gamma) * g**2, "Adadelta")
AD_14 = Equation("AD-14", delta, -rms(D_before) / rms(E) * g, "Adadelta", "E-14", "RMS with ε in both places")
AD_12 = Equation("AD-12", D, gamma * D_before + (1 - gamma) * delta**2, "Adadelta")
AD_15 = Equation("AD-15", theta_next, theta + delta, "Adadelta")

ADADELTA = Algorithm(
    "adadelta", (GRADIENT, AD_1, AD_14, AD_12, AD_15), states=((E_before, E), (D_before, D)), hyper=("rho", "eps")
)
