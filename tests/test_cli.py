"""The command line: what it prints for people and for programs, its exit statuses, and its messages."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from optnumba.symbolic.evidence import Evidence, counterexample, identity, instances
from sympy import Integer, Symbol

from optnumba import RULES, cli
from optnumba.cli import plain, proving, tex
from optnumba.cli.report import Cell, Heading, Lines, Report, Table, Text, width
from optnumba.rules import ALGORITHMS, ALIASES, LIBRARIES

ESCAPE = "\x1b"


@pytest.fixture
def run(capsys):
    """Return a function that runs a command and returns (status, standard output, standard error)."""

    def call(*argv):
        status = cli.main(list(argv))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that makes standard output and error a terminal of some width."""

    def become(columns=80, **environment):
        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, value in {"COLUMNS": str(columns), "TERM": "xterm-256color", **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    return become


def bare(text):
    """Return what a terminal shows: without escape codes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


# -- rules --------------------------------------------------------------------------------------------------------


def test_rules_has_a_line_for_each_rule_and_groups_the_conventions(run):
    status, out, err = run("rules")
    assert (status, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines() if line.split() and line.split()[0] in RULES]
    assert sorted(names) == sorted(RULES)
    assert [name for name in names if name in ALGORITHMS] == list(ALGORITHMS)
    algorithms = [name.partition(":")[0] for name in names]
    assert algorithms == sorted(algorithms, key=list(ALGORITHMS).index)
    for name, rule in RULES.items():
        (line,) = (line for line in out.splitlines() if line.split()[:1] == [name])
        assert rule.source in line and line.endswith("yes")
        assert all(f"{hyper}={value:g}" in line for hyper, value in rule.defaults.items())
    assert "in (0, ∞)  learning_rate, eps" in out
    assert f"{len(RULES)} rules, {len(ALGORITHMS)} algorithms and" in out.splitlines()[-1]


def test_rules_as_json_is_what_the_rules_say(run):
    status, out, err = run("rules", "--json")
    found = {entry["name"]: entry for entry in json.loads(out)["rules"]}
    assert (status, err, found.keys()) == (0, "", RULES.keys())
    for name, rule in RULES.items():
        assert found[name]["state"] == list(rule.slots)
        assert {h["name"]: h["default"] for h in found[name]["hyper"]} == rule.defaults
        assert [h["interval"] for h in found[name]["hyper"]] == [h.interval for h in rule.hyper]
        assert found[name]["proved"] is True and found[name]["convention"] is (name not in ALGORITHMS)
        assert found[name]["algorithm"] in ALGORITHMS


# -- show ---------------------------------------------------------------------------------------------------------


def test_show_has_equations_derivation_defaults_conventions_and_theorems(run):
    status, out, err = run("show", "nadam")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    headings = [above for above, below in zip(lines, lines[1:], strict=False) if below and set(below) == {"="}]
    assert headings[:3] == ["nadam", "One step", "Defaults"]
    assert headings[3].startswith("Derivation: ") and headings[4:] == ["What the libraries compute", "What follows"]
    for text in (
        "NAD-18",
        "Approximation, from ",
        "Off by exactly",
        "learning_rate",
        "nadam:torch",
        "nadam:keras",
        "T-NAD-1",
    ):
        assert text in out


def test_show_as_json_has_what_the_symbolic_layer_has(run):
    from optnumba.symbolic.derivations import derivation
    from optnumba.symbolic.theorems import theorems

    from optnumba import symbolic

    found = json.loads(run("show", "momentum", "--json")[1])
    assert [e["id"] for e in found["equations"]] == [e.id for e in symbolic.update_equations("momentum")]
    assert [s["after"]["id"] for s in found["derivation"]["steps"]] == [s.after.id for s in derivation("momentum")]
    assert [t["id"] for t in found["theorems"]] == [t.id for t in theorems("momentum")]
    assert [c["name"] for c in found["conventions"]] == [f"momentum:{library}" for library in LIBRARIES]
    assert found["hyper"][0] == {
        "name": "learning_rate",
        "default": 0.01,
        "interval": "(0, inf)",
        "meaning": RULES["momentum"].hyper[0].meaning,
    }


def test_show_of_a_convention_says_how_it_differs(run):
    status, out, _ = run("show", "adam:keras")
    assert status == 0
    assert "adam minus adam:keras" in out and "equal if  eps = 0" in out
    found = json.loads(run("show", "adam:keras", "--json")[1])
    assert found["difference"]["equal"] is False
    assert found["difference"]["difference"]["m"] == "0" != found["difference"]["difference"]["theta"]


def test_show_of_what_a_library_shares_shows_the_rule(run):
    alias = next(alias for alias, name in ALIASES.items() if name == "adam")
    assert run("show", alias.upper())[1].splitlines()[0] == f"adam, which is what {alias.upper()} computes"


def test_show_as_latex_has_the_formulas_in_latex(run):
    status, out, _ = run("show", "adam", "--latex")
    assert status == 0
    assert r"\subsection*{One step}" in out and r"\hat m_t" in out and r"\begin{longtable}" in out
    assert out.count(r"\begin{longtable}") == out.count(r"\end{longtable}")
    assert out.isascii()


# -- prove --------------------------------------------------------------------------------------------------------

a = Symbol("a", positive=True)


def evidence(title, *parts, discrepancy=None):
    return Evidence(title, parts, discrepancy)


def jobs(*more):
    """Return a short list of jobs, in the place of everything."""
    proved = evidence("one", identity(a, a))
    approximate = evidence("two", identity(a, a), discrepancy=a**2)
    instance = evidence("three", instances("for all n", [("n = 1", a, a)]))
    return [
        proving.Job("rule", "sgd", "sgd", "sgd computes it", lambda: proved),
        proving.Job("derivation", "sgd", "GD-1", "from GD-0: a = a", lambda: approximate),
        proving.Job("theorem", "sgd", "T-GD-1", "a is a", lambda: instance),
        proving.Job("erratum", "", "E-01", "a is wrong", lambda: proved),
        *more,
    ]


def broken():
    raise ZeroDivisionError("by the tests")


FALSE = proving.Job("theorem", "sgd", "T-GD-2", "a is 2a", lambda: evidence("no", identity(a, 2 * a)))
WRONG = proving.Job(
    "theorem", "sgd", "T-GD-3", "no", lambda: evidence("no", counterexample("1 is 1", Integer(1), Integer(1)))
)
BROKEN = proving.Job("theorem", "sgd", "T-GD-4", "it breaks", broken)


@pytest.fixture
def everything(monkeypatch):
    """Return a function that makes some jobs all there is to prove."""

    def become(*more):
        monkeypatch.setattr("optnumba.cli.prove.all_jobs", lambda: jobs(*more))

    return become


def test_what_is_no_proof_is_said_but_is_no_failure(run, everything):
    everything()
    status, out, err = run("prove")
    assert (status, err) == (0, "")
    assert re.search(r"^sgd +1 proved +1 approximate +1 instances +\d", out, re.MULTILINE)
    assert re.search(r"^errata +1 proved", out, re.MULTILINE)
    assert "Reported as less than a proof" in out
    assert out.splitlines()[-1].startswith("4 items in 0.0 s: 2 proved, 1 approximate, with")


@pytest.mark.parametrize("job", [FALSE, WRONG, BROKEN], ids=lambda job: job.id)
def test_what_is_not_proved_is_shown_and_gives_status_1(run, everything, job):
    everything(job)
    status, out, _ = run("prove")
    assert status == 1
    assert f"{job.id}: " in out
    expected = {"T-GD-2": "refuted: ", "T-GD-3": "both sides agree", "T-GD-4": "ZeroDivisionError: by the tests"}
    assert expected[job.id] in out
    assert "nothing is refuted" not in out
    found = json.loads(run("prove", "--json")[1])
    assert found["proved"] is False
    assert [item["status"] in ("refuted", "undecided", "error") for item in found["items"]] == [False] * 4 + [True]


def test_prove_as_json_has_every_item(run, everything):
    everything()
    status, out, err = run("prove", "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert [item["id"] for item in found["items"]] == ["sgd", "GD-1", "T-GD-1", "E-01"]
    assert found["counts"] == {"proved": 2, "approximation": 1, "holds on the stated instances": 1}
    assert found["items"][1]["discrepancy"] == "a**2" and found["items"][0]["discrepancy"] is None
    assert found["items"][0]["parts"][0]["kind"] == "identity"


def test_verbose_is_a_line_for_each_and_twice_the_whole_proof(run, everything):
    everything()
    lines = run("prove", "-v")[1].splitlines()
    assert [line.split()[0] for line in lines if re.match(r"(sgd|GD-1|T-GD-1|E-01) ", line)] == [j.id for j in jobs()]
    text = run("prove", "-vv")[1]
    assert "off by exactly a²" in text and "instance: n = 1" in text and "ok, identity: a = a" in text


def test_everything_is_everything():
    from optnumba.symbolic.derivations import DERIVATIONS, derivation
    from optnumba.symbolic.errata import errata
    from optnumba.symbolic.theorems import theorems

    found = proving.all_jobs()
    ids = {kind: [job.id for job in found if job.kind == kind] for kind in proving.KINDS}
    assert sorted(ids["rule"] + ids["convention"]) == sorted(RULES)
    assert ids["derivation"] == [step.after.id for name in DERIVATIONS for step in derivation(name)]
    assert sorted(ids["theorem"]) == sorted(theorem.id for theorem in theorems())
    assert ids["erratum"] == [erratum.id for erratum in errata() if erratum.demonstrable]
    assert {job.algorithm for job in found if job.kind != "erratum"} == set(ALGORITHMS)


def test_prove_a_name_is_all_about_it(run):
    status, out, _ = run("prove", "momentum")
    assert status == 0
    for text in ("momentum:torch", "MOM-2", "T-MOM-1"):
        assert text in out
    assert run("prove", "MOMENTUM:torch")[0] == 0


@pytest.mark.parametrize("name", ["rules", "conventions"])
def test_prove_a_kind(run, name):
    found = json.loads(run("prove", name, "--json")[1])
    assert {item["kind"] for item in found["items"]} == {name[:-1]}
    assert found["counts"] == {"proved": len(found["items"])}


def test_prove_one_item_shows_its_proof(run):
    status, out, _ = run("prove", "adam:keras")
    assert status == 0
    assert "adam:keras is proved equal to adam:keras of Keras" in out
    assert "ok, " in run("prove", "T-MOM-1")[1]


def test_prove_a_rule_against_another(run):
    status, out, _ = run("prove", "nadam", "--as", "adam")
    assert status == 1 and "nadam is NOT equal to adam of the document" in out
    assert run("prove", "adam:torch", "--as", "adam")[0] == 0


# -- prove FILE:FUNCTION ------------------------------------------------------------------------------------------

STEPS = """
from math import sqrt
import numba
from beside import average

print("imported")

def right(x, g, m, v, t, lr, beta1, beta2, eps):
    m, v = average(m, g, beta1), average(v, g * g, beta2)
    return x - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps), m, v

def wrong(x, g, m, v, t, lr, beta1, beta2, eps):
    m, v = average(m, g, beta1), average(v, g * g, beta2)
    return x - lr * m / (sqrt(v) + eps), m, v

def inside(x, g, m, v, t, lr, beta1, beta2, eps):
    m, v = average(m, g, beta1), average(v, g * g, beta2)
    return x - lr * (m / (1 - beta1**t)) / sqrt(v / (1 - beta2**t) + eps), m, v

@numba.njit
def descent(x, g, lr):
    return x - lr * g

def branches(x, g, lr):
    if g > 0:
        return x
    return x - lr * g

number = 3

class Method:
    @staticmethod
    def plain(x, g, lr):
        return x - lr * g

    def bound(self, x, g, lr):
        return x - lr * g

method = Method()
"""


@pytest.fixture
def steps(tmp_path):
    """Return the path of a file with step functions."""
    (tmp_path / "beside.py").write_text("def average(old, new, beta):\n    return beta * old + (1 - beta) * new\n")
    path = tmp_path / "steps.py"
    path.write_text(STEPS)
    return path


@pytest.mark.parametrize("function", ["right", "descent"])
def test_a_right_function_is_proved(run, steps, function):
    status, out, err = run("prove", f"{steps}:{function}", "--as", "adam" if function == "right" else "sgd")
    assert (status, err) == (0, "imported\n")
    assert "is proved equal to" in out
    assert run("prove", f"{steps}:{function}")[0] == 0  # found without being told


@pytest.mark.parametrize("name", ["Method.plain", "method.bound"])
def test_a_method_is_a_function(run, steps, name):
    assert run("prove", f"{steps}:{name}", "--as", "sgd")[0] == 0


def test_a_file_in_a_package_may_import_from_it(run, tmp_path):
    inner = tmp_path / "cli_outer" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").touch()
    (inner.parent / "rates.py").write_text("RATE = 0.1\n")
    (inner / "steps.py").write_text("from ..rates import RATE\ndef step(x, g, lr=RATE):\n    return x - lr * g\n")
    assert run("prove", f"{inner / 'steps.py'}:step", "--as", "sgd")[0] == 0


def test_a_file_may_have_any_name(run, tmp_path):
    path = tmp_path / "a script: mine"
    path.write_text("def step(x, g, lr):\n    return x - lr * g\n")
    assert run("prove", f"{path}:step", "--as", "sgd")[0] == 0


def test_a_colon_without_py_is_told_of_the_file(run, steps, monkeypatch):
    monkeypatch.chdir(steps.parent)
    assert "did you mean 'steps.py:right'?" in run("prove", "steps:right")[2]


def test_what_other_processes_print_stays_out_of_json(tmp_path):
    path = tmp_path / "loud.py"
    path.write_text("import os\nos.system('echo loud')\ndef step(x, g, lr):\n    return x - lr * g\n")
    command = [sys.executable, "-m", "optnumba", "prove", f"{path}:step", "--as", "sgd", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert json.loads(done.stdout)["proved"] is True
    assert done.stderr == "loud\n"


def test_a_wrong_function_gives_1_and_says_what_it_is(run, steps):
    status, out, _ = run("prove", f"{steps}:inside", "--as", "adam")
    assert status == 1
    assert "refuted" in out and "adam with ε inside the root" in out.splitlines()[-1]
    status, out, _ = run("prove", f"{steps}:wrong", "--as", "adam", "--json")
    found = json.loads(out)
    assert status == 1
    assert found["proved"] is False and found["as"] == found["against"] == "adam"
    assert found["residuals"]["x"] != "0" == found["residuals"]["m"]
    assert set(found["counterexample"]) == {"at", "found", "expected"}
    assert run("prove", f"{steps}:wrong")[0] == 1


def test_what_a_file_prints_stays_out_of_json(run, steps):
    assert json.loads(run("prove", f"{steps}:right", "--json")[1])["nearest"] == "adam"


def test_the_path_and_the_modules_are_as_before(run, steps):
    before = list(sys.path)
    run("prove", f"{steps}:right", "--as", "adam")
    assert sys.path == before


USAGE = [
    (["rulez"], "there is no command 'rulez'; did you mean 'rules'?"),
    (["nonsense"], "there is no command 'nonsense'; there is rules, show, prove, info"),
    (["show", "nadm"], "there is no rule 'nadm'; did you mean 'nadam'"),
    (["show", "adam:kears"], "did you mean 'adam:keras'"),
    (["prove", "T-MOM-99"], "there is no thing to prove 'T-MOM-99'; did you mean 'T-MOM-"),
    (["prove", "nadam", "--as", "adm"], "there is no rule 'adm'; did you mean 'adam'"),
    (["prove", "--as", "adam"], "--as NAME needs something to compare"),
    (["show", "adam", "--jsno"], "there is no option of show '--jsno'; did you mean '--json'?"),
    (["show", "adam", "nadam"], "'nadam' is one argument too many; see optnumba show --help"),
    (["show"], "the following arguments are required: NAME; see optnumba show --help"),
    (["rules", "--json", "--latex"], "not allowed with argument --json"),
    (["prove", "{file}:rihgt"], "there is no function in {file} called 'rihgt'; did you mean 'right'?"),
    (["prove", "{file}:number"], "'number' in {file} is of type int; name a function"),
    (
        ["prove", "{file}"],
        "names no function; write {file}:FUNCTION; it defines average, right, wrong, inside",
    ),
    (["prove", "{folder}/stesp.py:right"], "there is no file '{folder}/stesp.py'; did you mean '{folder}/steps.py'"),
    (["prove", "{file}:right", "--as", "adm"], "there is no rule 'adm'; did you mean 'adam'"),
    (["--json"], "'--json' needs a command before it: rules, show, prove, info"),
    (["--json", "rules"], "'--json' needs a command before it"),
    (["prove", ""], "there is no thing to prove ''"),
    (["prove", "{folder}/steps:right"], "there is no file '{folder}/steps'; did you mean '{folder}/steps.py'"),
    (["prove", "{file}:right:x"], "there is no file '{file}:right'; did you mean '{file}'"),
    (["prove", "{folder}/none/steps.py:right"], "{folder}/none is no folder"),
    (["prove", "{file}:Method.wrong"], "there is no function in {file} called 'Method.wrong'"),
    (["show", "T-ADAM-4"], "'T-ADAM-4' is no rule; see it with: optnumba prove T-ADAM-4"),
    (["prove", "{file}:branches", "--as", "sgd"], "branches() cannot be run on symbols: it branches"),
    (["prove", "{file}:descent", "--as", "adam"], "has 0 state(s)"),
]


@pytest.mark.parametrize(("argv", "message"), USAGE, ids=lambda item: " ".join(item) if isinstance(item, list) else "")
def test_what_cannot_be_asked_gives_2_and_a_remedy(run, steps, argv, message):
    def filled(text):
        return text.replace("{file}", str(steps)).replace("{folder}", str(steps.parent))

    status, out, err = run(*map(filled, argv))
    assert (status, out) == (2, "")
    assert err.removeprefix("imported\n").startswith("optnumba: ")
    assert filled(message) in err
    assert len(err.removeprefix("imported\n").splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module", "line 1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("\nx = (", "line 2: SyntaxError: '(' was never closed"),
        ("def f():\n    return 1 / 0\n\nf()", "line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        ("raise ValueError('two\\nlines')", "line 1: ValueError: two lines"),
        ("\0", "SyntaxError: source code string cannot contain null bytes"),
    ],
)
def test_a_file_that_cannot_be_imported_gives_2_and_the_reason(run, tmp_path, text, message):
    path = tmp_path / "broken_steps.py"
    path.write_text(text)
    status, out, err = run("prove", f"{path}:f", "--as", "sgd")
    assert (status, out) == (2, "")
    assert f"{path} cannot be imported: {message}" in err
    assert "broken_steps" not in sys.modules


# -- Pipes and terminals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [["rules"], ["show", "adam"], ["prove", "momentum"], ["info"]], ids=" ".join)
def test_a_pipe_gets_aligned_text_without_codes_or_tabs(run, monkeypatch, argv):
    monkeypatch.setenv("COLUMNS", "40")
    _, out, err = run(*argv)
    assert ESCAPE not in out and "\t" not in out and "\r" not in out and "…" not in out and err == ""
    assert max(map(len, out.splitlines())) > 80
    assert not any(line != line.rstrip() for line in out.splitlines())


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("argv", [["rules"], ["show", "adam"], ["prove", "adam:keras"], ["info"]], ids=" ".join)
def test_a_terminal_gets_colours_and_no_line_is_wider(run, terminal, argv, columns):
    terminal(columns)
    status, out, _ = run(*argv)
    assert status == 0
    assert ESCAPE in out
    assert max(map(width, bare(out).splitlines())) <= columns


def test_a_terminal_shows_all_that_a_pipe_gets(run, terminal):
    words = set(re.findall(r"[\w:.-]{3,}", run("show", "momentum")[1]))
    terminal(100)
    shown = "".join(bare(run("show", "momentum")[1]).split())
    assert not {word for word in words if word.strip("-") and word not in shown}


def test_no_color_is_respected(run, terminal):
    terminal(NO_COLOR="1")
    out = run("rules")[1]
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", out)
    assert "learning_rate" in out


def test_a_progress_bar_on_the_terminal_and_nothing_of_it_in_the_output(run, terminal):
    terminal()
    _, out, err = run("rules")
    assert f"{len(RULES)}" in bare(err) and "━" in bare(err)
    assert "━━" not in out


def test_json_on_a_terminal_is_only_json(run, terminal):
    terminal()
    _, out, _ = run("rules", "--json")
    assert json.loads(out)["command"] == "rules"


def test_without_rich_a_terminal_gets_plain_text_and_one_hint(run, terminal, monkeypatch):
    text = run("show", "sgd")[1]
    terminal()
    monkeypatch.setattr(cli, "_rich", lambda: False)
    status, out, err = run("show", "sgd")
    assert (status, out) == (0, text)
    assert err == 'optnumba: for tables and colours, pip install "optnumba[cli]"\n'


def test_an_encoding_without_greek_letters_is_no_error():
    script = "import sys; from optnumba.cli import main; sys.exit(main(['show', 'sgd']))"
    environment = {"PYTHONIOENCODING": "ascii", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, timeout=100)
    assert done.returncode == 0, done.stderr
    assert b"\\u03b7" in done.stdout


@pytest.mark.parametrize(("where", "message"), [(">&-", "is closed"), (">/dev/full", "cannot be written")])
def test_output_that_cannot_be_written_gives_2_and_no_traceback(where, message):
    command = f"{sys.executable} -m optnumba show sgd {where}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    assert message in done.stderr and len(done.stderr.splitlines()) == 1


def test_without_standard_error_nothing_of_it_goes_to_the_output(run, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert run("show", "nothing") == (2, "", "")
    assert run("show", "sgd")[0] == 0


def test_a_dumb_terminal_has_its_width(run, terminal):
    terminal(50, TERM="dumb")
    out = run("show", "adam:keras")[1]
    assert ESCAPE not in out and max(map(width, out.splitlines())) <= 50


def test_an_interrupt_is_no_traceback(run, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("optnumba.cli.prove.all_jobs", interrupted)
    assert run("prove") == (130, "", "optnumba: interrupted\n")


# -- info, help, and how it is started ----------------------------------------------------------------------------


def test_info_says_what_a_bug_report_needs(run):
    import numba

    import optnumba

    found = json.loads(run("info", "--json")[1])
    assert found["versions"]["optnumba"] == optnumba.__version__
    assert found["versions"]["numba"] == numba.__version__
    assert found["machine"]["cpu_count"] >= 1 and found["machine"]["numba_threads"] >= 1
    assert "workqueue" in found["machine"]["threading_layer"]
    assert found["machine"]["cache_folder"]
    assert found["machine"]["vector_mathematics"]
    assert found["cuda"].keys() >= {"package", "missing"}
    assert "rich" in found["extras"]["cli"] and "rich" in found["extras"]["test"]
    text = run("info")[1]
    assert numba.__version__ in text and "threading layer" in text


def test_help_documents_the_keys_of_json(run, capsys):
    for command in ("rules", "show", "prove", "info"):
        with pytest.raises(SystemExit) as ended:
            cli.main([command, "--help"])
        text = capsys.readouterr().out
        assert ended.value.code == 0
        assert "keys of --json" in text and "exit status" in text
    assert run()[0] == 0


@pytest.mark.parametrize("argv", [["rules"], ["show", "adam"], ["prove", "adam:keras"], ["info"]], ids=" ".join)
def test_the_keys_of_json_are_the_documented_ones(run, capsys, argv):
    found = json.loads(run(*argv, "--json")[1])
    with pytest.raises(SystemExit):
        cli.main([argv[0], "--help"])
    text = capsys.readouterr().out
    assert all(re.search(rf"\b{key}\b", text) for key in found)


def test_it_is_started_as_a_module_and_as_a_script():
    for command in ([sys.executable, "-m", "optnumba"], [str(Path(sys.executable).parent / "optnumba")]):
        done = subprocess.run([*command, "show", "nadm"], capture_output=True, text=True, timeout=100)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("optnumba: there is no rule 'nadm'; did you mean 'nadam'")


def test_a_reader_that_leaves_is_no_error():
    script = f"{sys.executable} -m optnumba rules | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


# -- Reports ------------------------------------------------------------------------------------------------------


def test_a_report_as_text():
    table = Table(("name", "n"), [["a", "1"], None, [Cell("v̂"), Cell("two\nlines")]], right=frozenset({1}))
    report = Report([Heading("Title"), table, Lines("as\n  it is")], {}, closing=Text("done"))
    assert plain.as_text(report).splitlines() == [
        "Title",
        "=====",
        "  name           n",
        "  ----  ----------",
        "  a              1",
        "  v̂     two; lines",
        "",
        "  as",
        "    it is",
        "",
        "done",
    ]


def test_a_report_as_latex():
    table = Table(("", ""), [[Cell("a_name & m̂_t"), Cell("x", latex="$x^2$")], ["η²", "50% of #1"]])
    text = tex.as_latex(Report([Heading("What {it} is"), table], {}))
    assert r"\subsection*{What \{it\} is}" in text
    assert r"a\_name \& $\hat{m}_t$ & $x^2$ \\" in text
    assert r"$\eta ^{2}$ & 50\% of \#1 \\" in text
    assert tex.from_markdown("5% of $a_1$") == r"5\% of $a_1$"
