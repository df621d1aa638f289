"""Gradient-descent optimizers, proved equal to their equations, at the speed of the hardware."""

from .bind import bind
from .minimize import methods, minimize
from .optimizer import Optimizer
from .rule import Hyper, Rule
from .rules import RULES

__version__ = "0.1.0"
__all__ = ["RULES", "Hyper", "Optimizer", "Rule", "bind", "methods", "minimize"]
