"""The pages of docs/ as Markdown, with mathematics in the form that code hosts render."""

import inspect
import re
from functools import cache

import docs_figures
from optnumba.symbolic.derivations.render import OFF, REMARK
from optnumba.symbolic.equations.notation import LATEX
from optnumba.symbolic.errata.erratum import SEVERITIES
from optnumba.symbolic.latex import latex

from optnumba import RULES, symbolic
from optnumba.rules import LIBRARIES

GENERATED = "<!-- Made by scripts/make_docs.py: change what it is made from, not this page. -->"
LIBRARY_NAMES = {"torch": "torch", "keras": "Keras 3", "optax": "optax", "ensmallen": "ensmallen"}
TITLES = {
    "sgd": "Gradient descent",
    "momentum": "Momentum",
    "nag": "Nesterov's accelerated gradient",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamax": "AdaMax",
    "nadam": "NAdam",
}


def inline(latex):
    """Return LaTeX as mathematics within a line; the quotes keep Markdown from reading it."""
    return f"$`{portable(latex)}`$"


def display(latex):
    """Return LaTeX as a block of its own."""
    return f"```math\n{portable(latex)}\n```"


def portable(latex):
    """Return LaTeX without the macro that GitHub refuses, and without the character that would end a table's cell."""
    latex = latex.replace(r"\operatorname", r"\mathrm")
    return latex.replace(r"\left|", r"\left\lvert ").replace(r"\right|", r"\right\rvert ").replace("|", r"\vert ")


# What SymPy and a keyboard have for the signs of mathematics, in the order in which they are replaced.
PLAIN = {
    r"->": "→",
    r"<=": "≤",
    r">=": "≥",
    r"\boo\b": "∞",
    r"\bAbs\(([^()]*)\)": r"|\1|",
    r"\bsqrt\(": "√(",
    r"\bMax\(": "max(",
    r"\*\*2(?!\d)": "²",
    r"\*\*3(?!\d)": "³",
    r"\*\*": "^",
    r"(?<=[\w)}])\*(?=[\w(∇√|])": " ",
    r" \* ": " ",
    r"[*|]": r"\\\g<0>",
}
ACCENTS = {"\u0302": "hat", "\u0303": "tilde"}
# A letter with an index, or E[...] and RMS[...] with one; not a part of a name such as learning_rate.
INDEXED = re.compile(
    r"(?<![A-Za-z0-9_`\\])(?:(?P<letter>[^\W\d_])(?P<accent>[\u0302\u0303]?)|(?P<mean>(?:E|RMS)\[[^]]*\]))"
    r"_(?:\{(?P<long>[^}]*)\}|(?P<short>[A-Za-z0-9])(?![A-Za-z0-9_]))"
)


@cache
def letters():
    """Return the LaTeX of the document's letters with an index, by their name in plain text."""
    return {str(symbol): formula for symbol, formula in LATEX.items() if "_" in str(symbol)}


def _letter(found):
    if found[0] in letters():
        return inline(letters()[found[0]])
    letter = found["letter"] or found["mean"].replace("RMS", r"\mathrm{RMS}").replace("²", "^2").replace(
        "Δ", r"\Delta "
    )
    if found["accent"]:
        letter = rf"\{ACCENTS[found['accent']]}{{{letter}}}"
    return inline(f"{letter}_{{{found['long'] or found['short']}}}")


def prose(text):
    """Return a sentence of the package as Markdown: $...$ as the code host wants it, indexed letters as mathematics."""
    pieces = re.split(r"\$([^$]+)\$", text)
    for k, piece in enumerate(pieces):
        if k % 2:
            pieces[k] = inline(piece)
            continue
        for plain, sign in PLAIN.items():
            piece = re.sub(plain, sign, piece)
        pieces[k] = INDEXED.sub(_letter, piece)
    return "".join(pieces)


def sentence(text):
    """Return a phrase as a sentence of Markdown; a letter of a formula keeps its case."""
    text = text.strip()
    first = text[0].upper() if re.match("a |[a-z]{2}", text) else text[0]
    return prose(first + text[1:] + ("" if text.endswith((".", "?", "!")) else "."))


def table(head, rows):
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def joined(blocks):
    """Return blocks of Markdown as the text of a page."""
    return "\n\n".join([GENERATED, *(block for block in blocks if block)]) + "\n"


@cache
def proof_of(name):
    """Return how the proof of a rule ended (str)."""
    return symbolic.prove(name).status


def index():
    """Return the page that leads to the others."""
    rows = [
        [f"[{title}]({name}.md)", f"`{name}`", _state(name), RULES[name].source, proof_of(name)]
        for name, title in TITLES.items()
    ]
    return joined(
        [
            "# The algorithms",
            "Each page is made from the rule that runs, the document's equations, their derivation, the theorems that "
            "follow, and what the libraries compute instead. Everything that is said to be proved was proved while the "
            "page was made.",
            table(["algorithm", "name", "state", "source", "rule against equations"], rows),
            "- [Conventions](conventions.md): what torch, Keras, optax and ensmallen compute under these names.\n"
            "- [Errata](errata.md): where the document is wrong or ambiguous, and how it is read here.",
            "To make these pages again: `python scripts/make_docs.py`; to see whether they are out of date: the same "
            "with `--check`.",
        ]
    )


def _state(name):
    return ", ".join(f"`{slot}`" for slot in RULES[name].slots) or "none"


def algorithm(name):
    """Return the page of one algorithm."""
    return joined(
        [
            f"# {TITLES[name]}",
            _summary(name),
            f"![Paths of {name} in a curved valley and past a saddle](figures/{name}.png)",
            docs_figures.caption(name),
            "## Hyperparameters",
            _hyperparameters(RULES[name]),
            "## The rule",
            _source(RULES[name]),
            "## The document's equations",
            *_equations(name),
            "## Derivation",
            *_derivation(name),
            "## Theorems",
            *_theorems(name),
            "## What the libraries compute",
            _peers(name),
            *_peers_equations(name),
        ]
    )


def _summary(name):
    rule = RULES[name]
    about = inspect.getmodule(rule.coefficients).__doc__.splitlines()[0]
    return (
        f"{about}\n\nName: `{name}`. State per coordinate: {_state(name)}. Source: {rule.source}. The rule against the "
        f"document's equations: **{proof_of(name)}** (`optnumba prove {name}`)."
    )


def _hyperparameters(rule):
    rows = [[f"`{h.name}`", f"`{h.default:g}`", f"`{h.interval}`", prose(h.meaning)] for h in rule.hyper]
    return table(["name", "default", "interval", "meaning"], rows)


def _source(rule):
    functions = [rule.coefficients, rule.start, rule.update, rule.readout]
    code = "\n\n\n".join(inspect.getsource(f).rstrip() for f in functions if f is not None)
    file = inspect.getmodule(rule.update).__name__.replace(".", "/") + ".py"
    return (
        "`coefficients` runs once per step in float64, `update` once per coordinate in the dtype of x. "
        f"From `{file}`:\n\n```python\n{code}\n```"
    )


def _equations(name):
    for equation in symbolic.document(name):
        label = f"**{equation.id}** ({equation.section})"
        if equation.errata:
            label += ", " + ", ".join(f"[{id}](errata.md#{id.lower()})" for id in equation.errata)
        if equation.note:
            label += f": {prose(equation.note)}"
        literal = f"\n\nThe document writes\n\n{display(equation.written_latex)}" if equation.written_latex else ""
        yield f"{label}\n\n{display(equation.latex)}{literal}"


def _derivation(name):
    derivation = symbolic.derivation(name)
    given = ", ".join(dict.fromkeys(equation.id for equation in derivation.given))
    yield f"{sentence(derivation.title)} Given: {given}."
    for k, step in enumerate(derivation, 1):
        doing, because = (sentence(step.words(text, _dollars)) for text in (step.doing, step.because))
        kind = "" if step.kind == "equality" else f" {REMARK[step.kind].capitalize()}."
        ends = f"{step.before.id} → {step.after.id}, {_how(step.check())}"
        yield f"{k}. **{doing}** {because}{kind} *[{ends}]*"
        yield display(step.after.latex)
        if step.difference is not None:
            yield f"{OFF[step.kind]}\n\n{display(latex(step.difference))}"


def _dollars(formula):
    return f"${latex(formula)}$"


def _how(evidence):
    kinds = " and ".join(dict.fromkeys(evidence.kinds))
    return f"{evidence.status}: {kinds}"


def _theorems(name):
    for theorem in symbolic.theorems(name):
        hypotheses = f" *Given:* {sentence(theorem.hypotheses)}" if theorem.hypotheses else ""
        note = f" {sentence(theorem.note)}" if theorem.note else ""
        yield f"**{theorem.id}.** {sentence(theorem.markdown)}{hypotheses}{note} *[{_how(theorem.prove())}]*"


@cache
def compared():
    """Return the comparison of the nine with the libraries, worked out once."""
    return symbolic.conventions.table()


def _peers(name):
    rows = []
    for library, cell in compared()[name].items():
        found = "equal" if cell.difference.equal else inline(cell.latex)
        rows.append([LIBRARY_NAMES[library], f"`{cell.rule}`", found, _settings(cell), _defaults(cell.defaults)])
    head = ["library", "rule here", "document minus library, one step", "equal if", "other defaults"]
    return table(head, rows)


def _peers_equations(name):
    """Yield the equations of the libraries that the document has not: they say what the letters above mean."""
    rules = dict.fromkeys(cell.rule for cell in compared()[name].values())
    own = {e.id: e for rule in rules for e in symbolic.update_equations(rule) if ":" in e.id}
    if own:
        yield "The libraries' equations that are not the document's:"
    for equation in own.values():
        label = f"**{equation.id}** ({equation.section})"
        yield f"{label}{': ' + prose(equation.note) if equation.note else ''}\n\n{display(equation.latex)}"


def _settings(cell):
    return prose("; or ".join(map(str, cell.settings))) or ("always" if cell.difference.equal else "never")


def _defaults(defaults):
    return ", ".join(f"`{name}={value:g}`" for name, value in defaults.items()) or "none"


def conventions():
    """Return the page with the table of conventions."""
    rows = []
    for name, cells in compared().items():
        rows.append([f"[{TITLES[name]}]({name}.md)", *(_cell(cell) for cell in cells.values())])
    return joined(
        [
            "# Which Adam is it?",
            "What each library computes under the name of each algorithm, compared with the document's equations. "
            "*Equal* and *equal if* are proved for all numbers; a formula is the document's step minus the library's, "
            "from the same state. Every cell is a rule that runs here: pass its name as `method=`. Letters that the "
            "document does not have are those of the library's equations, at the end of the algorithm's page.",
            table(["algorithm", *(LIBRARY_NAMES[library] for library in LIBRARIES)], rows),
            "Typed from:",
            "\n".join(f"- {origin}" for origin in _origins()),
            'To ask for one: `symbolic.difference("adam", "adam:keras").explain()`.',
        ]
    )


def _cell(cell):
    lines = [prose(cell.text) or inline(cell.latex), f"`{cell.rule}`"]
    lines += [f"defaults {_defaults(cell.defaults)}"] if cell.defaults else []
    return "<br>".join(lines)


def _origins():
    return sorted({convention.origin for convention in symbolic.conventions.CONVENTIONS.values()})


def errata():
    """Return the page of errata."""
    blocks = ["# Errata of the document", _severities()]
    for erratum in symbolic.errata():
        touched = ", ".join(erratum.equations)
        blocks.append(f"## {erratum.id}")
        blocks.append(f"**{erratum.where}** (severity {erratum.severity}{'; ' + touched if touched else ''}).")
        blocks += [f"*Problem.* {prose(erratum.problem)}", f"*Reading here.* {prose(erratum.reading)}"]
        blocks.append(_demonstration(erratum))
    return joined(blocks)


def _demonstration(erratum):
    if not erratum.demonstrable:
        return f"*Not shown by computation:* {sentence(erratum.reason)}"
    evidence = erratum.demonstrate()
    shown = "\n".join(f"- {prose(part.statement)}" for part in evidence.parts)
    return f"*Shown* ({_how(evidence)}):\n\n{shown}"


def _severities():
    return "Severity: " + "; ".join(f"{letter}, {meaning}" for letter, meaning in SEVERITIES.items()) + "."
