"""What holds for every rule, whatever the numbers: found by searching for a counterexample, or by counting."""

import os
import re
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st
from numba import njit, types
from numba.core import event
from numba.core.runtime import _nrt_python, rtsys
from test_convex import PROBLEMS, regression
from test_naive import ALL_STEPS, COMPILED, DTYPES, FORMS, covering, problem

import optnumba
from optnumba import Optimizer
from optnumba.bind import kernels
from optnumba.rules import ALGORITHMS

NAMES_AND_DTYPES = covering(ALGORITHMS, DTYPES)


def interval(hyper, dtype):
    """Draw from all admissible values of a hyperparameter that are normal numbers of the dtype, its ends among them."""
    info = np.finfo(dtype)
    low, high = (float(end) for end in hyper.interval[1:-1].split(","))
    low = low if hyper.interval[0] == "[" else max(low, float(info.smallest_normal))
    high = float(np.nextafter(high, 0.0)) if high < info.max else float(info.max)
    return st.sampled_from((low, hyper.default, high)) | st.floats(low, high)


def hyperparameters(name, dtype):
    return st.fixed_dictionaries({}, optional={h.name: interval(h, dtype) for h in ALGORITHMS[name].hyper})


def vectors(dtype, size, largest):
    width = np.finfo(dtype).bits
    numbers = st.floats(-largest, largest, width=width, allow_subnormal=True) | st.just(0.0) | st.just(-0.0)
    return st.lists(numbers, min_size=size, max_size=size).map(lambda numbers: np.array(numbers, dtype))


def gradient_table(dtype, steps, size, seed):
    """Return gradients of all magnitudes, one row a step, with zeros among them."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(steps, size)) * 10.0 ** rng.integers(-9, 3, (steps, size))
    return np.where(rng.random((steps, size)) < 0.1, 0.0, table).astype(dtype)


def run(name, x, gradients, **hyper):
    """Step x in place once for each gradient; return all of the state."""
    opt = Optimizer(x, method=name, **hyper)
    for g in gradients:
        opt.step(g)
    return [x, *opt.slots[0].values()]


def assert_bitwise(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


# -- Numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "dtype"), NAMES_AND_DTYPES)
@given(data=st.data())
def test_a_zero_gradient_never_gives_nan(name, dtype, data):
    hyper = data.draw(hyperparameters(name, dtype), label="hyper")
    x = data.draw(vectors(dtype, 3, 1e6), label="x")
    first = data.draw(vectors(dtype, 3, 1e3), label="first gradient")
    zero = np.array([0.0, -0.0, 0.0], dtype)
    try:
        for gradients in ([zero] * 3, [first, zero, zero]):
            assume(np.isfinite(run(name, x.copy(), gradients[:1], **hyper)).all() or not gradients[0].any())
            assert not np.isnan(run(name, x.copy(), gradients, **hyper)).any()
    except ValueError:
        note("refused")  # Hyperparameters at the edge of a dtype may be refused; NaN they may not give.


@pytest.mark.parametrize(("name", "dtype"), NAMES_AND_DTYPES)
def test_a_zero_gradient_from_the_start_moves_nothing(name, dtype):
    x = np.array([1.0, -2.0, 0.0], dtype)
    state = run(name, x.copy(), np.zeros((3, 3), dtype))
    assert_bitwise([state[0]], [x])


@pytest.mark.parametrize(("name", "dtype"), NAMES_AND_DTYPES)
@given(data=st.data(), size=st.integers(1, 70))
def test_coordinates_are_alone(name, dtype, data, size):
    """Permuting coordinates, or turning the sign of some, does the same to the result, bitwise.

    So no coordinate sees another, and the vectorised body of a loop does what its remainder does.
    """
    seed = data.draw(st.integers(0, 2**32), label="seed")
    rng = np.random.default_rng(seed)
    order, signs = rng.permutation(size), rng.choice(np.array([-1, 1], dtype), size)
    x, gradients = rng.normal(size=size).astype(dtype), gradient_table(dtype, 5, size, seed)
    expected = run(name, x.copy(), gradients)
    found = run(name, (x * signs)[order], (gradients * signs)[:, order])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.abs(a), np.abs(b)[order])
    np.testing.assert_array_equal(found[0], (expected[0] * signs)[order])


# -- Ways in ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "dtype"), NAMES_AND_DTYPES)
@given(rows=st.integers(1, 5), columns=st.integers(1, 40), stride=st.integers(2, 4), seed=st.integers(0, 2**32))
def test_strided_is_contiguous_bitwise(name, dtype, rows, columns, stride, seed):
    x = np.random.default_rng(seed).normal(size=(rows, columns)).astype(dtype)
    gradients = gradient_table(dtype, 5, x.size, seed).reshape(5, rows, columns)
    expected = run(name, x.copy(), gradients)
    memory = np.full((rows, columns * stride), np.nan, dtype)
    view = memory[:, ::stride]
    view[...] = x
    assert_bitwise(run(name, view, np.repeat(gradients, stride, axis=2)[..., ::stride]), expected)
    # What lies between the elements was not written.
    assert np.isnan(np.delete(memory, np.s_[::stride], axis=1)).all()


@pytest.mark.parametrize(("name", "form", "dtype"), covering(ALGORITHMS, COMPILED, DTYPES))
def test_steps_one_by_one_are_one_loop_bitwise(name, form, dtype):
    """An Optimizer, a compiled loop, the same one interrupted after every step, and a loop in Python."""
    (x, args), (fun, jac) = problem(dtype), COMPILED[form]
    opt, expected = Optimizer(x, method=name), [x.copy()]
    for _ in range(ALL_STEPS["maxiter"]):
        opt.step(args[0] * (x - args[1]))
        expected.append(x.copy())
    ways = {
        "compiled": (fun, jac, None),
        "interrupted": (fun, jac, lambda x: None),
        "interpreted": (*FORMS[form], None),
    }
    for way, (fun, jac, callback) in ways.items():
        x0, _ = problem(dtype)
        result = optnumba.minimize(fun, x0, args, name, jac, callback=callback, options=ALL_STEPS)
        assert result.x.dtype == result.jac.dtype == dtype, way
        np.testing.assert_array_equal(result.allvecs, expected, err_msg=way)


THREADS = """
import sys
import numba, numpy as np
from optnumba import Optimizer
from optnumba.bind import kernels

name, dtype = sys.argv[1:]
rng = np.random.default_rng(0)
start, gradients = rng.normal(size=200_000).astype(dtype), rng.normal(size=(3, 200_000)).astype(dtype)
results = []
for threads in (7, 3, 2, 1):
    numba.set_num_threads(threads)
    x = start.copy()
    opt = Optimizer([x[:150_000], x[150_000:]], method=name)
    for g in gradients:
        opt.step([g[:150_000], g[150_000:]])
    results.append((x, *(view for slots in opt.slots for view in slots.values())))
assert any(kernel.targetoptions["parallel"] for kernel in kernels())
for other in results[1:]:
    for a, b in zip(results[0], other):
        assert a.tobytes() == b.tobytes(), name
"""


@pytest.mark.parametrize(("name", "dtype"), NAMES_AND_DTYPES)
def test_the_number_of_threads_changes_no_bit(name, dtype):
    """In a process of its own: how many threads there may be is settled when Numba is imported."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "7"}
    command = [sys.executable, "-W", "error", "-c", THREADS, name, np.dtype(dtype).name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


# -- Costs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "form", "dtype"), covering(ALGORITHMS, COMPILED, DTYPES))
def test_nothing_is_compiled_a_second_time(name, form, dtype):
    def everything(learning_rate):
        hyper = (
            {"learning_rate": learning_rate} if "learning_rate" in ALGORITHMS[name].defaults else {"eps": learning_rate}
        )
        run(name, *(np.ones(shape, dtype) for shape in (5, (2, 5))), **hyper)
        x0, args = problem(dtype)
        for fun, jac in (COMPILED[form], FORMS[form]):
            optnumba.minimize(fun, x0, args, name, jac, options={"maxiter": 3, **hyper})

    everything(0.01)
    with event.install_recorder("numba:compile") as compilations:
        everything(0.02)
    assert not compilations.buffer
    # The recorder does see a compilation.
    with event.install_recorder("numba:compile") as compilations:
        njit(lambda x: x + 1)(1)
    assert compilations.buffer


@pytest.fixture
def allocations():
    """Return a function that counts what Numba's run time has allocated so far, the wrappers of arguments included."""
    _nrt_python.memsys_enable_stats()
    yield lambda: rtsys.get_allocation_stats().alloc
    _nrt_python.memsys_disable_stats()


@pytest.mark.parametrize(("name", "dtype"), NAMES_AND_DTYPES)
def test_a_step_allocates_nothing(name, dtype, allocations):
    """Neither Python, nor NumPy (a copy of one array would take 60 KB), nor compiled code."""
    x, gradients = np.ones(30_000, dtype), np.ones((5, 30_000), dtype)
    opt = Optimizer([x[:15_000], x[15_000:]], method=name)

    def steps():
        for g in gradients:
            opt.step([g[:15_000], g[15_000:]])

    steps()
    # To call compiled code from Python is to wrap each array among its arguments; nothing else may be allocated.
    wrappers = sum(isinstance(argument, types.Array) for argument in kernel_of(name, dtype)[1])
    before = allocations()
    tracemalloc.start()
    steps()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000
    assert allocations() - before == wrappers * len(gradients)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_compiled_loop_allocates_nothing_per_step(name, allocations, monkeypatch):
    # How many steps one call of the loop takes hangs on the clock, and each call wraps its arguments.
    monkeypatch.setattr(sys.modules["optnumba.minimize"], "next_steps", lambda *_: 1000)

    def allocations_of(maxiter):
        (args, n, _), before = PROBLEMS["logistic"], allocations()
        options = {"maxiter": maxiter, "gtol": 0}
        result = optnumba.minimize(regression, np.zeros(n), args, name, "inplace", options=options)
        assert result.nit == maxiter
        return allocations() - before

    allocations_of(1)
    assert allocations_of(60) == allocations_of(30)


def kernel_of(rule, dtype):
    """Return the kernel that steps one contiguous array in a dtype, and the signature for which it is compiled."""
    run(rule, np.ones(3, dtype), np.ones((1, 3), dtype))
    label, number = f"contiguous_{getattr(rule, 'name', rule)}_", numba.from_dtype(np.dtype(dtype))
    for kernel in kernels():
        for signature in kernel.signatures:
            if kernel.__qualname__.startswith(label) and signature[0].dtype == number:
                return kernel, signature
    raise LookupError(label)


def double_precision(kernel, signature):
    """Return the places where data become float64 in the optimised code of a float32 kernel, compiled anew."""
    options = {name: value for name, value in kernel.targetoptions.items() if name != "nopython"}
    fresh = njit(**options)(kernel.py_func)
    fresh.compile(signature)
    return re.findall(r".*(?:fpext .*float|<(?:4|8|16) x double>).*", fresh.inspect_llvm(signature))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_float32_stays_float32(name):
    """The coefficients are float64 scalars. No coordinate is: it would halve the speed, unnoticed."""
    opt = Optimizer(np.ones(3, np.float32), method=name)
    assert {view.dtype for view in opt.slots[0].values()} <= {np.dtype(np.float32)}
    assert double_precision(*kernel_of(name, np.float32)) == []


def update_with_a_literal(x, g, eta):
    return (x - eta * g * 1.5,)


def test_a_literal_in_an_update_would_be_noticed():
    rule = replace(ALGORITHMS["sgd"], name="literal", update=update_with_a_literal)
    assert double_precision(*kernel_of(rule, np.float32))
