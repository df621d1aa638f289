"""What a rule says of idle steps is proved by induction; what is nearly right is refused at numbers where it fails."""

import re
from dataclasses import replace

import pytest

from optnumba import RULES, symbolic
from optnumba.rule import where

IDLE = [name for name, rule in RULES.items() if rule.idle]


@pytest.mark.parametrize("name", IDLE)
def test_every_closed_form_is_proved(name):
    proof = symbolic.prove(name)
    assert proof.proved
    components = ("x", *RULES[name].slots)
    wanted = [f"{c} after {k} idle steps" for k in ("0", "1", "k+1") for c in components]
    assert [claim.component for claim in proof.idle] == wanted
    assert "idle(x" in proof.explain()


def test_a_rule_without_one_has_nothing_to_prove():
    assert symbolic.prove("adam").idle == ()


def scalars(function):
    return {"idle_coefficients": function}


MUTANTS = {
    "sgd": {"x moves": {"idle": lambda x: (x + x,)}},
    "momentum": {
        "γ^(k+1)": scalars(
            lambda k, learning_rate, momentum: (momentum ** (k + 1), momentum * (1 - momentum**k) / (1 - momentum))
        ),
        "γ^(2k)": scalars(
            lambda k, learning_rate, momentum: (momentum ** (2 * k), momentum * (1 - momentum**k) / (1 - momentum))
        ),
        "a factor γ is missing": scalars(
            lambda k, learning_rate, momentum: (momentum**k, (1 - momentum**k) / (1 - momentum))
        ),
        "a factor γ too many": {"idle_coefficients": RULES["nag"].idle_coefficients},
        "no divisor": scalars(lambda k, learning_rate, momentum: (momentum**k, momentum * (1 - momentum**k))),
        "x stays": scalars(lambda k, learning_rate, momentum: (momentum**k, 0)),
        "v stays": scalars(lambda k, learning_rate, momentum: (1, momentum * (1 - momentum**k) / (1 - momentum))),
        "for ever": scalars(lambda k, learning_rate, momentum: (0, momentum / (1 - momentum))),
        "right up to one step": scalars(lambda k, learning_rate, momentum: (momentum**k, k * momentum)),
        "the wrong way": {"idle": lambda x, v, left, path: (x + path * v, left * v)},
        "v after for v before": {"idle": lambda x, v, left, path: (x - path * (left * v), left * v)},
        "times the rate": scalars(
            lambda k, learning_rate, momentum: (
                momentum**k,
                learning_rate * momentum * (1 - momentum**k) / (1 - momentum),
            )
        ),
        "1 - γ off by 1e-3": scalars(
            lambda k, learning_rate, momentum: (momentum**k, momentum * (1 - momentum**k) / (1.001 - momentum))
        ),
    },
    "nag": {
        "that of momentum": {"idle_coefficients": RULES["momentum"].idle_coefficients},
        "of θ": {"idle": lambda x, v, left, path: (x - path * v + (left * v - v), left * v)},
    },
    "adagrad": {
        "G decays": {"idle_coefficients": lambda k, learning_rate, eps: (k,), "idle": lambda x, G, k: (x, G / (1 + k))},
        "G is forgotten": {"idle": lambda x, G: (x, G - G)},
    },
    "rmsprop": {
        "E stays": {"idle": lambda x, E, left: (x, E)},
        "E decays twice": {"idle": lambda x, E, left: (x, left * left * E)},
        "1 - ρ for ρ": scalars(lambda k, learning_rate, rho, eps: ((1 - rho) ** k,)),
        "a hyperbola": scalars(lambda k, learning_rate, rho, eps: (1 / (1 + k * (1 - rho)),)),
    },
    "adadelta": {
        "E stays": {"idle": lambda x, E, D, left: (x, E, left * D)},
        "D stays": {"idle": lambda x, E, D, left: (x, left * E, D)},
        "x moves": {"idle": lambda x, E, D, left: (x - D, left * E, left * D)},
    },
}
CASES = [pytest.param(name, change, id=f"{name}: {what}") for name, t in MUTANTS.items() for what, change in t.items()]


@pytest.mark.parametrize(("name", "change"), CASES)
def test_a_wrong_closed_form_is_refuted_at_numbers(name, change):
    rule = replace(RULES[name], **change)
    proof = symbolic.prove(rule)
    assert proof.status == "refuted" and not proof.proved
    assert all(claim in proof.idle for claim in proof.failures)
    assert "its idle" in proof.explain().splitlines()[0]
    at = {key: float(value) for key, value in proof.counterexample.values.items()}
    state, values = [at[key] for key in ("x", *rule.slots)], [at[h.name] for h in rule.hyper]
    component, word = re.fullmatch(r"(\w+) after (0|1|k\+1) idle steps", proof.counterexample.component).groups()
    count = {"0": 0, "1": 1, "k+1": int(at["number of idle steps"]) + 1}[word]
    other = [at["rate of the step"], *values[1:]] if rule.hyper[0].name == "learning_rate" else values

    def idle(k):
        return rule.idle(*state, *rule.idle_coefficients(k, *values)) if k or word != "0" else state

    one_by_one = (
        state
        if not count
        else rule.update(*idle(count - 1)[:1], 0.0, *idle(count - 1)[1:], *rule.coefficients(at["t"], *other))
    )
    k = ("x", *rule.slots).index(component)
    found = rule.idle(*state, *rule.idle_coefficients(count, *values))[k]
    assert abs(found - one_by_one[k]) > 1e-5 * (abs(found) + abs(one_by_one[k]))


def constant_rate(k, learning_rate, momentum):
    return momentum**k, learning_rate * momentum * (1 - momentum**k) / (1 - momentum)


def test_a_closed_form_has_to_hold_under_every_schedule():
    """That of torch's momentum would hold for a constant rate, and x moves by the rates of the idle steps."""
    rule = replace(
        RULES["momentum:torch"], idle_coefficients=constant_rate, idle=lambda x, b, left, path: (x - path * b, left * b)
    )
    proof = symbolic.prove(rule)
    assert proof.status == "refuted"
    assert proof.counterexample.values["rate of the step"] != proof.counterexample.values["learning_rate"]


def test_wrong_at_one_number_of_steps_is_not_proved():
    forgetful = lambda k, learning_rate, rho, eps: (where(k == 17, 0, rho**k),)  # noqa: E731
    assert symbolic.prove(replace(RULES["rmsprop"], idle_coefficients=forgetful)).status == "undecided"


def test_a_power_of_the_step_is_not_taken_for_one_of_the_idle_steps():
    """The step t that follows k idle steps may be any: a decay to the power t has nothing to do with k."""
    rule = replace(
        RULES["rmsprop"],
        coefficients=lambda t, learning_rate, rho, eps: (learning_rate, rho**t, 1 - rho, eps),
        written_for=(),
    )
    moved = [claim for claim in symbolic.prove(rule).idle if claim.component == "E after k+1 idle steps"]
    assert not moved[0].verdict.holds and "a power of t" in moved[0].verdict.reason


def test_a_wrong_step_with_a_right_closed_form_is_still_wrong():
    rule = replace(
        RULES["rmsprop"], update=lambda x, g, E, eta, rho, c, eps: (x + eta * g, rho * E + c * (g * g)), written_for=()
    )
    proof = symbolic.prove(rule)
    assert proof.status == "refuted" and all(claim.verdict.holds for claim in proof.idle)
    assert "is NOT equal" in proof.explain()
