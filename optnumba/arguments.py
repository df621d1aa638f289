"""What users pass in, checked: errors name the argument, its value, what was expected, and the remedy."""

from difflib import get_close_matches
from functools import lru_cache
from numbers import Real
from types import FunctionType

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from .bind import kernel
from .loops import rates
from .loops.memory import real_array
from .rule import Rule
from .rules import ALGORITHMS, ALIASES, LIBRARIES, RULES
from .schedule import Schedule


def canonical(name):
    """Return the name in `RULES` that a name in any case, or of a library, stands for: "adam" for "Adam:torch"."""
    lower = name.lower() if isinstance(name, str) else ""
    return ALIASES.get(lower, lower)


def find_rule(method, argument="method"):
    """Return the rule called `method`: the one place where a name becomes a rule.

    Parameters
    ----------
    method : str or Rule
        A name in `RULES`, or an algorithm and a library such as ``"adam:torch"``, in any case; or a rule of your own.
    argument : str, default "method"
        What the caller calls it, for the message.

    Returns
    -------
    Rule

    Raises
    ------
    ValueError
        When there is no such rule; the message names the nearest.

    Examples
    --------
    >>> find_rule("adam:keras"), find_rule("adam:torch")
    (Rule('adam:keras'), Rule('adam'))
    """
    if isinstance(method, Rule):
        return method
    name = canonical(method)
    if name in RULES:
        return RULES[name]
    near = get_close_matches(str(method).lower(), [*RULES, *ALIASES], n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else "see optnumba.RULES"
    raise ValueError(
        f"{argument}={method!r} is not a Rule, nor the name of one; use one of {', '.join(ALGORITHMS)}, by itself or "
        f"with a library ({', '.join(LIBRARIES)}) as in 'adam:keras'; {hint}"
    )


def find_hyperparameters(rule, given, dtype):
    """Return the hyperparameter values for `rule` and the learning-rate schedule.

    Parameters
    ----------
    rule : Rule
    given : dict
        By name; the rest take their defaults. ``learning_rate`` may be a Schedule, or a function of the step number
        t = 1, 2, ...
    dtype : numpy.dtype
        The values must not vanish or overflow in it.

    Returns
    -------
    values : tuple of float
        In the order of ``rule.hyper``; of a scheduled learning rate, its default.
    schedule : Schedule, function or None

    Raises
    ------
    TypeError, ValueError
        From `Rule.check`, and when a value that must be positive rounds to 0 in `dtype`.
    """
    given, schedule = dict(given), None
    if callable(given.get("learning_rate")) and "learning_rate" in rule.defaults:
        schedule = given.pop("learning_rate")
        if not isinstance(schedule, (Schedule, FunctionType, Dispatcher)):
            remedy = "pass one of optnumba.schedules, a function of t, or a float"
            raise TypeError(f"learning_rate={schedule!r} cannot be compiled by Numba; {remedy}")
        first = rate_at(schedule, 1, dtype)
    values = rule.check(**given)
    limits = np.finfo(dtype)
    low, high = float(limits.tiny), float(limits.max)
    for hyper in rule.hyper:
        value = values[hyper.name]
        if 0.0 not in hyper and not low <= value <= high:
            remedy = f"use a value from {low:.3g} to {high:.3g}, or float64 arrays"
            raise ValueError(
                f"{hyper.name}={value!r} is 0, subnormal or infinite in {dtype} for {rule.name!r}; {remedy}"
            )
        with np.errstate(over="ignore"):
            rounded = float(dtype.type(value))
        if rounded not in hyper:
            raise ValueError(
                f"{hyper.name}={value!r} is {rounded} in {dtype}, outside {hyper.interval} for {rule.name!r}; "
                "use a less extreme value, or float64 arrays"
            )
    _check_coefficients(rule, tuple(values.values()), dtype)
    if isinstance(schedule, Schedule) and first:
        _check_coefficients(rule, (first, *tuple(values.values())[1:]), dtype)
    return tuple(values.values()), schedule


def kernel_values(values, schedule):
    """Return what the loops read: the hyperparameters, and behind them the numbers of a `Schedule`.

    Parameters
    ----------
    values : tuple of float
    schedule : Schedule, function or None

    Returns
    -------
    numpy.ndarray
        Of float64.
    """
    parameters = schedule.parameters if isinstance(schedule, Schedule) else ()
    return np.array([*values, *parameters], np.float64)


@lru_cache(maxsize=256)  # 30 µs, a tenth of a short minimisation
def _check_coefficients(rule, values, dtype):
    """Raise ValueError where a coefficient of the first or of a late step vanishes or overflows in `dtype`."""
    for t in (1, 10**15):
        carry = rule.start_at(t - 1, values)
        for name, exact in zip(
            rule.coefficient_names, rule.quiet_coefficients(t, *carry, *values)[len(carry) :], strict=True
        ):
            with np.errstate(over="ignore", under="ignore"):
                cast = dtype.type(exact)
            if not np.isfinite(cast) or (cast == 0) != (exact == 0):
                given = ", ".join(f"{h.name}={v!r}" for h, v in zip(rule.hyper, values, strict=True))
                remedy = "use less extreme values, or float64 arrays"
                raise ValueError(
                    f"{given}: the coefficient {name} of {rule.name!r} is {exact:.3g}, {cast} in {dtype}; {remedy}"
                )


def rate_at(schedule, t, dtype):
    """Return the learning rate of step `t` (float), or raise for a schedule that gives none.

    Parameters
    ----------
    schedule : Schedule, function or Numba dispatcher
        Called in Python.
    t : int
        1 or more.
    dtype : numpy.dtype
        The rate must be finite in it.

    Raises
    ------
    TypeError, ValueError
        When the schedule raises, or does not return a number in [0, inf).
    """
    remedy = f"it must return a float in [0, inf) for every t = 1, 2, ...; correct it at t={t}"
    try:
        value = getattr(schedule, "py_func", schedule)(t)
    except Exception as error:
        raise TypeError(f"learning_rate({t}) raised {error!r}; {remedy}") from error
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"learning_rate({t})={value!r} is not a real number; {remedy}")
    if not 0 <= value <= float(np.finfo(dtype).max):
        raise ValueError(f"learning_rate({t})={value!r} is outside [0, inf) in {dtype}; {remedy}")
    return float(value)


def refuse_rate(schedule, t, dtype):
    """Raise for the learning rate of step `t`, which compiled code found outside [0, inf)."""
    value = rate_at(schedule, t, dtype)
    remedy = "do not let it depend on variables that change"
    raise ValueError(f"learning_rate({t}) is outside [0, inf) as compiled, and {value!r} in Python; {remedy}")


def blame_schedule(schedule):
    """Raise TypeError when it is the learning-rate `schedule` that Numba cannot compile."""
    if schedule is None:
        return
    try:
        if isinstance(schedule, Schedule):
            kernel(rates.parametric, "schedule", {"schedule": schedule.rate})(1, (), kernel_values((), schedule))
        else:
            njit(getattr(schedule, "py_func", schedule))(1)
    except NumbaError as error:
        remedy = "use arithmetic, math and if, or a float"
        raise TypeError(f"learning_rate={schedule!r} cannot be compiled by Numba; {remedy}: {error}") from error


def check_start(x0):
    """Return a copy of `x0` that the minimiser may write on: 1-D, contiguous, float32 or float64.

    Parameters
    ----------
    x0 : array_like
        A scalar or 1-D, real and finite; integers become float64.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    TypeError, ValueError
        When it is anything else.
    """
    try:
        x = np.atleast_1d(np.asarray(x0))
    except ValueError as error:
        raise ValueError(f"x0={x0!r} is not an array of numbers; pass a 1-D sequence of floats") from error
    if x.ndim != 1:
        raise ValueError(f"'x0' must only have one dimension. It has shape {x.shape}; pass x0.ravel()")
    if x.size == 0:
        raise ValueError("x0 is empty; pass at least one number to start from")
    if x.dtype.kind in "biu":
        x = x.astype(np.float64)
    if x.dtype.kind != "f":
        raise TypeError(f"x0 has dtype {x.dtype}, expected real numbers; convert it with x0.astype(float)")
    # float16 and longdouble have no kernels; the caller of the former wants its values, of the latter its range.
    x = np.array(x, dtype=np.float32 if x.dtype.itemsize == 4 else np.float64, order="C")
    bad = np.flatnonzero(~np.isfinite(x))
    if bad.size:
        raise ValueError(f"x0[{bad[0]}]={x[bad[0]]} is not finite; start from finite numbers")
    return x


def check_bounds(bounds, x):
    """Return the lower and the upper bound of each coordinate, or (None, None).

    Parameters
    ----------
    bounds : scipy.optimize.Bounds, sequence of (low, high) pairs, or None
        In a pair None means no bound.
    x : numpy.ndarray, shape (n,)

    Returns
    -------
    lower, upper : numpy.ndarray of shape (n,) and the dtype of `x`, or None

    Raises
    ------
    ValueError
        When there are not n pairs, a bound is NaN, or a lower one exceeds an upper one.
    """
    if bounds is None:
        return None, None
    scalars = hasattr(bounds, "lb")  # scipy.optimize.Bounds may hold one bound for all
    lower, upper = _ends_of(bounds)
    lower, upper = real_array(lower), real_array(upper)
    if lower is None or upper is None:
        raise ValueError(f"bounds={bounds!r} are not real numbers; pass (low, high) pairs of floats, None for no bound")
    try:
        if lower.size not in (x.size, 1 if scalars else x.size):
            raise ValueError("of another length")
        exact = [np.array(np.broadcast_to(end, x.shape), np.float64) for end in (lower, upper)]
        lower, upper = (end.astype(x.dtype) for end in exact)
        # A bound that float32 rounded outward is moved to the next number inside.
        lower = np.where(lower < exact[0], np.nextafter(lower, x.dtype.type(np.inf)), lower)
        upper = np.where(upper > exact[1], np.nextafter(upper, x.dtype.type(-np.inf)), upper)
    except ValueError as error:
        raise ValueError(
            f"bounds has lengths {np.size(lower)} and {np.size(upper)}, x0 has {x.size}; give one pair each"
        ) from error
    bad = np.flatnonzero(~((lower <= upper) & (lower < np.inf) & (upper > -np.inf)))
    if bad.size:
        i = bad[0]
        raise ValueError(
            f"bounds[{i}]=({lower[i]}, {upper[i]}): no finite number lies between them; exchange or correct them"
        )
    return lower, upper


def _ends_of(bounds):
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        return bounds.lb, bounds.ub
    try:
        pairs = [(-np.inf if low is None else low, np.inf if high is None else high) for low, high in bounds]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"bounds={bounds!r} is not a sequence of (low, high) pairs; pass those or scipy.optimize.Bounds"
        ) from error
    return [low for low, _ in pairs], [high for _, high in pairs]
