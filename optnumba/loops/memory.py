"""Arrays over memory that somebody else keeps alive, for compiled code."""

import numpy as np
from numba import literal_unroll, types
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
def frozen(typing_context, array):
    """Return `array` as one that compiled code may not write: a write is refused when that code is compiled."""
    result = array.copy(readonly=True)

    def codegen(context, builder, signature, arguments):
        return impl_ret_borrowed(context, builder, result, arguments[0])

    return result(array), codegen


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
        grad[:] = g.ravel()

    return assign_array


def disjoint(function):
    """Mark a loop of which no two arrays overlap, whoever calls it: LLVM then need not test for it."""
    function.arrays_are_disjoint = True
    return function


def row(matrix, k):
    """Return row k of a matrix whose rows are contiguous, though they may be apart."""
    return borrow(matrix.ctypes.data + k * matrix.strides[0], matrix.shape[1], matrix)
