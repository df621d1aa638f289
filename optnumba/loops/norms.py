"""The norm of a gradient, and the factor that brings it down to a limit.

Bound are the places of the limit among the hyperparameters, `CLIP`, and of the factor among the coefficients: `FACTOR`,
and `BEHIND`, the next.
"""

from math import isfinite, sqrt


def squares(g, scale):
    """Return the sum of the squares of g * scale in float64, by four sums: one would wait for each addition."""
    s0 = s1 = s2 = s3 = 0.0
    fours = g.size - g.size % 4
    for j in range(0, fours, 4):
        a, b, c, d = float(g[j]) * scale, float(g[j + 1]) * scale, float(g[j + 2]) * scale, float(g[j + 3]) * scale
        s0, s1, s2, s3 = s0 + a * a, s1 + b * b, s2 + c * c, s3 + d * d
    for j in range(fours, g.size):
        a = float(g[j]) * scale
        s0 += a * a
    return (s0 + s1) + (s2 + s3)


def scale_for(total):
    """Return a power of two: times it, the numbers whose squares add up to `total` neither overflow nor vanish."""
    if total > 1e280:
        return 2.0**-600
    return 2.0**600 if total < 1e-280 else 1.0


def factor_of(norm, limit):
    """Return what to multiply a gradient of this norm by: 1 where it is within the limit, or not finite."""
    return limit / norm if norm > limit and isfinite(norm) else 1.0


def norm(g):
    """Return the norm of `g`, which neither overflows nor vanishes where the squares do."""
    total = squares(g, 1.0)
    scale = scale_for(total)
    return sqrt(total if scale == 1.0 else squares(g, scale)) / scale


def add_square(top, total, number):
    """Return (top, total) with top² total greater by number²: it neither overflows nor vanishes where squares do."""
    size = abs(number)
    if size > top:
        return size, 1 + total * (top / size) ** 2
    return top, total + ((size / top) ** 2 if size > 0 else 0.0)


def measure(g, hyper):
    """Return the factor by which to multiply the gradient `g`."""
    return factor_of(norm(g), hyper[CLIP])


def limited(number, c, factor):
    """Return the coefficients with the factor in the place of the limit."""
    return (*c[:FACTOR], number(factor), *c[BEHIND:])


def no_norm(g, hyper):
    return 1.0


def unlimited(number, c, factor):
    return c
