"""Proves that a rule computes the document's update: `prove`."""

from dataclasses import dataclass
from pathlib import Path

from optnumba.arguments import find_rule
from optnumba.rule import Rule, parameters

from .algorithms import algorithm
from .claims import CHANGED_GRADIENT, IDLE_STEPS, OTHER_RATE, Candidate, Claim, compare, leaf_names
from .decision.values import leaf, lift
from .equations.modifiers import GRADIENT_MODIFIERS, modified
from .trace import Rebinding, run


def prove(rule, against=None):
    """Decide whether a rule computes the document's update, or its library's, for all numbers.

    The rule's own bytecode runs on symbols, `coefficients` and then `update`; a carried scalar is replaced by the
    closed form that `start` gives, after an induction that shows it to be one; where there is none, it is a state like
    others, which the equations define. The difference from the document is
    reduced to a literal 0 by a decision procedure; what it cannot decide is not proved. Where the rule has `idle`, that
    is shown by induction to be so many of its own steps with gradient 0. A rule with clipping, decay or averaging is
    compared with the document's update so changed (`equations.modifiers`); what the limit of a norm does to a step is
    proved for any factor in its place.

    Parameters
    ----------
    rule : Rule or str
        A rule, or the name of one: ``"adam"``, or ``"adam:keras"`` for what a library computes under that name.
    against : str, optional
        The algorithm to compare with, where it is not the rule's name.

    Returns
    -------
    Proof
        With ``.proved``, ``.residuals``, ``.counterexample`` and ``.explain()``.

    Raises
    ------
    ValueError
        When there is no rule, or no algorithm, of that name.
    TypeError
        When the rule has another number of slots than the document has states.
    TraceError
        When the rule's code cannot be run on symbols: it branches on a value, or uses a function without a meaning.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> symbolic.prove("adam").proved
    True
    >>> symbolic.prove("nadam", against="adam").status
    'refuted'
    """
    rule = find_rule(rule, "rule")
    equations, modification = algorithm(against or rule.name), modification_of(rule)
    if modification:
        equations = modified(equations, modification.names, modification.polyak)
    return compare(trace_rule(rule), equations)


def modification_of(rule):
    """Return the `Modification` that a rule came from, or None."""
    return getattr(rule.update, "modification", None)


def place(function):
    """Return where a function is, for people (str)."""
    code = getattr(function, "py_func", function).__code__
    arguments = ", ".join(parameters(function))
    return f"{code.co_name}({arguments}) in {Path(code.co_filename).name}, line {code.co_firstlineno}"


@dataclass
class _Step:
    """The values of one rule that its functions have in common."""

    rule: Rule
    t: object
    hyper: list
    recurrent: list

    def closed_after(self, t):
        """Return the carried scalars after t steps that have a closed form."""
        count = len(self.rule.carry) - len(self.recurrent)
        return run(self.rule.start, [t, *self.hyper], returns=count) if self.rule.carry else ()

    def coefficients(self):
        """Return (carried scalars, coefficients) of step t, from those after t-1 steps."""
        count, names = len(self.rule.carry), self.rule.coefficient_names
        before = *self.recurrent, *self.closed_after(self.t - 1)
        values = run(self.rule.coefficients, [self.t, *before, *self.hyper], returns=count + len(names))
        return values[:count], values[count:]


class _Inside:
    """Runs a rule whose gradient is changed before its own update: that is given any number, and `slope` is kept.

    What holds for every number holds for what the changes make of g. A sum squared would hide that it is a square.
    """

    def __init__(self, rule):
        self.rebinding, self.slope = Rebinding(), None
        modification = modification_of(rule)
        if modification and GRADIENT_MODIFIERS & {*modification.names}:
            self._own = self.rebinding.function(modification.rule.update)
            self.rebinding.stand_in(modification.rule.update, self._update)

    def _update(self, x, slope, *rest):
        self.slope = slope
        return self._own(x, leaf(CHANGED_GRADIENT), *rest)


def trace_rule(rule):
    """Return the `Candidate` of a rule: its functions run on symbols, and the induction of what it carries."""
    state_names, names = leaf_names((*rule.slots, *rule.recurrent), [h.name for h in rule.hyper])
    states, count = [leaf(state) for state in state_names], len(rule.recurrent)
    x, slots, inside = leaf("x"), states[: len(rule.slots)], _Inside(rule)
    step = _Step(rule, leaf("t"), [leaf(name) for name in names], states[len(rule.slots) :])
    carried, coefficients = step.coefficients()
    new_x, *after = run(rule.update, [x, leaf("g"), *slots, *coefficients], None, inside.rebinding, 1 + len(slots))
    theta, theta_after = x, new_x
    if rule.readout:
        theta = run(rule.readout, [x, *slots, *coefficients])
        theta_after = run(rule.readout, [new_x, *after, *coefficients])
    functions = [rule.coefficients, *([rule.start] if rule.carry else []), rule.update]
    functions += [modification_of(rule).rule.update] if modification_of(rule) else []
    functions += [rule.readout] if rule.readout else []
    functions += [rule.idle_coefficients, rule.idle] if rule.idle else []
    return Candidate(
        name=rule.name,
        ran=tuple(place(f) for f in functions),
        slots=state_names,
        hyper={name: name for name in names},
        intervals={name: h.interval for name, h in zip(names, rule.hyper, strict=True)},
        x=new_x,
        after=(*after, *carried[:count]),
        held=x,
        theta=theta,
        theta_after=theta_after,
        slope=inside.slope,
        claims=_induction(rule, step, carried[count:]),
        idle=_idle(step, x, slots) if rule.idle else (),
        notes=_notes(rule),
    )


def _notes(rule):
    """Return what the explanation should say besides (tuple of str)."""
    notes = (f"source: {rule.source}",) if rule.source else ()
    if rule.recurrent:
        names = ", ".join(rule.recurrent)
        notes += (f"{names}: proved as a recurrence; replay, which starts it at a later t, is tested and not proved",)
    return notes


def _induction(rule, step, carried):
    """Return the claims that `start` is what `coefficients` carries: 0 before step 1, and kept by every step."""
    base, closed = step.closed_after(lift(0)), step.closed_after(step.t)
    claims = []
    for name, zero, stepped, form in zip(rule.carry[len(step.recurrent) :], base, carried, closed, strict=True):
        claims.append(Claim(f"{name} at t = 0", zero, lift(0), f"induction, base: start(0) gives {name} = 0", {"t": 0}))
        text = f"induction, step: coefficients takes {name} = start(t-1) to start(t)"
        claims.append(Claim(name, stepped, form, text))
    return tuple(claims)


def _idle(step, x, slots):
    """Return the claims that `idle` is so many steps with gradient 0, at whatever rate and number each of them has.

    By induction: at 0; from 0 to 1; from k to k+1 for k = 1, 2, ..., so that powers with exponent k mean no 0**0.
    """
    rule, k, names = step.rule, leaf(IDLE_STEPS), ("x", *step.rule.slots)
    other = [
        leaf(OTHER_RATE) if h.name == "learning_rate" else mine for h, mine in zip(rule.hyper, step.hyper, strict=True)
    ]
    _, coefficients = _Step(rule, step.t, other, step.recurrent).coefficients()

    def after(count):
        scalars = run(rule.idle_coefficients, [lift(count), *step.hyper], returns=len(rule.idle_names))
        return run(rule.idle, [x, *slots, *scalars], returns=len(names))

    def one_more(state):
        return run(rule.update, [state[0], lift(0), *state[1:], *coefficients], returns=len(names))

    claims = []
    for word, count, lefts, rights in (
        ("0", 0, after(0), (x, *slots)),
        ("1", 1, one_more(after(0)), after(1)),
        ("k+1", None, one_more(after(k)), after(k + 1)),
    ):
        for name, left, right in zip(names, lefts, rights, strict=True):
            what = f"{name} as it was" if word == "0" else f"update with g = 0 gives {name} after {word}"
            at = {} if count is None else {IDLE_STEPS: count}
            claims.append(Claim(f"{name} after {word} idle steps", left, right, f"idle steps, {word}: {what}", at))
    return tuple(claims)
