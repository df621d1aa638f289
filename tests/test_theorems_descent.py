"""What follows from gradient descent, decaying rates, Momentum and NAG is proved; false variants of it are not."""

import re

import numpy as np
import pytest
from optnumba.symbolic.equations.notation import NablaJ, eta, g, g_at, gamma, phi, s, t, theta, theta_before
from optnumba.symbolic.equations.sgd import N, eta_0
from optnumba.symbolic.theorems import Theorem, theorems
from optnumba.symbolic.theorems.equivariance import n, scale, sigma_square
from optnumba.symbolic.theorems.momentum import MOMENTUM, eta_1, eta_2
from optnumba.symbolic.theorems.nag import NAG, g_phi, gamma_t, second, u, u_before, v, v_before, y
from optnumba.symbolic.theorems.quadratic import L, X, a, c, condition, lam, mu, theta_1
from optnumba.symbolic.theorems.schedules import SCHEDULES, i, k, x
from optnumba.symbolic.theorems.sgd import SGD, spread
from sympy import Matrix, Poly, Sum, sqrt

ALL = (*SGD, *SCHEDULES, *MOMENTUM, *NAG)
IDS = [theorem.id for theorem in ALL]
EXPECTED = [
    *(f"T-GD-{k}" for k in range(1, 10)),
    "T-SGD-1",
    "T-SGD-2",
    "T-LR-1",
    "T-LR-2",
    *(f"T-MOM-{k}" for k in range(1, 9)),
    *(f"T-NAG-{k}" for k in range(1, 8)),
]


def by_id(id):
    return next(theorem for theorem in ALL if theorem.id == id)


def test_all_of_them_are_there():
    assert EXPECTED == IDS
    assert [theorem.id for theorem in theorems("sgd")][:13] == EXPECTED[:13]
    assert theorems("momentum")[: len(MOMENTUM)] == MOMENTUM and theorems("nag")[: len(NAG)] == NAG


@pytest.mark.parametrize("theorem", ALL, ids=IDS)
def test_every_theorem_is_proved(theorem):
    evidence = theorem.prove()
    assert evidence.status == "proved", evidence.explain()
    assert "instances" not in evidence.kinds


@pytest.mark.parametrize("theorem", ALL, ids=IDS)
def test_every_statement_reads(theorem):
    assert isinstance(theorem, Theorem) and theorem.claim and theorem.hypotheses
    # What is left of braces are indices and the bounds of sums: θ_{t+1}.
    for text in (theorem.statement, str(theorem)):
        assert not re.search(r"(?<![_^])\{", text), text
    assert theorem.markdown.count("$") == 2 * len(re.findall(r"(?<!\{)\{\w+\}(?!\})", theorem.text))
    assert theorem._repr_markdown_().startswith(f"**{theorem.id}**")
    assert all("{" + name + "}" in theorem.text for name in theorem.claim)
    assert theorem.prove()._repr_markdown_().count("$") % 2 == 0


FALSE = [
    ("T-GD-1", {"path": c + (1 - eta * a) ** (t + 1) * (theta_1 - c)}),
    ("T-GD-1", {"path": c + (1 + eta * a) ** t * (theta_1 - c)}),
    ("T-GD-2", {"bound": 1 / a}),
    ("T-GD-2", {"bound": 4 / a}),
    ("T-GD-2", {"one_step": 1 / (2 * a)}),
    ("T-GD-2", {"one_step": 3 / (2 * a)}),
    ("T-GD-2", {"bound_of_all": 1 / L}),
    ("T-GD-2", {"bound_of_all": 4 / L}),
    ("T-GD-3", {"change": -eta * (1 - eta * a) * (a * (theta - c)) ** 2}),
    ("T-GD-4", {"best": 1 / L}),
    ("T-GD-4", {"best": 2 / L}),
    ("T-GD-4", {"rate": (sqrt(condition) - 1) / (sqrt(condition) + 1)}),
    ("T-GD-4", {"best": 1 / (mu + L)}),
    ("T-GD-5", {"newton": 2 / a}),
    ("T-GD-6", {"velocity": eta * g}),
    ("T-GD-6", {"mean": (1 - gamma) * g}),
    ("T-GD-6", {"square": g**2 / 2}),
    ("T-GD-6", {"largest": g}),
    ("T-GD-7", {"Q": Matrix([[1, 1], [0, 1]])}),
    ("T-GD-7", {"Q": Matrix([[2, 0], [0, 2]])}),
    ("T-GD-8", {"rate": scale * eta}),
    ("T-GD-8", {"rate": eta / scale**2}),
    ("T-GD-9", {"rate": eta}),
    ("T-GD-9", {"rate": eta / N}),
    ("T-SGD-1", {"variance": sigma_square / n}),
    ("T-SGD-1", {"variance": sigma_square / n * (N - n) / N}),
    ("T-SGD-1", {"mean": by_id("T-SGD-1").claim["mean"] * N}),
    ("T-SGD-2", {"floor": eta * spread**2 / (2 * a)}),
    ("T-SGD-2", {"floor": eta * spread**2 / (a * (1 - eta * a / 2))}),
    ("T-LR-1", {"rate": eta_0 / (1 + k * (t - 1)) ** 2}),
    ("T-LR-1", {"rate": eta_0 / sqrt(1 + k * (t - 1))}),
    ("T-LR-1", {"rate": eta_0 / (1 + k * t)}),
    ("T-LR-2", {"rate": 1 / (a * (t + 1))}),
    ("T-LR-2", {"mean": Sum(x[i], (i, 1, t)) / (t + 1)}),
    ("T-MOM-1", {"total": eta * Sum(gamma ** (t + 1 - s) * g_at[s], (s, 1, t))}),
    ("T-MOM-1", {"total": eta * (1 - gamma) * Sum(gamma ** (t - s) * g_at[s], (s, 1, t))}),
    ("T-MOM-2", {"speed": eta * g * (1 - gamma ** (t + 1)) / (1 - gamma)}),
    ("T-MOM-2", {"terminal": eta * g}),
    ("T-MOM-3", {"rest": by_id("T-MOM-3").claim["rest"] / gamma}),
    ("T-MOM-3", {"travelled": by_id("T-MOM-3").claim["travelled"].subs(t, t + 1)}),
    ("T-MOM-4", {"two_terms": theta - eta * NablaJ(theta) + gamma * (theta_before - theta)}),
    ("T-MOM-4", {"two_terms": theta - eta * NablaJ(theta_before) + gamma * (theta - theta_before)}),
    ("T-MOM-5", {"bound": 2 * (1 - gamma)}),
    ("T-MOM-5", {"bound": 2}),
    ("T-MOM-5", {"bound": 4 * (1 + gamma)}),
    ("T-MOM-5", {"lower": (1 - gamma) ** 2}),
    ("T-MOM-5", {"upper": (1 + gamma) ** 2}),
    ("T-MOM-5", {"polynomial": lam**2 - (1 + gamma) * (1 - X) * lam + gamma * (1 - X)}),
    ("T-MOM-6", {"best": 2 / (L + mu)}),
    ("T-MOM-6", {"best": 1 / L}),
    ("T-MOM-6", {"root": (condition - 1) / (condition + 1)}),
    ("T-MOM-6", {"rate": (condition - 1) / (condition + 1)}),
    ("T-MOM-7", {"difference": gamma * (eta_2 - eta_1) * g_at[1]}),
    ("T-MOM-7", {"difference": 0 * gamma}),
    ("T-MOM-8", {"rate": eta}),
    ("T-NAG-1", {"velocity": gamma * u_before - eta * NablaJ(theta - gamma * u_before)}),
    ("T-NAG-1", {"move": theta - u}),
    ("T-NAG-2", {"in_v": phi - v}),
    ("T-NAG-2", {"in_v_before": phi - gamma * v_before - (1 + gamma) * eta * g_phi}),
    ("T-NAG-3", {"in_v": phi - (gamma_t * v + eta * g_phi)}),
    ("T-NAG-4", {"ahead": theta + (theta - theta_before)}),
    ("T-NAG-4", {"new": theta - eta * NablaJ(y)}),
    ("T-NAG-5", {"polynomial": lam**2 - (1 + gamma - X) * lam + gamma}),
    ("T-NAG-5", {"size": sqrt(gamma)}),
    ("T-NAG-5", {"size": gamma * (1 - X)}),
    ("T-NAG-5", {"bound": 2 * (1 + gamma)}),
    ("T-NAG-5", {"bound": (2 + 2 * gamma) / (1 + 3 * gamma)}),
    ("T-NAG-5", {"edge": (1 - gamma) ** 2}),
    ("T-NAG-6", {"coefficient": gamma}),
    ("T-NAG-6", {"first_order": eta * gamma * second * v_before}),
    ("T-NAG-6", {"first_order": -eta * second * v_before}),
    ("T-NAG-7", {"radius": (sqrt(condition) - 1) / (sqrt(condition) + 1)}),
    ("T-NAG-7", {"momentum": ((sqrt(condition) - 1) / (sqrt(condition) + 1)) ** 2}),
]


@pytest.mark.parametrize(
    ("id", "claim"), FALSE, ids=[f"{id}-{next(iter(claim))}-{j}" for j, (id, claim) in enumerate(FALSE)]
)
def test_false_variants_are_not_proved(id, claim):
    false = by_id(id).variant(**claim)
    assert not all(part.holds for part in false.proof(**false.claim))  # no further than the first that fails


def test_a_matrix_reads_as_text():
    turned = by_id("T-GD-7").variant(Q=Matrix([[1, u - v], [0, sqrt(eta)]]))
    assert "the rotations [1, u_t - v_t; 0, sqrt(η)];" in turned.statement


def test_momentum_with_a_negative_coefficient_is_stable_below_its_own_bound():
    """T-MOM-5 is for every real γ: below 2(1 + γ) the roots are inside the unit circle, beyond it one is not."""
    polynomial, bound = (by_id("T-MOM-5").claim[name] for name in ("polynomial", "bound"))
    for value in (-0.9, -0.4, 0.0, 0.5, 0.95):
        for share, inside in ((-0.1, False), (0.01, True), (0.99, True), (1.01, False)):
            at = {gamma: value, X: share * float(bound.subs(gamma, value))}
            sizes = np.abs(np.roots([float(c) for c in Poly(polynomial.subs(at), lam).all_coeffs()]))
            assert (sizes.max() < 1) == inside


def test_every_formula_matters():
    """There is a false variant of every formula of every theorem here."""
    assert {(id, name) for id, claim in FALSE for name in claim} == {(th.id, name) for th in ALL for name in th.claim}
