"""Data of a finite sum: what passes without a copy, what is converted with a word, what is refused with its place."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import OptimizeWarning

from optnumba import linear_model, samples
from optnumba.samples import check_samples

LOGISTIC, SQUARED = linear_model("logistic"), linear_model("squared")
CLASSES, COUNTS = linear_model("logistic", classes=3), linear_model("poisson")
A = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 1, 0])


def with_entry(array, place, value):
    array = np.array(array, np.result_type(array, type(value)))
    array[place] = value
    return array


def csr(values=(1.0, 2.0, 3.0, 4.0), indices=(0, 2, 1, 2), indptr=(0, 2, 2, 3, 4), shape=(4, 3), kind="csr"):
    """Return a sparse matrix whose parts SciPy does not look at."""
    made = getattr(sp, f"{kind}_array")(shape)
    made.data, made.indices, made.indptr = np.array(values), np.array(indices), np.array(indptr)
    return made


# -- What passes as it is ----------------------------------------------------------------------------------------------

PASSING = {
    "plain": A,
    "float32": A.astype(np.float32),
    "rows apart": np.repeat(A, 2, axis=0)[::2],
    "rows backwards": A[::-1],
    "columns left out at the end": np.hstack([A, A])[:, :3],
    "one row for all": np.broadcast_to(A[0], (4, 3)),
    "one column": np.hstack([A, A])[:, ::6],
}


@pytest.mark.parametrize("case", PASSING)
def test_features_are_not_copied(case):
    given = PASSING[case].view()
    given.flags.writeable = False
    checked = check_samples(LOGISTIC, (given, Y))
    assert checked.arrays[0] is given
    assert (checked.count, checked.features, checked.sparse) == (4, given.shape[1], False)


@pytest.mark.parametrize("kind", ["?", "i1", "u1", "i8", "u8", "f4", "f8"])
def test_labels_are_not_copied(kind):
    y = Y.astype(kind)
    assert check_samples(LOGISTIC, (A, y)).arrays[1] is y
    assert check_samples(CLASSES, (A, y)).arrays[1] is y


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_a_csr_matrix_is_not_copied(kind, index):
    S = kind(A)
    S.indices, S.indptr = S.indices.astype(index), S.indptr.astype(index)
    S.data.flags.writeable = S.indices.flags.writeable = False
    checked = check_samples(LOGISTIC, (S, Y))
    assert checked.sparse
    for part, own in zip((S.data, S.indices, S.indptr, Y), checked.arrays, strict=True):
        assert np.shares_memory(part, own)
        assert part.dtype == own.dtype


def test_data_of_a_function_of_ones_own_pass_through():
    given = (np.arange(4), A.astype(np.float32)[::-1], np.ones((4, 2, 2)), np.ones(4, np.complex64))
    assert all(a is b for a, b in zip(check_samples(None, given).arrays, given, strict=True))
    assert check_samples(None, given[0]).count == 4
    assert check_samples(None, ([1, 2], [3.0, 4.0])).arrays[0].tolist() == [1, 2]
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert np.shares_memory(check_samples(None, frame["a"]).arrays[0], frame["a"])


def test_the_test_for_nan_takes_no_memory():
    big = np.ones((2000, 1000))
    tracemalloc.start()
    check_samples(SQUARED, (big, np.ones(2000)))
    with pytest.raises(ValueError, match=r"A\[1999, 7\] = nan"):
        check_samples(SQUARED, (with_entry_in(big, (1999, 7), np.nan), np.ones(2000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < big.nbytes / 4


def with_entry_in(array, place, value):
    array[place] = value
    return array


def test_what_is_too_large_to_sum_is_still_finite():
    check_samples(SQUARED, (np.full((4, 3), 1.7e308), np.full(4, -1.7e308)))


def test_labels_say_their_coding():
    assert check_samples(LOGISTIC, (A, Y)).labels == (0, 1)
    assert check_samples(LOGISTIC, (A, 2 * Y - 1)).labels == (-1, 1)
    assert check_samples(LOGISTIC, (A, np.ones(4))).labels == (0, 1)
    assert check_samples(SQUARED, (A, Y)).labels is None


def test_weights_become_floats():
    weights = check_samples(None, A, sample_weight=[1, 0, 2, 3]).weights
    assert weights.dtype == np.float64
    np.testing.assert_array_equal(weights, [1, 0, 2, 3])
    assert check_samples(None, A).weights is None


def test_nan_is_allowed_on_request():
    for data in ((with_entry(A, (1, 1), np.nan), Y), (sp.csr_array(with_entry(A, (1, 1), np.inf)), Y)):
        check_samples(SQUARED, data, allow_nan=True)
    check_samples(None, with_entry(A, (1, 1), np.nan), allow_nan=True)
    with pytest.raises(ValueError, match=r"y\[2\] = nan"):
        check_samples(LOGISTIC, (A, with_entry(Y, 2, np.nan)), allow_nan=True)


# -- What is converted -------------------------------------------------------------------------------------------------

CONVERTED = {
    "integers": (A.astype(int), "A is int64 where x is float64; it is converted, a copy of 96 bytes; pass A.astype"),
    "booleans": (A > 3, "A is bool where x is float64"),
    "float16": (A.astype(np.float16), "A is float16"),
    "bytes the other way": (A.astype(">f8"), "A is >f8"),
    "columns first": (np.asfortranarray(A), r"A has no contiguous rows; .* np.ascontiguousarray\(A\)"),
    "every other column": (np.hstack([A, A])[:, ::2], "A has no contiguous rows"),
    "csc": (sp.csc_array(A), r"A is in CSC format; it is converted to CSR, a copy of 1.. bytes; pass A.tocsr\(\)"),
    "coo": (sp.coo_matrix(A), "A is in COO format"),
    "lil": (sp.lil_matrix(A), "A is in LIL format"),
    "bsr": (sp.bsr_matrix(np.tile(A[:, :2], 2), blocksize=(2, 2)), "A is in BSR format"),
    "integers in csr": (sp.csr_array(A.astype(int)), "A is int64 where x is float64; its values are converted"),
    "unsorted": (csr(indices=(2, 0, 1, 2)), r"unsorted or twice there; .* call A.sum_duplicates\(\)"),
    "duplicates": (csr(indices=(2, 2, 1, 2)), "twice there; it is sorted and they are summed, a copy"),
}


@pytest.mark.parametrize("case", CONVERTED)
def test_a_conversion_says_what_it_costs(case):
    given, message = CONVERTED[case]
    # What the loops make of it: the sum of all that is stored in a place.
    before = np.array([given.getrow(i).toarray()[0] for i in range(4)]) if hasattr(given, "getrow") else None
    exact = (given.toarray() if before is None else before) if hasattr(given, "tocsr") else np.array(given)
    with pytest.warns(OptimizeWarning, match=message):
        checked = check_samples(LOGISTIC, (given, Y))
    made = checked.arrays[0] if not checked.sparse else sp.csr_array(checked.arrays[:3], shape=exact.shape)
    np.testing.assert_array_equal(made.toarray() if checked.sparse else made, exact)
    assert checked.arrays[0].dtype == np.float64
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_samples(LOGISTIC, (made, Y))  # what the message tells the user to pass


def test_float64_data_of_float32_parameters_are_converted():
    for given in (A, sp.csr_array(A)):
        with pytest.warns(OptimizeWarning, match="A is float64 where x is float32; .* converted, a copy of"):
            assert check_samples(LOGISTIC, (given, Y), dtype=np.float32).arrays[0].dtype == np.float32


def test_a_frame_of_pandas_is_converted_since_its_columns_are_contiguous():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    with pytest.warns(OptimizeWarning, match="A has no contiguous rows; .* a copy of 32 bytes"):
        checked = check_samples(SQUARED, (frame, frame["a"]))
    np.testing.assert_array_equal(checked.arrays[0], frame.to_numpy())


def test_the_callers_matrix_stays_as_it_was():
    S = csr(indices=(2, 2, 1, 2))
    with pytest.warns(OptimizeWarning, match="summed"):
        checked = check_samples(LOGISTIC, (S, Y))
    assert S.indices.tolist() == [2, 2, 1, 2]
    assert checked.arrays[0].tolist() == [3.0, 3.0, 4.0]


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 2**20])
def test_rows_are_told_apart_wherever_a_piece_begins(piece, monkeypatch, rng):
    monkeypatch.setattr(samples, "PIECE", piece)
    S = sp.random_array((40, 9), density=0.3, format="csr", rng=rng)
    checked = check_samples(SQUARED, (S, np.zeros(40)))  # a warning here is an error
    assert np.shares_memory(checked.arrays[1], S.indices)
    row = int(np.flatnonzero(np.diff(S.indptr) >= 2)[-1])
    k = S.indptr[row] + 1
    damaged = csr(S.data, with_entry(S.indices, k, int(S.indices[k - 1])), S.indptr, S.shape)
    with pytest.warns(OptimizeWarning, match="twice"):
        check_samples(SQUARED, (damaged, np.zeros(40)))
    damaged = csr(S.data, with_entry(S.indices, k, 9), S.indptr, S.shape)
    with pytest.raises(ValueError, match=rf"A.indices\[{k}\] = 9 \(row {row}\) is outside 0..8"):
        check_samples(SQUARED, (damaged, np.zeros(40)))
    with pytest.raises(ValueError, match=r"y\[37\] = 5 is not a class in 0..2"):
        check_samples(CLASSES, (S, with_entry(np.zeros(40, int), 37, 5)))


# -- What is refused ---------------------------------------------------------------------------------------------------

NAN = float("nan")
# (model, data, words of the message)
REFUSED = {
    # a function of one's own
    "nothing": (None, (), "data is empty; pass at least one array"),
    "lengths": (None, (A, Y[:3]), "data has arrays of lengths 4, 3; give each the same number"),
    "no samples": (None, (A[:0], Y[:0]), "data has no samples"),
    "scalar": (None, (A, 3.0), r"data\[1\]=3.0 is a scalar, not one entry per sample; pass it in args=\(3.0,\)"),
    "objects": (None, (np.array([None, 1]),), r"data\[0\] has dtype object"),
    "ragged": (None, ([[1.0], [1.0, 2.0]],), r"data\[0\]=\[\[1.0\], \[1.0, 2.0\]\] is not an array; give its rows"),
    "NaN": (None, (Y, with_entry(A, (3, 1), NAN)), r"data\[1\]\[3, 1\] = nan is not finite; .*'allow_nan': True"),
    "inf in float32": (None, with_entry(A, (2, 0), np.inf).astype("f4"), r"data\[0\]\[2, 0\] = inf"),
    "sparse": (None, (sp.csr_array(A), Y), r"data\[0\] is a sparse matrix, .* use a linear_model"),
    # features
    "A alone": (LOGISTIC, A, r"data=<ndarray of shape \(4, 3\)> is not \(A, y\); pass"),
    "three": (LOGISTIC, (A, Y, Y), r"is not \(A, y\)"),
    "1-D": (LOGISTIC, (A[:, 0], Y), r"A has shape \(4,\), expected \(samples, features\); .* A.reshape\(-1, 1\)"),
    "no rows": (LOGISTIC, (A[:0], Y[:0]), r"A has shape \(0, 3\): no samples"),
    "no columns": (LOGISTIC, (A[:, :0], Y), r"A has shape \(4, 0\): no features"),
    "complex": (LOGISTIC, (A + 0j, Y), "A has dtype complex128, expected real numbers"),
    "strings": (LOGISTIC, (A.astype(str), Y), r"A has dtype <U32, .*; convert it with A.astype\(float\)"),
    "NaN in A": (LOGISTIC, (with_entry(A, (3, 1), NAN), Y), r"A\[3, 1\] = nan is not finite; correct it or leave"),
    "masked": (LOGISTIC, (np.ma.masked_equal(A, 4), Y), "A has masked entries; fill them"),
    # sparse features
    "NaN in CSR": (LOGISTIC, (csr(values=(1.0, 2.0, NAN, 4.0)), Y), r"A\[2, 1\] = nan is not finite"),
    "index too large": (LOGISTIC, (csr(indices=(0, 2, 3, 2)), Y), r"A.indices\[2\] = 3 \(row 2\) is outside 0..2"),
    "index negative": (LOGISTIC, (csr(indices=(0, -1, 1, 2)), Y), r"A.indices\[1\] = -1 \(row 0\) is outside 0..2"),
    "index no integer": (LOGISTIC, (csr(indices=(0.0, 2.0, 1.0, 2.0)), Y), "A.indices has dtype float64"),
    "indptr falls": (LOGISTIC, (csr(indptr=(0, 3, 2, 3, 4)), Y), r"A.indptr\[2\] = 2: it must begin with 0 and never"),
    "indptr begins": (LOGISTIC, (csr(indptr=(1, 2, 2, 3, 4)), Y), r"A.indptr\[0\] = 1: it must begin with 0"),
    "indptr short": (LOGISTIC, (csr(indptr=(0, 2, 4)), Y), "A.indptr has 3 entries, 4 rows take 5"),
    "indptr too far": (LOGISTIC, (csr(indptr=(0, 2, 2, 3, 9)), Y), "A.indptr ends with 9, A has 4 indices and 4 val"),
    "values missing": (LOGISTIC, (csr(values=(1.0, 2.0)), Y), "A has 4 indices and 2 values"),
    "CSC index": (
        LOGISTIC,
        (csr(indices=(0, 2, 9, 2), indptr=(0, 2, 3, 4), kind="csc"), Y),
        r"A.indices\[2\] = 9 \(column 1\) is outside 0..3",
    ),
    # y
    "y short": (LOGISTIC, (A, Y[:3]), "y has 3 entries, A has 4 rows"),
    "y a column": (LOGISTIC, (A, Y[:, None]), r"y has shape \(4, 1\), expected \(4,\); pass y.ravel\(\)"),
    "y a matrix": (LOGISTIC, (A, A), r"y has shape \(4, 3\), expected \(4,\); pass one number per row"),
    "y strings": (LOGISTIC, (A, ["a", "b", "a", "b"]), r"y has dtype <U1, .* np.unique\(y, return_inverse=True\)\[1\]"),
    "y NaN": (SQUARED, (A, with_entry(Y, 2, NAN)), r"y\[2\] = nan is not finite"),
    "label 2": (LOGISTIC, (A, with_entry(Y, 3, 2)), r"y\[3\] = 2 is not a label of 'logistic'; use 0 and 1, or -1 and"),
    "label 1/2": (linear_model("hinge"), (A, with_entry(Y, 1, 0.5)), r"y\[1\] = 0.5 is not a label of 'hinge'"),
    "two codings": (LOGISTIC, (A, [0, 1, -1, 1]), r"y\[0\] = 0 and y\[2\] = -1 are labels of two codings; .*classes=3"),
    "class 3": (CLASSES, (A, [0, 1, 2, 3]), r"y\[3\] = 3 is not a class in 0..2; number the classes with np.unique"),
    "class -1": (CLASSES, (A, [0, -1, 2, 1]), r"y\[1\] = -1 is not a class"),
    "class 1/2": (CLASSES, (A, [0, 0.5, 2, 1]), r"y\[1\] = 0.5 is not a class"),
    "count -1": (COUNTS, (A, [0, 4, -1, 1]), r"y\[2\] = -1 is negative, and 'poisson' takes counts"),
}


@pytest.mark.parametrize("convert", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_numbers_beyond_the_dtype_of_x_are_named_as_they_are(convert):
    given = convert(with_entry(A, (2, 1), 1e300))
    with pytest.warns(OptimizeWarning, match="float64 where x is float32"):
        with pytest.raises(ValueError, match=r"A\[2, 1\] = 1e\+300 is not finite in float32; correct it"):
            check_samples(LOGISTIC, (given, Y), dtype=np.float32)


@pytest.mark.parametrize("case", REFUSED)
def test_data_that_cannot_be_used_are_refused_with_their_place(case):
    model, data, message = REFUSED[case]
    with pytest.raises((TypeError, ValueError), match=message):
        check_samples(model, data)


def test_a_coo_matrix_with_coordinates_outside_is_refused_before_it_is_converted():
    S = sp.coo_matrix(A)
    S.col = with_entry(S.col, 2, 10**6)
    with pytest.raises(ValueError, match=r"A has a value at \(1, 1000000\), outside its shape \(4, 3\)"):
        check_samples(LOGISTIC, (S, Y))


WEIGHTS = {
    "negative": ([1, 2, -0.5, 1], r"sample_weight\[2\] = -0.5 is outside \[0, inf\); use 0 to leave"),
    "NaN": ([1, NAN, 1, 1], r"sample_weight\[1\] = nan"),
    "inf": ([1, np.inf, 1, 1], r"sample_weight\[1\] = inf"),
    "short": ([1, 1], r"sample_weight has shape \(2,\), data has 4 samples"),
    "column": ([[1], [1], [1], [1]], r"sample_weight has shape \(4, 1\)"),
    "zeros": ([0, 0, 0, 0], "sample_weight has the sum 0.0; make it positive"),
    "strings": (["1"] * 4, "sample_weight has dtype <U1"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_cannot_be_are_refused(case):
    weights, message = WEIGHTS[case]
    for model, data in ((None, A), (LOGISTIC, (A, Y))):
        with pytest.raises((TypeError, ValueError), match=message):
            check_samples(model, data, weights)
