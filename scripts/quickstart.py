"""Nine optimizers, proved equal to their equations, fit a classifier to real measurements and agree with SciPy.

The model is logistic regression on the 30 measurements of scripts/data/breast_cancer.csv, standardised:

    f(w, b) = mean of log(1 + exp(-y (a·w + b))) + PENALTY / 2 |w|²,    y = +1 (malignant) or -1 (benign)

Each rule minimises it in a compiled loop until no entry of the gradient exceeds GTOL. The table shows how far from
SciPy's optimum that is, by an objective of its own in NumPy; the exit status is 1 where a rule misses TOLERANCE.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import exp, log1p
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

import numba
import numpy as np

import optnumba

DATA = Path(__file__).parent / "data" / "breast_cancer.csv"
HELD_OUT, SEED = 114, 0  # rows that no fit sees, and the seed of the permutation that chooses them
PENALTY = 0.01
GTOL, MAXITER = 1e-7, 10_000
TOLERANCE = 1e-6  # relative, of f from SciPy's optimum
REPEAT = 5


def decay(t):
    return 0.1 * 0.99**t


# What is not given has the rule's default. The rate of RMSprop falls, since its steps do not shrink with the gradient:
# at a constant 0.01 it stays 5e-4 away from the optimum (and at 0.001, where ε takes over, it takes 836 iterations).
SETTINGS = {
    "sgd": {"learning_rate": 0.55},  # below 2 / L = 0.59, where L bounds the curvature of f
    "momentum": {"learning_rate": 0.3},
    "nag": {"learning_rate": 0.3},
    "adagrad": {"learning_rate": 1.0},
    "adadelta": {"eps": 1e-6},  # Zeiler's; with the default, 1e-8, it takes 2,568 iterations
    "rmsprop": {"learning_rate": decay},
    "adam": {"learning_rate": 0.1},
    "adamax": {"learning_rate": 0.3},
    "nadam": {"learning_rate": 0.1},
}

# Paul Tol's "muted" palette, which colour-blind readers can tell apart, with a darker sand; curves that meet contrast.
COLOURS = {
    "sgd": "#aa4499",
    "momentum": "#88ccee",
    "nag": "#332288",
    "adagrad": "#117733",
    "adadelta": "#44aa99",
    "rmsprop": "#999933",
    "adam": "#cc6677",
    "adamax": "#ddaa33",
    "nadam": "#882255",
}


@numba.njit(error_model="numpy", fastmath={"reassoc"})
def logistic(x, grad, rows, penalty):
    """Return f at x = (w, b) and write its gradient; a row is y (a, 1), so that row · x is y (a·w + b)."""
    last, weight, f = x.size - 1, 1 / len(rows), 0.0
    for j in range(last):
        f += penalty / 2 * x[j] ** 2
        grad[j] = penalty * x[j]
    grad[last] = 0.0
    for i in range(len(rows)):
        margin = 0.0
        for j in range(x.size):
            margin += rows[i, j] * x[j]
        e = exp(-abs(margin))  # at most 1: neither of the two forms of log(1 + exp(-margin)) overflows
        f += weight * (max(-margin, 0.0) + log1p(e))
        slope = weight * (e if margin > 0 else 1.0) / (1 + e)
        for j in range(x.size):
            grad[j] -= slope * rows[i, j]
    return f


def value(x, rows):
    """Return f, by NumPy, for x of shape (n,) or a stack of them of shape (k, n)."""
    return np.logaddexp(0, -x @ rows.T).mean(axis=-1) + PENALTY / 2 * (x[..., :-1] ** 2).sum(axis=-1)


def gradient(x, rows):
    """Return the gradient of f, by NumPy."""
    from scipy.special import expit

    return PENALTY * np.append(x[:-1], 0) - rows.T @ expit(-rows @ x) / len(rows)


def load():
    """Return the rows to fit and those held out, each row y (a, 1)."""
    table = np.loadtxt(DATA, delimiter=",", skiprows=1)
    order = np.random.default_rng(SEED).permutation(len(table))
    measured, y = table[order, :-1], 2 * table[order, -1:] - 1
    fitted = measured[HELD_OUT:]
    standard = (measured - fitted.mean(axis=0)) / fitted.std(axis=0)
    rows = y * np.hstack([standard, np.ones_like(y)])
    return rows[HELD_OUT:], rows[:HELD_OUT]


def optimum(rows):
    """Return the least f that SciPy's L-BFGS-B finds when asked for all it can."""
    from scipy.optimize import minimize

    options = {"ftol": 0, "gtol": 1e-10, "maxiter": 10_000, "maxfun": 100_000}
    return minimize(value, np.zeros(rows.shape[1]), rows, "L-BFGS-B", gradient, options=options).fun


def fit(name, rows, maxiter=MAXITER, callback=None):
    """Return what `optnumba.minimize` finds with the rule `name`."""
    options = {"maxiter": maxiter, "gtol": GTOL, **SETTINGS[name]}
    x0 = np.zeros(rows.shape[1])
    return optnumba.minimize(logistic, x0, (rows, PENALTY), name, "inplace", callback=callback, options=options)


def compile_loop(name, rows):
    """Compile the loop of a rule; it stays in Numba's cache for other processes, and for the next run."""
    fit(name, rows, maxiter=0)


def compile_all(rows):
    """Compile the nine loops, as many at a time as there are processor cores."""
    workers = min(len(SETTINGS), numba.config.NUMBA_DEFAULT_NUM_THREADS)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(partial(compile_loop, rows=rows), SETTINGS))


def timed(name, rows):
    """Return the result of a fit, and the median time of `REPEAT` of them without compilation, in seconds."""
    compile_loop(name, rows)
    seconds = []
    for _ in range(REPEAT):
        start = perf_counter()
        result = fit(name, rows)
        seconds.append(perf_counter() - start)
    return result, median(seconds)


def curve(name, rows, best):
    """Return iterations, evenly spaced enough for a picture, and the relative distance of f from `best` there."""
    points = [np.zeros(rows.shape[1])]
    fit(name, rows, callback=points.append)
    iterations = np.unique(np.linspace(0, len(points) - 1, 400).astype(int))
    return iterations, abs(value(np.array(points)[iterations], rows) - best) / best


def describe(settings):
    """Return hyperparameters as text."""
    shown = {name: f"{given.__name__}(t)" if callable(given) else given for name, given in settings.items()}
    return ", ".join(f"{name} = {given}" for name, given in shown.items())


def report(rows, held_out, best):
    """Print the table; return how many rules are proved, and how many came within `TOLERANCE` of `best`."""
    from optnumba.symbolic import prove

    print(f"\n{'rule':<9} proved  {'settings':<24} {'iterations':>10} {'time':>9} {'distance':>9} {'accuracy':>9}")
    print("─" * 84)
    proofs, near = 0, 0
    for name in SETTINGS:
        proved = prove(optnumba.RULES[name]).proved
        result, seconds = timed(name, rows)
        distance = abs(value(result.x, rows) - best) / best
        proofs, near = proofs + proved, near + (distance <= TOLERANCE)
        print(
            f"{name:<9} {'yes' if proved else 'NO':<6}  {describe(SETTINGS[name]):<24} {result.nit:>10,}"
            f" {1e3 * seconds:>6.1f} ms {distance:>9.1e} {(held_out @ result.x > 0).mean():>9.1%}",
            flush=True,
        )
    return proofs, near


def draw(curves, rows, path):
    """Write the picture of the curves, or say why not."""
    try:
        import matplotlib
    except ImportError:
        print("No picture: matplotlib is not installed.")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10.5, 6.2), dpi=160, layout="constrained")
    for name, (iterations, distance) in curves.items():
        axes.plot(iterations, distance, color=COLOURS[name], linewidth=2, solid_joinstyle="round")
    last = max(iterations[-1] for iterations, _ in curves.values())
    furnish(axes, rows, last)
    label_ends(axes, curves, level=5e-14, gap=0.079 * last)
    figure.savefig(path)
    print(f"Picture: {path}")


def furnish(axes, rows, last):
    """Give the picture its title, axes, grid and the line of `TOLERANCE`; `last` is the last iteration."""
    axes.axhline(TOLERANCE, color="0.5", linewidth=1.2, linestyle=(0, (5, 4)), zorder=1.5)
    axes.text(last, 1.4 * TOLERANCE, f"tolerance {TOLERANCE:.0e}", color="0.35", ha="right")
    axes.set(yscale="log", xlim=(-0.01 * last, 1.04 * last), ylim=(1e-14, 20))
    axes.set_yticks([10.0**k for k in range(-12, 1, 2)])
    axes.set_xlabel(f"iterations, until no entry of the gradient exceeds {GTOL:g}")
    axes.set_ylabel("(f − f*) / f*,  f* from SciPy's L-BFGS-B")
    axes.set_title("Nine update rules minimise one logistic regression", loc="left", fontsize=15, weight="bold", pad=26)
    about = f"Wisconsin breast cancer, {len(rows)} tumours × {rows.shape[1] - 1} measurements, L2 penalty {PENALTY}"
    axes.text(0, 1.02, about, transform=axes.transAxes, color="0.35")
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def label_ends(axes, curves, level, gap):
    """Write the names in a row at height `level`, at least `gap` apart, each joined to the end of its curve."""
    ends = sorted((iterations[-1], distance[-1], name) for name, (iterations, distance) in curves.items())
    places = apart([x for x, _, _ in ends], gap)
    for (x, y, name), place in zip(ends, places, strict=True):
        axes.plot([x, place], [y, 2.2 * level], color=COLOURS[name], linewidth=1)
        axes.plot(x, y, "o", color=COLOURS[name], markersize=6, markeredgecolor="white")
        axes.text(place, level, name, color="0.15", ha="center", va="center")


def apart(places, gap):
    """Return ascending `places` moved as little as need be for neighbours to be `gap` apart, and not below gap / 2."""
    places = [*places]
    for _ in range(200):
        for i in range(len(places) - 1):
            excess = max(0.0, gap - (places[i + 1] - places[i])) / 2
            places[i], places[i + 1] = places[i] - excess, places[i + 1] + excess
        places[0] = max(places[0], gap / 2)
    return places


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--output", type=Path, default="convergence.png", help="where to write the picture")
    path = options.parse_args().output
    rows, held_out = load()
    best = optimum(rows)
    print(f"f* = {best:.12f} by SciPy's L-BFGS-B on {len(rows)} tumours; accuracy is that on {len(held_out)} others.")
    print(f"Compiling {len(SETTINGS)} loops with Numba {numba.__version__} ...", flush=True)
    start = perf_counter()
    compile_all(rows)
    print(f"... took {perf_counter() - start:.1f} s, and the next run finds them in Numba's cache.")
    proofs, near = report(rows, held_out, best)
    print(f"\n{proofs} of {len(SETTINGS)} rules are proved equal to their equations (optnumba.symbolic.prove).")
    print(f"{near} of {len(SETTINGS)} agree with SciPy: (f - f*) / f* is at most {TOLERANCE:g}.")
    draw({name: curve(name, rows, best) for name in SETTINGS}, rows, path)
    return 0 if proofs == near == len(SETTINGS) else 1


if __name__ == "__main__":
    sys.exit(main())
