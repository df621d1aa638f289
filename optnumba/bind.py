"""Give a function other meanings for its global names."""

from types import FunctionType


def bind(function, **names):
    """Return `function` with the same bytecode and other meanings for its global names.

    Parameters
    ----------
    function : function
        A plain Python function.
    **names : object
        What its global names (built-in ones too: ``max``, ``abs``) shall mean.

    Returns
    -------
    function
        A new function; ``bind(f, ...).__code__ is f.__code__``.

    Examples
    --------
    >>> import math
    >>> def norm(x, y):
    ...     return sqrt(x * x + y * y)
    >>> bind(norm, sqrt=math.sqrt)(3.0, 4.0)
    5.0
    """
    bound = FunctionType(
        function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__, function.__closure__
    )
    bound.__kwdefaults__ = function.__kwdefaults__
    bound.__qualname__, bound.__module__, bound.__doc__ = function.__qualname__, function.__module__, function.__doc__
    return bound
