"""Bad input: an error that names the argument, its value and the remedy, and leaves the caller's data as they were."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy.optimize import Bounds, OptimizeWarning

import optnumba
from optnumba import Optimizer
from optnumba.rules import ALGORITHMS

START = np.array([3.0, -2.0])


def both(x):
    return float(((x - 1) ** 2).sum()), 2 * (x - 1)


def bowl(x):
    return both(x)[0]


def slope(x):
    return both(x)[1]


def assert_says(message, *words):
    for word in words:
        assert re.search(word, message), f"{word!r} is not in {message!r}"


# -- Arguments of minimize ---------------------------------------------------------------------------------------------

# (arguments that replace the good ones, exception, words: argument, value, remedy)
BAD_MINIMIZE = {
    # method
    "method, nearly": ({"method": "adm"}, ValueError, ["method='adm'", "did you mean 'adam'"]),
    "method, nearly too": ({"method": "RMSpropp"}, ValueError, ["RMSpropp", "did you mean 'rmsprop'"]),
    "method, far off": ({"method": "xyzzy"}, ValueError, ["method='xyzzy'", "sgd, momentum", "RULES"]),
    "method None": ({"method": None}, ValueError, ["method=None", "sgd"]),
    "method, a class": ({"method": int}, ValueError, ["method=", "sgd"]),
    # x0
    "x0 2-D": ({"x0": np.ones((2, 3))}, ValueError, ["x0", r"\(2, 3\)", "ravel"]),
    "x0 3-D of one": ({"x0": np.ones((1, 1, 1))}, ValueError, ["x0", r"\(1, 1, 1\)", "ravel"]),
    "x0 empty": ({"x0": []}, ValueError, ["x0 is empty", "at least one"]),
    "x0 complex": ({"x0": [1j, 2]}, TypeError, ["x0", "complex128", "float"]),
    "x0 objects": ({"x0": [object(), 2]}, TypeError, ["x0", "object", "float"]),
    "x0 None": ({"x0": None}, TypeError, ["x0", "object", "float"]),
    "x0 strings": ({"x0": ["1", "2"]}, TypeError, ["x0", "<U1", "float"]),
    "x0 dates": ({"x0": np.zeros(2, "M8[s]")}, TypeError, ["x0", "datetime64", "float"]),
    "x0 ragged": ({"x0": [[1.0], [1.0, 2.0]]}, ValueError, ["x0", r"\[\[1.0\], \[1.0, 2.0\]\]", "1-D"]),
    "x0 NaN": ({"x0": [1.0, np.nan]}, ValueError, [r"x0\[1\]=nan", "finite"]),
    "x0 inf": ({"x0": [-np.inf, 1.0]}, ValueError, [r"x0\[0\]=-inf", "finite"]),
    # fun and jac
    "fun, a number": ({"fun": 3.0}, TypeError, ["fun=3.0", "function"]),
    "fun None": ({"fun": None}, TypeError, ["fun=None", "function"]),
    "jac, unknown": ({"jac": "4-point"}, ValueError, ["jac='4-point'", "'2-point'", "inplace"]),
    "jac, complex step": ({"jac": "cs"}, ValueError, ["jac='cs'", "'2-point'", "inplace"]),
    "jac, a number": ({"jac": 3.0}, ValueError, ["jac=3.0", "function"]),
    "jac, an array": ({"jac": np.ones(2)}, ValueError, ["jac=array", "function"]),
    # bounds
    "bounds crossed": ({"bounds": [(0, 1), (5, 2)]}, ValueError, [r"bounds\[1\]=\(5.0, 2.0\)", "exchange"]),
    "bounds NaN": ({"bounds": [(np.nan, 1), (0, 2)]}, ValueError, [r"bounds\[0\]=\(nan, 1.0\)", "correct"]),
    "bounds at inf": ({"bounds": [(np.inf, np.inf), (0, 2)]}, ValueError, [r"bounds\[0\]=\(inf, inf\)", "finite"]),
    "bounds at -inf": ({"bounds": [(0, 1), (None, -np.inf)]}, ValueError, [r"bounds\[1\]", "finite"]),
    "bounds too many": ({"bounds": [(0, 1)] * 3}, ValueError, ["bounds", "3", "x0 has 2", "pair each"]),
    "bounds object, too many": ({"bounds": Bounds([0] * 3, [1] * 3)}, ValueError, ["bounds", "3", "x0 has 2"]),
    "bounds, a number": ({"bounds": 5}, ValueError, ["bounds=5", r"\(low, high\)"]),
    "bounds, triples": ({"bounds": [(0, 1, 2)] * 2}, ValueError, ["bounds=", "0, 1, 2", r"\(low, high\)"]),
    "bounds, flat": ({"bounds": [0, 1]}, ValueError, [r"bounds=\[0, 1\]", r"\(low, high\)"]),
    "bounds complex": ({"bounds": [(1j, 2)] * 2}, ValueError, ["bounds=", "1j", "float"]),
    "bounds strings": ({"bounds": [("a", "b")] * 2}, ValueError, ["bounds=", "'a'", "float"]),
    # constraints
    "constraints": ({"constraints": {"type": "eq", "fun": bowl}}, ValueError, ["constraints=", "eq", "bounds"]),
    "constraints, several": ({"constraints": [{"type": "eq"}]}, ValueError, ["constraints=", "eq", "bounds"]),
    # callback
    "callback, a number": ({"callback": 3}, TypeError, ["callback=3", "function"]),
}
for option in ("maxiter", "gtol", "ftol", "xtol", "maxtime", "finite_diff_rel_step"):
    for bad in (np.nan, -1, "5", True, 1j, [3], object(), np.array([1, 2]), np.complex64(1j)):
        shown = re.escape(repr(bad))
        words = [f"{option}={shown}", "0 or more"]
        BAD_MINIMIZE[f"{option}={type(bad).__name__} {bad!s:.5}"] = ({"options": {option: bad}}, ValueError, words)


@pytest.mark.parametrize("name", BAD_MINIMIZE)
def test_a_bad_argument_of_minimize_is_named(name):
    change, exception, words = BAD_MINIMIZE[name]
    calls = []

    def fun(x):
        calls.append(x)
        return both(x)

    arguments = {"fun": fun, "x0": START.copy(), "jac": True, "method": "sgd", **change}
    with pytest.raises(exception) as error:
        optnumba.minimize(**arguments)
    assert type(error.value) is exception
    assert_says(str(error.value), *words)
    assert calls == []  # refused before any work is done
    if "x0" not in change:
        assert arguments["x0"].tobytes() == START.tobytes()


# -- Hyperparameters, the same for minimize and Optimizer --------------------------------------------------------------


def bad_values(hyper):
    """Yield (value, exception) for everything that is no admissible number for `hyper`."""
    yield from ((np.nan, ValueError), (np.inf, ValueError), (-np.inf, ValueError), (-1, ValueError))
    yield from (("0.1", TypeError), (b"0.1", TypeError), (None, TypeError), (True, TypeError), (1j, TypeError))
    yield from ((np.complex64(1j), TypeError), (np.True_, TypeError), ([0.1], TypeError))
    yield from ((np.array([0.1]), TypeError), (np.array([0.1, 0.2]), TypeError), (object(), TypeError))
    low, high = hyper.interval[1:-1].split(",")
    if hyper.interval[0] == "(":
        yield float(low), ValueError
    if hyper.interval[-1] == ")" and high.strip() != "inf":
        yield float(high), ValueError


BAD_HYPER = [
    pytest.param(name, hyper, value, exception, id=f"{name}-{hyper.name}={value!r:.20}")
    for name, rule in ALGORITHMS.items()
    for hyper in rule.hyper
    for value, exception in bad_values(hyper)
]


@pytest.mark.parametrize("name, hyper, value, exception", BAD_HYPER)
def test_a_bad_hyperparameter_is_named(name, hyper, value, exception):
    x = START.copy()
    for use in (
        lambda: Optimizer(x, name, **{hyper.name: value}),
        lambda: optnumba.minimize(both, x, jac=True, method=name, options={hyper.name: value}),
    ):
        with pytest.raises(exception) as error:
            use()
        assert type(error.value) is exception
        shown = repr(float(value)) if exception is ValueError else repr(value)
        assert_says(str(error.value), f"{hyper.name}={re.escape(shown)}", re.escape(hyper.interval), repr(name))
    assert x.tobytes() == START.tobytes()


@pytest.mark.parametrize(
    "method, name, words",
    [
        ("adam", "learning_rte", ["learning_rte=0.1", "did you mean 'learning_rate'"]),
        ("adam", "beta_1", ["beta_1=0.1", "did you mean 'beta1'"]),
        ("momentum", "momentun", ["momentun=0.1", "did you mean 'momentum'"]),
        ("sgd", "momentum", ["momentum=0.1", "'sgd' has no hyperparameter", "it takes learning_rate"]),
        ("adadelta", "learning_rate", ["learning_rate=0.1", "'adadelta' has no", "rho, eps"]),
    ],
)
def test_an_unknown_hyperparameter_is_named_with_the_nearest(method, name, words):
    with pytest.raises(TypeError) as error:
        Optimizer(np.ones(2), method, **{name: 0.1})
    assert_says(str(error.value), *words)


def test_minimize_refuses_a_hyperparameter_of_another_rule():
    with pytest.raises(TypeError) as error:
        optnumba.minimize(both, START, jac=True, method="sgd", options={"beta1": 0.9})
    assert_says(str(error.value), "beta1=0.9", "'sgd' has no hyperparameter", "learning_rate")


def test_minimize_warns_of_an_unknown_option_and_names_the_nearest():
    with pytest.warns(OptimizeWarning, match="Unknown solver options: learning_rte.*'learning_rate'"):
        optnumba.minimize(both, START, jac=True, options={"learning_rte": 0.1, "maxiter": 1})


@pytest.mark.parametrize("eps", [1e-50, 1e-46, 1e-39, 5e-324])
@pytest.mark.parametrize("name", [name for name in ALGORITHMS if "eps" in ALGORITHMS[name].defaults])
def test_an_eps_that_is_zero_or_subnormal_in_float32_is_refused(name, eps):
    x = np.ones(2, np.float32)
    for use in (
        lambda: Optimizer(x, name, eps=eps),
        lambda: optnumba.minimize(both, x, jac=True, method=name, options={"eps": eps}),
    ):
        with pytest.raises(ValueError) as error:
            use()
        assert_says(str(error.value), f"eps={eps!r}", "float32", "1.18e-38", "float64")
    if eps > 1e-300:
        Optimizer(x.astype(float), name, eps=eps)


@pytest.mark.parametrize("rate", [1e-46, 1e39])
def test_a_rate_that_float32_does_not_hold_is_refused(rate):
    with pytest.raises(ValueError, match=f"learning_rate={re.escape(repr(rate))}.*float32.*float64"):
        Optimizer(np.ones(2, np.float32), "sgd", learning_rate=rate)


# -- Schedules ---------------------------------------------------------------------------------------------------------


def third(value):
    """Return a schedule that is good at t = 1 and 2 and gives `value` from t = 3 on."""
    return lambda t: 0.125 if t < 3 else value


class Schedule:
    def __call__(self, t):
        return 0.1

    def rate(self, t):
        return 0.1


BAD_SCHEDULES = {
    "None": (lambda t: None, TypeError, [r"learning_rate\(1\)=None", "float"]),
    "complex": (lambda t: 1j, TypeError, [r"learning_rate\(1\)=1j", "float"]),
    "a string": (lambda t: "0.1", TypeError, [r"learning_rate\(1\)='0.1'", "float"]),
    "NaN": (lambda t: np.nan, ValueError, [r"learning_rate\(1\)=nan", r"\[0, inf\)", "t=1"]),
    "negative": (lambda t: -1.0, ValueError, [r"learning_rate\(1\)=-1.0", r"\[0, inf\)", "t=1"]),
    "infinite": (lambda t: np.inf, ValueError, [r"learning_rate\(1\)=inf", r"\[0, inf\)", "t=1"]),
    "raises": (lambda t: 1 // (t - 1), TypeError, [r"learning_rate\(1\)", "ZeroDivisionError", "t=1"]),
    "takes no t": (lambda: 0.1, TypeError, [r"learning_rate\(1\)", "t = 1, 2"]),
    "an object": (Schedule(), TypeError, ["learning_rate=", "function of t"]),
    "a method": (Schedule().rate, TypeError, ["learning_rate=", "function of t"]),
    "a built-in": ("a".join, TypeError, ["learning_rate=", "function of t"]),
    "NaN at 3": (third(np.nan), ValueError, [r"learning_rate\(3\)=nan", r"\[0, inf\)", "t=3"]),
    "negative at 3": (third(-0.5), ValueError, [r"learning_rate\(3\)=-0.5", r"\[0, inf\)", "t=3"]),
    "infinite at 3": (third(np.inf), ValueError, [r"learning_rate\(3\)=inf", r"\[0, inf\)", "t=3"]),
}
COMPILED_SCHEDULES = ["NaN at 3", "negative at 3"]  # the rest fails before anything is compiled, or in the same way


@pytest.mark.parametrize("name", BAD_SCHEDULES)
def test_a_bad_schedule_is_named_by_minimize(name):
    schedule, exception, words = BAD_SCHEDULES[name]
    x = START.copy()
    with pytest.raises(exception) as error:
        optnumba.minimize(both, x, jac=True, method="sgd", options={"learning_rate": schedule, "gtol": 0})
    assert_says(str(error.value), *words)
    assert x.tobytes() == START.tobytes()


@pytest.mark.parametrize("name", [name for name in BAD_SCHEDULES if name != "infinite at 3"])
def test_a_bad_schedule_is_named_by_an_optimizer_and_changes_nothing(name):
    schedule, exception, words = BAD_SCHEDULES[name]
    x, good = START.copy(), 2 if name.endswith("at 3") else 0
    opt = None
    with pytest.raises(exception) as error:
        opt = Optimizer(x, "momentum", learning_rate=schedule)
        while True:
            before = x.tobytes(), opt.slots[0]["v"].tobytes(), opt.t
            assert opt.t <= good
            opt.step(np.ones(2))
    assert_says(str(error.value), *words)
    if opt is not None:
        assert opt.t == good
        assert (x.tobytes(), opt.slots[0]["v"].tobytes(), opt.t) == before
    else:
        assert x.tobytes() == START.tobytes()


def counts_the_environment(t):
    return 1e-9 * len(os.environ)


def test_a_schedule_that_does_not_compile_is_blamed_and_not_the_objective():
    def blamed(use):
        with pytest.raises(TypeError) as error:
            use()
        assert_says(str(error.value), "learning_rate=", "counts_the_environment", "compiled by Numba")

    options, x = {"learning_rate": counts_the_environment, "maxiter": 2}, START.copy()
    blamed(lambda: optnumba.minimize(numba_both, x, jac=True, method="sgd", options=options))
    blamed(lambda: Optimizer(x, "sgd", learning_rate=counts_the_environment).step(np.ones(2)))
    assert x.tobytes() == START.tobytes()
    # With a Python objective the schedule runs in Python.
    assert optnumba.minimize(both, x, jac=True, method="sgd", options=options).nit == 2


def test_a_schedule_beyond_float32_is_not_skipped_in_silence():
    x = np.zeros(2, np.float32)
    opt = Optimizer(x, "sgd", learning_rate=lambda t: 0.5 if t < 2 else 1e39)
    opt.step(np.ones(2, np.float32))
    with pytest.raises(ValueError) as error:
        opt.step(np.ones(2, np.float32))
    assert_says(str(error.value), r"learning_rate\(2\)=1e\+39", "float32")
    assert (opt.t, x.tolist()) == (1, [-0.5, -0.5])
    with pytest.raises(ValueError, match=r"learning_rate\(2\)=1e\+39"):
        options = {"learning_rate": lambda t: 1e-3 if t < 2 else 1e39}
        optnumba.minimize(both, START.astype(np.float32), jac=True, method="sgd", options=options)


# -- What a Python objective returns or raises ------------------------------------------------------------------------

NO_NUMBERS = {
    "None": (None, "None"),
    "two numbers": (np.array([1.0, 2.0]), r"array\(\[1., 2.\]\)"),
    "no number": ([], r"\[\]"),
    "a string": ("abc", "'abc'"),
    "a string with a number": ("1.0", "'1.0'"),
    "complex": (1j, "1j"),
    "NumPy's complex": (np.complex128(1 + 0j), r"\(1\+0j\)"),
    "an array of complex": (np.array([1j]), r"1\.?j"),
    "a dict": ({}, r"\{\}"),
    "an object": (object(), "object"),
    "None in a list": ([None], "None"),
}


@pytest.mark.parametrize("jac", [True, "inplace", slope, "2-point", "3-point"], ids=lambda j: getattr(j, "__name__", j))
@pytest.mark.parametrize("later", [0, 2])
@pytest.mark.parametrize("name", NO_NUMBERS)
def test_an_objective_that_returns_no_number_is_named(name, later, jac):
    bad, shown = NO_NUMBERS[name]
    calls, x = [], START.copy()

    def fun(x, grad=None):
        calls.append(1)
        f = bad if len(calls) > later else bowl(x)
        if jac == "inplace":
            grad[:] = slope(x)
        return (f, slope(x)) if jac is True else f

    with pytest.raises((TypeError, ValueError)) as error:
        optnumba.minimize(fun, x, jac=jac, method="sgd")
    assert_says(str(error.value), "fun", shown, "must return a scalar value")
    assert x.tobytes() == START.tobytes()


@pytest.mark.parametrize("returned", [1.0, None, (1.0,), (1.0, 2.0, 3.0), np.array([1.0, 2.0]), "ab"])
def test_an_objective_that_returns_no_pair_is_named(returned):
    with pytest.raises(TypeError) as error:
        optnumba.minimize(lambda x: returned, START, jac=True, method="sgd")
    assert_says(str(error.value), "fun returned", re.escape(repr(returned)), "pair")


BAD_GRADIENTS = {
    "too long": (np.zeros(3), r"\(3,\)"),
    "too short": (np.zeros(1), r"\(1,\)"),
    "empty": (np.zeros(0), r"\(0,\)"),
    "far too long": (np.zeros(100_000), r"\(100000,\)"),
    "a number": (1.0, r"\(\)"),
    "a matrix": (np.zeros((2, 2)), r"\(2, 2\)"),
    "a long tuple": ((1.0, 2.0, 3.0), r"\(3,\)"),
    "None": (None, "None"),
    "a string": ("ab", "'ab'"),
    "strings": (["1", "2"], "'1'"),
    "complex": (np.array([1j, 2]), r"1\.?j"),
    "None in it": ([None, 1.0], "None"),
    "ragged": ([[1.0], [1.0, 2.0]], "1.0"),
    "a dict": ({"a": 1}, "'a'"),
}


@pytest.mark.parametrize("form", ["jac", "True"])
@pytest.mark.parametrize("later", [0, 2])
@pytest.mark.parametrize("name", BAD_GRADIENTS)
def test_a_gradient_that_does_not_fit_is_named(name, later, form):
    bad, shown = BAD_GRADIENTS[name]
    calls, x = [], START.copy()

    def jac(x):
        calls.append(1)
        return bad if len(calls) > later else slope(x)

    with pytest.raises((TypeError, ValueError)) as error:
        if form == "jac":
            optnumba.minimize(bowl, x, jac=jac, method="sgd")
        else:
            optnumba.minimize(lambda x: (bowl(x), jac(x)), x, jac=True, method="sgd")
    assert_says(str(error.value), "gradient", shown)
    assert x.tobytes() == START.tobytes()


def test_an_inplace_gradient_that_is_not_written_is_noticed():
    def fun(x, grad):
        grad[0] = 1.0
        return 1.0

    result = optnumba.minimize(fun, START, jac="inplace", method="sgd")
    assert result.status == 3
    assert_says(result.message, "gradient", "coordinate 1", "iteration 0")


class Own(BaseException):
    pass


EXCEPTIONS = [ValueError("mine"), ZeroDivisionError("mine"), KeyboardInterrupt("mine"), SystemExit("mine"), Own("mine")]


@pytest.mark.parametrize("later", [0, 3])
@pytest.mark.parametrize("place", ["fun", "jac", "callback", "callback for intermediate_result"])
@pytest.mark.parametrize("exception", EXCEPTIONS, ids=lambda e: type(e).__name__)
def test_what_a_users_function_raises_comes_through(exception, place, later):
    calls, x = [], START.copy()

    def tick():
        calls.append(1)
        if len(calls) > later:
            raise exception

    def fun(x):
        if place == "fun":
            tick()
        return bowl(x)

    def jac(x):
        if place == "jac":
            tick()
        return slope(x)

    callbacks = {
        "callback": lambda xk: tick(),
        "callback for intermediate_result": lambda intermediate_result: tick(),
    }
    callback = callbacks.get(place)
    with pytest.raises(type(exception)) as error:
        optnumba.minimize(fun, x, jac=jac, method="sgd", callback=callback)
    assert error.value is exception
    assert len(calls) == later + 1
    assert x.tobytes() == START.tobytes()


# -- The same of Numba objectives --------------------------------------------------------------------------------------


def test_division_by_zero_is_infinite_unless_the_objective_was_compiled_to_raise():
    def pole(x, grad):
        grad[0] = 1.0
        return 1.0 / (x[0] - 3.0)

    def poles(x, grad, i, a):
        return raising(x, grad) if a[i] else 0.0

    raising = njit(error_model="python")(pole)
    assert optnumba.minimize(njit(pole), [3.0], jac="inplace").status == 3
    with pytest.raises(ZeroDivisionError):
        optnumba.minimize(raising, [3.0], jac="inplace")
    with pytest.raises(ZeroDivisionError):
        optnumba.minimize_finite_sum(njit(poles), [3.0], np.array([0, 1]), batch_size=1)


@njit
def numba_both(x):
    f, g = 0.0, np.empty_like(x)
    for i in range(x.size):
        f += (x[i] - 1) ** 2
        g[i] = 2 * (x[i] - 1)
    return f, g


@njit
def of_any_length(x, length):
    return 1.0, np.ones(length)


@njit
def of_three_scalars(x):
    return x[0] * x[1], (1.0, 2.0, 3.0)


@njit
def apart(x):
    return x[0] * x[1]


@njit
def apart_slope_of_three(x):
    return np.ones(3)


@pytest.mark.parametrize("length", [0, 1, 3, 1000, 10**6])
def test_a_numba_gradient_of_the_wrong_length_is_refused(length):
    x = START.copy()
    with pytest.raises(ValueError) as error:
        optnumba.minimize(of_any_length, x, (length,), jac=True, method="sgd")
    assert_says(str(error.value), "gradient", "x0", "one number per entry")
    assert x.tobytes() == START.tobytes()


@pytest.mark.parametrize("fun, jac", [(of_three_scalars, True), (apart, apart_slope_of_three)])
def test_a_numba_gradient_of_the_wrong_length_is_refused_in_other_forms(fun, jac):
    with pytest.raises(ValueError) as error:
        optnumba.minimize(fun, START, jac=jac, method="sgd")
    assert_says(str(error.value), "gradient", "x0", "one number per entry")


@njit
def returns_none(x):
    return None, x


@njit
def returns_two(x):
    return x, x


@njit
def returns_a_string(x):
    return "1.0", x


@njit
def returns_complex(x):
    return 1j, x


@njit
def returns_one_number(x):
    return x[0]


@njit
def returns_complex_slope(x):
    return x[0], x * 1j


@njit
def does_not_compile(x):
    return x.no_such_attribute, x


@pytest.mark.parametrize(
    "fun",
    [
        returns_none,
        returns_two,
        returns_a_string,
        returns_complex,
        returns_one_number,
        returns_complex_slope,
        does_not_compile,
    ],
    ids=lambda f: f.__name__,
)
def test_a_numba_objective_of_the_wrong_type_is_named(fun):
    x = START.copy()
    with pytest.raises(TypeError) as error:
        optnumba.minimize(fun, x, jac=True, method="sgd")
    assert_says(str(error.value), f"fun={fun.__name__}", "compile", "jac=True")
    assert x.tobytes() == START.tobytes()


@njit
def raises_at_two(x):
    if x[0] < 2.0:
        raise ValueError("mine", 42)
    return x[0], np.ones_like(x)


def test_what_a_numba_objective_raises_comes_through():
    x = START.copy()
    with pytest.raises(ValueError) as error:
        optnumba.minimize(raises_at_two, x, jac=True, method="sgd", options={"learning_rate": 0.25})
    assert error.value.args == ("mine", 42)
    assert x.tobytes() == START.tobytes()


def test_compiled_loops_write_nothing_out_of_bounds(tmp_path):
    """The same with every index checked by Numba, in a process of its own."""
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np, optnumba, test_bad_input as t
from optnumba import Optimizer
for length in (0, 1, 3, 1000):
    try:
        optnumba.minimize(t.of_any_length, t.START, (length,), jac=True, method="sgd")
    except ValueError as error:
        assert "one number per entry" in str(error), error
    else:
        raise AssertionError(length)
assert optnumba.minimize(t.numba_both, t.START, jac=True, method="sgd").success
result = optnumba.minimize(t.numba_both, t.START, jac=True, method="sgd", bounds=[(2, 4), (-3, 0)])
assert result.x.tolist() == [2.0, 0.0], result
for shape in ((), (0,), (1,), (40_000,), (3, 4)):
    x = np.zeros(shape)
    Optimizer(x, "sgd", learning_rate=1.0).step(np.ones(shape))
    assert (x == -1).all()
x = np.zeros(40)
Optimizer(x[::3], "sgd", learning_rate=1.0).step(np.ones(40)[::3])
assert x.sum() == -14
print("well")
"""
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "well", done.stderr


# -- Numbers that are not finite --------------------------------------------------------------------------------------

NOT_FINITE = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("method", ["sgd", "adam"])
@pytest.mark.parametrize("coordinate", [0, 2])
@pytest.mark.parametrize("k", [0, 1, 17])
@pytest.mark.parametrize("bad", NOT_FINITE)
def test_a_gradient_that_is_not_finite_ends_the_run_at_the_last_good_point(bad, k, coordinate, method):
    calls, x0 = [], np.array([3.0, -2.0, 5.0])

    def fun(x):
        f, g = both(x)
        if len(calls) == k:
            g[coordinate] = bad
        calls.append(x)
        return f, g

    result = optnumba.minimize(fun, x0, jac=True, method=method, options={"return_all": True})
    assert (result.status, result.success, result.nit, len(calls)) == (3, False, k, k + 1)
    assert_says(result.message, "NaN result", "gradient", rf"{bad} in coordinate {coordinate} at iteration {k}\.")
    last_good = max(k - 1, 0)
    assert np.isfinite(result.x).all()
    assert result.x.tobytes() == calls[last_good].tobytes() == result.allvecs[last_good].tobytes()
    assert result.fun == bowl(calls[last_good])


@pytest.mark.parametrize("k", [0, 1, 17])
@pytest.mark.parametrize("bad", NOT_FINITE)
@pytest.mark.parametrize("jac", [True, slope, "inplace"], ids=lambda j: getattr(j, "__name__", j))
def test_a_value_that_is_not_finite_ends_the_run_at_the_last_good_point(jac, bad, k):
    calls = []

    def fun(x, grad=None):
        f, g = both(x)
        if len(calls) == k:
            f = bad
        calls.append(x)
        if grad is not None:
            grad[:] = g
        return (f, g) if jac is True else f

    result = optnumba.minimize(fun, START, jac=jac, method="sgd")
    assert (result.status, result.success, result.nit, len(calls)) == (3, False, k, k + 1)
    assert_says(result.message, "NaN result", rf"objective is {bad} at iteration {k}\.")
    assert result.x.tobytes() == calls[max(k - 1, 0)].tobytes()
    if k:
        assert result.fun == bowl(calls[k - 1])


@njit
def breaks_below(x, value, bad, coordinate):
    f, g = 0.0, np.empty_like(x)
    for i in range(x.size):
        f += (x[i] - 1) ** 2
        g[i] = 2 * (x[i] - 1)
    if f < value:
        if coordinate < 0:
            f = bad
        else:
            g[coordinate] = bad
    return f, g


@pytest.mark.parametrize("coordinate", [-1, 0, 1])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_compiled_loop_ends_likewise(bad, coordinate):
    for value in (100.0, 12.0, 1.0, 1e-3):
        args = (value, bad, coordinate)
        found = optnumba.minimize(breaks_below, START, args, jac=True, method="sgd")
        python = optnumba.minimize(breaks_below.py_func, START, args, jac=True, method="sgd")
        assert (found.status, found.nit, found.message) == (3, python.nit, python.message)
        assert found.x.tobytes() == python.x.tobytes()
        assert np.isfinite(found.x).all()
        assert_says(found.message, f"iteration {found.nit}", "" if coordinate < 0 else f"coordinate {coordinate}")


@njit
def breaks_at_call(x, calls, k):
    calls[0] += 1
    g = 2 * (x - 1)
    if calls[0] == k:
        g[1] = np.nan
    return ((x - 1) ** 2).sum(), g


@pytest.mark.parametrize("k", [0, 18])
def test_a_compiled_objective_that_counts_its_calls_is_called_as_often_as_nfev_says(k):
    calls = np.zeros(1, np.int64)
    result = optnumba.minimize(breaks_at_call, START, (calls, k), jac=True, method="sgd", options={"maxiter": 300})
    assert result.nfev == calls[0]
    assert result.status == (3 if k else 1)
    assert result.nit == (17 if k else 300)
    if k:
        assert_says(result.message, r"nan in coordinate 1 at iteration 17\.")


def test_a_callback_is_not_called_at_a_point_that_is_not_good():
    seen = []

    def fun(x):
        return (np.nan if len(seen) == 2 else bowl(x)), slope(x)

    result = optnumba.minimize(fun, START, jac=True, method="sgd", callback=lambda xk: seen.append(xk))
    assert (result.status, result.nit, len(seen)) == (3, 3, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_x_never_becomes_infinite(dtype):
    big = float(np.finfo(dtype).max) / 1.5
    result = optnumba.minimize(
        lambda x: (1.0, -np.ones_like(x)),
        np.array([0.0, big], dtype),
        jac=True,
        method="sgd",
        options={"learning_rate": big, "return_all": True},
    )
    assert (result.status, result.success) == (3, False)
    assert np.isfinite(result.x).all()
    assert np.isfinite(result.allvecs).all()
    assert_says(result.message, np.dtype(dtype).name, "coordinate 1", "iteration 1")


def test_a_state_that_overflows_is_no_success():
    x0 = np.ones(2, np.float32)
    result = optnumba.minimize(lambda x: (float(x[0]), np.array([1e30, 1.0])), x0, jac=True, options={"maxiter": 50})
    assert (result.status, result.success) == (3, False)
    assert_says(result.message, "state 'v'", "inf in coordinate 0", "float32")
    assert np.isfinite(result.x).all()


# -- Optimizer: parameters --------------------------------------------------------------------------------------------


def read_only():
    x = np.ones(3)
    x.flags.writeable = False
    return x


def misaligned():
    return np.zeros(25, np.uint8)[1:].view(np.float64)


BASE = np.arange(100.0)
BAD_PARAMS = {
    "a float": (3.0, TypeError, [r"params\[0\]", "float", "NumPy array"]),
    "a list of floats": ([1.0, 2.0], TypeError, [r"params\[0\]", "float", "NumPy array"]),
    "a string": ("abc", TypeError, [r"params\[0\]", "str", "NumPy array"]),
    "None": (None, TypeError, [r"params\[0\]", "NoneType", "NumPy array"]),
    "a NumPy scalar": (np.float64(1), TypeError, [r"params\[0\]", "float64", "NumPy array"]),
    "a list in a list": ([np.ones(2), [1.0]], TypeError, [r"params\[1\]", "list", "NumPy array"]),
    "a dict in a dict": ({"a": {"b": np.ones(2)}}, TypeError, [r"params\['a'\]", "dict", "NumPy array"]),
    "a masked array": (np.ma.ones(3), TypeError, [r"params\[0\]", "MaskedArray", "NumPy array"]),
    "int": (np.arange(3), TypeError, [r"params\[0\]", "int64", "astype"]),
    "complex": (np.ones(3, complex), TypeError, [r"params\[0\]", "complex128", "astype"]),
    "float16": (np.ones(3, np.float16), TypeError, [r"params\[0\]", "float16", "astype"]),
    "longdouble": (np.ones(3, np.longdouble), TypeError, [r"params\[0\]", "longdouble|float128", "astype"]),
    "objects": (np.array([1, None]), TypeError, [r"params\[0\]", "object", "astype"]),
    "bool": (np.ones(3, bool), TypeError, [r"params\[0\]", "bool", "astype"]),
    "big-endian": (np.ones(3, ">f8"), TypeError, [r"params\[0\]", ">f8", "astype"]),
    "two dtypes": ([np.ones(3), np.ones(3, np.float32)], TypeError, [r"params\[1\]", "float32", "float64", "each"]),
    "read-only": (read_only(), ValueError, [r"params\[0\]", "read-only", "copy"]),
    "read-only, second": ({"a": np.ones(3), "b": read_only()}, ValueError, [r"params\['b'\]", "read-only", "copy"]),
    "misaligned": (misaligned(), ValueError, [r"params\[0\]", "aligned", "copy"]),
    "broadcast": (np.lib.stride_tricks.as_strided(np.ones(1), (3,), (0,)), ValueError, ["share memory", "copy"]),
    "windows": (
        np.lib.stride_tricks.sliding_window_view(BASE[:9], 3, writeable=True),
        ValueError,
        [r"params\[0\]", "share memory", "copy"],
    ),
    "twice": ([BASE, BASE], ValueError, [r"params\[0\]", r"params\[1\]", "share memory", "copy"]),
    "overlap": ({"a": BASE[:50], "b": BASE[40:]}, ValueError, [r"params\['a'\]", r"params\['b'\]", "copy"]),
    "a part of another": ([BASE[10:20], BASE], ValueError, [r"params\[0\]", r"params\[1\]", "copy"]),
    "a transpose": ([BASE[:9].reshape(3, 3), BASE[:9].reshape(3, 3).T], ValueError, ["share memory", "copy"]),
    "behind an interleaved one": (
        [BASE[::2], BASE[1:4:2], BASE[50:60:2]],
        ValueError,
        [r"params\[0\]", r"params\[2\]", "copy"],
    ),
    "one float of another dtype's view": ([BASE, BASE.view()[99:]], ValueError, [r"params\[1\]", "share memory"]),
}


@pytest.mark.parametrize("name", BAD_PARAMS)
def test_bad_parameters_are_named(name):
    params, exception, words = BAD_PARAMS[name]
    before = BASE.tobytes()
    with pytest.raises(exception) as error:
        Optimizer(params, "sgd")
    assert type(error.value) is exception
    assert_says(str(error.value), *words)
    assert BASE.tobytes() == before


def test_a_bad_method_of_an_optimizer_is_named():
    with pytest.raises(ValueError, match="method='nadma'.*did you mean 'nadam'"):
        Optimizer(np.ones(2), "nadma")


@pytest.mark.parametrize("t", [-1, 1.0, 1.5, "1", None, True, np.nan, 2**62, 2**70, [1]])
def test_a_bad_t_is_named(t):
    opt = Optimizer(np.ones(2))
    with pytest.raises((TypeError, ValueError), match=re.escape(f"t={t!r}") + ".*integer"):
        opt.t = t
    assert opt.t == 0


# -- Optimizer: gradients, with everything as it was before the error -------------------------------------------------

SHAPES = [(3,), (2, 2), (4,)]


class Forms:
    """Parameters in one form, and gradients that fit."""

    def __init__(self, form):
        self.arrays = [np.arange(12.0).reshape(4, 3)[:, 1][:3], np.ones((2, 2), order="F"), np.linspace(0, 1, 4)]
        self.grads = [np.ones(shape) for shape in SHAPES]
        if form == "array":
            self.arrays, self.grads = self.arrays[2:], self.grads[2:]
        self.form = form
        self.opt = Optimizer(self.shape(self.arrays), "adam", learning_rate=0.5)
        self.opt.step(self.shape(self.grads))

    def shape(self, arrays):
        if self.form == "array":
            return arrays[0]
        return dict(zip("abc", arrays, strict=False)) if self.form == "dict" else list(arrays)

    def everything(self):
        slots = [slot.tobytes() for slots in self.opt.slots for slot in slots.values()]
        return self.opt.t, [x.tobytes() for x in self.arrays], [g.tobytes() for g in self.grads], slots


BAD_LAST_GRADIENT = {
    "too long": (lambda f: np.ones(5), ValueError, [r"\(5,\)", r"\(4,\)", "reshape"]),
    "too short": (lambda f: np.ones(3), ValueError, [r"\(3,\)", r"\(4,\)", "reshape"]),
    "a column": (lambda f: np.ones((4, 1)), ValueError, [r"\(4, 1\)", r"\(4,\)", "reshape"]),
    "a row": (lambda f: np.ones((1, 4)), ValueError, [r"\(1, 4\)", r"\(4,\)", "reshape"]),
    "0-d": (lambda f: np.array(1.0), ValueError, [r"\(\)", r"\(4,\)", "reshape"]),
    "float32": (lambda f: np.ones(4, np.float32), TypeError, ["float32", "float64", "astype"]),
    "int": (lambda f: np.ones(4, int), TypeError, ["int64", "float64", "astype"]),
    "complex": (lambda f: np.ones(4, complex), TypeError, ["complex128", "float64", "astype"]),
    "big-endian": (lambda f: np.ones(4, ">f8"), TypeError, [">f8", "float64", "astype"]),
    "objects": (lambda f: np.ones(4, object), TypeError, ["object", "float64", "astype"]),
    "a list": (lambda f: [1.0] * 4, TypeError, ["list", "array"]),
    "a float": (lambda f: 1.0, TypeError, ["float", "array"]),
    "None": (lambda f: None, TypeError, ["NoneType", "array"]),
    "masked": (lambda f: np.ma.ones(4), TypeError, ["MaskedArray", "array"]),
    "the parameter": (lambda f: f.arrays[-1], ValueError, ["shares memory", "copy"]),
    "the parameter, backwards": (lambda f: f.arrays[-1][::-1], ValueError, ["shares memory", "copy"]),
    "the state": (lambda f: f.opt.slots[-1]["v"], ValueError, ["shares memory", "copy"]),
    "the state, backwards": (lambda f: f.opt.slots[-1]["m"][::-1], ValueError, ["shares memory", "copy"]),
}
BAD_FORM = {
    "array": [(lambda g: [g], TypeError, ["list"]), (lambda g: {"a": g}, TypeError, ["dict"])],
    "list": [
        (lambda g: g[:-1], TypeError, ["grads", "list of 2", "list of 3"]),
        (lambda g: [*g, g[0]], TypeError, ["grads", "list of 4", "list of 3"]),
        (lambda g: g[0], TypeError, ["grads", "ndarray", "list of 3"]),
        (lambda g: dict(zip("abc", g, strict=True)), TypeError, ["grads", "dict of 3", "list of 3"]),
        (lambda g: None, TypeError, ["grads", "NoneType", "list of 3"]),
        (lambda g: iter(g), TypeError, ["grads", "iterator", "list of 3"]),
    ],
    "dict": [
        (lambda g: {**g, "d": g["a"]}, TypeError, ["grads", "dict of 4", "dict of 3"]),
        (lambda g: {"a": g["a"], "b": g["b"]}, TypeError, ["grads", "dict of 2", "dict of 3"]),
        (lambda g: {"a": g["a"], "b": g["b"], "x": g["c"]}, TypeError, ["grads", "'x'", "'c'"]),
        (lambda g: list(g.values()), TypeError, ["grads", "list of 3", "dict of 3"]),
    ],
}


@pytest.mark.parametrize("form", ["array", "list", "dict"])
@pytest.mark.parametrize("name", BAD_LAST_GRADIENT)
def test_a_bad_gradient_is_named_and_nothing_has_changed(name, form):
    make, exception, words = BAD_LAST_GRADIENT[name]
    f = Forms(form)
    before = f.everything()
    with pytest.raises(exception) as error:
        f.opt.step(f.shape([*f.grads[:-1], make(f)]))
    assert type(error.value) is exception
    where = {"array": r"grads\[0\]", "list": r"grads\[2\]", "dict": r"grads\['c'\]"}[form]
    assert_says(str(error.value), where, *words)
    assert f.everything() == before


@pytest.mark.parametrize("form, bad", [(form, k) for form in BAD_FORM for k in range(len(BAD_FORM[form]))])
def test_gradients_in_a_bad_form_are_named_and_nothing_has_changed(form, bad):
    change, exception, words = BAD_FORM[form][bad]
    f = Forms(form)
    before = f.everything()
    with pytest.raises(exception) as error:
        f.opt.step(change(f.shape(f.grads)))
    assert_says(str(error.value), *words)
    assert f.everything() == before


def test_a_gradient_may_not_be_another_parameter():
    f = Forms("list")
    before = f.everything()
    with pytest.raises(ValueError) as error:
        f.opt.step([f.arrays[2][:3], *f.grads[1:]])
    assert_says(str(error.value), r"grads\[0\]", r"params\[2\]", "copy")
    assert f.everything() == before


def test_an_interleaved_gradient_is_not_refused():
    base = np.arange(8.0)
    Optimizer(base[::2], "sgd", learning_rate=1.0).step(base[1::2])
    assert base.tolist() == [-1.0, 1.0, -1.0, 3.0, -1.0, 5.0, -1.0, 7.0]


# -- Anything at all --------------------------------------------------------------------------------------------------

GUARD = -7.25
dtypes = st.sampled_from([np.float64] * 12 + [np.float32, np.int64, np.complex128, np.float16, ">f8", object])
shapes = st.lists(st.sampled_from([0, 1, 2, 2, 3, 4]), max_size=3).map(tuple)


@st.composite
def views(draw, like=None):
    """Draw (base, view): any dtype, stride, order and flag, in a base array full of guards."""
    shape = draw(shapes) if like is None or draw(st.integers(0, 5)) == 0 else like.shape
    dtype = draw(dtypes) if like is None or draw(st.integers(0, 5)) == 0 else like.dtype
    steps = [draw(st.sampled_from([1, 1, 2, 3, -1, -2])) for _ in shape]
    base = np.full([1 + n * abs(s) + 1 for n, s in zip(shape, steps, strict=True)], GUARD, dtype)
    base = base.copy(order=draw(st.sampled_from("CF")))
    index = []
    for n, s in zip(shape, steps, strict=True):
        where = slice(1, 1 + n * s, s) if s > 0 else slice(n * -s, None if n == 0 else 0, s)
        index.append(where if n else slice(1, 1))
    view = base[tuple(index)] if shape else base[...]
    assert view.shape == shape
    if draw(st.integers(0, 5)) == 0 and view.ndim:
        view = np.lib.stride_tricks.as_strided(view, strides=(0, *view.strides[1:]))
    if draw(st.integers(0, 7)) == 0:
        view.flags.writeable = False
    return base, view


@settings(max_examples=300)
@given(st.data())
def test_any_arrays_are_stepped_or_refused_without_harm(data):
    base, x = data.draw(views())
    grad_base, g = data.draw(views(x))
    if data.draw(st.integers(0, 7)) == 0:
        g = data.draw(st.sampled_from([x, x.T, x[::-1] if x.ndim else x, None, 1.0, [g]]))
        grad_base = np.zeros(0)
    method = data.draw(st.sampled_from(["sgd", "adam"]))
    before, grad_before = base.copy(), grad_base.copy()
    opt = None
    try:
        opt = Optimizer(x, method, learning_rate=1.0)
        opt.step(g)
    except (TypeError, ValueError) as error:
        assert_says(str(error), r"params\[0\]|grads", "")
        assert np.array_equal(base, before)
        assert opt is None or opt.t == 0
    else:
        assert opt.t == 1
        assert x.dtype in (np.float32, np.float64)
        # Every element of x has moved by the same step, and nothing else has.
        changed = base != before
        assert changed.sum() == x.size
        # The gradient is GUARD too: a step of 1 against its sign (Adam), or of GUARD itself.
        assert np.allclose(base[changed], GUARD + (1.0 if method == "adam" else -GUARD))
    assert np.array_equal(grad_base, grad_before)


@settings(max_examples=100)
@given(st.data())
def test_any_start_is_minimised_from_or_refused_without_harm(data):
    base, x0 = data.draw(views())
    bounds = data.draw(
        st.sampled_from([None, [(0, 1)], [(-1, None)] * 2, [(2, 1)], [(None, None)] * 3, 5, [(0, 0)] * 4])
    )
    before = base.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        try:
            result = optnumba.minimize(both, x0, jac=True, method="sgd", bounds=bounds, options={"maxiter": 3})
        except (TypeError, ValueError) as error:
            assert_says(str(error), "x0|bounds")
        else:
            assert np.isfinite(result.x).all()
            assert result.fun <= bowl(np.atleast_1d(x0).astype(float)) or bounds is not None
            assert not np.shares_memory(result.x, base)
    assert np.array_equal(base, before)


@pytest.mark.parametrize("name", ["beta1", "beta2"])
def test_a_decay_that_float32_rounds_to_one_is_refused(name):
    with pytest.raises(ValueError) as caught:
        optnumba.Optimizer(np.ones(2, np.float32), "adam", **{name: 1 - 1e-9})
    assert_says(str(caught.value), name, "float32", "outside")
    optnumba.Optimizer(np.ones(2), "adam", **{name: 1 - 1e-9})


def test_a_bound_that_float32_would_round_outward_is_kept():
    fun = lambda x: (float(-x.sum()), -np.ones_like(x))  # noqa: E731
    options = {"learning_rate": 1.0, "maxiter": 3}
    result = optnumba.minimize(
        fun, np.zeros(1, np.float32), jac=True, method="sgd", bounds=[(None, 0.1)], options=options
    )
    assert result.x.dtype == np.float32 and 0.0999 < float(result.x[0]) <= 0.1


def test_one_pair_of_bounds_is_not_spread_over_several_coordinates():
    with pytest.raises(ValueError) as caught:
        optnumba.minimize(lambda x: (x @ x, 2 * x), np.ones(5), jac=True, bounds=[(0, 1)])
    assert_says(str(caught.value), "bounds", "5")
