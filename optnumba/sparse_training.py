"""A minimisation over sparse rows whose step costs the non-zeros of its batch: the arrays of `loops.sparse_sum`."""

import numpy as np

from .bind import kernel
from .checkpoint import CheckpointError, fit
from .loops import finite_sum as loop
from .loops import sparse_sum
from .loops.slots import CAST, UNPACK
from .training import Training

# Steps without a gradient whose scalars are looked up; further ones are computed, which takes a power: 20 ns or more.
TABLE_STEPS = 4096
# A copy of x takes a nanosecond an entry, an epoch more than that for each value stored: where a column has so many of
# these, a list of the columns to copy saves nothing.
VALUES_A_COLUMN = 16
# To copy an entry by a list takes up to so many times as long; where it pays, the list is small against x.
LISTED_COST = 8
# Steps after which every coordinate is caught up on: what two arrays hold that level-2 caches hold too.
NOTED_STEPS = 2**16


def sparse_meaning(rule, penalty, lazy):
    """Return how coordinates that a batch does not touch are dealt with, or None where each step must visit them all.

    Parameters
    ----------
    rule : Rule
    penalty : tuple or None
    lazy : bool
        Whether they are to be left alone, whatever the rule would make of a gradient of 0.

    Returns
    -------
    "nothing", "idle", "decay", "scale" or None
    """
    if lazy or (penalty is None and rule.stays):
        return "nothing"
    if penalty is None:
        return "idle" if rule.idle else None
    # x - η g: the one thing that a rule without a state is which says what its pace is.
    # Clipped, the gradient of the penalty is no multiple of x.
    clipped = not rule.defaults.keys().isdisjoint(("clip_value", "clip_norm"))
    if rule.slots or not rule.stays or rule.pace is None or clipped:
        return None
    return "decay" if penalty[0] else "scale"


def largest_value(values, where=True):
    """Return the largest |value| (float), or the 1 of an intercept.

    NaN, where it is allowed, shows in the values of the samples.

    Parameters
    ----------
    values : numpy.ndarray
    where : numpy.ndarray of bool, or True
        Which of them count.
    """
    ends = np.fmax.reduce(values, initial=0, where=where), np.fmin.reduce(values, initial=0, where=where)
    return max(1.0, float(ends[0]), -float(ends[1]))


class SparseTraining(Training):
    """A `Training` over (values, indices, indptr, y) by one of the meanings of `sparse_meaning`."""

    def __init__(self, meaning, *arguments):
        self.meaning = meaning
        super().__init__(*arguments)

    def _make_spare(self, threads):
        model, rule, x = self.objective, self.rule, self._x
        features = x.size // model.outputs
        values, _, indptr, _ = self.samples.arrays
        batch = self._plan[loop.BATCH]
        alone = batch == 1
        touched = min(features, int(batch * np.diff(indptr).max(initial=0)))
        largest, weights = largest_value(values), self.samples.weights
        if largest == np.inf and weights is not None:
            largest = largest_value(values, np.repeat(weights > 0, np.diff(indptr)))
        noted = min(NOTED_STEPS, self.steps_per_epoch) + 1 if self.meaning == "decay" else 0
        steps = TABLE_STEPS if self.meaning == "idle" else 0
        table = [rule.idle_at(k, self.hyper[: len(rule.hyper)].tolist()) for k in range(steps)]
        products = np.ones(noted)
        if alone:
            self._gradient = self._gradient[:0]
        return (
            np.zeros(3, np.int64),
            np.array([largest, 0.0, 1.0]),
            np.zeros(0 if alone else features, np.bool_),
            np.zeros(0 if alone else touched, np.int64),
            *np.zeros((2, model.outputs), x.dtype),
            np.zeros(features if self.meaning in ("idle", "decay") else 0, np.int64),
            np.array(table, np.float64).reshape(steps, len(table[0]) if table else 0),
            products,
            np.zeros(noted),
            self._list_features(features) if self.meaning == "nothing" else np.zeros(0, np.int64),
        )

    def _list_features(self, features):
        """Return those that steps can change (array of int64), or none where a list saves nothing."""
        indices = self.samples.arrays[1]
        if features * VALUES_A_COLUMN <= indices.size:
            return np.zeros(0, np.int64)
        seen = np.zeros(features, np.bool_)
        intercept = features - self.samples.features
        seen[:intercept] = True
        kernel(sparse_sum.mark, "columns", {})(indices, seen[intercept:])
        few = np.count_nonzero(seen) * LISTED_COST <= features
        return np.flatnonzero(seen) if few else np.zeros(0, np.int64)

    def keep_best(self):
        """Take the present point for the best one."""
        listed, outputs = self._spare[-1], self.objective.outputs
        if not listed.size:
            super().keep_best()
        else:
            self._best.reshape(-1, outputs)[listed] = self._x.reshape(-1, outputs)[listed]

    def _compiled_names(self):
        rule = self.rule
        meaning = {
            "nothing": {"revive": sparse_sum.nothing_due, "note": sparse_sum.no_note, "settle": loop.settled},
            "idle": {"revive": sparse_sum.idle_due},
            "decay": {
                "revive": sparse_sum.decay_due,
                "shrink": sparse_sum.shrinking,
                "prepare": sparse_sum.catch_up_when_full,
            },
            "scale": {
                "revive": sparse_sum.nothing_due,
                "note": sparse_sum.no_note,
                "settle": sparse_sum.multiply_all,
                "shrink": sparse_sum.scaling,
                "prepare": sparse_sum.multiply_when_small,
                "move_weight": sparse_sum.move_scaled,
            },
        }[self.meaning]
        idle, scalars = {}, len(rule.idle_names)
        if self.meaning == "idle":
            idle = {"idle": rule.idle, "idle_coefficients": rule.idle_coefficients}
            idle |= {"unpack_idle": UNPACK[scalars], "cast_idle": CAST[scalars]}
        return {
            **self._names,
            "accumulate": sparse_sum.rows,
            "take_step": sparse_sum.apply_rows,
            "check_adding": loop.no_check,
            "whole": loop.any_number,
            "settle": sparse_sum.settle_all,
            "note": sparse_sum.note_step,
            "shrink": sparse_sum.no_shrinking,
            "move_weight": sparse_sum.move_plain,
            "prepare": loop.settled,
            "keep_best": sparse_sum.keep_listed,
            "row_of_one": sparse_sum.any_row if self.samples.weights is None else sparse_sum.row_unless_left_out,
            "touched_factor": sparse_sum.measure_touched if "clip_norm" in rule.defaults else sparse_sum.unmeasured,
            **meaning,
            **idle,
            **self._output_names(),
        }

    def _output_names(self):
        names = self.objective.sparse_names()
        if self.meaning == "scale":
            names |= {"unscaled_outputs": names["outputs_of"], "outputs_of": sparse_sum.scaled_outputs}
        return names

    def snapshot(self):
        """Return a copy of the present point, with the steps that are due (array of shape (n,)).

        They are not taken: what a training comes to does not depend on when somebody looked at it.
        """
        x = self._x.copy()
        if self.meaning == "nothing" or not self.within_epoch:
            return x
        spare = tuple(np.array(part) for part in self._spare)
        names = self._compiled_names()
        settle = kernel(names["settle"], self.rule.label, names)
        settle(x, self._slots.copy(), spare, self._state, tuple(self.hyper[: len(self.rule.hyper)].tolist()))
        return x

    def state(self):
        """Return what a resumed training has to know (dict of arrays), the steps that are due among it."""
        counts, bounds, _, _, _, _, last, _, products, sums, _ = self._spare
        due = int(self._state[loop.STEP] - counts[sparse_sum.CAUGHT_UP]) + 1 if products.size else 0
        noted = {"noted_products": products[:due], "noted_sums": sums[:due]}
        return {
            **super().state(),
            "caught_up": counts[[sparse_sum.CAUGHT_UP]],
            "last_steps": last,
            "scale": bounds[[sparse_sum.SCALE]],
            **noted,
        }

    def restore(self, arrays):
        """Take up the state that `state` returned, or raise CheckpointError where it cannot be one of this training."""
        super().restore(arrays)
        counts, bounds, _, _, _, _, last, _, products, sums, _ = self._spare
        one = {"caught_up": counts[[sparse_sum.CAUGHT_UP]], "scale": bounds[[sparse_sum.SCALE]]}
        found = fit(arrays, {**one, "last_steps": last})
        caught_up, step = int(found["caught_up"][0]), self.steps_done
        due = step - caught_up + 1 if products.size else 0
        least, most = found["last_steps"].min(initial=step), found["last_steps"].max(initial=0)
        if not 0 <= caught_up <= step or due > products.size or least < caught_up * bool(due) or not most <= step:
            raise CheckpointError(f"the checkpoint has caught up on step {caught_up} after step {step}; use another")
        found |= fit(arrays, {"noted_products": products[:due], "noted_sums": sums[:due]})
        counts[sparse_sum.CAUGHT_UP], last[:] = caught_up, found["last_steps"]
        bounds[sparse_sum.SCALE] = found["scale"][0]
        products[:due], sums[:due] = found["noted_products"], found["noted_sums"]
        # Data of another call may have had other columns.
        listed, outputs = self._spare[-1], self.objective.outputs
        differs = (self._x != self._best).reshape(-1, outputs).any(axis=1)
        differs[listed] = False
        if differs.any():
            self._spare = *self._spare[:-1], listed[:0]
