"""The user's function and gradient, in every accepted form, as one function that writes the gradient in place."""

import numpy as np
from numba.core.dispatcher import Dispatcher

from .bind import bind
from .loops import objectives
from .loops.memory import frozen, real_array

DIFFERENCES = {"2-point": (objectives.two_point, 1 / 2), "3-point": (objectives.three_point, 1 / 3)}


class Objective:
    """Value and gradient, and what the loop has to know of them.

    Parameters
    ----------
    fun : callable
        Plain Python or compiled by Numba.
    jac : callable, True, "inplace", "2-point", "3-point", False or None
        As for `optnumba.minimize`.
    dtype : numpy.dtype
        Of x; it decides the step of finite differences.
    relative_step : float, optional
        Of finite differences; 0 < relative_step < 1.

    Attributes
    ----------
    compiled : bool
        Whether all that the user gave is compiled by Numba.
    parallel : bool
        Whether it runs in Numba's threads.
    differences : str or None
        "2-point" or "3-point" where the gradient comes from finite differences.
    """

    def __init__(self, fun, jac, dtype, relative_step=None):
        fun, jac = unwrap(fun, jac)
        self.fun, self.jac = fun, jac
        self.compiled = isinstance(fun, Dispatcher) and (isinstance(jac, Dispatcher) or not callable(jac))
        self.parallel = self.compiled and any(f.targetoptions.get("parallel") for f in self._dispatchers())
        self.differences = None
        self.names = {"fun": fun, "jac": jac}
        if callable(jac):
            self.form = objectives.apart
        elif jac is True:
            self.form = objectives.together
        elif isinstance(jac, str) and jac == "inplace":
            self.form = objectives.inplace
        else:
            self.differences = "2-point" if jac is None or jac is False else jac
            self.form, power = DIFFERENCES[self.differences]
            eps = float(np.finfo(dtype).eps)
            step = eps**power if relative_step is None else relative_step
            if not eps <= step < 1:
                raise ValueError(f"finite_diff_rel_step={step!r} is outside [{eps:.2g}, 1) for {dtype}; leave it out")
            self.names["relative_step"] = dtype.type(step)

    def interpreted(self):
        """Return ``(x, grad, lower, upper, args) -> f`` in Python, which checks what the objective returns."""
        return bind(self.form, **self.names, guard=np.copy, scalar=as_scalar, pair=as_pair)

    def compiled_names(self):
        """Return what the names in a loop mean: first for a frozen x, then for a copy of it per call (list of dict).

        A function that writes on its argument, or whose signature is written out, does not compile for a frozen x.
        """
        names = {**self.names, "evaluate": self.form, "scalar": plus_zero, "pair": same}
        guards = (copied,) if any(not f._can_compile for f in self._dispatchers()) else (frozen, copied)
        return [{**names, "guard": guard} for guard in guards]

    def _dispatchers(self):
        return [f for f in (self.fun, self.jac) if isinstance(f, Dispatcher)]

    def explain(self, error, x, args):
        """Return the exception that tells the user why Numba did not compile the objective."""
        return self._explain(error, x, args, f"returns what jac={self.jac!r} asks for")

    def _explain(self, error, x, args, task):
        given = ", ".join([f"x: {x.dtype} array", *(type(arg).__name__ for arg in args)])
        name = getattr(self.fun, "__name__", repr(self.fun))
        remedy = f"check that {name}({given}) runs by itself and {task}"
        return TypeError(f"fun={name} does not compile in the loop: {reason_of(error)}; {remedy}")


def reason_of(error):
    """Return the line of an error of Numba that says what does not compile (str)."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("Failed in")), lines[0] if lines else str(error))


class SampleObjective(Objective):
    """One term of a sum: ``fun(x, grad, i, *data, *args) -> f_i``, which adds its gradient into `grad`.

    Parameters
    ----------
    fun : callable
        Plain Python or compiled by Numba.
    dtype : numpy.dtype
        Of x.
    """

    penalty = None

    def __init__(self, fun, dtype):
        super().__init__(fun, "inplace", dtype)
        self.form = objectives.sample
        self.name = getattr(fun, "__name__", "fun")

    def interpreted(self):
        """Return ``(x, grad, i, data, args) -> f`` in Python, which checks what the objective returns."""
        return bind(self.form, **self.names, guard=np.copy, scalar=as_scalar)

    def compiled_names(self):
        """Return what the names in a loop mean, as `Objective.compiled_names` does (list of dict)."""
        return [{**names, "sample": self.form} for names in super().compiled_names()]

    def explain(self, error, x, args):
        """Return the exception that tells the user why Numba did not compile the objective."""
        return self._explain(error, x, args, "adds its gradient into grad and returns a number")


def unwrap(fun, jac):
    """Return the user's own `fun` and `jac`, out of the wrapper in which SciPy puts ``jac=True``.

    Parameters
    ----------
    fun : callable
    jac : callable, bool, str or None

    Returns
    -------
    fun, jac

    Raises
    ------
    TypeError, ValueError
        When `fun` cannot be called or `jac` is none of the accepted forms.
    """
    # By name: importing the class would import SciPy, which whoever wrapped `fun` has done and others have not.
    if type(fun).__name__ == "MemoizeJac" and getattr(jac, "__self__", None) is fun:
        fun, jac = fun.fun, True
    if not callable(fun):
        raise TypeError(f"fun={fun!r} cannot be called; pass the objective as a function fun(x, *args)")
    named = isinstance(jac, str) and jac in ("inplace", *DIFFERENCES)
    if not (callable(jac) or jac is None or isinstance(jac, (bool, np.bool_)) or named):
        raise ValueError(f"jac={jac!r} is not a function, True, None, 'inplace', {', '.join(map(repr, DIFFERENCES))}")
    return fun, bool(jac) if isinstance(jac, np.bool_) else jac


def as_scalar(value):
    """Return what a Python objective returned as a float, as SciPy does: a number or an array that holds one."""
    if type(value) is float:
        return value
    array = real_array(value)
    if array is None:
        raise TypeError(f"fun returned {value!r}; the objective function must return a scalar value, a real number")
    if array.size != 1:
        raise ValueError(f"fun returned {value!r}; the objective function must return a scalar value")
    return float(array.ravel()[0])


def as_pair(value):
    """Return (f, g) as a Python objective returned it with ``jac=True``."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"fun returned {value!r}; with jac=True it must return the pair (value, gradient)")
    return value


def same(value):
    """Return `value`: what `pair` means in compiled code, where the types were checked when it was compiled."""
    return value


def plus_zero(value):
    """Return `value` as a float: what `scalar` means in compiled code. It does not compile for what is no number."""
    return value + 0.0


def copied(x):
    """Return a copy of `x`: what `guard` means for a compiled objective that may write on its argument."""
    return x.copy()
