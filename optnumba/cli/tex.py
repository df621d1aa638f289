"""Reports as LaTeX, to be put into a document that loads amsmath and longtable."""

import re
import unicodedata
from itertools import groupby

from .report import Heading, Lines, Table, Text

SPECIAL = {letter: rf"\{letter}" for letter in "&%$#_{}"}
SPECIAL |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
SPECIAL |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}

SIGNS = {"∇": r"\nabla", "≤": r"\le", "≥": r"\ge", "·": r"\cdot", "√": r"\surd", "∞": r"\infty", "−": "-"}
SIGNS |= {"→": r"\to", "≠": r"\ne", "≈": r"\approx", "∈": r"\in", "×": r"\times", "±": r"\pm", "⊙": r"\odot"}
SIGNS |= {"∂": r"\partial", "≡": r"\equiv", "⇒": r"\Rightarrow", "φ": r"\phi", "ε": r"\epsilon"}
SIGNS |= {"⁄": "/", "⟨": r"\langle", "⟩": r"\rangle", "∫": r"\int", "∑": r"\sum", "Σ": r"\sum", "Π": r"\prod"}
RAISED = {"<sub>": "_", "<super>": "^"}
ACCENTS = {"\N{COMBINING CIRCUMFLEX ACCENT}": "hat", "\N{COMBINING TILDE}": "tilde"}


# What has to be between dollars: a letter with an accent or an index, and letters outside ASCII.
ACCENT = f"[{''.join(ACCENTS)}]"
INDEX = r"_(?:\{[^}]*\}|[t\d])(?![A-Za-z0-9_])"
FORMULA = re.compile(rf"((?<![^\W_])[^\W\d_](?:{ACCENT}(?:{INDEX})?|{INDEX})|[^\x00-\x7f]+)")


def as_latex(report):
    """Return a report as LaTeX (str)."""
    return "\n\n".join(_BLOCKS[type(block)](block) for block, _ in report.indented)


def escaped(text):
    r"""Return text with what LaTeX would take for a command escaped, and letters outside ASCII as LaTeX's (str).

    Examples
    --------
    >>> escaped("η > 0 & β₁")
    '$\\eta$ \\textgreater{} 0 \\& $\\beta _{1}$'
    """
    pieces = FORMULA.split(text)
    return "".join(
        f"${_formula(piece).strip()}$" if k % 2 else "".join(SPECIAL.get(c, c) for c in piece)
        for k, piece in enumerate(pieces)
    )


def _formula(text):
    """Return letters, with their accents and indices, as LaTeX for between dollars."""
    accented = re.sub(f"(.)({ACCENT})", lambda found: rf"\{ACCENTS[found[2]]}{{{found[1]}}}", text)
    runs = groupby(accented, key=lambda letter: unicodedata.decomposition(letter).partition(" ")[0])
    return "".join(_raised(kind, "".join(letters)) for kind, letters in runs)


def _raised(kind, letters):
    """Return a run of letters, or of superscripts, or of subscripts."""
    plain = "".join(map(_letter, unicodedata.normalize("NFKC", letters) if kind in RAISED else letters))
    return f"{RAISED[kind]}{{{plain.strip()}}}" if kind in RAISED else plain


def _letter(letter):
    if letter.isascii():
        return letter
    if letter in SIGNS:
        return SIGNS[letter] + " "
    plain = unicodedata.normalize("NFKC", letter)
    if plain != letter:
        return "".join(map(_letter, plain))
    greek = re.fullmatch("GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)", unicodedata.name(letter, ""))
    if greek:
        name = greek[2].replace("LAMDA", "LAMBDA")
        return "\\" + (name.lower() if greek[1] == "SMALL" else name.capitalize()) + " "
    return rf"\text{{{letter}}}"


def from_markdown(text):
    """Return text with formulas between dollars as LaTeX: the formulas as they are, the rest escaped (str)."""
    pieces = re.split(r"(\$[^$]*\$)", text)
    return "".join(piece if k % 2 else escaped(piece) for k, piece in enumerate(pieces))


def _cell(cell):
    return cell.latex or r" \newline ".join(escaped(line.strip()) for line in cell.lines)


def _table(table):
    share = 0.9 / max(1, len(table.head) - len(table.whole))
    kinds = [
        "r" if k in table.right else "l" if k in table.whole else rf"p{{{share:.2f}\textwidth}}"
        for k in range(len(table.head))
    ]
    head = [" & ".join(map(escaped, table.head)) + r" \\ \hline"] if any(table.head) else []
    groups = [[" & ".join(map(_cell, row)) + r" \\" for row in group] for group in table.groups]
    rows = [line for k, group in enumerate(groups) for line in ([r"\hline"] if k else []) + group]
    return "\n".join([rf"\begin{{longtable}}{{{''.join(kinds)}}}", *head, *rows, r"\end{longtable}"])


_BLOCKS = {
    Heading: lambda block: rf"\subsection*{{{escaped(block.text)}}}",
    Text: lambda block: block.latex or escaped(block.text),
    Lines: lambda block: block.latex or "\\begin{verbatim}\n" + block.text + "\n\\end{verbatim}",
    Table: _table,
}
