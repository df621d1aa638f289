"""A step on sparse rows costs the non-zeros of its batch, and is the step on the same rows stored densely.

Dense rows take a pass over all coordinates in each step: they are the oracle for what the sparse loops leave for later,
in closed form. The lazy meaning, by which coordinates without a gradient are left alone, has a naive loop of its own.
"""

import time

import numba
import numpy as np
import pytest
import scipy.sparse
from naive import NAIVE

import optnumba
from optnumba import linear_model, schedules
from optnumba import minimize_finite_sum as minimize
from optnumba.rules import ALGORITHMS
from optnumba.sparse_training import sparse_meaning

RNG = np.random.default_rng(3)
N, WIDTH = 60, 25
DENSE = scipy.sparse.random(N, WIDTH, 0.12, random_state=5).toarray()
DENSE[7] = DENSE[:, 4] = 0  # a row and a column without an entry
SPARSE = scipy.sparse.csr_array(DENSE)
LABELS, CLASSES, NUMBERS = RNG.integers(0, 2, N), RNG.integers(0, 3, N), RNG.standard_normal(N)
WEIGHTS = RNG.uniform(0, 2, N)
LOGISTIC = linear_model("logistic")


def run(model, A, y=LABELS, method="sgd", batch_size=7, epochs=4, **options):
    options = {"learning_rate": 0.3, **options} if method != "adadelta" else {"eps": 1e-3, **options}
    return minimize(model, None, (A, y), method=method, batch_size=batch_size, epochs=epochs, seed=2, options=options)


def assert_same(model, y=LABELS, **given):
    """Assert that sparse and dense rows lead to the same result, to rounding."""
    sparse, dense = run(model, SPARSE, y, **given), run(model, DENSE, y, **given)
    for name in ("x", "x_best"):
        np.testing.assert_allclose(sparse[name], dense[name], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sparse.history["fun"], dense.history["fun"], rtol=1e-11)
    assert (sparse.nit, sparse.nfev, sparse.epochs) == (dense.nit, dense.nfev, dense.epochs)
    return sparse


MEANINGS = {
    "sgd": "nothing",
    "momentum": "idle",
    "nag": "idle",
    "adagrad": "nothing",
    "adadelta": "idle",
    "rmsprop": "idle",
    "adam": None,
    "adamax": None,
    "nadam": None,
}


@pytest.mark.parametrize("name", MEANINGS)
def test_which_rules_take_steps_without_a_gradient_in_closed_form(name):
    rule = ALGORITHMS[name]
    assert sparse_meaning(rule, None, False) == MEANINGS[name]
    assert sparse_meaning(rule, None, True) == sparse_meaning(rule, (0.1, 0.1, 1), True) == "nothing"
    assert sparse_meaning(rule, (0.0, 0.1, 1), False) == ("scale" if name == "sgd" else None)
    assert sparse_meaning(rule, (0.1, 0.1, 1), False) == ("decay" if name == "sgd" else None)


@pytest.mark.parametrize("name", ["sgd", "momentum", "rmsprop", "adam"])
def test_sparse_rows_take_the_steps_of_dense_rows(name):
    for batch_size in (1, 7, None):
        assert_same(LOGISTIC, method=name, batch_size=batch_size)


def test_so_they_do_with_weights_and_schedules():
    assert_same(LOGISTIC, method="momentum", sample_weight=WEIGHTS)
    assert_same(LOGISTIC, method="momentum", learning_rate=schedules.exponential(0.5, 0.9))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["nag", "adagrad", "adadelta", "adamax", "nadam"])
def test_so_do_the_other_rules(name):
    for batch_size in (1, 7, None):
        assert_same(LOGISTIC, method=name, batch_size=batch_size)


PENALTIES = [{"l2": 0.1}, {"l1": 0.004}, {"l1": 0.01, "l2": 0.05}]


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_penalties_shrink_what_a_batch_does_not_touch(penalty):
    model = linear_model("logistic", penalty)
    for batch_size in (1, 7):
        assert_same(model, batch_size=batch_size)
    if "l1" in penalty:
        assert (assert_same(model, epochs=20).x == 0).any()


def test_so_they_do_under_a_schedule():
    assert_same(linear_model("logistic", PENALTIES[2]), learning_rate=schedules.exponential(0.5, 0.9))


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_what_is_noted_may_run_full(penalty, monkeypatch):
    model = linear_model("logistic", penalty)
    expected = run(model, DENSE, batch_size=1).x
    monkeypatch.setattr("optnumba.sparse_training.NOTED_STEPS", 5)
    np.testing.assert_allclose(run(model, SPARSE, batch_size=1).x, expected, rtol=1e-9, atol=1e-12)


def test_a_scale_that_becomes_small_is_multiplied_out():
    model = linear_model("logistic", {"l2": 2.0})  # 0.4 ** 60 in an epoch
    assert_same(model, batch_size=1)


def test_a_penalty_that_would_turn_weights_around_is_refused():
    model = linear_model("logistic", {"l2": 4.0})
    with pytest.raises(ValueError, match="learning_rate=0.3 times l2=4.0 is not below 1 in step 1.*use smaller ones"):
        run(model, SPARSE)


def test_several_classes():
    softmax = linear_model("logistic", classes=3)
    for batch_size in (1, 7):
        assert_same(softmax, CLASSES, batch_size=batch_size)
    assert_same(linear_model("hinge", {"l2": 0.1}, classes=3, multiclass="one-vs-rest"), CLASSES)


def test_without_an_intercept_and_in_float32():
    model = linear_model("squared", intercept=False)
    assert_same(model, NUMBERS, learning_rate=0.05)
    single = run(model, SPARSE.astype(np.float32), NUMBERS.astype(np.float32), learning_rate=0.05)
    assert single.x.dtype == np.float32
    np.testing.assert_allclose(single.x, run(model, SPARSE, NUMBERS, learning_rate=0.05).x, rtol=1e-4, atol=1e-6)


def test_clipping():
    for batch_size in (1, 7):
        assert_same(LOGISTIC, batch_size=batch_size, clip_norm=0.02, clip_value=0.01)
    assert_same(linear_model("logistic", {"l2": 0.1}), clip_norm=0.02, clip_value=0.01)


def test_decay_and_averages_concern_all_coordinates():
    assert_same(LOGISTIC, weight_decay=0.1, average="polyak")
    averages = [run(LOGISTIC, A, weight_decay=0.1, average="polyak").x_average for A in (SPARSE, DENSE)]
    np.testing.assert_allclose(*averages, rtol=1e-12)
    with pytest.raises(ValueError, match="average moves every coordinate in every step, and lazy=True"):
        run(LOGISTIC, SPARSE, average="polyak", lazy=True)


# -- What is looked at, and when, changes nothing ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "penalty"), [("momentum", None), ("sgd", PENALTIES[0]), ("sgd", PENALTIES[2])], ids=str
)
def test_looking_changes_nothing_and_sees_every_step(name, penalty, monkeypatch):
    model, seen = linear_model("logistic", penalty), []
    quiet = run(model, SPARSE, method=name)
    monkeypatch.setattr("optnumba.driving.CHUNK_SECONDS", 0.0)
    settings = {"callback_every": 5, "learning_rate": 0.3}
    watched = minimize(
        model,
        None,
        (SPARSE, LABELS),
        method=name,
        batch_size=7,
        epochs=4,
        seed=2,
        callback=seen.append,
        options=settings,
    )
    np.testing.assert_array_equal(watched.x, quiet.x)
    np.testing.assert_array_equal(watched.history["fun"], quiet.history["fun"])
    expected = []
    minimize(
        model,
        None,
        (DENSE, LABELS),
        method=name,
        batch_size=7,
        epochs=4,
        seed=2,
        callback=expected.append,
        options=settings,
    )
    np.testing.assert_allclose(seen, expected, rtol=1e-9, atol=1e-12)


# -- What a step costs does not depend on how many columns there are ---------------------------------------------------


def widened(A, factor):
    """Return A with `factor` columns for each of its own, all but the first of these without an entry."""
    return scipy.sparse.csr_array((A.data, A.indices * factor, A.indptr), shape=(A.shape[0], A.shape[1] * factor))


@pytest.mark.parametrize(
    "model", [LOGISTIC, linear_model("logistic", classes=3, intercept=False)], ids=["one", "three"]
)
def test_columns_without_an_entry_change_nothing(model, tmp_path):
    wide, outputs, offset = widened(SPARSE, 40), model.classes or 1, int(model.intercept)
    start = RNG.standard_normal((WIDTH * 40 + offset, outputs))
    used = np.append(np.arange(offset), offset + 40 * np.arange(WIDTH))
    start[used] = np.random.default_rng(1).standard_normal((used.size, outputs))  # for which the last epoch is not best

    def fit(A, x0, epochs=8, **options):
        options = {"learning_rate": 3.0, **options}
        return minimize(model, x0.ravel(), (A, LABELS), batch_size=1, epochs=epochs, seed=2, options=options)

    for more in ({}, {"validation": (SPARSE, LABELS)}):
        narrow = fit(SPARSE, start[used], **more)
        more |= {"validation": (wide, LABELS)} if more else {}
        found = fit(wide, start, **more)
        assert not np.array_equal(narrow.x, narrow.x_best)
        for name in ("x", "x_best"):
            point = start.copy()
            point[used] = narrow[name].reshape(-1, outputs)
            np.testing.assert_array_equal(found[name], point.ravel())
        np.testing.assert_array_equal(found.history["fun"], narrow.history["fun"])
        path = tmp_path / f"run{len(more)}"
        for epochs in (1, 2, 5, 8):
            resumed = fit(wide, start, epochs, checkpoint=path, resume=True, **more)
        np.testing.assert_array_equal(resumed.x_best, found.x_best)


def test_columns_that_the_data_of_another_call_had_are_in_the_best_point(tmp_path):
    """A checkpoint is resumed with fewer columns in use: what differs from the best in others is copied too."""
    wide = widened(SPARSE, 40)
    fewer = scipy.sparse.csr_array((wide.data * 0, np.minimum(wide.indices, 40), wide.indptr.copy()), shape=wide.shape)
    fewer.sum_duplicates()
    options = {"checkpoint": tmp_path / "run", "resume": True, "learning_rate": 3.0}
    given = {"batch_size": 1, "seed": 2, "shuffle": False}
    first = minimize(LOGISTIC, None, (wide, LABELS), epochs=None, options=options | {"max_steps": 50}, **given)
    found = minimize(LOGISTIC, None, (fewer, LABELS), epochs=2, options=options, **given)
    np.testing.assert_array_equal(found.x[1:], first.x[1:])
    np.testing.assert_array_equal(found.x_best, found.x)


def test_an_epoch_does_not_visit_columns_without_an_entry():
    A, epochs = widened(SPARSE, 100_000), 300
    x = np.zeros(A.shape[1] + 1)

    def fit(epochs):
        options = {"learning_rate": 0.1}
        found = minimize(LOGISTIC, x, (A, LABELS), batch_size=1, epochs=epochs, shuffle=False, options=options)
        assert (np.diff(found.history["fun"]) < 0).all()

    def seconds(do, *args):
        times = []
        for _ in range(7):
            begin = time.perf_counter()
            do(*args)
            times.append(time.perf_counter() - begin)
        return min(times)

    fit(1)
    assert seconds(fit, epochs) - seconds(fit, 1) < epochs * seconds(x.copy) / 4


# -- The lazy meaning --------------------------------------------------------------------------------------------------


def lazy_steps(name, batches, x, **hyper):
    """Step only the coordinates of x that a batch touches, each by the textbook's loop from its own state."""
    state = [{} for _ in x]
    for t, batch in enumerate(batches):
        z = np.append(1, DENSE[batch]) @ x if np.ndim(batch) == 0 else np.c_[np.ones(len(batch)), DENSE[batch]] @ x
        sign = 2 * LABELS[batch] - 1
        slope = -sign / (1 + np.exp(sign * z)) / len(batch)
        g = np.append(slope.sum(), slope @ DENSE[batch])
        touched = np.append(True, (DENSE[batch] != 0).any(axis=0))
        for j in np.flatnonzero(touched):
            points, state[j] = NAIVE[name](x[j : j + 1], lambda _, g=g[j : j + 1]: g, 1, t=t, **state[j], **hyper)
            x[j] = points[-1][0]
    return x


@pytest.mark.parametrize("size", [1, 7])
def test_lazy_steps_leave_alone_what_a_batch_does_not_touch(size):
    batches = [np.arange(first, min(first + size, N)) for first in range(0, N, size)]
    expected = lazy_steps("adam", batches, np.zeros(WIDTH + 1), learning_rate=0.3)
    options = {"lazy": True, "learning_rate": 0.3}
    found = minimize(
        LOGISTIC, None, (SPARSE, LABELS), method="adam", batch_size=size, epochs=1, shuffle=False, options=options
    )
    np.testing.assert_allclose(found.x, expected, rtol=1e-9, atol=1e-13)
    assert found.x[5] == 0  # the column without an entry


def test_lazy_is_torchs_sparse_adam():
    torch = pytest.importorskip("torch")
    weights = torch.zeros(WIDTH, 1, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.SparseAdam([weights], lr=0.3)
    for row in range(N):
        columns = np.flatnonzero(DENSE[row])
        rows = torch.nn.functional.embedding(torch.tensor(columns), weights, sparse=True)
        z = (rows[:, 0] * torch.tensor(DENSE[row, columns])).sum()
        adam.zero_grad()
        torch.nn.functional.softplus(-z if LABELS[row] else z).backward()
        adam.step()
    options = {"lazy": True, "learning_rate": 0.3, "eps": 1e-8}  # SparseAdam adds ε as Keras does
    found = minimize(
        linear_model("logistic", intercept=False),
        None,
        (SPARSE, LABELS),
        method="adam:keras",
        batch_size=1,
        epochs=1,
        shuffle=False,
        options=options,
    )
    np.testing.assert_allclose(found.x, weights.detach().numpy()[:, 0], rtol=1e-9, atol=1e-13)


# -- Optima ------------------------------------------------------------------------------------------------------------


def test_the_proximal_iteration_ends_where_the_l1_penalty_is_least():
    sklearn = pytest.importorskip("sklearn.linear_model")
    penalty = 0.05
    A, y = RNG.standard_normal((80, 10)), RNG.standard_normal(80)
    expected = sklearn.Lasso(alpha=penalty, tol=1e-12).fit(A, y)
    model = linear_model("squared", {"l1": penalty})
    for name, rate in (("sgd", 0.3), ("adam", schedules.exponential(0.1, 0.995))):
        options = {"learning_rate": rate}
        found = minimize(model, None, (A, y), method=name, batch_size=None, epochs=4000, options=options)
        np.testing.assert_allclose(found.x, [expected.intercept_, *expected.coef_], atol=1e-5)
        assert ((found.x[1:] == 0) == (expected.coef_ == 0)).all()
        assert (found.x == 0).any()


def test_the_l2_penalty_leads_to_the_optimum_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.linear_model")
    expected = sklearn.LogisticRegression(C=1 / (0.05 * N), tol=1e-12, max_iter=1000).fit(DENSE, LABELS)
    model = linear_model("logistic", {"l2": 0.05})
    found = run(model, SPARSE, batch_size=None, epochs=5000, learning_rate=2.0)
    np.testing.assert_allclose(found.x, [*expected.intercept_, *expected.coef_[0]], atol=1e-6)
    assert found.fun == pytest.approx(model.value(found.x, SPARSE, LABELS), rel=1e-12)


# -- Bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: run(LOGISTIC, DENSE, lazy=True), "lazy=True is for sparse rows, and A is dense"),
        (lambda: minimize(LOGISTIC, np.zeros(3), (SPARSE, LABELS)), r"x has shape \(3,\), .* takes \(26,\)"),
        (lambda: minimize(LOGISTIC, None, (SPARSE, LABELS), args=(1,)), "a linear model takes none; leave them out"),
        (lambda: run(LOGISTIC, SPARSE, LABELS + 1), "y"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DENSE, r"data=<ndarray of shape \(60, 25\)> is not \(A, y\); pass the features and the labels"),
        ((SPARSE, LABELS, LABELS), r"data=.* is not \(A, y\)"),
        (None, r"data=None is not \(A, y\)"),
        ((DENSE[:, 0], LABELS), r"A has shape \(60,\), expected \(samples, features\)"),
        (([[1.0], [1.0, 2.0]], [0, 1]), r"A=\[\[1.0\], \[1.0, 2.0\]\] is not an array"),
    ],
    ids=range(5),
)
def test_data_that_are_no_pair_are_blamed_and_not_the_start(data, message):
    for x0 in (None, np.zeros(26)):
        with pytest.raises(ValueError, match=message):
            minimize(LOGISTIC, x0, data)


def test_l1_needs_a_rule_with_a_pace():
    from dataclasses import replace

    rule = replace(optnumba.RULES["sgd"], name="mine", pace=None, written_for=())
    with pytest.raises(ValueError, match="penalty 'l1'=0.1 needs a rule with a pace, which 'mine' has not"):
        run(linear_model("squared", {"l1": 0.1}), SPARSE, NUMBERS, method=rule)


def test_memory_is_state_and_one_gradient_and_no_copy_of_the_data():
    import tracemalloc

    A = scipy.sparse.random(20_000, 1000, 0.02, format="csr", random_state=1)
    y = np.arange(20_000) % 2
    run(LOGISTIC, SPARSE, method="adagrad", batch_size=1)
    tracemalloc.start()
    run(LOGISTIC, A, y, method="adagrad", batch_size=1, epochs=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The permutation, 160 kB, the points and the state, and pieces in which the data are checked.
    assert peak < 0.6 * (A.data.nbytes + A.indices.nbytes)


# -- What a call with other data, or a budget of another kind, leads to ------------------------------------------------


def test_validation_data_of_another_width_are_refused():
    wide, narrow = np.ones((5, 1000)), np.ones((5, 3))
    for A, other in ((SPARSE, scipy.sparse.csr_array(wide)), (DENSE, wide), (SPARSE, narrow)):
        with pytest.raises(ValueError, match=r"x has shape \(26,\), .* takes"):
            run(LOGISTIC, A, validation=(other, np.arange(5) % 2))


def test_validation_data_may_have_another_layout():
    found = [run(LOGISTIC, SPARSE, validation=(A, LABELS)).history["validation"] for A in (SPARSE, DENSE)]
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_gtol_ends_batch_gradient_descent():
    model = linear_model("logistic", {"l2": 0.1})
    for A in (SPARSE, DENSE):
        found = run(model, A, batch_size=None, epochs=None, gtol=1e-3, learning_rate=2.0)
        assert (found.status, found.fun_is) == (0, "the objective at x")
        assert found.fun == pytest.approx(model.value(found.x, A, LABELS), rel=1e-12)
    with pytest.raises(ValueError, match="gtol=0.001 tests a gradient, which the penalty 'l1' has not at 0; use ftol"):
        run(linear_model("logistic", {"l1": 0.1}), SPARSE, batch_size=None, gtol=1e-3)
    with pytest.raises(ValueError, match="gtol=0.001 tests every coordinate, and lazy=True"):
        run(LOGISTIC, SPARSE, batch_size=None, gtol=1e-3, lazy=True)


def test_a_gradient_beyond_the_range_of_floats_stops_it():
    huge = scipy.sparse.csr_array(np.where(DENSE != 0, 1e300, 0.0))
    for batch_size in (1, 7):
        found = run(linear_model("squared", intercept=False), huge, 1e20 * NUMBERS, batch_size=batch_size)
        assert (found.status, found.nit) == (3, 0)
        assert "The gradient " in found.message


def test_norms_whose_squares_overflow_are_clipped():
    A, y = scipy.sparse.csr_array(DENSE * 1e100), 1e100 * NUMBERS
    model = linear_model("squared", intercept=False)
    for batch_size in (1, 7):
        options = {"learning_rate": 1e-3, "clip_norm": 1.0, "batch_size": batch_size, "epochs": 1}
        np.testing.assert_allclose(run(model, A, y, **options).x, run(model, A.toarray(), y, **options).x, rtol=1e-9)


def test_samples_of_weight_0_are_left_out_whatever_they_are():
    weights, broken = np.ones(N), DENSE.copy()
    weights[[3, 8]] = 0
    broken[3], broken[8, 5] = np.nan, -np.inf
    given = {"sample_weight": weights, "allow_nan": True, "exact_objective": True}
    for more in ({}, {"batch_size": 1}, {"batch_size": 1, "method": "momentum", "clip_norm": 0.1}):
        expected = run(LOGISTIC, SPARSE, **{**given, **more})
        for A in (scipy.sparse.csr_array(broken), broken)[: 1 if "clip_norm" in more else 2]:
            found = run(LOGISTIC, A, **given, **more)
            np.testing.assert_allclose(found.x, expected.x, rtol=1e-12)
            for name, values in expected.history.items():
                np.testing.assert_allclose(found.history[name], values, rtol=1e-12)


def test_lazy_steps_leave_alone_what_only_samples_of_weight_0_touch():
    empty, weights = DENSE.copy(), np.ones(N)
    weights[3], empty[3] = 0, 0
    assert DENSE[3].any()
    given = {"method": "adam", "lazy": True, "batch_size": 1, "sample_weight": weights}
    found, expected = (run(LOGISTIC, A, **given) for A in (SPARSE, scipy.sparse.csr_array(empty)))
    np.testing.assert_array_equal(found.x, expected.x)


def test_so_are_they_from_the_exact_objective_of_a_function():
    @numba.njit
    def squared(x, grad, i, y):
        grad[0] += x[0] - y[i]
        return (x[0] - y[i]) ** 2 / 2

    data = np.array([1.0, np.nan, 3.0])
    options = {"sample_weight": [1, 0, 1], "allow_nan": True, "exact_objective": True}
    for fun in (squared, squared.py_func):
        assert minimize(fun, [2.0], data, batch_size=None, epochs=1, options=options).fun == 0.5
