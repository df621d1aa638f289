"""Sums of products in vector instructions, in an order that does not depend on the machine.

LLVM may not reorder a sum of floats, so it does not vectorise one. Were it allowed to, the order would be another for
another processor, and in another loop around it. Here the order is written down: 16 sums side by side, each of every
16th product, folded into 4; a rest of at least 4 products goes to those, the last few to the end. And a loop over a few
columns it unrolls before it could vectorise it: `add_scaled` is half the time for 10.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Of 16 float64 are four registers of AVX2: an addition need not wait for the one before it.
WIDE, NARROW = 16, 4
INDEX = ir.IntType(32)


@intrinsic
def dot(typing_context, a, b):
    """Return the sum of a[j] * b[j] over two contiguous arrays of one size, in the wider of their dtypes."""
    dtype = typing_context.unify_types(a.dtype, b.dtype)

    def codegen(context, builder, signature, arguments):
        from numba.np.arrayobj import make_array

        arrays = [make_array(kind)(context, builder, value) for kind, value in zip((a, b), arguments, strict=True)]
        number, size = context.get_value_type(dtype), builder.extract_value(arrays[0].shape, 0)
        ends = [ir.Constant(size.type, 0), *(builder.and_(size, size.type(-lanes)) for lanes in (WIDE, NARROW)), size]
        total = ir.VectorType(number, WIDE)([0.0] * WIDE)
        for lanes, low, high in zip((WIDE, NARROW, 1), ends, ends[1:], strict=False):
            total = _accumulate(builder, _fold(builder, total, lanes), arrays, low, high)
        return builder.extract_element(total, INDEX(0))

    return dtype(a, b), codegen


def _accumulate(builder, start, arrays, low, high):
    """Return the vector `start` plus the products of [low, high), as many at a time as it has lanes."""
    total = cgutils.alloca_once_value(builder, start)
    with cgutils.for_range_slice(builder, low, high, low.type(start.type.count), inc=True) as (j, _):
        product = builder.fmul(*(_load(builder, array, j, start.type) for array in arrays))
        builder.store(builder.fadd(builder.load(total), product), total)
    return builder.load(total)


def _fold(builder, vector, lanes):
    """Return the upper half of a vector added to its lower half, and so on until `lanes` are left."""
    while vector.type.count > lanes:
        half = vector.type.count // 2
        masks = (ir.VectorType(INDEX, half)(list(range(k, k + half))) for k in (0, half))
        vector = builder.fadd(*(builder.shuffle_vector(vector, vector, mask) for mask in masks))
    return vector


@intrinsic(prefer_literal=True)
def add_scaled(typing_context, target, t, factor, source, s, lanes):
    """Add factor * source[s : s + lanes] to target[t : t + lanes], both of one dtype; `lanes` is a constant."""
    number = target.dtype

    def codegen(context, builder, signature, arguments):
        from numba.np.arrayobj import make_array

        into, out = (make_array(array)(context, builder, arguments[k]) for array, k in ((target, 0), (source, 3)))
        wanted = ir.VectorType(context.get_value_type(number), lanes.literal_value)
        one = builder.insert_element(wanted(ir.Undefined), arguments[2], INDEX(0))
        factors = builder.shuffle_vector(one, one, ir.VectorType(INDEX, wanted.count)([0] * wanted.count))
        product = builder.fmul(factors, _load(builder, out, arguments[4], wanted))
        moved = builder.fadd(_load(builder, into, arguments[1], wanted), product)
        builder.store(moved, _pointer(builder, into, arguments[1], wanted.count), align=number.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(target, types.intp, number, source, types.intp, lanes), codegen


def _pointer(builder, array, j, lanes):
    vector = ir.VectorType(array.data.type.pointee, lanes)
    return builder.bitcast(builder.gep(array.data, [j]), vector.as_pointer())


def _load(builder, array, j, wanted):
    """Return the entries of an array from `j` on as a vector of type `wanted`."""
    entry = array.data.type.pointee
    pointer = _pointer(builder, array, j, wanted.count)
    vector = builder.load(pointer, align=4 if isinstance(entry, ir.FloatType) else 8)
    return vector if entry == wanted.element else builder.fpext(vector, wanted)
