"""Adam: two decaying averages, what their start at 0 costs them, and the correction."""

import sympy
from sympy import Sum, sqrt

from ..equations.adadelta import AD_1, E, E_before
from ..equations.adam import ADAM_2, ADAM_3, ADAM_4, ADAM_5, ADAM_6, m, m_before, m_hat, v, v_before, v_hat
from ..equations.forms import Expectation
from ..equations.notation import GRADIENT, Equation, beta1, beta2, eps, eta, g, g_at, gamma, i, letter, t
from ..equations.rmsprop import RMS_2
from ..evidence import computation, identity
from ..theorems.recurrences import solves, unrolled
from .proofs import changes, follows, replacing
from .step import Derivation, Step

any_g = letter("g", "g", real=True)
weight_sum = sympy.Symbol("W", real=True)


def _average(beta, what):
    """Return the sum that a decaying average from 0 is."""
    return (1 - beta) * Sum(beta ** (t - i) * what, (i, 1, t))


FIRST = Equation("ADAM/a", m, _average(beta1, g_at[i]), "derivation")
MEAN = Equation("ADAM/b", Expectation(m), _average(beta1, Expectation(g_at[i])), "derivation")
BIAS = Equation("ADAM/c", Expectation(m), (1 - beta1**t) * Expectation(any_g), "derivation")
SECOND = Equation("ADAM/d", v, _average(beta2, g_at[i] ** 2), "derivation")
MEAN_2 = Equation("ADAM/e", Expectation(v), _average(beta2, Expectation(g_at[i] ** 2)), "derivation")
BIAS_2 = Equation("ADAM/f", Expectation(v), (1 - beta2**t) * Expectation(any_g**2), "derivation")


def _unroll(state):
    def proof(step):
        recurrence = step.before.right.subs(g, g_at[t])
        yield unrolled(
            step.after.right, recurrence, state, f"{step.before.id} from 0 gives {step.after.id}, for every t"
        )

    return proof


def _expectation(power):
    """Return the proof that an expectation goes into a sum with fixed weights."""

    def proof(step):
        (total,) = step.before.right.atoms(Sum)
        drawn, free = g_at[i] ** power, sympy.Symbol("x", real=True)
        of_drawn = total.function.subs(drawn, free)
        weight = of_drawn.diff(free)
        linear = weight * free
        yield identity(of_drawn, linear, f"each summand is a fixed weight times {drawn}")
        right = step.before.right.subs(total, Sum(weight * Expectation(drawn), *total.limits))
        yield follows(step.after, right, Expectation(step.before.left), "so the expectation goes inside")

    return proof


def _bias(beta, power):
    """Return the proof that expectations which are all alike come out with the sum of the weights."""

    def proof(step):
        (total,) = step.before.right.atoms(Sum)
        drawn, common = Expectation(g_at[i] ** power), Expectation(any_g**power)
        weights = step.before.right.subs(total, Sum(total.function.subs(drawn, 1), *total.limits))
        closed = step.after.right.subs(common, 1)
        recurrence = beta * weight_sum + 1 - beta
        yield unrolled(weights, recurrence, weight_sum, f"the weights sum to W of W_t = {beta} W_(t-1) + 1 - {beta}")
        yield solves(closed, recurrence, weight_sum, f"which is {closed}")
        yield follows(step.after, closed * common, step.before.left, f"so {common} is multiplied by that")

    return proof


def _unbiased(state):
    """Return the proof that a corrected average is the one multiple whose expectation is right."""

    def proof(step):
        (common,) = step.before.right.atoms(Expectation)
        factor, mean = sympy.symbols("c e", real=True)
        (found,) = sympy.solve(factor * step.before.right.subs(common, mean) - mean, factor)
        claimed = step.after.right / state
        yield computation("solve for the factor", found, claimed, f"{claimed} {state} alone has expectation {common}")

    return proof


def _adam(step):
    put = step.before.right.subs(sqrt(E + eps), sqrt(v_hat) + eps).subs(g, m_hat)
    yield follows(step.after, put, step.before.left, "RMS-2 with both corrected averages is ADAM-6")
    yield changes(step)


ALIKE = (
    "let every gradient so far have the same expectation; then it comes out, times the sum of the weights. That sum is "
    "below 1: the average is too small by the factor {factor}, most of all at first (E-21)"
)
DIVIDE = "this is the only multiple of {state} whose expectation is {mean}"


def _correction(average, before, total, mean, because, bias, corrected, beta, power):
    """Return the steps from the recurrence of an average of g^power to the average without its bias."""
    factor = 1 - beta**t
    start = letter(str(before).replace("{t-1}", "0"), str(before).replace("{t-1}", "0"))
    unbiased = {"factor": factor, "state": average.left, "mean": Expectation(any_g**power)}
    return (
        Step(
            average, "unroll it from {start} = 0", total, "by induction over t", _unroll(before), terms={"start": start}
        ),
        Step(total, "take the expectation", mean, because, _expectation(power)),
        Step(mean, "sum the weights", bias, ALIKE, _bias(beta, power), terms={"factor": factor}),
        Step(bias, "divide by {factor}", corrected, DIVIDE, _unbiased(average.left), terms=unbiased),
    )


STEPS = (
    Step(
        AD_1,
        "write {v} for {E} and {beta} for {gamma}",
        ADAM_3,
        "the second moment is estimated by Adadelta's decaying average",
        replacing((E, v), (E_before, v_before), (gamma, beta2)),
        terms={"v": v, "E": E, "beta": beta2, "gamma": gamma},
    ),
    Step(
        AD_1,
        "write {m} for {E}, {beta} for {gamma}, and average {g} instead of {square}",
        ADAM_2,
        "the first moment is estimated in the same way",
        replacing((E, m), (E_before, m_before), (gamma, beta1), (g**2, g)),
        kind="choice",
        terms={"m": m, "E": E, "beta": beta1, "gamma": gamma, "g": g, "square": g**2},
    ),
    *_correction(ADAM_2, m_before, FIRST, MEAN, "it is linear, and the weights are fixed", BIAS, ADAM_4, beta1, 1),
    *_correction(ADAM_3, v_before, SECOND, MEAN_2, "as for the first moment", BIAS_2, ADAM_5, beta2, 2),
    Step(
        RMS_2,
        "put {m_hat} for {g} and {v_hat} for {E}, and {eps} outside the root",
        ADAM_6,
        "RMSprop with both averages corrected. With {eps} outside, it is compared with a gradient and not with a "
        "square",
        _adam,
        kind="choice",
        difference=eta * g / sqrt(E + eps) - eta * m_hat / (sqrt(v_hat) + eps),
        terms={"m_hat": m_hat, "g": g, "v_hat": v_hat, "E": E, "eps": eps},
    ),
)

DERIVATION = Derivation("adam", "Adam, from two decaying averages and their start at 0", (GRADIENT, AD_1, RMS_2), STEPS)
