"""The order in which people write terms and factors: θ_t - γ v_{t-1}, where SymPy has -v_{t-1} γ + θ_t.

What is added comes before what is subtracted, settings before states, and ε last.
"""

import sympy

SETTINGS = ("η", "γ", "γ_t", "γ_{t+1}", "β₁", "β₂", "β₂^{(p)}", "β₂^∞", "ε")
LAST = "ε"


def _setting(symbol):
    """Return the place of a hyperparameter among `SETTINGS`, or None."""
    return SETTINGS.index(symbol.name) if symbol.is_Symbol and symbol.name in SETTINGS else None


def ordered(expression):
    """Return an expression with terms and factors in the order in which people write them, unevaluated."""
    alone = sympy.MatrixExpr | sympy.MatrixBase
    if not isinstance(expression, sympy.Basic) or not expression.args or isinstance(expression, alone):
        return expression
    if isinstance(expression, sympy.Indexed):
        return expression.func(expression.base, *map(ordered, expression.indices))
    args = [ordered(a) for a in expression.args]
    if expression.is_Add:
        return sympy.Add(*sorted(args, key=_term), evaluate=False)
    if expression.is_Mul:
        return sympy.Mul(*sorted(args, key=_factor), evaluate=False)
    if expression.is_Pow:
        return sympy.Pow(*args, evaluate=False)
    if isinstance(expression, sympy.Piecewise) or expression.is_Relational:
        return expression.func(*args, evaluate=False)
    return expression.func(*args)


def _term(e):
    negative = e.is_negative if e.is_number else e.is_Mul and e.args[0].is_number and e.args[0].is_negative
    place = not (e.is_Symbol and e.name[0] in "θφ"), e.is_Symbol and e.name == LAST, e.has(sympy.Sum)
    last = 1 if e.is_number else 0 if e.is_Symbol and e.is_integer else 2
    past = not any(_setting(factor) not in (None, 0) for factor in sympy.Mul.make_args(e))
    return bool(negative), *place, sympy.count_ops(e), last, past, str(e)


def _factor(e):
    base = e.base if e.is_Pow else e
    kinds = (
        e.is_number,
        base.is_Symbol and (base.is_integer or base.name == "p"),
        _setting(base) is not None,
        base.is_Add,
        not isinstance(e, sympy.Sum),
    )
    kind = kinds.index(True) if True in kinds else len(kinds)
    return kind, _setting(base) or 0, "" if base.is_Add else str(e)


def largest(maximum):
    """Return the arguments of a Max in the order in which people write them: |g_t| last (list)."""
    return sorted(maximum.args, key=lambda a: (isinstance(a, sympy.Abs), str(a)))


def decimal(number):
    """Return a short decimal as people write it, 0.9 or 0.96 (str); empty for all else, 1/2 and 1/4 among it."""
    short = number.is_Rational and number.q % 5 == 0 and 10**6 % number.q == 0
    return f"{float(number):g}" if short else ""
