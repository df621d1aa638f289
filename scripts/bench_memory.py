"""Memory that minimize_finite_sum takes besides the data: bench_finite_sum.py runs this in a process for each case.

Prints JSON: what the process grew by at its peak, what NumPy allocated of that (tracemalloc), and what was predicted.
"""

import argparse
import ctypes
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

# An allocation of 64 KiB or more is mapped by itself and given back when it is freed, in pages of 4 KiB: otherwise
# what an earlier call has freed would hide what the next one takes.
PLAIN_ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": "65536", "NUMPY_MADVISE_HUGEPAGE": "0"}

# data, method, batch_size, threads
CASES = [
    ("dense", "sgd", 1, 1),
    ("dense", "adam", 32, 1),
    ("dense", "adam", None, 1),
    ("dense", "adam", None, 2),
    ("CSR", "sgd", 1, 1),
    ("CSR", "adagrad", 1, 1),
    ("CSR", "adam lazy", 1, 1),
]


def in_a_process(case, quick):
    """Return what a fresh process prints about `case` (dict), or None where the system does not tell its memory."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    command = [sys.executable, __file__, json.dumps(case), *(["--quick"] if quick else [])]
    environment = {**os.environ, **PLAIN_ALLOCATION}
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output)


def resident(field):
    """Return a field of /proc/self/status in bytes: "VmRSS" now, "VmHWM" at the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise LookupError(f"/proc/self/status has no {field}")


def growth(run):
    """Return the bytes by which the process grew at most while it ran `run()`."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def traced(run):
    """Return the bytes that Python and NumPy had allocated at most while `run()` ran."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure(data, method, batch_size, threads, quick):
    """Return the figures of one case, as a dict for JSON."""
    # Here, and not above: the process that only starts others needs none of it.
    import bench_finite_sum
    import bench_logistic as logistic

    rows = 20_000 if quick else 100_000
    A, y = logistic.dense(rows, 100) if data == "dense" else logistic.sparse(rows, 50_000, 30)
    run = bench_finite_sum.optnumba_loop(A, y, method, 0.01, batch_size, threads=threads)
    run(1)  # compiled, and all threads started
    held = A.nbytes if data == "dense" else A.data.nbytes + A.indices.nbytes + A.indptr.nbytes
    figures = {"data": data, "method": method, "batch_size": batch_size, "threads": threads}
    figures |= {"data_bytes": held + y.nbytes, "predicted": predicted(A, method, batch_size, threads)}
    return figures | {"growth": growth(lambda: run(3)), "traced": traced(lambda: run(3))}


def predicted(A, method, batch_size, threads):
    """Return the bytes of what a call has to hold besides the data.

    x0 as checked, x, the best x, and the two points that are returned; the state; a gradient a thread; and the
    permutation of the rows.
    """
    from optnumba.rules import ALGORITHMS

    rows, columns = A.shape
    vectors = 5 + len(ALGORITHMS[method.split()[0]].slots) + threads
    return 8 * (vectors * (columns + 1) + (0 if batch_size is None else rows))


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("case", type=json.loads)
    options.add_argument("--quick", action="store_true")
    chosen = options.parse_args()
    print(json.dumps(measure(*chosen.case, chosen.quick)))
