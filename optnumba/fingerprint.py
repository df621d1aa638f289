"""What compiled code depends on, as a digest: the part of the cache key that Numba leaves out.

Numba notices an edit of the file that defines a function, not of what that function calls in other files nor of the
global values that were frozen into the machine code.
"""

import hashlib
import types
import weakref
from functools import singledispatch

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic

# What they do changes with their version only, which is part of every digest.
LIBRARIES = ("builtins", "math", "cmath", "operator", "llvmlite", "numba", "numpy", "scipy")
VERSIONS = numba.__version__, np.__version__

_digests = weakref.WeakKeyDictionary()


class Unknown(Exception):
    """Raised for a value of which nobody can tell whether it changes: no other process may use the compiled code."""


def fingerprint(value):
    """Return a digest of `value` and of all that it calls or reads (str of 64 hexadecimal digits).

    Parameters
    ----------
    value : function, Numba dispatcher, number, string, array, or tuple, list or dict of these
        Functions are followed through their global names, closures and defaults.

    Returns
    -------
    str

    Raises
    ------
    Unknown
        When it depends on an object that is none of these.

    Examples
    --------
    >>> fingerprint(lambda x: x + 1) == fingerprint(lambda x: x + 2)
    False
    """
    remembered = isinstance(value, (Dispatcher, types.FunctionType))
    if remembered and value in _digests and getattr(value, "__module__", "").startswith("optnumba."):
        return _digests[value]
    digest = hashlib.sha256(repr((VERSIONS, describe(value, ()))).encode()).hexdigest()
    if remembered and _digests.setdefault(value, digest) != digest:
        # What Numba compiled of it before and what it will compile for another signature are two things.
        raise Unknown(f"{value.__qualname__}, which depends on values that changed since it was first used")
    return digest


@singledispatch
def describe(value, above):
    """Return nested tuples of strings and numbers that change when `value` does; `above` are the functions it is in."""
    if is_library(value):
        return value.__module__, getattr(value, "__qualname__", None) or repr(value)
    raise Unknown(f"{value!r} of {type(value)}")


def is_library(value):
    """Tell whether `value` is defined in one of `LIBRARIES`."""
    return (getattr(value, "__module__", None) or "").partition(".")[0] in LIBRARIES


@describe.register(type(None))
@describe.register(bool)
@describe.register(int)
@describe.register(float)
@describe.register(complex)
@describe.register(str)
@describe.register(bytes)
@describe.register(type(Ellipsis))
@describe.register(np.generic)
def _(value, above):
    return type(value).__name__, repr(value)


@describe.register(tuple)
@describe.register(list)
def _(value, above):
    return type(value).__name__, tuple(describe(item, above) for item in value)


@describe.register(set)
@describe.register(frozenset)
def _(value, above):
    # Sorted: the order of a set of strings differs from process to process.
    return type(value).__name__, tuple(sorted(repr(describe(item, above)) for item in value))


@describe.register(slice)
def _(value, above):
    return "slice", describe((value.start, value.stop, value.step), above)


@describe.register(dict)
def _(value, above):
    return "dict", tuple((repr(key), describe(item, above)) for key, item in value.items())


@describe.register(np.ndarray)
def _(value, above):
    if value.dtype.hasobject:
        raise Unknown(f"an array of objects of shape {value.shape}")
    return "array", str(value.dtype), value.shape, hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()


@describe.register(types.ModuleType)
def _(value, above):
    return "module", value.__name__, getattr(value, "__version__", None)


@describe.register(Dispatcher)
def _(value, above):
    signatures = () if value._can_compile else tuple(map(str, value.signatures))
    for called in _functions_called(value.py_func):
        # Nobody can tell what a plain function is in compiled code: its @overload is somewhere else.
        raise Unknown(f"{called.__qualname__}, compiled by an overload")
    return "dispatcher", describe(value.targetoptions, above), signatures, describe(value.py_func, above)


def _functions_called(function):
    """Return the plain Python functions, not of a library, among the global values that `function` uses (list)."""
    used = (function.__globals__.get(name) for name in function.__code__.co_names)
    return [value for value in used if isinstance(value, types.FunctionType) and not is_library(value)]


@describe.register(_Intrinsic)
def _(value, above):
    return "intrinsic", describe(value._defn, above)


@describe.register(types.FunctionType)
def _(value, above):
    if is_library(value):
        return value.__module__, value.__qualname__
    if value in above:
        # A second process that loads a caller of a recursive function from Numba's cache crashes (0.68.1).
        raise Unknown(f"{value.__qualname__}, which calls itself")
    above = (*above, value)
    cells = tuple(describe(cell.cell_contents, above) for cell in value.__closure__ or ())
    defaults = (value.__defaults__, tuple((value.__kwdefaults__ or {}).items()))
    marks = tuple(sorted(value.__dict__))
    return "function", marks, describe(defaults, above), cells, _describe_code(value.__code__, value.__globals__, above)


def _describe_code(code, names, above):
    constants = tuple(
        _describe_code(c, names, above) if isinstance(c, types.CodeType) else describe(c, above) for c in code.co_consts
    )
    used = tuple((name, _describe_global(names[name], code.co_names, above)) for name in code.co_names if name in names)
    return code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, constants, used


def _describe_global(value, attributes, above):
    """Describe a global value; of a module outside the libraries, also what its code may take from it."""
    described = describe(value, above)
    if isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] not in LIBRARIES:
        inside = ((name, getattr(value, name)) for name in attributes if hasattr(value, name))
        return described, tuple((name, _describe_global(item, attributes, above)) for name, item in inside)
    return described
