"""The data of a finite sum, checked: errors name the array, the place, what was expected, and the remedy."""

from dataclasses import dataclass

import numpy as np

from .caller import warn_caller

# Of elements looked at in one piece, so that a test needs no second array as long as the data.
PIECE = 2**20


@dataclass(frozen=True)
class Samples:
    """Data that compiled code may read without looking.

    Parameters
    ----------
    arrays : tuple of numpy.ndarray
        As the user gave them; of a linear model (A, y), or (values, indices, indptr, y) where A is sparse.
    count : int
        N.
    weights : numpy.ndarray of float64, shape (N,), or None
        As given, not normalised.
    features : int or None
        Columns of A, for a linear model.
    sparse : bool
        Whether A is a CSR matrix.
    labels : tuple or None
        How y names the two classes: (-1, 1) or (0, 1); None for any other loss.
    """

    arrays: tuple
    count: int
    weights: np.ndarray | None = None
    features: int | None = None
    sparse: bool = False
    labels: tuple | None = None


def check_samples(model, data, sample_weight=None, dtype=np.float64, allow_nan=False):
    """Return the data of a finite sum, or raise where they cannot be used.

    They are not copied where compiled code can read them as they are: also read-only arrays, rows that are apart as in
    ``A[::2]``, and integer labels. What has to be converted is, once, with an OptimizeWarning that says what it costs.

    Parameters
    ----------
    model : LinearModel or None
        None: arrays for a function of the user's own, which pass through as they are.
    data : tuple of array_like, or one array
        With equal first dimensions; for a linear model ``(A, y)``, where A may be a sparse matrix of SciPy.
    sample_weight : array_like, shape (N,), optional
    dtype : numpy.dtype
        Of the parameters.
    allow_nan : bool, default False
        Whether A and y may hold what is not finite; labels and weights may not.

    Returns
    -------
    Samples

    Raises
    ------
    TypeError, ValueError
    """
    if model is None:
        arrays = _check_arrays(data, allow_nan)
        return Samples(arrays, len(arrays[0]), _check_weights(sample_weight, len(arrays[0])))
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"data={_brief(data)} is not (A, y); pass the features and the labels, or targets, as a pair")
    dtype = np.dtype(dtype)
    sparse = hasattr(data[0], "tocsr")
    A = _check_sparse(data[0], dtype, allow_nan) if sparse else _check_dense(data[0], dtype, allow_nan)
    y = _check_y(data[1], A.shape[0], allow_nan)
    labels = _check_labels(model, y)
    arrays = (A.data, A.indices, A.indptr, y) if sparse else (A, y)
    return Samples(arrays, A.shape[0], _check_weights(sample_weight, A.shape[0]), A.shape[1], sparse, labels)


# -- Any data ----------------------------------------------------------------------------------------------------------


def _check_arrays(data, allow_nan):
    given = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if not given:
        raise ValueError("data is empty; pass at least one array, whose first dimension counts the samples")
    arrays = []
    for k, item in enumerate(given):
        name = f"data[{k}]"
        if hasattr(item, "tocsr"):
            raise TypeError(
                f"{name} is a sparse matrix, which compiled functions cannot read; use a linear_model, or pass its "
                "data, indices and indptr in args"
            )
        array = _as_array(item, name)
        if array.dtype.hasobject:
            raise TypeError(f"{name} has dtype {array.dtype}, which compiled functions cannot read; convert it")
        if array.ndim == 0:
            raise ValueError(f"{name}={item!r} is a scalar, not one entry per sample; pass it in args=({item!r},)")
        arrays.append(array)
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"data has arrays of lengths {', '.join(map(str, lengths))}; give each the same number of samples, "
            "and pass what is not per sample in args"
        )
    if lengths[0] == 0:
        raise ValueError("data has no samples: its arrays have length 0; pass at least one")
    if not allow_nan:
        for k, array in enumerate(arrays):
            _check_finite(array, f"data[{k}]")
    return tuple(arrays)


def _brief(value):
    """Return a short description of what may be a large array (str)."""
    shape = getattr(value, "shape", None)
    return " ".join(repr(value).split())[:60] if shape is None else f"<{type(value).__name__} of shape {shape}>"


def _as_array(value, name):
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}={_brief(value)} is not an array; give its rows equal lengths") from error
    if np.ma.isMaskedArray(value) and np.ma.is_masked(value):
        raise ValueError(f"{name} has masked entries; fill them, or leave out their samples")
    return array


def feature_rows(A):
    """Return A as an array, or sparse as it is; raise ValueError unless it has rows of features."""
    A = A if hasattr(A, "tocsr") else np.asarray(A)
    if len(A.shape) != 2:
        raise ValueError(f"A has shape {A.shape}, expected rows of features; pass A of shape (N, n)")
    return A


def _converted(array, dtype):
    with np.errstate(over="ignore"):  # `_check_finite` tells of it, or the caller allows it
        return array.astype(dtype, order="C")


def _check_finite(array, name, place=None, given=None):
    """Raise ValueError where an entry is not finite, naming its place: ``place(index)``, or its index.

    `given` is what `array` was converted from: its entry may be finite.
    """
    if array.dtype.kind not in "fc":
        return
    # A sum that is finite has finite terms, and takes no second array: the usual case, at the speed of memory.
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()):
            return
    step = max(1, PIECE * len(array) // max(array.size, 1))
    for low in range(0, len(array), step):
        bad = np.argwhere(~np.isfinite(array[low : low + step]))
        if len(bad):
            index = (low + bad[0, 0], *bad[0, 1:])
            where = f"{name}[{', '.join(map(str, index))}]" if place is None else place(index[0])
            value = (array if given is None else given)[index]
            kind = f" in {array.dtype}" if np.isfinite(value) else ""
            raise ValueError(
                f"{where} = {value} is not finite{kind}; correct it or leave its sample out, "
                "or pass options={'allow_nan': True}"
            )


def _check_weights(weights, count):
    if weights is None:
        return None
    w = _as_array(weights, "sample_weight")
    if w.dtype.kind not in "biuf":
        raise TypeError(f"sample_weight has dtype {w.dtype}, expected real numbers; pass one float per sample")
    if w.shape != (count,):
        raise ValueError(f"sample_weight has shape {w.shape}, data has {count} samples; pass one weight per sample")
    w = np.ascontiguousarray(w, np.float64)
    bad = np.flatnonzero(~((w >= 0) & (w < np.inf)))
    if bad.size:
        raise ValueError(f"sample_weight[{bad[0]}] = {w[bad[0]]} is outside [0, inf); use 0 to leave a sample out")
    if not 0 < w.sum() < np.inf:
        raise ValueError(f"sample_weight has the sum {w.sum()}; make it positive and finite")
    return w


# -- Features ----------------------------------------------------------------------------------------------------------


def _size(nbytes):
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= factor:
            return f"{nbytes / factor:.3g} {unit}"
    return f"{nbytes} bytes"


def _kind_of_numbers(A):
    if A.dtype.kind not in "biuf":
        raise TypeError(f"A has dtype {A.dtype}, expected real numbers; convert it with A.astype(float)")
    if len(A.shape) != 2:
        raise ValueError(f"A has shape {A.shape}, expected (samples, features); one feature is A.reshape(-1, 1)")
    if not all(A.shape):
        raise ValueError(f"A has shape {A.shape}: no {'features' if A.shape[0] else 'samples'}; pass at least one")


def _target(A, dtype):
    """Return the dtype in which compiled code reads A: its own where that is exact and as fast, else `dtype`."""
    readable = A.dtype.isnative and A.dtype.kind == "f" and A.dtype.itemsize in (4, 8)
    return A.dtype if readable and A.dtype.itemsize <= dtype.itemsize else dtype


def _check_dense(given, dtype, allow_nan):
    A = given = _as_array(given, "A")
    _kind_of_numbers(A)
    target = _target(A, dtype)
    rows_contiguous = A.shape[1] == 1 or A.strides[1] == A.itemsize
    if A.dtype != target or not rows_contiguous or not A.flags.aligned:
        was, remedy = (
            (f"is {A.dtype} where x is {dtype}", f"A.astype(np.{dtype})")
            if A.dtype != target
            else ("has no contiguous rows", "np.ascontiguousarray(A)")
        )
        warn_caller(
            f"A {was}; it is converted, a copy of {_size(A.size * target.itemsize)}; pass {remedy} to do so only once"
        )
        A = _converted(A, target)
    if not allow_nan:
        _check_finite(A, "A", given=given)
    return A


def _check_sparse(given, dtype, allow_nan):
    A = given
    _kind_of_numbers(A)
    if A.format != "csr":
        _check_before_conversion(A)
        A = A.tocsr()
        warn_caller(
            f"A is in {given.format.upper()} format; it is converted to CSR, a copy of {_size(_bytes_of(A))}; "
            "pass A.tocsr() to do so only once"
        )
    canonical = _check_compressed(A, "row", A.shape[0], A.shape[1])
    target = _target(A, dtype)
    stored = A.indptr[-1]  # there may be room behind
    values, indices, indptr = A.data[:stored], A.indices[:stored], A.indptr
    if values.dtype != target:
        warn_caller(
            f"A is {values.dtype} where x is {dtype}; its values are converted, a copy of "
            f"{_size(values.size * target.itemsize)}; pass A.astype(np.{dtype}) to do so only once"
        )
        values = _converted(values, target)
    if not canonical:
        warn_caller(
            f"A has rows whose indices are unsorted or twice there; it is sorted and they are summed, a copy of "
            f"{_size(_bytes_of(A))}; call A.sum_duplicates() to do so only once"
        )
        # Not A.copy(): that keeps flags which A may have outlived.
        A = type(A)((values.copy(), indices.copy(), indptr.copy()), shape=A.shape)
        A.sum_duplicates()
        values, indices, indptr = A.data, A.indices, A.indptr
    if not allow_nan:
        before = A.data if canonical else None  # else they are sums
        _check_finite(values, "A.data", lambda k: f"A[{_line_of(indptr, k)}, {indices[k]}]", before)
    indices, indptr = (part if part.itemsize >= 4 else part.astype(np.int32) for part in (indices, indptr))
    return _Csr(*(np.ascontiguousarray(part) for part in (values, indices, indptr)), A.shape)


@dataclass(frozen=True)
class _Csr:
    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple


def _bytes_of(A):
    return A.data.nbytes + A.indices.nbytes + A.indptr.nbytes


def _check_before_conversion(A):
    """Raise for what would make SciPy's conversion to CSR read outside its arrays."""
    if A.format == "csc":
        _check_compressed(A, "column", A.shape[1], A.shape[0])
    elif A.format == "bsr":
        try:
            A.check_format(full_check=True)
        except ValueError as error:
            raise ValueError(f"A is a damaged BSR matrix: {error}; make it again") from error
    elif A.format == "coo":
        for part, size in ((A.row, A.shape[0]), (A.col, A.shape[1])):
            if part.shape != A.data.shape:
                raise ValueError(f"A has {A.data.size} values and {part.size} coordinates; make it again")
            if part.size and not 0 <= part.min() <= part.max() < size:
                k = np.flatnonzero((part < 0) | (part >= size))[0]
                raise ValueError(f"A has a value at ({A.row[k]}, {A.col[k]}), outside its shape {A.shape}; correct it")


def _check_compressed(A, line, lines, width):
    """Raise for indices with which a loop would read outside the data; tell whether they increase in each line."""
    indptr, indices, values = A.indptr, A.indices, A.data
    for name, part in (("indptr", indptr), ("indices", indices)):
        if part.ndim != 1 or part.dtype.kind not in "iu" or not part.dtype.isnative:
            raise TypeError(f"A.{name} has dtype {part.dtype} and shape {part.shape}; make it a 1-D array of integers")
    if indptr.size != lines + 1:
        raise ValueError(f"A.indptr has {indptr.size} entries, {lines} {line}s take {lines + 1}; make A again")
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        k = 0 if indptr[0] != 0 else np.flatnonzero(indptr[1:] < indptr[:-1])[0] + 1
        raise ValueError(f"A.indptr[{k}] = {indptr[k]}: it must begin with 0 and never decrease; make A again")
    stored = indptr[-1]
    if values.ndim != 1 or min(indices.size, values.size) < stored:
        raise ValueError(
            f"A.indptr ends with {stored}, A has {indices.size} indices and {values.size} values; make A again"
        )
    canonical = True
    for low in range(0, int(stored), PIECE):
        # With the last index of the piece before, to compare the first with.
        piece = indices[max(low - 1, 0) : min(low + PIECE, stored)]
        if piece.min() < 0 or piece.max() >= width:
            k = max(low - 1, 0) + np.flatnonzero((piece < 0) | (piece >= width))[0]
            raise ValueError(
                f"A.indices[{k}] = {indices[k]} ({line} {_line_of(indptr, k)}) is outside 0..{width - 1}; "
                "correct it, or give A more columns"
            )
        first = max(low - 1, 0) + 1  # the element to which rising[0] belongs
        rising = piece[1:] > piece[:-1]
        begins = indptr[np.searchsorted(indptr, first) : np.searchsorted(indptr, first + rising.size)]
        rising[begins - first] = True
        canonical &= bool(rising.all())
    return canonical


def _line_of(indptr, k):
    """Return the line of a compressed matrix in which its stored entry `k` is (int)."""
    return int(np.searchsorted(indptr, k, side="right")) - 1


# -- Labels ------------------------------------------------------------------------------------------------------------


def _check_y(given, count, allow_nan):
    y = _as_array(given, "y")
    if y.dtype.kind not in "biuf":
        remedy = "number the classes with np.unique(y, return_inverse=True)[1]"
        raise TypeError(f"y has dtype {y.dtype}, expected numbers; {remedy}")
    if y.ndim != 1:
        remedy = "pass y.ravel()" if y.size == count else "pass one number per row of A"
        raise ValueError(f"y has shape {y.shape}, expected ({count},); {remedy}")
    if len(y) != count:
        raise ValueError(f"y has {len(y)} entries, A has {count} rows; give each row of A one")
    if not y.dtype.isnative or y.dtype.itemsize not in (1, 2, 4, 8) or y.dtype == np.float16:
        y = y.astype(np.float64)  # what compiled code cannot read
    if not allow_nan:
        _check_finite(y, "y")
    return y


def _check_labels(model, y):
    """Raise for what the loss cannot take; return how y names two classes, or None."""
    if model.classes is not None:
        _check_each(
            y,
            lambda part: (part >= 0) & (part < model.classes) & (part == np.floor(part)),
            f"not a class in 0..{model.classes - 1}; number the classes with np.unique(y, return_inverse=True)[1], "
            "or correct classes",
        )
        return None
    if model.loss == "poisson":
        _check_each(y, lambda part: ~(part < 0), "negative, and 'poisson' takes counts; use 0 or more")
    if not model.takes_labels:
        return None
    _check_each(
        y,
        lambda part: (part == 1) | (part == 0) | (part == -1),
        f"not a label of {model.loss!r}; use 0 and 1, or -1 and 1, as in (y == positive).astype(np.int8), or a "
        "linear_model with classes",
    )
    zero, minus = (next(_places(y, lambda part, label=label: part == label), None) for label in (0, -1))
    if zero is not None and minus is not None:
        raise ValueError(
            f"y[{zero}] = {y[zero]} and y[{minus}] = {y[minus]} are labels of two codings; use 0 and 1, or -1 and 1, "
            "or a linear_model with classes=3"
        )
    return (0, 1) if minus is None else (-1, 1)


def _places(y, wanted):
    """Yield the first place in each piece of y where ``wanted(piece)`` is true."""
    for low in range(0, len(y), PIECE):
        found = wanted(y[low : low + PIECE])
        if found.any():
            yield low + int(found.argmax())


def _check_each(y, allowed, complaint):
    k = next(_places(y, lambda part: ~allowed(part)), None)
    if k is not None:
        raise ValueError(f"y[{k}] = {y[k]} is {complaint}")
