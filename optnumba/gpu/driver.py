"""The one place that imports Numba's `cuda`, and all that is asked of the driver through it.

Today that is numba-cuda, which puts itself in the place of `numba.cuda`; its successor has the same names. Where
``NUMBA_ENABLE_CUDASIM=1`` was set before Numba was imported, it is Numba's simulator: kernels then are Python
functions, and the memory of the device is that of the host.
"""

import ctypes
import os
import sys
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from importlib import import_module, metadata
from importlib.util import find_spec

import numba
import numpy as np

THREADS, THREADS_SIMULATED = 256, 8  # a power of two; the simulator starts a thread of Python for each
# Of a norm: fixed, so that it is the same on every card, and two for each multiprocessor of an H100.
NORM_BLOCKS, NORM_BLOCKS_SIMULATED = 264, 2

_started_in = None  # the process that started the driver: it does not survive a fork


class CudaUnavailable(RuntimeError):
    """Raised where CUDA is asked for and is not there: the message says what is missing and how to get it."""


class SimulatedFault(Exception):
    """Raised for whatever a kernel raised in the simulator."""


def simulated():
    """Tell whether kernels run in Numba's simulator (bool)."""
    return bool(numba.config.ENABLE_CUDASIM)


def missing():
    """Return what is missing to use CUDA, and the remedy (str), or None. The driver starts when this is first asked.

    In a process that was forked from one that used CUDA, it is the driver.
    """
    fault = not_there()
    if fault:
        return fault
    started_by_numba = None if simulated() else part("cudadrv.driver").driver.pid
    if {_started_in, started_by_numba} - {None, os.getpid()}:
        return (
            "it was used before this process was forked, which the driver does not survive; start processes with "
            "multiprocessing.get_context('spawn')"
        )
    return None


@lru_cache(maxsize=1)
def not_there():
    """Return what this machine lacks, and the remedy (str), or None."""
    global _started_in
    _started_in = os.getpid()  # in the simulator too: what it lets pass has to run on a card
    if simulated():
        return None
    if find_spec("numba_cuda") is None:
        return "the package numba-cuda is not installed; pip install 'optnumba[cuda]'"
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        (ctypes.WinDLL if sys.platform == "win32" else ctypes.CDLL)(name)
    except OSError:
        return f"there is no NVIDIA driver ({name} was not found); install it from https://www.nvidia.com/drivers"
    available = toolkit().is_available()  # asked first: it starts the driver
    error = toolkit().cuda_error()
    if error is not None:
        return f"the NVIDIA driver finds no card it can use ({error}); check nvidia-smi and CUDA_VISIBLE_DEVICES"
    if not available:
        return "the CUDA toolkit is not installed; pip install 'optnumba[cuda]', or 'numba-cuda[cu12]' for CUDA 12"
    return None


def is_available():
    """Tell whether steps can run on a CUDA device (bool): where they cannot, `missing` says what is missing.

    Examples
    --------
    >>> import optnumba
    >>> optnumba.cuda.is_available() == (optnumba.cuda.missing() is None)
    True
    """
    return missing() is None


def described():
    """Return the package, the driver, the toolkit and the cards, as far as they are there (dict of str)."""
    try:
        package = metadata.version("numba-cuda")
    except metadata.PackageNotFoundError:
        package = "missing"
    if simulated():
        return {"package": package, "cards": "the simulator", "missing": ""}
    if missing():
        return {"package": package, "missing": missing()}
    cards = [(str(card.name.decode() if isinstance(card.name, bytes) else card.name), card) for card in toolkit().gpus]
    return {
        "package": package,
        "driver": ".".join(map(str, part("cudadrv.driver").get_version())),
        "toolkit": ".".join(map(str, toolkit().runtime.get_version())),
        "cards": "; ".join(f"{name}, {'.'.join(map(str, card.compute_capability))}" for name, card in cards),
        "missing": "",
    }


@lru_cache(maxsize=1)
def toolkit():
    """Return Numba's `cuda`, whether or not there is a card (module)."""
    from numba import cuda

    return cuda


def part(name):
    """Return a module of Numba's `cuda` (module)."""
    return import_module(f"{toolkit().__name__}.{name}")


def need():
    """Return Numba's `cuda`, ready to run kernels (module).

    Raises
    ------
    CudaUnavailable
        Where the package, the driver or the card is missing, and in a process that was forked from one that used it.
    """
    fault = missing()
    if fault:
        raise CudaUnavailable(f"CUDA cannot be used: {fault}")
    return toolkit()


def need_package():
    """Raise CudaUnavailable unless functions can be compiled for a device, which takes no card."""
    if not simulated() and find_spec("numba_cuda") is None:
        raise CudaUnavailable(f"CUDA cannot be used: {not_there()}")


def threads():
    """Return how many threads a block of a kernel has (int)."""
    return THREADS_SIMULATED if simulated() else THREADS


def norm_blocks():
    """Return how many blocks find a norm (int)."""
    return NORM_BLOCKS_SIMULATED if simulated() else NORM_BLOCKS


@contextmanager
def on_device(device):
    """Make `device`, a number, the current one."""
    with need().gpus[device]:
        yield


@contextmanager
def waiting(device, stream):
    """Make `device` the current one, with nothing running on it before and after."""
    with on_device(device):
        toolkit().synchronize()
        yield stream
        toolkit().synchronize()


def multiprocessors():
    """Return how many multiprocessors the current device has (int)."""
    return 1 if simulated() else need().get_current_device().MULTIPROCESSOR_COUNT


def turned(array):
    """Return a view of an array that Numba made with its axes the other way round: its own ``.T`` is a copy."""
    if simulated():
        return array.T
    layout = {"shape": array.shape[::-1], "strides": array.strides[::-1], "dtype": array.dtype}
    return type(array)(**layout, stream=array.stream, gpu_data=array.gpu_data)


def free_memory():
    """Return how many bytes of the current device are free, with those that Numba had yet to give back (int)."""
    if not simulated():
        need().current_context().memory_manager.deallocations.clear()
    free = need().current_context().get_memory_info().free
    return sys.maxsize if free == float("inf") else int(free)


def kernel_errors():
    """Return the exceptions that mean that a kernel failed (tuple of type)."""
    if simulated():
        return (SimulatedFault,)
    from cuda.core._utils.cuda_utils import CUDAError  # of a launch

    return (part("cudadrv.driver").CudaAPIError, CUDAError)


def zeros(shape, dtype, stream):
    """Return an array of the current device, filled with 0 on `stream`, and bound to none: copies go where they say.

    Raises
    ------
    MemoryError
        When the device has no room for it.
    """
    try:
        array = need().device_array(shape, dtype)
    except kernel_errors() as error:
        if "OUT_OF_MEMORY" not in str(error):
            raise
        needed = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raise MemoryError(
            f"{needed:,} bytes are needed, and the CUDA device has {free_memory():,} free; free some, or use less"
        ) from error
    if array.size:
        part("cudadrv.driver").device_memset(array, 0, array.nbytes, stream)
    return array


def address_of(array):
    """Return where an array that Numba made begins (int); 0 for an empty one."""
    if not array.size:
        return 0
    return array.__array_interface__["data"][0] if simulated() else array.device_ctypes_pointer.value


def device_of(address):
    """Return the number of the device on which an address lies (int)."""
    if simulated():
        return 0
    return _ask("cuPointerGetAttribute", _bindings().CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, address)


def stream_at(pointer, owner=None):
    """Return the stream of another library as one that a launch takes; 0 is the default stream, which CuPy calls 1.

    `owner` is the library's own object, which is kept: else the stream may go while a step is to wait for it.
    """
    if simulated() or pointer in (None, 0, 1):
        return 0
    stream = _external_stream(pointer, need().get_current_device().id)
    if owner is not None:  # it may be asked for again by its number alone
        stream.owner = owner
    return stream


@lru_cache(maxsize=256)
def _external_stream(pointer, device):
    return toolkit().external_stream(pointer)


def plain(stream):
    """Return a stream that a caller passed, of Numba or another library, as one that a launch takes.

    Raises
    ------
    TypeError
        For what is no stream, a number among it: a driver that is handed a wrong one may crash.
    """
    stream = getattr(stream, "stream", stream)  # that of the builder of a graph
    is_default = type(stream) is int and stream == 0
    if is_default or type(stream).__module__.partition(".")[0] in ("numba", "numba_cuda"):
        return stream
    if hasattr(stream, "__cuda_stream__"):
        return stream_at(int(stream.__cuda_stream__()[1]), stream)
    for name in ("cuda_stream", "ptr"):  # of torch and CuPy
        if isinstance(getattr(stream, name, None), int):
            return stream_at(getattr(stream, name), stream)
    raise TypeError(
        f"stream={stream!r} is not a CUDA stream; pass one of Numba, torch or CuPy, such as "
        "numba.cuda.external_stream(address), or leave it out"
    )


def is_captured(stream):
    """Tell whether what is launched on `stream` goes into a CUDA graph and does not run yet (bool)."""
    if simulated():
        return False
    status = _ask("cuStreamIsCapturing", _bindings().CUstream(handle(stream)))
    return status == _bindings().CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE


def held_back(captured):
    """Return a context in which Numba frees nothing, where launches are captured: it would end the capture."""
    return need().defer_cleanup() if captured and not simulated() else nullcontext()


def wait(stream, other):
    """Let what is launched on `stream` from now on wait for what was launched on `other`."""
    recorded(other).wait(stream)


def recorded(stream):
    """Return an event that is over when what was launched on `stream` is done."""
    event = need().event() if simulated() else need().event(timing=False)
    event.record(stream)
    return event


def is_over(event):
    """Tell whether what came before an event is done (bool)."""
    return simulated() or event.query()


def imported(array, stream):
    """Return the memory of an array that offers DLPack only (address, shape, strides in bytes, dtype, device)."""
    from cuda.core.utils import StridedMemoryView

    view = StridedMemoryView.from_dlpack(array, stream_ptr=handle(stream) or 1)  # 1 is the default stream; 0 is none
    dtype = np.dtype(view.dtype)
    strides = view.strides and tuple(stride * dtype.itemsize for stride in view.strides)
    return view.ptr, tuple(view.shape), strides, dtype.name, view.device_id, view.readonly


def _bindings():
    from cuda.bindings import driver

    return driver


def handle(stream):
    """Return the number by which the driver knows a stream (int); 0 is the default one."""
    if simulated():
        return 0 if stream == 0 else id(stream)
    return int(stream.handle) if hasattr(stream, "handle") else int(stream)


def _ask(function, *arguments):
    """Call a function of the driver, and return what it gives."""
    status, *values = getattr(_bindings(), function)(*arguments)
    if status != _bindings().CUresult.CUDA_SUCCESS:
        raise part("cudadrv.driver").CudaAPIError(status, f"{function} of the CUDA driver failed: {status.name}")
    return values[0]
