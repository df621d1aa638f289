"""Rules with clipping, decay or averaging equal equations typed apart; what is nearly right is refused."""

import pytest

from optnumba import RULES, symbolic
from optnumba.loops import modified
from optnumba.modifiers import WRAPPERS, _modified, modify
from optnumba.rules import ALGORITHMS

EACH = {
    "weight_decay": {"weight_decay": 0.1},
    "l2": {"l2": 0.1},
    "clip_value": {"clip_value": 1},
    "clip_norm": {"clip_norm": 1},
    "polyak": {"average": "polyak"},
    "moving": {"average": 0.9},
}
TOGETHER = {name: value for each in EACH.values() for name, value in each.items()}


@pytest.mark.parametrize("modifier", EACH)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_rule_with_each_is_proved(name, modifier):
    proof = symbolic.prove(modify(RULES[name], EACH[modifier])[0])
    assert proof.proved and all(residual == 0 for residual in proof.residuals.values())
    assert {"x", *RULES[name].slots} <= set(proof.residuals)
    assert len(proof.states) == len(RULES[name].slots) + ("average" in EACH[modifier])


@pytest.mark.parametrize("name", [*ALGORITHMS, "nadam:torch", "momentum:torch"])
def test_every_rule_with_all_of_them_is_proved(name):
    proof = symbolic.prove(modify(RULES[name], TOGETHER)[0])
    assert proof.proved
    text = proof.explain()
    assert "with weight_decay, l2, clip_value, clip_norm, average" in text and "averaged(x, g, " in text
    assert "h_t = " in text and "θ̃_t = " in text and "a_t = " in text and "update(x, g, " in text


def test_another_algorithm_is_refuted():
    assert symbolic.prove(modify(RULES["nadam"], {"l2": 0.1})[0], against="adam").status == "refuted"
    assert symbolic.prove(modify(RULES["sgd"], {"l2": 0.1})[0]).explain().count("λ₂") >= 2


def test_what_idle_says_is_proved_of_a_clipped_rule():
    proof = symbolic.prove(modify(RULES["momentum"], {"clip_value": 1})[0])
    assert proof.proved and proof.idle


# Each as in loops/modified.py, with one thing wrong.
SIGN = "the other sign"
MUTANTS = {
    "weight_decay": {
        SIGN: (modified.shrunk, lambda t, *rest: (*inner(t, *rest[:-1]), 1 + rest[RATE] * rest[-1])),  # noqa: F821
        "no rate": (modified.shrunk, modified.shrinking_without_rate),
        "no shrinking": (modified.shrunk, lambda t, *rest: (*inner(t, *rest[:-1]), 1)),  # noqa: F821
        "the new point": (
            lambda x, g, *rest: ((new := inner(x, g, *rest[:-1]))[0] * rest[-1], *new[1:]),  # noqa: F821
            modified.shrinking,
        ),
        "twice": (lambda x, g, *rest: inner(rest[-1] * rest[-1] * x, g, *rest[:-1]), modified.shrinking),  # noqa: F821
    },
    "l2": {
        SIGN: (lambda x, g, *rest: inner(x, g - rest[-1] * x, *rest[:-1]), modified.passing_on),  # noqa: F821
        "after the step": (
            lambda x, g, *rest: ((new := inner(x, g, *rest[:-1]))[0] - rest[-1] * x, *new[1:]),  # noqa: F821
            modified.passing_on,
        ),
        "half": (lambda x, g, *rest: inner(x, g + rest[-1] * x / 2, *rest[:-1]), modified.passing_on),  # noqa: F821
        "of g": (lambda x, g, *rest: inner(x, g + rest[-1] * g, *rest[:-1]), modified.passing_on),  # noqa: F821
    },
    "clip_value": {
        "from above only": (
            lambda x, g, *rest: inner(x, min(g, rest[-1]), *rest[:-1]),  # noqa: F821
            modified.passing_on,
        ),
        "to 0": (
            lambda x, g, *rest: inner(x, min(max(g, 0), rest[-1]), *rest[:-1]),  # noqa: F821
            modified.passing_on,
        ),
        "the step too": (
            lambda x, g, *rest: inner(x, rest[-1] * min(max(g, -rest[-1]), rest[-1]), *rest[:-1]),  # noqa: F821
            modified.passing_on,
        ),
    },
    "clip_norm": {
        "the point": (lambda x, g, *rest: inner(rest[-1] * x, g, *rest[:-1]), modified.passing_on),  # noqa: F821
        "the inverse": (lambda x, g, *rest: inner(x, g / rest[-1], *rest[:-1]), modified.passing_on),  # noqa: F821
    },
}
CASES = [pytest.param(name, *pair, id=f"{name}: {what}") for name, t in MUTANTS.items() for what, pair in t.items()]


@pytest.mark.parametrize("rule", ["sgd", "nag", "adam"])
@pytest.mark.parametrize(("name", "wrapper", "step"), CASES)
def test_what_is_nearly_right_is_refuted(rule, name, wrapper, step, monkeypatch):
    monkeypatch.setitem(WRAPPERS, name, (wrapper, step))
    proof = symbolic.prove(_modified.__wrapped__(RULES[rule], (name,), False))
    assert proof.status == "refuted" and proof.counterexample


AVERAGES = {
    "t + 1": ("mean", True, lambda t, *rest: (*inner(t, *rest), 1 / (t + 1))),  # noqa: F821
    "of the sum": ("mean", True, lambda t, *rest: (*inner(t, *rest), 1)),  # noqa: F821
    "biased": ("moving_mean", False, lambda t, *rest: (*inner(t, *rest[:-1]), 1 - rest[-1])),  # noqa: F821
    "β for 1 - β": (
        "moving_mean",
        False,
        lambda t, *rest: (*inner(t, *rest[:-1]), rest[-1] / (1 - rest[-1] ** t)),  # noqa: F821
    ),
    "t - 1": (
        "moving_mean",
        False,
        lambda t, *rest: (*inner(t, *rest[:-1]), (1 - rest[-1]) / (1 - rest[-1] ** (t + 1))),  # noqa: F821
    ),
    "of the point before": (
        "averaged",
        True,
        lambda x, g, *rest: (
            *inner(x, g, *rest[:SLOTS], *rest[AFTER:-1]),  # noqa: F821
            rest[SLOTS] + rest[-1] * (x - rest[SLOTS]),  # noqa: F821
        ),
    ),
}


@pytest.mark.parametrize("rule", ["momentum", "nag"])
@pytest.mark.parametrize("wrong", AVERAGES)
def test_another_average_is_refuted(rule, wrong, monkeypatch):
    part, polyak, function = AVERAGES[wrong]
    monkeypatch.setattr(modified, part, function)
    proof = symbolic.prove(_modified.__wrapped__(RULES[rule], ("average",), polyak))
    assert proof.status == "refuted"


def test_the_average_of_nag_is_of_what_readout_gives(monkeypatch):
    """That of φ, where the gradient is taken, is another."""
    monkeypatch.setattr(modified, "without", lambda x, *rest: x)
    assert not symbolic.prove(_modified.__wrapped__(RULES["nag"], ("average",), True))
