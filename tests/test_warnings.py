"""Warnings point at the line that called optnumba, through SciPy or not, however deep they are given."""

import warnings

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse

import optnumba

MODEL = optnumba.linear_model("squared")
A, Y = np.arange(12.0).reshape(4, 3), np.zeros(4)
X0, BOX = np.array([9.0]), [(0, 1)]
CSC, COO = scipy.sparse.csc_array(A), scipy.sparse.coo_array(A)


def bowl(x):
    return (x**2).sum(), 2 * x


def failing(x):
    return np.nan, x


def sums(data, **options):
    return optnumba.minimize_finite_sum(MODEL, None, data, batch_size=4, epochs=1, options=options)


def scipys(fun=bowl, bounds=None, **options):
    method = optnumba.methods.sgd
    return scipy.optimize.minimize(fun, X0, jac=True, method=method, bounds=bounds, options={"maxiter": 1, **options})


def own(fun=bowl, bounds=None, **options):
    return optnumba.minimize(fun, X0, jac=True, bounds=bounds, options={"maxiter": 1, **options})


def value(A):
    return MODEL.value(np.zeros(4), A, Y)


CALLS = {
    "unknown option of a sum": "sums((A, Y), epoch=3)",
    "CSC": "sums((CSC, Y))",
    "COO": "sums((COO, Y))",
    "columns first": "sums((np.asfortranarray(A), Y))",
    "validation": "sums((A, Y), validation=(CSC, Y))",
    "value": "value(CSC)",
    "end of a sum": "sums((A, Y), disp=True, maxtime=0)",
    "unknown option": "own(maxitr=1)",
    "start": "own(bounds=BOX)",
    "end": "own(failing, disp=True)",
    "unknown option through SciPy": "scipys(maxitr=1)",
    "start through SciPy": "scipys(bounds=BOX)",
    "end through SciPy": "scipys(failing, disp=True)",
}


@pytest.mark.parametrize("case", CALLS)
def test_a_warning_points_at_the_caller(case):
    """The function that calls is in this file, and neither what it calls nor who calls it."""
    call = compile(CALLS[case], "outside", "eval")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eval(call, globals())
    assert [w.filename for w in caught] == [__file__]
    code = globals()[call.co_names[0]].__code__
    assert caught[0].lineno in range(code.co_firstlineno, code.co_firstlineno + 6)
