"""What keeps the package simple: imports point one way, importing it is cheap, and its examples run."""

import ast
import doctest
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import optnumba

PACKAGE = Path(optnumba.__file__).parent
SYMBOLIC = Path(importlib.import_module("optnumba.symbolic").__file__).parent
TESTS = Path(__file__).parent


def modules(package, folder):
    """Return the file of every module below a folder."""
    parts = {path: path.relative_to(folder).with_suffix("").parts for path in folder.rglob("*.py")}
    return {".".join((package, *names)).removesuffix(".__init__"): path for path, names in parts.items()}


FILES = {**modules("optnumba", PACKAGE), **modules("optnumba.symbolic", SYMBOLIC)}
MODULES = sorted(FILES)


def imported(name, path):
    """Return the full names of all modules that a file imports, wherever in it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            inside = {f"{base}.{alias.name}" for alias in node.names}
            found |= (inside & FILES.keys()) or {base}
    return found


def layer(name):
    """Return the layer of a module, or of a library its first name."""
    parts = ("rules", "loops", "symbolic", "cli", "gpu", "rule")
    for prefix in (f"optnumba.{part}" for part in parts):
        if name == prefix or name.startswith(prefix + "."):
            return prefix.removeprefix("optnumba.")
    return name.removeprefix("optnumba.")


STANDARD = set(sys.stdlib_module_names)
# What each layer may import besides the standard library.
ALLOWED = {
    "rule": {"numpy"},
    "rules": {"rule", "rules", "numpy"},
    "loops": {"loops", "llvmlite", "numba", "numpy"},
    "caller": {"scipy"},
    "checkpoint": {"numpy"},
    "fingerprint": {"numba", "numpy"},
    "layout": {"numpy"},
    "schedule": {"matplotlib"},
    "schedules": {"bind", "loops", "rule", "schedule"},
    "arguments": {"bind", "rule", "rules", "schedule", "loops", "numba", "numpy"},
    "bind": {"fingerprint", "loops", "numba", "schedule"},
    "samples": {"caller", "numpy"},
    "linear_model": {"bind", "driving", "loops", "numba", "numpy", "samples"},
    "modifiers": {"bind", "loops", "rule", "rules"},
    "objective": {"bind", "loops", "numba", "numpy"},
    "result": {"caller", "loops", "numpy", "scipy"},
    "minimization": {"arguments", "bind", "loops", "numba", "numpy"},
    "driving": {"caller", "numpy", "rules", "scipy"},
    "minimize": {
        "arguments",
        "caller",
        "driving",
        "loops",
        "minimization",
        "modifiers",
        "numpy",
        "objective",
        "result",
        "rules",
        "scipy",
    },
    "settings": {"driving", "numpy", "result"},
    "model_objective": {"loops", "objective"},
    "training": {
        "arguments",
        "bind",
        "checkpoint",
        "driving",
        "loops",
        "minimization",
        "numba",
        "numpy",
        "objective",
        "settings",
    },
    "sparse_training": {"bind", "checkpoint", "loops", "numpy", "training"},
    "monitoring": {"checkpoint", "numpy", "result", "tqdm"},
    "training_state": {"checkpoint", "modifiers", "optnumba", "result", "schedule", "settings"},
    "finite_sum": {
        "arguments",
        "driving",
        "linear_model",
        "loops",
        "model_objective",
        "modifiers",
        "monitoring",
        "numpy",
        "objective",
        "result",
        "samples",
        "scipy",
        "settings",
        "sparse_training",
        "training",
        "training_state",
    },
    "rows": {"numpy"},
    "optimizer_state": {"arguments", "checkpoint", "modifiers", "numpy", "schedule"},
    "host_arrays": {"arguments", "bind", "layout", "loops", "numba", "numpy", "rows"},
    "gpu": {
        "arguments",
        "bind",
        "cuda",
        "gpu",
        "layout",
        "llvmlite",
        "loops",
        "modifiers",
        "numba",
        "numpy",
        "rule",
        "schedule",
    },
    "optimizer": {"arguments", "gpu", "host_arrays", "modifiers", "numba", "numpy", "optimizer_state", "rows"},
    "optnumba": {
        "bind",
        "checkpoint",
        "finite_sum",
        "gpu",
        "linear_model",
        "minimize",
        "optimizer",
        "rule",
        "rules",
        "schedules",
        "symbolic",
    },
    "cli": {"arguments", "cli", "gpu", "loops", "numba", "optnumba", "rich", "rules", "symbolic"},
    "__main__": {"cli"},
}


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name):
    layers = {layer(module).split(".")[0] for module in imported(name, FILES[name])} - STANDARD
    if layer(name) == "symbolic":
        assert layers <= {*ALLOWED, "symbolic", "sympy", "mpmath", "numpy", "numba", "scipy"}
    else:
        assert layers <= ALLOWED[layer(name)]


def test_the_reader_of_imports_reads_them():
    assert imported("optnumba.rules.adam", FILES["optnumba.rules.adam"]) == {
        "math",
        "optnumba.rule",
        "optnumba.rules.bias_correction",
    }
    assert "optnumba.rules" in imported("optnumba.arguments", FILES["optnumba.arguments"])
    assert "scipy.optimize" in imported("optnumba.minimize", FILES["optnumba.minimize"])  # inside functions too


def test_no_file_outside_symbolic_names_it():
    naming = {layer(name) for name in MODULES if "symbolic" in FILES[name].read_text()} - {"symbolic"}
    assert naming == {"optnumba", "cli"}  # the one imports it when it is first used, the other in its commands


def test_only_one_file_imports_rich():
    naming = [name for name in MODULES if any(m.split(".")[0] == "rich" for m in imported(name, FILES[name]))]
    assert naming == ["optnumba.cli.terminal"]


def test_only_one_file_imports_cuda():
    def brings_cuda(module):
        return module in ("cuda", "numba.cuda", "numba_cuda") or module.startswith(("cuda.", "numba.cuda."))

    naming = [name for name in MODULES if any(brings_cuda(m) for m in imported(name, FILES[name]))]
    assert naming == ["optnumba.gpu.driver"]


def fresh(script):
    """Return what a new process prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_optnumba_imports_neither_sympy_nor_scipy_nor_cuda():
    # Numba imports a little of SciPy by itself, to find BLAS.
    numbas = set(fresh("import json, sys, numba, numpy; print(json.dumps(list(sys.modules)))"))
    ours = set(fresh("import json, sys, optnumba; print(json.dumps(list(sys.modules)))"))
    assert "optnumba.optimizer" in ours
    heavy = r"(sympy|mpmath|scipy|matplotlib|rich|numba\.cuda|numba_cuda|optnumba\.symbolic|optnumba\.cli)(\.|$)"
    assert {name for name in ours - numbas if re.match(heavy, name)} == set()
    assert "scipy.optimize" not in ours


def test_symbolic_is_there_when_it_is_first_used():
    script = "import json, optnumba; print(json.dumps([optnumba.symbolic.__name__, hasattr(optnumba, 'nonsense')]))"
    assert fresh(script) == ["optnumba.symbolic", False]


# -- What may not stand in the package --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_nothing_dangerous_is_used(name):
    tree = ast.parse(FILES[name].read_text())
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    words |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}
    words |= {part for module in imported(name, FILES[name]) for part in module.split(".")}
    forbidden = {"eval", "exec", "pickle", "cPickle", "dill", "shelve", "marshal", "allow_pickle", "fastmath"}
    forbidden |= {"parse_expr", "system", "popen"}
    assert not words & forbidden


@pytest.mark.parametrize("name", MODULES)
def test_no_error_is_swallowed(name):
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except in line {node.lineno}"
            assert "BaseException" not in ast.unparse(node.type)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_short(name):
    assert len(FILES[name].read_text().splitlines()) < 400


@pytest.mark.parametrize("name", ["naive", "naive_conventions"])
def test_the_textbook_never_imports_optnumba(name):
    text = (TESTS / f"{name}.py").read_text()
    roots = {module.split(".")[0] for module in imported(name, TESTS / f"{name}.py")}
    assert "optnumba" not in roots
    assert "numba" not in roots
    assert "importlib" not in text


def test_loops_name_no_algorithm():
    for name in MODULES:
        if layer(name) == "loops":
            code = ast.unparse(_without_docstrings(ast.parse(FILES[name].read_text())))
            assert not set(re.findall(r"[a-z]+", code.lower())) & set(optnumba.RULES), name


def _without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


# -- Documentation ----------------------------------------------------------------------------------------------------


def public():
    """Yield (module, name, object) for every public function and class that a module defines."""
    for module in MODULES:
        if layer(module) in ("rules", "loops") or ".equations" in module or ".theorems" in module:
            continue  # explained by their modules' docstrings
        for name, value in vars(importlib.import_module(module)).items():
            mine = getattr(value, "__module__", None) == module
            if mine and not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)):
                yield module, name, value


PUBLIC = [pytest.param(value, id=f"{module}.{name}") for module, name, value in public()]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name):
    doc = ast.get_docstring(ast.parse(FILES[name].read_text()))
    assert doc
    assert doc.splitlines()[0].endswith((".", "*", ":")) or len(doc.splitlines()) > 1


@pytest.mark.parametrize("value", PUBLIC)
def test_every_public_name_has_a_docstring_that_names_its_parameters(value):
    doc = inspect.getdoc(value)
    assert doc, "no docstring"
    assert doc.splitlines()[0].endswith((".", ":")), "the first line is a sentence"
    if inspect.isclass(value) and issubclass(value, BaseException):
        return
    signature = inspect.signature(value)
    named = [name for name in signature.parameters if not name.startswith("_")]
    section = re.search(r"Parameters\n-+\n(.*?)(\n\n[A-Z][a-z]+\n-+\n|\Z)", doc, re.DOTALL)
    if section is not None:
        listed = re.findall(r"^\*{0,2}(\w[\w, *]*?)(?: :.*)?$", section[1], re.MULTILINE)
        listed = [name.strip(" *") for group in listed for name in group.split(",")]
        assert [name for name in listed if name in named] == named, "the parameters, in order"


ENTRANCES = [
    optnumba.minimize,
    optnumba.minimize_finite_sum,
    optnumba.linear_model,
    optnumba.Optimizer,
    optnumba.Rule,
    optnumba.Hyper,
    optnumba.bind,
]


@pytest.mark.parametrize("value", ENTRANCES, ids=lambda v: v.__name__)
def test_what_users_import_has_an_example(value):
    doc = inspect.getdoc(value)
    for section in ("Parameters\n---", "Examples\n---", ">>> "):
        assert section in doc


def test_all_is_what_there_is():
    for name in optnumba.__all__:
        assert hasattr(optnumba, name)
    assert {value.__name__ for value in ENTRANCES} == set(optnumba.__all__) - {
        "CheckpointError",
        "RULES",
        "cuda",
        "methods",
        "schedules",
    }


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    with np.printoptions():
        tested = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert tested.failed == 0


def test_there_are_examples_to_run():
    finder = doctest.DocTestFinder()
    with_examples = {name for name in MODULES for t in finder.find(importlib.import_module(name), name) if t.examples}
    assert {"optnumba.minimize", "optnumba.optimizer", "optnumba.rule", "optnumba.bind"} <= with_examples


# -- The three witnesses of a rule ------------------------------------------------------------------------------------


def test_every_rule_has_its_three_witnesses():
    sys.path.insert(0, str(TESTS))
    try:
        naive = importlib.import_module("naive").NAIVE | importlib.import_module("naive_conventions").CONVENTIONS
    finally:
        sys.path.remove(str(TESTS))
    for name, rule in optnumba.RULES.items():
        algorithm, _, library = name.partition(":")
        assert rule.name == name
        assert f"optnumba.rules.{'conventions.' if library else ''}{algorithm}" in FILES
        assert f"optnumba.symbolic.{'conventions' if library else 'equations'}.{algorithm}" in FILES
        assert name in naive
        assert rule.source


def test_a_rule_is_what_runs():
    rule = optnumba.RULES["adam"]
    assert optnumba.bind(rule.update, sqrt=np.sqrt).__code__ is rule.update.__code__


def test_the_tables_of_the_readme_are_those_of_the_code():
    script = Path(__file__).parent.parent / "scripts" / "readme_tables.py"
    check = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
