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

__all__ = ["ALGORITHMS", "Algorithm", "Equation", "algorithm", "update_equations"]

ALGORITHMS = {a.name: a for a in (SGD, MOMENTUM, NAG, ADAGRAD, ADADELTA, RMSPROP, ADAM, ADAMAX, NADAM)}


def algorithm(name):
    """Return the `Algorithm` called `name`, or raise a ValueError that lists the names."""
    if name not in ALGORITHMS:
        raise ValueError(f"name={name!r} is not an algorithm of the document; use one of {', '.join(ALGORITHMS)}")
    return ALGORITHMS[name]


def update_equations(name):
    """Return the document's equations of one algorithm.

    Parameters
    ----------
    name : str
        As in ``optnumba.RULES``.

    Returns
    -------
    tuple of Equation
        In the order in which a step evaluates them; each has ``.id``, ``.section``, ``.expr``, ``.latex`` and
        ``.erratum``.

    Raises
    ------
    ValueError
        When the document has no algorithm of that name.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> for equation in symbolic.update_equations("momentum"):
    ...     print(equation)
    MOM-1: v_t = v_{t-1}*γ + η*∇J(θ_t)
    MOM-2: θ_{t+1} = -v_t + θ_t
    >>> symbolic.update_equations("adam")[-1].id
    'ADAM-6'
    """
    return algorithm(name).equations
