"""A linear model over checked data as the objective of a finite sum, dense or sparse."""

from .loops import linear, objectives, sparse_sum
from .objective import plus_zero, reason_of, same


class ModelObjective:
    """What `Training` and `SparseTraining` have to know of a linear model.

    Parameters
    ----------
    model : LinearModel
    samples : Samples

    Attributes
    ----------
    penalty : tuple of float and int, or None
        (l1, l2, number of coordinates at the beginning of x that are not penalised).
    outputs : int
        Numbers that the model computes from a row.
    """

    compiled, parallel = True, False

    def __init__(self, model, samples):
        self.model, self.name = model, model.label
        self.outputs = model.classes or 1
        self.penalty = (model.l1, model.l2, self.outputs * model.intercept) if model.l1 or model.l2 else None
        self._sparse = samples.sparse

    def loss(self, x, samples):
        """Return the mean loss of checked `samples` at `x` (float), without the penalty, or raise for another width."""
        return self.model.value_of(x, samples) - self.model.penalty(x)

    def explain(self, error, x, args):
        """Return the exception that tells the user why Numba did not compile the loss."""
        remedy = "check that it takes two floats (z, y) and gives the value and the derivative, as floats"
        return TypeError(f"loss={self.model.loss!r} does not compile in the loop: {reason_of(error)}; {remedy}")

    def compiled_names(self):
        """Return what the names in `loops.finite_sum` mean (list of one dict)."""
        one = self.model.classes is None
        if self._sparse:
            fun = linear.sparse_sample if one else linear.sparse_sample_of_classes
        else:
            fun = linear.sample if one else linear.sample_of_classes
        return [{**self.model.names, "sample": objectives.sample, "fun": fun, "guard": same, "scalar": plus_zero}]

    def sparse_names(self):
        """Return what the names in `loops.sparse_sum` mean (dict)."""
        if self.model.classes is None:
            ways = {"outputs_of": sparse_sum.one_output, "slopes": sparse_sum.one_slope}
        else:
            ways = {"outputs_of": sparse_sum.several_outputs}
        return {**self.model.names, **ways, "OUTPUTS": self.outputs}
