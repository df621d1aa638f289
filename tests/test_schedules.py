"""Schedules of the learning rate: those of torch, Keras and optax, or a formula typed here; and no number compiles."""

import builtins
import copy
import math
import os
import pickle
import warnings
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
from numba import njit

import optnumba
from optnumba import Optimizer, schedules
from optnumba.bind import kernels
from optnumba.schedule import Schedule
from optnumba.schedules import (
    constant,
    cosine,
    cosine_restarts,
    exponential,
    join,
    linear_warmup,
    one_cycle,
    piecewise_constant,
    polynomial,
    step,
    time_based,
)

STEPS = 300
# One of each kind, and what its formula gives in step t, typed as a textbook has it: k = t - 1 steps are done.
TEXTBOOK = {
    constant(0.3): lambda k: 0.3,
    time_based(0.1, 0.01): lambda k: 0.1 / (1 + 0.01 * k),
    time_based(0.1, 0.5, every=30, staircase=True): lambda k: 0.1 / (1 + 0.5 * (k // 30)),
    exponential(0.1, 0.5, every=40): lambda k: 0.1 * 0.5 ** (k / 40),
    exponential(0.1, 1.5, every=40, staircase=True): lambda k: 0.1 * 1.5 ** (k // 40),
    step(0.1, 40, 0.5): lambda k: 0.1 * 0.5 ** (k // 40),
    piecewise_constant([7, 100], [0.1, 0.3, 0.2]): lambda k: 0.1 if k < 7 else 0.3 if k < 100 else 0.2,
    piecewise_constant([3, 5], [0.3, 0.2, 0.1], steps_per_epoch=32): lambda k: [0.3, 0.3, 0.3, 0.2, 0.2, 0.1][
        min(k // 32, 5)
    ],
    piecewise_constant([], [0.1]): lambda k: 0.1,
    polynomial(0.1, 200, end=0.02, power=2.5): lambda k: 0.02 + 0.08 * (1 - min(k, 200) / 200) ** 2.5,
    cosine(0.1, 200, end=0.02): lambda k: 0.02 + 0.08 * (1 + math.cos(math.pi * min(k, 200) / 200)) / 2,
    cosine_restarts(0.1, 50, end=0.02): lambda k: 0.02 + 0.08 * (1 + math.cos(math.pi * (k % 50) / 50)) / 2,
    cosine_restarts(0.1, 20, multiply=3): lambda k: (
        0.1 * (1 + math.cos(math.pi * (k / 20 if k < 20 else (k - 20) / 60 if k < 80 else (k - 80) / 180 % 1))) / 2
        if k < 260
        else 0.1 * (1 + math.cos(math.pi * (k - 260) / 540)) / 2
    ),
    linear_warmup(0.1, 200): lambda k: np.interp(k, [0, 200], [0.1 / 200, 0.1]),
    linear_warmup(0.1, 200, start=0.05): lambda k: np.interp(k, [0, 200], [0.05, 0.1]),
    one_cycle(0.1, 201, warmup=0.5, start=0.01, end=0.001, linear=True): lambda k: np.interp(
        k, [0, 99.5, 200], [0.01, 0.1, 0.001]
    ),
    one_cycle(0.1, 201, warmup=0.0, end=0.001): lambda k: (
        0.001 + 0.099 * (1 + math.cos(math.pi * min((k + 1) / 201, 1))) / 2
    ),
    one_cycle(0.1, 200, warmup=1.0, start=0.0): lambda k: 0.1 * (1 - math.cos(math.pi * k / 199)) / 2 if k < 200 else 0,
    one_cycle(0.1, 1): lambda k: 0.1 if k == 0 and 0.3 >= 1 else 0.1 / 25e4,
    join([linear_warmup(0.1, 50, start=0.0), constant(0.2), cosine(0.1, 100)], [50, 100]): lambda k: (
        0.1 * k / 50 if k < 50 else 0.2 if k < 100 else 0.1 * (1 + math.cos(math.pi * min(k - 100, 100) / 100)) / 2
    ),
    join([join([constant(0.1), piecewise_constant([9], [0.2, 0.3])], [10]), constant(0.4)], [30]): lambda k: (
        0.1 if k < 10 else 0.2 if k < 19 else 0.3 if k < 30 else 0.4
    ),
    join([constant(0.1)], []): lambda k: 0.1,
}
EACH = pytest.mark.parametrize("schedule", TEXTBOOK, ids=repr)


def rates(schedule, steps=STEPS):
    return np.array([schedule(t) for t in range(1, steps + 1)])


def assert_equal_rates(found, expected):
    """Compare to 1e-12, and to 1e-12 of the highest: where a rate comes near 0, 1 + cos has lost its digits."""
    expected = np.asarray(expected, float)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * expected.max())


# -- The rates --------------------------------------------------------------------------------------------------------


@EACH
def test_the_rates_are_those_of_the_textbook(schedule):
    assert_equal_rates(rates(schedule), [TEXTBOOK[schedule](k) for k in range(STEPS)])


def load(name):
    """Import a peer that computes in float64."""
    if find_spec(name) is None or (name == "keras" and find_spec("torch") is None):
        pytest.skip(f"{name} is not installed: pip install optnumba[peers]")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ.setdefault("KERAS_BACKEND", "torch")
        module = import_module(name)
        if name == "optax":
            import_module("jax").config.update("jax_enable_x64", True)
    return module


def by_torch(rate, make):
    """Return the rates that torch sets, the first one before any step."""
    torch = load("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR calls a scheduler in the way that torch deprecates
        scheduler, found = make(torch.optim.lr_scheduler, optimizer), []
        for _ in range(STEPS):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return found


TORCH = {
    "ConstantLR": (constant(0.1), lambda lr, o: lr.ConstantLR(o, factor=1)),
    "ExponentialLR": (exponential(0.1, 0.98), lambda lr, o: lr.ExponentialLR(o, gamma=0.98)),
    "StepLR": (step(0.1, 30, 0.5), lambda lr, o: lr.StepLR(o, step_size=30, gamma=0.5)),
    "MultiStepLR": (
        piecewise_constant([80, 120], [0.1, 0.01, 0.001]),
        lambda lr, o: lr.MultiStepLR(o, milestones=[80, 120], gamma=0.1),
    ),
    "PolynomialLR": (polynomial(0.1, 200, power=2), lambda lr, o: lr.PolynomialLR(o, 200, power=2)),
    "LinearLR falling": (polynomial(0.1, 200, end=0.05), lambda lr, o: lr.LinearLR(o, 1.0, 0.5, 200)),
    "LinearLR": (linear_warmup(0.1, 200, start=0.1 / 3), lambda lr, o: lr.LinearLR(o, total_iters=200)),
    "CosineAnnealingLR": (cosine(0.1, STEPS, end=0.01), lambda lr, o: lr.CosineAnnealingLR(o, STEPS, 0.01)),
    "CosineAnnealingWarmRestarts": (cosine_restarts(0.1, 70), lambda lr, o: lr.CosineAnnealingWarmRestarts(o, 70)),
    "CosineAnnealingWarmRestarts(T_mult=2)": (
        cosine_restarts(0.1, 10, 2, end=0.01),
        lambda lr, o: lr.CosineAnnealingWarmRestarts(o, 10, 2, 0.01),
    ),
    "OneCycleLR": (one_cycle(0.1, STEPS), lambda lr, o: lr.OneCycleLR(o, 0.1, STEPS)),
    "OneCycleLR linear": (
        one_cycle(0.1, STEPS, warmup=0.45, start=0.02, end=0.004, linear=True),
        lambda lr, o: lr.OneCycleLR(
            o, 0.1, STEPS, pct_start=0.45, anneal_strategy="linear", div_factor=5, final_div_factor=5
        ),
    ),
    "SequentialLR": (
        join([linear_warmup(0.1, 20, start=0.01), exponential(0.1, 0.99)], [20]),
        lambda lr, o: lr.SequentialLR(o, [lr.LinearLR(o, 0.1, 1, 20), lr.ExponentialLR(o, 0.99)], [20]),
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_the_rates_are_those_of_torch(name):
    schedule, make = TORCH[name]
    assert_equal_rates(rates(schedule), by_torch(0.1, make))


KERAS = {
    "InverseTimeDecay": (time_based(0.1, 0.3, 7), (0.1, 7, 0.3)),
    "InverseTimeDecay by stairs": (time_based(0.1, 0.3, 7, True), (0.1, 7, 0.3, True)),
    "ExponentialDecay": (exponential(0.1, 0.9, 7), (0.1, 7, 0.9)),
    "ExponentialDecay by stairs": (exponential(0.1, 0.9, 7, True), (0.1, 7, 0.9, True)),
    "PiecewiseConstantDecay": (piecewise_constant([80, 120], [0.1, 0.3, 0.2]), ([79, 119], [0.1, 0.3, 0.2])),
    "PolynomialDecay": (polynomial(0.1, 200, 0.01, 1.5), (0.1, 200, 0.01, 1.5)),
    "CosineDecay": (cosine(0.1, 200, 0.01), (0.1, 200, 0.1)),
    "CosineDecay with warm-up": (
        join([linear_warmup(0.1, 50, start=0.02), cosine(0.1, 200, 0.01)], [50]),
        (0.02, 200, 0.1, "named", 0.1, 50),
    ),
    "CosineDecayRestarts": (cosine_restarts(0.1, 10, 2, 0.01), (0.1, 10, 2.0, 1.0, 0.1)),
}


@pytest.mark.parametrize("name", KERAS)
def test_the_rates_are_those_of_keras(name):
    keras = load("keras")
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        schedule, arguments = KERAS[name]
        peer = getattr(keras.optimizers.schedules, name.split()[0])(*arguments)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras converts in a way that NumPy deprecates
            expected = [float(peer(k)) for k in range(STEPS)]
    finally:
        keras.config.set_floatx(before)
    if "Restarts" in name:
        # Keras finds the restart by a logarithm, whose rounding takes the last step of a part for the first: 0 for 1.
        away = [k for k in range(STEPS) if not np.isclose(expected[k], schedule(k + 1), rtol=1e-9)]
        assert set(away) <= {10, 30, 70, 150}
        expected = [schedule(k + 1) if k in away else e for k, e in enumerate(expected)]
    assert_equal_rates(rates(schedule), expected)


OPTAX = {
    "polynomial_schedule": (polynomial(0.1, 200, 0.02, 1.5), (0.1, 0.02, 1.5, 200)),
    "cosine_decay_schedule": (cosine(0.1, 200, 0.02), (0.1, 200, 0.2)),
    "linear_schedule": (linear_warmup(0.1, 200, start=0.0), (0.0, 0.1, 200)),
    "exponential_decay": (exponential(0.1, 0.9, 7, staircase=True), (0.1, 7, 0.9, 0, True)),
}


@pytest.mark.parametrize("name", OPTAX)
def test_the_rates_are_those_of_optax(name):
    schedule, arguments = OPTAX[name]
    peer = getattr(load("optax"), name)(*arguments)
    assert_equal_rates(rates(schedule), [float(peer(np.float64(k))) for k in range(STEPS)])


def test_a_rate_that_comes_near_0_keeps_its_digits():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        exact = float((1 + mpmath.cos(mpmath.pi * 99_999 / mpmath.mpf(100_000))) / 2)
    assert cosine(1.0, 100_000)(100_000) == pytest.approx(exact, rel=1e-13, abs=0)


@EACH
def test_the_rate_stays_what_it_is_after_the_end_and_finite_for_ever(schedule):
    grows = repr(schedule).startswith("exponential(0.1, 1.5")
    for t in (10**6, 10**12, 2**62):
        assert schedule(t) == math.inf if grows else 0 <= schedule(t) <= 0.4
    if repr(schedule).partition("(")[0] in ("polynomial", "cosine", "linear_warmup", "one_cycle", "piecewise_constant"):
        assert schedule(STEPS) == schedule(STEPS + 1) == schedule(10**12)


def test_the_ends_are_exact():
    for schedule in (polynomial(0.1, 7, end=0.3), cosine(0.1, 7, end=0.3), linear_warmup(0.3, 7, start=0.1)):
        assert [schedule(t) for t in (1, 8, 10**12)] == [0.1, 0.3, 0.3]
    restarts = cosine_restarts(0.1, 7, multiply=2)
    assert [restarts(1 + 7 * (2**n - 1)) for n in range(40)] == [0.1] * 40


# -- The object -------------------------------------------------------------------------------------------------------


@EACH
def test_the_repr_reads_as_the_call_that_makes_it(schedule):
    for again in (eval(repr(schedule), vars(schedules)), pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)):
        assert again == schedule
        assert hash(again) == hash(schedule)
        assert repr(again) == repr(schedule)


def test_what_is_left_at_its_default_is_not_shown():
    assert repr(one_cycle(rate=1, steps=np.int64(10), end=0)) == "one_cycle(1.0, 10, end=0.0)"
    assert repr(time_based(0.1, 0.2, staircase=np.True_)) == "time_based(0.1, 0.2, staircase=True)"
    assert step(0.1, 40, 0.5) == exponential(0.1, 0.5, 40, staircase=True)
    assert cosine(0.1, 40) != cosine(0.1, 41)
    with pytest.raises(AttributeError):
        cosine(0.1, 40).parameters = ()


def test_a_plot_is_a_line_through_the_rates(monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    schedule = cosine(0.1, 40)
    ax = schedule.plot(50)
    assert schedule.plot(20, ax) is ax
    first, second = (line.get_xydata() for line in ax.lines)
    np.testing.assert_array_equal(first, np.column_stack([np.arange(1, 51), rates(schedule, 50)]))
    np.testing.assert_array_equal(second, first[:20])
    pyplot.close(ax.figure)
    real = builtins.__import__
    monkeypatch.setattr(
        builtins, "__import__", lambda name, *a: real("no_such_module" if name == "matplotlib" else name, *a)
    )
    with pytest.raises(ImportError, match=r'pip install "optnumba\[plot\]"'):
        schedule.plot(3)


ERRORS = {
    "rate": (lambda: cosine(-0.1, 10), ValueError, ["rate=-0.1", r"\[0, inf\)", "'cosine'", "use"]),
    "infinite": (lambda: constant(math.inf), ValueError, ["rate=inf", "'constant'"]),
    "NaN": (lambda: polynomial(0.1, 10, end=math.nan), ValueError, ["end=nan", "'polynomial'"]),
    "text": (lambda: linear_warmup(0.1, 10, start="0"), TypeError, ["start='0'", "'linear_warmup'"]),
    "steps": (lambda: one_cycle(0.1, 0), ValueError, ["steps=0", r"\[1, ", "'one_cycle'", "use"]),
    "steps a float": (lambda: cosine(0.1, 1e3), TypeError, ["steps=1000.0", "integer", "'cosine'"]),
    "steps true": (lambda: cosine(0.1, True), TypeError, ["steps=True", "integer"]),
    "steps too large": (lambda: cosine(0.1, 2**60), ValueError, ["steps=", r"\[1, 9007199254740992\]"]),
    "multiply": (lambda: cosine_restarts(0.1, 10, 1.5), TypeError, ["multiply=1.5", "'cosine_restarts'"]),
    "factor": (lambda: exponential(0.1, 0), ValueError, ["factor=0.0", r"\(0, inf\)", "'exponential'"]),
    "decay": (lambda: time_based(0.1, -1), ValueError, ["decay=-1.0", "'time_based'"]),
    "every": (lambda: step(0.1, -5, 0.5), ValueError, ["every=-5", "'step'"]),
    "staircase": (lambda: time_based(0.1, 1, 1, 2), TypeError, ["staircase=2", "True or False"]),
    "power": (lambda: polynomial(0.1, 10, power=0), ValueError, ["power=0.0", r"\(0, inf\)"]),
    "warmup": (lambda: one_cycle(0.1, 10, warmup=30), ValueError, ["warmup=30.0", r"\[0, 1\]"]),
    "a rate of several": (lambda: piecewise_constant([1], [0.1, -1]), ValueError, [r"rates\[1\]=-1.0"]),
    "descending": (lambda: piecewise_constant([5, 5], [1, 1, 1]), ValueError, [r"boundaries\[1\]=5", "ascend"]),
    "a boundary of 0": (lambda: piecewise_constant([0], [1, 1]), ValueError, [r"boundaries\[0\]=0"]),
    "no list": (lambda: piecewise_constant(5, [1, 1]), TypeError, ["boundaries=5", "list"]),
    "lengths": (lambda: piecewise_constant([5], [1]), ValueError, ["rates has 1", "boundaries 1", "one rate more"]),
    "parts": (lambda: join([constant(1)], [5]), ValueError, ["schedules has 1", "boundaries 1", "one schedule more"]),
    "a float for a part": (lambda: join([0.1, constant(1)], [5]), TypeError, [r"schedules\[0\]=0.1", "constant"]),
    "step 0": (lambda: constant(0.1)(0), ValueError, ["t=0", "'constant'"]),
    "half a step": (lambda: constant(0.1)(1.5), TypeError, ["t=1.5", "integer"]),
    "no function": (lambda: Schedule(math.cos, ()), TypeError, ["rate=", "function rate"]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_names_the_argument_and_its_value(name):
    call, exception, words = ERRORS[name]
    for word in words:
        with pytest.raises(exception, match=word):
            call()


# -- In the front ends ------------------------------------------------------------------------------------------------


def inverse_time(t):
    return 0.1 / (1.0 + 0.25 * ((t - 1) / 1.0))


EQUIVALENT = time_based(0.1, 0.25)


@njit
def bowl(x, grad):
    grad[:] = 2 * (x - 3)
    return ((x - 3) ** 2).sum()


def bowl_in_python(x, grad):
    grad[:] = 2 * (x - 3)
    return ((x - 3) ** 2).sum()


def points(fun, learning_rate):
    options = {"learning_rate": learning_rate, "maxiter": 40, "gtol": 0, "return_all": True}
    return np.array(optnumba.minimize(fun, [0.0, 9.0], method="sgd", jac="inplace", options=options).allvecs)


def test_minimize_goes_as_with_the_function_of_t():
    expected = points(bowl_in_python, inverse_time)
    assert np.ptp(expected[:, 0]) > 1
    assert points(bowl_in_python, EQUIVALENT).tobytes() == expected.tobytes()
    assert points(bowl, EQUIVALENT).tobytes() == expected.tobytes()


def test_the_solution_of_nag_is_that_with_the_function_of_t():
    def solution(learning_rate):
        opt = Optimizer(np.ones(2), "nag", learning_rate=learning_rate)
        opt.t, opt.slots[0]["v"][:] = 3, 0.3
        return opt.solution()

    assert solution(EQUIVALENT).tobytes() == solution(inverse_time).tobytes()


def rates_in_kernels(schedule):
    """Return the rates by which an array and a strided one are moved."""
    x, y, found = np.zeros(2), np.zeros((2, 2))[:, 0], []
    opt = Optimizer([x, y], "sgd", learning_rate=schedule)
    assert opt.hyper["learning_rate"] is schedule
    for _ in range(60):
        x[:] = y[:] = 0
        opt.step([np.ones(2), -np.ones(2)])
        assert (y == -x[::-1]).all()
        found.append(y[0])
    return found


def test_another_number_compiles_nothing_and_compiled_rates_are_those_in_python():
    def every_kind(rate, steps, multiply, decay, table):
        parts = [
            linear_warmup(rate, steps),
            cosine(rate, steps),
            cosine_restarts(rate, steps, multiply),
            one_cycle(rate, steps),
            piecewise_constant(*table),
            time_based(rate, decay),
            exponential(rate, decay, every=steps),
            constant(rate),
        ]
        return join(parts, np.cumsum([steps] * (len(parts) - 1)))

    def signatures():
        return {id(kernel): len(kernel.signatures) for kernel in kernels()}

    first, second = (
        every_kind(0.5, 7, 1, 0.5, ([3], [0.1, 0.2])),
        every_kind(0.25, 5, 2, 0.9, ([1, 2, 3], [0.4, 0.3, 0.2, 0.1])),
    )
    np.testing.assert_allclose(rates_in_kernels(first), rates(first, 60), rtol=1e-15)
    before = signatures()
    np.testing.assert_allclose(rates_in_kernels(second), rates(second, 60), rtol=1e-15)
    assert signatures() == before


SCRIPT = """
import numpy as np
import optnumba
from optnumba.schedules import cosine, join, linear_warmup

x = np.ones(3)
schedule = join([linear_warmup({rate}, 2), cosine({rate}, 4)], [2])
opt = optnumba.Optimizer(x, "sgd", learning_rate=schedule)
for _ in range(9):
    opt.step(np.ones(3))
report(x=x.tolist(), expected=1 - sum(schedule(t) for t in range(1, 10)))
"""


def test_a_second_process_with_other_numbers_finds_the_kernel_on_disk(tmp_path):
    from test_cache import REPORT, run, total

    first, second = (run("-c", REPORT + SCRIPT.format(rate=rate), cache=tmp_path) for rate in (0.5, 0.25))
    assert (total(first["misses"]), total(first["hits"])) == (1, 0)
    assert (total(second["misses"]), total(second["hits"])) == (0, 1)
    for found in (first, second):
        assert found["x"] == pytest.approx([found["expected"]] * 3, rel=1e-14)


def test_a_kind_of_your_own():
    def square_root(t, p, k):
        return p[k] / math.sqrt(t)

    schedule = Schedule(square_root, (0.5,))
    assert repr(schedule).endswith(", (0.5,))")
    x = np.ones(2)
    opt = Optimizer(x, "sgd", learning_rate=join([constant(0.0), schedule], [1]))
    for _ in range(3):
        opt.step(np.ones(2))
    assert x[0] == pytest.approx(1 - 0.5 - 0.5 / math.sqrt(2), rel=1e-15)


def reads_the_environment(t, p, k):
    return p[k] * len(os.environ)


def test_a_kind_that_does_not_compile_is_blamed():
    opt = Optimizer(np.ones(2), "sgd", learning_rate=Schedule(reads_the_environment, (1e-9,)))
    with pytest.raises(TypeError, match="learning_rate=Schedule.*reads_the_environment.*compiled by Numba"):
        opt.step(np.ones(2))


def test_a_rate_that_overflows_is_named():
    x = np.ones(2)
    opt = Optimizer(x, "sgd", learning_rate=exponential(1e-300, 1e100))
    for _ in range(4):
        opt.step(np.zeros(2))
    with pytest.raises(ValueError, match=r"learning_rate\(5\)=inf is outside \[0, inf\)"):
        opt.step(np.zeros(2))
    assert (opt.t, x.tolist()) == (4, [1.0, 1.0])


def test_a_first_rate_that_float32_does_not_hold_is_refused():
    with pytest.raises(ValueError, match="learning_rate=1e-46.*float32.*float64"):
        Optimizer(np.ones(2, np.float32), "sgd", learning_rate=cosine(1e-46, 10))
    with pytest.raises(ValueError, match=r"learning_rate\(1\)=1e\+39.*float32"):
        Optimizer(np.ones(2, np.float32), "sgd", learning_rate=cosine(1e39, 10))


@pytest.mark.parametrize("name", [name for name, rule in optnumba.RULES.items() if "learning_rate" in rule.defaults])
def test_a_first_rate_of_0_is_taken_by_every_rule(name):
    Optimizer(np.ones(2), name, learning_rate=linear_warmup(0.1, 10, start=0.0))
