"""How a minimisation ended: status codes and messages as SciPy's BFGS gives them, and the result object."""

import warnings

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
    descent.POINT_NOT_FINITE: (NOT_A_NUMBER, "NaN result encountered."),
    descent.STATE_NOT_FINITE: (NOT_A_NUMBER, "NaN result encountered."),
    MAXITER: (BUDGET, "Maximum number of iterations has been exceeded."),
    MAXTIME: (BUDGET, "Maximum time has been exceeded."),
    STOPPED: (CALLBACK, "`callback` raised `StopIteration`."),
}


def show(result):
    """Print a result as SciPy does with ``disp=True``, and warn where it is no success."""
    if result.success:
        print(result.message)
    else:
        from scipy.optimize import OptimizeWarning

        warnings.warn(result.message, OptimizeWarning, stacklevel=4)
    print(f"         Current function value: {result.fun:f}")
    for name, count in (("Iterations", "nit"), ("Function evaluations", "nfev"), ("Gradient evaluations", "njev")):
        print(f"         {name}: {result[count]}")
