"""Formulas as LaTeX, in the letters of the document."""

import sympy

from .equations.notation import LATEX


def latex(expression):
    """Return a SymPy expression as LaTeX, without delimiters (str)."""
    return sympy.latex(expression, symbol_names=LATEX)


def aligned(rows):
    r"""Return (left, right) pairs of LaTeX as one displayed ``aligned`` block (str)."""
    lines = r" \\ ".join(f"{left} &{right}" for left, right in rows)
    return rf"$\displaystyle \begin{{aligned}} {lines} \end{{aligned}}$"
