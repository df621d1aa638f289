"""A step's arguments before it is run: what a partial or an object gives it, and which defaults are numbers."""

from fractions import Fraction
from functools import partial
from inspect import Parameter, getattr_static, signature
from types import FunctionType, MethodType

from ..decision.values import TraceError
from .containers import is_bag


def unwrapped(step):
    """Return (function, {argument: what a partial gives it}, the object it is a method of)."""
    bound, instance = {}, None
    if isinstance(step, partial):
        bound = dict(signature(step.func).bind_partial(*step.args, **step.keywords).arguments)
        step = step.func
    calls = getattr_static(type(step), "__call__", None)
    if isinstance(calls, FunctionType) and not hasattr(step, "py_func"):
        step = MethodType(calls, step)
    if isinstance(step, MethodType):
        step, instance = step.__func__, step.__self__
    return step, bound, instance


def is_number(thing):
    """Return whether something is a real number (bool)."""
    return isinstance(thing, (int, float, Fraction)) and not isinstance(thing, bool)


def is_pair(thing):
    """Return whether something is two numbers (bool)."""
    return isinstance(thing, (tuple, list)) and len(thing) == 2 and all(map(is_number, thing))


def is_empty_bag(parameter):
    """Return whether an argument is a dict or list of states that a step makes for itself (bool)."""
    return is_bag(parameter.name) and (parameter.default is None or parameter.default in ({}, []))


def may_start(parameter):
    """Return whether an argument's default is what a state starts from."""
    return parameter.default is None or is_number(parameter.default)


def parameters_of(step):
    """Return the parameters of a step (list of inspect.Parameter), or raise where they are not all named."""
    try:
        parameters = list(signature(step).parameters.values())
    except (TypeError, ValueError) as why:
        raise TraceError(f"step={step!r} has no signature to read; pass a Python or Numba function") from why
    if any(p.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD) for p in parameters):
        raise TraceError(
            f"step({', '.join(map(str, parameters))}) should be step(x, g, *state, t, *hyper), each by name"
        )
    return parameters
