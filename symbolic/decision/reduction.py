"""The normal form of a Value under assumptions on signs.

Everything here is exact. Where the sign of something is needed (max, abs, where, a comparison, a root, a divisor that
might be 0) and does not follow from what the symbols are, `Split` is raised for `decide` to try the cases.
"""

from dataclasses import dataclass
from math import isqrt

from sympy import QQ, Add, Mul, Rational, S, expand_mul, factorint, log, sqrt

from .quotients import (
    ANY,
    NEGATIVE,
    NONNEGATIVE,
    NOT_NEGATIVE,
    NOT_POSITIVE,
    POSITIVE,
    STEP,
    STRICT,
    ZERO,
    Quotient,
    manifest_signs,
    sign_product,
)

HIGHEST_POWER = 32
MOST_PRODUCTS = 100_000  # of terms, in one multiplication
MOST_FACTORED = 150  # terms of a polynomial that is factored only to look better
NONZERO = frozenset((NEGATIVE, POSITIVE))
IS_ZERO = frozenset((ZERO,))


class Split(Exception):
    """The sign of a polynomial is needed and not known: try each of the signs it may have."""

    def __init__(self, polynomial, signs):
        super().__init__(polynomial, signs)
        self.polynomial, self.signs = polynomial, sorted(signs)


class Undefined(Exception):
    """A quotient with divisor 0, or a root or logarithm of a number where there is none."""


class Undecidable(Exception):
    """Something outside the fragment that the procedure decides."""


@dataclass(frozen=True)
class Case:
    """Assumptions on signs: symbols eliminated by them, facts that eliminate none, and both as text."""

    eliminated: tuple = ()  # of (symbol, Quotient)
    facts: tuple = ()  # of (irreducible polynomial in SymPy, sign)
    gaps: int = 0
    text: tuple[str, ...] = ()


class Reduction:
    """Brings Values to normal form under the assumptions of one case.

    Parameters
    ----------
    space : Space
    case : Case
    """

    def __init__(self, space, case):
        self.space, self.case, self.ring = space, case, space.ring
        self.zero, self.one = Quotient(space.ring.zero), Quotient(space.ring.one)
        self.kinds = dict(space.kinds)
        self.roots = {}  # irreducible polynomial -> the generator whose square it is
        self.facts = dict(case.facts)
        self.eliminated = dict(case.eliminated)
        self.powers = {}  # symbols of which a power was taken
        self._done = {}

    # Arithmetic ------------------------------------------------------------------------------------------------

    def normal(self, polynomial):
        """Return a polynomial with the square of every root replaced by what it is the root of."""
        for square, symbol in reversed(self.roots.items()):
            parts = self.space.coefficients(polynomial, symbol)
            if max(parts, default=0) >= 2:
                r = self.space.generator(symbol)
                polynomial = sum((c * r ** (e % 2) * square ** (e // 2) for e, c in parts.items()), self.ring.zero)
        return polynomial

    def quotient(self, numerator, denominator):
        """Return a Quotient in normal form, with common factors divided out."""
        numerator, kept = self.normal(numerator), {}
        for factor, power in denominator.items():
            while power and numerator:
                (whole,), rest = numerator.div([factor])
                if rest:
                    break
                numerator, power = whole, power - 1
            if power and numerator:
                kept[factor] = power
        return Quotient(numerator, tuple(kept.items()))

    def add(self, a, b, sign=1):
        """Return a + sign * b."""
        left, right = dict(a.denominator), dict(b.denominator)
        common = {f: max(left.get(f, 0), right.get(f, 0)) for f in {**left, **right}}
        top = [a.numerator, sign * b.numerator]
        for f, power in common.items():
            top[0] *= f ** (power - left.get(f, 0))
            top[1] *= f ** (power - right.get(f, 0))
        return self.quotient(top[0] + top[1], common)

    def multiply(self, a, b):
        """Return a * b."""
        if len(a.numerator) * len(b.numerator) > MOST_PRODUCTS:
            raise Undecidable("polynomials of this size")
        bottom = dict(a.denominator)
        for f, power in b.denominator:
            bottom[f] = bottom.get(f, 0) + power
        return self.quotient(a.numerator * b.numerator, bottom)

    def invert(self, a):
        """Return 1 / a, which needs that a is not 0."""
        if self.choose(a, NONZERO, IS_ZERO) == 1:
            raise Undefined("division by 0")
        constant, pairs = self.space.factors(a.numerator)
        top = self.ring(1 / constant)
        for f, power in a.denominator:
            top *= f**power
        return self.quotient(top, dict(pairs))

    def power(self, a, n):
        """Return a to an integer power."""
        if abs(n) > HIGHEST_POWER:
            raise Undecidable(f"a power of {n}")
        base, result = (self.invert(a) if n < 0 else a), self.one
        for _ in range(abs(n)):
            result = self.multiply(result, base)
        return result

    # Signs -----------------------------------------------------------------------------------------------------

    def signs(self, polynomial):
        """Return the signs that an irreducible polynomial can have in this case."""
        found = manifest_signs(self.space, polynomial, self.kinds)
        if len(found) > 1 and self.facts:
            fact = self.facts.get(self.expand(polynomial))
            found = found if fact is None else found & {fact}
        return found

    def product_signs(self, numerator, denominator=()):
        """Return the signs that a quotient can have, and the (factor, signs) that they come from."""
        if not numerator:
            return IS_ZERO, []
        constant, pairs = self.space.factors(numerator)
        parts = [(f, self.signs(f), k) for f, k in (*pairs, *denominator)]
        unit = frozenset((POSITIVE if constant > 0 else NEGATIVE,))
        return sign_product((unit, 1), *((s, k) for _, s, k in parts)), [(f, s) for f, s, _ in parts]

    def is_zero(self, a):
        """Return whether a Quotient is 0: literally, or by a fact that this case assumes."""
        return not a.numerator or (ZERO in self.facts.values() and self.product_signs(a.numerator)[0] == IS_ZERO)

    def choose(self, a, *groups):
        """Return the index of the group of signs that a Quotient's sign is in; split the case where that is open."""
        possible, parts = self.product_signs(a.numerator, a.denominator)
        for i, group in enumerate(groups):
            if possible <= group:
                return i
        raise next(Split(f, s) for f, s in parts if len(s) > 1)

    def expand(self, polynomial):
        """Return a polynomial as a SymPy expression, its roots, powers and logarithms written out."""
        space, total = self.space, []
        occurring = set(space.used(polynomial))
        meaning = {name: log(s) for s, name in space.log_of.items() if name in occurring}
        meaning |= {symbol: sqrt(self.expand(q)) for q, symbol in self.roots.items() if symbol in occurring}
        for monomial, c in polynomial.terms():
            exponents = {s: e for s, e in zip(space.symbols, monomial, strict=True) if e}
            for s, name in space.power_of.items():
                if name in exponents:
                    exponents[s] = exponents.get(s, 0) + exponents.pop(name) * (space.step - 1)
            powers = (meaning.get(s, s) ** expand_mul(e) for s, e in exponents.items())
            total.append(Mul(Rational(int(c.numerator), int(c.denominator)), *powers))
        return Add(*total)

    def expression(self, a):
        """Return a Quotient as a SymPy expression, its numerator factored where that is a product."""
        if not a.numerator:
            return S.Zero
        constant, pairs = self.space.factors(a.numerator)
        top = Mul(
            Rational(int(constant.numerator), int(constant.denominator)), *(self.expand(f) ** k for f, k in pairs)
        )
        return top / Mul(*(self.expand(f) ** k for f, k in a.denominator))

    # Roots, powers, logarithms ---------------------------------------------------------------------------------

    def root(self, a):
        """Return the square root of a Quotient: √(n/d) = √(nd)/|d|, taken apart into irreducible factors."""
        if self.choose(a, NOT_NEGATIVE, frozenset((NEGATIVE,))) == 1:
            raise Undefined("root of a negative number")
        if not a.numerator:
            return self.zero
        constant, pairs = self.space.factors(a.numerator)
        result = self.constant_root(abs(constant))
        for sign, (f, k) in [(1, p) for p in pairs] + [(-1, p) for p in a.denominator]:
            result = self.multiply(result, self.factor_root(f, sign * k))
        return result

    def factor_root(self, f, k):
        """Return |f| ** (k/2) for an irreducible f whose sign is known, or gets known by a split."""
        size = Quotient(f)
        if self.choose(size, NOT_NEGATIVE, NOT_POSITIVE) == 1:
            size = Quotient(-f)
        half = self.power(size, (k - k % 2) // 2)
        return self.multiply(half, self.radical(size.numerator)) if k % 2 else half

    def radical(self, square):
        """Return the generator whose square is the given polynomial, made where there is none yet."""
        if square not in self.roots:
            if len(self.roots) == len(self.space.spare_roots):
                raise Undecidable(f"more than {len(self.roots)} different roots")
            symbol = self.space.spare_roots[len(self.roots)]
            self.kinds[symbol] = STRICT if self.signs(square) == {POSITIVE} else NONNEGATIVE
            self.roots[square] = symbol
        return Quotient(self.space.generator(self.roots[square]))

    def constant_root(self, constant):
        """Return the root of a positive rational number: √(n/d) = √(nd)/d, prime by prime."""
        n, d = int(constant.numerator), int(constant.denominator)
        whole, result = QQ(1), self.one
        for prime, k in factorint(n * d, limit=2**15).items():
            exact = isqrt(prime)
            if exact * exact == prime:
                prime, k = exact, 2 * k
            whole *= QQ(prime) ** (k // 2)
            if k % 2:
                result = self.multiply(result, self.radical(self.ring(prime)))
        return self.multiply(result, Quotient(self.ring(whole / d)))

    def general_power(self, base, exponent):
        """Return base ** exponent for a rational exponent, or βᵏ to an exponent a*t + b with integers a, b."""
        number = self.as_number(exponent)
        if number is not None:
            denominator = int(number.denominator)
            if denominator not in (1, 2, 4, 8):
                raise Undecidable(f"a power of {number}")
            while denominator > 1:
                base, denominator = self.root(base), denominator // 2
            return self.power(base, int(number.numerator))
        if base == self.one:
            return self.one
        if len(base.numerator) == 1 and not base.denominator:
            constant, pairs = self.space.factors(base.numerator)
            symbols = [(self.space.used(f)[0], k) for f, k in pairs]
            if constant == 1 and all(s in self.space.power_of for s, _ in symbols):
                result = self.one
                for symbol, k in symbols:
                    result = self.multiply(result, self.decay(symbol, exponent, k))
                return result
        raise Undecidable(f"the power {self.expression(base)}**({self.expression(exponent)})")

    def decay(self, symbol, exponent, times=1):
        """Return β ** (times * exponent), exponent = a*t + b, by the generators β and βᵗ⁻¹."""
        slope, offset = self.linear_in_t(exponent)
        slope, offset = times * slope, times * offset
        self.powers[symbol] = self.space.power_of[symbol]
        beta, power = (Quotient(self.space.generator(s)) for s in (symbol, self.space.power_of[symbol]))
        return self.multiply(self.power(power, slope), self.power(beta, slope + offset))

    def linear_in_t(self, exponent):
        """Return integers (a, b) with exponent = a*t + b."""
        polynomial = exponent.numerator
        used = self.space.used(polynomial)
        if not exponent.denominator and all(self.kinds[s] == STEP for s in used):
            parts = self.space.coefficients(polynomial, used[0]) if used else {0: polynomial}
            numbers = [parts[e].coeff(1) if e in parts else QQ(0) for e in (1, 0)]
            if max(parts, default=0) <= 1 and all(n.denominator == 1 for n in numbers):
                return int(numbers[0]), int(numbers[1])
        raise Undecidable(f"a power of {self.expression(exponent)}")

    def exponential(self, a):
        """Return exp of a sum of (a*t + b) * log β: the product of the powers. At β = 0 the limit is meant."""
        result, rest = self.one, a.numerator
        for symbol, name in self.space.log_of.items():
            parts = self.space.coefficients(rest, name)
            if max(parts, default=0) > 1:
                raise Undecidable(f"exp({self.expression(a)})")
            if 1 in parts:
                result = self.multiply(result, self.decay(symbol, Quotient(parts[1], a.denominator)))
            rest = parts.get(0, self.ring.zero)
        if rest:
            raise Undecidable(f"exp({self.expression(a)})")
        return result

    def logarithm(self, a):
        """Return log of 1 or of a hyperparameter in [0, 1)."""
        if a == self.one:
            return self.zero
        for symbol, name in self.space.log_of.items():
            if a == Quotient(self.space.generator(symbol)):
                return Quotient(self.space.generator(name))
        raise Undecidable(f"log({self.expression(a)})")

    @staticmethod
    def as_number(a):
        """Return the rational number that a Quotient is, or None."""
        if not a.numerator:
            return QQ(0)
        return a.numerator.coeff(1) if a.numerator.is_ground and not a.denominator else None

    # Values ----------------------------------------------------------------------------------------------------

    def value(self, node):
        """Return the normal form of a Value."""
        if id(node) not in self._done:
            self._done[id(node)] = self._value(node)
        return self._done[id(node)]

    def _value(self, node):
        op, args = node.op, node.args
        if op == "const":
            return Quotient(self.ring(QQ(node.payload.numerator, node.payload.denominator)))
        if op == "leaf":
            symbol = self.space.leaves[node.payload]
            return self.eliminated.get(symbol, Quotient(self.space.generator(symbol)))
        if op in ("<", "<=", "==", "and", "or", "not"):
            return self.one if self.holds(node) else self.zero
        if op == "where":
            return self.value(args[1] if self.holds(args[0]) else args[2])
        a = self.value(args[0])
        if op in ("sqrt", "exp", "log", "abs"):
            return {"sqrt": self.root, "exp": self.exponential, "log": self.logarithm, "abs": self.size}[op](a)
        b = self.value(args[1])
        if op in "+-":
            return self.add(a, b, 1 if op == "+" else -1)
        if op in ("max", "min"):
            first_is_larger = self.choose(self.add(a, b, -1), NOT_POSITIVE, NOT_NEGATIVE) == 1
            return a if first_is_larger == (op == "max") else b
        return {"*": self.multiply, "/": lambda a, b: self.multiply(a, self.invert(b)), "**": self.general_power}[op](
            a, b
        )

    def size(self, a):
        """Return |a|."""
        return a if self.choose(a, NOT_NEGATIVE, NOT_POSITIVE) == 0 else self.add(self.zero, a, -1)

    def holds(self, node):
        """Return whether a condition is true; a number is true where it is not 0."""
        op, args = node.op, node.args
        if op == "not":
            return not self.holds(args[0])
        if op == "and":
            return self.holds(args[0]) and self.holds(args[1])
        if op == "or":
            return self.holds(args[0]) or self.holds(args[1])
        if op in ("<", "<=", "=="):
            difference = self.add(self.value(args[0]), self.value(args[1]), -1)
            true = {"<": frozenset((NEGATIVE,)), "<=": NOT_POSITIVE, "==": IS_ZERO}[op]
            return self.choose(difference, true, ANY - true) == 0
        return self.choose(self.value(node), NONZERO, IS_ZERO) == 0
