"""Time of one iteration of the whole loop on the Rosenbrock function: optnumba against C and JAX.

Every figure is a ratio within one run: all contestants alternate. "C" does the same job as optnumba in each
iteration (value, gradient, tests that both are in order, best point seen, update); "bare C" evaluates and updates,
nothing else. JAX runs the nearest rule of optax in `fori_loop`, compilation excluded.
"""

from functools import partial

import bench_c
import benchmarking as bench
import numba
import numpy as np

import optnumba
from optnumba.rules import ALGORITHMS

# Rates at which no rule comes near the minimum within a run: there a gradient of exactly 0 would end the loop.
HYPER = {
    "sgd": {"learning_rate": 1e-5},
    "momentum": {"learning_rate": 1e-6},
    "nag": {"learning_rate": 1e-6},
    "adagrad": {"learning_rate": 1e-2},
    "adadelta": {},
    "rmsprop": {"learning_rate": 1e-6},
    "adam": {"learning_rate": 1e-6},
    "adamax": {"learning_rate": 1e-6},
    "nadam": {"learning_rate": 1e-6},
}
CHECKED = 1000  # iterations after which optnumba's point and C's are compared; later, rounding errors have grown
TOLERANCE = 1e-9  # relative difference allowed there: C contracts a * b + c, and its powers are running products


# Contraction, a * b + c rounded once, is what gcc does with the same function unless told otherwise.
@numba.njit(error_model="numpy", fastmath={"contract"})
def rosenbrock(x, grad):
    n, f = x.size, 0.0
    for i in range(n - 1):
        u, w = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        f += 100.0 * (u * u) + w * w
    grad[0] = -400.0 * (x[0] * (x[1] - x[0] * x[0])) - 2.0 * (1.0 - x[0])
    for i in range(1, n - 1):
        before, u = x[i] - x[i - 1] * x[i - 1], x[i + 1] - x[i] * x[i]
        grad[i] = 200.0 * before - 400.0 * (x[i] * u) - 2.0 * (1.0 - x[i])
    grad[n - 1] = 200.0 * (x[n - 1] - x[n - 2] * x[n - 2])
    return f


def start(n):
    return np.tile([-1.2, 1.0], n // 2)


def optnumba_loop(name, n):
    """Return ``run(maxiter) -> x``."""

    def run(maxiter):
        options = {"maxiter": maxiter, "gtol": 0.0, **HYPER[name]}
        result = optnumba.minimize(rosenbrock, start(n), method=name, jac="inplace", options=options)
        if result.nit != maxiter:
            raise RuntimeError(f"{name}, n={n}: {result.nit} of {maxiter} iterations ({result.message})")
        return result.x

    return run


def c_loop(compiled, kind, name, n):
    """Return ``run(maxiter) -> x``, or None where there is no gcc."""
    if compiled is None:
        return None
    return lambda maxiter: compiled[kind, name](start(n), maxiter, **HYPER[name])[0]


def optax_rule(optax, name):
    """Return the rule of optax that is nearest to ours.

    They end at the same point (nag in the shifted variable, as ours) but for adamax, to which optax adds an eps, and
    nadam, which is Dozat's with a constant beta1 and not the document's.
    """
    rate = HYPER[name].get("learning_rate", 1.0)
    return {
        "sgd": lambda: optax.sgd(rate),
        "momentum": lambda: optax.sgd(rate, momentum=0.9),
        "nag": lambda: optax.sgd(rate, momentum=0.9, nesterov=True),
        "adagrad": lambda: optax.adagrad(rate, initial_accumulator_value=0.0, eps=1e-8),
        "adadelta": lambda: optax.adadelta(1.0, rho=0.9, eps=1e-8),
        "rmsprop": lambda: optax.rmsprop(rate, decay=0.9, eps=1e-8),
        "adam": lambda: optax.adam(rate),
        "adamax": lambda: optax.adamax(rate),
        "nadam": lambda: optax.nadam(rate),
    }[name]()


def jax_loop(jax, optax, name, n):
    """Return ``run(maxiter) -> x``, or None where JAX or optax is missing."""
    if jax is None or optax is None:
        return None
    jax.config.update("jax_enable_x64", True)
    rule = optax_rule(optax, name)

    def value(x):
        u, w = x[1:] - x[:-1] * x[:-1], 1.0 - x[:-1]
        return (100.0 * (u * u) + w * w).sum()

    def iteration(_, carried):
        x, state, _ = carried
        f, gradient = jax.value_and_grad(value)(x)
        step, state = rule.update(gradient, state, x)
        return optax.apply_updates(x, step), state, f

    @partial(jax.jit, static_argnums=1)  # a known number of iterations is a few per cent faster
    def loop(x, maxiter):
        return jax.lax.fori_loop(0, maxiter, iteration, (x, rule.init(x), 0.0))

    x0 = jax.numpy.asarray(start(n))
    return lambda maxiter: np.asarray(jax.block_until_ready(loop(x0, maxiter))[0])


def iterations_within(run, seconds):
    """Return how many iterations `run` does in about `seconds`, at least 100."""
    maxiter, took = 25, 0.0
    while took < seconds / 4:
        maxiter *= 4
        took = min(bench.stopwatch(partial(run, maxiter)) for _ in range(2))
    return max(100, int(maxiter * seconds / took))


def disagreement(ours, c):
    """Return the relative difference of the two points after some iterations; raise where it is not small."""
    if c is None:
        return None
    x, expected = ours(CHECKED), c(CHECKED)
    difference = float(np.max(np.abs(x - expected)) / np.max(np.abs(expected)))
    if not difference <= TOLERANCE:
        raise RuntimeError(f"optnumba and C differ by {difference:.1e} after {CHECKED} iterations: {x} and {expected}")
    return difference


def measure(name, n, seconds, repeat, watch, compiled, jax, optax):
    """Return what is known of one rule and size, as a dict for JSON."""
    loops = {
        "optnumba": optnumba_loop(name, n),
        "C": c_loop(compiled, "same", name, n),
        "bare C": c_loop(compiled, "bare", name, n),
        "JAX": jax_loop(jax, optax, name, n),
    }
    loops = {key: run for key, run in loops.items() if run is not None}
    difference = disagreement(loops["optnumba"], loops.get("C"))
    # All do the same number of iterations but JAX, which does a quarter: it may take many times as long.
    most = iterations_within(loops["optnumba"], seconds)
    iterations = {key: most // 4 if key == "JAX" else most for key in loops}
    took = bench.alternate({key: partial(loops[key], iterations[key]) for key in loops}, repeat, watch=watch)
    ns = {key: [1e9 * s / iterations[key] for s in took[key]] for key in loops}
    ratios = {
        "C": bench.ratio(ns, "optnumba", "C"),
        "bare C": bench.ratio(ns, "optnumba", "bare C"),
        "JAX": bench.ratio(ns, "JAX", "optnumba"),
    }
    return {"rule": name, "n": n, "iterations": iterations, "ns": ns, "ratios": ratios, "difference": difference}


HEAD = ["rule", "n", "optnumba\nns/iter", "C\nns/iter", "bare C\nns/iter", "JAX\nns/iter"]
HEAD += ["time\nover C", "over\nbare C", "JAX over\noptnumba", "|Δx|/|x|\nto C"]


def row(figures, targets):
    """Return the cells of one line of the table."""
    name, n, ratios, difference = (figures[key] for key in ("rule", "n", "ratios", "difference"))
    times = [bench.number(bench.median(figures["ns"], key)) for key in ("optnumba", "C", "bare C", "JAX")]
    judged = {key: target.judge(ratios[key], f"{name} n={n}", absent="-") for key, target in targets.items()}
    bare = bench.number(ratios["bare C"], 2, absent="-")
    return [name, str(n), *times, judged["C"], bare, judged["JAX"], "-" if difference is None else f"{difference:.0e}"]


def main():
    options = bench.parser(__doc__.splitlines()[0], repeat=9)
    sizes = bench.subset((2, 10, 100, 1000))
    options.add_argument("--sizes", type=sizes, default="2,10,100,1000", metavar="N,...", help="of x; only these")
    options.add_argument(
        "--rules", type=bench.subset(ALGORITHMS), default=",".join(ALGORITHMS), metavar="NAME,...", help="only these"
    )
    options.add_argument("--seconds", type=float, default=0.05, help="how long a run of a contestant should take")
    options.add_argument("--cpu-time", action="store_true", help="not wall time: for a machine that others use too")
    chosen = options.parse_args()
    seconds, repeat = (0.01, 3) if chosen.quick else (chosen.seconds, chosen.repeat)
    watch, clock = (bench.cpu_stopwatch, "CPU time") if chosen.cpu_time else (bench.stopwatch, "wall time")
    peers = bench_c.build(), bench.optional("jax"), bench.optional("optax")
    targets = {
        "C": bench.Target("time over C, the same job", "<=", 1.10),
        "JAX": bench.Target("JAX's time over optnumba's", ">=", 1.0),
    }
    about, rows, results = bench.machine(), [], []
    print(f"{bench.describe(about)}\nC: gcc {' '.join(bench_c.FLAGS)}; float64; {clock}, median of {repeat} rounds\n")
    for name in chosen.rules:
        for n in chosen.sizes:
            bench.progress(f"{name} n={n}")
            results.append(measure(name, n, seconds, repeat, watch, *peers))
            rows.append(row(results[-1], targets))
        rows.append([])
    print(bench.table(HEAD, rows[:-1]))
    bench.conclude(targets.values())
    bench.save(chosen.json, about, {"seconds": seconds, "repeat": repeat, "clock": clock}, results)


if __name__ == "__main__":
    main()
