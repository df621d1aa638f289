"""Momentum, section 4 of the document."""

from sympy import Eq, Function, Lt, Rational

from .notation import Algorithm, Equation, NablaJ, eta, g, gamma, letter, letter_base, settings, t, theta, theta_next

v_before = letter("v_{t-1}", "v_{t-1}", real=True)
v = letter("v_t", "v_t", real=True)

# MOM-3 calls η∇J itself g; every later section calls ∇J so (E-04). Here the former is g̃.
scaled = letter_base("g̃", r"\tilde g")
v_at = letter_base("v", "v")


class Nabla(Function):
    """∇ of a point itself, as MOM-3 and NAG-6 have it without J: the derivative of the point by θ_t."""

    nargs = 1
    is_real = True

    def _sympystr(self, printer):
        return f"∇({printer.doprint(self.args[0])})"

    def _latex(self, printer, exp=None):
        call = rf"\nabla_{{\theta_t}}\left({printer.doprint(self.args[0])}\right)"
        return call if exp is None else rf"{call}^{{{exp}}}"

    def doit(self, **hints):
        """Return what it literally is (sympy.Expr): the velocity is no function of θ_t, so 1."""
        return self.args[0].diff(theta)


SECTION = "Momentum"
MOM_1 = Equation("MOM-1", v, gamma * v_before + eta * NablaJ(theta), SECTION)
MOM_2 = Equation("MOM-2", theta_next, theta - v, SECTION)
MOM_3 = Equation(
    "MOM-3",
    scaled[t],
    eta * NablaJ(theta),
    SECTION,
    "E-04",
    "J put in; g̃ for what is called g elsewhere too; so v_0 = 0",
    also=(Eq(v_at[1], scaled[1]),),
    written=Eq(g, eta * Nabla(theta), evaluate=False),
    errata=("E-04", "E-27"),
)
MOM_4 = Equation("MOM-4", v_at[2], scaled[2] + gamma * scaled[1], SECTION)
MOM_5 = Equation("MOM-5", v_at[3], scaled[3] + gamma * scaled[2] + gamma**2 * scaled[1], SECTION)
MOM_6 = Equation("MOM-6", v_at[4], scaled[4] + gamma * scaled[3] + gamma**2 * scaled[2] + gamma**3 * scaled[1], SECTION)
MOM_7 = Equation(
    "MOM-7",
    section=SECTION,
    note="the value it recommends",
    **settings((gamma, Rational("0.9")), Lt(0, gamma, evaluate=False), Lt(gamma, 1, evaluate=False)),
)

EQUATIONS = (MOM_1, MOM_2, MOM_3, MOM_4, MOM_5, MOM_6, MOM_7)
MOMENTUM = Algorithm("momentum", (MOM_1, MOM_2), states=((v_before, v),), hyper=("learning_rate", "momentum"))
