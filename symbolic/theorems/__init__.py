"""What follows from the document's equations: one file per algorithm, each theorem with its proof."""

from ..catalogue import Catalogue, of_algorithm
from .adadelta import ADADELTA
from .adagrad import ADAGRAD
from .adam import ADAM
from .adamax import ADAMAX
from .modifiers import MODIFIERS
from .momentum import MOMENTUM
from .nadam import NADAM
from .nag import NAG
from .rmsprop import RMSPROP
from .schedules import SCHEDULES
from .sgd import SGD
from .sparse import SPARSE
from .theorem import Theorem

__all__ = ["THEOREMS", "Theorem", "theorems"]

# The theorems of each algorithm, as in ``optnumba.RULES``.
THEOREMS = {
    "sgd": SGD + SCHEDULES + MODIFIERS["sgd"] + SPARSE["sgd"],
    "momentum": MOMENTUM + SPARSE["momentum"],
    "nag": NAG + SPARSE["nag"],
    "adagrad": ADAGRAD + SPARSE["adagrad"],
    "adadelta": ADADELTA + SPARSE["adadelta"],
    "rmsprop": RMSPROP + SPARSE["rmsprop"],
    "adam": ADAM + MODIFIERS["adam"] + SPARSE["adam"],
    "adamax": ADAMAX + SPARSE["adamax"],
    "nadam": NADAM + SPARSE["nadam"],
}


class Theorems(Catalogue):
    """Theorems in order."""

    what, several = "theorem", "theorems"


def theorems(name=None):
    """Return what follows from the document's equations of one algorithm, or of all.

    Parameters
    ----------
    name : str, optional
        As in ``optnumba.RULES``; all of them where it is None. Those on gradient descent, on mini-batches, on
        decaying rates, on clipping, decay and averages and on soft thresholding are under ``"sgd"``.

    Returns
    -------
    sequence of Theorem
        Each with ``.id``, ``.statement`` and ``.prove()``; ``theorems("adam")["T-ADAM-4"]`` is one of them.

    Raises
    ------
    ValueError
        When there is no algorithm of that name.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> theorem = symbolic.theorems("momentum")["T-MOM-4"]
    >>> theorem.prove().status
    'proved'
    """
    if name is None:
        return Theorems(theorem for group in THEOREMS.values() for theorem in group)
    return Theorems(of_algorithm(name, THEOREMS))
