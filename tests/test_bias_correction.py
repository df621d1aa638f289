"""1 - βᵗ, which Adam, AdaMax and NAdam divide by: 2 ulp at every t, up to 10**12, without a power in a step."""

import math

import mpmath
import numpy as np
import pytest
from numba import njit

from optnumba.bind import bind
from optnumba.rules import ALGORITHMS, bias_correction

BETAS = (0.0, 1e-20, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 - 1e-6, 1 - 2.0**-53)
SAMPLED = sorted({int(t) for t in np.geomspace(10_000, 10**12, 60)} | {2**24, 2**31, 2**32 + 1, 2**53, 10**12})
ULPS = 2
CARRYING = [name for name in ALGORITHMS if ALGORITHMS[name].carry]
TINY = 2.0**-1022

advance = njit(bias_correction.advance)


@pytest.fixture(autouse=True)
def fifty_digits():
    # β may differ from 1 by 2**-53, and 1 - βᵗ then begins after 16 zeros: 50 digits beside those.
    with mpmath.workdps(70):
        yield


def error_in_ulp(found, exact):
    return float(abs(mpmath.mpf(found) - exact) / math.ulp(float(exact)))


@pytest.mark.parametrize("beta", BETAS)
def test_the_recurrence_keeps_two_ulp_at_every_step_to_10000(beta):
    d = e = 0.0
    power = mpmath.mpf(1)
    for t in range(1, 10_001):
        d, e = advance(d, e, beta)
        power *= mpmath.mpf(beta)
        assert error_in_ulp(d, 1 - power) <= ULPS, f"{d!r} at {t=}"
        # What is carried never decays into subnormal numbers, whose arithmetic is slow.
        assert d >= TINY and (e == 0 or abs(e) >= TINY), f"{d!r}, {e!r} at {t=}"


def test_the_naive_formula_would_not_keep_them():
    """The test above can fail: 1 - β**t, measured in the same way, does."""
    beta = 0.9999
    worst = max(error_in_ulp(1 - beta**t, 1 - mpmath.mpf(beta) ** t) for t in range(1, 1000))
    assert worst > 500 * ULPS


@pytest.mark.parametrize("beta", BETAS)
def test_compiled_and_interpreted_recurrences_are_bitwise_the_same(beta):
    """LLVM must not simplify the compensation away: (x + GRAIN) - GRAIN is not x."""
    compiled = interpreted = (0.0, 0.0)
    for _ in range(10_000):
        compiled, interpreted = advance(*compiled, beta), bias_correction.advance(*interpreted, beta)
        assert compiled == interpreted


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("name", CARRYING)
def test_a_start_anywhere_and_one_step_from_it_keep_two_ulp(name, beta):
    rule = ALGORITHMS[name]
    values = list(rule.check(**{h.name: beta for h in rule.hyper if h.name.startswith("beta")}).values())
    step = bind(rule.coefficients, advance=advance)
    for t in (1, 2, 3, 10, 100, 1000, *SAMPLED):
        before, at = rule.start_at(t - 1, values), rule.start_at(t, values)
        after = step(float(t), *before, *values)
        exact = 1 - mpmath.mpf(beta) ** t
        assert len(at) == len(rule.carry)
        # d and e take turns in `carry`; the step divides by d alone.
        for d in (*at[::2], *after[: len(at) : 2]):
            assert error_in_ulp(d, exact) <= ULPS, f"{d!r} at {t=}"


@pytest.mark.parametrize("name", CARRYING)
def test_the_first_step_starts_from_nothing(name):
    rule = ALGORITHMS[name]
    assert rule.start_at(0, list(rule.defaults.values())) == (0.0,) * len(rule.carry)


@pytest.mark.parametrize("name", CARRYING)
def test_neighbouring_decays_stay_apart_after_a_trillion_steps(name):
    """A β rounded to float32 or lower would make them equal; so would a step counter that stops at 2**24."""
    rule = ALGORITHMS[name]
    near, nearer = (rule.start_at(10**12, list(rule.check(beta1=beta).values())) for beta in (1 - 1e-12, 1 - 2e-12))
    assert near[0] == pytest.approx(1 - math.exp(-1), rel=1e-3)
    assert nearer[0] == pytest.approx(1 - math.exp(-2), rel=1e-3)
