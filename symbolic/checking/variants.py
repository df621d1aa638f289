"""Mistakes and habits by name: what people write instead of an algorithm, made from the algorithm's own equations."""

from dataclasses import dataclass, replace
from functools import cache

from sympy import Abs, Add, Piecewise, Rational, sqrt

from ..equations.notation import HYPER, beta1, beta2, eps, g, gamma, t, theta, theta_next
from .changes import rewritten

HALF = Rational(1, 2)


@dataclass(frozen=True)
class Variant:
    """A named departure from an algorithm.

    Parameters
    ----------
    words : str
        What follows the algorithm's name: ``"with ε inside the root"``.
    make : callable
        Returns the algorithm with the departure, or the algorithm itself where there is none.
    """

    words: str
    make: object


def _everywhere(change):
    """Return the maker of a variant that rewrites every right side."""
    return lambda algorithm: replace(
        algorithm, equations=tuple(replace(e, right=change(e.right)) for e in algorithm.equations)
    )


def _put(meanings):
    return lambda algorithm: rewritten(algorithm, meanings)


def _inside(expression):
    """Return an expression with √a + ε turned into √(a + ε)."""

    def is_sum(e):
        return e.is_Add and len(e.args) == 2 and eps in e.args and _is_root(e - eps)

    return expression.replace(is_sum, lambda e: sqrt((e - eps) ** 2 + eps))


def _is_root(e):
    return e.is_Pow and e.exp == HALF or (e.is_Symbol and e.name.startswith("√"))


def _outside(expression):
    """Return an expression with √(a + ε) turned into √a + ε."""

    def is_root(e):
        return e.is_Pow and e.exp in (HALF, -HALF) and e.base.is_Add and eps in e.base.args

    return expression.replace(is_root, lambda e: (sqrt(e.base - eps) + eps) ** (2 * e.exp))


def _rootless(expression):
    return expression.replace(lambda e: e.is_Pow and e.exp in (HALF, -HALF), lambda e: e.base ** (2 * e.exp))


def _unguarded(expression):
    return expression.replace(lambda e: isinstance(e, Piecewise), lambda e: e.args[0][0])


def _ascends(algorithm):
    return replace(
        algorithm,
        equations=tuple(
            replace(e, right=2 * theta - e.right) if e.left == theta_next else e for e in algorithm.equations
        ),
    )


def _in_average(index, meanings):
    """Return the maker of a variant that rewrites only the equation of one state."""

    def make(algorithm):
        if index >= len(algorithm.states):
            return algorithm
        after = algorithm.states[index][1]
        return replace(
            algorithm,
            equations=tuple(
                replace(e, right=e.right.xreplace(meanings)) if e.left == after else e for e in algorithm.equations
            ),
        )

    return make


def _stale(index):
    """Return the maker of the variant that uses a state from before the step where it belongs from after it."""

    def make(algorithm):
        if index >= len(algorithm.states):
            return algorithm
        before, after = algorithm.states[index]
        return replace(
            algorithm,
            equations=tuple(
                e if e.left == after else replace(e, right=e.right.xreplace({after: before}))
                for e in algorithm.equations
            ),
        )

    return make


def _kept_hat(index):
    """Return the maker of the variant that keeps the corrected average, as writing in place does by mistake."""

    def make(algorithm):
        if index >= len(algorithm.states):
            return algorithm
        before, after = algorithm.states[index]
        hat = next((e.left for e in algorithm.equations if e.right.has(after) and e.right.has(t) and _is_hat(e)), None)
        if hat is None:
            return algorithm
        states = tuple((before, hat) if i == index else s for i, s in enumerate(algorithm.states))
        return replace(algorithm, states=states)

    return make


def _is_hat(equation):
    return equation.left != theta_next and "\u0302" in str(equation.left)


def _without_hats(decays):
    return _put({b**t: Rational(0) for b in decays})


def _unweighted(expression):
    return expression.xreplace({Add(1, -b): Rational(1) for b in (beta1, beta2, gamma)})


def _frozen(index):
    """Return the maker of the variant that hands a state back as it was."""

    def make(algorithm):
        if index >= len(algorithm.states):
            return algorithm
        before, _ = algorithm.states[index]
        states = tuple((before, before) if i == index else s for i, s in enumerate(algorithm.states))
        return replace(algorithm, states=states)

    return make


def _crossed(algorithm):
    """Return an algorithm whose two states take each other's place."""
    if len(algorithm.states) != 2:
        return algorithm
    (a, new_a), (b, new_b) = algorithm.states
    return replace(algorithm, states=((a, new_b), (b, new_a)))


VARIANTS = (
    Variant("with ε inside the root", _everywhere(_inside)),
    Variant("with ε outside the root", _everywhere(_outside)),
    Variant("without ε", _put({eps: Rational(0)})),
    Variant("without bias correction", _without_hats((beta1, beta2))),
    Variant("without the bias correction of m", _without_hats((beta1,))),
    Variant("without the bias correction of v", _without_hats((beta2,))),
    Variant("with β in place of β**t in the bias correction", _put({beta1**t: beta1, beta2**t: beta2})),
    Variant("with β₁ and β₂ exchanged", _put({beta1: beta2, beta2: beta1})),
    Variant("with β₁ and β₂ exchanged in the bias correction", _put({beta1**t: beta2**t, beta2**t: beta1**t})),
    Variant("with t one too small", _put({t: t - 1})),
    Variant("with t one too large", _put({t: t + 1})),
    Variant("with its first state from before the step", _stale(0)),
    Variant("with its second state from before the step", _stale(1)),
    Variant(
        "with β and 1 - β exchanged in its first average", _in_average(0, {b: 1 - b for b in (beta1, beta2, gamma)})
    ),
    Variant(
        "with β and 1 - β exchanged in its second average", _in_average(1, {b: 1 - b for b in (beta1, beta2, gamma)})
    ),
    Variant("without the factor 1 - β in its averages", _everywhere(_unweighted)),
    Variant(
        "without the factor 1 - β in its first average", _in_average(0, {Add(1, -b): 1 for b in (beta1, beta2, gamma)})
    ),
    Variant(
        "without the factor 1 - β in its second average", _in_average(1, {Add(1, -b): 1 for b in (beta1, beta2, gamma)})
    ),
    Variant("with its first state overwritten by the bias correction", _kept_hat(0)),
    Variant("with its second state overwritten by the bias correction", _kept_hat(1)),
    Variant(
        "with both states overwritten by the bias correction", lambda algorithm: _kept_hat(1)(_kept_hat(0)(algorithm))
    ),
    Variant("with its first state never updated", _frozen(0)),
    Variant("with its second state never updated", _frozen(1)),
    Variant("with its states never updated", lambda algorithm: _frozen(1)(_frozen(0)(algorithm))),
    Variant("with its states exchanged after the step", _crossed),
    Variant("without the root", _everywhere(_rootless)),
    Variant("without the case u = 0", _everywhere(_unguarded)),
    Variant("with g in place of g²", _put({g**2: g})),
    Variant("with |g| in place of g²", _put({g**2: Abs(g)})),
    Variant("with the opposite sign: it ascends", _ascends),
)


def _changed(made, algorithm):
    """Return whether a variant departs from an algorithm, in the letters that the algorithm has."""
    if made.equations == algorithm.equations and made.states == algorithm.states:
        return False
    letters = {HYPER[h][0] for h in algorithm.hyper}
    others = {letter for letter, _ in HYPER.values()} - letters
    return not any(e.right.free_symbols & others for e in made.equations)


@cache
def variants(algorithm):
    """Return (words, Algorithm) for each variant that differs from an algorithm (tuple)."""
    made = ((f"{algorithm.name} {variant.words}", variant.make(algorithm)) for variant in VARIANTS)
    return tuple((words, variant) for words, variant in made if _changed(variant, algorithm))


@cache
def pairs(algorithm):
    """Return (words, Algorithm) for each two variants together (tuple)."""
    return tuple(_pairs(algorithm))


def _pairs(algorithm):
    for i, first in enumerate(VARIANTS):
        made = first.make(algorithm)
        if _changed(made, algorithm):
            for second in VARIANTS[i + 1 :]:
                both = second.make(made)
                if _changed(both, made):
                    yield f"{algorithm.name} {first.words} and {second.words}", both


__all__ = ["VARIANTS", "Variant", "pairs", "variants"]
