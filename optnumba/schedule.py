"""What a schedule is: a function of the step number and the numbers that it reads; and checks of its arguments."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from operator import index
from types import FunctionType

# Integers up to here are floats without rounding, and the numbers of a schedule are floats.
LARGEST = 2**53


@dataclass(frozen=True, repr=False)
class Schedule:
    """A learning rate as a function of the step number: ``schedule(t)`` for t = 1, 2, ...

    Made by the functions of `optnumba.schedules`; equal when they give equal rates by the same
    formula.

    Parameters
    ----------
    rate : function
        ``rate(t, p, k) -> float`` for Numba, a plain function: the rate of step t, which reads its parameters from the
        float64 array p at k, k + 1, ...
    parameters : tuple of float
        What it finds there.
    call : tuple of function and mapping, optional
        The function that made it, and its arguments by name; for `repr`.

    Examples
    --------
    >>> from optnumba.schedules import cosine
    >>> schedule = cosine(0.1, steps=100)
    >>> schedule
    cosine(0.1, 100)
    >>> schedule(1), round(schedule(51), 12), schedule(1000)
    (0.1, 0.05, 0.0)
    """

    rate: Callable
    parameters: tuple[float, ...]
    call: tuple[Callable, Mapping] | None = field(default=None, compare=False)

    def __post_init__(self):
        if not isinstance(self.rate, FunctionType):
            raise TypeError(f"rate={self.rate!r} is not a plain Python function; pass a function rate(t, p, k)")
        object.__setattr__(self, "parameters", tuple(map(float, self.parameters)))

    def __call__(self, t):
        """Return the learning rate of step `t` (float).

        Parameters
        ----------
        t : int
            1 or more.

        Returns
        -------
        float
        """
        t = check_integer("t", t, self._name, 2**63 - 1)
        try:
            return float(self.rate(t, self.parameters, 0))
        except OverflowError:  # Python's way to say what compiled code returns
            return float("inf")

    @property
    def _name(self):
        return self.call[0].__name__ if self.call else "Schedule"

    def __repr__(self):
        if self.call is None:
            return f"Schedule({self.rate!r}, {self.parameters!r})"
        maker, arguments = self.call
        shown = []
        for parameter in signature(maker).parameters.values():
            value = arguments[parameter.name]
            if parameter.default is parameter.empty:
                shown.append(repr(value))
            elif value != parameter.default:
                shown.append(f"{parameter.name}={value!r}")
        return f"{self._name}({', '.join(shown)})"

    def __reduce__(self):
        # A joined schedule's `rate` is made by `bind`, and found in no module.
        if self.call is None:
            return Schedule, (self.rate, self.parameters)
        maker, arguments = self.call
        return maker, tuple(arguments.values())

    def plot(self, steps, ax=None):
        """Draw the rate against the step number (needs matplotlib: the extra ``plot``).

        Parameters
        ----------
        steps : int
            Draw steps 1 to `steps`.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            When matplotlib is not installed.
        """
        numbers = range(1, check_integer("steps", steps, "plot") + 1)
        if ax is None:
            try:
                from matplotlib import pyplot
            except ImportError as error:
                raise ImportError('to plot a schedule, pip install "optnumba[plot]"') from error
            ax = pyplot.subplots()[1]
        ax.plot(numbers, [self(t) for t in numbers], label=repr(self))
        ax.set_xlabel("step t")
        ax.set_ylabel("learning rate")
        return ax


def check_integer(name, value, user, largest=LARGEST):
    """Return `value` as an int, or raise where it is not one from 1 on.

    Parameters
    ----------
    name : str
        What the caller calls it.
    value : int
        Booleans and floats are refused.
    user : str
        Who takes it, for the message.
    largest : int, default 2**53

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        When it is none.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}={value!r} is not an integer; {user!r} takes one from 1 on, such as 100")
    number = index(value)
    if not 1 <= number <= largest:
        raise ValueError(f"{name}={number} is outside [1, {largest}] for {user!r}; use one from 1 on, such as 100")
    return number


def check_sequence(name, values, user):
    """Return `values` as a list, or raise where they are no sequence.

    Parameters
    ----------
    name : str
        What the caller calls it.
    values : iterable
        Strings and mappings are refused.
    user : str
        Who takes it, for the message.

    Returns
    -------
    list

    Raises
    ------
    TypeError
        When it is none.
    """
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise TypeError(f"{name}={values!r} is not a sequence; {user!r} takes a list")
    return list(values)


def check_boundaries(values, user):
    """Return the numbers of steps, or of epochs, after which something changes, or raise where they do not ascend.

    Parameters
    ----------
    values : iterable of int
        From 1 on.
    user : str
        Who takes it, for the message.

    Returns
    -------
    tuple of int

    Raises
    ------
    TypeError, ValueError
        When they are no integers or do not ascend.
    """
    found = [
        check_integer(f"boundaries[{j}]", value, user)
        for j, value in enumerate(check_sequence("boundaries", values, user))
    ]
    for j in range(1, len(found)):
        if not found[j - 1] < found[j]:
            before = f"boundaries[{j - 1}]={found[j - 1]}"
            raise ValueError(f"boundaries[{j}]={found[j]} does not exceed {before} of {user!r}; let them ascend")
    return tuple(found)


def check_flag(name, value, user):
    """Return `value`, or raise where it is neither True nor False.

    Parameters
    ----------
    name : str
        What the caller calls it.
    value : bool
    user : str
        Who takes it, for the message.

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        When it is something else.
    """
    if type(value).__name__ not in ("bool", "bool_"):
        raise TypeError(f"{name}={value!r} is not a truth value; {user!r} takes True or False")
    return bool(value)


def described(schedule):
    """Return what a schedule is called in every process (str), or None where there is none.

    Parameters
    ----------
    schedule : Schedule, function or None
    """
    return None if schedule is None else re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(schedule))
