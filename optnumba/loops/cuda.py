"""The coordinates of arrays on a CUDA device, each visited by one thread: one array, many, or strided ones.

Kernels take addresses, so that a launch costs the same for arrays of every library. What they do at a coordinate is
bound, as is `cuda` itself, which only `optnumba.gpu` imports:

- `pointer`, `halves`, `integers`, `doubles`: an address as a pointer to float32 or float64 (of the rule's arithmetic),
  to 16-bit floats, to int64, to float64;
- `target`, `source`: what x and g are there; `value`, `gradient`, `keep`: how a coordinate is read and written;
- `numbers`, `halted`: where the coefficients are: arguments of the launch, or in the memory of the device.
"""


def visit(x, g, slots, first, size, stride, c):
    """Step every `stride`-th coordinate from `first` on."""
    i = first
    # Four at a time, all read before any is written: so that the loads of four are under way together.
    while i < size - 3 * stride:
        i1, i2, i3 = i + stride, i + 2 * stride, i + 3 * stride
        new = update(value(x, i), gradient(g, i), *load(slots, i), *c)
        new1 = update(value(x, i1), gradient(g, i1), *load(slots, i1), *c)
        new2 = update(value(x, i2), gradient(g, i2), *load(slots, i2), *c)
        new3 = update(value(x, i3), gradient(g, i3), *load(slots, i3), *c)
        keep(x, g, slots, i, new)
        keep(x, g, slots, i1, new1)
        keep(x, g, slots, i2, new2)
        keep(x, g, slots, i3, new3)
        i += 4 * stride
    while i < size:
        keep(x, g, slots, i, update(value(x, i), gradient(g, i), *load(slots, i), *c))
        i += stride


def one(x, g, size, slots, pitch, c):
    """Step one contiguous array; its slots lie `pitch` bytes apart."""
    if halted(c):
        return
    kept = slots + SLOTS * pitch
    visit(target(x, kept), source(g), rows(slots, pitch), cuda.grid(1), size, cuda.gridsize(1), numbers(c))


def many(addresses, blocks, count, slots, pitch, c):
    """Step `count` blocks of contiguous arrays, rows (array, first element, first in the slots, size) of a table.

    `addresses` are two for each array: of x, and of g.
    """
    if halted(c):
        return
    coefficients, table, where = numbers(c), integers(blocks), integers(addresses)
    b = cuda.blockIdx.x
    while b < count:
        array, first, low, size = table[4 * b], table[4 * b + 1], table[4 * b + 2], table[4 * b + 3]
        x, g, state = where[2 * array] + first * X_BYTES, where[2 * array + 1] + first * G_BYTES, slots + low * BYTES
        here = target(x, state + SLOTS * pitch)
        visit(here, source(g), rows(state, pitch), cuda.threadIdx.x, size, cuda.blockDim.x, coefficients)
        b += cuda.gridDim.x


def strided(layouts, width, blocks, count, slots, pitch, c):
    """Step `count` blocks of arrays of any strides.

    `layouts` has `width` numbers for each array: the addresses of x and g, then in turn the lengths of its axes, and
    the strides of x and of g in bytes.
    """
    if halted(c):
        return
    coefficients, table, rest = numbers(c), integers(blocks), integers(layouts)
    axes = (width - 2) // 3
    b = cuda.blockIdx.x
    while b < count:
        array, first, low, size = table[4 * b], table[4 * b + 1], table[4 * b + 2], table[4 * b + 3]
        entry = array * width
        j = cuda.threadIdx.x
        while j < size:
            x, g = place(rest, entry, axes, first + j)
            state = slots + (low + j) * BYTES
            here = target(x, state + SLOTS * pitch)
            visit(here, source(g), rows(state, pitch), 0, 1, 1, coefficients)
            j += cuda.blockDim.x
        b += cuda.gridDim.x


def place(layouts, entry, axes, i):
    """Return the addresses of coordinate i, in the order of the axes, of x and of g."""
    x, g = layouts[entry], layouts[entry + 1]
    lengths = entry + 2
    axis = axes - 1
    while axis >= 0:
        length = layouts[lengths + axis]
        k = i % length
        i //= length
        x += k * layouts[lengths + axes + axis]
        g += k * layouts[lengths + 2 * axes + axis]
        axis -= 1
    return x, g


def count(state, carry, values, huge, factor, c):
    """Work out the coefficients of the next step where they are kept on the device; by one thread."""
    # In the word before them stands whether the arrays may not be touched.
    prepare(integers(state), doubles(carry), doubles(values), huge, doubles(factor), pointer(c + 8))
    integers(c)[0] = integers(state)[1]


def write_addresses(table, numbers):
    """Write integers to a table, from the arguments of the launch; by one thread."""
    pack_addresses(integers(table), numbers)


# -- What a coordinate is --------------------------------------------------------------------------------------------


def plain(address, kept):
    return pointer(address)


def read(x, i):
    return x[i]


def write(x, g, slots, i, new):
    store(x, slots, i, new)


def mastered(address, kept):
    """Return x in 16 bits together with its master copy, which lies behind the slots."""
    return halves(address), pointer(kept)


def read_master(x, i):
    return x[1][i]


def read_half(x, i):
    return widen(x[i])


def write_both(x, g, slots, i, new):
    store(x[1], slots, i, new)
    x[0][i] = narrow(new[0])


# -- What else is done at each coordinate ----------------------------------------------------------------------------


def widened(x, i):
    return widen(x[0][i])


def unused(g, i):
    return 0


def start_master(x, g, slots, i, new):
    x[1][i] = new[0]


def write_out(x, g, slots, i, new):
    g[i] = new[0]


def taken(x, g, *rest):
    return (x,)


def last_slot(x, g, *rest):
    return (rest[SLOTS - 1],)


def given(x, g, *rest):
    return (g,)


def write_in(x, g, slots, i, new):
    x[i] = new[0]


def write_in_both(x, g, slots, i, new):
    x[1][i] = new[0]
    x[0][i] = narrow(new[0])


def read_out(x, g, *rest):
    return (readout(x, *rest),)


# -- Where the coefficients are --------------------------------------------------------------------------------------


def passed(c):
    return c


def running(c):
    return False


def kept(c):
    return unpack_coefficients(pointer(c + 8))


def stopped(c):
    return integers(c)[0] != 0


# -- One problem in one thread ---------------------------------------------------------------------------------------


def step_alone(x, grad, slots, carry, t):
    """Step all coordinates of a small problem, in one thread: hyperparameters are constants."""
    new = advance(t, unpack(carry), learning_rate(t, HYPER, VALUES), HYPER)
    pack(carry, new[:CARRY])
    c = limited(number, cast(number, new[CARRY:]), measure(grad, HYPER))
    for i in range(x.size):
        store(x, slots, i, update(x[i], grad[i], *load(slots, i), *c))
