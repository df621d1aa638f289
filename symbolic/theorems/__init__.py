"""What follows from the document's equations: one file per algorithm, each theorem with its proof."""

from .theorem import Theorem

__all__ = ["THEOREMS", "Theorem", "theorems"]

# The theorems of each algorithm, as in ``optnumba.RULES``.
THEOREMS = {}


class Theorems(tuple):
    """Theorems in order; one is also found by its id."""

    def __getitem__(self, key):
        if not isinstance(key, str):
            return super().__getitem__(key)
        for theorem in self:
            if theorem.id == key:
                return theorem
        raise KeyError(f"{key!r} is none of {', '.join(theorem.id for theorem in self)}")


def theorems(name=None):
    """Return what follows from the document's equations of one algorithm, or of all.

    Parameters
    ----------
    name : str, optional
        As in ``optnumba.RULES``; all of them where it is None. Those on gradient descent, on mini-batches and on
        decaying rates are under ``"sgd"``.

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
    if name not in THEOREMS:
        raise ValueError(f"name={name!r} is not an algorithm of the document; use one of {', '.join(THEOREMS)}")
    return Theorems(THEOREMS[name])
