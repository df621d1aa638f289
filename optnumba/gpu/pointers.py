"""What an address means in a kernel: a pointer to numbers of the device, or in the simulator of the host."""

import ctypes
from functools import lru_cache

import numpy as np

from . import driver


def larger(a, b):
    """Return what `max` of Python and of Numba on the CPU does, also of NaN: CUDA's own ignores it."""
    return b if b > a else a


def smaller(a, b):
    """Return the same of `min`."""
    return b if b < a else a


@lru_cache(maxsize=8)
def pointers(dtype):
    """Return what the names of `loops.cuda` mean that turn addresses into numbers (dict).

    Parameters
    ----------
    dtype : str
        Of the parameters.
    """
    number = np.float64 if dtype == "float64" else np.float32
    to = _simulated_pointer if driver.simulated() else _pointer
    names = {"pointer": to(number), "integers": to(np.int64), "doubles": to(np.float64), "halves": to(np.uint16)}
    if dtype in ("float16", "bfloat16"):
        widen, narrow = (_simulated_halves if driver.simulated() else _halves)(dtype == "bfloat16")
        names |= {"widen": widen, "narrow": narrow}
    return names | {"number": number, "DOUBLE": np.float64, "BYTES": np.dtype(number).itemsize}


# -- On the device ---------------------------------------------------------------------------------------------------


def _pointer(number):
    from llvmlite import ir

    types, intrinsic = driver.part("types"), driver.part("extending").intrinsic
    kind = {np.float32: types.float32, np.float64: types.float64, np.int64: types.int64, np.uint16: types.uint16}
    result = types.CPointer(kind[number])

    @intrinsic
    def pointer(typing_context, address):
        def codegen(context, builder, signature, arguments):
            # Global memory (address space 1), said so: a load through a generic pointer has to find out.
            pointee = context.get_data_type(result.dtype)
            where = builder.inttoptr(arguments[0], ir.PointerType(pointee, 1))
            return builder.addrspacecast(where, ir.PointerType(pointee))

        return result(types.int64), codegen

    return pointer


def _halves(brain):
    """Return the intrinsics that widen 16 bits to float32, and that round float32 to 16 bits, to even."""
    from llvmlite import ir

    types, intrinsic = driver.part("types"), driver.part("extending").intrinsic
    word, half, single = ir.IntType(32), ir.HalfType(), ir.FloatType()

    @intrinsic
    def widen(typing_context, bits):
        def codegen(context, builder, signature, arguments):
            if not brain:
                return builder.fpext(builder.bitcast(arguments[0], half), single)
            return builder.bitcast(builder.shl(builder.zext(arguments[0], word), word(16)), single)

        return types.float32(types.uint16), codegen

    @intrinsic
    def narrow(typing_context, value):
        def codegen(context, builder, signature, arguments):
            if not brain:
                return builder.bitcast(builder.fptrunc(arguments[0], half), ir.IntType(16))
            bits = builder.bitcast(arguments[0], word)
            last = builder.and_(builder.lshr(bits, word(16)), word(1))
            rounded = builder.add(builder.add(bits, word(0x7FFF)), last)
            is_nan = builder.fcmp_unordered("uno", arguments[0], arguments[0])
            quiet = builder.or_(bits, word(0x400000))
            return builder.trunc(builder.lshr(builder.select(is_nan, quiet, rounded), word(16)), ir.IntType(16))

        return types.uint16(types.float32), codegen

    return widen, narrow


# -- In the simulator ------------------------------------------------------------------------------------------------


class _Pointer:
    def __init__(self, address, number):
        self.address, self.number, self.bytes = int(address), number, np.dtype(number).itemsize

    def _element(self, i):
        memory = (ctypes.c_char * self.bytes).from_address(self.address + int(i) * self.bytes)
        return np.frombuffer(memory, self.number)

    def __getitem__(self, i):
        return self._element(i)[0]

    def __setitem__(self, i, value):
        self._element(i)[0] = value


def _simulated_pointer(number):
    def pointer(address):
        return _Pointer(address, number)

    return pointer


def _simulated_halves(brain):
    def widen(bits):
        return (np.uint32(bits) << np.uint32(16)).view(np.float32) if brain else np.float32(bits.view(np.float16))

    def narrow(value):
        if not brain:
            with np.errstate(over="ignore"):
                return np.float16(value).view(np.uint16)
        bits = int(np.float32(value).view(np.uint32))
        return np.uint16((bits | 0x400000 if value != value else bits + 0x7FFF + (bits >> 16 & 1)) >> 16 & 0xFFFF)

    return widen, narrow
