"""One step of some rows of a table: what the other rows hold is neither read nor written."""

from .memory import row
from .serial import serial


def rows(x, indices, order, values, total, slots, state, carry, hyper_values, huge):
    """Step rows of `x`; False where the rate is bad. `indices` are sorted, and values[order[j]] is for indices[j].

    The rows of `values` that belong to one row of `x` are added up in `total`, in that order.
    """
    t, hyper = state[0] + 1, unpack_hyper(hyper_values)
    rate = learning_rate(t, hyper, hyper_values)
    if not 0 <= rate <= huge:
        return False
    new = advance(t, unpack(carry), rate, hyper)
    c = cast(x.dtype.type, new[CARRY:])
    width, j = x.shape[1], 0
    while j < indices.size:
        i, g = indices[j], row(values, order[j])
        j += 1
        if j < indices.size and indices[j] == i:
            for k in range(width):
                total[k] = g[k]
            while j < indices.size and indices[j] == i:
                more = row(values, order[j])
                for k in range(width):
                    total[k] += more[k]
                j += 1
            g = total
        serial(row(x, i), g, window(slots, i * width, (i + 1) * width), c)
    pack(carry, new[:CARRY])
    state[0] = t
    return True
