"""What `minimize_finite_sum` does: batches, permutations, budgets, what it returns, and that chunks change nothing.

The objective is one least squares problem of 23 samples throughout, so that each loop is compiled once. The textbook
loops of naive.py are told by their gradient which batch a step takes.
"""

import subprocess
import sys
import tracemalloc
from itertools import count

import numpy as np
import pytest
import scipy.sparse
from naive import NAIVE
from numba import njit
from scipy.optimize import OptimizeResult, OptimizeWarning

import optnumba
from optnumba import minimize_finite_sum as minimize
from optnumba.bind import kernel
from optnumba.loops import finite_sum as loop
from optnumba.rules import ALGORITHMS

N, SEED = 23, 7
GENERATOR = np.random.default_rng(0)
A, Y = GENERATOR.standard_normal((N, 3)), GENERATOR.standard_normal(N)
START = np.array([0.5, -1.0, 2.0])
WEIGHTS = GENERATOR.uniform(0, 2, N)


def squared(x, grad, i, a, y):
    residual = a[i, 0] * x[0] + a[i, 1] * x[1] + a[i, 2] * x[2] - y[i]
    for j in range(3):
        grad[j] += residual * a[i, j]
    return residual * residual / 2


compiled = njit(squared)


def run(method="sgd", fun=compiled, x0=START, data=(A, Y), **given):
    """Minimise with fewer words: what is no argument of `minimize_finite_sum` is an option."""
    arguments = ("args", "batch_size", "epochs", "reduction", "shuffle", "seed", "callback", "device")
    options = {name: given.pop(name) for name in tuple(given) if name not in arguments}
    return minimize(fun, x0, data, method=method, options=options, **given)


def terms(x):
    """Return every f_i and its gradient (arrays of shape (N,) and (N, 3))."""
    residual = A @ x - Y
    return residual**2 / 2, residual[:, None] * A


# -- The permutation, typed from Steele, Lea & Flood 2014 and from Knuth's Algorithm P ---------------------------------

MASK = 2**64 - 1


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def permutation(size, seed, epoch):
    golden, order = 0x9E3779B97F4A7C15, list(range(size))
    counter = mix((seed + mix(epoch * golden & MASK)) & MASK)
    for i in range(size - 1, 0, -1):
        counter = (counter + golden) & MASK
        j = int((mix(counter) >> 11) * 2.0**-53 * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def word(seed):
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])


def batches(size, epochs, shuffle=True, drop_last=False):
    """Yield the samples of each step."""
    for epoch in range(epochs):
        order = permutation(N, word(SEED), epoch) if shuffle and size < N else list(range(N))
        for first in range(0, N - N % size if drop_last else N, size):
            yield order[first : first + size]


@pytest.mark.parametrize(("size", "seed", "epoch"), [(1, 0, 0), (2, 1, 5), (23, 2**64 - 1, 3), (1000, 12345, 10**6)])
def test_the_permutation_is_a_function_of_seed_and_epoch(size, seed, epoch):
    order = np.empty(size, np.int64)
    kernel(loop.permute, "permutation", {})(order, np.uint64(seed), epoch)
    assert order.tolist() == permutation(size, seed, epoch)
    assert sorted(order.tolist()) == list(range(size))


def test_all_permutations_are_equally_likely():
    found = {}
    for epoch in range(24_000):
        order = tuple(permutation(4, word(SEED), epoch))
        found[order] = found.get(order, 0) + 1
    assert len(found) == 24
    # 23 degrees of freedom: beyond 50 once in a thousand times, and the seed is fixed.
    assert sum((n - 1000) ** 2 / 1000 for n in found.values()) < 50


# -- Against the textbook ----------------------------------------------------------------------------------------------


def textbook(name, taken, reduction="mean", weights=None, **hyper):
    """Return the textbook's points, and the value of each batch at the point where its gradient was taken."""
    taken, values = list(taken), []
    steps = count()
    scale = np.ones(N) if weights is None else weights / (weights.mean() if reduction == "mean" else 1)

    def gradient(x):
        batch = taken[next(steps)]
        f, g = terms(x)
        values.append((scale[batch] * f[batch]).sum())
        total = (scale[batch][:, None] * g[batch]).sum(axis=0)
        return total / len(batch) if reduction == "mean" else total

    points, _ = NAIVE[name](START, gradient, len(taken), **hyper)
    return points, values


HYPER = {name: {"learning_rate": 0.05} for name in ALGORITHMS if name != "adadelta"} | {"adadelta": {"eps": 1e-3}}


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("size", [1, 7, N])
def test_steps_are_those_of_the_textbook(name, size):
    expected, _ = textbook(name, batches(size, 3), **HYPER[name])
    result = run(name, squared, batch_size=size, epochs=3, seed=SEED, **HYPER[name])
    reached = expected[-1]
    if name == "nag":  # x is φ = θ - γv, and θ_{t+1} = θ_t - v_t
        reached = expected[-1] - 0.9 * (expected[-2] - expected[-1])
    np.testing.assert_allclose(result.x, reached, rtol=1e-10)
    assert result.nit == 3 * -(-N // size)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_batches_are_weighed_right(shuffle, drop_last, reduction, weights):
    taken = list(batches(7, 2, shuffle, drop_last))
    expected, values = textbook("sgd", taken, reduction, weights, learning_rate=0.01)
    given = {"reduction": reduction, "drop_last": drop_last, "sample_weight": weights, "learning_rate": 0.01}
    result = run(batch_size=7, epochs=2, seed=SEED, shuffle=shuffle, **given)
    np.testing.assert_allclose(result.x, expected[-1], rtol=1e-12)
    assert result.nfev == result.njev == sum(map(len, taken)) == 2 * (21 if drop_last else 23)
    last = [batch for batch in taken[len(taken) // 2 :]]
    share = np.ones(N) if weights is None else weights / (weights.mean() if reduction == "mean" else 1)
    total = sum(values[len(taken) // 2 :])
    if reduction == "mean":
        total /= sum(share[batch].sum() for batch in last)
    np.testing.assert_allclose(result.history["fun"][-1], total, rtol=1e-12)
    assert result.fun == result.history["fun"][-1]
    assert result.fun_is == f"the running {reduction} of epoch 2"


def test_python_and_numba_take_the_same_steps():
    ours, theirs = (run("adam", fun, batch_size=7, epochs=4, learning_rate=0.1) for fun in (compiled, squared))
    np.testing.assert_array_equal(ours.x, theirs.x)
    np.testing.assert_allclose(ours.history["fun"], theirs.history["fun"], rtol=1e-14)


def test_batch_gradient_descent_is_minimize_on_the_sum():
    @njit
    def total(x, grad, a, y):
        grad[:] = 0
        f = 0.0
        for i in range(y.size):
            f += compiled(x, grad, i, a, y)
        return f

    options = {"learning_rate": 0.01, "maxiter": 20, "gtol": 0, "return_all": True}
    expected = optnumba.minimize(total, START, (A, Y), "sgd", "inplace", options=options).allvecs[-1]
    result = run(batch_size=None, epochs=20, reduction="sum", learning_rate=0.01)
    np.testing.assert_array_equal(result.x, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_x_is_kept(dtype):
    data = A.astype(dtype), Y.astype(dtype)
    result = run(x0=START.astype(dtype), data=data, batch_size=5, learning_rate=0.05)
    assert result.x.dtype == result.x_best.dtype == dtype
    np.testing.assert_allclose(result.x, run(batch_size=5, learning_rate=0.05).x, rtol=1e3 * np.finfo(dtype).eps)


# -- Chunks and threads change nothing ---------------------------------------------------------------------------------


@pytest.fixture
def one_sample_at_a_time(monkeypatch):
    monkeypatch.setattr("optnumba.driving.CHUNK_SECONDS", 0.0)


@pytest.mark.parametrize("given", [{"batch_size": 7}, {"batch_size": 7, "sample_weight": WEIGHTS}, {"batch_size": 1}])
def test_chunks_change_nothing(given, request):
    whole = run("adam", epochs=5, **given)
    request.getfixturevalue("one_sample_at_a_time")
    chunked = run("adam", epochs=5, **given)
    for name in ("x", "x_best", "fun", "nit", "nfev"):
        np.testing.assert_array_equal(chunked[name], whole[name])
    np.testing.assert_array_equal(chunked.history["fun"], whole.history["fun"])


THREADS = """
import sys, numba, numpy as np, optnumba
@numba.njit
def fun(x, grad, i, a, y):
    r = -y[i]
    for j in range(x.size):
        r += a[i, j] * x[j]
    for j in range(x.size):
        grad[j] += r * a[i, j]
    return r * r / 2
rng = np.random.default_rng(0)
data = rng.standard_normal((9_000, 8)), rng.standard_normal(9_000)
weights = rng.uniform(0, 1, 9_000)
for threads in [1, 2, 3, 7]:
    numba.set_num_threads(threads)
    for more in ({}, {"sample_weight": weights}):
        for batch_size in (None, 4_000):
            options = {"threads": threads > 1, "learning_rate": 0.1, **more}
            r = optnumba.minimize_finite_sum(fun, np.ones(8), data, batch_size=batch_size, epochs=3, options=options)
            print(batch_size, bool(more), r.x.tobytes().hex(), r.history["fun"].tobytes().hex(), file=sys.stdout)
"""


def test_the_number_of_threads_changes_nothing():
    import os

    environment = {**os.environ, "NUMBA_NUM_THREADS": "7"}
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, env=environment, timeout=200)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")[:-1]
    assert len(lines) == 16
    assert len(set(lines)) == 4  # one for each batch size, with weights and without


# -- Budgets and endings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "status", "message", "nit", "nfev", "epochs"),
    [
        ({"epochs": 3}, 0, "All epochs were done.", 12, 69, 3),
        ({"epochs": None, "max_steps": 6}, 1, "Maximum number of steps has been exceeded.", 6, 37, 1),
        ({"epochs": 3, "max_steps": 0}, 1, "Maximum number of steps has been exceeded.", 0, 0, 0),
        ({"epochs": None, "max_evals": 36}, 1, "Maximum number of function evaluations", 5, 30, 1),
        ({"epochs": None, "max_evals": 46}, 1, "Maximum number of function evaluations", 8, 46, 2),
        ({"epochs": None, "max_evals": 45, "drop_last": True}, 1, "Maximum number of function", 6, 42, 2),
        ({"epochs": None, "maxtime": 0}, 1, "Maximum time has been exceeded.", 0, 0, 0),
    ],
)
def test_each_budget_ends_it(given, status, message, nit, nfev, epochs):
    result = run(batch_size=7, **given)
    assert (result.status, result.nit, result.nfev, result.epochs) == (status, nit, nfev, epochs)
    assert result.success == (status == 0)
    assert result.message.startswith(message)
    assert len(result.history["fun"]) == epochs


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": None}, "epochs=None without another budget never ends; give max_steps, max_evals or maxtime"),
        ({"epochs": 2, "max_steps": 9}, "max_steps=9 contradicts epochs=2, which are 8; pass epochs=None, or more"),
        ({"epochs": 2, "max_evals": 47}, "max_evals=47 contradicts epochs=2, which are 46"),
        ({"max_evals": 6}, "max_evals=6 is less than a batch of 7; allow at least one step"),
    ],
)
def test_budgets_that_contradict_each_other_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        run(batch_size=7, **given)


def test_a_budget_stops_where_a_longer_run_passes():
    longer = run("adam", batch_size=7, epochs=None, max_steps=13, return_all=True)
    shorter = run("adam", batch_size=7, epochs=None, max_steps=12)
    np.testing.assert_array_equal(shorter.x, longer.allvecs[3])
    assert longer.fun_is == "the running mean of epoch 4, which is not done"


def test_ftol_compares_epochs_and_gtol_the_whole_gradient():
    result = run(batch_size=None, epochs=None, ftol=1e-3, learning_rate=0.1)
    values = result.history["fun"]
    assert (result.status, result.epochs) == (0, len(values))
    assert abs(values[-1] - values[-2]) <= 1e-3 < abs(values[-2] - values[-3])
    result = run(batch_size=None, epochs=None, gtol=1e-6, learning_rate=0.3)
    assert (result.status, result.message) == (0, "Optimization terminated successfully.")
    assert abs(terms(result.x)[1].mean(axis=0)).max() <= 1e-6
    np.testing.assert_allclose(result.x, np.linalg.lstsq(A, Y)[0], atol=1e-5)


def test_the_objective_is_evaluated_exactly_where_that_is_asked_for():
    for weights in (None, WEIGHTS):
        result = run(batch_size=7, epochs=4, exact_objective=True, sample_weight=weights, return_all=True)
        expected = [np.average(terms(x)[0], weights=weights) for x in result.allvecs[1:]]
        np.testing.assert_allclose(result.history["exact"], expected, rtol=1e-14)
        assert (result.fun, result.fun_is) == (result.history["exact"][-1], "the objective at x")
        np.testing.assert_array_equal(result.x_best, result.allvecs[1 + np.argmin(expected)])


def test_x_best_is_the_end_of_the_best_epoch():
    result = run(batch_size=1, epochs=30, learning_rate=0.3, return_all=True)
    best = np.argmin(result.history["fun"])
    assert best < 29  # of a rate that is too large for the last epoch to be the best
    np.testing.assert_array_equal(result.x_best, result.allvecs[1 + best])
    np.testing.assert_array_equal(result.x, result.allvecs[-1])


# -- Callbacks, validation, patience, progress -------------------------------------------------------------------------


def test_the_callback_is_told_at_epochs_or_every_so_many_steps():
    seen = []

    def by_result(intermediate_result):
        assert isinstance(intermediate_result, OptimizeResult)
        seen.append(intermediate_result)

    result = run(batch_size=7, epochs=3, callback=by_result, learning_rate=optnumba.schedules.exponential(0.1, 0.5))
    assert [(r.epochs, r.nit, r.learning_rate) for r in seen] == [
        (1, 4, 0.1 * 0.5**4),
        (2, 8, 0.1 * 0.5**8),
        (3, 12, 0.1 * 0.5**12),
    ]
    assert [r.fun for r in seen] == list(result.history["fun"])
    points = []
    stepped = run(batch_size=7, epochs=3, callback=points.append, callback_every=5, learning_rate=0.1)
    assert len(points) == 2  # after 5 and 10 of 12
    assert len({id(x) for x in points}) == 2
    points[0][:] = np.nan
    np.testing.assert_array_equal(stepped.x, run(batch_size=7, epochs=3, learning_rate=0.1).x)


def test_where_an_epoch_ends_validation_comes_before_the_callback():
    seen = []
    given = {"validation": lambda x: x[0], "callback_every": 4, "return_all": True}
    result = run(batch_size=7, epochs=3, callback=lambda intermediate_result: seen.append(intermediate_result), **given)
    assert [r.validation for r in seen] == list(result.history["validation"]) == [x[0] for x in result.allvecs[1:]]


def test_validation_of_other_arrays_is_refused():
    with pytest.raises(ValueError, match="validation has 1 arrays, data has 2; pass arrays of the same meaning"):
        run(batch_size=7, validation=(A,))


def test_stop_iteration_ends_it_and_other_exceptions_pass():
    def stop(intermediate_result):
        if intermediate_result.nit == 6:
            raise StopIteration

    result = run(batch_size=7, callback=stop, callback_every=2)
    assert (result.status, result.success, result.nit) == (99, False, 6)
    assert result.message == "`callback` raised `StopIteration`."

    def fail(xk):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(batch_size=7, callback=fail)


def test_it_stops_where_validation_does_not_improve():
    values = iter([5.0, 3.0, 2.99, 4.0, 3.5, 1.0])
    points = []

    def validation(x):
        points.append(x.copy())
        return next(values)

    result = run(batch_size=7, epochs=6, validation=validation, patience=3, min_delta=0.1)
    assert (result.status, result.epochs) == (0, 5)
    assert "patience" in result.message
    np.testing.assert_array_equal(result.history["validation"], [5.0, 3.0, 2.99, 4.0, 3.5])
    np.testing.assert_array_equal(result.x_best, points[1])


def test_the_callback_sees_the_epoch_that_patience_ends_with():
    seen = []
    given = {"validation": lambda x: 1.0, "patience": 2, "batch_size": 7}
    for more in ({}, {"callback_every": 4}):
        result = run(callback=lambda intermediate_result: seen.append(intermediate_result.epochs), **given, **more)
        assert "patience" in result.message
    assert seen == [1, 2, 3, 1, 2, 3]

    def stop(intermediate_result):
        if intermediate_result.epochs == 3:
            raise StopIteration

    assert run(callback=stop, **given).status == 99


def test_validation_by_data_and_by_a_compiled_function():
    by_data = run(batch_size=7, epochs=3, validation=(A[:5], Y[:5]), return_all=True)
    expected = [terms(x)[0][:5].mean() for x in by_data.allvecs[1:]]
    np.testing.assert_allclose(by_data.history["validation"], expected, rtol=1e-14)
    by_function = run(batch_size=7, epochs=3, validation=njit(lambda x: x[0]), return_all=True)
    np.testing.assert_array_equal(by_function.history["validation"], [x[0] for x in by_function.allvecs[1:]])
    with pytest.raises(TypeError, match="returned None; it must return a real number"):
        run(batch_size=7, validation=lambda x: None)


def test_progress_is_shown(capsys):
    pytest.importorskip("tqdm")
    run(batch_size=7, epochs=3, progress=True, learning_rate=0.1)
    shown = capsys.readouterr().err
    assert "12/12" in shown
    assert "loss=" in shown
    assert "rate=0.1" in shown


def test_disp_prints_a_summary(capsys):
    run(batch_size=7, epochs=3, disp=True)
    assert "All epochs were done." in capsys.readouterr().out


def test_an_interrupt_brings_the_result_so_far():
    def fun(x, grad, i, a, y):
        if i == 3 and x[0] != START[0]:
            raise KeyboardInterrupt
        return squared(x, grad, i, a, y)

    with pytest.raises(KeyboardInterrupt) as caught:
        run(fun=fun, batch_size=4, shuffle=False)
    result = caught.value.result
    assert (result.nit, result.status) == (6, 99)  # the first epoch passed sample 3 at x0
    np.testing.assert_array_equal(result.x, run(batch_size=4, shuffle=False, epochs=None, max_steps=6).x)


MODEL = optnumba.linear_model("squared", intercept=False)


@pytest.mark.parametrize("fun", [compiled, squared, MODEL], ids=["Numba", "Python", "model"])
def test_an_interrupt_while_an_epoch_is_judged_brings_the_best_point_so_far(fun, monkeypatch):
    calls = count()

    def clock():
        """Raise in the midst of the fourth pass over 23 samples, which takes chunks of 1, 8 and 14."""
        if next(calls) == 20:
            raise KeyboardInterrupt
        return 0.0

    given = {"fun": fun, "batch_size": 7, "epochs": 9, "learning_rate": 0.6, "return_all": True}
    whole = run(exact_objective=True, **given)
    for more in ({"exact_objective": True}, {"validation": (A, Y)}):
        calls = count()
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt) as caught:
            patched.setattr("optnumba.driving.perf_counter", clock)
            run(**given, **more)
        result = caught.value.result
        assert (result.status, result.epochs, len(result.allvecs)) == (99, 4, 5)
        np.testing.assert_array_equal(result.x, whole.allvecs[4])
        judged = result.history["exact" if "exact_objective" in more else "validation"]
        assert len(judged) == 3
        np.testing.assert_array_equal(result.x_best, whole.allvecs[1 + np.argmin(judged)])


@pytest.mark.parametrize("fun", [compiled, MODEL], ids=["function", "model"])
def test_where_a_chunk_ends_does_not_change_the_exact_objective(fun, request):
    given = {"fun": fun, "batch_size": 7, "epochs": 3, "exact_objective": True, "sample_weight": WEIGHTS}
    whole = run(**given).history["exact"]
    request.getfixturevalue("one_sample_at_a_time")
    np.testing.assert_array_equal(run(**given).history["exact"], whole)


# -- What goes wrong in the objective ----------------------------------------------------------------------------------


@njit
def broken(x, grad, i, a, y, where, after, what):
    f = compiled(x, grad, i, a, y)
    if i == where and x[0] < after:
        if what == 0:
            return np.nan
        grad[1] = np.inf
    return f


@pytest.mark.parametrize(
    ("what", "message"), [(0, "fun is not finite at sample 20"), (1, "The gradient is inf in coordinate 1")]
)
def test_what_is_not_finite_stops_it_at_the_last_good_step(what, message):
    good = run("adam", shuffle=False, batch_size=7, epochs=None, max_steps=6, return_all=True)
    limit = (good.allvecs[1][0] + run("adam", shuffle=False, batch_size=7, epochs=None, max_steps=2).x[0]) / 2
    result = run("adam", broken, shuffle=False, batch_size=7, epochs=9, args=(20, limit, what))
    assert (result.status, result.success) == (3, False)
    assert f"{message}" in result.message
    assert f"step {result.nit + 1}" in result.message
    assert f"epoch {result.epochs + 1}" in result.message
    same = run("adam", shuffle=False, batch_size=7, epochs=None, max_steps=result.nit)
    assert result.nit % 4 == 2  # sample 20 is in the third batch of an epoch
    np.testing.assert_array_equal(result.x, same.x)


@pytest.mark.parametrize("wrap", [lambda f: f, njit], ids=["Python", "Numba"])
def test_a_function_that_assigns_its_gradient_is_refused(wrap):
    def assigning(x, grad, i, a, y):
        grad[0] = x[0]
        return 0.0

    with pytest.raises(ValueError, match=r"fun=assigning assigns to grad; it must add its gradient: grad\[j\] \+= "):
        run(fun=wrap(assigning), batch_size=7)


def test_a_function_that_writes_on_x_disturbs_nobody():
    def writing(x, grad, i, a, y):
        residual = a[i, 0] * x[0] + a[i, 1] * x[1] + a[i, 2] * x[2] - y[i]
        grad += residual * a[i]
        x[0] = np.nan
        return residual * residual / 2

    for fun in (writing, njit(writing)):
        np.testing.assert_allclose(run(fun=fun, batch_size=7, epochs=2).x, run(batch_size=7, epochs=2).x, rtol=1e-14)


def test_exceptions_of_the_function_pass():
    def failing(x, grad, i, a, y):
        if i == 5:
            raise ZeroDivisionError("mine")
        return 0.0

    for fun in (failing, njit(failing)):
        with pytest.raises(ZeroDivisionError, match="mine"):
            run(fun=fun, batch_size=7)


# -- Modifiers ---------------------------------------------------------------------------------------------------------


def test_clipping_decay_and_averaging_apply_to_the_gradient_of_a_batch():
    x, points = START, []
    for batch in batches(7, 2):
        g = terms(x)[1][batch].mean(axis=0)
        g = g * min(1, 0.5 / np.linalg.norm(g))
        x = (1 - 0.05 * 0.1) * x - 0.05 * g
        points.append(x)
    more = {"clip_norm": 0.5, "weight_decay": 0.1, "average": "polyak"}
    result = run(batch_size=7, epochs=2, seed=SEED, learning_rate=0.05, **more)
    np.testing.assert_allclose(result.x, x, rtol=1e-13)
    np.testing.assert_allclose(result.x_average, np.mean(points, axis=0), rtol=1e-13)


# -- Bad input ---------------------------------------------------------------------------------------------------------

BAD = {
    "batch_size=0": ({"batch_size": 0}, ValueError, r"batch_size=0 is outside \[1, 2\*\*62\)"),
    "batch_size<0": ({"batch_size": -3}, ValueError, "batch_size=-3 is outside"),
    "batch_size>N": ({"batch_size": 24}, ValueError, "batch_size=24 exceeds the 23 samples; use None for all of them"),
    "batch_size=2.5": ({"batch_size": 2.5}, TypeError, "batch_size=2.5 is not an integer"),
    "batch_size=True": ({"batch_size": True}, TypeError, "batch_size=True is not an integer"),
    "batch_size text": ({"batch_size": "7"}, TypeError, "batch_size='7' is not an integer"),
    "epochs=0": ({"epochs": 0}, ValueError, "epochs=0 is outside"),
    "reduction": ({"reduction": "median"}, ValueError, "reduction='median' is not 'mean' or 'sum'; pass one of them"),
    "shuffle": ({"shuffle": 1}, TypeError, "shuffle=1 is not True or False"),
    "seed<0": ({"seed": -1}, ValueError, "seed=-1 is not an integer from 0 on"),
    "seed text": ({"seed": "x"}, TypeError, "seed='x' is not an integer from 0 on"),
    "seed=1.5": ({"seed": 1.5}, TypeError, "seed=1.5 is not an integer from 0 on"),
    "device": ({"device": "cuda"}, ValueError, "device='cuda' is not supported for finite sums; use 'cpu'"),
    "patience=0": ({"patience": 0}, ValueError, "patience=0 is outside"),
    "ftol<0": ({"ftol": -1}, ValueError, "ftol=-1 is not a number that is 0 or more"),
    "gtol": ({"gtol": 1e-3}, ValueError, "gtol=0.001 needs the gradient of all samples, and batch_size=7"),
    "threads": ({"threads": 4}, TypeError, "threads=4 is not True, False or None"),
    "lazy": ({"lazy": True}, ValueError, "lazy=True is for a linear model over sparse rows"),
    "rate": ({"learning_rate": -1.0}, ValueError, r"learning_rate=-1.0 is outside \(0, inf\) for 'sgd'"),
    "beta1": ({"method": "adam", "beta1": 1.0}, ValueError, r"beta1=1.0 is outside \[0, 1\) for 'adam'"),
    "weights": ({"sample_weight": np.ones(3)}, ValueError, r"sample_weight has shape \(3,\), data has 23 samples"),
    "weights<0": ({"sample_weight": -np.ones(N)}, ValueError, r"sample_weight\[0\] = -1.0 is outside"),
    "lengths": ({"data": (A, Y[:5])}, ValueError, "data has arrays of lengths 23, 5"),
    "empty": ({"data": (A[:0], Y[:0])}, ValueError, "data has no samples"),
    "NaN": (
        {"data": (np.where(np.arange(3) == 1, np.nan, A), Y)},
        ValueError,
        r"data\[0\]\[0, 1\] = nan is not finite",
    ),
    "x0": ({"x0": [[1.0]]}, ValueError, "'x0' must only have one dimension"),
    "fun": ({"fun": 3}, TypeError, "fun=3 cannot be called"),
    "callback": ({"callback": 3}, TypeError, "callback=3 cannot be called"),
    "method": ({"method": "adm"}, ValueError, "did you mean 'adam'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused(name):
    given, error, message = BAD[name]
    with pytest.raises(error, match=message):
        run(**{"batch_size": 7, **given})


def test_epochs_without_any_weight_are_refused():
    message = (
        r"drop_last=True leaves 2 of 23 samples out .* above 0 for 2, of which none might be left; use drop_last=Fal"
    )
    last, first = (np.isin(np.arange(N), kept).astype(float) for kept in ([21, 22], [0, 1]))
    for weights, shuffle in ((last, True), (last, False), (first, True)):
        with pytest.raises(ValueError, match=message):
            run(batch_size=7, drop_last=True, sample_weight=weights, shuffle=shuffle)
    for weights, shuffle in ((first, False), (np.arange(N) >= 20, True)):
        values = run(batch_size=7, drop_last=True, sample_weight=weights, shuffle=shuffle).history["fun"]
        assert np.isfinite(values).all()


def test_an_unknown_option_is_warned_of():
    with pytest.warns(OptimizeWarning, match=r"Unknown solver options: max_step \(did you mean 'max_steps'\?\)"):
        run(batch_size=7, epochs=1, max_step=3)


SEEDS = [0, 2**100, [1, 2, 3], np.array([4, 5]), np.random.SeedSequence(5), np.int64(3)]


@pytest.mark.parametrize("seed", SEEDS, ids=repr)
def test_seeds_of_every_kind_repeat(seed):
    first, again = (run(batch_size=1, epochs=1, seed=seed).x for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not isinstance(run(batch_size=1, epochs=1, seed=seed).seed, (np.ndarray, np.generic))
    assert not np.array_equal(first, run(batch_size=1, epochs=1, seed=99).x)


@pytest.mark.parametrize("make", [lambda: None, lambda: np.random.default_rng(3), lambda: np.random.PCG64(3)])
def test_the_seed_in_the_result_gives_the_same_again(make):
    result = run(batch_size=1, epochs=1, seed=make())
    np.testing.assert_array_equal(run(batch_size=1, epochs=1, seed=result.seed).x, result.x)


def test_the_callers_arrays_are_left_alone():
    x0, data = START.copy(), (A.copy(), Y.copy())
    for array in (x0, *data):
        array.setflags(write=False)
    before = [array.tobytes() for array in (x0, *data)]
    result = run(x0=x0, data=data, batch_size=7, sample_weight=WEIGHTS)
    assert [array.tobytes() for array in (x0, *data)] == before
    assert not any(np.shares_memory(result[name], x0) for name in ("x", "x_best"))


@pytest.mark.parametrize(("given", "vectors"), [({"batch_size": None}, 0), ({"shuffle": False}, 0), ({}, 1)])
def test_the_order_of_samples_is_held_where_there_is_one(given, vectors):
    data = np.ones((50_000, 3)), np.ones(50_000)
    run(batch_size=7, epochs=1)
    tracemalloc.start()
    run(data=data, epochs=1, **given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0 <= peak / data[1].nbytes - vectors < 0.5


def test_arguments_besides_the_data_are_handed_on():
    @njit
    def scaled(x, grad, i, a, factor):
        grad[0] += factor * (x[0] - a[i])
        return factor * (x[0] - a[i]) ** 2 / 2

    single = run(fun=scaled, x0=[0.0], data=Y, args=0.5, batch_size=None, epochs=1, learning_rate=1.0)
    np.testing.assert_allclose(single.x, [0.5 * Y.mean()], rtol=1e-14)


# -- What leaves the range of numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("method", "size", "rate", "text"),
    [
        ("sgd", 1e20, 1e20, "x is inf in coordinate 0 by step 1: it left the range of float32"),
        ("adagrad", 1e25, 0.01, "the state 'G' is inf in coordinate 0 by step 1: it left the range of float32"),
    ],
)
def test_a_point_or_a_state_that_overflows_is_no_success(form, method, size, rate, text):
    """The gradients that make it do are finite."""
    model, data = optnumba.linear_model("hinge", intercept=False), form(np.full((4, 1), size, np.float32))
    result = optnumba.minimize_finite_sum(
        model, np.zeros(1, "f4"), (data, np.ones(4)), (), method, 4, 1, options={"learning_rate": rate}
    )
    assert (result.status, result.success) == (3, False)
    assert text in result.message


def test_what_a_compiled_function_raises_in_a_thread_comes_through():
    @njit
    def failing(x, grad, i, a):
        if i == 2777:
            raise ValueError("at 2777")
        grad[0] += a[i]
        return 1.0

    with pytest.raises(ValueError, match="at 2777"):
        optnumba.minimize_finite_sum(failing, [0.0], np.ones(3000), batch_size=None, options={"threads": True})


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array], ids=["dense", "sparse"])
def test_a_loss_that_does_not_compile_is_named(form):
    model = optnumba.linear_model((lambda z, y: str(open), lambda z, y: z))
    with pytest.raises(
        TypeError, match=r"loss=.* does not compile in the loop: .*'open'.*; check that it takes two floats"
    ):
        optnumba.minimize_finite_sum(model, None, (form(np.ones((4, 2))), np.ones(4)), batch_size=4)
