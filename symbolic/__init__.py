"""Why a rule is right: the document's equations, and proofs that code computes them."""

if not __name__.startswith("optnumba."):
    raise ImportError("the folder symbolic/ is installed as optnumba.symbolic; use `from optnumba import symbolic`")

from .algorithms import update_equations
from .check import check
from .equations import Equation
from .proof import Proof
from .prove import prove
from .values import TraceError

__all__ = ["Equation", "Proof", "TraceError", "check", "prove", "update_equations"]
