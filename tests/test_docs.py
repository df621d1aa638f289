"""The generator of docs/, by its parts. That the pages are up to date, `.ci/run` checks with make_docs.py --check."""

import importlib
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


@pytest.fixture(scope="module")
def scripts():
    """Return a function that imports a module of scripts/."""
    sys.path.insert(0, str(ROOT / "scripts"))
    yield importlib.import_module
    sys.path.remove(str(ROOT / "scripts"))


def test_there_is_a_page_for_every_algorithm_and_a_figure(scripts):
    from optnumba.symbolic.equations import EQUATIONS

    assert {page.stem for page in PAGES} == {*EQUATIONS, "README", "errata", "conventions"}
    assert {figure.stem for figure in (DOCS / "figures").iterdir()} == set(EQUATIONS)
    assert list(scripts("docs_pages").TITLES) == list(EQUATIONS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page):
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!-- Made by scripts/make_docs.py")
    assert text.count("```") % 2 == 0
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    formulas = re.findall(r"\$`([^`]*)`\$", outside) + re.findall(r"```math\n(.*?)\n```", text, re.DOTALL)
    assert not re.findall(r"\$(?!`)", re.sub(r"\$`[^`]*`\$", "", outside)), "mathematics that would not be rendered"
    for formula in formulas:
        assert "|" not in formula and r"\operatorname" not in formula
        assert formula.count("{") == formula.count("}") and formula.count(r"\left") == formula.count(r"\right")
    for table in re.findall(r"(?:^\|.*\|\n)+", outside, re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (DOCS / target).exists() or target.startswith("http"), target


def test_prose_sets_letters_with_an_index_as_mathematics(scripts):
    prose = scripts("docs_pages").prose
    assert prose("m_t -> 0 for $a_b$") == r"$`m_t`$ → 0 for $`a_b`$"
    assert prose("θ_{t+1} <= |v̂_t|") == r"$`\theta_{t+1}`$ ≤ \|$`\hat v_t`$\|"
    assert prose("learning_rate and eps_root") == "learning_rate and eps_root"


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("x**2 - y**3 from Abs(x)", r"x² - y³ from \|x\|"),
        ("g_t**2*(1 - β₁**t)", r"$`g_t`$² (1 - β₁^t)"),
        ("(θ - θ*)²/2, θ* at once", r"(θ - θ\*)²/2, θ\* at once"),
        ("v_{t-1}*γ and γv_{t-1}", r"$`v_{t-1}`$ γ and γ$`v_{t-1}`$"),
        ("E[g²]_t to oo", r"$`E[g^2]_t`$ to ∞"),
        ("g̃_i", r"$`\tilde{g}_{i}`$"),
        ("sqrt(ε) * 2", "√(ε) 2"),
    ],
)
def test_prose_reads_what_a_keyboard_has_for_signs(scripts, text, page):
    assert scripts("docs_pages").prose(text) == page


def test_a_page_defines_the_letters_of_the_libraries():
    assert r"\mu_t = " in (DOCS / "nadam.md").read_text(encoding="utf-8")


def test_a_page_that_drifted_is_noticed(scripts, tmp_path, monkeypatch):
    make = scripts("make_docs")
    text = (DOCS / "sgd.md").read_text(encoding="utf-8")
    assert make.out_of_date("sgd.md", text) == ""
    assert "-# Gradient descent" in make.out_of_date("sgd.md", text.replace("# Gradient descent", "# Descent"))
    assert make.out_of_date("missing.md", text)
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    (tmp_path / "old.md").touch()
    assert [file.name for file in make.strays({"sgd.md": ""})] == ["old.md"]


def test_the_check_fails_for_a_page_a_figure_or_a_stray_file(scripts, tmp_path, monkeypatch, capsys):
    make, figures = scripts("make_docs"), scripts("docs_figures")
    pages = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
    shutil.copytree(DOCS, tmp_path / "docs")
    monkeypatch.setattr(make, "FOLDER", tmp_path / "docs")
    assert (make.check(pages), capsys.readouterr().out) == (0, "")
    assert make.check({**pages, "adam.md": pages["adam.md"] + "more\n"}) == 1
    assert "+more" in capsys.readouterr().out
    (tmp_path / "docs" / "old.md").touch()
    assert make.check(pages) == 1 and "old.md is made by nothing" in capsys.readouterr().out
    (tmp_path / "docs" / "old.md").unlink()
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    assert make.check(pages) == 1 and "adam.png is not there" in capsys.readouterr().out


def test_a_figure_that_drifted_is_noticed(scripts, tmp_path, monkeypatch):
    figures = scripts("docs_figures")
    assert figures.drifted("momentum") == ""
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    assert figures.drifted("sgd") == "sgd.png is not there"
    shutil.copy(DOCS / "figures" / "momentum.png", tmp_path / "sgd.png")
    assert figures.drifted("sgd") == "sgd.png shows other paths than the rule takes"


def test_a_caption_says_what_was_run(scripts):
    assert "learning_rate=0.1 and learning_rate=0.05, 150 steps" in scripts("docs_figures").caption("adam")
