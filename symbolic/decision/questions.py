"""A question about SymPy expressions, put so that the decision procedure can take it.

What the procedure does not know (applied functions, sums, derivatives, powers with a symbolic exponent, π) becomes a
free symbol, one for each different thing: what is then shown for all real numbers is true of those things too, wherever
they are defined. Hence all of them must be real, as symbols must be.
"""

import sympy

from ..equations.notation import HYPER, MODIFIERS, t
from .counterexample import evaluate
from .decide import extend
from .quotients import NEGATIVE, NONNEGATIVE, POSITIVE, REAL, STEP, STRICT, UNIT, ZERO, Space
from .reduction import Case, Reduction, Split, Undecidable, Undefined
from .values import FROM_SYMPY, from_sympy, leaf

# Letters for something real, unless their own assumptions say that they are not.
LETTERS = (
    sympy.core.function.AppliedUndef,
    sympy.Derivative,
    sympy.Subs,
    sympy.Indexed,
)
BOUND = (sympy.Sum, sympy.Product, sympy.Integral)
OPAQUE = (*LETTERS, *BOUND, sympy.NumberSymbol)
# The functions that the procedure knows; any other (∇J, a logarithm, an expectation) is opaque too.
KNOWN_FUNCTIONS = (sympy.Abs, sympy.Piecewise)
KNOWN = (*FROM_SYMPY, sympy.Pow, sympy.Piecewise, sympy.functions.elementary.piecewise.ExprCondPair)
DECAYS = tuple(dict.fromkeys(letter for letter, interval in (HYPER | MODIFIERS).values() if interval == "[0, 1)"))


def _names(symbols):
    """Return a name for each symbol: what it prints as, numbered where that is taken (dict)."""
    names = {}
    for symbol in symbols:
        name, k = str(symbol), 0
        while name in names.values():
            k += 1
            name = f"{symbol}_{k}"
        names[symbol] = name
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
        When a symbol or something opaque is not known to be real, an expression has parts that mean nothing here, or
        an assumption cannot be used.

    Notes
    -----
    An assumption eliminates a symbol, and what that symbol was known to be is then forgotten. A region is better stated
    by its parameters: 0 < x < 2 as x = 2/(1 + s) with s positive.

    What SymPy cancels on its own is gone before it comes here: x/x is 1 also at x = 0. A power b**(n + 1) is read as
    b * b**n, which is so wherever b**n is defined.
    """

    def __init__(self, expressions, given=(), units=()):
        self.units = frozenset(DECAYS) | frozenset(units)
        self.opaque = {}
        expressions = [_checked(e) for e in expressions]
        given = [(_checked(e), _sign(sign)) for e, sign in given]
        self._taken = {s.name for e in (*expressions, *(e for e, _ in given)) for s in e.atoms(sympy.Symbol)}
        given = [(self._plain(e), sign) for e, sign in given]
        plain = [self._plain(e) for e in expressions]
        symbols = sorted(set().union(*(e.free_symbols for e in (*plain, *(e for e, _ in given)))), key=str)
        names = _names(symbols)
        self.space = Space({names[s]: (s, self._kind(s)) for s in symbols})
        if len(set(self.space.power_of.values())) < len(self.space.power_of):
            raise ValueError(f"units={set(units)} has two symbols that print alike; rename one")
        self.symbols = {name: symbol for symbol, name in names.items() if symbol not in self.opaque.values()}
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
        if not symbol.is_real:
            raise ValueError(f"symbol {symbol} is not known to be real; declare it with real=True or positive=True")
        if symbol in self.units:
            return UNIT
        if symbol.is_positive:
            return STRICT
        return NONNEGATIVE if symbol.is_nonnegative else REAL

    def _plain(self, expression):
        """Return an expression with everything opaque replaced by symbols."""
        unknown = isinstance(expression, sympy.Function) and not isinstance(expression, KNOWN_FUNCTIONS)
        if unknown or isinstance(expression, OPAQUE):
            return self._symbol(expression)
        if expression.is_Symbol or isinstance(expression, (sympy.Rational, sympy.logic.boolalg.BooleanAtom)):
            return expression
        if not isinstance(expression, KNOWN):
            hint = "; write decimals as Rational(9, 10)" if expression.is_Float else ""
            raise ValueError(f"{expression} of type {type(expression).__name__} means nothing to the procedure{hint}")
        if isinstance(expression, sympy.Piecewise) and expression.args[-1].cond != True:  # noqa: E712 (SymPy's true)
            raise ValueError(f"{expression} is undefined where no condition holds; end it with a case (..., True)")
        if expression.is_Pow and not expression.exp.is_Rational:
            return self._power(expression.base, sympy.expand(expression.exp))
        args = tuple(self._plain(a) for a in expression.args)
        # Rebuilt only where something changed, since SymPy cancels what was kept apart with evaluate=False.
        return expression if args == expression.args else expression.func(*args)

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
        """Return the symbol that stands for something opaque."""
        if thing not in self.opaque:
            if not self._real(thing):
                raise ValueError(f"{thing} is not known to be real; declare its symbols so that it is")
            number = len(self.opaque) + 1
            while f"q{number}" in self._taken:
                number += 1
            self._taken.add(f"q{number}")
            # SymPy's word on the sign of a sum or an integral is not taken: its bounds may be the other way round.
            kind = "real" if isinstance(thing, BOUND) else _assumption(thing)
            self.opaque[thing] = sympy.Symbol(f"q{number}", **{kind: True})
        return self.opaque[thing]

    def _real(self, thing):
        """Return whether something is real, wherever it is defined, when functions and sequences of letters are."""
        if thing.is_extended_real is not None:
            return thing.is_extended_real
        if isinstance(thing, LETTERS):
            return not thing.has(sympy.I)
        if isinstance(thing, BOUND):
            # What is summed over is an integer, what is integrated over is real.
            kind = "real" if isinstance(thing, sympy.Integral) else "integer"
            bound = {s: sympy.Dummy(s.name, **{kind: True}) for s in thing.bound_symbols}
            return self._real(thing.function.subs(bound))
        if thing in self.units or thing.is_Add or thing.is_Mul or isinstance(thing, (sympy.Max, sympy.Min, sympy.exp)):
            return all(self._real(a) for a in thing.args)
        if isinstance(thing, sympy.log):
            return thing.args[0].is_extended_nonnegative or thing.args[0] in self.units
        if thing.is_Pow:
            base, exponent = thing.args
            whole = exponent.is_integer or base.is_extended_nonnegative or base in self.units
            return bool(whole) and self._real(base) and self._real(exponent)
        return False

    def admits(self, point):
        """Return whether numbers (dict of leaf name to Fraction) satisfy what is given and what their symbols are."""
        if not all(_fits(self.symbols[name], number) for name, number in point.items() if name in self.symbols):
            return False
        numbers = ((evaluate(value, point), sign) for value, sign in self.given)
        return all(n is not None and (n > 0) - (n < 0) == sign for n, sign in numbers)

    def _assume(self, value, expression, sign):
        """Add to the case that an expression has a sign."""
        reduction = Reduction(self.space, self.case)
        try:
            quotient = reduction.value(value)
            possible, parts = reduction.product_signs(quotient.numerator, quotient.denominator)
            if possible == {sign}:
                return
            open_parts = [(factor, signs) for factor, signs in parts if len(signs) > 1]
            if sign not in possible or len(open_parts) != 1:
                why = "is impossible" if sign not in possible else "is open in more than one factor; split it up"
                raise ValueError(f"given=({expression}, {sign}) {why}")
            fitting = list(self._fitting(reduction, value, sign, *open_parts[0]))
        except (Split, Undecidable, Undefined):
            raise ValueError(f"given=({expression}, {sign}) could not be used; state it without quotients") from None
        # x**2 > 0 leaves x < 0 and x > 0: taking one of them would assume more than was given.
        if len(fitting) != 1:
            raise ValueError(f"given=({expression}, {sign}) could not be used; state it as the sign of a single factor")
        self.case = fitting[0]

    def _fitting(self, reduction, value, sign, factor, signs):
        """Yield the case of each sign of a factor with which the whole can have the given sign; None if it need not."""
        for own in (NEGATIVE, ZERO, POSITIVE):
            if own in signs:
                case = extend(reduction, factor, own)
                inside = Reduction(self.space, case)
                again = inside.value(value)
                possible = inside.product_signs(again.numerator, again.denominator)[0]
                if sign in possible:
                    yield case if possible == {sign} else None


def _checked(expression):
    expression = sympy.sympify(expression)
    if not isinstance(expression, sympy.Expr) or isinstance(expression, sympy.MatrixExpr):
        raise ValueError(f"{expression} of type {type(expression).__name__} is not a scalar expression")
    return expression


def _sign(sign):
    if sign not in (NEGATIVE, ZERO, POSITIVE):
        raise ValueError(f"a given sign is {sign!r}; use 1 (positive), 0 (zero) or -1 (negative)")
    return int(sign)


def _assumption(thing):
    if thing.is_positive:
        return "positive"
    return "nonnegative" if thing.is_nonnegative else "real"


def _fits(symbol, number):
    """Return whether a rational number is what a symbol is declared to be: an integer, negative, not 0, ..."""
    number = sympy.Rational(number.numerator, number.denominator)
    known = ((value, getattr(number, f"is_{name}", None)) for name, value in symbol.assumptions0.items())
    return all(mine is None or mine == value for value, mine in known)
