"""Arrays of other libraries on a CUDA device: described without a copy, stepped on their stream, ordered by events.

In the simulator the libraries are fakes in the names of modules, and streams are words.
"""

import sys
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda
from on_cuda import CARD, STEPS, Foreign, assert_same_state, numbers, stepped

from optnumba import Optimizer
from optnumba.gpu import arrays, device_arrays, driver, kernels
from optnumba.schedules import exponential

simulated = pytest.mark.skipif(CARD, reason="the fakes of libraries are in the memory of the host")


class Torch(Foreign):
    """A parameter of torch: its interface is refused, and its own attributes say where it lies."""

    __module__ = "torch.nn.parameter"
    device = SimpleNamespace(index=0)
    __array_interface__ = property(lambda self: pytest.fail("asked for as an array of the host"))

    def __getattribute__(self, name):
        if name == "__cuda_array_interface__":
            raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad.")
        return super().__getattribute__(name)

    @property
    def _interface(self):
        return self.__dict__["__cuda_array_interface__"]

    @property
    def shape(self):
        return self._interface["shape"]

    @property
    def dtype(self):
        return f"torch.{np.dtype(self._interface['typestr'])}"

    def data_ptr(self):
        return self._interface["data"][0]

    def element_size(self):
        return np.dtype(self._interface["typestr"]).itemsize

    def stride(self):
        return tuple(s // self.element_size() for s in self._interface["strides"])

    def __dlpack_device__(self):
        return 2, 0


class CuPy(Foreign):
    __module__ = "cupy"


class Jax(Foreign):
    __module__ = "jaxlib._jax"

    def __dlpack_device__(self):
        return 2, 0


class Dlpack:
    """An array of a library that offers DLPack only."""

    def __init__(self, base, index=...):
        self.inside = Foreign(base, index)

    def __dlpack_device__(self):
        return 2, 0

    def copy_to_host(self):
        return self.inside.copy_to_host()


@pytest.fixture(autouse=True)
def libraries(monkeypatch):
    """Stand for torch and CuPy, which work on the streams 11 and 22, and for the importing of DLPack."""
    streams = SimpleNamespace(torch=11, cupy=22)

    def imported(array, stream):
        found = array.inside.__cuda_array_interface__
        dtype, strides = np.dtype(found["typestr"]), found["strides"]
        if strides == arrays.contiguous_strides(found["shape"], dtype.itemsize):
            strides = None  # as cuda.core says it
        return found["data"][0], found["shape"], strides, dtype.name, 0, found["data"][1]

    torch = SimpleNamespace(current_stream=lambda device: SimpleNamespace(cuda_stream=streams.torch))
    cupy = SimpleNamespace(get_current_stream=lambda: SimpleNamespace(ptr=streams.cupy))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=torch))
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cupy))
    if not CARD:
        monkeypatch.setattr(driver, "imported", imported)
    return streams


@pytest.fixture
def log(monkeypatch):
    """Return what is launched on which stream, and which stream waits for which (list)."""
    done, launch = [], kernels.Kernel.__call__

    def launched(self, blocks, threads, stream, *arguments):
        done.append(("launch", stream))
        launch(self, blocks, threads, stream, *arguments)

    monkeypatch.setattr(kernels.Kernel, "__call__", launched)
    monkeypatch.setattr(driver, "wait", lambda stream, other: done.append(("wait", stream, other)))
    monkeypatch.setattr(driver, "stream_at", lambda pointer, owner=None: pointer or 0)
    monkeypatch.setattr(driver, "handle", lambda stream: stream)
    return done


# -- Without a copy ---------------------------------------------------------------------------------------------------

KINDS = {"interface": Foreign, "torch": Torch, "cupy": CuPy, "dlpack": Dlpack}


@simulated
@pytest.mark.parametrize(
    "index", [np.s_[:], np.s_[::-2], np.s_[:, 1:3], np.s_[2], np.s_[3, 2, ...], np.s_[:0]], ids=str
)
@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_library_are_stepped_in_place(kind, index):
    base = numbers((5, 4))
    gradients = [[numbers(base[index].shape, seed=t)] for t in range(STEPS)]
    expected = stepped([base[index]], gradients, "adam")
    x = KINDS[kind](base, index)
    opt = Optimizer(x, "adam")
    for (g,) in gradients:
        opt.step(KINDS[kind](g))
    assert opt.params is x
    assert_same_state(opt, expected)
    base[index] = expected.params[0]
    memory = (x.inside if kind == "dlpack" else x).memory
    assert memory.copy_to_host().tobytes() == base.tobytes()


@simulated
def test_libraries_may_be_mixed():
    starts = [numbers(3, seed=k) for k in range(4)]
    gradients = [[numbers(3, seed=t + k) for k in range(4)] for t in range(STEPS)]
    kinds = list(KINDS.values())
    opt = Optimizer([kind(x) for kind, x in zip(kinds, starts, strict=True)], "adam")
    for one in gradients:
        opt.step([kind(g) for kind, g in zip((Jax, *kinds[:3]), one, strict=True)])
    assert_same_state(opt, stepped(starts, gradients, "adam"))


def test_strides_may_be_left_out_where_elements_follow_each_other():
    base = numbers((3, 4))
    x = Foreign(base, strides=None)
    Optimizer(x, "sgd", learning_rate=1.0).step(Foreign(base, strides=None))
    assert (x.copy_to_host() == 0).all()


def test_an_array_on_the_host_is_on_no_device():
    class OnHost:
        def __dlpack_device__(self):
            return 1, 0

        @property
        def __cuda_array_interface__(self):
            raise ValueError("only supported for ...")

    assert not arrays.on_device(OnHost())
    assert not arrays.on_device(np.zeros(3))
    assert not arrays.on_device([0.0])
    assert arrays.on_device(cuda.to_device(np.zeros(3)))
    assert arrays.on_device(Torch(np.zeros(3)))


def test_arrays_of_jax_are_refused_as_parameters_with_the_reason():
    with pytest.raises(
        TypeError, match=r"params\['w'\] is an array of JAX, which nothing may change: .*; copy it into"
    ):
        Optimizer({"w": Jax(np.zeros(3))})


# -- Streams ----------------------------------------------------------------------------------------------------------


@simulated
@pytest.mark.parametrize(("kind", "stream"), [(Torch, 11), (CuPy, 22), (Foreign, 0)])
def test_a_step_runs_on_the_stream_of_the_library_of_the_parameters(kind, stream, log, libraries):
    opt = Optimizer(kind(np.ones(3)), "sgd")
    opt.step(kind(np.ones(3)))
    assert log == [("launch", stream)]
    libraries.torch, libraries.cupy = 111, 222
    log.clear()
    opt.step(kind(np.ones(3)))
    moved = {0: 0, 11: 111, 22: 222}[stream]
    # It waits for the step before, which was launched on another stream.
    assert log == [*[("wait", moved, stream)] * (moved != stream), ("launch", moved)]


@simulated
def test_a_stream_that_is_passed_is_the_one(log):
    opt = Optimizer([Torch(np.ones(3)), Torch(np.ones((2, 2)))], "sgd", clip_norm=1.0)
    opt.step([Torch(np.ones(3)), Torch(np.ones((2, 2)))], stream=SimpleNamespace(cuda_stream=77))
    assert log[0] == ("wait", 77, 11)  # since the gradients come from there
    assert log[-1] == ("wait", 11, 77)  # and their memory goes back there
    assert set(log[1:-1]) == {("launch", 77)}
    assert len(log) > 5


@simulated
@pytest.mark.parametrize("stream", [7, -1, True, "x", 0.0, np.ones(2), [1]], ids=str)
def test_what_is_no_stream_is_refused(stream):
    x = cuda.to_device(np.ones(2))
    opt = Optimizer(x, "sgd")
    with pytest.raises(TypeError, match=r"stream=.* is not a CUDA stream; pass one of Numba, torch or CuPy"):
        opt.step(cuda.to_device(np.ones(2)), stream=stream)
    assert (opt.t, x.copy_to_host().tolist()) == (0, [1, 1])


@simulated
def test_streams_of_other_libraries_are_taken(log):
    """By the protocol of cuda.core, or by the number that torch and CuPy give."""
    protocol = type("Stream", (), {"__cuda_stream__": lambda self: (0, 55)})()
    for stream, number in ((protocol, 55), (SimpleNamespace(cuda_stream=66), 66), (SimpleNamespace(ptr=88), 88)):
        opt = Optimizer(Foreign(np.ones(3)), "sgd")
        log.clear()
        opt.step(Foreign(np.ones(3)), stream=stream)
        assert ("launch", number) in log


@simulated
@pytest.mark.parametrize(
    ("gradient", "waits"),
    [
        (lambda g: Foreign(g, stream=33), [("wait", 11, 33)]),
        (lambda g: Foreign(g, stream=11), []),
        (lambda g: CuPy(g), [("wait", 11, 22)]),
        (lambda g: Torch(g), []),
        (lambda g: cuda.to_device(g).bind(44), [("wait", 11, 44)]),
    ],
    ids=["says another", "says the same", "of another library", "of the same library", "of Numba"],
)
def test_a_step_waits_for_a_gradient_on_another_stream_and_for_no_other(gradient, waits, log):
    opt = Optimizer(Torch(np.ones(3)), "sgd")
    for _ in range(2):
        log.clear()
        opt.step(gradient(np.ones(3)))
        # What is there may be used again after the step only.
        assert log == [*waits, ("launch", 11), *(("wait", theirs, mine) for _, mine, theirs in waits)]


@simulated
def test_a_step_waits_once_for_each_stream(log):
    opt = Optimizer([Torch(np.ones(3)) for _ in range(5)], "sgd")
    opt.step([Foreign(np.ones(3), stream=s) for s in (33, 44, 33, 11, 44)])
    waits = [entry for entry in log if entry[0] == "wait"]
    assert waits == [("wait", 11, 33), ("wait", 11, 44), ("wait", 33, 11), ("wait", 44, 11)]


@simulated
def test_a_captured_step_waits_only_for_what_is_captured_with_it(log, monkeypatch):
    opt = Optimizer([Torch(np.ones(3)) for _ in range(3)], "sgd", capturable=True)
    gradients = [Foreign(np.ones(3), stream=33), Foreign(np.ones(3), stream=44), Foreign(np.ones(3))]
    opt.step([*gradients[:2], Dlpack(np.ones(3))])
    monkeypatch.setattr(driver, "is_captured", lambda stream: stream in (11, 33))
    monkeypatch.setattr(driver, "is_over", lambda event: pytest.fail("asked in a capture, which it ends"))
    log.clear()
    opt.step(gradients)
    assert [entry for entry in log if entry[0] == "wait"] == [("wait", 11, 33)]


@simulated
def test_a_gradient_that_comes_by_dlpack_is_awaited_by_dlpack_and_is_no_part_of_a_graph(log, monkeypatch):
    x = Torch(np.ones(3))
    opt = Optimizer(x, "sgd", capturable=True, learning_rate=1.0)
    opt.step(Dlpack(np.ones(3)))
    assert [entry for entry in log if entry[0] == "wait"] == []
    monkeypatch.setattr(driver, "is_captured", lambda stream: True)
    with pytest.raises(RuntimeError, match=r"grads\[0\] comes from .* by DLPack.*CUDA graph; copy it"):
        opt.step(Dlpack(np.ones(3)))
    assert x.copy_to_host().tolist() == [0, 0, 0] and opt.t == 1


@simulated
def test_a_gradient_that_comes_by_dlpack_is_kept_until_the_step_is_done(monkeypatch):
    """On what stream its library would use the memory again is not known."""
    opt, over = Optimizer(Torch(np.ones(3)), "sgd"), False
    monkeypatch.setattr(driver, "is_over", lambda event: over)
    gradient = Dlpack(np.ones(3))
    kept = weakref.ref(gradient)
    opt.step(gradient)
    del gradient
    opt.step(Torch(np.ones(3)))
    assert kept() is not None
    over = True
    opt.step(Torch(np.ones(3)))
    assert kept() is None


@simulated
def test_tensors_that_lie_alike_are_checked_together_and_any_other_by_itself(monkeypatch):
    params = [Torch(np.ones(3)), Torch(np.ones((2, 2)))]
    opt = Optimizer(params, "sgd", learning_rate=1.0)
    alone, look = [], type(opt._arrays)._look
    monkeypatch.setattr(type(opt._arrays), "_look", lambda self, k, *rest: alone.append(k) or look(self, k, *rest))
    monkeypatch.setattr(device_arrays, "layout_of", lambda g: pytest.fail("looked at by itself"))
    for size in (1.0, 2.0):  # at other addresses
        opt.step([Torch(np.full(3, size)), Torch(np.full((2, 2), size))])
    assert [x.copy_to_host().tolist() for x in params] == [[-2] * 3, [[-2] * 2] * 2]
    monkeypatch.setattr(device_arrays, "layout_of", arrays.layout_of)
    wide = Torch(np.arange(8.0).reshape(2, 4), np.s_[:, ::2])
    opt.step([Torch(np.zeros(3)), wide])
    assert (alone, params[1].copy_to_host().tolist()) == ([1], [[-2, -4], [-6, -8]])
    for wrong, error, text in (
        (Torch(np.ones(4)), ValueError, r"grads\[0\] has shape \(4,\), expected \(3,\)"),
        (Torch(np.ones(3, np.float32)), TypeError, r"grads\[0\] has dtype float32, expected float64"),
        (Torch(np.ones(3), memory=params[0].memory), ValueError, r"grads\[0\] shares memory with params\[0\]"),
        (np.ones(3), TypeError, r"grads\[0\] is a ndarray, expected an array on the CUDA device"),
    ):
        with pytest.raises(error, match=text):
            opt.step([wrong, Torch(np.ones((2, 2)))])
    assert opt.t == 3


@simulated
def test_a_tensor_that_is_sparse_is_refused():
    class Sparse(Torch):
        layout = "torch.sparse_coo"

        def stride(self):
            raise RuntimeError("sparse tensors do not have strides")

    with pytest.raises(TypeError, match=r"grads\[0\] is a tensor of layout torch.sparse_coo, .* grads\[0\].to_dense"):
        Optimizer(Torch(np.ones(3)), "sgd").step(Sparse(np.ones(3)))


@simulated
def test_a_tensor_that_was_given_other_memory_is_refused():
    x = Torch(np.ones(3))
    opt = Optimizer([Torch(np.ones(2)), x], "sgd")
    x.__dict__["__cuda_array_interface__"] = Torch(np.ones(3))._interface
    with pytest.raises(RuntimeError, match=r"params\[1\] has moved to other memory.*make a new one"):
        opt.step([Torch(np.ones(2)), Torch(np.ones(3))])


def test_state_is_turned_without_a_copy(monkeypatch):
    # Numba's own .T of an array on a card is a copy, and of three axes an error; in the simulator it is a view.
    class Array:
        shape, strides, dtype, stream = (2, 3, 4), (48, 16, 4), np.dtype("f4"), 0

        def __init__(self, **given):
            self.given = given
            self.gpu_data = given.get("gpu_data", "memory")

    monkeypatch.setattr(driver, "simulated", lambda: False)
    found = driver.turned(Array()).given
    assert (found["shape"], found["strides"], found["gpu_data"]) == ((4, 3, 2), (4, 16, 48), "memory")


def test_wait_orders_two_streams_by_an_event(monkeypatch):
    done = []

    class Event:
        def record(self, stream):
            done.append(("record", stream))

        def wait(self, stream):
            done.append(("wait", stream))

    monkeypatch.setattr(driver.toolkit(), "event", lambda **options: Event())
    driver.wait("mine", "theirs")
    assert done == [("record", "theirs"), ("wait", "mine")]


def test_a_step_on_a_stream_of_numba():
    stream = cuda.stream()
    x, gradients = numbers(9), [[numbers(9, seed=t)] for t in range(STEPS)]
    opt = Optimizer(cuda.to_device(x), "adam")
    for (g,) in gradients:
        opt.step(cuda.to_device(g, stream=stream), stream=stream)
    stream.synchronize()
    assert_same_state(opt, stepped([x], gradients, "adam"))


# -- What a step costs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 20])
def test_a_step_of_many_arrays_is_one_launch(count, log):
    params, gradients = ([cuda.to_device(np.ones(k + 1)) for k in range(count)] for _ in range(2))
    opt = Optimizer(params, "adam")
    for _ in range(2):
        log.clear()
        opt.step(gradients)
        assert [entry[0] for entry in log] == ["launch"]


def test_a_table_is_written_only_where_addresses_changed(monkeypatch):
    opt = Optimizer([cuda.to_device(np.ones(3)), cuda.to_device(np.ones(2))], "sgd", learning_rate=0.25)
    one = [cuda.to_device(np.ones(3)), cuda.to_device(np.ones(2))]
    two = [cuda.to_device(np.ones(3)), one[1]]
    opt.step([cuda.to_device(np.zeros(3)), cuda.to_device(np.zeros(2))])  # the table of blocks is written once
    written, array = [], type(one[0])
    copy = array.copy_to_device

    def counted(self, *arguments, **options):
        written.append(self)
        copy(self, *arguments, **options)

    monkeypatch.setattr(array, "copy_to_device", counted)
    for gradients, times in ((one, 1), (one, 0), (two, 1), (two, 0), (one, 1)):
        written.clear()
        opt.step(gradients)
        assert len(written) == times
    assert opt.params[0].copy_to_host().tolist() == [1 - 5 * 0.25] * 3


# -- What is compiled -------------------------------------------------------------------------------------------------


def compiled_by(**options):
    """Return the loops that are compiled for two steps of two arrays (list of str)."""
    before = set(kernels._kernels)
    x = [cuda.to_device(np.ones(3)) for _ in range(2)]
    opt = Optimizer(x, **options)
    for _ in range(2):
        opt.step([cuda.to_device(np.ones(3)) for _ in x])
    return sorted(loop.__name__ for loop, _ in set(kernels._kernels) - before)


def test_what_a_kernel_does_not_depend_on_compiles_it_once(monkeypatch):
    monkeypatch.setattr(kernels, "_kernels", {})
    assert compiled_by(method="momentum", capturable=True) == ["count", "many", "write_addresses"]
    assert compiled_by(method="momentum", capturable=True, learning_rate=lambda t: 0.1 / t) == ["count"]
    assert compiled_by(method="momentum", capturable=True, learning_rate=exponential(0.1, 0.9)) == ["count"]
    assert compiled_by(method="momentum", capturable=True, learning_rate=exponential(0.2, 0.8)) == []
    clipped = {"clip_norm": 1.0, "capturable": True}
    assert compiled_by(method="momentum", **clipped) == ["clip", "count", "many", "squares_of_blocks"]
    assert compiled_by(method="adagrad", **clipped) == ["count", "many"]
