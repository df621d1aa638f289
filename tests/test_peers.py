"""The installed torch, optax and Keras make the same steps as our rules: 500 steps in float64, gap at most 1e-14.

Both sides are handed the same gradient in every step, that of a quadratic at the peer's point, with entries that are
exactly 0 in some steps, or in the first ones, or always; the learning rate follows a schedule. The gap is the largest
|x - y| over all steps and coordinates, divided by the largest |y|: the rounding of each step is relative to the
coordinate it moves, and the coordinates are of one size. That the measure sees a wrong formula is tested too.
"""

import os
import warnings
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from optnumba import Optimizer

STEPS = 500
GAP = 1e-14
SHAPES = ((11,), (3, 5))


def schedule(t):
    return 0.05 / (1.0 + 0.01 * t)


@pytest.fixture(scope="module")
def load():
    """Return a function that imports a peer; what it warns of while it does so is not ours to mend."""
    torch = None

    def loaded(name):
        nonlocal torch
        missing = [n for n in (name, "torch" if name == "keras" else name) if find_spec(n) is None]
        if missing:
            pytest.skip(f"{missing[0]} is not installed: pip install optnumba[peers]")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name == "keras":
                os.environ["KERAS_BACKEND"] = "torch"
            module = import_module(name)
            if name in ("torch", "keras"):
                torch = import_module("torch")
                before.append(torch.get_default_dtype())
                torch.set_default_dtype(torch.float64)  # NAdam keeps its product of decays in it
            if name == "keras":
                module.config.set_floatx("float64")
            if name == "optax":
                import_module("jax").config.update("jax_enable_x64", True)
        return module

    before = []
    yield loaded
    if before:
        torch.set_default_dtype(before[0])


def gradients(shape, zeros=True):
    """Return x_0 and gradient(t, x): of a quadratic, entries of it 0 in every third step, early, or always."""
    rng = np.random.default_rng(7)
    x0, centre, curvature = rng.normal(size=shape), 3 * rng.normal(size=shape), rng.uniform(0.1, 1, size=shape)
    kind = np.arange(x0.size).reshape(shape) % 5 * zeros

    def gradient(t, x):
        off = (kind == 1) & (t % 3 == 0) | (kind == 2) & (t <= 20) | (kind == 3)
        return np.where(off, 0.0, curvature * (x - centre))

    return x0, gradient


def gap(step, shape, method, rate, zeros=True, **hyper):
    """Return the gap between a peer, whose ``step(g, t)`` returns its new point, and our rule."""
    x0, gradient = gradients(shape, zeros)
    x, y = x0.copy(), x0
    ours = Optimizer(x, method, **({} if rate is None else {"learning_rate": rate}), **hyper)
    apart = largest = 0.0
    for t in range(1, STEPS + 1):
        g = gradient(t, y)
        ours.step(g)
        y = step(g, t)
        apart, largest = max(apart, np.abs(x - y).max()), max(largest, np.abs(y).max())
    assert np.isfinite(largest)
    return apart / largest


# -- torch ------------------------------------------------------------------------------------------------------------


def by_torch(torch, name, shape, rate, **options):
    parameter = torch.tensor(gradients(shape)[0], dtype=torch.float64, requires_grad=True)
    # What has no rate of its own has that of the constructor; it is set before each step.
    optimizer = getattr(torch.optim, name)([parameter], foreach=False, **{"lr": 1.0, **options})

    def step(g, t):
        if rate is not None:
            optimizer.param_groups[0]["lr"] = rate(t) if callable(rate) else rate
        parameter.grad = torch.from_numpy(g.copy())
        optimizer.step()
        return parameter.detach().numpy().copy()

    return step


NESTEROV = {"momentum": 0.9, "nesterov": True}
TORCH = {
    "sgd:torch": ("SGD", schedule, {}, {}),
    "momentum:torch": ("SGD", schedule, {"momentum": 0.9}, {}),
    "nag:torch": ("SGD", schedule, NESTEROV, {}),
    "adagrad:torch": (
        "Adagrad",
        schedule,
        {"lr_decay": 0.01, "initial_accumulator_value": 0.3},
        {"lr_decay": 0.01, "initial_accumulator_value": 0.3},
    ),
    "adadelta:torch": ("Adadelta", schedule, {}, {}),
    "rmsprop:torch": ("RMSprop", schedule, {}, {}),
    "adam:torch": ("Adam", schedule, {}, {}),
    "adamax:torch": ("Adamax", schedule, {}, {}),
    "nadam:torch": ("NAdam", schedule, {}, {}),
    # The document's rules, and the configurations in which torch computes them (equations.md, 3.10).
    "sgd": ("SGD", schedule, {}, {}),
    "momentum": ("SGD", 0.01, {"momentum": 0.9}, {}),
    "nag": ("SGD", 0.01, NESTEROV, {}),
    "adagrad": ("Adagrad", schedule, {"initial_accumulator_value": 1e-8, "eps": 0}, {}),
    "adadelta": ("Adadelta", None, {"lr": 1.0, "rho": 0.9, "eps": 1e-8}, {}),
    "adam": ("Adam", schedule, {}, {}),
    "nadam:keras": ("NAdam", schedule, {"momentum_decay": 1.0, "eps": 1e-7}, {}),
    # A decay so fast that the schedule is over before the first step: optax's NAdam.
    "nadam:optax": ("NAdam", schedule, {"momentum_decay": 1e6}, {}),
}


@pytest.mark.parametrize("method", TORCH)
def test_torch(load, method):
    name, rate, options, hyper = TORCH[method]
    for shape in SHAPES:
        step = by_torch(load("torch"), name, shape, rate, **options)
        assert gap(step, shape, method, rate, **hyper) <= GAP


def test_torch_defaults(load):
    """Nothing but the learning rate is passed above, except what is named: so the other defaults agree. Here: rates."""
    torch = load("torch")
    classes = {"sgd": "SGD", "adagrad": "Adagrad", "adadelta": "Adadelta", "rmsprop": "RMSprop", "adam": "Adam"}
    classes |= {"adamax": "Adamax", "nadam": "NAdam", "momentum": "SGD", "nag": "SGD"}
    for name, kind in classes.items():
        optimizer = getattr(torch.optim, kind)([torch.zeros(1, requires_grad=True)])
        ours = Optimizer(np.zeros(1), f"{name}:torch").rule.defaults
        assert ours["learning_rate"] == optimizer.defaults["lr"]
        for mine, theirs in {"eps": "eps", "lr_decay": "lr_decay", "momentum_decay": "momentum_decay"}.items():
            assert mine not in ours or ours[mine] == optimizer.defaults[theirs]


# -- optax ------------------------------------------------------------------------------------------------------------


def by_optax(load, transform, shape):
    optax, jax = load("optax"), import_module("jax")
    optimizer = transform(optax)
    point = jax.numpy.asarray(gradients(shape)[0])
    state = optimizer.init(point)

    @jax.jit
    def advance(g, state, point):
        updates, state = optimizer.update(g, state, point)
        return optax.apply_updates(point, updates), state

    def step(g, t):
        nonlocal point, state
        point, state = advance(jax.numpy.asarray(g), state, point)
        assert point.dtype == np.float64
        return np.asarray(point).copy()

    return step


def counted(count):
    """Return the rate of optax's step `count`, which starts at 0."""
    return schedule(count + 1.0)


OPTAX = {
    "sgd:optax": (lambda optax: optax.sgd(counted), schedule, {}),
    "momentum:optax": (lambda optax: optax.sgd(counted, momentum=0.9), schedule, {}),
    "nag:optax": (lambda optax: optax.sgd(counted, momentum=0.9, nesterov=True), schedule, {}),
    "adagrad:optax": (lambda optax: optax.adagrad(counted), schedule, {}),
    "adadelta:optax": (lambda optax: optax.adadelta(counted), schedule, {}),
    "rmsprop:optax": (lambda optax: optax.rmsprop(counted), schedule, {}),
    "adam:optax": (lambda optax: optax.adam(counted), schedule, {}),
    "adamax:optax": (lambda optax: optax.adamax(counted), schedule, {}),
    "nadam:optax": (lambda optax: optax.nadam(counted), schedule, {}),
    # The document's rules (equations.md, 3.10): Momentum with any schedule, since the rate comes before the trace.
    "momentum": (
        lambda optax: optax.chain(optax.scale_by_learning_rate(counted), optax.trace(0.9)),
        schedule,
        {},
    ),
    "adagrad": (lambda optax: optax.adagrad(counted, initial_accumulator_value=0, eps=1e-8), schedule, {}),
    "adadelta": (lambda optax: optax.adadelta(1.0, rho=0.9, eps=1e-8), None, {}),
}


@pytest.mark.parametrize("method", OPTAX)
def test_optax(load, method):
    transform, rate, hyper = OPTAX[method]
    for shape in SHAPES:
        assert gap(by_optax(load, transform, shape), shape, method, rate, **hyper) <= GAP


@pytest.mark.parametrize("shape", SHAPES)
def test_adamax_without_eps(load, shape):
    """With ε = 0 both are the document's AdaMax, but 0/0 where every gradient so far was 0: here none is."""
    step = by_torch(load("torch"), "Adamax", shape, schedule, eps=0)
    assert gap(step, shape, "adamax", schedule, zeros=False) <= GAP
    step = by_optax(load, lambda optax: optax.adamax(counted, eps=0), shape)
    assert gap(step, shape, "adamax", schedule, zeros=False) <= GAP


# -- Keras on torch ---------------------------------------------------------------------------------------------------


def by_keras(keras, name, shape, rate, **options):
    variable = keras.Variable(gradients(shape)[0], dtype="float64")
    optimizer = getattr(keras.optimizers, name)(learning_rate=1.0, **options)
    optimizer.build([variable])

    def step(g, t):
        if rate is not None:
            optimizer.learning_rate = rate(t)
        optimizer.apply([keras.ops.convert_to_tensor(g.copy(), dtype="float64")], [variable])
        return np.array(keras.ops.convert_to_numpy(variable))

    return step


KERAS = {
    "sgd:keras": ("SGD", schedule, {}),
    "momentum:keras": ("SGD", schedule, {"momentum": 0.9}),
    "nag:keras": ("SGD", schedule, NESTEROV),
    "adagrad:keras": ("Adagrad", schedule, {}),
    "adadelta:keras": ("Adadelta", schedule, {}),
    "rmsprop:keras": ("RMSprop", schedule, {}),
    "adam:keras": ("Adam", schedule, {}),
    "adamax:keras": ("Adamax", schedule, {}),
    "nadam:keras": ("Nadam", schedule, {}),
    "adagrad": ("Adagrad", schedule, {"initial_accumulator_value": 0.0, "epsilon": 1e-8}),
    "adadelta": ("Adadelta", None, {"rho": 0.9, "epsilon": 1e-8}),
    "rmsprop": ("RMSprop", schedule, {"epsilon": 1e-8}),
}


# Keras converts torch's tensors to NumPy's arrays in a way that NumPy 2 warns of.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("method", KERAS)
def test_keras(load, method):
    name, rate, options = KERAS[method]
    for shape in SHAPES:
        assert gap(by_keras(load("keras"), name, shape, rate, **options), shape, method, rate) <= GAP


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_default_rates(load):
    keras = load("keras")
    kinds = {"sgd": "SGD", "adagrad": "Adagrad", "adadelta": "Adadelta", "rmsprop": "RMSprop", "adam": "Adam"}
    for name, kind in (kinds | {"adamax": "Adamax", "nadam": "Nadam"}).items():
        rate = float(getattr(keras.optimizers, kind)().learning_rate)
        assert Optimizer(np.zeros(1), f"{name}:keras").rule.defaults["learning_rate"] == pytest.approx(rate, rel=1e-15)


# -- The measure ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "name", "options"),
    [
        ("momentum", "SGD", {"momentum": 0.9}),  # the rate inside and outside, with a schedule
        ("rmsprop", "RMSprop", {"alpha": 0.9}),
        ("adam:keras", "Adam", {}),
        ("adamax", "Adamax", {}),
        ("nadam", "NAdam", {}),
        ("nadam:ensmallen", "NAdam", {}),
    ],
)
def test_the_gap_sees_another_formula(load, method, name, options):
    step = by_torch(load("torch"), name, SHAPES[0], schedule, **options)
    assert gap(step, SHAPES[0], method, schedule) > 1e3 * GAP
