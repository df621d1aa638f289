"""Changes of variable under which two steps are one iteration, each made by substitution into the equations.

A change is an `Algorithm` with other states, written by putting the old ones in terms of the new: a step that is proved
equal to it is the original in other letters. Nothing here is believed: the equality is decided like any other.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from sympy import Integer, Rational, Symbol

from ..equations.notation import HYPER, Equation, NablaJ, eps, eta, t, theta


@dataclass(frozen=True)
class Relation:
    """How a step's letters are those of an algorithm.

    Parameters
    ----------
    words : str
        For people: ``"the learning rate outside the velocity"``.
    equations : tuple of str
        The relation itself: ``"v_t = η*v'_t"``, v' being the step's.
    same : bool
        Whether the iterates are the same for every schedule of the learning rate, from states that start at 0.
    proviso : str
        Under what the iterates are the same, where that is not always.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> def step(x, g, v, lr, momentum):
    ...     v = momentum * v - lr * g
    ...     return x + v, v
    >>> print(symbolic.check(step, "momentum").relation)
    the sign of v: v_t = -v'_t
    """

    words: str
    equations: tuple[str, ...] = ()
    same: bool = True
    proviso: str = ""

    def __str__(self):
        shown = f": {', '.join(self.equations)}" if self.equations else ""
        return f"{self.words}{shown}{f' ({self.proviso})' if self.proviso else ''}"

    def and_then(self, other):
        """Return both relations as one."""
        if other is None:
            return self
        provisos = dict.fromkeys(p for p in (self.proviso, other.proviso) if p)
        return Relation(
            f"{self.words}, and {other.words}",
            (*self.equations, *other.equations),
            self.same and other.same,
            "; ".join(provisos),
        )


def rewritten(algorithm, meanings, **changes):
    """Return an algorithm with symbols on its right sides replaced."""
    equations = tuple(replace(e, right=e.right.xreplace(meanings)) for e in algorithm.equations)
    for name in ("variable", "inverse"):
        old = getattr(algorithm, name)
        changes.setdefault(name, old and replace(old, right=old.right.xreplace(meanings)))
    return replace(algorithm, equations=equations, **changes)


@lru_cache(maxsize=256)
def changes(algorithm):
    """Return (Relation, Algorithm) for each change of variable that people make, simplest first (tuple)."""
    return tuple(_changes(algorithm))


def _changes(algorithm):
    yield from rescalings(algorithm)
    yield from _shifted_sums(algorithm)
    if any(e.right.has(t) for e in algorithm.equations):
        yield _from_zero(algorithm)
    if algorithm.variable:
        yield at_theta(algorithm)
    if "momentum" in algorithm.hyper:
        (gamma, _), rate = HYPER["momentum"], eta
        for factor in (1 - gamma, 1 / (1 - gamma)):
            inner = rewritten(algorithm, {rate: rate * factor})
            here = Relation("another learning rate", (f"η of the document is {rate * factor}",), False, _CONSTANT)
            yield here, inner
            for relation, scaled in rescalings(inner):
                yield here.and_then(relation), scaled


_CONSTANT = "for a constant learning rate"


def rescalings(algorithm):
    """Yield what an algorithm is when its states are kept in other units: another sign, without η, not averaged."""
    options = [[Integer(1), *_factors(algorithm, state)] for state in algorithm.states]
    every = sorted(product(*options), key=lambda factors: sum(f != 1 for f in factors))
    for factors in every:
        if any(f != 1 for f in factors):
            yield _rescaled(algorithm, factors)


def _factors(algorithm, state):
    """Return the factors that people leave out of a state or put into it: ±1, η and 1 - β, and their products."""
    before, after = state
    own = next((e.right for e in algorithm.equations if e.left == after), before)
    decays = [s for h in algorithm.hyper for s, kind in [HYPER[h]] if kind == "[0, 1)" and own.has(s)]
    rates = [Integer(1), eta, 1 / eta] if "learning_rate" in algorithm.hyper else [Integer(1)]
    averages = [Integer(1), *(f for b in decays for f in (1 - b, 1 / (1 - b)))]
    signs = [1] if before.is_nonnegative else [1, -1]
    found = [s * r * a for r, a, s in product(rates, averages, signs)]
    return [f for f in found if f != 1]


def _primed(symbol):
    name = str(symbol)
    return Symbol(name.replace("_", "'_", 1) if "_" in name else f"{name}'", **symbol.assumptions0)


def _rescaled(algorithm, factors):
    """Return (Relation, Algorithm) for states that are those of an algorithm divided by factors."""
    meanings, states, extra, words, shown = {}, [], [], [], []
    for (before, after), factor in zip(algorithm.states, factors, strict=True):
        if factor == 1:
            states.append((before, after))
            continue
        mine_before, mine = _primed(before), _primed(after)
        meanings[before] = factor * mine_before
        extra.append(Equation("change", mine, after / factor, "change of variable"))
        states.append((mine_before, mine))
        words.append(_words(str(before).partition("_")[0], factor))
        shown.append(f"{after} = {factor * mine}")
    variable = {}
    for name in ("variable", "inverse"):
        old = getattr(algorithm, name)
        if old is not None:
            variable[name] = replace(old, right=old.right.xreplace(meanings))
    new = rewritten(algorithm, meanings, states=tuple(states), **variable)
    has_rate = any(factor.has(eta) for factor in factors)
    relation = Relation(" and ".join(words), tuple(shown), not has_rate, _CONSTANT if has_rate else "")
    return relation, replace(new, equations=(*new.equations, *extra))


def _words(state, factor):
    parts = []
    if factor.subs(dict.fromkeys(factor.free_symbols, Rational(1, 2))) < 0:
        parts.append(f"the sign of {state}")
    if factor.has(eta):
        power = factor.as_powers_dict().get(eta, 0)
        parts.append(f"the learning rate {'outside' if power > 0 else 'inside'} {state}")
    if factor.free_symbols - {eta}:
        inverse = any(p < 0 for b, p in factor.as_powers_dict().items() if b.free_symbols - {eta})
        parts.append(f"{state} {'averaged' if inverse else 'not averaged'}")
    return " and ".join(parts)


def _shifted_sums(algorithm):
    """Yield what an algorithm is when a state contains ε from the start (T-AG-8)."""
    for before, after in algorithm.states:
        if before.is_nonnegative and "eps" in algorithm.hyper:
            mine_before, mine = _primed(before), _primed(after)
            new = rewritten(algorithm, {before: mine_before - eps})
            states = tuple((mine_before, mine) if s == (before, after) else s for s in algorithm.states)
            extra = Equation("change", mine, after + eps, "change of variable")
            words, name = f"{before} contains ε", str(before).partition("_")[0]
            relation = Relation(words, (f"{after} = {mine} - ε",), False, f"if {name} starts at ε, not at 0")
            yield relation, replace(new, states=states, equations=(*new.equations, extra))


def _from_zero(algorithm):
    relation = Relation(
        "its t counts from 0", ("t = t' + 1",), False, "right if it is called with t = 0, 1, 2, ...; here t = 1, 2, ..."
    )
    return relation, rewritten(algorithm, {t: t + 1})


def at_theta(algorithm):
    """Return an algorithm with its gradient taken at θ_t: what a step in θ looks like when the caller looks ahead."""
    remark = f"right if g is the gradient at {algorithm.gradient_point}; here it is that at x"
    there = {NablaJ(algorithm.gradient_point): NablaJ(theta)}
    relation = Relation("the form in θ", (f"{algorithm.variable.left} = {algorithm.variable.right}",), False, remark)
    return relation, rewritten(algorithm, there, variable=None, inverse=None)


def fixed(algorithm, numbers):
    """Return (Relation, Algorithm) with numbers for some hyperparameters (dict of str to Fraction)."""
    exact = {h: Rational(n.numerator, n.denominator) for h, n in numbers.items()}
    shown = tuple(f"{HYPER[h][0]} = {float(n):g}" for h, n in numbers.items())
    relation = Relation("numbers written into it", shown, False, f"for {', '.join(shown)} only")
    new = rewritten(algorithm, {HYPER[h][0]: n for h, n in exact.items()})
    return relation, replace(new, hyper=tuple(h for h in algorithm.hyper if h not in numbers))


__all__ = ["Relation", "at_theta", "changes", "fixed", "rescalings", "rewritten"]
