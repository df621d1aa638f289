"""The figures of docs/: the path of each rule along a valley and past a saddle, drawn over the path of plain descent.

The points of the paths, rounded, stand in each PNG file's description, so that a check can compare them with what the
rules compute today without comparing drawings.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import optnumba

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "figures"
DPI = 120
DIGITS = 3  # of the points kept in a file
TOLERANCE = 2e-3
DOTS = 5  # steps from one dot of a path to the next
COLOUR, GREY, MINIMUM = "#0b5cad", "#9a9a9a", "#c02b1d"


@dataclass(frozen=True)
class Landscape:
    """A function of two variables, and how to look at it."""

    title: str
    formula: str
    value: object
    gradient: object
    start: tuple
    minima: tuple
    window: tuple  # x from, x to, y from, y to
    steps: int
    legend: str  # where it hides nothing
    saddle: tuple = ()


def _valley_gradient(p):
    x, y = p
    return np.array([x + 20 * x * (x * x - y), 10 * (y - x * x)])


VALLEY = Landscape(
    title="A curved valley",
    formula=r"$f = \frac{1}{2}\,x^2 + 5\,(y - x^2)^2$",
    value=lambda x, y: x * x / 2 + 5 * (y - x * x) ** 2,
    gradient=_valley_gradient,
    start=(-1.3, 0.4),
    minima=((0.0, 0.0),),
    window=(-1.75, 1.2, -0.75, 2.2),
    steps=150,
    legend="upper right",
)
SADDLE = Landscape(
    title="A saddle, passed off its ridge by 0.002",
    formula=r"$f = \frac{1}{2}\,x^2 - \frac{1}{2}\,y^2 + \frac{1}{4}\,y^4$",
    value=lambda x, y: x * x / 2 - y * y / 2 + y**4 / 4,
    gradient=lambda p: np.array([p[0], p[1] ** 3 - p[1]]),
    start=(-1.5, 0.002),
    minima=((0.0, 1.0), (0.0, -1.0)),
    window=(-1.75, 0.85, -1.3, 1.3),
    steps=150,
    legend="upper left",
    saddle=(0.0, 0.0),
)
LANDSCAPES = (VALLEY, SADDLE)

# Rates at which 150 steps show what a rule is like, for the valley and for the saddle.
SETTINGS = {
    "sgd": ({"learning_rate": 0.02}, {"learning_rate": 0.04}),
    "momentum": ({"learning_rate": 0.01}, {"learning_rate": 0.01}),
    "nag": ({"learning_rate": 0.01}, {"learning_rate": 0.01}),
    "adagrad": ({"learning_rate": 0.3}, {"learning_rate": 0.3}),
    "adadelta": ({"eps": 1e-3}, {"eps": 1e-3}),
    "rmsprop": ({"learning_rate": 0.02}, {"learning_rate": 0.02}),
    "adam": ({"learning_rate": 0.1}, {"learning_rate": 0.05}),
    "adamax": ({"learning_rate": 0.1}, {"learning_rate": 0.05}),
    "nadam": ({"learning_rate": 0.1}, {"learning_rate": 0.05}),
}


def path(name, landscape, hyper):
    """Return the points a rule visits, array of shape (steps + 1, 2)."""
    result = optnumba.minimize(
        lambda p: float(landscape.value(*p)),
        landscape.start,
        jac=landscape.gradient,
        method=name,
        options={**hyper, "maxiter": landscape.steps, "gtol": 0.0, "return_all": True},
    )
    return np.array(result.allvecs)


def paths(name):
    """Return the path of a rule on each landscape (list of arrays)."""
    return [path(name, place, hyper) for place, hyper in zip(LANDSCAPES, SETTINGS[name], strict=True)]


def caption(name):
    """Return one line for people about what the figure of a rule shows (str)."""
    settings = dict.fromkeys(", ".join(f"{key}={value:g}" for key, value in s.items()) for s in SETTINGS[name])
    plain = " and ".join(f"{s['learning_rate']:g}" for s in SETTINGS["sgd"])
    grey = "" if name == "sgd" else f"; grey, `sgd` with learning_rate={plain}"
    steps = f"{VALLEY.steps} steps from the circle, a dot every {DOTS}"
    return f"`{name}` with {' and '.join(settings)}, {steps}{grey}. Stars: minima."


def draw(name):
    """Return the figure of a rule as PNG (bytes), and its paths as JSON (str)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found, plain = paths(name), paths("sgd")
    style = {"font.size": 10, "axes.linewidth": 0.6}
    with pyplot.rc_context(style):
        figure, axes = pyplot.subplots(1, 2, figsize=(9.6, 4.5), layout="constrained")
        for place, ours, theirs, ax in zip(LANDSCAPES, found, plain, axes, strict=True):
            _landscape(ax, place)
            if name != "sgd":
                _trace(ax, theirs, GREY, "sgd", 1.2)
            _trace(ax, ours, COLOUR, name, 1.8)
            ax.legend(loc=place.legend, framealpha=0.9, edgecolor="none", handlelength=1.4)
        sheet = io.BytesIO()
        figure.savefig(sheet, format="png", dpi=DPI)
        pyplot.close(figure)
    return sheet.getvalue(), json.dumps([np.round(points, DIGITS).tolist() for points in found])


def _landscape(ax, place):
    left, right, low, high = place.window
    x, y = np.meshgrid(np.linspace(left, right, 161), np.linspace(low, high, 161))
    z = place.value(x, y)
    levels = z.min() + np.ptp(z) * np.linspace(0, 1, 15) ** 2.5
    ax.contour(x, y, z, levels=levels, colors="0.82", linewidths=0.7)
    ax.plot(*zip(*place.minima, strict=True), "*", color=MINIMUM, markersize=11, markeredgecolor="white", zorder=4)
    if place.saddle:
        ax.plot(*place.saddle, "x", color="0.35", markersize=6, zorder=4)
        ax.annotate("saddle", place.saddle, (8, -12), textcoords="offset points", color="0.35", fontsize=9)
    ax.plot(*place.start, "o", color="white", markeredgecolor="0.2", markersize=7, zorder=5)
    ax.set(xlim=(left, right), ylim=(low, high), xlabel="x", ylabel="y")
    ax.set_title(f"{place.title}\n{place.formula}", fontsize=10, loc="left")
    ax.spines[["top", "right"]].set_visible(False)


def _trace(ax, points, colour, label, width):
    ax.plot(*points.T, "-", color=colour, linewidth=width, solid_joinstyle="round", label=label, zorder=3)
    ax.plot(*points[1::DOTS].T, ".", color=colour, markersize=2 + 1.6 * width, zorder=3)


def write(name):
    """Write the figure of a rule."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    from PIL import Image, PngImagePlugin

    drawing, points = draw(name)
    about = PngImagePlugin.PngInfo()
    about.add_itxt("Description", points, zip=True)
    with Image.open(io.BytesIO(drawing)) as image:  # a palette is a third of the bytes, and looks the same
        small = image.convert("RGB").quantize(96, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        small.save(FOLDER / f"{name}.png", optimize=True, pnginfo=about)


def drifted(name):
    """Return what is wrong with the figure of a rule: that it is not there, or shows other paths; empty if nothing."""
    from PIL import Image

    file = FOLDER / f"{name}.png"
    if not file.exists():
        return f"{file.name} is not there"
    with Image.open(file) as image:
        points = [np.array(p) for p in json.loads(image.text.get("Description", "[]"))]
    today = paths(name)
    same = len(points) == len(today) and all(a.shape == b.shape for a, b in zip(points, today, strict=True))
    if same and all(np.allclose(a, b, rtol=0, atol=TOLERANCE) for a, b in zip(points, today, strict=True)):
        return ""
    return f"{file.name} shows other paths than the rule takes"
