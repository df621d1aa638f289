"""The nine rules as textbook loops, typed from the papers and never importing optnumba: the second witness.

Every function runs ``steps`` updates from x and returns the iterates ``[x_0, ..., x_steps]`` and the final state.
``gradient`` maps a point to the gradient there; ``learning_rate`` is a number, or a function of the step t = 1, 2, ...
The keywords after ``*`` are the state to start from, so that one step can be taken anywhere.

Nothing here is tuned: powers are powers, each line is an equation. Arrays may hold any number that knows its
arithmetic (float32, float64, Decimal), which is how the same lines become the 50-digit oracle of test_accuracy.py.
"""

import numpy as np


def sgd(x, gradient, steps, learning_rate=0.01, *, t=0):
    """Gradient descent. Ruder 2016, section 2."""
    iterates = [x]
    for step in range(t + 1, t + steps + 1):
        x = x - rate(learning_rate, step) * gradient(x)
        iterates.append(x)
    return iterates, {}


def momentum(x, gradient, steps, learning_rate=0.01, momentum=0.9, *, t=0, v=0):
    """Momentum. Polyak 1964; Ruder 2016, equation 4: the rate stands inside the velocity."""
    iterates = [x]
    for step in range(t + 1, t + steps + 1):
        v = momentum * v + rate(learning_rate, step) * gradient(x)
        x = x - v
        iterates.append(x)
    return iterates, {"v": v}


def nag(x, gradient, steps, learning_rate=0.01, momentum=0.9, *, t=0, v=0):
    """Nesterov's accelerated gradient. Ruder 2016, equation 5, the look-ahead form: the gradient is that at x - γv."""
    iterates = [x]
    for step in range(t + 1, t + steps + 1):
        v = momentum * v + rate(learning_rate, step) * gradient(x - momentum * v)
        x = x - v
        iterates.append(x)
    return iterates, {"v": v}


def adagrad(x, gradient, steps, learning_rate=0.01, eps=1e-8, *, t=0, G=0):
    """Adagrad. Duchi, Hazan & Singer 2011; Ruder 2016, equation 8: ε inside the root."""
    iterates = [x]
    for step in range(t + 1, t + steps + 1):
        g = gradient(x)
        G = G + g * g
        x = x - rate(learning_rate, step) / np.sqrt(G + eps) * g
        iterates.append(x)
    return iterates, {"G": G}


def adadelta(x, gradient, steps, rho=0.9, eps=1e-8, *, t=0, E=0, D=0):
    """Adadelta. Zeiler 2012, Algorithm 1: RMS[Δx] is that before this step. It has no learning rate."""
    iterates = [x]
    D = np.zeros_like(x) + D  # So that D + eps is of the dtype of x in the first step too.
    for _ in range(steps):
        g = gradient(x)
        E = rho * E + (1 - rho) * (g * g)
        rms_of_steps, rms_of_gradients = np.sqrt(D + eps), np.sqrt(E + eps)
        delta = -(rms_of_steps / rms_of_gradients) * g
        D = rho * D + (1 - rho) * (delta * delta)
        x = x + delta
        iterates.append(x)
    return iterates, {"E": E, "D": D}


def rmsprop(x, gradient, steps, learning_rate=0.001, rho=0.9, eps=1e-8, *, t=0, E=0):
    """RMSprop. Hinton 2012, lecture 6e; Ruder 2016, section 4.5: ε inside the root."""
    iterates = [x]
    for step in range(t + 1, t + steps + 1):
        g = gradient(x)
        E = rho * E + (1 - rho) * (g * g)
        x = x - rate(learning_rate, step) / np.sqrt(E + eps) * g
        iterates.append(x)
    return iterates, {"E": E}


def adam(x, gradient, steps, learning_rate=0.001, beta1=0.9, beta2=0.999, eps=1e-8, *, t=0, m=0, v=0):
    """Adam. Kingma & Ba 2015, Algorithm 1: ε outside the root of the corrected v."""
    iterates = [x]
    for step in range(t + 1, t + steps + 1):
        g = gradient(x)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g * g)
        m_hat = m / (1 - beta1**step)
        v_hat = v / (1 - beta2**step)
        x = x - rate(learning_rate, step) * m_hat / (np.sqrt(v_hat) + eps)
        iterates.append(x)
    return iterates, {"m": m, "v": v}


def adamax(x, gradient, steps, learning_rate=0.002, beta1=0.9, beta2=0.999, *, t=0, m=0, u=0):
    """AdaMax. Kingma & Ba 2015, Algorithm 2; no step where u = 0, that is, before the first gradient that is not 0."""
    iterates = [x]
    for step in range(t + 1, t + steps + 1):
        g = gradient(x)
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g))
        m_hat = m / (1 - beta1**step)
        x = x - np.divide(rate(learning_rate, step) * m_hat, u, where=u > 0, out=np.zeros_like(x))
        iterates.append(x)
    return iterates, {"m": m, "u": u}


def nadam(x, gradient, steps, learning_rate=0.002, beta1=0.9, beta2=0.999, eps=1e-8, *, t=0, m=0, v=0):
    """NAdam. Dozat 2016 as in Ruder 2016, section 4.8: both terms of the look-ahead are divided by 1 - β₁ᵗ."""
    iterates = [x]
    for step in range(t + 1, t + steps + 1):
        g = gradient(x)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g * g)
        m_hat = m / (1 - beta1**step)
        v_hat = v / (1 - beta2**step)
        look_ahead = beta1 * m_hat + (1 - beta1) * g / (1 - beta1**step)
        x = x - rate(learning_rate, step) / (np.sqrt(v_hat) + eps) * look_ahead
        iterates.append(x)
    return iterates, {"m": m, "v": v}


def rate(learning_rate, step):
    """Return the learning rate of one step: a schedule is asked, a number is itself."""
    return learning_rate(step) if callable(learning_rate) else learning_rate


NAIVE = {
    "sgd": sgd,
    "momentum": momentum,
    "nag": nag,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamax": adamax,
    "nadam": nadam,
}
