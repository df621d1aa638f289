"""What follows from the equations of NAdam's section."""

from math import prod

from sympy import Float, Rational, Symbol, solve, sqrt

from ...rules.conventions.nadam import NADAM_TORCH
from ..conventions.nadam import LOOK_AHEAD, STEP_OPTAX, P, decay, mu, mu_next
from ..equations.adam import ADAM_2, ADAM_4, ADAM_6, ADAM_7, m, m_before, m_hat, v_hat
from ..equations.momentum import v, v_before
from ..equations.nadam import NAD_9, NAD_10, NAD_11, NAD_12, NAD_16, NAD_17, NAD_18, m_hat_before, m_next
from ..equations.nag import NAG_4, NAG_5, SHIFT
from ..equations.notation import beta1, eps, eta, g, g_next, phi, psi, t, theta, theta_next
from ..evidence import at_most, computation, identity
from .recurrences import solves, tends
from .running import after
from .theorem import Theorem

DEFAULT = {beta1: ADAM_7.right}
TORCH_DECAY = next(Rational(str(h.default)) for h in NADAM_TORCH.hyper if h.name == "momentum_decay")  # its ψ
DIGITS = 40
x, y = Symbol("x", positive=True), Symbol("y", nonnegative=True)


def numerator(equation):
    """Return what η/(√v̂_t + ε) is multiplied by in a step of NAdam."""
    return -(equation.right - theta) * (sqrt(v_hat) + eps) / eta


def _expanded(step):
    yield identity(after((ADAM_2, ADAM_4, ADAM_6))[theta_next], step, "ADAM-2 and ADAM-4 put into ADAM-6")


def _replacement(ratio):
    before = (1 - beta1 ** (t - 1)) * m_hat_before
    yield identity(
        numerator(NAD_16).subs(m_before, before),
        numerator(NAD_17).subs(m_hat_before, ratio * m_hat_before),
        "NAD-16 is NAD-17 with that factor before m̂_{t-1}, as m_{t-1} = (1 - β₁^(t-1)) m̂_{t-1}",
    )
    yield identity(ratio.subs(t, 1), 0, "the factor is 0 at t = 1")
    part = ratio.subs({beta1 ** (t - 1): 1 / (1 + y), beta1**t: beta1 / (1 + y)}, simultaneous=True)
    yield at_most(part, 1, "and less than 1 at every t, β₁^(t-1) = 1/(1 + y) with y >= 0", strict=True)
    yield tends(ratio, 1, "but tends to 1")


def _change(variable):
    (back,) = solve(phi - variable, theta)
    nag = {key: value.subs(theta, back) for key, value in after((NAG_4, NAG_5)).items()}
    ahead = variable.subs({theta: nag[theta_next], v_before: nag[v]}, simultaneous=True)
    dozat = after((NAD_9, NAD_10, NAD_11), {theta: phi, m_before: v_before})
    yield identity(variable.subs(v_before, 0), theta, "φ_1 = θ_1, as v_0 = m_0 = 0")
    yield identity(dozat[m], nag[v], f"{m} of NAD-10 at φ_t is NAG's {v}")
    yield identity(dozat[theta_next], ahead, "NAD-11 at φ_t gives NAG's φ_{t+1}")


def _difference(difference):
    one_later = NAD_10.right.subs({m_before: m, g: g_next}, simultaneous=True)
    ahead = theta - NAD_11.right
    yield identity(one_later - ahead, difference, "NAD-10 at t + 1, and what NAD-11 subtracts")
    off = (NAD_12.right - NAD_11.right).subs(m_next, one_later)
    yield identity(off, -difference, "so NAD-12 is off by that much")


def _multipliers(document, first, dozat, dozat_first, quasi, single, torch_first, torch_later):
    constant = {m: g * (1 - beta1**t)}
    yield solves(constant[m], ADAM_2.right, m_before, f"m_t = {constant[m]} where every gradient is g_t")
    theirs = numerator(NAD_18).subs(m_hat, ADAM_4.right).subs(constant)
    yield identity(theirs, g * document, "the document's numerator, NAD-18")
    power = document.subs(beta1**t, 1 / (1 + x))
    yield at_most(1, power, "a multiple of more than 1 at every t, β₁^t = 1/(1 + x) with x > 0", strict=True)
    yield identity(document.subs(t, 1), first, f"at t = 1: {first}")
    yield _decimals(first.subs(DEFAULT), "1.9", "with the document's β₁")
    yield tends(document, 1, "and tends to 1")
    yield identity(numerator(STEP_OPTAX).subs(constant), g * dozat, "Dozat's numerator with one μ for all steps")
    yield identity(dozat.subs(t, 1), dozat_first, f"at t = 1: {dozat_first}")
    yield _decimals(dozat_first.subs(DEFAULT), "1.474", "with the document's β₁")
    for form in (quasi, single):
        yield identity(form.subs(m_hat, ADAM_4.right).subs(constant), g, f"{form} is g_t itself, at every t")
    for step, claimed in ((1, torch_first), (50, torch_later)):
        yield _scheduled(step, claimed, constant[m])


def _scheduled(step, claimed, average):
    """Return the Part that torch's default schedule has a multiplier, to three decimals, at one step."""
    decays = [decay(k).subs({psi: TORCH_DECAY, **DEFAULT}).evalf(DIGITS) for k in range(1, step + 2)]
    values = {mu: decays[-2], mu_next: decays[-1], P: prod(decays[:-1])}
    multiple = LOOK_AHEAD.subs(m, average).subs(values).subs({t: step, g: 1, **DEFAULT})
    return _decimals(multiple, claimed, f"torch's schedule at t = {step}, ψ = {TORCH_DECAY}, β₁ = {DEFAULT[beta1]}")


def _decimals(value, claimed, what):
    """Return the Part that a number is what is claimed, to three decimals."""
    found = Rational(str(round(value.evalf(DIGITS), 3)))
    how = f"evaluated with {DIGITS} digits, to three decimals"
    return computation(how, found, Rational(str(claimed)), f"{what}: {claimed}")


def _ratio(ratio, first):
    document = numerator(NAD_18).subs(m_hat, ADAM_4.right).diff(m)
    dozat = numerator(STEP_OPTAX).diff(m)
    yield identity(dozat, ratio * document, "the coefficients of m_t in NAD-18 and in Dozat's step", [(beta1, 1)])
    fresh = [numerator(form).subs(m_hat, ADAM_4.right).diff(g) for form in (NAD_18, STEP_OPTAX)]
    yield identity(*fresh, "those of g_t are the same")
    yield identity(ratio.subs(t, 1).subs(DEFAULT), first, "at t = 1 with the document's β₁")
    yield tends(ratio, 1, "it tends to 1")


NADAM = (
    Theorem(
        "T-NAD-1",
        "Adam's step is {step}: ADAM-2 and ADAM-4 put into ADAM-6.",
        _expanded,
        {"step": NAD_16.right},
    ),
    Theorem(
        "T-NAD-2",
        "NAD-17 replaces β₁ m_{{t-1}}/(1 - β₁^t) by β₁ m̂_{{t-1}}; equal would be that times {ratio}. This factor is 0 "
        "at t = 1, less than 1 at every t, and tends to 1.",
        _replacement,
        {"ratio": (1 - beta1 ** (t - 1)) / (1 - beta1**t)},
        "β₁ > 0",
        "Erratum E-24. At t = 1, m̂_0 itself is 0/0.",
    ),
    Theorem(
        "T-NAD-3",
        "NAD-9 to NAD-11 are NAG, exactly, in φ_t = {variable} for θ_t and with m_t for v_t: Dozat's form is a change "
        "of variable and no approximation.",
        _change,
        {"variable": SHIFT.right},
        "v_0 = m_0 = 0",
    ),
    Theorem(
        "T-NAD-4",
        "m_{{t+1}} is not the γ m_t + η g_t of NAD-11: it differs from it by {difference}.",
        _difference,
        {"difference": eta * (g_next - g)},
        "the momentum m_t of NAD-10",
        "Erratum E-23.",
    ),
    Theorem(
        "T-NAD-5",
        "While the gradient is constant, NAD-18's numerator is g_t times {document}: {first} at t = 1, which is 1.9 "
        "with the document's β₁. Dozat's, with one μ, is g_t times {dozat}: {dozat_first} at t = 1, which is 1.474. "
        "With torch's schedule it is g_t times {torch_first} at t = 1 and {torch_later} at t = 50. But {quasi}, "
        "QHAdam's, and {single} are g_t at every t.",
        _multipliers,
        {
            "document": 1 + (1 - beta1) * beta1**t / (1 - beta1**t),
            "first": 1 + beta1,
            "dozat": beta1 * (1 - beta1**t) / (1 - beta1 ** (t + 1)) + (1 - beta1) / (1 - beta1**t),
            "dozat_first": (1 + 2 * beta1) / (1 + beta1),
            "quasi": beta1 * m_hat + (1 - beta1) * g,
            "single": (beta1 * m + (1 - beta1) * g) / (1 - beta1 ** (t + 1)),
            "torch_first": Float("1.056", 4),
            "torch_later": Float("0.998", 3),
        },
        "m_0 = 0; β₁ > 0 for the numerator to be biased",
    ),
    Theorem(
        "T-NAD-6",
        "Dozat's coefficient of m_t is that of NAD-18 times {ratio}, which is {first} at t = 1 with the document's β₁, "
        "and tends to 1.",
        _ratio,
        {"ratio": (1 - beta1**t) / (1 - beta1 ** (t + 1)), "first": Rational(10, 19)},
        "one μ = β₁ for all steps, β₁ > 0",
        "Erratum E-25.",
    ),
)
