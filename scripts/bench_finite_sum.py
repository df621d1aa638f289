"""Time of an epoch of logistic regression: optnumba against scikit-learn, torch and ensmallen; sparse steps; memory.

Every figure is a ratio within one run: all contestants alternate, on the same data in the same precision, with the same
batches, rates and number of epochs. A run is a whole call, with what it checks of its input before the first step; the
peers' loops are in bench_logistic.py. All of them but gather and scatter also add up the loss.

One sample a step, against `SGDClassifier`, which shuffles as optnumba does: the order of the rows, once an epoch. With
CSR it moves the intercept a hundredth as far as the weights, so there the weights are compared without one.
Mini-batches, against torch, eager: a permutation an epoch, `index_select` for each batch, and either autograd with a
fused optimizer or the gradient and the update by hand; the faster counts. At full batch nothing is selected.
ensmallen, through pyensmallen, has Adam, AdaMax and Nadam (Dozat's, with a momentum that varies), and asks its callable
for the whole sum. With a batch size the callable takes the next rows by itself, unshuffled, as optnumba does there. The
callable is pyensmallen's own, in NumPy, or one compiled by Numba; the faster counts. Neither has an intercept.
Gather and scatter is a bare loop over the same rows in a random order that reads the coordinates of a row and changes
them: the more columns, the fewer of them are in a cache.
"""

from functools import partial

import bench_logistic as logistic
import bench_memory
import benchmarking as bench
import numba
import numpy as np

import optnumba

RATE = 0.01
PARTS = ("sample", "rules", "columns", "batch", "ensmallen", "memory")
ROWS, FEWER = 100_000, 5_000  # FEWER with --quick
COLUMNS = (10_000, 100_000, 1_000_000, 10_000_000)
DENSE, SPARSE, NONZEROS = 100, 50_000, 30  # columns of the dense and of the sparse data, and non-zeros a row
FULL = 10  # times as many epochs at full batch, where each is one step
NOISE = "noise"  # in the place of a figure that was not measured
MANY = 20  # epochs over which a step on CSR is measured for each number of columns
STEPS = ("sgd", "adagrad", "adam lazy")  # the methods whose steps on CSR are compared
TOLERANCE = 1e-10  # relative difference allowed between the weights of optnumba and a peer, in the same order of rows
DIFFERENCE = 0.02  # relative difference allowed between the losses of optnumba and a peer, in another order


def optnumba_loop(
    A, y, method, rate, batch_size, decay=None, l2=0.0, intercept=True, threads=1, allow_nan=False, **more
):
    """Return the loop of minimize_finite_sum, as those of bench_logistic: ``run(epochs) -> x``."""
    name, *lazy = method.split()
    options = {"learning_rate": rate if decay is None else inverse_scaling(rate, decay), "lazy": bool(lazy)}
    options["allow_nan"] = allow_nan
    model = optnumba.linear_model("logistic", penalty={"l2": l2}, intercept=intercept)
    settings = {"method": name, "batch_size": batch_size, "options": options, **more}
    x0 = np.zeros(A.shape[1] + intercept, A.dtype)

    def run(epochs):
        numba.set_num_threads(threads)
        result = optnumba.minimize_finite_sum(model, x0, (A, y), epochs=epochs, **settings)
        if result.epochs != epochs:
            raise RuntimeError(f"{method}: {result.epochs} of {epochs} epochs ({result.message})")
        return result.x if intercept else np.append(A.dtype.type(0), result.x)

    return run


def inverse_scaling(rate, decay):
    """Return scikit-learn's schedule "invscaling" as a function of the step number t."""
    return lambda t: rate / t**decay


def compare(ours, peer, A, y, tolerance):
    """Return how far optnumba and a peer are apart after an epoch; raise where that is more than `tolerance`.

    Their points, or where that is None their losses.
    """
    x, expected = ours(1), peer(1)
    if tolerance is None:
        x, expected, tolerance = (*(logistic.mean_loss(point, A, y) for point in (x, expected)), DIFFERENCE)
    difference = float(np.max(np.abs(x - expected)) / np.max(np.abs(expected)))
    if not difference <= tolerance:
        raise RuntimeError(f"optnumba and the peer differ by {difference:.1e}, more than {tolerance:g}")
    return difference


def race(case, ours, peers, data, epochs, repeat, watch, threads=1, tolerance=None):
    """Return what is known of optnumba and a peer, as a dict for JSON.

    `peers` are all ways to write the peer's loop: those that take more than twice as long as the fastest do not enter,
    and of the others the fastest counts. None, where the peer is not installed.
    """
    peers = {name: peer for name, peer in peers.items() if peer is not None}
    difference = {name: compare(ours, peer, *data, tolerance) for name, peer in peers.items()}
    once = {name: min(watch(partial(peer, 1)) for _ in range(2)) for name, peer in peers.items()}
    near = {name: peer for name, peer in peers.items() if once[name] <= 2 * min(once.values())}
    took = bench.alternate(
        {name: partial(run, epochs) for name, run in {"optnumba": ours, **near}.items()}, repeat, watch=watch
    )
    seconds = {name: [s / epochs for s in each] for name, each in took.items()}
    fastest = min(near, key=lambda name: bench.median(seconds, name), default=None)
    ratio = bench.ratio(seconds, fastest, "optnumba")
    figures = {"case": case, "threads": threads, "epochs": epochs, "seconds": seconds, "difference": difference}
    return figures | {"peer": fastest, "ratio": ratio}


def one_sample(rows, epochs, repeat, watch, sklearn):
    """Yield the figures of steps of one sample against scikit-learn."""
    dense, sparse = partial(logistic.dense, rows, DENSE), partial(logistic.sparse, rows, SPARSE, NONZEROS)
    for kind, make in (("dense", dense), ("CSR", sparse)):
        for dtype in (np.float64, np.float32):
            A, y = make(dtype=dtype)
            first = (A[:1000], y[:1000])
            settings = {"": {}, ", invscaling": {"decay": 0.25}, ", l2": {"l2": 1e-4}}
            for label, more in settings.items():
                if sklearn:  # the same order of rows must give the same weights
                    loops = partial(optnumba_loop, method="sgd", batch_size=1), partial(logistic.sklearn_loop, sklearn)
                    same = {"rate": RATE, "shuffle": False, "intercept": kind == "dense", **more}
                    compare(*(loop(*first, **same) for loop in loops), *first, TOLERANCE if A.dtype == "d" else 1e-4)
                ours = optnumba_loop(A, y, "sgd", RATE, 1, **more)
                peers = {"scikit-learn": logistic.sklearn_loop(sklearn, A, y, RATE, **more)}
                yield race(f"1 sample, {kind} {A.dtype}{label}", ours, peers, (A, y), epochs, repeat, watch)


def batches(rows, epochs, repeat, watch, torch, numbers):
    """Yield the figures of mini-batches and of the full batch against torch, on each of `numbers` of threads."""
    A, y = logistic.dense(rows, DENSE)
    first = (A[:1000], y[:1000])
    written = {"torch by hand": logistic.torch_by_hand, "torch autograd": logistic.torch_by_autograd}
    for batch_size in (32, 256, None):
        for method in ("sgd", "adam"):
            settings = {"method": method, "rate": RATE, "batch_size": batch_size}
            for threads in numbers:
                if torch:
                    same = {**settings, "shuffle": False, "threads": threads}
                    for loop in written.values():
                        compare(optnumba_loop(*first, **same), loop(torch, *first, **same), *first, TOLERANCE)
                settings["threads"] = threads
                peers = {name: loop(torch, A, y, **settings) for name, loop in written.items()}
                ours = optnumba_loop(A, y, **settings)
                many = epochs if batch_size else FULL * epochs
                yield race(f"{method} {size_name(batch_size)}", ours, peers, (A, y), many, repeat, watch, threads)


def ensmallen(rows, epochs, repeat, watch, pyensmallen):
    """Yield the figures of the optimizers that pyensmallen has against ensmallen."""
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    A, y = logistic.dense(rows, DENSE)
    with threadpool_limits(1):
        for method, batch_size in [("adam", 32), ("adam", 256), ("adam", None), ("adamax", None), ("nadam", None)]:
            settings = {"method": method, "rate": RATE, "batch_size": batch_size}
            peer = partial(logistic.ensmallen_loop, pyensmallen, **settings)
            # ensmallen's callables do not look for NaN, so neither do we.
            alike = {"intercept": False, "shuffle": False, "reduction": "sum", "allow_nan": True}
            ours = optnumba_loop(A, y, **settings, **alike)
            peers = {f"ensmallen, {how}": peer(A, y, objective=how) for how in ("NumPy", "Numba")}
            many = epochs if batch_size else FULL * epochs
            # ensmallen adds eps before it corrects the root of Adam for its bias; its Nadam is another rule.
            tolerance = np.inf if method == "nadam" else 1e-6
            yield race(
                f"{method} {size_name(batch_size)}", ours, peers, (A, y), many, repeat, watch, tolerance=tolerance
            )


def size_name(batch_size):
    return f"batch {batch_size}" if batch_size else "full batch"


def rules(rows, epochs, repeat, watch):
    """Yield the figures of rules on CSR, one sample a step, over those of sgd."""
    A, y = logistic.sparse(rows, SPARSE, NONZEROS)
    loops = {name: partial(optnumba_loop(A, y, name, RATE, 1), epochs) for name in STEPS}
    seconds = {name: [s / epochs for s in each] for name, each in bench.alternate(loops, repeat, watch=watch).items()}
    for name in STEPS:
        yield {"rule": name, "seconds": seconds[name], "ratio": bench.ratio(seconds, name, "sgd")}


def columns(rows, repeat, watch):
    """Yield the figures of a step of one sample for each number of columns, with gather and scatter beside it.

    What a call does once is no part of a step: it is the difference between MANY + 1 epochs and one that is divided.
    With 10⁷ columns a call takes a tenth of a second before its first step, and not always the same: so MANY are many,
    and where noise is left of the difference there is no figure. The non-zeros spread over all columns, or as "same
    rows" they are those of the narrowest matrix, in a wider one.
    """
    narrow, least = logistic.sparse(rows, COLUMNS[0], NONZEROS), {}
    for count in COLUMNS if rows == ROWS else COLUMNS[:2]:
        A, y = logistic.sparse(rows, count, NONZEROS)
        runs = {name: optnumba_loop(A, y, name, RATE, 1) for name in STEPS}
        runs["same rows"] = optnumba_loop(logistic.widened(narrow[0], count), narrow[1], "sgd", RATE, 1)
        contestants = {(name, epochs): partial(run, epochs) for name, run in runs.items() for epochs in (1, MANY + 1)}
        order, x = np.random.default_rng(0).permutation(rows), np.zeros(count)
        contestants["gather and scatter"] = partial(logistic.gather_scatter, x, order, A.indptr, A.indices, A.data)
        took = bench.alternate(contestants, repeat, watch=watch)
        steps = {"gather and scatter": took.pop("gather and scatter")}
        for name in runs:
            pairs = zip(took[name, 1], took[name, MANY + 1], strict=True)
            steps[name] = [(many - one) / MANY for one, many in pairs]
        # A difference that is not positive in every round measures the disturbance, and must not pass for a fast step.
        ns = {name: 1e9 * bench.median(steps, name, per=rows) if min(steps[name]) > 0 else None for name in steps}
        least = least or ns
        growth = {name: ns[name] / least[name] if ns[name] and least[name] else None for name in ns}
        yield {"columns": count, "ns": ns, "growth": growth, "seconds": steps}


def targets():
    return {
        "sample": bench.Target("scikit-learn's time over optnumba's, one sample a step", ">=", 1.5),
        "batch 32": bench.Target("torch's time over optnumba's, batch 32", ">=", 5.0),
        "batch": bench.Target("torch's time over optnumba's, batch 256 and full", ">=", 1.0),
        "ensmallen": bench.Target("ensmallen's time over optnumba's", ">=", 1.0),
        "rules": bench.Target("CSR, time over that of sgd", "<=", 2.0),
        "columns": bench.Target("growth of a step with the columns, same rows", "<=", 1.1),
        "spread": bench.Target(
            "growth of a step, non-zeros in all columns, over that of gather and scatter", "<=", 1.1
        ),
        "memory": bench.Target("growth of memory over what was predicted, in MiB", "<=", 1.0),
    }


RACE_HEAD = ["one epoch of", "threads", "optnumba\nms", "peer", "peer\nms", "peer over\noptnumba"]
RULES_HEAD = ["CSR, one sample a step", "ns/step", "over sgd"]
COLUMNS_HEAD = ["columns", *(f"{name}\nns/step" for name in STEPS), "gather and\nscatter ns"]
COLUMNS_HEAD += ["growth\nof sgd", "of gather\nand scatter", "one over\nthe other", "sgd, same\nrows ns", "its\ngrowth"]
MEMORY_HEAD = [
    "memory",
    "batch",
    "threads",
    "data\nMiB",
    "predicted\nKiB",
    "traced\nKiB",
    "grew by\nKiB",
    "beyond it\nMiB",
]


def race_row(figures, target):
    case, peer, seconds = figures["case"], figures["peer"], figures["seconds"]
    ours, theirs = (bench.number(bench.median(seconds, name, per=1e-3), 2) for name in ("optnumba", peer))
    judged = target.judge(
        figures["ratio"], case + (f" on {figures['threads']} threads" if figures["threads"] > 1 else "")
    )
    return [case, str(figures["threads"]), ours, peer or bench.MISSING, theirs, judged]


def rules_row(figures, target, rows):
    nanoseconds = bench.number(1e9 * bench.median({"": figures["seconds"]}, "", per=rows))
    return [figures["rule"], nanoseconds, target.judge(figures["ratio"], figures["rule"])]


def columns_row(figures, same, spread):
    count, ns, growth = f"{figures['columns']:,}", figures["ns"], figures["growth"]
    times = [bench.number(ns[name], absent=NOISE) for name in (*STEPS, "gather and scatter")]
    ours, bare = growth["sgd"], growth["gather and scatter"]
    growths = [bench.number(value, 2, absent=NOISE) for value in (ours, bare)]
    over = spread.judge(ours / bare if ours and bare else None, count, absent=NOISE)
    alone = bench.number(ns["same rows"], absent=NOISE)
    return [count, *times, *growths, over, alone, same.judge(growth["same rows"], count, absent=NOISE)]


def memory_row(figures, target):
    name, batch = f"{figures['data']} {figures['method']}", figures["batch_size"] or "full"
    held = bench.number(figures["data_bytes"] / 2**20)
    sizes = [bench.number(figures[key] / 2**10, 0) for key in ("predicted", "traced", "growth")]
    judged = target.judge((figures["growth"] - figures["predicted"]) / 2**20, f"{name} {batch}")
    return [name, str(batch), str(figures["threads"]), held, *sizes, judged]


def measure(part, rows, epochs, repeat, watch, threads):
    """Yield the figures of a part."""
    if part == "sample":
        return one_sample(rows, epochs, repeat, watch, bench.optional("sklearn.linear_model"))
    if part == "batch":
        return batches(rows, epochs, repeat, watch, bench.optional("torch"), threads)
    if part == "ensmallen":
        return ensmallen(rows, epochs, repeat, watch, bench.optional("pyensmallen"))
    if part == "rules":
        return rules(rows, epochs, repeat, watch)
    if part == "columns":
        return columns(rows, repeat, watch)
    quick = rows != ROWS
    return filter(None, (bench_memory.in_a_process(case, quick) for case in bench_memory.CASES))


def table(part, results, targets, rows):
    """Return the table of a part."""
    if part == "rules":
        return bench.table(RULES_HEAD, [rules_row(figures, targets[part], rows) for figures in results])
    if part == "columns":
        return bench.table(
            COLUMNS_HEAD, [columns_row(figures, targets[part], targets["spread"]) for figures in results]
        )
    if part == "memory":
        return bench.table(MEMORY_HEAD, [memory_row(figures, targets[part]) for figures in results])

    def target(figures):
        return targets["batch 32" if part == "batch" and "batch 32" in figures["case"] else part]

    return bench.table(RACE_HEAD, [race_row(figures, target(figures)) for figures in results])


def main():
    options = bench.parser(__doc__.splitlines()[0], repeat=5)
    parts = bench.subset(PARTS)
    options.add_argument("--parts", type=parts, default=",".join(PARTS), metavar="NAME,...", help="only these")
    options.add_argument("--epochs", type=int, default=5, help="of a run; ten times as many at full batch")
    numbers = bench.subset((1, 2))
    options.add_argument("--threads", type=numbers, default="1,2", metavar="N,...", help="against torch; only these")
    options.add_argument("--cpu-time", action="store_true", help="not wall time: for one thread on a machine in use")
    chosen = options.parse_args()
    watch, clock = (bench.cpu_stopwatch, "CPU time") if chosen.cpu_time else (bench.stopwatch, "wall time")
    rows, repeat = (FEWER, 3) if chosen.quick else (ROWS, chosen.repeat)
    about, judges, results = bench.machine(("scipy", "scikit-learn", "pyensmallen")), targets(), {}
    print(f"{bench.describe(about)}\n{rows:,} rows; {clock}, median of {repeat} rounds of {chosen.epochs} epochs")
    for part in chosen.parts:
        results[part] = []
        for figures in measure(part, rows, chosen.epochs, repeat, watch, chosen.threads):
            bench.progress(f"{part} {len(results[part]) + 1}")
            results[part].append(figures)
        print(f"\n{table(part, results[part], judges, rows)}", flush=True)
    bench.conclude([judge for judge in judges.values() if judge.met or judge.missed])
    settings = {"rows": rows, "epochs": chosen.epochs, "repeat": repeat, "clock": clock}
    bench.save(chosen.json, about, settings, results)


if __name__ == "__main__":
    main()
