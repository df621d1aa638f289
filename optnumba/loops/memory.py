"""Arrays over memory that somebody else keeps alive, for compiled code."""

import numpy as np
from numba import literal_unroll, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload


@intrinsic
def borrow(typing_context, address, size, like):
    """Return the 1-D contiguous array of `size` elements at `address`, with the dtype of `like`.

    It counts no references: creating one costs two atomic additions less than a slice does. Whoever calls
    keeps the memory alive.
    """
    # Imported when first compiled: `import numba` does without it, and it costs 30 ms.
    from numba.np.arrayobj import make_array, populate_array

    result = types.Array(like.dtype, 1, "C")

    def codegen(context, builder, signature, arguments):
        location, count, _ = arguments
        array = make_array(result)(context, builder)
        itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(like.dtype)))
        data = builder.inttoptr(location, context.get_data_type(types.CPointer(like.dtype)))
        populate_array(array, data=data, shape=[count], strides=[itemsize], itemsize=itemsize, meminfo=None)
        return array._getvalue()

    return result(types.intp, types.intp, like), codegen


@intrinsic
def lend(typing_context, matrix, k):
    """Return row k of a matrix with contiguous rows, as an array that keeps the memory alive, for 7 ns."""
    result = types.Array(matrix.dtype, 1, "C")

    def codegen(context, builder, signature, arguments):
        from numba.np.arrayobj import make_array, populate_array

        source, array = make_array(matrix)(context, builder, arguments[0]), make_array(result)(context, builder)
        stride = builder.extract_value(source.strides, 0)
        first = builder.ptrtoint(source.data, stride.type)
        address = builder.add(first, builder.mul(arguments[1], stride))
        populate_array(
            array,
            data=builder.inttoptr(address, array.data.type),
            shape=[builder.extract_value(source.shape, 1)],
            strides=[source.itemsize],
            itemsize=source.itemsize,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return impl_ret_borrowed(context, builder, result, array._getvalue())

    return result(matrix, types.intp), codegen


@intrinsic
def uncounted(typing_context, value):
    """Return an array, or a tuple with arrays, of which no references are counted: whoever calls keeps it alive.

    Counting takes two atomic additions, 10 ns, wherever an array is handed on: half of the time of a loop over samples.
    """

    def strip(context, builder, kind, given):
        from numba.np.arrayobj import make_array

        if isinstance(kind, types.Array):
            array = make_array(kind)(context, builder, given)
            array.meminfo = cgutils.get_null_value(array.meminfo.type)
            return array._getvalue()
        if isinstance(kind, types.BaseTuple):
            parts = enumerate(kind.types)
            return context.make_tuple(
                builder, kind, [strip(context, builder, part, builder.extract_value(given, k)) for k, part in parts]
            )
        return given

    def codegen(context, builder, signature, arguments):
        stripped = strip(context, builder, value, arguments[0])
        context.nrt.incref(builder, value, stripped)
        return stripped

    return value(value), codegen


@intrinsic
def frozen(typing_context, array):
    """Return `array` as one that compiled code may not write: a write is refused when that code is compiled."""
    result = array.copy(readonly=True)

    def codegen(context, builder, signature, arguments):
        return impl_ret_borrowed(context, builder, result, arguments[0])

    return result(array), codegen


# Bytes of a row that are fetched ahead: the processor itself fetches what follows.
AHEAD = 1024


def _fetch(builder, address):
    """Emit the instruction that starts to load a cache line, into all levels, to be read."""
    from llvmlite import ir

    byte = ir.IntType(8).as_pointer()
    flag = ir.IntType(32)
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag]), "llvm.prefetch.p0"
    )
    builder.call(function, [builder.inttoptr(address, byte), flag(0), flag(3), flag(1)])


@intrinsic
def fetch_rows(typing_context, arrays, i):
    """Start to load row i of every array of a tuple, so that it is there when it is needed.

    Rows in random order come from memory, at 100 ns and more each; together they come several times as fast.
    """

    def codegen(context, builder, signature, arguments):
        from numba.np.arrayobj import make_array

        for k, kind in enumerate(arrays.types if isinstance(arrays, types.BaseTuple) else ()):
            if not isinstance(kind, types.Array) or kind.ndim == 0:
                continue
            array = make_array(kind)(context, builder, builder.extract_value(arguments[0], k))
            stride = builder.extract_value(array.strides, 0)
            first = builder.add(builder.ptrtoint(array.data, stride.type), builder.mul(arguments[1], stride))
            if kind.ndim == 1:
                _fetch(builder, first)
                continue
            step = stride.type(64)
            size = builder.select(builder.icmp_signed("<", stride, stride.type(AHEAD)), stride, stride.type(AHEAD))
            with cgutils.for_range_slice(builder, stride.type(0), size, step) as (offset, _):
                _fetch(builder, builder.add(first, offset))
        return context.get_dummy_value()

    return types.void(arrays, types.intp), codegen


@intrinsic
def fetch(typing_context, array, i):
    """Start to load element i of a 1-D array."""

    def codegen(context, builder, signature, arguments):
        from numba.np.arrayobj import make_array

        data = make_array(array)(context, builder, arguments[0])
        stride = builder.extract_value(data.strides, 0)
        _fetch(builder, builder.add(builder.ptrtoint(data.data, stride.type), builder.mul(arguments[1], stride)))
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


def real_array(value):
    """Return `value` as an array, or None where it does not consist of real numbers."""
    try:
        array = np.asarray(value)
    except ValueError:  # of unequal lengths
        return None
    return array if array.dtype.kind in "biuf" else None


def assign(grad, g):
    """Write a gradient that the objective returned, an array or a tuple of scalars, into `grad`."""
    array = real_array(g)
    if array is None:
        raise TypeError(f"the gradient {g!r} is not an array of real numbers; return {grad.size} floats")
    if array.size != grad.size:
        raise ValueError(f"the gradient has shape {array.shape}, expected {grad.shape}: one number per entry of x0")
    grad[:] = array.ravel()


assign.compiled_by_overload = True


@overload(assign)
def _assign_compiled(grad, g):
    if isinstance(g, types.BaseTuple):

        def assign_tuple(grad, g):
            if len(g) != grad.size:
                raise ValueError("the gradient is a tuple of another length than x0; return one number per entry of x0")
            i = 0
            for value in literal_unroll(g):
                grad[i] = value
                i += 1

        return assign_tuple

    def assign_array(grad, g):
        if g.size != grad.size:
            raise ValueError("the gradient has another size than x0; return one number per entry of x0")
        entries = flat(g)
        # Not grad[:] = entries, which takes 2 s to compile, for the words of an error: three fifths of a first call.
        for i in range(grad.size):
            grad[i] = entries[i]

    return assign_array


def flat(g):
    """Return a vector as it is, and any other array as one."""


@overload(flat)
def _flat_compiled(g):
    if isinstance(g, types.Array):
        return (lambda g: g) if g.ndim == 1 else (lambda g: g.ravel())


def disjoint(function):
    """Mark a loop of which no two arrays overlap, whoever calls it: LLVM then need not test for it."""
    function.arrays_are_disjoint = True
    return function


def inlined(function):
    """Mark a function to be inlined whatever its size: to hand it many arrays can take longer than what it does."""
    function.is_inlined = True
    return function


def threaded(function):
    """Mark a loop whose `prange` runs in threads, though the loop that calls it runs in one."""
    function.runs_in_threads = True
    return function


def row(matrix, k):
    """Return row k of a matrix whose rows are contiguous, though they may be apart."""
    return borrow(matrix.ctypes.data + k * matrix.strides[0], matrix.shape[1], matrix)


def part(array, begin, end):
    """Return elements `begin` to `end` of a contiguous 1-D array."""
    return borrow(array.ctypes.data + begin * array.itemsize, end - begin, array)
