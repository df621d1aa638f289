"""What a library computes under the name of an algorithm: its equations, typed from its source."""

from dataclasses import dataclass, fields

from sympy import Expr, Symbol

from ..equations.notation import Algorithm


@dataclass(frozen=True)
class Convention(Algorithm):
    """The equations of one step as a library has them.

    Parameters
    ----------
    name, equations, states, hyper, variable, inverse
        As in `Algorithm`.
    origin : str
        Library and file.
    scalars : tuple of (Symbol, Symbol)
        What all coordinates share and only a recurrence defines, before and after the step: it starts at 0 and stays
        in [0, 1].
    rescaled : tuple of (Symbol, Expr)
        States that are another algorithm's divided by something, before the step: b for v/η.

    Examples
    --------
    >>> from optnumba.symbolic.conventions import CONVENTIONS
    >>> CONVENTIONS["adam:keras"].origin
    'Keras 3.15, optimizers/adam.py'
    """

    origin: str = ""
    scalars: tuple[tuple[Symbol, Symbol], ...] = ()
    rescaled: tuple[tuple[Symbol, Expr], ...] = ()


def restated(algorithm, name, origin, **changes):
    """Return the equations of an algorithm as those of a library.

    Parameters
    ----------
    algorithm : Algorithm
    name, origin : str
        Of the convention.
    **changes : object
        Fields of `Convention` that differ.

    Returns
    -------
    Convention
    """
    same = {f.name: getattr(algorithm, f.name) for f in fields(algorithm)}
    return Convention(**{**same, "name": name, "origin": origin, **changes})


def scalars_of(algorithm):
    """Return the scalars that an algorithm's coordinates share, before and after the step (tuple of pairs)."""
    return algorithm.scalars if isinstance(algorithm, Convention) else ()


def origin_of(algorithm):
    """Return where an algorithm's equations come from, for people (str)."""
    return algorithm.origin if isinstance(algorithm, Convention) else "the document"
