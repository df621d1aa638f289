"""The rows of a gradient that `Optimizer.step_rows` is given, checked and brought into the order of the table."""

from math import prod

import numpy as np

BUSY = "this Optimizer is being stepped by another thread; use a lock, or one Optimizer for each"


def check_table(params, hyper):
    """Raise unless `params` is one array whose rows each lie together in memory, of which some can be stepped alone.

    Parameters
    ----------
    params : numpy.ndarray
        What the Optimizer was given.
    hyper : mapping
        What it was given besides.

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(params, np.ndarray):
        raise TypeError(
            f"params is a {type(params).__name__}, and step_rows takes rows of one array; "
            "make an Optimizer for that array alone"
        )
    if params.ndim == 0:
        raise ValueError("params has shape () and so no rows; use step")
    for name in ("average", "clip_norm"):
        if hyper.get(name) is not None:
            raise ValueError(
                f"{name}={hyper[name]!r} concerns all rows, and step_rows takes some; leave it out, or use step"
            )
    if not params.flags.c_contiguous:
        raise ValueError(
            f"params has strides {params.strides}, so that its rows lie apart in memory, and their state too; make the "
            "Optimizer for numpy.ascontiguousarray(params), or use step"
        )


def sorted_rows(params, state, indices, values):
    """Return the rows of a gradient in the order of the table; nothing of the table is read.

    Parameters
    ----------
    params : numpy.ndarray
        Passed by `check_table`.
    state : numpy.ndarray
        The memory of the state.
    indices : array_like of int, shape (k,)
        From 0 on; in any order, with duplicates.
    values : numpy.ndarray, shape (k, *params.shape[1:])
        Of the dtype of `params`.

    Returns
    -------
    indices, order : numpy.ndarray of int64, shape (k,)
        Sorted, and where in `values` each of them is; equal ones in the order in which they were given.
    values : numpy.ndarray, shape (k, width)
        With contiguous rows: those given, or a copy where theirs are not.

    Raises
    ------
    TypeError, ValueError
        For indices that are no integers or out of range, and values that do not fit or share memory with `params` or
        with `state`.
    """
    found = _integers(indices)
    order = np.argsort(found, kind="stable").astype(np.int64, copy=False)
    found = found[order]
    if found.size and not (found[0] >= 0 and found[-1] < len(params)):
        _refuse_range(found[0] if found[0] < 0 else found[-1], np.asarray(indices), len(params))
    return found.astype(np.int64, copy=False), order, _rows(params, state, found.size, values)


def _integers(indices):
    """Return indices as a 1-D array of integers."""
    if isinstance(indices, np.ma.MaskedArray):
        raise TypeError("indices is a masked array; pass the indices that are meant, and their values")
    try:
        found = np.asarray(indices)
    except ValueError as error:  # of unequal lengths
        raise ValueError(f"indices={indices!r} is not a 1-D sequence of integers; pass one for each row") from error
    if found.ndim != 1:
        raise ValueError(
            f"indices has shape {found.shape}, expected (k,); pass indices.ravel(), with values in the shape "
            "(indices.size, *params.shape[1:])"
        )
    if not found.size and not isinstance(indices, np.ndarray):
        return found.astype(np.int64)  # NumPy makes floats of []
    if found.dtype.kind == "b":
        raise TypeError("indices is a mask of booleans, expected integers; pass numpy.flatnonzero(indices)")
    if found.dtype.kind not in "iu":
        raise TypeError(f"indices has dtype {found.dtype}, expected integers; convert it with .astype(numpy.int64)")
    return found


def _refuse_range(index, indices, length):
    place = np.flatnonzero(indices == index)[0]
    if index < 0:
        remedy = f"rows count from 0: use {index + length}" if index >= -length else f"rows are 0 to {length - 1}"
        raise ValueError(f"indices[{place}]={index} is negative; {remedy}")
    has = f"params has {length} rows, 0 to {length - 1}" if length else "params has no rows"
    raise ValueError(f"indices[{place}]={index} is out of range; {has}: drop it or correct it")


def _rows(params, state, count, values):
    """Return the values as a matrix with contiguous rows."""
    expected = (count, *params.shape[1:])
    if not isinstance(values, np.ndarray) or isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"values is a {type(values).__name__}, expected an array of {params.dtype} and shape {expected}"
        )
    if values.dtype != params.dtype:
        raise TypeError(f"values has dtype {values.dtype}, expected {params.dtype} as params; convert it with .astype")
    if values.shape != expected:
        raise ValueError(f"values has shape {values.shape}, expected {expected}: a row of params for each index")
    values = values.view(np.ndarray)
    for name, other in (("params", params), ("the state", state)):
        if np.may_share_memory(other, values) and np.shares_memory(other, values):
            raise ValueError(f"values shares memory with {name}, which is about to change; pass a copy")
    return np.require(values, requirements=["C", "A"]).reshape(count, prod(params.shape[1:]))
