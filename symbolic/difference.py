"""How two algorithms differ in one step, exactly, and the settings under which they do not: `difference`."""

from dataclasses import dataclass, field

from sympy import S, Symbol, count_ops, factor, factor_terms, oo, piecewise_fold, sympify, together

from optnumba.arguments import find_rule
from optnumba.rules import RULES

from .algorithms import algorithm
from .conventions.settings import SETTINGS, Setting
from .equations.notation import HYPER, eta
from .latex import aligned, latex
from .pairs import Pair, X, settle


@dataclass(frozen=True)
class Vanishing:
    """A setting under which two algorithms are proved to make the same steps.

    Parameters
    ----------
    setting : Setting
    of, other : str
        The side whose hyperparameters it sets, where that is one, and the other; empty where it sets both.
    change : tuple of (Symbol, sympy.Expr)
        The change of variable: what a state of one side is in those of the other.
    undefined : tuple of str
        The sides that are not defined (0/0) at some points where the other is; there the two differ.
    both_undefined : bool
        Whether there are points where neither is defined.
    """

    setting: Setting
    of: str = ""
    other: str = ""
    change: tuple = ()
    undefined: tuple[str, ...] = ()
    both_undefined: bool = False

    @property
    def values(self):
        """The hyperparameters that are set (dict); the name of one stands for that of the other side."""
        return dict(self.setting.values)

    @property
    def words(self):
        """What is asked for besides (str)."""
        return self.setting.words

    def __str__(self):
        parts = [f"{name} {self._value(value, str, '→ ∞')}" for name, value in self.values.items()]
        parts += [self.words] if self.words else []
        parts += [f"in {self.of}"] if self.of else []
        parts += [f"with {left} = {right}" for left, right in self.change]
        parts += [f"except where {name} is 0/0" for name in self.undefined]
        parts += ["wherever they are not both 0/0"] if self.both_undefined else []
        return ", ".join(parts)

    def _value(self, value, printed, unbounded):
        if isinstance(value, str):
            return f"= {self.other}'s {value}"
        return unbounded if value == oo else f"= {printed(value)}"

    @property
    def latex(self):
        """The setting, in LaTeX (str)."""
        parts = []
        for name, value in self.values.items():
            theirs = HYPER[value][0] if isinstance(value, str) else value
            owner = rf"\text{{ ({self.other}'s)}}" if isinstance(value, str) else ""
            right = r"\to \infty" if value == oo else f"= {latex(sympify(theirs))}{owner}"
            parts.append(f"{latex(HYPER[name][0])} {right}")
        parts += [rf"{latex(eta)} \text{{ constant}}"] if self.words else []
        parts += [rf"\text{{in {self.of}}}"] if self.of else []
        parts += [rf"\text{{with }} {latex(left)} = {latex(right)}" for left, right in self.change]
        parts += [rf"\text{{except where {name} is }} 0/0" for name in self.undefined]
        parts += [r"\text{wherever they are not both } 0/0"] if self.both_undefined else []
        return ",\\ ".join(parts)


@dataclass(frozen=True)
class Difference:
    """What `difference` found.

    Parameters
    ----------
    a, b : str
        The names of the two rules.
    exact : dict of str to sympy.Expr
        ``"theta"`` (for ``"nag"`` the stored φ) and each slot of a: a's value after one step minus b's, from the same
        state; 0 where that is proved. With m_t, v_t, ... for states after the step that both agree in.
    equal : bool
        Whether every difference is proved to be 0. Defaults may still differ.
    vanishes : tuple of Vanishing
        The settings under which all differences are proved to be 0.
    change : tuple of (Symbol, sympy.Expr)
        What "the same state" means where the two keep different things, or have other letters for them:
        v_{t-1} = η_{t-1} b_{t-1}.
    defaults : dict of str to (float, float)
        The hyperparameters with other defaults, of a and of b; None where a side has none of that name.

    Examples
    --------
    >>> from optnumba.symbolic.difference import difference
    >>> found = difference("rmsprop", "rmsprop:torch")
    >>> found.equal, str(found.vanishes[0])
    (False, 'eps = 0, wherever they are not both 0/0')
    >>> found.exact["E"]
    0
    """

    a: str
    b: str
    exact: dict
    equal: bool
    vanishes: tuple = ()
    change: tuple = ()
    defaults: dict = field(default_factory=dict)

    def __bool__(self):
        return not self.equal

    def explain(self):
        """Return the difference, and when it vanishes, as text of several lines (str)."""
        verdict = "are proved to make the same step" if self.equal else "differ in one step from the same state"
        lines = [f"{self.a} and {self.b} {verdict}."]
        lines += [f"  the same state means {left} = {right}" for left, right in self.change]
        lines += [f"  {name}: {self.a} - {self.b} = {value}" for name, value in self.exact.items()]
        lines += [f"  proved to vanish: {vanishing}" for vanishing in self.vanishes]
        if not self.equal and not self.vanishes:
            lines.append("  none of the settings tried makes it vanish")
        for name, (mine, other) in self.defaults.items():
            shown = ["none" if value is None else f"{value:g}" for value in (mine, other)]
            lines.append(f"  default of {name}: {shown[0]} in {self.a}, {shown[1]} in {self.b}")
        return "\n".join(lines)

    @property
    def latex(self):
        """The differences that are not 0, in LaTeX (str)."""
        rows = [(rf"\Delta {latex(_letter(name))}", value) for name, value in self.exact.items() if value != 0]
        return r",\quad ".join(f"{left} = {latex(value)}" for left, value in rows) or "0"

    def _repr_latex_(self):
        rows = [(rf"\text{{same state: }} {latex(left)}", f"= {latex(right)}") for left, right in self.change]
        rows += [(rf"\Delta {latex(_letter(name))}", f"= {latex(value)}") for name, value in self.exact.items()]
        rows += [(r"0 \text{ if}", rf"\quad {vanishing.latex}") for vanishing in self.vanishes]
        return aligned(rows)


def _letter(name):
    return Symbol(r"\theta") if name == "theta" else Symbol(name)


def difference(a, b):
    """Return how one step of two algorithms differs, exactly, and when it does not.

    Parameters
    ----------
    a, b : str
        Names as in ``optnumba.RULES``, or an algorithm and a library: ``"adam"``, ``"adam:keras"``.

    Returns
    -------
    Difference
        With ``.exact``, ``.equal``, ``.vanishes``, ``.defaults``, ``.explain()`` and ``.latex``.

    Raises
    ------
    ValueError
        When there is no algorithm of that name.
    TypeError
        When they have different numbers of states, or one is a rule of your own, whose equations nobody has written.

    Examples
    --------
    >>> from optnumba.symbolic.difference import difference
    >>> print(difference("momentum", "momentum:torch").explain())
    momentum and momentum:torch differ in one step from the same state.
      the same state means v_{t-1} = b_{t-1}*η_{t-1}
      theta: momentum - momentum:torch = b_{t-1}*γ*(η - η_{t-1})
      v: momentum - momentum:torch = -b_{t-1}*γ*(η - η_{t-1})/η
      proved to vanish: constant learning_rate, with v_{t-1} = b_{t-1}*η
      proved to vanish: momentum = 0, with v_{t-1} = b_{t-1}*η_{t-1}
      default of learning_rate: 0.01 in momentum, 0.001 in momentum:torch
    """
    rules = _known(a, "a"), _known(b, "b")
    first, second = (algorithm(rule.name) for rule in rules)
    if len(first.states) != len(second.states):
        counts = f"{len(first.states)} and {len(second.states)}"
        raise TypeError(f"{a!r} and {b!r} have {counts} states per coordinate; compare two that have as many")
    pair = Pair(first, second)
    zero = _zeros(pair)
    names = ("theta", *rules[0].slots)
    exact = _exact(pair, zero, names)
    equal = all(zero)
    defaults = [rule.defaults for rule in rules]
    differing = {n: tuple(d.get(n) for d in defaults) for n in (*defaults[0], *defaults[1])}
    return Difference(
        rules[0].name,
        rules[1].name,
        exact,
        equal,
        () if equal else tuple(_settings(first, second)),
        tuple(pair.change),
        {n: values for n, values in differing.items() if values[0] != values[1]},
    )


def _known(name, argument):
    """Return the rule of that name; one that is changed, and only called so, has other equations than the name."""
    rule = find_rule(name, argument)
    if rule != RULES.get(rule.name):
        remedy = f"pass a name, or see what optnumba.symbolic.prove(rule, against={rule.name!r}) finds"
        raise TypeError(f"{argument}={name!r} is a rule of your own, and differences are those of equations; {remedy}")
    return rule


def _zeros(pair):
    """Return for x, each state and each scalar that both carry whether it is proved the same, and defined (list)."""
    pairs, space = pair.values()
    return [settle(space, left, right) == (True, set()) for left, right in pairs]


def _exact(pair, zero, names):
    same = [i for i, holds in enumerate(zero[1 : len(names)]) if holds and pair.states[i][1] == pair.states[i][2]]
    sides = pair.expressions(same)
    return {
        name: S.Zero if holds else _simplest(left - right)
        for name, holds, (left, right) in zip(names, zero, sides, strict=False)
    }


def _simplest(expression):
    """Return the shortest of a few exact rewritings; none of them assumes anything."""
    folded = piecewise_fold(expression)
    forms = [expression, folded, factor_terms(folded), together(folded), factor(folded)]
    return min(forms, key=lambda form: (form.has(X), count_ops(form), len(str(form))))


def _settings(a, b):
    """Yield the settings that are proved to make two algorithms the same."""
    found = []
    for setting in SETTINGS:
        hyper = {*a.hyper, *b.hyper}
        stronger = any(
            setting.words == other.words and other.values.items() <= setting.values.items() for other in found
        )
        if stronger or not setting.values.keys() <= hyper or (setting.words and not Pair(a, b).rescaled):
            continue
        of = [s.name for s in (a, b) if setting.values.keys() <= set(s.hyper)] if setting.one_sided else []
        if len(of) > 1 or (setting.one_sided and not of):
            continue
        pair = Pair(a, b, setting)
        pairs, space = pair.values()
        outcomes = [settle(space, left, right) for left, right in pairs]
        if all(equal for equal, _ in outcomes):
            where = set().union(*(undefined for _, undefined in outcomes))
            sides = tuple(s.name for i, s in enumerate((a, b)) if i in where)
            found.append(setting)
            other = next((s.name for s in (a, b) if of and s.name not in of), "")
            yield Vanishing(setting, "".join(of), other, (*pair.change, *setting.change), sides, 2 in where)
