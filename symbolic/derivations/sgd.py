"""Gradient descent: from an objective that is a sum to the update with one of its terms."""

import sympy
from sympy import Sum

from ..equations.notation import Equation, NablaJ, eta, i, letter, letter_base, theta, theta_next
from ..equations.sgd import GD_1, GD_2, SGD_1, N, error, x_i, y_i
from ..evidence import computation, counterexample, identity
from .proofs import changes, follows, replacing, substitution
from .step import Derivation, Step

j = letter("j", "j", integer=True, positive=True)
term = letter_base("∇error", r"\nabla\mathrm{error}")
mean = letter("⟨∇error⟩", r"\langle\nabla\mathrm{error}\rangle", real=True)
total = Sum(term[j], (j, 1, N))

SUM = Equation("GD/a", NablaJ(theta), total, "derivation")
BATCH = Equation("GD/b", theta_next, theta - eta * total, "derivation")
MEAN_TERM = Equation("GD/m", mean, total / N, "derivation", note="the mean of the gradients of the terms")
MEAN = Equation("GD/c", theta_next, theta - N * eta * mean, "derivation")
ONE = Equation("GD/d", theta_next, theta - N * eta * term[i], "derivation", relation="≈")


def _gradient_of_sum(step):
    of_theta, point = sympy.Function("error"), sympy.Symbol("θ", real=True)
    whole = step.before.right
    ((index, low, high),) = whole.limits
    found = sympy.diff(Sum(whole.function.subs(error[index], of_theta(index, point)), whole.limits[0]), point)
    claimed = Sum(sympy.Derivative(of_theta(index, point), point), (index, low, high))
    yield computation("derivative of the sum by θ", found, claimed, "the gradient of a sum is the sum of the gradients")
    named = Sum(term[j], (j, low, high)) if found == claimed else found
    yield follows(step.after, named, NablaJ(theta), "with names for the gradients of the terms this is GD/a")


def _one_term(step):
    yield changes(step)
    one = sympy.Symbol("e", real=True)
    of_one = step.difference.subs(term[i], one)
    # Linear in the term drawn, so its average over all terms is its value at the mean of the terms.
    yield identity(sympy.diff(of_one, one, 2), sympy.S.Zero, "what is neglected is linear in the term that is drawn")
    (named,) = step.uses
    yield identity(N * named.right, total, "N times the mean is the sum of all terms")
    yield identity(of_one.subs(one, mean), sympy.S.Zero, "so it is 0 on average over all N terms")
    two = step.difference.subs(named.left, named.right).subs(N, 2).doit().subs(i, 1)
    yield counterexample("GD/d is not exact", two, sympy.S.Zero, {term[1]: 1, term[2]: 3, eta: 1})


def _as_mean(step):
    (named,) = step.uses
    put = step.after.right.subs(named.left, named.right)
    yield identity(put, step.before.right, "GD/c with GD/m put in is GD/b")


STEPS = (
    Step(
        GD_2,
        "take the gradient",
        SUM,
        "the gradient is linear; {term} is the gradient of one term at {theta}",
        _gradient_of_sum,
        terms={"term": term[j], "theta": theta},
    ),
    Step(
        GD_1,
        "put GD/a into GD-1",
        BATCH,
        "this is batch gradient descent: all N terms for one update",
        substitution,
        (SUM,),
    ),
    Step(
        BATCH,
        "multiply and divide by {N}, which makes GD/m of the sum",
        MEAN,
        "descent on the sum with rate {eta} is descent on the mean with rate {rate}: the two conventions of an "
        "objective differ by this factor alone (E-02)",
        _as_mean,
        (MEAN_TERM,),
        terms={"N": N, "eta": eta, "rate": N * eta},
    ),
    Step(
        MEAN,
        "put one term {term}, drawn at random, for the mean of all",
        ONE,
        "a step costs one gradient instead of {N}; what is neglected has mean 0 over the draw of {i}, so that only "
        "noise is added",
        _one_term,
        (MEAN_TERM,),
        kind="approximation",
        difference=-N * eta * (term[i] - mean),
        terms={"term": term[i], "N": N, "i": i},
    ),
    Step(
        ONE,
        "write {eta} for {rate}, and the gradient of the term with the data that make it",
        SGD_1,
        "the document keeps the letter {eta}, although the rate is no longer that of GD-1 (E-02). From here on J is "
        "whatever the gradient belongs to that the caller hands over: all data, one term, or a batch",
        replacing((N * eta, eta), (term[i], NablaJ(theta, x_i, y_i))),
        kind="choice",
        difference=N * eta * term[i] - eta * NablaJ(theta, x_i, y_i),
        terms={"eta": eta, "rate": N * eta},
    ),
)

DERIVATION = Derivation("sgd", "Gradient descent, from an objective that is a sum", (GD_1, GD_2, MEAN_TERM), STEPS)
