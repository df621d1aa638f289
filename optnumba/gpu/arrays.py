"""Arrays of Numba, CuPy, torch and JAX on a CUDA device: where they lie, without a copy and without their library."""

import sys
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from ..layout import check_aligned, check_elements
from . import driver

BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
KINDS = {"<f4": "float32", "<f8": "float64", "<f2": "float16"}
CUDA_DEVICES = (2, 13)  # of DLPack: device memory, and memory that host and device share


class Place(NamedTuple):
    """Where an array lies.

    Parameters
    ----------
    address : int
        Of its first element; 0 when it is empty.
    shape, strides : tuple of int
        Strides in bytes.
    dtype : str
    device : int or None
        None for an empty array.
    read_only : bool
    stream : int or None
        The one that its library says it is ready on.
    awaited : bool
        Whether the stream of the step waits for it already, as by DLPack.
    """

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str
    device: int | None = None
    read_only: bool = False
    stream: int | None = None
    awaited: bool = False

    def ghost(self):
        """Return a NumPy array with this address, shape and strides. Nobody may read it: NumPy works on the layout."""
        dtype = np.dtype(f"u{BYTES[self.dtype]}")
        if 0 in self.shape:
            return np.empty(self.shape, dtype)
        interface = {"data": (self.address, False), "shape": self.shape, "strides": self.strides, "version": 3}
        return np.asarray(_Described(interface | {"typestr": dtype.str}))


class _Described:
    def __init__(self, interface):
        self.__array_interface__ = interface


def contiguous_strides(shape, itemsize):
    """Return the strides in bytes of an array whose elements follow each other in C order (tuple of int)."""
    return tuple(itemsize * prod(shape[axis + 1 :]) for axis in range(len(shape)))


def on_device(array):
    """Tell whether an object is an array on a CUDA device (bool); nothing is imported for that."""
    if isinstance(array, np.ndarray):
        return False
    if getattr(array, "__cuda_ndarray__", False):
        return True
    # Before the interface, which raises for parameters of torch and for arrays of JAX on the host.
    if hasattr(array, "__dlpack_device__"):
        return array.__dlpack_device__()[0] in CUDA_DEVICES
    return hasattr(array, "__cuda_array_interface__")


def library(array):
    """Return the name of the library that an array is of: "numba", "cupy", "torch", "jax" (str)."""
    return _library_of(type(array))


@lru_cache(maxsize=256)
def _library_of(kind):
    names = [base.__module__.partition(".")[0] for base in kind.__mro__]  # tensors of a class of one's own are torch's
    first = next((name for name in names if name in ("torch", "cupy", "jax", "jaxlib")), names[0])
    return {"jaxlib": "jax", "numba_cuda": "numba"}.get(first, first)


def layout_of(array):
    """Return what two arrays of a library that lie alike have in common, and the address: in a tenth of `place_of`.

    Returns
    -------
    layout : tuple or None
        None for a library of which this is not known.
    address : int
    """
    if library(array) == "torch":
        try:
            return (array.dtype, array.shape, array.stride(), array.device), array.data_ptr()
        except RuntimeError:  # of a sparse tensor, which `check_gradient` refuses
            pass
    return None, 0


def comes_by_dlpack(array):
    """Tell whether the memory of an array is asked for by DLPack (bool).

    That of JAX too: its interface says nothing of a stream, and does not wait for arrays that are not there yet.
    """
    if library(array) == "torch" or getattr(array, "__cuda_ndarray__", False):
        return False
    by_jax = library(array) == "jax" and hasattr(array, "__dlpack__")
    return by_jax or not hasattr(array, "__cuda_array_interface__")


def place_of(array, stream=0):
    """Return where an array lies (Place); `stream` waits for it where it comes by DLPack."""
    if library(array) == "torch":
        # Its own attributes: the interface refuses parameters, which require a gradient, and takes 5 µs.
        size, name = array.element_size(), str(array.dtype).removeprefix("torch.")
        strides = tuple(s * size for s in array.stride())
        return Place(array.data_ptr(), tuple(array.shape), strides, name, array.device.index, False, None)
    if not comes_by_dlpack(array):
        return _described(array, getattr(array, "__cuda_array_interface__", None) or array.__array_interface__)
    address, shape, strides, name, device, read_only = driver.imported(array, stream)
    strides = strides or contiguous_strides(shape, BYTES.get(name, 1))
    return Place(address, shape, strides, name, device, read_only, None, True)


def _described(array, interface):
    shape, (address, read_only) = tuple(interface["shape"]), interface["data"]
    kind = interface["typestr"]
    name = KINDS.get(kind) or str(getattr(array, "dtype", kind))
    itemsize = BYTES.get(name, 1)
    strides = tuple(interface.get("strides") or contiguous_strides(shape, itemsize))
    address = address or 0
    device = driver.device_of(address) if address and prod(shape) else None
    return Place(address, shape, strides, name, device, read_only, interface.get("stream"))


def stream_of(array):
    """Return the stream on which the caller's library works now: that on which a step belongs."""
    name = library(array)
    if name == "torch":
        return driver.stream_at(sys.modules["torch"].cuda.current_stream(array.device).cuda_stream)
    if name == "cupy":
        stream = sys.modules["cupy"].cuda.get_current_stream()
        return driver.stream_at(stream.ptr, stream)
    return getattr(array, "stream", 0) if name == "numba" else 0


def check_parameter(name, array):
    """Return where a parameter lies (Place), or raise where it cannot be updated in place.

    Parameters
    ----------
    name : str
        For the message: ``params[0]``.
    array : array of Numba, CuPy or torch, or any with ``__cuda_array_interface__``

    Raises
    ------
    TypeError
        For JAX's arrays, which nothing may change, and for a dtype other than those of `BYTES`.
    ValueError
        When it is read-only, misaligned, or elements of it share memory.
    """
    if library(array) == "jax":
        raise TypeError(
            f"{name} is an array of JAX, which nothing may change: JAX shares and reuses its memory; copy it into one "
            "of Numba, CuPy or torch (gradients may be JAX's)"
        )
    place = place_of(array)
    if place.dtype not in BYTES:
        raise TypeError(f"{name} has dtype {place.dtype}, expected {', '.join(BYTES)}; convert it")
    if place.read_only:
        raise ValueError(f"{name} is read-only and cannot be updated in place; pass {name}.copy()")
    check_elements(name, place.ghost())
    return place


def check_gradient(name, array, like, stream):
    """Return where a gradient lies (Place), or raise where it does not fit.

    Parameters
    ----------
    name : str
        For the message: ``grads[0]``.
    array : array on a CUDA device
    like : Place
        The parameter.
    stream : stream
        It waits for a gradient that comes by DLPack.

    Raises
    ------
    TypeError, ValueError
        When it is on the host, sparse, of another dtype or shape, misaligned, or on another device.
    """
    if not on_device(array):
        raise TypeError(
            f"{name} is a {type(array).__name__}, expected an array on the CUDA device as params; copy it there"
        )
    layout = str(getattr(array, "layout", "")) if library(array) == "torch" else ""
    if layout.startswith("torch.sparse"):
        raise TypeError(f"{name} is a tensor of layout {layout}, expected a dense one; pass {name}.to_dense()")
    place = place_of(array, stream)
    if place.dtype != like.dtype:
        raise TypeError(f"{name} has dtype {place.dtype}, expected {like.dtype} as params; convert it")
    if place.shape != like.shape:
        raise ValueError(f"{name} has shape {place.shape}, expected {like.shape} as params; reshape it")
    check_aligned(name, place.ghost())
    if None not in (place.device, like.device) and place.device != like.device:
        raise ValueError(f"{name} is on CUDA device {place.device}, params on {like.device}; copy it there")
    return place
