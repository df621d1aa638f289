"""RMSprop: the first form of Adadelta, with a decay of 0.9."""

from ..equations.adadelta import AD_1, AD_2, AD_15
from ..equations.notation import GRADIENT, gamma
from ..equations.rmsprop import RMS_1, RMS_2, RMS_3
from ..evidence import identity
from .proofs import follows, substitution
from .step import Derivation, Step


def _same(step):
    yield follows(step.after, step.before.right, step.before.left, "RMS-1 is AD-1")
    shown = step.after.written.rhs
    put = step.before.right.subs(gamma, step.uses[0].right)
    yield identity(shown, put, "what the document displays is AD-1 with the value of RMS-3")


STEPS = (
    Step(
        AD_1,
        "take it over; the document displays it with {gamma} = {value}",
        RMS_1,
        "RMSprop has the same decaying average of squared gradients",
        _same,
        (RMS_3,),
        terms={"gamma": gamma, "value": RMS_3.right},
    ),
    Step(
        AD_15,
        "put AD-2 into AD-15",
        RMS_2,
        "AD-2 is the form that Adadelta has before units are considered; RMSprop stays with it, and so keeps a "
        "learning rate. The average is the one after its update (E-20)",
        substitution,
        (AD_2,),
    ),
)

DERIVATION = Derivation(
    "rmsprop", "RMSprop, as the first form of Adadelta", (GRADIENT, AD_1, AD_2, AD_15, RMS_3), STEPS
)
