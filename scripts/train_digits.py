"""Handwritten digits: what the size of a batch does to gradient descent, and a network that reads over 97 % of them.

Softmax regression, which is convex, and a network with one hidden layer, whose gradients are written by hand below, fit
1,437 of scikit-learn's images of 8 × 8 pixels and are tested on 360 others:

    J(x) = mean of the cross-entropy + PENALTY / 2 |weights|²

Plain descent, the same rate and the same number of epochs for batches of 1 (stochastic), 32 (mini-batch) and all
(batch gradient descent): the table shows what came of it, the picture how. The last row is the network fit to be good.
The exit status is 1 where that misses ACCURACY, or where a claim about batches that is printed at the end is false.
"""

import argparse
import math
import sys
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import extras
import numba
import numpy as np

import optnumba
from optnumba import schedules

CLASSES = 10
TESTED, SEED = 360, 0  # images that no fit sees, and the seed of all that is random
PENALTY = 1e-3
BATCHES = (1, 32, None)
RATE, EPOCHS = 0.1, 100
POINTS, QUICK_POINTS = 160, 30  # of a curve, evenly spaced in the logarithm of updates
CLOSELY = 2000  # updates, the first, that are looked at one by one
ACCURACY = 0.97

# The network fit to be good: what five-fold cross-validation within the images to fit chose, without a look at the
# others (98.1 %; 97.8 % with 64 hidden units, 97.5 % with tanh for max(0, z), 96.8 % by softmax regression).
HIDDEN = 128
BEST = {"method": "momentum", "rate": 0.1, "batch_size": 32, "epochs": 40}

COLOURS = {1: "#cc6677", 32: "#332288", None: "#117733"}  # Paul Tol's "muted" palette


@numba.njit
def split(x, n):
    """Return W, b, V and c, which `x` holds one after the other, as views.

    The scores of an image a of n pixels are V h + c with h = max(0, W a + b).
    """
    hidden = (x.size - CLASSES) // (n + 1 + CLASSES)
    b, V = hidden * n, hidden * (n + 1)
    c = V + CLASSES * hidden
    return x[:b].reshape(hidden, n), x[b:V], x[V:c].reshape(CLASSES, hidden), x[c:]


@numba.njit(fastmath={"reassoc"})
def dot(u, v):
    total = 0.0
    for k in range(u.size):
        total += u[k] * v[k]
    return total


@numba.njit
def add(u, factor, v):
    """Add factor v to u."""
    for k in range(u.size):
        u[k] += factor * v[k]


@numba.njit(error_model="numpy")
def network(x, grad, i, images, digits):
    """Add the gradient of the cross-entropy of image i to grad, and return the cross-entropy."""
    a = images[i]
    W, b, V, c = split(x, a.size)
    dW, db, dV, dc = split(grad, a.size)
    h, back, p = np.empty(b.size), np.zeros(b.size), np.empty(CLASSES)
    for j in range(b.size):
        h[j] = max(b[j] + dot(W[j], a), 0.0)
    for d in range(CLASSES):
        p[d] = c[d] + dot(V[d], h)
    top, truth, total = p.max(), p[digits[i]], 0.0
    for d in range(CLASSES):
        p[d] = math.exp(p[d] - top)
        total += p[d]
    for d in range(CLASSES):
        slope = p[d] / total - (d == digits[i])
        dc[d] += slope
        add(dV[d], slope, h)
        add(back, slope, V[d])
    for j in range(b.size):
        if h[j] > 0:
            db[j] += back[j]
            add(dW[j], back[j], a)
    return math.log(total) + top - truth


def network_scores(x, images):
    """Return the scores of each class for each image, by NumPy; `x` as in `split`."""
    n = images.shape[1]
    hidden = (x.size - CLASSES) // (n + 1 + CLASSES)
    W, b, V, c = np.split(x, np.cumsum([hidden * n, hidden, CLASSES * hidden]))
    h = np.maximum(0, images @ W.reshape(hidden, n).T + b)
    return h @ V.reshape(CLASSES, hidden).T + c


def network_start(n, hidden=HIDDEN):
    """Return where the network starts: b = c = 0, W and V random, so that scores of images are of the order of 1."""
    rng = np.random.default_rng(SEED)
    W, V = rng.normal(0, math.sqrt(2 / n), hidden * n), rng.normal(0, math.sqrt(1 / hidden), CLASSES * hidden)
    return np.concatenate([W, np.zeros(hidden), V, np.zeros(CLASSES)])


def softmax_scores(x, images):
    """Return the scores of each class for each image, by NumPy; x holds a row of intercepts, then the weights."""
    rows = x.reshape(-1, CLASSES)
    return images @ rows[1:] + rows[0]


class Model(NamedTuple):
    """What is fit: as `minimize_finite_sum` takes it, and as NumPy computes it."""

    name: str
    fun: object
    x0: np.ndarray
    scores: object  # of x and images
    free: int  # so many entries of x, the first, have no penalty
    options: dict


def models(images):
    """Return the two models."""
    regression = optnumba.linear_model("logistic", {"l2": PENALTY}, classes=CLASSES)
    start = network_start(images.shape[1])
    return (
        Model("softmax regression", regression, regression.start(images), softmax_scores, CLASSES, {}),
        Model("network", network, start, network_scores, 0, {"l2": PENALTY}),
    )


def value(model, x, images, digits):
    """Return J at x, by NumPy."""
    z = model.scores(x, images)
    top = z.max(axis=1)
    losses = np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - z[np.arange(len(digits)), digits]
    return losses.mean() + PENALTY / 2 * (x[model.free :] ** 2).sum()


def accuracy(model, x, images, digits):
    """Return the share of images whose greatest score is that of their digit."""
    return (model.scores(x, images).argmax(axis=1) == digits).mean()


class Digits(NamedTuple):
    """Images, a row of 64 numbers each, and which digits they are: to fit, and to test."""

    images: np.ndarray
    digits: np.ndarray
    test_images: np.ndarray
    test_digits: np.ndarray


def load():
    """Return the images, centred at the mean of those to fit."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, digits = load_digits(return_X_y=True)
    parts = train_test_split(pixels, digits, test_size=TESTED, random_state=SEED, stratify=digits)
    fitted, tested, fitted_digits, tested_digits = parts
    mean = fitted.mean(axis=0)
    return Digits((fitted - mean) / 8, fitted_digits, (tested - mean) / 8, tested_digits)


def fit(model, data, batch_size, epochs, rate, method="sgd", callback=None, **options):
    """Return what `optnumba.minimize_finite_sum` finds."""
    return optnumba.minimize_finite_sum(
        model.fun,
        model.x0,
        (data.images, data.digits),
        method=method,
        batch_size=batch_size,
        epochs=epochs,
        seed=SEED,
        callback=callback,
        options={"learning_rate": rate, "threads": False, **model.options, **options},  # one, so that times compare
    )


def timed(model, data, batch_size, epochs, rate, method="sgd"):
    """Return the result of a fit, and the seconds it takes without compilation."""
    fit(model, data, batch_size, 1, rate, method)
    start = perf_counter()
    result = fit(model, data, batch_size, epochs, rate, method)
    return result, perf_counter() - start


class Curve(NamedTuple):
    """J along a fit, after so many updates; and the share of the updates looked at that made it greater."""

    updates: np.ndarray
    values: np.ndarray
    rises: float


def curve(model, data, batch_size, points):
    """Return the curve of plain descent, at about so many points, the first CLOSELY updates one by one."""
    count = len(data.digits)
    last = EPOCHS * -(-count // (batch_size or count))
    closely, every = min(last, CLOSELY), max(1, last // CLOSELY)
    looks = np.geomspace(1, last, points).astype(int)
    looks = np.unique(np.where(looks <= closely, looks, looks // every * every))
    near = looks[looks <= closely]
    needed = {*looks, *(near - 1)}
    found = {0: value(model, model.x0, data.images, data.digits)}

    def look(intermediate_result):
        if intermediate_result.nit in needed:
            found[intermediate_result.nit] = value(model, intermediate_result.x, data.images, data.digits)

    fit(model, data, batch_size, None, RATE, callback=look, callback_every=1, max_steps=closely)
    if closely < last:
        fit(model, data, batch_size, EPOCHS, RATE, callback=look, callback_every=every)
    rises = np.mean([found[step] > found[step - 1] for step in near])
    return Curve(looks, np.array([found[step] for step in looks]), rises)


HEADER = (
    f"{'model':<18} {'batch':>5} {'epochs':>6} {'updates':>8} {'time':>8} {'an update':>10} {'rises':>6} {'J':>9}"
    f" {'accuracy':>9}"
)


def row(model, data, x, *, name=None, batch="", epochs="", updates=None, seconds=None, rises=None):
    """Print a row of the table; return J and the accuracy."""
    J, share = value(model, x, data.images, data.digits), accuracy(model, x, data.test_images, data.test_digits)
    cells = (
        f"{name or model.name:<18} {batch:>5} {epochs:>6}",
        f"{updates:>8,}" if updates else f"{'':>8}",
        f"{seconds:>6.2f} s" if seconds else f"{'':>8}",
        f"{1e6 * seconds / updates:>7,.0f} µs" if updates and seconds else f"{'':>10}",
        f"{rises:>6.0%}" if rises is not None else f"{'':>6}",
        f"{J:>9.4f} {share:>9.1%}",
    )
    print(*cells, flush=True)
    return J, share


def compare(model, data, points):
    """Print the rows of plain descent with each size of batch; return its curves, and where J ended."""
    curves, ends = {}, {}
    for batch_size in BATCHES:
        result, seconds = timed(model, data, batch_size, EPOCHS, RATE)
        curves[batch_size] = curve(model, data, batch_size, points)
        what = {"batch": batch_size or len(data.digits), "epochs": EPOCHS, "updates": result.nit, "seconds": seconds}
        ends[batch_size], _ = row(model, data, result.x, **what, rises=curves[batch_size].rises)
    return curves, ends


def optimum(model, data):
    """Print the row of scikit-learn's softmax regression; return the least J."""
    from sklearn.linear_model import LogisticRegression

    reference = LogisticRegression(C=1 / (PENALTY * len(data.digits)), solver="newton-cg", tol=1e-5)
    reference.fit(data.images, data.digits)
    x = np.vstack([reference.intercept_, reference.coef_.T]).ravel()
    return row(model, data, x, name="scikit-learn")[0]


def best(model, data):
    """Print the row of the network fit to be good; return its accuracy."""
    method, batch_size, epochs = BEST["method"], BEST["batch_size"], BEST["epochs"]
    rate = schedules.cosine(BEST["rate"], epochs * -(-len(data.digits) // batch_size))
    result, seconds = timed(model, data, batch_size, epochs, rate, method)
    what = {"batch": batch_size, "epochs": epochs, "updates": result.nit, "seconds": seconds}
    return row(model, data, result.x, name=f"{model.name}, {method}", **what)[1]


def draw(panels, least, count, path):
    """Write the picture of curves by title, or say why not; of the first, `least` is the optimum."""
    plot = extras.pyplot()
    if plot is None:
        return
    shape = {"figsize": (6.2 * len(panels), 8.8), "squeeze": False, "sharey": True, "sharex": "row"}
    figure, grid = plot.subplots(2, len(panels), dpi=160, layout="constrained", **shape)
    for column, (title, curves) in zip(grid.T, panels.items(), strict=True):
        for axes, by_epoch in zip(column, (True, False), strict=True):
            for batch_size, found in curves.items():
                x = found.updates * ((batch_size or count) / count if by_epoch else 1)
                axes.plot(x, found.values, color=COLOURS[batch_size], linewidth=1.8, solid_joinstyle="round")
                label(axes, batch_size, x, found.values, by_epoch)
            axes.set_xlabel("epochs" if by_epoch else "updates")
        column[0].set_title(title, loc="left", fontsize=12)
    for axes in grid[:, 0]:
        axes.axhline(least, color="0.5", linewidth=1.2, linestyle=(0, (5, 4)), zorder=1.5)
        where = axes.get_yaxis_transform()
        axes.text(0.012, 0.95 * least, "scikit-learn's optimum", color="0.35", va="top", transform=where)
    furnish(grid)
    about = f"{count:,} images of digits; the same rate, {RATE}, and as many epochs for every size"
    extras.head(figure, "What the size of a batch does to gradient descent", about)
    figure.savefig(path)
    print(f"Picture: {path}")


def furnish(grid):
    """Give the four parts of the picture their axes and grids."""
    for axes in grid.flat:
        axes.set(xscale="log", yscale="log")
        axes.set_yticks(ticks := (0.05, 0.1, 0.2, 0.5, 1, 2), [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}" if x >= 1 else f"{x:g}")
        axes.minorticks_off()
        axes.margins(x=0.04, y=0.08)
        extras.furnish(axes)
    for axes in grid[:, 0]:
        axes.set_ylabel("J, on all images to fit")


def label(axes, batch_size, x, values, by_epoch):
    """Write the size of the batch at the start of a curve against epochs, at the end of one against updates."""
    words = {1: "a batch of 1", 32: "of 32", None: "of all"}[batch_size]
    place = {"xytext": (0, 8), "ha": "left"} if by_epoch else {"xytext": (-3, -9), "ha": "right", "va": "top"}
    i = 0 if by_epoch else -1
    axes.plot(x[i], values[i], "o", color=COLOURS[batch_size], markersize=6, markeredgecolor="white")
    axes.annotate(words, (x[i], values[i]), textcoords="offset points", color=COLOURS[batch_size], **place)


def judge(compared, least, share):
    """Print what is claimed of batches and of the network, and whether it holds; return whether all of it does."""
    curves, ends = ([found[k] for found in compared.values()] for k in (0, 1))
    claims = {
        "Batch gradient descent never made J greater.": all(c[None].rises == 0 for c in curves),
        "Batches of 1 did, and of 32 less often.": all(c[1].rises > c[32].rises for c in curves),
        "In the same epochs, batches of 32 came lower than of all.": all(e[32] < e[None] for e in ends),
        "At a constant rate, batches of 1 stay farther above the optimum than of 32.": ends[0][1] > ends[0][32] > least,
    }
    if share is not None:
        claims[f"The network reads at least {ACCURACY:.0%} of the digits that it has not seen."] = share >= ACCURACY
    print("", *(f"{'yes' if holds else 'NO':<3}  {claim}" for claim, holds in claims.items()), sep="\n")
    return all(claims.values())


def main(arguments=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--output", type=Path, default="digits.png", help="where to write the picture")
    options.add_argument("--quick", action="store_true", help="softmax regression only, and fewer points")
    chosen = options.parse_args(arguments)
    extras.require("sklearn")
    data = load()
    points = QUICK_POINTS if chosen.quick else POINTS
    print(f"{len(data.digits):,} images to fit, {len(data.test_digits)} to test; rate {RATE}, penalty {PENALTY}.\n")
    print(f"{HEADER}\n{'─' * len(HEADER)}")
    regression, net = models(data.images)
    compared = {"Softmax regression, which is convex": compare(regression, data, points)}
    least = optimum(regression, data)
    share = None
    if not chosen.quick:
        compared["A network with one hidden layer, which is not"] = compare(net, data, points)
        share = best(net, data)
    good = judge(compared, least, share)
    draw({title: curves for title, (curves, _) in compared.items()}, least, len(data.digits), chosen.output)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
