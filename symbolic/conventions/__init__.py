"""What the libraries compute under the names of the document's algorithms, typed from their sources.

Examples
--------
>>> from optnumba import symbolic
>>> for equation in symbolic.conventions.CONVENTIONS["momentum:torch"].equations:
...     print(equation)
momentum:torch-1: b_t = γ*b_{t-1} + ∇J(θ_t)
momentum:torch-2: θ_{t+1} = θ_t - η*b_t
"""

from .adadelta import ADADELTA_ENSMALLEN, ADADELTA_KERAS, ADADELTA_TORCH
from .adagrad import ADAGRAD_ENSMALLEN, ADAGRAD_KERAS, ADAGRAD_TORCH
from .adam import ADAM_ENSMALLEN, ADAM_KERAS
from .adamax import ADAMAX_ENSMALLEN, ADAMAX_KERAS, ADAMAX_TORCH
from .convention import Convention
from .momentum import MOMENTUM_ENSMALLEN, MOMENTUM_TORCH
from .nadam import NADAM_ENSMALLEN, NADAM_KERAS, NADAM_OPTAX, NADAM_TORCH
from .nag import NAG_ENSMALLEN, NAG_TORCH
from .rmsprop import RMSPROP_KERAS, RMSPROP_TORCH
from .sgd import SGD_TORCH

__all__ = ["CONVENTIONS", "Convention", "table"]

CONVENTIONS = {
    convention.name: convention
    for convention in (
        SGD_TORCH,
        MOMENTUM_TORCH,
        MOMENTUM_ENSMALLEN,
        NAG_TORCH,
        NAG_ENSMALLEN,
        ADAGRAD_TORCH,
        ADAGRAD_KERAS,
        ADAGRAD_ENSMALLEN,
        ADADELTA_TORCH,
        ADADELTA_KERAS,
        ADADELTA_ENSMALLEN,
        RMSPROP_TORCH,
        RMSPROP_KERAS,
        ADAM_KERAS,
        ADAM_ENSMALLEN,
        ADAMAX_TORCH,
        ADAMAX_KERAS,
        ADAMAX_ENSMALLEN,
        NADAM_TORCH,
        NADAM_KERAS,
        NADAM_OPTAX,
        NADAM_ENSMALLEN,
    )
}


def table():
    """Return what each library computes under each name: see `optnumba.symbolic.comparison.table`."""
    from ..comparison import table

    return table()
