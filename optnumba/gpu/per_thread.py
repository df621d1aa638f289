"""Rules as device functions, for kernels of your own."""

import numpy as np

from ..arguments import find_hyperparameters, find_rule, kernel_values
from ..loops.cuda import step_alone
from ..modifiers import modify, split_modifiers
from . import driver, kernels


def device_step(method="adam", dtype="float64", **hyper):
    """Return one step of a rule as a device function, to be called in a ``@cuda.jit`` kernel of your own.

    Parameters
    ----------
    method : str or Rule, default "adam"
        A name in `optnumba.RULES`, or an algorithm and a library: ``"adam:keras"``.
    dtype : {"float64", "float32"}
        Of x, and of the arithmetic.
    **hyper : float
        The rule's hyperparameters by name, which become constants of the kernel; ``learning_rate`` may be one of
        `optnumba.schedules`, or a function of the step number t = 1, 2, ... Modifiers (``weight_decay``, ``l2``,
        ``clip_value``, ``clip_norm``, ``average``) as for `optnumba.Optimizer`.

    Returns
    -------
    device function
        ``step(x, grad, slots, carry, t)``: steps x, of shape (n,), in place. `grad` has shape (n,), `slots` the shape
        (number of slots, n) and the dtype of x, `carry` is float64; the latter two have to be 0 before step 1, and at
        least one long. t = 1, 2, ... is the number of the step. Its attributes ``slots`` and ``carry`` are the names of
        what the arrays hold (tuples of str). Nothing is checked within a kernel.

    Raises
    ------
    TypeError, ValueError
        For hyperparameters that the rule does not have, or outside their intervals.

    Examples
    --------
    One small problem for each thread: p₀ + p₁ a fitted to the rows of `y` by least squares.

    >>> import numpy, optnumba
    >>> from numba import cuda
    >>> step = optnumba.cuda.device_step("adam", learning_rate=0.1)
    >>> SLOTS, CARRY = len(step.slots), len(step.carry)
    >>> @cuda.jit
    ... def fit(a, y, found, steps):
    ...     k = cuda.grid(1)
    ...     x = cuda.local.array(2, numpy.float64)
    ...     grad = cuda.local.array(2, numpy.float64)
    ...     slots = cuda.local.array((SLOTS, 2), numpy.float64)
    ...     carry = cuda.local.array(CARRY, numpy.float64)
    ...     if k < y.shape[0]:
    ...         for j in range(2):
    ...             x[j] = 0.0
    ...             for s in range(SLOTS):
    ...                 slots[s, j] = 0.0
    ...         for c in range(CARRY):
    ...             carry[c] = 0.0
    ...         for t in range(1, steps + 1):
    ...             grad[0] = grad[1] = 0.0
    ...             for i in range(a.size):
    ...                 residual = x[0] + x[1] * a[i] - y[k, i]
    ...                 grad[0] += residual
    ...                 grad[1] += residual * a[i]
    ...             step(x, grad, slots, carry, t)
    ...         found[k, 0], found[k, 1] = x[0], x[1]
    >>> a = numpy.linspace(-1, 1, 5)
    >>> y = numpy.array([1 + 2 * a, 3 - a])
    >>> found = cuda.device_array((2, 2))
    >>> fit[1, 2](a, y, found, 200)
    >>> found.copy_to_host().round(2) + 0.0
    array([[ 1.,  2.],
           [ 3., -1.]])
    """
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype={dtype!r} is not 'float64' or 'float32'; use one of these")
    rule = find_rule(method)
    modifiers = split_modifiers(rule, hyper)
    rule, more = modify(rule, modifiers)
    values, schedule = find_hyperparameters(rule, {**hyper, **more}, np.dtype(dtype))
    driver.need_package()
    names = kernels.on_a_device(rule, dtype, schedule)
    names |= {"HYPER": tuple(values), "VALUES": tuple(kernel_values(values, schedule).tolist())}
    step = driver.toolkit().jit(device=True)(kernels.bound(step_alone, names))
    step.slots, step.carry = rule.slots, rule.carry
    return step
