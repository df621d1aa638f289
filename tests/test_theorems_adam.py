"""The theorems on Adam, AdaMax and NAdam: each is proved, and what is nearly one of them is not."""

import pytest
from optnumba.symbolic.equations.adadelta import E
from optnumba.symbolic.equations.adam import m, m_hat
from optnumba.symbolic.equations.adamax import p
from optnumba.symbolic.equations.nadam import NAD_18
from optnumba.symbolic.equations.nag import SHIFT, v_before
from optnumba.symbolic.equations.notation import beta1, beta2, eps, eta, g, g_at, gamma, i, t, theta
from optnumba.symbolic.theorems.adam import ADAM, C, c, factor, j, mu, variance, w_before
from optnumba.symbolic.theorems.adamax import ADAMAX, b
from optnumba.symbolic.theorems.nadam import NADAM
from optnumba.symbolic.theorems.recurrences import age, one_term_on, shift, tends, unrolled
from optnumba.symbolic.theorems.running import both_signs, by_square, within
from sympy import Abs, Product, Rational, S, Sum, Symbol, sqrt

THEOREMS = {theorem.id: theorem for theorem in (*ADAM, *ADAMAX, *NADAM)}

# Formulas that someone might have written instead, each of them wrong.
FALSE = [
    ("T-ADAM-1", {"total": (1 - beta1) * Sum(beta1 ** (t - i + 1) * g_at[i], (i, 1, t))}),
    ("T-ADAM-1", {"total": Sum(beta1 ** (t - i) * g_at[i], (i, 1, t))}),
    ("T-ADAM-2", {"closed": 1 - beta1 ** (t + 1)}),
    ("T-ADAM-2", {"closed": S.One}),
    ("T-ADAM-2", {"total": Sum(beta1 ** (t - i), (i, 1, t))}),
    ("T-ADAM-3", {"closed": 1 - mu[t] ** t}),
    ("T-ADAM-3", {"total": Sum((1 - mu[i]) * Product(mu[j], (j, i, t)), (i, 1, t))}),
    ("T-ADAM-4", {"step": -eta * g / sqrt(g**2 + eps)}),
    ("T-ADAM-4", {"first": -eta * g}),
    ("T-ADAM-5", {"multiplier": S.One}),
    ("T-ADAM-5", {"descent": c / Abs(c)}),
    ("T-ADAM-6", {"floor": eps}),
    ("T-ADAM-6", {"rate": eta * (1 - beta2**t) / (1 - beta1**t)}),
    ("T-ADAM-7", {"spike": eta}),
    ("T-ADAM-7", {"bound": S.One}),
    ("T-ADAM-8", {"average": Sum(g_at[i] ** 2, (i, 1, t)) / (t + 1)}),
    ("T-ADAM-8", {"smooth": -factor * m_hat / 2}),
    ("T-ADAM-8", {"rmsprop": -eta * g / sqrt(E / (1 - gamma**t) + eps)}),
    ("T-ADAM-8", {"signs": -eta * g}),
    ("T-ADAM-9", {"spread": variance * (1 - beta1) * (1 - beta1 ** (2 * t))}),
    ("T-ADAM-9", {"limiting": variance}),
    ("T-ADAM-10", {"decay": C**2 / (1 + C**2)}),
    ("T-ADAM-10", {"average": (C - 1) / 3}),
    ("T-ADAM-11", {"weight": (1 - beta1 ** (t - 1)) / (1 - beta1)}),
    ("T-ADAM-11", {"recurrence": 1 + w_before}),
    ("T-ADAM-11", {"estimate": beta1 * m_hat + (1 - beta1) * g}),
    ("T-AMX-1", {"total": (1 - beta2**p) * Sum(beta2 ** (t - i) * Abs(g_at[i]) ** p, (i, 1, t))}),
    ("T-AMX-2", {"high": 1 - beta2**p}),
    ("T-AMX-2", {"low": S.One}),
    ("T-AMX-3", {"term": Abs(g_at[i])}),
    ("T-AMX-3", {"term": beta2 ** (t - i + 1) * Abs(g_at[i])}),
    ("T-AMX-4", {"low": 1 - b}),
    ("T-AMX-4", {"high": 1 - b ** (t - 1)}),
    ("T-AMX-5", {"norm": g}),
    ("T-AMX-5", {"step": -eta * g}),
    ("T-AMX-6", {"bound": S.One}),
    ("T-AMX-6", {"limiting": S.One}),
    ("T-AMX-6", {"second": S.One}),
    ("T-NAD-1", {"step": NAD_18.right}),
    ("T-NAD-2", {"ratio": S.One}),
    ("T-NAD-3", {"variable": theta - v_before}),
    ("T-NAD-3", {"variable": 2 * theta - SHIFT.right}),
    ("T-NAD-4", {"difference": S.Zero}),
    ("T-NAD-5", {"document": S.One}),
    ("T-NAD-5", {"first": S.One}),
    ("T-NAD-5", {"dozat_first": 1 + beta1}),
    ("T-NAD-5", {"dozat": 1 + (1 - beta1) * beta1**t / (1 - beta1**t)}),
    ("T-NAD-5", {"quasi": beta1 * m + (1 - beta1) * g}),
    ("T-NAD-5", {"torch_later": Rational("1.056")}),
    ("T-NAD-5", {"single": (beta1 * m_hat + (1 - beta1) * g) / (1 - beta1 ** (t + 1))}),
    ("T-NAD-5", {"torch_first": Rational("1.474")}),
    ("T-NAD-6", {"ratio": (1 - beta1 ** (t - 1)) / (1 - beta1**t)}),
    ("T-NAD-6", {"first": Rational(19, 10)}),
]


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_theorem_is_proved(theorem):
    evidence = theorem.prove()
    assert evidence.status == "proved", evidence.explain()
    assert "instances" not in evidence.kinds


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_statements_show_their_formulas(theorem):
    for name in theorem.claim:
        assert f"{{{name}}}" in theorem.text
    assert not [name for name in theorem.claim if f"{{{name}}}" in theorem.statement]
    assert theorem.markdown.count("$") % 2 == 0


@pytest.mark.parametrize(
    ("name", "claim"), FALSE, ids=[f"{name}-{'-'.join(claim)}-{k}" for k, (name, claim) in enumerate(FALSE)]
)
def test_false_variants_are_not_proved(name, claim):
    false = THEOREMS[name].variant(**claim)
    assert not all(part.holds for part in false.proof(**false.claim))  # no further than the first that fails


def test_every_formula_has_a_false_variant():
    tried = {(name, formula) for name, claim in FALSE for formula in claim}
    assert tried == {(name, formula) for name, theorem in THEOREMS.items() for formula in theorem.claim}


@pytest.mark.parametrize(
    ("claimed", "why"),
    [(1 + Sum(g_at[i], (i, 1, t)), "not a multiple"), (Sum(g_at[i], (i, 2, t)), "not over 1 <= i <= t")],
    ids=["more-than-a-sum", "other-range"],
)
def test_a_sum_is_unrolled_only_where_its_terms_decide(claimed, why):
    before = Symbol("S_{t-1}", real=True)
    with pytest.raises(ValueError, match=why):
        unrolled(claimed, before + g_at[t] + 1, before, "a sum")


@pytest.mark.parametrize(
    ("expression", "limit", "holds"), [(beta1**t, 0, True), (1 / (1 - beta2**t), 1, True), (1 - beta1**t, 0, False)]
)
def test_limits_are_compared_with_what_is_claimed(expression, limit, holds):
    assert tends(expression, limit, "a limit").holds is holds


def test_a_product_or_a_sum_gives_its_last_term():
    n = Sum(g_at[i], (i, 1, t + 1)) + Product(mu[j], (j, 1, t + 1)) + Product(mu[j], (j, t + 2, t + 1))
    apart = Sum(g_at[i], (i, 1, t)) + g_at[t + 1] + Product(mu[j], (j, 1, t)) * mu[t + 1] + 1
    assert one_term_on(n) == apart


def test_a_decay_of_0_is_no_exception_to_a_sum():
    """The powers of γ that the induction meets have exponents >= 0, so that it holds for γ = 0."""
    now, then = shift(gamma ** (t - i) * g_at[i], i)
    assert now.subs(gamma, 0).subs(age, 0) == g_at[t] and then.subs(gamma, 0).subs(age, 0) == 0


def test_squares_are_compared_for_real_numbers_only():
    """A root of a negative number has a square below 0, which would make anything a bound."""
    x = Symbol("x", real=True)
    assert not by_square(x, S.Zero, sqrt(-x)).holds
    assert not all(part.holds for part in within(sqrt(-(x**2) - 1), S.Zero, "a bound of 0"))


def test_signs_of_several_symbols_are_all_tried():
    one, other = Symbol("a", real=True), Symbol("b", real=True)
    assert both_signs(one * other / (one * other), S.One, (one, other), "1").holds
    assert both_signs(Abs(one) * Abs(other), Abs(one * other), (one, other), "sizes").holds
    assert not both_signs(Abs(one * other), one * other, (one, other), "not where the signs differ").holds
