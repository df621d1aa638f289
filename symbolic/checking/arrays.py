"""Arrays of symbols: what NumPy's arrays and functions mean when a step is traced over arrays.

An `Array` keeps its Values in an array of objects, so that views, slices and writing in place are NumPy's own, and
two names for one array are seen as what they are.
"""

from functools import wraps

import numpy as np

from ..decision.values import TraceError, Value, combine, leaf, lift

UNWRITTEN = "the memory of numpy.empty"  # the leaf for what nobody has written


def _object(value):
    """Return a scalar as an array of objects without dimensions, which NumPy does not look into."""
    cell = np.empty((), dtype=object)
    cell[()] = lift(value)
    return cell


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
    flat = property(lambda self: iter(self))

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
        self.cells[key] = _cells(value) if whole or isinstance(value, Array) else lift(value)

    def _write(self, value):
        self.cells[...] = _cells(value)
        return self

    def copy(self, *_, **__):
        """Return an array of its own."""
        return Array(self.cells.copy())

    flatten = astype = __copy__ = __deepcopy__ = copy

    def fill(self, value):
        """Write one scalar everywhere."""
        self._write(value)

    def reshape(self, *_, **__):
        """Return the same elements: every coordinate is treated alike, so their layout does not matter."""
        return self

    ravel = view = reshape
    T = property(reshape)

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
        del dtype  # real numbers here
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
    """Return the meaning of zeros_like and its kin."""

    def function(thing, value=fill, **_):
        return Array.full(thing.shape, value) if isinstance(thing, Array) else lift(value)

    return function


def made(fill):
    """Return the meaning of numpy.zeros and its kin."""
    return lambda shape, value=fill, **_: Array.full(shape, value) if shape != () else lift(value)


def copied(thing, *_, **__):
    """Return a copy of an array, or a scalar as it is."""
    return thing.copy() if isinstance(thing, Array) else lift(thing)


def same(thing, *_, **__):
    """Return what is an array already."""
    return thing if isinstance(thing, Array) else lift(thing)


def copy_to(target, source, **_):
    """Write one array into another."""
    target[...] = source


def clip(thing, low, high, out=None):
    """Return thing, but at least low and at most high; None is no bound."""
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
    np.full_like: like(EMPTY),
    np.zeros: made(0),
    np.ones: made(1),
    np.empty: made(EMPTY),
    np.full: made(EMPTY),
    np.array: copied,
    np.copy: copied,
    np.asarray: same,
    np.ascontiguousarray: same,
    np.copyto: copy_to,
    np.clip: clip,
    np.sum: mixed,
    np.mean: mixed,
    np.dot: mixed,
}
