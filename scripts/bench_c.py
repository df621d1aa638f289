"""The loop of bench_loop.py in C: nine update rules in one template, compiled with gcc and called through ctypes."""

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from string import Template

import numpy as np

from optnumba.rules import ALGORITHMS

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")

# What the update of each rule reads besides its hyperparameters, computed once per step from running products of the
# betas: (declared before the loop, computed each step, names handed to the update).
NO_COEFFICIENTS = ("", "", ())
ADAM_COEFFICIENTS = (
    "double p1 = 1.0, p2 = 1.0;",
    """p1 *= beta1;
        p2 *= beta2;
        const double root = sqrt(1.0 - p2), alpha = learning_rate * root / (1.0 - p1), eps_t = eps * root;""",
    ("alpha", "eps_t"),
)
ADAMAX_COEFFICIENTS = (
    "double p1 = 1.0;",
    """p1 *= beta1;
        const double alpha = learning_rate / (1.0 - p1);""",
    ("alpha",),
)

# One coordinate of each rule, as the textbooks write it; the slots have the names of the rule in optnumba.
BODIES = {
    "sgd": (NO_COEFFICIENTS, "x -= learning_rate * g;"),
    "momentum": (NO_COEFFICIENTS, "v = momentum * v + learning_rate * g; x -= v;"),
    "nag": (NO_COEFFICIENTS, "v = momentum * v + learning_rate * g; x -= momentum * v + learning_rate * g;"),
    "adagrad": (NO_COEFFICIENTS, "G += g * g; x -= learning_rate * g / sqrt(G + eps);"),
    "adadelta": (
        NO_COEFFICIENTS,
        """E = rho * E + (1.0 - rho) * (g * g);
        const double step = sqrt(D + eps) / sqrt(E + eps) * g;
        D = rho * D + (1.0 - rho) * (step * step);
        x -= step;""",
    ),
    "rmsprop": (NO_COEFFICIENTS, "E = rho * E + (1.0 - rho) * (g * g); x -= learning_rate * g / sqrt(E + eps);"),
    "adam": (
        ADAM_COEFFICIENTS,
        """m = beta1 * m + (1.0 - beta1) * g;
        v = beta2 * v + (1.0 - beta2) * (g * g);
        x -= alpha * m / (sqrt(v) + eps_t);""",
    ),
    "adamax": (
        ADAMAX_COEFFICIENTS,
        """m = beta1 * m + (1.0 - beta1) * g;
        u = beta2 * u > fabs(g) ? beta2 * u : fabs(g);
        x -= u > 0.0 ? alpha * m / u : 0.0;""",
    ),
    "nadam": (
        ADAM_COEFFICIENTS,
        """m = beta1 * m + (1.0 - beta1) * g;
        v = beta2 * v + (1.0 - beta2) * (g * g);
        x -= alpha * (beta1 * m + (1.0 - beta1) * g) / (sqrt(v) + eps_t);""",
    ),
}

HEADER = r"""
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of n numbers, each aligned to a cache line. */
static long padded(long n) { return (n + 7) / 8 * 8; }
static double *rows(long n, int count) {
    double *p = aligned_alloc(64, sizeof(double) * padded(n) * count);
    memset(p, 0, sizeof(double) * padded(n) * count);
    return p;
}

static inline double rosenbrock(long n, const double *restrict x, double *restrict grad) {
    double f = 0.0;
    for (long i = 0; i < n - 1; i++) {
        const double u = x[i + 1] - x[i] * x[i], w = 1.0 - x[i];
        f += 100.0 * (u * u) + w * w;
    }
    grad[0] = -400.0 * (x[0] * (x[1] - x[0] * x[0])) - 2.0 * (1.0 - x[0]);
    for (long i = 1; i < n - 1; i++) {
        const double before = x[i] - x[i - 1] * x[i - 1], u = x[i + 1] - x[i] * x[i];
        grad[i] = 200.0 * before - 400.0 * (x[i] * u) - 2.0 * (1.0 - x[i]);
    }
    grad[n - 1] = 200.0 * (x[n - 1] - x[n - 2] * x[n - 2]);
    return f;
}
"""

# `same_*` does per iteration what optnumba's loop does: is f finite, does a gradient component above gtol remain, is
# one not finite, is this the best point so far; x goes round three buffers, so that to keep the best point costs no
# copy. Each in the way that gcc makes fastest: gtol by a search that ends at once, finiteness by a count in the update.
# `bare_*` only evaluates and updates, in place.
RULE = Template(r"""
static inline long update_${name}(long n, const double *restrict xs, double *restrict out, const double *restrict gs
                                  ${slot_parameters}${hyper_parameters}${coefficient_parameters}) {
    long broken = 0;
    for (long i = 0; i < n; i++) { ${load} ${body} out[i] = x; ${store} broken += !(fabs(g) <= DBL_MAX); }
    return broken;
}
static inline void update_in_place_${name}(long n, double *restrict xs, const double *restrict gs
                                           ${slot_parameters}${hyper_parameters}${coefficient_parameters}) {
    for (long i = 0; i < n; i++) { ${load} ${body} xs[i] = x; ${store} }
}
double same_${name}(long n, long maxiter, double gtol, const double *h, double *x0) {
    const long row = padded(n);
    double *const work = rows(n, 6), *const g = work;
    double *const slot0 = work + row, *const slot1 = work + 2 * row;
    double *x = work + 3 * row, *spare = work + 4 * row, *best = work + 5 * row, f_best = INFINITY;
    ${hypers}
    ${declare}
    memcpy(x, x0, n * sizeof(double));
    for (long t = 0;; t++) {
        const double f = rosenbrock(n, x, g);
        if (!isfinite(f)) break;
        long i = 0;
        while (i < n && fabs(g[i]) <= gtol) i++;
        double *out = spare;
        if (f < f_best) { f_best = f; out = best; best = x; } else { spare = x; }
        if (i == n || t == maxiter) break;
        ${coefficients}
        if (update_${name}(n, x, out, g ${arguments})) break;
        x = out;
    }
    memcpy(x0, best, n * sizeof(double));
    free(work);
    return f_best;
}
double bare_${name}(long n, long maxiter, double gtol, const double *h, double *x) {
    const long row = padded(n);
    double *const work = rows(n, 3), *const g = work, total = 0.0;
    double *const slot0 = work + row, *const slot1 = work + 2 * row;
    ${hypers}
    ${declare}
    for (long t = 0; t < maxiter; t++) {
        total += rosenbrock(n, x, g); /* summed, so that the value is computed in every iteration */
        ${coefficients}
        update_in_place_${name}(n, x, g ${arguments});
    }
    free(work);
    return total;
}
""")


def source():
    """Return the C source of all rules (str)."""
    return HEADER + "".join(_rule_source(name) for name in BODIES)


def _rule_source(name):
    rule, ((declare, coefficients, coefficient_names), body) = ALGORITHMS[name], BODIES[name]
    hypers = tuple(rule.defaults)
    return RULE.substitute(
        name=name,
        body=body,
        declare=declare,
        coefficients=coefficients,
        hypers=" ".join(f"const double {h} = h[{i}];" for i, h in enumerate(hypers)),
        load="double x = xs[i]; const double g = gs[i]; " + " ".join(f"double {s} = {s}s[i];" for s in rule.slots),
        store=" ".join(f"{s}s[i] = {s};" for s in rule.slots),
        slot_parameters="".join(f", double *restrict {s}s" for s in rule.slots),
        hyper_parameters="".join(f", const double {h}" for h in hypers),
        coefficient_parameters="".join(f", const double {c}" for c in coefficient_names),
        arguments="".join(f", {a}" for a in ("slot0", "slot1")[: len(rule.slots)] + hypers + coefficient_names),
    )


def build(flags=FLAGS):
    """Return ``{(kind, rule): run}``, kind "same" or "bare"; None where there is no gcc.

    ``run(x0, maxiter, **hyper)`` does the whole loop in one call and returns ``(x, value)``.
    """
    gcc = shutil.which("gcc")
    if gcc is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file, library = Path(folder, "loops.c"), Path(folder, "loops.so")
        file.write_text(source())
        subprocess.run([gcc, *flags, "-shared", "-fPIC", "-o", library, file, "-lm"], check=True)
        loaded = ctypes.CDLL(str(library))
    return {(kind, name): _caller(loaded, kind, name) for kind in ("same", "bare") for name in BODIES}


def _caller(library, kind, name):
    function = library[f"{kind}_{name}"]
    pointer = ctypes.POINTER(ctypes.c_double)
    function.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_double, pointer, pointer)
    function.restype = ctypes.c_double

    def run(x0, maxiter, **hyper):
        values = np.array(list(ALGORITHMS[name].check(**hyper).values()))
        x = np.array(x0, dtype=np.float64)
        value = function(x.size, maxiter, 0.0, values.ctypes.data_as(pointer), x.ctypes.data_as(pointer))
        return x, value

    return run
