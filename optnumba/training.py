"""One minimisation of a finite sum in progress: the arrays of `loops.finite_sum`, and the loop over them."""

from contextlib import nullcontext
from functools import partial

import numba
import numpy as np
from numba.core.errors import NumbaError

from .arguments import blame_schedule, kernel_values, rate_at, refuse_rate
from .bind import bind, kernel, one_parallel_call, rule_names
from .checkpoint import CheckpointError, fit
from .driving import in_chunks
from .loops import finite_sum as loop
from .loops import rates
from .loops.memory import uncounted
from .minimization import aligned_rows, keeps_nothing
from .objective import same
from .settings import NEVER

# Elements of a gradient times samples of a block: about 100 µs of work, many times what it takes to wake the threads.
BLOCK_ELEMENTS = 2**18
# From how many such elements on a batch is worth the threads: four blocks.
PARALLEL_FROM = 2**20


def block_size(batch, n):
    """Return how many samples are summed by themselves (int): of the problem alone, never of the number of threads."""
    return int(min(max(batch // 16, 256), max(256, BLOCK_ELEMENTS // n)))


class Training:
    """A minimisation of a finite sum that can be advanced by any number of samples.

    Parameters
    ----------
    rule : Rule
    hyper : tuple of float
        In the order of ``rule.hyper``.
    schedule : function or None
        Of the learning rate.
    objective : SampleObjective
    x : numpy.ndarray, shape (n,)
        The starting point, copied.
    samples : Samples
        The data, their number and their weights.
    args : tuple
        Further arguments of the objective.
    settings : dict
        With ``batch_size``, ``drop_last``, ``reduction``, ``shuffle``, ``epochs``, ``threads``, ``gtol``, ``ftol``.
    seed : int
        Of 64 bits: with the number of the epoch it determines the permutation.
    """

    def __init__(self, rule, hyper, schedule, objective, x, samples, args, settings, seed):
        self.rule, self.objective, self.args = rule, objective, args
        self.hyper = kernel_values(hyper, schedule)
        self.schedule, self.samples = schedule, samples
        batch = min(settings["batch_size"] or samples.count, samples.count)
        count = samples.count - samples.count % batch if settings["drop_last"] else samples.count
        block = block_size(batch, x.size)
        self.steps_per_epoch = -(-count // batch)
        average = settings["reduction"] == "mean"
        threads = numba.get_num_threads()
        wanted = batch * x.size >= PARALLEL_FROM if settings["threads"] is None else settings["threads"]
        self.parallel = bool(objective.compiled and wanted and batch > block and threads > 1)
        threads = threads if self.parallel else 1
        epochs, shuffled = settings["epochs"] or NEVER, settings["shuffle"] and batch < samples.count
        self._plan = np.array([batch, count, block, NEVER, epochs, 0, 0, average, threads, shuffled], np.int64)
        self._state = np.zeros(6, np.int64)
        self._sums = np.array([0.0, 0.0, 0.0, 0.0, np.nan, np.inf])
        share = 1.0 if samples.weights is None else samples.count / float(samples.weights.sum())
        tolerances = (-1.0 if settings[name] is None else float(settings[name]) for name in ("gtol", "ftol"))
        self._limits = np.array([share, *tolerances, float(np.finfo(x.dtype).max)])
        self._carry = np.zeros(len(rule.carry))
        self._x, self._best, self._gradient = (aligned_rows(1, x, 0.0)[0, : x.size] for _ in range(3))
        self._x[:] = self._best[:] = x
        self._slots = aligned_rows(len(rule.slots), x, 0.0)
        self._spare = self._make_spare(threads)
        # All are permuted, so that it is not the same ones that are dropped in every epoch.
        self._order = np.arange(samples.count if shuffled else 0)
        self._seed = np.uint64(seed)
        self._names = {**rule_names(rule, schedule), "pace": rule.pace or loop.no_pace}
        # What `fun` may put into an argument has to be counted.
        self._names["lent"] = uncounted if objective.compiled and keeps_nothing(args) else same
        self._ways = objective.compiled_names() if objective.compiled else []
        self._loop = self._compiled_loop() if objective.compiled else self._interpreted_loop()
        self.history = np.empty(0)

    def _make_spare(self, threads):
        """Return the arrays besides x, gradient and state that the loop works in."""
        blocks, weighted = self._plan[loop.BATCH] > self._plan[loop.BLOCK], self.samples.weights is not None
        parts = aligned_rows(max(1, threads * (int(blocks) + weighted)), self._x, 0.0)[:, : self._x.size]
        return parts, np.zeros(threads), np.zeros(threads, np.int64)

    def _compiled_names(self):
        """Return what the names in the loop mean, for the first of the ways that are left to keep `fun` off x."""
        threads = {"accumulate": loop.in_threads, "whole": loop.whole_rounds}
        serial = {"accumulate": loop.serially, "whole": loop.any_number}
        dense = {
            "take_step": loop.apply,
            "check_adding": loop.overwrites,
            "settle": loop.settled,
            "prepare": loop.settled,
            "keep_best": loop.keep_all,
        }
        return {**self._names, **self._ways[0], **dense, **(threads if self.parallel else serial)}

    def _compiled_loop(self):
        return kernel(loop.sweep, f"{self.rule.label}_{self.objective.name}", self._compiled_names())

    def _interpreted_loop(self):
        """Return the same loop run by Python, with the passes over coordinates and the permutation compiled."""
        names = self._names
        passes = (loop.permute, loop.add, loop.close_epoch, loop.weight_of)
        compiled = {f.__name__: kernel(f, "sum", {"keep_best": loop.keep_all}) for f in passes}
        # The passes do not depend on where the rate comes from, and need no compilation of their own for each schedule.
        inside = {name: value for name, value in names.items() if name not in ("learning_rate", "schedule")}
        compiled["apply"] = kernel(loop.apply, self.rule.label, inside)
        sample = self.objective.interpreted()
        adding = bind(loop.weighted, sample=sample)
        accumulate = bind(
            loop.serially,
            weighted=adding,
            add=compiled["add"],
            row=lambda matrix, k: matrix[k],
            fetch_later=loop.fetch_nothing,
        )
        rate = names["learning_rate"]
        if self.schedule is not None:
            rate = bind(rates.scheduled, schedule=partial(rate_at, self.schedule, dtype=self._x.dtype))
        bound = {
            **names,
            **compiled,
            "advance": bind(names["advance"], coefficients=self.rule.quiet_coefficients),
            "learning_rate": rate,
            "accumulate": accumulate,
            "check_adding": bind(loop.overwrites, sample=sample),
            "take_step": compiled["apply"],
            "settle": loop.settled,
            "prepare": loop.settled,
            "whole": loop.any_number,
        }
        return bind(loop.sweep, **bound)

    def advance(self, budget, limit=NEVER, pause=False):
        """Visit up to `budget` samples, and do no more than `limit` steps in all; return why it stopped.

        With `pause` it stops at the end of an epoch.
        """
        done, rows = self.epochs_done, min(1024, self._plan[loop.EPOCHS] - self.epochs_done)
        history = np.empty(max(1, rows))
        self._plan[[loop.LIMIT, loop.ROWS, loop.PAUSE]] = limit, done, pause
        try:
            ending = self._run(budget, history)
        finally:
            self.history = np.append(self.history, history[: self.epochs_done - done])
        if ending == loop.RATE_BAD:
            refuse_rate(self.schedule, self.steps_done + 1, self._x.dtype)
        if ending == loop.GRADIENT_OVERWRITTEN:
            name = self.objective.name
            raise ValueError(f"fun={name} assigns to grad; it must add its gradient: grad[j] += ..., for one sample i")
        if ending == loop.SHRINK_BAD:
            l2, rate = self.objective.penalty[1], self.rate
            raise ValueError(
                f"learning_rate={rate!r} times l2={l2!r} is not below 1 in step {self.steps_done + 1}: each step would "
                "change the sign of the weights; use smaller ones"
            )
        return ending

    def _run(self, budget, history):
        """Return the ending of the loop (int), compiled in another way where the first does not compile."""
        arrays = (
            *(self._plan, self._state, self._sums, self._limits, self.hyper, self._carry),
            *(self._x, self._gradient, self._slots, self._best, self._spare, self._order),
        )
        rest = (self.samples.weights, self.objective.penalty, self._seed, history)
        arguments = (budget, arrays, *rest, self.samples.arrays, self.args)
        try:
            with one_parallel_call if self.parallel or self.objective.parallel else nullcontext():
                return int(self._loop(*arguments))
        except SystemError as error:
            if error.__cause__ is None:
                raise
            raise error.__cause__ from None  # by `fun`, in one of several threads
        except NumbaError as error:
            blame_schedule(self.schedule)
            if not self.objective.compiled:
                raise
            if len(self._ways) == 1:
                raise self.objective.explain(
                    error, self._x, (self._gradient, 0, *self.samples.arrays, *self.args)
                ) from error
            self._ways = self._ways[1:]
            self._loop = self._compiled_loop()
            return self._run(budget, history)

    def fault(self, ending):
        """Return which number was not finite, where and when (str), for the endings that say that one was."""
        done = self.steps_done
        where = f"in epoch {self.epochs_done + 1}, step {done + 1}; x and state are those after step {done}"
        if ending == loop.VALUE_NOT_FINITE:
            return f"fun is not finite at sample {self._state[loop.SAMPLE]}, {where}."
        if ending == loop.GRADIENT_NOT_FINITE:
            bad = np.flatnonzero(~np.isfinite(self._gradient))
            if not bad.size:  # of sparse rows the bound of its entries is tested, before any is formed
                return f"The gradient may exceed the range of {self._x.dtype} {where}."
            return f"The gradient is {self._gradient[bad[0]]} in coordinate {bad[0]} {where}."
        return ""

    def overflow(self, x):
        """Return where the present point or the state left the range of its dtype (str), or nothing where none did."""
        states = [(f"the state {slot!r}", row) for slot, row in zip(self.rule.slots, self._slots, strict=True)]
        for what, array in [("x", x), *states]:
            with np.errstate(all="ignore"):  # a sum that is finite has finite terms, and takes no second array
                bad = () if np.isfinite(array.sum()) else np.flatnonzero(~np.isfinite(array))
            if len(bad):
                where = f"{array[bad[0]]} in coordinate {bad[0]} by step {self.steps_done}"
                return f"{what} is {where}: it left the range of {array.dtype}."
        return ""

    def keep_no_best(self):
        """Leave it to others to say which epoch ended best, by `keep_best`."""
        self._sums[loop.BEST] = -np.inf

    def keep_best(self):
        """Take the present point for the best one."""
        self._best[:] = self._x

    def value_at(self, x):
        """Return the objective at `x` (float), chunk by chunk."""
        total = self._total(self.samples, x)
        if self._plan[loop.AVERAGED]:
            total /= self.samples.count if self.samples.weights is None else self.samples.weights.sum()
        return total if self.objective.penalty is None else total + self._penalty(x)

    def mean_over(self, samples, x):
        """Return the mean loss of other `samples` at `x` (float), without the penalty."""
        return self._total(samples, x) / samples.count

    def _total(self, samples, x):
        if hasattr(self.objective, "loss"):
            weight = samples.count if samples.weights is None else float(samples.weights.sum())
            return self.objective.loss(x, samples) * weight
        if len(samples.arrays) != len(self.samples.arrays):
            found, expected = len(samples.arrays), len(self.samples.arrays)
            raise ValueError(f"validation has {found} arrays, data has {expected}; pass arrays of the same meaning")
        gradient = np.zeros_like(self._x)
        if self.objective.compiled:
            total = kernel(loop.total, f"{self.objective.name}", {**self._names, **self._ways[0]})
        else:
            total = bind(loop.total, sample=self.objective.interpreted())

        def add(before, low, high):
            with one_parallel_call if self.objective.parallel else nullcontext():
                return total(before, x, gradient, low, high, samples.weights, samples.arrays, self.args)

        return in_chunks(add, samples.count)

    def snapshot(self):
        """Return a copy of the present point (array of shape (n,))."""
        return self._x.copy()

    @property
    def average(self):
        """The average of the iterates (array of shape (n,), a view): the last slot of a rule that keeps one."""
        return self._slots[-1, : self._x.size]

    @property
    def within_epoch(self):
        """Whether an epoch has begun and is not done (bool)."""
        return bool(self._state[loop.FIRST] or self._state[loop.FILLED])

    @property
    def running_value(self):
        """The mean (or sum) of the values in this epoch so far, in the last one where none has begun (float)."""
        total, weight = self._sums[[loop.EPOCH_SUM, loop.EPOCH_WEIGHT]].tolist()
        if not weight:
            return float(self._sums[loop.LAST])
        value = total / weight if self._plan[loop.AVERAGED] else total
        return value if self.objective.penalty is None else value + self._penalty(self.snapshot())

    def _penalty(self, x):
        return kernel(loop.penalty_value, "penalty", {})(x, self.objective.penalty)

    @property
    def running_value_is(self):
        """What `running_value` is, in words (str)."""
        kind = "mean" if self._plan[loop.AVERAGED] else "sum"
        if self._sums[loop.EPOCH_WEIGHT]:
            return f"the running {kind} of epoch {self.epochs_done + 1}, which is not done"
        return f"the running {kind} of epoch {self.epochs_done}" if self.epochs_done else "not evaluated"

    @property
    def rate(self):
        """The learning rate of the next step (float), or None where the rule has none."""
        if self.schedule is not None:
            return rate_at(self.schedule, self.steps_done + 1, self._x.dtype)
        return float(self.hyper[0]) if "learning_rate" in self.rule.defaults else None

    @property
    def steps_done(self):
        """Steps done (int)."""
        return int(self._state[loop.STEP])

    @property
    def epochs_done(self):
        """Epochs done (int)."""
        return int(self._state[loop.EPOCH])

    @property
    def evaluations(self):
        """Evaluations of the value and gradient of one sample (int)."""
        return int(self._state[loop.EVALUATIONS])

    @property
    def x(self):
        """The present point (array of shape (n,), a view)."""
        return self._x

    @property
    def best(self):
        """The end of the epoch that had the least value (array of shape (n,), a view)."""
        return self._best

    # -- For checkpoints -----------------------------------------------------------------------------------------------

    def state(self):
        """Return what a resumed training has to know (dict of arrays): all as it was after the last whole step.

        A batch that has begun will be begun again: until its step nothing but sums and its gradient has changed.
        """
        state, sums = self._state.copy(), self._sums.copy()
        state[loop.EVALUATIONS] -= state[loop.FILLED]
        state[[loop.FILLED, loop.SAMPLE]] = 0
        sums[[loop.BATCH_SUM, loop.BLOCK_SUM]] = 0.0
        points = {"x": self._x, "x_best": self._best, "slots": self._slots[:, : self._x.size]}
        return {"state": state, "sums": sums, "carry": self._carry, **points, "history": self.history}

    def reseed(self, seed):
        """Take another seed (int of 64 bits), before the first step."""
        self._seed = np.uint64(seed)

    def restore(self, arrays):
        """Take up the state that `state` returned, or raise CheckpointError where it cannot be one of this training."""
        step, epoch, first, filled, evaluations, _ = fit(arrays, {"state": self._state})["state"].tolist()
        batch, count = self._plan[[loop.BATCH, loop.COUNT]].tolist()
        agrees = 0 <= first < count and first % batch == 0 == filled and min(epoch, evaluations) >= 0
        if not agrees or step != epoch * self.steps_per_epoch + first // batch or step >= NEVER:
            raise CheckpointError(f"the checkpoint says step {step} of epoch {epoch + 1}, sample {first}; use another")
        found = fit(arrays, {**Training.state(self), "history": np.empty(epoch)})
        self._state[:], self._sums[:], self._carry[:] = found["state"], found["sums"], found["carry"]
        self._x[:], self._best[:], self._slots[:, : self._x.size] = found["x"], found["x_best"], found["slots"]
        self.history = found["history"]
        if self._plan[loop.SHUFFLED] and first:
            kernel(loop.permute, "permutation", {})(self._order, self._seed, epoch)

    def ended(self):
        """Return the ending that this state is (int), or None: of what a training is resumed from."""
        if self._plan[loop.EPOCHS] <= self.epochs_done:
            return loop.EPOCHS_DONE
        if self.within_epoch or self.epochs_done < 2:
            return None
        before, value = self.history[-2:].tolist()
        return loop.VALUE_STILL if loop.still(before, value, self._limits[loop.FTOL]) else None
