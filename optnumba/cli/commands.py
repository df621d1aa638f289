"""What `optnumba rules` and `optnumba show` report."""

import re

from .names import UsageError, rule_called
from .proving import algorithm_of, all_jobs, latex, line, theorem_text, typeset
from .report import Cell, Heading, Report, Table, Text
from .tex import escaped, from_markdown


def formula(expression):
    """Return a cell that shows a formula or an equation."""
    return Cell(line(expression), "", rf"$\displaystyle {latex(expression)}$")


def stated(text, markdown="", style=""):
    """Return a cell that shows a sentence; `markdown` is the same with its formulas in LaTeX between dollars."""
    return Cell(text, style, from_markdown(markdown or text))


# -- optnumba rules ---------------------------------------------------------------------------------------------------


def rules(options, progress):
    """Report the table of rules: what it says of each is taken from the rule, and the last column from the prover."""
    from .. import symbolic
    from ..rules import ALGORITHMS, CONVENTIONS, RULES

    rows, data = [], []
    ordered = sorted(RULES.values(), key=lambda rule: list(ALGORITHMS).index(algorithm_of(rule.name)))
    usual = _usual_intervals(ordered)
    with progress(len(ordered)) as advance:
        for rule in ordered:
            advance(rule.name)
            status = symbolic.prove(rule).status
            main = rule.name in ALGORITHMS
            rows += ([None] if main else []) + [_rule_row(rule, main, status, usual)]
            data.append(_rule_data(rule, main, status))
    failed = sum(not entry["proved"] for entry in data)
    said = f"{len(data)} rules, {len(ALGORITHMS)} algorithms and {len(CONVENTIONS)} conventions of libraries: "
    said += f"{len(data) - failed} proved equal to their equations" + (f", {failed} NOT" if failed else "")
    table = Table(("rule", "state", "defaults", "source", "proved"), rows, frozenset({0, 1, 4}), under=(3, 2))
    closing = Text(said, "bad" if failed else "good")
    return Report([table, _intervals(usual)], {"command": "rules", "rules": data}, int(failed > 0), closing)


def _usual_intervals(rules):
    """Return {hyperparameter: the interval that it has in most rules}."""
    counted = {}
    for hyper in (h for rule in rules for h in rule.hyper):
        counted.setdefault(hyper.name, []).append(hyper.interval)
    return {name: max(found, key=found.count) for name, found in counted.items()}


def _interval(text):
    return text.replace("inf", "∞")


def _intervals(usual):
    """Return the table of where the hyperparameters may lie."""
    groups = {}
    for name, interval in usual.items():
        groups.setdefault(interval, []).append(name)
    rows = [[f"in {_interval(interval)}", Cell(", ".join(names), "quiet")] for interval, names in groups.items()]
    return Table(("", ""), rows)


def _rule_row(rule, main, status, usual):
    shown = [
        f"{h.name}={h.default:g}" + ("" if h.interval == usual[h.name] else f" in {_interval(h.interval)}")
        for h in rule.hyper
    ]
    name = Cell(rule.name if main else f"  {rule.name}", "name")
    verdict = Cell("yes", "good") if status == "proved" else Cell(status, "bad")
    return [name, ", ".join(rule.slots) or "none", ", ".join(shown), Cell(rule.source, "quiet"), verdict]


def _rule_data(rule, main, status):
    return {
        "name": rule.name,
        "algorithm": algorithm_of(rule.name),
        "convention": not main,
        "state": list(rule.slots),
        "hyper": _hyper_data(rule),
        "source": rule.source,
        "proved": status == "proved",
        "status": status,
    }


def _hyper_data(rule):
    return [{"name": h.name, "default": h.default, "interval": h.interval, "meaning": h.meaning} for h in rule.hyper]


# -- optnumba show NAME -----------------------------------------------------------------------------------------------


def show(options, progress):
    """Report all that is known of one rule: its equations and how they come about, what follows, and who differs."""
    from ..rules import CONVENTIONS
    from ..symbolic.equations import EQUATIONS

    rule = _rule_to_show(options.name)
    parts = [_about(rule, options.name), _equations(rule), _hyper(rule)]
    if rule.name in CONVENTIONS:
        parts += [_difference(rule)]
    elif rule.name in EQUATIONS:
        parts += [_derivation(rule), _conventions(rule), _theorems(rule)]
    data = {"command": "show", "name": rule.name}
    for _, more in parts:
        data |= more
    return Report([block for blocks, _ in parts for block in blocks], data)


def _rule_to_show(name):
    """Return the rule of a name; of what is no rule but can be proved, such as a theorem, say how to see it."""
    try:
        return rule_called(name)
    except UsageError as why:
        if name.casefold() in (job.id.casefold() for job in all_jobs()):
            raise UsageError(f"{name!r} is no rule; see it with: optnumba prove {name}") from why
        raise


def _about(rule, asked):
    alias = "" if asked.casefold() == rule.name else f", which is what {asked} computes"
    state = f"State of a coordinate: {', '.join(rule.slots)}; it starts at 0." if rule.slots else "It keeps no state."
    data = {"algorithm": algorithm_of(rule.name), "state": list(rule.slots), "source": rule.source}
    return [Heading(f"{rule.name}{alias}"), Text(f"{rule.source}. {state}", "quiet")], data


def _section(title, rows, head=None, **options):
    """Return a heading and a table, or nothing where there are no rows."""
    head = head or ("",) * len(rows[0] if rows else ())
    return [Heading(title), Table(head, rows, **options)] if rows else []


def _equation_data(equation):
    return {
        "id": equation.id,
        "text": line(equation),
        "left": str(equation.left),
        "right": str(equation.right),
        "relation": equation.relation,
        "latex": equation.latex,
        "section": equation.section,
        "errata": list(equation.errata),
        "note": equation.note,
    }


def _equations(rule):
    from ..symbolic.algorithms import update_equations

    equations = update_equations(rule.name)
    rows = [
        [
            Cell(equation.id, "name"),
            formula(equation),
            Cell("; ".join(filter(None, (equation.note, ", ".join(equation.errata)))), "quiet"),
        ]
        for equation in equations
    ]
    return _section("One step", rows, under=(2, 1)), {"equations": list(map(_equation_data, equations))}


def _hyper(rule):
    from ..symbolic.equations.notation import HYPER

    letters = {name: letter for name, (letter, _) in HYPER.items()}
    rows = [
        [
            Cell(h.name, "name"),
            line(letters[h.name]) if h.name in letters else "",
            f"{h.default:g}",
            _interval(h.interval),
            Cell(h.meaning, "quiet"),
        ]
        for h in rule.hyper
    ]
    head = ("hyperparameter", "letter", "default", "in", "meaning")
    table = _section("Defaults", rows, head, whole=frozenset({0, 1, 2, 3}), right=frozenset({2}))
    return table, {"hyper": _hyper_data(rule)}


def _derivation(rule):
    from ..symbolic.derivations import derivation

    found = derivation(rule.name)
    given = [[Cell(equation.id, "name"), formula(equation)] for equation in found.given]
    steps = [[Cell(step.after.id, "name"), formula(step.after), _how(step)] for step in found]
    blocks = [Heading(f"Derivation: {found.title}"), Text("Given:", "quiet"), Table(("", ""), given)]
    blocks += [Text("Step by step:", "quiet"), Table(("", "", ""), steps, under=(2, 1))]
    data = {"title": found.title, "given": [_equation_data(equation) for equation in found.given]}
    return blocks, {"derivation": {**data, "steps": [_step_data(step) for step in found]}}


def _how(step):
    """Return where a step comes from, and why it may be made, as sentences (Cell)."""
    kind = "" if step.kind == "equality" else f"{step.kind}, "

    def said(printed):
        sentences = [f"{kind}from {step.before.id}, {step.words(step.doing, printed)}"]
        sentences.append(step.words(step.because, printed))
        if step.discrepancy is not None:
            sentences.append(f"off by exactly {printed(step.discrepancy)}")
        return " ".join(map(_sentence, sentences))

    return stated(said(line), said(lambda formula: f"${latex(formula)}$"), "quiet")


def _sentence(text):
    """Return a text with a full stop, and with a capital unless it begins with a formula."""
    word = re.match("[a-z]{2,}|a(?= )", text)
    begun = text[:1].upper() + text[1:] if word else text
    return begun if begun.endswith(".") else f"{begun}."


def _step_data(step):
    return {
        "before": step.before.id,
        "operation": step.operation,
        "after": _equation_data(step.after),
        "justification": step.justification,
        "kind": step.kind,
        "discrepancy": None if step.discrepancy is None else str(step.discrepancy),
    }


def _conventions(rule):
    from ..rules import RULES
    from ..symbolic.comparison import row

    rows, data = [], []
    for cell in row(rule.name).values():
        other, apart = RULES[cell.rule], cell.difference
        defaults = ", ".join(f"{name}={value:g}" for name, value in cell.defaults.items())
        differing = "; ".join(f"{name}: {line(value)}" for name, value in apart.exact.items() if value != 0)
        text = typeset(cell.text) or f"differs: {differing}"
        tex = from_markdown(cell.text) if cell.text else f"${cell.latex}$"
        shared = "" if other.name in (cell.name, rule.name) else f"as {other.name}: "
        rows.append([Cell(cell.name, "name"), Cell(shared + text, "", escaped(shared) + tex), Cell(defaults, "quiet")])
        data.append(
            {
                "name": cell.name,
                "rule": other.name,
                "source": other.source,
                "equal": apart.equal,
                "equal_if": list(map(str, cell.settings)),
                "difference": {name: str(value) for name, value in apart.exact.items()},
                "defaults": cell.defaults,
            }
        )
    head = ("library", "compared with the document", "other defaults")
    return _section("What the libraries compute", rows, head, under=(2, 1)), {"conventions": data}


def _difference(rule):
    from ..symbolic.difference import difference

    main = algorithm_of(rule.name)
    apart = difference(main, rule.name)
    rows = [[Cell(name, "name"), formula(value), ""] for name, value in apart.exact.items()]
    same = [f"{line(left)} = {line(right)}" for left, right in apart.change]
    rows += [[Cell("the same", "name"), ", ".join(same), ""]] if same else []
    rows += [[Cell("equal if", "name"), typeset(str(vanishing)), ""] for vanishing in apart.vanishes]
    data = {
        "equal": apart.equal,
        "equal_if": list(map(str, apart.vanishes)),
        "difference": {name: str(value) for name, value in apart.exact.items()},
        "text": apart.explain(),
    }
    return _section(f"{main} minus {rule.name}, one step from the same state", rows), {"difference": data}


def _theorems(rule):
    from ..symbolic.theorems import theorems

    rows, data = [], []
    for theorem in theorems(rule.name):
        assumed = f" [{typeset(theorem.hypotheses)}]" if theorem.hypotheses else ""
        rows.append([Cell(theorem.id, "name"), stated(theorem_text(theorem) + assumed, theorem.markdown + assumed)])
        data.append(
            {
                "id": theorem.id,
                "statement": theorem.statement,
                "markdown": theorem.markdown,
                "hypotheses": theorem.hypotheses,
                "note": theorem.note,
            }
        )
    return _section("What follows", rows), {"theorems": data}
