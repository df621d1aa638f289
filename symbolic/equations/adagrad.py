"""Adagrad, section 4 of the document."""

from sympy import Derivative, Eq, Function, Sum, sqrt

from .notation import (
    GRADIENT,
    Algorithm,
    Equation,
    eps,
    eta,
    g,
    g_at,
    letter,
    letter_base,
    s,
    t,
    theta,
    theta_next,
)

G_before = letter("G_{t-1}", "G_{t-1}", nonnegative=True)
G = letter("G_t", "G_t", nonnegative=True)

# One coordinate i, as the document numbers it. In AG-6 and AG-7, which a step evaluates, the number is left out.
theta_i = letter("θ_{t,i}", r"\theta_{t,i}", real=True)
theta_next_i = letter("θ_{t+1,i}", r"\theta_{t+1,i}", real=True)
g_i = letter("g_{t,i}", "g_{t,i}", real=True)
G_ii = letter("G_{t,ii}", "G_{t,ii}", nonnegative=True)

# A linear combination of the inputs a of a layer, and a loss that depends on the weights w through it alone.
z = letter("z", "z", real=True)
w = letter_base("w", "w")
a = letter_base("a", "a")
k = letter("k", "k", integer=True, positive=True)
n = letter("n", "n", integer=True, positive=True)
Loss = Function("L", real=True)

SECTION = "Adagrad"
AG_1 = Equation("AG-1", z, w[0] + Sum(w[k] * a[k], (k, 1, n)), SECTION)
AG_2 = Equation(
    "AG-2",
    Eq(a[2], 0, evaluate=False),
    Eq(Derivative(Loss(AG_1.right), w[2]), 0, evaluate=False),
    SECTION,
    "E-12",
    "so w_2 does not move under gradient descent and Adagrad; under Momentum and NAG it does",
    relation="⇒",
)
AG_3 = GRADIENT
AG_4 = Equation("AG-4", theta_next_i, theta_i - eta * g_i, SECTION)
AG_5 = Equation("AG-5", theta_next_i, theta_i - eta / sqrt(G_ii + eps) * g_i, SECTION, errata=("E-10", "E-31"))
AG_6 = Equation(
    "AG-6",
    G,
    G_before + g**2,
    SECTION,
    note="the sum of squares as a recurrence, G_0 = 0",
    written=Eq(G_ii, Sum(g_at[s] ** 2, (s, 1, t)), evaluate=False),
    errata=("E-11", "E-27"),
)
AG_7 = Equation(
    "AG-7",
    theta_next,
    theta - eta / sqrt(G + eps) * g,
    SECTION,
    "E-09",
    "one coordinate of the diagonal",
    errata=("E-08", "E-09", "E-31"),
)

EQUATIONS = (AG_1, AG_2, AG_3, AG_4, AG_5, AG_6, AG_7)
ADAGRAD = Algorithm("adagrad", (GRADIENT, AG_6, AG_7), states=((G_before, G),), hyper=("learning_rate", "eps"))
