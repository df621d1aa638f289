"""What torch, Keras 3, optax and ensmallen compute under the names of the document's algorithms.

There is a rule wherever a library has another arithmetic or other defaults than the rules before it, and an alias
wherever it has not. optax and ensmallen's constructors ask for some hyperparameters that others have a default for:
such a cell has the defaults of the rule that it shares.
"""

from .adadelta import ADADELTA_ENSMALLEN, ADADELTA_KERAS, ADADELTA_TORCH
from .adagrad import ADAGRAD_ENSMALLEN, ADAGRAD_KERAS, ADAGRAD_TORCH
from .adam import ADAM_ENSMALLEN, ADAM_KERAS
from .adamax import ADAMAX_ENSMALLEN, ADAMAX_KERAS, ADAMAX_TORCH
from .momentum import MOMENTUM_ENSMALLEN, MOMENTUM_TORCH
from .nadam import NADAM_ENSMALLEN, NADAM_KERAS, NADAM_OPTAX, NADAM_TORCH
from .nag import NAG_ENSMALLEN, NAG_TORCH
from .rmsprop import RMSPROP_KERAS, RMSPROP_TORCH
from .sgd import SGD_TORCH

LIBRARIES = ("torch", "keras", "optax", "ensmallen")

CONVENTIONS = {
    rule.name: rule
    for rule in (
        SGD_TORCH,
        MOMENTUM_TORCH,
        MOMENTUM_ENSMALLEN,
        NAG_TORCH,
        NAG_ENSMALLEN,
        ADAGRAD_TORCH,
        ADAGRAD_KERAS,
        ADAGRAD_ENSMALLEN,
        ADADELTA_TORCH,
        ADADELTA_KERAS,
        ADADELTA_ENSMALLEN,
        RMSPROP_TORCH,
        RMSPROP_KERAS,
        ADAM_KERAS,
        ADAM_ENSMALLEN,
        ADAMAX_TORCH,
        ADAMAX_KERAS,
        ADAMAX_ENSMALLEN,
        NADAM_TORCH,
        NADAM_KERAS,
        NADAM_OPTAX,
        NADAM_ENSMALLEN,
    )
}

# What a library has no default for, or one (0) that turns the algorithm into gradient descent.
ASKED_FOR = {
    "torch": ("momentum",),
    "keras": ("momentum",),
    "optax": ("learning_rate", "momentum"),
}

# The rest of the table: the cell, and the rule that it is, arithmetic and defaults.
ALIASES = {
    "sgd:keras": "sgd",
    "sgd:optax": "sgd",
    "sgd:ensmallen": "sgd",
    "momentum:keras": "momentum",
    "momentum:optax": "momentum:torch",
    "nag:keras": "nag",
    "nag:optax": "nag:torch",
    "adagrad:optax": "adagrad:keras",
    "adadelta:optax": "adadelta:torch",
    "rmsprop:optax": "rmsprop",
    "rmsprop:ensmallen": "rmsprop:torch",
    "adam:torch": "adam",
    "adam:optax": "adam",
    "adamax:optax": "adamax:torch",
}
