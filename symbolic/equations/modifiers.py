"""What clipping, weight decay and averaging make of an algorithm's equations: typed here, and not from the code.

The gradient and the point are changed before the step, θ_{t+1} is averaged after it; in between stand the algorithm's
own equations. Where NAG takes the gradient, at φ_t, is also where the decay and λ₂ look at x: that is the point held.
"""

from dataclasses import replace

from sympy import Dummy, Max, Min

from .notation import (
    Equation,
    NablaJ,
    clip,
    decay_average,
    decay_l2,
    decay_weight,
    eta,
    factor,
    letter,
    t,
    theta,
    theta_next,
)

GRADIENT_MODIFIERS = frozenset(("clip_norm", "clip_value", "l2"))
SECTION = "of optnumba, not of the document"

g_changed = letter("h_t", "h_t", real=True)
theta_changed = letter("θ̃_t", r"\tilde\theta_t", real=True)
a_before = letter("a_{t-1}", "a_{t-1}", real=True)
a = letter("a_t", "a_t", real=True)

POLYAK = Equation("POLYAK", a, ((t - 1) * a_before + theta_next) / t, SECTION, note="the mean of θ_2, ..., θ_{t+1}")
EMA = Equation(
    "EMA",
    a,
    (decay_average * (1 - decay_average ** (t - 1)) * a_before + (1 - decay_average) * theta_next)
    / (1 - decay_average**t),
    SECTION,
    note="with its bias to 0 corrected, as Adam does",
)


def changed_gradient(names, slope, point):
    """Return what the step takes for the gradient `slope` at `point` (sympy.Expr)."""
    if "clip_norm" in names:
        slope = factor * slope
    if "clip_value" in names:
        slope = Min(Max(slope, -clip), clip)
    return slope + decay_l2 * point if "l2" in names else slope


def modified(algorithm, names, polyak=False):
    """Return the equations of an algorithm with modifiers (Algorithm).

    Parameters
    ----------
    algorithm : Algorithm
    names : collection of str
        Of `optnumba.modifiers.MODIFIERS`.
    polyak : bool
        Whether the average is the mean.
    """
    point, (call,) = algorithm.gradient_point, set().union(*(e.right.atoms(NablaJ) for e in algorithm.equations))
    slope, held, before = changed_gradient(names, call, point), Dummy(), []
    if slope != call:
        before.append(Equation("GRADIENT", g_changed, slope, SECTION))
    if "weight_decay" in names:
        rate = eta if "learning_rate" in algorithm.hyper else 1
        before.append(Equation("DECAY", theta_changed, theta - rate * decay_weight * point, SECTION))
    start = theta_changed if "weight_decay" in names else theta
    taken = call if slope == call else g_changed
    step = [
        replace(e, right=e.right.xreplace({call: held}).xreplace({theta: start}).xreplace({held: taken}))
        for e in algorithm.equations
    ]
    averaged = "average" in names
    return replace(
        algorithm,
        name=f"{algorithm.name} with {', '.join(names)}",
        equations=(*before, *step, *([POLYAK if polyak else EMA] if averaged else [])),
        states=(*algorithm.states, *([(a_before, a)] if averaged else [])),
        hyper=(*algorithm.hyper, *(name for name in names if not (polyak and name == "average"))),
    )
