"""Time of one optimizer step over large arrays: optnumba against memory speed, torch and NumPy.

Every figure is a ratio within one run: all contestants alternate, and all use the same number of threads (NumPy has
one). The trivial loop reads and writes the same bytes as the rule and adds once per array: what the memory allows.
"""

import benchmarking as bench
import numba
import numpy as np

import optnumba
from optnumba.rules import ALGORITHMS

BLOCK = 16384  # elements that a thread visits at a time, as in optnumba's parallel loop
BETA1, BETA2, EPS, GAMMA = 0.9, 0.999, 1e-8, 0.9


@numba.njit(error_model="numpy")
def touch_block0(x, g):
    for i in range(x.size):
        x[i] += g[i]


@numba.njit(error_model="numpy")
def touch_block1(x, g, a):
    for i in range(x.size):
        x[i] += g[i]
        a[i] += g[i]


@numba.njit(error_model="numpy")
def touch_block2(x, g, a, b):
    for i in range(x.size):
        x[i] += g[i]
        a[i] += g[i]
        b[i] += g[i]


@numba.njit(parallel=True)
def touch0(x, g):
    for k in numba.prange((x.size + BLOCK - 1) // BLOCK):
        here = slice(k * BLOCK, (k + 1) * BLOCK)
        touch_block0(x[here], g[here])


@numba.njit(parallel=True)
def touch1(x, g, a):
    for k in numba.prange((x.size + BLOCK - 1) // BLOCK):
        here = slice(k * BLOCK, (k + 1) * BLOCK)
        touch_block1(x[here], g[here], a[here])


@numba.njit(parallel=True)
def touch2(x, g, a, b):
    for k in numba.prange((x.size + BLOCK - 1) // BLOCK):
        here = slice(k * BLOCK, (k + 1) * BLOCK)
        touch_block2(x[here], g[here], a[here], b[here])


def trivial_loop(x, g, slots):
    touch = (touch0, touch1, touch2)[slots]
    arrays = (x.copy(), g, *(np.zeros_like(x) for _ in range(slots)))
    return lambda: touch(*arrays)


# The rules as good NumPy code is written: state in place, the rest as expressions; Python's floats keep float32.


def numpy_sgd(x, g, t, lr):
    x -= lr * g


def numpy_momentum(x, g, t, lr, v):
    v *= GAMMA
    v += lr * g
    x -= v


def numpy_nag(x, g, t, lr, v):
    step = lr * g
    v *= GAMMA
    v += step
    step += GAMMA * v
    x -= step


def numpy_adagrad(x, g, t, lr, total):
    total += g * g
    x -= lr * g / np.sqrt(total + EPS)


def numpy_adadelta(x, g, t, lr, squares, steps):
    squares *= GAMMA
    squares += (1 - GAMMA) * (g * g)
    step = np.sqrt((steps + EPS) / (squares + EPS))
    step *= g
    x -= step
    step *= step
    steps *= GAMMA
    steps += (1 - GAMMA) * step


def numpy_rmsprop(x, g, t, lr, squares):
    squares *= GAMMA
    squares += (1 - GAMMA) * (g * g)
    x -= lr * g / np.sqrt(squares + EPS)


def numpy_adam(x, g, t, lr, m, v):
    m *= BETA1
    m += (1 - BETA1) * g
    v *= BETA2
    v += (1 - BETA2) * (g * g)
    root = (1 - BETA2**t) ** 0.5
    x -= (lr * root / (1 - BETA1**t)) * m / (np.sqrt(v) + EPS * root)


def numpy_adamax(x, g, t, lr, m, u):
    m *= BETA1
    m += (1 - BETA1) * g
    u *= BETA2
    np.maximum(u, np.abs(g), out=u)
    x -= (lr / (1 - BETA1**t)) * m / u


def numpy_nadam(x, g, t, lr, m, v):
    fresh = (1 - BETA1) * g
    m *= BETA1
    m += fresh
    v *= BETA2
    v += (1 - BETA2) * (g * g)
    root = (1 - BETA2**t) ** 0.5
    x -= (lr * root / (1 - BETA1**t)) * (BETA1 * m + fresh) / (np.sqrt(v) + EPS * root)


NUMPY = {name: globals()[f"numpy_{name}"] for name in ALGORITHMS}


def numpy_step(name, x, g):
    arrays = [np.zeros_like(x) for _ in ALGORITHMS[name].slots]
    x, steps, rate = x.copy(), iter(range(1, 1_000_000)), ALGORITHMS[name].defaults.get("learning_rate", 1.0)
    return lambda: NUMPY[name](x, g, next(steps), rate, *arrays)


# name: (class, arguments, has a fused form on CPU). `foreach` is not faster for one array, nor torch's default on CPU.
TORCH = {
    "sgd": ("SGD", {}, True),
    "momentum": ("SGD", {"momentum": GAMMA}, True),
    "nag": ("SGD", {"momentum": GAMMA, "nesterov": True}, True),
    "adagrad": ("Adagrad", {}, True),
    "adadelta": ("Adadelta", {}, False),
    "rmsprop": ("RMSprop", {"alpha": GAMMA}, False),
    "adam": ("Adam", {}, True),
    "adamax": ("Adamax", {}, False),
    "nadam": ("NAdam", {}, False),
}


def torch_step(torch, name, x, g, fused):
    kind, arguments, has_fused = TORCH[name]
    if torch is None or (fused and not has_fused):
        return None
    parameter = torch.nn.Parameter(torch.from_numpy(x.copy()))
    parameter.grad = torch.from_numpy(g)
    fused_or_not = {"fused": fused} if has_fused else {}
    return getattr(torch.optim, kind)([parameter], lr=1e-3, **arguments, **fused_or_not).step


def optnumba_step(name, x, g):
    optimizer = optnumba.Optimizer(x.copy(), method=name)
    return lambda: optimizer.step(g)


def measure(name, dtype, size, repeat, torch):
    """Return what is known of one rule and dtype, as a dict for JSON."""
    random = np.random.default_rng(0)
    x, g = (random.standard_normal(size, dtype=dtype) for _ in range(2))
    g[g == 0] = 1  # rare, but 0/0 in NumPy's Adamax
    slots = len(ALGORITHMS[name].slots)
    contestants = {
        "optnumba": optnumba_step(name, x, g),
        "trivial": trivial_loop(x, g, slots),
        "torch fused": torch_step(torch, name, x, g, fused=True),
        "torch unfused": torch_step(torch, name, x, g, fused=False),
        "NumPy": numpy_step(name, x, g),
    }
    seconds = bench.alternate(contestants, repeat)
    ratios = {peer: bench.ratio(seconds, peer, "optnumba") for peer in contestants if peer != "optnumba"}
    touched = (3 + 2 * slots) * x.nbytes  # x and the slots are read and written, g is read
    return {"rule": name, "dtype": x.dtype.name, "bytes": touched, "seconds": seconds, "ratios": ratios}


def row(figures, size, targets, torch):
    """Return the cells of one line of the table."""
    name, dtype, ratios = (figures[key] for key in ("rule", "dtype", "ratios"))
    ours = bench.median(figures["seconds"], "optnumba")
    absent = "-" if torch else bench.MISSING  # torch has a fused form of some rules only
    judged = [target.judge(ratios[peer], f"{name} {dtype}", absent) for peer, target in targets.items()]
    return [name, dtype, bench.number(1e9 * ours / size, 2), bench.number(1e-9 * figures["bytes"] / ours), *judged]


HEAD = ["rule", "dtype", "optnumba\nns/element", "optnumba\nGB/s", "speed over\ntrivial loop"]
HEAD += ["over torch\nfused", "over torch\nunfused", "over\nNumPy"]


def main():
    options = bench.parser(__doc__.splitlines()[0], repeat=7)
    options.add_argument("--size", type=int, default=20_000_000, help="elements of x")
    options.add_argument(
        "--rules", type=bench.subset(ALGORITHMS), default=",".join(ALGORITHMS), metavar="NAME,...", help="only these"
    )
    chosen = options.parse_args()
    size, repeat = (1_000_000, 3) if chosen.quick else (chosen.size, chosen.repeat)
    torch, threads = bench.optional("torch"), numba.get_num_threads()
    if torch:
        torch.set_num_threads(threads)
    targets = {
        "trivial": bench.Target("rate of the trivial loop", ">=", 0.95),
        "torch fused": bench.Target("torch fused", ">=", 1.0),
        "torch unfused": bench.Target("torch unfused", ">=", 4.0),
        "NumPy": bench.Target("NumPy", ">=", 5.0),
    }
    about, rows, results = bench.machine(), [], []
    print(f"{bench.describe(about)}\none step over {size:,} elements, {threads} threads, median of {repeat} rounds\n")
    for dtype in (np.float32, np.float64):
        for name in chosen.rules:
            bench.progress(f"{name} {dtype.__name__}")
            results.append(measure(name, dtype, size, repeat, torch))
            rows.append(row(results[-1], size, targets, torch))
        rows.append([])
    print(bench.table(HEAD, rows[:-1]))
    bench.conclude(targets.values())
    bench.save(chosen.json, about, {"size": size, "repeat": repeat, "threads": threads}, results)


if __name__ == "__main__":
    main()
