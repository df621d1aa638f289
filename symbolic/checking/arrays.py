"""Arrays of symbols: what NumPy's arrays and functions mean when a step is traced over arrays.

An `Array` keeps its Values in an array of objects, so that views, slices and writing in place are NumPy's own, and
two names for one array are seen as what they are.
"""

from functools import wraps
from types import FunctionType

import numpy as np

from ..decision.values import ArrayNeeded, TraceError, Value, combine, leaf, lift

UNWRITTEN = "the memory of numpy.empty"  # the leaf for what nobody has written


def _object(value):
    """Return a scalar as an array of objects without dimensions, which NumPy does not look into."""
    cell = np.empty((), dtype=object)
    cell[()] = lift(value)
    return cell


def same_number(number):
    """Return a number as it is: what float() and numpy.float64 do to real numbers."""
    return number


def only_real(dtype):
    """Refuse a dtype that would round or cut real numbers; `dtype` as a step gives it, its names on symbols."""
    if dtype is None or (isinstance(dtype, FunctionType) and getattr(dtype, "__wrapped__", dtype) is same_number):
        return
    if isinstance(dtype, (str, np.dtype)) and np.dtype(dtype).kind == "f":
        return
    raise TraceError("it converts to another dtype than float, which would round or cut; keep to floats")


def _cells(thing):
    return thing.cells if isinstance(thing, Array) else _object(thing)


class Array:
    """An array of Values, with what a step for arrays may do to it: arithmetic, views, writing in place.

    Parameters
    ----------
    cells : numpy.ndarray of object
        Used as it is, not copied.

    Examples
    --------
    >>> a = Array.of("x", 2)
    >>> a[1:] *= 3
    >>> a
    Array([Value(x[0]), Value(3*x[1])])
    """

    __slots__ = ("cells",)
    __array_ufunc__ = None  # so that numpy leaves the operation to us
    __hash__ = object.__hash__

    def __init__(self, cells):
        self.cells = cells

    @classmethod
    def of(cls, name, count):
        """Return the array of the symbols name[0], name[1], ..."""
        return cls.full((count,), [leaf(f"{name}[{i}]") for i in range(count)])

    @classmethod
    def full(cls, shape, value):
        """Return an array filled with a scalar, or with a list of Values."""
        cells = np.empty(shape, dtype=object)
        cells[...] = value if isinstance(value, list) else _object(value)
        return cls(cells)

    @staticmethod
    def spread(op, operands):
        """Return the Array of an operation, element by element, on Arrays and scalars."""
        parts = [_cells(x) for x in operands]
        return Array(np.frompyfunc(lambda *scalars: combine(op, *scalars), len(parts), 1)(*parts))

    def __repr__(self):
        return f"Array({self.cells.tolist()})"

    shape = property(lambda self: self.cells.shape)
    size = property(lambda self: self.cells.size)
    ndim = property(lambda self: self.cells.ndim)
    dtype = property(lambda self: np.dtype(float))
    flat = property(lambda self: self)

    def __len__(self):
        return len(self.cells)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        raise TraceError("it branches on a whole array; write np.where(condition, a, b), np.maximum or np.minimum")

    def __getitem__(self, key):
        if isinstance(key, (Array, Value)):
            raise TraceError("it picks elements by their values; write np.where(condition, a, b)")
        part = self.cells[key]
        return Array(part) if isinstance(part, np.ndarray) else part

    def __setitem__(self, key, value):
        if isinstance(key, Array):
            if isinstance(value, Array):
                raise TraceError("it picks elements by their values; write np.where(condition, a, b)")
            key, value = ..., combine("where", key, value, self)
        whole = isinstance(self.cells[key], np.ndarray)
        if isinstance(value, Array) and not whole:
            raise TraceError("it writes an array into one element; write a[...] = b for all of them")
        self.cells[key] = _cells(value) if whole else lift(value)

    def _write(self, value):
        self.cells[...] = _cells(value)
        return self

    def copy(self, *_, **__):
        """Return an array of its own."""
        return Array(self.cells.copy())

    flatten = __copy__ = __deepcopy__ = copy

    def astype(self, dtype, copy=True, **_):
        """Return an array of its own, or with ``copy=False`` this one: it is one of floats already."""
        only_real(dtype)
        return self.copy() if copy else self

    def clip(self, min=None, max=None, out=None):
        """As numpy.clip."""
        return clip(self, min, max, out)

    def fill(self, value):
        """Write one scalar everywhere."""
        self._write(value)

    def reshape(self, *_, **__):
        """Return the same elements: every coordinate is treated alike, so their layout does not matter."""
        return self

    ravel = view = reshape
    T = property(lambda self: Array(self.cells.T))

    def _mixes(self, *_, **__):
        raise TraceError(
            "it combines different coordinates (sum, mean, dot, norm); an update rule here treats each alone"
        )

    sum = mean = max = min = dot = prod = std = var = any = all = argmax = __matmul__ = __rmatmul__ = _mixes

    def _no_number(self, *_):
        raise TraceError("it needs one number where it has an array; keep to element-wise arithmetic")

    __float__ = __int__ = __index__ = item = tolist = _no_number


def _operators():
    """Give Array the operators that Value has, and the in-place ones, which write."""

    def forward(name):
        operator = getattr(Value, name)
        return lambda self, *other: operator(self, *other)

    def in_place(name):
        return lambda self, other: self._write(getattr(self, name)(other))

    for name in "add sub mul truediv pow".split():
        for kind in ("", "r"):
            setattr(Array, f"__{kind}{name}__", forward(f"__{kind}{name}__"))
        setattr(Array, f"__i{name}__", in_place(f"__{name}__"))
    for name in "neg abs lt gt le ge eq ne and or rand ror invert".split():
        setattr(Array, f"__{name}__", forward(f"__{name}__"))
    Array.__pos__ = Array.copy


_operators()


def writing(operation, inputs):
    """Return a NumPy function's meaning with its ``out=`` and ``where=``.

    Parameters
    ----------
    operation : callable
        On scalars and Arrays.
    inputs : int
        How many arguments it reads; one more is where it writes.
    """

    @wraps(operation)
    def function(*arguments, out=None, where=True, dtype=None):
        only_real(dtype)
        read, written = arguments[:inputs], arguments[inputs:]
        target = written[0] if written else out[0] if isinstance(out, tuple) else out
        result = operation(*read)
        if target is None:
            if where is not True:
                raise TraceError("where= without out= leaves elements unwritten; write np.where(condition, a, b)")
            return result
        if not isinstance(target, Array):
            raise TraceError("out= needs an array; write into one of the arrays that the step is given")
        return target._write(result if where is True else combine("where", where, result, target))

    return function


def scalars_only(operation, name):
    """Return the meaning of a function that Python or Numba would refuse on arrays."""

    @wraps(operation)
    def function(*arguments):
        if any(isinstance(a, Array) for a in arguments):
            raise TraceError(f"it calls {name} on an array; use the function of numpy of that name")
        return operation(*arguments)

    return function


def like(fill):
    """Return the meaning of zeros_like and its kin; without `fill` that of full_like."""

    def full_like(thing, fill_value, dtype=None, **_):
        only_real(dtype)
        return Array.full(thing.shape, fill_value) if isinstance(thing, Array) else lift(fill_value)

    return full_like if fill is None else lambda thing, dtype=None, **_: full_like(thing, fill, dtype)


def made(fill):
    """Return the meaning of numpy.zeros and its kin; without `fill` that of numpy.full."""

    def full(shape, fill_value, dtype=None, **_):
        only_real(dtype)
        return Array.full(shape, fill_value) if shape != () else lift(fill_value)

    return full if fill is None else lambda shape, dtype=None, **_: full(shape, fill, dtype)


def stacked(things):
    """Return the array of a list of scalars, or of arrays."""
    parts = [_cells(stacked(t) if isinstance(t, (list, tuple)) else t) for t in things]
    cells = np.empty((len(parts), *parts[0].shape) if parts else (0,), dtype=object)
    for i, part in enumerate(parts):
        cells[i] = part if part.ndim else part[()]
    return Array(cells)


def copied(thing, dtype=None, copy=True, **_):
    """Return a copy of an array (``copy=False``: the array itself), or a scalar as it is."""
    array = same(thing, dtype)
    return array.copy() if copy and array is thing and isinstance(thing, Array) else array


def same(thing, dtype=None, **_):
    """Return what is an array already, and a list of numbers as one."""
    only_real(dtype)
    if isinstance(thing, (list, tuple)):
        return stacked(thing)
    return thing if isinstance(thing, Array) else lift(thing)


def reshaped(thing, *_, **__):
    """Return an array as it is: the layout does not matter."""
    return thing if isinstance(thing, Array) else lift(thing)


def copy_to(target, source, casting="same_kind", where=True):
    """Write one array into another, where a condition holds."""
    del casting  # floats all
    if not isinstance(target, Array):
        raise ArrayNeeded("it writes into a scalar; write the step for one coordinate and return new values")
    target[...] = source if where is True else combine("where", where, source, target)


def enumerated(thing):
    """Yield ((i,), element) of an array."""
    return (((i,), element) for i, element in enumerate(thing))


def clip(thing, a_min=None, a_max=None, out=None, *, min=None, max=None):
    """Return thing, but at least a_min and at most a_max; None is no bound."""
    low, high = a_min if min is None else min, a_max if max is None else max
    result = thing if low is None else combine("max", thing, low)
    result = result if high is None else combine("min", result, high)
    return result if out is None else out._write(result)


def mixed(*_, **__):
    """Refuse what combines coordinates."""
    raise TraceError("it combines different coordinates (sum, mean, dot); an update rule here treats each alone")


EMPTY = leaf(UNWRITTEN)

ON_ARRAYS = {
    np.zeros_like: like(0),
    np.ones_like: like(1),
    np.empty_like: like(EMPTY),
    np.full_like: like(None),
    np.zeros: made(0),
    np.ones: made(1),
    np.empty: made(EMPTY),
    np.full: made(None),
    np.array: copied,
    np.copy: lambda thing, *_, **__: copied(thing),
    np.reshape: reshaped,
    np.ravel: reshaped,
    np.ndindex: np.ndindex,
    np.ndenumerate: enumerated,
    np.asarray: same,
    np.ascontiguousarray: same,
    np.copyto: copy_to,
    np.clip: clip,
    np.sum: mixed,
    np.mean: mixed,
    np.dot: mixed,
}
