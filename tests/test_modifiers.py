"""Clipping, weight decay and averaging against loops typed from their definitions, and against torch."""

import subprocess
import sys
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from naive import NAIVE
from numba import njit
from numba.core import event
from test_properties import double_precision, kernel_of

import optnumba
from optnumba import RULES, Optimizer
from optnumba.bind import kernel, rule_names
from optnumba.loops import modified, norms
from optnumba.modifiers import MODIFIERS, modify
from optnumba.rule import Hyper, Rule
from optnumba.sparse_training import sparse_meaning

ALL = {"weight_decay": 0.1, "l2": 0.3, "clip_value": 0.8, "clip_norm": 1.5}
RNG = np.random.default_rng(5)
CURVATURE, CENTRE, START = RNG.uniform(0.5, 3, 7), RNG.normal(size=7), 2 * RNG.normal(size=7)
STEPS = 12


def slope(x):
    return (CURVATURE * (x - CENTRE)).astype(x.dtype)


def naive(name, x, steps=STEPS, rate=0.05, weight_decay=0, l2=0, clip_value=np.inf, clip_norm=np.inf, **hyper):
    """Return the iterates of a textbook rule that is given another gradient, and another point to step from."""
    iterates, state = [], {}
    hyper = hyper if name == "adadelta" else {"learning_rate": rate, **hyper}
    for t in range(steps):
        g = slope(x)
        norm = np.sqrt(np.sum(g.astype(float) ** 2))
        g = g * min(1, clip_norm / norm) if norm else g
        g = np.clip(g, -clip_value, clip_value) + l2 * x
        x = x - (1 if name == "adadelta" else rate) * weight_decay * x
        (_, x), state = NAIVE[name](x, lambda _, g=g: g, 1, **hyper, t=t, **state)
        iterates.append(x)
    return np.array(iterates)


def mean(iterates):
    return np.mean(iterates, axis=0)


def moving_mean(iterates, decay):
    """The weights of an exponential average, divided by their sum."""
    weights = decay ** np.arange(len(iterates))[::-1]
    return (weights @ iterates) / weights.sum()


def stepped(name, x, steps=STEPS, **hyper):
    opt = Optimizer(x, method=name, **hyper)
    for _ in range(steps):
        opt.step(slope(x))
    return opt


def options(maxiter=STEPS, **more):
    return {"maxiter": maxiter, "gtol": 0, **more}


@njit
def bowl(x, grad, curvature, centre):
    grad[:] = curvature * (x - centre)
    return (curvature * (x - centre) ** 2).sum() / 2


def minimized(fun, name, bounds=None, **more):
    return optnumba.minimize(fun, START, (CURVATURE, CENTRE), name, "inplace", bounds, options=options(**more))


# -- What they compute ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "average"), [("sgd", "polyak"), ("adam", 0.7), ("adam", 0), ("adadelta", "polyak")])
def test_all_together_are_the_naive_loop(name, average):
    """In their order; Adadelta has no learning rate, and x shrinks by 1 - weight_decay."""
    rate = {} if name == "adadelta" else {"learning_rate": 0.05}
    x = START.copy()
    opt = stepped(name, x, **ALL, **rate, average=average)
    iterates = naive(name, START, **ALL)
    np.testing.assert_allclose(x, iterates[-1], rtol=1e-12)
    wanted = mean(iterates) if average == "polyak" else moving_mean(iterates, average)
    np.testing.assert_allclose(opt.average(), wanted, rtol=1e-12)
    assert opt.hyper["average"] == average and opt.rule.slots[-1] == "average"
    if average == 0:
        np.testing.assert_array_equal(opt.average(), x)


@pytest.mark.parametrize("name", RULES)
def test_one_coordinate_of_every_rule_is_changed_in_this_order(name):
    """In Python, with nothing compiled: the rule's own update takes the changed gradient from the shrunk point."""
    plain = RULES[name]
    rule, values = modify(plain, {**ALL, "average": 0.7})
    own = tuple(plain.defaults.values())
    t, state = 3, tuple(0.1 * (k + 1) for k in range(len(plain.slots)))
    carry = plain.start_at(t - 1, own)
    c = plain.coefficients(t, *carry, *own)[len(carry) :]
    x, g, kept = 1.5, -7.0, 0.25
    rate = plain.defaults.get("learning_rate", 1)
    given = max(min(ALL["clip_norm"] * g, 0.8), -0.8) + 0.3 * x
    wanted = plain.update((1 - rate * 0.1) * x, given, *state, *c)
    assert rule.start_at(t - 1, (*own, *values.values())) == carry
    changed = rule.coefficients(t, *carry, *own, *values.values())
    found = rule.update(x, g, *state, kept, *changed[len(carry) :])
    np.testing.assert_allclose(found[:-1], wanted, rtol=1e-14)
    point = plain.readout(*wanted, *c) if plain.readout else wanted[0]
    weight = 0.3 / (1 - 0.7**3)
    np.testing.assert_allclose(found[-1], (1 - weight) * kept + weight * point, rtol=1e-13)
    assert rule_names(rule)["FACTOR"] == len(c) + 3
    if plain.pace:
        changed_state = found[1:], changed[len(carry) :]
        np.testing.assert_allclose(rule.pace(*changed_state[0], *changed_state[1]), plain.pace(*wanted[1:], *c))


def test_what_is_averaged_of_nag_is_the_iterate():
    """x is φ, where gradients are taken; the average is of θ, and `solution` is the last of these."""
    x = START.copy()
    opt, thetas = Optimizer(x, method="nag", learning_rate=0.05, weight_decay=0.1, average="polyak"), []
    for _ in range(STEPS):
        opt.step(slope(x))
        thetas.append(x + 0.9 * opt.slots[0]["v"])
    np.testing.assert_allclose(opt.average(), mean(thetas), rtol=1e-13)
    np.testing.assert_allclose(opt.solution(), thetas[-1], rtol=1e-15)


def test_a_readout_of_a_rule_may_use_what_update_may():
    rule = replace(RULES["nag"], readout=readout_with_a_root)
    x = np.array([4.0, 9.0])
    np.testing.assert_allclose(Optimizer(x, method=rule, weight_decay=0.1).solution(), [2, 3])


def readout_with_a_root(x, v, eta, gamma):
    return sqrt(x)


def test_at_another_t_the_average_has_the_weight_of_that_step():
    x = np.array([4.0])
    opt = Optimizer(x, method="sgd", learning_rate=0.5, average="polyak")
    opt.t = 9
    opt.step(np.zeros(1))
    np.testing.assert_allclose(opt.average(), [0.4])


# -- torch ------------------------------------------------------------------------------------------------------------

TORCH = {
    "AdamW": ("adam", "AdamW", {"weight_decay": 0.1}, {"weight_decay": 0.1}),
    "Adam": ("adam", "Adam", {"l2": 0.1}, {"weight_decay": 0.1}),
    "SGD": ("momentum:torch", "SGD", {"l2": 0.1}, {"weight_decay": 0.1, "momentum": 0.9}),
    "NAdam": (
        "nadam:torch",
        "NAdam",
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "momentum_decay": 0.004},
    ),
}


@pytest.mark.parametrize("case", TORCH)
def test_torch(case):
    torch = pytest.importorskip("torch")
    name, other, mine, theirs = TORCH[case]
    x, y = START.copy(), torch.tensor(START.copy(), requires_grad=True)
    mine = {"weight_decay": 0, "l2": 0, **mine}  # the same kernel for both
    opt = Optimizer(x, method=name, learning_rate=0.05, **mine, clip_value=0.8, clip_norm=1.5, average=0.9)
    peer = getattr(torch.optim, other)([y], lr=0.05, **theirs)
    average = torch.optim.swa_utils.AveragedModel(
        torch.nn.ParameterList([y]), multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    )
    first = None
    for t in range(STEPS):
        opt.step(slope(x))
        y.grad = torch.tensor(slope(y.detach().numpy()))
        torch.nn.utils.clip_grad_norm_([y], 1.5)
        torch.nn.utils.clip_grad_value_([y], 0.8)
        peer.step()
        average.update_parameters(torch.nn.ParameterList([y]))
        first = y.detach().numpy().copy() if t == 0 else first
    np.testing.assert_allclose(x, y.detach().numpy(), rtol=1e-5)
    # torch starts its average at the first point; ours gives that no more weight than its age.
    theirs = average.module[0].detach().numpy()
    unbiased = (theirs - 0.9 ** (STEPS - 1) * first + 0.1 * 0.9 ** (STEPS - 1) * first) / (1 - 0.9**STEPS)
    np.testing.assert_allclose(opt.average(), unbiased, rtol=1e-5)


# -- The norm ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "size"),
    [(float, s) for s in (1.0, 1e200, 1e307, 1e-200, 1e-290, 1e-304)] + [(np.float32, s) for s in (1e30, 1e-30)],
)
def test_the_norm_neither_overflows_nor_vanishes(dtype, size):
    """Squares of such entries do. A step of 1 along the gradient is as long as the limit."""
    limit = 1e-3 * size if size < 1 else 1e-3
    g = np.array([3, -4, 0, 12, 0], dtype) * dtype(size) / dtype(13)
    x = np.zeros(5, dtype)
    Optimizer(x, method="sgd", learning_rate=1, clip_norm=limit).step(g)
    np.testing.assert_allclose(-x / limit, np.array([3, -4, 0, 12, 0]) / 13, rtol=1e-6)
    measured = kernel(norms.measure, "norm", {"CLIP": 0})(g, (limit,))  # as the other loops take it
    np.testing.assert_allclose(measured, limit / size, rtol=1e-6)
    x[:] = 0
    Optimizer(x, method="sgd", learning_rate=1, clip_norm=2 * size).step(g)
    np.testing.assert_array_equal(-x, g)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_hidden(bad):
    """NaN spreads; ±inf is a large gradient to clip_value, and `minimize` stops at either."""
    x, g = np.zeros(3), np.array([1.0, bad, 1.0])
    Optimizer(x, method="sgd", learning_rate=1, clip_norm=1e9, clip_value=0.5).step(g)
    np.testing.assert_array_equal(x, [-0.5, -0.5 if bad == np.inf else np.nan, -0.5])
    options = {"clip_norm": 0.5, "clip_value": 0.5}
    result = optnumba.minimize(broken, [1.0, 2.0], (bad,), "sgd", "inplace", options=options)
    assert result.status == 3 and result.nit == 0


@njit
def broken(x, grad, bad):
    grad[0], grad[1] = 1.0, bad
    return 0.0


def test_no_gradient_is_no_step():
    x = START.copy()
    Optimizer(x, method="sgd", clip_norm=1.0).step(np.zeros(7))
    np.testing.assert_array_equal(x, START)


def test_the_norm_is_that_of_all_arrays():
    """Contiguous, strided, turned, empty and of no dimension: as of one array."""
    g = RNG.normal(size=28)
    whole = np.zeros(28)
    Optimizer(whole, method="sgd", learning_rate=1, clip_norm=0.1).step(g)
    assert abs(np.linalg.norm(whole) - 0.1) < 1e-15
    memory = np.zeros((5, 8))
    parts = [np.zeros(6), memory[:, ::4], np.zeros((2, 3)), np.zeros((2, 2)).T, np.zeros(0), np.array(0.0)]
    slopes = [g[:6], g[6:16].reshape(5, 2), g[16:22].reshape(3, 2).T, g[22:26].reshape(2, 2), g[:0], g[26].reshape(())]
    last = np.zeros(1)
    opt = Optimizer([*parts, last], method="sgd", learning_rate=1, clip_norm=0.1)
    opt.step([*slopes, g[27:]])
    flat = [parts[0], parts[1].ravel(), parts[2].T.ravel(), parts[3].ravel(), parts[4], parts[5].ravel(), last]
    np.testing.assert_allclose(np.concatenate(flat), whole, rtol=1e-14)


THREADS = """
import numba, numpy as np
from optnumba import Optimizer

rng = np.random.default_rng(0)
start, g = rng.normal(size=100_000), rng.normal(size=100_000)
found = []
for threads in (2, 1):
    numba.set_num_threads(threads)
    x = start.copy()
    opt = Optimizer([x[:40_000], x[40_000:]], method="sgd", clip_norm=0.1, average=0.9)
    for _ in range(2):
        opt.step([g[:40_000], g[40_000:]])
    found.append(x.tobytes() + b"".join(a.tobytes() for a in opt.average()))
assert found[0] == found[1]
"""


def test_the_number_of_threads_changes_no_bit():
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


# -- minimize ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("average", [0.7, 0.0])
def test_minimize_is_the_naive_loop_compiled_or_not(average):
    """Bitwise the same; a decay of 0 warns of no logarithm, and the average is the last point."""
    result, python = (
        minimized(fun, "momentum", learning_rate=0.05, **ALL, average=average, return_all=True)
        for fun in (bowl, bowl.py_func)
    )
    iterates = naive("momentum", START, **ALL)
    np.testing.assert_allclose(result.allvecs[1:], iterates, rtol=1e-12)
    np.testing.assert_array_equal(result.allvecs, python.allvecs)
    np.testing.assert_array_equal(result.x_average, python.x_average)
    wanted = moving_mean(result.allvecs[1:], average)
    np.testing.assert_allclose(result.x_average, wanted, rtol=1e-13)


def test_what_is_averaged_lies_within_the_bounds():
    """Projection comes after the step, and what it gives is the iterate, however far the step led."""
    bounds = [(low, low + 0.5) for low in START - 0.25]
    result = minimized(bowl, "nag", bounds, learning_rate=1e9, momentum=0.0, average="polyak", return_all=True)
    found = np.array(result.allvecs[1:])
    assert np.ptp(found, axis=0).max() <= 0.5 + 1e-15
    np.testing.assert_allclose(result.x_average, mean(found), rtol=1e-13)


def test_what_is_averaged_is_behind_the_proximal_step():
    rows = np.eye(3)
    for epochs in (1, 2):
        result = optnumba.minimize_finite_sum(
            optnumba.linear_model("squared", {"l1": 0.5}, intercept=False),
            np.zeros(3),
            (rows, np.array([0.1, 3.0, -2.0])),
            method="sgd",
            batch_size=None,
            epochs=epochs,
            options={"learning_rate": 0.5, "average": "polyak"},
        )
        points = [result.x] if epochs == 1 else [*points, result.x]  # noqa: F821
    assert points[0][0] == 0
    np.testing.assert_allclose(result.x_average, mean(points), rtol=1e-14)


@pytest.mark.parametrize("clip", ["clip_value", "clip_norm"])
def test_a_clipped_step_is_not_linear(clip):
    """So over sparse rows what the penalty does to an untouched coordinate is no power, and counts in the norm."""
    penalty = 0.0, 0.5, 0
    assert sparse_meaning(RULES["sgd"], penalty, False) == "scale"
    assert sparse_meaning(modify(RULES["sgd"], {clip: 1})[0], penalty, False) is None


# -- Costs ------------------------------------------------------------------------------------------------------------


def test_float32_stays_float32():
    rule, _ = modify(RULES["momentum"], {**ALL, "average": 0.9})
    assert double_precision(*kernel_of(rule, np.float32)) == []


def test_numbers_compile_nothing():
    def everything(k):
        x = START.copy()
        given = {**{name: k * value for name, value in ALL.items()}, "average": 0.7 + k / 10}
        stepped("adam", x, steps=2, **given)
        minimized(bowl, "momentum", return_all=True, **given)

    everything(1)
    with event.install_recorder("numba:compile") as compilations:
        everything(2)
    assert not compilations.buffer


@pytest.mark.parametrize("name", ["sgd", "adam", "nadam:torch"])
def test_a_rule_without_them_is_as_it_was(name):
    rule = RULES[name]
    assert modify(rule, {}) == (rule, {}) and modify(rule, {})[0] is rule
    assert modify(rule, ALL)[0] is modify(rule, {**ALL, "l2": 0.7})[0]
    names = rule_names(rule)
    assert (names["measure"], names["limited"]) == (norms.no_norm, norms.unlimited)
    assert (names["put"], names["move_average"]) == (modified.put_to, modified.no_average)
    assert norms.unlimited(np.float32, (1, 2), 0.5) == (1, 2) and "CLIP" not in names
    assert modify(rule, {"clip_value": 1})[0].idle is rule.idle


# -- Errors, and what a derived rule is -------------------------------------------------------------------------------

BAD = [
    ({"average": "Polyak"}, ValueError, r"average='Polyak' is not 'polyak' or a decay in \[0, 1\)"),
    ({"average": True}, ValueError, "average=True is not 'polyak'"),
    ({"average": np.array([0.5, 0.9])}, ValueError, r"average=array\(\[0.5, 0.9\]\) is not 'polyak'"),
    ({"average": 2.0}, ValueError, r"average=2.0 is outside \[0, 1\) for 'sgd'; use a value in \[0, 1\)"),
    ({"average": 1}, ValueError, r"average=1.0 is outside \[0, 1\)"),
    ({"average": -1}, ValueError, r"average=-1.0 is outside \[0, 1\)"),
    ({"clip_norm": 0}, ValueError, r"clip_norm=0.0 is outside \(0, inf\) for 'sgd'"),
    ({"clip_norm": np.nan}, ValueError, r"clip_norm=nan is outside \(0, inf\)"),
    ({"clip_value": "1"}, TypeError, "clip_value='1' is not a real number"),
    ({"l2": -1}, ValueError, r"l2=-1.0 is outside \[0, inf\)"),
    ({"weight_decay": True}, TypeError, "weight_decay=True is not a real number"),
]


@pytest.mark.parametrize(("given", "error", "text"), BAD, ids=[str(given) for given, *_ in BAD])
def test_bad_values(given, error, text):
    with pytest.raises(error, match=text):
        Optimizer(np.ones(2), method="sgd", **given)
    with pytest.raises(error, match=text):
        optnumba.minimize(bowl, START, (CURVATURE, CENTRE), "sgd", "inplace", options=given)


def test_none_is_none():
    opt = Optimizer(np.ones(2), method="sgd", **dict.fromkeys(MODIFIERS))
    assert opt.rule is RULES["sgd"]
    with pytest.raises(ValueError, match=r"no average is kept; make the Optimizer with average='polyak'"):
        opt.average()


def test_the_average_has_the_form_of_the_parameters():
    opt = Optimizer({"a": np.ones((2, 3)), "b": np.ones(())}, method="sgd", average="polyak")
    found = opt.average()
    assert found["a"].shape == (2, 3) and found["b"].shape == () and not found["a"].any()
    found["a"][:] = 1
    assert not opt.average()["a"].any()


def test_a_rule_may_have_such_a_hyperparameter_of_its_own():
    rule = Rule(
        "shrinking",
        lambda t, learning_rate, weight_decay: (learning_rate, learning_rate * weight_decay),
        lambda x, g, eta, part: (x - eta * g - part * x,),
        hyper=(RULES["sgd"].hyper[0], Hyper("weight_decay", 0.5, "[0, 1)", "its own")),
    )
    opt = Optimizer(np.ones(1), method=rule, learning_rate=0.1, weight_decay=0.25)
    assert opt.rule is rule and opt.hyper["weight_decay"] == 0.25
    assert opt.rule.check(weight_decay=0.25)["weight_decay"] == 0.25


@pytest.mark.parametrize("name", RULES)
def test_every_rule_takes_all_of_them(name):
    rule, hyper = modify(RULES[name], {**ALL, "average": 0.9})
    assert rule_names(rule) and list(hyper) == [*ALL, "average"]
    assert repr(rule) == repr(RULES[name]) and rule.label == RULES[name].label
    copy = replace(rule)
    assert (copy.pace, copy.idle) == (rule.pace, None) and copy == rule and hash(copy) == hash(rule)
    brisk = rule.with_defaults("brisk", "an example", weight_decay=0.2)
    assert brisk.defaults == {**rule.defaults, "weight_decay": 0.2} and brisk.name == "brisk"
    with pytest.raises(TypeError, match="clip_valve=1: .* did you mean 'clip_value'"):
        rule.check(clip_valve=1)
