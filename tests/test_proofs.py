"""The nine rules are proved; eight mutants of each, and more, are refused at numbers where they differ."""

import importlib.util
import inspect
import math
from dataclasses import replace
from math import exp, log, sqrt
from math import log10 as sqrt_in_name_only

import pytest
import sympy

import optnumba
from optnumba import RULES, symbolic
from optnumba.rule import where
from optnumba.rules import ALGORITHMS
from optnumba.rules.bias_correction import advance, closed_form


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_proved(name):
    proof = symbolic.prove(name)
    assert proof.proved and proof.status == "proved"
    assert {"x", *RULES[name].slots} <= set(proof.residuals)
    assert all(residual == 0 for residual in proof.residuals.values())
    assert proof.counterexample is None


@pytest.mark.parametrize("name", RULES)
def test_no_heuristics(name, monkeypatch):
    """Neither simplify nor any numerical test of SymPy's has a part in a proof."""

    def forbidden(*_, **__):
        raise AssertionError("a proof may not use this")

    monkeypatch.setattr(sympy, "simplify", forbidden)
    for method in ("equals", "simplify", "is_constant", "nsimplify"):
        monkeypatch.setattr(sympy.Expr, method, forbidden)
    assert symbolic.prove(RULES[name]).proved


# Mutants -------------------------------------------------------------------------------------------------------
# In a lambda, (v := ...) moves the state on before it is used, as the statements of a rule do.


def adam_coefficients(change):
    """Adam's coefficients from textbook powers, with one thing changed."""

    def coefficients(t, learning_rate, beta1, beta2, eps):
        return change(t, learning_rate, beta1, beta2, eps, 1 - beta1**t, 1 - beta2**t)

    return {"coefficients": coefficients, "start": None, "carry": ()}


def adam_powers(t1, t2):
    """Adam's coefficients with other exponents in the two bias corrections."""

    def coefficients(t, learning_rate, beta1, beta2, eps):
        root = sqrt(1 - beta2 ** t2(t))
        return learning_rate * root / (1 - beta1 ** t1(t)), beta1, 1 - beta1, beta2, 1 - beta2, eps * root

    return {"coefficients": coefficients, "start": None, "carry": ()}


def adamax_power(exponent):
    def coefficients(t, learning_rate, beta1, beta2):
        return learning_rate / (1 - beta1 ** exponent(t)), beta1, 1 - beta1, beta2

    return {"coefficients": coefficients, "start": None, "carry": ()}


def stale_carry(t, d1, e1, d2, e2, learning_rate, beta1, beta2, eps):
    root = sqrt(d2)
    new1, new2 = advance(d1, e1, beta1), advance(d2, e2, beta2)
    return *new1, *new2, learning_rate * root / new1[0], beta1, 1 - beta1, beta2, 1 - beta2, eps * root


def frozen_carry(t, d1, e1, d2, e2, learning_rate, beta1, beta2, eps):
    root = sqrt(1 - beta2**t)
    return d1, e1, d2, e2, learning_rate * root / (1 - beta1**t), beta1, 1 - beta1, beta2, 1 - beta2, eps * root


def shifted_start(t, learning_rate, beta1, beta2, eps):
    return *closed_form(t + 1, beta1), *closed_form(t, beta2)


def swapped_start(t, learning_rate, beta1, beta2, eps):
    return *closed_form(t, beta2), *closed_form(t, beta1)


def adamax_frozen(t, d1, e1, learning_rate, beta1, beta2):
    return d1, e1, learning_rate / (1 - beta1**t), beta1, 1 - beta1, beta2


ADAM_MUTANTS = {
    "betas swapped": adam_coefficients(
        lambda t, lr, b1, b2, eps, d1, d2: (lr * sqrt(d2) / d1, b2, 1 - b2, b1, 1 - b1, eps * sqrt(d2))
    ),
    "corrections swapped": adam_coefficients(
        lambda t, lr, b1, b2, eps, d1, d2: (lr * sqrt(d1) / d2, b1, 1 - b1, b2, 1 - b2, eps * sqrt(d1))
    ),
    "no correction of m": adam_coefficients(
        lambda t, lr, b1, b2, eps, d1, d2: (lr * sqrt(d2), b1, 1 - b1, b2, 1 - b2, eps * sqrt(d2))
    ),
    "no correction of v": adam_coefficients(lambda t, lr, b1, b2, eps, d1, d2: (lr / d1, b1, 1 - b1, b2, 1 - b2, eps)),
    "epsilon hat": adam_coefficients(
        lambda t, lr, b1, b2, eps, d1, d2: (lr * sqrt(d2) / d1, b1, 1 - b1, b2, 1 - b2, eps)
    ),
    "no root of the correction": adam_coefficients(
        lambda t, lr, b1, b2, eps, d1, d2: (lr * d2 / d1, b1, 1 - b1, b2, 1 - b2, eps * d2)
    ),
    "1 - β off by 1e-3": adam_coefficients(
        lambda t, lr, b1, b2, eps, d1, d2: (lr * sqrt(d2) / d1, b1, 1.001 - b1, b2, 1 - b2, eps * sqrt(d2))
    ),
    "rate off by 1e-3": adam_coefficients(
        lambda t, lr, b1, b2, eps, d1, d2: (1.001 * lr * sqrt(d2) / d1, b1, 1 - b1, b2, 1 - b2, eps * sqrt(d2))
    ),
    "t - 1 for t in m": adam_powers(lambda t: t - 1, lambda t: t),
    "t + 1 for t in m": adam_powers(lambda t: t + 1, lambda t: t),
    "t + 1 for t in v": adam_powers(lambda t: t, lambda t: t + 1),
    "2t for t in v": adam_powers(lambda t: t, lambda t: 2 * t),
    "carry used before it moves": {"coefficients": stale_carry},
    "carry never moves": {"coefficients": frozen_carry},
    "start one step ahead": {"start": shifted_start},
    "start with betas swapped": {"start": swapped_start},
}

MUTANTS = {
    "sgd": {
        "sign": {"update": lambda x, g, eta: (x + eta * g,)},
        "no rate": {"update": lambda x, g, eta: (x - g,)},
        "rate squared": {"update": lambda x, g, eta: (x - eta * eta * g,)},
        "rate off by 1e-3": {"update": lambda x, g, eta: (x - 1.001 * eta * g,)},
        "g² for g": {"update": lambda x, g, eta: (x - eta * (g * g),)},
        "|g| for g": {"update": lambda x, g, eta: (x - eta * abs(g),)},
        "x forgotten": {"update": lambda x, g, eta: (-eta * g,)},
        "x scaled": {"update": lambda x, g, eta: ((1 - eta) * x - eta * g,)},
        "rate decays": {"coefficients": lambda t, learning_rate: (learning_rate / t,)},
        "sign of the gradient": {"update": lambda x, g, eta: (x - eta * (g / sqrt(g * g)),)},
        "undefined at g = 0": {"update": lambda x, g, eta: (x - eta * g * (g / g),)},
        "clipped": {"update": lambda x, g, eta: (x - eta * min(g, 5),)},
        "a readout": {"readout": lambda x, eta: x + eta},
    },
    "momentum": {
        "sign": {"update": lambda x, g, v, eta, gamma: (x + (v := gamma * v + eta * g), v)},
        "sign of g": {"update": lambda x, g, v, eta, gamma: (x - (v := gamma * v - eta * g), v)},
        "stale v": {"update": lambda x, g, v, eta, gamma: (x - v, gamma * v + eta * g)},
        "v not stored": {"update": lambda x, g, v, eta, gamma: (x - (gamma * v + eta * g), v)},
        "look-ahead": {"update": lambda x, g, v, eta, gamma: (x - (gamma * (v := gamma * v + eta * g) + eta * g), v)},
        "dampened": {"update": lambda x, g, v, eta, gamma: (x - (v := gamma * v + (1 - gamma) * eta * g), v)},
        "rate outside": {"update": lambda x, g, v, eta, gamma: (x - eta * (v := gamma * v + g), v)},
        "rate and momentum swapped": {"coefficients": lambda t, learning_rate, momentum: (momentum, learning_rate)},
        "momentum off by 1e-3": {"coefficients": lambda t, learning_rate, momentum: (learning_rate, momentum + 0.001)},
        "slots swapped": {"update": lambda x, g, v, eta, gamma: (v := gamma * v + eta * g, x - v)},
    },
    "nag": {
        "plain momentum": {"update": lambda x, g, v, eta, gamma: (x - (v := gamma * v + eta * g), v)},
        "γ twice": {
            "update": lambda x, g, v, eta, gamma: (x - (gamma * gamma * (v := gamma * v + eta * g) + eta * g), v)
        },
        "old v": {"update": lambda x, g, v, eta, gamma: (x - (gamma * v + eta * g), gamma * v + eta * g)},
        "no fresh g": {"update": lambda x, g, v, eta, gamma: (x - gamma * (v := gamma * v + eta * g), v)},
        "sign": {"update": lambda x, g, v, eta, gamma: (x - (gamma * (v := gamma * v + eta * g) - eta * g), v)},
        "rate off by 1e-3": {"coefficients": lambda t, learning_rate, momentum: (1.001 * learning_rate, momentum)},
        "readout back": {"readout": lambda x, v, eta, gamma: x - gamma * v},
        "readout without γ": {"readout": lambda x, v, eta, gamma: x + v},
        "readout of x": {"readout": lambda x, v, eta, gamma: x},
        "no readout": {"readout": None},
        "look-ahead form in θ": {
            "update": lambda x, g, v, eta, gamma: (x - (v := gamma * v + eta * g), v),
            "readout": lambda x, v, eta, gamma: x,
        },
    },
    "adagrad": {
        "ε outside": {"update": lambda x, g, G, eta, eps: (x - eta * g / (sqrt(G := G + g * g) + eps), G)},
        "no ε": {"update": lambda x, g, G, eta, eps: (x - eta * g / sqrt(G := G + g * g), G)},
        "no root": {"update": lambda x, g, G, eta, eps: (x - eta * g / ((G := G + g * g) + eps), G)},
        "cube root": {"update": lambda x, g, G, eta, eps: (x - eta * g / ((G := G + g * g) + eps) ** 0.25, G)},
        "g for g²": {"update": lambda x, g, G, eta, eps: (x - eta * g / sqrt((G := G + abs(g)) + eps), G)},
        "old G": {"update": lambda x, g, G, eta, eps: (x - eta * g / sqrt(G + eps), G + g * g)},
        "sign": {"update": lambda x, g, G, eta, eps: (x + eta * g / sqrt((G := G + g * g) + eps), G)},
        "sign of g lost": {"update": lambda x, g, G, eta, eps: (x - eta * abs(g) / sqrt((G := G + g * g) + eps), G)},
        "ε stored": {"update": lambda x, g, G, eta, eps: (x - eta * g / sqrt(G := G + g * g + eps), G)},
        "rate inside": {"update": lambda x, g, G, eta, eps: (x - g / sqrt((G := G + g * g) / eta + eps), G)},
        "off by 1e-3": {"update": lambda x, g, G, eta, eps: (x - eta * g / sqrt((G := G + 1.001 * g * g) + eps), G)},
    },
    "adadelta": {
        "ε outside": {
            "update": lambda x, g, E, D, rho, c, eps: (
                x - (s := (sqrt(D) + eps) / (sqrt(E := rho * E + c * g * g) + eps) * g),
                E,
                rho * D + c * s * s,
            )
        },
        "ε above only": {
            "update": lambda x, g, E, D, rho, c, eps: (
                x - (s := sqrt(D + eps) / sqrt((E := rho * E + c * g * g) + eps * eps) * g),
                E,
                rho * D + c * s * s,
            )
        },
        "quotient upside down": {
            "update": lambda x, g, E, D, rho, c, eps: (
                x - (s := sqrt((E := rho * E + c * g * g) + eps) / sqrt(D + eps) * g),
                E,
                rho * D + c * s * s,
            )
        },
        "old E": {
            "update": lambda x, g, E, D, rho, c, eps: (
                x - (s := sqrt(D + eps) / sqrt(E + eps) * g),
                rho * E + c * g * g,
                rho * D + c * s * s,
            )
        },
        "D of g": {
            "update": lambda x, g, E, D, rho, c, eps: (
                x - sqrt(D + eps) / sqrt((E := rho * E + c * g * g) + eps) * g,
                E,
                rho * D + c * g * g,
            )
        },
        "sign": {
            "update": lambda x, g, E, D, rho, c, eps: (
                x + (s := sqrt(D + eps) / sqrt((E := rho * E + c * g * g) + eps) * g),
                E,
                rho * D + c * s * s,
            )
        },
        "sum for average": {
            "update": lambda x, g, E, D, rho, c, eps: (
                x - (s := sqrt(D + eps) / sqrt((E := E + g * g) + eps) * g),
                E,
                rho * D + c * s * s,
            )
        },
        "slots swapped": {
            "update": lambda x, g, E, D, rho, c, eps: (
                x - (s := sqrt(D + eps) / sqrt((E := rho * E + c * g * g) + eps) * g),
                rho * D + c * s * s,
                E,
            )
        },
        "1 - γ off by 1e-3": {"coefficients": lambda t, rho, eps: (rho, 1.001 - rho, eps)},
        "γ and 1 - γ swapped": {"coefficients": lambda t, rho, eps: (1 - rho, rho, eps)},
    },
    "rmsprop": {
        "ε outside": {
            "update": lambda x, g, E, eta, rho, c, eps: (x - eta * g / (sqrt(E := rho * E + c * g * g) + eps), E)
        },
        "no root": {"update": lambda x, g, E, eta, rho, c, eps: (x - eta * g / ((E := rho * E + c * g * g) + eps), E)},
        "ε²": {
            "update": lambda x, g, E, eta, rho, c, eps: (x - eta * g / sqrt((E := rho * E + c * g * g) + eps * eps), E)
        },
        "g for g²": {
            "update": lambda x, g, E, eta, rho, c, eps: (x - eta * g / sqrt((E := rho * E + c * abs(g)) + eps), E)
        },
        "old E": {"update": lambda x, g, E, eta, rho, c, eps: (x - eta * g / sqrt(E + eps), rho * E + c * g * g)},
        "a sum": {"update": lambda x, g, E, eta, rho, c, eps: (x - eta * g / sqrt((E := E + g * g) + eps), E)},
        "sign": {"update": lambda x, g, E, eta, rho, c, eps: (x + eta * g / sqrt((E := rho * E + c * g * g) + eps), E)},
        "γ for 1 - γ": {"coefficients": lambda t, learning_rate, rho, eps: (learning_rate, 1 - rho, rho, eps)},
        "γ fixed at 0.9": {"coefficients": lambda t, learning_rate, rho, eps: (learning_rate, 0.9, 0.1, eps)},
        "bias corrected": {
            "coefficients": lambda t, learning_rate, rho, eps: (learning_rate * sqrt(1 - rho**t), rho, 1 - rho, eps)
        },
        "off by 1e-3": {"coefficients": lambda t, learning_rate, rho, eps: (learning_rate, rho, 1.001 - rho, eps)},
    },
    "adam": {
        **ADAM_MUTANTS,
        "ε inside": {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * (m := b1 * m + c1 * g) / sqrt((v := b2 * v + c2 * (g * g)) + eps_t * eps_t),
                m,
                v,
            )
        },
        "g for g²": {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * (m := b1 * m + c1 * g) / (sqrt(v := b2 * v + c2 * abs(g)) + eps_t),
                m,
                v,
            )
        },
        "old m": {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * m / (sqrt(v := b2 * v + c2 * (g * g)) + eps_t),
                b1 * m + c1 * g,
                v,
            )
        },
        "old v": {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * (m := b1 * m + c1 * g) / (sqrt(v) + eps_t),
                m,
                b2 * v + c2 * (g * g),
            )
        },
        "variance": {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * (m := b1 * m + c1 * g) / (sqrt(v := b2 * v + c2 * ((g - m) * (g - m))) + eps_t),
                m,
                v,
            )
        },
    },
    "adamax": {
        "min for max": {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - where(u := min(b2 * u, abs(g)), alpha * (m := b1 * m + c1 * g), u) / where(u, u, c1),
                b1 * m + c1 * g,
                u,
            )
        },
        "no |g|": {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - alpha * (m := b1 * m + c1 * g) / where(u := max(b2 * u, g), u, c1) * where(u, 1, 0),
                m,
                u,
            )
        },
        "β2 outside the maximum": {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - alpha * (m := b1 * m + c1 * g) / where(u := b2 * max(u, abs(g)), u, c1) * where(u, 1, 0),
                m,
                u,
            )
        },
        "no guard": {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - alpha * (m := b1 * m + c1 * g) / (u := max(b2 * u, abs(g))),
                m,
                u,
            )
        },
        "a step where u = 0": {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - alpha * (m := b1 * m + c1 * g) / where(u := max(b2 * u, abs(g)), u, c1),
                m,
                u,
            )
        },
        "guard on the old u": {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - where(u, alpha * (b1 * m + c1 * g), 0 * u) / where(u, max(b2 * u, abs(g)), c1),
                b1 * m + c1 * g,
                max(b2 * u, abs(g)),
            )
        },
        "u decays twice": {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - where(u := max(b2 * (b2 * u), abs(g)), alpha * (b1 * m + c1 * g), u) / where(u, u, c1),
                b1 * m + c1 * g,
                u,
            )
        },
        "m stale": {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - where(u := max(b2 * u, abs(g)), alpha * m, u) / where(u, u, c1),
                b1 * m + c1 * g,
                u,
            )
        },
        "t + 1 for t": adamax_power(lambda t: t + 1),
        "t - 1 for t": adamax_power(lambda t: t - 1),
        "2t for t": adamax_power(lambda t: 2 * t),
        "carry never moves": {"coefficients": adamax_frozen},
        "start one step behind": {"start": lambda t, learning_rate, beta1, beta2: closed_form(t - 1, beta1)},
    },
    "nadam": {
        **ADAM_MUTANTS,
        "Adam": {"update": RULES["adam"].update},
        "old m in the look-ahead": {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * (b1 * m + c1 * g) / (sqrt(v := b2 * v + c2 * (g * g)) + eps_t),
                b1 * m + c1 * g,
                v,
            )
        },
        "g without 1 - β1": {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * (b1 * (m := b1 * m + c1 * g) + g) / (sqrt(v := b2 * v + c2 * (g * g)) + eps_t),
                m,
                v,
            )
        },
        "β2 in the look-ahead": {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * (b2 * (m := b1 * m + c1 * g) + c1 * g) / (sqrt(v := b2 * v + c2 * (g * g)) + eps_t),
                m,
                v,
            )
        },
    },
}
CASES = [pytest.param(name, change, id=f"{name}: {what}") for name, t in MUTANTS.items() for what, change in t.items()]


# The textbook, for the numbers: typed here once more, in floats. For nag g is the gradient at x - γv.
def textbook(name, x, g, s, t, h):
    """Return (x, *states) after the document's step at numbers."""
    if name == "sgd":
        return (x - h["learning_rate"] * g,)
    if name in ("momentum", "nag"):
        v = h["momentum"] * s[0] + h["learning_rate"] * g
        return x - v, v
    if name == "adagrad":
        return x - h["learning_rate"] * g / math.sqrt(s[0] + g**2 + h["eps"]), s[0] + g**2
    if name in ("adadelta", "rmsprop"):
        E = h["rho"] * s[0] + (1 - h["rho"]) * g**2
        if name == "rmsprop":
            return x - h["learning_rate"] * g / math.sqrt(E + h["eps"]), E
        d = -math.sqrt(s[1] + h["eps"]) / math.sqrt(E + h["eps"]) * g
        return x + d, E, h["rho"] * s[1] + (1 - h["rho"]) * d**2
    m = h["beta1"] * s[0] + (1 - h["beta1"]) * g
    m_hat = m / (1 - h["beta1"] ** t)
    if name == "adamax":
        u = max(h["beta2"] * s[1], abs(g))
        return (x - h["learning_rate"] * m_hat / u if u else x), m, u
    v = h["beta2"] * s[1] + (1 - h["beta2"]) * g**2
    if name == "nadam":
        m_hat = h["beta1"] * m_hat + (1 - h["beta1"]) * g / (1 - h["beta1"] ** t)
    return x - h["learning_rate"] * m_hat / (math.sqrt(v / (1 - h["beta2"] ** t)) + h["eps"]), m, v


def run_in_floats(rule, name, at):
    """Return {component: (what the rule computes, what the document says)} at numbers, None where it is undefined."""
    hyper = {h.name: at[h.name] for h in rule.hyper}
    slots, t, gamma = [at[s] for s in rule.slots], at["t"], at.get("momentum", 0.0)
    if t == 0:
        return {f"{c} at t = 0": (s, 0.0) for c, s in zip(rule.carry, rule.start(0.0, *hyper.values()), strict=True)}
    carry = [float(c) for c in rule.start(t - 1, *hyper.values())] if rule.carry else ()  # of NumPy, which would warn
    readout = rule.readout or (lambda x, *_: x)
    moved = coefficients = found = None
    try:
        moved = rule.coefficients(t, *carry, *hyper.values())
        moved, coefficients = moved[: len(carry)], moved[len(carry) :]
        found = rule.update(at["x"], at["g"], *slots, *coefficients)
    except ZeroDivisionError:
        found = [None] * (1 + len(slots))
    theta = readout(at["x"], *slots, *(coefficients or ()))
    theta_after, *after = textbook(name, theta, at["g"], slots, t, hyper)
    lead, lead_after = (gamma * slots[0], gamma * after[0]) if name == "nag" else (0.0, 0.0)
    table = dict(zip(("x", *rule.slots), zip(found, (theta_after - lead_after, *after), strict=True), strict=True))
    if rule.carry:
        table |= dict(zip(rule.carry, zip(moved, rule.start(t, *hyper.values()), strict=True), strict=True))
    if found[0] is not None:
        table["readout"] = readout(*found, *coefficients), theta_after
        table["gradient point"] = at["x"], theta - lead
    return table


@pytest.mark.parametrize(("name", "change"), CASES)
def test_mutants_are_refuted_at_numbers_where_they_differ(name, change):
    mutant = replace(RULES[name], **change)
    proof = symbolic.prove(mutant)
    assert not proof.proved and proof.status == "refuted"
    assert any(residual != 0 for residual in proof.residuals.values())
    c = proof.counterexample
    found, expected = run_in_floats(mutant, name, {k: float(v) for k, v in c.values.items()})[c.component]
    assert expected == pytest.approx(float(c.expected), rel=1e-9)
    if found is None:
        assert c.found is None
    else:
        assert found == pytest.approx(float(c.found), rel=1e-9, abs=1e-12)
        assert abs(found - expected) > 1e-5 * (abs(found) + abs(expected))


def test_every_rule_has_eight_mutants():
    assert set(MUTANTS) == set(ALGORITHMS)
    assert all(len(table) >= 8 for table in MUTANTS.values())


# Equal after all -------------------------------------------------------------------------------------------------


def textbook_adam(x, g, m, v, learning_rate, beta1, beta2, eps, t):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return x - learning_rate * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps), m, v


def everything(t, learning_rate, beta1, beta2, eps):
    return learning_rate, beta1, beta2, eps, t


REWRITTEN = {
    "adam, all in update": ("adam", {"update": textbook_adam, "coefficients": everything, "start": None, "carry": ()}),
    "adam, lerp": (
        "adam",
        {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * (m := m + c1 * (g - m)) / (sqrt(v := v + c2 * (g * g - v)) + eps_t),
                m,
                v,
            )
        },
    ),
    "adam, root of the quotient": (
        "adam",
        adam_coefficients(
            lambda t, lr, b1, b2, eps, d1, d2: (lr / d1 * d2**0.5, b1, 1 - b1, b2, 1 - b2, eps / d2 ** (-1 / 2))
        ),
    ),
    "nadam, one bracket": (
        "nadam",
        {
            "update": lambda x, g, m, v, alpha, b1, c1, b2, c2, eps_t: (
                x - alpha * (b1 * b1 * m + (1 + b1) * c1 * g) / (eps_t + sqrt(b2 * v + c2 * g**2)),
                b1 * m + c1 * g,
                b2 * v + c2 * g**2,
            )
        },
    ),
    "adamax, maximum by absolute value": (
        "adamax",
        {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - where(w := (b2 * u + abs(g) + abs(b2 * u - abs(g))) / 2, alpha * (b1 * m + c1 * g) / w, 0),
                b1 * m + c1 * g,
                w,
            )
        },
    ),
    "adamax, |g| as a root": (
        "adamax",
        {
            "update": lambda x, g, m, u, alpha, b1, c1, b2: (
                x - where((w := max(sqrt(g * g), u * b2)) > 0, alpha * (b1 * m + c1 * g) / w, 0),
                b1 * m + c1 * g,
                w,
            )
        },
    ),
    "adagrad, one root": (
        "adagrad",
        {"update": lambda x, g, G, eta, eps: (x - eta * (g * (eps + (G := G + g**2)) ** -0.5), G)},
    ),
    "adagrad, rationalised": (
        "adagrad",
        {"update": lambda x, g, G, eta, eps: (x - eta * g * sqrt((G := G + g * g) + eps) / (G + eps), G)},
    ),
    "adadelta, root of the quotient": (
        "adadelta",
        {
            "update": lambda x, g, E, D, rho, c, eps: (
                x - (s := sqrt((D + eps) / ((E := rho * E + c * g * g) + eps)) * g),
                E,
                rho * D + c * s * s,
            )
        },
    ),
    "rmsprop, scaled inside": (
        "rmsprop",
        {
            "update": lambda x, g, E, eta, rho, c, eps: (
                x - 2 * eta * g / sqrt(4 * ((E := rho * E + c * g * g) + eps)),
                E,
            )
        },
    ),
    "nag, in one term": (
        "nag",
        {"update": lambda x, g, v, eta, gamma: (x - gamma**2 * v - (1 + gamma) * eta * g, gamma * v + eta * g)},
    ),
    "momentum, g/g with a guard": (
        "momentum",
        {"update": lambda x, g, v, eta, gamma: (x - (v := gamma * v + where(g, eta * g * g / where(g, g, 1), 0)), v)},
    ),
    "sgd, roots of numbers": ("sgd", {"update": lambda x, g, eta: (x - eta * g * sqrt(6) / (sqrt(2) * sqrt(3)),)}),
    "sgd, powers of two": ("sgd", {"update": lambda x, g, eta: (x - eta * g * 2.0**-60 * 2.0**60,)}),
}


@pytest.mark.parametrize("case", REWRITTEN)
def test_equal_rewrites_are_proved(case):
    name, change = REWRITTEN[case]
    proof = symbolic.prove(replace(RULES[name], **change))
    assert proof.proved, proof.explain()


# Harder to refuse --------------------------------------------------------------------------------------------------
# Each is right almost everywhere, or almost right, or right only for a computer algebra system that is not careful.


def squared_many_times(x, g, eta):
    y = x + g + eta
    for _ in range(14):
        y = y * y + 1
    return (x - eta * g * (y / y),)


SGD_TRAPS = {
    "at one gradient": ("refuted", lambda x, g, eta: (where(g == 7, x, x - eta * g),)),
    "at one irrational gradient": ("undecided", lambda x, g, eta: (where(g * g == 2, x, x - eta * g),)),
    "on a surface": ("refuted", lambda x, g, eta: (where(x * x * g * g - eta == 3, x, x - eta * g),)),
    "on a curved surface": ("undecided", lambda x, g, eta: (where(x * x * g * g == 3 + eta * eta, x, x - eta * g),)),
    "for g < 0": ("refuted", lambda x, g, eta: (x - eta * sqrt(g * g),)),
    "far away": ("refuted", lambda x, g, eta: (x - eta * min(max(g, -1e9), 1e9),)),
    "by 1e-12": ("refuted", lambda x, g, eta: (x - eta * g * 0.999999999999,)),
    "by 2**-50": ("refuted", lambda x, g, eta: (x - eta * g * (1 + 2.0**-50),)),
    "by 1e-300": ("refuted", lambda x, g, eta: (x - eta * g + 1e-300,)),
    "by a rounded constant": ("refuted", lambda x, g, eta: (x - eta * g * (0.1 + 0.2) / 0.3,)),
    "0/0 cancelled": ("refuted", lambda x, g, eta: (x - eta * g * (g / g),)),
    "0 times 1/0": ("refuted", lambda x, g, eta: (x - eta * g + 0 * (1 / g),)),
    "1/0 - 1/0": ("refuted", lambda x, g, eta: (x - eta * g + (1 / g - 1 / g),)),
    "1/(1/0)": ("refuted", lambda x, g, eta: (x - eta / (1 / g),)),
    "root of a negative, squared": ("refuted", lambda x, g, eta: (x - eta * (sqrt(g) * sqrt(g)),)),
    "equal, but beyond the procedure": (
        "undecided",
        lambda x, g, eta: (x - eta * g * exp(log(1 + g * g)) / (1 + g * g),),
    ),
    "triangle inequality as equality": ("refuted", lambda x, g, eta: (x - eta * (g + abs(g + x) - abs(g) - abs(x)),)),
    "too large to decide": ("undecided", squared_many_times),
    "a large power": ("refuted", lambda x, g, eta: (x - eta * g + g**100_001,)),
}


@pytest.mark.parametrize("trap", SGD_TRAPS)
def test_almost_right_is_not_proved(trap):
    status, update = SGD_TRAPS[trap]
    proof = symbolic.prove(replace(RULES["sgd"], update=update))
    assert proof.status == status
    assert not proof.proved
    assert not bool(proof)
    assert (proof.counterexample is None) == (status == "undecided")
    assert ("not a proof" in proof.explain()) == (status == "undecided")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda t, learning_rate: (learning_rate / t ** (t - 1),), "refuted"),  # right at t = 1 only
        (lambda t, learning_rate: (where(t == 17, 0, learning_rate),), "undecided"),  # wrong at t = 17 only
        (lambda t, learning_rate: (where(t > 1e6, 0, learning_rate),), "undecided"),
        (lambda t, learning_rate: (where(t > 0, learning_rate, 0),), "proved"),
    ],
)
def test_every_step_counts(change, status):
    assert symbolic.prove(replace(RULES["sgd"], coefficients=change)).status == status


def test_a_difference_at_beta_0_only():
    guarded = replace(
        RULES["momentum"],
        update=lambda x, g, v, eta, gamma: (x - (gamma * v + eta * g), where(gamma, gamma * v + eta * g, 0)),
    )
    assert symbolic.prove(guarded).counterexample.values["momentum"] == 0


def test_a_wrong_carry_behind_a_right_step():
    """x, m and v are right in every step, since the powers are taken afresh; what is carried is not."""
    proof = symbolic.prove(replace(RULES["adam"], coefficients=frozen_carry))
    assert [c for c, residual in proof.residuals.items() if residual != 0] == ["d1", "d2"]
    assert proof.counterexample.component == "d1"


def test_a_carry_right_but_for_its_start():
    proof = symbolic.prove(replace(RULES["adamax"], start=lambda t, learning_rate, beta1, beta2: (1 + 0 * t, 0)))
    assert proof.residuals["d1 at t = 0"] == 1
    assert proof.status == "refuted"


# What a proof says ---------------------------------------------------------------------------------------------------


def test_constants_are_the_decimals_that_were_typed():
    tenths = replace(RULES["sgd"], update=lambda x, g, eta: (x - (0.1 * eta + 0.2 * eta) * g / 0.3,))
    assert symbolic.prove(tenths).proved


def test_explain_names_code_equations_induction_and_generators():
    text = symbolic.prove("adam").explain()
    for part in (
        "adam is proved equal to adam of the document.",
        "coefficients(t, d1, e1, d2, e2, learning_rate, beta1, beta2, eps) in adam.py, line ",
        "ADAM-6: θ_{t+1} = ",
        "v is v_{t-1}; it starts at 0 (E-27)",
        "beta2 is β₂ in [0, 1)",
        "r1 = √(1 - β₂**t)",
        "induction, base: start(0) gives d1 = 0: the difference is 0",
        "induction, step: coefficients takes e2 = start(t-1) to start(t): the difference is 0",
        "v_t >= 0, as it starts at 0: shown",
        "x after the step is θ_{t+1}: the difference is 0",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 120


def test_explain_shows_the_change_of_variable_and_the_cases():
    assert "T-NAG-2: θ_t = " in symbolic.prove("nag").explain()
    text = symbolic.prove("adamax").explain()
    assert "in each of 9 order cases" in text
    assert "where g_t < 0 (g_t = -δ1), " in text


def test_explain_shows_the_residual_and_the_numbers():
    mutant = replace(RULES["momentum"], update=lambda x, g, v, eta, gamma: (x - v, gamma * v + eta * g))
    proof = symbolic.prove(mutant)
    assert proof.residuals["v"] == 0
    (eta, gamma, g, v) = (proof.letters[n] for n in ("learning_rate", "momentum", "g", "v"))
    assert sympy.expand(proof.residuals["x"] - (gamma * v + eta * g - v)) == 0
    text = proof.explain()
    assert "momentum is NOT equal to momentum of the document." in text
    assert "NOT SHOWN, the difference is " in text
    assert f"refuted: {str(proof.counterexample)[:40]}" in text


def test_latex():
    latex = symbolic.prove("adam")._repr_latex_()
    assert latex.startswith("$") and latex.endswith("$")
    assert r"\hat m_t &= \frac{m_t}{1 - \beta_1^{t}}" in latex
    assert r"\blacksquare" in latex
    assert r"\text{refuted at}" in symbolic.prove("adam", against="nadam")._repr_latex_()
    assert (
        symbolic.update_equations("nag")[0].latex
        == r"v_t = \gamma v_{t-1} + \eta \nabla J\left(\theta_t - \gamma v_{t-1}\right)"
    )


def test_equations_are_the_ones_that_prove_uses():
    for name in RULES:
        equations = symbolic.update_equations(name)
        text = symbolic.prove(name).explain()
        assert all(f"{e.id}: " in text for e in equations)
        assert all(e.expr.lhs == e.left and e.expr.rhs == e.right and e.section for e in equations)
    with pytest.raises(ValueError, match="name='adamw' is not an algorithm; did you mean adam, "):
        symbolic.update_equations("adamw")


def test_against():
    assert symbolic.prove(replace(RULES["adam"], name="mine"), against="adam").proved
    assert symbolic.prove("momentum", against="nag").status == "refuted"
    with pytest.raises(ValueError, match="name='mine' is not an algorithm"):
        symbolic.prove(replace(RULES["adam"], name="mine"))
    with pytest.raises(ValueError, match="rule='adamw' is not a Rule, nor the name of one; use one of sgd"):
        symbolic.prove("adamw")
    with pytest.raises(TypeError, match=r"'adam' has 2 state\(s\) \(m, v\), and 'momentum' has 1 \(v_{t-1}\)"):
        symbolic.prove("adam", against="momentum")


# What cannot be run on symbols ----------------------------------------------------------------------------------------


def branching(x, g, eta):
    return (x - eta * g if g > 0 else x,)


def catching(x, g, eta):
    try:
        return (x if g > 0 else x + 1,)
    except TypeError:  # what a symbol raises and a number does not
        return (x - eta * g,)


def looping(x, g, eta):
    for _ in range(1000):
        x = x + 0 * g
    return (x - eta * g,)


notes = []


def remembering(x, g, eta):
    notes.append(g)
    return (x - eta * g,)


def misnamed(x, g, eta):
    return (x - eta * sqrt_in_name_only(g),)


def forgetful(x, g, eta):
    return x - eta * g, g


def scalar_of_text(x, g, eta):
    return ("x",)


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (branching, r"branching\(\) .* it branches on the value of a symbol; write where\(condition, a, b\)"),
        (catching, r"catching\(\) .* it has a try or with statement"),
        (looping, r"looping\(\) .* nests more than 150 operations"),
        (remembering, r"remembering\(\) .* it uses notes \(list\), which has no meaning on symbols"),
        (misnamed, r"misnamed\(\) .* it uses sqrt_in_name_only .* use sqrt exp"),
        (forgetful, r"forgetful\(\) returns 2 values; it should return a tuple of 1"),
        (scalar_of_text, r"scalar_of_text\(\) returns str, not a scalar"),
        (lambda x, g, eta: (x - eta * g // 1,), r"uses //, % or divmod"),
        (lambda x, g, eta: (x - eta * undefined_name,), r"the name 'undefined_name' is not defined"),  # noqa: F821
        (lambda x, g, eta: (x - eta * g / 0 * float("inf"),), r"ValueError|not a real number|real scalars"),
    ],
)
def test_code_that_cannot_be_followed_is_refused_with_a_remedy(update, message):
    with pytest.raises(symbolic.TraceError, match=message):
        symbolic.prove(replace(RULES["sgd"], update=update))


def test_the_code_that_runs_is_the_rules_own():
    """Neither `prove` nor anything it calls compiles a copy: the traced function has the very code object."""
    from optnumba.symbolic.trace import Rebinding

    for rule in RULES.values():
        for function in filter(None, (rule.coefficients, rule.update, rule.start, rule.readout)):
            rebinding = Rebinding()
            assert rebinding.function(function).__code__ is function.__code__
    helpers = rebinding.function(RULES["adam"].coefficients).__globals__
    assert helpers["advance"].__code__ is advance.__code__
    assert helpers["advance"] is not advance


def test_the_bare_name_is_refused():
    folder = inspect.getfile(symbolic)
    spec = importlib.util.spec_from_file_location("symbolic", folder)
    with pytest.raises(ImportError, match="use `from optnumba import symbolic`"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_a_slot_may_have_the_name_of_another_symbol():
    """A slot called t, or like a hyperparameter, is not taken for it."""
    renamed = replace(
        RULES["adagrad"],
        slots=("t",),
        update=lambda x, g, t, eta, eps: (x - eta * g / sqrt((t := t + g * g) + eps), t),
    )
    assert symbolic.prove(renamed).proved
    confused = replace(renamed, coefficients=lambda t, learning_rate, eps: (learning_rate, eps * t / t + t - t))
    assert symbolic.prove(confused).proved
    taken = replace(renamed, coefficients=lambda t, learning_rate, eps: (learning_rate, eps + t - 1))
    assert symbolic.prove(taken).status == "refuted"
    extra = optnumba.Hyper("g", 0.0, "[0, inf)", "has nothing to do with the gradient")
    scaled = replace(RULES["sgd"], hyper=(*RULES["sgd"].hyper, extra), coefficients=lambda t, learning_rate, g: (g,))
    plain = replace(scaled, update=lambda x, g, eta: (x - eta * eta,))
    assert symbolic.prove(plain).status == "refuted"
    assert symbolic.prove(plain).counterexample.values.keys() == {"x", "g", "t", "learning_rate", "g_"}


def test_every_public_name_has_an_example():
    for name in symbolic.__all__:
        thing = getattr(symbolic, name)
        assert issubclass(thing, Exception) if name == "TraceError" else ">>> " in thing.__doc__
