"""Everything that can be proved, as one list of jobs, and what came of each."""

import re
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

# How each outcome is counted in a summary, and how it looks. Only what is "bad" fails.
STATUS = {
    "proved": ("proved", "good"),
    "approximation": ("approximate, with the exact discrepancy", "weak"),
    "holds on the stated instances": ("checked on stated instances", "weak"),
    "refuted": ("refuted", "bad"),
    "undecided": ("undecided", "bad"),
    "error": ("broken", "bad"),
}
KINDS = {
    "rule": "rules",
    "convention": "conventions",
    "derivation": "derivations",
    "theorem": "theorems",
    "erratum": "errata",
}


@dataclass(frozen=True)
class Job:
    """One thing to prove.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    algorithm : str
        As in ``optnumba.rules.ALGORITHMS``; empty for an erratum.
    id : str
        ``"adam:keras"``, ``"T-ADAM-4"``, ``"NAD-17"``, ``"E-08"``.
    statement : str
        What is to be proved, for people.
    run : callable
        ``run()`` returns a Proof or an Evidence: it has ``.status`` and ``.explain()``.
    markdown : str
        The statement with its formulas in LaTeX between dollars, where it has any.
    """

    kind: str
    algorithm: str
    id: str
    statement: str
    run: Callable
    markdown: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Parameters
    ----------
    job : Job
    found : Proof, Evidence or None
        None where the job raised an exception.
    seconds : float
    error : str
        The exception and where it came from; empty where there was none.
    """

    job: Job
    found: object
    seconds: float
    error: str = ""

    @property
    def status(self):
        """A key of `STATUS` (str)."""
        return "error" if self.found is None else self.found.status

    @property
    def look(self):
        """The style of the status (str)."""
        return STATUS[self.status][1]

    @property
    def failed(self):
        """Whether this is a reason for exit status 1 (bool)."""
        return self.look == "bad"

    @property
    def explanation(self):
        """The whole proof, or why there is none, one line a fact (str)."""
        return self.error or explained(self.found)

    def data(self):
        """Return the outcome for ``--json`` (dict)."""
        job, found = self.job, self.found
        discrepancy = getattr(found, "discrepancy", None)
        return {
            "kind": job.kind,
            "algorithm": job.algorithm,
            "id": job.id,
            "statement": job.statement,
            "status": self.status,
            "proved": self.status == "proved",
            "seconds": round(self.seconds, 4),
            "discrepancy": None if discrepancy is None else str(discrepancy),
            "parts": [_part(part) for part in getattr(found, "parts", ())],
            "explanation": self.explanation,
        }


def explained(found):
    """Return a Proof or an Evidence as text (str): one line a fact, for whoever shows it to wrap."""
    if not hasattr(found, "parts") or not hasattr(found, "discrepancy"):
        # A proof explains itself on lines of at most 116 columns; what continues a line stands six columns in.
        return re.sub(r"\n {6}(?! )", " ", found.explain())
    lines = [] if found.discrepancy is None else [f"off by exactly {line(found.discrepancy)}"]
    for part in found.parts:
        lines += [f"{'ok' if part.holds else 'FAILS'}, {part.kind}: {typeset(part.statement)}"]
        lines += [f"    {typeset(detail)}" for detail in part.detail]
    return "\n".join(lines)


def line(formula):
    """Return a formula or an equation on one line, in the order in which people write it (str)."""
    from ..symbolic.derivations import layout

    return layout.line(formula)


def typeset(text):
    """Return a sentence with formulas as SymPy prints them as `line` would set it: g_t**2*x as gₜ²·x (str)."""
    from ..symbolic.derivations.layout import subscripted

    letters = r"(?<![^\W_])[^\W\d_][\u0302₁₂]?_(?:\{[^}]*\}|[t\d])(?![A-Za-z0-9_])"
    text = re.sub(letters, lambda found: subscripted(found[0]), text)
    text = text.replace("**", "^").replace("sqrt(", "√(").replace("->", "→").replace(" oo", " ∞")
    text = re.sub(r"\^([23])(?!\d)", lambda found: "²³"[int(found[1]) - 2], text)
    return re.sub(r"(?<=\S)\*(?=\S)", "·", text)


def latex(formula):
    """Return a formula or an equation in LaTeX (str)."""
    from ..symbolic.derivations import layout

    return layout.latex(formula)


def _part(part):
    return {
        "kind": part.kind,
        "statement": part.statement,
        "holds": part.holds,
        "latex": part.formula,
        "detail": list(part.detail),
    }


def perform(jobs, advance=lambda label: None):
    """Return the outcome of every job (list of Outcome); one that raises an exception does not stop the others.

    Parameters
    ----------
    jobs : iterable of Job
    advance : callable
        Called with a label before every job.
    """
    outcomes = []
    for job in jobs:
        advance(f"{job.algorithm} {job.id}" if job.kind in ("theorem", "derivation") else job.id)
        began = time.perf_counter()
        try:
            found, error = job.run(), ""
        except Exception:
            found, error = None, traceback.format_exc()
        outcomes.append(Outcome(job, found, time.perf_counter() - began, error))
    return outcomes


def count(outcomes):
    """Return how many outcomes there are of each status (dict), in the order of `STATUS`, zeros left out."""
    found = Counter(outcome.status for outcome in outcomes)
    return {status: found[status] for status in STATUS if found[status]}


def summary(outcomes):
    """Return the outcomes in one line (str)."""
    seconds = sum(outcome.seconds for outcome in outcomes)
    counted = ", ".join(f"{n} {STATUS[status][0]}" for status, n in count(outcomes).items())
    verdict = "" if any(outcome.failed for outcome in outcomes) else "; nothing is refuted or open"
    return f"{len(outcomes)} item{'s' * (len(outcomes) != 1)} in {seconds:.1f} s: {counted}{verdict}"


# -- The list ---------------------------------------------------------------------------------------------------------


def all_jobs():
    """Return everything that can be proved (list of Job): algorithm by algorithm, and then the errata."""
    from ..rules import ALGORITHMS

    jobs = [job for name in ALGORITHMS for job in (*_rules(name), *_steps(name), *_theorems(name))]
    return [*jobs, *_errata()]


def algorithm_of(rule_name):
    """Return which algorithm a rule or a convention belongs to (str)."""
    return rule_name.partition(":")[0]


def _rules(name):
    from ..rules import RULES
    from ..symbolic.equations import EQUATIONS
    from ..symbolic.prove import prove

    for rule in RULES.values():
        if algorithm_of(rule.name) == name:
            kind = "rule" if rule.name == name else "convention"
            of_whom = "the document's" if rule.name in EQUATIONS else "its own"
            statement = f"{rule.name} computes {of_whom} equations"
            yield Job(kind, name, rule.name, statement, lambda rule=rule: prove(rule))


def _steps(name):
    from ..symbolic.derivations import DERIVATIONS

    for step in DERIVATIONS.get(name, ()):
        start = f"from {step.before.id}, {step.operation}:"
        operation = step.words(step.doing, lambda formula: f"${latex(formula)}$")
        markdown = f"from {step.before.id}, {operation}: ${latex(step.after)}$"
        yield Job("derivation", name, step.after.id, f"{start} {line(step.after)}", step.check, markdown)


def _theorems(name):
    from ..symbolic.theorems import THEOREMS

    for theorem in THEOREMS.get(name, ()):
        yield Job("theorem", name, theorem.id, theorem_text(theorem), theorem.prove, theorem.markdown)


def theorem_text(theorem):
    """Return the statement of a theorem, its formulas on one line (str)."""
    return typeset(theorem.text.format(**{name: line(formula) for name, formula in theorem.claim.items()}))


def _errata():
    from ..symbolic.errata import errata

    for erratum in errata():
        if erratum.demonstrable:
            statement = typeset(f"{erratum.problem} Read: {erratum.reading}")
            yield Job("erratum", "", erratum.id, statement, erratum.demonstrate)
