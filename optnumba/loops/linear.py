"""Samples of a linear model, z = x[0] + w·a: the contract of a finite sum for dense rows, and values alone.

Bound are `loss` or `slopes` (see losses.py), `INTERCEPT` (1 or 0: where the weights begin) and `CLASSES`. Rows have
contiguous entries, though they may be apart. With K outputs x is a matrix of K columns, row after row, so that the K
weights of a feature lie together.
"""

import numpy as np

from .memory import borrow, disjoint, row
from .products import dot


def behind(x, first):
    """Return the entries of a contiguous array from `first` on."""
    return borrow(x.ctypes.data + first * x.itemsize, x.size - first, x)


def window(x, first, size):
    """Return `size` entries of a contiguous array from `first` on."""
    return borrow(x.ctypes.data + first * x.itemsize, size, x)


@disjoint
def add_multiple(target, factor, a):
    for j in range(target.size):
        target[j] += factor * a[j]


def output(x, i, A):
    z = dot(row(A, i), behind(x, INTERCEPT))
    return x[0] + z if INTERCEPT else z


def sample(x, grad, i, A, y):
    """Add the gradient of the loss of sample `i` to `grad`; return the loss."""
    value, slope = loss(output(x, i, A), y[i])
    # The loss may be float64: the pass over the features shall be in the dtype of x.
    factor = grad.dtype.type(slope)
    add_multiple(behind(grad, INTERCEPT), factor, row(A, i))
    if INTERCEPT:
        grad[0] += factor
    return value


def sample_value(x, i, A, y):
    """Return the loss of sample `i`."""
    return loss(output(x, i, A), y[i])[0]


# -- K outputs ---------------------------------------------------------------------------------------------------------


@disjoint
def outputs(x, a, z):
    """Write x[0] + Σ a[j] x[1 + j] to `z`, x being the matrix of parameters."""
    for k in range(CLASSES):
        z[k] = x[k] if INTERCEPT else 0
    for j in range(a.size):
        w = window(x, (INTERCEPT + j) * CLASSES, CLASSES)
        for k in range(CLASSES):
            z[k] += a[j] * w[k]


@disjoint
def add_products(grad, a, slope):
    """Add the product of (1, a) and `slope` to the matrix `grad`."""
    if INTERCEPT:
        for k in range(CLASSES):
            grad[k] += slope[k]
    for j in range(a.size):
        g = window(grad, (INTERCEPT + j) * CLASSES, CLASSES)
        for k in range(CLASSES):
            g[k] += a[j] * slope[k]


def sample_of_classes(x, grad, i, A, y):
    """Add the gradient of the loss of sample `i` to `grad`; return the loss."""
    z = np.empty(CLASSES, x.dtype)
    outputs(x, row(A, i), z)
    value = slopes(z, y[i], z)
    add_products(grad, row(A, i), z)
    return value


def sample_value_of_classes(x, i, A, y):
    """Return the loss of sample `i`."""
    z = np.empty(CLASSES, x.dtype)
    outputs(x, row(A, i), z)
    return slopes(z, y[i], z)


# -- Rows of a CSR matrix ----------------------------------------------------------------------------------------------


def margin(x, values, indices, low, high):
    """Return z of a row whose non-zeros are values[low:high] in the columns indices[low:high]."""
    w = behind(x, INTERCEPT)
    zero = values.dtype.type(0) * x.dtype.type(0)
    # Unsigned: no test for an index that counts from the end. Four sums: an addition waits for the one before it.
    k, end, one, four = np.uintp(low), np.uintp(high), np.uintp(1), np.uintp(4)
    z, z1, z2, z3 = zero, zero, zero, zero
    while k + four <= end:
        z += values[k] * w[np.uintp(indices[k])]
        z1 += values[k + one] * w[np.uintp(indices[k + one])]
        z2 += values[k + np.uintp(2)] * w[np.uintp(indices[k + np.uintp(2)])]
        z3 += values[k + np.uintp(3)] * w[np.uintp(indices[k + np.uintp(3)])]
        k += four
    while k < end:
        z += values[k] * w[np.uintp(indices[k])]
        k += one
    z = (z + z1) + (z2 + z3)
    return x[0] + z if INTERCEPT else z


def sparse_value(x, i, values, indices, indptr, y):
    """Return the loss of sample `i`."""
    return loss(margin(x, values, indices, indptr[i], indptr[i + 1]), y[i])[0]


def margins(x, values, indices, low, high, z):
    """Write the K outputs of such a row to `z`."""
    for k in range(CLASSES):
        z[k] = x[k] if INTERCEPT else 0
    for p in range(np.uintp(low), np.uintp(high)):
        w = window(x, (INTERCEPT + indices[p]) * CLASSES, CLASSES)
        for k in range(CLASSES):
            z[k] += values[p] * w[k]


def sparse_value_of_classes(x, i, values, indices, indptr, y):
    """Return the loss of sample `i`."""
    z = np.empty(CLASSES, x.dtype)
    margins(x, values, indices, indptr[i], indptr[i + 1], z)
    return slopes(z, y[i], z)


# -- Sums --------------------------------------------------------------------------------------------------------------


def total(x, weights, data):
    """Return the sum of the losses of all samples, weighted unless `weights` is None."""
    f = 0.0
    for i in range(data[-1].size):
        value = value_of_sample(x, i, *data)
        f += value if weights is None else weights[i] * value
    return f
