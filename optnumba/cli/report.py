"""What a command has to say, before anybody decides how it looks: blocks for people, data for programs, a status."""

import unicodedata
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """One entry of a table.

    Parameters
    ----------
    text : str
        May have several lines, which plain text joins by "; ".
    style : str
        What it is, not how it looks: ``"name"``, ``"good"``, ``"weak"``, ``"bad"``, ``"quiet"`` or ``""``.
    latex : str
        The same in LaTeX, formulas between dollars; the text itself where empty.
    """

    text: str
    style: str = ""
    latex: str = ""

    @property
    def lines(self):
        """The lines of the text (list of str)."""
        return self.text.splitlines() or [""]


@dataclass(frozen=True)
class Heading:
    """The title of what follows."""

    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph, wrapped where the window is narrow."""

    text: str
    style: str = ""
    latex: str = ""


@dataclass(frozen=True)
class Lines:
    """Lines that keep their indentation, also where they have to be wrapped."""

    text: str
    latex: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells under titles.

    Parameters
    ----------
    head : tuple of str
        One title a column; a table of two columns without titles is a list of terms.
    rows : list of sequence of Cell or str
        None starts a new group of rows.
    whole : frozenset of int
        Columns that are never wrapped.
    right : frozenset of int
        Columns aligned to the right.
    under : tuple of int, optional
        (column, other): where the window is too narrow for all, the column stands under the other.
    """

    head: tuple[str, ...]
    rows: list = field(default_factory=list)
    whole: frozenset = frozenset({0})
    right: frozenset = frozenset()
    under: tuple[int, int] | None = None

    @property
    def groups(self):
        """The rows as cells, group by group (list of list of list of Cell)."""
        found = [[]]
        for row in self.rows:
            if row is None:
                found.append([])
            else:
                found[-1].append([cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in row])
        return [group for group in found if group]


@dataclass(frozen=True)
class Report:
    """The answer of one command.

    Parameters
    ----------
    blocks : list of Heading, Text, Lines or Table
        For people.
    data : dict
        For programs: what ``--json`` prints.
    status : int
        Exit status of the process.
    closing : Text, optional
        The last line, which belongs to no heading.
    """

    blocks: list
    data: dict
    status: int = 0
    closing: Text | None = None

    @property
    def indented(self):
        """The blocks, each with whether it stands under a heading (list of (block, bool))."""
        headings = [isinstance(block, Heading) for block in self.blocks]
        under = [any(headings[:k]) and not headings[k] for k in range(len(headings))]
        last = [(self.closing, False)] if self.closing else []
        return [*zip(self.blocks, under, strict=True), *last]


def width(text):
    """Return how many columns of a terminal a text takes (int): a combining mark takes none, a wide letter two."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
