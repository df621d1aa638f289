"""What users of `scipy.optimize.minimize` rely on, seen from outside: SciPy's own methods and ours do the same.

Each case is a function that is given a `minimize` and returns what a user sees. It runs through one of SciPy's methods,
`optnumba.minimize` and ``scipy.optimize.minimize(method=optnumba.methods.momentum)``. Where we differ on purpose,
`EXCEPTIONS` says why and what we give.
"""

import functools
import operator
import sys
import threading
import warnings

import numpy as np
import pytest
import scipy.optimize
from numba import njit
from scipy.optimize import Bounds, OptimizeResult

import optnumba


def bowl(x):
    return float(((x - 1) ** 2).sum())


def slope(x):
    return 2 * (x - 1)


def both(x):
    return bowl(x), slope(x)


X0 = (3.0, -2.0)


def by_scipy(method):
    def minimize(fun, x0, **arguments):
        return scipy.optimize.minimize(fun, x0, **{"method": method, **arguments})

    return minimize


def by_optnumba(fun, x0, **arguments):
    return optnumba.minimize(fun, x0, **{"method": "momentum", **arguments})


WAYS = {"optnumba.minimize": by_optnumba, "optnumba.methods": by_scipy(optnumba.methods.momentum)}
CASES, EXCEPTIONS = {}, {}


def case(reference="BFGS", instead=None, because=None):
    """Register a case; `instead` is what we give where it differs from SciPy's `reference`, `because` says why."""

    def register(function):
        name = function.__name__.replace("_", " ")
        CASES[name] = function, reference
        if because:
            EXCEPTIONS[name] = instead, because
        return function

    return register


def observe(function, minimize):
    """Return what `function` returned or which exception it raised, and the categories of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            seen = function(minimize)
        except Exception as error:
            seen = type(error).__name__
    return seen, sorted({w.category.__name__ for w in caught})


def facts(result, *names):
    return tuple(getattr(result, name) for name in names)


def rounded(x):
    return (np.round(x, 3) + 0.0).tolist()


# -- x0 ---------------------------------------------------------------------------------------------------------------


@case()
def scalar_x0_becomes_a_vector(minimize):
    result = minimize(bowl, 3.0)
    return result.x.shape, result.jac.shape, rounded(result.x)


@case()
def zero_dimensional_x0_becomes_a_vector(minimize):
    return minimize(bowl, np.array(3.0)).x.shape


@case()
def two_dimensional_x0_is_refused(minimize):
    try:
        minimize(bowl, np.ones((2, 2)))
    except ValueError as error:
        return str(error)[:34]


@case()
def integer_x0_becomes_float(minimize):
    result = minimize(both, [3, -2], jac=True)
    return str(result.x.dtype), rounded(result.x)


@case()
def bool_x0_becomes_float(minimize):
    return str(minimize(both, [True, False], jac=True).x.dtype)


@case(instead="float32", because="float32 stays float32 in the result too, where BFGS gives float64")
def float32_x0_gives_a_result_in(minimize):
    return str(minimize(both, np.array(X0, np.float32), jac=True, options={"maxiter": 3}).x.dtype)


@case()
def float32_x0_reaches_the_objective_as_float32(minimize):
    seen = []
    minimize(lambda x: seen.append(str(x.dtype)) or both(x), np.array(X0, np.float32), jac=True, options={"maxiter": 0})
    return seen[0]


@case()
def a_tuple_as_x0(minimize):
    return rounded(minimize(both, X0, jac=True).x)


@case()
def x0_is_not_written(minimize):
    x0 = np.array(X0)
    minimize(both, x0, jac=True)
    return x0.tolist()


@case()
def a_read_only_x0_will_do(minimize):
    x0 = np.array(X0)
    x0.flags.writeable = False
    return rounded(minimize(both, x0, jac=True).x)


@case()
def the_objective_gets_a_vector_of_float64(minimize):
    seen = []
    minimize(lambda x: seen.append((type(x).__name__, x.shape, str(x.dtype))) or bowl(x), [3, -2], jac=slope)
    return set(seen)


@case()
def empty_x0(minimize):
    return minimize(both, [], jac=True).success


@case(instead="TypeError", because="SciPy ignores the imaginary part or fails later")
def complex_x0(minimize):
    return minimize(both, [1j, 2], jac=True).success


@case(instead="ValueError", because="SciPy runs to status 3")
def x0_with_nan(minimize):
    return minimize(both, [np.nan, 1.0], jac=True).success


# -- The objective and its gradient -----------------------------------------------------------------------------------


@case()
def jac_true(minimize):
    return rounded(minimize(both, X0, jac=True).x)


@case()
def jac_callable(minimize):
    return rounded(minimize(bowl, X0, jac=slope).x)


@case()
def jac_none_is_finite_differences(minimize):
    return rounded(minimize(bowl, X0).x)


@case()
def jac_false_is_finite_differences(minimize):
    return rounded(minimize(bowl, X0, jac=False).x)


@case()
def jac_2_point(minimize):
    return rounded(minimize(bowl, X0, jac="2-point").x)


@case()
def jac_3_point(minimize):
    return rounded(minimize(bowl, X0, jac="3-point").x)


@case()
def the_gradient_may_be_a_list(minimize):
    return rounded(minimize(bowl, X0, jac=lambda x: slope(x).tolist()).x)


@case()
def args_that_are_no_tuple(minimize):
    return rounded(minimize(lambda x, c: bowl(x - c), X0, args=2.0).x)


@case()
def args_in_a_tuple(minimize):
    found = minimize(lambda x, a, b: bowl(x - a - b), X0, args=(2.0, 1.0), jac=lambda x, a, b: slope(x - a - b))
    return rounded(found.x)


@case()
def an_array_as_args(minimize):
    return rounded(minimize(lambda x, c: bowl(x - c), X0, args=np.array([1.0, 2.0])).x)


@case()
def an_objective_that_writes_on_x(minimize):
    def fun(x):
        f = bowl(x)
        x[:] = 99
        return f

    return rounded(minimize(fun, X0, jac=slope).x)


@case()
def a_gradient_that_writes_on_x(minimize):
    def jac(x):
        g = slope(x)
        x[:] = 99
        return g

    return rounded(minimize(bowl, X0, jac=jac).x)


@case()
def the_value_may_be_an_array_of_one(minimize):
    result = minimize(lambda x: np.array([bowl(x)]), X0, jac=slope)
    return np.ndim(result.fun), rounded(result.x)


@case()
def the_value_may_be_a_list_of_one(minimize):
    return np.ndim(minimize(lambda x: [bowl(x)], X0, jac=slope).fun)


@case()
def the_value_may_be_a_zero_dimensional_array(minimize):
    return np.ndim(minimize(lambda x: np.array(bowl(x)), X0, jac=slope).fun)


@case()
def the_value_may_be_an_int(minimize):
    return minimize(lambda x: 1, X0, jac=lambda x: np.zeros(2)).fun


@case()
def a_value_of_two_numbers_is_refused(minimize):
    return minimize(lambda x: np.array([bowl(x), 1.0]), X0, jac=slope).success


@case()
def a_value_of_two_numbers_is_refused_with_these_words(minimize):
    try:
        minimize(lambda x: np.array([bowl(x), 1.0]), X0, jac=slope)
    except ValueError as error:
        return "must return a scalar value" in str(error)


@case(instead="ValueError", because="BFGS uses what fits and says success")
def a_gradient_of_the_wrong_length_is_refused(minimize):
    return minimize(bowl, X0, jac=lambda x: np.zeros(3)).success


@case()
def a_partial_is_an_objective(minimize):
    return rounded(minimize(functools.partial(lambda c, x: bowl(x - c), 2.0), X0).x)


@case()
def methods_of_an_object_are_objectives(minimize):
    class Problem:
        def fun(self, x):
            return bowl(x)

        __call__ = fun

        def grad(self, x):
            return slope(x)

    problem = Problem()
    return rounded(minimize(problem.fun, X0, jac=problem.grad).x), rounded(minimize(problem, X0, jac=problem.grad).x)


@case()
def a_nan_value_is_no_success(minimize):
    return facts(minimize(lambda x: np.nan, X0, jac=slope), "success", "status")


@case()
def a_nan_value_later_is_no_success(minimize):
    calls = []

    def fun(x):
        calls.append(1)
        return np.nan if len(calls) > 2 else bowl(x)

    return minimize(fun, X0, jac=slope).success


@case()
def a_nan_gradient_is_no_success(minimize):
    return minimize(bowl, X0, jac=lambda x: np.full(2, np.nan)).success


@case(instead=(False, []), because="BFGS says success where f is inf")
def an_infinite_value_is_no_success(minimize):
    return minimize(lambda x: np.inf, X0, jac=slope).success


@case()
def an_exception_of_the_objective_comes_through(minimize):
    return minimize(lambda x: 1 / 0, X0, jac=slope)


@case()
def an_exception_of_the_gradient_comes_through(minimize):
    return minimize(bowl, X0, jac=lambda x: {}["missing"])


@case()
def an_objective_that_is_no_function(minimize):
    return minimize(3.0, X0)


@case()
def a_minimisation_inside_an_objective(minimize):
    def outer(y):
        return bowl(y) + minimize(both, y, jac=True).fun

    return rounded(minimize(outer, X0).x)


# -- Stopping and counting --------------------------------------------------------------------------------------------


@case()
def maxiter_0(minimize):
    return facts(minimize(both, X0, jac=True, options={"maxiter": 0}), "nit", "nfev", "njev", "status", "success")


@case()
def maxiter_0_fails_even_at_a_minimum(minimize):
    result = minimize(both, (1.0, 1.0), jac=True, options={"maxiter": 0})
    return facts(result, "nit", "status", "success", "fun")


@case()
def maxiter_1_is_exact(minimize):
    return facts(minimize(both, X0, jac=True, options={"maxiter": 1, "gtol": 0}), "nit", "status", "success", "message")


@case()
def maxiter_4_is_exact(minimize):
    def valley(x):
        return scipy.optimize.rosen(x) * 1e-3, scipy.optimize.rosen_der(x) * 1e-3

    return facts(minimize(valley, (-1.2, 1.0), jac=True, options={"maxiter": 4}), "nit", "status", "success")


@case()
def maxiter_may_be_a_fraction(minimize):
    return minimize(both, X0, jac=True, options={"maxiter": 0.5, "gtol": 0}).nit


@case()
def maxiter_none_is_the_default(minimize):
    return minimize(both, X0, jac=True, options={"maxiter": None}).success


@case()
def a_start_at_the_minimum(minimize):
    result = minimize(both, (1.0, 1.0), jac=True)
    return facts(result, "nit", "nfev", "njev", "status", "success", "message")


@case()
def tol_is_kept(minimize):
    return np.abs(minimize(both, X0, jac=True, tol=1e-9).jac).max() <= 1e-9


@case()
def gtol_comes_before_tol(minimize):
    return np.abs(minimize(both, X0, jac=True, tol=1.0, options={"gtol": 1e-9}).jac).max() <= 1e-9


@case()
def every_call_is_counted(minimize):
    calls = []
    result = minimize(lambda x: calls.append(1) or bowl(x), X0, jac=slope)
    return result.nfev == len(calls)


@case()
def every_call_for_differences_is_counted(minimize):
    calls = []
    result = minimize(lambda x: calls.append(1) or bowl(x), X0)
    return result.nfev == len(calls)


# -- Callbacks --------------------------------------------------------------------------------------------------------


@case()
def a_callback_is_called_once_per_iteration(minimize):
    seen = []
    result = minimize(both, X0, jac=True, callback=lambda xk: seen.append(xk))
    return len(seen) == result.nit, bool((seen[-1] == result.x).all())


@case()
def a_callback_gets_copies(minimize):
    seen = []

    def callback(xk):
        seen.append(xk)
        xk[:] = 99

    result = minimize(both, X0, jac=True, callback=callback)
    return rounded(result.x), any(np.shares_memory(result.x, x) for x in seen)


@case()
def a_callback_for_intermediate_result(minimize):
    seen = []

    def callback(intermediate_result):
        seen.append(intermediate_result)

    result = minimize(both, X0, jac=True, callback=callback)
    last = seen[-1]
    return type(last).__name__, {"x", "fun"} <= set(last), last.fun == result.fun, bool((last.x == result.x).all())


@case()
def a_callback_with_another_name_gets_x(minimize):
    seen = []
    minimize(both, X0, jac=True, callback=lambda result: seen.append(type(result).__name__))
    return set(seen)


@case()
def what_a_callback_returns_is_ignored(minimize):
    return minimize(both, X0, jac=True, callback=lambda xk: True).success


@case()
def stop_iteration(minimize):
    def callback(xk):
        raise StopIteration

    return facts(minimize(both, X0, jac=True, callback=callback), "status", "success", "nit", "message")


@case()
def stop_iteration_with_intermediate_result(minimize):
    def callback(intermediate_result):
        raise StopIteration

    return facts(minimize(both, X0, jac=True, callback=callback), "status", "success", "nit")


@case()
def stop_iteration_gives_the_point_of_that_iteration(minimize):
    seen = []

    def callback(xk):
        seen.append(xk)
        raise StopIteration

    result = minimize(both, X0, jac=True, callback=callback)
    return bool((result.x == seen[0]).all()), result.fun == bowl(seen[0])


@case()
def an_exception_of_a_callback_comes_through(minimize):
    return minimize(both, X0, jac=True, callback=lambda xk: operator.getitem({}, "missing"))


# -- Bounds -----------------------------------------------------------------------------------------------------------


@case("L-BFGS-B")
def bounds_as_pairs(minimize):
    return rounded(minimize(both, X0, jac=True, bounds=[(2, 5), (-3, 0)]).x)


@case("L-BFGS-B")
def bounds_with_none(minimize):
    return rounded(minimize(both, X0, jac=True, bounds=[(2, None), (None, None)]).x)


@case("L-BFGS-B")
def bounds_as_an_object(minimize):
    return rounded(minimize(both, X0, jac=True, bounds=Bounds([2, -np.inf], [5, 0])).x)


@case("L-BFGS-B")
def bounds_as_an_object_of_scalars(minimize):
    return rounded(minimize(both, (3.0, 4.0), jac=True, bounds=Bounds(2, 5)).x)


@case("L-BFGS-B")
def bounds_by_differences(minimize):
    return rounded(minimize(bowl, X0, bounds=[(2, 5), (-3, 0)]).x)


@case("L-BFGS-B")
def crossed_bounds(minimize):
    return minimize(both, X0, jac=True, bounds=[(5, 2), (-3, 0)]).success


@case("L-BFGS-B")
def bounds_for_another_number_of_variables(minimize):
    return minimize(both, X0, jac=True, bounds=[(2, 5)] * 3).success


@case("L-BFGS-B")
def the_callers_bounds_object_is_not_written(minimize):
    bounds = Bounds([2, -5], [5, 0])
    minimize(both, X0, jac=True, bounds=bounds)
    return bounds.lb.tolist(), bounds.ub.tolist()


@case("L-BFGS-B")
def the_callers_bounds_list_is_not_written(minimize):
    bounds = [[2, None], [None, 0]]
    minimize(both, X0, jac=True, bounds=bounds)
    return bounds


@case("L-BFGS-B")
def equal_bounds_succeed_at_once(minimize):
    result = minimize(both, X0, jac=True, bounds=[(3, 3), (-2, -2)])
    return facts(result, "success", "nfev", "fun"), result.x.tolist()


@case("L-BFGS-B")
def one_pair_of_equal_bounds_fixes_a_variable(minimize):
    return rounded(minimize(both, X0, jac=True, bounds=[(3, 3), (-5, 5)]).x)


@case("Nelder-Mead")
def an_infeasible_start_is_projected_with_a_warning(minimize):
    seen = []
    minimize(lambda x: seen.append(x.tolist()) or bowl(x), (9.0, -9.0), bounds=[(2, 5), (-3, 0)])
    return seen[0]


@case("L-BFGS-B", instead=([2.0, 0.0], ["OptimizeWarning"]), because="as Nelder-Mead and Powell: L-BFGS-B is silent")
def an_infeasible_start_is_projected(minimize):
    return rounded(minimize(both, (9.0, -9.0), jac=True, bounds=[(2, 5), (-3, 0)]).x)


# -- Options, methods and what is not supported ------------------------------------------------------------------------


@case()
def unknown_options_warn(minimize):
    return minimize(both, X0, jac=True, options={"no_such_option": 1}).success


@case()
def the_callers_options_are_not_written(minimize):
    options = {"gtol": 1e-3}
    minimize(both, X0, jac=True, tol=1e-2, options=options)
    return options


@case()
def options_none(minimize):
    return minimize(both, X0, jac=True, options=None).success


@case(instead="ValueError", because="to ignore constraints would give a wrong answer")
def constraints(minimize):
    return minimize(both, X0, jac=True, constraints={"type": "eq", "fun": bowl}).success


@case()
def no_constraints(minimize):
    return [minimize(both, X0, jac=True, constraints=none).success for none in ((), [], None)]


@case()
def an_unknown_method(minimize):
    return minimize(both, X0, jac=True, method="no such method").success


@case()
def return_all(minimize):
    result = minimize(both, X0, jac=True, options={"return_all": True})
    same = bool((result.allvecs[-1] == result.x).all())
    return type(result.allvecs).__name__, result.allvecs[0].tolist(), len(result.allvecs) - result.nit, same


@case()
def disp_of_a_success_does_not_warn(minimize):
    return minimize(both, X0, jac=True, options={"disp": True}).success


@case()
def disp_of_a_failure_warns(minimize):
    return minimize(both, X0, jac=True, options={"disp": True, "maxiter": 0}).success


# -- The result -------------------------------------------------------------------------------------------------------


@case()
def the_result_has_these_attributes(minimize):
    result = minimize(both, X0, jac=True)
    names = ("x", "success", "status", "message", "fun", "jac", "nfev", "njev", "nit")
    return [(name, name in result, hasattr(result, name)) for name in names]


@case()
def the_result_has_these_types(minimize):
    result = minimize(both, X0, jac=True)
    numbers = [isinstance(getattr(result, name), int) for name in ("nfev", "njev", "nit", "status")]
    return numbers, type(result.x), type(result.jac), isinstance(result.fun, float), type(result.message)


@case()
def success_is_true_or_false(minimize):
    return type(minimize(both, X0, jac=True).success).__name__ in ("bool", "bool_")


@case()
def the_result_is_an_optimize_result_that_prints(minimize):
    result = minimize(both, X0, jac=True)
    return isinstance(result, OptimizeResult), "message: Optimization terminated successfully." in str(result)


@case()
def the_result_is_consistent(minimize):
    result = minimize(both, X0, jac=True)
    return result.fun == bowl(result.x), bool((result.jac == slope(result.x)).all())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_users_see_what_they_see_of_scipy(name, way):
    function, reference = CASES[name]
    expected = observe(function, by_scipy(reference))
    found = observe(function, WAYS[way])
    if name not in EXCEPTIONS:
        assert found == expected
    else:
        instead, _ = EXCEPTIONS[name]
        assert found == (instead if isinstance(instead, tuple) else (instead, []))
        assert found != expected, "no longer an exception"


def test_the_table_is_long_enough():
    assert len(CASES) - len(EXCEPTIONS) >= 40


@pytest.mark.parametrize("argument", ["hess", "hessp"])
def test_hessians_are_not_used_and_a_warning_says_so(argument):
    def unused(*args):
        raise AssertionError("called")

    for method in ("L-BFGS-B", optnumba.methods.momentum):
        with pytest.warns(RuntimeWarning, match=argument) as caught:
            scipy.optimize.minimize(both, X0, jac=True, method=method, **{argument: unused})
        assert [w.filename for w in caught] == [__file__]


# -- A Numba objective runs compiled, though SciPy has wrapped it ----------------------------------------------------


@njit
def numba_both(x):
    f, g = 0.0, np.empty_like(x)
    for i in range(x.size):
        f += (x[i] - 1) ** 2
        g[i] = 2 * (x[i] - 1)
    return f, g


@njit
def numba_value(x):
    return numba_both(x)[0]


@njit
def numba_slope(x):
    return numba_both(x)[1]


LONG = {"maxiter": 200_000, "gtol": 0, "learning_rate": 1e-9}


@pytest.mark.parametrize("fun, jac", [(numba_both, True), (numba_value, numba_slope)], ids=["jac=True", "jac callable"])
def test_no_python_runs_in_the_loop_of_a_numba_objective(fun, jac):
    def run(maxiter):
        options = {**LONG, "maxiter": maxiter}
        return scipy.optimize.minimize(fun, X0, jac=jac, method=optnumba.methods.momentum, options=options)

    run(1)  # compiles
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        result = run(200_000)
    finally:
        sys.setprofile(before)
    assert result.nit == 200_000
    assert calls < 10_000


def test_a_python_objective_wrapped_by_scipy_is_called_once_per_iteration():
    calls = []

    def fun(x):
        calls.append(1)
        return both(x)

    result = scipy.optimize.minimize(fun, X0, jac=True, method=optnumba.methods.momentum, options={"maxiter": 9})
    assert len(calls) == result.nfev == 10


# -- Inside SciPy's global methods ------------------------------------------------------------------------------------


def hills(x):
    return float((x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum())


def hills_slope(x):
    return 2 * x + 20 * np.pi * np.sin(2 * np.pi * x)


LOCAL = {"method": optnumba.methods.momentum, "jac": hills_slope, "options": {"learning_rate": 1e-3}}


def test_basinhopping():
    result = scipy.optimize.basinhopping(hills, (2.2, -1.1), niter=30, stepsize=1.0, minimizer_kwargs=LOCAL, rng=1)
    np.testing.assert_allclose(result.x, 0, atol=1e-5)
    assert result.lowest_optimization_result.success
    assert result.nfev >= result.lowest_optimization_result.nfev > 0


def test_dual_annealing():
    local = {**LOCAL, "bounds": [(-5, 5)] * 2}
    result = scipy.optimize.dual_annealing(hills, [(-5, 5)] * 2, maxiter=50, minimizer_kwargs=local, rng=1)
    np.testing.assert_allclose(result.x, 0, atol=1e-5)


def test_differential_evolution_polishes_with_ours():
    polished = []

    def polish(fun, x0, **arguments):
        arguments = {name: arguments[name] for name in ("bounds",) if name in arguments}
        result = scipy.optimize.minimize(fun, x0, method=optnumba.methods.adam, options={"maxiter": 500}, **arguments)
        polished.append(result)
        return result

    result = scipy.optimize.differential_evolution(hills, [(-5, 5)] * 2, maxiter=15, polish=polish, rng=1)
    assert len(polished) == 1
    assert result.fun <= polished[0].fun


def test_minimize_scalar_of_a_minimisation():
    def inner(c):
        return scipy.optimize.minimize(lambda x: bowl(x) + (c - 2) ** 2, X0, method=optnumba.methods.momentum).fun

    assert scipy.optimize.minimize_scalar(inner).x == pytest.approx(2, abs=1e-4)


# -- Threads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fun", [both, numba_both], ids=["python", "numba"])
def test_eight_threads_minimise_at_once(fun):
    expected = [optnumba.minimize(fun, (k, -k), method="momentum", jac=True) for k in range(8)]
    found, barrier = {}, threading.Barrier(8)

    def run(k):
        barrier.wait()
        for _ in range(5):
            found[k] = optnumba.minimize(fun, (k, -k), method="momentum", jac=True)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, result in enumerate(expected):
        assert (found[k].x.tobytes(), found[k].nit) == (result.x.tobytes(), result.nit)
