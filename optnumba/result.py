"""How a minimisation ended: status codes and messages as SciPy's BFGS gives them, and the result object."""

from .caller import warn_caller
from .loops import descent, finite_sum

SUCCESS, BUDGET, NOT_A_NUMBER, CALLBACK = 0, 1, 3, 99
MAXITER, MAXTIME, STOPPED = "maxiter", "maxtime", "callback"
MAX_STEPS, MAX_EVALS, PATIENCE, INTERRUPTED = "max_steps", "max_evals", "patience", "interrupted"

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

# The same for a finite sum, of which to have done all epochs is what was asked for.
EPOCH_ENDINGS = {
    finite_sum.EPOCHS_DONE: (SUCCESS, "All epochs were done."),
    finite_sum.VALUE_STILL: (SUCCESS, "The objective changed by less than ftol from one epoch to the next."),
    finite_sum.GRADIENT_SMALL: ENDINGS[descent.GRADIENT_SMALL],
    finite_sum.VALUE_NOT_FINITE: ENDINGS[descent.VALUE_NOT_FINITE],
    finite_sum.GRADIENT_NOT_FINITE: ENDINGS[descent.VALUE_NOT_FINITE],
    PATIENCE: (SUCCESS, "No epoch was better than the best for as many epochs as patience allows."),
    MAX_STEPS: (BUDGET, "Maximum number of steps has been exceeded."),
    MAX_EVALS: (BUDGET, "Maximum number of function evaluations has been exceeded."),
    MAXTIME: ENDINGS[MAXTIME],
    STOPPED: ENDINGS[STOPPED],
    INTERRUPTED: (CALLBACK, "Interrupted by Ctrl-C."),
}


def show(result):
    """Print a result as SciPy does with ``disp=True``, and warn where it is no success."""
    if result.success:
        print(result.message)
    else:
        warn_caller(result.message)
    print(f"         Current function value: {result.fun:f}")
    for name, count in (("Iterations", "nit"), ("Function evaluations", "nfev"), ("Gradient evaluations", "njev")):
        print(f"         {name}: {result[count]}")
