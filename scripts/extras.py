"""What the training scripts need besides optnumba, and what they say where it is missing."""

from importlib.util import find_spec


def require(*names):
    """End the script, and say how to go on, unless these modules are installed."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise SystemExit(f"Not installed: {', '.join(missing)}. In the checkout: pip install -e '.[train]'")


def pyplot():
    """Return matplotlib's pyplot, for files; or None, and say so."""
    try:
        import matplotlib
    except ImportError:
        print("No picture: matplotlib is not installed.")
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def furnish(axes):
    """Give axes a quiet grid and two spines."""
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def head(figure, title, about):
    """Write a title and a line below it at the upper left of a figure."""
    figure.suptitle(f"{title}\n", x=0.012, ha="left", fontsize=15, weight="bold")
    height = 72 * figure.get_figheight()  # points
    figure.text(0.012, 1 - 23 / height, about, color="0.35", va="top")
