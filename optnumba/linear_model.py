"""Linear models: the loss of each sample as a function of z = w₀ + w·a, over dense rows or the rows of a CSR matrix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Integral, Real
from types import FunctionType

import numpy as np
from numba.core.dispatcher import Dispatcher

from .bind import bind, kernel
from .driving import in_chunks
from .loops import linear, losses
from .samples import check_samples, feature_rows

LOSSES = {
    "squared": losses.squared,
    "logistic": losses.logistic,
    "hinge": losses.hinge,
    "huber": losses.huber,
    "poisson": losses.poisson,
}
# Of these the label is one of two classes; the others take a number.
OF_TWO_CLASSES = ("logistic", "hinge")
WAYS = {
    ("dense", False): linear.sample_value,
    ("dense", True): linear.sample_value_of_classes,
    ("sparse", False): linear.sparse_value,
    ("sparse", True): linear.sparse_value_of_classes,
}


def linear_model(loss, penalty=None, *, intercept=True, classes=None, multiclass="softmax", delta=1.0):
    """Return the objective of a linear model, for `optnumba.minimize_finite_sum`.

    J(x) is the mean over the samples (a, y) of ℓ(z, y), z = w₀ + w·a, plus l2/2 |w|² + l1 |w|₁; the intercept w₀ is
    not penalised.

    Parameters
    ----------
    loss : str, function or pair of functions
        "squared" (z - y)²/2; "logistic" log(1 + exp(-y z)); "hinge" max(0, 1 - y z); "huber", which is squared where
        |z - y| <= delta and linear beyond; "poisson" exp(z) - y z. Or your own: ``(value(z, y), derivative(z, y))``
        with the derivative by z, or one function that returns both; compiled by Numba, or plain Python that Numba can
        compile.
    penalty : dict, optional
        ``{"l1": a, "l2": b}`` or one of them.
    intercept : bool, default True
        Whether z has a term w₀, which is then x[0].
    classes : int, optional
        K, 2 or more: y holds class numbers 0, ..., K-1, and x is a matrix of shape (n + 1, K), flattened, whose first
        row are the intercepts. Without it there is one output, and x has shape (n + 1,).
    multiclass : {"softmax", "one-vs-rest"}, default "softmax"
        With `classes`: log Σ exp(z) - z[y], of which `loss` must be "logistic", or the sum of K losses, each with the
        label 1 for its class and -1 for the rest.
    delta : float, default 1.0
        Of "huber". Another value is another compilation.

    Returns
    -------
    LinearModel

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used; the message names it, its value and the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> model = linear_model("logistic", {"l2": 0.01})
    >>> A, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1])
    >>> round(model.value(model.start(A), A, y), 6)  # log 2
    0.693147
    """
    given = {} if penalty is None else penalty
    if not isinstance(given, Mapping) or not set(given) <= {"l1", "l2"}:
        raise ValueError(f"penalty={penalty!r} is not None or a dict with 'l1', 'l2' or both; pass {{'l2': 1e-4}}")
    l1, l2 = (_check_weight(name, given.get(name, 0.0)) for name in ("l1", "l2"))
    if not isinstance(intercept, (bool, np.bool_)):
        raise TypeError(f"intercept={intercept!r} is not True or False; pass one of them")
    if isinstance(delta, bool) or not isinstance(delta, Real) or not 0 < delta < np.inf:
        raise ValueError(f"delta={delta!r} is outside (0, inf) for 'huber'; use a distance such as 1.0")
    model = LinearModel(_check_loss(loss), l1, l2, bool(intercept), _check_classes(classes), multiclass, float(delta))
    _check_multiclass(model)
    return model


def _check_weight(name, value):
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < np.inf:
        raise ValueError(f"penalty[{name!r}]={value!r} is outside [0, inf); use a number such as 1e-4, or leave it out")
    return float(value)


def _check_loss(loss):
    if isinstance(loss, str) and loss in LOSSES:
        return loss
    functions = tuple(loss) if isinstance(loss, (tuple, list)) else (loss,)
    if len(functions) not in (1, 2) or not all(isinstance(f, (FunctionType, Dispatcher)) for f in functions):
        raise ValueError(
            f"loss={loss!r} is not one of {', '.join(LOSSES)}, nor a pair of functions; pass a name, "
            "(value(z, y), derivative(z, y)), or one function that returns both"
        )
    return functions if len(functions) == 2 else functions[0]


def _check_classes(classes):
    if classes is None:
        return None
    if isinstance(classes, bool) or not isinstance(classes, Integral) or classes < 2:
        raise ValueError(
            f"classes={classes!r} is not an integer of 2 or more; pass their number, or None for one output"
        )
    return int(classes)


def _check_multiclass(model):
    if model.multiclass not in ("softmax", "one-vs-rest"):
        raise ValueError(f"multiclass={model.multiclass!r} is not 'softmax' or 'one-vs-rest'; pass one of them")
    if model.classes is None:
        return
    if model.multiclass == "softmax" and model.loss != "logistic":
        raise ValueError(
            f"multiclass='softmax' is the logistic loss of several classes, and loss={model.loss!r}; "
            "use loss='logistic', or multiclass='one-vs-rest'"
        )
    if model.loss == "poisson":
        raise ValueError("loss='poisson' is of counts, not of classes; leave classes out, or use another loss")


def _with_meanings(function, names):
    """Return a function of `loops.linear` with `names` bound in it and in what it calls there."""
    called = {name: vars(linear).get(name) for name in function.__code__.co_names}
    called = {name: part for name, part in called.items() if isinstance(part, FunctionType)}
    bound = {name: _with_meanings(part, names) for name, part in called.items()}
    # Where nothing changes it stays the same function, of which there is one in a process.
    if bound == called and names.keys().isdisjoint(function.__code__.co_names):
        return function
    return bind(function, **names, **bound)


@dataclass(frozen=True, repr=False)
class LinearModel:
    """A linear model: made by `linear_model`, which explains and checks what it holds.

    Parameters
    ----------
    loss : str, function or pair of functions
    l1, l2 : float
        Weights of |w|₁ and |w|²/2.
    intercept : bool
    classes : int or None
    multiclass : str
    delta : float
    """

    loss: str | Callable | tuple
    l1: float = 0.0
    l2: float = 0.0
    intercept: bool = True
    classes: int | None = None
    multiclass: str = "softmax"
    delta: float = 1.0

    def __repr__(self):
        given = self.loss if isinstance(self.loss, tuple) else (self.loss,)
        shown = ", ".join(repr(part) if isinstance(part, str) else part.__name__ for part in given)
        parts = [f"({shown})" if len(given) == 2 else shown]
        penalty = {name: value for name, value in (("l1", self.l1), ("l2", self.l2)) if value}
        parts += [repr(penalty)] if penalty else []
        for name in ("intercept", "classes", "multiclass", "delta"):
            value = getattr(self, name)
            parts += [f"{name}={value!r}"] if value != getattr(LinearModel, name) else []
        return f"linear_model({', '.join(parts)})"

    def __reduce__(self):
        # Without the functions that were made of it.
        return LinearModel, tuple(getattr(self, field.name) for field in fields(self))

    # -- For the loops -------------------------------------------------------------------------------------------------

    @cached_property
    def names(self):
        """What the names in `loops.linear` mean for this model (dict): "loss", "slopes", "INTERCEPT", ...."""
        if isinstance(self.loss, tuple):
            loss = bind(losses.paired, value=self.loss[0], derivative=self.loss[1])
        elif isinstance(self.loss, str):
            loss = bind(LOSSES[self.loss], DELTA=self.delta) if self.loss == "huber" else LOSSES[self.loss]
        else:
            loss = bind(losses.together, pair=self.loss)
        names = {"loss": loss, "INTERCEPT": int(self.intercept)}
        if self.classes is not None:
            softmax = self.multiclass == "softmax"
            names["slopes"] = losses.softmax if softmax else bind(losses.one_versus_rest, loss=loss)
            names |= {"CLASSES": self.classes, "REST": (self.classes - 1) % 16 + 1}
        return names

    @cached_property
    def sample_function(self):
        """The term of a finite sum over dense rows: ``(x, grad, i, A, y) -> loss``, a function to compile in a loop.

        It adds the gradient of the loss of sample i to grad. The penalty is not in it.
        """
        function = linear.sample if self.classes is None else linear.sample_of_classes
        return _with_meanings(function, self.names)

    @cached_property
    def value_and_gradient(self):
        """J and its gradient over dense rows, a compiled function for ``minimize(..., args=(A, y), jac="inplace")``.

        It does not check A and y: what `value` accepts without a warning is right.
        """
        if self.l1:
            raise ValueError(f"{self!r} has no gradient where a weight is 0; use minimize_finite_sum, or 'l2' alone")
        names = {"sample_in_sum": self.sample_function, "L2": self.l2, "UNPENALISED": self._unpenalised}
        return kernel(linear.total_and_gradient, f"dense_{self.label}", names)

    def size(self, n_features):
        """Return the number of parameters (int).

        Parameters
        ----------
        n_features : int
            Columns of A.
        """
        return (n_features + self.intercept) * (self.classes or 1)

    def start(self, A):
        """Return parameters of 0 for data `A`: float32 if `A` is, else float64 (array of shape (size,)).

        Parameters
        ----------
        A : array_like or sparse array, shape (N, n)
        """
        A = feature_rows(A)
        return np.zeros(self.size(A.shape[1]), np.float32 if A.dtype == np.float32 else np.float64)

    def check_size(self, x, n_features):
        """Raise ValueError unless `x` has as many entries as there are parameters.

        Parameters
        ----------
        x : numpy.ndarray
        n_features : int
            Columns of A.
        """
        size = self.size(n_features)
        if x.shape != (size,):
            each = "" if self.classes is None else f" for each of {self.classes} classes"
            what = f"{n_features} weights{' and an intercept' if self.intercept else ''}{each}"
            raise ValueError(f"x has shape {x.shape}, {self!r} takes ({size},): {what}; start from model.start(A)")

    def unpack(self, x, n_features):
        """Return the intercept and the weights that `x` holds, as views.

        Parameters
        ----------
        x : numpy.ndarray
        n_features : int
            Columns of A.

        Returns
        -------
        intercept : float, or numpy.ndarray of shape (K,)
        weights : numpy.ndarray of shape (n,) or (n, K)
        """
        x = np.asarray(x)
        self.check_size(x, n_features)
        rows = x if self.classes is None else x.reshape(-1, self.classes)
        return (rows[0], rows[1:]) if self.intercept else (0 * rows[0], rows)

    # -- For the user --------------------------------------------------------------------------------------------------

    def value(self, x, A, y, sample_weight=None):
        """Return J(x) over all samples (float), the losses weighted by ``sample_weight / sample_weight.sum()``.

        Parameters
        ----------
        x : array_like, shape (size,)
        A : array_like or sparse array, shape (N, n)
        y : array_like, shape (N,)
        sample_weight : array_like, shape (N,), optional
        """
        x = self._parameters(x)
        # Both float32, or x in float64: that is a smaller copy than one of A would be.
        x = x if getattr(A, "dtype", None) == np.float32 else x.astype(np.float64, copy=False)
        return self.value_of(x, check_samples(self, (A, y), sample_weight, x.dtype))

    def value_of(self, x, samples):
        """Return J(x) over data that have been checked (float).

        Parameters
        ----------
        x : numpy.ndarray, shape (size,)
            Contiguous, float32 or float64.
        samples : Samples
        """
        self.check_size(x, samples.features)
        way = "sparse" if samples.sparse else "dense"
        names = {**self.names, "value_of_sample": WAYS[way, self.classes is not None]}
        loop = kernel(linear.total, f"{way}_{self.label}", names)
        total = in_chunks(lambda f, lo, hi: loop(f, x, lo, hi, samples.weights, samples.arrays), samples.count)
        return total / (samples.count if samples.weights is None else samples.weights.sum()) + self.penalty(x)

    @property
    def takes_labels(self):
        """Whether y names classes (bool)."""
        return self.classes is not None or self.loss in OF_TWO_CLASSES

    @property
    def label(self):
        """A word for the names of cache files (str)."""
        return self.loss if isinstance(self.loss, str) else "loss"

    def penalty(self, x):
        """Return l2/2 |w|² + l1 |w|₁ (float).

        Parameters
        ----------
        x : numpy.ndarray, shape (size,)
        """
        w = np.asarray(x[self._unpenalised :], np.float64)
        value = 0.0
        if self.l2:
            value += self.l2 / 2 * float(np.dot(w, w))
        if self.l1:
            value += self.l1 * float(np.abs(w).sum())
        return value

    def decision(self, x, A):
        """Return z of each row of `A` (array of shape (N,), or (N, K) with K classes).

        Parameters
        ----------
        x : array_like, shape (size,)
        A : array_like or sparse array, shape (N, n)
        """
        A = feature_rows(A)
        intercept, weights = self.unpack(self._parameters(x), A.shape[1])
        return np.asarray(A @ weights) + intercept

    def predict(self, x, A, labels=None):
        """Return the label of each row for a classifier, the expected y for a regression (array of shape (N,)).

        Parameters
        ----------
        x : array_like, shape (size,)
        A : array_like or sparse array, shape (N, n)
        labels : sequence, optional
            What the classes are called, by default 0, 1, ...: (-1, 1) where y held these.

        Returns
        -------
        numpy.ndarray
            Of classes; of exp(z) for "poisson", of z for any other loss.
        """
        z, count = self.decision(x, A), self.classes or 2
        if not self.takes_labels:
            return np.exp(z) if self.loss == "poisson" else z
        found = (z > 0).astype(np.intp) if self.classes is None else z.argmax(axis=1)
        if labels is not None and len(labels) != count:
            raise ValueError(f"labels={labels!r} are {len(labels)}, expected {count}: one for each class, in order")
        return found if labels is None else np.asarray(labels)[found]

    def probabilities(self, x, A):
        """Return the probability of each class, of a "logistic" model.

        Parameters
        ----------
        x : array_like, shape (size,)
        A : array_like or sparse array, shape (N, n)

        Returns
        -------
        numpy.ndarray
            Of shape (N,), that of the positive class, or (N, K), whose rows sum to 1; by one-vs-rest the K
            probabilities of a row are divided by their sum.
        """
        if self.loss != "logistic":
            raise TypeError(f"{self!r} gives no probabilities; use loss='logistic', or model.decision(x, A)")
        z = self.decision(x, A)
        if self.classes is not None and self.multiclass == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
        else:
            e = np.exp(-np.abs(z))
            e = np.where(z > 0, 1, e) / (1 + e)
        return e if self.classes is None else e / e.sum(axis=1, keepdims=True)

    @property
    def _unpenalised(self):
        return (self.classes or 1) * self.intercept

    def _parameters(self, x):
        x = np.asarray(x)
        if x.dtype.kind not in "biuf":
            raise TypeError(f"x has dtype {x.dtype}, expected real numbers; pass the parameters as floats")
        return np.ascontiguousarray(x, np.float32 if x.dtype == np.float32 else np.float64)
