"""The errata: all of them are there, and what can be computed is shown; a false demonstration fails."""

import re

import pytest
from optnumba.symbolic.document import document
from optnumba.symbolic.equations.adadelta import parameter
from optnumba.symbolic.equations.adam import m
from optnumba.symbolic.equations.adamax import u_before
from optnumba.symbolic.equations.forms import Unit
from optnumba.symbolic.equations.notation import beta1, beta2, eps, eta, g, g_next, gamma, t
from optnumba.symbolic.equations.sgd import N
from optnumba.symbolic.errata import SEVERITIES, Erratum, errata
from sympy import Abs, Max, Rational, Symbol, exp, eye, ones, sqrt

# From part 2 of the reference; E-04 is A for its missing J.
SEVERITY = {
    "A": "E-02 E-04 E-05 E-08 E-09 E-14 E-19 E-22 E-24 E-25 E-27",
    "B": "E-03 E-10 E-12 E-15 E-16 E-21 E-23 E-28 E-29 E-31",
    "C": "E-01 E-06 E-07 E-11 E-13 E-17 E-18 E-20 E-26 E-30 E-32",
}
IDS = [f"E-{k:02}" for k in range(1, 33)]
SHOWN = sorted(f"{SEVERITY['A']} {SEVERITY['B']}".split())
x, s = Symbol("x", real=True), Symbol("s", positive=True)
y = Symbol("y", real=True)
G = Symbol("G", positive=True)

# What each demonstration must not accept: one formula of it, changed to a false one.
FALSE = {
    "E-02": {"factor": N + 1},
    "E-03": {"saddle": x**2 + y**2},
    "E-03 inflection": {"inflection": x**2},
    "E-03 unbounded": {"unbounded": exp(-x) + exp(x)},
    "E-03 kink": {"kink": x**2},
    "E-04": {"letter": g},
    "E-05": {"travel": eta / (1 + gamma)},
    "E-08": {"literal": eta / sqrt(G + eps)},
    "E-08 right": {"right": eta / (sqrt(G) + eps)},
    "E-09": {"literal": eps * eye(2)},
    "E-09 right": {"right": eps * ones(2)},
    "E-10": {"bound": eta / 2},
    "E-12": {"velocity": eta},
    "E-14": {"first": -sqrt(eps) * g},
    "E-15": {"step_unit": Unit(parameter)},
    "E-16": {"gradients": eps},
    "E-16 steps": {"steps": s * eps},
    "E-19": {"zeiler": (Rational(9, 10), Rational("1e-8"))},
    "E-21": {"first": g * (1 - beta1 ** (t + 1))},
    "E-21 second": {"second": g * (1 - beta2**t)},
    "E-22": {"update": Max(u_before, Abs(g))},
    "E-23": {"difference": eta * (g - g_next)},
    "E-24": {"factor": (1 - beta1**t) / (1 - beta1 ** (t + 1))},
    "E-25": {"ratio": 1 - beta1 ** (t + 1)},
    "E-25 dozat": {"dozat": (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)},
    "E-27": {"value": Rational(1)},
    "E-28": {"orbit": eta / 2},
    "E-29": {"moment_after": g},
    "E-31": {"outside": eta / sqrt(G + eps)},
}


def test_all_are_there():
    assert list(errata().ids) == IDS
    for severity, ids in SEVERITY.items():
        assert list(errata(severity).ids) == ids.split() and severity in SEVERITIES
    assert sorted(e.id for e in errata() if e.demonstrable) == SHOWN
    with pytest.raises(ValueError, match="severity='D' is none of A, B, C"):
        errata("D")
    assert repr(errata("B")) == "<10 errata: E-03 ... E-31>" and str(errata()).count("\n") == 31
    with pytest.raises(KeyError, match="'E-33' is no erratum; did you mean E-3"):
        errata()["E-33"]


@pytest.mark.parametrize("id", IDS)
def test_each_says_what_and_how(id):
    erratum = errata()[id]
    assert erratum.where and erratum.problem.endswith(".") and erratum.reading.endswith(".")
    assert erratum.demonstrable is not bool(erratum.reason)
    assert str(erratum).startswith(f"{id} ({erratum.severity}) ") and erratum._repr_markdown_().startswith(f"**{id}**")
    if not erratum.demonstrable:
        with pytest.raises(ValueError, match=f"{id} has no demonstration: .*{re.escape(erratum.reason[:20])}"):
            erratum.demonstrate()


def test_equations_and_errata_name_each_other():
    known = set(IDS)
    for equation in document():
        assert set(equation.errata) <= known, equation.id
        assert all(equation.id in errata()[e].equations for e in equation.errata)
    for erratum in errata():
        assert set(erratum.equations) <= set(document().ids)
        # Which equations a passage names, it is about, unless it names them beside the one that is wrong.
        named = set(re.findall(r"\b(?:GD|SGD|MOM|NAG|AG|AD|RMS|AMX|NAD)-\d+", erratum.where))
        assert not named or named & set(erratum.equations), erratum
    of = {e.id: e.equations for e in errata()}
    assert of["E-05"] == ("NAG-4", "NAG-6") and of["E-14"] == ("AD-3", "AD-4", "AD-9", "AD-13", "AD-14")
    assert of["E-22"] == ("AMX-3", "AMX-4", "AMX-5", "AMX-6") and of["E-24"] == ("NAD-17",)
    assert "AMX-7" in of["E-21"] and document()["AMX-7"].written == document()["ADAM-7"].written
    prose = [erratum for erratum, equations in of.items() if not equations]
    assert prose == ["E-26", "E-30"]


@pytest.mark.parametrize("id", SHOWN)
def test_demonstrations(id):
    evidence = errata()[id].demonstrate()
    assert evidence.proved, evidence.explain()
    # The literal reading is refuted by numbers, or its consequence is worked out; and the right one is shown.
    assert len(evidence.parts) >= 2
    assert "counterexample" in evidence.kinds or "inequality" in evidence.kinds
    assert set(evidence.kinds) & {"identity", "induction", "inequality"}


@pytest.mark.parametrize("case", FALSE)
def test_a_false_demonstration_fails(case):
    evidence = errata()[case.split()[0]].variant(**FALSE[case]).demonstrate()
    assert not evidence.holds, evidence.explain()


def test_variants():
    assert {case.split()[0] for case in FALSE} == set(SHOWN)
    with pytest.raises(ValueError, match="'nothing' is not a formula of E-23; it has difference"):
        errata()["E-23"].variant(nothing=g)
    with pytest.raises(ValueError, match="X-1 needs either a demonstration or the reason"):
        Erratum("X-1", "C", "here", "this.", "that.")
    with pytest.raises(ValueError, match="severity='D' of X-1"):
        Erratum("X-1", "D", "here", "this.", "that.", reason="none")
