"""What is resumed from a checkpoint is, bit for bit, what was never stopped: trainings and optimizers."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from scipy import sparse

import optnumba
from optnumba import RULES, CheckpointError, Optimizer, checkpoint, minimize_finite_sum, schedules

N = 23
NUMBERS = np.random.default_rng(4)
POINTS = NUMBERS.normal(size=N)
DATA = POINTS, 1 + 2 * POINTS + NUMBERS.normal(size=N)
ROWS = sparse.random(N, 9, 0.2, format="csr", random_state=5)
TARGETS = NUMBERS.normal(size=N)


def plain(x, grad, i, a, y):
    residual = x[0] + x[1] * a[i] - y[i]
    grad[0] += residual
    grad[1] += residual * a[i]
    return residual * residual / 2


squared = numba.njit(plain)


def dense(method="adam", fun=squared, dtype=np.float64, epochs=3, **options):
    arguments = {name: options.pop(name) for name in ("callback", "seed", "batch_size", "reduction") if name in options}
    start = np.array([0.5, -1.0], dtype)
    arguments = {"batch_size": 7, **arguments}
    return minimize_finite_sum(fun, start, DATA, method=method, epochs=epochs, options=options, **arguments)


def linear(method, penalty=None, epochs=2, batch_size=4, **options):
    """Return the fit of a linear model to sparse rows: a step visits only the coordinates of its batch."""
    model = optnumba.linear_model("squared", penalty)
    data = ROWS, TARGETS
    return minimize_finite_sum(model, None, data, method=method, batch_size=batch_size, epochs=epochs, options=options)


def nadam(**options):
    return dense("nadam:torch", fun=plain, learning_rate=schedules.one_cycle(0.1, 12), **options)


CASES = {
    "adam": dense,
    "drop_last": lambda **o: dense(drop_last=True, **o),
    "validation": lambda **o: dense(validation=lambda x: abs(float(x[0])), exact_objective=True, patience=2, **o),
    "nadam with a schedule, in Python": nadam,
    "adam in float32, in Python": lambda **o: dense(fun=plain, dtype=np.float32, **o),
    "momentum over sparse rows": lambda **o: linear("momentum", learning_rate=0.1, **o),
    "sgd with penalties over sparse rows": lambda **o: linear("sgd", {"l1": 0.01, "l2": 0.1}, learning_rate=0.1, **o),
    "sgd with a scale over sparse rows": lambda **o: linear("sgd", {"l2": 0.1}, learning_rate=0.1, **o),
    "stochastic": lambda **o: linear("sgd", {"l1": 0.01, "l2": 0.1}, batch_size=1, **{"epochs": 1, **o}),
}


def same(a, b):
    """Tell whether two results are the same to the bit."""
    names = ("epochs", "nit", "nfev", "njev", "fun", "fun_is", "seed", "status", "success", "message")
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[name], b[name], equal_nan=name == "fun") for name in names)
    assert a.history.keys() == b.history.keys()
    pairs = [(a.x, b.x), (a.x_best, b.x_best), *((a.history[name], b.history[name]) for name in a.history)]
    return all(one.dtype == two.dtype and one.tobytes() == two.tobytes() for one, two in pairs)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def files(monkeypatch):
    """Return the bytes of every checkpoint that is written, by the step after which it was."""
    kept, write = {}, checkpoint.write

    def keep(path, kind, arrays, facts):
        write(path, kind, arrays, facts)
        kept[int(arrays["state"][0])] = Path(path).read_bytes()

    monkeypatch.setattr(checkpoint, "write", keep)
    return kept


# -- From every step --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_a_run_resumed_from_any_step_is_the_same_to_the_bit(case, path, files):
    run = CASES[case]
    whole = run()
    assert same(run(checkpoint=path, every=1), whole), "checkpoints change nothing"
    of_a_whole_run = dict(files)
    assert sorted(of_a_whole_run) == list(range(1, whole.nit + 1))
    for k in range(whole.nit):
        path.unlink(missing_ok=True)
        stopped = run(checkpoint=path, max_steps=k)
        assert (stopped.nit, stopped.status) == (k, 1)
        assert k == 0 or path.read_bytes() == of_a_whole_run[k], "stopped at k, or gone on from k"
        assert same(run(checkpoint=path, resume=True), whole), k


@pytest.mark.parametrize("case", ["momentum over sparse rows", "sgd with penalties over sparse rows"])
def test_steps_are_due_in_these_files(case, path):
    CASES[case](checkpoint=path, max_steps=3)
    arrays, _ = checkpoint.read(path, "finite_sum")
    assert (arrays["last_steps"] < 3).any(), "a settled copy would be another run"


@pytest.mark.parametrize("case", ["adam", "momentum over sparse rows", "adam in float32, in Python"])
def test_a_run_stopped_within_a_batch_is_resumed_from_its_last_step(case, path, monkeypatch):
    """Every chunk is one sample, and every look at the clock takes a second: maxtime ends after any sample."""
    finite_sum = sys.modules["optnumba.finite_sum"]
    whole = CASES[case]()
    within = 0
    for seconds in range(3, 60, 5):
        with monkeypatch.context() as patched:
            clock = iter(range(10**6))
            patched.setattr(finite_sum, "perf_counter", lambda clock=clock: next(clock))
            patched.setattr(finite_sum, "next_steps", lambda *_: 1)
            path.unlink(missing_ok=True)
            stopped = CASES[case](checkpoint=path, maxtime=float(seconds))
            within += stopped.nfev % N % (7 if "adam" in case else 4) != 0
        assert same(CASES[case](checkpoint=path, resume=True), whole)
    assert within > 5


def test_by_default_there_is_one_after_each_epoch_and_at_the_end(path, files):
    whole = dense(checkpoint=path)
    assert sorted(files) == [4, 8, 12]
    files.clear()
    dense(checkpoint=path, max_steps=6)
    assert sorted(files) == [4, 6]
    files.clear()
    assert same(dense(checkpoint=path, every=5, resume=True), whole)
    assert sorted(files) == [10, 12]


def test_resume_without_a_file_starts(path):
    assert same(dense(checkpoint=path, resume=True), dense())


def test_resume_does_not_start_again_where_the_file_before_is_left(path):
    before = path.with_name("run.previous")
    whole = dense(checkpoint=path, every=5)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"run'.* is not there, and '.*run.previous' is, the one before"):
        dense(checkpoint=path, resume=True)
    before.rename(path)
    assert same(dense(checkpoint=path, resume=True), whole)
    path.unlink()
    before.unlink()
    assert same(dense(checkpoint=path, resume=True), whole)


def test_x0_is_not_looked_at(path):
    dense(checkpoint=path, max_steps=5)
    start = np.array([7.0, 7.0])
    options = {"checkpoint": path, "resume": True}
    result = minimize_finite_sum(squared, start, DATA, method="adam", batch_size=7, epochs=3, options=options)
    assert same(result, dense())


# -- What ended, and what goes on longer ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"ftol": 0.05, "epochs": 50}, {"patience": 1, "min_delta": 1e9, "epochs": 9}], ids=str
)
def test_a_run_that_ended_ends_again(path, options):
    ended = dense(checkpoint=path, **options)
    assert ended.success
    assert same(dense(checkpoint=path, resume=True, **options), ended)


def test_a_run_that_ended_goes_on_longer(path):
    dense(checkpoint=path, epochs=2)
    assert same(dense(checkpoint=path, resume=True, epochs=5), dense(epochs=5))
    fewer = dense(checkpoint=path, resume=True, epochs=3)
    assert (fewer.epochs, fewer.nit) == (5, 20), "what is done is done"


@pytest.mark.parametrize(
    ("saved", "resumed", "name"),
    [
        ({"weight_decay": 0.5}, {}, "weight_decay"),
        ({}, {"weight_decay": 0.5}, "weight_decay"),
        ({"average": 0.9}, {"average": "polyak"}, "average"),
    ],
    ids=str,
)
def test_another_rule_does_not_go_on(path, saved, resumed, name):
    dense(fun=plain, checkpoint=path, max_steps=5, **saved)
    with pytest.raises(CheckpointError, match=f"was written with {name}=|{name}"):
        dense(fun=plain, checkpoint=path, resume=True, **resumed)


def test_a_seed_of_the_operating_system_is_that_of_the_file(path):
    stopped = dense(checkpoint=path, max_steps=5, seed=None)
    resumed = dense(checkpoint=path, resume=True, seed=None)
    assert resumed.seed == stopped.seed
    assert same(resumed, dense(seed=stopped.seed))


def test_the_callback_is_called_as_if_nothing_had_happened(path):
    def called(**options):
        steps = []
        dense(callback=lambda intermediate_result: steps.append(intermediate_result.nit), callback_every=5, **options)
        return steps

    assert called() == [5, 10]
    for k in range(12):
        assert called(checkpoint=path, max_steps=k) + called(checkpoint=path, resume=True) == [5, 10]
        path.unlink()


# -- Interrupted ------------------------------------------------------------------------------------------------------


def test_a_callback_that_raises_leaves_the_last_checkpoint(path):
    def callback(intermediate_result):
        if intermediate_result.nit == 8:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        dense(callback=callback, callback_every=1, checkpoint=path, every=3)
    assert checkpoint.read(path, "finite_sum")[0]["state"][0] == 6
    assert same(dense(checkpoint=path, resume=True), dense())


def test_an_interrupt_leaves_the_last_checkpoint(path):
    calls = []

    def interrupted(x, grad, i, a, y):
        calls.append(i)
        if len(calls) == 40:
            raise KeyboardInterrupt
        return plain(x, grad, i, a, y)

    with pytest.raises(KeyboardInterrupt):
        dense(fun=interrupted, checkpoint=path, every=1)
    assert checkpoint.read(path, "finite_sum")[0]["state"][0] == 6
    assert same(dense(fun=plain, checkpoint=path, resume=True), dense(fun=plain))


def test_a_training_killed_again_and_again_comes_to_the_same(path):
    """A process makes children that resume, each of which is killed a few steps later."""
    script = f"""
import os, random, signal, time
import test_resume
from test_resume import dense
dense()
chance = random.Random(0)
for kill in range(8):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        dense(checkpoint={str(path)!r}, every=1, resume=True, epochs=100, callback_every=1,
              callback=lambda intermediate_result: os.write(writing, b"x"))
        os._exit(0)
    os.read(reading, chance.randrange(1, 30))
    time.sleep(chance.uniform(0, 0.05))
    os.kill(pid, signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL, "it ended by itself: let it be longer"
    os.close(reading)
    os.close(writing)
"""
    tests = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", script], cwd=tests, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert 8 <= checkpoint.read(path, "finite_sum")[0]["state"][0] < 400
    assert same(dense(checkpoint=path, resume=True, epochs=100), dense(epochs=100))


# -- What does not agree ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"method": "sgd"}, "method='adam', and this call has 'sgd'"),
        ({"beta1": 0.8}, "beta1=0.9, and this call has 0.8"),
        ({"learning_rate": 0.1}, "learning_rate=0.001, and this call has 0.1"),
        ({"learning_rate": schedules.exponential(0.1, 0.9)}, "schedule=None, and this call has 'exponential"),
        ({"batch_size": 8}, "batch_size=7, and this call has 8"),
        ({"reduction": "sum"}, "reduction='mean', and this call has 'sum'"),
        ({"seed": 3}, "seed=0, and this call has 3"),
        ({"seed": [0, 3]}, r"seed=0, and this call has '\[0, 3\]'"),
        ({"drop_last": True}, "drop_last=False, and this call has True"),
        ({"dtype": np.float32}, "dtype='float64', and this call has 'float32'"),
        ({"sample_weight": np.ones(N)}, "sample_weight=False, and this call has True"),
        ({"patience": 3}, "patience=False, and this call has True"),
    ],
    ids=str,
)
def test_another_call_is_told_what_differs(path, changed, named):
    dense(fun=plain, checkpoint=path, max_steps=3)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=named):
        dense(**{"fun": plain, "checkpoint": path, "resume": True, **changed})
    assert path.read_bytes() == before


def test_other_models_and_data_are_told(path):
    linear("sgd", {"l1": 0.01, "l2": 0.1}, checkpoint=path, max_steps=3)
    for named, run in {
        "penalty=": lambda: linear("sgd", {"l1": 0.01, "l2": 0.2}, checkpoint=path, resume=True),
        "meaning='decay', and this call has 'nothing'": lambda: linear(
            "sgd", {"l1": 0.01, "l2": 0.1}, lazy=True, checkpoint=path, resume=True
        ),
        "coordinates=10, and this call has 2": lambda: dense(
            "sgd", fun=plain, batch_size=4, epochs=2, checkpoint=path, resume=True
        ),
    }.items():
        with pytest.raises(CheckpointError, match=named):
            run()


def test_another_version_is_told(path, monkeypatch):
    dense(checkpoint=path, max_steps=3)
    monkeypatch.setattr(optnumba, "__version__", "99.0")
    with pytest.raises(CheckpointError, match="optnumba='.*', and this call has '99.0'; pass the same"):
        dense(checkpoint=path, resume=True)


def test_states_that_cannot_be_are_refused(path):
    """Files with right digests whose numbers would have compiled code read outside its arrays."""
    run = CASES["sgd with penalties over sparse rows"]
    run(checkpoint=path, max_steps=3)
    arrays, facts = checkpoint.read(path, "finite_sum")
    for name, place, value in [
        ("state", 0, 4), ("state", 1, -1), ("state", 1, 2**62), ("state", 2, 2**40), ("state", 2, -4), ("state", 2, 5),
        ("state", 3, 1), ("state", 4, -1), ("caught_up", 0, 4), ("caught_up", 0, -(2**62)), ("last_steps", 2, 2**40),
        ("last_steps", 2, -1), ("monitor_values", 1, np.nan), ("monitor_values", 1, 7),
    ]:  # fmt: skip
        wrong = arrays[name].copy()
        wrong[place] = value
        checkpoint.write(path, "finite_sum", {**arrays, name: wrong}, facts)
        with pytest.raises(CheckpointError):
            run(checkpoint=path, resume=True)
    for name in arrays:
        checkpoint.write(path, "finite_sum", {k: v for k, v in arrays.items() if k != name}, facts)
        with pytest.raises(CheckpointError, match=name):
            run(checkpoint=path, resume=True)


@pytest.mark.parametrize("options", [{"every": 3}, {"resume": True}])
def test_options_without_a_path_are_told(options):
    with pytest.raises(ValueError, match="needs the option checkpoint"):
        dense(**options)


def test_a_folder_that_does_not_exist_is_told_before_the_first_step(path):
    calls = []
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        dense(callback=calls.append, checkpoint=path / "x")
    assert not calls


# -- Optimizer --------------------------------------------------------------------------------------------------------


def mine():
    return dataclasses.replace(RULES["nag"], name="mine")


def parameters(dtype=np.float64):
    return {"w": np.linspace(-1, 1, 6, dtype=dtype).reshape(2, 3), "b": np.ones(2, dtype)}


def steps(optimizer, count):
    for _ in range(count):
        optimizer.step({name: np.sin(3 * array) for name, array in optimizer.params.items()})


def bits(optimizer):
    slots = [array.tobytes() for slots in optimizer.slots for array in slots.values()]
    return [array.tobytes() for array in optimizer.params.values()], slots, optimizer.t, optimizer.state_dict()["carry"]


OPTIMIZERS = {
    "adam": ("adam", {"learning_rate": 0.1, "beta1": 0.8}),
    "nadam:torch": ("nadam:torch", {}),
    "schedule": ("adam", {"learning_rate": schedules.exponential(0.1, 0.9)}),
    "mine": (mine(), {}),
}


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_an_optimizer_goes_on_to_the_bit(case, path):
    method, hyper = OPTIMIZERS[case]
    whole = Optimizer(parameters(), method, **hyper)
    steps(whole, 7)
    first = Optimizer(parameters(), method, **hyper)
    steps(first, 3)
    first.save(path)
    second = Optimizer({name: array.copy() for name, array in first.params.items()}, method, **hyper)
    second.load_state_dict(first.state_dict())
    empty = {"w": np.empty((3, 2)).T, "b": np.full(4, np.nan)[::2]}
    again = {"method": method} if case == "mine" else hyper if case == "schedule" else {}
    third = Optimizer.load(path, empty, **again)
    assert third.params is empty
    for optimizer in (first, second, third):
        assert optimizer.rule == whole.rule
        assert optimizer.hyper == whole.hyper
        steps(optimizer, 4)
        assert bits(optimizer) == bits(whole)


def test_a_rule_of_ones_own_is_not_taken_for_optnumbas_of_that_name(path):
    own = dataclasses.replace(RULES["sgd"], update=lambda x, g, eta: (x - eta * g * g,))
    Optimizer(np.ones(3), own, average="polyak").save(path)
    with pytest.raises(CheckpointError, match="of method='sgd', a rule of your own; pass it again: method="):
        Optimizer.load(path, np.ones(3))
    with pytest.raises(CheckpointError, match="of method='sgd', a rule of your own, not optnumba's; pass the former"):
        Optimizer.load(path, np.ones(3), method="sgd")
    assert Optimizer.load(path, np.ones(3), method=own).rule.slots == ("average",)
    with pytest.raises(ValueError, match="own_rule=True, this Optimizer False"):
        Optimizer(np.ones(3), "sgd").load_state_dict(Optimizer(np.ones(3), own).state_dict())
    dense(fun=plain, checkpoint=path.with_name("sum"), max_steps=3, method=own)
    with pytest.raises(CheckpointError, match="was written with own_rule=True"):
        dense(fun=plain, checkpoint=path.with_name("sum"), resume=True, method="sgd")


def test_a_state_is_a_copy():
    optimizer = Optimizer(parameters())
    steps(optimizer, 2)
    state = optimizer.state_dict()
    assert state.keys() == {"method", "own_rule", "hyper", "schedule", "t", "carry", "slots"}
    assert (state["method"], state["t"], list(state["slots"][1])) == ("adam", 2, ["m", "v"])
    before = bits(optimizer)
    for slots in state["slots"]:
        for array in slots.values():
            array[:] = 9
    state["hyper"]["beta1"] = state["carry"]["p1"] = 0.0
    assert bits(optimizer) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("t"), "state lacks 't'"),
        (lambda s: s.update(u=1), "state has the unknown entry 'u'"),
        (lambda s: s.update(method="sgd"), "state has method='sgd', this Optimizer 'adam'"),
        (lambda s: s.update(schedule="exponential(1, 1)"), "state has schedule="),
        (lambda s: s["hyper"].update(beta1=0.5), "state\\['hyper'\\] has beta1=0.5, this Optimizer beta1=0.9; make it"),
        (lambda s: s["hyper"].pop("eps"), "state\\['hyper'\\] lacks 'eps'"),
        (lambda s: s.update(hyper=3), "state\\['hyper'\\] is a int, expected a dict"),
        (lambda s: s.update(t=-1), "state\\['t'\\]=-1 is not a number of steps"),
        (lambda s: s.update(t=1.5), "state\\['t'\\]=1.5 is not a number of steps"),
        (lambda s: s["carry"].clear(), "state\\['carry'\\] lacks"),
        (lambda s: s["carry"].update(dict.fromkeys(s["carry"], "x")), "state\\['carry'\\].*='x' is not a number"),
        (lambda s: s["slots"].pop(), "state\\['slots'\\] is a list of 1, expected a list of 2"),
        (lambda s: s.update(slots=None), "state\\['slots'\\] is a NoneType"),
        (lambda s: s["slots"][1].pop("v"), "state\\['slots'\\]\\[1\\] lacks 'v'"),
        (lambda s: s["slots"][1].update(w=1), "unknown entry 'w'"),
        (lambda s: s["slots"][1].update(v=[0, 0]), "\\['v'\\] is a list, expected an array"),
        (lambda s: s["slots"][1].update(v=np.zeros(3)), "has shape \\(3,\\), expected \\(2,\\)"),
        (lambda s: s["slots"][1].update(v=np.zeros(2, np.float32)), "has dtype float32, expected float64"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    source, target = Optimizer(parameters()), Optimizer(parameters())
    steps(source, 3)
    steps(target, 1)
    state, before = source.state_dict(), bits(target)
    change(state)
    with pytest.raises((TypeError, ValueError), match=message):
        target.load_state_dict(state)
    assert bits(target) == before


@pytest.mark.parametrize(
    ("params", "hyper", "message"),
    [
        ({"w": np.zeros((3, 2)), "b": np.zeros(2)}, {}, "array \"params\\['w'\\]\" has shape \\(2, 3\\)"),
        (parameters(np.float32), {}, "dtype float64, expected .* float32"),
        ({"b": np.zeros(2)}, {}, "pass them in the same form"),
        (np.zeros(8), {}, "pass them in the same form"),
        (parameters(), {"method": "sgd"}, "is of method='adam', not 'sgd'"),
    ],
)
def test_parameters_that_do_not_fit_are_not_changed(path, params, hyper, message):
    optimizer = Optimizer(parameters(), learning_rate=0.1)
    steps(optimizer, 2)
    optimizer.save(path)
    arrays = list(params.values()) if isinstance(params, dict) else [params]
    before = [array.copy() for array in arrays]
    with pytest.raises(CheckpointError, match=message):
        Optimizer.load(path, params, **hyper)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_what_has_no_name_has_to_be_passed_again(path):
    Optimizer(parameters(), mine()).save(path)
    with pytest.raises(CheckpointError, match="is of method='mine', a rule of your own; pass it again"):
        Optimizer.load(path, parameters())
    Optimizer(parameters(), learning_rate=schedules.exponential(0.1, 0.9)).save(path)
    with pytest.raises(CheckpointError, match="was saved with learning_rate=exponential.*; pass it again"):
        Optimizer.load(path, parameters())


def test_hyperparameters_that_are_passed_hold(path):
    Optimizer(parameters(), learning_rate=0.1, beta1=0.8).save(path)
    loaded = Optimizer.load(path, parameters(), learning_rate=0.01)
    assert (loaded.hyper["learning_rate"], loaded.hyper["beta1"]) == (0.01, 0.8)


def test_the_file_of_a_training_is_none_of_an_optimizer(path):
    dense(checkpoint=path, max_steps=1)
    with pytest.raises(CheckpointError, match="of another kind"):
        Optimizer.load(path, parameters())
    Optimizer(parameters()).save(path)
    with pytest.raises(CheckpointError, match="of another kind"):
        dense(checkpoint=path, resume=True)
