"""Where the document is wrong or can be misread: each place with its correct reading, and shown by computation."""

from .adaptive import ADAPTIVE
from .descent import DESCENT
from .erratum import SEVERITIES, Errata, Erratum
from .moments import MOMENTS

__all__ = ["SEVERITIES", "Errata", "Erratum", "errata"]

ERRATA = Errata(sorted((*DESCENT, *ADAPTIVE, *MOMENTS), key=lambda erratum: erratum.id))


def errata(severity=None):
    """Return where the document is wrong or can be misread.

    Parameters
    ----------
    severity : str, optional
        ``"A"`` (changes the arithmetic if taken literally), ``"B"`` (a statement that is not true) or ``"C"``
        (notation); all of them where it is None.

    Returns
    -------
    sequence of Erratum
        E-01 ... E-32, each with ``.severity``, ``.where``, ``.problem``, ``.reading``, ``.equations`` and, where it can
        be shown by computation, ``.demonstrate()``; ``errata()["E-22"]`` is one of them.

    Raises
    ------
    ValueError
        When there is no such severity.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> [len(symbolic.errata(severity)) for severity in "ABC"]
    [11, 10, 11]
    >>> symbolic.errata()["E-08"].demonstrate().proved
    True
    """
    if severity is None:
        return ERRATA
    if severity not in SEVERITIES:
        raise ValueError(f"severity={severity!r} is none of {', '.join(SEVERITIES)}")
    return Errata(erratum for erratum in ERRATA if erratum.severity == severity)
