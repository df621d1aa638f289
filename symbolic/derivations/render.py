"""Steps and derivations as plain text for a terminal, as Markdown for a notebook, and as LaTeX."""

import re
import textwrap

from .layout import block, latex, line

WIDTH = 100
INDENT = 4
REMARK = {
    "equality": "",
    "choice": "a choice",
    "approximation": "an approximation",
    "heuristic": "a heuristic",
}
OFF = {
    "choice": "It changes the right side by",
    "approximation": "Off by exactly",
    "heuristic": "Off by exactly",
}


def _sentence(text):
    """Return a text as a sentence: with a capital where it starts with a word, and a full stop."""
    word = re.match("a |[a-z]{2}", text)
    return (text[:1].upper() if word else text[:1]) + text[1:] + ("" if text.endswith(".") else ".")


def _head(step):
    """Return what a step is: from where, to where, and its kind where it is no equality."""
    remark = f" ({REMARK[step.kind]})" if REMARK[step.kind] else ""
    return f"{step.before.id} to {step.after.id}{remark}"


def _paragraph(text):
    return textwrap.wrap(text, WIDTH, initial_indent=" " * INDENT, subsequent_indent=" " * INDENT)


def _indented(formula):
    """Return a formula as an indented block, or on wrapped lines where it is too wide."""
    rows = block(formula)
    if max(map(len, rows)) <= WIDTH - 2 * INDENT:
        return [" " * 2 * INDENT + row if row else "" for row in rows]
    lead, after = " " * 2 * INDENT, " " * 3 * INDENT
    return textwrap.wrap(line(formula), WIDTH, initial_indent=lead, subsequent_indent=after, break_long_words=False)


def step_text(step, number=""):
    """Return a step as plain text of several lines (str)."""
    head = f"{number:<{INDENT}}{_head(step)}: {step.operation}."
    lines = textwrap.wrap(head, WIDTH, subsequent_indent=" " * INDENT)
    lines += ["", *_indented(step.after), "", *_paragraph(_sentence(step.justification))]
    if step.difference is not None:
        lines += [*_paragraph(f"{OFF[step.kind]}:"), "", *_indented(step.difference)]
    return "\n".join(lines)


def text(derivation):
    """Return a derivation as plain text: what is given, and numbered steps (str)."""
    parts = [f"{derivation.title}\n{'=' * len(derivation.title)}", "Given:"]
    wide = max(len(equation.id) for equation in derivation.given) + 2
    for equation in derivation.given:
        rows, middle = block(equation), block(equation, baseline=True)
        names = [equation.id if k == middle else "" for k in range(len(rows))]
        parts.append("\n".join(f"{'':{INDENT}}{n:{wide}}{row}".rstrip() for n, row in zip(names, rows, strict=True)))
    parts += [step_text(step, f"{k}.") for k, step in enumerate(derivation, 1)]
    return "\n\n".join(parts)


def _inline(formula):
    return f"${latex(formula)}$"


def _explained(step, display):
    """Return a step as sentences and displayed formulas, which `display` makes of LaTeX (list of str)."""
    lines = [_sentence(step.words(step.doing, _inline)), display(latex(step.after))]
    lines.append(_sentence(step.words(step.because, _inline)))
    if step.difference is not None:
        lines += [f"{OFF[step.kind]}:", display(latex(step.difference))]
    return lines


def step_markdown(step, number=""):
    """Return a step as Markdown with mathematics between dollars (str)."""
    pad = " " * len(number)
    lines = [f"{number}**{_head(step)}.**", *_explained(step, lambda formula: f"$$\n{pad}{formula}\n{pad}$$")]
    return f"\n\n{pad}".join(lines)


def markdown(derivation):
    """Return a derivation as Markdown (str)."""
    given = "\n".join(f"- {equation.id}: $\\displaystyle {latex(equation)}$" for equation in derivation.given)
    steps = [step_markdown(step, f"{k}. ") for k, step in enumerate(derivation, 1)]
    return "\n\n".join([f"**{derivation.title}**", "Given:", given, *steps])


def latex_document(derivation):
    r"""Return a derivation as LaTeX: what is given in an ``align*``, and the steps in an ``enumerate`` (str)."""
    given = [rf"\text{{{equation.id}:}}\quad & {latex(equation)}" for equation in derivation.given]
    lines = [rf"\paragraph{{{derivation.title}.}} Given:", r"\begin{align*}"]
    lines += [" \\\\\n".join(given), r"\end{align*}", r"\begin{enumerate}"]
    for step in derivation:
        explained = _explained(step, lambda formula: f"\\[\n{formula}\n\\]")
        lines += [rf"\item \textbf{{{_head(step)}.}}", *explained]
    return "\n".join([*lines, r"\end{enumerate}"])
