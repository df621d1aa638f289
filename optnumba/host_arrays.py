"""The arrays of an `Optimizer` in the memory of the host: their state, and one step of all of them in one pass."""

import os
from math import sqrt
from types import MappingProxyType

import numba
import numpy as np

from .arguments import kernel_values, refuse_rate
from .bind import bind, kernel, one_parallel_call, rule_names
from .layout import Parameter, Ranges, block_table, check_alike, check_apart, check_parameter
from .loops import arrays
from .loops.norms import factor_of, scale_for
from .loops.rows import rows
from .rows import check_table, sorted_rows

# Below this many elements a step takes less time than it takes to wake the threads.
PARALLEL_FROM = 32_768

# OpenMP's threads do not survive a fork: a forked process steps serially, with the same result.
_process = os.getpid()


def on_arrays(function):
    """Return a function of a rule, and what modifiers have put it into, as one of arrays."""
    inner = {"inner": on_arrays(function.__globals__["inner"])} if hasattr(function, "parameter_names") else {}
    return bind(function, sqrt=np.sqrt, max=np.maximum, abs=np.abs, where=np.where, **inner)


class HostArrays:
    """NumPy arrays that are updated in place.

    Parameters
    ----------
    names : list of str
        For messages: ``params[0]``.
    given : list of numpy.ndarray
        Checked here.

    Attributes
    ----------
    dtype : numpy.dtype
    parameters : list of Parameter
    slots : list of mapping
        For each array the state by name: writable views.
    slot_names : tuple of str
    """

    def __init__(self, names, given):
        for name, array in zip(names, given, strict=True):
            check_parameter(name, array)
        check_alike(names, [array.dtype for array in given])
        check_apart(names, given)
        self.dtype = given[0].dtype if given else np.dtype(np.float64)
        lows = np.cumsum([0, *(array.size for array in given)])
        self.parameters = [Parameter(*p) for p in zip(names, given, lows[:-1].tolist(), strict=True)]
        self._total = int(lows[-1])

    def lay_out(self, rule, values, schedule):
        """Set up the state for a rule with checked hyperparameters, and the tables that the kernels read."""
        self._rule, self._values, self._schedule, self.slot_names = rule, values, schedule, rule.slots
        self._buffers = np.zeros((len(rule.slots), self._total), self.dtype)
        slots = list(zip(rule.slots, self._buffers, strict=True))
        self.slots = [MappingProxyType({s: p.state(buffer) for s, buffer in slots}) for p in self.parameters]
        self._taken = Ranges([self._buffers, *(p.view for p in self.parameters)])
        self._addresses = np.zeros((2, len(self.parameters)), np.int64)
        self._addresses[0] = [p.view.ctypes.data for p in self.parameters]
        self._tables, self._kernels = {}, {}
        self._like, self._huge = np.empty(0, self.dtype), float(np.finfo(self.dtype).max)
        self._state, self._carry = np.zeros(1, np.int64), np.zeros(len(rule.carry))
        self._kernel_values = kernel_values(values, schedule)
        self._rule_names = rule_names(rule, schedule)

    @property
    def t(self):
        """Steps done (int)."""
        return int(self._state[0])

    @property
    def carry(self):
        """The carried scalars (list of float)."""
        return self._carry.tolist()

    def put(self, t, carry):
        """Make `t` the steps done, with the carried scalars that belong to it."""
        self._state[0], self._carry[:] = t, carry

    def step(self, gradients, stream=None):
        """Step all arrays."""
        if stream is not None:
            raise TypeError(
                f"stream={stream!r} is for arrays on a CUDA device, and these are on the host; leave it out"
            )
        self._run(*self._gather(gradients))

    def step_rows(self, table, hyper, indices, values):
        """Step some rows of the one array there is, which is `table`."""
        check_table(table, hyper)
        found, order, matrix = sorted_rows(table, self._buffers, indices, values)
        width = matrix.shape[1]
        view, total = self.parameters[0].view.reshape(len(table), width), np.empty(width, self.dtype)
        state = (self._buffers, self._state, self._carry, self._kernel_values, self._huge)
        if not self._loop(rows)(view, found, order, matrix, total, *state):
            refuse_rate(self._schedule, self.t + 1, self.dtype)

    def _gather(self, given):
        """Return the gradients as arrays in the order of memory, and the places of those that take the strided loop."""
        gathered, strided = [], []
        for k, (p, g) in enumerate(zip(self.parameters, given, strict=True)):
            if type(g) is not np.ndarray or g.dtype != self.dtype or g.shape != p.shape:
                g = p.refuse(g)
            if p.turned:
                g = g.T
            gathered.append(g)
            if not (p.contiguous and g.flags.c_contiguous and g.flags.aligned):
                strided.append(k)
                self._check_overlap(p, g)
            elif len(self.parameters) == 1:
                if np.may_share_memory(p.view, g) or np.may_share_memory(self._buffers, g):
                    self._check_overlap(p, g)
            else:
                address = self._addresses[1, k] = g.__array_interface__["data"][0]
                if self._taken.meet(address, address + g.nbytes):
                    self._check_overlap(p, g)
        return gathered, tuple(strided)

    def _check_overlap(self, p, g):
        for name, other in [("the state", self._buffers), *((q.name, q.view) for q in self.parameters)]:
            if np.shares_memory(other, g):
                raise ValueError(f"{p.gradient_name} shares memory with {name}, which is about to change; pass a copy")

    def _run(self, gradients, strided):
        """Step the arrays at the places `strided`, and then all others, which counts the step."""
        table, parallel = self._table(strided)
        only = gradients[0].reshape(-1) if len(gradients) == 1 and not strided else self._like
        factor = self._norm_factor(gradients, strided, only, table) if "clip_norm" in self._rule.defaults else 1.0
        state = (self._buffers, self._state, self._carry, self._kernel_values, self._huge, factor)
        good = True
        for k in strided:
            p = self.parameters[k]
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
        scale = scale_for(total)
        norm = sqrt(total if scale == 1.0 else squares(scale)) / scale
        return factor_of(norm, self._values[list(self._rule.defaults).index("clip_norm")])

    def _loop(self, loop, parallel=False):
        key = loop, parallel
        if key not in self._kernels:
            alike = loop in (arrays.squares_of_blocks, arrays.squares_of_rows)  # for every rule
            label, names = ("norm", {}) if alike else (self._rule.label, self._rule_names)
            self._kernels[key] = kernel(loop, label, names, parallel)
        return self._kernels[key]

    def _table(self, skipped):
        """Return the table of blocks without the arrays at `skipped`, and whether it is worth the threads."""
        if skipped not in self._tables:
            table = block_table([(k, p) for k, p in enumerate(self.parameters) if k not in skipped])
            self._tables[skipped] = table, bool(table[:, 3].sum() >= PARALLEL_FROM)
        return self._tables[skipped]

    def read_out(self, coefficients):
        """Return new arrays with the iterates, where the rule keeps another point (list)."""
        readout = on_arrays(self._rule.readout)
        return [
            np.asarray(readout(p.array, *slots.values(), *coefficients))
            for p, slots in zip(self.parameters, self.slots, strict=True)
        ]

    def averages(self):
        """Return copies of the averages (list)."""
        return [slots["average"].copy() for slots in self.slots]

    def parameters_on_host(self):
        """Return the parameters as NumPy arrays: here, they themselves (list)."""
        return [p.array for p in self.parameters]

    def load_parameters(self, given):
        """Write arrays to the parameters."""
        for p, array in zip(self.parameters, given, strict=True):
            p.array[...] = array

    def slots_on_host(self):
        """Return the state of each array as NumPy arrays: here, it itself (list of mapping)."""
        return self.slots

    def load_slots(self, given):
        """Write what `slots_on_host` returned."""
        for mine, theirs in zip(self.slots, given, strict=True):
            for name, array in mine.items():
                array[...] = theirs[name]
