"""Learning rates that change with the step number t = 1, 2, ...: each a compiled function, printable and plottable.

Whatever takes a ``learning_rate`` takes one of these. Their numbers travel to the compiled loop in an array, so that to
change one compiles nothing. In step t, t - 1 steps are done: that is what torch, Keras and optax count.
"""

from dataclasses import replace
from functools import cache

from .bind import bind
from .loops import schedule_rates
from .rule import Hyper
from .schedule import Schedule, check_boundaries, check_flag, check_integer, check_sequence

# What an argument may be; the default is the example in the message.
RATE = Hyper("rate", 0.01, "[0, inf)", "a learning rate")
END = Hyper("end", 0.0, "[0, inf)", "the last rate")
START = Hyper("start", 0.001, "[0, inf)", "the first rate")
DECAY = Hyper("decay", 0.01, "[0, inf)", "how fast the rate falls")
FACTOR = Hyper("factor", 0.5, "(0, inf)", "by what the rate is multiplied")
POWER = Hyper("power", 1.0, "(0, inf)", "exponent")
WARMUP = Hyper("warmup", 0.3, "[0, 1]", "share of the steps")


def constant(rate):
    """Return the schedule that is `rate` in every step.

    torch: ``ConstantLR(factor=1)``; optax: ``constant_schedule(rate)``.

    Parameters
    ----------
    rate : float
        0 or more.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> join([constant(0.1), constant(0.01)], [1000])(1001)
    0.01
    """
    rate = RATE.check(rate, "constant")
    return _made(schedule_rates.constant, (rate,), constant, rate=rate)


def time_based(rate, decay, every=1, staircase=False):
    """Return ``rate / (1 + decay * (t - 1) / every)``: the learning rate falls like 1/t.

    Keras: ``InverseTimeDecay(rate, every, decay, staircase)``, and the argument ``decay`` of its optimizers until 2022.

    Parameters
    ----------
    rate : float
        Of the first step.
    decay : float
        The rate is half of the first after ``every / decay`` steps.
    every : int, default 1
        Steps in which ``decay`` is added to the divisor: those of an epoch, say.
    staircase : bool, default False
        Whether the rate changes only when `every` steps are done.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = time_based(0.1, decay=0.01)
    >>> schedule(1), schedule(101)
    (0.1, 0.05)
    """
    rate, decay = RATE.check(rate, "time_based"), DECAY.check(decay, "time_based")
    every, staircase = check_integer("every", every, "time_based"), check_flag("staircase", staircase, "time_based")
    numbers = rate, decay, every, staircase
    return _made(
        schedule_rates.inverse_time, numbers, time_based, rate=rate, decay=decay, every=every, staircase=staircase
    )


def exponential(rate, factor, every=1, staircase=False):
    """Return ``rate * factor ** ((t - 1) / every)``.

    torch: ``ExponentialLR(gamma=factor)``; Keras: ``ExponentialDecay(rate, every, factor, staircase)``; optax:
    ``exponential_decay(rate, every, factor, staircase=staircase)``.

    Parameters
    ----------
    rate : float
        Of the first step.
    factor : float
        Above 0; by what the rate is multiplied in `every` steps. Above 1 it grows, until it overflows.
    every : int, default 1
    staircase : bool, default False
        Whether the rate changes only when `every` steps are done.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = exponential(0.1, factor=0.25, every=100)
    >>> schedule(1), schedule(51), schedule(101)
    (0.1, 0.05, 0.025)
    """
    rate, factor = RATE.check(rate, "exponential"), FACTOR.check(factor, "exponential")
    every, staircase = check_integer("every", every, "exponential"), check_flag("staircase", staircase, "exponential")
    numbers = rate, factor, every, staircase
    return _made(
        schedule_rates.exponential, numbers, exponential, rate=rate, factor=factor, every=every, staircase=staircase
    )


def step(rate, every, factor):
    """Return the schedule that multiplies the rate by `factor` whenever `every` more steps are done.

    torch: ``StepLR(step_size=every, gamma=factor)``; it is `exponential` with ``staircase=True``.

    Parameters
    ----------
    rate : float
        Of the first `every` steps.
    every : int
    factor : float
        Above 0.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = step(0.1, every=100, factor=0.5)
    >>> schedule(100), schedule(101), schedule(201)
    (0.1, 0.05, 0.025)
    """
    rate, factor, every = RATE.check(rate, "step"), FACTOR.check(factor, "step"), check_integer("every", every, "step")
    return _made(schedule_rates.exponential, (rate, factor, every, True), step, rate=rate, every=every, factor=factor)


def piecewise_constant(boundaries, rates, steps_per_epoch=1):
    """Return a list of rates, each used until so many steps, or epochs, are done.

    torch: ``MultiStepLR(milestones=boundaries)``, where each rate is `gamma` times the one before; Keras counts one
    less: ``PiecewiseConstantDecay([b - 1 for b in boundaries], rates)``.

    Parameters
    ----------
    boundaries : sequence of int
        Ascending, from 1 on: ``rates[j]`` is used until ``boundaries[j]`` steps are done.
    rates : sequence of float
        One more: the last one is used for ever.
    steps_per_epoch : int, default 1
        Where `boundaries` are epochs: how many steps make one.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = piecewise_constant([5, 20], [0.1, 0.01, 0.001], steps_per_epoch=100)
    >>> schedule(500), schedule(501), schedule(2001)
    (0.1, 0.01, 0.001)
    """
    boundaries = check_boundaries(boundaries, "piecewise_constant")
    rates = tuple(
        replace(RATE, name=f"rates[{j}]").check(rate, "piecewise_constant")
        for j, rate in enumerate(check_sequence("rates", rates, "piecewise_constant"))
    )
    each = check_integer("steps_per_epoch", steps_per_epoch, "piecewise_constant")
    if len(rates) != len(boundaries) + 1:
        remedy = "give one rate more than there are boundaries"
        raise ValueError(f"rates has {len(rates)} entries and boundaries {len(boundaries)}; {remedy}")
    numbers = len(boundaries), *(each * b for b in boundaries), *rates
    arguments = {"boundaries": boundaries, "rates": rates, "steps_per_epoch": each}
    return _made(schedule_rates.piecewise, numbers, piecewise_constant, **arguments)


def polynomial(rate, steps, end=0.0, power=1.0):
    """Return ``end + (rate - end) * (1 - (t - 1) / steps) ** power``, and `end` once `steps` steps are done.

    Keras: ``PolynomialDecay(rate, steps, end, power)``; optax: ``polynomial_schedule(rate, end, power, steps)``; torch:
    ``PolynomialLR(steps, power)`` with end 0, and with power 1 ``LinearLR(1, end / rate, steps)``.

    Parameters
    ----------
    rate : float
        Of the first step.
    steps : int
    end : float, default 0
    power : float, default 1
        Above 0; 1 is a straight line.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = polynomial(0.5, steps=100, power=2.0)
    >>> schedule(1), schedule(51), schedule(101)
    (0.5, 0.125, 0.0)
    """
    rate, end = RATE.check(rate, "polynomial"), END.check(end, "polynomial")
    steps, power = check_integer("steps", steps, "polynomial"), POWER.check(power, "polynomial")
    numbers = rate, steps, end, power
    return _made(schedule_rates.polynomial, numbers, polynomial, rate=rate, steps=steps, end=end, power=power)


def cosine(rate, steps, end=0.0):
    """Return ``end + (rate - end) * (1 + cos(pi * (t - 1) / steps)) / 2``, and `end` once `steps` steps are done.

    torch: ``CosineAnnealingLR(steps, end)``, which rises again after its end; with alpha = end / rate, Keras:
    ``CosineDecay(rate, steps, alpha)``, and optax: ``cosine_decay_schedule(rate, steps, alpha)``.

    Parameters
    ----------
    rate : float
        Of the first step.
    steps : int
    end : float, default 0

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = cosine(0.1, steps=100, end=0.001)
    >>> schedule(1), schedule(101), schedule(1000)
    (0.1, 0.001, 0.001)
    """
    rate, end = RATE.check(rate, "cosine"), END.check(end, "cosine")
    steps = check_integer("steps", steps, "cosine")
    return _made(schedule_rates.cosine, (rate, steps, end), cosine, rate=rate, steps=steps, end=end)


def cosine_restarts(rate, steps, multiply=1, end=0.0):
    """Return `cosine`, begun anew whenever it has come to its end.

    torch: ``CosineAnnealingWarmRestarts(steps, multiply, end)``; Keras: ``CosineDecayRestarts(rate, steps, multiply,
    alpha=end / rate)``.

    Parameters
    ----------
    rate : float
        Of the first step, and after each restart.
    steps : int
        Until the first restart.
    multiply : int, default 1
        How many times longer than the one before each further part is.
    end : float, default 0

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = cosine_restarts(0.1, steps=10, multiply=2)
    >>> schedule(1), schedule(11), schedule(31), schedule(71)
    (0.1, 0.1, 0.1, 0.1)
    """
    rate, end = RATE.check(rate, "cosine_restarts"), END.check(end, "cosine_restarts")
    steps = check_integer("steps", steps, "cosine_restarts")
    multiply = check_integer("multiply", multiply, "cosine_restarts")
    arguments = {"rate": rate, "steps": steps, "multiply": multiply, "end": end}
    return _made(schedule_rates.cosine_restarts, (rate, steps, end, multiply), cosine_restarts, **arguments)


def linear_warmup(rate, steps, start=None):
    """Return the straight line from `start` to `rate` in `steps` steps, and `rate` from then on.

    optax: ``linear_schedule(start, rate, steps)``; torch: ``LinearLR(start / rate, 1, steps)``, by default from a third
    of `rate`; Keras: the first part of ``CosineDecay(start, ..., warmup_target=rate, warmup_steps=steps)``.

    Parameters
    ----------
    rate : float
        Reached when `steps` steps are done.
    steps : int
    start : float, optional
        Of the first step; ``rate / steps`` by default, since with 0 the first step does nothing.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = join([linear_warmup(0.5, steps=100, start=0.25), cosine(0.5, steps=900)], [100])
    >>> schedule(1), schedule(51), schedule(101), schedule(1001)
    (0.25, 0.375, 0.5, 0.0)
    """
    rate, steps = RATE.check(rate, "linear_warmup"), check_integer("steps", steps, "linear_warmup")
    first = rate / steps if start is None else START.check(start, "linear_warmup")
    arguments = {"rate": rate, "steps": steps, "start": None if start is None else first}
    return _made(schedule_rates.polynomial, (first, steps, rate, 1.0), linear_warmup, **arguments)


def one_cycle(rate, steps, warmup=0.3, start=None, end=None, linear=False):
    """Return one rise to `rate` and one longer fall, each half a wave of the cosine or a straight line.

    torch: the rate of ``OneCycleLR(rate, steps, pct_start=warmup)``, with ``div_factor=rate / start``,
    ``final_div_factor=start / end`` and ``anneal_strategy="linear"`` where `linear`; the momentum stays what it is.

    Parameters
    ----------
    rate : float
        The highest.
    steps : int
        Of the whole cycle: step `steps` is the first with the rate `end`.
    warmup : float, default 0.3
        The share of the steps in which the rate rises.
    start : float, optional
        Of the first step; ``rate / 25`` by default.
    end : float, optional
        Of the last step; ``start / 10000`` by default.
    linear : bool, default False

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = one_cycle(0.5, steps=101, start=0.25, end=0.0)
    >>> schedule(1), max(schedule(t) for t in range(1, 102)) > 0.499, schedule(101)
    (0.25, True, 0.0)
    """
    rate, steps = RATE.check(rate, "one_cycle"), check_integer("steps", steps, "one_cycle")
    warmup, linear = WARMUP.check(warmup, "one_cycle"), check_flag("linear", linear, "one_cycle")
    first = rate / 25 if start is None else START.check(start, "one_cycle")
    last = first / 10_000 if end is None else END.check(end, "one_cycle")
    numbers = rate, warmup * steps - 1, steps - 1, first, last, linear
    arguments = {"start": None if start is None else first, "end": None if end is None else last, "linear": linear}
    return _made(schedule_rates.one_cycle, numbers, one_cycle, rate=rate, steps=steps, warmup=warmup, **arguments)


def join(schedules, boundaries):
    """Return several schedules, one after the other, each of which counts its steps from where it begins.

    torch: ``SequentialLR(schedulers, milestones=boundaries)``; optax: ``join_schedules(schedules, boundaries)``.

    Parameters
    ----------
    schedules : sequence of Schedule
    boundaries : sequence of int
        Ascending, one less: ``schedules[j]`` is used until ``boundaries[j]`` steps are done, the last one for ever.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> schedule = join([constant(0.5), step(0.25, every=10, factor=0.5)], [100])
    >>> schedule(100), schedule(101), schedule(111)
    (0.5, 0.25, 0.125)
    """
    schedules = tuple(check_sequence("schedules", schedules, "join"))
    boundaries = check_boundaries(boundaries, "join")
    for j, schedule in enumerate(schedules):
        if not isinstance(schedule, Schedule):
            raise TypeError(f"schedules[{j}]={schedule!r} is not a Schedule; make one, such as constant(0.1)")
    if len(schedules) != len(boundaries) + 1:
        remedy = "give one schedule more than there are boundaries"
        raise ValueError(f"schedules has {len(schedules)} entries and boundaries {len(boundaries)}; {remedy}")
    rate, numbers = schedules[-1].rate, schedules[-1].parameters
    begins = 0, *boundaries
    for j in range(len(boundaries) - 1, -1, -1):
        rate = _joined(schedules[j].rate, rate)
        first = schedules[j].parameters
        numbers = boundaries[j] - begins[j], len(first), *first, *numbers
    return _made(rate, numbers, join, schedules=schedules, boundaries=boundaries)


@cache  # One function for each pair of kinds: what is compiled for it is found by its identity.
def _joined(before, after):
    return bind(schedule_rates.joined, before=before, after=after)


def _made(rate, numbers, maker, /, **arguments):
    return Schedule(rate, numbers, (maker, arguments))
