"""One array, coordinate after coordinate."""

from .memory import disjoint


@disjoint
def serial(x, g, slots, c):
    for i in range(x.size):
        store(x, slots, i, update(x[i], g[i], *load(slots, i), *c))
