"""`Optimizer.step_rows`: rows of one table, duplicates summed, nothing else touched; torch agrees."""

import time

import numpy as np
import pytest

from optnumba import RULES, Optimizer

SHAPE = (7, 3)
INDICES = [np.array(rows) for rows in ([5, 0, 5, 2], [2, 2, 2], [6], [0, 1, 2, 3, 4, 5, 6], [5, 0])]


def numbers(shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def steps(shape=SHAPE, dtype=np.float64):
    return [(rows, numbers((rows.size, *shape[1:]), seed, dtype)) for seed, rows in enumerate(INDICES, 1)]


def row_by_row(name, table, given, **hyper):
    """Return the table and its state after steps in plain Python, a coordinate at a time."""
    rule, table = RULES[name], table.copy()
    values, slots = list(rule.check(**hyper).values()), {s: np.zeros_like(table) for s in rule.slots}
    for t, (rows, gradient) in enumerate(given, 1):
        coefficients = rule.coefficients(t, *rule.start_at(t - 1, values), *values)[len(rule.carry) :]
        for i in dict.fromkeys(rows.tolist()):
            total = np.sum([gradient[k] for k in range(rows.size) if rows[k] == i], axis=0)
            for place in np.ndindex(table.shape[1:]):
                at = (i, *place)
                state = [slots[s][at] for s in rule.slots]
                table[at], *after = rule.update(table[at], total[place], *state, *coefficients)
                for s, value in zip(rule.slots, after, strict=True):
                    slots[s][at] = value
    return table, slots


@pytest.mark.parametrize("shape", [(7, 3), (7,), (7, 2, 2)], ids=str)
@pytest.mark.parametrize("name", ["adam:keras", "adagrad:torch"])
def test_rows_are_stepped_as_one_by_one(name, shape):
    table, given = numbers(shape), steps(shape)
    opt = Optimizer(table, name, learning_rate=0.05)
    expected, slots = row_by_row(name, table, given, learning_rate=0.05)
    for rows, gradient in given:
        opt.step_rows(rows, gradient)
    assert opt.t == len(given)
    np.testing.assert_allclose(table, expected, rtol=1e-13)
    for slot in RULES[name].slots:
        np.testing.assert_allclose(opt.slots[0][slot], slots[slot], rtol=1e-13)


def dense(rows, gradient, shape):
    full = np.zeros(shape)
    np.add.at(full, rows, gradient)
    return full


def test_where_a_coordinate_without_gradient_stays_it_is_the_dense_step():
    """Bitwise, for a rule that stays; for Adam only while all rows are given."""
    for name, given in (
        ("adagrad:torch", steps()),
        ("adam:keras", [(np.arange(7)[::-1], numbers(SHAPE, k)) for k in range(3)]),
    ):
        one, other = numbers(SHAPE), numbers(SHAPE)
        sparse, full = Optimizer(one, name, learning_rate=0.1), Optimizer(other, name, learning_rate=0.1)
        for rows, gradient in given:
            sparse.step_rows(rows, gradient)
            full.step(dense(rows, gradient, SHAPE))
        assert one.tobytes() == other.tobytes()


def test_the_other_rows_keep_parameters_and_state_to_the_bit():
    table = numbers(SHAPE)
    opt = Optimizer(table, "adam:keras", learning_rate=0.1)
    opt.step(numbers(SHAPE, 1))
    before = [a.copy() for a in (table, *opt.slots[0].values())]
    opt.step_rows([1, 4], numbers((2, 3), 2))
    others = [0, 2, 3, 5, 6]
    for a, old in zip((table, *opt.slots[0].values()), before, strict=True):
        assert a[others].tobytes() == old[others].tobytes()
        assert (a[[1, 4]] != old[[1, 4]]).all()
    assert opt.t == 2


def test_duplicates_are_summed_in_the_order_given():
    tables = [np.zeros((2, 1)) for _ in range(2)]
    for table, order in zip(tables, ([0, 1, 2], [1, 2, 0]), strict=True):
        values = np.array([[1e16], [1.0], [-1e16]])[order]
        Optimizer(table, "sgd", learning_rate=1.0).step_rows([1, 1, 1], values)
    assert [table[1, 0] for table in tables] == [-((1e16 + 1.0) - 1e16), -((1.0 - 1e16) + 1e16)]
    assert [table[0, 0] for table in tables] == [0, 0]


def test_many_duplicates_keep_their_order():
    table, rows, values = np.zeros((3, 1)), np.arange(3000) % 3, 10 ** numbers((3000, 1), 5)
    expected = np.zeros((3, 1))
    for i, value in zip(rows, values, strict=True):
        expected[i] -= value  # rounded as the sum is, which starts at 0
    Optimizer(table, "sgd", learning_rate=1.0).step_rows(rows, values)
    assert table.tobytes() == expected.tobytes()


# -- torch ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "torch_name", "hyper", "torch_hyper"),
    [
        ("sgd", "SGD", {"learning_rate": 0.1}, {"lr": 0.1}),
        ("adagrad:torch", "Adagrad", {"learning_rate": 0.1, "lr_decay": 0.01}, {"lr": 0.1, "lr_decay": 0.01}),
        ("adam:keras", "SparseAdam", {"learning_rate": 0.1, "eps": 1e-8}, {"lr": 0.1}),
    ],
)
def test_it_is_what_torch_does_to_sparse_gradients(name, torch_name, hyper, torch_hyper):
    torch = pytest.importorskip("torch")
    table = numbers(SHAPE)
    theirs = torch.nn.Parameter(torch.tensor(table))
    peer = getattr(torch.optim, torch_name)([theirs], **torch_hyper)
    opt = Optimizer(table, name, **hyper)
    for rows, gradient in steps():
        opt.step_rows(rows, gradient)
        with torch.sparse.check_sparse_tensor_invariants():
            theirs.grad = torch.sparse_coo_tensor(torch.tensor(rows)[None], torch.tensor(gradient), SHAPE)
            peer.step()
    np.testing.assert_allclose(table, theirs.detach().numpy(), rtol=1e-12)


# -- What is accepted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda rows, g: (rows.tolist(), g),
        lambda rows, g: (rows.astype(np.uint8), g),
        lambda rows, g: (np.repeat(rows, 2)[::2], g),
        lambda rows, g: (rows, np.asfortranarray(g)),
        lambda rows, g: (rows, np.repeat(g, 2, axis=1)[:, ::2]),
        lambda rows, g: (rows, _misaligned(g)),
    ],
    ids=["list", "uint8", "strided indices", "Fortran order", "strided values", "misaligned"],
)
def test_indices_and_values_of_any_layout(change):
    expected, found, (rows, gradient) = numbers(SHAPE), numbers(SHAPE), steps()[0]
    Optimizer(expected, "sgd").step_rows(rows, gradient)
    Optimizer(found, "sgd").step_rows(*change(rows, gradient))
    assert found.tobytes() == expected.tobytes()


def _misaligned(g):
    raw = np.empty(g.nbytes + 1, np.uint8)[1:]
    raw[:] = np.frombuffer(g.tobytes(), np.uint8)
    return raw.view(g.dtype).reshape(g.shape)


@pytest.mark.parametrize("shape", [SHAPE, (0, 3), (7, 0), (7,)], ids=str)
def test_no_rows_at_all_count_the_step(shape):
    table = numbers(shape)
    opt = Optimizer(table, "sgd")
    opt.step_rows([], np.zeros((0, *shape[1:])))
    opt.step_rows(np.zeros(0, np.int32), np.zeros((0, *shape[1:])))
    assert opt.t == 2 and table.tobytes() == numbers(shape).tobytes()


def test_float32_stays_float32():
    table, (rows, gradient) = numbers(SHAPE, dtype=np.float32), steps(dtype=np.float32)[0]
    expected = table.copy()
    expected[2] -= np.float32(0.1) * gradient[3]
    Optimizer(table, "sgd", learning_rate=0.1).step_rows(rows, gradient)
    assert table[2].tobytes() == expected[2].tobytes()


# -- What is refused --------------------------------------------------------------------------------------------------


def refused(opt, rows, values, error, message):
    """Check that a step is refused and changes nothing, not even the count."""
    params = opt.params if isinstance(opt.params, np.ndarray) else next(iter(opt.params))
    before = [params.tobytes(), *(s.tobytes() for s in opt.slots[0].values()), opt.t]
    with pytest.raises(error, match=message):
        opt.step_rows(rows, values)
    assert [params.tobytes(), *(s.tobytes() for s in opt.slots[0].values()), opt.t] == before


G = np.ones((2, 3))
BAD_ROWS = {
    "negative": ([1, -2], G, ValueError, r"indices\[1\]=-2 is negative; rows count from 0: use 5"),
    "far below": ([1, -20], G, ValueError, r"indices\[1\]=-20 is negative; rows are 0 to 6"),
    "too large": ([7, 1], G, ValueError, r"indices\[0\]=7 is out of range; params has 7 rows, 0 to 6"),
    "beyond int64": (
        np.array([1, 2**64 - 1], np.uint64),
        G,
        ValueError,
        r"indices\[1\]=18446744073709551615 is out of",
    ),
    "floats": (np.array([0.0, 1.0]), G, TypeError, r"dtype float64, expected integers; convert it with .astype"),
    "no floats even if empty": (np.zeros(0), np.ones((0, 3)), TypeError, "dtype float64"),
    "a mask": (np.array([True, False]), G, TypeError, "mask of booleans.*flatnonzero"),
    "a masked array": (np.ma.array([0, 1]), G, TypeError, "masked array"),
    "strings": (["0", "1"], G, TypeError, "expected integers"),
    "ragged": ([[0], [1, 2]], G, ValueError, "not a 1-D sequence"),
    "two dimensions": ([[0, 1]], G, ValueError, r"shape \(1, 2\), expected \(k,\); pass indices.ravel"),
    "one number": (1, G, ValueError, r"shape \(\), expected \(k,\)"),
    "other length": ([1], G, ValueError, r"values has shape \(2, 3\), expected \(1, 3\)"),
    "other width": ([1, 2], np.ones((2, 4)), ValueError, r"expected \(2, 3\): a row of params for each index"),
    "other dtype": ([1, 2], G.astype(np.float32), TypeError, "dtype float32, expected float64 as params; convert it"),
    "a list of values": ([1, 2], G.tolist(), TypeError, "values is a list, expected an array of float64"),
    "masked values": ([1, 2], np.ma.array(G), TypeError, "values is a MaskedArray"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows_are_refused_and_change_nothing(case):
    refused(Optimizer(numbers(SHAPE), "momentum"), *BAD_ROWS[case])


def test_values_that_share_memory_are_refused():
    table = numbers(SHAPE)
    opt = Optimizer(table, "momentum")
    refused(
        opt, [0, 1], table[2:4], ValueError, "values shares memory with params, which is about to change; pass a copy"
    )
    refused(opt, [0, 1], opt.slots[0]["v"][::2][:2], ValueError, "values shares memory with the state")


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([numbers(SHAPE)], TypeError, "params is a list, and step_rows takes rows of one array; make an Optimizer for"),
        ({"a": numbers(SHAPE)}, TypeError, "params is a dict"),
        (numbers(()).reshape(()), ValueError, r"params has shape \(\) and so no rows; use step"),
        (np.asfortranarray(numbers(SHAPE)), ValueError, "its rows lie apart in memory.*ascontiguousarray"),
        (numbers((7, 6))[:, ::2], ValueError, "its rows lie apart in memory"),
    ],
    ids=["list", "dict", "0-d", "Fortran order", "strided"],
)
def test_params_without_rows_that_lie_together(params, error, message):
    opt = Optimizer(params, "sgd")
    with pytest.raises(error, match=message):
        opt.step_rows([0, 1], G)
    assert opt.t == 0


def falling(t):
    return 0.1 / t if t < 4 else -1.0


def test_a_schedule_gives_the_rate_of_each_step_and_a_bad_one_moves_nothing():
    table = np.zeros((7, 3))
    opt = Optimizer(table, "sgd", learning_rate=falling)
    for _ in range(3):
        opt.step_rows([0, 1], G)
    np.testing.assert_allclose(table[1], -0.1 * (1 + 1 / 2 + 1 / 3), rtol=1e-15)
    with pytest.raises(ValueError, match=r"learning_rate\(4\)=-1.0 is outside \[0, inf\)"):
        opt.step_rows([0, 1], G)
    np.testing.assert_allclose(table[1], -0.1 * (1 + 1 / 2 + 1 / 3), rtol=1e-15)
    assert opt.t == 3
    opt.t = 0
    opt.step_rows([0, 1], G)  # the optimizer is free again


def test_an_optimizer_that_is_being_stepped_is_busy():
    opt = Optimizer(numbers(SHAPE), "sgd")
    with opt._busy, pytest.raises(RuntimeError, match="being stepped by another thread"):
        opt.step_rows([0, 1], G)


# -- Cost -------------------------------------------------------------------------------------------------------------


def seconds(opt, rows, values):
    times = []
    for _ in range(30):
        begin = time.perf_counter()
        opt.step_rows(rows, values)
        times.append(time.perf_counter() - begin)
    return min(times)


def test_a_step_costs_its_rows_and_not_the_table():
    rows, values = np.arange(0, 1000, 10), np.ones((100, 4))
    small, large = (Optimizer(np.zeros((n, 4)), "sgd") for n in (1_000, 1_000_000))
    assert seconds(large, rows, values) < 5 * seconds(small, rows, values)


@pytest.mark.parametrize(("name", "value"), [("average", "polyak"), ("average", 0.9), ("clip_norm", 1.0)])
def test_what_concerns_all_rows_is_refused(name, value):
    table = np.ones((3, 2))
    opt = Optimizer(table, "sgd", **{name: value})
    with pytest.raises(ValueError, match=f"{name}={value!r} concerns all rows.*use step"):
        opt.step_rows([0], np.ones((1, 2)))
    assert (table == 1).all()
    assert opt.t == 0
