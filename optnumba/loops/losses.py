"""Losses of one sample: ``loss(z, y) -> (value, slope)``, the slope being dvalue/dz; for K outputs, ``slopes``.

Value and slope share the exponential, whose argument is never positive where a large one would overflow. A NaN in z
comes out as a NaN in the value. For a label y > 0 means the positive class, so {-1, 1}, {0, 1} and booleans run
through the same code. `DELTA`, `value`, `derivative`, `pair` and `loss` are bound.
"""

from math import copysign, exp, log, log1p


def squared(z, y):
    residual = z - y
    return 0.5 * residual * residual, residual


def huber(z, y):
    residual = z - y
    distance = abs(residual)
    if distance <= DELTA:
        return 0.5 * residual * residual, residual
    return DELTA * (distance - 0.5 * DELTA), copysign(DELTA, residual)


def logistic(z, y):
    sign = 1.0 if y > 0 else -1.0
    margin = sign * z
    e = exp(-abs(margin))
    # Not log(1 + e): it would lose what a confident and correct prediction still costs.
    return log1p(e) + max(-margin, 0.0), -sign * (e if margin > 0 else 1.0) / (1.0 + e)


def hinge(z, y):
    sign = 1.0 if y > 0 else -1.0
    lack = 1.0 - sign * z
    if lack <= 0:  # not so for NaN
        return 0.0, 0.0
    return lack, -sign


def poisson(z, y):
    mean = exp(z)
    return mean - y * z, mean - y


def paired(z, y):
    return float(value(z, y)), float(derivative(z, y))


def together(z, y):
    both, slope = pair(z, y)
    return float(both), float(slope)


def softmax(z, y, out):
    """Write the slopes of log Σ exp(z) - z[y] to `out`, which may be `z`; return the value."""
    top = z[0]
    for k in range(z.size):
        top = max(top, z[k])
    label = int(y)
    lead = z[label] - top
    total = 0.0
    for k in range(z.size):
        out[k] = exp(z[k] - top)
        total += out[k]
    for k in range(z.size):
        out[k] /= total
    out[label] -= 1
    return log(total) - lead


def one_versus_rest(z, y, out):
    """Write the slopes of the sum of K binary losses to `out`, which may be `z`; return the value."""
    label = int(y)
    total = 0.0
    for k in range(z.size):
        cost, out[k] = loss(z[k], 1.0 if k == label else -1.0)
        total += cost
    return total
