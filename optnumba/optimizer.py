"""`Optimizer`: arrays updated in place, one step at a time."""

import threading
from types import MappingProxyType

import numpy as np
from numba.core.errors import NumbaError

from .arguments import blame_schedule, find_hyperparameters, find_rule
from .gpu.arrays import on_device
from .host_arrays import HostArrays
from .modifiers import modify, split_modifiers
from .optimizer_state import Resumable
from .rows import BUSY


class Optimizer(Resumable):
    """Arrays, updated in place by one fused pass per step.

    Parameters
    ----------
    params : array, or list, tuple or dict of arrays
        Changed in place by `step`: writable, apart in memory, of any shape and strides. NumPy arrays, all float32 or
        all float64; or arrays on one CUDA device, of Numba, CuPy, torch or any other library that offers
        ``__cuda_array_interface__`` or DLPack. There they may also be float16 or bfloat16, all of one dtype: state and
        arithmetic then are float32, and a slot ``master`` keeps the parameters in float32, of which those given are
        the rounded values (what else writes to them is lost).
    method : str or Rule, default "adam"
        A name in `optnumba.RULES`, or an algorithm and a library: ``"adam:keras"``.
    capturable : bool, default False
        On a CUDA device: whether the step count lives there, so that steps can be captured in a CUDA graph and each
        replay is a step. Take one step before the capture, and keep this object and the gradients as long as the graph,
        which holds addresses only. To read `t` then waits for the device, and a learning rate that is none is found by
        `optnumba.cuda.synchronize`.
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
        For each array, in order, the state by name: writable views in its shape, where the array is.

    Raises
    ------
    TypeError, ValueError
        For parameters that cannot be updated in place, or that are not all in one place, and for hyperparameters
        outside their intervals.
    MemoryError
        When the device has no room for the state.
    optnumba.cuda.CudaUnavailable
        For device arrays without numba-cuda, a driver or a card, and in a forked process.

    Examples
    --------
    >>> import numpy, optnumba
    >>> x = numpy.array([1.0, -2.0])
    >>> opt = optnumba.Optimizer(x, method="adam", learning_rate=0.1)
    >>> opt.step(2 * x)
    >>> x
    array([ 0.9, -1.9])
    """

    def __init__(self, params, method="adam", *, capturable=False, **hyper):
        rule = find_rule(method)
        modifiers = split_modifiers(rule, hyper)
        (self.rule, more), self.params = modify(rule, modifiers), params
        given = self._listed(params)
        names = [f"params[{key!r}]" for key in (params if isinstance(params, dict) else range(len(given)))]
        self._arrays = _placed(names, given, capturable)
        self.dtype = self._arrays.dtype
        self._values, self._schedule = find_hyperparameters(self.rule, {**hyper, **more}, self.dtype)
        self.hyper = MappingProxyType(
            {**dict(zip(self.rule.defaults, self._values, strict=True)), **hyper, **modifiers}
        )
        self._busy = threading.Lock()
        self._alone(self._arrays.lay_out, self.rule, self._values, self._schedule)
        self.slots = self._arrays.slots

    def _alone(self, act, *arguments):
        """Call a method of the arrays, and keep other threads from stepping them."""
        if not self._busy.acquire(blocking=False):
            raise RuntimeError(BUSY)
        try:
            act(*arguments)
        except NumbaError:
            blame_schedule(self._schedule)
            raise
        finally:
            self._busy.release()

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

    def step(self, grads, stream=None):
        """Update the parameters in place by one step.

        Parameters
        ----------
        grads : array, or list or dict of arrays
            In the form, shapes and dtype of the parameters, and on their device; of any strides; read only, never
            copied. Values that are not finite are not looked for: they spread, as in every array library.
        stream : CUDA stream, optional
            Of Numba. By default the step runs on the stream on which the library of the parameters works now; it waits
            for the streams of the gradients, and for the step before. On a device `step` returns before it is done:
            keep the gradients, or let their library reuse them on a stream that waits for this one.

        Raises
        ------
        TypeError, ValueError
            For gradients that do not fit or that share memory with the parameters. Nothing was changed.
        RuntimeError
            When another thread is stepping this optimizer. On a device also when a kernel failed that was launched
            before, and on a stream that is captured into a graph without ``capturable=True``.
        """
        self._alone(self._step, grads, stream)

    def _step(self, grads, stream):
        self._arrays.step(self._listed(grads), stream)

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
        self._alone(self._arrays.step_rows, self.params, self.hyper, indices, values)

    @property
    def t(self):
        """Steps done (int). Setting it makes the next step that of t + 1: bias corrections are computed for it."""
        return self._arrays.t

    @t.setter
    def t(self, steps):
        if isinstance(steps, bool) or not hasattr(steps, "__index__") or not 0 <= int(steps) < 2**62:
            raise ValueError(f"t={steps!r} is not a number of steps; pass an integer from 0 on")
        self._arrays.put(int(steps), self.rule.start_at(int(steps), self._values))

    def solution(self):
        """Return the iterate: the parameters themselves, except where the rule keeps another point (NAG).

        Returns
        -------
        array, or list or dict of arrays
            In the form of the parameters, where they are. For "nag" new arrays θ = φ + γv (on a device, of Numba; of
            float32 for parameters in 16 bits); else the parameters, not copied.
        """
        if self.rule.readout is None:
            return self.params
        t = max(self.t, 1)
        rate = () if self._schedule is None else (float(self._schedule(t)),)
        values = (*rate, *self._values[len(rate) :])
        new = self.rule.quiet_coefficients(t, *self.rule.start_at(t - 1, values), *values)[len(self.rule.carry) :]
        return self._formed(self._arrays.read_out(tuple(self.dtype.type(c) for c in new)))

    def average(self):
        """Return the average of the iterates, as the option ``average`` says.

        Returns
        -------
        array, or list or dict of arrays
            New arrays in the form of the parameters, where they are (on a device, of Numba); 0 before the first step.

        Raises
        ------
        ValueError
            When no average was asked for.
        """
        if "average" not in self.rule.slots:
            raise ValueError("no average is kept; make the Optimizer with average='polyak', or with a decay as 0.999")
        return self._formed(self._arrays.averages())

    def _formed(self, found):
        """Return a list of arrays in the form of the parameters."""
        if isinstance(self.params, dict):
            return dict(zip(self.params, found, strict=True))
        return found if isinstance(self.params, (list, tuple)) else found[0]


def _placed(names, given, capturable):
    """Return the arrays of an optimizer where they are: on the host, or on a CUDA device."""
    there = [on_device(array) for array in given]
    if not any(there):
        if capturable:
            raise ValueError("capturable=True is for arrays on a CUDA device, and these are on the host; leave it out")
        return HostArrays(names, given)
    if not all(there):
        on, off = names[there.index(True)], names[there.index(False)]
        raise TypeError(f"{on} is on a CUDA device and {off} on the host; make one Optimizer for each")
    from .gpu.device_arrays import DeviceArrays

    return DeviceArrays(names, given, capturable)
