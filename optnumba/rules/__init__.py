"""The table of update rules: the algorithms, simplest first, and then what the libraries make of them."""

from .adadelta import ADADELTA
from .adagrad import ADAGRAD
from .adam import ADAM
from .adamax import ADAMAX
from .conventions import ALIASES, CONVENTIONS, LIBRARIES
from .momentum import MOMENTUM
from .nadam import NADAM
from .nag import NAG
from .rmsprop import RMSPROP
from .sgd import SGD

__all__ = ["ALIASES", "CONVENTIONS", "ALGORITHMS", "LIBRARIES", "RULES"]

ALGORITHMS = {rule.name: rule for rule in (SGD, MOMENTUM, NAG, ADAGRAD, ADADELTA, RMSPROP, ADAM, ADAMAX, NADAM)}
RULES = {**ALGORITHMS, **CONVENTIONS}
