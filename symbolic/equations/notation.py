"""The letters of the document and the form of what it says: equations, and the algorithms they make up.

Every letter is one SymPy symbol, printed as text by its name and as LaTeX by `LATEX`. A state with index t-1 is the
state before step t = 1, 2, ...; every state starts at 0 (E-27). All quantities are those of one coordinate.
"""

from dataclasses import dataclass, replace

from sympy import And, Basic, Eq, Expr, Function, Implies, IndexedBase, Symbol

from .forms import Approximately, Proportional, text

LATEX = {}


def letter(text, latex, **assumptions):
    """Return the symbol printed as `text`, or as `latex` in LaTeX."""
    symbol = Symbol(text, **assumptions)
    LATEX[symbol] = latex
    return symbol


def letter_base(text, latex, **assumptions):
    """Return the IndexedBase printed as `text`, or as `latex` in LaTeX; its elements are real."""
    return IndexedBase(letter(text, latex, **{"real": True, **assumptions}))


def settings(first, *others):
    """Return the keywords of an Equation that states values: (symbol, value) pairs, or relations after the first."""
    also = [Eq(*other, evaluate=False) if isinstance(other, tuple) else other for other in others]
    return {"left": first[0], "right": first[1], "also": tuple(also)}


class NablaJ(Function):
    """∇J at a point: the partial derivative along the coordinate that the equations describe.

    What follows the point are the data on which that J is defined: ∇J(θ_t; x⁽ⁱ⁾, y⁽ⁱ⁾).
    """

    nargs = (1, 3)
    is_real = True

    def _sympystr(self, printer):
        return f"∇J({self._inside(printer)})"

    def _latex(self, printer, exp=None):
        call = rf"\nabla J\left({self._inside(printer)}\right)"
        return call if exp is None else rf"{call}^{{{exp}}}"

    def _inside(self, printer):
        point, *data = map(printer.doprint, self.args)
        return "; ".join([point, ", ".join(data)] if data else [point])


t = letter("t", "t", integer=True, positive=True)
theta_before = letter("θ_{t-1}", r"\theta_{t-1}", real=True)
theta = letter("θ_t", r"\theta_t", real=True)
theta_next = letter("θ_{t+1}", r"\theta_{t+1}", real=True)
phi = letter("φ_t", r"\phi_t", real=True)
g = letter("g_t", "g_t", real=True)
g_next = letter("g_{t+1}", "g_{t+1}", real=True)

# The quantities that the document numbers: g[s] is the gradient at step s, x[i] the i-th of some numbers.
g_at = letter_base("g", "g")
s = letter("s", "s", integer=True, positive=True)
i = letter("i", "i", integer=True, positive=True)

eta = letter("η", r"\eta", positive=True)
gamma = letter("γ", r"\gamma", nonnegative=True)
beta1 = letter("β₁", r"\beta_1", nonnegative=True)
beta2 = letter("β₂", r"\beta_2", nonnegative=True)
eps = letter("ε", r"\epsilon", positive=True)
# Of the libraries' conventions: where Adagrad's sum starts, and how the rate and NAdam's look-ahead decay.
first_sum = letter("G₀", "G_0", nonnegative=True)
kappa = letter("κ", r"\kappa", nonnegative=True)
psi = letter("ψ", r"\psi", nonnegative=True)
# Of clipping, decay and averaging.
decay_weight = letter("λ", r"\lambda", nonnegative=True)
decay_l2 = letter("λ₂", r"\lambda_2", nonnegative=True)
clip = letter("c", "c", positive=True)
factor = letter("f", "f", positive=True)
decay_average = letter("β", r"\beta", nonnegative=True)

# The hyperparameters in words, each with its letter and the values for which the document means its equations.
HYPER = {
    "learning_rate": (eta, "(0, inf)"),
    "momentum": (gamma, "[0, 1)"),
    "rho": (gamma, "[0, 1)"),
    "beta1": (beta1, "[0, 1)"),
    "beta2": (beta2, "[0, 1)"),
    "eps": (eps, "(0, inf)"),
    "initial_accumulator_value": (first_sum, "[0, inf)"),
    "lr_decay": (kappa, "[0, inf)"),
    "momentum_decay": (psi, "[0, inf)"),
}

# The same of what is no algorithm's own (`optnumba.modifiers`). In the place of the limit of a norm the loop puts f.
MODIFIERS = {
    "weight_decay": (decay_weight, "[0, inf)"),
    "l2": (decay_l2, "[0, inf)"),
    "clip_value": (clip, "(0, inf)"),
    "clip_norm": (factor, "(0, inf)"),
    "average": (decay_average, "[0, 1)"),
}
LETTERS = HYPER | MODIFIERS


# The sign of each relation, with the SymPy object that it makes of both sides.
RELATIONS = {
    "=": lambda left, right: Eq(left, right, evaluate=False),
    "≈": Approximately,
    "∝": Proportional,
    "⇒": lambda left, right: Implies(left, right, evaluate=False),
}


@dataclass(frozen=True)
class Equation:
    """One equation of the document, or one thing that it says in a formula.

    Parameters
    ----------
    id : str
        As in the reference: ``"ADAM-4"``.
    left, right : sympy.Basic
        Both sides in the correct reading; for an update the symbol that is defined, and its definition. Where the
        document only names an expression, `left` is that expression and `right` is None.
    section : str
        Where the document says it.
    erratum : str
        Id of the erratum that the reading given here corrects: ``"E-22"``; empty where the document is right.
    note : str
        What the erratum changes, or what the reader should know.
    relation : str
        ``"="``, ``"≈"`` (the document writes =, or says that it approximates), ``"∝"`` or ``"⇒"``.
    between : tuple of sympy.Expr
        What stands between both sides where the document writes a chain: a ∝ b ∝ c.
    also : tuple of sympy.Basic
        What the same line says besides: the start value, a range, the other settings.
    written : sympy.Basic, optional
        What the document literally writes, where that differs from the reading given here.
    errata : tuple of str
        The ids of all errata about this equation, the first of them `erratum`.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> print(symbolic.update_equations("adam")[3])
    ADAM-4: m̂_t = m_t/(1 - β₁**t)
    """

    id: str
    left: Basic
    right: Basic | None
    section: str
    erratum: str = ""
    note: str = ""
    relation: str = "="
    between: tuple[Expr, ...] = ()
    also: tuple[Basic, ...] = ()
    written: Basic | None = None
    errata: tuple[str, ...] = ()

    def __post_init__(self):
        if self.relation not in RELATIONS:
            raise ValueError(f"relation={self.relation!r} of {self.id} is none of {', '.join(RELATIONS)}")
        if self.erratum and self.erratum not in self.errata:
            object.__setattr__(self, "errata", (self.erratum, *self.errata))

    def __str__(self):
        remark = ", ".join(filter(None, (self.note, self.erratum)))
        return f"{self.id}: {self._joined(text, self.relation, ', ')}" + (f"  ({remark})" if remark else "")

    def _joined(self, printed, sign, comma):
        sides = [side for side in (self.left, *self.between, self.right) if side is not None]
        return comma.join([f" {sign} ".join(map(printed, sides)), *map(printed, self.also)])

    @property
    def exact(self):
        """Whether the relation is an equality that holds in the reading given here (bool)."""
        return self.relation == "="

    @property
    def expr(self):
        """The equation in SymPy: an Eq, or whichever relation, implication or expression it is (sympy.Basic)."""
        if self.right is None:
            first = self.left
        else:
            make = RELATIONS[self.relation]
            first = make(self.left, self.right) if not self.between else make(self.left, *self.between, self.right)
        return And(first, *self.also, evaluate=False) if self.also else first

    @property
    def latex(self):
        """The equation in LaTeX (str)."""
        from ..latex import latex

        sign = {"=": "=", "≈": r"\approx", "∝": r"\propto", "⇒": r"\Rightarrow"}[self.relation]
        return self._joined(latex, sign, r",\quad ")

    @property
    def written_latex(self):
        """What the document literally writes, in LaTeX; empty where that is the equation itself (str)."""
        from ..latex import latex

        return "" if self.written is None else latex(self.written)

    def _repr_latex_(self):
        return f"$\\displaystyle {self.latex}$"


def restated(equation, id, section, note=""):
    """Return an equation that the document writes again elsewhere, under the id that it has there."""
    return replace(equation, id=id, section=section, errata=(), note=note or f"{equation.id} once more")


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


gradient_literal = letter("∇J(θ_{t,i})", r"\nabla_{\theta_t} J(\theta_{t,i})", real=True)
GRADIENT = Equation(
    "AG-3",
    g,
    NablaJ(theta),
    "Adagrad",
    "E-07",
    "one coordinate of the gradient",
    written=Eq(letter("g_{t,i}", "g_{t,i}", real=True), gradient_literal, evaluate=False),
)
