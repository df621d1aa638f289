"""What the front ends share that drive a compiled loop chunk by chunk: options, callbacks, the length of a chunk."""

from collections.abc import Mapping
from difflib import get_close_matches
from numbers import Real
from time import perf_counter

from .caller import warn_caller
from .rules import RULES

# Long enough to hide the way into compiled code and back (10 µs), short enough to answer Ctrl-C at once.
CHUNK_SECONDS = 0.05


def check_options(options):
    """Return a copy of `options` (dict), or raise TypeError where they are none.

    Parameters
    ----------
    options : dict or None
    """
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(f"options={options!r} is not a dict; pass {{name: value}}")
    return dict(options or {})


def take_hyperparameters(rule, options):
    """Return what in `options` is a hyperparameter of any rule (dict), and remove it there.

    Parameters
    ----------
    rule : Rule
    options : dict
    """
    anyones = {h.name for other in RULES.values() for h in other.hyper}.union(rule.defaults)
    return {name: options.pop(name) for name in tuple(options) if name in anyones}


def known_options(options, known, rule):
    """Return those of `options` that are known, and warn of the others as SciPy does.

    Parameters
    ----------
    options : dict
    known : collection of str
    rule : Rule
        Whose hyperparameters may have been meant.

    Returns
    -------
    dict
    """
    unknown = [name for name in options if name not in known]
    if unknown:
        near = get_close_matches(str(unknown[0]), [*known, *rule.defaults], n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        warn_caller(f"Unknown solver options: {', '.join(map(str, unknown))}{hint}")
    return {name: value for name, value in options.items() if name in known}


def check_not_negative(name, value, default):
    """Return `value` as a float, or `default` for None; raise ValueError where it is no number from 0 on.

    Parameters
    ----------
    name : str
    value : float or None
    default : float or None
    """
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, Real) or not value >= 0:
        raise ValueError(f"{name}={value!r} is not a number that is 0 or more; pass one, or None for the default")
    return float(value)


def next_steps(steps, seconds, left):
    """Return how many steps fill the next chunk; at most 8 times as many, since the first may have been compiling.

    Parameters
    ----------
    steps : int
        Of the last chunk.
    seconds : float
        It took.
    left : float or None
        Seconds until the time is over.
    """
    wanted = CHUNK_SECONDS if left is None else max(min(CHUNK_SECONDS, left), 0.0)
    return max(1, int(steps * min(8.0, wanted / max(seconds, 1e-9))))


def in_chunks(add, count):
    """Return what ``add(total, low, high)`` makes of 0.0 over all of `count`, chunk by chunk, to answer Ctrl-C.

    Parameters
    ----------
    add : callable
        Returns `total` with items `low` to `high` added to it one after the other: so the sum does not depend on where
        a chunk ended.
    count : int
    """
    total, done, size = 0.0, 0, 1
    while done < count:
        before, until = perf_counter(), min(done + size, count)
        total = add(total, done, until)
        done, size = until, next_steps(size, perf_counter() - before, None)
    return total


def notifier(callback):
    """Return ``notify(x=..., fun=..., ...)`` that calls `callback` in the form it asks for, or None.

    Parameters
    ----------
    callback : callable or None
        Of ``xk``, or of ``intermediate_result`` where that is the name of its only parameter.

    Raises
    ------
    TypeError
        When it cannot be called.
    """
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"callback={callback!r} cannot be called; pass a function of xk or of intermediate_result")
    from inspect import signature

    from scipy.optimize import OptimizeResult

    try:
        parameters = set(signature(callback).parameters)
    except ValueError:  # a built-in without a signature
        parameters = set()
    if parameters == {"intermediate_result"}:
        return lambda **facts: callback(intermediate_result=OptimizeResult(facts))
    return lambda x, **facts: callback(x)
