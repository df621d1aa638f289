"""How the libraries' conventions differ: the exact expressions, when they vanish, and the table made of them."""

import math
from dataclasses import replace
from functools import cache
from importlib import import_module

import numpy as np
import pytest
import sympy
from optnumba.symbolic import difference as uncached
from optnumba.symbolic.conventions.settings import Setting
from optnumba.symbolic.equations import EQUATIONS
from optnumba.symbolic.equations.notation import HYPER

from optnumba import RULES, symbolic
from optnumba.arguments import find_rule
from optnumba.rules import CONVENTIONS, LIBRARIES
from optnumba.rules.conventions import nadam

difference = cache(uncached)


def in_floats(name, x, g, states, t, values, scalars):
    """Return x and the states after the rule's own step in floats, from a state anywhere."""
    rule = RULES[name]
    hyper = [values[h.name] for h in rule.hyper]
    closed = rule.start(t - 1, *hyper) if rule.carry else ()
    before = (*scalars, *closed) if rule.recurrent else closed
    new = rule.coefficients(t, *before, *hyper)[len(rule.carry) :]
    return rule.update(x, g, *states, *new)


VALUES = {"learning_rate": 0.3, "momentum": 0.8, "rho": 0.7, "beta1": 0.6, "beta2": 0.75, "eps": 0.05}
VALUES |= {"initial_accumulator_value": 0.2, "lr_decay": 0.15, "momentum_decay": 1.7}
PAIRS = [(name.partition(":")[0], name) for name in CONVENTIONS]
PAIRS += [
    ("nadam:torch", "nadam:optax"),
    ("adagrad:torch", "adagrad:keras"),
    ("adam", "nadam"),
    ("adamax:keras", "adamax:torch"),
]


def letters_at(a, states, after, scalar, t):
    """Return the numbers that the letters of an exact difference stand for, by name."""
    table = {"g_t": G, "t": t, "η_{t-1}": RATE_BEFORE, "q_{t-1}": scalar}
    for slot, before, later in zip(RULES[a].slots, states, after, strict=True):
        name = {"E": "E[g²]", "D": "E[Δθ²]"}.get(slot, slot)
        table |= {f"{name}_{{t-1}}": before, f"{name}_t": later}
    mu, mu_next = (nadam.decay(s, VALUES["beta1"], VALUES["momentum_decay"]) for s in (t, t + 1))
    table |= {"μ_t": mu, "μ_{t+1}": mu_next, "P_{t-1}": 1 - scalar, "P_t": (1 - scalar) * mu}
    table["v̂_t"] = table.get("v_t", 0) / (1 - VALUES["beta2"] ** t)
    table["b_{t-1}"] = states[0] / RATE_BEFORE if states else 0
    return table


X, G, RATE_BEFORE = 0.7, -1.3, 0.9


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_the_exact_difference_is_that_of_the_codes(a, b):
    found = difference(a, b)
    for t in (1, 3):
        assert_differs_as(found, a, b, t, scalar=0.4)


def assert_differs_as(found, a, b, t, scalar):
    """Compare an exact difference with that of one step of the rules' own functions in floats."""
    states = [0.5, 0.25][: len(RULES[a].slots)]
    # Where one keeps v and the other b, v = ηb, with the rate before the step and, after it, with that of the step.
    rates = (RATE_BEFORE, VALUES["learning_rate"]) if found.change else (1.0, 1.0)
    x, *mine = in_floats(a, X, G, states, t, VALUES, (scalar,))
    y, *other = in_floats(b, X, G, [s / rates[0] for s in states], t, VALUES, (scalar,))
    expected = [x - y, *(p / rates[1] - r for p, r in zip(mine, other, strict=True))]
    hyper = {**RULES[a].defaults, **RULES[b].defaults}
    numbers = letters_at(a, states, mine, scalar, t) | {str(HYPER[name][0]): VALUES[name] for name in hyper}
    for (name, exact), numeric in zip(found.exact.items(), expected, strict=True):
        at = {symbol: numbers[str(symbol)] for symbol in exact.free_symbols}
        assert float(exact.subs(at)) == pytest.approx(numeric, rel=1e-9, abs=1e-14), name


def test_momentum_differs_as_the_theorem_says():
    """T-MOM-7: v_2 differs by γ (η_1 - η_2) g_1, where b_1 = g_1."""
    found = difference("momentum", "momentum:torch")
    eta, gamma = HYPER["learning_rate"][0], HYPER["momentum"][0]
    exact = found.exact["v"]
    b, eta_before = (next(s for s in exact.free_symbols if str(s) == name) for name in ("b_{t-1}", "η_{t-1}"))
    assert sympy.expand(exact * eta - gamma * (eta_before - eta) * b) == 0
    assert [str(v) for v in found.vanishes][0] == "constant learning_rate, with v_{t-1} = b_{t-1}*η"
    assert not found.equal and found


# What is proved, without what makes another algorithm of it (γ or β₁ = 0): all that equations.md, Part 3, has.
VANISHES = {
    ("nag", "nag:torch"): ["constant learning_rate, with θ_t = φ_t, with v_{t-1} = b_{t-1}*η"],
    ("adagrad", "adagrad:torch"): [
        "initial_accumulator_value = adagrad's eps, eps = 0, lr_decay = 0, in adagrad:torch"
    ],
    ("adagrad", "adagrad:keras"): [
        "initial_accumulator_value = 0",
        "initial_accumulator_value = adagrad's eps, eps = 0, in adagrad:keras",
    ],
    ("adagrad", "adagrad:ensmallen"): ["eps = 0, wherever they are not both 0/0"],
    ("adagrad:torch", "adagrad:ensmallen"): ["initial_accumulator_value = 0, lr_decay = 0"],
    ("adadelta", "adadelta:keras"): ["learning_rate = 1"],
    ("rmsprop", "rmsprop:torch"): ["eps = 0, wherever they are not both 0/0"],
    ("adam", "adam:keras"): ["eps = 0, wherever they are not both 0/0"],
    ("adamax", "adamax:torch"): ["eps = 0, except where adamax:torch is 0/0"],
    ("adamax", "adamax:keras"): ["eps = 0, except where adamax:keras is 0/0"],
    ("adamax:torch", "adamax:keras"): ["eps = 0, wherever they are not both 0/0"],
    ("nadam", "nadam:torch"): [],
    ("nadam", "nadam:optax"): [],
    ("nadam:torch", "nadam:ensmallen"): ["eps = 0, wherever they are not both 0/0"],
    ("nadam:torch", "nadam:optax"): ["momentum_decay → ∞, with q_{t-1} = 1 - β₁**(t - 1)"],
    ("nadam:optax", "nadam:torch"): ["momentum_decay → ∞, with q_{t-1} = 1 - β₁**(t - 1)"],
    ("nadam:ensmallen", "nadam:optax"): [
        "momentum_decay → ∞, eps = 0, with q_{t-1} = 1 - β₁**(t - 1), wherever they are not both 0/0"
    ],
}


@pytest.mark.parametrize(("a", "b"), VANISHES)
def test_the_settings_under_which_it_vanishes(a, b):
    found = difference(a, b)
    assert [str(v) for v in found.vanishes if not v.setting.degenerate] == VANISHES[a, b]
    assert not found.equal


# Those that make another algorithm of it, of which none is in the table.
DEGENERATE = {
    ("momentum", "momentum:torch"): ["momentum = 0, with v_{t-1} = b_{t-1}*η_{t-1}"],
    ("adam", "adam:keras"): ["beta2 = 0"],
    ("adam", "nadam"): ["beta1 = 0"],
    ("nadam", "nadam:torch"): ["beta1 = 0"],
    ("nadam", "nadam:ensmallen"): ["beta1 = 0, eps = 0, wherever they are not both 0/0", "beta1 = 0, beta2 = 0"],
    ("nadam:torch", "nadam:ensmallen"): ["beta2 = 0"],
    ("nadam:optax", "nadam:ensmallen"): [
        "beta1 = 0, eps = 0, wherever they are not both 0/0",
        "beta1 = 0, beta2 = 0",
        "momentum_decay → ∞, beta2 = 0, with q_{t-1} = 1 - β₁**(t - 1)",
    ],
}


@pytest.mark.parametrize(("a", "b"), DEGENERATE)
def test_the_settings_that_make_another_algorithm_of_it(a, b):
    found = difference(a, b)
    assert [str(v) for v in found.vanishes if v.setting.degenerate] == DEGENERATE[a, b]


# What a setting puts in, for both sides; what it leaves is as in VALUES. 0.96**(1e6) is 0.
LIMITS = {sympy.oo: 1e6}


@pytest.mark.parametrize(("a", "b"), [*VANISHES, *DEGENERATE])
def test_where_it_is_said_to_vanish_the_codes_agree(a, b):
    """Forty steps of both in floats from 0, under each of the settings; the gradients change sign and none is 0."""
    for vanishing in difference(a, b).vanishes:
        values = {side: VALUES for side in (a, b)}
        for side in [vanishing.of] if vanishing.of else (a, b):
            theirs = {name: VALUES.get(value, LIMITS.get(value, value)) for name, value in vanishing.values.items()}
            values[side] = {**VALUES, **theirs}
        x, y = (run_in_floats(side, values[side], constant=bool(vanishing.words)) for side in (a, b))
        np.testing.assert_allclose(x, y, rtol=1e-11, err_msg=str(vanishing))


def run_in_floats(name, values, constant):
    """Return x after each of forty steps of a rule's own functions, the rate on a schedule unless it is constant."""
    rule, x, iterates = RULES[name], 0.7, []
    states, carry = (0.0,) * len(rule.slots), (0.0,) * len(rule.carry)
    for t in range(1, 41):
        rate = values["learning_rate"] / (1 if constant or values["learning_rate"] == 1 else 1 + 0.1 * t)
        hyper = [{**values, "learning_rate": rate}[h.name] for h in rule.hyper]
        new = rule.coefficients(t, *carry, *hyper)
        carry = new[: len(carry)]
        x, *states = rule.update(x, math.cos(2 * t) + 0.1 * x, *states, *new[len(carry) :])
        iterates.append(x)
    return iterates


@pytest.mark.parametrize(
    ("a", "b", "change"),
    [
        ("adagrad", "rmsprop", ["E[g²]_{t-1} = G_{t-1}"]),
        ("adam", "adadelta", ["E[g²]_{t-1} = m_{t-1}", "E[Δθ²]_{t-1} = v_{t-1}"]),
        ("momentum", "nag", ["θ_t = φ_t"]),
        ("nag:torch", "nag", ["θ_t = φ_t", "v_{t-1} = b_{t-1}*η_{t-1}"]),
        ("nag", "nag:ensmallen", []),
        ("momentum:torch", "nag:torch", []),
    ],
)
def test_what_the_same_state_is_between_other_letters(a, b, change):
    found = difference(a, b)
    assert [f"{left} = {right}" for left, right in found.change] == change
    for line in change:
        assert f"the same state means {line}" in found.explain()
    assert found._repr_latex_().count(r"\text{same state: }") == len(change)


def test_a_rule_that_is_only_called_adam_is_not_taken_for_adam():
    wrong = replace(RULES["adam"], update=RULES["nadam"].update)
    with pytest.raises(TypeError, match=r"b=Rule\('adam'\) is a rule of your own.*prove\(rule, against='adam'\)"):
        difference("adam", wrong)
    assert difference(RULES["adam"], "adam:torch").equal


@pytest.mark.parametrize(("a", "b"), [("sgd", "sgd:torch"), ("nadam:torch", "nadam:keras"), ("adam", "adam:torch")])
def test_equal_but_for_defaults(a, b):
    found = difference(a, b)
    assert found.equal and not found and found.vanishes == ()
    assert set(found.exact.values()) == {0} and found.latex == "0"
    assert found.defaults == {
        h: (RULES[a].defaults[h], d) for h, d in find_rule(b).defaults.items() if d != RULES[a].defaults[h]
    }


def test_a_difference_explains_itself():
    found = difference("adam", "adam:keras")
    text = found.explain()
    for part in (
        "adam and adam:keras differ in one step from the same state.",
        "m: adam - adam:keras = 0",
        "proved to vanish: eps = 0, wherever they are not both 0/0",
        "default of eps: 1e-08 in adam, 1e-07 in adam:keras",
    ):
        assert part in text
    assert found.vanishes[0].values == {"eps": 0} and found.vanishes[0].words == ""
    assert r"\sqrt{\hat v_t} + \epsilon" in found.latex
    assert found.vanishes[0].latex.startswith(r"\epsilon = 0,")
    assert difference("adagrad", "adagrad:keras").vanishes[1].latex == (
        r"G_0 = \epsilon\text{ (adagrad's)},\ \epsilon = 0,\ \text{in adagrad:keras}"
    )
    assert found._repr_latex_().startswith("$") and r"\Delta \theta &=" in found._repr_latex_()


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(TypeError, match="'adam' and 'sgd' have 2 and 0 states"):
        difference("adam", "sgd")
    with pytest.raises(ValueError, match="b='adam:keres' is not a Rule.*did you mean 'adam:keras'"):
        difference("adam", "adam:keres")


def test_a_setting_that_does_not_hold_is_not_reported(monkeypatch):
    """Every candidate is proved before it is said: false ones are not."""

    false = (Setting({"learning_rate": 1}), Setting({"eps": 1}), Setting({"beta2": sympy.S.Half}))
    monkeypatch.setattr(import_module("optnumba.symbolic.difference"), "SETTINGS", false)
    for a, b in (("adam", "adam:keras"), ("adam", "nadam"), ("nadam", "nadam:optax")):
        assert uncached(a, b).vanishes == ()


def test_the_table():
    cells = symbolic.conventions.table()
    assert list(cells) == list(EQUATIONS)
    assert all(list(row) == list(LIBRARIES) for row in cells.values())
    for name, row in cells.items():
        for library, cell in row.items():
            assert cell.name == f"{name}:{library}"
            assert find_rule(cell.name).name == cell.rule
            assert str(cell) == "equal" or str(cell).startswith(("equal if ", r"$\Delta \theta = "))
            assert (str(cell) == "equal") == cell.difference.equal
    assert cells["adagrad"]["optax"].defaults == {"eps": 1e-7, "initial_accumulator_value": 0.1}
    assert cells["momentum"]["keras"].text == "equal"
    assert not cells["nadam"]["torch"].text and not cells["nadam"]["torch"].condition
    assert cells["adadelta"]["torch"].condition == r"\eta = 1"
