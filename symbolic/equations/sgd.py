"""Gradient descent, section 2 of the document, and the decay of its rate, which section 3 has in words only."""

from sympy import Eq, Lt, Piecewise, Sum

from .notation import Algorithm, Equation, NablaJ, eta, i, letter, letter_base, t, theta, theta_next

theta_free = letter("θ", r"\theta", real=True)
J = letter("J", "J", real=True)
N = letter("N", "N", integer=True, positive=True)
error = letter_base("error", r"\mathrm{error}")
x_i = letter("x⁽ⁱ⁾", "x^{(i)}", real=True)
y_i = letter("y⁽ⁱ⁾", "y^{(i)}", real=True)
x_batch = letter("x⁽ⁱ˸ⁱ⁺ⁿ⁾", "x^{(i:i+n)}", real=True)
y_batch = letter("y⁽ⁱ˸ⁱ⁺ⁿ⁾", "y^{(i:i+n)}", real=True)

SECTION = "Gradient descent"
GD_1 = Equation(
    "GD-1",
    theta_next,
    theta - eta * NablaJ(theta),
    SECTION,
    "E-01",
    written=Eq(theta_next, theta - eta * NablaJ(theta_free), evaluate=False),
)
GD_2 = Equation(
    "GD-2",
    J,
    Sum(error[i], (i, 1, N)),
    SECTION,
    "E-02",
    "a sum over all N terms, not their mean",
    errata=("E-02", "E-03"),
)
SGD_1 = Equation(
    "SGD-1",
    theta_next,
    theta - eta * NablaJ(theta, x_i, y_i),
    SECTION,
    "E-01",
    "J is the whole objective, one term or a batch of it: whatever the caller's gradient belongs to",
    written=Eq(theta_next, theta - eta * NablaJ(theta_free, x_i, y_i), evaluate=False),
    errata=("E-01", "E-02", "E-28"),
)
MB_1 = Equation(
    "MB-1",
    theta_next,
    theta - eta * NablaJ(theta, x_batch, y_batch),
    SECTION,
    note="in words only; the formula is Ruder's (3)",
    errata=("E-28",),
)

# Section 3 names both ways of decaying the rate and gives no formula; the letters are ours.
eta_t = letter("η_t", r"\eta_t", positive=True)
eta_0 = letter("η_0", r"\eta_0", positive=True)
decay = letter("κ", r"\kappa", nonnegative=True)
epoch = letter("n", "n", integer=True, nonnegative=True)
epochs = letter_base("n", "n")
rates = letter_base("η", r"\eta", positive=True)

LRD_a = Equation(
    "LRD-a",
    eta_t,
    Piecewise((rates[0], Lt(epoch, epochs[1])), (rates[1], Lt(epoch, epochs[2])), (rates[2], True)),
    "Challenges",
    note="in words only: a table of rates by the number n of the epoch, here with three entries",
)
LRD_b = Equation(
    "LRD-b",
    eta_t,
    eta_0 / (1 + decay * (t - 1)),
    "Challenges",
    note="in words only: the argument `decay` of Keras in 2019; t - 1 updates are done before update t",
)

EQUATIONS = (GD_1, GD_2, SGD_1, MB_1, LRD_a, LRD_b)
SGD = Algorithm("sgd", (SGD_1,), states=(), hyper=("learning_rate",))
