"""One step of many arrays in one pass: blocks of contiguous memory, serial or in threads, and strided arrays.

The caller keeps arrays and tables alive, and has checked that nothing overlaps.
"""

import numpy as np
from numba import prange

from .memory import borrow
from .norms import squares
from .serial import serial


def contiguous(only, addresses, blocks, like, slots, state, carry, values, huge, factor):
    """Step all `blocks`, rows (array, first element, first element in the slots, size); False where the rate is bad.

    `only` is the gradient where there is one array, else empty: to find an address takes Python 1.4 µs, this loop none.
    """
    if only.size:
        addresses[1, 0] = only.ctypes.data
    t, hyper = state[0] + 1, unpack_hyper(values)
    rate = learning_rate(t, hyper, values)
    if not 0 <= rate <= huge:
        return False
    new = advance(t, unpack(carry), rate, hyper)
    c = limited(like.dtype.type, cast(like.dtype.type, new[CARRY:]), factor)
    # Blocks of a fixed size: what a thread does not change with their number, and neither does the result.
    for b in prange(blocks.shape[0]):
        first, low, size = blocks[b, 1] * like.itemsize, blocks[b, 2], blocks[b, 3]
        x = borrow(addresses[0, blocks[b, 0]] + first, size, like)
        g = borrow(addresses[1, blocks[b, 0]] + first, size, like)
        serial(x, g, window(slots, low, low + size), c)
    pack(carry, new[:CARRY])
    state[0] = t
    return True


def strided(x, g, low, slots, state, carry, values, huge, factor):
    """Step one array of at least two dimensions, whose slots begin at `low`; the step is not counted."""
    t, hyper = state[0] + 1, unpack_hyper(values)
    rate = learning_rate(t, hyper, values)
    if not 0 <= rate <= huge:
        return False
    c = limited(x.dtype.type, cast(x.dtype.type, advance(t, unpack(carry), rate, hyper)[CARRY:]), factor)
    for index in np.ndindex(x.shape[:-1]):
        serial(x[index], g[index], window(slots, low, low + x.shape[-1]), c)
        low += x.shape[-1]
    return True


def squares_of_blocks(only, addresses, blocks, like, scale):
    """Return the sum of the squares of the gradients in all `blocks`, times scale²: that of each, in their order."""
    if only.size:
        addresses[1, 0] = only.ctypes.data
    total = 0.0
    for b in range(blocks.shape[0]):
        address = addresses[1, blocks[b, 0]] + blocks[b, 1] * like.itemsize
        total += squares(borrow(address, blocks[b, 3], like), scale)
    return total


def squares_of_rows(g, scale):
    """Return the same of one array of at least two dimensions."""
    total = 0.0
    for index in np.ndindex(g.shape[:-1]):
        total += squares(g[index], scale)
    return total
