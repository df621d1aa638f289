"""What a terminal shows: reports in colour, fitted to its width, and a progress bar.

The only file of the package that imports rich.
"""

import shutil
import sys
import textwrap
from contextlib import contextmanager

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable
from rich.text import Text as RichText

from .report import Heading, Lines, Table, Text

LOOK = {"name": "cyan", "good": "green", "weak": "yellow", "bad": "bold red", "quiet": "dim", "title": "bold", "": ""}
INDENT = 2
NARROW = 60  # columns; below it a row is a list of terms instead of cells side by side


def show(report, file=None):
    """Print a report to a terminal.

    Parameters
    ----------
    report : Report
    file : text stream, optional
        Standard output where it is None.
    """
    console = Console(file=file, highlight=False, emoji=False, markup=False)
    if console.is_dumb_terminal:  # which rich takes to have 80 columns, whatever it has
        console.size = shutil.get_terminal_size()
    above = None
    for block, under in report.indented:
        if above is not None and not isinstance(above, Heading):
            console.print()
        margin = INDENT if under else 0
        console.print(Padding(_BLOCKS[type(block)](block, console.width - margin), (0, 0, 0, margin), expand=False))
        above = block


@contextmanager
def progress(total, file=None):
    """Yield a function ``advance(label)`` that says what is being done, and moves the bar by the step before it.

    Parameters
    ----------
    total : int
        How many steps there are.
    file : text stream, optional
        Standard error where it is None. The bar is gone afterwards.
    """
    console = Console(file=file or sys.stderr, highlight=False, emoji=False, markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("", total=total)
        started = False

        def advance(label):
            nonlocal started
            bar.update(task, description=_fit(label, console.width // 3), advance=int(started))
            started = True

        yield advance


def _fit(text, columns):
    return (text if len(text) <= columns else text[: columns - 1] + "…").ljust(columns)


def _heading(block, width):
    return RichText(block.text, style="bold")


def _lines(block, width):
    """Return lines, wrapped so that what continues a line stands further in than its beginning."""
    wrapped = []
    for line in block.text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        margins = {"initial_indent": indent, "subsequent_indent": f"{indent}    "}
        rows = textwrap.wrap(line.strip(), max(width, 20), break_long_words=False, **margins)
        style = "bold" if line.endswith(":") and not indent else ""
        wrapped += [RichText(row, style, overflow="fold") for row in rows or [""]]
    return Group(*wrapped)


def _text(cell):
    return RichText("\n".join(cell.lines), style=LOOK[cell.style], overflow="fold")


def _table(table, width):
    titled = any(table.head)
    if width < NARROW and titled:
        return _stacked(table)
    rows = [[list(map(_text, row)) for row in group] for group in table.groups]
    titles = [RichText(title, "bold") for title in table.head]
    columns = list(range(len(table.head)))
    if table.under and _natural_width(table) > width:
        moved, other = table.under
        columns.remove(moved)
        titles[other] = RichText.assemble((table.head[other], "bold"), "\n", (table.head[moved], LOOK["quiet"]))
        for row in (row for group in rows for row in group):
            row[other] = Group(*(text for text in (row[other], row[moved]) if text))
    grid = RichTable(
        box=box.SIMPLE_HEAD if titled else None,
        show_edge=False,
        show_header=titled,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for k in columns:
        side = "right" if k in table.right else "left"
        grid.add_column(titles[k], justify=side, no_wrap=k in table.whole, overflow="fold")
    for k, group in enumerate(rows):
        if k:
            grid.add_row()
        for row in group:
            grid.add_row(*(row[column] for column in columns))
    return grid


def _natural_width(table):
    """Return how wide a table is where nothing is wrapped (int)."""
    columns = [[title] for title in table.head]
    for row in (row for group in table.groups for row in group):
        for column, cell in zip(columns, row, strict=True):
            column += cell.lines
    return sum(max(map(cell_len, column)) + 2 for column in columns)


def _stacked(table):
    """Return a table for windows too narrow for one: each row as its first cell and, below, its other cells."""
    parts = []
    for row in (row for group in table.groups for row in group):
        parts.append(_text(row[0]))
        for title, cell in list(zip(table.head, row, strict=True))[1:]:
            if cell.text:
                said = RichText.assemble(f"{title}: " if title else "", ("\n".join(cell.lines), LOOK[cell.style]))
                parts.append(Padding(said, (0, 0, 0, 4)))
    return Group(*parts)


_BLOCKS = {
    Heading: _heading,
    Text: lambda block, width: RichText(block.text, style=LOOK[block.style]),
    Lines: _lines,
    Table: _table,
}
