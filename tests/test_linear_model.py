"""Linear models: losses, values, gradients and predictions, against mpmath, NumPy, torch and scikit-learn."""

import math
import pickle
import re
from functools import partial

import mpmath
import numpy as np
import pytest
import scipy.sparse as sp
from numba import njit

from optnumba import linear_model
from optnumba.bind import kernel
from optnumba.linear_model import LOSSES
from optnumba.loops import losses
from optnumba.loops.products import dot
from optnumba.samples import check_samples

N, FEATURES = 60, 21


# -- Losses of one sample ----------------------------------------------------------------------------------------------

PLACES = np.array([0.0, 0.3, -0.3, 1.0, -1.0, 2.5, -2.5, 36.0, -36.0, 700.0, -700.0, 1e-300, 5e3, -5e3, 1e308, -1e308])
OF_SIGN = {"logistic", "hinge"}
# Of z and y = -1 or 1 for a label, as the formulas are written in books.
FORMULAS = {
    "squared": (lambda z, y: (z - y) ** 2 / 2, lambda z, y: z - y),
    "logistic": (lambda z, y: mpmath.log1p(mpmath.exp(-y * z)), lambda z, y: -y / (1 + mpmath.exp(y * z))),
    "hinge": (lambda z, y: max(mpmath.mpf(0), 1 - y * z), lambda z, y: -y if y * z < 1 else mpmath.mpf(0)),
    "huber": (
        lambda z, y: (z - y) ** 2 / 2 if abs(z - y) <= 1.5 else 1.5 * (abs(z - y) - 0.75),
        lambda z, y: z - y if abs(z - y) <= 1.5 else 1.5 * mpmath.sign(z - y),
    ),
    "poisson": (lambda z, y: mpmath.exp(z) - y * z, lambda z, y: mpmath.exp(z) - y),
}


def each(z, y, value, slope):
    for i in range(z.size):
        value[i], slope[i] = loss(z[i], y[i])  # noqa: F821


def losses_of(model, z, y):
    value, slope = np.empty(z.size), np.empty(z.size)
    kernel(each, "each", model.names)(z, y, value, slope)
    return value, slope


def as_float(exact):
    """Return the nearest float64, infinite beyond the range (float)."""
    return float(exact) if abs(exact) < mpmath.mpf(np.finfo(float).max) else math.copysign(math.inf, exact)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_its_formula_where_exp_would_overflow_too(name):
    model = linear_model(name, delta=1.5)
    for y in (0.0, 1.0):
        value, slope = losses_of(model, PLACES, np.full(PLACES.size, y))
        label = mpmath.mpf((2 * y - 1) if name in OF_SIGN else y)
        with mpmath.workdps(500):
            exact = [[as_float(f(mpmath.mpf(z), label)) for z in PLACES] for f in FORMULAS[name]]
        np.testing.assert_allclose(value, exact[0], rtol=1e-15, atol=2e-16)
        np.testing.assert_allclose(slope, exact[1], rtol=1e-15, atol=2e-16)
    assert np.isnan(losses_of(model, np.array([np.nan]), np.ones(1))[0]).all()


def test_a_confident_and_right_prediction_costs_what_it_should():
    value, slope = losses_of(linear_model("logistic"), np.array([50.0]), np.ones(1))
    assert value[0] == pytest.approx(math.exp(-50), rel=1e-14, abs=0)
    assert slope[0] == pytest.approx(-math.exp(-50), rel=1e-14, abs=0)


@pytest.mark.parametrize("name", sorted(OF_SIGN))
@pytest.mark.parametrize("kind", [np.int8, np.uint8, bool])
def test_labels_of_either_coding_and_of_any_type_are_the_same(name, kind):
    # In Python: what is compiled is the same code.
    for z in (-0.7, 0.4, 3.0):
        assert LOSSES[name](z, kind(1)) == LOSSES[name](z, 1.0)
        assert LOSSES[name](z, kind(0)) == LOSSES[name](z, -1.0)


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e307])
def test_softmax_is_safe_and_its_slopes_sum_to_nothing(scale, rng):
    for y in range(3):
        z = rng.normal(size=3) * scale
        with mpmath.workdps(30):
            powers = [mpmath.exp(mpmath.mpf(k) - mpmath.mpf(max(z))) for k in z]
            exact = mpmath.log(sum(powers)) + mpmath.mpf(max(z)) - mpmath.mpf(z[y])
            shares = [float(p / sum(powers)) - (k == y) for k, p in enumerate(powers)]
        assert losses.softmax(z, y, z) == pytest.approx(float(exact), rel=1e-14)
        np.testing.assert_allclose(z, shares, atol=1e-15)


# -- The inner product -------------------------------------------------------------------------------------------------


@njit
def compiled_dot(a, b):
    return dot(a, b)


@pytest.mark.parametrize("a_type, b_type", [("f8", "f8"), ("f4", "f4"), ("f4", "f8")])
def test_the_inner_product_counts_each_entry_once(a_type, b_type, rng):
    for n in (*range(40), 63, 64, 65, 1000):
        a, b = rng.normal(size=n).astype(a_type), rng.normal(size=n).astype(b_type)
        exact, terms = math.fsum(map(float, a.astype(float) * b)), float(np.abs(a * b).sum())
        # A sum of n terms is off by n/16 + 9 roundings at most; the products by one each.
        assert abs(compiled_dot(a, b) - exact) <= (n / 16 + 10) * np.finfo(b_type).eps * terms


# -- Value and gradient ------------------------------------------------------------------------------------------------


def problem(rng, classes=None, dtype=np.float64):
    A = rng.normal(size=(N, FEATURES)).astype(dtype)
    return A, rng.integers(0, classes or 2, N)


def reference(model, x, A, y):
    """Return J and its gradient by matrix products."""
    B = np.column_stack([np.ones(len(A)), A]) if model.intercept else A
    W = x.reshape(B.shape[1], -1)
    Z, Y = B @ W, np.where(y[:, None] == np.arange(W.shape[1]), 1, -1) if model.classes else 2 * y[:, None] - 1
    if model.classes and model.multiclass == "softmax":
        P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
        cost, slopes = -np.log(P[np.arange(len(y)), y]), P - (Y == 1)
    elif model.loss == "logistic":
        cost, slopes = np.log(1 + np.exp(-Y * Z)).sum(axis=1), -Y / (1 + np.exp(Y * Z))
    else:
        cost, slopes = np.maximum(0, 1 - Y * Z).sum(axis=1), -Y * (Y * Z < 1)
    penalised = np.concatenate([0 * W[:1], W[1:]]) if model.intercept else W
    value = cost.mean() + model.l2 / 2 * (penalised**2).sum() + model.l1 * np.abs(penalised).sum()
    return value, (B.T @ slopes / len(y) + model.l2 * penalised).ravel()


MODELS = {
    "one output": linear_model("logistic", {"l2": 0.1}),
    "softmax": linear_model("logistic", {"l2": 0.1}, classes=48),  # three times 16 at a time; the next has a rest
    "one-vs-rest": linear_model("hinge", {"l2": 0.1}, intercept=False, classes=3, multiclass="one-vs-rest"),
}


@pytest.mark.parametrize("name", MODELS)
def test_value_and_gradient_are_those_of_the_matrix_formula(name, rng):
    model = MODELS[name]
    A, y = problem(rng, model.classes)
    x, grad = rng.normal(size=model.size(FEATURES)), np.full(model.size(FEATURES), np.nan)
    value, gradient = reference(model, x, A, y)
    assert model.value_and_gradient(x, grad, A, y) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(grad, gradient, rtol=1e-12, atol=1e-13)
    if model.loss == "hinge":
        return  # the rest is the code that softmax runs through too, and takes seconds to compile
    assert model.value(x, A, y) == pytest.approx(value, rel=1e-13)
    sparse = A * (rng.random(A.shape) < 0.3)
    assert model.value(x, sp.csr_array(sparse), y) == pytest.approx(reference(model, x, sparse, y)[0], rel=1e-13)


def test_float32_stays_float32(rng):
    model = MODELS["one output"]
    A, y = problem(rng, dtype=np.float32)
    x = rng.normal(size=model.size(FEATURES)).astype(np.float32)
    exact, gradient = reference(model, x.astype(float), A.astype(float), y)
    grad = np.empty_like(x)
    assert model.value_and_gradient(x, grad, A, y) == pytest.approx(exact, rel=1e-5)
    np.testing.assert_allclose(grad, gradient, atol=1e-5)
    assert model.start(A).dtype == np.float32


def test_ones_own_loss_in_each_form():
    model = linear_model((lambda z, y: (z - y) ** 4, lambda z, y: 4 * (z - y) ** 3))
    z = np.linspace(-2, 2, 9)
    value, slope = losses_of(model, z, np.ones(9))
    np.testing.assert_allclose(value, (z - 1) ** 4)
    np.testing.assert_allclose(slope, 4 * (z - 1) ** 3)
    fourth = njit(lambda z, y: ((z - y) ** 4, 4 * (z - y) ** 3))
    np.testing.assert_array_equal(losses_of(linear_model(fourth), z, np.ones(9)), [value, slope])


def test_weights_are_repetitions(rng):
    model = linear_model("logistic", {"l1": 0.1, "l2": 0.2})
    A, y = problem(rng)
    times, x = rng.integers(0, 4, N), rng.normal(size=FEATURES + 1)
    repeated = reference(model, x, A.repeat(times, axis=0), y.repeat(times))[0]
    assert model.value(x, A, y, sample_weight=times) == pytest.approx(repeated, rel=1e-13)


def test_the_gradient_is_zero_at_the_optimum_of_scikit_learn(rng):
    sklearn = pytest.importorskip("sklearn.linear_model")
    model = MODELS["one output"]
    A, y = problem(rng)
    theirs = sklearn.LogisticRegression(C=1 / (N * model.l2), tol=1e-10).fit(A, y)
    grad = np.empty(FEATURES + 1)
    model.value_and_gradient(np.r_[theirs.intercept_, theirs.coef_[0]], grad, A, y)
    assert np.abs(grad).max() < 1e-6


def test_softmax_is_the_cross_entropy_of_torch(rng):
    torch = pytest.importorskip("torch")
    model = MODELS["softmax"]
    A, y = problem(rng, 48)
    x = torch.tensor(rng.normal(size=model.size(FEATURES)), requires_grad=True)
    W = x.reshape(FEATURES + 1, 48)
    loss = torch.nn.functional.cross_entropy(W[0] + torch.tensor(A) @ W[1:], torch.tensor(y))
    (loss + model.l2 / 2 * (W[1:] ** 2).sum()).backward()
    grad = np.empty(x.numel())
    model.value_and_gradient(x.detach().numpy(), grad, A, y)
    np.testing.assert_allclose(grad, x.grad.numpy(), atol=1e-14)
    assert model.value(x.detach().numpy(), A, y) - model.penalty(x.detach().numpy()) == pytest.approx(loss.item())


def test_values_are_the_metrics_of_scikit_learn(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    A, y = problem(rng, 3)
    model = MODELS["one output"]
    x = rng.normal(size=FEATURES + 1)
    own = model.value(x, A, y > 0) - model.penalty(x)
    assert own == pytest.approx(metrics.log_loss(y > 0, model.probabilities(x, A)))
    model = linear_model("logistic", classes=48)
    x = rng.normal(size=model.size(FEATURES))
    own = model.value(x, A, y)
    assert own == pytest.approx(metrics.log_loss(y, model.probabilities(x, A), labels=range(48)))


# -- What the model says -----------------------------------------------------------------------------------------------


def test_parameters_are_laid_out_with_the_intercept_first():
    A = np.array([[1.0, 10.0], [2.0, 20.0]])
    x = np.array([100.0, 1.0, 0.5])
    model = linear_model("squared")
    np.testing.assert_array_equal(model.decision(x, A), [106, 112])
    assert model.unpack(x, 2)[0] == 100
    np.testing.assert_array_equal(model.unpack(x, 2)[1], [1, 0.5])
    np.testing.assert_array_equal(linear_model("squared", intercept=False).decision(x[1:], sp.csr_matrix(A)), [6, 12])
    several = linear_model("logistic", classes=2)
    intercepts, weights = several.unpack(np.arange(6.0), 2)
    np.testing.assert_array_equal(intercepts, [0, 1])
    np.testing.assert_array_equal(weights, [[2, 3], [4, 5]])
    np.testing.assert_array_equal(several.decision(np.arange(6.0), A), [[42, 54], [84, 107]])
    assert several.start(A).tolist() == [0.0] * 6


def test_rows_and_labels_are_checked_before_they_are_used():
    model, A = linear_model("logistic"), np.ones((4, 2))
    for method in (model.start, partial(model.decision, np.zeros(3)), partial(model.predict, np.zeros(3))):
        with pytest.raises(
            ValueError, match=r"A has shape \(2,\), expected rows of features; pass A of shape \(N, n\)"
        ):
            method(A[0])
    for labels in [(1,), (1, 2, 3)]:
        text = re.escape(f"labels={labels} are {len(labels)}, expected 2: one for each class")
        with pytest.raises(ValueError, match=text):
            model.predict(np.zeros(3), A, labels)
    three, x = linear_model("logistic", classes=3, intercept=False), np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    assert three.predict(x, A[:1], ["a", "b", "c"]).tolist() == ["b"]


def test_predictions_are_in_the_coding_of_the_data(rng):
    A = rng.normal(size=(8, 2))
    x = np.array([0.1, 1.0, -2.0])
    z = x[0] + A @ x[1:]
    hinge = linear_model("hinge")
    np.testing.assert_array_equal(hinge.predict(x, A), z > 0)
    assert check_samples(hinge, (A, np.sign(z))).labels == (-1, 1)
    np.testing.assert_array_equal(hinge.predict(x, A, labels=(-1, 1)), np.sign(z))
    np.testing.assert_allclose(linear_model("poisson").predict(x, A), np.exp(z))
    np.testing.assert_allclose(linear_model("huber").predict(x, A), z)
    np.testing.assert_allclose(linear_model("logistic").probabilities(x, A), 1 / (1 + np.exp(-z)))
    several = linear_model("logistic", classes=3, multiclass="one-vs-rest")
    W = rng.normal(size=(3, 3))
    sigmoids = 1 / (1 + np.exp(-(W[0] + A @ W[1:])))
    np.testing.assert_allclose(
        several.probabilities(W.ravel(), A), sigmoids / sigmoids.sum(axis=1)[:, None], rtol=1e-14
    )
    np.testing.assert_array_equal(several.predict(W.ravel(), A), sigmoids.argmax(axis=1))


def test_probabilities_do_not_overflow():
    A = np.array([[1e308], [-1e308], [0.0]])
    assert linear_model("logistic", intercept=False).probabilities([1.0], A).tolist() == [1.0, 0.0, 0.5]
    assert linear_model("logistic", intercept=False, classes=2).probabilities([1.0, 0.5], A).tolist() == [
        [1.0, 0.0],
        [0.0, 1.0],
        [0.5, 0.5],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "linear_model('logistic')",
        "linear_model('huber', {'l1': 0.1, 'l2': 0.5}, intercept=False, delta=2.0)",
        "linear_model('hinge', classes=3, multiclass='one-vs-rest')",
    ],
)
def test_a_model_prints_as_the_call_that_makes_it(text):
    assert repr(eval(text, {"linear_model": linear_model})) == text


def test_a_model_can_be_sent_to_another_process_after_use():
    model = MODELS["one-vs-rest"]
    assert model.names["CLASSES"] == 3
    sent = pickle.loads(pickle.dumps(model))
    assert sent == model
    assert hash(sent) == hash(model)


BAD = {
    "loss": (("logit",), {}, "loss='logit' is not one of squared, logistic"),
    "loss of three": (((abs, abs, abs),), {}, "pair of functions"),
    "penalty": (("squared", {"l3": 1}), {}, "penalty={'l3': 1} is not None or a dict with 'l1', 'l2'"),
    "penalty, a number": (("squared", 0.1), {}, "penalty=0.1"),
    "l2": (("squared", {"l2": -1}), {}, r"penalty\['l2'\]=-1 is outside \[0, inf\)"),
    "l1 NaN": (("squared", {"l1": math.nan}), {}, r"penalty\['l1'\]=nan"),
    "classes": (("logistic",), {"classes": 1}, "classes=1 is not an integer of 2 or more"),
    "multiclass": (("logistic",), {"classes": 3, "multiclass": "ovr"}, "multiclass='ovr' is not 'softmax'"),
    "softmax of hinge": (("hinge",), {"classes": 3}, "loss='hinge'; use loss='logistic', or multiclass="),
    "counts": (("poisson",), {"classes": 3, "multiclass": "one-vs-rest"}, "loss='poisson' is of counts"),
    "delta": (("huber",), {"delta": 0.0}, r"delta=0.0 is outside \(0, inf\)"),
    "intercept": (("huber",), {"intercept": 1}, "intercept=1 is not True or False"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_model_that_cannot_be_is_refused(case):
    arguments, keywords, message = BAD[case]
    with pytest.raises((TypeError, ValueError), match=message):
        linear_model(*arguments, **keywords)


def test_parameters_of_another_size_are_refused():
    A = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"x has shape \(2,\), linear_model\('squared'\) takes \(3,\): 2 weights"):
        linear_model("squared").value([1.0, 2.0], A, [1, 2, 3])
    with pytest.raises(ValueError, match="for each of 4 classes"):
        linear_model("logistic", classes=4).decision([1.0, 2.0], A)
    with pytest.raises(TypeError, match="gives no probabilities"):
        linear_model("squared").probabilities(np.ones(3), A)
    with pytest.raises(ValueError, match="has no gradient where a weight is 0"):
        linear_model("squared", {"l1": 1}).value_and_gradient  # noqa: B018
