"""What torch, Keras 3, optax and ensmallen compute, as loops typed from their sources and never importing optnumba.

As in naive.py: every function runs ``steps`` updates from x and returns the iterates and the final state; powers are
powers, and what a library stores is stored. DEFAULTS are those of the constructors, in our names; what a constructor
asks for stands as in the rule that shares the arithmetic.
"""

import numpy as np
from naive import NAIVE, rate


def momentum_rate_outside(x, gradient, steps, learning_rate, momentum):
    """torch/optim/sgd.py, `_single_tensor_sgd`: the first buffer is the first gradient; optax.trace has the same."""
    iterates, buf = [x], None
    for step in range(1, steps + 1):
        grad = gradient(x)
        buf = grad if buf is None else momentum * buf + grad
        x = x - rate(learning_rate, step) * buf
        iterates.append(x)
    return iterates, {"b": buf}


def nag_rate_outside(x, gradient, steps, learning_rate, momentum):
    """torch/optim/sgd.py with nesterov=True: the gradient is taken where the parameters are."""
    iterates, buf = [x], None
    for step in range(1, steps + 1):
        grad = gradient(x)
        buf = grad if buf is None else momentum * buf + grad
        x = x - rate(learning_rate, step) * (grad + momentum * buf)
        iterates.append(x)
    return iterates, {"b": buf}


def momentum_inside(x, gradient, steps, learning_rate, momentum):
    """ensmallen, momentum_update.hpp; Keras, sgd.py: the velocity has the sign of the step."""
    iterates, velocity = [x], 0 * x
    for step in range(1, steps + 1):
        velocity = momentum * velocity - rate(learning_rate, step) * gradient(x)
        x = x + velocity
        iterates.append(x)
    return iterates, {"v": -velocity}


def nag_inside(x, gradient, steps, learning_rate, momentum):
    """ensmallen, nesterov_momentum_update.hpp; Keras, sgd.py with nesterov=True."""
    iterates, velocity = [x], 0 * x
    for step in range(1, steps + 1):
        g = gradient(x)
        velocity = momentum * velocity - rate(learning_rate, step) * g
        x = x + momentum * velocity - rate(learning_rate, step) * g
        iterates.append(x)
    return iterates, {"v": -velocity}


def adagrad_torch(x, gradient, steps, learning_rate, lr_decay, initial_accumulator_value, eps):
    """torch/optim/adagrad.py, `_single_tensor_adagrad`."""
    iterates, state_sum = [x], initial_accumulator_value + 0 * x
    for step in range(1, steps + 1):
        grad = gradient(x)
        clr = rate(learning_rate, step) / (1 + (step - 1) * lr_decay)
        state_sum = state_sum + grad * grad
        x = x - clr * grad / (np.sqrt(state_sum) + eps)
        iterates.append(x)
    return iterates, {"G": state_sum - initial_accumulator_value}


def adagrad_keras(x, gradient, steps, learning_rate, initial_accumulator_value, eps):
    """keras/src/optimizers/adagrad.py; optax/_src/transform.py, scale_by_rss."""
    iterates, accumulator = [x], initial_accumulator_value + 0 * x
    for step in range(1, steps + 1):
        g = gradient(x)
        accumulator = accumulator + g * g
        x = x - rate(learning_rate, step) * g / np.sqrt(accumulator + eps)
        iterates.append(x)
    return iterates, {"G": accumulator - initial_accumulator_value}


def adagrad_ensmallen(x, gradient, steps, learning_rate, eps):
    """ensmallen, ada_grad_update.hpp."""
    return adagrad_torch(x, gradient, steps, learning_rate, 0, 0, eps)


def adadelta(x, gradient, steps, learning_rate, rho, eps):
    """torch/optim/adadelta.py; Keras and ensmallen have the same with other defaults."""
    iterates, square_avg, acc_delta = [x], 0 * x, 0 * x
    for step in range(1, steps + 1):
        grad = gradient(x)
        square_avg = rho * square_avg + (1 - rho) * grad * grad
        delta = np.sqrt(acc_delta + eps) / np.sqrt(square_avg + eps) * grad
        acc_delta = rho * acc_delta + (1 - rho) * delta * delta
        x = x - rate(learning_rate, step) * delta
        iterates.append(x)
    return iterates, {"E": square_avg, "D": acc_delta}


def rmsprop_torch(x, gradient, steps, learning_rate, rho, eps):
    """torch/optim/rmsprop.py; ensmallen, rmsprop_update.hpp."""
    iterates, square_avg = [x], 0 * x
    for step in range(1, steps + 1):
        grad = gradient(x)
        square_avg = rho * square_avg + (1 - rho) * grad * grad
        x = x - rate(learning_rate, step) * grad / (np.sqrt(square_avg) + eps)
        iterates.append(x)
    return iterates, {"E": square_avg}


def adam_keras(x, gradient, steps, learning_rate, beta1, beta2, eps):
    """keras/src/optimizers/adam.py; ensmallen, adam_update.hpp."""
    iterates, m, v = [x], 0 * x, 0 * x
    for step in range(1, steps + 1):
        g = gradient(x)
        alpha = rate(learning_rate, step) * np.sqrt(1 - beta2**step) / (1 - beta1**step)
        m = m + (g - m) * (1 - beta1)
        v = v + (g * g - v) * (1 - beta2)
        x = x - m * alpha / (np.sqrt(v) + eps)
        iterates.append(x)
    return iterates, {"m": m, "v": v}


def adamax_torch(x, gradient, steps, learning_rate, beta1, beta2, eps):
    """torch/optim/adamax.py; optax, scale_by_adamax."""
    iterates, exp_avg, exp_inf = [x], 0 * x, 0 * x
    for step in range(1, steps + 1):
        grad = gradient(x)
        exp_avg = exp_avg + (1 - beta1) * (grad - exp_avg)
        exp_inf = np.maximum(exp_inf * beta2, np.abs(grad) + eps)
        x = x - rate(learning_rate, step) / (1 - beta1**step) * exp_avg / exp_inf
        iterates.append(x)
    return iterates, {"m": exp_avg, "u": exp_inf}


def adamax_keras(x, gradient, steps, learning_rate, beta1, beta2, eps):
    """keras/src/optimizers/adamax.py; ensmallen, adamax_update.hpp."""
    iterates, m, u = [x], 0 * x, 0 * x
    for step in range(1, steps + 1):
        g = gradient(x)
        m = m + (g - m) * (1 - beta1)
        u = np.maximum(beta2 * u, np.abs(g))
        x = x - (rate(learning_rate, step) * m) / ((1 - beta1**step) * (u + eps))
        iterates.append(x)
    return iterates, {"m": m, "u": u}


def nadam_torch(x, gradient, steps, learning_rate, beta1, beta2, eps, momentum_decay):
    """torch/optim/nadam.py, `_single_tensor_nadam`; Keras has it with momentum_decay=1."""
    iterates, exp_avg, exp_avg_sq, mu_product = [x], 0 * x, 0 * x, 1.0
    for step in range(1, steps + 1):
        grad = gradient(x)
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * momentum_decay)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * momentum_decay)))
        mu_product *= mu
        exp_avg = exp_avg + (1 - beta1) * (grad - exp_avg)
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        denom = np.sqrt(exp_avg_sq / (1 - beta2**step)) + eps
        lr = rate(learning_rate, step)
        x = x - lr * (1.0 - mu) / (1.0 - mu_product) * grad / denom
        x = x - lr * mu_next / (1.0 - mu_product * mu_next) * exp_avg / denom
        iterates.append(x)
    return iterates, {"m": exp_avg, "v": exp_avg_sq}


def nadam_ensmallen(x, gradient, steps, learning_rate, beta1, beta2, eps, momentum_decay):
    """ensmallen, nadam_update.hpp."""
    iterates, m, v, cum_beta1 = [x], 0 * x, 0 * x, 1.0
    for iteration in range(1, steps + 1):
        g = gradient(x)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        beta1_t = beta1 * (1 - (0.5 * 0.96 ** (iteration * momentum_decay)))
        beta1_t1 = beta1 * (1 - (0.5 * 0.96 ** ((iteration + 1) * momentum_decay)))
        cum_beta1 *= beta1_t
        correction1, correction2 = 1.0 - cum_beta1, 1.0 - beta2**iteration
        correction3 = 1.0 - (cum_beta1 * beta1_t1)
        numerator = ((1 - beta1_t) / correction1) * g + (beta1_t1 / correction3) * m
        x = x - (rate(learning_rate, iteration) * numerator * np.sqrt(correction2)) / (np.sqrt(v) + eps)
        iterates.append(x)
    return iterates, {"m": m, "v": v}


def nadam_optax(x, gradient, steps, learning_rate, beta1, beta2, eps):
    """optax/_src/transform.py, scale_by_adam(nesterov=True)."""
    iterates, mu, nu = [x], 0 * x, 0 * x
    for count in range(1, steps + 1):
        g = gradient(x)
        mu = (1 - beta1) * g + beta1 * mu
        nu = (1 - beta2) * (g * g) + beta2 * nu
        mu_hat = beta1 * (mu / (1 - beta1 ** (count + 1))) + (1 - beta1) * (g / (1 - beta1**count))
        nu_hat = nu / (1 - beta2**count)
        x = x - rate(learning_rate, count) * mu_hat / (np.sqrt(nu_hat) + eps)
        iterates.append(x)
    return iterates, {"m": mu, "v": nu}


BETAS = {"beta1": 0.9, "beta2": 0.999}

CONVENTIONS = {
    "sgd:torch": (NAIVE["sgd"], {"learning_rate": 1e-3}),
    "momentum:torch": (momentum_rate_outside, {"learning_rate": 1e-3, "momentum": 0.9}),
    "momentum:ensmallen": (momentum_inside, {"learning_rate": 0.01, "momentum": 0.5}),
    "nag:torch": (nag_rate_outside, {"learning_rate": 1e-3, "momentum": 0.9}),
    "nag:ensmallen": (nag_inside, {"learning_rate": 0.01, "momentum": 0.5}),
    "adagrad:torch": (
        adagrad_torch,
        {"learning_rate": 1e-2, "lr_decay": 0, "initial_accumulator_value": 0, "eps": 1e-10},
    ),
    "adagrad:keras": (adagrad_keras, {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "eps": 1e-7}),
    "adagrad:ensmallen": (adagrad_ensmallen, {"learning_rate": 0.01, "eps": 1e-8}),
    "adadelta:torch": (adadelta, {"learning_rate": 1.0, "rho": 0.9, "eps": 1e-6}),
    "adadelta:keras": (adadelta, {"learning_rate": 0.001, "rho": 0.95, "eps": 1e-7}),
    "adadelta:ensmallen": (adadelta, {"learning_rate": 1.0, "rho": 0.95, "eps": 1e-6}),
    "rmsprop:torch": (rmsprop_torch, {"learning_rate": 1e-2, "rho": 0.99, "eps": 1e-8}),
    "rmsprop:keras": (NAIVE["rmsprop"], {"learning_rate": 0.001, "rho": 0.9, "eps": 1e-7}),
    "adam:keras": (adam_keras, {"learning_rate": 0.001, **BETAS, "eps": 1e-7}),
    "adam:ensmallen": (adam_keras, {"learning_rate": 0.001, **BETAS, "eps": 1e-8}),
    "adamax:torch": (adamax_torch, {"learning_rate": 2e-3, **BETAS, "eps": 1e-8}),
    "adamax:keras": (adamax_keras, {"learning_rate": 0.001, **BETAS, "eps": 1e-7}),
    "adamax:ensmallen": (adamax_keras, {"learning_rate": 0.001, **BETAS, "eps": 1e-8}),
    "nadam:torch": (nadam_torch, {"learning_rate": 2e-3, **BETAS, "eps": 1e-8, "momentum_decay": 4e-3}),
    "nadam:keras": (nadam_torch, {"learning_rate": 0.001, **BETAS, "eps": 1e-7, "momentum_decay": 1}),
    "nadam:optax": (nadam_optax, {"learning_rate": 2e-3, **BETAS, "eps": 1e-8}),
    "nadam:ensmallen": (nadam_ensmallen, {"learning_rate": 0.001, **BETAS, "eps": 1e-8, "momentum_decay": 4e-3}),
}
