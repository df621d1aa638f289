"""The document's update of each algorithm, typed from the document and from nothing else; simplest first."""

from .adadelta import ADADELTA
from .adagrad import ADAGRAD
from .adam import ADAM
from .adamax import ADAMAX
from .momentum import MOMENTUM
from .nadam import NADAM
from .nag import NAG
from .notation import Algorithm, Equation
from .rmsprop import RMSPROP
from .sgd import SGD

__all__ = ["UPDATES", "Algorithm", "Equation"]

UPDATES = {a.name: a for a in (SGD, MOMENTUM, NAG, ADAGRAD, ADADELTA, RMSPROP, ADAM, ADAMAX, NADAM)}
