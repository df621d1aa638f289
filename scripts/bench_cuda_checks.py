"""What bench_cuda.py checks before it measures: the tests on the card, sanitizers, sizes of arrays, accuracy.

Each check yields what it found as a dict: the check and its case, how many things were looked at, and the worst of them
as a number with a bound; that is None, with a reason, where the check could not be made.
"""

import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
from numba import cuda

import optnumba
from optnumba.bind import bind
from optnumba.gpu import driver
from optnumba.rules import ALGORITHMS

ROOT = Path(__file__).resolve().parent.parent
DTYPES = (np.float32, np.float64)
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
SIZES = (0, 1, 31, 32, 33, 1023, 1025)
HUGE = 2**31 + 5  # more than 32 bits can count
GUARD = 64  # elements behind an array that no step may touch
TOLERANCE = 16  # eps that three steps on the card and on the CPU may lie apart: the card contracts a·b + c
STATES = 300  # of each rule, dtype, step count and choice of hyperparameters
STEPS = (1, 2, 10, 1000, 10**6, 10**12)


def found(check, case, count, worst, why=None):
    return {"check": check, "case": case, "count": count, "worst": worst, "why": why}


def tests():
    """Run the tests of CUDA on the card; in the simulator, only find them."""
    files = sorted(str(path) for path in (ROOT / "tests").glob("test_cuda*.py"))
    if not files:
        yield found("tests", "failed", 0, None, "there is no tests/test_cuda*.py")
        return
    only_find = ["--collect-only"] if driver.simulated() else []
    environment = {**os.environ, "OPTNUMBA_TEST_CARD": "0" if driver.simulated() else "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *only_find, *files]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    last = done.stdout.strip().rpartition("\n")[2]
    counts = {kind: int(count) for count, kind in re.findall(r"(\d+) (passed|failed|error|test)", last)}
    failed = counts.get("failed", 0) + counts.get("error", 0) or int(done.returncode != 0)
    if failed:
        print(done.stdout[-4000:])
    simulated = "the simulator: found, not run" if driver.simulated() and not failed else None
    yield found(
        "tests", "failed", counts.get("passed", counts.get("test", 0)), None if simulated else failed, simulated
    )


# -- Sanitizers --------------------------------------------------------------------------------------------------------


def sanitizers(script):
    """Run `steps_of_every_kind`, which `script` does when told ``--sanitized``, under compute-sanitizer."""
    if driver.simulated():
        steps_of_every_kind(size=33)
    program = find_sanitizer()
    absent = (
        "pip install nvidia-cuda-sanitizer-api, or -cu12 for CUDA 12, which has compute-sanitizer"
        if program is None
        else None
    )
    for tool in TOOLS:
        why = "the simulator has no memory to check" if driver.simulated() else absent
        if why:
            yield found("sanitizer", f"{tool} errors", 0, None, why)
            continue
        # The bindings ask the driver for functions that it may be too old to have: no fault of a kernel.
        options = ["--report-api-errors", "no"] if tool == "memcheck" else []
        command = [program, "--tool", tool, *options, sys.executable, script, "--sanitized"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        summary = re.search(r"SUMMARY: (\d+)", done.stdout)
        errors = int(summary[1]) or int(done.returncode != 0) if summary else None
        if errors != 0:
            print(done.stdout[-4000:])
        yield found("sanitizer", f"{tool} errors", 1, errors, None if summary else "it ended without a summary")


def find_sanitizer():
    """Return the path of compute-sanitizer, of the toolkit or of its package (str), or None."""
    folders = [Path(folder) for folder in (*sys.path, "/usr/local/cuda") if folder]
    # Of the packages for CUDA 13 and 12, and of a toolkit; the script in bin/ of the first is for a toolkit's folders.
    inside = ("nvidia/cu13/compute-sanitizer", "nvidia/cuda_sanitizer_api/bin", "compute-sanitizer")
    paths = [folder / name / "compute-sanitizer" for folder in folders for name in inside]
    return shutil.which("compute-sanitizer") or next((str(path) for path in paths if path.is_file()), None)


def steps_of_every_kind(size=1025):
    """Take two steps with every kernel there is: one array, many, strided ones, clipped, counted there, 16 bits."""
    random = np.random.default_rng(0)

    def there(*shape, dtype=np.float32):
        return cuda.to_device(random.standard_normal(shape).astype(dtype))

    def steps(params, grads, name="adam", **options):
        optimizer = optnumba.Optimizer(params, name, **options)
        optimizer.step(grads)
        optimizer.step(grads)
        optimizer.solution()

    for dtype in DTYPES:
        for name in ALGORITHMS:
            steps(there(size, dtype=dtype), there(size, dtype=dtype), name)
    lists = [[there(n) for n in (33, 0, size)] for _ in range(2)]
    clipped = [] if driver.simulated() else [{"clip_norm": 1.0}]  # 264 blocks with barriers: half a minute there
    for options in ({}, {"capturable": True}, {"average": "polyak"}, *clipped):
        steps(*lists, **options)
    steps(there(6, size)[:, ::2], there(6, 2 * size)[:, : size + 1 : 2][:, : (size + 1) // 2])
    steps(there(size, dtype=np.float16), there(size, dtype=np.float16))
    optnumba.cuda.synchronize()


# -- Sizes -------------------------------------------------------------------------------------------------------------


def sizes(rules):
    """Compare three steps of arrays of all sizes with the CPU's; what lies behind an array must stay as it was."""
    tried = SIZES[:5] if driver.simulated() else SIZES
    for dtype in DTYPES:
        for name in rules:
            worst = max(apart(name, dtype, size) for size in tried)
            yield found("sizes", f"{name} {np.dtype(dtype).name}", len(tried), worst)
    yield huge()


def apart(name, dtype, size):
    """Return how far three steps on the card and on the CPU lie apart, over what is allowed (float)."""
    random = np.random.default_rng(size)
    x, g = (random.standard_normal(size + GUARD).astype(dtype) for _ in range(2))
    whole, gradient = cuda.to_device(x), cuda.to_device(g)
    there, here = optnumba.Optimizer(whole[:size], name), optnumba.Optimizer(x[:size], name)
    for _ in range(3):
        there.step(gradient[:size])
        here.step(g[:size])
    on_card = [whole.copy_to_host(), *(slot.copy_to_host() for slot in there.slots[0].values())]
    if not np.array_equal(on_card[0][size:], x[size:]):
        return float("inf")
    pairs = zip(on_card, [x, *here.slots[0].values()], strict=True)
    errors = [np.abs(a - b) / np.maximum(1, np.abs(b)) for a, b in pairs]
    return max(float(error.max(initial=0)) for error in errors) / (TOLERANCE * float(np.finfo(dtype).eps))


def huge(size=HUGE):
    """Step more elements than 32 bits count, by sgd with a rate that rounds nothing, and look at some of them."""
    case, needed = f"sgd float32, {size:,}", 2 * 4 * size
    if driver.simulated() or driver.free_memory() < needed + 2**30:
        why = "the simulator is too slow" if driver.simulated() else f"{needed:,} bytes are not free"
        return found("sizes", case, 0, None, why)
    x, g = (cuda.device_array(size, np.float32) for _ in range(2))
    fill[1024, 256](x, g)
    optnumba.Optimizer(x, "sgd", learning_rate=0.5).step(g)
    optnumba.cuda.synchronize()
    places = [*range(5), 2**31 - 1, 2**31, *range(size - 5, size)]
    places += np.random.default_rng(0).integers(0, size, 2000).tolist()
    wrong = sum(float(x[i : i + 1].copy_to_host()[0]) != i % 1021 - 0.5 * (i % 509) for i in places)
    return found("sizes", case, len(places), float(wrong) * 2)  # one is too many


@cuda.jit
def fill(x, g):
    i = cuda.grid(1)
    while i < x.size:
        x[i] = i % 1021
        g[i] = i % 509
        i += cuda.gridsize(1)


# -- Accuracy ----------------------------------------------------------------------------------------------------------


def accuracy(rules, states=STATES, steps=STEPS):
    """Compare steps from random states with the textbook loops at 60 digits, by the bounds that the CPU's tests have.

    A sum on the card may be contracted: a·b + c is rounded once, where the CPU rounds twice. For each such sum one
    rounding more is allowed.
    """
    sys.path.insert(0, str(ROOT / "tests"))
    import test_accuracy as bounds

    with localcontext() as context:
        context.prec = 60
        for dtype in DTYPES:
            random = np.random.default_rng(0)
            for rule in (ALGORITHMS[name] for name in rules):
                ratios = [
                    ratio
                    for t in steps
                    for hyper in (rule.defaults, bounds.random_hyper(rule, random))
                    for ratio in errors(bounds, rule, t, hyper, bounds.random_states(rule, dtype, states, random))
                ]
                yield found("accuracy", f"{rule.name} {np.dtype(dtype).name}", len(ratios), max(ratios))


def errors(bounds, rule, t, hyper, inputs):
    """Yield the error of each number that a step gives, over what is allowed (float)."""
    on_card = card_step(rule, t, hyper, inputs)
    exact, sized = (step(rule, t, hyper, inputs) for step in (bounds.exact_step, bounds.sized_step))
    contracted = contracted_sums(rule)
    dtype = inputs["x"].dtype.type
    eps, _, smallest = bounds.limits(dtype)
    for result, values in on_card.items():
        rows = zip(values, exact[result], sized[result], inputs["x"], strict=True)
        for z, reference, size, x in rows:
            rounding = eps * size.terms / 2
            if result in bounds.ULPS and rule.name not in ("momentum", "nag"):
                rounding = max(Decimal(float(np.spacing(abs(dtype(reference))))), smallest) / 2
            allowed = bounds.promise(rule, result, x, reference, size) + contracted[result] * rounding
            error = bounds.distance(z, reference)
            yield float(error / allowed) if allowed else float("inf" if error else 0)


def card_step(rule, t, hyper, inputs):
    """Return x and the slots after step t on the card (dict of numpy.ndarray)."""
    x, g = cuda.to_device(inputs["x"]), cuda.to_device(inputs["g"])
    optimizer = optnumba.Optimizer(x, rule.name, **hyper)
    optimizer.t = t - 1
    for slot, array in optimizer.slots[0].items():
        array.copy_to_device(inputs[slot])
    optimizer.step(g)
    return {"x": x.copy_to_host()} | {slot: array.copy_to_host() for slot, array in optimizer.slots[0].items()}


class Counted:
    """A number that knows of which sums it is made that a card may contract: those with a product in them."""

    def __init__(self, sums=frozenset(), product=False):
        self.sums, self.product = sums, product

    def __mul__(self, other):
        return Counted(self.sums | other.sums, product=True)

    def __add__(self, other):
        return Counted(self.sums | other.sums | ({object()} if self.product or other.product else set()))

    __sub__ = __add__

    def __truediv__(self, other):
        return Counted(self.sums | other.sums)

    __gt__ = __truediv__

    def __abs__(self):
        return self


def contracted_sums(rule):
    """Return how many sums the card may contract in each number that `rule` updates (dict of int)."""
    numbers = [Counted() for _ in range(2 + len(rule.slots) + len(rule.coefficient_names))]
    update = bind(rule.update, sqrt=lambda z: z / z, where=lambda test, yes, no: test / yes / no)
    return {name: len(z.sums) for name, z in zip(("x", *rule.slots), update(*numbers), strict=True)}
