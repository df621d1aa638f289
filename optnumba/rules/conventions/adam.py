"""Adam with ε̂: ε is added to the root of the v that is not corrected (Kingma & Ba 2015, end of section 2)."""

from dataclasses import replace

from ..adam import ADAM
from ..adam import coefficients as corrected


def coefficients(t, d1, e1, d2, e2, learning_rate, beta1, beta2, eps):
    return corrected(t, d1, e1, d2, e2, learning_rate, beta1, beta2, eps)[:-1] + (eps,)


EPS_HAT = "ε̂, added to the root of the uncorrected v, in units of g"

ADAM_KERAS = replace(
    ADAM,
    coefficients=coefficients,
    hyper=(*ADAM.hyper[:-1], replace(ADAM.hyper[-1], meaning=EPS_HAT)),
    written_for=(),  # `pace` takes ε from the coefficients
).with_defaults("adam:keras", "Keras 3.15, optimizers/adam.py", eps=1e-7)
ADAM_ENSMALLEN = ADAM_KERAS.with_defaults("adam:ensmallen", "ensmallen, adam/adam_update.hpp", eps=1e-8)
