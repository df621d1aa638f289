"""Clipping, weight decay and averaging: what makes of a rule another rule, whose loops and proofs are those of any.

Each wraps `update` and `coefficients`, takes the last coefficient for itself and hands on the rest, so that all is done
in the one pass over the coordinates. They apply in the order in which torch's users write them: the gradient is clipped
by its norm, then by value; l2 x is added; x shrinks; the rule takes its step; the new point is averaged. Only the norm
needs more: the loop puts the factor in the place of the last coefficient (`loops.norms`).

Where a rule holds another point than its iterate (NAG: φ, where the gradient is taken), l2 and decay are of the point
held, as in torch and Keras, and the average is of the iterate.
"""

from dataclasses import replace
from functools import lru_cache
from numbers import Real
from typing import NamedTuple

from .bind import bind
from .loops import modified
from .rule import Hyper, Rule
from .rules import RULES

MODIFIERS = {
    "weight_decay": Hyper(
        "weight_decay", 0.0, "[0, inf)", "λ: x shrinks by the factor 1 - ηλ in each step (decoupled)"
    ),
    "l2": Hyper("l2", 0.0, "[0, inf)", "λ: λx is added to the gradient (coupled)"),
    "clip_value": Hyper("clip_value", 1.0, "(0, inf)", "the entries of the gradient are clipped to ± this"),
    "clip_norm": Hyper("clip_norm", 1.0, "(0, inf)", "a gradient with a larger norm is scaled to this one"),
    "average": Hyper("average", 0.999, "[0, 1)", "decay of the average of the iterates"),
}


# What a step of each takes from its last coefficient, and how this follows from the last hyperparameter.
WRAPPERS = {
    "weight_decay": (modified.shrunk, modified.shrinking),
    "l2": (modified.pulled, modified.passing_on),
    "clip_value": (modified.clipped, modified.passing_on),
    "clip_norm": (modified.scaled, modified.passing_on),
}


class Modification(NamedTuple):
    """What a rule came from: the attribute ``modification`` of its `update`.

    Parameters
    ----------
    rule : Rule
    names : tuple of str
        Its modifiers, in the order of `MODIFIERS`.
    polyak : bool
        Whether the average is the mean.
    """

    rule: Rule
    names: tuple[str, ...]
    polyak: bool


def is_own(rule):
    """Tell whether a rule, without its modifiers, is none of `RULES`, whatever it is called (bool).

    Parameters
    ----------
    rule : Rule
    """
    modification = getattr(rule.update, "modification", None)
    base = modification.rule if modification else rule
    return RULES.get(base.name) != base


def split_modifiers(rule, options):
    """Return the modifiers in `options` (dict of name to value), and remove them there.

    Parameters
    ----------
    rule : Rule
        A hyperparameter of its own is none, whatever it is called.
    options : dict
        None means that there is none.

    Raises
    ------
    ValueError
        For an average that is neither "polyak" nor a number.
    """
    given = {name: options.pop(name) for name in MODIFIERS if name in options and name not in rule.defaults}
    given = {name: value for name, value in given.items() if value is not None}
    average = given.get("average")
    polyak = isinstance(average, str) and average == "polyak"
    if average is not None and not polyak and (isinstance(average, bool) or not isinstance(average, Real)):
        raise ValueError(
            f"average={average!r} is not 'polyak' or a decay in [0, 1); use 'polyak', or a number as 0.999"
        )
    return given


def modify(rule, modifiers):
    """Return a rule with modifiers, and their values as hyperparameters.

    Parameters
    ----------
    rule : Rule
    modifiers : dict
        As `split_modifiers` returns it.

    Returns
    -------
    rule : Rule
        Its hyperparameters are those of the rule, and the modifiers' behind them.
    hyper : dict
        Values of the modifiers' hyperparameters.

    Examples
    --------
    >>> from optnumba import RULES
    >>> rule, hyper = modify(RULES["adam"], {"weight_decay": 0.01, "average": "polyak"})
    >>> rule.slots, hyper
    (('m', 'v', 'average'), {'weight_decay': 0.01})
    """
    polyak = modifiers.get("average") == "polyak"
    hyper = {name: value for name, value in modifiers.items() if not (polyak and name == "average")}
    names = tuple(name for name in MODIFIERS if name in modifiers)
    return _modified(rule, names, polyak) if names else rule, hyper


@lru_cache(maxsize=256)
def _modified(rule, names, polyak):
    update, coefficients, slots = rule.update, rule.coefficients, rule.slots
    hyper, numbers = rule.hyper, rule.coefficient_names
    own = {"SLOTS": len(rule.slots), "FIRST": len(rule.slots) + ("average" in names)}
    own["LAST"] = own["FIRST"] + len(rule.coefficient_names)
    for name in names:
        numbers = (*numbers, name)
        if not (polyak and name == "average"):
            hyper = (*hyper, MODIFIERS[name])
        if name == "average":
            wrapper, step, slots = (
                modified.averaged,
                modified.mean if polyak else modified.moving_mean,
                (*slots, "average"),
            )
        else:
            wrapper, step = WRAPPERS[name]
            if name == "weight_decay" and "learning_rate" not in rule.defaults:
                step = modified.shrinking_without_rate
        count = len(rule.slots)
        update = bind(wrapper, inner=update, SLOTS=count, AFTER=count + 1, iterate=_iterate(rule))
        coefficients = bind(step, inner=coefficients, RATE=len(rule.carry))
    update.modification = Modification(rule, names, polyak)  # for the prover
    given, state = tuple(h.name for h in hyper), (*slots, *numbers)
    idle = rule.idle is not None and set(names) <= {"clip_value", "clip_norm"}
    count = {"COUNT": len(rule.hyper)}
    return replace(
        rule,
        update=_named(update, "x", "g", *state),
        coefficients=_named(coefficients, "t", *rule.carry, *given),
        slots=slots,
        hyper=hyper,
        start=_kept(rule.start, modified.fewer, ("t", *given), count),
        replay=_kept(rule.replay, modified.fewer, ("t", *given), count),
        readout=_kept(rule.readout, modified.without, ("x", *state), own),
        pace=_kept(rule.pace, modified.paced, state, own),
        idle=rule.idle if idle else None,
        idle_coefficients=_kept(rule.idle_coefficients, modified.fewer, ("k", *given), count) if idle else None,
        written_for=(),
    )


def _iterate(rule):
    """Return what gives the point to average, from x, the rule's slots and all coefficients."""
    count = len(rule.slots)
    last = count + len(rule.coefficient_names)
    return (
        bind(modified.without, inner=rule.readout, SLOTS=count, FIRST=count, LAST=last)
        if rule.readout
        else modified.held
    )


def _kept(function, wrapper, parameters, constants):
    """Return a function of the rule that takes the arguments of the modified one, or None where there is none."""
    return function and _named(bind(wrapper, inner=function, **constants), *parameters)


def _named(function, *parameters):
    """Return `function`, which takes any number of arguments, saying what they are called."""
    function.parameter_names = parameters
    return function
