"""What a machine established, and by which means: what proofs of theorems, derivations and errata consist of.

A `Part` is one fact. Each maker below (`identity`, `at_most`, ...) works it out and says how: by the decision procedure
for all values, by induction, by an exact computation of SymPy, by numbers that refute, or on stated instances only.
`Evidence` is the parts of one claim together, and no stronger than its weakest part.
"""

import textwrap
from dataclasses import dataclass, replace
from numbers import Real

import sympy

from .claims import Claim
from .decision.counterexample import find
from .decision.decide import decide
from .decision.questions import DECAYS, Question
from .decision.values import combine, lift
from .latex import latex

WIDTH = 116
INFINITE = (sympy.oo, -sympy.oo, sympy.zoo, sympy.nan)


@dataclass(frozen=True)
class Part:
    """One fact, and how it was established.

    Parameters
    ----------
    kind : str
        ``"identity"``, ``"inequality"``, ``"induction"``, ``"computation"``, ``"counterexample"`` or ``"instances"``.
    statement : str
        The fact, for people.
    holds : bool
        Whether it was established.
    formula : str
        The same in LaTeX; empty where there is none.
    detail : tuple of str
        How it was established, or why it was not, line by line.
    residual : sympy.Expr
        Left minus right: 0 where they are equal, nan where the procedure could not decide.
    refuted : bool
        Whether numbers show that it is false.
    """

    kind: str
    statement: str
    holds: bool
    formula: str = ""
    detail: tuple[str, ...] = ()
    residual: object = sympy.S.Zero
    refuted: bool = False

    def __str__(self):
        lines = [f"[{'ok' if self.holds else 'FAILS'}] {self.kind}: {self.statement}", *self.detail]
        return "\n".join(lines[:1] + [f"    {line}" for line in lines[1:]])


def identity(left, right, statement="", given=(), units=()):
    """Return the Part that two expressions are equal, and defined, for all values of their symbols.

    Parameters
    ----------
    left, right : sympy.Expr or sympy.Matrix
        Of symbols that are real, nonnegative or positive. Applied functions, sums, derivatives and powers with a
        symbolic exponent (but those of a decay to a multiple of t) count as free symbols.
    statement : str
        What it means; the equation itself where empty.
    given : iterable of (sympy.Expr, int)
        Assumptions: that an expression is positive (1), zero (0) or negative (-1).
    units : iterable of Symbol
        Symbols in [0, 1), besides the document's decays.
    """
    text = statement or f"{left} = {right}"
    if isinstance(left, sympy.MatrixBase) or isinstance(right, sympy.MatrixBase):
        shapes = [e.shape if isinstance(e, sympy.MatrixBase) else "a scalar" for e in (left, right)]
        if shapes[0] != shapes[1] or not len(left):
            raise ValueError(f"left is {shapes[0]} and right is {shapes[1]}; compare matrices of one shape, not empty")
        entries = [identity(a, b, given=given, units=units) for a, b in zip(left, right, strict=True)]
        return _all("identity", text, entries, _equation(left, right))
    question = Question((left, right), given, units)
    return _decided("identity", question, *question.values, text, _equation(left, right))


def at_most(left, right, statement="", given=(), units=(), strict=False):
    """Return the Part that ``left <= right`` (or ``<``) for all values; the arguments are those of `identity`."""
    question = Question((left, right), given, units)
    relation = combine("<" if strict else "<=", *question.values)
    sign = "<" if strict else r"\le"
    text = statement or f"{left} {'<' if strict else '<='} {right}"
    return _decided("inequality", question, relation, lift(1), text, f"{latex(left)} {sign} {latex(right)}")


def _decided(kind, question, left, right, text, formula):
    claim = Claim("it", left, right, text)
    claim.verdict = verdict = decide(question.space, left, right, question.case)
    if verdict.holds:
        how = "decided: the difference is literally 0"
        how += f" in each of {len(verdict.cases)} order cases" if len(verdict.cases) > 1 else ""
        return Part(kind, text, True, formula, (how, *question.detail))
    numbers = find([claim], question.space, question.admits)
    if numbers is None:
        why = verdict.reason or "no numbers were found that refute it"
        return Part(kind, text, False, formula, (f"not decided: {why}", *question.detail), sympy.nan)
    found = str(numbers).removeprefix("it is ")
    if kind == "inequality":
        found = f"{'undefined' if numbers.found is None else 'false'} at {found.partition(' at ')[2]}"
    # Numbers for what an opaque symbol stands for need not be numbers that it can have.
    word = "it would not hold for" if question.opaque else "refuted:"
    detail = (f"{word} {found}", *question.detail)
    return Part(kind, text, False, formula, detail, verdict.residual, not question.opaque)


def _equation(left, right):
    return f"{latex(left)} = {latex(right)}"


def _all(kind, text, parts, formula="", lines=()):
    detail = [*lines, *(line for part in parts if not part.holds for line in (part.statement, *part.detail))]
    residual = next((part.residual for part in parts if not part.holds), sympy.S.Zero)
    refuted = any(part.refuted for part in parts)
    return Part(kind, text, all(p.holds for p in parts), formula, tuple(detail), residual, refuted)


def induction(base, step, statement):
    """Return the Part that something holds at every t, from its base and its step: a Part each, or several."""
    base, step = ((given,) if isinstance(given, Part) else tuple(given) for given in (base, step))
    if not base or not step:
        raise ValueError(f"the induction {statement!r} lacks its {'step' if base else 'base'}; give at least one part")
    if any(part.kind == "instances" for part in (*base, *step)):
        raise ValueError(f"a part of the induction {statement!r} is instances only; it has to hold for all values")
    lines = [f"{word}: {part.statement}" for word, parts in (("base", base), ("step", step)) for part in parts]
    return _all("induction", statement, (*base, *step), step[-1].formula, lines)


def computation(how, found, expected, statement="", given=(), units=()):
    """Return the Part that an exact computation of SymPy gives what is claimed.

    Parameters
    ----------
    how : str
        Which: ``"limit of u_t as t -> oo"``, ``"solve for X"``.
    found, expected : sympy.Expr, sympy.Matrix, sympy.Set or bool
        What SymPy found, and what is claimed. Expressions are compared as `identity` does, anything else with ==.
    statement : str
        What it means.
    given, units
        As for `identity`.
    """
    text = statement or f"{how}: {expected}"
    found, expected = (sympy.sympify(e) if isinstance(e, Real) else e for e in (found, expected))
    exact = all(isinstance(e, (sympy.Expr, sympy.MatrixBase)) and not e.has(*INFINITE) for e in (found, expected))
    if exact:
        part = identity(found, expected, text, given, units)
        return Part("computation", text, part.holds, part.formula, (how, *part.detail), part.residual, part.refuted)
    undefined = any(isinstance(e, sympy.Basic) and e.has(sympy.nan, sympy.zoo) for e in (found, expected))
    holds = not undefined and bool(found == expected)
    detail = (how,) if holds else (how, f"found {found}, not {expected}")
    refuted = not holds and not undefined and _certainly_other(found, expected)
    return Part("computation", text, holds, "", detail, sympy.S.Zero if holds else sympy.nan, refuted)


def _certainly_other(a, b):
    """Return whether two things that are not written alike are different, and not only written differently."""
    if isinstance(a, sympy.Set) and isinstance(b, sympy.Set):
        return a.is_subset(b) is False or b.is_subset(a) is False
    plain = [isinstance(e, (bool, sympy.logic.boolalg.BooleanAtom)) or e in INFINITE[:2] for e in (a, b)]
    numbers = [isinstance(e, sympy.Expr) and e.is_number for e in (a, b)]
    return all(p or n for p, n in zip(plain, numbers, strict=True))


def counterexample(statement, left, right, at=()):
    """Return the Part that two expressions are not always equal, shown by exact numbers at which they are not.

    Parameters
    ----------
    statement : str
        What is thereby shown not to hold in general.
    left, right : sympy.Expr or sympy.Matrix
    at : dict of Symbol to number, optional
        The numbers, exact.
    """
    at = {symbol: sympy.sympify(number) for symbol, number in dict(at).items()}
    for symbol, number in at.items():
        _check_number(symbol, number)
    pairs = list(zip(_entries(left), _entries(right), strict=True))
    values = [(sympy.sympify(a).subs(at), sympy.sympify(b).subs(at)) for a, b in pairs]
    free = set().union(*(v.free_symbols for pair in values for v in pair))
    if free:
        raise ValueError(f"at={at} leaves {', '.join(map(str, free))} open; a counterexample needs all numbers")
    where = ", ".join(f"{symbol} = {number}" for symbol, number in at.items())
    for a, b in values:
        if not all(part.is_Number and part.is_finite for e in (a, b) for part in sympy.N(e, 30).as_real_imag()):
            raise ValueError(f"at={at} gives {a} and {b}, which are not two numbers; both sides have to be defined")
    differing = [(a, b) for a, b in values if _differ(a, b)]
    if not differing:
        return Part("counterexample", statement, False, "", (f"both sides agree{f' at {where}' if where else ''}",))
    a, b = differing[0]
    shown = f"{_short(a)} and {_short(b)}"
    return Part("counterexample", statement, True, "", (f"at {where}: {shown}" if where else shown,))


def _check_number(symbol, number):
    """Raise where a number is not exact, or not one that its symbol may be."""
    if not number.is_number or number.has(sympy.Float):
        raise ValueError(f"{symbol} = {number} is not an exact number; write decimals as Rational(9, 10)")
    other = any(getattr(number, f"is_{name}") is (not value) for name, value in symbol.assumptions0.items())
    if other or (symbol in DECAYS and not (number >= 0 and number < 1)):
        raise ValueError(f"{symbol} = {number} is outside what {symbol} may be; choose numbers that it can have")


def _differ(a, b):
    """Return whether two numbers differ clearly: relative to their size, as evalf stops at a hundred digits."""
    size = sympy.N(abs(a) + abs(b), 30)
    return bool(sympy.N(abs(a - b), 30) > sympy.Float("1e-20") * size + sympy.Float("1e-60"))


def _entries(expression):
    return list(expression) if isinstance(expression, sympy.MatrixBase) else [expression]


def _short(number):
    return str(number) if len(str(number)) < 24 else str(sympy.N(number, 12))


def instances(statement, cases, given=()):
    """Return the Part that something holds on stated instances: agreement, which is no proof.

    Parameters
    ----------
    statement : str
        What is claimed in general.
    cases : iterable of (str, sympy.Expr, sympy.Expr)
        Each instance: what it is, and the two sides, whose difference must be exactly 0.
    given
        As for `identity`.
    """
    parts = [identity(left, right, text, given) for text, left, right in cases]
    if not parts:
        raise ValueError(f"cases of {statement!r} is empty; give at least one instance")
    listed = tuple(f"instance: {part.statement}" for part in parts if part.holds)
    return _all("instances", statement, parts, lines=listed)


class Claiming:
    """A dataclass with an `id` and with the formulas of its `claim`, which its proof takes as arguments."""

    def variant(self, **claim):
        """Return the same with other formulas in its claim: what a false variant is made with.

        Raises
        ------
        ValueError
            When the claim has no formula of that name.
        """
        unknown = sorted(set(claim) - set(self.claim))
        if unknown:
            known = ", ".join(self.claim) or "no formula"
            raise ValueError(f"{unknown[0]!r} is not a formula of {self.id}; it has {known}")
        return replace(self, claim={**self.claim, **claim})


@dataclass(frozen=True)
class Evidence:
    """All that was established for one claim.

    Parameters
    ----------
    title : str
        What it is evidence of.
    parts : tuple of Part
    discrepancy : sympy.Expr, optional
        For a step that is an approximation: by how much exactly its right side is off.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> evidence = symbolic.theorems("momentum")["T-MOM-4"].prove()
    >>> evidence.proved, evidence.status
    (True, 'proved')
    """

    title: str
    parts: tuple[Part, ...]
    discrepancy: object = None

    def __post_init__(self):
        object.__setattr__(self, "parts", tuple(self.parts))
        if not self.parts:
            raise ValueError(f"there is no evidence for {self.title!r}; give at least one part")

    @property
    def holds(self):
        """Whether every part was established, by whatever means (bool)."""
        return all(part.holds for part in self.parts)

    @property
    def proved(self):
        """Whether the claim was proved: every part, none on instances only, and no approximation (bool)."""
        return self.holds and "instances" not in self.kinds and self.discrepancy is None

    @property
    def kinds(self):
        """How the parts were established (tuple of str)."""
        return tuple(dict.fromkeys(part.kind for part in self.parts))

    @property
    def status(self):
        """Text: proved, holds on the stated instances, approximation, refuted or undecided."""
        if not self.holds:
            return "refuted" if any(part.refuted for part in self.parts) else "undecided"
        if self.discrepancy is not None:
            return "approximation"
        return "proved" if self.proved else "holds on the stated instances"

    def __bool__(self):
        return self.proved

    def __repr__(self):
        return f"Evidence({self.title!r}, {self.status})"

    def explain(self):
        """Return the evidence as text of several lines (str)."""
        lines = [f"{self.title}: {self.status}"]
        if self.discrepancy is not None:
            lines.append(f"  off by exactly {self.discrepancy}")
        for part in self.parts:
            for k, line in enumerate(str(part).splitlines()):
                lead = "  " + line[: len(line) - len(line.lstrip())]
                after = lead + ("     " if k == 0 else "  ")
                lines += textwrap.wrap(
                    line.strip(), WIDTH, initial_indent=lead, subsequent_indent=after, break_long_words=False
                )
        return "\n".join(lines)

    def _repr_markdown_(self):
        rows = [f"**{self.title}**: {self.status}", ""]
        for part in self.parts:
            formula = f" $\\displaystyle {part.formula}$" if part.formula else ""
            rows.append(f"- {part.kind}: {part.statement}{formula}{'' if part.holds else ' **fails**'}")
        return "\n".join(rows)
