"""AdaMax, section 4 of the document."""

from sympy import Abs, Eq, Function, Limit, Max, Ne, Piecewise, Rational, oo

from .adam import ADAM_2, ADAM_3, ADAM_4, ADAM_6, ADAM_7, m, m_before, m_hat, v, v_before
from .notation import GRADIENT, Algorithm, Equation, beta1, beta2, eta, g, letter, restated, settings, theta, theta_next

u_before = letter("u_{t-1}", "u_{t-1}", nonnegative=True)
u = letter("u_t", "u_t", nonnegative=True)
p = letter("p", "p", positive=True)

# The document's forms, which have no meaning as numbers: an infinite power, and the norm of a vector.
coefficient = letter("β₂^{(p)}", r"\beta_2^p", nonnegative=True)
decay_infinite = letter("β₂^∞", r"\beta_2^{\infty}", nonnegative=True)
norm = letter("‖g_t‖", r"\left\Vert g_t \right\Vert", nonnegative=True)
norm_infinite = letter("‖g_t‖^∞", r"\left\Vert g_t \right\Vert^{\infty}", nonnegative=True)


class MeanPower(Function):
    """v_t of AMX-3, as the function of p that it is."""

    nargs = 1
    is_nonnegative = True

    def _sympystr(self, printer):
        return f"v_t({printer.doprint(self.args[0])})"

    def _latex(self, printer, exp=None):
        call = rf"v_t\left({printer.doprint(self.args[0])}\right)"
        return call if exp is None else rf"{call}^{{{exp}}}"


SECTION = "AdaMax"
AMX_1 = restated(ADAM_3, "AMX-1", SECTION)
AMX_2 = restated(ADAM_6, "AMX-2", SECTION)
AMX_3 = Equation(
    "AMX-3",
    v,
    beta2**p * v_before + (1 - beta2**p) * Abs(g) ** p,
    SECTION,
    "E-22",
    "β₂ to the power p, which the text denies; |g| per coordinate",
    written=Eq(v, coefficient * v_before + (1 - coefficient) * norm**p, evaluate=False),
)
AMX_4 = Equation(
    "AMX-4",
    u,
    Limit(MeanPower(p) ** (1 / p), p, oo),
    SECTION,
    "E-22",
    "the root 1/p is missing; u_t is the limit of v_t^(1/p)",
    written=Eq(u, decay_infinite * v_before + (1 - decay_infinite) * norm_infinite, evaluate=False),
)
AMX_5 = Equation(
    "AMX-5",
    u,
    Max(beta2 * u_before, Abs(g)),
    SECTION,
    "E-22",
    "u in the maximum, not v; |g| per coordinate",
    written=Eq(u, Max(beta2 * v_before, norm), evaluate=False),
    errata=("E-22", "E-27", "E-29"),
)
AMX_6 = Equation(
    "AMX-6",
    theta_next,
    Piecewise((theta - eta / u * m_hat, Ne(u, 0)), (theta, True)),
    SECTION,
    "E-22",
    "no step where u = 0, that is where every gradient so far was 0",
    written=Eq(theta_next, theta - eta / u * m_hat, evaluate=False),
    errata=("E-22", "E-29"),
)
AMX_7 = Equation(
    "AMX-7",
    section=SECTION,
    erratum="E-21",
    note="β₂ is typed 0,999 here as well",
    **settings((eta, Rational("0.002")), (beta1, Rational("0.9")), (beta2, Rational("0.999"))),
    written=ADAM_7.written,
)

EQUATIONS = (AMX_1, AMX_2, AMX_3, AMX_4, AMX_5, AMX_6, AMX_7)
ADAMAX = Algorithm(
    "adamax",
    (GRADIENT, ADAM_2, ADAM_4, AMX_5, AMX_6),
    states=((m_before, m), (u_before, u)),
    hyper=("learning_rate", "beta1", "beta2"),
)
