"""Gradient-descent optimizers, proved equal to their equations, at the speed of the hardware."""

import sys

from . import gpu as cuda
from . import schedules
from .bind import bind
from .checkpoint import CheckpointError
from .finite_sum import minimize_finite_sum
from .linear_model import linear_model
from .minimize import methods, minimize
from .optimizer import Optimizer
from .rule import Hyper, Rule
from .rules import RULES

__version__ = "0.1.0"
__all__ = [
    "RULES",
    "CheckpointError",
    "Hyper",
    "Optimizer",
    "Rule",
    "bind",
    "cuda",
    "linear_model",
    "methods",
    "minimize",
    "minimize_finite_sum",
    "schedules",
]

sys.modules["optnumba.cuda"] = cuda  # so that it can be imported by this name too


def __getattr__(name):
    if name == "symbolic":  # imported when first used: it brings SymPy
        from importlib import import_module

        return import_module("optnumba.symbolic")
    raise AttributeError(f"module 'optnumba' has no attribute {name!r}")
