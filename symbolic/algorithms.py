"""Every algorithm whose equations are known: the document's nine, and the conventions of the libraries."""

from optnumba.arguments import canonical
from optnumba.rules import ALIASES

from .catalogue import suggestion
from .conventions import CONVENTIONS
from .equations import UPDATES

ALGORITHMS = {**UPDATES, **CONVENTIONS}


def algorithm(name):
    """Return the `Algorithm` called `name`, or raise a ValueError that lists the names."""
    known = canonical(name)
    if known not in ALGORITHMS:
        raise ValueError(f"name={name!r} is not an algorithm{suggestion(name, [*ALGORITHMS, *ALIASES])}")
    return ALGORITHMS[known]


def update_equations(name):
    """Return the equations of one algorithm's step: the document's, or those of a library's convention.

    Parameters
    ----------
    name : str
        As in ``optnumba.RULES``; or an algorithm and a library, such as ``"adam:torch"``.

    Returns
    -------
    tuple of Equation
        In the order in which a step evaluates them; each has ``.id``, ``.section``, ``.expr``, ``.latex`` and
        ``.erratum``.

    Raises
    ------
    ValueError
        When there is no algorithm of that name.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> for equation in symbolic.update_equations("momentum"):
    ...     print(equation)
    MOM-1: v_t = γ*v_{t-1} + η*∇J(θ_t)
    MOM-2: θ_{t+1} = θ_t - v_t
    >>> symbolic.update_equations("adam")[-1].id
    'ADAM-6'
    """
    return algorithm(name).equations
