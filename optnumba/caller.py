"""Warnings that point at the line from which optnumba was called, however deep within it they are given."""

import sys
import warnings

# SciPy too: it calls `optnumba.methods`.
BETWEEN = ("optnumba", "scipy")


def warn_caller(message, category=None):
    """Warn of what the caller of optnumba did.

    Parameters
    ----------
    message : str
    category : type, optional
        By default SciPy's OptimizeWarning.
    """
    if category is None:
        from scipy.optimize import OptimizeWarning as category
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
