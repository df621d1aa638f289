"""Decides whether two Values are equal for all numbers that their symbols may stand for.

Both are brought to the normal form of `reduction`. Where that needs a sign that is not known, the question is split
into the cases "negative", "zero" and "positive", each with a symbol eliminated in favour of a positive gap. Every
case is rational; a claim is proved when the difference is literally 0 in all of them, both sides being defined.
Nothing is simplified by heuristics and nothing is evaluated at numbers here.
"""

from dataclasses import dataclass, replace

from sympy import S, nan

from .quotients import NEGATIVE, NONNEGATIVE, NOT_NEGATIVE, NOT_POSITIVE, POSITIVE, REAL, STRICT, UNIT, ZERO, Quotient
from .reduction import NONZERO, Case, Reduction, Split, Undecidable, Undefined

MOST_CASES = 400
SIGN_TEXT = {NEGATIVE: "<", ZERO: "=", POSITIVE: ">"}


@dataclass
class Verdict:
    """What the procedure found about one claim.

    Parameters
    ----------
    holds : bool
        Equal and defined in every case.
    residual : sympy.Expr
        0, or the difference in the first case where there is one (nan where one side is undefined).
    cases : tuple of Case
        All cases; a claim that needs none has one without assumptions.
    failing : tuple of Case
        Those in which the sides differ, as far as the procedure sees.
    reason : str
        Why the procedure could not decide; empty where it did.
    generators : tuple of str
        What was replaced by a generator of its own.
    """

    holds: bool
    residual: object
    cases: tuple = ()
    failing: tuple = ()
    reason: str = ""
    generators: tuple = ()


def decide(space, left, right, given=None, partial=False):
    """Decide whether two Values are equal for all values of their symbols; right is what left should be.

    `given` may be a Case: assumptions that hold in all cases. With `partial` both sides may be undefined, at the same
    places.
    """
    todo, cases, failing, residual, generators = [given or Case()], [], [], S.Zero, {}
    while todo:
        case = todo.pop()
        if len(cases) > MOST_CASES:
            return Verdict(False, nan, tuple(cases), tuple(failing), f"more than {MOST_CASES} order cases")
        reduction = Reduction(space, case)
        try:
            difference = _difference(reduction, left, right, partial)
        except Split as split:
            todo += [extend(reduction, split.polynomial, sign) for sign in split.signs]
            continue
        except Undecidable as why:
            return Verdict(False, nan, (*cases, case), (*failing, case), f"it cannot decide {why}")
        cases.append(case)
        generators |= dict.fromkeys(_generators(reduction))
        if difference is None or not reduction.is_zero(difference):
            failing.append(case)
            found = nan if difference is None else reduction.expression(difference)
            residual = found if residual in (0, nan) else residual
    return Verdict(not failing, residual, tuple(cases), tuple(failing), "", tuple(generators))


def _difference(reduction, left, right, partial):
    """Return left - right in normal form, or None where either is undefined; with `partial`, where only one is."""
    sides = normal_forms(reduction, left, right)
    if None in sides:
        return reduction.zero if partial and sides == [None, None] else None
    return reduction.add(*sides, -1)


def normal_forms(reduction, *values):
    """Return the normal form of each Value in one case, None where it is undefined there (list)."""
    found = []
    for value in values:
        try:
            found.append(reduction.value(value))
        except Undefined:
            found.append(None)
    return found


def _generators(reduction):
    """Yield what a reduction replaced by generators, as text."""
    for square, symbol in reduction.roots.items():
        yield f"{symbol} = √({reduction.expand(square)}), {symbol}² = {reduction.expand(square)}"
    for symbol, power in reduction.powers.items():
        yield f"{power}, with {symbol}**{reduction.space.step} = {symbol}*{power}"


def extend(reduction, polynomial, sign):
    """Return the case with one more assumption: that an irreducible polynomial has a sign.

    A symbol in which the polynomial is linear is eliminated, by preference one that keeps what is known of it. To
    forget that a symbol was >= 0 is sound (more is proved than asked) but may leave the claim undecided.
    """
    space, case = reduction.space, reduction.case
    text = f"{reduction.expand(polynomial)} {SIGN_TEXT[sign]} 0"
    gap = space.spare_gaps[case.gaps] if case.gaps < len(space.spare_gaps) else None
    for keep in (True, False):
        for symbol in space.used(polynomial):
            try:
                facts = (
                    case.facts + _implied(reduction, polynomial, symbol, sign) + _balanced(reduction, polynomial, sign)
                )
                inside = Reduction(space, replace(case, facts=facts))
                solved = _solve(inside, polynomial, symbol, sign, gap, keep)
                old = [(s, _substitute(inside, q, symbol, solved)) for s, q in case.eliminated]
            except (_Unsuitable, Split):
                continue
            note = f" ({symbol} = {inside.expression(solved)})" if polynomial != space.generator(symbol) or sign else ""
            return Case((*old, (symbol, solved)), facts, case.gaps + (sign != 0), (*case.text, text + note))
    fact = (reduction.expand(polynomial), sign)
    return Case(case.eliminated, (*case.facts, fact), case.gaps, (*case.text, text))


def _implied(reduction, polynomial, symbol, sign):
    """Return the facts that follow when a*s + b has a sign: factors of a product that must be > 0.

    From a*s + b > 0 with a >= 0, s >= 0, b <= 0 follows a > 0; from a*s + b = 0 with s > 0, a > 0, b <= 0, that b < 0.
    """
    space, kind = reduction.space, reduction.kinds[symbol]
    for way in (sign,) if sign else (POSITIVE, NEGATIVE):
        parts = space.coefficients(way * polynomial, symbol)
        if kind not in (NONNEGATIVE, STRICT) or set(parts) != {0, 1}:
            return ()
        (slope, slope_factors), (rest, rest_factors) = (reduction.product_signs(parts[e]) for e in (1, 0))
        if sign and slope == NOT_NEGATIVE and rest <= NOT_POSITIVE:
            return _positive(reduction, slope_factors)
        if not sign and kind == STRICT and slope == {POSITIVE} and rest == NOT_POSITIVE:
            return _positive(reduction, rest_factors)
    return ()


def _balanced(reduction, polynomial, sign):
    """Return the facts that follow when A - B = 0, A and B having positive coefficients: B > 0 where A > 0."""
    facts = ()
    for way in (POSITIVE, NEGATIVE) if not sign else ():
        sides = [
            reduction.ring.from_dict({m: s * way * c for m, c in polynomial.terms() if s * way * c > 0})
            for s in (POSITIVE, NEGATIVE)
        ]
        (here, _), (_, there) = map(reduction.product_signs, sides)
        facts += _positive(reduction, there) if here == {POSITIVE} else ()
    return facts


def _positive(reduction, factors):
    return tuple((reduction.expand(f), POSITIVE) for f, signs in factors if signs == NOT_NEGATIVE)


class _Unsuitable(Exception):
    """A symbol that cannot be eliminated by an assumption."""


def _solve(reduction, polynomial, symbol, sign, gap, keep):
    """Return the Quotient that `symbol` is when polynomial = sign * gap."""
    space, kind = reduction.space, reduction.kinds[symbol]
    parts = space.coefficients(polynomial, symbol)
    free = kind in (REAL, NONNEGATIVE, STRICT) or (kind == UNIT and not sign and len(polynomial) == 1)
    linear = set(parts) <= {0, 1} and reduction.product_signs(parts[1])[0] <= NONZERO
    roots = set(space.spare_roots) & set(space.used(polynomial))
    if not (free and linear) or roots or (sign and gap is None):
        raise _Unsuitable
    target = -parts.get(0, space.ring.zero)
    if sign:
        target += sign * space.generator(gap)
    solved = reduction.multiply(Quotient(target), reduction.invert(Quotient(parts[1])))
    known = {REAL: None, NONNEGATIVE: NOT_NEGATIVE, STRICT: {POSITIVE}, UNIT: {ZERO}}[kind]
    lost = known is not None and not reduction.product_signs(solved.numerator, solved.denominator)[0] <= known
    if lost and (keep or sign):
        raise _Unsuitable
    return solved


def _substitute(reduction, a, symbol, replacement):
    """Return a Quotient with a symbol replaced."""

    def replaced(polynomial):
        total = reduction.zero
        for e, c in reduction.space.coefficients(polynomial, symbol).items():
            total = reduction.add(total, reduction.multiply(Quotient(c), reduction.power(replacement, e)))
        return total

    result = replaced(a.numerator)
    for f, power in a.denominator:
        result = reduction.multiply(result, reduction.power(reduction.invert(replaced(f)), power))
    return result
