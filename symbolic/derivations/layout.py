"""How the formulas of a derivation are set: on one line of text, as a block of text, and in LaTeX.

All three have terms and factors in the order in which people write them (`equations.order`).
"""

import re

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.pretty.pretty import PrettyPrinter
from sympy.printing.pretty.stringpict import prettyForm, stringPict

from ..equations.forms import Text
from ..equations.notation import Equation
from ..equations.order import largest, ordered
from ..latex import latex as formula_latex

SUBSCRIPTS = dict(zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
SUPERSCRIPTS = dict(zip("0123456789+-=()/iknpstwxN", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᐟⁱᵏⁿᵖˢᵗʷˣᴺ", strict=True))
SIGNS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥"}


def subscripted(name):
    """Return the name of a letter with its index as subscripts where there are such: θ_{t+1} as θₜ₊₁ (str)."""

    def lower(match):
        index = match[1] or match[2]
        return "".join(SUBSCRIPTS[c] for c in index) if set(index) <= set(SUBSCRIPTS) else match[0]

    return re.sub(r"_(?:\{([^}]*)\}|(\w))", lower, name)


def superscripts(index):
    """Return an index or exponent as superscripts, or after ^ where there are none for it (str)."""
    index = index.replace(" ", "").replace("*", "")
    return "".join(SUPERSCRIPTS[c] for c in index) if set(index) <= set(SUPERSCRIPTS) else f"^{{{index}}}"


class Line(Text):
    """A formula on one line."""

    def _print(self, expr, **settings):
        if isinstance(expr, sympy.Indexed):  # has its own way to print, which would come first
            index = ",".join(self.doprint(i) for i in expr.indices)
            return subscripted(f"{expr.base.label.name}_{{{index.replace(' ', '')}}}")
        printed = super()._print(expr, **settings)
        return subscripted(printed) if isinstance(expr, sympy.Function) else printed

    def _print_Symbol(self, expr):
        return subscripted(expr.name)

    _print_MatrixSymbol = _print_Symbol

    def _print_Identity(self, expr):
        return "I"

    def _print_Max(self, expr):
        return f"max({', '.join(map(self.doprint, largest(expr)))})"

    def _print_Abs(self, expr):
        return f"|{self.doprint(expr.args[0])}|"

    def _print_Relational(self, expr):
        return f"{self.doprint(expr.lhs)} {SIGNS.get(expr.rel_op, expr.rel_op)} {self.doprint(expr.rhs)}"

    def _print_Sum(self, expr):
        ((index, low, high),) = expr.limits
        limits = subscripted(f"Σ_{{{self.doprint(index)}={self.doprint(low)}}}".replace(" ", ""))
        return f"{limits}{superscripts(self.doprint(high))} {self.parenthesize(expr.function, PRECEDENCE['Mul'])}"

    def _print_Derivative(self, expr, at=None):
        ((variable, count),) = expr.variable_count
        primes = "'" * int(count) if count.is_Integer else superscripts(f"({count})")
        return f"{expr.expr.func}{primes}({self.doprint(at or variable)})"

    def _print_Subs(self, expr):
        return self._print_Derivative(expr.expr, at=expr.point[0])

    def _print_Integral(self, expr):
        ((variable, low, high),) = expr.limits
        inner = self.parenthesize(expr.function, PRECEDENCE["Mul"])
        return f"∫_{{{self.doprint(low)}}}^{{{self.doprint(high)}}} {inner} d{variable}"

    def _print_Pow(self, expr, rational=False):
        raised = superscripted(expr)
        return super()._print_Pow(expr, rational) if raised is None else raised


def superscripted(power):
    """Return a power on one line, gₜ² or β₁ᵗ⁻¹, where base and exponent allow it, or None (str)."""
    index = superscripts(Line({"order": "none"}).doprint(power.exp))
    simple = power.base.is_Symbol or isinstance(power.base, sympy.Indexed | sympy.Abs)
    if not simple or index[0] in "^⁻" or power.exp.is_Rational and not power.exp.is_Integer:
        return None
    return Line({"order": "none"}).doprint(power.base) + index


def line(formula):
    """Return a formula, or an equation, as one line of text (str)."""
    if isinstance(formula, Equation):
        return _joined(formula, line, formula.relation, ", ")
    if not isinstance(formula, sympy.Basic | sympy.MatrixBase):
        return str(formula)
    printed = Line({"order": "none"}).doprint(ordered(formula))
    return printed.replace("**", "^").replace("*", "·").replace("sqrt(", "√(")


def _joined(equation, printed, sign, comma):
    """Return an equation as text, its sides as `printed` sets them."""
    sides = [side for side in (equation.left, *equation.between, equation.right) if side is not None]
    return comma.join([f" {sign} ".join(map(printed, sides)), *map(printed, equation.also)])


class Block(PrettyPrinter):
    """A formula as a block of several lines, with fractions, roots and sums as on paper."""

    def __init__(self):
        super().__init__({"order": "none", "use_unicode": True, "wrap_line": False, "mat_symbol_style": "plain"})

    def doblock(self, expr):
        """Return an expression as a prettyForm."""
        return self._print(ordered(expr))

    def emptyPrinter(self, expr):  # noqa: N802
        """Set what SymPy has no block for on one line."""
        return prettyForm(line(expr))

    def _print_Symbol(self, expr, bold_name=False):
        return prettyForm(subscripted(expr.name))

    def _print_Function(self, expr, **_):
        return prettyForm(line(expr))

    _print_Indexed = _print_Identity = _print_Derivative = _print_Subs = _print_Relational = _print_Function

    def _print_Max(self, expr):
        inside = prettyForm(*self._print_seq(largest(expr), delimiter=", ").parens())
        return prettyForm(*inside.left("max"))

    def _print_Sum(self, expr):
        ((index, low, high),) = expr.limits
        sign = prettyForm("Σ").above(self._print(high))
        sign = prettyForm(*prettyForm(*sign).below(prettyForm(f"{line(index)}={line(low)}".replace(" ", ""))))
        sign.baseline = self._print(high).height()
        inner = self._print(expr.function)
        if expr.function.is_Add:
            inner = prettyForm(*inner.parens())
        return prettyForm(*stringPict.next(sign, " ", inner), binding=prettyForm.MUL)

    def _print_Pow(self, power):
        raised = superscripted(power)
        if raised is not None:
            return prettyForm(raised, binding=prettyForm.POW)
        if power.exp.is_Rational:
            return super()._print_Pow(power)
        return self._print(power.base) ** prettyForm(line(power.exp))

    def _print_Abs(self, expr):
        return prettyForm(*self._print(expr.args[0]).parens("|", "|"))

    def _print_Integral(self, expr):
        ((variable, low, high),) = expr.limits
        sign = prettyForm(*prettyForm("∫").above(self._print(high)))
        sign = prettyForm(*sign.below(self._print(low)))
        sign.baseline = self._print(high).height()
        inner = self._print(expr.function)
        return prettyForm(*stringPict.next(sign, " ", inner, f" d{variable}"), binding=prettyForm.MUL)

    def _print_MatAdd(self, expr):
        form = self._print(expr.args[0])
        for term in expr.args[1:]:
            minus = term.args and term.args[0] == -1
            part = self._print(term.func(*term.args[1:]) if minus else term)
            form = prettyForm(*stringPict.next(form, " - " if minus else " + ", part))
        return form

    def _print_nth_root(self, base, root):
        if root == 2 and base.is_Symbol:
            return prettyForm("√" + line(base))
        return super()._print_nth_root(base, root)


def block(formula, baseline=False):
    """Return a formula, or an equation, as a block of text (list of str), or the number of its middle line."""
    printer = Block()
    if isinstance(formula, Equation):
        sides = [side for side in (formula.left, *formula.between, formula.right) if side is not None]
        pieces = [piece for side in sides for piece in (f" {formula.relation} ", printer.doblock(side))][1:]
        pieces += [piece for other in formula.also for piece in (",  ", printer.doblock(other))]
    else:
        pieces = [printer.doblock(formula)]
    form = pieces[0]
    for piece in pieces[1:]:
        form = prettyForm(*form.right(piece))
    return form.baseline if baseline else [row.rstrip() for row in str(form).split("\n")]


def latex(formula):
    """Return a formula, or an equation, as LaTeX without delimiters (str)."""
    return formula.latex if isinstance(formula, Equation) else formula_latex(formula)
