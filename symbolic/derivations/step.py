"""What a derivation is: the document's path to an update, one checked step after the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..equations.notation import Equation
from ..evidence import Evidence, Part, identity


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a derivation: from an equation, by an operation, to the next.

    Parameters
    ----------
    before, after : Equation
        What the step starts from and what it arrives at.
    operation : str
        What is done: ``"substitute MOM-1"``.
    justification : str
        Why that may be done; for an approximation, what is neglected.
    proof : callable
        ``proof()`` yields the `Part` s that show that `after` follows from `before`; for an approximation, that
        `discrepancy` is exactly what was neglected.
    discrepancy : sympy.Expr, optional
        Right side of `after` minus what would be exact; None where the step is exact.
    """

    before: Equation
    operation: str
    after: Equation
    justification: str
    proof: Callable[[], Iterable[Part]]
    discrepancy: object = None

    @property
    def exact(self):
        """Whether the step is an equality (bool)."""
        return self.discrepancy is None

    def check(self):
        """Return the `Evidence` for this step; its ``.discrepancy`` is None where the step is exact."""
        title = f"{self.before.id} -> {self.after.id}, {self.operation}"
        return Evidence(title, tuple(self.proof()), self.discrepancy)


def follows(after, right, statement=""):
    """Return the Part that the right side of an equation is what an operation on the one before it gives."""
    return identity(after.right, right, statement or f"{after.left} = {after.right}")


@dataclass(frozen=True, eq=False)
class Derivation:
    """The path to one update.

    Parameters
    ----------
    name : str
        As in ``optnumba.RULES``.
    title : str
        One line: from where to where.
    steps : tuple of Step

    Examples
    --------
    >>> from optnumba import symbolic
    >>> derivation = symbolic.derivation("nadam")
    >>> [step.after.id for step in derivation if not step.exact]
    ['NAD-17']
    """

    name: str
    title: str
    steps: tuple[Step, ...]

    def __iter__(self):
        return iter(self.steps)

    def __len__(self):
        return len(self.steps)

    def __getitem__(self, k):
        return self.steps[k]

    def __repr__(self):
        return f"Derivation({self.name!r}, {len(self)} steps)"

    def check(self):
        """Return the `Evidence` for every step, in order (tuple)."""
        return tuple(step.check() for step in self)
