"""Exact fractions of polynomials whose generators include roots, and the signs they can have.

A `Quotient` is a polynomial over a product of irreducible polynomials. Its generators are symbols, powers βᵗ⁻¹,
logarithms and roots r with r² = q, q irreducible: by Kummer theory roots of different irreducible polynomials are
independent, so after r² is replaced by q a quotient is 0 if and only if its numerator is literally 0.
"""

from dataclasses import dataclass

from sympy import QQ, Poly, Symbol, factor_list, sympify
from sympy.polys.orderings import lex
from sympy.polys.rings import PolyRing

from ..equations.notation import t

NEGATIVE, ZERO, POSITIVE = -1, 0, 1
ANY = frozenset((NEGATIVE, ZERO, POSITIVE))
NOT_NEGATIVE = frozenset((ZERO, POSITIVE))
NOT_POSITIVE = frozenset((NEGATIVE, ZERO))

# What a generator may be: any real; 0 or more; more than 0; in [0, 1); βᵗ⁻¹, so in [0, 1]; t, so 1 or more; another
# number of steps, of which no powers are taken, since those generators are powers of t.
REAL, NONNEGATIVE, STRICT, UNIT, POWER, STEP = "real", "nonnegative", "positive", "unit", "power", "step"
COUNT = "count"


@dataclass(frozen=True)
class Quotient:
    """A polynomial over a product of irreducible factors, each with its multiplicity."""

    numerator: object
    denominator: tuple = ()


class Space:
    """The polynomial ring of one question, and what is known of its generators everywhere.

    Parameters
    ----------
    leaves : dict of str to (Symbol, str)
        The symbol of each leaf of the Values in question, and what it may be (``REAL`` ... ``COUNT``).
    roots, gaps : int
        How many generators to keep in reserve for roots and for the differences that order cases introduce.
    """

    def __init__(self, leaves, roots=24, gaps=12):
        self.leaves = {name: symbol for name, (symbol, _) in leaves.items()}
        kinds = dict(leaves.values())
        units = [s for s, kind in kinds.items() if kind in (UNIT, POWER)]
        self.step = next((s for s, kind in kinds.items() if kind == STEP), t)
        self.power_of = {s: Symbol(f"{s}**({self.step}-1)") for s in units}
        self.log_of = {s: Symbol(f"log({s})") for s in units}
        self.spare_roots = [Symbol(f"r{i + 1}") for i in range(roots)]
        self.spare_gaps = [Symbol(f"δ{i + 1}") for i in range(gaps)]
        symbols = [*kinds, *self.power_of.values(), *self.log_of.values(), *self.spare_roots, *self.spare_gaps]
        self.ring = PolyRing(symbols, QQ, lex)
        self.index = {s: i for i, s in enumerate(symbols)}
        self.symbols = symbols
        self.kinds = {
            **dict.fromkeys(symbols, REAL),
            **kinds,
            **dict.fromkeys(self.power_of.values(), POWER),
            **dict.fromkeys(self.spare_gaps, STRICT),
        }
        self._factors = {}

    def generator(self, symbol):
        """Return a symbol as a polynomial."""
        return self.ring.gens[self.index[symbol]]

    def used(self, polynomial):
        """Return the symbols that occur in a polynomial (list)."""
        exponents = [0] * len(self.symbols)
        for monomial in polynomial.itermonoms():
            exponents = [max(a, b) for a, b in zip(exponents, monomial, strict=True)]
        return [s for s, e in zip(self.symbols, exponents, strict=True) if e]

    def coefficients(self, polynomial, symbol):
        """Return a polynomial's coefficients by power of `symbol` (dict of int to polynomial)."""
        i, parts = self.index[symbol], {}
        for monomial, c in polynomial.terms():
            rest = monomial[:i] + (0,) + monomial[i + 1 :]
            parts.setdefault(monomial[i], {})[rest] = c
        return {e: self.ring.from_dict(terms) for e, terms in parts.items()}

    def factors(self, polynomial):
        """Return (constant, ((irreducible, multiplicity), ...)); computed in the generators that occur, and kept."""
        if polynomial not in self._factors:
            used = self.used(polynomial)
            if not used:
                result = (polynomial.coeff(1), ())
            elif len(polynomial) == 1:
                (monomial, constant), *_ = polynomial.terms()
                result = (constant, tuple((self.generator(s), monomial[self.index[s]]) for s in used))
            else:
                where = [self.index[s] for s in used]
                small = {tuple(m[i] for i in where): c for m, c in polynomial.terms()}
                constant, pairs = factor_list(Poly.from_dict(small, *used, domain=QQ))
                result = (QQ.from_sympy(sympify(constant)), tuple((self._widen(f, where), k) for f, k in pairs))
            self._factors[polynomial] = result
        return self._factors[polynomial]

    def _widen(self, poly, where):
        terms = {}
        for monomial, c in poly.terms():
            wide = [0] * len(self.symbols)
            for i, e in zip(where, monomial, strict=True):
                wide[i] = e
            terms[tuple(wide)] = QQ.from_sympy(c)
        return self.ring.from_dict(terms)


def manifest_signs(space, polynomial, kinds):
    """Return the signs that a polynomial can have, as far as they can be read off its coefficients (frozenset).

    Each bounded generator is replaced by a fraction of one that is only >= 0: b/(1+b) covers [0, 1), 1/(1+b) covers
    (0, 1], 1+b covers [1, inf). Then a polynomial whose coefficients all have one sign has that sign.
    """
    charts = [polynomial]
    for symbol in space.used(polynomial):
        kind = kinds[symbol]
        if kind == UNIT:
            charts = [_moebius(space, p, symbol, False) for p in charts]
        elif kind == POWER:
            charts = [_moebius(space, p, symbol, flip) for p in charts for flip in (False, True)]
        elif kind in (STEP, COUNT):
            charts = [p.compose(space.generator(symbol), space.generator(symbol) + 1) for p in charts]
    return frozenset().union(*(_coefficient_signs(space, p, kinds) for p in charts))


def _moebius(space, polynomial, symbol, flip):
    """Return the numerator after `symbol` became b/(1+b), or 1/(1+b) if `flip`; b takes the symbol's place."""
    b, parts = space.generator(symbol), space.coefficients(polynomial, symbol)
    degree = max(parts)
    if flip:
        return sum((c * (1 + b) ** (degree - e) for e, c in parts.items()), space.ring.zero)
    return sum((c * b**e * (1 + b) ** (degree - e) for e, c in parts.items()), space.ring.zero)


def _coefficient_signs(space, polynomial, kinds):
    kind = [kinds[s] for s in space.symbols]
    signs, strict = set(), False
    for monomial, coefficient in polynomial.terms():
        occurring = [(kind[i], e) for i, e in enumerate(monomial) if e]
        if any(k == REAL and e % 2 for k, e in occurring):
            return ANY
        signs.add(POSITIVE if coefficient > 0 else NEGATIVE)
        strict = strict or all(k == STRICT for k, _ in occurring)
    if len(signs) != 1:
        return ANY if signs else frozenset((ZERO,))
    return frozenset(signs) if strict else frozenset(signs | {ZERO})


def sign_product(*parts):
    """Return the signs that a product can have whose factors have the given (signs, multiplicity)."""
    result = {POSITIVE}
    for signs, power in parts:
        result = {a * s**power for a in result for s in signs}
    return frozenset(result)
