"""What `optnumba prove` reports: of everything, of a name, or of a function in a file."""

import time
from pathlib import Path

from .commands import stated
from .names import UsageError, function_in_file, is_file, rule_called, unknown
from .proving import KINDS, STATUS, all_jobs, count, explained, perform, summary
from .report import Cell, Heading, Lines, Report, Table, Text

SHORT = {"proved": "proved", "approximation": "approximate", "holds on the stated instances": "instances"}


def prove(options, progress):
    """Report what is proved, with status 1 where something is not."""
    if options.target is not None and is_file(options.target):
        return _prove_file(options)
    if options.against is not None:
        return _prove_against(options)
    jobs = _chosen(options.target)
    with progress(len(jobs)) as advance:
        outcomes = perform(jobs, advance)
    # What is shown: counts, or a line for each, or the whole proof; of a single item and of a failure always that.
    detail = options.verbose + (options.target is not None) + (len(jobs) == 1)
    blocks = [_list(outcomes)] if detail else [_matrix(outcomes), *_remarks(outcomes)]
    for outcome in outcomes:
        if outcome.failed or detail > 1:
            blocks += [Heading(f"{outcome.job.id}: {outcome.status}"), Lines(outcome.explanation)]
    failed = any(outcome.failed for outcome in outcomes)
    data = {
        "command": "prove",
        "target": options.target,
        "proved": not failed,
        "counts": count(outcomes),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 3),
        "items": [outcome.data() for outcome in outcomes],
    }
    return Report(blocks, data, int(failed), Text(summary(outcomes), "bad" if failed else "good"))


def _chosen(target):
    """Return the jobs that a target means (list of Job)."""
    from ..rules import ALIASES

    jobs = all_jobs()
    if target is None:
        return jobs
    wanted = target.casefold()
    wanted = ALIASES.get(wanted, wanted)
    chosen = [job for job in jobs if wanted and wanted in (job.algorithm, job.id.casefold(), KINDS[job.kind])]
    if not chosen:
        path, colon, function = target.rpartition(":")
        if colon and Path(f"{path}.py").is_file():
            raise UsageError(f"there is no thing to prove {target!r}; did you mean {f'{path}.py:{function}'!r}?")
        names = dict.fromkeys(job.algorithm for job in jobs if job.algorithm)
        raise unknown("thing to prove", target, [*names, *KINDS.values(), *(job.id for job in jobs), *ALIASES])
    return chosen


# -- Tables -----------------------------------------------------------------------------------------------------------


def _matrix(outcomes):
    """Return the table of how many of each kind are proved for each algorithm."""
    kinds = [kind for kind in KINDS if kind != "erratum"]
    groups = {}
    for outcome in outcomes:
        groups.setdefault(outcome.job.algorithm or "errata", []).append(outcome)

    def row(name, found):
        cells = [_counted([o for o in found if o.job.kind == kind]) for kind in kinds]
        if name == "errata":
            cells = ["", "", "", _counted(found)]
        return [Cell(name, "name"), *cells, f"{sum(outcome.seconds for outcome in found):.1f}"]

    rows = [row(name, found) for name, found in groups.items()]
    return Table(
        ("algorithm", "rule", "conventions", "derivation", "theorems", "s"), rows, frozenset({0, 5}), frozenset({5})
    )


def _counted(outcomes):
    """Return how many of each status there are, as a cell as good as its worst."""
    counts = count(outcomes)
    looks = {STATUS[status][1] for status in counts}
    look = next((look for look in ("bad", "weak", "good") if look in looks), "")
    return Cell("\n".join(f"{n} {SHORT.get(status, status)}" for status, n in counts.items()), look)


def _list(outcomes, grouped=True):
    rows, last = [], None
    for outcome in outcomes:
        job = outcome.job
        if grouped and last is not None and (job.kind, job.algorithm) != last:
            rows.append(None)
        last = job.kind, job.algorithm
        status = Cell(SHORT.get(outcome.status, outcome.status), outcome.look)
        rows.append([Cell(job.id, "name"), status, stated(job.statement, job.markdown), f"{outcome.seconds:.2f}"])
    return Table(("item", "outcome", "statement", "s"), rows, whole=frozenset({0, 1, 3}), right=frozenset({3}))


def _remarks(outcomes):
    """Return what is neither proved nor a failure, item by item."""
    weak = [outcome for outcome in outcomes if outcome.look == "weak"]
    return [Heading("Reported as less than a proof"), _list(weak, grouped=False)] if weak else []


# -- A rule against another, and a function in a file -----------------------------------------------------------------


def _prove_against(options):
    """Report whether one rule computes another algorithm."""
    from ..symbolic.prove import prove as decide

    if options.target is None:
        raise UsageError("--as NAME needs something to compare: optnumba prove FILE.py:FUNCTION --as NAME")
    rule, other = rule_called(options.target), rule_called(options.against)
    return _single(options, lambda: decide(rule, against=other.name), rule.name)


def _prove_file(options):
    """Report whether a user's own step function is one of the known algorithms."""
    from ..symbolic.check import check

    name = None if options.against is None else rule_called(options.against).name
    step = function_in_file(options.target)
    return _single(options, lambda: check(step, name), options.target)


def _single(options, decide, subject):
    """Report one Proof or Check in full."""
    began = time.perf_counter()
    try:
        found = decide()
    except (TypeError, ValueError) as why:  # TraceError is a TypeError: code that cannot be run on symbols
        raise UsageError(f"{subject}: {why}") from why
    seconds = time.perf_counter() - began
    relation = getattr(found, "relation", None)
    data = {
        "command": "prove",
        "target": options.target,
        "as": options.against,
        "proved": found.proved,
        "status": found.status,
        "against": found.against if hasattr(found, "against") else found.algorithm.name,
        "nearest": getattr(found, "nearest", None),
        "relation": str(relation) if relation is not None else None,
        "residuals": {key: str(value) for key, value in found.residuals.items()},
        "counterexample": _numbers(found.counterexample),
        "seconds": round(seconds, 3),
        "explanation": explained(found),
    }
    answer = found.summary() if hasattr(found, "summary") else found.status
    closing = Text(f"{subject}: {answer}", "good" if found.proved else "bad")
    return Report(
        [Lines(explained(found).partition("\nAnswer:")[0], _tex(found))], data, int(not found.proved), closing
    )


def _tex(proof):
    return proof._repr_latex_().replace(r"$\displaystyle ", r"\[ ").removesuffix("$") + r"\]"


def _numbers(counterexample):
    if counterexample is None:
        return None
    at = {name: str(value) for name, value in counterexample.values.items()}
    return {"at": at, "found": str(counterexample.found), "expected": str(counterexample.expected)}
