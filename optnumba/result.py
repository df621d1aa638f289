"""How a minimisation ended: status codes and messages as SciPy's BFGS gives them, and the result object."""

import numpy as np

from .loops import descent

SUCCESS, BUDGET, NOT_A_NUMBER, CALLBACK = 0, 1, 3, 99
MAXITER, MAXTIME, STOPPED = "maxiter", "maxtime", "callback"

# Why the loop ended: (status, message).
ENDINGS = {
    descent.GRADIENT_SMALL: (SUCCESS, "Optimization terminated successfully."),
    descent.VALUE_STILL: (SUCCESS, "Optimization terminated successfully: the value changed by less than ftol."),
    descent.POINT_STILL: (SUCCESS, "Optimization terminated successfully: x changed by less than xtol."),
    descent.VALUE_NOT_FINITE: (NOT_A_NUMBER, "NaN result encountered."),
    descent.GRADIENT_NOT_FINITE: (NOT_A_NUMBER, "NaN result encountered."),
    MAXITER: (BUDGET, "Maximum number of iterations has been exceeded."),
    MAXTIME: (BUDGET, "Maximum time has been exceeded."),
    STOPPED: (CALLBACK, "`callback` raised `StopIteration`."),
}


def describe(ending, iteration, value, gradient):
    """Return the status and the message for an ending.

    Parameters
    ----------
    ending : int or str
        A key of `ENDINGS`.
    iteration : int
        Steps done.
    value : float
        The objective at the last point.
    gradient : numpy.ndarray, shape (n,)
        Its gradient there.

    Returns
    -------
    status : int
    message : str
    """
    status, message = ENDINGS[ending]
    if ending == descent.GRADIENT_NOT_FINITE:
        i = int(np.flatnonzero(~np.isfinite(gradient))[0])
        message += f" The gradient is {gradient[i]} in coordinate {i} at iteration {iteration}."
    if ending == descent.VALUE_NOT_FINITE:
        message += f" The objective is {value} at iteration {iteration}."
    return status, message


def show(result):
    """Print a result as SciPy does with ``disp=True``."""
    print(result.message)
    print(f"         Current function value: {result.fun:f}")
    for name, count in (("Iterations", "nit"), ("Function evaluations", "nfev"), ("Gradient evaluations", "njev")):
        print(f"         {name}: {result[count]}")
