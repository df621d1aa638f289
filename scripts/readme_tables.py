"""Write the tables of README.md: the rules from RULES and their proofs, the benchmarks from scripts/results/*.json.

A table stands between <!-- name --> and <!-- /name -->. With --check nothing is written, and the exit status is 1 where
README.md is not what this script would write.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import benchmarking as bench

from optnumba.rules import ALGORITHMS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "scripts" / "results"


def rules():
    """Return the table of rules; `proved` is what the prover says now."""
    from optnumba.symbolic import prove

    def row(rule):
        state = ", ".join(f"`{slot}`" for slot in rule.slots) or "none"
        defaults = ", ".join(f"`{name}={value}`" for name, value in rule.defaults.items())
        return [f"`{rule.name}`", state, defaults, rule.source, "yes" if prove(rule).proved else "no"]

    head = ["rule", "state per coordinate", "hyperparameters and defaults", "source", "proved"]
    return markdown(head, [row(rule) for rule in ALGORITHMS.values()], numbers=False)


def bench_step(results):
    """Return the table of steps on large arrays."""

    def row(figures):
        nanoseconds = 1e9 * bench.median(figures["seconds"], "optnumba")
        peers = ("trivial", "torch fused", "torch unfused", "NumPy")
        ratios = [bench.number(figures["ratios"][peer], 2, absent="–") for peer in peers]
        return [f"`{figures['rule']}`", figures["dtype"], bench.number(figures["bytes"] / nanoseconds), *ratios]

    head = ["rule", "dtype", "GB/s", "÷ trivial loop", "÷ torch fused", "÷ torch unfused", "÷ NumPy"]
    return markdown(head, [row(figures) for figures in results])


def bench_loop(results):
    """Return the table of whole loops: a line a rule, a column a size."""
    sizes = sorted({figures["n"] for figures in results})
    cells = {(figures["rule"], figures["n"]): _loop_cell(figures) for figures in results}
    names = dict.fromkeys(figures["rule"] for figures in results)
    rows = [[f"`{name}`", *(cells.get((name, n), "–") for n in sizes)] for name in names]
    return markdown(["rule", *(f"n = {n}" for n in sizes)], rows)


def _loop_cell(figures):
    nanoseconds = bench.number(bench.median(figures["ns"], "optnumba"))
    over_c, jax_over = (
        bench.number(figures["ratios"][peer], digits, absent="–") for peer, digits in (("C", 2), ("JAX", 1))
    )
    return f"{nanoseconds} / {over_c} / {jax_over}"


def bench_finite_sum(results):
    """Return the tables of epochs against the peers, of rules and columns on CSR, and of memory."""

    def race(figures):
        milliseconds = bench.number(bench.median(figures["seconds"], "optnumba", per=1e-3), 2)
        ratio = bench.number(figures["ratio"], 2, absent="–")
        return [figures["case"], str(figures["threads"]), milliseconds, ratio, figures["peer"] or "–"]

    def columns(figures):
        growth = {name: bench.number(value, 2, absent="–") for name, value in figures["growth"].items()}
        cells = [f"{bench.number(ns, 0, absent='–')} ({growth[name]})" for name, ns in figures["ns"].items()]
        return [f"{figures['columns']:,}", *cells]

    def memory(figures):
        name, batch = f"{figures['data']}, `{figures['method']}`", figures["batch_size"] or "full"
        held = bench.number(figures["data_bytes"] / 2**20)
        taken = [bench.number(figures[key] / 2**10, 0) for key in ("predicted", "growth")]
        return [name, str(batch), str(figures["threads"]), held, *taken]

    races = [race(figures) for part in ("sample", "batch", "ensmallen") for figures in results[part]]
    over_sgd = [f"`{figures['rule']}` {bench.number(figures['ratio'], 2)}" for figures in results["rules"]]
    tables = [
        markdown(["one epoch", "threads", "ms", "peer's time ÷ ours", "peer"], races),
        f"One sample a step on CSR, time over that of `sgd`: {', '.join(over_sgd)}.",
        markdown(
            ["columns", *(f"{name}, ns a step (growth)" for name in results["columns"][0]["ns"])],
            [columns(figures) for figures in results["columns"]],
        ),
        markdown(
            ["memory", "batch", "threads", "data, MiB", "predicted, KiB", "grew by, KiB"],
            [memory(figures) for figures in results["memory"]],
        ),
    ]
    return "\n\n".join(tables)


def bench_cuda(results):
    """Return the table of steps on a card, a line a rule, then what a small array takes and what was checked."""

    def row(large, many):
        nanoseconds = 1e9 * bench.median(large["seconds"], "optnumba")
        ratios = [large["ratios"].get(peer) for peer in ("copy", "torch fused", "torch unfused", "optax")]
        ratios += [many["ratios"].get(peer) for peer in ("torch foreach", "torch fused")]
        cells = [bench.number(ratio, 2, absent="–") for ratio in ratios]
        return [f"`{large['rule']}`", bench.number(large["bytes"] / nanoseconds, 0), *cells]

    def small(figures):
        graph = "" if figures["where"] == "host" else f" in a {figures['where']}"
        return f"{figures['case']}{graph}: {bench.number(1e6 * bench.median(figures['seconds'], ''))}"

    head = ["rule", "GB/s", "÷ copy", "÷ torch fused", "÷ torch unfused", "÷ optax", "1,000: ÷ foreach", "÷ fused"]
    table = markdown(head, [row(*pair) for pair in zip(results["large"], results["many"], strict=True)])
    overhead = ", ".join(small(figures) for figures in results["overhead"])
    worst = {}
    for figures in (figures for part in ("tests", "sanitizers", "sizes", "accuracy") for figures in results[part]):
        worst.setdefault(figures["check"], []).append(figures["worst"])
    told = {
        "tests": "tests of CUDA that failed",
        "sanitizer": "errors of compute-sanitizer",
        "sizes": "difference from the CPU over what is allowed",
        "accuracy": "error over its bound",
    }
    checked = [f"{told[check]}: {_worst(values)}" for check, values in worst.items()]
    return f"{table}\n\nAdam on a small array, µs a step: {overhead}.\nThe worst found: {'; '.join(checked)}."


def _worst(values):
    found = [value for value in values if value is not None]
    return f"{max(found):.2g}" if found else "not looked for"


def measured(name, table):
    """Return a table of benchmark results with the machine and the command that made them."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return f"Not measured yet: `python scripts/{name}.py --json scripts/results/{name}.json`."
    document = json.loads(path.read_text(encoding="utf-8"))
    about = document["machine"]
    machine = bench.describe(about).replace("\n", "; ")
    return f"{table(document['results'])}\n\n{machine}; {about['date'][:10]}.\nCommand: `{about['command']}`."


def markdown(head, rows, numbers=True):
    """Return a table in Markdown; with `numbers` all columns but the first are aligned to the right."""
    rulers = ["---", *(["---:" if numbers else "---"] * (len(head) - 1))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rulers, *rows])


def fill(text, tables):
    """Return `text` with the regions named in `tables` replaced; each must be there once."""
    for name, table in tables.items():
        region = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if len(region.findall(text)) != 1:
            raise SystemExit(f"{README.name} needs one region <!-- {name} --> ... <!-- /{name} -->")
        text = region.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)
    return text


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="write nothing; fail where README.md is out of date")
    check = options.parse_args().check
    tables = {
        "rules": rules(),
        "bench_step": measured("bench_step", bench_step),
        "bench_loop": measured("bench_loop", bench_loop),
        "bench_finite_sum": measured("bench_finite_sum", bench_finite_sum),
        "bench_cuda": measured("bench_cuda", bench_cuda),
    }
    old = README.read_text(encoding="utf-8")
    new = fill(old, tables)
    if check and new != old:
        print(f"{README.name} is out of date: run python scripts/readme_tables.py")
        return 1
    if not check:
        README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
