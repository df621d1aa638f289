"""The theorems on Adagrad, Adadelta and RMSprop are proved, false variants of every formula in them are not."""

import string
from dataclasses import replace

import numpy as np
import pytest
from optnumba.symbolic.equations import adadelta as ad
from optnumba.symbolic.equations import adagrad as ag
from optnumba.symbolic.equations.notation import beta1, beta2, eps, eta, g, g_at, gamma, s, t, theta
from optnumba.symbolic.theorems import adadelta, adagrad, rmsprop, theorems
from sympy import Abs, Derivative, Rational, S, Sum, Tuple, sign, sqrt

GROUPS = {"adagrad": adagrad.ADAGRAD, "adadelta": adadelta.ADADELTA, "rmsprop": rmsprop.RMSPROP}
THEOREMS = {theorem.id: theorem for group in GROUPS.values() for theorem in group}
x = adagrad.x


def test_all_of_the_reference_are_there():
    expected = [f"T-AG-{k}" for k in range(1, 9)] + [f"T-AD-{k}" for k in range(1, 8)]
    assert list(THEOREMS) == expected + [f"T-RMS-{k}" for k in range(1, 6)]
    for name, group in GROUPS.items():
        assert tuple(theorems(name))[: len(group)] == group


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_theorem_is_proved(theorem):
    evidence = theorem.prove()
    assert evidence.status == "proved", evidence.explain()
    assert "instances" not in evidence.kinds


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_statement_is_filled_and_shows_every_formula(theorem):
    fields = {name for _, name, _, _ in string.Formatter().parse(theorem.text) if name}
    assert fields == set(theorem.claim) and fields
    for name in fields:
        assert f"{{{name}}}" not in theorem.statement and f"{{{name}}}" not in theorem.markdown
    assert theorem.hypotheses


# False variants --------------------------------------------------------------------------------------------------

FALSE = {
    "T-AG-1": {
        "total": [
            Sum(Abs(g_at[s]), (s, 1, t)),
            Sum(g_at[s] ** 2, (s, 1, t)) / t,
            Sum(gamma ** (t - s) * g_at[s] ** 2, (s, 1, t)),
        ],
        "rate": [eta / (sqrt(ag.G) + eps), eta / (ag.G + eps), eta * sqrt(ag.G + eps)],
    },
    "T-AG-2": {
        "bound": [eta / 2, 2 * eta, -eta, eta / sqrt(eps)],
        "gap": [ag.G_before / (ag.G_before + g**2 + eps), eps / (ag.G_before + g**2 + eps)],
    },
    "T-AG-3": {
        "total": [(t + 1) * g**2, t**2 * g**2],
        "move": [-eta * sign(g) / t, eta * sign(g) / sqrt(t), -eta * g / sqrt(t), -eta / sqrt(t)],
        "lower": [2 * sqrt(t + 1) - 1, 2 * sqrt(t), 3 * sqrt(t + 1) - 4],
        "upper": [2 * sqrt(t) - 2, 2 * sqrt(t + 1) - 2, Rational(3, 2) * sqrt(t)],
        "travel": [eta * sqrt(t), 2 * eta * t],
    },
    "T-AG-4": {"first": [-eta * g, eta * sign(g), -eta], "scaled": [eps, adagrad.c * eps, eps / adagrad.c**2]},
    "T-AG-5": {
        "partial": [Derivative(ag.Loss(ag.z), ag.z), ag.a[1] * Derivative(ag.Loss(ag.z), ag.z)],
        "rate": [eta / (Abs(g) * ag.k), eta / (g * sqrt(ag.k)), eta / Abs(g)],
        "still": ["sgd, momentum, nag, adagrad, adadelta, rmsprop", "sgd, adagrad, rmsprop", "sgd, adagrad, adam"],
        "frozen": ["sgd, adagrad, rmsprop", "sgd"],
    },
    "T-AG-6": {"entry": [1 / (sqrt(ag.G_ii) + eps), -1 / sqrt(ag.G_ii + eps), sqrt(1 / (ag.G_ii + 1) + eps)]},
    "T-AG-7": {
        "lemma": [sqrt(ag.G + x) - sqrt(ag.G), 2 * sqrt(ag.G + x) - 3 * sqrt(ag.G)],
        "square": [(sqrt(ag.G + x) - sqrt(ag.G)) ** 2, (sqrt(ag.G + x) - sqrt(ag.G)) ** 2 / sqrt(ag.G)],
        "total": [sqrt(ag.G + eps), 2 * sqrt(ag.G + eps), 2 * sqrt(ag.G) - 2 * sqrt(eps)],
    },
    "T-AG-8": {"start": [S.Zero, sqrt(eps), eps**2, 2 * eps]},
    "T-AD-1": {
        "kept": [adadelta.E_0, gamma ** (t - 1) * adadelta.E_0, gamma * adadelta.E_0],
        "fresh": [
            Sum(gamma ** (t - s) * g_at[s] ** 2, (s, 1, t)),
            (1 - gamma) * Sum(gamma ** (t - s + 1) * g_at[s] ** 2, (s, 1, t)),
            (1 - gamma) * Sum(gamma**s * g_at[s] ** 2, (s, 1, t)),
        ],
        "weights": [S.One, 1 - gamma ** (t - 1), 1 - gamma ** (t + 1)],
        "age": [1 / (1 - gamma), gamma / (1 - gamma) ** 2],
        "box": [1 / (1 - gamma), (1 + gamma) / (2 - 2 * gamma)],
    },
    "T-AD-2": {
        "recurrence": [
            ad.window_sum[t - 1] + g_at[t] ** 2,
            ad.window_sum[t - 1] + g_at[t] ** 2 - g_at[t - ad.window + 1] ** 2,
        ]
    },
    "T-AD-3": {
        "slope": [Tuple(1, 0), Tuple(0, -1)],
        "curvature": [Tuple(1, -1), Tuple(2, -2)],
        "descent": [Tuple(0, 1), Tuple(1, 1)],
        "newton": [Tuple(1, 0), Tuple(1, -1)],
        "adadelta": [Tuple(0, 0), Tuple(1, -1), Tuple(1, 1)],
        "rate": [Tuple(0, 0), Tuple(1, -2)],
    },
    "T-AD-4": {
        "gradient_eps": [adadelta.eps_g, adadelta.c * adadelta.scale * adadelta.eps_g],
        "step_eps": [adadelta.eps_delta, adadelta.eps_delta / adadelta.scale],
    },
    "T-AD-5": {
        "landing": [S.Zero, 2 * adadelta.minimum],
        "ratio": [1 / ad.hessian, Abs(ad.hessian), 1 / ad.hessian**2],
    },
    "T-AD-6": {
        "first_step": [sqrt(eps), sqrt(eps) / (1 - gamma), 2 * sqrt(eps / (1 - gamma))],
        "default": [Rational(1, 10**4), sqrt(10) / 10**3],
        "larger": [Rational(1, 10**3), sqrt(10) / 10**4],
    },
    "T-AD-7": {
        "square": [Abs(g), 2 * g**2, g**2 + eps],
        "limiting": [g, -g / 2, -sign(g)],
        "factor": [gamma, gamma + (1 - gamma) * eps / (g**2 + eps), S.One],
    },
    "T-RMS-1": {"decay": [Rational(99, 100)], "average": [Rational(9, 10) * ad.E_before + g**2, ad.E_before + g**2]},
    "T-RMS-2": {
        "bound": [eta, eta / (1 - gamma), 2 * eta / sqrt(1 - gamma)],
        "constant": [-eta * sign(g), -eta * sign(g) / (1 - gamma**t), -eta * sign(g) / sqrt(1 - gamma ** (t - 1))],
        "limiting": [S.Zero, eta * sign(g), -eta * sign(g) / sqrt(1 - gamma)],
    },
    "T-RMS-3": {"descent": [-eta * g, -eta, eta * sign(g)], "scaled": [eps, rmsprop.c * eps]},
    "T-RMS-4": {
        "swing": [eta, eta / 4, eta / (2 * rmsprop.a)],
        "polynomial": [rmsprop.multiplier**2 - gamma, rmsprop.multiplier**2 - 2 * gamma * rmsprop.multiplier + gamma],
    },
    "T-RMS-5": {
        "split": [sqrt(ad.E) + eps, sqrt(ad.E), sqrt(ad.E) + 2 * sqrt(eps)],
        "floor": [Rational(1, 10**8), Rational(1, 10**3)],
    },
}
VARIANTS = [
    (key, name, formula) for key, by_name in FALSE.items() for name, many in by_name.items() for formula in many
]


def test_every_formula_has_a_false_variant():
    assert {key: set(by_name) for key, by_name in FALSE.items()} == {
        key: set(theorem.claim) for key, theorem in THEOREMS.items()
    }


@pytest.mark.parametrize(("key", "name", "formula"), VARIANTS, ids=[f"{k} {n} {f}" for k, n, f in VARIANTS])
def test_false_variant_is_not_proved(key, name, formula):
    false = THEOREMS[key].variant(**{name: formula})
    assert not all(part.holds for part in false.proof(**false.claim))  # no further than the first that fails


def test_a_false_variant_says_what_fails():
    evidence = THEOREMS["T-AG-2"].variant(bound=eta / 2).prove()
    assert not evidence.proved and evidence.status in ("refuted", "undecided")
    assert "FAILS" in evidence.explain()


# The proofs rest on the document's equations -----------------------------------------------------------------------


def altered(module, name, change):
    """Return an equation of a module of proofs with another right side."""
    equation = getattr(module, name)
    return replace(equation, right=change(equation.right))


ALTERED = {
    "AG-6 sums |g|": (adagrad, "AG_6", lambda e: e - g**2 + Abs(g), [1, 3, 4, 5]),
    "AG-6 averages": (adagrad, "AG_6", lambda e: e.subs(ag.G_before, gamma * ag.G_before), [1, 3, 5]),
    "AG-6 forgets": (adagrad, "AG_6", lambda e: e - ag.G_before, [1, 3, 5]),
    "AG-7 without the root": (adagrad, "AG_7", lambda e: theta - eta * g / (ag.G + eps), [1, 2, 3, 4, 5, 6, 7, 8]),
    "AG-7 with ε outside": (adagrad, "AG_7", lambda e: theta - eta * g / (sqrt(ag.G) + eps), [1, 2, 4, 6, 7, 8]),
    "AG-7 upwards": (adagrad, "AG_7", lambda e: 2 * theta - e, [1, 3, 4, 5, 6, 7, 8]),
    "AG-5 with ε outside": (adagrad, "AG_5", lambda e: ag.theta_i - eta * ag.g_i / (sqrt(ag.G_ii) + eps), [6]),
    "AD-0 one shorter": (adadelta, "AD_0", lambda e: Sum(e.function, (s, t - ad.window + 2, t)), [2]),
    "AD-1 sums": (adadelta, "AD_1", lambda e: ad.E_before + g**2, [1, 5, 7]),
    "AD-1 of |g|": (adadelta, "AD_1", lambda e: gamma * ad.E_before + (1 - gamma) * Abs(g), [1, 4, 5, 7]),
    "AD-12 of |Δθ|": (adadelta, "AD_12", lambda e: gamma * ad.D_before + (1 - gamma) * Abs(ad.delta), [4, 5]),
    "AD-14 without the numerator": (adadelta, "AD_14", lambda e: -g / ad.rms(ad.E), [3, 4, 6]),
    "AD-14 with ε outside": (adadelta, "AD_14", lambda e: -sqrt(ad.D_before) * g / ad.rms(ad.E), [4, 6, 7]),
    "AD-15 backwards": (adadelta, "AD_15", lambda e: ad.delta - theta, [6]),
    "RMS-1 sums": (rmsprop, "RMS_1", lambda e: ad.E_before + g**2, [1, 2, 3, 4]),
    "RMS-2 without the root": (rmsprop, "RMS_2", lambda e: theta - eta * g / (ad.E + eps), [1, 2, 3, 4, 5]),
    "RMS-2 with ε outside": (rmsprop, "RMS_2", lambda e: theta - eta * g / (sqrt(ad.E) + eps), [1, 3, 5]),
    "ADAM-3 with β₁": (rmsprop, "ADAM_3", lambda e: e.subs(beta2, beta1), [3]),
}


@pytest.mark.parametrize(("module", "name", "change", "numbers"), ALTERED.values(), ids=ALTERED)
def test_proof_fails_where_the_equation_is_another(module, name, change, numbers, monkeypatch):
    group = next(GROUPS[key] for key in GROUPS if module.__name__.endswith(f".{key}"))
    monkeypatch.setattr(module, name, altered(module, name, change))
    for number in numbers:
        assert not group[number - 1].prove().proved, group[number - 1]


def test_which_methods_rest_without_a_gradient_is_asked_of_all_nine(monkeypatch):
    """T-AG-5 fails when any of the nine methods behaves otherwise, in either direction."""
    equations = adagrad.UPDATES
    drifting = replace(equations["sgd"], equations=(replace(equations["sgd"].equations[0], right=theta - eta),))
    forgetful = replace(equations["momentum"], equations=equations["sgd"].equations, states=())
    for name, algorithm in (("sgd", drifting), ("momentum", forgetful), ("adam", forgetful)):
        monkeypatch.setattr(adagrad, "UPDATES", {**equations, name: algorithm})
        assert not THEOREMS["T-AG-5"].prove().proved


# The two attractors, seen in floating point ------------------------------------------------------------------------


def test_rmsprop_swings_and_does_not_settle():
    mean, where, rate, bowl = 0.0, 3.0, 0.01, 7.0
    for _ in range(5000):
        slope = bowl * where
        mean = 0.9 * mean + 0.1 * slope**2
        where -= rate * slope / np.sqrt(mean)
    assert abs(where) == pytest.approx(rate / 2, rel=1e-9)


def test_adadelta_takes_up_the_learning_rate_1():
    squares = steps = 0.0
    for _ in range(400_000):
        squares = 0.9 * squares + 0.1 * 0.25
        step = np.sqrt(steps + 1e-4) / np.sqrt(squares + 1e-4) * 0.5
        steps = 0.9 * steps + 0.1 * step**2
    assert step == pytest.approx(0.5, rel=1e-6)
