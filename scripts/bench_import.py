"""Time of `import optnumba` over that of `import numba`, and of the first `minimize` of a process with a warm cache.

Each figure is the median of fresh processes, which alternate and take the time themselves, so that the start of
Python does not count. They share a cache of their own: the first process compiles, the others load.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import benchmarking as bench

IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

# What a user would write, with an objective of the user's own.
MINIMIZE = """
import time
import numba
import numpy as np
import optnumba

@numba.njit
def sphere(x, grad):
    f = 0.0
    for i in range(x.size):
        f += x[i] * x[i]
        grad[i] = 2.0 * x[i]
    return f

start = time.perf_counter()
optnumba.minimize(sphere, np.ones(3), method="adam", jac="inplace", options={"maxiter": 100})
print(time.perf_counter() - start)
"""

SCRIPTS = {
    "import numba": IMPORT.format(module="numba"),
    "import optnumba": IMPORT.format(module="optnumba"),
    "first minimize": MINIMIZE,
}


def process(folder, name):
    """Return a function that runs the script `name` in a fresh Python and returns the seconds it prints."""
    script = Path(folder, name.replace(" ", "_") + ".py")
    script.write_text(SCRIPTS[name], encoding="utf-8")
    command, environment = [sys.executable, str(script)], {**os.environ, "NUMBA_CACHE_DIR": str(folder)}

    def run():
        return float(subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout)

    return run


def main():
    chosen = bench.parser(__doc__.splitlines()[0], repeat=10).parse_args()
    repeat = 3 if chosen.quick else chosen.repeat
    about = bench.machine()
    print(f"{bench.describe(about)}\nfresh processes, median of {repeat}\n")
    with TemporaryDirectory() as folder:
        processes = {name: process(folder, name) for name in SCRIPTS}
        cold = processes["first minimize"]()
        took = bench.alternate(processes, repeat, watch=lambda run: run())
    times = {"first minimize, nothing cached": cold, **{name: bench.median(took, name) for name in took}}
    ratios = {"import": bench.ratio(took, "import optnumba", "import numba")}
    targets = [
        bench.Target("import optnumba over import numba", "<=", 1.15),
        bench.Target("seconds of the first minimize, cache warm", "<=", 0.5),
    ]
    judged = {
        "import optnumba": targets[0].judge(ratios["import"], "here"),
        "first minimize": targets[1].judge(times["first minimize"], "here"),
    }
    rows = [[name, bench.number(seconds, 3), judged.get(name, "")] for name, seconds in times.items()]
    print(bench.table(["", "seconds", "judged"], rows))
    bench.conclude(targets)
    bench.save(chosen.json, about, {"repeat": repeat}, {"seconds": took, "cold": cold, "ratios": ratios})


if __name__ == "__main__":
    main()
