"""The norm of a gradient on a CUDA device, and from it the factor by which the gradient is clipped.

Squares are summed in float64 in three classes by size, each scaled, so that they neither overflow nor vanish and no
division is needed (Blue 1978). The order of all sums is fixed: the result is the same in each run and on each card.
"""

from math import sqrt

from .norms import factor_of

LARGE, SMALL = 2.0**486, 2.0**-486
DOWN, UP = 2.0**-538, 2.0**600


def squares_of_blocks(layouts, width, blocks, count, sums):
    """Write to `sums` three numbers for each CUDA block: the squares of the small, middle and large entries of g.

    `layouts` and `blocks` are those of `loops.cuda.strided`; with a width of 2 they are those of `loops.cuda.many`.
    """
    shared = cuda.shared.array((3, THREADS), DOUBLE)
    table, rest, out = integers(blocks), integers(layouts), doubles(sums)
    axes = (width - 2) // 3
    thread = cuda.threadIdx.x
    small, middle, large = 0.0, 0.0, 0.0
    b = cuda.blockIdx.x
    while b < count:
        array, first, size = table[4 * b], table[4 * b + 1], table[4 * b + 3]
        entry = array * width
        j = thread
        while j < size:
            address = rest[entry + 1] + (first + j) * G_BYTES
            if axes > 0:
                address = place(rest, entry, axes, first + j)[1]
            a = abs(DOUBLE(gradient(source(address), 0)))
            if a > LARGE:
                large += (a * DOWN) * (a * DOWN)
            elif a < SMALL:
                small += (a * UP) * (a * UP)
            else:
                middle += a * a
            j += cuda.blockDim.x
        b += cuda.gridDim.x
    shared[0, thread], shared[1, thread], shared[2, thread] = small, middle, large
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            shared[0, thread] += shared[0, thread + half]
            shared[1, thread] += shared[1, thread + half]
            shared[2, thread] += shared[2, thread + half]
        half //= 2
    if thread == 0:
        b = 3 * cuda.blockIdx.x
        out[b], out[b + 1], out[b + 2] = shared[0, 0], shared[1, 0], shared[2, 0]


def clip(sums, count, limit, factor):
    """Write to `factor` what brings a gradient with these sums down to a norm of `limit`; by one thread."""
    parts = doubles(sums)
    small, middle, large = 0.0, 0.0, 0.0
    for b in range(count):
        small, middle, large = small + parts[3 * b], middle + parts[3 * b + 1], large + parts[3 * b + 2]
    if large > 0:
        norm = sqrt(large + (middle * DOWN) * DOWN) / DOWN
    elif middle != 0:  # which NaN is too
        norm = sqrt(middle + (small / UP) / UP)
    else:
        norm = sqrt(small) / UP
    doubles(factor)[0] = factor_of(norm, limit)
