"""What solves a recurrence, and what it tends to: proofs that many theorems and derivations share."""

from sympy import Product, S, Sum, Symbol, exp, expand, limit, log, sympify

from ..decision.questions import DECAYS
from ..equations.notation import t
from ..evidence import computation, identity, induction

age = Symbol("k", integer=True, nonnegative=True)  # how many steps ago: i = t - k


def one_term_on(expression):
    """Return an expression with the last term or factor, t + 1, of each sum and product taken out of it."""
    for whole in expression.atoms(Sum, Product):
        ((index, low, high),) = whole.limits
        add = isinstance(whole, Sum)
        if low == high + 1:
            expression = expression.xreplace({whole: S.Zero if add else S.One})
        elif high == t + 1:
            shorter, last = whole.func(whole.function, (index, low, t)), whole.function.subs(index, t + 1)
            expression = expression.xreplace({whole: shorter + last if add else shorter * last})
    return expression


def shift(summand, index):
    """Return the summand f(t, i) of k steps ago, i = t - k, at step t and at step t + 1 (two sympy.Expr).

    With the age k every power of a decay has an exponent >= 0, so that a decay of 0 is no exception.
    """
    return tuple(expand(one_term_on(summand.subs(t, time).subs(index, t - age))) for time in (t, t + 1))


def solves(claimed, after, before, statement, start=0, given=()):
    """Return the Part that a recurrence has a claimed solution at every t = 1, 2, ..., by induction.

    Parameters
    ----------
    claimed : sympy.Expr
        The state after step t.
    after : sympy.Expr
        The right side of the recurrence: the state after step t, by the one before it.
    before : Symbol
        The state before step t.
    start : sympy.Expr
        The state before step 1.
    """
    first = identity(
        after.subs({before: start, t: 1}).doit(), claimed.subs(t, 1).doit(), f"t = 1, from the start {start}", given
    )
    following = one_term_on(claimed.subs(t, t + 1))
    step = identity(after.subs(t, t + 1).subs(before, claimed), following, "from t to t + 1", given)
    return induction(first, step, statement)


def unrolled(claimed, after, before, statement):
    """Return the Part that a recurrence that starts at 0 has a claimed sum as its solution, by induction.

    Two sums over the same range are equal where their terms are; so the step compares the terms i <= t, which are of
    every age k, and then the term that is new at t + 1.

    Parameters
    ----------
    claimed : sympy.Expr
        The state after step t: a Sum over 1 <= i <= t, or a multiple of one.
    after, before : sympy.Expr, Symbol
        As for `solves`; linear in `before`.
    """
    (total,) = claimed.atoms(Sum)
    ((index, low, high),) = total.limits
    if (low, high) != (1, t):
        raise ValueError(f"the sum {total} is not over 1 <= i <= t")
    if (claimed / total).has(Sum):
        raise ValueError(f"{claimed} is not a multiple of its sum")
    term = claimed.xreplace({total: total.function})
    slope, new = after.diff(before).subs(t, t + 1), after.subs(before, 0).subs(t, t + 1)
    now, then = shift(term, index)
    last = one_term_on(term.subs(t, t + 1).subs(index, t + 1))
    first = identity(after.subs({before: 0, t: 1}).doit(), claimed.subs(t, 1).doit(), "t = 1, from the start 0")
    steps = (
        identity(after.subs(t, t + 1), slope * before + new, f"the recurrence is linear in {before}"),
        identity(slope * now, then, f"from t to t + 1, every term with {index} <= t, {index} = t - k"),
        identity(new, last, f"from t to t + 1, the term with {index} = t + 1"),
    )
    return induction(first, steps, statement)


def tends(expression, claimed, statement):
    """Return the Part that an expression of t tends to a claimed limit as t -> oo, its decays being in (0, 1).

    A decay is written exp(-a) with a > 0 for it, because SymPy then knows that its powers vanish.
    """
    real = Symbol("n", positive=True)
    rates = {beta: Symbol(f"a{k}", positive=True) for k, beta in enumerate(DECAYS)}
    found = limit(expression.subs(t, real).subs({beta: exp(-a) for beta, a in rates.items()}), real, S.Infinity)
    found = found.subs({a: -log(beta) for beta, a in rates.items()})
    inside = [(beta, 1) for beta in DECAYS if expression.has(beta)]
    return computation("limit as t -> oo", found, sympify(claimed), statement, inside)


def linear(expression, *symbols):
    """Return the Part that an expression is linear in some symbols, so that expectations may be taken of them."""
    zero = dict.fromkeys(symbols, 0)
    found = sum((expression.diff(symbol).subs(zero) * symbol for symbol in symbols), S.Zero)
    return identity(expression, found, f"linear in {' and '.join(map(str, symbols))}")
