"""What an update rule is: two scalar functions and the names, defaults and intervals that go with them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import signature
from numbers import Real

import numpy as np


def where(condition, yes, no):
    """Return `yes` where `condition` is non-zero, else `no`; both are evaluated. The one branch a rule may write."""
    return yes if condition else no


@dataclass(frozen=True)
class Hyper:
    """A hyperparameter: the only place where its default and its interval are written.

    Parameters
    ----------
    name : str
        In words: ``"learning_rate"``.
    default : float
        Inside `interval`.
    interval : str
        Admissible values in the notation of mathematics: ``"(0, inf)"``, ``"[0, 1)"``.
    meaning : str
        One line, with the letter of the equations and the unit.

    Raises
    ------
    ValueError
        When `interval` is not an interval or `default` lies outside it.

    Examples
    --------
    >>> rho = Hyper("rho", 0.9, "[0, 1)", "decay γ of the running average")
    >>> 0.99 in rho, 1.0 in rho
    (True, False)
    """

    name: str
    default: float
    interval: str
    meaning: str

    def __post_init__(self):
        low, high = self._ends()
        if not low <= high:
            raise ValueError(f"interval={self.interval!r} of {self.name!r} is empty; write it as '[low, high)'")
        if self.default not in self:
            raise ValueError(f"default={self.default!r} of {self.name!r} is outside {self.interval}")

    def _ends(self):
        text = self.interval
        if not (text[:1] in "[(" and text[-1:] in ")]" and text.count(",") == 1):
            raise ValueError(f"interval={text!r} of {self.name!r} is not of the form '[low, high)'")
        low, high = text[1:-1].split(",")
        return float(low), float(high)

    def __contains__(self, value):
        low, high = self._ends()
        above = value >= low if self.interval[0] == "[" else value > low
        below = value <= high if self.interval[-1] == "]" else value < high
        return bool(above and below)

    def check(self, value, rule_name):
        """Return `value` as a float, or raise naming the argument, its value, the interval and the rule.

        Parameters
        ----------
        value : float
            Any real number; booleans, strings and complex numbers are refused.
        rule_name : str
            For the message.

        Returns
        -------
        float

        Raises
        ------
        TypeError
            When `value` is not a real number.
        ValueError
            When it is outside the interval or NaN.
        """
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(
                f"{self.name}={value!r} is not a real number; {rule_name!r} takes a float in {self.interval}"
            )
        number = float(value)
        if number not in self:
            remedy = f"use a value in {self.interval}, for example {self.default!r}"
            raise ValueError(f"{self.name}={number!r} is outside {self.interval} for {rule_name!r}; {remedy}")
        return number


def parameters(function):
    """Return what the arguments of `function` are called (tuple of str).

    Parameters
    ----------
    function : function
        Or one that takes any number of arguments and says in its attribute ``parameter_names`` how many and which.
    """
    return getattr(function, "parameter_names", None) or tuple(signature(function).parameters)


@dataclass(frozen=True)
class Rule:
    """An update rule, written once as straight-line scalar code that every backend runs.

    Parameters
    ----------
    name : str
        The name users type as ``method=``.
    coefficients : callable
        ``coefficients(t, *carry, *hyper) -> (*carry, *coefficients)``: float64 scalars that all coordinates of
        step t = 1, 2, ... share, after the carried ones moved on by one step.
    update : callable
        ``update(x, g, *slots, *coefficients) -> (x, *slots)`` for one coordinate, in the dtype of x: no literals
        (they would promote float32), no branches but `where`.
    slots : tuple of str
        The state of a coordinate. Every slot starts at 0.
    hyper : tuple of Hyper
        In the order of the arguments of `coefficients`; ``learning_rate``, where there is one, comes first.
    source : str
        Publication and equation.
    carry : tuple of str
        Scalar recurrences, passed to and returned by `coefficients`; each starts at 0 before step 1.
    start : callable, optional
        ``start(t, *hyper) -> carry`` after t steps, in closed form: needed where there is a `carry`. The prover
        shows by induction that it is what `coefficients` carries.
    readout : callable, optional
        ``readout(x, *slots, *coefficients) -> solution`` where x is not the iterate itself (NAG).
    recurrent : tuple of str
        The first names of `carry` that no closed form gives (torch's NAdam multiplies decays that change from step to
        step); `start` then returns the others. The prover takes them for states that the equations define.
    replay : callable, optional
        ``replay(t, *hyper) -> recurrent`` after t steps, found by going through them: needed where there are any.
    idle_coefficients, idle : callable, optional
        What k = 0, 1, ... steps with gradient 0 do to one coordinate, in closed form, whatever their learning rates
        are: ``idle_coefficients(k, *hyper) -> scalars`` in float64 (none where nothing moves), and
        ``idle(x, *slots, *scalars) -> (x, *slots)``, code like `update`. The prover shows by induction that it is so.
        Adam, AdaMax and NAdam have none: they sum terms mᵢ/(√vᵢ + ε) or rates that change from step to step, and no
        closed form is known for that.
    pace : callable, optional
        ``pace(*slots, *coefficients) -> h``, with the state after the step: under a constant gradient g a step moves x
        by -h g once the state has settled. It scales a proximal step. Literals are allowed; 0 where nothing can move.
    written_for : tuple, optional
        The functions that `idle` and `pace` were written for, filled in here. `dataclasses.replace` with another
        `update` or other `coefficients` drops them, unless they are given anew or ``written_for=()`` says that they
        hold for the new ones too.

    Raises
    ------
    TypeError
        When a signature does not fit `slots`, `carry` and `hyper`.

    Examples
    --------
    >>> from optnumba import RULES
    >>> RULES["adam"].slots
    ('m', 'v')
    >>> RULES["adam"].defaults
    {'learning_rate': 0.001, 'beta1': 0.9, 'beta2': 0.999, 'eps': 1e-08}
    """

    name: str
    coefficients: Callable
    update: Callable
    slots: tuple[str, ...] = ()
    hyper: tuple[Hyper, ...] = ()
    source: str = ""
    carry: tuple[str, ...] = ()
    start: Callable | None = None
    readout: Callable | None = None
    recurrent: tuple[str, ...] = ()
    replay: Callable | None = None
    idle_coefficients: Callable | None = None
    idle: Callable | None = None
    pace: Callable | None = None
    written_for: tuple = field(default=(), repr=False, compare=False)

    def __post_init__(self):
        self._drop_what_was_written_for_another()
        for given in ("slots", "hyper", "carry", "recurrent"):
            object.__setattr__(self, given, tuple(getattr(self, given)))  # a rule is a key of caches
        names = tuple(h.name for h in self.hyper)
        if "learning_rate" in names[1:]:
            raise TypeError(
                f"rule {self.name!r}: 'learning_rate' must be the first hyperparameter, not one of {names[1:]}"
            )
        if bool(self.carry) != (self.start is not None):
            raise TypeError(f"rule {self.name!r}: carry={self.carry!r} and start={self.start!r} go together; give both")
        if self.carry[: len(self.recurrent)] != self.recurrent:
            raise TypeError(
                f"rule {self.name!r}: recurrent={self.recurrent!r} must come first in carry={self.carry!r}; reorder it"
            )
        if bool(self.recurrent) != (self.replay is not None):
            raise TypeError(
                f"rule {self.name!r}: recurrent={self.recurrent!r} and replay={self.replay!r} go together; give both"
            )
        self._expect("update", ("x", "g", *self.slots), open_ended=True)
        self._expect("coefficients", ("t", *self.carry, *names))
        if self.start is not None:
            self._expect("start", ("t", *names))
        if self.replay is not None:
            self._expect("replay", ("t", *names))
        if self.readout is not None:
            self._expect("readout", ("x", *self.slots, *self.coefficient_names))
        if (self.idle is None) != (self.idle_coefficients is None):
            raise TypeError(
                f"rule {self.name!r}: idle={self.idle!r} and idle_coefficients={self.idle_coefficients!r} go together; "
                "give both"
            )
        if self.idle is not None:
            self._expect("idle", ("x", *self.slots), open_ended=True)
            self._expect("idle_coefficients", ("k", *names))
        if self.pace is not None:
            self._expect("pace", (*self.slots, *self.coefficient_names))

    def _drop_what_was_written_for_another(self):
        """Drop what `dataclasses.replace` passed on from a rule with another step: it would be wrong, in silence."""
        step, names = (self.update, self.coefficients), ("idle_coefficients", "idle", "pace")
        if self.written_for and self.written_for[:2] != step:
            for name, before in zip(names, self.written_for[2:], strict=True):
                if getattr(self, name) is before:
                    object.__setattr__(self, name, None)
        object.__setattr__(self, "written_for", (*step, *(getattr(self, name) for name in names)))

    def _expect(self, function, expected, open_ended=False):
        found = parameters(getattr(self, function))
        if found[: len(expected)] != expected or (len(found) != len(expected) and not open_ended):
            tail = ", *coefficients" if open_ended else ""
            wanted = f"({', '.join(expected)}{tail})"
            raise TypeError(
                f"rule {self.name!r}: {function}({', '.join(found)}) should be {function}{wanted}; rename its arguments"
            )

    def __repr__(self):
        return f"Rule({self.name!r})"

    @property
    def label(self):
        """The algorithm without its library, for the names of cache files: rules that compute the same share one."""
        return self.name.partition(":")[0]

    @cached_property
    def coefficient_names(self):
        """Names of what `coefficients` hands to `update`, in order (tuple of str)."""
        return parameters(self.update)[2 + len(self.slots) :]

    @cached_property
    def idle_names(self):
        """Names of what `idle_coefficients` hands to `idle`, in order (tuple of str); empty without `idle` too."""
        return () if self.idle is None else parameters(self.idle)[1 + len(self.slots) :]

    @property
    def quiet_coefficients(self):
        """`coefficients` for Python to call: NumPy does not warn of the logarithm where a decay is 0 (callable)."""
        return np.errstate(divide="ignore")(self.coefficients)

    @property
    def stays(self):
        """Whether a coordinate with gradient 0 does not move at all, and neither does its state (bool)."""
        return self.idle is not None and not self.idle_names

    @property
    def defaults(self):
        """The hyperparameters and their default values (dict)."""
        return {h.name: h.default for h in self.hyper}

    def with_defaults(self, name, source, **defaults):
        """Return the same arithmetic under another name, with other defaults.

        Parameters
        ----------
        name, source : str
            Of the new rule.
        **defaults : float
            By name; the other hyperparameters keep theirs.

        Returns
        -------
        Rule

        Raises
        ------
        TypeError, ValueError
            For a name that is not a hyperparameter, or a value outside its interval.

        Examples
        --------
        >>> from optnumba import RULES
        >>> RULES["sgd"].with_defaults("brisk", "an example", learning_rate=0.1).defaults
        {'learning_rate': 0.1}
        """
        values = self.check(**defaults)
        return replace(
            self, name=name, source=source, hyper=tuple(replace(h, default=values[h.name]) for h in self.hyper)
        )

    def check(self, **given):
        """Return all hyperparameters as floats, in order: those `given`, checked, and the defaults of the rest.

        Parameters
        ----------
        **given : float
            Hyperparameters by name.

        Returns
        -------
        dict of str to float

        Raises
        ------
        TypeError
            When a name is not one of the rule's, or a value is not a real number.
        ValueError
            When a value is outside its interval.
        """
        unknown = [name for name in given if name not in self.defaults]
        if unknown:
            raise TypeError(f"{unknown[0]}={given[unknown[0]]!r}: {self.unknown(unknown[0])}")
        return {h.name: h.check(given.get(h.name, h.default), self.name) for h in self.hyper}

    def unknown(self, name):
        """Return the message for a hyperparameter that this rule does not have (str)."""
        from difflib import get_close_matches

        near = get_close_matches(name, self.defaults, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(self.defaults)}"
        return f"{self.name!r} has no hyperparameter {name!r}; {hint}"

    def start_at(self, t, values):
        """Return the carried scalars after `t` steps with hyperparameter `values` (tuple of float).

        Parameters
        ----------
        t : int
            Steps already done, 0 or more.
        values : sequence of float
            All hyperparameters, in the order of `hyper`.

        Returns
        -------
        tuple of float
        """
        if t == 0 or not self.carry:
            return (0.0,) * len(self.carry)
        with np.errstate(divide="ignore"):  # log 0 = -inf where a decay is 0, and its power 0 as it should be
            replayed = self.replay(float(t), *values) if self.replay else ()
            return tuple(float(c) for c in (*replayed, *self.start(float(t), *values)))

    def idle_at(self, k, values):
        """Return the scalars that `idle` takes for `k` steps with gradient 0 (tuple of float).

        Parameters
        ----------
        k : int
            0 or more.
        values : sequence of float
            All hyperparameters, in the order of `hyper`.

        Returns
        -------
        tuple of float
        """
        with np.errstate(divide="ignore", invalid="ignore"):  # log 0 where a decay is 0, and 0 log 0 where k is 0 too
            return tuple(float(c) for c in self.idle_coefficients(float(k), *values))
