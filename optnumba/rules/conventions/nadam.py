"""NAdam as Dozat wrote it: each of its two terms has a bias correction of its own; with one decay or a schedule.

In torch, Keras and ensmallen the decays μ_t of the look-ahead rise with t, and a term is divided by 1 - μ₁···μ_t. For
that product there is no closed form: p = 1 - μ₁···μ_t is carried, as 1 - βᵗ is (`bias_correction`), and found again
for any t by `replay`. With the document's NAdam (NAD-18) the first term is divided by 1 - β₁ᵗ too (E-25).
"""

from dataclasses import replace
from math import sqrt

from ...rule import Hyper
from ..bias_correction import GRAIN, advance, closed_form
from ..nadam import NADAM
from .adam import EPS_HAT


def update(x, g, m, v, b1, c1, b2, c2, ahead, fresh, eps_t):
    m = b1 * m + c1 * g
    v = b2 * v + c2 * (g * g)
    return x - (ahead * m + fresh * g) / (sqrt(v) + eps_t), m, v


def pace(m, v, b1, c1, b2, c2, ahead, fresh, eps_t):
    return (ahead + fresh) / (sqrt(v) + eps_t)


def constant(t, d1, e1, d2, e2, learning_rate, beta1, beta2, eps):
    d1, e1 = advance(d1, e1, beta1)
    d2, e2 = advance(d2, e2, beta2)
    next1, _ = advance(d1, e1, beta1)
    root = sqrt(d2)
    rate = learning_rate * root
    ahead, fresh = rate * beta1 / next1, rate * (1 - beta1) / d1
    return d1, e1, d2, e2, beta1, 1 - beta1, beta2, 1 - beta2, ahead, fresh, eps * root


def decay(t, beta1, momentum_decay):
    return beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))


def scheduled(t, p, e, d2, e2, learning_rate, beta1, beta2, eps, momentum_decay):
    mu, mu_next = decay(t, beta1, momentum_decay), decay(t + 1, beta1, momentum_decay)
    p, e = advance(p, e, mu)
    d2, e2 = advance(d2, e2, beta2)
    next_p, _ = advance(p, e, mu_next)
    root = sqrt(d2)
    rate = learning_rate * root
    ahead, fresh = rate * mu_next / next_p, rate * (1 - mu) / p
    return p, e, d2, e2, beta1, 1 - beta1, beta2, 1 - beta2, ahead, fresh, eps * root


def scheduled_hat(t, p, e, d2, e2, learning_rate, beta1, beta2, eps, momentum_decay):
    return scheduled(t, p, e, d2, e2, learning_rate, beta1, beta2, eps, momentum_decay)[:-1] + (eps,)


def start(t, learning_rate, beta1, beta2, eps, momentum_decay):
    return 0.0, *closed_form(t, beta2)


def replay(t, learning_rate, beta1, beta2, eps, momentum_decay):
    p = e = done = 0.0
    # Either the product vanishes or the decays reach β₁, for good, within 3,000 steps: where 0.96^ψ is so near 1 that
    # the second takes longer, the decays stay near β₁/2 for so long that the first comes before.
    while done < t and (1 - p) - e > GRAIN:
        mu = decay(done + 1, beta1, momentum_decay)
        if mu == beta1:
            return ((1 - p) * closed_form(t - done, beta1)[0] + p,)
        p, e = advance(p, e, mu)
        done += 1
    return (p,)


NADAM_OPTAX = replace(
    NADAM,
    name="nadam:optax",
    coefficients=constant,
    update=update,
    source="optax 0.2.8, scale_by_adam(nesterov=True); Dozat 2016 with a constant decay",
    pace=pace,
)
NADAM_TORCH = replace(
    NADAM,
    name="nadam:torch",
    coefficients=scheduled,
    update=update,
    carry=("p", "e", "d2", "e2"),
    recurrent=("p",),
    start=start,
    replay=replay,
    hyper=(
        *NADAM.hyper,
        Hyper(
            "momentum_decay", 0.004, "[0, inf)", "ψ: the look-ahead of step t decays by μ_t = β₁ (1 - ½ · 0.96^(tψ))"
        ),
    ),
    source="torch 2.13, optim/nadam.py",
    pace=pace,
)
NADAM_KERAS = NADAM_TORCH.with_defaults(
    "nadam:keras", "Keras 3.15, optimizers/nadam.py, where ψ is 1", learning_rate=0.001, eps=1e-7, momentum_decay=1.0
)
NADAM_ENSMALLEN = replace(
    NADAM_TORCH,
    coefficients=scheduled_hat,
    written_for=(),
    hyper=tuple(replace(h, meaning=EPS_HAT) if h.name == "eps" else h for h in NADAM_TORCH.hyper),
).with_defaults("nadam:ensmallen", "ensmallen, adam/nadam_update.hpp, as AdamType runs it", learning_rate=0.001)
