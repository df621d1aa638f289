"""Where the arrays of an optimizer lie in memory, and the checks that make it safe to write there."""

from bisect import bisect_left
from itertools import accumulate

import numpy as np

# Elements of a block: half of the level-2 cache with the arrays of Adam, and many blocks for each thread.
BLOCK = 16_384


def check_parameter(name, array):
    """Raise unless `array` can be updated in place.

    Parameters
    ----------
    name : str
        For the message: ``params[0]``.
    array : numpy.ndarray

    Raises
    ------
    TypeError
        When it is not a plain array of native float32 or float64.
    ValueError
        When it is read-only, misaligned, or elements of it share memory.
    """
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a {type(array).__name__}, which has no memory to update in place; pass a NumPy array"
        )
    if array.dtype not in (np.float32, np.float64) or not array.dtype.isnative:
        raise TypeError(f"{name} has dtype {array.dtype}, expected float32 or float64; convert it with .astype(float)")
    if not array.flags.writeable:
        raise ValueError(f"{name} is read-only and cannot be updated in place; pass {name}.copy()")
    check_elements(name, array)


def check_elements(name, array):
    """Raise ValueError when an array is misaligned, or elements of it share memory; it is not read.

    Parameters
    ----------
    name : str
    array : numpy.ndarray
    """
    check_aligned(name, array)
    if not in_memory_order(array).flags.c_contiguous and _overlaps_itself(array):
        raise ValueError(f"elements of {name} share memory (strides {array.strides}); pass {name}.copy()")


def check_aligned(name, array):
    """Raise ValueError when an array is misaligned; it is not read.

    Parameters
    ----------
    name : str
    array : numpy.ndarray
    """
    if not array.flags.aligned:
        raise ValueError(f"{name} is not aligned to its {array.itemsize}-byte elements; pass {name}.copy()")


def _overlaps_itself(array):
    reach = 0
    for stride, length in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1):
        if stride <= reach:
            return True
        reach += stride * (length - 1)
    return False


def check_alike(names, dtypes):
    """Raise TypeError where not all arrays are of one dtype.

    Parameters
    ----------
    names : list of str
    dtypes : list of numpy.dtype or str
    """
    for name, dtype in zip(names, dtypes, strict=True):
        if dtype != dtypes[0]:
            raise TypeError(f"{name} has dtype {dtype}, {names[0]} has {dtypes[0]}; make one Optimizer for each dtype")


def check_apart(names, arrays):
    """Raise ValueError when two of `arrays` share memory.

    Parameters
    ----------
    names : list of str
    arrays : list of numpy.ndarray
    """
    open_ = []
    for begin, end, k in sorted((*np.lib.array_utils.byte_bounds(a), k) for k, a in enumerate(arrays) if a.size):
        open_ = [(last, j) for last, j in open_ if last > begin]
        for j in (j for _, j in open_ if np.shares_memory(arrays[j], arrays[k])):
            raise ValueError(
                f"{names[j]} and {names[k]} share memory, and each would be updated twice; pass a copy of one"
            )
        open_.append((end, k))


class Ranges:
    """Ranges of memory, and whether another one meets them: asked for each gradient in each step.

    Parameters
    ----------
    arrays : list of numpy.ndarray
        None of them is read.
    """

    def __init__(self, arrays):
        ranges = sorted(np.lib.array_utils.byte_bounds(array) for array in arrays if array.size)
        self._begins = [begin for begin, _ in ranges]
        self._reach = list(accumulate((end for _, end in ranges), max))

    def meet(self, begin, end):
        """Tell whether bytes from `begin` to before `end` may be among them; never False where they are (bool)."""
        before = bisect_left(self._begins, end)
        return before > 0 and self._reach[before - 1] > begin

    def any_meet(self, begins, ends):
        """Tell the same of many, arrays of int64, at once (bool)."""
        before = np.searchsorted(self._begins, ends)
        return bool(self._begins) and bool(((before > 0) & (np.take(self._reach, before - 1) > begins)).any())


def in_memory_order(array):
    """Return a view of `array` whose axes are in the order of memory where that makes it contiguous."""
    return array.T if array.flags.f_contiguous and not array.flags.c_contiguous else array


class Parameter:
    """One array to update, and where its state lies.

    Parameters
    ----------
    name : str
        For messages: ``params[0]``.
    array : numpy.ndarray
        Checked by `check_parameter`.
    low : int
        Where its state begins in the buffers of the optimizer.

    Attributes
    ----------
    gradient_name : str
    view : numpy.ndarray
        `array` in the order of memory.
    contiguous : bool
        Whether `view` is one piece of memory.
    nbytes : int
    """

    def __init__(self, name, array, low):
        self.gradient_name = name.replace("params", "grads", 1)
        self.name, self.low, self.shape, self.dtype = name, low, array.shape, array.dtype
        self.array = array.view(np.ndarray)
        self.view = in_memory_order(self.array)
        self.turned = self.view is not self.array
        self.contiguous, self.nbytes = self.view.flags.c_contiguous, self.view.nbytes

    def state(self, buffer, turned=np.transpose):
        """Return the part of `buffer` that belongs to this array, as a view in its shape."""
        return self.shaped(buffer[self.low : self.low + self.view.size], turned)

    def shaped(self, part, turned=np.transpose):
        """Return as many elements as this array has, in the order of its memory, as a view in its shape.

        `turned` gives a view with the axes the other way round.
        """
        part = part.reshape(self.view.shape)
        return turned(part) if self.turned else part

    def refuse(self, g):
        """Raise TypeError or ValueError for a gradient that does not fit, or return it as an array where it does."""
        name = self.gradient_name
        if isinstance(g, np.generic):
            g = np.asarray(g)  # what NumPy makes of arithmetic with a 0-d array
        if not isinstance(g, np.ndarray) or isinstance(g, np.ma.MaskedArray):
            raise TypeError(f"{name} is a {type(g).__name__}, expected an array of {self.dtype} and shape {self.shape}")
        if g.dtype != self.dtype:
            raise TypeError(f"{name} has dtype {g.dtype}, expected {self.dtype} as params; convert it with .astype")
        if g.shape != self.shape:
            raise ValueError(f"{name} has shape {g.shape}, expected {self.shape} as params; reshape it")
        return g.view(np.ndarray)


def block_table(parameters, block=BLOCK):
    """Return the table of blocks for `loops.arrays.contiguous`, and for the kernels of `loops.cuda`.

    Parameters
    ----------
    parameters : list of (int, Parameter)
        With their places in the table of addresses.
    block : int
        Elements of a block.

    Returns
    -------
    numpy.ndarray of int64, shape (blocks, 4)
        Array, first element, first element in the slots, number of elements.
    """
    tables = [np.empty((0, 4), np.int64)]
    for k, p in parameters:
        first = np.arange(0, p.view.size, block)
        each = (np.full(first.size, k), first, p.low + first, np.minimum(block, p.view.size - first))
        tables.append(np.stack(each, axis=1).astype(np.int64))
    return np.concatenate(tables)
