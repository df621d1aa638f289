"""What `check` answers: the proof or refutation, and what the step is instead."""

from dataclasses import dataclass, fields

from ..algorithms import ALGORITHMS
from ..conventions.convention import origin_of
from ..proof import Proof
from .changes import Relation


@dataclass(frozen=True, repr=False)
class Check(Proof):
    """The outcome of `check`: a `Proof` that also says what the step is, where it is not what was asked for.

    Parameters
    ----------
    candidate, algorithm, states, letters, claims, invariants, counterexample, idle
        As in `Proof`, of the first part that fails.
    against : str
        The algorithm that was asked for; without one, what the step is equal or nearest to.
    nearest : str or None
        What the step is proved equal to: an algorithm's name, a library's (``"adam:keras"``), a named variant
        (``"adam with ε inside the root"``); None where it is nothing known.
    relation : Relation or None
        The change of variable, or the condition, under which it is `against`; proved.
    parts : tuple of (str, Proof)
        The proof of each part: the later steps, the first, on arrays, a coordinate of its own.
    like : Proof or None
        The proof that the step is `nearest`, where that is not `against`.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> def step(x, g, b, lr, momentum):
    ...     b = momentum * b + g
    ...     return x - lr * b, b
    >>> answer = symbolic.check(step, "momentum")
    >>> answer.proved, answer.nearest
    (False, 'momentum:torch')
    >>> print(answer.relation)
    the learning rate outside v: v_t = v'_t*η (for a constant learning rate)
    """

    against: str = ""
    nearest: str | None = None
    relation: Relation | None = None
    parts: tuple = ()
    like: Proof | None = None

    @classmethod
    def of(cls, parts, against, nearest=None, relation=None, like=None):
        """Return the report of some (label, Proof): that of the first that fails, or else of the first."""
        _, shown = next(((label, proof) for label, proof in parts if not proof.proved), parts[0])
        own = {f.name: getattr(shown, f.name) for f in fields(Proof)}
        like = like[0][1] if like else None
        return cls(**own, against=against, nearest=nearest, relation=relation, parts=tuple(parts), like=like)

    def __repr__(self):
        return f"Check({self.candidate.name!r}, {self.summary()!r})"

    def summary(self):
        """Return the answer in one line (str)."""
        name = self.against if ":" in self.against else f"{self.against} of the document"
        if self.proved:
            return f"equal to {name}" + (f" under {self.relation}" if self.relation else "")
        verdict = f"not equal to {name}" if self.counterexample else f"neither proved nor refuted to be {name}"
        failed = next(label for label, proof in self.parts if not proof.proved)
        where = f" ({failed})" if failed else ""
        found = [f"it is {self._nearest_text()}"] if self.nearest and self.nearest != self.against else []
        found += [f"it is {self.against} with {self.relation}"] if self.relation else []
        return f"{verdict}{where}" + "".join(f"; {text}" for text in found or ["and nothing else that is known here"])

    def _nearest_text(self):
        known = ALGORITHMS.get(self.nearest)
        return f"{self.nearest} ({origin_of(known)})" if known is not None and ":" in self.nearest else self.nearest

    def explain(self):
        """Return the proof, or the refutation, and what the step is instead, as text of several lines (str)."""
        lines = [super().explain()]
        if self.relation:
            lines += self._indented("Relation, proved by substitution", [f"{self.against}: {self.relation}"])
        parts = [f"{label or 'every step'}: {proof.status}" for label, proof in self.parts]
        if len(parts) > 1:
            lines += self._indented("Parts, all of which have to hold", parts)
        if not self.proved and self.nearest and self.nearest != self.against:
            lines += self._indented(
                "What it is", [f"it is proved equal to {self._nearest_text()}", *self._its_equations()]
            )
        return "\n".join([*lines, *self._indented("Answer", [f"{self.candidate.name} is {self.summary()}"])])

    def _its_equations(self):
        if not self.like:
            return []
        states = [f"{before} becomes {after}" for before, after in self.like.algorithm.states]
        return [*map(str, self.like.algorithm.equations), *states]
