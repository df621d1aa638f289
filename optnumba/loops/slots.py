"""Tuples by their length: the only place that knows how many slots, carried scalars and coefficients a rule has."""


def load0(slots, i):
    return ()


def load1(slots, i):
    return (slots[0][i],)


def load2(slots, i):
    return slots[0][i], slots[1][i]


def load3(slots, i):
    return slots[0][i], slots[1][i], slots[2][i]


def load4(slots, i):
    return slots[0][i], slots[1][i], slots[2][i], slots[3][i]


def load5(slots, i):
    return slots[0][i], slots[1][i], slots[2][i], slots[3][i], slots[4][i]


def store0(x, slots, i, new):
    (x[i],) = new


def store1(x, slots, i, new):
    x[i], slots[0][i] = new


def store2(x, slots, i, new):
    x[i], slots[0][i], slots[1][i] = new


def store3(x, slots, i, new):
    x[i], slots[0][i], slots[1][i], slots[2][i] = new


def store4(x, slots, i, new):
    x[i], slots[0][i], slots[1][i], slots[2][i], slots[3][i] = new


def store5(x, slots, i, new):
    x[i], slots[0][i], slots[1][i], slots[2][i], slots[3][i], slots[4][i] = new


def window0(slots, low, high):
    return ()


def window1(slots, low, high):
    return (slots[0, low:high],)


def window2(slots, low, high):
    return slots[0, low:high], slots[1, low:high]


def window3(slots, low, high):
    return slots[0, low:high], slots[1, low:high], slots[2, low:high]


def window4(slots, low, high):
    return slots[0, low:high], slots[1, low:high], slots[2, low:high], slots[3, low:high]


def window5(slots, low, high):
    return slots[0, low:high], slots[1, low:high], slots[2, low:high], slots[3, low:high], slots[4, low:high]


def cast0(number, c):
    return ()


def cast1(number, c):
    return (number(c[0]),)


def cast2(number, c):
    return number(c[0]), number(c[1])


def cast3(number, c):
    return number(c[0]), number(c[1]), number(c[2])


def cast4(number, c):
    return number(c[0]), number(c[1]), number(c[2]), number(c[3])


def cast5(number, c):
    return number(c[0]), number(c[1]), number(c[2]), number(c[3]), number(c[4])


def cast6(number, c):
    return number(c[0]), number(c[1]), number(c[2]), number(c[3]), number(c[4]), number(c[5])


def cast7(number, c):
    return number(c[0]), number(c[1]), number(c[2]), number(c[3]), number(c[4]), number(c[5]), number(c[6])


def cast8(number, c):
    return (
        number(c[0]),
        number(c[1]),
        number(c[2]),
        number(c[3]),
        number(c[4]),
        number(c[5]),
        number(c[6]),
        number(c[7]),
    )


def cast9(number, c):
    return (
        number(c[0]),
        number(c[1]),
        number(c[2]),
        number(c[3]),
        number(c[4]),
        number(c[5]),
        number(c[6]),
        number(c[7]),
        number(c[8]),
    )


def cast10(number, c):
    return (
        number(c[0]),
        number(c[1]),
        number(c[2]),
        number(c[3]),
        number(c[4]),
        number(c[5]),
        number(c[6]),
        number(c[7]),
        number(c[8]),
        number(c[9]),
    )


def cast11(number, c):
    return (
        number(c[0]),
        number(c[1]),
        number(c[2]),
        number(c[3]),
        number(c[4]),
        number(c[5]),
        number(c[6]),
        number(c[7]),
        number(c[8]),
        number(c[9]),
        number(c[10]),
    )


def cast12(number, c):
    return (
        number(c[0]),
        number(c[1]),
        number(c[2]),
        number(c[3]),
        number(c[4]),
        number(c[5]),
        number(c[6]),
        number(c[7]),
        number(c[8]),
        number(c[9]),
        number(c[10]),
        number(c[11]),
    )


def unpack0(array):
    return ()


def unpack1(array):
    return (array[0],)


def unpack2(array):
    return array[0], array[1]


def unpack3(array):
    return array[0], array[1], array[2]


def unpack4(array):
    return array[0], array[1], array[2], array[3]


def unpack5(array):
    return array[0], array[1], array[2], array[3], array[4]


def unpack6(array):
    return array[0], array[1], array[2], array[3], array[4], array[5]


def unpack7(array):
    return array[0], array[1], array[2], array[3], array[4], array[5], array[6]


def unpack8(array):
    return array[0], array[1], array[2], array[3], array[4], array[5], array[6], array[7]


def unpack9(array):
    return array[0], array[1], array[2], array[3], array[4], array[5], array[6], array[7], array[8]


def unpack10(array):
    return array[0], array[1], array[2], array[3], array[4], array[5], array[6], array[7], array[8], array[9]


def unpack11(array):
    return array[0], array[1], array[2], array[3], array[4], array[5], array[6], array[7], array[8], array[9], array[10]


def unpack12(array):
    return (
        array[0],
        array[1],
        array[2],
        array[3],
        array[4],
        array[5],
        array[6],
        array[7],
        array[8],
        array[9],
        array[10],
        array[11],
    )


def pack0(array, scalars):
    pass


def pack1(array, scalars):
    (array[0],) = scalars


def pack2(array, scalars):
    array[0], array[1] = scalars


def pack3(array, scalars):
    array[0], array[1], array[2] = scalars


def pack4(array, scalars):
    array[0], array[1], array[2], array[3] = scalars


def pack5(array, scalars):
    array[0], array[1], array[2], array[3], array[4] = scalars


def pack6(array, scalars):
    array[0], array[1], array[2], array[3], array[4], array[5] = scalars


def pack7(array, scalars):
    array[0], array[1], array[2], array[3], array[4], array[5], array[6] = scalars


def pack8(array, scalars):
    array[0], array[1], array[2], array[3], array[4], array[5], array[6], array[7] = scalars


def pack9(array, scalars):
    array[0], array[1], array[2], array[3], array[4], array[5], array[6], array[7], array[8] = scalars


def pack10(array, scalars):
    array[0], array[1], array[2], array[3], array[4], array[5], array[6], array[7], array[8], array[9] = scalars


def pack11(array, scalars):
    (
        array[0],
        array[1],
        array[2],
        array[3],
        array[4],
        array[5],
        array[6],
        array[7],
        array[8],
        array[9],
        array[10],
    ) = scalars


def pack12(array, scalars):
    (
        array[0],
        array[1],
        array[2],
        array[3],
        array[4],
        array[5],
        array[6],
        array[7],
        array[8],
        array[9],
        array[10],
        array[11],
    ) = scalars


def rows0(first, pitch):
    return ()


def rows1(first, pitch):
    return (pointer(first),)


def rows2(first, pitch):
    return pointer(first), pointer(first + pitch)


def rows3(first, pitch):
    return pointer(first), pointer(first + pitch), pointer(first + 2 * pitch)


def rows4(first, pitch):
    return pointer(first), pointer(first + pitch), pointer(first + 2 * pitch), pointer(first + 3 * pitch)


def rows5(first, pitch):
    return (
        pointer(first),
        pointer(first + pitch),
        pointer(first + 2 * pitch),
        pointer(first + 3 * pitch),
        pointer(first + 4 * pitch),
    )


LOAD = (load0, load1, load2, load3, load4, load5)
STORE = (store0, store1, store2, store3, store4, store5)
WINDOW = (window0, window1, window2, window3, window4, window5)
CAST = (cast0, cast1, cast2, cast3, cast4, cast5, cast6, cast7, cast8, cast9, cast10, cast11, cast12)
UNPACK = (
    unpack0,
    unpack1,
    unpack2,
    unpack3,
    unpack4,
    unpack5,
    unpack6,
    unpack7,
    unpack8,
    unpack9,
    unpack10,
    unpack11,
    unpack12,
)
PACK = (
    pack0,
    pack1,
    pack2,
    pack3,
    pack4,
    pack5,
    pack6,
    pack7,
    pack8,
    pack9,
    pack10,
    pack11,
    pack12,
)
ROWS = (rows0, rows1, rows2, rows3, rows4, rows5)
