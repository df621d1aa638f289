"""What a theorem is: a statement whose formulas are data, and a proof that takes them as its arguments."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import sympy

from ..equations.forms import text
from ..evidence import Claiming, Evidence, Part
from ..latex import latex


@dataclass(frozen=True, eq=False)
class Theorem(Claiming):
    """A theorem of the companion, proved anew at every call of `prove`.

    Parameters
    ----------
    id : str
        As in the reference: ``"T-ADAM-4"``.
    text : str
        The statement, with ``{name}`` where a formula of `claim` stands.
    proof : callable
        ``proof(**claim)`` yields the `Part` s of the proof.
    claim : dict of str to sympy.Expr
        The formulas of the statement. They stand here alone: the statement shows them and the proof decides them.
    hypotheses : str
        What is assumed.
    note : str
        What the theorem is good for, or what it does not say.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> theorem = symbolic.theorems("momentum")["T-MOM-4"]
    >>> theorem.prove().proved
    True
    """

    id: str
    text: str
    proof: Callable[..., Iterable[Part]]
    claim: dict = field(default_factory=dict)
    hypotheses: str = ""
    note: str = ""

    def __repr__(self):
        return f"Theorem({self.id!r})"

    def __str__(self):
        return f"{self.id}: {self.statement}" + (f" [{self.hypotheses}]" if self.hypotheses else "")

    @property
    def statement(self):
        """The statement as plain text (str)."""
        return self.text.format(**{name: _text(formula) for name, formula in self.claim.items()})

    @property
    def markdown(self):
        """The statement with its formulas in LaTeX between dollars (str)."""
        return self.text.format(**{name: _latex(formula) for name, formula in self.claim.items()})

    def prove(self):
        """Return the `Evidence` for this theorem, worked out now."""
        return Evidence(f"{self.id}: {self.statement.rstrip('.')}", tuple(self.proof(**self.claim)))

    def _repr_markdown_(self):
        assumed = f" *{self.hypotheses}.*" if self.hypotheses else ""
        return f"**{self.id}** {self.markdown}{assumed}"


def _text(formula):
    if isinstance(formula, sympy.MatrixBase):
        rows = (", ".join(map(text, formula.row(k))) for k in range(formula.rows))
        return f"[{'; '.join(rows)}]"
    return text(formula) if isinstance(formula, sympy.Basic) else str(formula)


def _latex(formula):
    return f"${latex(formula)}$" if isinstance(formula, sympy.Basic | sympy.MatrixBase) else str(formula)
