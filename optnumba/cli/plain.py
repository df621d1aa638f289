"""Reports as plain text, for pipes, files and terminals without rich; and as JSON."""

import json
import textwrap

from .report import Heading, Lines, Table, Text, width

GAP = "  "
INDENT = "  "


def as_json(report):
    """Return the data of a report as JSON (str); other than ASCII is escaped, which every encoding can carry."""
    return json.dumps(report.data, indent=2)


def as_text(report):
    """Return a report as text without escape codes (str): one line a row, as long as it has to be, no tabs."""
    parts = []
    for block, under in report.indented:
        text = _TEXT[type(block)](block)
        parts.append(textwrap.indent(text, INDENT if under else "") + ("\n" if isinstance(block, Heading) else "\n\n"))
    return "".join(parts).rstrip("\n")


def _table(table):
    rows = [["; ".join(line.strip() for line in cell.lines) for cell in row] for group in table.groups for row in group]
    titles = [list(table.head)] if any(table.head) else []
    count = len(table.head)
    widths = [max((width(row[k]) for row in titles + rows), default=0) for k in range(count)]
    titles += [["-" * w for w in widths]] if titles else []

    def line(row):
        padded = []
        for k, (text, full) in enumerate(zip(row, widths, strict=True)):
            padding = " " * (full - width(text))
            padded.append(padding + text if k in table.right else text + padding)
        return GAP.join(padded).rstrip()

    return "\n".join(map(line, titles + rows))


_TEXT = {
    Heading: lambda block: f"{block.text}\n{'=' * width(block.text)}",
    Text: lambda block: block.text,
    Lines: lambda block: block.text,
    Table: _table,
}
