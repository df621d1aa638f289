"""Finds numbers at which two Values differ: exact fractions where they suffice, 60 digits where there are roots."""

import random
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import mpmath

from .quotients import COUNT, NONNEGATIVE, POWER, REAL, STEP, STRICT, UNIT
from .reduction import Undefined

SAMPLES_PER_CASE = 24
SAMPLES_ANYWHERE = 160
CLEAR = 0.02  # a relative difference that needs no better example
SMALLEST = 1e-40  # below this two 60-digit numbers count as equal

LARGEST_EXACT_POWER = 64

DIGITS = mpmath.MPContext()
DIGITS.dps = 60


@dataclass(frozen=True)
class Counterexample:
    """Numbers at which a rule and the document differ.

    Parameters
    ----------
    component : str
        What differs: ``"x"``, a slot, a carried scalar, ...
    values : dict of str to Fraction
        The symbols: x, g, the slots, t and the hyperparameters.
    found, expected : Fraction or mpmath.mpf or None
        What the rule computes there, and the document; None where it is undefined (0/0, √-1).
    """

    component: str
    values: dict
    found: object
    expected: object

    def __str__(self):
        at = ", ".join(f"{name} = {value}" for name, value in self.values.items())
        return f"{self.component} is {_shown(self.found)} instead of {_shown(self.expected)} at {at}"


def _shown(number):
    return "undefined" if number is None else mpmath.nstr(_mpf(number), 15)


class _Unknown(Exception):
    """A value that only a limit defines, such as 0 * log(0)."""


def evaluate(value, point):
    """Return the number that a Value is at `point` (dict of leaf name to Fraction), or None where it is undefined."""
    done = {}

    def number(node):
        if id(node) not in done:
            done[id(node)] = _evaluate(node, point, number)
        return done[id(node)]

    try:
        return number(value)
    except (ZeroDivisionError, Undefined):
        return None


def _mpf(number):
    return DIGITS.mpf(number.numerator) / number.denominator if isinstance(number, Fraction) else number


def _pair(a, b):
    return (a, b) if isinstance(a, Fraction) and isinstance(b, Fraction) else (_mpf(a), _mpf(b))


def _evaluate(node, point, number):
    op, args = node.op, node.args
    if op == "const":
        return node.payload
    if op == "leaf":
        return point[node.payload]
    if op == "where":
        return number(args[1] if number(args[0]) else args[2])
    if op in ("and", "or", "not"):
        first = bool(number(args[0]))
        return (
            not first
            if op == "not"
            else (first and bool(number(args[1])) if op == "and" else first or bool(number(args[1])))
        )
    if op in UNARY:
        return UNARY[op](number(args[0]))
    return BINARY[op](*_pair(number(args[0]), number(args[1])))


def _root(a):
    if a < 0:
        raise Undefined
    if isinstance(a, Fraction):
        n, d = isqrt(a.numerator), isqrt(a.denominator)
        if n * n == a.numerator and d * d == a.denominator:
            return Fraction(n, d)
    return DIGITS.sqrt(_mpf(a))


def _log(a):
    if a == 0:
        raise _Unknown
    if a < 0:
        raise Undefined
    return Fraction(0) if a == 1 else DIGITS.log(_mpf(a))


def _power(a, b):
    if b == int(b):
        return (a if abs(b) <= LARGEST_EXACT_POWER else _mpf(a)) ** int(b)
    if a < 0:
        raise Undefined
    return _root(a) ** int(2 * b) if 2 * b == int(2 * b) else DIGITS.power(_mpf(a), _mpf(b))


UNARY = {"sqrt": _root, "log": _log, "abs": abs, "exp": lambda a: DIGITS.exp(_mpf(a)) if a else Fraction(1)}
BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": _power,
    "max": max,
    "min": min,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
}


def difference(a, b):
    """Return how far two numbers (None: undefined) are apart: 0 for equal, 1 for one undefined, else relative."""
    if a is None or b is None:
        return 0 if a is b else 1
    if a == b:
        return 0
    exactly = isinstance(a, Fraction) and isinstance(b, Fraction)
    a, b = _pair(a, b)
    relative = _mpf(abs(a - b)) / _mpf(abs(a) + abs(b))
    return relative if exactly or relative > SMALLEST else 0


def find(claims, space, admissible=lambda point: True, hidden=()):
    """Return the clearest `Counterexample` to any of some claims, or None.

    Parameters
    ----------
    claims : sequence of Claim
        Where one has a verdict, the order cases in which it failed are tried first.
    space : Space
        Says what each symbol may be.
    admissible : callable, optional
        Whether a point (dict of leaf name to Fraction) satisfies what is given besides.
    hidden : collection of str
        Leaves that no claim has: they stand for an expression, not for a number that anyone chooses.
    """
    best, most = None, 0
    for claim in claims:
        for point in _points(space, claim.verdict.failing if claim.verdict else ()):
            point = {name: number for name, number in {**point, **claim.at}.items() if name not in hidden}
            try:
                if not admissible(point):
                    continue
                found, expected = evaluate(claim.left, point), evaluate(claim.right, point)
            except _Unknown:
                continue
            far = difference(found, expected)
            if far > most:
                best, most = Counterexample(claim.component, point, found, expected), far
            if most > CLEAR:
                return best
    return best


def _points(space, cases):
    """Yield points of the domain: first some in each case that failed, then anywhere."""
    generator = random.Random(0)
    for case in sorted(cases, key=lambda case: len(case.text))[:8]:
        for _ in range(SAMPLES_PER_CASE):
            point = _point_in(space, case, generator)
            if point:
                yield point
    for _ in range(SAMPLES_ANYWHERE):
        yield {name: _draw(space.kinds[symbol], generator) for name, symbol in space.leaves.items()}


def _draw(kind, generator):
    if kind in (STEP, COUNT):
        return Fraction(generator.choice((1, 2, 3, 5)))
    if kind == POWER:
        return generator.choice((Fraction(1, 2), Fraction(3, 4), Fraction(1, 5), Fraction(1), Fraction(0)))
    if kind == UNIT:
        return generator.choice((Fraction(1, 2), Fraction(3, 4), Fraction(9, 10), Fraction(1, 5), Fraction(0)))
    if kind == STRICT:
        return Fraction(generator.randint(1, 9), generator.choice((1, 2, 5, 10)))
    low = -9 if kind == REAL else 0
    return Fraction(generator.randint(low, 9), generator.choice((1, 2, 4)))


def _point_in(space, case, generator):
    """Return a point where the case's eliminated symbols have the values that its assumptions give them, or None."""
    powers = set(space.power_of.values())
    numbers = {s: _draw(kind, generator) for s, kind in space.kinds.items() if s not in powers}
    t = next((numbers[s] for s in space.leaves.values() if space.kinds[s] == STEP), Fraction(1))
    numbers |= {power: numbers[s] ** int(t - 1) for s, power in space.power_of.items()}
    try:
        solved = {s: _quotient(space, q, numbers) for s, q in case.eliminated}
    except ZeroDivisionError:
        return None
    numbers |= solved
    fits = {NONNEGATIVE: lambda n: n >= 0, STRICT: lambda n: n > 0, UNIT: lambda n: 0 <= n < 1, REAL: lambda n: True}
    if not all(fits[space.kinds[s]](n) for s, n in solved.items()):
        return None
    return {name: numbers[symbol] for name, symbol in space.leaves.items()}


def _quotient(space, quotient, numbers):
    def polynomial(p):
        total = Fraction(0)
        for monomial, c in p.terms():
            term = Fraction(int(c.numerator), int(c.denominator))
            for symbol, e in zip(space.symbols, monomial, strict=True):
                term *= numbers[symbol] ** e if e else 1
            total += term
        return total

    bottom = Fraction(1)
    for f, power in quotient.denominator:
        bottom *= polynomial(f) ** power
    return polynomial(quotient.numerator) / bottom
