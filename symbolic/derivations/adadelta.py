"""Adadelta: from a window over the squared gradients, through units and Newton's step, to a quotient of two RMS."""

import sympy
from sympy import Derivative, Integral, Rational, S, Sum, sqrt

from ..equations.adadelta import (
    AD_0,
    AD_1,
    AD_2,
    AD_3,
    AD_4,
    AD_5,
    AD_6,
    AD_7,
    AD_8,
    AD_10,
    AD_11,
    AD_12,
    AD_13,
    AD_14,
    AD_15,
    D,
    D_before,
    E,
    E_before,
    J,
    delta,
    f,
    first,
    gradient,
    hessian,
    n,
    parameter,
    rms,
    rms_g,
    second,
    time,
    time_0,
    window,
)
from ..equations.adadelta import step as newton
from ..equations.adagrad import AG_7, G
from ..equations.forms import Unit
from ..equations.notation import (
    GRADIENT,
    Equation,
    eps,
    eta,
    g,
    g_at,
    gamma,
    letter,
    t,
    theta,
    theta_before,
    theta_next,
)
from ..evidence import computation, counterexample, identity, induction
from ..theorems.running import both_signs
from .proofs import changes, follows, not_always_zero, replacing
from .step import Derivation, Step

# A window's mean, one step after the other.
oldest = g_at[t - window] ** 2
WINDOW = Equation("AD/a", E, E_before + (g**2 - oldest) / window, "derivation")
ROOT = Equation("AD/b", rms_g, rms(E), "derivation")

# Taylor's theorem with what the finite difference neglects.
between = letter("σ", r"\sigma", real=True)
remainder = Integral((time - between) * Derivative(f(between), (between, 2)), (between, time_0, time))
TAYLOR = Equation("AD/c", f(time), f(time_0) + (time - time_0) * AD_5.left + remainder, "derivation")


def _slide(step):
    total = step.before.right
    ((index, low, high),) = total.limits
    common = sympy.Symbol("C", real=True)  # the summands that both windows have
    now = common + total.function.subs(index, high).subs(g_at[t], g)
    then = common + total.function.subs(index, low.subs(t, t - 1))
    yield identity(low.subs(t, t - 1), low - 1, "each window starts one step after the one before")
    yield identity(high.subs(t, t - 1), high - 1, "and ends one step later, so all but one gradient are in both")
    mean = E_before + (now - then) / window
    yield follows(step.after, mean, E, "the mean over a window, from the mean over the one before, is AD/a")


def _decay(step):
    length = 1 / (1 - gamma)
    past = sympy.Symbol("x", nonnegative=True)
    found = step.after.right - step.before.right.subs(oldest, past).subs(window, length)
    left, right = found, step.difference.subs(oldest, past)
    yield identity(left, right, "AD-1 minus AD/a with w = 1/(1 - γ) is exactly the difference given")
    yield counterexample("AD-1 is not exact", right, 0, {past: 4, E_before: 1, gamma: Rational(9, 10)})
    equal = sympy.Symbol("e", nonnegative=True)
    yield identity(right.subs({past: equal, E_before: equal}), 0, "it is 0 where the oldest is what the mean is")
    closed = 1 - gamma**t
    base = identity(closed.subs(t, 1), 1 - gamma, "one weight, 1 - γ")
    again = identity(closed.subs(t, t + 1), gamma * closed + 1 - gamma, "all decay, and 1 - γ is added")
    yield induction(base, again, f"its weights sum to {closed}, those of a window to 1")


def _mean_for_sum(step):
    put = (step.before.right - theta).subs(G, E)
    yield follows(step.after, put, delta, "the step of AG-7 with the mean for the sum is AD-2")
    yield identity(step.after.right - (step.before.right - theta), step.difference, "AD-2 minus the step of AG-7")


def _rms_of_gradients(step):
    mean = sympy.Symbol("q", nonnegative=True)
    (total,) = step.before.right.atoms(Sum)
    put = step.before.right.subs(total, mean * total.limits[0][2])
    yield identity(put**2, mean, "AD-3 is the root of a mean of squares")
    yield follows(
        step.after, sqrt(put.subs(mean, E) ** 2 + eps), rms_g, "with E[g²]_t for that mean and ε under the root"
    )


def _name(step):
    yield follows(step.after, step.before.right, step.before.left, "AD-4 is AD-2")
    (root,) = step.uses
    shown = step.after.written.rhs.subs(root.left, root.right)
    yield identity(shown, step.before.right, "as the document displays it, with AD/b put in")


def _finite_difference(step):
    slope, f_0, f_1, rest = sympy.symbols("slope f_0 f_1 R", real=True)
    names = ((AD_5.left, slope), (f(time_0), f_0), (f(time), f_1), (remainder, rest))
    h = sympy.Symbol("h", positive=True)

    def plain(expression):
        return expression.subs(names).subs(time, time_0 + h)

    taylor = plain(step.before.right)
    found = (plain(step.after.right) - plain(step.after.left)).subs(f_1, taylor)
    yield identity(found, plain(step.difference), "AD-5 minus the derivative is the remainder of AD/c over τ - t_0")
    yield from _taylor()
    square = (remainder / (time - time_0)).subs(f(between), between**2).doit()
    yield counterexample("AD-5 is not exact, with f(τ) = τ²", sympy.simplify(square), 0, {time: 2, time_0: 1})


def _taylor():
    """Yield the Parts that the remainder of AD/c is what it says: both have the same slope, and start at 0."""
    slope = Derivative(f(time_0), time_0)
    left = (f(time) - f(time_0) - (time - time_0) * slope).diff(time)
    right = remainder.diff(time)
    inner = Derivative(f(between), between)
    (integrand, _) = right.args
    yield identity(integrand, inner.diff(between), "the remainder's slope is the integral of f''")
    ends = inner.subs(between, time) - inner.subs(between, time_0)
    yield identity(left, ends, "which is f' at τ minus f' at t_0, as is the slope of f(τ) - f(t_0) - (τ - t_0) f'(t_0)")
    yield computation("put τ = t_0", remainder.subs(time, time_0).doit(), S.Zero, "and both are 0 at τ = t_0")


def _unit_of(units, order):
    """Return the unit of a derivative of J, by AD-6 (an Equation), in terms of those of J and θ (sympy.Expr)."""
    names = {Unit(f(time)): Unit(J(parameter)), Unit(time): Unit(parameter)}
    return units.right.subs(n, order).subs(names, simultaneous=True)


def _units(step):
    size, per = sympy.symbols("a b", positive=True)
    quotient = step.before.right.subs({f(time): size, f(time_0): 0, time: per, time_0: 0}, simultaneous=True)
    once = step.after.right.subs({Unit(f(time)): size, Unit(time): per}, simultaneous=True)
    base = identity(
        once.subs(n, 1), quotient, "a difference of f over a difference of τ has the unit of f over that of τ"
    )
    again = identity(once.subs(n, n + 1), once / per, "one more derivative divides by the unit of τ once more")
    yield induction(base, again, "AD-6 for every n, AD-5 being a derivative's unit as well")


def _gradient_unit(step):
    unitless = _unit_of(step.before, 1).subs(Unit(J(parameter)), 1)
    yield identity(step.after.right, unitless, "AD-6 with n = 1, and no unit for J")
    yield counterexample("the unit of a gradient is not that of θ", unitless, Unit(parameter), {Unit(parameter): 2})


def _newton_unit(step):
    found = _unit_of(step.before, 1) / _unit_of(step.before, 2)
    yield identity(step.after.right, found, "the unit of J cancels, and that of θ stays")
    gradient_form, derivative_form = step.after.between
    slope, curve = sympy.symbols("J' J''", real=True)
    left = derivative_form.subs({second: curve, first: slope})
    right = gradient_form.subs({gradient: slope, hessian: curve})
    yield both_signs(left, right, (curve,), "for one coordinate the inverse of H is a division")


def _inverse_curvature(step):
    slope, curve, move = sympy.symbols("J' J'' Δθ", real=True)
    names = ((second, curve), (first, slope), (newton, move))
    left, right, difference = (e.subs(names) for e in (step.after.left, step.after.right, step.difference))
    of = (slope, curve)
    yield both_signs(
        right - left, difference, of, "AD-11's right side minus the inverse curvature is the difference given"
    )
    newtons = -step.before.between[-1].subs(names)
    yield both_signs(difference.subs(move, newtons), S.Zero, of, "it is 0 for Newton's step")
    (found,) = sympy.solve(difference, move)
    yield both_signs(found, newtons, of, "and for no other, solved for Δθ")
    ahead, rest = sympy.symbols("J'(θ+Δθ) R", real=True)
    # AD/c with J' for f, from θ to θ + Δθ.
    (taylor,) = step.uses
    of_slope = ((remainder, rest), (AD_5.left, curve), (f(time_0), slope), (time, time_0 + move))
    put = (-(ahead - rest) / (slope * curve)).subs(ahead, taylor.right.subs(of_slope))
    yield both_signs(difference, put, of, "by AD/c for J' it is the slope left at θ + Δθ, less R, over -J' J''")
    yield counterexample("AD-11 is not exact", difference, 0, {slope: 1, curve: 2, move: -1})


def _same_average(step):
    names = ((E, D), (E_before, D_before), (g, delta))
    yield from replacing(*names)(step)


def _estimate(step):
    first_average, second_average, root = step.uses
    ratio = root.right.subs(E, D) / root.right
    quotient, slope = sympy.symbols("q J'", real=True)
    solved = sympy.solve((step.before.left - step.before.right).subs(second, 1 / quotient).subs(first, slope), newton)
    put = solved[0].subs({quotient: ratio, slope: g})
    yield identity(step.after.right, put, "AD-13 is Newton's step with the quotient of both RMS for 1/J''")
    inverse = sympy.Symbol("h", positive=True)  # the inverse curvature, where it is the same all along
    now = second_average.right.subs(delta, -inverse * g).subs(D_before, inverse**2 * E_before)
    base = identity(S.Zero, inverse**2 * S.Zero, "both averages start at 0")
    again = identity(now, inverse**2 * first_average.right, "and stay in the ratio of the squares, by AD-1 and AD-12")
    yield induction(base, again, "were all steps Newton's with one curvature, E[Δθ²] = E[g²]/J''² for every t")
    square = sympy.Symbol("q", positive=True)
    exact = ratio.subs(eps, 0).subs({D: inverse**2 * square, E: square})
    yield identity(exact, inverse, "so that the quotient, without ε, would be 1/J'' exactly")


def _lag(step):
    yield changes(step, (D, step.uses[0].right))
    yield not_always_zero(step, {delta: 1, D_before: 0, D: Rational(1, 10), E: 1, g: 1, gamma: Rational(9, 10), eps: 1})


def _next_index(step):
    names = ((theta, theta_next), (theta_before, theta), (newton, delta))
    yield from replacing(*names)(step)


STEPS = (
    Step(
        AD_0,
        "take the mean over the window, and let the window slide",
        WINDOW,
        "one squared gradient comes in and the oldest goes out. That one has to be kept until then, so {w} gradients "
        "are stored for every coordinate",
        _slide,
        terms={"w": window},
    ),
    Step(
        WINDOW,
        "let the mean {E} go out instead of the oldest square {old}, with {share} for {part}",
        AD_1,
        "then nothing has to be stored but the mean itself. It is no expectation, and from 0 it is too small at first "
        "(E-13). What is neglected is one step's, for a window of length {length}",
        _decay,
        kind="approximation",
        difference=(1 - gamma) * (oldest - E_before),
        terms={"E": E_before, "old": oldest, "share": 1 - gamma, "part": 1 / window, "length": 1 / (1 - gamma)},
    ),
    Step(
        AG_7,
        "put the mean {E} for the sum {G}, and call the step {delta}",
        AD_2,
        "a sum only grows, so Adagrad's rate only falls; a mean over recent gradients can fall too",
        _mean_for_sum,
        kind="choice",
        difference=eta * g / sqrt(G + eps) - eta * g / sqrt(E + eps),
        terms={"E": E, "G": G, "delta": delta},
    ),
    Step(
        AD_3,
        "put {E} for the mean of squares, and {eps} under the root",
        ROOT,
        "AD-3 has equal weights and no {eps}; Zeiler means this (E-14)",
        _rms_of_gradients,
        kind="choice",
        terms={"E": E, "eps": eps},
    ),
    Step(AD_2, "write AD/b for the root", AD_4, "{shown} for short", _name, (ROOT,), terms={"shown": AD_4.written.rhs}),
    Step(
        TAYLOR,
        "divide by {h}, and leave the remainder out",
        AD_5,
        "a derivative is nearly a quotient of differences, and has the unit of one",
        _finite_difference,
        kind="approximation",
        difference=remainder / (time - time_0),
        terms={"h": time - time_0},
    ),
    Step(AD_5, "take units", AD_6, "by induction over n; no number changes a unit", _units),
    Step(
        AD_6,
        "put J for f, and {theta} for its variable",
        AD_8,
        "so gradient descent adds to {theta} what is measured in units of {inverse} (E-15); the sign reads: has the "
        "unit of (E-16)",
        _gradient_unit,
        terms={"theta": parameter, "inverse": 1 / parameter},
    ),
    Step(
        AD_6,
        "divide the unit of the first derivative by that of the second",
        AD_10,
        "Newton's step has the unit of {theta}, whatever that of J is",
        _newton_unit,
        terms={"theta": parameter},
    ),
    Step(
        AD_10,
        "solve Newton's step for the inverse curvature, and read {step} as the step that was made",
        AD_11,
        "exact for Newton's step and for no other: by AD/c for J' it takes for 0 the slope at {ahead} less the "
        "remainder. The sign is Newton's, and gone where squares are taken (E-18)",
        _inverse_curvature,
        (TAYLOR,),
        kind="approximation",
        difference=-(first + second * newton) / (first * second),
        terms={"step": newton, "ahead": parameter + newton},
    ),
    Step(
        AD_1,
        "average the squared steps in the same way",
        AD_12,
        "AD-11 asks for steps over gradients, and of the gradients there is an average",
        _same_average,
        kind="choice",
    ),
    Step(
        AD_11,
        "put the quotient of both RMS for the inverse curvature in Newton's step",
        AD_13,
        "averages in place of single values; the quotient has the unit of {theta} over that of {g} but for {eps} "
        "(E-16), so no rate {eta} is needed",
        _estimate,
        (AD_1, AD_12, ROOT),
        kind="choice",
        terms={"theta": theta, "g": g, "eps": eps, "eta": eta},
    ),
    Step(
        AD_13,
        "put the average {before} from before the step for {D}",
        AD_14,
        "{D} contains the step that it is to give, by AD-12. One step's change of the average is neglected",
        _lag,
        (AD_12,),
        kind="approximation",
        difference=(1 - gamma) * (delta**2 - D_before) * g / (rms(E) * (rms(D) + rms(D_before))),
        terms={"before": D_before, "D": D},
    ),
    Step(
        AD_7,
        "count on by one",
        AD_15,
        "{step} is the step made at {theta} (E-17)",
        _next_index,
        terms={"step": delta, "theta": theta},
    ),
)

DERIVATION = Derivation(
    "adadelta",
    "Adadelta, from a window through units and Newton's step to a quotient of two RMS",
    (GRADIENT, AG_7, AD_0, AD_3, TAYLOR, AD_7),
    STEPS,
)
