"""The table of update rules, simplest first."""

from .adadelta import ADADELTA
from .adagrad import ADAGRAD
from .adam import ADAM
from .adamax import ADAMAX
from .momentum import MOMENTUM
from .nadam import NADAM
from .nag import NAG
from .rmsprop import RMSPROP
from .sgd import SGD

RULES = {rule.name: rule for rule in (SGD, MOMENTUM, NAG, ADAGRAD, ADADELTA, RMSPROP, ADAM, ADAMAX, NADAM)}
