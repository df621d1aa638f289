"""Two hundred steps of every rule, by every way in, agree with the textbook loops of naive.py to rounding.

The problem is made to tell formulas apart. Its four coordinates have ordinary gradients; gradients of 1e-4, which an ε
of 1e-8 inside a root changes at the first digit; of 1e-8, for an ε outside a root; and exact zeros. That the tolerance
sees a wrong ε, and any other constant that is off by 1e-3, is tested first.
"""

from inspect import signature
from itertools import product

import numpy as np
import pytest
import scipy.optimize
from naive import NAIVE
from numba import njit

import optnumba
from optnumba import Optimizer
from optnumba.rules import ALGORITHMS

STEPS = 200
DTYPES = (np.float32, np.float64)
START = (1.0, 0.0, 0.0, 0.5)
CURVATURE = (1.0, 1e-4, 1e-8, 0.0)
CENTRE = (-1.0, 1.0, -1.0, 2.0)
WITH_RATE = [name for name in ALGORITHMS if "learning_rate" in ALGORITHMS[name].defaults]
ALL_STEPS = {"maxiter": STEPS, "gtol": 0, "return_all": True}


def problem(dtype):
    """Return x0 and the arguments (curvature, centre) of the objective in a dtype."""
    return np.array(START, dtype), (np.array(CURVATURE, dtype), np.array(CENTRE, dtype))


def value(x, curvature, centre):
    f = x[0] - x[0]
    for i in range(x.size):
        f += curvature[i] * (x[i] - centre[i]) ** 2 / 2
    return f


def slope(x, curvature, centre):
    return curvature * (x - centre)


def pair(x, curvature, centre):
    return (curvature * (x - centre) ** 2).sum() / 2, curvature * (x - centre)


def scalars(x, curvature, centre):
    a, b, c, d = x[0] - centre[0], x[1] - centre[1], x[2] - centre[2], x[3] - centre[3]
    f = curvature[0] * a * a / 2 + curvature[1] * b * b / 2 + curvature[2] * c * c / 2 + curvature[3] * d * d / 2
    return f, (curvature[0] * a, curvature[1] * b, curvature[2] * c, curvature[3] * d)


def inplace(x, grad, curvature, centre):
    f = x[0] - x[0]
    for i in range(x.size):
        grad[i] = curvature[i] * (x[i] - centre[i])
        f += grad[i] * (x[i] - centre[i]) / 2
    return f


def covering(rules, *axes):
    """Return all combinations, of which each rule runs one, and together they all; the rest: ``pytest --exhaustive``.

    Each combination needs a compilation of its own, of seconds.
    """
    others = list(product(*axes))
    marks = {True: (), False: pytest.mark.exhaustive}
    return [
        pytest.param(rule, *other, marks=marks[k == i % len(others)])
        for i, rule in enumerate(rules)
        for k, other in enumerate(others)
    ]


# Every form of an objective: fun, jac.
FORMS = {
    "jac": (value, slope),
    "True, array": (pair, True),
    "True, scalars": (scalars, True),
    "inplace": (inplace, "inplace"),
}
COMPILED = {form: tuple(njit(part) if callable(part) else part for part in parts) for form, parts in FORMS.items()}


def warm_up(t):
    """A schedule that differs from its first value in every step, and most in the first ones."""
    return 0.02 / (1.0 + 0.1 * t)


# -- The textbook's trajectories and how far rounding may lead from them ----------------------------------------------


def textbook(name, dtype, **hyper):
    """Return the points where the gradient is taken, those of steps 0 to 200, and the iterates."""
    x0, args = problem(dtype)
    points = []

    def gradient(x):
        points.append(x)
        return slope(x, *args)

    iterates, _ = NAIVE[name](x0, gradient, STEPS + 1, **hyper)
    return np.array(points), np.array(iterates[:-1])


def allowed(trajectory):
    """Return how far two correct loops may drift apart.

    In each step either loop rounds x once, which makes an eps of x, and its change some 8 times, which makes 16 of
    the change. In float64 the textbook's 1 - β**t loses up to 66 ulp more; in float32 it is still computed in float64.
    """
    changes = np.abs(np.diff(trajectory, axis=0, prepend=trajectory[:1]))
    roundings = 16 + 66 * (trajectory.dtype == np.float64)
    return np.finfo(trajectory.dtype).eps * np.cumsum(np.abs(trajectory) + roundings * changes, axis=0)


def assert_same(found, expected, way_in=""):
    found = np.asarray(found)
    assert found.dtype == expected.dtype, way_in
    assert found.shape == expected.shape, way_in
    excess = np.abs(found - expected) - allowed(expected)
    step, coordinate = np.unravel_index(np.argmax(excess), excess.shape)
    assert (excess <= 0).all(), f"{way_in}: {found[step]} instead of {expected[step]}, {step=}, {coordinate=}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_tolerance_notices_a_constant_that_is_off_by_a_thousandth(name, dtype):
    points, iterates = textbook(name, dtype)
    for hyper, default in ALGORITHMS[name].defaults.items():
        _, other = textbook(name, dtype, **{hyper: default * 0.999})
        assert (np.abs(other - iterates) > 2 * allowed(iterates)).any(), hyper


def eps_hat_adam(x, gradient, steps, **hyper):
    """The ε of Keras: outside the root of the v that is not corrected."""
    return misplaced(x, gradient, steps, lambda v, t: np.sqrt(v / (1 - 0.999**t)) + 1e-8 / np.sqrt(1 - 0.999**t))


def eps_inside_adam(x, gradient, steps, **hyper):
    return misplaced(x, gradient, steps, lambda v, t: np.sqrt(v / (1 - 0.999**t) + 1e-8))


def misplaced(x, gradient, steps, denominator):
    iterates, m, v = [x], 0, 0
    for t in range(1, steps + 1):
        g = gradient(x)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + (1 - 0.999) * (g * g)
        x = x - 0.001 * (m / (1 - 0.9**t)) / denominator(v, t)
        iterates.append(x)
    return iterates, {}


def eps_outside_adagrad(x, gradient, steps):
    iterates, G = [x], 0
    for _ in range(steps):
        g = gradient(x)
        G = G + g * g
        x = x - 0.01 * g / (np.sqrt(G) + 1e-8)
        iterates.append(x)
    return iterates, {}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "wrong"), [("adam", eps_hat_adam), ("adam", eps_inside_adam), ("adagrad", eps_outside_adagrad)]
)
def test_the_tolerance_notices_a_misplaced_epsilon(name, wrong, dtype, monkeypatch):
    _, iterates = textbook(name, dtype)
    monkeypatch.setitem(NAIVE, name, wrong)
    _, other = textbook(name, dtype)
    assert (np.abs(other - iterates) > 100 * allowed(iterates)).any()


# -- The table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_defaults_are_those_of_the_document(name):
    parameters = signature(NAIVE[name]).parameters.values()
    typed_again = {
        p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty
    }
    assert ALGORITHMS[name].defaults == typed_again


def test_both_tables_name_the_same_rules():
    assert list(ALGORITHMS) == list(NAIVE)


# -- Optimizer: arrays in place ----------------------------------------------------------------------------------------

CONTIGUOUS = {
    "array": lambda x: x.copy(),
    "list": lambda x: [x[:1].copy(), x[1:].copy()],
    "dict": lambda x: {"weights": x[:3].copy(), "bias": x[3:].copy()},
    "fortran": lambda x: np.asfortranarray(x.reshape(2, 2)),
    "0-d": lambda x: np.array(x[0]),
    "list of 0-d": lambda x: [np.array(x[0]), np.array(x[1])],
}
STRIDED = {
    "strided": lambda x: np.repeat(x, 3)[::3],
    "reversed": lambda x: x[::-1].copy()[::-1],
    "strided rows": lambda x: np.repeat(x.reshape(2, 2), 2, axis=0)[::2],
    "strided columns, fortran": lambda x: np.repeat(x.reshape(2, 2).T, 2, axis=0)[::2].T,
    "one of a list": lambda x: [x[:2].copy(), np.repeat(x[2:], 2)[::2]],
}


def leaves(params):
    return list(params.values()) if isinstance(params, dict) else params if isinstance(params, list) else [params]


def flat(params):
    return np.concatenate([np.ravel(leaf) for leaf in leaves(params)])


def gradients(params, curvature, centre):
    """Return gradients in the structure of params, every array in the layout of its parameter."""
    found, start = [], 0
    for leaf in leaves(params):
        part = slice(start, start + leaf.size)
        g = np.lib.stride_tricks.as_strided(np.zeros(64, leaf.dtype)[32:], leaf.shape, leaf.strides)
        g[...] = curvature[part].reshape(leaf.shape) * (leaf - centre[part].reshape(leaf.shape))
        found.append(g)
        start += leaf.size
    if isinstance(params, dict):
        return dict(zip(params, found, strict=True))
    return found if isinstance(params, list) else found[0]


def run(params, name, args, **hyper):
    opt = Optimizer(params, method=name, **hyper)
    trajectory = [flat(opt.solution())]
    for t in range(STEPS):
        assert opt.t == t
        opt.step(gradients(params, *args))
        trajectory.append(flat(opt.solution()))
    if name != "nag":
        # In place: what the caller holds has moved, whatever its layout.
        np.testing.assert_array_equal(flat(params), trajectory[-1])
    return np.array(trajectory)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_optimizer(name, dtype):
    x0, args = problem(dtype)
    _, expected = textbook(name, dtype)
    for layout, lay_out in CONTIGUOUS.items():
        params = lay_out(x0)
        assert_same(run(params, name, args), expected[:, : flat(params).size], layout)


@pytest.mark.parametrize(("name", "dtype"), covering(ALGORITHMS, DTYPES))
def test_optimizer_on_strided_arrays(name, dtype):
    x0, args = problem(dtype)
    _, expected = textbook(name, dtype)
    for layout, lay_out in STRIDED.items():
        assert_same(run(lay_out(x0), name, args), expected, layout)


@pytest.mark.parametrize(("name", "dtype"), covering(WITH_RATE, DTYPES))
def test_optimizer_with_a_schedule(name, dtype):
    x0, args = problem(dtype)
    _, expected = textbook(name, dtype, learning_rate=warm_up)
    assert_same(run(x0, name, args, learning_rate=warm_up), expected)


# -- minimize and scipy.optimize.minimize: whole loops -----------------------------------------------------------------


def by_name(fun, x0, args, method, jac, options):
    return optnumba.minimize(fun, x0, args, method=method, jac=jac, options=options)


def by_scipy(fun, x0, args, method, jac, options):
    return scipy.optimize.minimize(fun, x0, args, method=getattr(optnumba.methods, method), jac=jac, options=options)


def assert_loops_are_the_textbook(forms, name, dtype, **hyper):
    points, _ = textbook(name, dtype, **hyper)
    for form, (fun, jac) in forms.items():
        # SciPy itself takes neither "inplace" nor a tuple of scalars for a gradient.
        for minimize in (by_name, by_scipy) if form in ("jac", "True, array") else (by_name,):
            x0, args = problem(dtype)
            result = minimize(fun, x0, args, name, jac, {**ALL_STEPS, **hyper})
            assert_same(result.allvecs, points, f"{form}, {minimize.__name__}")
            assert result.nit == STEPS
            np.testing.assert_array_equal(x0, problem(dtype)[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_minimize_a_python_objective(name, dtype):
    assert_loops_are_the_textbook(FORMS, name, dtype)


@pytest.mark.parametrize(("name", "form", "dtype"), covering(ALGORITHMS, COMPILED, DTYPES))
def test_minimize_a_numba_objective(name, form, dtype):
    assert_loops_are_the_textbook({form: COMPILED[form]}, name, dtype)


@pytest.mark.parametrize("name", WITH_RATE)
def test_minimize_a_python_objective_with_a_schedule(name):
    assert_loops_are_the_textbook({"inplace": FORMS["inplace"]}, name, np.float64, learning_rate=warm_up)


@pytest.mark.parametrize("name", ["nag", "adam"])
def test_minimize_a_numba_objective_with_a_schedule(name):
    assert_loops_are_the_textbook({"inplace": COMPILED["inplace"]}, name, np.float64, learning_rate=warm_up)
