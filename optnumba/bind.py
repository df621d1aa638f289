"""Rule × loop (× objective) → compiled kernel, and the key under which Numba keeps it on disk.

A loop calls names that its file does not define (`update`, `evaluate`, ...). `bind` gives them a meaning and `kernel`
compiles the result. The digest of all that was bound stands in the function's name, which Numba makes the name of its
cache file: a second process finds it, and an edited rule or objective does not find the old one. Closures over
dispatchers, and dispatchers as arguments, would miss in every process.
"""

import hashlib
import re
import threading
from dis import get_instructions
from types import CodeType, FunctionType

from numba import njit
from numba.core.dispatcher import Dispatcher

from .fingerprint import Unknown, fingerprint, is_library
from .loops import modified, norms, rates
from .loops.slots import CAST, LOAD, PACK, STORE, UNPACK, WINDOW
from .schedule import Schedule

# error_model: Python's, with its test for a zero divisor, keeps division from vectorising (9.5 times slower).
OPTIONS = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
# Of what only a kernel calls: a way in from Python would double the time to compile it (Adam: 1.7 s to 3.8 s).
INNER_OPTIONS = {**OPTIONS, "no_cpython_wrapper": True}

# Numba's workqueue, the one threading layer that is always there, aborts the process when two threads enter it.
one_parallel_call = threading.Lock()

_kernels = {}
_parts = {}


def bind(function, **names):
    """Return `function` with the same bytecode and other meanings for its global names.

    Parameters
    ----------
    function : function
        A plain Python function.
    **names : object
        What its global names (built-in ones too: ``max``, ``abs``) shall mean.

    Returns
    -------
    function
        A new function; ``bind(f, ...).__code__ is f.__code__``.

    Examples
    --------
    >>> import math
    >>> def norm(x, y):
    ...     return sqrt(x * x + y * y)
    >>> bind(norm, sqrt=math.sqrt)(3.0, 4.0)
    5.0
    """
    bound = FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    bound.__kwdefaults__ = function.__kwdefaults__
    bound.__qualname__, bound.__module__, bound.__doc__ = function.__qualname__, function.__module__, function.__doc__
    bound.__dict__.update(function.__dict__)
    return bound


def rule_names(rule, schedule=None):
    """Return what the names in a loop mean for `rule` (dict).

    Parameters
    ----------
    rule : Rule
    schedule : Schedule, function or Numba dispatcher, optional
        The learning rate as a function of t, where it is not constant.

    Returns
    -------
    dict of str to function or int
    """
    slots, carry = len(rule.slots), len(rule.carry)
    for count, table, what in (
        (slots, LOAD, "slots"),
        (carry, PACK, "carried scalars"),
        (len(rule.hyper), UNPACK, "hyperparameters"),
        (len(rule.coefficient_names), CAST, "coefficients"),
    ):
        if count >= len(table):
            raise TypeError(f"rule {rule.name!r} has {count} {what}, loops/slots.py has functions for {len(table) - 1}")
    has_rate = "learning_rate" in rule.defaults
    rate = rates.constant if has_rate else rates.rateless
    if isinstance(schedule, Schedule):
        rate, schedule = rates.parametric, schedule.rate
    elif schedule is not None:
        rate = rates.scheduled
    return {
        "update": rule.update,
        "coefficients": rule.coefficients,
        "advance": rates.with_rate if has_rate else rates.without_rate,
        "learning_rate": rate,
        "schedule": schedule,
        "load": LOAD[slots],
        "store": STORE[slots],
        "window": WINDOW[slots],
        "cast": CAST[len(rule.coefficient_names)],
        "unpack": UNPACK[carry],
        "unpack_hyper": UNPACK[len(rule.hyper)],
        "pack": PACK[carry],
        "CARRY": carry,
        **_norm_names(rule),
        **_average_names(rule),
    }


def _norm_names(rule):
    """Return what makes of the norm of a gradient a coefficient, for a rule that has one for it (dict)."""
    if "clip_norm" not in rule.coefficient_names:
        return {"measure": norms.no_norm, "limited": norms.unlimited}
    place = rule.coefficient_names.index("clip_norm")
    places = {"CLIP": list(rule.defaults).index("clip_norm"), "FACTOR": place, "BEHIND": place + 1}
    return {"measure": norms.measure, "limited": norms.limited, **places}


def _average_names(rule):
    """Return what becomes of the average where a loop moves x after a step, into bounds or by a proximal one (dict)."""
    if rule.slots[-1:] != ("average",):
        return {"put": modified.put_to, "move_average": modified.no_average}
    names = {"put": modified.averaged_at, "move_average": modified.moved_average}
    return {**names, "iterate": rule.readout or modified.held}


def kernel(loop, label, names, parallel=False):
    """Return `loop` compiled, with `names` bound in it and in the functions of optnumba that it calls.

    Parameters
    ----------
    loop : function
        From `optnumba.loops`.
    label : str
        For the names of cache files.
    names : dict
        Functions, dispatchers and constants; functions are compiled with the loop.
    parallel : bool, default False
        Whether its `prange` runs in threads.

    Returns
    -------
    Numba dispatcher
        The same one whenever the digest of all this is the same.
    """
    key, cacheable = _key(loop, parallel, names)
    if key not in _kernels:
        bound = bind(loop, **compiled_parts(loop, names, _compile_part, _parts))
        # A rule may have a name that no file can have: "mine/brisk".
        part_of_file_name = re.sub(r"\W", "_", label[:40])
        bound.__qualname__ = f"{loop.__name__}_{part_of_file_name}_{key[:16]}"
        try:
            made = _compile(bound, cache=cacheable, parallel=parallel, **OPTIONS)
        except RuntimeError as error:
            if "no locator" not in str(error):
                raise
            # No folder to keep it in: installed read-only, by a user without a home.
            made, cacheable = _compile(bound, parallel=parallel, **OPTIONS), False
        if cacheable:
            _compile_again_when_damaged(made._cache)
        _kernels[key] = made
    return _kernels[key]


def kernels():
    """Return every kernel this process has made (list of Numba dispatchers)."""
    return list(_kernels.values())


def _key(loop, parallel, names):
    digest, cacheable = hashlib.sha256(f"{INNER_OPTIONS} {parallel} {fingerprint(loop)}".encode()), True
    for name in sorted(names):
        try:
            part = fingerprint(names[name])
        except Unknown:
            # Two objects may not share a kernel, and no other process can know what this one is.
            part, cacheable = f"object {id(names[name])}", False
        digest.update(f"{name} {part}".encode())
    return digest.hexdigest(), cacheable


def _compile(function, **options):
    marks = {"parallel": "runs_in_threads", "forceinline": "is_inlined"}
    marked = {option: True for option, mark in marks.items() if getattr(function, mark, False)}
    dispatcher = njit(**options | marked)(function)
    if not isinstance(dispatcher, Dispatcher):
        raise RuntimeError("NUMBA_DISABLE_JIT is set, and optnumba's loops exist only compiled; unset it")
    if getattr(function, "arrays_are_disjoint", False):
        dispatcher._compiler._customize_flags = _disjoint
    return dispatcher


def _compile_again_when_damaged(cache):
    """Make a cache file that cannot be read, cut short by a full disk or a power cut, one that is not there."""
    load = cache.load_overload

    def load_overload(signature, target_context):
        try:
            return load(signature, target_context)
        except Exception:  # whatever half a pickle or half an object file raises
            cache.flush()
            return None

    cache.load_overload = load_overload


def _disjoint(flags):
    # Numba has the flag and no option for it. Without it LLVM compares addresses before each loop, and does not
    # vectorise below about 30 coordinates: 62 ns instead of 45 for a step of Adam with n = 10.
    flags.noalias = True
    return flags


def _compile_part(function):
    return _compile(function, **INNER_OPTIONS)


def compiled_parts(function, names, compile_part, kept, instead=None, above=()):
    """Return the names that `function` uses, bound to compiled functions.

    Parameters
    ----------
    function : function
        A loop, or what it calls.
    names : dict
        What names mean that no file defines.
    compile_part : callable
        The backend's: of a function whose names are bound it makes one that a kernel can call.
    kept : dict
        Of the same backend, for the parts: one for all kernels in which it means the same, since most of a loop does
        not depend on the rule.
    instead : dict, optional
        What the backend takes in place of functions of a library.
    above : tuple of function
        Those that led here, which may not be called again.

    Returns
    -------
    dict of str to compiled function or constant
    """
    bound = {}
    for name in _global_names(function.__code__):
        # What a file defines itself comes first: a rule may have a helper with the name of something in a loop.
        value = function.__globals__.get(name, names.get(name))
        if instead and callable(value):
            value = instead.get(value, value)
        if isinstance(value, FunctionType) and not _left_to_numba(value):
            if value in above:
                raise TypeError(f"{value.__qualname__} calls itself; compile it with numba.njit and pass that")
            parts = compiled_parts(value, names, compile_part, kept, instead, (*above, value))
            key = value, tuple(sorted((part, id(meaning)) for part, meaning in parts.items()))
            if key not in kept:
                kept[key] = compile_part(bind(value, **parts))
            value = kept[key]
        if value is not None:
            bound[name] = value
    return bound


def _left_to_numba(function):
    return hasattr(function, "compiled_by_overload") or is_library(function)


def _global_names(code):
    inner = (name for c in code.co_consts if isinstance(c, CodeType) for name in _global_names(c))
    return {i.argval for i in get_instructions(code) if i.opname == "LOAD_GLOBAL"}.union(inner)
