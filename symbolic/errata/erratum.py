"""What an erratum is: where the document is wrong or unclear, how to read it, and a demonstration by computation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..catalogue import Catalogue
from ..document import document
from ..evidence import Claiming, Evidence, Part

SEVERITIES = {
    "A": "changes the arithmetic if taken literally",
    "B": "a statement that is not true",
    "C": "notation or a slip of the pen",
}


@dataclass(frozen=True, eq=False)
class Erratum(Claiming):
    """One place where the document is wrong or can be misread.

    Parameters
    ----------
    id : str
        As in the reference: ``"E-22"``.
    severity : str
        ``"A"``: changes the arithmetic if taken literally; ``"B"``: a statement that is not true; ``"C"``: notation.
    where : str
        The passage: a section, or equations.
    problem : str
        What is wrong with it.
    reading : str
        How it has to be read, and what this library does.
    proof : callable, optional
        ``proof(**claim)`` yields the `Part` s that show it.
    claim : dict of str to sympy.Expr
        The formulas that the demonstration decides.
    reason : str
        Why there is no demonstration, where there is none.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> erratum = symbolic.errata()["E-23"]
    >>> erratum.severity, erratum.equations
    ('B', ('NAD-12',))
    >>> erratum.demonstrate().status
    'proved'
    """

    id: str
    severity: str
    where: str
    problem: str
    reading: str
    proof: Callable[..., Iterable[Part]] | None = None
    claim: dict = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self):
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity={self.severity!r} of {self.id} is none of {', '.join(SEVERITIES)}")
        if (self.proof is None) is not bool(self.reason):
            raise ValueError(f"{self.id} needs either a demonstration or the reason why there is none")

    def __repr__(self):
        return f"Erratum({self.id!r}, {self.severity!r})"

    def __str__(self):
        return f"{self.id} ({self.severity}) {self.where}: {self.problem} Read: {self.reading}"

    @property
    def equations(self):
        """The ids of the equations that it is about; they name it in their ``.errata`` (tuple of str)."""
        return tuple(equation.id for equation in document() if self.id in equation.errata)

    @property
    def demonstrable(self):
        """Whether `demonstrate` can show it by computation; if not, `reason` says why (bool)."""
        return self.proof is not None

    def demonstrate(self):
        """Return the `Evidence` that the literal reading goes wrong and the one given here does not.

        Raises
        ------
        ValueError
            When there is nothing to compute.
        """
        if self.proof is None:
            raise ValueError(f"{self.id} has no demonstration: {self.reason}")
        return Evidence(f"{self.id}: {self.problem.rstrip('.')}", tuple(self.proof(**self.claim)))

    def _repr_markdown_(self):
        about = f" ({', '.join(self.equations)})" if self.equations else ""
        return f"**{self.id}**, {self.severity}, {self.where}{about}: {self.problem} *Read:* {self.reading}"


class Errata(Catalogue):
    """Errata in order; one is also found by its id."""

    what, several = "erratum", "errata"

    def _repr_markdown_(self):
        return "\n".join(f"- {erratum._repr_markdown_()}" for erratum in self)
