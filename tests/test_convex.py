"""Every rule finds the optimum that SciPy finds: quadratics, least squares, logistic and Huber regression, with L2.

All problems are scaled to a largest curvature of about 1, so that one row of hyperparameters serves them all. The
smallest curvature μ is known, and strong convexity then says how far a point with gradient g can be from the optimum:
|x - x*| <= |g|/μ and f - f* <= |g|²/2μ. So nothing here is a tolerance that somebody chose.
"""

from math import exp, log1p

import numpy as np
import pytest
import scipy.optimize
from numba import njit

from optnumba import minimize
from optnumba.rules import ALGORITHMS

GTOL = 1e-8
# Constant rates reach 1e-8 in all problems. Where the gradient vanishes, the rate that is left is η/√ε for RMSprop,
# 1 for Adadelta and about η/ε for NAdam: an ε larger than the document's keeps it below the stability limit.
HYPER = {
    "sgd": {"learning_rate": 1.9},
    "momentum": {"learning_rate": 1.0},
    "nag": {"learning_rate": 1.0},
    "adagrad": {"learning_rate": 1.0},
    "adadelta": {"eps": 1e-4},
    "rmsprop": {"learning_rate": 0.15, "eps": 1e-2},
    "adam": {"learning_rate": 0.1},
    "adamax": {"learning_rate": 0.3},
    "nadam": {"learning_rate": 1.0, "eps": 0.1},
}


SQUARES, LOGISTIC, HUBER = 0, 1, 2


@njit
def regression(x, grad, loss, A, y, l2):
    """Return the mean loss of A x against y, plus l2 |x|²/2: one objective, so that each rule is compiled once."""
    f = 0.0
    for j in range(x.size):
        grad[j] = l2 * x[j]
        f += l2 * x[j] * x[j] / 2
    for i in range(y.size):
        z = 0.0
        for j in range(x.size):
            z += A[i, j] * x[j]
        r = z - y[i]
        if loss == SQUARES:
            value, slope = r * r / 2, r
        elif loss == LOGISTIC:
            e = exp(-abs(z))
            value = max(-y[i] * z, 0.0) + log1p(e)
            slope = -y[i] * (1.0 if y[i] * z < 0 else e) / (1 + e)
        else:
            slope = max(-0.5, min(r, 0.5))
            value = slope * (r - slope / 2)
        f += value / y.size
        for j in range(x.size):
            grad[j] += slope * A[i, j] / y.size
    return f


def quadratic(condition, n=6, rows=12):
    """Return the quadratic whose curvatures run from 1 / condition to 1, in a random orthogonal frame."""
    rng = np.random.default_rng(int(condition))
    curvatures, l2 = np.geomspace(1 / condition, 1, n), 0.5 / condition
    left, _ = np.linalg.qr(rng.normal(size=(rows, n)))
    right, _ = np.linalg.qr(rng.normal(size=(n, n)))
    A = np.sqrt(rows) * (left * np.sqrt(curvatures - l2)) @ right
    return (SQUARES, A, rng.normal(size=rows), l2), n, 1 / condition


def data(loss, n=5, rows=60, l2=1e-2):
    """Return a regression on random features of unequal size, with errors so heavy-tailed that there are outliers."""
    rng = np.random.default_rng(loss)
    A = rng.normal(size=(rows, n)) * np.geomspace(1, 0.2, n)
    A *= np.sqrt(rows) / np.linalg.norm(A, 2)
    y = A @ rng.normal(size=n) + 0.3 * rng.standard_t(2, size=rows)
    return (loss, A, np.where(y > 0, 1.0, -1.0) if loss == LOGISTIC else y, l2), n, l2


PROBLEMS = {
    "quadratic, condition 1": quadratic(1.0),
    "quadratic, condition 100": quadratic(1e2),
    "quadratic, condition 10000": quadratic(1e4),
    "least squares": data(SQUARES),
    "logistic": data(LOGISTIC),
    "huber": data(HUBER),
}


def value_and_gradient(x, args):
    grad = np.empty_like(x)
    return regression(x, grad, *args), grad


@pytest.fixture(scope="module")
def optima():
    """Return SciPy's optimum of every problem: the point, the objective, and the norm of the gradient left there."""
    found = {}
    for key, (args, n, _) in PROBLEMS.items():
        options = {"ftol": 0, "gtol": 1e-12, "maxiter": 100_000, "maxcor": 30}
        result = scipy.optimize.minimize(
            value_and_gradient, np.zeros(n), (args,), jac=True, method="L-BFGS-B", options=options
        )
        found[key] = result.x, result.fun, np.linalg.norm(value_and_gradient(result.x, args)[1])
    return found


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_rule_finds_the_optimum_that_scipy_finds(name, optima):
    for key, (args, n, mu) in PROBLEMS.items():
        x_scipy, f_scipy, slope_scipy = optima[key]
        options = {"gtol": GTOL, "maxiter": 200_000, **HYPER[name]}
        result = minimize(regression, np.zeros(n), args, method=name, jac="inplace", options=options)
        assert result.success, (key, result.message)
        f, gradient = value_and_gradient(result.x, args)
        assert f == result.fun, key
        np.testing.assert_array_equal(gradient, result.jac, key)
        assert np.abs(gradient).max() <= GTOL, key
        slope, rounding = np.linalg.norm(gradient), 1e-14 * (1 + abs(f))
        assert abs(f - f_scipy) <= (slope**2 + slope_scipy**2) / (2 * mu) + rounding, key
        assert abs(f - f_scipy) <= 1e-8 * abs(f_scipy), key
        assert np.linalg.norm(result.x - x_scipy) <= (slope + slope_scipy) / mu, key
        # SciPy's own error must not be what makes these bounds wide.
        assert slope_scipy <= n * GTOL, key


def test_the_gradients_are_those_of_the_objectives():
    """The problems themselves: analytic against numerical gradients."""
    rng = np.random.default_rng(0)
    for args, n, _ in PROBLEMS.values():
        x = rng.normal(size=n)
        numerical = scipy.optimize.approx_fprime(x, lambda x, args=args: value_and_gradient(x, args)[0], 1e-7)
        np.testing.assert_allclose(value_and_gradient(x, args)[1], numerical, atol=1e-5)
