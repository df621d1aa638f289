"""Tables of blocks, and of addresses that change from step to step, in the memory of the device."""

import numpy as np

from ..layout import block_table
from . import driver

PER_THREAD = 16  # elements of a block for each of its threads: four times the four that are loaded together
BY_VALUE = 12  # addresses that one launch writes to a table
EARLIER = "take one step with gradients of these strides before a CUDA graph is captured: it makes the tables"


class Blocks:
    """A table of the blocks of some arrays, which does not change.

    Parameters
    ----------
    parameters : list of (int, Parameter)
        With their places in the table of addresses.
    stream : stream
        On which it is brought to the device.

    Attributes
    ----------
    count : int
    address : int
        Of the table on the device.
    """

    def __init__(self, parameters, stream):
        table = block_table(parameters, PER_THREAD * driver.threads())
        self.count = len(table)
        self._given = table.ravel()
        self._kept = driver.need().to_device(self._given, stream=stream) if self.count else None
        self.address = driver.address_of(self._kept) if self.count else 0


class Addresses:
    """A table of integers that is written where it changed."""

    def __init__(self):
        self._last = self._kept = None
        self._in_graphs = []

    def write(self, table, stream, captured, by_value):
        """Bring `table` to the device before what is launched next on `stream`, and return where it is (int).

        Parameters
        ----------
        table : numpy.ndarray of int64
        stream : stream
        captured : bool
            Whether launches go into a graph: a copy from the host would read this memory of it again in each replay.
            Then `by_value`, a kernel, writes the table from its arguments.
        by_value : Kernel
        """
        flat = table.ravel()
        if not captured and not self._in_graphs and self._last is not None and np.array_equal(flat, self._last):
            return driver.address_of(self._kept)
        if self._kept is None or self._kept.size < flat.size + BY_VALUE:
            if captured:
                raise RuntimeError(EARLIER)
            self._kept = driver.zeros(flat.size + BY_VALUE, np.int64, stream)
        address = driver.address_of(self._kept)
        if captured:
            self._in_graphs.append(self._kept)  # replays write it, and nobody says when: it is not as it was, and stays
            padded = np.zeros(-(-flat.size // BY_VALUE) * BY_VALUE, np.int64)
            padded[: flat.size] = flat
            for first in range(0, flat.size, BY_VALUE):
                by_value(1, 1, stream, address + 8 * first, tuple(padded[first : first + BY_VALUE].tolist()))
        else:
            # From memory that is not pinned, which the driver has mostly taken when the call returns: it is kept.
            last = flat.copy()
            self._kept[: flat.size].copy_to_device(last, stream=stream)
            self._last = last
        return address


def layout_table(pairs, count):
    """Return the table of layouts for `loops.cuda.strided` (numpy.ndarray of int64).

    Parameters
    ----------
    pairs : dict of int to (ghost, ghost)
        By the places of the arrays: x and g, with axes in the same order.
    count : int
        Of rows, one for each array, whether it is in `pairs` or not.
    """
    axes = max(x.ndim for x, _ in pairs.values())
    table = np.zeros((count, 2 + 3 * axes), np.int64)
    for k, (x, g) in pairs.items():
        table[k, :2] = [ghost.__array_interface__["data"][0] for ghost in (x, g)]
        for part, numbers in enumerate((x.shape, x.strides, g.strides)):
            table[k, 2 + part * axes : 2 + part * axes + axes] = (*(part == 0,) * (axes - x.ndim), *numbers)
    return table
