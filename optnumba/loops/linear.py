"""Samples of a linear model, z = x[0] + w·a: the contract of a finite sum for dense rows, and values alone.

Bound are `loss` or `slopes` (see losses.py), `INTERCEPT` (1 or 0: where the weights begin), `CLASSES`, and `REST`, what
a multiple of 16 leaves of them, from 1 to 16. Rows have contiguous entries, though they may be apart. With K outputs x
is a matrix of K columns, row after row, so that the K weights of a feature lie together.
"""

import numpy as np

from .memory import borrow, disjoint, row
from .products import add_scaled, dot


def behind(x, first):
    """Return the entries of a contiguous array from `first` on."""
    return borrow(x.ctypes.data + first * x.itemsize, x.size - first, x)


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


def add_row(target, t, factor, source, s):
    """Add factor * source[s : s + CLASSES] to target[t : t + CLASSES], 16 at a time."""
    for c in range(0, CLASSES - REST, 16):
        add_scaled(target, t + c, factor, source, s + c, 16)
    add_scaled(target, t + CLASSES - REST, factor, source, s + CLASSES - REST, REST)


def begin(x, z):
    """Write the intercepts to `z`."""
    for k in range(CLASSES):
        z[k] = x[k] if INTERCEPT else 0


@disjoint
def outputs(x, a, z):
    """Write the K outputs of a row to `z`."""
    begin(x, z)
    for j in range(a.size):
        add_row(z, 0, a[j], x, (INTERCEPT + j) * CLASSES)


@disjoint
def add_products(grad, a, slope):
    """Add the product of (1, a) and `slope` to the matrix `grad`."""
    if INTERCEPT:
        add_row(grad, 0, 1, slope, 0)
    for j in range(a.size):
        add_row(grad, (INTERCEPT + j) * CLASSES, a[j], slope, 0)


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


def sparse_sample(x, grad, i, values, indices, indptr, y):
    """Add the gradient of the loss of sample `i` to `grad`; return the loss."""
    low, high = indptr[i], indptr[i + 1]
    value, slope = loss(margin(x, values, indices, low, high), y[i])
    factor = grad.dtype.type(slope)
    w = behind(grad, INTERCEPT)
    for k in range(np.uintp(low), np.uintp(high)):
        w[np.uintp(indices[k])] += factor * values[k]
    if INTERCEPT:
        grad[0] += factor
    return value


def sparse_value(x, i, values, indices, indptr, y):
    """Return the loss of sample `i`."""
    return loss(margin(x, values, indices, indptr[i], indptr[i + 1]), y[i])[0]


@disjoint
def margins(x, values, indices, low, high, z):
    """Write the K outputs of such a row to `z`."""
    begin(x, z)
    for k in range(np.uintp(low), np.uintp(high)):
        add_row(z, 0, values[k], x, (INTERCEPT + indices[k]) * CLASSES)


def sparse_sample_of_classes(x, grad, i, values, indices, indptr, y):
    """Add the gradient of the loss of sample `i` to `grad`; return the loss."""
    z = np.empty(CLASSES, x.dtype)
    margins(x, values, indices, indptr[i], indptr[i + 1], z)
    value = slopes(z, y[i], z)
    if INTERCEPT:
        add_row(grad, 0, 1, z, 0)
    for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
        add_row(grad, (INTERCEPT + indices[k]) * CLASSES, values[k], z, 0)
    return value


def sparse_value_of_classes(x, i, values, indices, indptr, y):
    """Return the loss of sample `i`."""
    z = np.empty(CLASSES, x.dtype)
    margins(x, values, indices, indptr[i], indptr[i + 1], z)
    return slopes(z, y[i], z)


# -- Sums --------------------------------------------------------------------------------------------------------------


def total(before, x, lo, hi, weights, data):
    """Return `before` plus the losses of samples `lo` to `hi`, weighted unless `weights` is None."""
    f = before
    for i in range(lo, hi):
        if weights is None:
            f += value_of_sample(x, i, *data)
        elif weights[i] > 0:  # else the sample is left out, whatever it is
            f += weights[i] * value_of_sample(x, i, *data)
    return f


def total_and_gradient(x, grad, A, y):
    """Return the mean of the losses and l2/2 |w|², with the gradient in `grad`."""
    grad[:] = 0
    f = 0.0
    for i in range(y.size):
        f += sample_in_sum(x, grad, i, A, y)
    squares = 0.0
    for k in range(x.size):
        grad[k] /= y.size
        if k >= UNPENALISED:
            squares += x[k] * x[k]
            grad[k] += L2 * x[k]
    return f / y.size + 0.5 * L2 * squares
