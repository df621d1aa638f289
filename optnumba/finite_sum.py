"""`minimize_finite_sum`: batch, stochastic and mini-batch gradient descent on a sum over samples."""

from numbers import Real
from time import perf_counter

import numpy as np

from .arguments import check_start, find_hyperparameters, find_rule
from .driving import check_options, known_options, next_steps, notifier, take_hyperparameters
from .linear_model import LinearModel
from .loops import finite_sum as loop
from .model_objective import ModelObjective
from .modifiers import modify, split_modifiers
from .monitoring import Monitor, Progress
from .objective import SampleObjective
from .result import BUDGET, EPOCH_ENDINGS, INTERRUPTED, MAXTIME, SUCCESS, show
from .samples import check_samples
from .settings import NEVER, check_seed, check_settings
from .sparse_training import SparseTraining, sparse_meaning
from .training import Training
from .training_state import Checkpoints

OPTIONS = {
    "max_steps": None,
    "max_evals": None,
    "maxtime": None,
    "gtol": None,
    "ftol": None,
    "drop_last": False,
    "sample_weight": None,
    "exact_objective": False,
    "lazy": False,
    "allow_nan": False,
    "threads": None,
    "callback_every": None,
    "validation": None,
    "patience": None,
    "min_delta": 0.0,
    "progress": False,
    "disp": False,
    "return_all": False,
    "checkpoint": None,
    "every": None,
    "resume": False,
}


def minimize_finite_sum(
    fun,
    x0,
    data,
    args=(),
    method="sgd",
    batch_size=32,
    epochs=10,
    reduction="mean",
    shuffle=True,
    seed=0,
    callback=None,
    options=None,
    device="cpu",
):
    """Minimise a sum over samples by batch, stochastic or mini-batch gradient descent.

    The objective is the mean (or the sum) of f_i(x), i = 0, ..., N-1, weighted if `sample_weight` is given. Each step
    takes the gradient of a batch; an epoch visits every sample once. With a function compiled by Numba, or a linear
    model, all of it runs compiled, in chunks of 50 ms between which Ctrl-C, `callback` and ``maxtime`` are answered:
    a `KeyboardInterrupt` has the result so far as its attribute ``result``.

    Parameters
    ----------
    fun : callable or LinearModel
        ``fun(x, grad, i, *data, *args) -> f_i``, which *adds* the gradient of f_i to `grad`; compiled by Numba, or
        plain Python (slow). It is called once more at the start, to see that it adds. Or what `optnumba.linear_model`
        returns. Division by 0 is as in `minimize`.
    x0 : array_like, shape (n,), or None
        Where to start: real and finite. float32 is kept, all else becomes float64. With a linear model None is 0.
    data : tuple of arrays, or one array
        With N entries each along the first dimension; of a linear model ``(A, y)``, where A is an array of shape (N, n)
        or a CSR matrix of SciPy. Neither copied nor changed, nor reordered.
    args : tuple, default ()
        Further arguments of `fun`.
    method : str or Rule, default "sgd"
        A name in `optnumba.RULES`, or an algorithm and a library: ``"adam:keras"``.
    batch_size : int or None, default 32
        Samples in a step, 1 to N: 1 is stochastic gradient descent, k mini-batch, None or N batch gradient descent.
    epochs : int or None, default 10
        None: until another budget is used up, or it has converged.
    reduction : {"mean", "sum"}, default "mean"
        Of the objective, and of the gradients of a batch. The mean is over the samples of the batch, so that a shorter
        last one weighs its samples as they are, with weights w_i Σ w_i ∇f_i / (b w̄), where w̄ is the mean of all.
    shuffle : bool, default True
        Whether the order of the samples is another in each epoch: a function of `seed` and the epoch alone.
    seed : int, sequence of int, SeedSequence, BitGenerator, Generator or None, default 0
        None takes one from the operating system. ``result.seed`` gives the same permutations again.
    callback : callable, optional
        Called after each epoch, or after every ``callback_every`` steps, as ``callback(xk)``, or as
        ``callback(intermediate_result=OptimizeResult)`` where that is the name of its only parameter, with x, fun, nit,
        epochs, learning_rate and what is validated. `StopIteration` ends the minimisation with status 99.
    options : dict, optional
        Any hyperparameter of the rule by name (``learning_rate`` may be one of `optnumba.schedules`, or a function of
        the step number t = 1, 2, ... that Numba compiles), and

        max_steps, max_evals : int
            Of steps, and of evaluations of an f_i: the last batch that fits is the last.
        maxtime : float
            In seconds.
        gtol : float
            Of batch gradient descent: success when no entry of the gradient exceeds it.
        ftol : float
            Success when the value of an epoch differs by no more than ``ftol * max(|f|, |f_before|, 1)`` from the last.
        drop_last : bool, default False
            Leave out, in each epoch, the samples that do not fill a batch.
        sample_weight : array_like, shape (N,)
            From 0 on.
        exact_objective : bool, default False
            Evaluate the objective at the end of each epoch, which takes one more pass over the data.
        lazy : bool, default False
            Of a linear model over sparse rows: coordinates that a batch does not touch keep their value and their
            state, and feel no penalty (torch's SparseAdam). By default they take each step, with a gradient of 0: at
            the cost of the non-zeros where there is a closed form for that (all rules but Adam's family; of the
            penalties, for "sgd", where learning_rate * l2 must be below 1), else of a pass over x.
        threads : bool
            Whether large batches are summed in threads; by default where that pays. The result is the same to the bit.
        validation : callable, or data
            ``validation(x) -> float``, or data as above: their mean loss, without penalty.
        patience : int
            Stop after so many epochs without a value below the best by more than ``min_delta`` (default 0): of
            `validation`, else of the objective.
        callback_every : int
            In steps.
        clip_value, clip_norm, weight_decay, l2, average
            As of `optnumba.minimize`: of the gradient of a batch; the average is ``x_average``.
        progress, disp, return_all : bool
            Show a bar (tqdm); print a summary; keep x after each epoch in ``allvecs``.
        checkpoint : str or os.PathLike
            A file from which the same call can go on, to the same result bit for bit: written after every ``every``
            steps (by default after each epoch), after `callback`, and at the end. It is whole at every moment, whatever
            stops the process; ``checkpoint + ".previous"`` is the one before.
        every : int
            In steps.
        resume : bool, default False
            Go on from `checkpoint`; start if neither that file nor the one before exists. `epochs`, the budgets and
            tolerances may be others, to go on longer; `x0` is not looked at, nor are what `fun` changed in `args` and
            ``allvecs`` in the file.
        allow_nan : bool, default False
            Let data be not finite.
    device : "cpu"

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x`` is the last point and ``x_best`` that at the end of the best epoch. ``fun`` is what ``fun_is`` says: the
        objective at x with `exact_objective`, else the mean (or sum) of the f_i in the last epoch, each before the step
        that it took part in, and the penalty at its end. ``history`` holds an array per epoch for "fun", and for
        "exact" and "validation". ``nit`` are steps, ``epochs`` whole ones, ``nfev`` = ``njev`` evaluations of an f_i.
        ``status`` is 0 (all epochs done, or converged), 1 (another budget used up), 3 (not finite) or 99.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used; the message names it, its value and the remedy.
    CheckpointError
        For a file that cannot be resumed from.
    OSError
        When a checkpoint cannot be written; the last one is as it was.

    Examples
    --------
    >>> import numba, numpy as np, optnumba
    >>> @numba.njit
    ... def squared(x, grad, i, a, y):
    ...     residual = x[0] + x[1] * a[i] - y[i]
    ...     grad[0] += residual
    ...     grad[1] += residual * a[i]
    ...     return residual**2 / 2
    >>> a = np.linspace(0, 1, 100)
    >>> data = a, 1 + 2 * a
    >>> result = optnumba.minimize_finite_sum(squared, [0.0, 0.0], data, epochs=400, options={"learning_rate": 0.5})
    >>> result.x.round(3), result.epochs, result.nit
    (array([1., 2.]), 400, 1600)
    """
    rule = find_rule(method)
    options = check_options(options)
    modifiers, hyper = split_modifiers(rule, options), take_hyperparameters(rule, options)
    rule, more = modify(rule, modifiers)
    settings = {**OPTIONS, **known_options(options, OPTIONS, rule)}
    model = fun if isinstance(fun, LinearModel) else None
    x = _check_start(x0, model, data)
    samples = check_samples(model, data, settings["sample_weight"], x.dtype, settings["allow_nan"])
    settings |= {"batch_size": batch_size, "epochs": epochs, "reduction": reduction, "shuffle": shuffle}
    settings = check_settings(settings, samples, device)
    values, schedule = find_hyperparameters(rule, hyper | more, x.dtype)
    random, (seed, word) = seed is None, check_seed(seed)
    args = args if isinstance(args, tuple) else (args,)
    run = _make(rule, values, schedule, fun, x, samples, args, settings, word)
    monitor = Monitor(run, settings, notifier(callback), _validator(run, model, settings), run.value_at)
    checkpoints = Checkpoints(run, monitor, settings, seed)
    seed = checkpoints.resume(random)
    progress = Progress(settings["progress"], _total(run, settings))
    try:
        ending = _drive(run, settings, monitor, progress, checkpoints)
        checkpoints.save()
    except KeyboardInterrupt as interrupt:
        interrupt.result = _result(run, monitor, INTERRUPTED, seed)
        raise
    finally:
        progress.close()
    result = _result(run, monitor, ending, seed)
    if settings["disp"]:
        show(result)
    return result


def _check_start(x0, model, data):
    if model is None:
        return check_start(x0)
    features = _count_features(data)
    if x0 is None:
        if features is None:
            check_samples(model, data)  # which says what is wrong with them
        return model.start(data[0])
    x = check_start(x0)
    if features is not None:
        model.check_size(x, features)
    return x


def _count_features(data):
    """Return the number of columns of A (int), or None where `data` are no (A, y)."""
    try:
        A, _ = data
        _, features = np.shape(A)
    except (TypeError, ValueError):
        return None
    return features


def _make(rule, values, schedule, fun, x, samples, args, settings, seed):
    """Return the `Training` for a function or a model, over dense or sparse data."""
    arguments = (x, samples, args, settings, seed)
    if not isinstance(fun, LinearModel):
        if settings["lazy"]:
            raise ValueError(f"lazy=True is for a linear model over sparse rows, and fun={fun!r}; leave it out")
        return Training(rule, values, schedule, SampleObjective(fun, x.dtype), *arguments)
    objective = ModelObjective(fun, samples)
    if args:
        raise ValueError(f"args={args!r}: a linear model takes none; leave them out")
    if fun.l1 and settings["gtol"] is not None:
        raise ValueError(f"gtol={settings['gtol']!r} tests a gradient, which the penalty 'l1' has not at 0; use ftol")
    if fun.l1 and rule.pace is None:
        raise ValueError(f"penalty 'l1'={fun.l1!r} needs a rule with a pace, which {rule.name!r} has not; use another")
    if not samples.sparse:
        if settings["lazy"]:
            raise ValueError("lazy=True is for sparse rows, and A is dense; leave it out, or pass a CSR matrix")
        return Training(rule, values, schedule, objective, *arguments)
    if settings["gtol"] is not None and settings["lazy"]:
        raise ValueError(f"gtol={settings['gtol']!r} tests every coordinate, and lazy=True leaves some alone; drop one")
    if settings["lazy"] and "average" in rule.slots:
        raise ValueError("average moves every coordinate in every step, and lazy=True leaves some alone; drop one")
    meaning = sparse_meaning(rule, objective.penalty, settings["lazy"])
    if meaning is None or settings["gtol"] is not None:
        return Training(rule, values, schedule, objective, *arguments)
    return SparseTraining(meaning, rule, values, schedule, objective, *arguments)


def _validator(run, model, settings):
    """Return ``validate(x) -> float`` for what the option `validation` is, or None."""
    validation = settings["validation"]
    if validation is None:
        return None
    if callable(validation):
        return lambda x: _check_validation(validation, validation(x.copy()))
    samples = check_samples(model, validation, None, run.x.dtype, settings["allow_nan"])
    return lambda x: run.mean_over(samples, x)


def _check_validation(validation, value):
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"validation={validation!r} returned {value!r}; it must return a real number")
    return float(value)


def _total(run, settings):
    """Return the steps that there will be at most, or None."""
    limits = [settings["limit"]] if settings["limit"] < NEVER else []
    limits += [settings["epochs"] * run.steps_per_epoch] if settings["epochs"] else []
    return min(limits, default=None)


def _drive(run, settings, monitor, progress, checkpoints):
    """Run to an end, chunk by chunk; return the ending."""
    maxtime, limit = settings["maxtime"], settings["limit"]
    started = perf_counter()
    samples, ending = 1, run.advance(0)
    if (ended := checkpoints.ended()) is not None:
        return ended
    pauses = monitor.pauses_at_epochs or checkpoints.pauses_at_epochs
    while True:
        before = perf_counter()
        if maxtime is not None and before - started >= maxtime:
            return MAXTIME
        epochs, steps, visited = run.epochs_done, run.steps_done, run.evaluations
        stop = min([limit, *filter(None, [monitor.next_stop(), checkpoints.next_stop()])])
        ending = run.advance(samples, stop, pauses)
        progress.show(run)
        if ending in (loop.VALUE_NOT_FINITE, loop.GRADIENT_NOT_FINITE):
            return ending
        verdict = monitor.after_epoch() if run.epochs_done > epochs and monitor.pauses_at_epochs else None
        if run.steps_done > steps:
            verdict = monitor.after_steps() or verdict
        if verdict is not None:
            return verdict
        if ending in (loop.EPOCHS_DONE, loop.VALUE_STILL, loop.GRADIENT_SMALL):
            return ending
        if run.steps_done >= limit:
            return settings["limited_by"]
        checkpoints.after(steps, epochs)
        left = maxtime and maxtime - (perf_counter() - started)
        # Of the samples visited: fewer than allowed, where a callback or a checkpoint was due.
        samples = next_steps(max(1, run.evaluations - visited), perf_counter() - before, left)


def _result(run, monitor, ending, seed):
    from scipy.optimize import OptimizeResult

    x, (status, message) = run.snapshot(), EPOCH_ENDINGS[ending]
    lost = run.overflow(x) if status in (SUCCESS, BUDGET) else ""
    if lost:
        status, message = EPOCH_ENDINGS[loop.VALUE_NOT_FINITE]
    message = f"{message} {lost or run.fault(ending)}".rstrip()
    history = {"fun": run.history}
    at_x = ending == loop.GRADIENT_SMALL
    whole = run.epochs_done and not run.within_epoch and not at_x
    exact = bool(whole and len(monitor.exact_values) == run.epochs_done)
    for name, values in (("exact", monitor.exact_values), ("validation", monitor.validation_values)):
        if values:
            history[name] = np.array(values)
    result = OptimizeResult(
        x=x,
        x_best=run.best.copy(),
        fun=monitor.exact_values[-1] if exact else run.running_value,
        fun_is="the objective at x" if exact or at_x else run.running_value_is,
        history=history,
        epochs=run.epochs_done,
        nit=run.steps_done,
        nfev=run.evaluations,
        njev=run.evaluations,
        seed=seed,
        status=status,
        success=status == 0,
        message=message,
    )
    if "average" in run.rule.slots:
        result.x_average = run.average.copy()
    if monitor.points is not None:
        result.allvecs = monitor.points
    return result
