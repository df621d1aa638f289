"""What the document says, typed from it and from nothing else: every equation, and each algorithm's update."""

from . import adadelta, adagrad, adam, adamax, momentum, nadam, nag, rmsprop, sgd
from .notation import Algorithm, Equation

__all__ = ["EQUATIONS", "UPDATES", "Algorithm", "Equation"]

UPDATES = {
    update.name: update
    for update in (
        sgd.SGD,
        momentum.MOMENTUM,
        nag.NAG,
        adagrad.ADAGRAD,
        adadelta.ADADELTA,
        rmsprop.RMSPROP,
        adam.ADAM,
        adamax.ADAMAX,
        nadam.NADAM,
    )
}

# Every equation in the document's order, under the algorithm in whose section it stands.
EQUATIONS = {
    "sgd": sgd.EQUATIONS,
    "momentum": momentum.EQUATIONS,
    "nag": nag.EQUATIONS,
    "adagrad": adagrad.EQUATIONS,
    "adadelta": adadelta.EQUATIONS,
    "rmsprop": rmsprop.EQUATIONS,
    "adam": adam.EQUATIONS,
    "adamax": adamax.EQUATIONS,
    "nadam": nadam.EQUATIONS,
}
