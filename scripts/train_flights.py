"""Nine optimizers fit 244,908 flights, in mini-batches of a sparse matrix, and agree with scikit-learn.

Was a flight from New York in 2013 more than 15 minutes late? The model is logistic regression on indicators of carrier,
origin, destination, hour, weekday, season and weather (scripts/flights.py):

    J(b, w) = mean of log(1 + exp(-(2y - 1) (a·w + b))) + PENALTY / 2 |w|²,    y = 1 (late) or 0

The table shows how far J is from scikit-learn's optimum, by an objective of its own in NumPy, and how well the fit
predicts the months that none has seen; the exit status is 1 where a rule misses TOLERANCE.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import extras
import flights
import numba
import numpy as np
from quickstart import COLOURS, apart

import optnumba
from optnumba import schedules

PENALTY = 1e-5
BATCH, EPOCHS = 256, 20
LOOKS = 40  # at J within the first epoch
TOLERANCE = 1e-3  # relative, of J from scikit-learn's optimum
QUICK = {"every": 40, "rules": ("sgd", "adam"), "tolerance": 0.1}


def settings(steps):
    """Return the hyperparameters of each rule for a fit of so many steps; what is not given has the rule's default.

    At a constant rate a mini-batch's noise keeps a rule away from the optimum, so the rates fall to 0. Adagrad's do so
    by themselves. Adadelta has none: `eps` sets its step. RMSprop, with a memory of 10 gradients (its default, rho =
    0.9), divides the noise of a gradient by itself and goes elsewhere, 1.5e-3 away; with one of 100 it does not.
    """

    def cosine(rate):
        return schedules.cosine(rate, steps)

    return {
        "sgd": {"learning_rate": cosine(1.0)},
        "momentum": {"learning_rate": cosine(0.1)},
        "nag": {"learning_rate": cosine(0.1)},
        "adagrad": {"learning_rate": 0.1},
        "adadelta": {"rho": 0.99, "eps": 1e-7},
        "rmsprop": {"learning_rate": cosine(0.003), "rho": 0.99},
        "adam": {"learning_rate": cosine(0.003)},
        "adamax": {"learning_rate": cosine(0.01)},
        "nadam": {"learning_rate": cosine(0.003)},
    }


def value(x, A, y):
    """Return J at x = (b, w), by NumPy."""
    return loss(x, A, y) + PENALTY / 2 * (x[1:] ** 2).sum()


def loss(x, A, y):
    """Return the mean of log(1 + exp(-(2y - 1) (a·w + b)))."""
    return np.logaddexp(0, (1 - 2 * y) * (x[0] + A @ x[1:])).mean()


def optimum(A, y):
    """Return (b, w) where scikit-learn's LogisticRegression has its optimum, and the seconds that took."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / (PENALTY * len(y)), solver="newton-cholesky", tol=1e-9)
    start = perf_counter()
    model.fit(A, y)
    seconds = perf_counter() - start
    return np.append(model.intercept_, model.coef_[0]), seconds


def steps_of(y):
    return EPOCHS * -(-len(y) // BATCH)


def fit(name, A, y, epochs=EPOCHS, callback=None, **options):
    """Return what `optnumba.minimize_finite_sum` finds with the rule `name`."""
    model = optnumba.linear_model("logistic", {"l2": PENALTY})
    return optnumba.minimize_finite_sum(
        model,
        model.start(A),
        (A, y),
        method=name,
        batch_size=BATCH,
        epochs=epochs,
        callback=callback,
        options={**settings(steps_of(y))[name], **options},
    )


def compile_loop(name, A, y):
    """Compile the loop of a rule; it stays in Numba's cache for other processes, and for the next run."""
    fit(name, A, y, epochs=1)


def compile_all(names, A, y):
    """Compile the loops, as many at a time as there are processor cores."""
    print(f"\nCompiling {len(names)} loops with Numba {numba.__version__} ...", flush=True)
    start = perf_counter()
    few = {"A": A[:BATCH], "y": y[:BATCH]}
    workers = min(len(names), numba.config.NUMBA_DEFAULT_NUM_THREADS)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(partial(compile_loop, **few), names))
    print(f"... took {perf_counter() - start:.1f} s, and the next run finds them in Numba's cache.")


class Fit(NamedTuple):
    """What a rule found, in how many seconds; and J on its way there, after so many epochs."""

    x: np.ndarray
    seconds: float
    epochs: np.ndarray
    values: np.ndarray


def trace(name, A, y):
    """Return the fit of a rule."""
    compile_loop(name, A[:BATCH], y[:BATCH])
    ends = []
    start = perf_counter()
    result = fit(name, A, y, callback=lambda intermediate_result: ends.append(intermediate_result.x.copy()))
    seconds = perf_counter() - start
    # The same first epoch once more, now with a look at its steps: some, evenly spaced in their logarithm.
    per_epoch = steps_of(y) // EPOCHS
    looks = {*np.geomspace(1, per_epoch - 1, LOOKS).astype(int)}
    values = {}

    def look(intermediate_result):
        if intermediate_result.nit in looks:
            values[intermediate_result.nit / per_epoch] = value(intermediate_result.x, A, y)

    fit(name, A, y, epochs=1, callback=look, callback_every=1)
    values.update({epoch: value(x, A, y) for epoch, x in enumerate(ends, 1)})
    return Fit(result.x, seconds, np.array([*values]), np.array([*values.values()]))


def describe(hyper):
    """Return hyperparameters as text."""
    short = {"learning_rate": "rate"}

    def text(given):
        return f"cosine from {given(1):g}" if callable(given) else f"{given:g}"

    return ", ".join(f"{short.get(name, name)} {text(given)}" for name, given in hyper.items())


HEADER = f"{'rule':<13} {'settings':<32} {'time':>8} {'J':>9} {'(J - J*) / J*':>14} {'held-out loss':>14} {'AUC':>6}"


def row(name, setting, seconds, x, best, data):
    """Print a row of the table: what is found at x."""
    from sklearn.metrics import roc_auc_score

    A, y = data.held_out_A, data.held_out_y
    found = value(x, data.A, data.y)
    time = "" if seconds is None else f"{seconds:.2f} s"
    away = f"{(found - best) / best:.1e}" if found != best else "0"
    print(
        f"{name:<13} {setting:<32} {time:>8} {found:>9.6f} {away:>14}"
        f" {loss(x, A, y):>14.4f} {roc_auc_score(y, A @ x[1:]):>6.4f}",
        flush=True,
    )


def report(names, data, reference, seconds):
    """Print the table; return the fits."""
    best = value(reference, data.A, data.y)
    print(f"\n{HEADER}\n{'─' * len(HEADER)}")
    fits = {}
    for name in names:
        fits[name] = trace(name, data.A, data.y)
        row(name, describe(settings(steps_of(data.y))[name]), fits[name].seconds, fits[name].x, best, data)
    row("scikit-learn", "Newton, to the end", seconds, reference, best, data)
    rate = data.y.mean()
    guess = np.append(np.log(rate / (1 - rate)), np.zeros(data.A.shape[1]))
    row("no feature", "the share of late flights", None, guess, best, data)
    return fits


def draw(fits, best, data, path):
    """Write the picture of the fits, or say why not."""
    plot = extras.pyplot()
    if plot is None:
        return
    figure, (left, right) = plot.subplots(1, 2, figsize=(12.4, 6.4), dpi=160, layout="constrained")
    for name, found in fits.items():
        style = {"color": COLOURS[name], "linewidth": 2, "solid_joinstyle": "round"}
        left.plot(found.epochs, found.values, **style)
        late = found.epochs >= 1
        right.plot(found.epochs[late], np.abs(found.values[late] / best - 1), **style)
    furnish(left, right, best)
    label_ends(right, {name: abs(found.values[-1] / best - 1) for name, found in fits.items()})
    about = f"{len(data.y):,} flights from New York × {data.A.shape[1]} indicators, in mini-batches of {BATCH}"
    extras.head(figure, "Nine update rules fit one sparse logistic regression", about)
    figure.savefig(path)
    print(f"Picture: {path}")


def furnish(left, right, best):
    """Give the two halves of the picture their titles, axes and lines."""
    left.set_title("The loss, from the first steps", loc="left", fontsize=12)
    left.axhline(best, color="0.25", linewidth=1.4, linestyle=(0, (5, 3)))
    left.text(0.012, best, "scikit-learn's optimum", color="0.25", va="top", transform=raised(left, -5, fixed=True))
    left.set(xscale="log", ylim=(best - 0.02, 0.71), ylabel="J, on all flights to fit", xlabel="epochs")
    left.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    right.set_title("Its distance from the optimum, after each epoch", loc="left", fontsize=12)
    right.plot([0, EPOCHS], [TOLERANCE] * 2, color="0.5", linewidth=1.2, linestyle=(0, (5, 4)))
    right.text(EPOCHS, TOLERANCE, f"tolerance {TOLERANCE:g}", color="0.35", ha="right", transform=raised(right, 4))
    right.set(yscale="log", xlim=(0, 1.24 * EPOCHS), ylabel="(J − J*) / J*,  J* from scikit-learn", xlabel="epochs")
    right.set_xticks(range(0, EPOCHS + 1, 5))
    for axes in left, right:
        extras.furnish(axes)


def raised(axes, points, fixed=False):
    """Return the transformation of data that moves up by so many points; `fixed`: x is a share of the axes' width."""
    from matplotlib.transforms import ScaledTranslation

    data = axes.get_yaxis_transform() if fixed else axes.transData
    return data + ScaledTranslation(0, points / 72, axes.figure.dpi_scale_trans)


def label_ends(axes, ends):
    """Write each name beside the end of its curve, no two upon each other."""
    order = sorted(ends, key=ends.get)
    low, high = np.log10(axes.get_ylim())
    gap = 0.05 * (high - low)
    places = apart([np.log10(ends[name]) - low for name in order], gap)
    for name, place in zip(order, places, strict=True):
        y = 10 ** (low + place)
        axes.plot([EPOCHS, EPOCHS + 0.7], [ends[name], y], color=COLOURS[name], linewidth=1)
        axes.plot(EPOCHS, ends[name], "o", color=COLOURS[name], markersize=5, markeredgecolor="white")
        axes.text(EPOCHS + 0.85, y, name, color="0.15", va="center")


def main(arguments=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--output", type=Path, default="flights.png", help="where to write the picture")
    options.add_argument("--quick", action="store_true", help="two rules on one flight in 40, to see that it runs")
    chosen = options.parse_args(arguments)
    extras.require("sklearn")
    data = flights.load(QUICK["every"] if chosen.quick else 1)
    names, tolerance = (QUICK["rules"], QUICK["tolerance"]) if chosen.quick else (tuple(COLOURS), TOLERANCE)
    months = ", ".join(str(month) for month in flights.HELD_OUT)
    print(
        f"{len(data.y):,} flights to fit, {len(data.held_out_y):,} of the months {months} held out; "
        f"left out: {data.cancelled:,} cancelled.\n{data.A.shape[1]} columns, {data.A.nnz / len(data.y):.0f} of them "
        f"not 0 in a row: {', '.join(f'{name} {count}' for name, count in data.columns.items())}."
    )
    reference, seconds = optimum(data.A, data.y)
    if not chosen.quick:
        compile_all(names, data.A, data.y)
    fits = report(names, data, reference, seconds)
    best = value(reference, data.A, data.y)
    near = sum(abs(found.values[-1] - best) <= tolerance * best for found in fits.values())
    print(f"\n{near} of {len(names)} agree with scikit-learn: (J - J*) / J* is at most {tolerance:g}.")
    draw(fits, best, data, chosen.output)
    return 0 if near == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
