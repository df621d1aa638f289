"""What steps without a gradient do, dense and lazy, and soft thresholding: proved, and what is nearly so is not."""

import pytest
from optnumba.symbolic.equations.adagrad import G_before
from optnumba.symbolic.equations.adam import m_before, v_before
from optnumba.symbolic.equations.adamax import u_before
from optnumba.symbolic.equations.notation import beta1, beta2, eps, eta, gamma, t, theta
from optnumba.symbolic.theorems import theorems
from optnumba.symbolic.theorems.sparse import D_0, E_0, SPARSE, a, b, penalty, root, soft, v_0, x, y
from sympy import Max, Min, S, sqrt

THEOREMS = {theorem.id: theorem for group in SPARSE.values() for theorem in group}
PATH = (1 - gamma**t) / (1 - gamma) * v_0

FALSE = {
    "T-SPARSE-1": {"same": [theta - eta, S.Zero]},
    "T-SPARSE-2": {
        "threshold": [Max(x - penalty, 0), x - penalty],
        "gap": [(y - soft(x, penalty)) ** 2, S.Zero],
    },
    "T-SPARSE-3": {"together": [soft(x, Max(a, b)), Max(x - a - b, 0) + Min(x + a, 0)]},
    "T-SPARSE-4": {
        "velocity": [(gamma ** (t + 1) - 1) * v_0, -v_0, S.Zero],
        "path": [
            -PATH,
            gamma * PATH,
            -gamma * (1 - gamma ** (t + 1)) / (1 - gamma) * v_0,
            -gamma * (1 - gamma**t) * v_0,
        ],
    },
    "T-SPARSE-5": {
        "velocity": [(gamma ** (t - 1) - 1) * v_0],
        "ahead": [-gamma * PATH, -(gamma**3) * PATH],
        "path": [-PATH, -(gamma**2) * PATH],
    },
    "T-SPARSE-6": {"same": [theta - eta], "total": [gamma * G_before, S.Zero]},
    "T-SPARSE-7": {
        "same": [theta + eta],
        "average": [E_0, gamma ** (t + 1) * E_0, gamma ** (2 * t) * E_0],
        "steps": [D_0, gamma**t * E_0, (1 - gamma) ** t * D_0],
    },
    "T-SPARSE-8": {"same": [theta + eta], "average": [E_0, gamma ** (t - 1) * E_0, (1 - t * (1 - gamma)) * E_0]},
    "T-SPARSE-9": {
        "first": [-beta1 * m_before, S.Zero],
        "second": [-(1 - beta1) * v_before, S.Zero],
        "step": [
            S.Zero,
            -eta * root / (1 - beta1**t) * m_before / (sqrt(v_before) + eps * root),
            -eta * root / (1 - beta1**t) * beta1 * m_before / (sqrt(v_before) + eps * root),
            -eta * root / (1 - beta1**t) * beta1 * m_before / (sqrt(beta2 * v_before) + eps),
            -eta
            * sqrt(1 - beta2 ** (t + 1))
            / (1 - beta1**t)
            * beta1
            * m_before
            / (sqrt(beta2 * v_before) + eps * root),
        ],
    },
    "T-SPARSE-10": {
        "first": [beta1 * m_before],
        "largest": [S.Zero, beta2 * u_before],
        "step": [
            S.Zero,
            -eta / (1 - beta1**t) * beta1 * m_before / u_before,
            -eta * beta1 * m_before / (beta2 * u_before),
        ],
    },
    "T-SPARSE-11": {
        "first": [S.Zero],
        "second": [S.Zero],
        "step": [
            S.Zero,
            -eta * root / (1 - beta1**t) * beta1 * m_before / (sqrt(beta2 * v_before) + eps * root),
            -eta * root / (1 - beta1 ** (t + 1)) * beta1**2 * m_before / (sqrt(beta2 * v_before) + eps * root),
        ],
    },
}
VARIANTS = [
    (id, name, formula) for id, claim in FALSE.items() for name, formulas in claim.items() for formula in formulas
]


def test_each_is_under_its_algorithm():
    assert list(THEOREMS) == [f"T-SPARSE-{k}" for k in range(1, 12)]
    for name, group in SPARSE.items():
        assert theorems(name)[-len(group) :] == group


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_theorem_is_proved(theorem):
    evidence = theorem.prove()
    assert evidence.status == "proved", evidence.explain()
    assert "instances" not in evidence.kinds
    assert theorem.hypotheses and theorem.markdown.count("$") == 2 * len(theorem.claim)
    assert all(f"{{{name}}}" in theorem.text for name in theorem.claim)


def test_every_formula_has_a_false_variant():
    assert {id: set(claim) for id, claim in FALSE.items()} == {id: set(T.claim) for id, T in THEOREMS.items()}


@pytest.mark.parametrize(
    ("id", "name", "formula"), VARIANTS, ids=[f"{id}-{n}-{k}" for k, (id, n, _) in enumerate(VARIANTS)]
)
def test_false_variants_are_not_proved(id, name, formula):
    false = THEOREMS[id].variant(**{name: formula})
    assert not all(part.holds for part in false.proof(**false.claim))
