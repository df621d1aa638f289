"""What several proofs do alike: run the document's equations on other values, and compare by squares and by signs."""

from dataclasses import replace

from sympy import Eq, Matrix, S, Symbol

from ..equations.notation import NablaJ, theta, theta_next
from ..evidence import Part, at_most, identity
from ..latex import latex


def after(equations, known=(), gradient=None):
    """Return what equations define, evaluated in their order (dict of Symbol to sympy.Expr).

    Parameters
    ----------
    equations : iterable of Equation
        Of one step, from θ_t and the states before it on; those that define what `known` has are passed over.
    known : dict of Symbol to sympy.Expr, optional
        What stands for the letters before the step; a letter not in it stands for itself.
    gradient : sympy.Expr, optional
        What ∇J is, wherever it is taken.
    """
    values = dict(known)
    for equation in equations:
        if equation.left not in values:
            right = equation.right if gradient is None else equation.right.replace(NablaJ, lambda *_: gradient)
            values[equation.left] = right.xreplace(values)
    return values


def moved(equations, known=(), gradient=None):
    """Return Δθ_t = θ_{t+1} - θ_t of one step; the arguments are those of `after`."""
    values = after(equations, known, gradient)
    return values[theta_next] - values.get(theta, theta)


def by_square(left, right, root, over=S.One, statement="", given=()):
    """Return the Part that left <= right, because the difference is root²/over with a real root and over > 0."""
    text = statement or f"{left} <= {right}"
    gap = identity(right - left, root**2 / over, given=given)
    sign = at_most(0, over, given=given, strict=True)
    if not (gap.holds and sign.holds):
        return at_most(left, right, text, given)
    why = f"right - left is the square of {root}" + ("" if over == 1 else f", over {over} > 0")
    return Part("inequality", text, True, rf"{latex(left)} \le {latex(right)}", (why, *gap.detail))


def within(value, bound, statement, strict=False, given=()):
    """Yield the Parts that |value| <= bound (or <): the bound is not negative, and the squares compare so."""
    yield at_most(0, bound, f"{bound} >= 0, so that squares may be compared", given)
    yield at_most(value**2, bound**2, statement, given, strict=strict)


def both_signs(left, right, symbol, statement, given=()):
    """Return the Part that two expressions are equal for every value but 0 of a real symbol, by its two signs."""
    size = Symbol(f"|{symbol}|", positive=True)
    sides = (Matrix([e.subs(symbol, size), e.subs(symbol, -size)]) for e in (left, right))
    part = identity(*sides, statement, given)
    lines = (f"for {symbol} > 0 and for {symbol} < 0",) if part.holds else ()
    return replace(part, formula=latex(Eq(left, right, evaluate=False)), detail=(*lines, *part.detail))
