"""The letters of the document and the form of what it says: equations, and the algorithms they make up.

Every letter is one SymPy symbol, printed as text by its name and as LaTeX by `LATEX`. A state with index t-1 is the
state before step t = 1, 2, ...; every state starts at 0 (E-27). All quantities are those of one coordinate.
"""

from dataclasses import dataclass

from sympy import Eq, Expr, Function, Symbol

LATEX = {}


def letter(text, latex, **assumptions):
    """Return the symbol printed as `text`, or as `latex` in LaTeX."""
    symbol = Symbol(text, **assumptions)
    LATEX[symbol] = latex
    return symbol


class NablaJ(Function):
    """∇J at a point: the partial derivative along the coordinate that the equations describe."""

    nargs = 1
    is_real = True

    def _sympystr(self, printer):
        return f"∇J({printer.doprint(self.args[0])})"

    def _latex(self, printer):
        return rf"\nabla J\left({printer.doprint(self.args[0])}\right)"


t = letter("t", "t", integer=True, positive=True)
theta = letter("θ_t", r"\theta_t", real=True)
theta_next = letter("θ_{t+1}", r"\theta_{t+1}", real=True)
phi = letter("φ_t", r"\phi_t", real=True)
g = letter("g_t", "g_t", real=True)

eta = letter("η", r"\eta", positive=True)
gamma = letter("γ", r"\gamma", nonnegative=True)
beta1 = letter("β₁", r"\beta_1", nonnegative=True)
beta2 = letter("β₂", r"\beta_2", nonnegative=True)
eps = letter("ε", r"\epsilon", positive=True)

# The hyperparameters in words, each with its letter and the values for which the document means its equations.
HYPER = {
    "learning_rate": (eta, "(0, inf)"),
    "momentum": (gamma, "[0, 1)"),
    "rho": (gamma, "[0, 1)"),
    "beta1": (beta1, "[0, 1)"),
    "beta2": (beta2, "[0, 1)"),
    "eps": (eps, "(0, inf)"),
}


@dataclass(frozen=True)
class Equation:
    """One equation of the document: what it defines, and by what.

    Parameters
    ----------
    id : str
        As in the reference: ``"ADAM-4"``.
    left, right : sympy.Expr
        The symbol that is defined, and its definition.
    section : str
        Where the document says it.
    erratum : str
        Id of the erratum that the reading given here corrects: ``"E-22"``; empty where the document is right.
    note : str
        What the erratum changes, or what the reader should know.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> print(symbolic.update_equations("adam")[3])
    ADAM-4: m̂_t = m_t/(1 - β₁**t)
    """

    id: str
    left: Symbol
    right: Expr
    section: str
    erratum: str = ""
    note: str = ""

    def __str__(self):
        remark = f"  ({self.note}{', ' + self.erratum if self.erratum else ''})" if self.note else ""
        return f"{self.id}: {self.left} = {self.right}{remark}"

    @property
    def expr(self):
        """The equation in SymPy (sympy.Eq)."""
        return Eq(self.left, self.right, evaluate=False)

    @property
    def latex(self):
        """The equation in LaTeX (str)."""
        from ..latex import latex

        return f"{latex(self.left)} = {latex(self.right)}"

    def _repr_latex_(self):
        return f"$\\displaystyle {self.latex}$"


@dataclass(frozen=True)
class Algorithm:
    """The equations that make one step of an algorithm, in the order in which they can be evaluated.

    Parameters
    ----------
    name : str
        As in ``optnumba.RULES``.
    equations : tuple of Equation
        From θ_t and the states before the step to θ_{t+1} and the states after it.
    states : tuple of (Symbol, Symbol)
        Each state before and after the step.
    hyper : tuple of str
        The hyperparameters, by the names in `HYPER`.
    variable : Equation, optional
        The change of variable φ_t = ... that makes the point of the gradient the stored one (NAG).
    inverse : Equation, optional
        The same, solved for θ_t.
    """

    name: str
    equations: tuple[Equation, ...]
    states: tuple[tuple[Symbol, Symbol], ...]
    hyper: tuple[str, ...]
    variable: Equation | None = None
    inverse: Equation | None = None

    @property
    def gradient_point(self):
        """Where the equations take the gradient, in terms of θ_t and the states before the step (sympy.Expr)."""
        (call,) = set().union(*(e.right.atoms(NablaJ) for e in self.equations))
        return call.args[0]


GRADIENT = Equation("AG-3", g, NablaJ(theta), "Adagrad", "E-07", "one coordinate of the gradient")
