"""Steps on a CUDA device: every rule in every layout makes the numbers that it makes on the host.

They run in Numba's simulator, where these are equal bit by bit; with OPTNUMBA_TEST_CARD=1 on a card.
"""

import numpy as np
import pytest
from naive import NAIVE
from numba import cuda
from on_cuda import STEPS, Foreign, T, assert_same, assert_same_state, here, numbers, stepped, there

import optnumba
from optnumba import RULES, Optimizer, schedules
from optnumba.gpu.tables import PER_THREAD
from optnumba.rules import CONVENTIONS

DTYPES = (np.float32, np.float64)
# Around a block of threads, around the four elements that each loads together, and around a block of the table.
SIZES = (0, 1, T - 1, T, T + 1, 4 * T - 1, 4 * T, 4 * T + 1, PER_THREAD * T + 1)
LAYOUTS = {
    "0-d": ((5,), np.s_[2, ...]),
    "every second": ((20,), np.s_[2:14:2]),
    "backwards": ((12,), np.s_[8:2:-1]),
    "a row": ((3, 5), np.s_[1]),
    "columns": ((6, 4), np.s_[:, 1:3]),
    "a block, left to right": ((6, 7), np.s_[1:4, 6:2:-1]),
    "a strided box": ((4, 6, 5), np.s_[1:3, ::2, 1:4]),
    "empty": ((6, 4), np.s_[2:2]),
    "larger than a block": ((2, PER_THREAD * T + 3), np.s_[:, 1:-1]),
}


# As in test_conventions.py, to the letter: the kernels of the host that are compiled there serve here.
def warm_up(t):
    return 0.02 / (1.0 + 0.1 * t)


# -- Every rule -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_every_rule_steps_arrays_of_every_size_and_layout(name, dtype):
    """In one optimizer; of float64 with the step count on the device, and the conventions' with a schedule."""
    scheduled = dtype is np.float64 and name in CONVENTIONS and "learning_rate" in RULES[name].defaults
    hyper = {"learning_rate": warm_up} if scheduled else {}
    bases = {case: numbers(shape, dtype, seed=3) for case, (shape, _) in LAYOUTS.items()}
    arrays = {size: numbers(size, dtype, seed=2) for size in SIZES}
    arrays |= {"Fortran": np.asfortranarray(numbers((3, 4), dtype)), "cube": numbers((2, 1, 3), dtype)}
    views = {case: Foreign(base, LAYOUTS[case][1]) for case, base in bases.items()}
    start = arrays | {case: base[LAYOUTS[case][1]] for case, base in bases.items()}
    gradients = [{case: numbers(x.shape, dtype, seed=t) for case, x in start.items()} for t in range(2)]
    expected = stepped(list(start.values()), [list(g.values()) for g in gradients], name, **hyper)
    opt = Optimizer(there(arrays) | views, name, capturable=dtype is np.float64, **hyper)
    for g in gradients:
        opt.step(there(g))
    assert_same_state(opt, expected)
    for case, base in bases.items():  # and nothing beside the views was touched
        index = LAYOUTS[case][1]
        base[index] = views[case].copy_to_host()
        assert views[case].memory.copy_to_host().tobytes() == base.tobytes(), case


@pytest.mark.parametrize("name", RULES)
def test_every_rule_steps_one_array(name):
    """This takes another loop, which reads no table."""
    x = numbers(4 * T + 3, np.float32)
    gradients = [[numbers(x.shape, np.float32, seed=t)] for t in range(STEPS)]
    opt = Optimizer(cuda.to_device(x), name)
    for (g,) in gradients:
        opt.step(cuda.to_device(g))
    assert_same_state(opt, stepped([x], gradients, name))


@pytest.mark.parametrize("size", SIZES)
def test_one_array_of_every_size(size):
    base = np.full(size + 2, -1.5, np.float32)
    x = Foreign(base, np.s_[1:-1])
    g = np.arange(size, dtype=np.float32)
    opt = Optimizer(x, "sgd", learning_rate=1.0)
    opt.step(cuda.to_device(g))
    base[1:-1] -= g
    assert x.memory.copy_to_host().tolist() == base.tolist()
    assert opt.t == 1


@pytest.mark.parametrize("name", NAIVE)
def test_the_nine_agree_with_the_textbook(name):
    """Its loops are typed from the papers, and know nothing of optnumba."""
    x = numbers(6)
    opt = Optimizer(cuda.to_device(x), name, capturable=True)

    def slope(x):
        return 0.5 * (x - 1)

    for _ in range(5):
        opt.step(cuda.to_device(slope(opt.params.copy_to_host())))
    iterates, _ = NAIVE[name](x, slope, 5)
    np.testing.assert_allclose(opt.solution().copy_to_host(), iterates[-1], rtol=1e-13)


# -- Forms and layouts ------------------------------------------------------------------------------------------------


def laid(values, layout):
    """Return an array on the device equal to `values` with other strides."""
    if layout == "F":
        return cuda.to_device(np.asfortranarray(values))
    if layout == "backwards":
        return Foreign(np.ascontiguousarray(values[::-1]), np.s_[::-1])
    if layout == "every second":
        wide = np.full((*values.shape[:-1], 2 * values.shape[-1]), np.nan)
        wide[..., ::2] = values
        return Foreign(wide, np.s_[..., ::2])
    assert layout == "C"
    return cuda.to_device(np.ascontiguousarray(values))


@pytest.mark.parametrize("mine", ["C", "F", "backwards", "every second"])
@pytest.mark.parametrize("theirs", ["C", "F", "backwards", "every second"])
def test_a_gradient_may_lie_otherwise_than_its_parameter(mine, theirs):
    """In the first step of a list; then it lies as the parameter does, then otherwise again."""
    x, y = numbers((3, 4)), numbers(2)
    gradients = [[numbers((3, 4), seed=t), numbers(2, seed=t)] for t in range(STEPS)]
    opt = Optimizer([laid(x, mine), cuda.to_device(y)], "adam")
    for (g, h), layout in zip(gradients, (theirs, mine, theirs), strict=True):
        opt.step([laid(g, layout), cuda.to_device(h)])
    assert_same_state(opt, stepped([x, y], gradients, "adam"))


def test_a_gradient_may_be_read_only_or_broadcast():
    x = cuda.to_device(np.zeros((3, 4)))
    row = Foreign(np.arange(4.0), read_only=True, shape=(3, 4), strides=(0, 8))
    Optimizer(x, "sgd", learning_rate=1.0).step(row)
    assert x.copy_to_host().tolist() == [[0, -1, -2, -3]] * 3


@pytest.mark.parametrize("form", [list, tuple, lambda arrays: dict(zip("abc", arrays, strict=True))])
def test_params_may_be_a_list_a_tuple_or_a_dict(form):
    arrays = [numbers(shape, seed=9) for shape in [(5,), (2, 3), ()]]
    gradients = [[numbers(x.shape, seed=t) for x in arrays] for t in range(STEPS)]
    params = form([cuda.to_device(x) for x in arrays])
    opt = Optimizer(params, "adam", capturable=True)
    for g in gradients:
        opt.step(form([cuda.to_device(one) for one in g]))
    assert opt.params is params
    assert opt.solution() is params
    assert_same_state(opt, stepped(arrays, gradients, "adam"))


def test_interleaved_views_of_one_array_are_apart():
    base = numbers(30)
    memory = cuda.to_device(base)
    parts = [Foreign(base, np.s_[k::3], memory) for k in range(3)]
    gradients = [[numbers(10, seed=t)] * 3 for t in range(STEPS)]
    opt = Optimizer(parts, "adam", capturable=True)
    for g in gradients:
        opt.step(there(g))
    expected = stepped([base[k::3] for k in range(3)], gradients, "adam")
    for k in range(3):
        assert_same(parts[k].copy_to_host(), expected.params[k])


def test_slots_are_views_of_the_state_on_the_device():
    x, y = numbers((2, 3)), np.asfortranarray(numbers((3, 2)))
    g, h = numbers((2, 3), seed=5), numbers((3, 2), seed=6)
    opt = Optimizer([cuda.to_device(x), cuda.to_device(y)], "adam", beta1=0.5, beta2=0.75)
    opt.step(there([g, h]))
    assert [list(slots) for slots in opt.slots] == [["m", "v"], ["m", "v"]]
    for slots, gradient in zip(opt.slots, (g, h), strict=True):
        assert np.array_equal(slots["m"].copy_to_host(), 0.5 * gradient)
        assert np.array_equal(slots["v"].copy_to_host(), 0.25 * (gradient * gradient))


# -- Counting, schedules, modifiers -----------------------------------------------------------------------------------


def falling(t):
    return 0.1 / t


@pytest.mark.parametrize("capturable", [False, True])
@pytest.mark.parametrize(
    "schedule",
    [falling, lambda t: 0.1 / t, schedules.exponential(0.1, 0.9), schedules.cosine(0.1, 4)],
    ids=["def", "lambda", "exponential", "cosine"],
)
def test_a_schedule_gives_the_rate_of_each_step(schedule, capturable):
    x, gradients = numbers(5), [[numbers(5, seed=t)] for t in range(5)]
    opt = Optimizer(cuda.to_device(x), "momentum", learning_rate=schedule, capturable=capturable)
    for (g,) in gradients:
        opt.step(cuda.to_device(g))
    assert_same_state(opt, stepped([x], gradients, "momentum", learning_rate=schedule))


@pytest.mark.parametrize("capturable", [False, True])
def test_t_counts_steps_and_can_be_set(capturable):
    x = cuda.to_device(np.zeros(2))
    opt = Optimizer(x, "sgd", learning_rate=lambda t: float(t), capturable=capturable)
    for t in (1, 2, 3):
        opt.step(cuda.to_device(np.ones(2)))
        assert opt.t == t
    opt.t = 2**53
    opt.step(cuda.to_device(np.ones(2)))
    assert opt.t == 2**53 + 1
    assert x.copy_to_host().tolist() == [-6 - float(2**53 + 1)] * 2


MODIFIERS = {
    "weight_decay": ("adam", {"weight_decay": 0.1}),
    "l2": ("momentum", {"l2": 0.1}),
    "clip_value": ("sgd", {"clip_value": 0.5}),
    "average": ("momentum", {"average": 0.9}),
    "polyak": ("nag", {"average": "polyak"}),
    "all": ("adam", {"weight_decay": 0.1, "l2": 0.01, "clip_value": 0.5, "average": 0.99}),
}


@pytest.mark.parametrize("case", MODIFIERS)
def test_a_modifier_does_what_it_does_on_the_host(case):
    method, modifiers = MODIFIERS[case]
    arrays = [numbers(9), numbers((2, 3))]
    gradients = [[numbers(x.shape, seed=t) for x in arrays] for t in range(STEPS)]
    opt = Optimizer(there(arrays), method, **modifiers)
    for g in gradients:
        opt.step(there(g))
    expected = stepped(arrays, gradients, method, **modifiers)
    assert_same_state(opt, expected)
    for name in ("solution", "average") if "average" in modifiers else ("solution",):
        for x, y in zip(here(getattr(opt, name)()), getattr(expected, name)(), strict=True):
            assert_same(x, y, what=name)


@pytest.mark.parametrize("size", [1.0, 2.0**490, 2.0**600, 2.0**1020, 2.0**-480, 2.0**-600, 2.0**-1022])
@pytest.mark.parametrize("middle", [4.0, 2.0**-500, np.nan, np.inf])
def test_a_gradient_is_clipped_by_its_norm_over_all_arrays(size, middle):
    """Strided ones too. Squares overflow, vanish, or do neither; where a number is not finite nothing is scaled."""
    parts = [np.array([3.0, 0.0]) * size, np.array([[middle, 12.0]]) * size]
    wide = np.full((1, 4), 7.0)
    wide[:, ::2] = parts[1]
    opt = Optimizer(there([np.zeros(2), np.zeros((1, 2))]), "sgd", learning_rate=1.0, clip_norm=size)
    opt.step([cuda.to_device(parts[0]), Foreign(wide, np.s_[:, ::2])])
    found = np.append(*here(opt.params)) / size
    norm = np.linalg.norm([3.0, middle, 12.0])
    expected = -np.array([3.0, 0.0, middle, 12.0]) / (norm if np.isfinite(middle) else 1)
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=max(1e-300, 5e-324 / size))
    host = stepped([np.zeros(2), np.zeros((1, 2))], [parts], "sgd", learning_rate=1.0, clip_norm=size)
    if middle != 2.0**-500:  # the host's sums have another order
        assert_same_state(opt, host)


def test_a_norm_of_many_numbers_is_that_of_the_host_to_rounding():
    """It is summed up in another order. It is the same in each run, to the bit."""
    x, g = np.zeros(1000, np.float32), numbers(1000, np.float32, seed=1)
    g[5:8], g[20:23] = 1e30, 1e-30
    found = []
    for _ in range(2):
        opt = Optimizer(cuda.to_device(x), "sgd", learning_rate=1.0, clip_norm=1e5)
        opt.step(cuda.to_device(g))
        found.append(opt.params.copy_to_host())
    assert found[0].tobytes() == found[1].tobytes()
    expected = stepped([x], [[g]], "sgd", learning_rate=1.0, clip_norm=1e5).params[0]
    np.testing.assert_allclose(found[0], expected, rtol=3e-7)
    np.testing.assert_allclose(np.linalg.norm(found[0].astype(float)), 1e5, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.1, falling])
@pytest.mark.parametrize("capturable", [False, True])
def test_the_solution_of_nag_is_theta(rate, capturable):
    wide = numbers((2, 6))
    x = {"w": numbers((2, 3)), "F": numbers((3, 2)).T, "strided": wide[:, ::2], "e": np.empty(0)}
    gradients = [{name: numbers(a.shape, seed=t) for name, a in x.items()} for t in range(STEPS)]
    hyper = {"learning_rate": rate, "momentum": 0.5}
    params = {**{name: cuda.to_device(np.array(a)) for name, a in x.items()}, "strided": Foreign(wide, np.s_[:, ::2])}
    opt = Optimizer(params, "nag", capturable=capturable, **hyper)
    expected = stepped(list(x.values()), [list(g.values()) for g in gradients], "nag", **hyper)
    before = opt.solution()
    assert list(before) == list(x)
    assert all(np.array_equal(before[name].copy_to_host(), x[name]) for name in x)
    for g in gradients:
        opt.step(there(g))
    for found, theta in zip(opt.solution().values(), expected.solution(), strict=True):
        assert_same(found.copy_to_host(), theta)


def test_optimizers_of_one_rule_do_not_share_state():
    x, y = numbers(3), numbers(3)
    a, b = Optimizer(cuda.to_device(x), "adam"), Optimizer(cuda.to_device(y), "adam", learning_rate=0.5)
    for _ in range(2):
        a.step(cuda.to_device(x))
        b.step(cuda.to_device(y))
    assert_same_state(a, stepped([x], [[x]] * 2, "adam"))
    assert_same_state(b, stepped([y], [[y]] * 2, "adam", learning_rate=0.5))


# -- In a kernel of one's own ------------------------------------------------------------------------------------------

ALONE = {
    "sgd": {},
    "momentum": {"average": "polyak"},
    "nag": {"learning_rate": schedules.exponential(0.1, 0.9)},
    "adam": {"weight_decay": 0.1, "l2": 0.01, "clip_value": 0.5},
    "adamax": {"learning_rate": falling},
    "nadam:torch": {},
    "rmsprop:keras": {"clip_norm": 1.0},
    "adadelta": {"clip_norm": 1e-3},
}


@pytest.mark.filterwarnings("ignore:Grid size")  # of a card, where one block is not worth a launch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ALONE)
def test_device_step_makes_the_steps_of_an_optimizer(name, dtype):
    """Three problems of three coordinates, one in each thread, on the gradients of bowls that differ."""
    step = optnumba.cuda.device_step(name, dtype, **ALONE[name])
    slots, carry, number = len(step.slots), max(len(step.carry), 1), np.dtype(dtype).type

    @cuda.jit
    def run(found, kept, centres, steps):
        k = cuda.grid(1)
        grad, state = cuda.local.array(3, number), cuda.local.array(carry, np.float64)
        if k < found.shape[0]:
            for c in range(carry):
                state[c] = 0.0
            for t in range(1, steps + 1):
                for j in range(3):
                    grad[j] = found[k, j] - centres[k, j]
                step(found[k], grad, kept[k], state, t)

    starts, centres = numbers((3, 3), dtype), numbers((3, 3), dtype, seed=1)
    found, kept = cuda.to_device(starts), cuda.to_device(np.zeros((3, max(slots, 1), 3), dtype))
    run[1, 4](found, kept, cuda.to_device(centres), STEPS)
    for k in range(3):
        x = starts[k].copy()
        opt = Optimizer(x, name, **ALONE[name])
        for _ in range(STEPS):
            opt.step(x - centres[k])
        assert_same(found.copy_to_host()[k], x, what=f"problem {k}")
        for s, slot in enumerate(step.slots):
            assert_same(kept.copy_to_host()[k, s], opt.slots[0][slot], what=f"{slot} of problem {k}")
