"""What the bench_*.py scripts share: alternating measurements, the machine's description, tables and JSON."""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import textwrap
import time
from datetime import datetime, timezone
from pathlib import Path

PACKAGES = ("optnumba", "numba", "llvmlite", "numpy", "torch", "jax", "optax")
MISSING = "not installed"


def parser(description, repeat):
    """Return an argparse parser with the options that all benchmarks have."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    options.add_argument("--repeat", type=int, default=repeat, help="rounds; in each, every contestant runs once")
    options.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    options.add_argument("--quick", action="store_true", help="small and few: shows that it works, measures little")
    return options


def subset(values):
    """Return the argparse type of a comma-separated choice among `values`."""
    by_text = {str(value): value for value in values}

    def parse(text):
        unknown = [part for part in text.split(",") if part not in by_text]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {','.join(by_text)}")
        return [by_text[part] for part in text.split(",")]

    return parse


def optional(name):
    """Return the module `name`, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def stopwatch(run, clock=time.perf_counter):
    """Return the seconds that `run()` takes."""
    start = clock()
    run()
    return clock() - start


def cpu_stopwatch(run):
    """Return the seconds that `run()` occupies processors, which does not count those that others take meanwhile."""
    return stopwatch(run, time.process_time)


def alternate(contestants, repeat, warmup=1, watch=stopwatch):
    """Return the seconds that each contestant took in each round, as ``{name: [seconds, ...]}``.

    All run in every round, each round starting with another one: a disturbance of the machine meets all alike.
    Contestants are functions without arguments, or None where a peer is missing.
    """
    present = {name: run for name, run in contestants.items() if run is not None}
    for run in list(present.values()) * warmup:
        run()
    names, seconds = list(present), {name: [] for name in present}
    for i in range(repeat):
        first = i % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(watch(present[name]))
    return seconds


def progress(text):
    """Show on a terminal what is being measured; the next call, or the table, overwrites it."""
    if sys.stderr.isatty():
        print(f"\r{text:40}\r", end="", file=sys.stderr, flush=True)


def median(seconds, name, per=1):
    """Return the median of a contestant's times divided by `per`, or None where it did not run."""
    return statistics.median(seconds[name]) / per if name in seconds else None


def ratio(seconds, slower, faster):
    """Return the median over rounds of one contestant's time over another's, or None where one did not run."""
    if slower not in seconds or faster not in seconds:
        return None
    return statistics.median(a / b for a, b in zip(seconds[slower], seconds[faster], strict=True))


class Target:
    """A bound on a ratio: ``Target("C same job", "<=", 1.10)``."""

    def __init__(self, name, sense, bound):
        self.name, self.sense, self.bound = name, sense, bound
        self.met, self.missed = 0, []

    def judge(self, value, where, absent=MISSING):
        """Return `value` as text, marked "!" where it misses the bound, which `summary` will tell; or `absent`."""
        if value is None:
            return absent
        good = value >= self.bound if self.sense == ">=" else value <= self.bound
        if good:
            self.met += 1
        else:
            self.missed.append((where, value))
        return number(value, 2) + (" " if good else "!")

    def summary(self):
        """Return how often the target was met, and where it was missed (str)."""
        judged = self.met + len(self.missed)
        text = f"{self.name} {'≥' if self.sense == '>=' else '≤'} {self.bound:g}: met in {self.met} of {judged}"
        return text + ("; missed: " + ", ".join(f"{w} {v:.2f}" for w, v in self.missed) if self.missed else "")


def conclude(targets):
    """Print what became of the targets."""
    print("\nTargets (! marks a figure that misses its own):")
    for target in targets:
        print(textwrap.fill(target.summary(), 118, initial_indent="  ", subsequent_indent="    "))


def number(value, digits=1, absent=MISSING):
    """Return `value` rounded, with thousands separated, or `absent` for None."""
    return absent if value is None else f"{value:,.{digits}f}"


def table(head, rows):
    """Return rows of text as a table; the first column is aligned to the left, the others to the right.

    An empty row becomes a ruled line; a line break in a heading breaks it.
    """
    lines = [cell.split("\n") for cell in head]
    height = max(map(len, lines))
    lines = [[""] * (height - len(cell)) + cell for cell in lines]
    heads = [[cell[i] for cell in lines] for i in range(height)]
    widths = [max(len(row[i]) for row in heads + rows if row) for i in range(len(head))]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))

    def line(row):
        first, *others = zip(row, widths, strict=True)
        return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()

    return "\n".join([*map(line, heads), rule, *(line(row) if row else rule for row in rows)])


def machine(packages=()):
    """Return what a reader needs to judge the figures: processor, memory, versions, date and command (dict).

    `packages` are those whose versions count here besides PACKAGES.
    """
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version(), **_versions((*PACKAGES, *packages)), "gcc": _gcc()},
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
    }


def describe(about):
    """Return `machine()` in a few lines of text."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    memory = f", {about['memory_gib']} GiB" if about["memory_gib"] else ""
    busy = (
        f"\nload {about['load']}: others use this machine, which disturbs the figures"
        if (about["load"] or 0) > 0.5
        else ""
    )
    card = f"{about['card']}\n" if "card" in about else ""
    return f"{card}{about['processor']}, {about['cores']} cores{memory}, {about['system']}\n{versions}{busy}"


def save(path, about, settings, results):
    """Write figures, settings and machine to `path` as JSON; nothing where `path` is None."""
    if path is not None:
        document = {"machine": about, "settings": settings, "results": results}
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"written: {path}")


def _processor():
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (AttributeError, ValueError, OSError):
        return None


def _versions(names):
    def version(name):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None

    return {name: version(name) for name in names}


def _gcc():
    try:
        answer = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
