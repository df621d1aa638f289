"""What the document writes that SymPy has no name for (an expectation, a unit, ≈, ∝), and how formulas read as text.

The relations are SymPy Booleans: they can be printed, searched and substituted in, and claim nothing by themselves.
"""

from sympy import Basic, Function, Mul, Symbol, sympify
from sympy.logic.boolalg import Boolean
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from .order import decimal, ordered


class _Named(Function):
    """A function of one argument with its own text and LaTeX; `name_text` and `name_latex` hold the two names."""

    nargs = 1
    brackets = ("[", "]")

    def _sympystr(self, printer):
        return f"{self.name_text}{self.brackets[0]}{printer.doprint(self.args[0])}{self.brackets[1]}"

    def _latex(self, printer, exp=None):
        inside = printer.doprint(self.args[0])
        text = rf"{self.name_latex}\left{self.brackets[0]}{inside}\right{self.brackets[1]}"
        return text if exp is None else rf"{text}^{{{exp}}}"


class Expectation(_Named):
    """E[X]: the expectation of a random quantity."""

    name_text, name_latex = "E", "E"
    is_real = True


class Unit(_Named):
    """unit(x): the unit in which a quantity is measured. Units multiply and divide like positive numbers."""

    name_text, name_latex = "unit", r"\operatorname{unit}"
    brackets = ("(", ")")
    is_positive = True


class _Chain(Boolean):
    """Members joined by one sign: a ∝ b ∝ c."""

    def __new__(cls, *members):
        if len(members) < 2:
            raise ValueError(f"{cls.__name__}() takes at least 2 members, not {len(members)}")
        return Basic.__new__(cls, *map(sympify, members))

    @property
    def lhs(self):
        """The first member (sympy.Expr)."""
        return self.args[0]

    @property
    def rhs(self):
        """The last member (sympy.Expr)."""
        return self.args[-1]

    def _sympystr(self, printer):
        return f" {self.sign_text} ".join(printer.doprint(member) for member in self.args)

    def _latex(self, printer):
        return f" {self.sign_latex} ".join(printer.doprint(member) for member in self.args)


class Approximately(_Chain):
    """The right side stands in for the left one, or is meant to be near it, without being equal to it."""

    sign_text, sign_latex = "≈", r"\approx"


class Proportional(_Chain):
    """Proportional to; among the units of Adadelta: has the same unit, numbers without a unit left out (E-16)."""

    sign_text, sign_latex = "∝", r"\propto"


class Text(StrPrinter):
    """The text of a formula in a terminal: as SymPy prints it, but for sums, limits, relations and derivatives."""

    def _print_Relational(self, expr):
        return f"{self.doprint(expr.lhs)} {expr.rel_op.replace('==', '=')} {self.doprint(expr.rhs)}"

    def _print_Implies(self, expr):
        return " ⇒ ".join(self.doprint(side) for side in expr.args)

    def _print_And(self, expr):
        return " and ".join(sorted(self.doprint(part) for part in expr.args))

    def _print_Sum(self, expr):
        ((index, low, high),) = expr.limits
        inner = self.parenthesize(expr.function, PRECEDENCE["Mul"])
        return f"Σ_{{{self.doprint(index)}={self.doprint(low)}}}^{{{self.doprint(high)}}} {inner}"

    def _print_Product(self, expr):
        return self._print_Sum(expr).replace("Σ", "Π", 1)

    def _print_Piecewise(self, expr):
        *cases, (otherwise, _) = expr.args
        parts = [f"{self.doprint(value)} if {self.doprint(condition)}" for value, condition in cases]
        return "; ".join([*parts, f"{self.doprint(otherwise)} otherwise"])

    def _print_Limit(self, expr):
        function, variable, point, _ = expr.args
        to = "∞" if point.is_infinite else self.doprint(point)
        return f"lim_{{{variable}→{to}}} {self.parenthesize(function, PRECEDENCE['Mul'])}"

    def _print_Derivative(self, expr):
        (variable, count), *others = expr.variable_count
        if others:
            return super()._print_Derivative(expr)
        power = "" if count == 1 else f"^{self.doprint(count)}" if count.is_Atom else f"^({self.doprint(count)})"
        return f"(∂{power}/∂{self.doprint(variable)}{power}) {self.doprint(expr.expr)}"

    def _print_Rational(self, expr):
        short = expr.q > 2 and 10**12 % expr.q == 0
        return f"{float(expr):g}" if short else super()._print_Rational(expr)

    def _print_Mul(self, expr):
        first, *rest = expr.args
        if not decimal(first):
            return super()._print_Mul(expr)
        return f"{decimal(first)}*{self.doprint(Mul(*rest, evaluate=False))}"

    def _print_Subs(self, expr):
        places = ", ".join(
            f"{self.doprint(v)}={self.doprint(p)}" for v, p in zip(expr.variables, expr.point, strict=True)
        )
        return f"{self.doprint(expr.expr)} at {places}"


def text(formula):
    """Return a SymPy formula as one line for a terminal (str)."""
    return formula.name if isinstance(formula, Symbol) else Text({"order": "none"}).doprint(ordered(formula))
