"""The learning rate of step t = 1, 2, ... for each kind of schedule.

Its numbers stand in `p` from place `k` on, so that a kernel depends on the kind alone. Where steps are compared with
numbers of `p`, t - 1 are done.
"""

from math import floor, pi, sin


def constant(t, p, k):
    return p[k]


def inverse_time(t, p, k):
    return p[k] / (1.0 + p[k + 1] * periods(t, p, k + 2))


def exponential(t, p, k):
    return p[k] * p[k + 1] ** periods(t, p, k + 2)


def periods(t, p, k):
    """Return how many periods of p[k] steps are done, whole ones only where p[k + 1] is not 0."""
    done = (t - 1) / p[k]
    return float(floor(done)) if p[k + 1] else done


def piecewise(t, p, k):
    """Read the number n of boundaries, these, and n + 1 rates."""
    n = int(p[k])
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if t - 1 < p[k + 1 + middle]:
            high = middle
        else:
            low = middle + 1
    return p[k + 1 + n + low]


def polynomial(t, p, k):
    return between(p[k], p[k + 2], left(t - 1, p[k + 1]) ** p[k + 3])


def cosine(t, p, k):
    return between(p[k], p[k + 2], half_wave(left(t - 1, p[k + 1])))


def cosine_restarts(t, p, k):
    done, length = float(t - 1), p[k + 1]
    if p[k + 3] == 1.0:
        done = done % length
    # As many turns as there were restarts, and their number grows with the logarithm of t.
    while done >= length:
        done -= length
        length *= p[k + 3]
    return between(p[k], p[k + 2], half_wave(left(done, length)))


def one_cycle(t, p, k):
    """Read the highest rate, when it comes, when the last one does, the first, the last, and whether along lines."""
    done, top, last = float(t - 1), p[k + 1], p[k + 2]
    if done > top:
        end, share = p[k + 4], left(done - top, last - top)
    else:
        end, share = p[k + 3], done / top if top > 0.0 else 1.0
    return between(p[k], end, share if p[k + 5] else half_wave(share))


def between(first, last, share):
    """Return `first` where its share is 1 and `last` where it is 0, both exactly."""
    return first * share + last * (1.0 - share)


def left(done, steps):
    """Return the share of `steps` that is still to be done."""
    return (steps - done) / steps if done < steps else 0.0


def half_wave(share):
    """Return (1 - cos(π share)) / 2, to the last digits also where it is small."""
    s = sin(0.5 * pi * share)
    return s * s


def joined(t, p, k):
    """Read a boundary, how many numbers the part before it has, and those of both; `before` and `after` are bound."""
    if t - 1 < p[k]:
        return before(t, p, k + 2)
    return after(t - int(p[k]), p, k + 2 + int(p[k + 1]))
