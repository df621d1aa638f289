"""Copies of the arrays of an optimizer on a device, and what is worked out from them."""

import numpy as np

from ..loops import cuda as loops
from . import driver
from .arrays import Place, contiguous_strides, stream_of
from .kernels import kernel, on_a_device
from .tables import Blocks, layout_table


class Copies:
    """The part of `DeviceArrays` that reads the arrays and writes them, but for a step.

    Every method waits until it is done.
    """

    def start_masters(self, stream):
        """Set the master weights to parameters of 16 bits."""
        job = {"update": loops.taken, "value": loops.widened, "gradient": loops.unused, "keep": loops.start_master}
        for p in self.parameters:
            self._visit("start", job, p, self._state, stream)  # an address as any: nothing is read there

    def read_out(self, coefficients):
        """Return new arrays with the iterates, where the rule keeps another point (list)."""
        job = {
            "update": loops.read_out,
            "readout": self._rule.readout,
            "gradient": loops.unused,
            "keep": loops.write_out,
        }
        made = self._written("read out", job, coefficients)
        return [p.shaped(flat, driver.turned) for p, flat in made]

    def averages(self):
        """Return copies of the averages on the device (list)."""
        job = {"update": loops.last_slot, "gradient": loops.unused, "keep": loops.write_out}
        return [p.shaped(flat, driver.turned) for p, flat in self._written("average", job)]

    def parameters_on_host(self):
        """Return the parameters on the host, of those in 16 bits the master weights (list of numpy.ndarray)."""
        job = {"update": loops.taken, "gradient": loops.unused, "keep": loops.write_out}
        return [p.shaped(flat.copy_to_host()) for p, flat in self._written("take", job)]

    def load_parameters(self, given):
        """Write arrays on the host to the parameters."""
        kept = []  # until what reads them is done
        with self._waiting() as stream:
            job = {"update": loops.given, "gradient": loops.read, "keep": loops.write_in}
            if self.extra_slots:
                job["keep"] = loops.write_in_both
            for p, array in zip(self.parameters, given, strict=True):
                if p.view.size:
                    ordered = np.ascontiguousarray(array.T if p.turned else array).ravel()
                    kept.append(driver.need().to_device(ordered, stream=stream))
                    self._visit("give", job, p, driver.address_of(kept[-1]), stream)

    def slots_on_host(self):
        """Return the state of each array on the host (list of dict of numpy.ndarray)."""
        with self._waiting():
            rows = dict(zip(self.slot_names, self._buffers.copy_to_host(), strict=False))
        return [{name: p.state(row).copy() for name, row in rows.items()} for p in self.parameters]

    def load_slots(self, given):
        """Write what `slots_on_host` returned."""
        with self._waiting():
            whole = self._buffers.copy_to_host()
            for k, name in enumerate(self.slot_names):
                for p, arrays in zip(self.parameters, given, strict=True):
                    p.state(whole[k])[...] = arrays[name]
            self._buffers.copy_to_device(whole)

    def _waiting(self):
        return driver.waiting(self.device, stream_of(self._given[0]))

    def _written(self, name, job, c=None):
        """Do a job that writes a number for each coordinate, and return each array with those of it (list of pairs)."""
        with self._waiting() as stream:
            made = [(p, driver.zeros(p.view.size, self.dtype, stream)) for p in self.parameters]
            for p, flat in made:
                self._visit(name, job, p, driver.address_of(flat), stream, c)
        return made

    def _visit(self, name, job, p, other, stream, c=None):
        """Do a job at every coordinate of `p` and of contiguous numbers at the address `other`."""
        if not p.view.size:
            return
        c = (self.dtype.type(0),) * len(self._rule.coefficient_names) if c is None else c

        def names():
            step = on_a_device(self._rule, self.kind)
            return {**step, "source": step["pointer"], "G_BYTES": step["BYTES"], **job}

        key = (name, self._rule, self.kind)
        where = (self._state + p.low * self.dtype.itemsize, self._pitch, c)
        x = p.view.__array_interface__["data"][0]
        if p.contiguous:
            about = (x, other, p.view.size)
            kernel(loops.one, key, names)(self._grid(p.view.size), driver.threads(), stream, *about, *where)
            return
        elements = Place(other, p.view.shape, contiguous_strides(p.view.shape, self.dtype.itemsize), self.dtype.name)
        layouts = layout_table({0: (p.view, elements.ghost())}, 1)
        table, blocks = driver.need().to_device(layouts.ravel(), stream=stream), Blocks([(0, p)], stream)
        about = (driver.address_of(table), layouts.shape[1], blocks.address, blocks.count)
        where = (self._state, *where[1:])
        kernel(loops.strided, key, names)(self._grid(blocks.count), driver.threads(), stream, *about, *where)
        driver.toolkit().synchronize()  # before the tables go
