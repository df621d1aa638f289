"""The nine algorithms against the libraries, as a table made of data and proofs: `table`."""

from dataclasses import dataclass

from optnumba.arguments import find_rule
from optnumba.rules import LIBRARIES
from optnumba.rules.conventions import ASKED_FOR

from .difference import Difference, difference
from .equations import EQUATIONS


@dataclass(frozen=True)
class Cell:
    """What one library computes under the name of one algorithm, compared with the document.

    Parameters
    ----------
    algorithm, library : str
    rule : str
        The rule that the cell is: its own, or that which it shares.
    difference : Difference
        The document's step minus the library's.
    """

    algorithm: str
    library: str
    rule: str
    difference: Difference

    @property
    def name(self):
        """What to pass as ``method=`` (str)."""
        return f"{self.algorithm}:{self.library}"

    @property
    def settings(self):
        """The settings that make it equal, without those that make another algorithm of it (list of Vanishing)."""
        return [vanishing for vanishing in self.difference.vanishes if not vanishing.setting.degenerate]

    @property
    def text(self):
        """``"equal"``, ``"equal if ..."``, or empty where only the difference can be given (str)."""
        if self.difference.equal:
            return "equal"
        return "equal if " + "; or ".join(map(str, self.settings)) if self.settings else ""

    @property
    def latex(self):
        """The difference, in LaTeX: 0 where it is equal (str)."""
        return self.difference.latex

    @property
    def condition(self):
        """The settings that make it equal, in LaTeX; empty where it always is, or never (str)."""
        return r"\ \text{or}\ ".join(vanishing.latex for vanishing in self.settings)

    @property
    def defaults(self):
        """The library's defaults that differ from the document's, by the rule's names (dict of str to float)."""
        asked = ASKED_FOR.get(self.library, ())
        found = {name: theirs for name, (_, theirs) in self.difference.defaults.items() if theirs is not None}
        return {name: value for name, value in found.items() if name not in asked}

    def __str__(self):
        return self.text or f"${self.latex}$"


def table():
    """Return the comparison of the document's nine algorithms with the libraries.

    Returns
    -------
    dict of str to dict of str to Cell
        By algorithm, then by library, in the order of ``optnumba.RULES`` and of ``optnumba.rules.LIBRARIES``.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> cells = symbolic.conventions.table()
    >>> print(cells["adam"]["torch"], "|", cells["adamax"]["keras"])
    equal | equal if eps = 0, except where adamax:keras is 0/0
    >>> cells["rmsprop"]["ensmallen"].rule, cells["rmsprop"]["ensmallen"].defaults
    ('rmsprop:torch', {'learning_rate': 0.01, 'rho': 0.99})
    """
    return {name: row(name) for name in EQUATIONS}


def row(name):
    """Return the comparison of one of the document's algorithms with the libraries (dict of str to Cell)."""
    rules = {library: find_rule(f"{name}:{library}").name for library in LIBRARIES}
    differences = {rule: difference(name, rule) for rule in dict.fromkeys(rules.values())}
    return {library: Cell(name, library, rule, differences[rule]) for library, rule in rules.items()}
