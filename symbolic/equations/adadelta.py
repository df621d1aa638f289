"""Adadelta, section 4 of the document: a window, then units, then Newton's step."""

from sympy import Derivative, Eq, Function, Subs, Sum, Symbol, sqrt

from .forms import Unit
from .notation import (
    GRADIENT,
    LATEX,
    Algorithm,
    Equation,
    NablaJ,
    eps,
    eta,
    g,
    g_at,
    gamma,
    i,
    letter,
    letter_base,
    s,
    t,
    theta,
    theta_before,
    theta_next,
)

E_before = letter("E[g²]_{t-1}", "E[g^2]_{t-1}", nonnegative=True)
E = letter("E[g²]_t", "E[g^2]_t", nonnegative=True)
D_before = letter("E[Δθ²]_{t-1}", r"E[\Delta\theta^2]_{t-1}", nonnegative=True)
D = letter("E[Δθ²]_t", r"E[\Delta\theta^2]_t", nonnegative=True)
delta = letter("Δθ_t", r"\Delta\theta_t", real=True)

# RMS[...] as the document writes it, before it is said what it is.
rms_g = letter("RMS[g]_t", r"\mathrm{RMS}[g]_t", positive=True)
rms_delta = letter("RMS[Δθ]_t", r"\mathrm{RMS}[\Delta\theta]_t", positive=True)
rms_delta_before = letter("RMS[Δθ]_{t-1}", r"\mathrm{RMS}[\Delta\theta]_{t-1}", positive=True)


def rms(mean_square):
    """Return RMS[x]_t = √(E[x²]_t + ε), as Zeiler reads it (E-14): AD-3 has no ε."""
    return sqrt(mean_square + eps)


SECTION = "Adadelta"
window = letter("w", "w", integer=True, positive=True)
window_sum = letter_base("S", "S")
AD_0 = Equation(
    "AD-0",
    window_sum[t],
    Sum(g_at[s] ** 2, (s, t - window + 1, t)),
    SECTION,
    note="in words only: what the last w gradients tell, and no other",
)
AD_1 = Equation("AD-1", E, gamma * E_before + (1 - gamma) * g**2, SECTION, errata=("E-13", "E-19", "E-27"))
AD_2 = Equation("AD-2", delta, -eta / sqrt(E + eps) * g, SECTION)

x = letter_base("x", "x")
n = letter("n", "n", integer=True, positive=True)
root_mean_square = letter("RMS", r"\mathrm{RMS}", nonnegative=True)
AD_3 = Equation(
    "AD-3",
    root_mean_square,
    sqrt(Sum(x[i] ** 2, (i, 1, n)) / n),
    SECTION,
    "E-14",
    "equal weights, no ε: not what RMS[g]_t is in AD-4",
)
AD_4 = Equation(
    "AD-4",
    delta,
    -eta / rms(E) * g,
    SECTION,
    "E-14",
    "RMS[g]_t = √(E[g²]_t + ε)",
    written=Eq(delta, -eta / rms_g * g, evaluate=False),
)

# Units. f is any function of a variable that the document calls t too; here it is no step number.
f = Function("f")
time = Symbol("τ", real=True)
LATEX[time] = "t"
time_0 = letter("t_0", "t_0", real=True)
AD_5 = Equation(
    "AD-5",
    Subs(Derivative(f(time), time), time, time_0),
    (f(time) - f(time_0)) / (time - time_0),
    SECTION,
    "E-15",
    "the update it leads to is one of t, not of f; τ for the document's t",
    relation="≈",
)
AD_6 = Equation(
    "AD-6",
    Unit(Derivative(f(time), (time, n))),
    Unit(f(time)) / Unit(time) ** n,
    SECTION,
    note="τ for the document's t",
)

# The parameter, its step and the objective without an index, as in the argument about units.
parameter = letter("θ", r"\theta", real=True)
step = letter("Δθ", r"\Delta\theta", real=True)
J = Function("J", real=True)
first = Derivative(J(parameter), parameter)
second = Derivative(J(parameter), (parameter, 2))
gradient = letter("g", "g", real=True)
hessian = letter("H", "H", real=True, nonzero=True)
AD_7 = Equation(
    "AD-7",
    theta,
    theta_before + step,
    SECTION,
    "E-17",
    "AD-15 counts differently",
    also=(Eq(gradient, NablaJ(theta), evaluate=False),),
)
AD_8 = Equation(
    "AD-8",
    step,
    1 / Unit(parameter),
    SECTION,
    "E-16",
    "∝: has the unit of; J has none",
    relation="∝",
    between=(gradient, first),
    errata=("E-15", "E-16"),
)
AD_9 = Equation(
    "AD-9",
    step,
    -eta / rms(E) * gradient,
    SECTION,
    "E-14",
    "AD-4 without its index",
    written=Eq(step, -eta / letter("RMS[g]", r"\mathrm{RMS}[g]", positive=True) * gradient, evaluate=False),
)
AD_10 = Equation(
    "AD-10",
    step,
    Unit(parameter),
    SECTION,
    "E-16",
    "∝: has the unit of",
    relation="∝",
    between=(gradient / hessian, first / second),
)
AD_11 = Equation("AD-11", 1 / second, -step / first, SECTION, "E-18", "Newton's step, solved for the inverse curvature")

AD_12 = Equation("AD-12", D, gamma * D_before + (1 - gamma) * delta**2, SECTION, errata=("E-13", "E-19", "E-27"))
AD_13 = Equation(
    "AD-13",
    delta,
    -rms(D) / rms(E) * g,
    SECTION,
    "E-14",
    "cannot be computed: D holds the step that it is to give",
    written=Eq(delta, -rms_delta / rms_g * g, evaluate=False),
)
AD_14 = Equation(
    "AD-14",
    delta,
    -rms(D_before) / rms(E) * g,
    SECTION,
    "E-14",
    "RMS with ε in both places",
    written=Eq(delta, -rms_delta_before / rms_g * g, evaluate=False),
    errata=("E-14", "E-16", "E-19"),
)
AD_15 = Equation("AD-15", theta_next, theta + delta, SECTION, errata=("E-17",))

EQUATIONS = (AD_0, AD_1, AD_2, AD_3, AD_4, AD_5, AD_6, AD_7, AD_8, AD_9, AD_10, AD_11, AD_12, AD_13, AD_14, AD_15)
ADADELTA = Algorithm(
    "adadelta", (GRADIENT, AD_1, AD_14, AD_12, AD_15), states=((E_before, E), (D_before, D)), hyper=("rho", "eps")
)
