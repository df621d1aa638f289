"""NablaJ descent, section 2 of the document."""

from .notation import Algorithm, Equation, NablaJ, eta, theta, theta_next

SGD_1 = Equation(
    "SGD-1",
    theta_next,
    theta - eta * NablaJ(theta),
    "NablaJ descent",
    note="J is the whole objective, one term or a batch of it: whatever the caller's gradient belongs to",
)

SGD = Algorithm("sgd", (SGD_1,), states=(), hyper=("learning_rate",))
