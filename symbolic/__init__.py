"""Why a rule is right: the document's equations, what follows from them, and proofs that code computes them."""

if not __name__.startswith("optnumba."):
    raise ImportError("the folder symbolic/ is installed as optnumba.symbolic; use `from optnumba import symbolic`")

from . import conventions
from .algorithms import update_equations
from .check import check
from .checking.changes import Relation
from .checking.report import Check
from .decision.values import TraceError
from .derivations import Derivation, derivation
from .difference import Difference, difference
from .document import Document, document
from .equations import Equation
from .errata import Erratum, errata
from .evidence import Evidence
from .proof import Proof
from .prove import prove
from .theorems import Theorem, theorems

__all__ = [
    "Check",
    "Derivation",
    "Difference",
    "Document",
    "Equation",
    "Erratum",
    "Evidence",
    "Proof",
    "Relation",
    "Theorem",
    "TraceError",
    "check",
    "conventions",
    "derivation",
    "difference",
    "document",
    "errata",
    "prove",
    "theorems",
    "update_equations",
]
