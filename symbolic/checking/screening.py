"""Numbers that discard, in floating point and within a millisecond, what cannot be equal; they never prove anything."""

import math
from functools import cache, lru_cache

import numpy as np

from ..conventions.convention import scalars_of
from ..decision.values import from_sympy, leaf
from ..equations.notation import HYPER, NablaJ, phi, t, theta, theta_next

POINTS = 12
NEAR = 1e-7  # relative; two formulas that agree to this at every point are worth the decision procedure


@cache
def draw(name, kind):
    """Return numbers for a leaf (numpy array), the same ones whenever it is asked.

    Parameters
    ----------
    name : str
        Different names get different numbers.
    kind : str
        ``"unit"`` (in (0, 1)), ``"real"``, ``"positive"`` or ``"step"`` (1, 2, ...).
    """
    if kind == "step":
        return np.tile([1.0, 2.0, 3.0, 5.0], POINTS // 4)
    uniform = np.random.default_rng([*name.encode(), *kind.encode()]).uniform(0.05, 0.95, POINTS)
    signs = np.resize([1, -1, -1, 1, 1], POINTS) if kind == "real" else 1
    return uniform if kind == "unit" else 2 * uniform * signs


def outputs(algorithm):
    """Return x after the step, and every state, as Values of x, g, t, the hyperparameters and s0, s1, ... (list)."""
    known = {HYPER[h][0]: leaf(h) for h in algorithm.hyper} | {t: leaf("t"), phi: leaf("x"), NablaJ: leaf("g")}
    states = (*algorithm.states, *scalars_of(algorithm))
    known |= {before: leaf(f"s{i}") for i, (before, _) in enumerate(states)}
    known[theta] = from_sympy(algorithm.inverse.right if algorithm.inverse else phi, known)
    for equation in algorithm.equations:
        known[equation.left] = from_sympy(equation.right, known)
    after = {old: known[new] for old, new in states}
    new_x = from_sympy(algorithm.gradient_point, {**known, **after, theta: known[theta_next]})
    return [new_x, *after.values()]


def _points(algorithm):
    point = {"x": draw("x", "real"), "g": draw("g", "real"), "t": draw("t", "step")}
    point |= {h: draw(h, "unit" if HYPER[h][1] == "[0, 1)" else "positive") for h in algorithm.hyper}
    scalars = [(before, "unit") for before, _ in scalars_of(algorithm)]
    states = [(before, "positive" if before.is_nonnegative else "real") for before, _ in algorithm.states]
    return point | {f"s{i}": draw(f"s{i}", kind) for i, (_, kind) in enumerate([*states, *scalars])}


@lru_cache(maxsize=4096)
def _numbers(algorithm):
    """Return the numbers of every leaf, and what the algorithm makes of them."""
    point = _points(algorithm)
    return point, numbers_of(outputs(algorithm), point)


def numbers_of(values, point):
    """Return what each Value is at a point (list of numpy arrays, nan where it is undefined)."""
    done = {}

    def number(node):
        if id(node) not in done:
            if node.op == "leaf":
                done[id(node)] = point[node.payload]
            elif node.op == "const":
                done[id(node)] = np.full(POINTS, float(node.payload))
            else:
                done[id(node)] = MEANINGS[node.op](*map(number, node.args))
        return done[id(node)]

    with np.errstate(all="ignore"):
        return [number(value) for value in values]


MEANINGS = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "abs": np.abs,
    "max": np.maximum,
    "min": np.minimum,
    "where": lambda c, a, b: np.where(c != 0, a, b),
    "<": lambda a, b: (a < b).astype(float),
    "<=": lambda a, b: (a <= b).astype(float),
    "==": lambda a, b: (a == b).astype(float),
    "and": lambda a, b: ((a != 0) & (b != 0)).astype(float),
    "or": lambda a, b: ((a != 0) | (b != 0)).astype(float),
    "not": lambda a: (a == 0).astype(float),
}


def _sides(candidate, algorithm, states):
    """Return what a candidate computes (list of numpy arrays), and what the algorithm does in the same order."""
    point, (x, *after) = _numbers(algorithm)
    every = (*algorithm.states, *scalars_of(algorithm))
    order = [every.index(s) for s in (*states, *scalars_of(algorithm))]
    names = {candidate.hyper.get(h, h): h for h in algorithm.hyper}
    names |= {slot: f"s{i}" for slot, i in zip(candidate.slots, order, strict=True)} | {n: n for n in ("x", "g", "t")}
    key = tuple((mine, name, point[name][-1]) for mine, name in names.items())
    if key not in candidate.numbers:
        mine = {leaf_name: point[name] for leaf_name, name in names.items()}
        candidate.numbers[key] = numbers_of([candidate.x, *candidate.after], mine)
    return candidate.numbers[key], [x, *(after[i] for i in order)], point


def agree(candidate, algorithm, states, first=1):
    """Return, for x and each slot, whether numbers leave it open that a candidate is the algorithm (list of bool).

    Parameters
    ----------
    candidate : Candidate
    algorithm : Algorithm
    states : sequence of (Symbol, Symbol)
        The algorithm's states in the order of the candidate's slots.
    first : int
        The smallest t to try.
    """
    mine, theirs, point = _sides(candidate, algorithm, states)
    tried = point["t"] >= first
    near = {"rtol": NEAR, "atol": NEAR**2, "equal_nan": True}
    return [bool(np.allclose(a[tried], b[tried], **near)) for a, b in zip(mine, theirs, strict=True)]


def distance(candidate, algorithm, states):
    """Return how far apart x after the step is, in units of the algorithm's own step (float; inf for undefined)."""
    (mine, *_), (theirs, *_), point = _sides(candidate, algorithm, states)
    with np.errstate(all="ignore"):
        far = np.abs(mine - theirs) / np.abs(theirs - point["x"])
    return float(np.median(far)) if np.all(np.isfinite(far)) else math.inf
