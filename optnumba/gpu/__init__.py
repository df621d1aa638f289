"""CUDA: the same rules on the card. Users find this package as ``optnumba.cuda``.

Nothing of CUDA is imported before it is first used, and numba-cuda need not be there. The package has another name
because numba-cuda 0.30.4 takes every import with "numba.cuda" in its name for its own, and never returns.
"""

from .driver import CudaUnavailable, is_available, missing
from .per_thread import device_step
from .watch import synchronize

__all__ = ["CudaUnavailable", "device_step", "is_available", "missing", "synchronize"]
