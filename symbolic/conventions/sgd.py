"""Gradient descent in the libraries: the document's equation everywhere, with another rate in torch."""

from ..equations.sgd import SGD
from .convention import restated

SGD_TORCH = restated(SGD, "sgd:torch", "torch 2.13, optim/sgd.py, momentum=0")
