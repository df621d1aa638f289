"""Gradient descent with torch's default rate; the other libraries' `sgd` is the document's."""

from ..sgd import SGD

SGD_TORCH = SGD.with_defaults("sgd:torch", "torch 2.13, optim/sgd.py, momentum=0", learning_rate=0.001)
