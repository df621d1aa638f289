"""The document's own path to each update, as steps that can be checked: one file per algorithm."""

from ..catalogue import of_algorithm
from . import adadelta, adagrad, adam, adamax, momentum, nadam, nag, rmsprop, sgd
from .step import Derivation, Step

__all__ = ["DERIVATIONS", "Derivation", "Step", "derivation"]

# The derivation of each algorithm, as in ``optnumba.RULES``, simplest first.
DERIVATIONS = {
    module.DERIVATION.name: module.DERIVATION
    for module in (sgd, momentum, nag, adagrad, adadelta, rmsprop, adam, adamax, nadam)
}


def derivation(name):
    """Return the document's path to the update of one algorithm.

    Parameters
    ----------
    name : str
        As in ``optnumba.RULES``.

    Returns
    -------
    Derivation
        A sequence of steps, each with ``.before``, ``.operation``, ``.after``, ``.justification`` and ``.check()``. It
        prints as text, shows as mathematics in a notebook, and is LaTeX as ``.latex``.

    Raises
    ------
    ValueError
        When there is no algorithm of that name.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> for step in symbolic.derivation("rmsprop"):
    ...     print(step.before.id, "->", step.after.id, step.check().status)
    AD-1 -> RMS-1 proved
    AD-15 -> RMS-2 proved
    """
    return of_algorithm(name, DERIVATIONS)
