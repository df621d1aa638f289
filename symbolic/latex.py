"""Formulas as LaTeX, in the letters of the document and in the order in which people write them."""

import sympy
from sympy.printing.latex import LatexPrinter

from .equations.notation import LATEX
from .equations.order import decimal, largest, ordered


class Tex(LatexPrinter):
    """A formula in LaTeX, in the letters of the document."""

    def __init__(self):
        super().__init__({"order": "none", "symbol_names": LATEX})

    def _print_Indexed(self, expr, exp=None):
        index = ", ".join(self._print(ordered(i)) for i in expr.indices)
        text = f"{self._print(expr.base.label)}_{{{index}}}"
        return text if exp is None else f"{text}^{{{exp}}}"

    def _print_Derivative(self, expr, at=None):
        (variable, count), *others = expr.variable_count
        if others or at is None and expr.expr.args != (variable,):
            return super()._print_Derivative(expr)
        order = "'" * int(count) if count.is_Integer else rf"^{{({count})}}"
        return rf"{expr.expr.func}{order}\left({self._print(at or variable)}\right)"

    def _print_Subs(self, expr):
        return self._print_Derivative(expr.expr, at=expr.point[0])

    def _print_Identity(self, expr):
        return "I"

    def _print_MatrixSymbol(self, expr):
        return next((tex for symbol, tex in LATEX.items() if symbol.name == expr.name), expr.name)

    def _print_MatAdd(self, expr):
        return " + ".join(map(self._print, expr.args)).replace("+ -", "-")

    def _print_Max(self, expr, exp=None):
        inside = rf"\max\left({', '.join(map(self._print, largest(expr)))}\right)"
        return inside if exp is None else rf"{inside}^{{{exp}}}"

    def _print_Rational(self, expr):
        if expr.p == 1 and expr.q > 1000 and str(expr.q).strip("0") == "1":
            return f"10^{{-{len(str(expr.q)) - 1}}}"
        return decimal(expr) or super()._print_Rational(expr)

    def _print_Mul(self, expr):
        first, *rest = expr.args
        if not decimal(first):
            return super()._print_Mul(expr)
        product = self._print(sympy.Mul(*rest, evaluate=False))
        return f"{decimal(first)} {product}"


def latex(formula):
    """Return a SymPy formula as LaTeX without delimiters, and anything else as its text (str)."""
    return Tex().doprint(ordered(formula)) if isinstance(formula, sympy.Basic | sympy.MatrixBase) else str(formula)


def aligned(rows):
    r"""Return (left, right) pairs of LaTeX as one displayed ``aligned`` block (str)."""
    lines = r" \\ ".join(f"{left} &{right}" for left, right in rows)
    return rf"$\displaystyle \begin{{aligned}} {lines} \end{{aligned}}$"
