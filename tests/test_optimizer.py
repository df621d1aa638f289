"""What `Optimizer` does to arrays: every layout in place, nothing beyond them touched, threads, forks, counting."""

import hashlib
import inspect
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

import optnumba
from optnumba import RULES, Optimizer
from optnumba.layout import Ranges
from optnumba.rules import ALGORITHMS

GUARD = -12345.678
STEPS = 4
# Of Adam, whose state and carried scalars make it the rule with most to go wrong.
RATE = 0.05


def numbers(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def gradients(shape, dtype=np.float64):
    return [numbers(shape, dtype, seed=k + 1) for k in range(STEPS)]


def stepped(x, grads, method="adam", **hyper):
    """Step a contiguous copy of `x` and return it: what every layout has to equal."""
    x = np.array(x, order="C")
    opt = Optimizer(x, method, **{"learning_rate": RATE, **hyper})
    for g in grads:
        opt.step(np.array(g, order="C"))
    return x


# -- Forms of params --------------------------------------------------------------------------------------------------

SHAPES = [(5,), (2, 3), (), (0,), (4, 1, 2)]


@pytest.mark.parametrize("form", [list, tuple, lambda arrays: dict(zip("abcde", arrays, strict=True))])
def test_several_arrays_are_stepped_as_each_by_itself(form):
    arrays = [numbers(shape, seed=10 + k) for k, shape in enumerate(SHAPES)]
    expected = [stepped(x, gradients(x.shape)) for x in arrays]
    params = form(arrays)
    opt = Optimizer(params, learning_rate=RATE)
    for k in range(STEPS):
        opt.step(form([gradients(shape)[k] for shape in SHAPES]))
    assert opt.params is params
    for x, y in zip(arrays, expected, strict=True):
        assert x.shape == y.shape
        assert x.tobytes() == y.tobytes()


def test_a_dict_of_gradients_is_matched_by_name():
    params = {"a": np.zeros(2), "b": np.zeros(2)}
    Optimizer(params, "sgd", learning_rate=1.0).step({"b": np.full(2, 2.0), "a": np.ones(2)})
    assert (params["a"].tolist(), params["b"].tolist()) == ([-1.0, -1.0], [-2.0, -2.0])


def test_gradients_may_be_a_list_where_params_is_a_tuple():
    x = np.zeros(2)
    Optimizer((x,), "sgd", learning_rate=1.0).step([np.ones(2)])
    assert x.tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("params", [[], (), {}])
def test_no_arrays_at_all_count_steps(params):
    opt = Optimizer(params, learning_rate=RATE)
    opt.step(type(params)())
    assert opt.t == 1


@pytest.mark.parametrize("where", range(4))
def test_an_empty_array_in_any_place_changes_nothing(where):
    arrays = [numbers(3, seed=k) for k in range(3)]
    expected = [stepped(x, gradients(3)) for x in arrays]
    params = [*arrays[:where], np.empty((2, 0)), *arrays[where:]]
    opt = Optimizer(params, learning_rate=RATE)
    for g in gradients(3):
        opt.step([*[g] * where, np.empty((2, 0)), *[g] * (3 - where)])
    assert [x.tobytes() for x in arrays] == [x.tobytes() for x in expected]


# -- Layouts: a view of a base array full of guards -------------------------------------------------------------------

LAYOUTS = {
    "contiguous": ((12,), np.s_[3:9]),
    "every second": ((20,), np.s_[2:14:2]),
    "backwards": ((12,), np.s_[8:2:-1]),
    "backwards, every third": ((30,), np.s_[25:5:-3]),
    "one element": ((5,), np.s_[2:3]),
    "0-d": ((5,), np.s_[2, ...]),
    "rows": ((6, 4), np.s_[1:4]),
    "columns": ((6, 4), np.s_[:, 1:3]),
    "a column": ((6, 4), np.s_[:, 2]),
    "a block": ((6, 7), np.s_[1:4, 2:6]),
    "a block, upside down": ((6, 7), np.s_[4:1:-1, 2:6]),
    "a block, left to right": ((6, 7), np.s_[1:4, 6:2:-1]),
    "a strided box": ((4, 6, 5), np.s_[1:3, ::2, 1:4]),
    "a slice across": ((4, 6, 5), np.s_[:, 2, :]),
    "a new axis": ((6, 4), np.s_[1:4, None, :]),
    "empty": ((6, 4), np.s_[2:2]),
    "ones": ((4, 3, 4), np.s_[1:2, 1:2, 1:2]),
}


def base_and_view(layout, order):
    shape, index = LAYOUTS[layout]
    base = np.full(shape, GUARD, order=order)
    return base, base[index]


@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "transposed"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_updated_in_place_and_nothing_else(layout, order, turned):
    base, view = base_and_view(layout, order)
    view = view.T if turned else view
    view[...] = numbers(view.shape)
    expected = stepped(view, gradients(view.shape))
    touched = np.zeros(base.shape, bool)
    touched[LAYOUTS[layout][1]] = True
    opt = Optimizer(view, learning_rate=RATE)
    for g in gradients(view.shape):
        opt.step(g)
    assert view.tobytes() == expected.tobytes()
    assert (base[~touched] == GUARD).all()
    assert view.size == 0 or not (view == GUARD).any()


def in_layout(values, layout):
    """Return an array equal to `values` with other strides."""
    if layout == "F":
        return np.asfortranarray(values)
    if layout == "backwards":
        return np.ascontiguousarray(values[::-1])[::-1]
    if layout == "every second":
        wide = np.full((*values.shape[:-1], 2 * values.shape[-1]), np.nan)
        wide[..., ::2] = values
        return wide[..., ::2]
    if layout == "misaligned":
        raw = np.zeros(values.nbytes + 1, np.uint8)
        shifted = raw[1:].view(values.dtype).reshape(values.shape)
        shifted[...] = values
        assert not shifted.flags.aligned
        return shifted
    assert layout == "C"
    return np.ascontiguousarray(values)


@pytest.mark.parametrize("mine", ["C", "F", "backwards", "every second"])
@pytest.mark.parametrize("theirs", ["C", "F", "backwards", "every second", "misaligned"])
def test_a_gradient_may_lie_otherwise_than_its_parameter(mine, theirs):
    x0, grads = numbers((3, 4)), gradients((3, 4))
    expected = stepped(x0, grads)
    for several in (False, True):
        x = in_layout(x0.copy(), mine)
        opt = Optimizer([x, np.zeros(2)] if several else x, learning_rate=RATE)
        for g in grads:
            laid = in_layout(g, theirs)
            opt.step([laid, np.zeros(2)] if several else laid)
            assert laid.tobytes() == g.tobytes()
        assert np.array_equal(x, expected)


def test_a_gradient_may_be_read_only_or_broadcast():
    x = np.zeros((3, 4))
    row = np.arange(4.0)
    Optimizer(x, "sgd", learning_rate=1.0).step(np.broadcast_to(row, (3, 4)))
    assert (x == -row).all()
    frozen = np.ones(5)
    frozen.flags.writeable = False
    y = np.zeros(5)
    Optimizer(y, "sgd", learning_rate=1.0).step(frozen)
    assert (y == -1).all()


def test_a_gradient_of_a_0d_array_may_be_a_numpy_scalar():
    x = np.array(3.0)
    opt = Optimizer(x, "sgd", learning_rate=0.25)
    opt.step(2 * x)  # what NumPy makes of a 0-d array: not an array
    assert (x, opt.t) == (1.5, 1)


def test_a_memory_mapped_file_is_updated(tmp_path):
    path = tmp_path / "x.bin"
    np.full(10, GUARD).tofile(path)
    mapped = np.memmap(path, np.float64, "r+")
    x = mapped[3:7]
    x[:] = numbers(4)
    expected = stepped(x, gradients(4))
    opt = Optimizer(x, learning_rate=RATE)
    for g in gradients(4):
        opt.step(g)
    mapped.flush()
    found = np.fromfile(path)
    assert found[3:7].tobytes() == expected.tobytes()
    assert (np.delete(found, range(3, 7)) == GUARD).all()


def test_interleaved_views_of_one_array_are_apart():
    base = numbers(30)
    parts = [base[k::3] for k in range(3)]
    expected = [stepped(part, gradients(10)) for part in parts]
    opt = Optimizer(parts, learning_rate=RATE)
    for g in gradients(10):
        opt.step([g, g, g])
    assert [part.tobytes() for part in parts] == [part.tobytes() for part in expected]


def test_a_subclass_is_updated_through_its_memory():
    x = np.zeros((2, 2)).view(np.matrix)
    Optimizer(x, "sgd", learning_rate=1.0).step(np.ones((2, 2)))
    assert (np.asarray(x) == -1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 16_383, 16_384, 16_385, 40_000])
def test_blocks_cover_an_array_once(size, dtype):
    base = np.full(size + 2, GUARD, dtype)
    Optimizer(base[1:-1], "sgd", learning_rate=1.0).step(np.arange(size, dtype=dtype))
    assert (base[1:-1] == dtype(GUARD) - np.arange(size, dtype=dtype)).all()
    assert (base[0], base[-1]) == (dtype(GUARD), dtype(GUARD))


# -- State, counting, schedules, solution -----------------------------------------------------------------------------


def test_t_counts_steps_and_hyper_says_what_is_in_use():
    x = np.ones(3)
    opt = Optimizer(x, "adam", beta1=0.5)
    assert opt.t == 0
    for k in range(1, 6):
        opt.step(np.ones(3))
        assert opt.t == k
    assert opt.hyper == {"learning_rate": 0.001, "beta1": 0.5, "beta2": 0.999, "eps": 1e-8}
    assert opt.rule is RULES["adam"]
    assert opt.params is x


def test_slots_are_views_of_the_state_in_the_shape_of_each_array():
    x, y = numbers((2, 3)), np.asfortranarray(numbers((3, 2)))
    g, h = numbers((2, 3), seed=5), numbers((3, 2), seed=6)
    opt = Optimizer([x, y], "adam", beta1=0.5, beta2=0.75)
    assert [list(slots) for slots in opt.slots] == [["m", "v"], ["m", "v"]]
    opt.step([g, h])
    assert np.array_equal(opt.slots[0]["m"], 0.5 * g)
    assert np.array_equal(opt.slots[0]["v"], 0.25 * (g * g))
    assert np.array_equal(opt.slots[1]["m"], 0.5 * h)
    opt.slots[1]["m"][...] = 0
    opt.slots[1]["v"][...] = 1e300
    before = y.copy()
    opt.step([g, np.zeros((3, 2))])
    assert np.array_equal(y, before)


def test_setting_t_goes_on_from_there():
    grads = [numbers(3, seed=k) for k in range(8)]
    x = numbers(3)
    whole = Optimizer(x, learning_rate=RATE)
    for g in grads[:5]:
        whole.step(g)
    y = x.copy()
    resumed = Optimizer(y, learning_rate=RATE)
    resumed.t = np.int64(5)
    for name, slot in resumed.slots[0].items():
        slot[...] = whole.slots[0][name]
    for g in grads[5:]:
        whole.step(g)
        resumed.step(g)
    assert resumed.t == whole.t == 8
    np.testing.assert_allclose(y, x, rtol=1e-15)


@pytest.mark.parametrize("t", [2**24, 2**31, 2**53, 10**12])
def test_a_late_step_is_not_the_step_before(t):
    x = np.zeros(2)
    opt = Optimizer(x, "sgd", learning_rate=lambda t: float(t))
    opt.t = t
    opt.step(np.ones(2))
    assert (opt.t, x[0]) == (t + 1, -float(t + 1))


def falling(t):
    return 1.0 / t


@pytest.mark.parametrize("schedule", [falling, njit(falling), lambda t: 1.0 / t], ids=["def", "njit", "lambda"])
def test_a_schedule_gives_the_rate_of_each_step(schedule):
    x = np.zeros(2)
    opt = Optimizer(x, "sgd", learning_rate=schedule)
    assert opt.hyper["learning_rate"] is schedule
    expected = 0.0
    for t in range(1, 6):
        opt.step(np.ones(2))
        expected -= 1.0 / t
        assert x.tolist() == [expected] * 2


def test_a_schedule_reaches_strided_and_contiguous_arrays_alike():
    x, wide = np.zeros(2), np.zeros(4)
    opt = Optimizer([wide[::2], x], "sgd", learning_rate=falling)
    for _ in range(3):
        opt.step([np.ones(2), np.ones(2)])
    assert wide[::2].tolist() == x.tolist()
    assert wide[1::2].tolist() == [0, 0]


@pytest.mark.parametrize("name", [name for name in ALGORITHMS if name != "nag"])
def test_the_solution_is_the_parameters(name):
    x = np.ones(2)
    assert Optimizer(x, name).solution() is x


@pytest.mark.parametrize("rate", [0.1, falling])
@pytest.mark.parametrize("form", ["array", "list", "dict"])
def test_the_solution_of_nag_is_theta(form, rate):
    x = np.array([3.0, -2.0])
    params = {"array": x, "list": [x], "dict": {"w": x}}[form]
    opt = Optimizer(params, "nag", learning_rate=rate, momentum=0.5)
    theta, v = x.copy(), np.zeros(2)
    for t in range(1, 8):
        g = 2 * (x - 1)
        opt.step({"array": g, "list": [g], "dict": {"w": g}}[form])
        v = 0.5 * v + (rate if isinstance(rate, float) else rate(t)) * 2 * (theta - 0.5 * v - 1)
        theta = theta - v
        found = opt.solution()
        assert type(found) is type(params)
        found = found["w"] if form == "dict" else found[0] if form == "list" else found
        np.testing.assert_allclose(found, theta, rtol=1e-13)
        assert not np.shares_memory(found, x)


def test_optimizers_do_not_share_state():
    x, y = np.ones(3), np.ones(3)
    a, b = Optimizer(x, learning_rate=RATE), Optimizer(y, learning_rate=RATE)
    for _ in range(3):
        a.step(x.copy())
    b.step(y.copy())
    assert (a.t, b.t) == (3, 1)
    assert y.tobytes() == stepped(np.ones(3), [np.ones(3)]).tobytes()


@pytest.mark.parametrize("method", ["adam", "ADAM", RULES["adam"]])
def test_a_method_is_a_name_in_any_case_or_a_rule(method):
    x = numbers(3)
    expected = stepped(x, gradients(3))
    assert stepped(x, gradients(3), method).tobytes() == expected.tobytes()


# -- Threads and processes --------------------------------------------------------------------------------------------


def large_run():
    """Step arrays of which one is worth threads; return a digest of the result."""
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=200_000), rng.normal(size=(70, 30)), rng.normal(size=5)
    opt = optnumba.Optimizer([x, y, z], learning_rate=0.05)
    for _ in range(3):
        opt.step([np.sin(x), np.cos(y), z * z])
    return hashlib.sha256(x.tobytes() + y.tobytes() + z.tobytes()).hexdigest()


LARGE = f"import hashlib\nimport numba\nimport numpy as np\nimport optnumba\n{inspect.getsource(large_run)}"


def run_python(script, timeout=120, **environment):
    """Return the output of a fresh process that runs `script`."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_result_is_bitwise_the_same_at_every_thread_count():
    found = {"here": large_run()}  # whatever the number of threads here
    # A machine with fewer cores still starts as many threads as it is told to.
    script = LARGE + "print(large_run(), numba.get_num_threads())"
    for threads in ("1", "2", "3", "7"):
        found[threads], started = run_python(script, NUMBA_NUM_THREADS=threads)
        assert started == threads
    assert len(set(found.values())) == 1, found


def test_a_large_array_equals_its_pieces():
    x = numbers(100_000)
    grads = gradients(100_000)
    expected = np.concatenate(
        [stepped(x[k : k + 10_000], [g[k : k + 10_000] for g in grads]) for k in range(0, 100_000, 10_000)]
    )
    assert stepped(x, grads).tobytes() == expected.tobytes()


def test_two_threads_cannot_step_one_optimizer():
    inside, go_on, outcome = threading.Event(), threading.Event(), []

    class Slow(list):
        """Gradients that take their time while the first thread is inside `step`."""

        def __len__(self):
            inside.set()
            go_on.wait(10)
            return 1

    busy = Optimizer([np.zeros(3)], "sgd", learning_rate=1.0)
    first = threading.Thread(target=lambda: outcome.append(busy.step(Slow([np.ones(3)]))))
    first.start()
    assert inside.wait(10)
    with pytest.raises(RuntimeError, match="another thread.*lock"):
        busy.step([np.ones(3)])
    go_on.set()
    first.join()
    assert outcome == [None]
    assert busy.params[0].tolist() == [-1.0] * 3
    busy.step([np.ones(3)])  # and it is free again
    assert busy.t == 2


def test_an_error_leaves_the_optimizer_free():
    opt = Optimizer(np.zeros(3), "sgd")
    with pytest.raises(ValueError):
        opt.step(np.zeros(4))
    opt.step(np.ones(3))
    assert opt.t == 1


@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_eight_threads_with_large_optimizers_of_their_own(layer):
    script = (
        LARGE
        + """
import threading
found = []
threads = [threading.Thread(target=lambda: found.append([large_run() for _ in range(4)])) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
hashes = sum(found, [])
print(len(hashes), len(set(hashes)), numba.threading_layer())
"""
    )
    try:
        found = run_python(script, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="4")
    except AssertionError as error:
        if "No threading layer could be loaded" in str(error):
            pytest.skip(f"Numba has no {layer} here")
        raise
    assert found == ["32", "1", layer]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_a_forked_child_steps_with_the_same_result(layer):
    script = (
        LARGE
        + """
import os
mine = large_run()
layer = numba.threading_layer()
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.write(writing, large_run().encode())
    os._exit(0)
os.close(writing)
theirs = os.read(reading, 100).decode()
_, status = os.waitpid(child, 0)
print(layer, status, mine == theirs, mine == large_run())
"""
    )
    try:
        found = run_python(script, timeout=60, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="3")
    except AssertionError as error:
        if "No threading layer could be loaded" in str(error):
            pytest.skip(f"Numba has no {layer} here")
        raise
    assert found == [layer, "0", "True", "True"]


def test_only_large_arrays_are_stepped_in_threads():
    script = """
from importlib import import_module
large_run()
kernels = import_module("optnumba.bind").kernels()
print(any(k.targetoptions.get("parallel") and k.signatures for k in kernels))
"""
    assert run_python(LARGE + script, NUMBA_NUM_THREADS="2") == ["True"]
    assert run_python(LARGE.replace("200_000", "2_000") + script, NUMBA_NUM_THREADS="2") == ["False"]


# -- Ranges of memory ----------------------------------------------------------------------------------------------

slices = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted), max_size=5)


@given(slices, st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted))
def test_ranges_miss_no_overlap_and_of_arrays_that_lie_apart_they_name_no_other(taken, asked):
    memory = np.zeros(40, np.uint8)
    address = memory.ctypes.data
    arrays, other = [memory[low:high] for low, high in taken], memory[slice(*asked)]
    meets = Ranges(arrays).meet(address + asked[0], address + asked[1])
    begins, ends = (np.array([address, address + end]) for end in asked)  # the first of no bytes, before all others
    assert Ranges(arrays).any_meet(begins, ends) == meets
    overlaps = other.size > 0 and any(np.shares_memory(array, other) for array in arrays)
    apart = not any(np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])
    assert meets or not overlaps
    assert overlaps or not (meets and apart and other.size)
