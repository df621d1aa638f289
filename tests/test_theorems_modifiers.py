"""What clipping, decay and averaging do: proved, and what is nearly so is not."""

import pytest
from optnumba.symbolic.equations.notation import clip, eps, eta, g, i, t, theta
from optnumba.symbolic.equations.notation import decay_average as beta
from optnumba.symbolic.equations.notation import decay_weight as decay
from optnumba.symbolic.theorems import theorems
from optnumba.symbolic.theorems.modifiers import MODIFIERS, norm, x, y
from sympy import Abs, Max, Min, S, Sum

THEOREMS = {theorem.id: theorem for group in MODIFIERS.values() for theorem in group}
SUM = Sum(beta ** (t - i) * x[i], (i, 1, t))

FALSE = {
    "T-MOD-1": {"step": [-eta * (g - decay * theta), -eta * g - decay * theta, -eta * g]},
    "T-MOD-2": {
        "decoupled": [-eta * g / (Abs(g) + eps), -eta * decay * theta - eta * g / Abs(g + eps)],
        "coupled": [-eta * y / (Abs(y) + 2 * eps), -eta * (y - decay * theta) / (Abs(y) + eps)],
        "shrunk": [-decay * theta, S.Zero, -eta * decay * theta / (Abs(theta) + eps)],
        "pulled": [-eta * decay * theta, -eta * theta / (Abs(theta) + eps), -eta * decay * theta / (Abs(theta) + eps)],
    },
    "T-MOD-3": {"mean": [Sum(x[i], (i, 1, t)) / (t + 1), Sum(x[i], (i, 1, t)), x[t]]},
    "T-MOD-4": {
        "average": [(1 - beta) * SUM, SUM / (1 - beta**t), (1 - beta) / (1 - beta ** (t + 1)) * SUM],
        "total": [S.One, 1 - beta ** (t - 1), 1 - beta ** (2 * t)],
    },
    "T-MOD-5": {
        "scale": [clip / norm, Max(1, clip / norm), Min(1, norm / clip), Min(1, clip / (2 * norm)), S.One],
        "size": [clip, norm, Max(norm, clip)],
    },
}
VARIANTS = [(id, name, f) for id, claim in FALSE.items() for name, formulas in claim.items() for f in formulas]


def test_each_is_under_its_algorithm():
    assert sorted(THEOREMS) == [f"T-MOD-{k}" for k in range(1, 6)]
    for name, group in MODIFIERS.items():
        assert all(theorems(name)[theorem.id] is theorem for theorem in group)


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_theorem_is_proved(theorem):
    evidence = theorem.prove()
    assert evidence.status == "proved", evidence.explain()
    assert theorem.hypotheses and theorem.markdown.count("$") == 2 * len(theorem.claim)
    assert set(FALSE[theorem.id]) == set(theorem.claim)
    assert all(f"{{{name}}}" in theorem.text for name in theorem.claim)


@pytest.mark.parametrize(
    ("id", "name", "formula"), VARIANTS, ids=[f"{id}-{n}-{k}" for k, (id, n, _) in enumerate(VARIANTS)]
)
def test_false_variants_are_not_proved(id, name, formula):
    false = THEOREMS[id].variant(**{name: formula})
    assert not all(part.holds for part in false.proof(**false.claim))
