"""`minimize`, and the same as methods for `scipy.optimize.minimize`."""

from time import perf_counter

import numpy as np

from .arguments import check_bounds, check_start, find_hyperparameters, find_rule
from .caller import warn_caller
from .driving import check_not_negative, check_options, known_options, next_steps, notifier, take_hyperparameters
from .loops import descent
from .minimization import Minimization
from .modifiers import modify, split_modifiers
from .objective import Objective
from .result import ENDINGS, MAXITER, MAXTIME, STOPPED, show
from .rules import RULES

TRAIL_BYTES = 2**24

OPTIONS = {
    "maxiter": 10_000,
    "gtol": 1e-5,
    "ftol": None,
    "xtol": None,
    "maxtime": None,
    "disp": False,
    "return_all": False,
    "finite_diff_rel_step": None,
}


def minimize(
    fun, x0, args=(), method="adam", jac=None, bounds=None, tol=None, callback=None, options=None, constraints=()
):
    """Minimise a function of one or more variables by a gradient-descent rule.

    With an objective compiled by Numba the whole loop runs compiled, in chunks of 50 ms, so that Ctrl-C, callbacks and
    ``maxtime`` are answered. The caller's arrays are never written. As always in Numba, a function that was not
    compiled before takes ``error_model`` from its caller, here "numpy": 1 / 0 is inf, and ends with status 3. One with
    ``njit(error_model="python")`` raises `ZeroDivisionError`.

    Parameters
    ----------
    fun : callable
        The objective, in one of the forms that `jac` names; a plain Python function or one compiled by Numba.
    x0 : array_like, shape (n,)
        Where to start: real and finite. float32 is kept, all else becomes float64.
    args : tuple, default ()
        Further arguments of `fun` and `jac`.
    method : str or Rule, default "adam"
        A name in `optnumba.RULES`, or an algorithm and a library: ``"adam:keras"``.
    jac : callable, True, "inplace", "2-point", "3-point" or None
        ``jac(x, *args) -> g``; True: ``fun(x, *args) -> (f, g)`` with g an array or a tuple of n scalars;
        "inplace": ``fun(x, grad, *args) -> f`` writes every entry of grad; None or "2-point", "3-point": finite
        differences.
    bounds : scipy.optimize.Bounds or sequence of (low, high), optional
        Kept by projection after every step; the starting point is projected too.
    tol : float, optional
        Sets ``gtol`` unless `options` does.
    callback : callable, optional
        Called after each iteration as ``callback(xk)``, or as ``callback(intermediate_result=OptimizeResult)`` where
        that is the name of its only parameter. `StopIteration` ends the minimisation with status 99.
    options : dict, optional
        Any hyperparameter of the rule by name (``learning_rate`` may be one of `optnumba.schedules`, or a function of
        the step number t = 1, 2, ... that Numba compiles), and

        maxiter : int, default 10000
        gtol : float, default 1e-5
            Success when no entry of the gradient (with bounds: of the projected step) exceeds it.
        ftol : float
            Success when ``|f - f_before| <= ftol * max(|f|, |f_before|, 1)``.
        xtol : float
            Success when every ``|x - x_before| <= xtol * (1 + |x_before|)``.
        maxtime : float
            In seconds.
        disp, return_all : bool
            Print a summary; keep every iterate in ``allvecs``.
        finite_diff_rel_step : float
            Relative step of finite differences.
        clip_value, clip_norm : float
            Clip the entries of the gradient to ± clip_value; scale it to the norm clip_norm where it exceeds that.
        weight_decay, l2 : float
            Shrink x by 1 - learning_rate * weight_decay in each step (decoupled); add l2 * x to the gradient (coupled).
        average : "polyak" or float
            Average the iterates: their mean, or one with this decay, which is in [0, 1); it is ``x_average``.
    constraints : ()
        For the error only: they are not supported.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x`` is the best point at which the objective was evaluated, ``fun`` and ``jac`` belong to it (for "nag" too:
        a point φ, where a gradient was taken). ``status`` is 0 (success), 1 (``maxiter`` or ``maxtime``), 3 (a value
        or gradient was not finite) or 99.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used; the message names it, its value and the remedy.

    Examples
    --------
    >>> import numba, numpy, optnumba
    >>> @numba.njit
    ... def bowl(x, grad):
    ...     grad[:] = 2 * (x - 3)
    ...     return ((x - 3) ** 2).sum()
    >>> result = optnumba.minimize(bowl, [0.0, 9.0], method="momentum", jac="inplace")
    >>> result.success, result.x.round(4)
    (True, array([3., 3.]))
    """
    rule = find_rule(method)
    x = check_start(x0)
    settings, hyper, modifiers = _split_options(rule, options, tol)
    rule, more = modify(rule, modifiers)
    hyper |= more
    values, schedule = find_hyperparameters(rule, hyper, x.dtype)
    if constraints is not None and np.size(constraints):
        raise ValueError(f"constraints={constraints!r} are not supported; use bounds=, or add a penalty to fun")
    lower, upper = check_bounds(bounds, x)
    if lower is not None and not ((lower <= x) & (x <= upper)).all():
        warn_caller("x0 is not within the bounds; starting from its projection")
        x = np.clip(x, lower, upper)
    args = args if isinstance(args, tuple) else (args,)
    objective = Objective(fun, jac, x.dtype, settings["finite_diff_rel_step"])
    run = Minimization(rule, values, schedule, objective, x, args, (lower, upper), settings)
    trail = [x.copy()] if settings["return_all"] else None
    ending = _drive(run, settings, callback, trail)
    result = _result(run, ending, trail)
    if settings["disp"]:
        show(result)
    return result


def _split_options(rule, options, tol):
    """Return the settings of the loop, the hyperparameters and the modifiers that stand in `options`."""
    options = check_options(options)
    if tol is None:
        tol = options.get("tol")
    options.pop("tol", None)
    if tol is not None:
        options.setdefault("gtol", tol)
    modifiers, hyper = split_modifiers(rule, options), take_hyperparameters(rule, options)
    settings = {**OPTIONS, **known_options(options, OPTIONS, rule)}
    for name in ("maxiter", "gtol", "ftol", "xtol", "maxtime", "finite_diff_rel_step"):
        settings[name] = check_not_negative(name, settings[name], OPTIONS[name])
    return settings, hyper, modifiers


def _drive(run, settings, callback, trail):
    """Run to an end, chunk by chunk; return the ending."""
    maxiter, maxtime = settings["maxiter"], settings["maxtime"]
    notify = notifier(callback)
    started = perf_counter()
    # With a trail of no rows, not None, where there will be one: another type would compile the loop twice.
    steps, ending = 1, run.advance(0, None if trail is None else np.empty((0, run.x.size), run.x.dtype))
    while ending == descent.STEPS_DONE:
        left = maxiter - run.steps_done
        if left <= 0:
            return MAXITER
        before = perf_counter()
        if maxtime is not None and before - started >= maxtime:
            return MAXTIME
        steps = 1 if notify else int(min(steps, np.ceil(left)))
        buffer = (
            None if trail is None else np.empty((min(steps, 1 + TRAIL_BYTES // run.x.nbytes), run.x.size), run.x.dtype)
        )
        done = run.steps_done
        ending = run.advance(steps if buffer is None else len(buffer), buffer)
        if trail is not None:
            trail.extend(x for x in buffer[: run.steps_done - done] if np.isfinite(x).all())
        if notify and run.steps_done > done and ending not in (descent.VALUE_NOT_FINITE, descent.GRADIENT_NOT_FINITE):
            try:
                notify(x=run.x.copy(), fun=run.value)
            except StopIteration:
                return STOPPED
        steps = next_steps(steps, perf_counter() - before, maxtime and maxtime - (perf_counter() - started))
    return ending


def _result(run, ending, trail):
    from scipy.optimize import OptimizeResult

    status, message = ENDINGS[ending]
    message = f"{message} {run.fault(ending)}".rstrip()
    run.settle(ending)
    njev = run.evaluations
    result = OptimizeResult(
        x=run.best.copy(),
        fun=run.best_value,
        jac=run.best_gradient.copy(),
        nit=run.steps_done,
        nfev=njev * run.values_per_gradient,
        njev=njev,
        status=status,
        success=status == 0,
        message=message,
    )
    if "average" in run.rule.slots:
        result.x_average = run.average.copy()
    if trail is not None:
        result.allvecs = trail
    return result


class Method:
    """A rule as a method for `scipy.optimize.minimize`.

    Parameters
    ----------
    name : str
        A name in `optnumba.RULES`.

    Examples
    --------
    >>> import scipy, optnumba
    >>> def bowl(x):
    ...     return ((x - 3) ** 2).sum(), 2 * (x - 3)
    >>> scipy.optimize.minimize(bowl, [0.0], jac=True, method=optnumba.methods.nag, tol=1e-8).x.round(6)
    array([3.])
    """

    def __init__(self, name):
        self.name = self.__name__ = name

    def __call__(
        self, fun, x0, args=(), jac=None, hess=None, hessp=None, bounds=None, constraints=(), callback=None, **options
    ):
        """Minimise; called by `scipy.optimize.minimize`, whose arguments these are. `options` as in `minimize`."""
        for argument, value in (("hess", hess), ("hessp", hessp)):
            if value is not None:
                warn_caller(f"Method {self.name} does not use {argument}.", RuntimeWarning)
        return minimize(fun, x0, args, self.name, jac, bounds, None, callback, options, constraints)

    def __repr__(self):
        return f"optnumba.methods[{self.name!r}]" if ":" in self.name else f"optnumba.methods.{self.name}"


class Methods:
    """Every rule as a method for `scipy.optimize.minimize`: as an attribute, or by a name such as ``"adam:keras"``.

    Examples
    --------
    >>> import optnumba
    >>> optnumba.methods.adam, optnumba.methods["adam:keras"]
    (optnumba.methods.adam, optnumba.methods['adam:keras'])
    """

    def __init__(self):
        vars(self).update({name: Method(name) for name in RULES})

    def __getitem__(self, name):
        return vars(self)[find_rule(name, "name").name]


methods = Methods()
