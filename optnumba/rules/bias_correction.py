"""1 - βᵗ to 2 ulp in every step, without a power: what Adam, AdaMax and NAdam divide their moments by.

The naive 1 - beta**t loses up to 1,854 ulp (β = 0.9999), and a power costs as much as a whole step of a
two-parameter problem. So d = 1 - βᵗ is carried as d ← d + (1 - β)(1 - d), with the rounding error e of the sum
carried beside it. In exact arithmetic e is 0: the proof of the rule goes through all of this.
"""

from numpy import expm1, log1p  # math.log1p(-1) raises, and β = 0 is a β like any other

from ..rule import where

# Adding and subtracting this drops the part of e below 2**-113, which would decay into subnormals (slow) otherwise.
GRAIN = 2.0**-60


def advance(d, e, beta):
    """Return (d, e) with d + e = 1 - βᵗ, from those with d + e = 1 - βᵗ⁻¹."""
    increment = (1 - beta) * ((1 - d) - e) + e
    total = d + increment
    return total, ((increment - (total - d)) + GRAIN) - GRAIN


def closed_form(t, beta):
    """Return (d, e) with d + e = 1 - βᵗ."""
    return -expm1(t * log1p(beta - 1)), 0.0


def decayed_sum(k, gamma):
    """Return γ + γ² + ... + γᵏ = γ (1 - γᵏ)/(1 - γ)."""
    missing, _ = closed_form(k, gamma)
    return where(k, gamma * missing / (1 - gamma), 0.0)  # 0 log 0 is NaN
