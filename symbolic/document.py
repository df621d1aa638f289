"""The document as data: every equation in its order, found by its id."""

from .catalogue import Catalogue, of_algorithm
from .equations import EQUATIONS


class Document(Catalogue):
    """The equations of the document in its order; a notebook shows them as a table in LaTeX.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> symbolic.document("momentum")["MOM-2"].id
    'MOM-2'
    """

    what, several = "equation", "equations"

    def _repr_markdown_(self):
        rows = ["| id | section | equation | erratum |", "|---|---|---|---|"]
        for equation in self:
            formula = equation.latex.replace("|", r"\vert ")
            rows.append(f"| {equation.id} | {equation.section} | ${formula}$ | {', '.join(equation.errata)} |")
        return "\n".join(rows)


def document(name=None):
    r"""Return every equation of the document, or those of one algorithm's section.

    Parameters
    ----------
    name : str, optional
        As in ``optnumba.RULES``; all sections where it is None. Gradient descent, mini-batches and the decay of the
        rate are under ``"sgd"``.

    Returns
    -------
    sequence of Equation
        In the document's order; ``document()["ADAM-4"]`` is one of them. Each has ``.id``, ``.section``, ``.expr``,
        ``.latex``, ``.erratum``, and ``.written`` where the document's own line differs from the correct reading. Those
        that make up an update are the objects that `prove` uses.

    Raises
    ------
    ValueError
        When there is no algorithm of that name.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> len(symbolic.document())
    77
    >>> print(symbolic.document()["AMX-5"])
    AMX-5: u_t = Max(β₂*u_{t-1}, Abs(g_t))  (u in the maximum, not v; |g| per coordinate, E-22)
    >>> symbolic.document()["AMX-5"].latex
    'u_t = \\max\\left(\\beta_2 u_{t-1}, \\left|{g_t}\\right|\\right)'
    >>> symbolic.document("nadam")["NAD-17"].relation
    '≈'
    >>> symbolic.document()["ADAM-44"]
    Traceback (most recent call last):
        ...
    KeyError: "'ADAM-44' is no equation; did you mean ADAM-4, ADAM-7, ADAM-6?"
    """
    if name is None:
        return Document(equation for section in EQUATIONS.values() for equation in section)
    return Document(of_algorithm(name, EQUATIONS))
