"""Rule × loop → CUDA kernel, from the bytecode that is proved; and its launch."""

import math
import warnings

import numpy as np

from ..bind import bind, compiled_parts, rule_names
from ..loops import cuda as loops
from ..loops import cuda_norms
from ..loops.rates import prepare
from ..loops.slots import PACK, ROWS, UNPACK
from ..rule import parameters
from ..schedule import Schedule
from . import driver
from .arrays import BYTES
from .pointers import larger, pointers, smaller
from .tables import BY_VALUE

_kernels, _parts = {}, {}

# Compiled once for each dtype.
OF_EVERY_RULE = (loops.write_addresses, cuda_norms.squares_of_blocks, cuda_norms.clip)

CONFIGURATIONS = 1000  # of a kernel: grids and streams that are kept

# numba-cuda has these of `math` only; on a device the logarithm of 0 is no error there.
INSTEAD = {np.expm1: math.expm1, np.log1p: math.log1p}


def on_a_device(rule, dtype, schedule=None, resident=False):
    """Return what the names in `loops.cuda` mean for a step of `rule` (dict).

    Parameters
    ----------
    rule : Rule
    dtype : str
        Of the parameters: "float32", "float64", "float16" or "bfloat16".
    schedule : Schedule, function or Numba dispatcher, optional
    resident : bool, default False
        Whether the step count and the coefficients are in the memory of the device.
    """
    count = len(rule.coefficient_names)
    rule_and_rate = rule_names(rule, schedule)
    pointing = pointers(dtype)
    sizes = {"X_BYTES": BYTES[dtype], "G_BYTES": BYTES[dtype], "THREADS": driver.threads()}
    sizes |= {"SLOTS": len(rule.slots), "COEFFICIENTS": count}
    parts = {
        "rows": ROWS[len(rule.slots)],
        "unpack_coefficients": UNPACK[count],
        "pack_coefficients": PACK[count],
        "pack_addresses": PACK[BY_VALUE],
        "place": loops.place,
        "prepare": prepare,
        "max": larger,
        "min": smaller,
        "numbers": loops.kept if resident else loops.passed,
        "halted": loops.stopped if resident else loops.running,
    }
    if "widen" in pointing:
        coordinate = {
            "target": loops.mastered,
            "source": pointing["halves"],
            "value": loops.read_master,
            "gradient": loops.read_half,
            "keep": loops.write_both,
        }
    else:
        coordinate = {
            "target": loops.plain,
            "source": pointing["pointer"],
            "value": loops.read,
            "gradient": loops.read,
            "keep": loops.write,
        }
    return {**rule_and_rate, **pointing, **sizes, **parts, **coordinate}


def bound(loop, names):
    """Return a loop as the function that CUDA compiles.

    Parameters
    ----------
    loop : function
        From `optnumba.loops`.
    names : dict
        As `on_a_device` returns them.
    """
    instead = None if driver.simulated() else INSTEAD
    return bind(loop, **compiled_parts(loop, {**names, "cuda": driver.toolkit()}, compiled_part, _parts, instead))


def signature_of(loop, names):
    """Return the types of the arguments of a kernel, which follow from what they are called.

    Parameters
    ----------
    loop : function
    names : dict
        As `on_a_device` returns them.
    """
    types = driver.part("types")
    number = types.float64 if names["BYTES"] == 8 else types.float32
    known = {"huge": types.float64, "limit": types.float64, "numbers": types.UniTuple(types.int64, BY_VALUE)}
    if names["numbers"] is loops.passed:
        known["c"] = types.UniTuple(number, names["COEFFICIENTS"])
    return types.void(*(known.get(name, types.int64) for name in parameters(loop)))


class Kernel:
    """A compiled loop, to be launched.

    Parameters
    ----------
    loop : function
        From `optnumba.loops`.
    names : dict
        As `on_a_device` returns them.
    """

    def __init__(self, loop, names):
        # Types are given, not found at each launch: 2 µs less.
        signature = () if driver.simulated() else (signature_of(loop, names),)
        self._compiled = driver.toolkit().jit(*signature)(bound(loop, names))
        self._configured = {}

    def __call__(self, blocks, threads, stream, *arguments):
        """Launch it on `stream`; nothing waits for it."""
        key = blocks, threads, stream
        if key not in self._configured:
            if len(self._configured) == CONFIGURATIONS:
                self._configured.clear()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a grid that does not fill the card: small arrays are what they are
                self._configured[key] = self._compiled[blocks, threads, stream]
        if not driver.simulated():
            self._configured[key](*arguments)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy, where a number overflows or is none: a card says nothing
            try:
                self._configured[key](*arguments)
            except Exception as error:
                raise driver.SimulatedFault(str(error)) from error


def kernel(loop, key, names):
    """Return a `Kernel`, the same one whenever `loop` and `key` are the same.

    Parameters
    ----------
    loop : function
    key : tuple
        What `names` depends on.
    names : callable
        Returns them.
    """
    if (loop, key) not in _kernels:
        _kernels[loop, key] = Kernel(loop, names())
    return _kernels[loop, key]


def step_kernel(loop, rule, dtype, schedule, resident):
    """Return the `Kernel` of a loop that takes part in a step; those that come to the same code share one.

    Parameters
    ----------
    loop : function
    rule : Rule
    dtype : str
    schedule : Schedule, function or None
        Its numbers travel in the launches, and only `loops.cuda.count` asks it for anything.
    resident : bool
    """
    if loop in OF_EVERY_RULE:
        key = (dtype,)
    elif loop is loops.count:
        key = (rule, dtype, schedule.rate if isinstance(schedule, Schedule) else schedule)
    else:
        key, schedule = (rule, dtype, resident), None
    return kernel(loop, key, lambda: on_a_device(rule, dtype, schedule, resident))


def compiled_part(function):
    """Return what a kernel can call of a function whose names are bound."""
    if not driver.simulated():
        return driver.toolkit().jit(device=True)(function)
    # Python's root is a float, and what is done with two of them would not be rounded to float32; that of -1 raises.
    return bind(function, sqrt=np.sqrt) if function.__globals__.get("sqrt") is math.sqrt else function
