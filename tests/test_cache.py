"""Compiled kernels on disk: a second process finds every one, and an edit of anything that they depend on is noticed.

Each process is a real script, with a cache folder of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

import optnumba
from optnumba.fingerprint import Unknown, fingerprint

PACKAGE = Path(optnumba.__file__).parent
# How many of the process's compilations were found in the cache, and how many were not.
REPORT = """
def report(**more):
    import json
    from optnumba.bind import kernels
    used = {k.py_func.__qualname__: k for k in kernels() if k.signatures}
    hits = {name: sum(k.stats.cache_hits.values()) for name, k in used.items()}
    misses = {name: sum(k.stats.cache_misses.values()) for name, k in used.items()}
    print(json.dumps({"hits": hits, "misses": misses, **more}))
"""


def run(*command, cache, stdin=None, **environment):
    """Return what a process reports; its compiled functions go to the folder `cache`."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "NUMBA_NUM_THREADS": "2", **environment}
    # Bytecode of an edited file with the time and size of the old one would be taken for fresh.
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, command)],
        input=stdin,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def total(counts):
    return sum(counts.values())


def files(folder):
    """Return every file below `folder` with the time of its last change."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


EVERYTHING = (
    REPORT
    + """
import numpy as np
from numba import njit
import optnumba

x = [np.zeros(100_000), np.zeros(5), np.zeros(20)[::2]]
for part in (x, x[1], x[2]):
    opt = optnumba.Optimizer(part, "momentum")
    opt.step([np.ones(p.shape) for p in part] if isinstance(part, list) else np.ones(part.shape))

def rate(t):
    return 0.1 / t

opt = optnumba.Optimizer(x[1], "sgd", learning_rate=rate)
opt.step(np.ones(5))

def python(x):
    return (x * x).sum(), 2 * x

@njit
def helper(x):
    return 2 * x

@njit
def numba(x):
    return (x * x).sum(), helper(x)

for fun in (python, numba):
    result = optnumba.minimize(fun, [1.0, 2.0], jac=True, method="momentum", options={"maxiter": 5})
report(x=[float(p[0]) for p in x] + result.x.tolist())
"""
)


def test_a_second_process_hits_for_every_kernel_and_adds_no_file(tmp_path):
    script = tmp_path / "everything.py"
    script.write_text(EVERYTHING)
    cache = tmp_path / "cache"
    first = run(script, cache=cache)
    # Serial, parallel and strided arrays, a schedule, the two passes of a Python objective, and a compiled loop.
    kinds = {name.split("_")[0] for name in first["misses"]}
    assert kinds == {"contiguous", "strided", "steep", "move", "descend"}
    assert len(first["misses"]) == 7
    assert all(count > 0 for count in first["misses"].values())
    assert total(first["hits"]) == 0
    before = files(cache)
    second = run(script, cache=cache)
    assert second["hits"] == first["misses"]
    assert total(second["misses"]) == 0
    assert files(cache) == before
    assert second["x"] == first["x"]


def test_an_edit_of_the_package_is_noticed(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "optnumba", ignore=shutil.ignore_patterns("__pycache__"))
    script = tmp_path / "script.py"
    script.write_text(
        REPORT
        + """
import numpy as np
import optnumba
x = np.zeros(4)
opt = optnumba.Optimizer(x, "sgd", learning_rate=1.0)
opt.step(np.ones(4))
report(x=x.tolist(), file=optnumba.__file__)
"""
    )

    def go():
        return run(script, cache=tmp_path / "cache", PYTHONPATH=str(tmp_path))

    def edit(name, old, new):
        path = tmp_path / "optnumba" / name
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    found = go()
    assert found["file"] == str(tmp_path / "optnumba" / "__init__.py")
    assert found["x"] == [-1.0] * 4
    assert total(go()["misses"]) == 0
    edit("rules/sgd.py", "x - eta * g", "x + eta * g")
    found = go()
    assert found["x"] == [1.0] * 4
    assert total(found["hits"]) == 0
    # A function in another file than the loop that calls it: what Numba by itself does not notice.
    edit("loops/serial.py", "range(x.size)", "range(x.size - 1)")
    assert go()["x"] == [1.0, 1.0, 1.0, 0.0]


# The value of this objective is the product of everything that it depends on, all 1 at first; its slope is 1.
PROJECT = {
    "main.py": REPORT
    + """
from typing import NamedTuple
import numpy as np
from numba import njit
import optnumba
import package.inner
import settings
from helpers import weight
from rules import MINE

CONSTANT = 1.0
TABLE = np.array([7.0, 1.0, 7.0])
PAIR = (7.0, 1.0)
TEXT = "one"

class Point(NamedTuple):
    a: float

POINT = Point(a=1.0)

def factory(k):
    @njit
    def inner(x):
        return k * x
    return inner

closed = factory(1.0)

def plain_factory(k):
    return lambda x: k * x

also_closed = njit(plain_factory(1.0))

@njit
def default(x, k=1.0):
    return k * x

@njit(error_model="numpy")
def fun(x):
    f = 1.0
    f = f * CONSTANT * TABLE[1] * PAIR[1] * POINT.a * (1 if TEXT == "one" else 2)
    f = closed(f) * settings.SCALE * package.inner.SCALE
    f = weight(also_closed(default(f)))
    return f, np.ones_like(x)

if __name__ == "__main__":
    result = optnumba.minimize(fun, [0.0], jac=True, method=MINE, options={"maxiter": 1})
    report(fun=result.fun, x=result.x.tolist())
""",
    "helpers.py": """
from numba import njit
from deeper import inside

@njit
def weight(x):
    return inside(x) * 1.0
""",
    "deeper.py": """
from numba import njit
from settings import OTHER

@njit
def inside(x):
    return further(x) * OTHER

@njit
def further(x):
    return x * 1.0
""",
    "settings.py": "SCALE = 1.0\nOTHER = 1.0\n",
    "package/__init__.py": "",
    "package/inner.py": "SCALE = 1.0\n",
    "rules.py": """
from optnumba import Hyper, Rule

FACTOR = 1.0

def helper(g):
    return 1.0 * g

def coefficients(t, learning_rate):
    return (learning_rate * FACTOR,)

def update(x, g, eta):
    return (x - eta * helper(g),)

MINE = Rule("mine", coefficients, update, hyper=(Hyper("learning_rate", 1.0, "(0, inf)", "rate"),))
""",
}
# name: (file, old text, new text, the value and x after the edit)
EDITS = {
    "the objective": ("main.py", "    f = 1.0\n", "    f = 2.0\n", (2.0, -1.0)),
    "the objective's operations": ("main.py", "f * CONSTANT", "f + CONSTANT", (2.0, -1.0)),
    "a global constant": ("main.py", "CONSTANT = 1.0", "CONSTANT = 2.0", (2.0, -1.0)),
    "a global array": ("main.py", "[7.0, 1.0, 7.0]", "[7.0, 2.0, 7.0]", (2.0, -1.0)),
    "a global tuple": ("main.py", "(7.0, 1.0)", "(7.0, 2.0)", (2.0, -1.0)),
    "a global named tuple": ("main.py", "Point(a=1.0)", "Point(a=2.0)", (2.0, -1.0)),
    "a global string": ("main.py", 'TEXT = "one"', 'TEXT = "two"', (2.0, -1.0)),
    "a value in a closure": ("main.py", "= factory(1.0)", "= factory(2.0)", (2.0, -1.0)),
    "a value in a lambda's closure": ("main.py", "plain_factory(1.0)", "plain_factory(2.0)", (2.0, -1.0)),
    "a default argument": ("main.py", "k=1.0", "k=2.0", (2.0, -1.0)),
    "a constant of a module": ("settings.py", "SCALE = 1.0", "SCALE = 2.0", (2.0, -1.0)),
    "a constant of a module in a package": ("package/inner.py", "1.0", "2.0", (2.0, -1.0)),
    "a constant imported by another file": ("settings.py", "OTHER = 1.0", "OTHER = 2.0", (2.0, -1.0)),
    "a function in another file": ("helpers.py", "* 1.0", "* 2.0", (2.0, -1.0)),
    "a function two files away": ("deeper.py", "x * 1.0", "x * 2.0", (2.0, -1.0)),
    "the rule's update": ("rules.py", "x - eta", "x + eta", (1.0, 1.0)),
    "the rule's coefficients": ("rules.py", "learning_rate *", "3 * learning_rate *", (1.0, -3.0)),
    "the rule's constant": ("rules.py", "FACTOR = 1.0", "FACTOR = 3.0", (1.0, -3.0)),
    "the rule's helper": ("rules.py", "1.0 * g", "3.0 * g", (1.0, -3.0)),
}


# Those of which a process of its own is compiled in every run of the tests; of the rest the digest is compared.
COMPILED = (
    "the objective",
    "a global constant",
    "a value in a closure",
    "a function two files away",
    "the rule's update",
)
NO_EDITS = {
    "nothing but its folder": (),
    "a comment": ("main.py", "import settings", "# A remark\n# on two lines.\nimport settings"),
    "the name of the file": ("main.py",),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return (folder, cache, report) of the project above, after one run."""
    folder = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        path = folder / "before" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    cache = folder / "cache"
    return folder, cache, run(folder / "before" / "main.py", cache=cache)


def edited(project, name, file="main.py", old=None, new=None):
    """Return the folder of a copy of the project with one file changed."""
    folder, _, _ = project
    copy = folder / name.replace(" ", "_")
    if not copy.exists():
        shutil.copytree(folder / "before", copy)
        if old is not None:
            text = (copy / file).read_text()
            assert text.count(old) == 1, f"{text.count(old)} times {old!r}"
            (copy / file).write_text(text.replace(old, new))
    return copy


# Prints the digests of the objective and of the rule of the projects in several folders.
DIGESTS = """
import importlib, json, sys
from optnumba.fingerprint import fingerprint
known, found = set(sys.modules), {}
for name, folder in json.loads(sys.argv[1]).items():
    sys.path.insert(0, folder)
    main = importlib.import_module("main")
    found[name] = [fingerprint(part) for part in (main.fun, main.MINE.update, main.MINE.coefficients)]
    sys.path.remove(folder)
    for mine in set(sys.modules) - known:
        del sys.modules[mine]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def digests(project):
    """Return, for every edit and for none, the digests of the objective and of the two functions of the rule."""
    folders = {name: str(edited(project, name, *edit[:-1])) for name, edit in EDITS.items()}
    return run("-c", DIGESTS, json.dumps({"none": str(project[0] / "before"), **folders}), cache=project[1])


def test_the_project_is_what_it_says(project):
    _, _, first = project
    assert (first["fun"], first["x"]) == (1.0, [-1.0])
    assert (total(first["hits"]), total(first["misses"])) == (0, 1)


def exhaustive_unless_compiled(name):
    return pytest.param(name, marks=() if name in COMPILED else pytest.mark.exhaustive)


@pytest.mark.parametrize("name", [exhaustive_unless_compiled(name) for name in EDITS])
def test_an_edit_is_noticed(project, name):
    *change, (value, x) = EDITS[name]
    found = run(edited(project, name, *change) / "main.py", cache=project[1])
    assert (found["fun"], found["x"]) == (value, [x])
    assert (total(found["hits"]), total(found["misses"])) == (0, 1)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_digest(digests, name):
    before, after = digests["none"], digests[name]
    # Of the objective, or of the rule; never of both.
    assert (before[0] != after[0]) != (before[1:] != after[1:])


@pytest.mark.parametrize("name", NO_EDITS)
def test_what_changes_nothing_hits(project, name):
    _, cache, first = project
    script = edited(project, name, *NO_EDITS[name]) / "main.py"
    if name == "the name of the file":
        script = script.rename(script.parent / "other.py")
    before = files(cache)
    found = run(script, cache=cache)
    assert found["hits"] == first["misses"]
    assert total(found["misses"]) == 0
    assert files(cache) == before


LAMBDA = """
import numpy as np
from numba import njit
import optnumba

half = 0.5
fun = njit(lambda x: (half * (x * x).sum(), x))
result = optnumba.minimize(fun, [1.0, 2.0], jac=True, method="sgd", options={"maxiter": 5, "learning_rate": 0.1})
report(x=result.x.tolist())
"""


def test_lambdas_and_functions_typed_at_a_prompt_run_and_are_found_again(tmp_path):
    expected = (np.array([1.0, 2.0]) * 0.9**5).tolist()
    text = REPORT + LAMBDA
    first = run("-c", text, cache=tmp_path)
    again = run("-", cache=tmp_path, stdin=text)
    np.testing.assert_allclose([first["x"], again["x"]], [expected] * 2)
    assert total(first["misses"]) == total(again["hits"]) == 1
    assert total(again["misses"]) == 0


# The class of an enumeration is none of the values of which a digest is made: without one, nothing is kept on disk.
UNKNOWN = """
import enum
import numpy as np
from numba import njit
import optnumba

class Kind(enum.Enum):
    ONE = 1.0

@njit
def fun(x):
    return Kind.ONE.value, np.ones_like(x)

report(fun=optnumba.minimize(fun, [0.0], jac=True, method="sgd", options={"maxiter": 0}).fun)
"""


def test_what_has_no_digest_is_not_kept(tmp_path):
    assert run("-c", REPORT + UNKNOWN, cache=tmp_path)["fun"] == 1.0
    assert not [path for path in files(tmp_path) if path.name.startswith("descent.descend")]


RECURSIVE = """
import numpy as np
from numba import njit
import optnumba

@njit
def recursive(x, n):
    if n == 0:
        return x * 1.0
    return recursive(x, n - 1)

@njit
def fun(x):
    return recursive(1.0, 3), np.ones_like(x)

report(fun=optnumba.minimize(fun, [0.0], jac=True, method="sgd", options={"maxiter": 0}).fun)
"""


def test_a_recursive_function_is_run_in_a_second_process_too(tmp_path):
    for _ in range(2):  # Numba crashes where it loads such a function from its cache
        assert run("-c", REPORT + RECURSIVE, cache=tmp_path)["fun"] == 1.0


OVERLOADED = """
from numba import njit
from numba.extending import overload
import numpy as np
import optnumba

def helper(x):
    raise NotImplementedError

@overload(helper)
def helper_overload(x):
    def compiled(x):
        return 1.0 * x
    return compiled

@njit
def fun(x):
    return helper(1.0), np.ones_like(x)

report(fun=optnumba.minimize(fun, [0.0], jac=True, method="sgd", options={"maxiter": 0}).fun)
"""


def test_an_edit_of_an_overload_is_noticed(tmp_path):
    script = tmp_path / "script.py"
    for value in (1.0, 2.0):
        script.write_text(REPORT + OVERLOADED.replace("1.0 * x", f"{value} * x"))
        assert run(script, cache=tmp_path / "cache")["fun"] == value


def test_a_truncated_cache_file_is_no_disaster(tmp_path):
    script, cache = tmp_path / "script.py", tmp_path / "cache"
    script.write_text(REPORT + LAMBDA)
    first = run(script, cache=cache)
    for path in files(cache):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert run(script, cache=cache)["x"] == first["x"]


FACTOR = 2.0


@njit
def scaled(x, grad):
    grad[:] = FACTOR
    return FACTOR * x.sum()


def test_an_objective_whose_globals_have_changed_is_not_cached(monkeypatch):
    first = fingerprint(scaled)
    assert fingerprint(scaled) == first
    monkeypatch.setitem(scaled.py_func.__globals__, "FACTOR", 300.0)
    with pytest.raises(Unknown):
        fingerprint(scaled)
