"""The settings under which two conventions may turn out to be the same: candidates, of which each is to be proved."""

from dataclasses import dataclass, field

from sympy import Expr, Symbol, oo

from ..equations.notation import beta1, t
from .nadam import q_before

CONSTANT_RATE = "constant learning_rate"


@dataclass(frozen=True)
class Setting:
    """Values of hyperparameters, and what else is asked for.

    Parameters
    ----------
    values : dict of str to number or str
        By name, for whichever side has the hyperparameter. A str is the name of a hyperparameter of the *other* side:
        then all of these values are for one side only, that which has all of the hyperparameters.
    words : str
        A condition that is not a value: ``"constant learning_rate"``.
    change : tuple of (Symbol, sympy.Expr)
        What a scalar that only one side carries is after t - 1 steps.
    degenerate : bool
        Whether it makes another algorithm of at least one side (gradient descent of Momentum).
    """

    values: dict = field(default_factory=dict)
    words: str = ""
    change: tuple[tuple[Symbol, Expr], ...] = ()
    degenerate: bool = False

    @property
    def one_sided(self):
        """Whether the values are for one side only (bool)."""
        return any(isinstance(value, str) for value in self.values.values())


NO_SCHEDULE = ((q_before, 1 - beta1 ** (t - 1)),)

# The fewest conditions first: a setting is not reported where a part of it does.
SETTINGS = (
    Setting(words=CONSTANT_RATE),
    Setting({"eps": 0}),
    Setting({"learning_rate": 1}),
    Setting({"momentum": 0}, degenerate=True),
    Setting({"beta1": 0}, degenerate=True),
    Setting({"beta2": 0}, degenerate=True),
    Setting({"lr_decay": 0}),
    Setting({"initial_accumulator_value": 0}),
    Setting({"momentum_decay": oo}, change=NO_SCHEDULE),
    Setting({"beta1": 0, "eps": 0}, degenerate=True),
    Setting({"beta1": 0, "beta2": 0}, degenerate=True),
    Setting({"eps": 0, "lr_decay": 0}),
    Setting({"initial_accumulator_value": 0, "eps": 0}),
    Setting({"initial_accumulator_value": 0, "lr_decay": 0}),
    Setting({"initial_accumulator_value": "eps", "eps": 0}),
    Setting({"momentum_decay": oo, "eps": 0}, change=NO_SCHEDULE),
    Setting({"momentum_decay": oo, "beta2": 0}, change=NO_SCHEDULE, degenerate=True),
    Setting({"initial_accumulator_value": "eps", "eps": 0, "lr_decay": 0}),
)
