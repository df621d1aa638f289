"""The step count of an optimizer on a device and what follows from it: on the host, or where a graph can count it."""

import numpy as np

from ..bind import kernel as host_kernel
from ..bind import rule_names
from ..loops import cuda as loops
from ..loops.rates import prepare
from ..loops.slots import PACK
from . import driver
from .kernels import step_kernel


class Record:
    """Step count, carried scalars, hyperparameters and coefficients.

    Parameters
    ----------
    rule : Rule
    values : numpy.ndarray of float64
        Hyperparameters, and behind them the numbers of a schedule.
    kind : str
        The dtype of the parameters.
    dtype : numpy.dtype
        Of the rule's arithmetic.
    schedule : Schedule, function or None
    resident : bool
        Whether all of it is on the device. Then no launch takes a number that changes, and a graph may capture it.
    stream : stream
        On which the device's part is set up.
    """

    def __init__(self, rule, values, kind, dtype, schedule, resident, stream):
        self._resident, self._huge = resident, float(np.finfo(dtype).max)
        count = len(rule.coefficient_names)
        # In words of eight bytes: step count, whether a rate was bad, factor, carried scalars, values; then the same
        # flag again, which kernels read, and the coefficients.
        self._carried, self._valued = 3 + len(rule.carry), 3 + len(rule.carry) + values.size
        self._words = np.zeros(self._valued + 1 + count, np.int64)
        self._numbers = self._words.view(np.float64)
        self._numbers[2], self._numbers[self._carried : self._valued] = 1.0, values
        self._c = self._words[self._valued + 1 :].view(dtype)[:count]
        if resident:
            self._on_device = driver.zeros(self._words.size, np.int64, stream)
            self._address = driver.address_of(self._on_device)
            self._count = step_kernel(loops.count, rule, kind, schedule, resident)
            self._upload()
        else:
            names = {**rule_names(rule, schedule), "number": dtype.type, "pack_coefficients": PACK[count]}
            self._prepare = host_kernel(prepare, rule.label, names)

    def next(self, stream):
        """Return the coefficients of the next step as a launch takes them; None where the rate is bad."""
        if self._resident:
            first = self._address
            state, carry, values = first, first + 24, first + 8 * self._carried
            self._count(1, 1, stream, state, carry, values, self._huge, self.factor, self.coefficients)
            return self.coefficients
        carry, values = self._numbers[3 : self._carried], self._numbers[self._carried : self._valued]
        self._prepare(self._words[:2], carry, values, self._huge, self._numbers[2:3], self._c)
        if self._words[1]:
            self._words[1] = 0
            return None
        return tuple(self._c)

    @property
    def factor(self):
        """Where the factor for the gradient is on the device (int)."""
        return self._address + 16

    @property
    def coefficients(self):
        """Where the flag and the coefficients are on the device (int)."""
        return self._address + 8 * self._valued

    @property
    def t(self):
        """Steps done (int); where they are counted on the device, this waits for it."""
        self._download()
        return int(self._words[0])

    @property
    def carry(self):
        """The carried scalars (list of float)."""
        self._download()
        return self._numbers[3 : self._carried].tolist()

    def put(self, t, carry):
        """Make `t` the steps done, with the carried scalars that belong to it."""
        self._download()
        self._words[:2], self._numbers[3 : self._carried] = (t, 0), carry
        self._upload()

    def broken(self):
        """Tell whether a step on the device found a bad rate, and forget it (bool)."""
        self._download()
        found = bool(self._words[1])
        if found:
            self._words[1] = self._words[self._valued] = 0
            self._upload()
        return found

    def _download(self):
        if self._resident:
            driver.toolkit().synchronize()  # streams of other libraries do not wait for a copy on the default one
            self._on_device.copy_to_host(self._words)

    def _upload(self):
        if self._resident:
            driver.toolkit().synchronize()
            self._on_device.copy_to_device(self._words)
            driver.toolkit().synchronize()
