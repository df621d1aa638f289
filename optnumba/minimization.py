"""One minimisation in progress: the arrays of `loops.descent`, and the loop compiled or interpreted over them."""

from contextlib import nullcontext
from functools import partial
from numbers import Number

import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from .arguments import blame_schedule, kernel_values, rate_at, refuse_rate
from .bind import bind, kernel, one_parallel_call, rule_names
from .loops import descent, rates
from .loops.memory import lend, row


def aligned_rows(count, like, value):
    """Return a matrix full of `value`, with rows as long as `like` or a little longer, each on a cache line of its own.

    NumPy aligns to 16 bytes, and a vector of 32 that lies across two cache lines takes two accesses.
    """
    line = 64 // like.itemsize
    width = -(-like.size // line) * line
    memory = np.full((count * width + line,), value, like.dtype)
    first = -memory.ctypes.data % 64 // like.itemsize
    return memory[first : first + count * width].reshape(count, width)


def keeps_nothing(argument):
    """Tell whether an objective cannot put the arrays it is handed into `argument`, as it can into a typed list."""
    if isinstance(argument, tuple):
        return all(map(keeps_nothing, argument))
    return argument is None or isinstance(argument, (Number, str, bytes, np.ndarray, np.generic, Dispatcher))


def interpreted_norm(names, rule):
    """Return what a loop that Python runs needs for clipping by the norm (dict)."""
    places = {place: names[place] for place in ("CLIP", "FACTOR", "BEHIND") if place in names}
    if not places:
        return {}
    return {"measure": kernel(names["measure"], rule.label, places), "limited": bind(names["limited"], **places)}


class Minimization:
    """A minimisation that can be advanced by any number of steps.

    Parameters
    ----------
    rule : Rule
    hyper : tuple of float
        In the order of ``rule.hyper``.
    schedule : Schedule, function or None
        Of the learning rate.
    objective : Objective
    x : numpy.ndarray, shape (n,)
        The starting point, copied.
    args : tuple
        Further arguments of the objective.
    bounds : tuple
        (lower, upper), arrays of shape (n,) or None.
    settings : dict
        With ``gtol``, ``ftol`` and ``xtol``.
    """

    def __init__(self, rule, hyper, schedule, objective, x, args, bounds, settings):
        self.rule, self.objective, self.args = rule, objective, args
        self.hyper = kernel_values(hyper, schedule)
        self.schedule, self.bounds = schedule, bounds
        number = x.dtype.type
        self.limits = (
            number(settings["gtol"]),
            -1.0 if settings["ftol"] is None else float(settings["ftol"]),
            None if settings["xtol"] is None else number(settings["xtol"]),
            np.finfo(x.dtype).max,
        )
        # NaN, so that a gradient entry that the objective never writes is noticed.
        self._points, self._gradients = (aligned_rows(3, x, np.nan)[:, : x.size] for _ in range(2))
        self._points[0] = x
        self._slots = aligned_rows(len(rule.slots), x, 0.0)
        self._state = np.array([0, 0, 1, 2, 0])
        self._values = np.array([np.nan, np.inf])
        self._carry = np.zeros(len(rule.carry))
        self._names = {**rule_names(rule, schedule), "hand": row if all(map(keeps_nothing, args)) else lend}
        self._ways = objective.compiled_names() if objective.compiled else []
        self._loop = self._compiled_loop() if objective.compiled else self._interpreted_loop()

    def _compiled_loop(self):
        """Return the loop compiled, for the first of the ways that are left to keep the objective from writing on x."""
        label = f"{self.rule.label}_{getattr(self.objective.fun, '__name__', 'fun')}"
        return kernel(descent.descend, label, {**self._names, **self._ways[0]})

    def _interpreted_loop(self):
        """Return the same loop run by Python, with the pass over the coordinates compiled."""
        names = self._names
        # The passes do not depend on where the rate comes from, and need no compilation of their own for each schedule.
        inside = {name: value for name, value in names.items() if name not in ("learning_rate", "schedule")}
        bound = {
            **names,
            "advance": bind(names["advance"], coefficients=self.rule.quiet_coefficients),
            "learning_rate": self._interpreted_rate(),
            **{f.__name__: kernel(f, self.rule.label, inside) for f in (descent.steep, descent.move, descent.still)},
            **interpreted_norm(names, self.rule),
            "row": lambda matrix, k: matrix[k],
            "hand": lambda matrix, k: matrix[k],
            "evaluate": self.objective.interpreted(),
        }
        return bind(descent.descend, **bound)

    def _interpreted_rate(self):
        if self.schedule is None:
            return self._names["learning_rate"]
        return bind(rates.scheduled, schedule=partial(rate_at, self.schedule, dtype=self._points.dtype))

    def advance(self, steps, trail):
        """Take up to `steps` steps, writing the points to the rows of `trail` unless None; return why it stopped."""
        kept = self.best.copy(), self.best_gradient.copy(), self.best_value
        ending = self._run(steps, trail)
        if ending == descent.RATE_BAD:
            refuse_rate(self.schedule, self.steps_done + 1, self._points.dtype)
        if ending in (descent.VALUE_STILL, descent.POINT_STILL) and not np.isfinite(self.gradient).all():
            return descent.GRADIENT_NOT_FINITE
        return self._overflow(kept) or ending

    def _run(self, steps, trail):
        """Return the ending of the loop (int), compiled in another way where the first does not compile."""
        arguments = (
            *(steps, self._state, self._values, self._carry, self.hyper, self._points, self._gradients, self._slots),
            *(*self.bounds, *self.limits, trail, self.args),
        )
        try:
            with one_parallel_call if self.objective.parallel else nullcontext():
                return int(self._loop(*arguments))
        except NumbaError as error:
            blame_schedule(self.schedule)
            if not self.objective.compiled:
                raise
            if len(self._ways) == 1:
                raise self.objective.explain(error, self._points[0], self.args) from error
            self._ways = self._ways[1:]
            self._loop = self._compiled_loop()
            return self._run(steps, trail)

    def _overflow(self, kept):
        """Return the ending where x or the state overflowed, or 0; the best point, if x did, is `kept` again.

        Both can come with values and gradients that are finite: of an objective that is constant there; of a g²
        beyond the range of the dtype, which makes its coordinate stand still for ever.
        """
        if not np.isfinite(self.best).all() and np.isfinite(self.best_value):
            self.best[:], self.best_gradient[:], self._values[1] = kept
        if np.isfinite(self.value) and not np.isfinite(self.x).all():
            return descent.POINT_NOT_FINITE
        if np.isfinite(self.gradient).all() and not np.isfinite(self._slots).all():
            return descent.STATE_NOT_FINITE
        return 0

    def fault(self, ending):
        """Return which number was not finite, where and when (str), for the endings that say that one was."""
        if ending == descent.VALUE_NOT_FINITE:
            return f"The objective is {self.value} at iteration {self.steps_done}."
        if ending == descent.GRADIENT_NOT_FINITE:
            i = np.flatnonzero(~np.isfinite(self.gradient))[0]
            return f"The gradient is {self.gradient[i]} in coordinate {i} at iteration {self.steps_done}."
        if ending == descent.POINT_NOT_FINITE:
            i = np.flatnonzero(~np.isfinite(self.x))[0]
            where = f"coordinate {i} by iteration {self.steps_done}"
            return f"x is {self.x[i]} in {where}: it left the range of {self.x.dtype}."
        if ending == descent.STATE_NOT_FINITE:
            k, i = np.argwhere(~np.isfinite(self._slots))[0]
            where = f"{self._slots[k, i]} in coordinate {i} by iteration {self.steps_done}"
            return f"The state {self.rule.slots[k]!r} is {where}: its gradient is too large for {self._slots.dtype}."
        return ""

    def settle(self, ending):
        """Make the present point the best one if it is, now that no step will follow.

        One that ended the loop by its gradient is, unless its value is higher by more than rounding can make it.
        """
        finite = all(np.isfinite(a).all() for a in (self.value, self.gradient, self.x))
        first = not np.isfinite(self._values[1]) and self.steps_done == 0
        slack = 64 * np.finfo(self._points.dtype).eps * abs(self.value) if ending == descent.GRADIENT_SMALL else 0.0
        if (finite and self.value <= self.best_value + slack) or first:
            self._state[descent.BEST], self._values[1] = self._state[descent.NOW], self.value

    @property
    def average(self):
        """The average of the iterates (array of shape (n,), a view): the last slot of a rule that keeps one."""
        return self._slots[-1, : self.x.size]

    @property
    def steps_done(self):
        """Steps done (int)."""
        return int(self._state[descent.STEP])

    @property
    def evaluations(self):
        """Evaluations of value and gradient (int)."""
        return int(self._state[descent.EVALUATIONS])

    @property
    def values_per_gradient(self):
        """How often the objective is evaluated in one evaluation of value and gradient (int)."""
        lower, upper = self.bounds
        free = self.x.size if lower is None else np.count_nonzero(lower < upper)
        return 1 + {"2-point": 1, "3-point": 2}.get(self.objective.differences, 0) * int(free)

    @property
    def x(self):
        """The present point (array of shape (n,), a view)."""
        return self._points[self._state[descent.NOW]]

    @property
    def gradient(self):
        """The gradient there (array of shape (n,), a view)."""
        return self._gradients[self._state[descent.NOW]]

    @property
    def value(self):
        """The objective there (float)."""
        return float(self._values[0])

    @property
    def best(self):
        """The best point seen (array of shape (n,), a view)."""
        return self._points[self._state[descent.BEST]]

    @property
    def best_gradient(self):
        """The gradient there (array of shape (n,), a view)."""
        return self._gradients[self._state[descent.BEST]]

    @property
    def best_value(self):
        """The objective there (float)."""
        return float(self._values[1])
