"""symbolic.document(): every equation of the document is there, once, in order, and as what it says."""

import re
from dataclasses import FrozenInstanceError

import pytest
import sympy
from optnumba.symbolic import update_equations
from optnumba.symbolic.document import document
from optnumba.symbolic.equations import UPDATES, Equation, adam, adamax, momentum, nadam, nag, notation, sgd
from optnumba.symbolic.equations.forms import Approximately, Expectation, Proportional, Unit, text
from optnumba.symbolic.latex import latex

from optnumba import RULES

# From part 1 of the reference: the ids of each table, in its order.
IDS = {
    "sgd": ["GD-1", "GD-2", "SGD-1", "MB-1", "LRD-a", "LRD-b"],
    "momentum": ["MOM-1", "MOM-2", "MOM-3", "MOM-4", "MOM-5", "MOM-6", "MOM-7"],
    "nag": ["NAG-1", "NAG-2", "NAG-3", "NAG-4", "NAG-5", "NAG-6"],
    "adagrad": ["AG-1", "AG-2", "AG-3", "AG-4", "AG-5", "AG-6", "AG-7"],
    "adadelta": "AD-0 AD-1 AD-2 AD-3 AD-4 AD-5 AD-6 AD-7 AD-8 AD-9 AD-10 AD-11 AD-12 AD-13 AD-14 AD-15".split(),
    "rmsprop": ["RMS-1", "RMS-2", "RMS-3"],
    "adam": ["ADAM-1", "ADAM-2", "ADAM-3", "ADAM-4", "ADAM-5", "ADAM-6", "ADAM-7"],
    "adamax": ["AMX-1", "AMX-2", "AMX-3", "AMX-4", "AMX-5", "AMX-6", "AMX-7"],
    "nadam": "NAD-1 NAD-2 NAD-3 NAD-4 NAD-5 NAD-6 NAD-7 NAD-8 NAD-9".split()
    + "NAD-10 NAD-11 NAD-12 NAD-13 NAD-14 NAD-15 NAD-16 NAD-17 NAD-18".split(),
}
ALL = [name for ids in IDS.values() for name in ids]
# The equations whose line in the document is not the reading given: a misprint, or = where ≈ is meant.
APPROXIMATE = {"NAG-3", "AD-5", "NAD-12", "NAD-17"}
OTHER_RELATIONS = {"NAG-2": "⇒", "AG-2": "⇒", "AD-8": "∝", "AD-10": "∝"}


def test_every_equation_is_there_once_and_in_order():
    assert list(document().ids) == ALL and len(document()) == len(set(ALL)) == 77
    for name in RULES:
        if name in IDS:
            assert list(document(name).ids) == IDS[name]
            assert all(a is b for a, b in zip(document(name), (document()[i] for i in IDS[name]), strict=True))
    assert set(IDS) == set(UPDATES)


@pytest.mark.parametrize("name", IDS)
def test_the_update_is_made_of_these_objects(name):
    everything = document()
    for equation in update_equations(name):
        assert everything[equation.id] is equation


@pytest.mark.parametrize("id", ALL)
def test_each_equation_says_what_it_is(id):
    equation = document()[id]
    assert isinstance(equation, Equation) and equation.id == id and equation.section
    assert isinstance(equation.expr, sympy.Basic)
    assert re.fullmatch(r"|E-\d\d", equation.erratum)
    assert all(re.fullmatch(r"E-\d\d", e) for e in equation.errata) and len(set(equation.errata)) == len(
        equation.errata
    )
    assert (equation.erratum in equation.errata) if equation.erratum else True
    if equation.written is not None:
        assert equation.written != equation.expr and (equation.errata or equation.note)
    assert str(equation).startswith(f"{id}: ") and "\n" not in str(equation)
    relation = OTHER_RELATIONS.get(id, "≈" if id in APPROXIMATE else "=")
    assert equation.relation == relation and equation.exact == (relation == "=")
    kinds = {"=": (sympy.Eq, sympy.And), "≈": Approximately, "∝": Proportional, "⇒": sympy.Implies}
    if equation.right is None:
        assert equation.expr is equation.left
    else:
        assert isinstance(equation.expr, kinds[relation])
        assert (f" {relation} " in str(equation)) and equation.expr.has(*equation.left.free_symbols)


@pytest.mark.parametrize("id", ALL)
def test_latex_is_well_formed(id):
    equation = document()[id]
    for formula in filter(None, (equation.latex, equation.written_latex)):
        assert formula.isascii(), "a letter without its LaTeX"
        depth = 0
        for sign in re.findall(r"\\\\|\\.|[{}]", formula):
            depth += {"{": 1, "}": -1}.get(sign, 0)
            assert depth >= 0
        assert depth == 0
        assert len(re.findall(r"\\left(?![a-z])", formula)) == len(re.findall(r"\\right(?![a-z])", formula))
        assert re.findall(r"\\begin{(\w+)}", formula) == re.findall(r"\\end{(\w+)}", formula)
        # A name that SymPy took for text would have come out as letters in a row.
        words = re.sub(r"\\(?:mathrm|text|operatorname)\{\w+\}|\\[a-zA-Z]+", " ", formula)
        assert set(re.findall(r"[A-Za-z]{2,}", words)) <= {"ii", "cases"}, words
    assert equation._repr_latex_() == f"$\\displaystyle {equation.latex}$"


def test_formulas():
    by_id = document()
    assert by_id["MOM-3"].also == (sympy.Eq(momentum.v_at[1], momentum.scaled[1]),)
    assert by_id["NAG-6"].right is nag.NAG_4.right and by_id["NAG-6"].written.rhs.doit() == (
        notation.gamma * nag.v_before + notation.eta
    )
    assert by_id["NAG-2"].expr.args[1].lhs == by_id["NAG-1"].expr
    assert by_id["AMX-5"].written.rhs.has(adam.v_before) and not by_id["AMX-5"].right.has(adam.v_before)
    assert by_id["AMX-4"].right.has(sympy.Limit) and by_id["ADAM-1"].right.func is Expectation
    assert by_id["RMS-1"].written.rhs == by_id["RMS-1"].right.subs(notation.gamma, sympy.Rational(9, 10))
    assert by_id["ADAM-7"].written.rhs == sympy.Tuple(0, 999)
    assert {e.lhs: e.rhs for e in by_id["ADAM-7"].also}[notation.eps] == sympy.Rational(1, 10**8)
    assert by_id["AD-8"].right == 1 / Unit(sgd.theta_free) and by_id["AD-10"].right == Unit(sgd.theta_free)
    assert by_id["AD-8"].expr.lhs == by_id["AD-8"].left and len(by_id["AD-8"].expr.args) == 4
    assert by_id["NAD-13"].expr == by_id["ADAM-2"].expr and by_id["AMX-2"].expr == by_id["ADAM-6"].expr
    # The updates put together are the document's: AG-5 is AG-7, AD-4 is AD-2, each with its own letters.
    assert by_id["AD-4"].expr == by_id["AD-2"].expr
    letters = dict(zip(("g_{t,i}", "G_{t,ii}", "θ_{t,i}"), ("g_t", "G_t", "θ_t"), strict=True))
    renamed = {
        s: t
        for s in by_id["AG-5"].right.free_symbols
        for t in by_id["AG-7"].right.free_symbols
        if letters.get(s.name, s.name) == t.name
    }
    assert by_id["AG-5"].right.xreplace(renamed) == by_id["AG-7"].right
    assert by_id["NAD-17"].right.subs(nadam.m_hat_before, adam.m_hat) == by_id["NAD-18"].right


def test_text():
    by_id = document()
    assert str(by_id["AD-8"]) == "AD-8: Δθ ∝ g ∝ (∂/∂θ) J(θ) ∝ 1/unit(θ)  (∝: has the unit of; J has none, E-16)"
    assert str(by_id["AD-0"]).startswith("AD-0: S[t] = Σ_{s=t + 1 - w}^{t} g[s]**2  (in words only")
    assert str(by_id["MOM-7"]) == "MOM-7: γ = 0.9, 0 < γ, γ < 1  (the value it recommends)"
    assert str(by_id["NAG-1"]).startswith("NAG-1: ∇J(θ_t - v_t)  (")
    assert "lim_{p→∞} v_t(p)**(1/p)" in str(by_id["AMX-4"])
    assert "if u_t != 0; θ_t otherwise" in str(by_id["AMX-6"])
    assert text(by_id["AG-2"].expr).startswith("a[2] = 0 ⇒ (∂/∂w[2]) L(")
    assert "at τ=t_0 ≈ " in str(by_id["AD-5"]) and "(∂^n/∂τ^n) f(τ)" in str(by_id["AD-6"])
    assert latex(Unit(sgd.theta_free) ** 2) == r"\operatorname{unit}\left(\theta\right)^{2}"
    assert latex(notation.NablaJ(notation.theta) ** 2) == r"\nabla J\left(\theta_t\right)^{2}"
    assert text(by_id["MOM-7"].expr) == "0 < γ and γ < 1 and γ = 0.9"
    table = document("rmsprop")._repr_markdown_().splitlines()
    assert len(table) == 5 and table[2].startswith("| RMS-1 | RMSprop | $E[g^2]_t = ")
    assert "AMX-5" in document("adamax")._repr_markdown_() and "|{g_t}" not in document("adamax")._repr_markdown_()
    assert repr(document("rmsprop")) == "<3 equations: RMS-1 ... RMS-3>" and repr(document()[:0]) == "<0 equations>"
    assert str(document("rmsprop")).count("\n") == 2


def test_looking_up():
    everything = document()
    assert everything[0].id == "GD-1" and everything[-1].id == "NAD-18"
    assert everything[1:3].ids == ("GD-2", "SGD-1") and everything[1:3]["GD-2"] is everything[1]
    assert "AD-14" in everything and "AD-16" not in everything and everything[3] in everything
    with pytest.raises(KeyError, match="'AD-16' is no equation; did you mean .*AD-1"):
        everything["AD-16"]
    with pytest.raises(KeyError, match="did you mean ADAM-4"):
        everything["adam_4"]
    with pytest.raises(KeyError, match="'zzz' is no equation; use one of GD-1, GD-2"):
        everything["zzz"]
    with pytest.raises(ValueError, match="name='adamx' is not an algorithm of the document; did you mean adam"):
        document("adamx")
    with pytest.raises(TypeError):
        everything[0] = everything[1]
    with pytest.raises(FrozenInstanceError):
        everything[0].id = "GD-9"
    with pytest.raises(ValueError, match="relation='<' of X-1 is none of"):
        Equation("X-1", adamax.u, adamax.u, "here", relation="<")
    with pytest.raises(ValueError, match="at least 2 members"):
        Approximately(adamax.u)
