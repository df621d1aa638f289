"""Steps on a CUDA card: checked first, then timed against copies of its memory, torch and optax.

The checks: the tests of CUDA on the card, compute-sanitizer, sizes around a block and above 2³¹, and every number of a
step against 60 digits. The figures are medians over alternating rounds, and ratios within a round:

- large: one array, by events on the stream; optax, which runs on streams of its own, by the clock on the wall. A copy
  from the card to itself counts twice, read and written; a rule counts what it has to read and write.
- many: a step of all arrays by the clock on the wall, launches and waiting included.
- overhead: what a step on one small array takes of the host; and what it takes in a CUDA graph, where the numbers have
  to be those of steps outside.

Without a card nothing is measured and the status is 2. With --simulate the checks and all code of the tables run in
Numba's simulator, on small arrays; no figure of speed is kept.
"""

import json
import os
import sys

if "--simulate" in sys.argv:
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"  # before Numba is imported

import bench_cuda_checks as checks
import bench_cuda_peers as peers
import benchmarking as bench
import cuda_card

import optnumba
from optnumba.gpu import driver
from optnumba.rules import ALGORITHMS

CHECKS = ("tests", "sanitizers", "sizes", "accuracy")
PARTS = (*CHECKS, "large", "many", "overhead")
# Elements of one large array; how many arrays of how many; elements of a small one; steps a round of each.
FULL = {"large": (2**28, 10), "many": (1000, 10_000, 20), "overhead": (1000, 200)}
QUICK = {"large": (2**24, 10), "many": (100, 10_000, 20), "overhead": (1000, 50)}
SIMULATED = {"large": (40, 1), "many": (3, 10, 1), "overhead": (10, 1)}
PACKAGES = ("numba-cuda", "cuda-bindings", "jaxlib")


def targets():
    return {
        "tests": bench.Target("tests failed", "<=", 0),
        "sanitizer": bench.Target("errors that compute-sanitizer reports", "<=", 0),
        "sizes": bench.Target("difference from the CPU over what is allowed", "<=", 1),
        "accuracy": bench.Target("error over its bound", "<=", 1),
        "copy": bench.Target("rate of a copy on the card", ">=", 0.90),
        "torch fused": bench.Target("torch fused", ">=", 1.0),
        "torch unfused": bench.Target("torch unfused, rules without a fused kernel", ">=", 3.0),
        "optax": bench.Target("optax", ">=", 1.0),
        "many, torch foreach": bench.Target("many arrays: torch foreach", ">=", 1.0),
        "many, torch fused": bench.Target("many arrays: torch fused", ">=", 1.0),
        "graph": bench.Target("difference of numbers in a graph", "<=", 0),
    }


def measure(part, rules, sizes, repeat, torch, jax):
    """Yield the figures of a part."""
    simulated = driver.simulated()
    if part == "tests":
        yield from checks.tests()
    elif part == "sanitizers":
        yield from checks.sanitizers(__file__)
    elif part == "sizes":
        yield from checks.sizes(rules)
    elif part == "accuracy":
        yield from checks.accuracy(rules, *((4, (1, 1000)) if simulated else ()))
    elif part == "overhead":
        yield from peers.overhead(*sizes[part], repeat, torch)
    else:
        for name in rules:
            with peers.tidied(torch):
                more = (jax,) if part == "large" else ()
                yield getattr(peers, part)(name, *sizes[part], repeat, torch, *more)


def compared(figures):
    """Return figures with the ratios of a peer's time to ours; in the simulator without seconds, which say nothing."""
    if "seconds" in figures and driver.simulated():
        figures["seconds"] = {}
    return figures | {"ratios": ratios(figures)} if "rule" in figures else figures


def ratios(figures):
    """Return each peer's time over ours; for a copy, our bytes a second over its own (dict)."""
    seconds = figures["seconds"]
    found = {name: bench.ratio(seconds, name, "optnumba") for name in seconds if not name.startswith("optnumba")}
    if "copy" in found:
        found["copy"] *= figures["bytes"] / figures["copied"]
    if "optax" in found:
        found["optax"] = bench.ratio(seconds, "optax", "optnumba on the wall")
    return found


# -- Tables ------------------------------------------------------------------------------------------------------------


def check_row(figures, judges):
    check, case = figures["check"], figures["case"]
    return [f"{check}: {case}", f"{figures['count']:,}", judges[check].judge(figures["worst"], case, figures["why"])]


def large_row(figures, judges):
    name, ratios, absent = figures["rule"], figures["ratios"], "-"
    ours = bench.median(figures["seconds"], "optnumba")
    cells = [
        bench.number(ours and 1e3 * ours, 3, absent),
        bench.number(ours and 1e-9 * figures["bytes"] / ours, 0, absent),
    ]
    for peer in ("copy", "torch fused", "torch unfused", "optax"):
        judged = peer != "torch unfused" or "torch fused" not in ratios
        text = judges[peer].judge(ratios.get(peer), name, absent) if judged else f"{ratios.get(peer, 0):,.2f} "
        cells.append(text)
    return [name, *cells]


def many_row(figures, judges):
    name, ratios, ours = figures["rule"], figures["ratios"], bench.median(figures["seconds"], "optnumba")
    peers = ("torch foreach", "torch fused")
    judged = [judges[f"many, {peer}"].judge(ratios.get(peer), name, "-") for peer in peers]
    return [name, bench.number(ours and 1e6 * ours, 0, "-"), *judged]


def overhead_row(figures, judges):
    ours = bench.median(figures["seconds"], "")
    different = judges["graph"].judge(figures.get("different"), figures["case"], "")
    return [figures["case"], figures["where"], bench.number(ours and 1e6 * ours, 1, "-"), different]


ROWS = {"large": large_row, "many": many_row, "overhead": overhead_row}
HEADS = {
    "large": ["rule", "ms", "GB/s", "rate over\na copy's", "over torch\nfused", "over torch\nunfused", "over\noptax"],
    "many": ["rule", "µs", "over torch\nforeach", "over torch\nfused"],
    "overhead": ["Adam on a small array", "in", "µs a step", "difference"],
}


def titles(sizes):
    (size, _), (count, each, _), (small, _) = (sizes[part] for part in ROWS)
    return {
        "large": f"One step over {size:,} elements of float32, by events:",
        "many": f"One step over {count:,} arrays of {each:,} elements of float32, waiting included:",
        "overhead": f"One step over {small:,} elements:",
    }


def check_table(parts, judges):
    """Return the table of the checks that were made, by parts."""
    rows = [[check_row(figures, judges) for figures in part] for part in parts]
    return bench.table(["check", "numbers", "worst"], [row for part in rows for row in [*part, []]][:-1])


def table(part, results, judges, sizes):
    """Return the table of a part with figures of speed, with its title."""
    rows = [ROWS[part](figures, judges) for figures in results]
    return f"{titles(sizes)[part]}\n{bench.table(HEADS[part], rows)}"


# -- The run -----------------------------------------------------------------------------------------------------------


def kept(path, about):
    """Return the parts and their dates in an earlier file of the same card and versions (dict, dict)."""
    if path is None or not path.exists():
        return {}, {}
    earlier = json.loads(path.read_text(encoding="utf-8"))
    same = all(earlier["machine"].get(key) == about[key] for key in ("card", "processor", "versions"))
    return (earlier["results"], earlier["settings"]["dates"]) if same else ({}, {})


def main(arguments=None):
    options = bench.parser(__doc__.splitlines()[0], repeat=7)
    choices = {"parts": PARTS, "rules": tuple(ALGORITHMS)}
    for name, values in choices.items():
        default = ",".join(values)
        more = "; --json keeps others of the same card" if name == "parts" else ""
        options.add_argument(
            f"--{name}", type=bench.subset(values), default=default, metavar="NAME,...", help=f"only these{more}"
        )
    options.add_argument("--simulate", action="store_true", help="in Numba's simulator: shows that it works")
    options.add_argument("--sanitized", action="store_true", help="only take the steps that compute-sanitizer watches")
    chosen = options.parse_args(arguments)
    missing = optnumba.cuda.missing()
    if missing or driver.simulated() != chosen.simulate:
        print(f"CUDA cannot be used: {missing or 'Numba was imported for its simulator'}.")
        return 2
    if chosen.sanitized:
        checks.steps_of_every_kind()
        return 0
    repeat = 1 if chosen.simulate else 3 if chosen.quick else chosen.repeat
    sizes = SIMULATED if chosen.simulate else QUICK if chosen.quick else FULL
    about, judges = {**bench.machine(PACKAGES), "card": cuda_card.described()}, targets()
    torch, jax = peers.find_torch(), peers.find_jax()
    kind = "no figure of speed is kept" if chosen.simulate else f"median of {repeat} rounds"
    print(f"{bench.describe(about)}\n{kind}")
    for found in (torch, jax):
        if found[0] is None:
            print(f"left out: {found[-1]}")
    results, dates = kept(chosen.json, about)

    def figures(part):
        found = []
        for one in measure(part, chosen.rules, sizes, repeat, torch, jax):
            bench.progress(f"{part} {len(found) + 1}")
            found.append(compared(one))
        results[part], dates[part] = found, about["date"]
        return found

    checked = [figures(part) for part in CHECKS if part in chosen.parts]
    if checked:
        print(f"\n{check_table(checked, judges)}", flush=True)
    for part in (part for part in ROWS if part in chosen.parts):
        print(f"\n{table(part, figures(part), judges, sizes)}", flush=True)
    bench.conclude([judge for judge in judges.values() if judge.met or judge.missed])
    settings = {"sizes": sizes, "repeat": repeat, "dates": dates}
    bench.save(chosen.json, about, settings, {part: results[part] for part in PARTS if part in results})
    return int(any(judges[name].missed for name in ("tests", "sanitizer", "sizes", "accuracy", "graph")))


if __name__ == "__main__":
    sys.exit(main())
