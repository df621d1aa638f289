"""The document's path to each update: every step holds, is connected, can fail, and reads well."""

import functools
import math
import re
from dataclasses import replace

import mpmath
import pytest
import sympy
from optnumba.symbolic.derivations import DERIVATIONS, Derivation, derivation
from optnumba.symbolic.derivations.layout import block, latex, line
from optnumba.symbolic.equations import UPDATES, adadelta, adam, nadam, notation
from optnumba.symbolic.equations.notation import NablaJ

STEPS = [(name, k) for name, one in DERIVATIONS.items() for k in range(len(one))]
NAMES = [f"{name}-{k + 1}-{DERIVATIONS[name][k].after.id}" for name, k in STEPS]
every_step = pytest.mark.parametrize(("name", "k"), STEPS, ids=NAMES)
every_derivation = pytest.mark.parametrize("name", DERIVATIONS)

APPROXIMATIONS = {
    ("sgd", "GD/d"),
    ("nag", "NAG-3"),
    ("adadelta", "AD-1"),
    ("adadelta", "AD-5"),
    ("adadelta", "AD-11"),
    ("adadelta", "AD-14"),
    ("nadam", "NAD-17"),
}


@functools.cache
def evidence(name, k):
    return DERIVATIONS[name][k].check()


def the_step(name, after):
    (found,) = [step for step in DERIVATIONS[name] if step.after.id == after]
    return found


# What is shown ---------------------------------------------------------------------------------------------------


@every_step
def test_every_step_holds(name, k):
    step, found = DERIVATIONS[name][k], evidence(name, k)
    assert found.holds, found.explain()
    assert "instances" not in found.kinds
    if step.kind in ("equality", "choice"):
        assert found.proved and found.discrepancy is None
    else:
        assert found.status == "approximation" and found.discrepancy == step.difference


def test_the_approximations_are_these_and_no_others():
    found = {(name, step.after.id) for name, one in DERIVATIONS.items() for step in one if not step.exact}
    assert found == APPROXIMATIONS
    heuristics = [step.after.id for one in DERIVATIONS.values() for step in one if step.kind == "heuristic"]
    assert heuristics == ["NAD-12"]


@every_derivation
def test_what_is_written_as_an_equality_is_one(name):
    """The document's own ≈ is on no equality and on no choice."""
    assert all(step.after.relation != "≈" for step in derivation(name) if step.kind in ("equality", "choice"))


@every_derivation
def test_a_derivation_arrives_at_the_update(name):
    steps, update = derivation(name).steps, UPDATES[name].equations
    assert steps[-1].after is update[-1]
    reached = [*derivation(name).given, *(step.after for step in steps)]
    for equation in update:
        assert any(equation is other for other in reached), equation.id


@every_derivation
def test_what_is_given_is_used(name):
    one = derivation(name)
    used = [e for step in one for e in (step.before, *step.uses)] + list(UPDATES[name].equations)
    for equation in one.given:
        assert any(equation is other for other in used), equation.id


@every_derivation
def test_a_step_from_nowhere_is_refused(name):
    one = derivation(name)
    needed = next(e for e in one.given if any(e is other for step in one for other in (step.before, *step.uses)))
    given = tuple(e for e in one.given if e is not needed)
    with pytest.raises(ValueError, match=f"needs {re.escape(needed.id)}, which is not there"):
        replace(one, given=given)


def test_a_step_cannot_come_before_what_it_needs():
    one = derivation("adam")
    with pytest.raises(ValueError, match="which is not there yet"):
        replace(one, steps=one.steps[::-1])


# What is false fails ---------------------------------------------------------------------------------------------


def false_variant(equation):
    """Return an equation with something false in it."""
    if equation.right is None:
        return replace(equation, left=2 * equation.left)
    if isinstance(equation.right, sympy.Eq):
        return replace(equation, right=sympy.Eq(2 * equation.right.lhs, equation.right.rhs, evaluate=False))
    if equation.right.is_Matrix:
        return replace(equation, right=sympy.MatMul(2, equation.right))
    if equation.id == "MOM-3":
        return replace(equation, right=equation.right + 1)
    if isinstance(equation.right, sympy.Limit):
        function, variable, *rest = equation.right.args
        return replace(equation, right=sympy.Limit(function**2, variable, rest[0], "-"))
    return replace(equation, right=2 * equation.right)


@every_step
def test_a_step_to_a_false_equation_fails(name, k):
    step = DERIVATIONS[name][k]
    assert not replace(step, after=false_variant(step.after)).check().holds


# Steps that twice an equation does not harm: they need a part of it alone, or its ratio to itself.
UNHARMED = {
    ("NAG-1", "MOM-1"),  # where its gradient is taken
    ("AD-10", "AD-6"),  # one unit over another
    ("AD-11", "AD-10"),  # Newton's step, which stands between its sides
    ("AD-13", "AD/b"),  # one RMS over another
    ("AMX-4", "AMX/d"),  # its left side
}


def refused(step):
    """Return whether a step fails; a proof may also find nothing to go on in a false equation."""
    try:
        return not step.check().holds
    except (AttributeError, ValueError):
        return True


@every_step
def test_a_step_from_a_false_equation_fails(name, k):
    step = DERIVATIONS[name][k]
    for equation in (step.before, *step.uses):
        swapped = {id(equation): false_variant(equation)}
        before, *uses = (swapped.get(id(e), e) for e in (step.before, *step.uses))
        fails = refused(replace(step, before=before, uses=tuple(uses)))
        assert fails == ((step.after.id, equation.id) not in UNHARMED), equation.id


@pytest.mark.parametrize(
    ("name", "k"), [(n, k) for n, k in STEPS if DERIVATIONS[n][k].difference is not None], ids=lambda x: str(x)
)
def test_a_false_difference_fails(name, k):
    step = DERIVATIONS[name][k]
    found = replace(step, difference=2 * step.difference).check()
    assert not found.holds


FALSE = {
    "the sign of a past step": ("momentum", "MOM-4", lambda r: r.subs(notation.gamma, -notation.gamma)),
    "a weight one power too high": ("momentum", "MOM/a", lambda r: r * notation.gamma),
    "the gradient where Momentum takes it": (
        "nag",
        "NAG-4",
        lambda r: r.replace(NablaJ, lambda _: NablaJ(notation.theta)),
    ),
    "γ once in the shifted form": ("nag", "NAG/d", lambda r: r.subs(notation.gamma**2, notation.gamma)),
    "ε outside the root": ("adagrad", "AG-7", lambda r: r.subs(notation.eps, notation.eps**2)),
    "the mean after the step": ("adadelta", "AD-14", lambda r: r.subs(adadelta.D_before, adadelta.D)),
    "a step uphill": ("adadelta", "AD-13", lambda r: -r),
    "the average without its own γ": ("rmsprop", "RMS-1", lambda r: r.subs(1 - notation.gamma, 1)),
    "bias correction with t - 1": ("adam", "ADAM-4", lambda r: r.subs(notation.t, notation.t - 1)),
    "β₁ in the second moment": ("adam", "ADAM-5", lambda r: r.subs(notation.beta2, notation.beta1)),
    "no correction of the bias": ("adam", "ADAM/c", lambda r: r / (1 - notation.beta1**notation.t)),
    "β₂ and not its power": (
        "adamax",
        "AMX-3",
        lambda r: r.subs(notation.beta2, notation.beta2 ** sympy.Rational(1, 2)),
    ),
    "a maximum that does not decay": ("adamax", "AMX-5", lambda r: r.subs(notation.beta2, 1)),
    "a correction of the mean one step on": ("nadam", "NAD-16", lambda r: r.subs(notation.t, notation.t + 1)),
    "the new moment too early": ("nadam", "NAD-17", lambda r: r.subs(nadam.m_hat_before, adam.m_hat)),
    "Dozat's divisor": ("nadam", "NAD-18", lambda r: r.subs(adam.m_hat, 2 * adam.m_hat)),
}


@pytest.mark.parametrize("what", FALSE)
def test_a_plausible_mistake_fails(what):
    name, after, change = FALSE[what]
    step = the_step(name, after)
    false = change(step.after.right)
    assert false != step.after.right
    assert not replace(step, after=replace(step.after, right=false)).check().holds


# What is neglected, with numbers that no part of the proofs has seen --------------------------------------------


def number(expression, values):
    """Return an expression as a float, with numbers for its symbols and for whatever else is in it."""
    return float(sympy.sympify(expression).xreplace({k: sympy.Float(x, 40) for k, x in values.items()}).evalf(30))


def agree(step, found, values):
    """Check that a discrepancy found with floats is the stated one, and is there."""
    stated = number(step.discrepancy, values)
    assert abs(found) > 1e-6
    assert stated == pytest.approx(found, rel=1e-9)


def test_one_term_for_the_mean_is_off_by_noise_of_mean_0():
    from optnumba.symbolic.derivations.sgd import N, mean, term

    terms, rate, step = [0.3, -1.2, 2.5], 0.1, the_step("sgd", "GD/d")
    whole = -rate * sum(terms)  # batch gradient descent
    found = [-len(terms) * rate * one - whole for one in terms]
    for gap, one in zip(found, terms, strict=True):
        agree(step, gap, {N: 3, notation.eta: rate, term[notation.i]: one, mean: sum(terms) / 3})
    assert sum(found) == pytest.approx(0, abs=1e-14)


def test_the_known_part_of_the_velocity_is_off_by_the_scaled_gradient():
    from optnumba.symbolic.equations.momentum import v, v_before

    def slope(x):  # of J = x⁴/4
        return x**3

    theta, past, rate, decay = 1.3, -0.4, 0.05, 0.9
    velocity = decay * past + rate * slope(theta)
    found = slope(theta - decay * past) - slope(theta - velocity)
    step = the_step("nag", "NAG-3")
    cubic = replace(step, difference=step.difference.replace(NablaJ, slope))
    values = {notation.theta: theta, v: velocity, v_before: past, notation.eta: rate, notation.gamma: decay}
    agree(cubic, found, values)


def test_the_decaying_average_is_off_by_what_leaves_the_window():
    gradients = [math.sin(3 * k) + 0.2 * k for k in range(14)]
    squares, width, decay = [x * x for x in gradients], 10, 0.9
    before, now = (sum(squares[k - width : k]) / width for k in (13, 14))  # means over two windows
    found = decay * before + (1 - decay) * squares[13] - now
    step = the_step("adadelta", "AD-1")
    oldest = notation.g_at[notation.t - adadelta.window]
    agree(step, found, {oldest: gradients[3], adadelta.E_before: before, notation.gamma: decay})


def test_the_finite_difference_is_off_by_the_remainder():
    step, left, right = the_step("adadelta", "AD-5"), 0.4, 1.1
    found = (math.sin(right) - math.sin(left)) / (right - left) - math.cos(left)
    of_sine = step.discrepancy.replace(lambda e: isinstance(e, sympy.Derivative), lambda e: -sympy.sin(e.args[1][0]))
    agree(replace(step, difference=of_sine.doit()), found, {adadelta.time: right, adadelta.time_0: left})


def test_newtons_step_is_off_for_any_other_step():
    x, move, step = 1.3, -0.2, the_step("adadelta", "AD-11")
    first, second = 4 * x**3, 12 * x**2  # of J = x⁴
    found = -move / first - 1 / second
    plain = step.discrepancy.subs({adadelta.second: second, adadelta.first: first})
    agree(replace(step, difference=plain), found, {adadelta.step: move})


def test_the_average_of_the_step_before_is_off_by_one_step():
    E, before, gradient, decay, eps = 0.7, 0.02, 1.4, 0.9, 1e-6
    move = -0.3
    now = decay * before + (1 - decay) * move**2
    found = -(math.sqrt(before + eps) - math.sqrt(now + eps)) / math.sqrt(E + eps) * gradient
    values = {adadelta.E: E, adadelta.D_before: before, adadelta.D: now, adadelta.delta: move, notation.g: gradient}
    agree(the_step("adadelta", "AD-14"), found, {**values, notation.gamma: decay, notation.eps: eps})


def test_the_two_corrections_of_nadam_are_off_by_one_factor():
    step, beta, rate, eps, root = the_step("nadam", "NAD-17"), 0.9, 0.01, 1e-8, 0.8
    factor = step.terms["factor"]
    assert sympy.simplify(factor - (1 - notation.beta1 ** (notation.t - 1)) / (1 - notation.beta1**notation.t)) == 0
    moment = 0.0
    for k in range(1, 8):
        past, gradient = moment, math.cos(k)
        moment = beta * moment + (1 - beta) * gradient
        if k == 1:
            continue  # the moment before the first is 0/0
        fresh = (1 - beta) * gradient / (1 - beta**k)
        exact = -rate / (root + eps) * (beta * past / (1 - beta**k) + fresh)
        hat = past / (1 - beta ** (k - 1))
        found = -rate / (root + eps) * (beta * hat + fresh) - exact
        values = {notation.eta: rate, notation.beta1: beta, notation.eps: eps, adam.v_hat: root**2}
        agree(step, found, {**values, nadam.m_hat_before: hat, notation.t: k})
        assert number(factor, {notation.beta1: beta, notation.t: k}) == pytest.approx(past / hat / (1 - beta**k))


def test_the_heuristic_of_nadam_is_off_by_the_next_gradient():
    step, rate, decay = the_step("nadam", "NAD-12"), 0.1, 0.9
    past, now, then = 0.3, 1.1, -0.7  # the moment, and two gradients
    moment = decay * past + rate * now
    found = -(decay * moment + rate * then) + (decay * moment + rate * now)
    agree(step, found, {notation.eta: rate, notation.g: now, notation.g_next: then})


# What is arrived at, run ------------------------------------------------------------------------------------------


def test_the_root_in_adamax_goes_to_the_maximum():
    gradients, decay = [0.3, -2.0, 0.5, 1.1], 0.8
    limit = max(decay ** (4 - i) * abs(x) for i, x in enumerate(gradients, 1))
    with mpmath.workdps(40):
        for p, gap in ((10, 0.2), (100, 0.02), (2000, 1e-3)):
            v = mpmath.mpf(0)
            for x in gradients:
                v = mpmath.mpf(decay) ** p * v + (1 - mpmath.mpf(decay) ** p) * mpmath.mpf(abs(x)) ** p
            assert abs(v ** (mpmath.mpf(1) / p) / limit - 1) < gap


def test_nag_runs_in_the_shifted_variable_as_it_does_in_its_own():
    slope, rate, decay = math.sin, 0.1, 0.9
    theta, v, phi, w = 1.0, 0.0, 1.0, 0.0
    for _ in range(50):
        v = decay * v + rate * slope(theta - decay * v)
        theta -= v
        phi, w = phi - decay**2 * w - (1 + decay) * rate * slope(phi), decay * w + rate * slope(phi)
        assert phi + decay * w == pytest.approx(theta, abs=1e-13)


# How it reads -----------------------------------------------------------------------------------------------------


def test_text_of_nadam():
    text = str(derivation("nadam"))
    assert "12. NAD-16 to NAD-17 (an approximation): put m̂ₜ₋₁ for mₜ₋₁/(1 - β₁ᵗ)." in text
    assert "By NAD/c these differ by the factor (1 - β₁ᵗ⁻¹)/(1 - β₁ᵗ), which is left out." in text
    assert (
        """
                      ⎛        (1 - β₁)⋅gₜ⎞
                    η⋅⎜β₁⋅m̂ₜ + ───────────⎟
                      ⎝          1 - β₁ᵗ  ⎠
        θₜ₊₁ = θₜ - ───────────────────────
                            √v̂ₜ + ε
"""
        in text
    )


@every_derivation
def test_text_is_numbered_and_fits_a_terminal(name):
    text = str(derivation(name))
    numbers = re.findall(r"^(\d+)\. ", text, re.M)
    assert numbers == [str(k) for k in range(1, len(derivation(name)) + 1)]
    assert max(map(len, text.splitlines())) <= 100
    for leak in ("{", "Derivative", "Sum(", "Piecewise", "_t", "**"):
        assert leak not in re.sub(r"_\{[^}]*\}", "", text), leak


@every_derivation
def test_texts_have_their_formulas_as_data(name):
    """Words are ASCII: every formula in them is a term, set anew for each output."""
    for step in derivation(name):
        assert (step.doing + step.because).isascii(), step
        assert not re.search(r"(?<!_)\{", step.operation + step.justification), step


def balanced(text):
    depth = 0
    for c in re.sub(r"\\[{}]", "", text):
        depth += (c == "{") - (c == "}")
        if depth < 0:
            return False
    return depth == 0


@every_derivation
def test_latex_is_complete(name):
    text = derivation(name).latex
    assert text.isascii() and balanced(text)
    assert text.count("$") % 2 == 0
    assert len(re.findall(r"\\left\b", text)) == len(re.findall(r"\\right\b", text))
    assert text.count(r"\item") == len(derivation(name))
    opened = []
    for kind, environment in re.findall(r"\\(begin|end)\{([a-z*]+)\}", text):
        if kind == "begin":
            opened.append(environment)
        else:
            assert opened.pop() == environment
    assert not opened


@every_derivation
def test_formulas_are_latex_that_matplotlib_can_set(name):
    parser = pytest.importorskip("matplotlib.mathtext").MathTextParser("path")
    one = derivation(name)
    formulas = [latex(e) for e in (*one.given, *(step.after for step in one))]
    formulas += [latex(x) for step in one for x in (*step.terms.values(), step.difference) if x is not None]
    for formula in formulas:
        if r"\begin{cases}" not in formula:  # which matplotlib does not know
            simple = formula.replace(r"\le ", r"\leq ").replace(r"\int\limits", r"\int")
            parser.parse(f"${simple}$")


@every_derivation
def test_markdown_has_its_mathematics_between_dollars(name):
    text = derivation(name)._repr_markdown_()
    assert text.count("$$") == 2 * sum(1 + (step.difference is not None) for step in derivation(name))
    assert re.sub(r"\$\$.*?\$\$|\$.*?\$", "", text, flags=re.S).isascii()
    assert derivation(name)[0]._repr_markdown_().startswith("**")


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (notation.theta - adadelta.delta, "θₜ - Δθₜ"),
        (adadelta.delta + notation.theta, "θₜ + Δθₜ"),
        (1 - notation.beta1 ** (notation.t - 1), "1 - β₁ᵗ⁻¹"),
        (notation.g * notation.eta, "η·gₜ"),
        (sympy.sqrt(adam.v_hat) + notation.eps, "√(v̂ₜ) + ε"),
    ],
    ids=str,
)
def test_terms_and_factors_are_in_the_order_of_the_document(formula, expected):
    assert line(formula) == expected


def test_a_wide_formula_is_still_shown():
    assert block(notation.theta) == ["θₜ"]
    assert "\n".join(block(adam.ADAM_4)) == "       mₜ\nm̂ₜ = ───────\n     1 - β₁ᵗ"


# How it is asked for ----------------------------------------------------------------------------------------------


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="name='nadm' is not an algorithm of the document; did you mean nadam"):
        derivation("nadm")
    with pytest.raises(ValueError, match="'lion' is not an algorithm of the document; use one of sgd, momentum, "):
        derivation("lion")


def test_a_derivation_is_a_sequence():
    one = derivation("adam")
    assert isinstance(one, Derivation) and repr(one) == f"Derivation('adam', {len(one)} steps)"
    assert one[-1] is one.steps[-1] and list(one) == list(one.steps)
    assert one[-1].equation is adam.ADAM_6
    assert [found.holds for found in derivation("rmsprop").check()] == [True, True]


def test_kinds_of_steps_are_checked():
    step = the_step("nadam", "NAD-17")
    with pytest.raises(ValueError, match="'guess' is none of equality"):
        replace(step, kind="guess")
    with pytest.raises(ValueError, match="approximation"):
        replace(step, difference=None)
    with pytest.raises(ValueError, match="equality"):
        replace(step, kind="equality")
