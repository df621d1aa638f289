"""What a proof is, and how it explains itself."""

import textwrap
from dataclasses import dataclass

from sympy import Rational

from .conventions.convention import origin_of, scalars_of
from .decision.counterexample import Counterexample
from .equations.notation import LETTERS
from .latex import aligned, latex

MOST_SHOWN = 12  # cases listed one by one


@dataclass(frozen=True)
class Proof:
    """The outcome of `prove` or `check`: what was claimed, what was run, and why it holds or does not.

    Parameters
    ----------
    candidate : Candidate
        The step that was run on symbols.
    algorithm : Algorithm
        The document's equations.
    states : tuple of (Symbol, Symbol)
        The document's state, before and after the step, for each slot in turn.
    letters : dict of str to Symbol
        The document's letter for each symbol of the step.
    claims, invariants : tuple of Claim
        What had to be shown, decided.
    counterexample : Counterexample or None
        Numbers at which the two differ; None unless the claim is refuted.
    idle : tuple of Claim
        What had to be shown of steps with gradient 0, where the rule says what they do; decided.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> proof = symbolic.prove("momentum")
    >>> proof.proved, proof.residuals
    (True, {'x': 0, 'v': 0})
    """

    candidate: object
    algorithm: object
    states: tuple
    letters: dict
    claims: tuple
    invariants: tuple
    counterexample: Counterexample | None = None
    idle: tuple = ()

    def __bool__(self):
        return self.proved

    def __repr__(self):
        return f"Proof({self.candidate.name!r}, {self.status})"

    @property
    def _all(self):
        return *self.claims, *self.invariants, *self.idle

    @property
    def failures(self):
        """The claims that were not proved (list of Claim)."""
        return [claim for claim in self._all if not claim.verdict.holds]

    @property
    def proved(self):
        """Whether every claim was decided, and holds (bool)."""
        return not self.failures

    @property
    def status(self):
        """``"proved"``, ``"refuted"`` (there is a counterexample) or ``"undecided"`` (str)."""
        return "proved" if self.proved else "refuted" if self.counterexample else "undecided"

    @property
    def residuals(self):
        """What the step computes minus what the document says, per component: 0 where they are equal (dict).

        Where an order case matters it is the difference in the first case that has one, and ``nan`` where one of the
        two is not defined there, or where the procedure could not decide.
        """
        return {claim.component: claim.verdict.residual for claim in self.claims}

    def explain(self):
        """Return the proof, or the refutation, as text of several lines (str)."""
        blocks = [
            [self._headline()],
            self._indented("Run on symbols, their own bytecode", self.candidate.ran),
            self._indented(f"The equations of {self.algorithm.name}", self._equations()),
            self._indented("What the symbols are", self._symbols()),
            self._indented("Generators", self._generators()),
            self._indented("Claims", self._claims()),
            self._indented("So", self._conclusion()),
        ]
        return "\n".join(line for block in blocks for line in block)

    @staticmethod
    def _indented(title, lines):
        wrapped = (
            textwrap.wrap(line, 116, initial_indent="  ", subsequent_indent="      ", break_long_words=False)
            for line in lines
        )
        return [f"{title}:", *(row for rows in wrapped for row in rows)] if lines else []

    def _headline(self):
        if self.failures and all(claim in self.idle for claim in self.failures):
            word = "are NOT" if self.counterexample else "could not be proved to be"
            return (
                f"{self.candidate.name} computes {self.algorithm.name} of {origin_of(self.algorithm)}, but the steps "
                f"that its idle takes at once {word} steps with g = 0."
            )
        verdict = {
            "proved": "is proved equal to",
            "refuted": "is NOT equal to",
            "undecided": "could not be proved or refuted to be",
        }[self.status]
        return f"{self.candidate.name} {verdict} {self.algorithm.name} of {origin_of(self.algorithm)}."

    def _equations(self):
        lines = [str(equation) for equation in self.algorithm.equations]
        change = [f"change of variable, {e}" for e in (self.algorithm.variable, self.algorithm.inverse) if e]
        return [*lines, *change]

    def _symbols(self):
        lines = [f"x is {self.letters['x']}, g is ∇J at x, t = 1, 2, ..."]
        shared = [before for before, _ in scalars_of(self.algorithm)]
        for slot, (before, _) in zip(self.candidate.slots, self.states, strict=True):
            scope = ", one number in [0, 1] for all coordinates" if before in shared else ""
            lines.append(f"{slot} is {before}{scope}; it starts at 0 (E-27)")
        for name in self.algorithm.hyper:
            symbol, interval = LETTERS[name]
            given = self.candidate.hyper.get(name)
            lines.append(
                f"{given or name} is {symbol} in {interval}" + ("" if given else "; the step does not take it")
            )
        return [*lines, *self.candidate.notes]

    def _generators(self):
        found = [text for claim in self._all for text in claim.verdict.generators]
        return list(dict.fromkeys(found))

    def _claims(self):
        lines = []
        for claim in self._all:
            verdict = claim.verdict
            cases = f", in each of {len(verdict.cases)} order cases" if len(verdict.cases) > 1 else ""
            shown = ("shown" if claim in self.invariants else "the difference is 0") + cases
            why = verdict.reason or f"the difference is {verdict.residual}"
            lines.append(f"{claim.statement}: {shown if verdict.holds else f'NOT SHOWN, {why}'}")
            if cases and (claim.component == "x" or not verdict.holds):
                lines += self._cases(verdict)
        return lines

    @staticmethod
    def _cases(verdict):
        shown = verdict.cases if verdict.holds else verdict.failing
        lines = [
            f"  {'where' if verdict.holds else 'fails where'} {', '.join(case.text)}" for case in shown[:MOST_SHOWN]
        ]
        more = len(shown) - MOST_SHOWN
        return [*lines, f"  and {more} more"] if more > 0 else lines

    def _conclusion(self):
        if self.proved:
            return ["equal for all real numbers in these intervals, and defined wherever the equations are"]
        if self.counterexample:
            return [f"refuted: {self.counterexample}", *self._partly()]
        return ["undecided: neither shown to be equal nor seen to differ at any number tried; this is not a proof"]

    def _partly(self):
        """Say what does hold where a refuted step fails in some order cases only."""
        verdicts = [claim.verdict for claim in self.failures]
        if any(v.reason or len(v.failing) == len(v.cases) for v in verdicts):
            return []
        cases = dict.fromkeys(", ".join(case.text) for v in verdicts for case in v.failing)
        return [f"equal except where {'; or '.join(cases)}"]

    def _repr_latex_(self):
        rows = [(latex(e.left), f"= {latex(e.right)}") for e in self.algorithm.equations]
        difference = [
            (rf"\text{{{name}}}:\; \text{{code}} - \text{{document}}", f"= {latex(residual)}")
            for name, residual in self.residuals.items()
        ]
        return aligned([*rows, *difference, *self._latex_numbers()])

    def _latex_numbers(self):
        if not self.counterexample:
            return [(r"\text{" + self.status + "}", r"\quad\blacksquare" if self.proved else "")]
        at = ", ".join(
            f"{latex(self.letters.get(name, name))} = {latex(Rational(value.numerator, value.denominator))}"
            for name, value in self.counterexample.values.items()
        )
        return [(r"\text{refuted at}", rf"\quad {at}")]
