"""What several proofs do alike: run the document's equations on other values, and compare by squares and by signs."""

from dataclasses import replace
from itertools import product

from sympy import Eq, Matrix, S, Symbol, sympify

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


def is_number(value, given=()):
    """Return the Part that an expression is a real number everywhere, which is more than that its square is one."""
    return identity(value, value, f"{value} is a real number", given)


def by_square(left, right, root, over=S.One, statement="", given=()):
    """Return the Part that left <= right, because the difference is root²/over with a real root and over > 0."""
    text = statement or f"{left} <= {right}"
    gap = identity(right - left, root**2 / over, given=given)
    sign = at_most(0, over, given=given, strict=True)
    if not (gap.holds and sign.holds and is_number(root, given).holds):
        return at_most(left, right, text, given)
    why = f"right - left is the square of {root}" + ("" if over == 1 else f", over {over} > 0")
    return Part("inequality", text, True, rf"{latex(left)} \le {latex(right)}", (why, *gap.detail))


def within(value, bound, statement, strict=False, given=()):
    """Yield the Parts that |value| <= bound (or <): both are numbers, bound >= 0, and the squares compare so."""
    yield is_number(value, given)
    yield at_most(0, bound, f"{bound} >= 0, so that squares may be compared", given)
    yield at_most(value**2, bound**2, statement, given, strict=strict)


def both_signs(left, right, symbols, statement, given=()):
    """Return the Part that two expressions are equal for every value but 0 of real symbols: one, or several."""
    symbols = symbols if isinstance(symbols, tuple) else (symbols,)
    choices = [
        {symbol: sign * Symbol(f"|{symbol}|", positive=True) for symbol, sign in zip(symbols, signs, strict=True)}
        for signs in product((1, -1), repeat=len(symbols))
    ]
    sides = (Matrix([e.subs(signed) for signed in choices]) for e in map(sympify, (left, right)))
    part = identity(*sides, statement, given)
    lines = tuple(f"for {symbol} > 0 and for {symbol} < 0" for symbol in symbols) if part.holds else ()
    return replace(part, formula=latex(Eq(left, right, evaluate=False)), detail=(*lines, *part.detail))
