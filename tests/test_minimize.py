"""What `minimize` does: forms of objectives, stopping, bounds, callbacks, counts, and which point it returns.

The objective is the same bowl throughout, so that each loop is compiled once; its third coordinate is flat.
"""

import sys
import time
from dataclasses import replace

import numba
import numpy as np
import pytest
import scipy.optimize
from numba import njit
from scipy.optimize import Bounds, OptimizeResult, OptimizeWarning

import optnumba
from optnumba import RULES, Hyper, Rule
from optnumba.rules import ALGORITHMS

START = (3.0, 1.0, 0.5)
MINIMUM = (1.0, -2.0)


# -- The bowl, in every form ------------------------------------------------------------------------------------------


def value(x):
    a, b = x[0] - 1.0, x[1] + 2.0
    return 0.5 * a * a + 1.5 * b * b


def slope(x):
    return np.array([x[0] - 1.0, 3.0 * (x[1] + 2.0), 0.0])


def pair(x):
    a, b = x[0] - 1.0, x[1] + 2.0
    return 0.5 * a * a + 1.5 * b * b, np.array([a, 3.0 * b, 0.0])


def scalars(x):
    a, b = x[0] - 1.0, x[1] + 2.0
    return 0.5 * a * a + 1.5 * b * b, (a, 3.0 * b, 0.0)


def mixed_scalars(x):
    a, b = x[0] - 1.0, x[1] + 2.0
    return 0.5 * a * a + 1.5 * b * b, (a, 3.0 * b, 0)


def inplace(x, grad):
    a, b = x[0] - 1.0, x[1] + 2.0
    grad[0] = a
    grad[1] = 3.0 * b
    grad[2] = 0.0
    return 0.5 * a * a + 1.5 * b * b


EXACT = {
    "jac": (value, slope),
    "True, array": (pair, True),
    "True, scalars": (scalars, True),
    "True, int and float scalars": (mixed_scalars, True),
    "inplace": (inplace, "inplace"),
}
DIFFERENCES = {"None": (value, None), "2-point": (value, "2-point"), "3-point": (value, "3-point")}
FORMS = {**EXACT, **DIFFERENCES}
BOWL = njit(pair)


def compiled(fun, jac):
    return njit(fun), njit(jac) if callable(jac) else jac


def descend(fun=pair, x0=START, jac=True, method="momentum", args=(), bounds=None, callback=None, **options):
    """Minimise with the defaults of this file."""
    return optnumba.minimize(fun, x0, args, method, jac, bounds, None, callback, options)


def trajectory(*args, **options):
    result = descend(*args, return_all=True, **options)
    return np.array(result.allvecs)


def by_hand(steps, rate=lambda t: 0.01, x0=START, dtype=np.float64):
    """Return the points of gradient descent on the bowl."""
    points = [np.array(x0, dtype)]
    for t in range(1, steps + 1):
        points.append(points[-1] - dtype(rate(t)) * slope(points[-1]).astype(dtype))
    return np.array(points)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_iterates_in_python_and_compiled(form):
    fun, jac = FORMS[form]
    steps = 150  # more than one chunk
    python = trajectory(fun, jac=jac, maxiter=steps, gtol=0)
    numba = trajectory(*compiled(fun, jac)[:1], jac=compiled(fun, jac)[1], maxiter=steps, gtol=0)
    assert python.shape == (steps + 1, 3)
    assert numba.tobytes() == python.tobytes()
    exact = trajectory(maxiter=steps, gtol=0)
    if form in EXACT:
        assert python.tobytes() == exact.tobytes()
    else:
        np.testing.assert_allclose(python, exact, rtol=0, atol=1e-6)


def test_the_iterates_are_those_of_the_textbook():
    assert trajectory(method="sgd", maxiter=300, gtol=0).tobytes() == by_hand(300).tobytes()


def test_one_of_fun_and_jac_may_be_compiled_and_the_other_not():
    expected = trajectory(value, jac=slope, maxiter=5)
    assert trajectory(njit(value), jac=slope, maxiter=5).tobytes() == expected.tobytes()
    assert trajectory(value, jac=njit(slope), maxiter=5).tobytes() == expected.tobytes()


@pytest.mark.parametrize("form", EXACT)
def test_counts_are_exact_for_every_form(form):
    fun, jac = EXACT[form]
    calls = {"fun": 0, "jac": 0}

    def counted(function, name):
        def count(*args):
            calls[name] += 1
            return function(*args)

        return count

    gradient = counted(jac, "jac") if callable(jac) else jac
    result = descend(counted(fun, "fun"), jac=gradient, maxiter=4)
    assert (result.nit, result.nfev, result.njev) == (4, 5, 5)
    assert calls == {"fun": 5, "jac": 5 if callable(jac) else 0}


def test_a_compiled_objective_may_have_its_signature_written_out():
    typed = njit("Tuple((float64, float64[::1]))(float64[::1])")(pair)
    assert trajectory(typed, maxiter=20, gtol=0).tobytes() == trajectory(maxiter=20, gtol=0).tobytes()


def vandal(x):
    a, b = x[0] - 1.0, x[1] + 2.0
    f, g = 0.5 * a * a + 1.5 * b * b, np.array([a, 3.0 * b, 0.0])
    x[:] = -1e9
    return f, g


@pytest.mark.parametrize("fun", [vandal, njit(vandal)], ids=["python", "numba"])
def test_an_objective_that_writes_on_its_x_changes_nothing(fun):
    x0 = np.array(START)
    assert trajectory(fun, x0, maxiter=20, gtol=0).tobytes() == trajectory(maxiter=20, gtol=0).tobytes()
    assert x0.tobytes() == np.array(START).tobytes()


def test_a_gradient_that_the_objective_reuses_is_copied():
    mine = np.empty(3)

    def fun(x):
        f, mine[:] = pair(x)
        return f, mine

    result = descend(fun, maxiter=20, gtol=0)
    mine[:] = np.nan
    assert np.isfinite(result.jac).all()
    assert trajectory(fun, maxiter=20, gtol=0).tobytes() == trajectory(maxiter=20, gtol=0).tobytes()


def about(x, centre, scale=1):
    r = x - centre
    return scale * (r * r).sum(), 2 * scale * r


ARGS = {
    "an array, not in a tuple": (np.array([1.0, -2.0]), np.array([1.0, -2.0])),
    "an array and an int": ((np.array([1.0, -2.0]), 2), np.array([1.0, -2.0])),
    "two floats": ((0.75, 0.5), np.array([0.75, 0.75])),
    "a float, not in a tuple": (0.75, np.array([0.75, 0.75])),
}


@pytest.mark.parametrize("fun", [about, njit(about)], ids=["python", "numba"])
@pytest.mark.parametrize("args, minimum", ARGS.values(), ids=ARGS)
def test_args(fun, args, minimum):
    result = descend(fun, [3.0, 3.0], args=args, method="sgd", learning_rate=0.1)
    assert result.success
    np.testing.assert_allclose(result.x, minimum, atol=1e-5)


def test_args_of_any_type_reach_a_python_objective_as_they_are():
    seen = []

    def fun(x, *args):
        seen.append(args)
        return pair(x)

    args = ({"a": 1}, None, [1, 2])
    descend(fun, args=args, maxiter=0)
    assert all(found is given for found, given in zip(seen[0], args, strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_float32_stays_float32(form):
    fun, jac = FORMS[form]
    result = descend(fun, np.array(START, np.float32), jac=jac, maxiter=300, return_all=True)
    assert (result.x.dtype, result.jac.dtype) == (np.float32, np.float32)
    assert {x.dtype for x in result.allvecs} == {np.dtype(np.float32)}
    np.testing.assert_allclose(result.x[:2], MINIMUM, atol=0.02)


def test_float32_stays_float32_in_a_compiled_loop():
    result = descend(BOWL, np.array(START, np.float32), maxiter=300)
    assert (result.x.dtype, result.jac.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(result.x[:2], MINIMUM, atol=1e-3)


@pytest.mark.parametrize(
    "x0, shape, dtype",
    [
        ([3, 1, 0], (3,), np.float64),
        (np.array([3, 1, 0], np.int8), (3,), np.float64),
        (np.array([True, False, True]), (3,), np.float64),
        (np.array([3, 1, 0], np.uint64), (3,), np.float64),
        (np.array([3, 1, 0], np.float16), (3,), np.float64),
        (np.array([3, 1, 0], np.longdouble), (3,), np.float64),
        (np.array([3, 1, 0], ">f8"), (3,), np.float64),
        (np.array([3, 1, 0], ">f4"), (3,), np.float32),
        (np.arange(6.0)[::2], (3,), np.float64),
        (np.arange(3.0)[::-1], (3,), np.float64),
    ],
)
def test_any_real_x0_is_taken(x0, shape, dtype):
    before = np.array(x0)
    result = descend(x0=x0, maxiter=1, return_all=True)
    assert (result.x.shape, result.x.dtype) == (shape, dtype)
    assert (result.allvecs[0] == before).all()
    assert (np.asarray(x0) == before).all()


@pytest.mark.parametrize("x0", [3.0, 3, np.float32(3), np.array(3.0)])
def test_a_scalar_x0_is_a_vector_of_one(x0):
    result = descend(lambda x: (x[0] ** 2, 2 * x), x0, method="sgd", learning_rate=0.25)
    assert result.success
    assert result.x.shape == (1,)


def test_a_read_only_x0_is_not_in_the_way():
    x0 = np.array(START)
    x0.flags.writeable = False
    result = descend(x0=x0, maxiter=3)
    result.x[0] = 0  # and the result is not


# -- Stopping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("maxiter", [0, 1, 4, 63, 64, 65, 200])
@pytest.mark.parametrize("fun", [pair, BOWL], ids=["python", "numba"])
def test_maxiter_is_exact(fun, maxiter):
    result = descend(fun, method="sgd", maxiter=maxiter, gtol=0)
    assert (result.nit, result.nfev, result.njev) == (maxiter, maxiter + 1, maxiter + 1)
    assert (result.status, result.success) == (1, False)
    assert result.message == "Maximum number of iterations has been exceeded."
    assert result.x.tobytes() == by_hand(maxiter)[-1].tobytes()


def test_maxiter_0_evaluates_the_start_and_fails_even_at_a_minimum():
    result = descend(x0=(1.0, -2.0, 0.0), maxiter=0)
    assert (result.nit, result.nfev, result.status, result.fun) == (0, 1, 1, 0.0)
    assert result.x.tobytes() == np.array([1.0, -2.0, 0.0]).tobytes()


def test_maxiter_may_be_infinite():
    assert descend(maxiter=np.inf).status == 0


def test_a_start_at_the_minimum_succeeds_at_once():
    result = descend(x0=(1.0, -2.0, 0.0))
    assert (result.status, result.nit, result.nfev) == (0, 0, 1)


# For each option: what has to hold between the last two points, and may not before.
CRITERIA = {
    "gtol": lambda x, y, tol: np.abs(slope(y)).max() <= tol,
    "ftol": lambda x, y, tol: abs(value(x) - value(y)) <= tol * max(abs(value(x)), abs(value(y)), 1),
    "xtol": lambda x, y, tol: (np.abs(y - x) <= tol * (1 + np.abs(x))).all(),
}
WORDS = {"gtol": "successfully.", "ftol": "ftol", "xtol": "xtol"}


@pytest.mark.parametrize("method", ["sgd", "momentum"])
@pytest.mark.parametrize("tol", [1e-3, 1e-6])
@pytest.mark.parametrize("option", CRITERIA)
def test_each_tolerance_stops_at_the_first_point_where_it_holds(option, tol, method):
    points = trajectory(method=method, **{"gtol": 0, option: tol})
    result = descend(method=method, **{"gtol": 0, option: tol})
    assert (result.status, result.success, result.nit) == (0, True, len(points) - 1)
    assert result.message.startswith("Optimization terminated successfully") and WORDS[option] in result.message
    holds = [CRITERIA[option](x, y, tol) for x, y in zip(points, points[1:], strict=False)]
    assert holds == [False] * (len(holds) - 1) + [True]


def test_an_option_that_is_zero_is_not_off():
    flat = descend(lambda x: (1.0, np.ones(3)), gtol=0, ftol=0)
    assert (flat.status, flat.nit) == (0, 1)
    still = descend(lambda x: (1.0, np.full(3, 1e-30)), gtol=0, xtol=0)
    assert (still.status, still.nit) == (0, 1)


def test_tol_sets_gtol_unless_options_do():
    loose = optnumba.minimize(pair, START, method="sgd", jac=True, tol=1.0)
    assert 0.1 < np.abs(loose.jac).max() <= 1.0
    strict = optnumba.minimize(pair, START, method="sgd", jac=True, tol=1.0, options={"gtol": 1e-3})
    assert np.abs(strict.jac).max() <= 1e-3


@pytest.mark.parametrize("kind", ["python", "numba"])
def test_maxtime_stops_an_endless_run(kind):
    fun = BOWL if kind == "numba" else pair
    descend(fun, method="sgd", maxiter=1, gtol=0)  # compiles
    begun, worked = time.perf_counter(), time.process_time()
    result = descend(fun, method="sgd", gtol=0, maxiter=np.inf, maxtime=0.2)
    assert time.perf_counter() - begun >= 0.2
    assert time.process_time() - worked < 1.0  # not by the clock, by which a busy machine may pause it
    assert (result.status, result.success) == (1, False)
    assert result.message == "Maximum time has been exceeded."


def test_maxtime_is_kept_by_a_slow_objective(monkeypatch):
    """By a clock that only the objective moves: it takes a hundredth of a second, so ten evaluations fit."""
    now = 0.0

    def slow(x):
        nonlocal now
        now += 0.01
        return pair(x)

    monkeypatch.setattr(sys.modules["optnumba.minimize"], "perf_counter", lambda: now)
    result = descend(slow, gtol=0, maxiter=np.inf, maxtime=0.1)
    assert result.status == 1
    assert 10 <= result.nfev <= 12


# -- Bounds -----------------------------------------------------------------------------------------------------------

FAST = {n: {"learning_rate": 0.05} if "learning_rate" in r.defaults else {"eps": 0.01} for n, r in ALGORITHMS.items()}
BOX = [(2.0, 4.0), (-1.0, 5.0), (0.0, 1.0)]


def inside(points, box):
    low, high = np.array([(-np.inf if a is None else a, np.inf if b is None else b) for a, b in box]).T
    return ((low <= points) & (points <= high)).all()


@pytest.mark.parametrize("method", ALGORITHMS)
def test_an_optimum_on_the_bounds_is_found_and_they_are_never_left(method):
    seen = []

    def fun(x):
        seen.append(x)
        return pair(x)

    result = descend(fun, (3.0, 1.0, 0.5), bounds=BOX, method=method, return_all=True, **FAST[method])
    assert result.success
    assert result.x.tolist() == [2.0, -1.0, 0.5]
    assert inside(np.array(seen), BOX)
    assert inside(np.array(result.allvecs), BOX)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bounds_in_every_notation_mean_the_same(dtype):
    x0 = np.array(START, dtype)
    half = [(2.0, None), (None, 5.0), (None, None)]
    expected = trajectory(x0=x0, bounds=[(2.0, np.inf), (-np.inf, 5.0), (-np.inf, np.inf)], maxiter=30)
    for same in (
        half,
        tuple(half),
        np.array(half, object),
        Bounds([2.0, -np.inf, -np.inf], [np.inf, 5.0, np.inf]),
    ):
        assert trajectory(x0=x0, bounds=same, maxiter=30).tobytes() == expected.tobytes()
    assert expected[-1, 0] == 2.0


def test_infinite_bounds_change_nothing():
    free = trajectory(maxiter=50)
    assert trajectory(bounds=[(None, None)] * 3, maxiter=50).tobytes() == free.tobytes()
    assert trajectory(bounds=Bounds(), maxiter=50).tobytes() == free.tobytes()


def test_bounds_are_kept_in_a_compiled_loop():
    python = trajectory(bounds=BOX, maxiter=150, gtol=0)
    assert trajectory(BOWL, bounds=BOX, maxiter=150, gtol=0).tobytes() == python.tobytes()
    assert inside(python, BOX)


@pytest.mark.parametrize("jac", [True, "2-point", "3-point"])
def test_equal_bounds_succeed_at_once(jac):
    calls = []

    def fun(x):
        calls.append(x)
        return pair(x) if jac is True else value(x)

    result = descend(fun, START, jac=jac, bounds=[(v, v) for v in START])
    assert (result.status, result.nit, result.x.tolist()) == (0, 0, list(START))
    assert (result.nfev, len(calls)) == (1, 1)


def test_some_equal_bounds_fix_their_coordinates():
    result = descend(bounds=[(3.0, 3.0), (None, None), (None, None)], return_all=True)
    assert result.success
    assert {x[0] for x in result.allvecs} == {3.0}
    np.testing.assert_allclose(result.x[1], MINIMUM[1], atol=1e-5)


def test_an_infeasible_start_is_projected_with_a_warning_that_points_at_the_caller():
    x0 = np.array([9.0, -9.0, 0.5])
    with pytest.warns(OptimizeWarning, match="bounds") as caught:
        result = descend(x0=x0, bounds=BOX, return_all=True)
    assert result.allvecs[0].tolist() == [4.0, -1.0, 0.5]
    assert x0.tolist() == [9.0, -9.0, 0.5]
    assert [w.filename for w in caught] == [__file__]


def test_the_callers_bounds_are_not_written():
    bounds = Bounds([2.0, -1.0, 0.0], [4.0, 5.0, 1.0])
    descend(bounds=bounds, maxiter=10)
    assert bounds.lb.tolist() == [2.0, -1.0, 0.0]
    assert bounds.ub.tolist() == [4.0, 5.0, 1.0]


# -- Callbacks, history, messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fun", [pair, BOWL], ids=["python", "numba"])
def test_a_callback_sees_every_iterate(fun):
    points = []
    result = descend(fun, method="sgd", callback=points.append, maxiter=20)
    assert np.array(points).tobytes() == by_hand(20)[1:].tobytes()
    assert result.nit == 20


@pytest.mark.parametrize("fun", [pair, BOWL], ids=["python", "numba"])
def test_a_callback_for_intermediate_result_gets_one(fun):
    seen = []

    def callback(intermediate_result):
        assert isinstance(intermediate_result, OptimizeResult)
        seen.append(intermediate_result)

    descend(fun, method="sgd", callback=callback, maxiter=20)
    assert np.array([r.x for r in seen]).tobytes() == by_hand(20)[1:].tobytes()
    assert [r.fun for r in seen] == [value(x) for x in by_hand(20)[1:]]


def test_a_keyword_only_intermediate_result_is_served():
    seen = []
    descend(callback=lambda *, intermediate_result: seen.append(intermediate_result.fun), maxiter=3)
    assert len(seen) == 3


def test_a_callback_with_any_other_parameter_gets_x():
    seen = []
    descend(callback=lambda intermediate_result, more=None: seen.append(intermediate_result), maxiter=1)
    assert isinstance(seen[0], np.ndarray)


def test_a_callback_gets_copies():
    kept = []

    def vandal(xk):
        kept.append(xk)
        xk[:] = np.nan

    result = descend(method="sgd", callback=vandal, maxiter=20, return_all=True)
    assert np.array(result.allvecs).tobytes() == by_hand(20).tobytes()
    assert not any(np.shares_memory(a, b) for a, b in zip(kept, kept[1:], strict=False))


@pytest.mark.parametrize("fun", [pair, BOWL], ids=["python", "numba"])
@pytest.mark.parametrize("form", ["xk", "intermediate_result"])
def test_stop_iteration_ends_with_99_and_equals_maxiter(form, fun):
    count = 0

    def stop(xk):
        nonlocal count
        count += 1
        if count == 7:
            raise StopIteration

    callback = stop if form == "xk" else lambda intermediate_result: stop(intermediate_result)
    result = descend(fun, method="sgd", callback=callback)
    assert (result.status, result.success, result.nit, result.nfev) == (99, False, 7, 8)
    assert result.message == "`callback` raised `StopIteration`."
    assert result.x.tobytes() == by_hand(7)[-1].tobytes()


def test_the_value_of_a_callback_is_ignored():
    assert descend(callback=lambda xk: True, maxiter=5).nit == 5


@pytest.mark.parametrize("fun", [pair, BOWL], ids=["python", "numba"])
@pytest.mark.parametrize("maxiter", [0, 1, 64, 300])
def test_return_all_keeps_the_start_and_every_iterate(maxiter, fun):
    x0 = np.array(START)
    result = descend(fun, x0, method="sgd", maxiter=maxiter, gtol=0, return_all=True)
    assert len(result.allvecs) == result.nit + 1 == maxiter + 1
    assert np.array(result.allvecs).tobytes() == by_hand(maxiter).tobytes()
    assert not np.shares_memory(result.allvecs[0], x0)
    assert "allvecs" not in descend(maxiter=1)


def test_disp_prints_and_its_absence_does_not(capsys):
    result = descend(maxiter=5000)
    assert capsys.readouterr().out == ""
    descend(maxiter=5000, disp=True)
    out = capsys.readouterr().out
    assert result.message in out
    for number in (f"{result.fun:f}", result.nit, result.nfev, result.njev):
        assert str(number) in out


def test_disp_warns_of_a_failure():
    with pytest.warns(OptimizeWarning, match="Maximum number of iterations"):
        descend(maxiter=3, disp=True)


# -- The point that is returned ---------------------------------------------------------------------------------------


def best_of(points):
    values = [value(x) for x in points]
    return points[int(np.argmin(values))], min(values)


@pytest.mark.parametrize("fun", [pair, BOWL], ids=["python", "numba"])
@pytest.mark.parametrize("maxiter", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 40, 66])
def test_the_best_point_of_an_oscillating_run_is_returned(maxiter, fun):
    # The velocity carries x over the minimum and back, so that the best point is now the last, now an old one.
    options = {"learning_rate": 0.3, "momentum": 0.95, "gtol": 0, "maxiter": maxiter}
    result = descend(fun, return_all=True, **options)
    best, least = best_of(result.allvecs)
    assert (result.x.tobytes(), result.fun) == (best.tobytes(), least)
    assert result.jac.tobytes() == slope(best).tobytes()


def test_the_best_point_of_a_diverging_run_is_returned():
    result = descend(method="sgd", learning_rate=0.7, maxiter=100, return_all=True, gtol=0)
    best, least = best_of(result.allvecs)
    assert value(result.allvecs[-1]) > 1e3 * least
    assert (result.x.tobytes(), result.fun) == (best.tobytes(), least)
    assert not result.success


def test_no_run_returns_a_point_worse_than_its_start():
    result = descend(method="sgd", learning_rate=10.0, maxiter=50)
    assert (result.x.tolist(), result.fun) == (list(START), value(START))


# -- Schedules --------------------------------------------------------------------------------------------------------


def falling(t):
    return 0.3 / (1.0 + t)


@pytest.mark.parametrize("fun", [pair, BOWL], ids=["python", "numba"])
@pytest.mark.parametrize("schedule", [falling, njit(falling), lambda t: 0.3 / (1.0 + t)], ids=["def", "njit", "lambda"])
def test_a_schedule_gives_the_rate_of_each_step(schedule, fun):
    points = trajectory(fun, method="sgd", learning_rate=schedule, maxiter=100, gtol=0)
    assert points.tobytes() == by_hand(100, falling).tobytes()


def test_a_schedule_may_be_zero_or_an_integer():
    assert (trajectory(method="sgd", learning_rate=lambda t: 0, maxiter=3) == START).all()


# -- Finite differences -----------------------------------------------------------------------------------------------


def wavy(x):
    return float(np.sum(np.sin(x) + np.exp(0.5 * x)))


def wavy_slope(x):
    return np.cos(x) + 0.5 * np.exp(0.5 * x)


POINT = (-2.5, -0.3, 0.0, 0.7, 3.1)
ACCURACY = {("2-point", np.float64): 2e-7, ("3-point", np.float64): 1e-9}


@pytest.mark.parametrize("where", ["free", "at the lower bound", "at the upper bound", "in a narrow box"])
@pytest.mark.parametrize("scheme", ["2-point", "3-point"])
def test_differences_are_accurate_near_bounds_too(scheme, where):
    x = np.array(POINT)
    width = 1e-7 if where == "in a narrow box" else 1.0
    low = x - (0 if where == "at the lower bound" else width)
    high = x + (0 if where == "at the upper bound" else width)
    bounds = None if where == "free" else Bounds(low, high)
    found = descend(wavy, x, jac=scheme, bounds=bounds, maxiter=0).jac
    tolerance = ACCURACY[scheme, np.float64] if where != "in a narrow box" else 2e-7
    np.testing.assert_allclose(found, wavy_slope(x), rtol=0, atol=tolerance)


def test_differences_are_accurate_in_float32():
    x = np.array(POINT, np.float32)
    for scheme, tolerance in (("2-point", 5e-3), ("3-point", 5e-4)):
        found = descend(lambda x: wavy(x.astype(float)), x, jac=scheme, maxiter=0).jac
        np.testing.assert_allclose(found, wavy_slope(x), rtol=0, atol=tolerance)


@pytest.mark.parametrize("scheme", ["2-point", "3-point"])
def test_differences_never_leave_the_bounds(scheme, rng):
    for _ in range(300):
        scale = 10.0 ** rng.uniform(-20, 3)
        low, high = np.sort(rng.normal(size=2)) * scale
        x = min(max(rng.uniform(low, high), low), high)
        for start in (x, low, high):
            seen = []
            descend(lambda y, seen=seen: seen.append(y) or float(y[0]), start, scheme, bounds=[(low, high)], maxiter=0)
            seen = np.array(seen)
            assert ((low <= seen) & (seen <= high)).all(), (low, high, start, seen)


@pytest.mark.parametrize("scheme", ["2-point", "3-point"])
def test_a_run_by_differences_stays_inside_and_counts_every_call(scheme):
    calls = []

    def fun(x):
        assert inside(x, BOX), x
        calls.append(x)
        return value(x)

    result = descend(fun, (3.0, 1.0, 0.5), jac=scheme, bounds=BOX, maxiter=3000)
    assert result.success
    np.testing.assert_allclose(result.x, [2.0, -1.0, 0.5], atol=1e-6)
    assert (result.nfev, result.njev) == (len(calls), result.nit + 1)


@pytest.mark.parametrize("box", [None, [(3.0, 3.0), (None, None), (0.5, 0.5)]], ids=["free", "two fixed"])
@pytest.mark.parametrize("scheme", [None, "2-point", "3-point"])
def test_the_calls_of_differences_are_counted(scheme, box):
    calls = []

    def fun(x):
        calls.append(x)
        return value(x)

    result = descend(fun, jac=scheme, bounds=box, maxiter=3)
    assert (result.nfev, result.njev) == (len(calls), 4)
    if box is None:
        assert len(calls) == 4 * (7 if scheme == "3-point" else 4)


@pytest.mark.parametrize("scheme", ["2-point", "3-point"])
def test_finite_diff_rel_step_is_the_relative_step(scheme):
    seen = []
    descend(lambda x: seen.append(x) or 1.0, [0.0, 8.0], jac=scheme, maxiter=0, finite_diff_rel_step=2.0**-10)
    steps = np.abs(np.array(seen)[1:] - [0.0, 8.0])
    assert set(steps[:, 0]) == {0.0, 2.0**-10}
    assert set(steps[:, 1]) == {0.0, 8 * 2.0**-10}


# -- Names of options and rules ---------------------------------------------------------------------------------------


def test_an_unknown_option_is_named_with_the_nearest_one():
    with pytest.warns(OptimizeWarning, match="Unknown solver options: maxitr.*'maxiter'") as caught:
        descend(maxitr=3, maxiter=1)
    assert [w.filename for w in caught] == [__file__]


def test_the_callers_options_are_not_written():
    options = {"maxiter": 3, "learning_rate": 0.1, "gtol": 0}
    before = dict(options)
    optnumba.minimize(pair, START, jac=True, options=options, tol=1e-3)
    assert options == before


@pytest.mark.parametrize("name", ["ADAM", "Adam", "adam"])
def test_the_case_of_a_name_does_not_matter(name):
    assert trajectory(method=name, maxiter=3).tobytes() == trajectory(method=RULES["adam"], maxiter=3).tobytes()


def test_a_rule_with_another_default_is_a_rule():
    sgd = RULES["sgd"]
    brisk = replace(sgd, name="brisk", hyper=(replace(sgd.hyper[0], default=0.125),))
    assert trajectory(method=brisk, maxiter=9).tobytes() == by_hand(9, lambda t: 0.125).tobytes()


def _coefficients(t, s, learning_rate, decay):
    s = decay * s + 1
    return s, learning_rate / s, decay


def _start(t, learning_rate, decay):
    return ((1 - decay**t) / (1 - decay),)


def _update(x, g, total, eta, keep):
    total = keep * total + abs(g)
    return x - eta * g / (total + eta), total


MINE = Rule(
    "mine",
    _coefficients,
    _update,
    slots=("total",),
    hyper=(Hyper("learning_rate", 0.25, "(0, inf)", "η"), Hyper("decay", 0.5, "(0, 1)", "of the sum")),
    carry=("s",),
    start=_start,
)


@pytest.mark.parametrize("fun", [pair, BOWL], ids=["python", "numba"])
def test_a_users_own_rule_is_run(fun):
    x, total, s, points = np.array(START), np.zeros(3), 0.0, []
    for _ in range(80):
        points.append(x)
        s = 0.5 * s + 1
        eta, g = 0.25 / s, slope(x)
        total = 0.5 * total + np.abs(g)
        x = x - eta * g / (total + eta)
    found = trajectory(fun, method=MINE, maxiter=79, gtol=0)
    assert found.tobytes() == np.array(points).tobytes()


def test_methods_has_every_rule():
    assert set(vars(optnumba.methods)) == set(RULES)
    for name in ALGORITHMS:
        found = scipy.optimize.minimize(pair, START, jac=True, method=getattr(optnumba.methods, name))
        assert found.x.tobytes() == descend(method=name).x.tobytes()


@numba.njit
def bowl_that_keeps_its_gradient(x, grad, kept):
    grad[:] = 2 * x
    kept.append(grad)
    return (x * x).sum()


def test_an_array_that_an_objective_keeps_outlives_the_minimisation():
    kept = numba.typed.List.empty_list(numba.float64[::1])
    start = np.arange(100_000.0)
    optnumba.minimize(
        bowl_that_keeps_its_gradient, start, (kept,), "sgd", "inplace", options={"maxiter": 2, "learning_rate": 1e-9}
    )
    filler = [np.full(100_000, np.nan) for _ in range(8)]  # takes the memory, if it was freed
    assert np.allclose(kept[0], 2 * start, rtol=1e-6), filler[0][0]
