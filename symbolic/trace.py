"""Runs a rule's own bytecode on symbols.

`rebind` gives a function, and the functions it calls, the same code and other meanings for their names. A name is
translated by what it means where the function was written, not by its spelling: ``from math import cbrt as sqrt``
is a cube root here too (and refused).
"""

import builtins
import dis
import linecache
import math
from fractions import Fraction
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import numba
import numpy as np

from optnumba.bind import bind
from optnumba.rule import where

from .checking.arrays import ON_ARRAYS, Array, same_number, scalars_only, writing
from .decision.values import TraceError, Value, combine, lift


def _two(op):
    def reduce_pairs(first, *rest):
        for other in rest:
            first = combine(op, first, other)
        return first

    return reduce_pairs


def _sign(a):
    return combine("where", combine("<", 0, a), 1, combine("where", combine("<", a, 0), -1, 0))


OPERATIONS = {
    "sqrt": lambda a: combine("sqrt", a),
    "exp": lambda a: combine("exp", a),
    "expm1": lambda a: combine("-", combine("exp", a), 1),
    "log": lambda a: combine("log", a),
    "log1p": lambda a: combine("log", combine("+", 1, a)),
    "abs": lambda a: combine("abs", a),
    "square": lambda a: combine("*", a, a),
    "sign": _sign,
    "negative": lambda a: combine("-", 0, a),
    "reciprocal": lambda a: combine("/", 1, a),
    "same": same_number,
    "max": _two("max"),
    "min": _two("min"),
    "add": _two("+"),
    "subtract": lambda a, b: combine("-", a, b),
    "multiply": _two("*"),
    "divide": lambda a, b: combine("/", a, b),
    "power": lambda a, b: combine("**", a, b),
    "where": lambda c, a, b: combine("where", c, a, b),
    "equal": lambda a, b: combine("==", a, b),
    "not_equal": lambda a, b: combine("not", combine("==", a, b)),
    "less": lambda a, b: combine("<", a, b),
    "less_equal": lambda a, b: combine("<=", a, b),
    "greater": lambda a, b: combine("<", b, a),
    "greater_equal": lambda a, b: combine("<=", b, a),
    "and": _two("and"),
    "or": _two("or"),
    "not": lambda a: combine("not", a),
}

MEANINGS = {
    where: "where",
    builtins.abs: "abs",
    builtins.max: "max",
    builtins.min: "min",
    builtins.pow: "power",
    builtins.float: "same",
    math.sqrt: "sqrt",
    math.exp: "exp",
    math.expm1: "expm1",
    math.log: "log",
    math.log1p: "log1p",
    math.fabs: "abs",
    math.pow: "power",
    np.sqrt: "sqrt",
    np.exp: "exp",
    np.expm1: "expm1",
    np.log: "log",
    np.log1p: "log1p",
    np.abs: "abs",
    np.fabs: "abs",
    np.square: "square",
    np.sign: "sign",
    np.negative: "negative",
    np.reciprocal: "reciprocal",
    np.float64: "same",
    np.float32: "same",
    np.maximum: "max",
    np.fmax: "max",
    np.minimum: "min",
    np.fmin: "min",
    np.add: "add",
    np.subtract: "subtract",
    np.multiply: "multiply",
    np.divide: "divide",
    np.power: "power",
    np.float_power: "power",
    np.where: "where",
    np.equal: "equal",
    np.not_equal: "not_equal",
    np.less: "less",
    np.less_equal: "less_equal",
    np.greater: "greater",
    np.greater_equal: "greater_equal",
    np.logical_and: "and",
    np.logical_or: "or",
    np.logical_not: "not",
}

# What Python refuses, or answers otherwise, when it is given arrays.
SCALAR_ONLY = {f for f in MEANINGS if getattr(f, "__module__", "") == "math"} | {max, min, float}

HARMLESS = {
    builtins.range,
    builtins.len,
    builtins.tuple,
    builtins.list,
    builtins.zip,
    builtins.enumerate,
    builtins.reversed,
    builtins.dict,
    builtins.hasattr,
    builtins.getattr,
    builtins.setattr,
}
FOLLOWED_MODULES = (math, np, numba)
KNOWN = "sqrt exp expm1 log log1p abs max min where square power sign of math, numpy and optnumba.rule"

# Bytecode of exception handlers and of `with`, in Python 3.10 and in later versions.
CATCHING = {"SETUP_FINALLY", "SETUP_WITH", "PUSH_EXC_INFO", "BEFORE_WITH"}


class Refused:
    """Stands for an object without a meaning on symbols: any use of it raises, naming it."""

    def __init__(self, name, thing):
        self._text = f"it uses {name} ({type(thing).__name__}), which has no meaning on symbols; use {KNOWN}"

    def _refuse(self, *_, **__):
        raise TraceError(self._text)

    def __getattr__(self, name):
        raise TraceError(f"{self._text} (asked for its attribute {name!r})")

    __call__ = __getitem__ = __setitem__ = __iter__ = __len__ = __bool__ = __float__ = __index__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __pow__ = __rpow__ = __neg__ = __abs__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse


class ModuleOnSymbols:
    """Stands for a module: its functions mean what they mean on symbols."""

    def __init__(self, module, rebinding):
        self._module, self._rebinding = module, rebinding

    def __getattr__(self, name):
        return self._rebinding.meaning(f"{self._module.__name__}.{name}", getattr(self._module, name))


def source_line(code, number):
    """Return a line of the source for a message: `` (file.py:12: x = np.round(x))``."""
    text = linecache.getline(code.co_filename, number).strip()
    return f" ({Path(code.co_filename).name}:{number}{': ' + text if text else ''})"


def _refuse(code, line, text):
    error = TraceError(text + source_line(code, line))
    error.located = True
    raise error


def global_names(code):
    """Return the global names that a code object, and the code inside it, reads (set of str); refuse writing any."""
    names, line = set(), code.co_firstlineno
    for instruction in dis.get_instructions(code):
        # Python 3.13 has the line in line_number, and made a flag of starts_line.
        line = getattr(instruction, "line_number", instruction.starts_line) or line
        if instruction.opname in CATCHING:
            _refuse(code, line, "it has a try or with statement, and so could hide an error; write straight-line code")
        if instruction.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            _refuse(code, line, f"it assigns to the global {instruction.argval!r}; return new values instead")
        if instruction.opname == "STORE_DEREF" and instruction.argval in code.co_freevars:
            text = f"it assigns to {instruction.argval!r} of an enclosing function; return new values instead"
            _refuse(code, line, text)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= global_names(constant)
    return names


class Rebinding:
    """Translates functions for one run, so that each is translated once.

    Parameters
    ----------
    free : callable, optional
        ``free(name, number)``: the Value that stands for a number from around the function, or None to keep it.
    """

    def __init__(self, free=lambda name, number: None):
        self.free = free
        self._done = {}

    def meaning(self, name, thing):
        """Return what `thing`, called `name` in the source, means on symbols."""
        if isinstance(thing, (bool, str, type(None), type(...), Value, Array)):
            return thing
        if isinstance(thing, (int, float, Fraction, np.floating, np.integer)):
            symbol = self.free(name, thing)
            if symbol is not None:
                return symbol
            return thing if isinstance(thing, int) else lift(thing)
        if isinstance(thing, tuple):
            return tuple(self.meaning(f"{name}[{i}]", item) for i, item in enumerate(thing))
        if isinstance(thing, ModuleType):
            return ModuleOnSymbols(thing, self) if thing in FOLLOWED_MODULES else Refused(name, thing)
        if getattr(type(thing), "__hash__", None):
            if thing in MEANINGS:
                return self._operation(thing)
            if thing in ON_ARRAYS:
                return ON_ARRAYS[thing]
            if thing is numba.prange:
                return range
        plain = getattr(thing, "py_func", thing)
        if isinstance(plain, FunctionType):
            return self.function(plain)
        error = isinstance(thing, type) and issubclass(thing, Exception)  # for `raise` on a path that is not taken
        return thing if error or getattr(type(thing), "__hash__", None) and thing in HARMLESS else Refused(name, thing)

    @staticmethod
    def _operation(thing):
        operation = OPERATIONS[MEANINGS[thing]]
        if thing in SCALAR_ONLY:
            return scalars_only(operation, f"{thing.__module__}.{thing.__name__}")
        return writing(operation, thing.nin) if isinstance(thing, np.ufunc) else operation

    @property
    def functions(self):
        """The functions that were translated (list)."""
        return list(self._done)

    def stand_in(self, function, other):
        """Make every call of `function` one of `other`, which takes and returns Values."""
        self._done[getattr(function, "py_func", function)] = other

    def line_of(self, error):
        """Return the last line of the translated functions that an error passed through, for a message (str)."""
        own, todo = set(), [function.__code__ for function in self._done]
        while todo:
            code = todo.pop()
            own.add(code)
            todo += [c for c in code.co_consts if isinstance(c, CodeType)]
        found, trace = "", error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code in own:
                found = source_line(trace.tb_frame.f_code, trace.tb_lineno)
            trace = trace.tb_next
        return found

    def function(self, function):
        """Return `function` with the same code object and its names, closure and defaults on symbols."""
        if function in self._done:
            return self._done[function]
        spaces = (function.__globals__, vars(builtins))
        found = {n: next((s[n] for s in spaces if n in s), None) for n in global_names(function.__code__)}
        missing = [n for n in found if not any(n in s for s in spaces)]
        if missing:
            raise TraceError(
                f"{function.__name__}: the name {missing[0]!r} is not defined where the function was written"
            )
        # The entry is made first, with an empty closure to fill, so that a function may refer to itself.
        cells = tuple(type(cell)() for cell in function.__closure__ or ())
        copy = FunctionType(function.__code__, function.__globals__, function.__name__, None, cells or None)
        bound = bind(copy, **dict.fromkeys(found))
        self._done[function] = bound
        bound.__globals__.update({n: self.meaning(n, thing) for n, thing in found.items()})
        for name, cell, old in zip(function.__code__.co_freevars, cells, function.__closure__ or (), strict=True):
            cell.cell_contents = self.meaning(name, old.cell_contents)
        bound.__defaults__ = self.meaning("default", function.__defaults__)
        keywords = function.__kwdefaults__ or {}
        bound.__kwdefaults__ = {n: self.meaning(n, thing) for n, thing in keywords.items()} or None
        if bound.__code__ is not function.__code__:
            raise AssertionError(f"{function.__name__}: what was traced is not the function's own code")
        return bound


def call(function, arguments, keywords, rebinding):
    """Run a function's own code on symbols; return its name, and whatever it returns.

    An error names the line of the source where it arose.
    """
    plain = getattr(function, "py_func", function)
    if not isinstance(plain, FunctionType):
        raise TraceError(f"{function!r} is not a Python or Numba function; pass one that takes and returns scalars")
    name = plain.__qualname__.rpartition("<locals>.")[2]
    try:
        return name, rebinding.function(plain)(*arguments, **keywords)
    except TraceError as why:
        place = "" if why.located else rebinding.line_of(why)
        raise type(why)(f"{name}() cannot be run on symbols: {why}{place}") from why
    except Exception as why:
        place = rebinding.line_of(why)
        raise TraceError(f"{name}() cannot be run on symbols: it raises {type(why).__name__}: {why}{place}") from why


def run(function, arguments, keywords=None, rebinding=None, returns=None):
    """Run a function's own code on Values and return what it returns.

    Parameters
    ----------
    function : function or numba dispatcher
        Straight-line scalar code.
    arguments : sequence of Value
        Its arguments by position.
    keywords : dict, optional
        Further arguments by name.
    rebinding : Rebinding, optional
        Another than the usual one.
    returns : int, optional
        How many values it has to return as a tuple; None for a function that returns one scalar.

    Returns
    -------
    tuple of Value, or Value

    Raises
    ------
    TraceError
        When the code cannot be followed on symbols, or returns something else.

    Examples
    --------
    >>> from optnumba.symbolic.decision.values import leaf
    >>> run(lambda x, y: abs(x) / y, [leaf("x"), leaf("y")])
    Value(Abs(x)/y)
    """
    name, result = call(function, arguments, keywords or {}, rebinding or Rebinding())
    if returns is None:
        return _scalar(name, result)
    if returns == 1 and isinstance(result, Value):
        result = (result,)
    if not isinstance(result, (tuple, list)) or len(result) != returns:
        what = f"{len(result)} values" if isinstance(result, (tuple, list)) else type(result).__name__
        raise TraceError(f"{name}() returns {what}; it should return a tuple of {returns}")
    return tuple(_scalar(name, item) for item in result)


def _scalar(name, item):
    try:
        return lift(item)
    except TraceError as why:
        raise TraceError(f"{name}() returns {type(item).__name__}, not a scalar: {why}") from why
