"""What one compiled step may lose, measured against the textbook loops of naive.py run at 60 digits.

The promise, for a step from any state, in each dtype:

- sums (x, the first moments, the velocity): |error| <= 2 eps Σ|terms|, the terms being those that the sum is made of
  once everything is multiplied out. No bound in ulp of the result can hold, as the terms may cancel.
- Where a step that takes many operations (`LONG_STEPS`) is larger than x itself, 4 eps Σ|terms|: 7 to 14 roundings,
  each up to eps/2, are no less; where x is larger, their share is small.
- sums of squares (v, E, G): 4 ulp, as nothing cancels. D, the squares of Adadelta's steps: 8 ulp.
- the running maximum u of AdaMax: 1.5 ulp. The product loses half of one, and the rounding of β₂ up to one, as an ulp
  of β₂ may be two of the product.
- Gradual underflow: every product, quotient and root may lose one smallest subnormal more, and what it is divided
  by afterwards amplifies the loss. `Sized` follows it through the kernel's own code; in a plain sum of two products
  it is two smallest subnormals.
- Overflow: a result is infinite where the exact one exceeds the largest number. One intermediate value alone may
  overflow before its result does: a square of more than the root of the largest number (1.8e19 in float32, 1.3e154
  in float64). The second moment is then infinite, and the coordinate stands still.
"""

from decimal import Decimal, localcontext
from math import copysign, inf

import numpy as np
import pytest
from naive import NAIVE

from optnumba import Optimizer
from optnumba.bind import bind
from optnumba.rules import ALGORITHMS, bias_correction

STATES = 5000
STEPS = (1, 2, 10, 1000, 10**6, 10**12)
DTYPES = (np.float32, np.float64)
SQUARING = ("adagrad", "adadelta", "rmsprop", "adam", "nadam")
LONG_STEPS = ("nag", "adadelta", "adam", "adamax", "nadam")
ULPS = {"v": 4, "E": 4, "G": 4, "D": 8, "u": Decimal("1.5")}


@pytest.fixture(autouse=True)
def sixty_digits():
    with localcontext() as context:
        context.prec = 60
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_step_from_any_state_keeps_the_promise(name, dtype, rng):
    rule, void, checked = ALGORITHMS[name], 0, 0
    for t in STEPS:
        for hyper in (rule.defaults, random_hyper(rule, rng)):
            inputs = random_states(rule, dtype, 1 + STATES // (2 * len(STEPS)), rng)
            found, exact, sized = (step(rule, t, hyper, inputs) for step in (compiled_step, exact_step, sized_step))
            assert list(found) == list(exact) == list(sized) == ["x", *rule.slots]
            for result in found:
                for i, (z, reference, size) in enumerate(zip(found[result], exact[result], sized[result], strict=True)):
                    # A proof by numbers, beside the symbolic one: the rule's own code is the textbook loop.
                    assert abs(size.value - reference) <= Decimal("1e-50") * size.terms, f"{result}: not the equation"
                    promised = promise(rule, result, inputs["x"][i], reference, size)
                    if not distance(z, reference) <= promised:
                        state = {key: float(value[i]) for key, value in inputs.items()}
                        pytest.fail(
                            f"{result} = {z!r} instead of {reference:.20g}, {promised:.3g} allowed,"
                            f" at {t=}, {hyper=}, {state=}"
                        )
                    void += promised == inf
                    checked += 1
    assert checked >= STATES * len(found)
    # A promise without a bound, division by a value of a few smallest subnormals, is the exception.
    assert void < checked / 20


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SQUARING)
def test_a_square_that_overflows_stops_its_coordinate_and_makes_no_nan(name, dtype, rng):
    rule = ALGORITHMS[name]
    limit = np.sqrt(float(np.finfo(dtype).max))
    g = np.array([1.01 * limit, -1.01 * limit, 1e3 * limit, -float(np.finfo(dtype).max) / 1024], dtype)
    inputs = {"x": rng.normal(size=4).astype(dtype), "g": g} | {slot: np.ones(4, dtype) for slot in rule.slots}
    found = compiled_step(rule, 5, rule.defaults, inputs)
    np.testing.assert_array_equal(found["x"], inputs["x"])
    second = next(slot for slot in ("v", "E", "G") if slot in rule.slots)
    np.testing.assert_array_equal(found[second], np.inf)
    for other in set(rule.slots) - {second}:
        assert np.isfinite(found[other]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_iterate_that_nag_reads_out_is_a_sum_of_two_terms(dtype, rng):
    inputs = random_states(ALGORITHMS["nag"], dtype, STATES, rng)
    gamma = 0.9
    opt = Optimizer(inputs["x"].copy(), method="nag", momentum=gamma)
    opt.slots[0]["v"][...] = inputs["v"]
    x, v = decimals(inputs["x"]), decimals(inputs["v"])
    error = abs(decimals(opt.solution()) - (x + Decimal(gamma) * v))
    eps, _, smallest = limits(dtype)
    assert (error <= 2 * eps * (abs(x) + Decimal(gamma) * abs(v)) + smallest).all()


def distance(found, exact):
    """Return |found - exact|; there is none where infinity stands for a number beyond the largest."""
    beyond = abs(exact) > limits(type(found))[1]
    return Decimal(0) if beyond and found == copysign(inf, exact) else abs(Decimal(float(found)) - exact)


def promise(rule, result, x, exact, sized):
    """Return how far one result may lie from the exact one."""
    eps, _, smallest = limits(type(x))
    if result in ULPS and rule.name not in ("momentum", "nag"):
        return ULPS[result] * max(Decimal(float(np.spacing(abs(type(x)(exact))))), smallest)
    long = result == "x" and rule.name in LONG_STEPS and sized.terms > 2 * abs(Decimal(float(x)))
    return (4 if long else 2) * eps * sized.terms + sized.floor


def limits(dtype):
    """Return eps, the largest and the smallest positive number of a dtype."""
    info = np.finfo(dtype)
    return tuple(Decimal(float(z)) for z in (info.eps, info.max, info.smallest_subnormal))


# -- One step, three times: compiled, exact, and with the size of its terms --------------------------------------------


def compiled_step(rule, t, hyper, inputs):
    x = inputs["x"].copy()
    opt = Optimizer(x, method=rule.name, **hyper)
    opt.t = t - 1
    for slot, view in opt.slots[0].items():
        view[...] = inputs[slot]
    opt.step(inputs["g"])
    assert opt.t == t
    return {"x": x} | {slot: view.copy() for slot, view in opt.slots[0].items()}


def exact_step(rule, t, hyper, inputs):
    """One step of the textbook loop, in numbers of 60 digits."""
    x, g, *slots = (decimals(inputs[name]) for name in ("x", "g", *rule.slots))
    hyper = {name: Decimal(value) for name, value in hyper.items()}
    state = dict(zip(rule.slots, slots, strict=True))
    # What NAG stores as x is φ = θ - γv, the point where the gradient is taken: there, one step, and back.
    lead = (lambda v: hyper["momentum"] * v) if rule.name == "nag" else (lambda v: 0)
    iterates, after = NAIVE[rule.name](x + lead(state.get("v")), lambda _: g, 1, **hyper, t=t - 1, **state)
    return {"x": iterates[-1] - lead(after.get("v")), **after}


def sized_step(rule, t, hyper, inputs):
    """The same step by the rule's own code, in exact numbers that know the size of their terms."""
    number = SIZED[inputs["x"].dtype.type]
    hyper = {name: Decimal(value) for name, value in hyper.items()}
    decays = ("beta1", "beta2")[: len(rule.carry) // 2]
    carry = [z for decay in decays for z in (1 - hyper[decay] ** (t - 1) if t > 1 else Decimal(0), Decimal(0))]
    advance = bind(bias_correction.advance, GRAIN=Decimal(2) ** -60)
    coefficients = bind(rule.coefficients, sqrt=Decimal.sqrt, advance=advance)(Decimal(t), *carry, *hyper.values())
    coefficients = [number(c) for c in coefficients[len(rule.carry) :]]
    update = bind(rule.update, sqrt=number.sqrt, where=lambda condition, yes, no: yes if condition.value else no)
    rows = zip(*(decimals(inputs[name]) for name in ("x", "g", *rule.slots)), strict=True)
    results = zip(*(update(*map(number, row), *coefficients) for row in rows), strict=True)
    return dict(zip(("x", *rule.slots), results, strict=True))


class Sized:
    """An exact number, Σ|terms| once everything is multiplied out, and its floor: what gradual underflow may cost."""

    __slots__ = ("value", "terms", "floor")
    smallest = None

    def __init__(self, value, terms=None, floor=Decimal(0)):
        self.value, self.terms, self.floor = value, abs(value) if terms is None else terms, floor

    def __add__(self, other):
        return type(self)(self.value + other.value, self.terms + other.terms, self.floor + other.floor)

    def __sub__(self, other):
        return type(self)(self.value - other.value, self.terms + other.terms, self.floor + other.floor)

    def __mul__(self, other):
        floor = self.terms * other.floor + self.floor * other.terms + self.smallest
        return type(self)(self.value * other.value, self.terms * other.terms, floor)

    def __truediv__(self, other):
        # Nothing cancels in the denominator of a rule, so its value is its size; below its floor nothing is known.
        least = other.value - other.floor
        lost = self.floor + self.terms * other.floor / other.value
        floor = lost / least + self.smallest if least > 0 else Decimal(inf)
        return type(self)(self.value / other.value, self.terms / other.value, floor)

    def __abs__(self):
        return type(self)(abs(self.value), self.terms, self.floor)

    def __gt__(self, other):
        return self.value > other.value

    def sqrt(self):
        root = self.value.sqrt()
        floor = self.floor.sqrt()  # √(z + floor) - √z is at most this, and at most floor/√z.
        return type(self)(root, root, (min(floor, self.floor / root) if root else floor) + self.smallest)


SIZED = {dtype: type(f"Sized_{dtype.__name__}", (Sized,), {"smallest": limits(dtype)[2]}) for dtype in DTYPES}


# -- What is drawn -----------------------------------------------------------------------------------------------------


def random_hyper(rule, rng):
    """Draw every hyperparameter over the range in use: rates 1e-5 to 1, decays 0 or 1e-4 to 1 below 1, ε 1e-10 to 1."""

    def draw(name):
        if name in ("learning_rate", "eps"):
            return 10 ** rng.uniform(-5 if name == "learning_rate" else -10, 0)
        return 0.0 if rng.random() < 0.1 else 1 - 10 ** rng.uniform(-4, 0)

    return {h.name: draw(h.name) for h in rule.hyper}


def random_states(rule, dtype, count, rng):
    """Draw x, g and the slots: ordinary values, any exponent, subnormal and huge ones, ±0, mixed within a state."""
    info = np.finfo(dtype)
    low, high = np.log2(float(info.tiny)), np.log2(float(info.max)) - 20
    exponents = [
        (0.5, rng.uniform(-20, 10, count)),
        (0.15, rng.uniform(low, high, count)),
        (0.1, rng.uniform(low - info.nmant, low, count)),
        (0.1, rng.uniform(high - 10, high, count)),
        (0.15, np.full(count, -inf)),
    ]
    inputs = {}
    for name in ("x", "g", *rule.slots):
        choice = rng.choice(len(exponents), count, p=[share for share, _ in exponents])
        values = 2.0 ** np.choose(choice, [rng.permutation(exponent) for _, exponent in exponents])
        if name == "g" and rule.name in SQUARING:
            values = np.minimum(values, np.sqrt(float(info.max)) / 4)  # Beyond is the matter of the overflow test.
        if name in ("x", "g", "m") or rule.name in ("momentum", "nag"):
            values = np.copysign(values, rng.choice([-1, 1], count))
        inputs[name] = values.astype(dtype)
    return inputs


def decimals(values):
    """Return an object array of the values as numbers of 60 digits."""
    return np.array([+Decimal(z) for z in values.tolist()])
