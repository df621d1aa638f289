"""AdaMax: Adam's second moment with the power p for 2, and its root in the limit of large p."""

import sympy
from sympy import Abs, Function, Sum, oo, sqrt

from ..equations.adam import ADAM_2, ADAM_3, ADAM_4, ADAM_6, m_hat, v, v_before, v_hat
from ..equations.adamax import AMX_3, AMX_4, AMX_5, AMX_6, MeanPower, p, u, u_before
from ..equations.notation import GRADIENT, Equation, beta2, eps, eta, g, g_at, i, letter, letter_base, t, theta
from ..evidence import at_most, computation, identity, induction
from ..theorems.recurrences import age, shift, unrolled
from .layout import latex, line
from .proofs import changes, follows
from .step import Derivation, Step


class Largest(Function):
    """The largest of f(1), ..., f(n): Largest(f(i), i, n)."""

    nargs = 3
    is_nonnegative = True

    def _sympystr(self, printer):
        of, index, last = self.args
        return f"max_{{1≤{line(index)}≤{line(last)}}} {line(of)}"

    def _latex(self, printer, exp=None):
        of, index, last = self.args
        text = rf"\max_{{1 \le {latex(index)} \le {latex(last)}}} {latex(of)}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


M = letter("M_t", "M_t", positive=True)
ratio = letter_base("r", "r")
decayed = beta2 ** (t - i) * Abs(g_at[i])
ratios = Sum(ratio[i] ** p, (i, 1, t))

LARGEST = Equation("AMX/a", M, Largest(decayed, i, t), "derivation", note="supposed not to be 0")
RATIO = Equation("AMX/b", ratio[i], decayed / M, "derivation")
SUM = Equation("AMX/c", v, (1 - beta2**p) * Sum(beta2 ** (p * (t - i)) * Abs(g_at[i]) ** p, (i, 1, t)), "derivation")
ROOT = Equation("AMX/d", v ** (1 / p), M * (1 - beta2**p) ** (1 / p) * ratios ** (1 / p), "derivation")
LIMIT = Equation("AMX/e", u, Largest(decayed, i, t), "derivation")

below_1 = 1 / (1 + sympy.Symbol("s", positive=True))  # any number between 0 and 1


def _power(step):
    squared = step.after.right.subs(p, 2)
    expected = step.before.right.subs(beta2, beta2**2)
    yield identity(squared, expected, "at p = 2, AMX-3 is ADAM-3 with β₂² for β₂")
    general = step.before.right.subs(beta2, beta2**p).subs(g**2, Abs(g) ** p)
    yield follows(step.after, general, step.before.left, "with p for 2, and so β₂^p for β₂, it is AMX-3")


def _unroll(step):
    recurrence = step.before.right.subs(g, g_at[t])
    yield unrolled(step.after.right, recurrence, v_before, "AMX-3 from 0 gives AMX/c, for every t")


def _root(step):
    weight, size, largest, whole, part = sympy.symbols("w x M S c", positive=True)
    (total,) = step.before.right.atoms(Sum)
    summand = total.function.subs(i, t - age)
    (of_ratio,) = step.uses
    as_power = (of_ratio.right * M).subs(i, t - age) ** p
    apart = [sympy.expand_power_base(sympy.powdenest(e), force=False) for e in (summand, as_power)]
    yield computation(
        "powers of nonnegative numbers", *apart, "each summand is (M_t r_i)^p, so M_t^p comes out of the sum"
    )
    # With positive letters for the sum of the r_i^p and for 1 - β₂^p, both of which do not matter here.
    plain = {ratios: whole, 1 - beta2**p: part, M: largest}
    factored = step.before.right.subs(total, M**p * ratios).subs(plain)
    inside = sympy.expand_power_base(factored ** (1 / p))
    claimed = sympy.expand_power_base(step.after.right.subs(plain))
    yield computation("roots of positive numbers", inside, claimed, "and out of the root as M_t")
    yield identity(step.after.left, step.before.left ** (1 / p), "on the left the root of AMX/c")


def _call_limit(step):
    function, variable, point, _ = step.after.right.args
    power = MeanPower(variable)
    yield identity(function, step.before.left.subs(v, power), "AMX-4 is about the root of v_t, which depends on p")
    yield computation("read AMX-4", point, oo, "and p grows without bound")


def _squeeze(step):
    yield from _ratio_powers()
    yield from _bounds()
    root, largest = step.uses
    function, variable, *_ = step.before.right.args
    yield identity(function, root.left.subs(v, MeanPower(variable)), "the limit in AMX-4 is of the root in AMX/d")
    constant, count = sympy.symbols("M n", positive=True)
    low, high = (root.right.subs(ratios, bound).subs({M: constant, beta2: below_1}) for bound in (1, count))
    first = sympy.limit(low, p, oo)
    second = first * sympy.limit(high / low, p, oo)
    yield computation("limit as p -> oo", first, constant, "the lower bound M_t (1 - β₂^p)^(1/p) goes to M_t")
    yield computation("limit as p -> oo", second, constant, "the upper bound, which is t^(1/p) times that, does too")
    yield follows(step.after, largest.right, u, "so the limit is M_t, which AMX/a gives")


def _ratio_powers():
    """Yield the Part that r^p <= 1 where 0 < r <= 1, written r = exp(-a)."""
    a = sympy.Symbol("a", nonnegative=True)
    power = sympy.exp(-a * p)
    yield identity(power.subs(p, 0), 1, "r^0 = 1, for r = exp(-a) with a >= 0")
    yield at_most(power.diff(p), 0, "and r^p does not increase with p, so r_i^p <= 1 (and 0^p = 0)")


def _bounds():
    """Yield the Parts that a sum of n numbers in [0, 1], one of which is 1, lies between 1 and n."""
    n, below, short, others = sympy.symbols("n a b c", nonnegative=True)
    base = at_most(0, 0, "no number: the sum is 0")
    again = at_most((n - below) + (1 - short), n + 1, "one more number <= 1 adds at most 1")
    yield induction(base, again, "the sum of the r_i^p is at most t")
    yield at_most(1, 1 + others, "and at least 1, as the largest r_i is 1 and none is below 0")


def _recurrence(step):
    of, index, _ = step.before.right.args
    now, then = shift(of, index)
    yield identity(then, beta2 * now, "every number of the past has decayed once more")
    a, b = sympy.symbols("a b", nonnegative=True)
    base = identity(beta2 * a, beta2 * a, "one number")
    again = identity(beta2 * sympy.Max(a, b), sympy.Max(beta2 * a, beta2 * b), "one number more")
    yield induction(base, again, "a factor >= 0 goes into a maximum, of however many numbers")
    fresh = of.subs(index, t).subs(g_at[t], g)
    yield follows(step.after, sympy.Max(beta2 * u_before, fresh), u, "with the number i = t split off, AMX/e is AMX-5")


def _step(step):
    put = step.before.right.subs(sqrt(v_hat) + eps, u)
    yield identity(step.after.right, put, "where u_t > 0, AMX-6 is ADAM-6 with u_t for the divisor", [(u, 1)])
    yield identity(step.after.right.subs(u, 0), theta, "where u_t = 0 nothing moves")
    yield changes(step)


STEPS = (
    Step(
        ADAM_3,
        "put the power {p} for 2, and {decay} for {beta}",
        AMX_3,
        "a mean of squares becomes one of powers; {size} is the coordinate's own, and {decay} a power indeed: as a "
        "mere name for a coefficient it would not decay in the limit (E-22)",
        _power,
        kind="choice",
        terms={"p": p, "decay": beta2**p, "beta": beta2, "size": Abs(g)},
    ),
    Step(
        AMX_3, "unroll it from {start} = 0", SUM, "by induction over t", _unroll, terms={"start": letter("v_0", "v_0")}
    ),
    Step(
        SUM,
        "raise to the power {inverse}, with the largest number AMX/a taken out of the sum",
        ROOT,
        "the document leaves the root out (E-22). The ratios AMX/b are between 0 and 1, and one of them is 1",
        _root,
        (RATIO,),
        terms={"inverse": 1 / p},
    ),
    Step(
        ROOT,
        "let {p} grow, and call the limit {u}",
        AMX_4,
        "of all norms this one is as simple to compute as that with {p} = 2",
        _call_limit,
        terms={"u": u, "p": p},
    ),
    Step(
        AMX_4,
        "squeeze AMX/d between bounds",
        LIMIT,
        "the sum of the ratios' powers lies between 1 and t, and the root of either goes to 1, as does that of {share} "
        "for {beta} between 0 and 1. Where every gradient was 0, {v} = 0 = {u} for every {p}",
        _squeeze,
        (ROOT, LARGEST),
        terms={"share": 1 - beta2**p, "beta": beta2, "v": v, "u": u, "p": p},
    ),
    Step(
        LIMIT,
        "split off the number of step t",
        AMX_5,
        "one number per coordinate is enough. It is {before} that goes on, not v (E-22), and no correction is needed: "
        "where all gradients are of one size, that is what {u} is from the first step on",
        _recurrence,
        terms={"u": u, "before": u_before},
    ),
    Step(
        ADAM_6,
        "put {u} for the divisor",
        AMX_6,
        "{u} is 0 only where every gradient so far was 0; the quotient would be 0/0 there, and nothing is to move "
        "(E-22)",
        _step,
        kind="choice",
        difference=sympy.Piecewise(
            (eta * m_hat / (sqrt(v_hat) + eps) - eta * m_hat / u, sympy.Ne(u, 0)),
            (eta * m_hat / (sqrt(v_hat) + eps), True),
        ),
        terms={"u": u},
    ),
)

DERIVATION = Derivation(
    "adamax",
    "AdaMax, from the p-th power in Adam and its limit",
    (GRADIENT, ADAM_2, ADAM_3, ADAM_4, ADAM_6, LARGEST, RATIO),
    STEPS,
)
