"""What a derivation is: the path to an update, one step after the other, each with the proof that it holds.

The proof of a step reads the step's own equations, so a step whose equation is changed to a false one fails.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..equations.notation import Equation
from ..evidence import Evidence, Part
from . import render
from .layout import line

KINDS = {
    "equality": "follows, with nothing neglected",
    "choice": "replaces one thing by another and says which: a new method, no consequence",
    "approximation": "neglects exactly what `discrepancy` says",
    "heuristic": "a way to see the step before; off by `difference`, and nothing is derived from it",
}


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a derivation: from an equation, by an operation, to the next.

    Parameters
    ----------
    before : Equation
        What the step starts from.
    doing : str
        The operation, with ``{name}`` where a formula of `terms` stands.
    after : Equation
        What the step arrives at.
    because : str
        The justification, written like `doing`; for an approximation, what is neglected.
    proof : callable
        ``proof(step)`` yields the `Part` s that show that `after` is what the operation gives; for an approximation,
        that `difference` is exactly what is neglected.
    uses : tuple of Equation
        The other equations that the operation needs.
    kind : str
        ``"equality"``, ``"choice"``, ``"approximation"`` or ``"heuristic"``, as `KINDS` explains them.
    difference : sympy.Expr, optional
        Right side of `after` minus what would be equal to the right side of `before`; None for an equality.
    terms : dict of str to sympy.Expr
        The formulas of the two texts.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> step = symbolic.derivation("rmsprop")[-1]
    >>> print(step.operation)
    put AD-2 into AD-15
    >>> step.check().status
    'proved'
    """

    before: Equation
    doing: str
    after: Equation
    because: str
    proof: Callable[["Step"], Iterable[Part]]
    uses: tuple[Equation, ...] = ()
    kind: str = "equality"
    difference: object = None
    terms: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r} is none of {', '.join(KINDS)}")
        if (self.difference is None) != (self.kind == "equality") and self.kind != "choice":
            raise ValueError(f"an {self.kind} has {'a' if self.difference is None else 'no'} difference: {self!r}")

    def __repr__(self):
        return f"Step({self.before.id} -> {self.after.id}, {self.kind})"

    def __str__(self):
        return render.step_text(self)

    def _repr_markdown_(self):
        return render.step_markdown(self)

    @property
    def equation(self):
        """The equation that the step arrives at (Equation)."""
        return self.after

    @property
    def operation(self):
        """What is done (str)."""
        return self.words(self.doing, line)

    @property
    def justification(self):
        """Why that may be done; for an approximation, what is neglected (str)."""
        return self.words(self.because, line)

    @property
    def exact(self):
        """Whether nothing is neglected (bool): False for an approximation alone."""
        return self.kind != "approximation"

    @property
    def discrepancy(self):
        """Right side of `after` minus what would be exact (sympy.Expr); None for an equality and a choice."""
        return self.difference if self.kind in ("approximation", "heuristic") else None

    def words(self, template, printed):
        """Return one of the two texts with its formulas as `printed` sets them (str)."""
        return template.format(**{name: printed(formula) for name, formula in self.terms.items()})

    def check(self):
        """Return the `Evidence` for this step, with its `discrepancy`."""
        title = f"{self.before.id} -> {self.after.id}, {self.operation}"
        return Evidence(title, tuple(self.proof(self)), self.discrepancy)


@dataclass(frozen=True, eq=False)
class Derivation:
    """The path to one update.

    Parameters
    ----------
    name : str
        As in ``optnumba.RULES``.
    title : str
        One line: from where to where.
    given : tuple of Equation
        What it starts from: definitions, and what other derivations arrive at.
    steps : tuple of Step

    Raises
    ------
    ValueError
        When a step needs an equation that is neither given nor arrived at before it.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> derivation = symbolic.derivation("nadam")
    >>> [step.after.id for step in derivation if not step.exact]
    ['NAD-17']
    >>> all(evidence.holds for evidence in derivation.check())
    True
    """

    name: str
    title: str
    given: tuple[Equation, ...]
    steps: tuple[Step, ...]

    def __post_init__(self):
        known = list(self.given)
        for step in self.steps:
            for equation in (step.before, *step.uses):
                if not any(equation is other for other in known):
                    raise ValueError(f"{step!r} of {self.name} needs {equation.id}, which is not there yet")
            known.append(step.after)

    def __iter__(self):
        return iter(self.steps)

    def __len__(self):
        return len(self.steps)

    def __getitem__(self, k):
        return self.steps[k]

    def __repr__(self):
        return f"Derivation({self.name!r}, {len(self)} steps)"

    def __str__(self):
        return render.text(self)

    def _repr_markdown_(self):
        return render.markdown(self)

    @property
    def latex(self):
        """The derivation as LaTeX with an ``enumerate`` of its steps, for a document that loads amsmath (str)."""
        return render.latex_document(self)

    def check(self):
        """Return the `Evidence` for every step, in order (tuple)."""
        return tuple(step.check() for step in self)
