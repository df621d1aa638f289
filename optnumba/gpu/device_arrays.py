"""The arrays of an `Optimizer` on a CUDA device: their state, and one step of all of them in a launch or two."""

from types import MappingProxyType

import numpy as np

from ..arguments import kernel_values, refuse_rate
from ..layout import Parameter, Ranges, check_alike, check_apart
from ..loops import cuda as loops
from ..loops import cuda_norms
from . import driver
from .arrays import (
    Place,
    check_gradient,
    check_parameter,
    comes_by_dlpack,
    layout_of,
    library,
    on_device,
    place_of,
    stream_of,
)
from .copies import Copies
from .kernels import step_kernel
from .record import Record
from .tables import EARLIER, Addresses, Blocks, layout_table
from .tensors import Tensors
from .watch import watch

WAVES = 32  # blocks for each multiprocessor: four times what it can hold, so that the last ones do not wait


class DeviceArrays(Copies):
    """Arrays on one CUDA device.

    Parameters
    ----------
    names : list of str
        For messages: ``params[0]``.
    given : list of array
        Checked here.
    capturable : bool
        Whether the step count lives on the device, so that steps may be captured in a CUDA graph.
    """

    def __init__(self, names, given, capturable):
        driver.need()
        self._given, self.capturable = given, capturable
        self._places = [check_parameter(name, array) for name, array in zip(names, given, strict=True)]
        check_alike(names, [place.dtype for place in self._places])
        each = zip(names, given, self._places, strict=True)
        self._movable = [(name, x, place.address) for name, x, place in each if library(x) == "torch"]
        devices = {p.device: name for name, p in zip(names, self._places, strict=True) if p.device is not None}
        if len(devices) > 1:
            (one, name), (two, other) = list(devices.items())[:2]
            raise ValueError(
                f"{other} is on CUDA device {two}, {name} on device {one}; make one Optimizer for each device"
            )
        self.device, self.kind = next(iter(devices), 0), self._places[0].dtype
        self._layouts_given = [layout_of(array)[0] for array in given]
        ghosts = [place.ghost() for place in self._places]
        check_apart(names, ghosts)
        lows = np.cumsum([0, *(ghost.size for ghost in ghosts)])
        self.parameters = [Parameter(*p) for p in zip(names, ghosts, lows[:-1].tolist(), strict=True)]
        self._total = int(lows[-1])
        self.dtype = np.dtype(np.float64 if self.kind == "float64" else np.float32)
        self.extra_slots = ("master",) if self.kind in ("float16", "bfloat16") else ()

    def lay_out(self, rule, values, schedule):
        """Set up the state for a rule with checked hyperparameters."""
        self._rule, self._values, self._schedule = rule, values, schedule
        self._clips = "clip_norm" in rule.defaults
        self._resident = self.capturable or self._clips
        names = self.slot_names = (*rule.slots, *self.extra_slots)
        with driver.on_device(self.device):
            self._check_room(names)
            stream = self._last_stream = stream_of(self._given[0])
            # Rows begin where a load of 128 bytes does. Kernels take an address where there is no state, too.
            columns = -(-max(self._total, 1) // 32) * 32 if names else 1
            self._buffers = driver.zeros((max(len(names), 1), columns), self.dtype, stream)
            rows = {name: self._buffers[k] for k, name in enumerate(names)}
            self.slots = [
                MappingProxyType({name: self._state_of(p, row) for name, row in rows.items()}) for p in self.parameters
            ]
            self._state, self._pitch = driver.address_of(self._buffers), self._buffers.shape[1] * self.dtype.itemsize
            numbers = kernel_values(values, schedule)
            self.record = Record(rule, numbers, self.kind, self.dtype, schedule, self._resident, stream)
            self._sums = driver.zeros(2 * driver.norm_blocks() * 3, np.float64, stream) if self._clips else None
            self._tables, self._addresses, self._layouts = {}, Addresses(), Addresses()
            self._in_use = []
            if self.extra_slots:
                driver.toolkit().synchronize()  # whatever stream still writes the parameters
                self.start_masters(stream)
            driver.toolkit().synchronize()  # so that the state can be read on any stream
        buffers = Place(self._state, self._buffers.shape, self._buffers.strides, self.dtype.name).ghost()
        self._taken = Ranges([buffers, *(p.view for p in self.parameters)])
        of_torch = Tensors.all_are(self._given, self.parameters)
        self._tensors = Tensors(self._given, self.parameters, self._taken) if of_torch else None

    def _check_room(self, names):
        needed, free = len(names) * self._total * self.dtype.itemsize, driver.free_memory()
        if needed > free:
            raise MemoryError(
                f"the state of {self._rule.name!r} ({', '.join(names)}) needs {needed:,} bytes, and CUDA device "
                f"{self.device} has {free:,} free; use a rule with fewer slots, or free memory"
            )

    def _state_of(self, p, row):
        return p.state(row, driver.turned) if p.view.size else driver.zeros(p.shape, self.dtype, self._last_stream)

    @property
    def t(self):
        """Steps done (int)."""
        with driver.on_device(self.device):
            return self.record.t

    @property
    def carry(self):
        """The carried scalars (list of float)."""
        with driver.on_device(self.device):
            return self.record.carry

    def put(self, t, carry):
        """Make `t` the steps done, with the carried scalars that belong to it."""
        with driver.on_device(self.device):
            self.record.put(t, carry)

    def step_rows(self, table, hyper, indices, values):
        """Refuse: it is for the host."""
        raise TypeError("step_rows is for a table on the host, and params is on a CUDA device; use step")

    # -- A step ------------------------------------------------------------------------------------------------------

    def step(self, gradients, stream=None):
        """Launch one step on a stream, by default that on which the library of the parameters works."""
        driver.need()
        try:
            with driver.on_device(self.device):
                stream = stream_of(self._given[0]) if stream is None else driver.plain(stream)
                captured = driver.is_captured(stream)
                if captured and not self.capturable:
                    raise RuntimeError(
                        "the stream is captured into a CUDA graph, where the step count has to live on the device; "
                        "make the Optimizer with capturable=True"
                    )
                self._check_places()
                with driver.held_back(captured):
                    addresses, strided, streams = self._gather(gradients, stream, captured)
                    followed = self._follow(stream, streams, captured)
                    self._launch(addresses, strided, stream, captured)
                    self._give_back(stream, followed, captured)
        except driver.kernel_errors() as error:
            raise RuntimeError(f"the step of {self.described()} failed: {error}") from error
        watch(self)

    def _check_places(self):
        """Raise RuntimeError where a tensor of torch was given other memory, which leaves the old to others."""
        for name, tensor, address in self._movable:
            if tensor.data_ptr() != address:
                raise RuntimeError(f"{name} has moved to other memory since the Optimizer was made; make a new one")

    def described(self):
        """Return the rule, the arrays and the step, for messages (str)."""
        first, last = self.parameters[0].name, self.parameters[-1].name
        return f"{self._rule.name!r} on {first}{'' if first == last else f' to {last}'}"

    def _gather(self, gradients, stream, captured):
        """Return addresses, by their places as ghosts the gradients that take the strided loop, and all streams."""
        self._lent = []
        if self._tensors is not None and self._tensors.look(gradients):
            return self._tensors.addresses, {}, {"torch": gradients[0]}
        addresses, strided, streams = np.zeros((len(gradients), 2), np.int64), {}, {}
        addresses[:, 0] = [like.address for like in self._places]
        for k, (p, layout, g) in enumerate(zip(self.parameters, self._layouts_given, gradients, strict=True)):
            mine, begin = layout_of(g)
            if mine is not None and mine == layout and p.contiguous:
                streams[library(g)] = g
                end = begin + p.nbytes
            else:
                begin, end = self._look(k, g, stream, captured, strided, streams)
            if self._taken.meet(begin, end):
                self._check_overlap(p.gradient_name, place_of(g, stream).ghost())
            addresses[k, 1] = begin
        for k, ghost in strided.items():
            addresses[k, 1] = ghost.__array_interface__["data"][0]
        return addresses, strided, streams

    def _look(self, k, g, stream, captured, strided, streams):
        """Check a gradient, note its stream and whether it is strided, and return where it begins and ends."""
        p, like = self.parameters[k], self._places[k]
        if captured and on_device(g) and comes_by_dlpack(g):  # asked before its library lets the stream wait
            raise RuntimeError(
                f"{p.gradient_name} comes from {library(g)} by DLPack, which cannot be captured "
                "into a CUDA graph; copy it to an array of Numba, CuPy or torch"
            )
        place = check_gradient(p.gradient_name, g, like, stream)
        if place.awaited:
            self._lent.append(g)
        else:
            streams[library(g) if place.stream is None else place.stream] = g if place.stream is None else None
        if not p.view.size or (p.contiguous and place.strides == like.strides):
            return place.address, place.address + p.nbytes
        ghost = place.ghost().T if p.turned else place.ghost()
        if not (p.contiguous and ghost.flags.c_contiguous):
            strided[k] = ghost
        return np.lib.array_utils.byte_bounds(ghost)

    def _check_overlap(self, name, ghost):
        begin, end = np.lib.array_utils.byte_bounds(ghost)
        names = ["the state"] if begin < self._state + self._buffers.nbytes and end > self._state else []
        names += [q.name for q in self.parameters if np.shares_memory(q.view, ghost)]
        if names and ghost.size:
            raise ValueError(f"{name} shares memory with {names[0]}, which is about to change; pass a copy")

    def _follow(self, stream, streams, captured):
        """Let `stream` wait for the step before and the streams on which gradients are made; return these.

        A stream that is captured may wait for others that go into the same graph only: what is outside, whoever
        replays the graph puts in order.
        """
        others = [stream_of(g) if g is not None else driver.stream_at(handle) for handle, g in streams.items()]
        theirs = {driver.handle(other): other for other in others}
        awaited = {driver.handle(self._last_stream): self._last_stream, **theirs}
        for each in theirs, awaited:
            each.pop(driver.handle(stream), None)
        for handle, other in awaited.items():
            if not captured or (handle and driver.is_captured(other)):
                driver.wait(stream, other)
        self._last_stream = stream
        return theirs.values()

    def _give_back(self, stream, followed, captured):
        """Let the libraries of the gradients reuse their memory only after the step, though theirs is another stream.

        A pool gives memory out again in the order of its stream, which waits here. Of a library that gave its memory by
        DLPack the stream is unknown: its gradients are kept until the step is done.
        """
        if captured:
            return  # nothing was lent, and to ask for an event would end the capture
        for other in followed:
            driver.wait(other, stream)
        self._in_use = [(done, lent) for done, lent in self._in_use if not driver.is_over(done)]
        if self._lent:
            self._in_use.append((driver.recorded(stream), self._lent))

    def _launch(self, addresses, strided, stream, captured):
        single = len(self.parameters) == 1 and not self._clips
        if single and self.capturable:
            self._kernel(loops.one)  # from the first step on, as in `_written_tables`
        alone = single and not strided
        tables = [] if alone else self._written_tables(addresses, strided, stream, captured)
        if self._clips:
            self._clip(tables, stream)
        c = self.record.next(stream)
        if c is None:
            refuse_rate(self._schedule, self.record.t + 1, self.dtype)
        where = (self._state, self._pitch, c)
        if alone and self._total:
            grid = self._grid(-(-self._total // (4 * driver.threads())))
            self._kernel(loops.one)(grid, driver.threads(), stream, *addresses[0].tolist(), self._total, *where)
        for address, width, blocks in tables:
            loop, about = (loops.many, (address,)) if width == 2 else (loops.strided, (address, width))
            grid, blocks_of = self._grid(blocks.count), (blocks.address, blocks.count)
            self._kernel(loop)(grid, driver.threads(), stream, *about, *blocks_of, *where)

    def _clip(self, tables, stream):
        """Launch what finds the factor for the gradient, and writes it to the record."""
        sums, used = driver.address_of(self._sums), 0
        for address, width, blocks in tables:
            about = (address, width, blocks.address, blocks.count, sums + used * 24)
            self._kernel(cuda_norms.squares_of_blocks)(driver.norm_blocks(), driver.threads(), stream, *about)
            used += driver.norm_blocks()
        limit = self._values[list(self._rule.defaults).index("clip_norm")]
        self._kernel(cuda_norms.clip)(1, 1, stream, sums, used, limit, self.record.factor)

    def _kernel(self, loop):
        return step_kernel(loop, self._rule, self.kind, self._schedule, self._resident)

    def _grid(self, blocks):
        return max(1, min(blocks, driver.multiprocessors() * WAVES))

    # -- Tables ------------------------------------------------------------------------------------------------------

    def _written_tables(self, addresses, strided, stream, captured):
        """Return (address, width, blocks) of the tables for the contiguous arrays and for those that are strided."""
        key = tuple(strided)
        if key not in self._tables:
            if captured:
                raise RuntimeError(EARLIER)
            each = list(enumerate(self.parameters))
            kinds = [(k, p) for k, p in each if k not in strided], [(k, p) for k, p in each if k in strided]
            self._tables[key] = [Blocks(kind, stream) for kind in kinds]
        contiguous, rest = self._tables[key]
        # From the first step on, since a kernel cannot be loaded while a stream is captured.
        by_value = self._kernel(loops.write_addresses) if self.capturable else None
        tables = []
        if contiguous.count:
            tables.append((self._addresses.write(addresses, stream, captured, by_value), 2, contiguous))
        if rest.count:
            layouts = layout_table(
                {k: (self.parameters[k].view, ghost) for k, ghost in strided.items()}, len(addresses)
            )
            place = self._layouts.write(layouts, stream, captured, by_value)
            tables.append((place, layouts.shape[1], rest))
        return tables

    def check(self):
        """Raise ValueError where a step on the device found a learning rate that is none."""
        with driver.on_device(self.device):
            broken = self._resident and self.record.broken()
        if broken:
            refuse_rate(self._schedule, self.record.t + 1, self.dtype)
