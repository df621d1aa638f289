"""`Optimizer`: arrays updated in place, one step at a time."""

import os
import threading
from math import inf
from types import MappingProxyType

import numba
import numpy as np
from numba.core.errors import NumbaError

from .arguments import blame_schedule, find_hyperparameters, find_rule, kernel_values, refuse_rate
from .bind import bind, kernel, one_parallel_call, rule_names
from .layout import Parameter, block_table, check_apart, check_parameter
from .loops import arrays
from .loops.norms import factor_of
from .loops.rows import rows
from .modifiers import modify, split_modifiers
from .optimizer_state import Resumable
from .rows import BUSY, check_table, sorted_rows

# Below this many elements a step takes less time than it takes to wake the threads.
PARALLEL_FROM = 32_768

# OpenMP's threads do not survive a fork: a forked process steps serially, with the same result.
_process = os.getpid()


def on_arrays(function):
    """Return a function of a rule, and what modifiers have put it into, as one of arrays."""
    inner = {"inner": on_arrays(function.__globals__["inner"])} if hasattr(function, "parameter_names") else {}
    return bind(function, sqrt=np.sqrt, max=np.maximum, abs=np.abs, where=np.where, **inner)


class Optimizer(Resumable):
    """Arrays, updated in place by one fused pass per step.

    Parameters
    ----------
    params : numpy.ndarray, or list, tuple or dict of them
        All float32 or all float64, writable and apart in memory; any shape and strides. Changed in place by `step`.
    method : str or Rule, default "adam"
        A name in `optnumba.RULES`, or an algorithm and a library: ``"adam:keras"``.
    **hyper : float
        The rule's hyperparameters by name; ``learning_rate`` may be one of `optnumba.schedules`, or a function of the
        step number t = 1, 2, ... that Numba compiles.

    Attributes
    ----------
    params
        As given.
    rule : Rule
    hyper : mapping
        The hyperparameters in use, to read.
    slots : list of mapping
        For each array, in order, the state by name: writable views in its shape.

    Raises
    ------
    TypeError, ValueError
        For parameters that cannot be updated in place and for hyperparameters outside their intervals.

    Examples
    --------
    >>> import numpy, optnumba
    >>> x = numpy.array([1.0, -2.0])
    >>> opt = optnumba.Optimizer(x, method="adam", learning_rate=0.1)
    >>> opt.step(2 * x)
    >>> x
    array([ 0.9, -1.9])
    """

    def __init__(self, params, method="adam", **hyper):
        rule = find_rule(method)
        modifiers = split_modifiers(rule, hyper)
        (self.rule, more), self.params = modify(rule, modifiers), params
        arrays_given = self._listed(params)
        names = [f"params[{key!r}]" for key in (params if isinstance(params, dict) else range(len(arrays_given)))]
        for name, array in zip(names, arrays_given, strict=True):
            check_parameter(name, array)
            if array.dtype != arrays_given[0].dtype:
                other = f"{names[0]} has {arrays_given[0].dtype}"
                raise TypeError(f"{name} has dtype {array.dtype}, {other}; make one Optimizer for each dtype")
        check_apart(names, arrays_given)
        self.dtype = arrays_given[0].dtype if arrays_given else np.dtype(np.float64)
        self._values, self._schedule = find_hyperparameters(self.rule, {**hyper, **more}, self.dtype)
        self.hyper = MappingProxyType(
            {**dict(zip(self.rule.defaults, self._values, strict=True)), **hyper, **modifiers}
        )
        self._lay_out(names, arrays_given)
        self._state, self._carry = np.zeros(1, np.int64), np.zeros(len(self.rule.carry))
        self._kernel_values = kernel_values(self._values, self._schedule)
        self._busy = threading.Lock()
        self._rule_names = rule_names(self.rule, self._schedule)
        self._kernels = {}

    def _lay_out(self, names, given):
        """Set up the state, and the tables that the kernels read."""
        lows = np.cumsum([0, *(array.size for array in given)])
        self._parameters = [Parameter(*p) for p in zip(names, given, lows[:-1].tolist(), strict=True)]
        self._buffers = np.zeros((len(self.rule.slots), lows[-1]), self.dtype)
        slots = list(zip(self.rule.slots, self._buffers, strict=True))
        self.slots = [MappingProxyType({s: p.state(buffer) for s, buffer in slots}) for p in self._parameters]
        ranges = [np.lib.array_utils.byte_bounds(p.view) for p in self._parameters] or [(0, 0)]
        around = (min(begin for begin, _ in ranges), max(end for _, end in ranges))
        self._taken = (around, np.lib.array_utils.byte_bounds(self._buffers))
        self._addresses = np.zeros((2, len(given)), np.int64)
        self._addresses[0] = [p.view.ctypes.data for p in self._parameters]
        self._tables = {}
        self._like, self._huge = np.empty(0, self.dtype), float(np.finfo(self.dtype).max)

    def _listed(self, given):
        """Return the arrays of params, or of gradients in the same form, as a list."""
        if isinstance(self.params, np.ndarray):
            return (given,)
        form = dict if isinstance(self.params, dict) else (list, tuple)
        if not isinstance(self.params, form):
            return (given,)
        if not isinstance(given, form) or len(given) != len(self.params):
            found = (
                f"{type(given).__name__} of {len(given)}"
                if isinstance(given, (dict, list, tuple))
                else type(given).__name__
            )
            raise TypeError(
                f"grads is a {found}, expected a {type(self.params).__name__} of {len(self.params)} as params"
            )
        if form is not dict:
            return list(given)
        if given.keys() != self.params.keys():
            raise TypeError(f"grads has keys {list(given)}, expected {list(self.params)} as params")
        return [given[key] for key in self.params]

    def step(self, grads):
        """Update the parameters in place by one step.

        Parameters
        ----------
        grads : numpy.ndarray, or list or dict of them
            In the form, shapes and dtype of the parameters, of any strides; read only, never copied. Values that are
            not finite are not looked for: they spread, as in every array library.

        Raises
        ------
        TypeError, ValueError
            For gradients that do not fit or that share memory with the parameters. Nothing was changed.
        RuntimeError
            When another thread is stepping this optimizer.
        """
        if not self._busy.acquire(blocking=False):
            raise RuntimeError(BUSY)
        try:
            self._run(*self._gather(grads))
        except NumbaError:
            blame_schedule(self._schedule)
            raise
        finally:
            self._busy.release()

    def step_rows(self, indices, values):
        """Update some rows of the one array that the parameters are, an embedding table, in place by one step.

        What it costs depends on how many rows are given, not on how many the table has. The other rows keep their
        parameters and their state, while `t` counts the step for all: "lazy", as torch's sparse gradients are. That
        is a step on a gradient of zeros but for these rows where the rule lets a coordinate without gradient stay
        (``rule.stays``: "sgd" and "adagrad"); by how much it is off elsewhere, the theorems T-SPARSE-4 to 11 say.
        "adam:keras" with eps=1e-8 is torch's SparseAdam.

        Parameters
        ----------
        indices : array_like of int, shape (k,)
            Rows from 0 on, in any order. The values of a row that is given more than once are added up, in the order
            given.
        values : numpy.ndarray, shape (k, *params.shape[1:])
            The gradient's rows, of the dtype of the parameters; read only.

        Raises
        ------
        TypeError, ValueError
            For several arrays or one whose rows lie apart in memory, indices that are no integers or out of range, and
            values that do not fit or that share memory with the parameters. Nothing was changed.
        RuntimeError
            When another thread is stepping this optimizer.

        Examples
        --------
        >>> import numpy, optnumba
        >>> table = numpy.zeros((4, 2))
        >>> opt = optnumba.Optimizer(table, "sgd", learning_rate=1.0)
        >>> opt.step_rows([3, 1, 3], numpy.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        >>> table
        array([[ 0.,  0.],
               [-3., -4.],
               [ 0.,  0.],
               [-6., -8.]])
        """
        if not self._busy.acquire(blocking=False):
            raise RuntimeError(BUSY)
        try:
            check_table(self.params, self.hyper)
            found, order, matrix = sorted_rows(self.params, self._buffers, indices, values)
            width = matrix.shape[1]
            table, total = self._parameters[0].view.reshape(len(self.params), width), np.empty(width, self.dtype)
            state = (self._buffers, self._state, self._carry, self._kernel_values, self._huge)
            if not self._loop(rows)(table, found, order, matrix, total, *state):
                refuse_rate(self._schedule, self.t + 1, self.dtype)
        except NumbaError:
            blame_schedule(self._schedule)
            raise
        finally:
            self._busy.release()

    def _gather(self, grads):
        """Return the gradients as arrays in the order of memory, and the places of those that take the strided loop."""
        gathered, strided = [], []
        for k, (p, g) in enumerate(zip(self._parameters, self._listed(grads), strict=True)):
            if type(g) is not np.ndarray or g.dtype != self.dtype or g.shape != p.shape:
                g = p.refuse(g)
            if p.turned:
                g = g.T
            gathered.append(g)
            if not (p.contiguous and g.flags.c_contiguous and g.flags.aligned):
                strided.append(k)
                self._check_overlap(p, g)
            elif len(self._parameters) == 1:
                if np.may_share_memory(p.view, g) or np.may_share_memory(self._buffers, g):
                    self._check_overlap(p, g)
            else:
                address = self._addresses[1, k] = g.__array_interface__["data"][0]
                if any(address < end and address + g.nbytes > begin for begin, end in self._taken):
                    self._check_overlap(p, g)
        return gathered, tuple(strided)

    def _check_overlap(self, p, g):
        for name, other in [("the state", self._buffers), *((q.name, q.view) for q in self._parameters)]:
            if np.shares_memory(other, g):
                mine = p.name.replace("params", "grads", 1)
                raise ValueError(f"{mine} shares memory with {name}, which is about to change; pass a copy")

    def _run(self, gradients, strided):
        """Step the arrays at the places `strided`, and then all others, which counts the step."""
        table, parallel = self._table(strided)
        only = gradients[0].reshape(-1) if len(gradients) == 1 and not strided else self._like
        factor = self._norm_factor(gradients, strided, only, table) if "clip_norm" in self.rule.defaults else 1.0
        state = (self._buffers, self._state, self._carry, self._kernel_values, self._huge, factor)
        good = True
        for k in strided:
            p = self._parameters[k]
            good = self._loop(arrays.strided)(np.atleast_2d(p.view), np.atleast_2d(gradients[k]), p.low, *state)
        parallel = parallel and numba.get_num_threads() > 1 and os.getpid() == _process
        if parallel:
            one_parallel_call.acquire()
        try:
            loop = self._loop(arrays.contiguous, parallel)
            good = good and loop(only, self._addresses, table, self._like, *state)
        finally:
            if parallel:
                one_parallel_call.release()
        if not good:
            refuse_rate(self._schedule, self.t + 1, self.dtype)

    def _norm_factor(self, gradients, strided, only, table):
        """Return what to multiply the gradients by, so that the norm of all together is within ``clip_norm``."""

        def squares(scale):
            blocks = self._loop(arrays.squares_of_blocks)(only, self._addresses, table, self._like, scale)
            rows = self._loop(arrays.squares_of_rows) if strided else None
            return blocks + sum(rows(np.atleast_2d(gradients[k]), scale) for k in strided)

        total = squares(1.0)
        if 1e-280 < total < 1e280:
            norm = total**0.5
        else:
            top = max((float(np.abs(g).max()) for g in gradients if g.size), default=0.0)
            norm = top * squares(1 / top) ** 0.5 if 1e-300 < top < inf else top
        return factor_of(norm, self.hyper["clip_norm"])

    def _loop(self, loop, parallel=False):
        key = loop, parallel
        if key not in self._kernels:
            alike = loop in (arrays.squares_of_blocks, arrays.squares_of_rows)  # for every rule
            label, names = ("norm", {}) if alike else (self.rule.label, self._rule_names)
            self._kernels[key] = kernel(loop, label, names, parallel)
        return self._kernels[key]

    def _table(self, skipped):
        """Return the table of blocks without the arrays at `skipped`, and whether it is worth the threads."""
        if skipped not in self._tables:
            table = block_table([(k, p) for k, p in enumerate(self._parameters) if k not in skipped])
            self._tables[skipped] = table, bool(table[:, 3].sum() >= PARALLEL_FROM)
        return self._tables[skipped]

    @property
    def t(self):
        """Steps done (int). Setting it makes the next step that of t + 1: bias corrections are computed for it."""
        return int(self._state[0])

    @t.setter
    def t(self, steps):
        if isinstance(steps, bool) or not hasattr(steps, "__index__") or not 0 <= int(steps) < 2**62:
            raise ValueError(f"t={steps!r} is not a number of steps; pass an integer from 0 on")
        self._state[0] = int(steps)
        self._carry[:] = self.rule.start_at(int(steps), self._values)

    def solution(self):
        """Return the iterate: the parameters themselves, except where the rule keeps another point (NAG).

        Returns
        -------
        numpy.ndarray, or list or dict of them
            In the form of the parameters. For "nag" new arrays θ = φ + γv; else the parameters, not copied.
        """
        if self.rule.readout is None:
            return self.params
        t = max(self.t, 1)
        rate = () if self._schedule is None else (float(self._schedule(t)),)
        values = (*rate, *self._values[len(rate) :])
        new = self.rule.quiet_coefficients(t, *self.rule.start_at(t - 1, values), *values)[len(self.rule.carry) :]
        readout = on_arrays(self.rule.readout)
        coefficients = [self.dtype.type(c) for c in new]
        found = [
            np.asarray(readout(p.array, *slots.values(), *coefficients))
            for p, slots in zip(self._parameters, self.slots, strict=True)
        ]
        return self._formed(found)

    def average(self):
        """Return the average of the iterates, as the option ``average`` says.

        Returns
        -------
        numpy.ndarray, or list or dict of them
            New arrays in the form of the parameters; 0 before the first step.

        Raises
        ------
        ValueError
            When no average was asked for.
        """
        if "average" not in self.rule.slots:
            raise ValueError("no average is kept; make the Optimizer with average='polyak', or with a decay as 0.999")
        return self._formed([slots["average"].copy() for slots in self.slots])

    def _formed(self, found):
        """Return a list of arrays in the form of the parameters."""
        if isinstance(self.params, dict):
            return dict(zip(self.params, found, strict=True))
        return found if isinstance(self.params, (list, tuple)) else found[0]
