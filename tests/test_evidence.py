"""Evidence is only ever what it says: true facts hold, false ones do not, and what means nothing is refused."""

import random
from fractions import Fraction

import pytest
import sympy
from optnumba.symbolic.decision.questions import Question
from optnumba.symbolic.decision.values import exact
from optnumba.symbolic.equations.notation import NablaJ, beta1, eta, gamma, letter_base, t, theta
from optnumba.symbolic.evidence import (
    Evidence,
    at_most,
    computation,
    counterexample,
    identity,
    induction,
    instances,
)
from sympy import (
    Abs,
    Derivative,
    Function,
    IndexedBase,
    Integral,
    Matrix,
    Max,
    Min,
    Mul,
    Ne,
    Piecewise,
    Pow,
    Sum,
    Symbol,
    exp,
    log,
    oo,
    pi,
    sqrt,
    symbols,
)
from sympy import Rational as Q

x, y, z = symbols("x y z", real=True)
p, r = symbols("p r", positive=True)
n, u = Symbol("n", nonnegative=True), Symbol("u", nonnegative=True)
k = Symbol("k", integer=True)
f = Function("f")
i, j = symbols("i j", integer=True, positive=True)
a = letter_base("a", "a")


def total(last=t):
    return Sum(a[i], (i, 1, last))


TRUE_IDENTITIES = {
    "a square": ((x + y) ** 2, x**2 + 2 * x * y + y**2),
    "a root of a square": (sqrt(x**2 + 2 * x * y + y**2), Abs(x + y)),
    "roots by their own": (sqrt(p) * sqrt(r), sqrt(p * r)),
    "thirds": (x / 3 + x / 6, x / 2),
    "larger and smaller": (Max(x, y) + Min(x, y), x + y),
    "the larger by the size": (Max(x, y), (x + y + Abs(x - y)) / 2),
    "cases": (Piecewise((x, x > 0), (-x, True)), Abs(x)),
    "a case that divides": (Piecewise((x**2 / x, Ne(x, 0)), (0, True)), x),
    "powers of a decay": (gamma ** (t + 1) - gamma**t, -(1 - gamma) * gamma**t),
    "powers of another exponent": ((1 - p * eta) ** (k + 1), (1 - p * eta) * (1 - p * eta) ** k),
    "even and odd multiples": (p ** (2 * y) * p**y, p ** (3 * y)),
    "a function": (f(x) * 2 + f(x), 3 * f(x)),
    "∇J": ((NablaJ(theta) + 1) ** 2, NablaJ(theta) ** 2 + 2 * NablaJ(theta) + 1),
    "a sum as it stands": (gamma * (total() + a[t + 1]), gamma * total() + gamma * a[t + 1]),
    "π": (pi * (x + 1), pi * x + pi),
    "a matrix": (Matrix([[x, y]]) * Matrix([x, y]), Matrix([x**2 + y**2])),
}


@pytest.mark.parametrize("name", TRUE_IDENTITIES)
def test_true_identities_hold(name):
    part = identity(*TRUE_IDENTITIES[name])
    assert part.holds and not part.refuted and part.residual == 0
    assert part.kind == "identity" and part.formula


FALSE_IDENTITIES = {
    "a square without its mixed term": ((x + y) ** 2, x**2 + y**2),
    "a root of a square": (sqrt((x + y) ** 2), x + y),
    "a size": (Abs(x), x),
    "a difference of roots": (sqrt(p + r), sqrt(p) + sqrt(r)),
    "almost a third": (x * Q(1, 3), x * Q(6004799503160661, 18014398509481984)),
    "almost the same": (x + Q(1, 10**40), x),
    "a quotient at 0": (Mul(x, Pow(x, -1, evaluate=False), evaluate=False), 1),
    "a quotient that may be 0/0": ((x**2 - 1) / (x - 1), x + 1),
    "a root of what may be negative": (sqrt(x) * sqrt(x + 1), sqrt(x**2 + x)),
    "a maximum": (Max(x, y), x),
    "a condition that may fail": (Piecewise((1, x > -5), (2, True)), 1),
    "a case at one point": (Piecewise((1, Ne(x, 0)), (2, True)), 1),
    "a decay at 0": (gamma / gamma ** (t + 1) * gamma**t, 1 + 0 * gamma),
    "powers of a decay": (gamma ** (2 * t), gamma ** (t + 1)),
    "matrices in one entry": (Matrix([x, y]), Matrix([x, x])),
}


@pytest.mark.parametrize("name", FALSE_IDENTITIES)
def test_false_identities_do_not_hold(name):
    part = identity(*FALSE_IDENTITIES[name])
    assert not part.holds and part.residual != 0
    assert Evidence("it", (part,)).status in ("refuted", "undecided")


def test_false_identities_come_with_numbers():
    part = identity((x + y) ** 2, x**2 + y**2)
    assert part.refuted and "refuted" in part.detail[0] and "x = " in part.detail[0]
    assert part.residual == 2 * x * y


# Opaque things never make a false proof -------------------------------------------------------------------------

g_i, h_i = IndexedBase("g", real=True), IndexedBase("h", real=True)
DIFFERENT = {
    "functions of different points": (f(x), f(y)),
    "different functions": (f(x), Function("h")(x)),
    "∇J at different points": (NablaJ(theta), NablaJ(theta - gamma)),
    "sums of different terms": (Sum(g_i[i], (i, 1, t)), Sum(h_i[i], (i, 1, t))),
    "sums of different range": (Sum(g_i[i], (i, 1, t)), Sum(g_i[i], (i, 1, t + 1))),
    "a sum and its term": (Sum(g_i[i], (i, 1, t)), t * g_i[t]),
    "sums of powers of different bases": (Sum(gamma**i, (i, 1, t)), Sum(beta1**i, (i, 1, t))),
    "a sum of squares": (Sum(g_i[i] ** 2, (i, 1, t)), Sum(g_i[i], (i, 1, t)) ** 2),
    "a derivative and its function": (Derivative(f(x), x), f(x)),
    "powers of different bases": (p**y, r**y),
    "powers of different exponents": (p**y, p**z),
    "powers with the other sign": (p**y, p ** (-y)),
    "a power and its double": (p**y, p ** (2 * y)),
    "a power of a sum": (p ** (y + 1), p**y + p),
    "powers of a decay by other exponents": (gamma ** (t - i), gamma ** (t - j)),
    "an exponential": (exp(x), exp(y)),
    "a logarithm": (log(p * (1 + r)), log(p) * log(1 + r)),
    "π and a number": (pi, Q(22, 7)),
    "signs": (sympy.sign(x), 1 + 0 * x),
    "a function and a symbol called as its place-holder": (f(x), Symbol("q1", real=True)),
    "two place-holders": (f(x) + Symbol("q1", real=True), f(x) + Symbol("q2", real=True)),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_opaque_things_that_differ_are_not_equal(name):
    part = identity(*DIFFERENT[name])
    assert not part.holds
    # Numbers for a free symbol need not be numbers that the thing can have.
    assert not part.refuted


def test_opaque_things_have_no_sign_that_they_may_not_have():
    # A sum of positive terms is 0 where it is empty, an integral negative where its bounds are the other way round.
    assert not at_most(0, Sum(i, (i, 1, k)), strict=True).holds
    assert not at_most(0, Integral(p, (p, 1, r))).holds
    assert not at_most(0, f(x)).holds
    assert at_most(0, f(x) ** 2).holds and not at_most(0, f(x) ** 2, strict=True).holds
    assert at_most(0, exp(x), strict=True).holds and at_most(0, p**y, strict=True).holds
    assert not at_most(0, gamma**y, strict=True).holds
    assert not at_most(0, x**k).holds and at_most(0, x ** (2 * k)).holds
    assert not at_most(0, log(p)).holds


NOT_REAL = {
    "x**y may be complex": x**y,
    "x**(2y), which is x for y = 1/2": x ** (2 * y),
    "(-p)**y": (-p) ** y,
    "the logarithm of a negative number": log(x),
    "a complex constant": sympy.I * x,
    "a root of -1 in a sum": Sum(sympy.I * i, (i, 1, k)),
    "powers in a sum": Sum(x ** (y * i), (i, 1, k)),
    "a symbol without assumptions": Symbol("x") + 1,
    "a complex symbol": Symbol("c", complex=True),
    "a symbol that may be infinite": Symbol("e", extended_real=True),
    "an imaginary function": Function("h", imaginary=True)(x),
    "exp of an imaginary number": exp(sympy.I * x),
}


@pytest.mark.parametrize("name", NOT_REAL)
def test_what_is_not_real_is_refused(name):
    with pytest.raises(ValueError, match="not known to be real|means nothing"):
        identity(NOT_REAL[name], NOT_REAL[name])


MEANINGLESS = {
    "infinity": oo + x * 0,
    "nan": sympy.nan,
    "a float": 0.1 * x,
    "a python float": 0.25,
    "a limit that was not evaluated": sympy.Limit(f(x), x, 0),
    "a piecewise with a gap": Piecewise((x, x > 0)),
    "a condition": x > 0,
    "a truth value": True,
    "a matrix beside a scalar": Matrix([x]),
    "an empty matrix": sympy.zeros(0, 0),
    "an order term": sympy.Order(x),
    "a set": sympy.Interval(0, 1),
}


@pytest.mark.parametrize("name", MEANINGLESS)
def test_what_means_nothing_is_refused(name):
    other = sympy.zeros(0, 0) if name == "an empty matrix" else x
    with pytest.raises(ValueError, match=r"\w+"):
        identity(MEANINGLESS[name], other)
    with pytest.raises(ValueError, match=r"\w+"):
        at_most(MEANINGLESS[name], x)


def test_matrices_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        identity(Matrix([x, y]), Matrix([[x, y]]))
    with pytest.raises(ValueError, match="one shape"):
        identity(x, Matrix([x]))


# Symbols --------------------------------------------------------------------------------------------------------


def test_symbols_that_print_alike_are_different():
    real, positive, plain = Symbol("s", real=True), Symbol("s", positive=True), Symbol("s_1", real=True)
    assert not identity(real, positive).holds
    assert not identity(positive, plain).holds and not identity(real, plain).holds
    assert identity(real + positive + plain, plain + positive + real).holds
    assert not identity(real + positive - plain, real).holds
    assert not identity(sympy.Dummy("s", real=True), sympy.Dummy("s", real=True)).holds
    spare = Symbol("r1", real=True)  # as the procedure calls the first root
    assert not identity(sqrt(p), spare).holds and not identity(sqrt(p) * spare, p).holds
    gap = Symbol("δ1", real=True)
    assert not identity(Abs(x) + gap, x).holds


def test_units_that_print_alike_are_refused():
    one, other = Symbol("b", real=True), Symbol("b", positive=True)
    with pytest.raises(ValueError, match="print alike"):
        identity(one**t * other, other**t * one, units=[one, other])


def test_units_are_in_the_unit_interval():
    b = Symbol("b", real=True)
    assert at_most(b, 1, strict=True, units=[b]).holds and at_most(0, b, units=[b]).holds
    assert not at_most(b, 1).holds and not at_most(0, b, strict=True, units=[b]).holds
    assert identity(b ** (t + 1), b * b**t, units=[b]).holds
    assert at_most(gamma, 1, strict=True).holds


def test_no_refutation_by_numbers_that_a_symbol_cannot_have():
    # True for integers, negative and nonzero numbers; the procedure takes them for real ones and may not know.
    truths = [
        at_most(k, k**2),
        at_most(1, Symbol("m", integer=True, positive=True)),
        at_most(Symbol("m", negative=True), 0, strict=True),
        at_most(0, Symbol("m", nonzero=True, real=True) ** 2, strict=True),
    ]
    for part in truths:
        assert not part.refuted
    assert at_most(k**2, k).refuted
    assert all(number.denominator == 1 for name, number in _numbers(at_most(k**2, k)).items() if name == "k")


def _numbers(part):
    pairs = part.detail[0].partition(" at ")[2].split(", ")
    return {name: Fraction(number) for name, number in (pair.split(" = ") for pair in pairs)}


# What is given --------------------------------------------------------------------------------------------------


def test_given_is_respected():
    assert identity(Abs(x), x, given=[(x, 1)]).holds and identity(Abs(x), -x, given=[(x, -1)]).holds
    assert not identity(Abs(x), -x, given=[(x, 1)]).holds
    assert identity(x * y, 0, given=[(x, 0)]).holds and not identity(x * y, 0, given=[(x - 1, 0)]).holds
    assert identity(Max(x, y), x, given=[(x - y, 1)]).holds and not identity(Max(x, y), y, given=[(x - y, 1)]).holds
    assert identity(x / y * y, x, given=[(y, 1)]).holds
    assert at_most(x, z, given=[(z - y, 1), (y - x, 1)], strict=True).holds
    assert not at_most(z, x, given=[(z - y, 1), (y - x, 1)]).holds
    assert identity(1 / (1 - x) * (1 - x**2), 1 + x, given=[(1 - x, 1)]).holds
    assert "given x > 0" in identity(Abs(x), x, given=[(x, 1)]).detail


def test_given_numbers_refute_only_where_it_is_so():
    part = identity(Abs(x), y, given=[(x, 1), (y - 5, 1)])
    numbers = _numbers(part)
    assert part.refuted and numbers["x"] > 0 and numbers["y"] > 5


def test_a_given_even_power_takes_no_side():
    with pytest.raises(ValueError, match="could not be used"):
        identity(Abs(x), -x, given=[(x**2, 1)])
    assert identity(Abs(x), 0, given=[(x**2, 0)]).holds


UNUSABLE = {
    "a contradiction": [(p, -1)],
    "two that contradict": [(x - y, 1), (y - x, 1)],
    "three that contradict": [(x - y, 1), (y - z, 1), (z - x, 1)],
    "a product": [(x * y, 1)],
    "a quotient": [(1 / x, 1)],
    "a sign that is none": [(x, 2)],
    "a decay above 1": [(gamma - 1, 1)],
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_assumptions_that_cannot_be_used_are_refused(name):
    with pytest.raises(ValueError, match="given"):
        identity(x, x + 1, given=UNUSABLE[name])


# Inequalities ---------------------------------------------------------------------------------------------------


def test_inequalities():
    assert at_most(2 * x * y, x**2 + y**2).holds
    assert not at_most(2 * x * y, x**2 + y**2, strict=True).holds
    assert at_most(2 * x * y, x**2 + y**2, strict=True).refuted
    assert at_most(Abs(x + y), Abs(x) + Abs(y)).holds and not at_most(Abs(x) + Abs(y), Abs(x + y)).holds
    assert at_most(gamma**t, 1).holds and not at_most(1, gamma**t).holds
    assert at_most(1, t).holds and not at_most(2, t).holds
    part = at_most(1, 2, "one is below two")
    assert part.kind == "inequality" and part.statement == "one is below two" and r"\le" in part.formula


@pytest.mark.parametrize(
    ("left", "right"), [(1 / x, 1 / x), (sqrt(x), sqrt(x)), (y / x + 1, (x + y) / x)], ids=["1/x", "√x", "a quotient"]
)
def test_what_is_undefined_on_both_sides_is_not_equal(left, right):
    part = identity(left, right)
    assert not part.holds and part.residual is sympy.nan


def test_an_inequality_with_something_undefined_does_not_hold():
    assert "undefined at x = 0" in at_most(-1, 1 / x**2).detail[0] and "false at" in at_most(x, -1).detail[0]
    assert not at_most(-1, 1 / x**2).holds
    assert not at_most(0, sqrt(x)).holds
    assert at_most(0, sqrt(n)).holds


# 0**0, and powers at 0 ------------------------------------------------------------------------------------------


def test_powers_at_zero():
    assert gamma**sympy.S.Zero == 1  # SymPy's, and the document's
    assert not identity(gamma ** (t - 1), 0).holds and not identity(gamma ** (t - 1), 1).holds
    assert not identity(0**n, 0).holds
    assert identity(x**2 * x, x**3).holds
    part = identity(gamma ** (t + 1) / gamma, gamma**t)
    assert part.refuted and "undefined" in part.detail[0] and _numbers(part)["γ"] == 0
    assert identity(gamma ** (t + 1) / gamma, gamma**t, given=[(gamma, 1)]).holds
    assert not identity((x + y) ** (-2) * (x + y) ** 2 * z, Piecewise((z, Ne(x + y, 0)), (0, True))).holds


# Computations ---------------------------------------------------------------------------------------------------


def test_computations():
    m = Symbol("m", positive=True)
    part = computation("limit as m -> oo", sympy.limit(m / (m + 1), m, oo), 1)
    assert part.holds and part.kind == "computation" and part.detail[0] == "limit as m -> oo"
    assert computation("limit", oo, oo).holds and computation("limit", oo, -oo).refuted
    assert computation("limit", oo, Q(1, 2)).refuted
    unknown = computation("limit", oo, x)
    assert not unknown.holds and not unknown.refuted
    assert computation("limit", (x - 1) * (x + 1), x**2 - 1).holds
    assert computation("solve", {x, y}, {y, x}).holds and not computation("solve", [x, y], [y, x]).holds
    assert computation("test", sympy.false, False).holds and computation("test", True, sympy.S.false).refuted
    assert not computation("test", 1, True).holds
    assert computation("python numbers", 2, Fraction(4, 2)).holds and not computation("numbers", 2, 3).holds


def test_a_computation_without_result_does_not_hold():
    assert not computation("limit", sympy.nan, sympy.nan).holds
    assert not computation("limit", sympy.zoo, sympy.zoo).holds
    assert not computation("summation", Sum(gamma**i, (i, 1, t)), gamma * (1 - gamma**t) / (1 - gamma)).holds
    with pytest.raises(ValueError, match="Limit"):
        computation("limit", sympy.Limit(f(x), x, 0), f(0))
    with pytest.raises(ValueError, match="decimals"):
        computation("a float", 0.5, Q(1, 2))


def test_computed_sets():
    open_part = sympy.Interval.open(0, 2)
    assert computation("solve", open_part, sympy.Interval.open(0, 2)).holds
    assert computation("solve", open_part, sympy.Interval(0, 2)).refuted
    assert computation("solve", open_part, sympy.Interval.open(0, 4)).refuted
    unknown = computation("solve", sympy.Interval.open(0, p), sympy.Interval.open(0, r))
    assert not unknown.holds and not unknown.refuted


# Counterexamples ------------------------------------------------------------------------------------------------


def test_counterexamples():
    part = counterexample("roots do not add", sqrt(p + r), sqrt(p) + sqrt(r), {p: 1, r: 1})
    assert part.holds and part.kind == "counterexample"
    assert part.detail == ("at p = 1, r = 1: sqrt(2) and 2",)
    assert counterexample("entries", Matrix([x, y]), Matrix([x, x]), {x: 1, y: 2}).holds
    assert counterexample("numbers", Q(1, 3), Q(33333333333, 100000000000)).holds
    assert not counterexample("they agree", x**2, x, {x: 1}).holds
    agree = counterexample("so do these", sqrt(2) * sqrt(3), sqrt(6))
    assert not agree.holds and not agree.refuted and agree.detail == ("both sides agree",)


def test_a_counterexample_is_not_what_evalf_cannot_tell():
    # Equal numbers of different form, of great size, and tiny.
    for scale in (10**200, 1, Q(1, 10**200)):
        left, right = scale * (sqrt(2) + sqrt(3)) ** 2, scale * (5 + 2 * sqrt(6))
        assert left != right
        assert not counterexample("equal", left, right).holds


def test_counterexamples_need_numbers_that_may_be():
    with pytest.raises(ValueError, match="leaves y open"):
        counterexample("open", x, y, {x: 1})
    for at in ({p: -1}, {p: 0}, {k: Q(1, 2)}, {gamma: 2}, {gamma: 1}, {gamma: Q(-1, 2)}, {t: 0}, {x: sympy.I}, {x: oo}):
        symbol = next(iter(at))
        with pytest.raises(ValueError, match="outside|exact"):
            counterexample("outside", symbol, symbol + 1, at)
    with pytest.raises(ValueError, match="exact"):
        counterexample("a float", x, y, {x: 0.1, y: 0})
    with pytest.raises(ValueError, match="defined"):
        counterexample("undefined", 1 / x, y, {x: 0, y: 1})
    with pytest.raises(ValueError, match="defined"):
        counterexample("no number", NablaJ(x), y, {x: 0, y: 1})


# Induction, instances, evidence ---------------------------------------------------------------------------------


def test_induction_needs_base_and_step():
    good, bad = identity(x, x, "good"), identity(x, y, "bad")
    part = induction(good, good, "all")
    assert part.holds and part.kind == "induction"
    assert part.detail == ("base: good", "step: good")
    for base, step in ((good, bad), (bad, good), (bad, bad), ((good, bad), good), (good, [bad, good])):
        failed = induction(base, step, "all")
        assert not failed.holds and failed.refuted and "bad" in failed.detail
    with pytest.raises(ValueError, match="lacks its base"):
        induction((), good, "all")
    with pytest.raises(ValueError, match="lacks its step"):
        induction(good, (), "all")


def test_instances_are_no_proof_anywhere():
    part = instances("in general", [("x = 1", x / x, sympy.S.One), ("y", y + y, 2 * y)])
    assert part.holds and part.kind == "instances"
    evidence = Evidence("it", (identity(x, x), part))
    assert evidence.holds and not evidence.proved and not evidence
    assert evidence.status == "holds on the stated instances"
    with pytest.raises(ValueError, match="instances only"):
        induction(part, identity(x, x), "all")
    with pytest.raises(ValueError, match="empty"):
        instances("nothing", [])
    assert not instances("in general", [("good", x, x), ("bad", x, y)]).holds


def test_statuses():
    good, false, unknown = identity(x, x), identity(x, y), identity(f(x), f(y))
    assert Evidence("it", (good,)).status == "proved" and Evidence("it", (good,))
    assert Evidence("it", (good, false)).status == "refuted"
    assert Evidence("it", (good, unknown)).status == "undecided"
    assert Evidence("it", (unknown, false)).status == "refuted"
    approximate = Evidence("it", (good,), x**2)
    assert approximate.status == "approximation" and not approximate.proved and approximate.holds
    assert Evidence("it", (false,), x**2).status == "refuted"
    assert Evidence("it", [good, good]).kinds == ("identity",)
    with pytest.raises(ValueError, match="no evidence"):
        Evidence("it", ())


def test_explanations():
    evidence = Evidence("two facts", (identity(x + x, 2 * x, "doubling"), identity(f(x), y, "unlike")), x**2)
    lines = evidence.explain().splitlines()
    assert lines[0] == "two facts: undecided"
    assert "  off by exactly x**2" in lines
    assert "  [ok] identity: doubling" in lines and "  [FAILS] identity: unlike" in lines
    assert any("decided: the difference is literally 0" in line for line in lines)
    assert any("with q1 for f(x)" in line for line in lines)
    assert all(len(line) <= 120 for line in lines)
    assert repr(evidence) == "Evidence('two facts', undecided)"


def test_markdown():
    evidence = Evidence("two facts", (identity(gamma * 2, gamma + gamma, "doubling"), identity(x, y, "unlike")))
    text = evidence._repr_markdown_()
    assert text.startswith("**two facts**: refuted")
    assert r"$\displaystyle 2 \gamma = 2 \gamma$" in text
    assert text.count("**fails**") == 1 and text.count("- identity") == 2
    assert text.count("$") % 2 == 0


def test_a_fraction_stays_what_it_is():
    assert exact(Fraction(1, 3)) == Fraction(1, 3) and exact(0.1) == Fraction(1, 10)


def test_a_question_keeps_what_sympy_was_told_not_to_cancel():
    question = Question([Mul(x, Pow(x, -1, evaluate=False), evaluate=False)])
    assert question.values[0].op in "*/"


# Nothing that holds is false at random numbers ------------------------------------------------------------------

RANDOM = random.Random(20260101)
LETTERS = (x, y, p, n, gamma)


def _expression(depth):
    if depth == 0:
        return RANDOM.choice([*LETTERS, sympy.Integer(RANDOM.randint(-3, 3)), Q(RANDOM.randint(-3, 3), 3)])
    one, other = _expression(depth - 1), _expression(RANDOM.randint(0, depth - 1))
    make = (
        lambda: one + other,
        lambda: one * other,
        lambda: one / other if other != 0 else one,
        lambda: sqrt(Abs(one) + 1),
        lambda: Abs(one),
        lambda: Max(one, other),
        lambda: Min(one, other),
        lambda: one * gamma ** (t + RANDOM.randint(0, 2)),
        lambda: Piecewise((one, other > 0), (RANDOM.choice(LETTERS), True)),
    )
    return RANDOM.choice(make)()


def _rewritten(e):
    q = RANDOM.choice(LETTERS) + 1
    forms = (e.expand(), sympy.factor(e), Abs(e), Max(e, q), sqrt(e**2), e * q / q, e.subs(x, n), e.subs(n, p))
    return RANDOM.choice(forms)


def _number(symbol):
    if symbol is t:
        return RANDOM.choice((1, 2, 5))
    if symbol is gamma:
        return RANDOM.choice((0, Q(1, 2), Q(9, 10)))
    return Q(RANDOM.randint(1 if symbol is p else 0 if symbol is n else -6, 6), RANDOM.randint(1, 4))


def test_nothing_that_holds_is_false_at_random_numbers():
    held = 0
    for _ in range(60):
        left = _expression(RANDOM.randint(1, 3))
        right, given = _rewritten(left), []
        if RANDOM.random() < 0.4:
            given = [(_expression(1), RANDOM.choice((-1, 0, 1)))]
        try:
            equal = identity(left, right, given=given)
            below = at_most(left, right, given=given)
        except ValueError:
            continue
        held += equal.holds + below.holds
        for _ in range(10 if equal.holds or below.holds else 0):
            free = set().union(*(e.free_symbols for e in (left, right, *(e for e, _ in given))))
            at = {s: _number(s) for s in sorted(free, key=str)}  # the same numbers whatever the hashes are
            if any(sympy.sign(e.subs(at)) != sign for e, sign in given):
                continue
            gap = sympy.N(left.subs(at) - right.subs(at), 30)
            assert gap.is_real, (left, right, given, at)
            assert not equal.holds or abs(gap) < 1e-25, (left, right, given, at)
            assert not below.holds or gap < 1e-25, (left, right, given, at)
    assert held > 10
