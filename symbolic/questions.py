"""A question about SymPy expressions, put so that the decision procedure can take it.

What the procedure does not know (applied functions, sums, derivatives, powers with a symbolic exponent) becomes a free
symbol, one for each different thing: what is then shown for all numbers is true of those things too.
"""

import sympy

from .counterexample import evaluate
from .decide import extend
from .equations.notation import HYPER, t
from .quotients import NEGATIVE, NONNEGATIVE, POSITIVE, REAL, STEP, STRICT, UNIT, ZERO, Space
from .reduction import Case, Reduction
from .values import from_sympy, leaf

OPAQUE = (
    sympy.core.function.AppliedUndef,
    sympy.Derivative,
    sympy.Subs,
    sympy.Indexed,
    sympy.Sum,
    sympy.Product,
    sympy.Integral,
    sympy.log,
    sympy.exp,
)
DECAYS = frozenset(letter for letter, interval in HYPER.values() if interval == "[0, 1)")


def _names(symbols):
    """Return a name for each symbol: what it prints as, numbered where two print alike (dict)."""
    names = {}
    for symbol in symbols:
        alike = sum(str(other) == str(symbol) for other in names)
        names[symbol] = f"{symbol}_{alike}" if alike else str(symbol)
    return names


class Question:
    """Expressions as Values, the Space of their symbols, and the case of what is given.

    Parameters
    ----------
    expressions : sequence of sympy.Expr
    given : iterable of (sympy.Expr, int)
        Expressions that are positive (1), zero (0) or negative (-1).
    units : iterable of Symbol
        Symbols in [0, 1), besides the document's decays.

    Raises
    ------
    ValueError
        When a symbol is not known to be real, or an assumption cannot be used.

    Notes
    -----
    An assumption eliminates a symbol, and what that symbol was known to be is then forgotten. A region is better stated
    by its parameters: 0 < x < 2 as x = 2/(1 + s) with s positive.
    """

    def __init__(self, expressions, given=(), units=()):
        self.units = DECAYS | frozenset(units)
        self.opaque = {}
        given = [(self._plain(sympy.sympify(e)), sign) for e, sign in given]
        plain = [self._plain(sympy.sympify(e)) for e in expressions]
        symbols = sorted(set().union(*(e.free_symbols for e in (*plain, *(e for e, _ in given)))), key=str)
        names = _names(symbols)
        self.space = Space({names[s]: (s, self._kind(s)) for s in symbols})
        meanings = {symbol: leaf(name) for symbol, name in names.items()}
        self.values = tuple(from_sympy(e, meanings) for e in plain)
        self.case = Case()
        self.given = [(from_sympy(e, meanings), sign) for e, sign in given]
        for (value, sign), (expression, _) in zip(self.given, given, strict=True):
            self._assume(value, expression, sign)
        self.detail = tuple(f"with {symbol} for {thing}" for thing, symbol in self.opaque.items())
        self.detail += tuple(f"given {e} {'<=>'[sign + 1]} 0" for e, sign in given)

    def _kind(self, symbol):
        if symbol == t:
            return STEP
        if symbol in self.units:
            return UNIT
        if symbol.is_positive:
            return STRICT
        if symbol.is_nonnegative:
            return NONNEGATIVE
        if symbol.is_real or symbol.is_extended_real:
            return REAL
        raise ValueError(f"symbol {symbol} is not known to be real; declare it with real=True or positive=True")

    def _plain(self, expression):
        """Return an expression with everything opaque replaced by symbols."""
        if isinstance(expression, OPAQUE):
            return self._symbol(expression)
        if not expression.args:
            return expression
        if expression.is_Pow and not expression.exp.is_Rational:
            return self._power(expression.base, sympy.expand(expression.exp))
        return expression.func(*(self._plain(a) for a in expression.args))

    def _power(self, base, exponent):
        """Return base ** exponent as a power of base times one of a generator: γ**(t+1-i) as γ * γ**(t-i)."""
        in_t = exponent.is_polynomial(t) and not (exponent.free_symbols - {t}) and sympy.degree(exponent, t) <= 1
        if base in self.units and in_t:
            return base**exponent
        whole, rest = exponent.as_coeff_Add()
        if not whole.is_Integer:
            whole, rest = sympy.S.Zero, exponent
        count, symbolic = rest.primitive()
        if all(term.could_extract_minus_sign() for term in sympy.Add.make_args(symbolic)):
            count, symbolic = -count, -symbolic
        if not count.is_Integer:
            count, symbolic = sympy.S.One, rest
        return self._plain(base) ** whole * self._symbol(base**symbolic) ** count

    def _symbol(self, thing):
        if thing not in self.opaque:
            sign = {"positive": True} if thing.is_positive else {"real": True}
            self.opaque[thing] = sympy.Symbol(f"q{len(self.opaque) + 1}", **sign)
        return self.opaque[thing]

    def admits(self, point):
        """Return whether numbers (dict of leaf name to Fraction) satisfy what is given."""
        numbers = ((evaluate(value, point), sign) for value, sign in self.given)
        return all(n is not None and (n > 0) - (n < 0) == sign for n, sign in numbers)

    def _assume(self, value, expression, sign):
        """Add to the case that an expression has a sign."""
        reduction = Reduction(self.space, self.case)
        quotient = reduction.value(value)
        possible, parts = reduction.product_signs(quotient.numerator, quotient.denominator)
        if possible == {sign}:
            return
        open_parts = [(factor, signs) for factor, signs in parts if len(signs) > 1]
        if sign not in possible or len(open_parts) != 1:
            raise ValueError(f"given=({expression}, {sign}) is impossible or open in more than one factor; split it up")
        factor, signs = open_parts[0]
        for own in (NEGATIVE, ZERO, POSITIVE):
            case = extend(reduction, factor, own) if own in signs else None
            if case is None:
                continue
            inside = Reduction(self.space, case)
            again = inside.value(value)
            if inside.product_signs(again.numerator, again.denominator)[0] == {sign}:
                self.case = case
                return
        raise ValueError(f"given=({expression}, {sign}) could not be used; state it as the sign of a single factor")
