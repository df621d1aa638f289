"""What an `Optimizer` on a CUDA device keeps: state to and from the host, master weights, and a count in a graph."""

from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda
from on_cuda import CARD, STEPS, Brain, Foreign, T, assert_same, assert_same_state, numbers, stepped, there

from optnumba import Optimizer, schedules
from optnumba.gpu import driver, kernels

# -- To and from the host ---------------------------------------------------------------------------------------------

PLACES = {
    "host": (lambda arrays: {name: np.array(x) for name, x in arrays.items()}, {}),
    "device": (there, {}),
    "counted on the device": (there, {"capturable": True}),
}
WAYS = [(a, b) for a in PLACES for b in PLACES if (a, b) != ("host", "host")]
METHODS = {
    "adam": {"learning_rate": 0.1, "beta1": 0.8},
    "nadam:torch": {"average": "polyak"},  # with a carried scalar
    "nag": {"learning_rate": schedules.exponential(0.1, 0.9)},
}


def start():
    return {"w": numbers((2, 3)), "F": np.asfortranarray(numbers((3, 2))), "s": numbers(()), "e": np.empty((0, 2))}


def steps(opt, ts):
    for t in ts:
        g = {name: numbers(x.shape, seed=t) for name, x in start().items()}
        opt.step(g if isinstance(opt.params["w"], np.ndarray) else there(g))


@pytest.mark.parametrize("way", WAYS, ids=" to ".join)
@pytest.mark.parametrize("method", METHODS)
def test_a_state_goes_on_elsewhere_to_the_bit(method, way, tmp_path):
    """By `state_dict`, and by a file."""
    (take, options), (put, others) = (PLACES[place] for place in way)
    hyper, path = METHODS[method], tmp_path / "state"
    names = list(start())
    expected = stepped(
        list(start().values()),
        [[numbers(x.shape, seed=t) for x in start().values()] for t in range(5)],
        method,
        **hyper,
    )
    first = Optimizer(take(start()), method, **hyper, **options)
    steps(first, range(3))
    first.save(path)
    now = {name: x if isinstance(x, np.ndarray) else x.copy_to_host() for name, x in first.params.items()}
    second = Optimizer(put(now), method, **hyper, **others)
    second.load_state_dict(first.state_dict())
    again = {"learning_rate": hyper["learning_rate"]} if method == "nag" else {}
    blank = put({name: np.full_like(x, np.nan) for name, x in start().items()})
    third = Optimizer.load(path, blank, **again, **others)
    assert third.params is blank
    for opt in (first, second, third):
        assert opt.t == 3
        steps(opt, range(3, 5))
        if isinstance(opt.params["w"], np.ndarray):
            for name, y in zip(names, expected.params, strict=True):
                assert_same(opt.params[name], y, what=name)
        else:
            assert_same_state(opt, expected)


def test_a_file_is_loaded_into_views_of_other_strides(tmp_path):
    x = numbers((3, 4))
    first = Optimizer(cuda.to_device(x), "momentum", capturable=True)
    first.step(cuda.to_device(x))
    first.save(tmp_path / "state")
    base = np.full((6, 4), 7.0)
    strided = Foreign(base, np.s_[4::-2])
    loaded = Optimizer.load(tmp_path / "state", strided, capturable=True)
    assert loaded.t == 1
    base[4::-2] = first.params.copy_to_host()
    assert np.array_equal(strided.memory.copy_to_host(), base)


# -- Parameters of 16 bits ---------------------------------------------------------------------------------------------

KINDS = ("float16", "bfloat16")
INFINITE = {"float16": (0x7C00, 2.0**16), "bfloat16": (0x7F80, 2.0**128)}  # bits, and the number that would be next


def widened(bits, kind):
    """Return the numbers, in float32, that 16 bits mean: by NumPy, and by the meaning of bfloat16."""
    return bits.view(np.float16).astype(np.float32) if kind == "float16" else (bits.astype("u4") << 16).view("f4")


def narrowed(values, kind):
    """Return the bits of the nearest numbers, of two at the same distance the even ones, found among all there are."""
    last, beyond = INFINITE[kind]
    all_of_them = widened(np.arange(last + 1, dtype=np.uint16), kind).astype(float)
    all_of_them[last] = beyond  # what is nearer to this than to the largest number becomes infinite
    size = np.abs(values.astype(float))
    above = np.minimum(np.searchsorted(all_of_them, size), last)
    below = np.maximum(above - 1, 0)
    up, down = all_of_them[above] - size, size - all_of_them[below]
    found = np.where((up < down) | ((up == down) & (above % 2 == 0)), above, below)
    return (found + 0x8000 * np.signbit(values)).astype(np.uint16)


def in_memory(bits, kind, index=...):
    return Brain(bits, index) if kind == "bfloat16" else Foreign(bits.view(np.float16), index)


def bits_of(x):
    return x.copy_to_host().view(np.uint16)


@pytest.mark.parametrize("kind", KINDS)
def test_masters_are_rounded_to_the_nearest_and_ties_to_even(kind):
    rng = np.random.default_rng(0)
    bits = (rng.integers(0, INFINITE[kind][0], 300) + 0x8000 * rng.integers(0, 2, 300)).astype(np.uint16)
    bits[:5] = 0, 1, 2, 0x8001, INFINITE[kind][0] - 1
    around = widened(bits, kind)
    middle = ((around.astype(float) + widened(bits ^ 1, kind)) / 2).astype(np.float32)
    anywhere = rng.integers(0, 2**32, 100, dtype=np.uint32).view(np.float32)
    special = np.array([0x7F800001, 0xFFC00000, 0x7FFFFFFF, 0x7F800000, 0xFF800000, 0x7F7FFFFF, 1], np.uint32)
    limits = np.array([65504, 65519.996, 65520, -65536, 2.0**-25, 1.5 * 2.0**-24, -0.0], np.float32)
    values = np.concatenate([around, middle, np.nextafter(middle, np.float32(9)), anywhere, special.view("f4"), limits])
    x = in_memory(np.zeros(values.size, np.uint16), kind)
    opt = Optimizer(x, "sgd", learning_rate=1.0)
    opt.slots[0]["master"].copy_to_device(values)
    opt.step(in_memory(np.zeros(values.size, np.uint16), kind))
    found, numeric = bits_of(x), ~np.isnan(values)
    assert numeric.sum() > 900
    assert found[numeric].tolist() == narrowed(values[numeric], kind).tolist()
    assert np.isnan(widened(found[~numeric], kind)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_masters_start_from_the_parameters(kind):
    every = np.arange(0, 2**16, 97, dtype=np.uint16)
    opt = Optimizer([in_memory(every, kind), in_memory(every[:20], kind, np.s_[::-3])], "sgd")
    for slots, bits in zip(opt.slots, (every, every[:20][::-3]), strict=True):
        assert_same(slots["master"].copy_to_host(), widened(bits, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["adam", "nag", "sgd"])
def test_parameters_of_16_bits_are_stepped_in_float32(method, kind, tmp_path):
    """State and solution are those of a host that steps float32, and the parameters are its rounded values."""
    starts = [narrowed(numbers(shape, np.float32), kind) for shape in [(T + 1,), (2, 6)]]
    views = [starts[0], starts[1][:, ::2]]
    gradients = [[narrowed(numbers(x.shape, np.float32, seed=t), kind) for x in views] for t in range(STEPS)]
    expected = stepped(
        [widened(x, kind) for x in views], [[widened(g, kind) for g in one] for one in gradients], method
    )
    opt = Optimizer([in_memory(starts[0], kind), in_memory(starts[1], kind, np.s_[:, ::2])], method)
    for one in gradients:
        opt.step([in_memory(g, kind) for g in one])
    state, other, solution = opt.state_dict(), expected.state_dict(), opt.solution()
    for k, x in enumerate(opt.params):
        master = state["slots"][k].pop("master")
        assert_same(master, expected.params[k], np.float32)
        assert np.array_equal(bits_of(x), narrowed(master, kind))
        for name, slot in other["slots"][k].items():
            assert_same(state["slots"][k][name], slot)
        if method == "nag":
            assert_same(solution[k].copy_to_host(), expected.solution()[k])
    opt.save(tmp_path / "state")
    blank = [in_memory(np.zeros_like(starts[0]), kind), in_memory(np.zeros_like(starts[1]), kind, np.s_[:, ::2])]
    loaded = Optimizer.load(tmp_path / "state", blank)
    for one in (opt, loaded):
        one.step([in_memory(g, kind) for g in gradients[0]])
    for x, y, slots, others in zip(opt.params, blank, opt.slots, loaded.slots, strict=True):
        assert np.array_equal(bits_of(x), bits_of(y))
        assert all(slots[name].copy_to_host().tobytes() == others[name].copy_to_host().tobytes() for name in slots)


# -- Captured into a graph --------------------------------------------------------------------------------------------


@pytest.fixture
def graph(monkeypatch):
    """Stand for a CUDA graph: launches within `graph.capture(step)` are recorded, and `graph.replay()` repeats them.

    Unlike a graph's, they also run when they are recorded.
    """
    launch, launches = kernels.Kernel.__call__, []

    def recorded(self, *arguments):
        launches.append((self, arguments))
        launch(self, *arguments)

    def capture(step):
        launches.clear()
        with monkeypatch.context() as patch:
            patch.setattr(driver, "is_captured", lambda stream: True)
            patch.setattr(kernels.Kernel, "__call__", recorded)
            step()
        return list(launches)

    def replay():
        for kernel, arguments in launches:
            launch(kernel, *arguments)

    return SimpleNamespace(capture=capture, replay=replay)


CAPTURED = {
    "one array": ("adam", {}, 1),
    "arrays": ("nadam:torch", {"average": "polyak", "learning_rate": schedules.exponential(0.1, 0.9)}, 9),
    "a norm": ("sgd", {"clip_norm": 0.5}, 3),
}


@pytest.mark.parametrize("strided", [False, True], ids=["contiguous", "strided"])
@pytest.mark.parametrize("case", CAPTURED)
def test_replays_of_a_captured_step_are_steps(case, strided, graph):
    """Between them are steps outside, whose gradients lie elsewhere: each has its own table of addresses."""
    method, hyper, count = CAPTURED[case]
    starts = [numbers(5 + k) for k in range(count)]
    gradients = [[numbers(5 + k, seed=t) for k in range(count)] for t in range(9)]

    def laid(arrays):
        return [Foreign(np.repeat(x, 2), np.s_[::2]) for x in arrays] if strided else there(arrays)

    def fill(arrays, values):
        for x, new in zip(arrays, values, strict=True):
            (x.memory if strided else x).copy_to_device(np.repeat(new, 2) if strided else new)

    expected = Optimizer(there(starts), method, **hyper)
    for g in gradients:
        expected.step(there(g))
    opt = Optimizer(there(starts), method, capturable=True, **hyper)
    inside, outside = laid(gradients[0]), laid(gradients[0])
    opt.step(outside)
    fill(inside, gradients[1])
    recorded = graph.capture(lambda: opt.step(inside))
    fill(inside, gradients[2])
    assert graph.capture(lambda: opt.step(inside)) == recorded  # no launch takes a number that changes
    for t in (3, 5, 7):
        fill(inside, gradients[t])
        graph.replay()
        fill(outside, gradients[t + 1])
        opt.step(outside)
    assert opt.t == 9
    for x, y in zip(opt.params, expected.params, strict=True):
        assert_same(x.copy_to_host(), y.copy_to_host(), steps=9)


def test_without_capturable_a_captured_stream_is_refused(graph):
    x = cuda.to_device(np.ones(3))
    opt = Optimizer(x, "adam")
    with pytest.raises(RuntimeError, match="is captured into a CUDA graph.*make the Optimizer with capturable=True"):
        graph.capture(lambda: opt.step(cuda.to_device(np.ones(3))))
    assert (opt.t, x.copy_to_host().tolist()) == (0, [1, 1, 1])


@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_a_step_of_such_gradients_has_to_come_before_the_capture(earlier, graph):
    """The tables of blocks are copied to the device in it, which a graph would do in each replay."""
    arrays = [np.ones((2, 2)), np.ones((2, 2))]
    turned = [cuda.to_device(np.asfortranarray(x)) for x in arrays]
    opt = Optimizer(there(arrays), "adam", capturable=True)
    for g in (there(arrays), [turned[0], cuda.to_device(arrays[1])])[:earlier]:
        opt.step(g)
    before = [x.copy_to_host().tolist() for x in opt.params]
    with pytest.raises(RuntimeError, match="^take one step with gradients of these strides before a CUDA graph"):
        graph.capture(lambda: opt.step([cuda.to_device(arrays[0]), turned[1]]))
    assert [x.copy_to_host().tolist() for x in opt.params] == before
    assert opt.t == earlier


@pytest.mark.skipif(not CARD, reason="the simulator has no graphs")
def test_a_graph_of_the_driver_is_replayed():
    from cuda.core import Device

    device = Device()
    device.set_current()
    stream = device.create_stream()
    x, g = cuda.to_device(numbers(50)), cuda.to_device(numbers(50, seed=1))
    opt = Optimizer(x, "adam", capturable=True)
    opt.step(g, stream=cuda.external_stream(int(stream.handle)))
    builder = stream.create_graph_builder()
    builder.begin_building()
    opt.step(g, stream=builder)
    made = builder.end_building().complete()
    for _ in range(3):
        made.launch(stream)
    stream.sync()
    assert opt.t == 4
    assert_same_state(opt, stepped([numbers(50)], [[numbers(50, seed=1)]] * 4, "adam"), steps=4)
