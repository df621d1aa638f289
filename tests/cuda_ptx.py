"""Compiles kernels to PTX on a machine without a card, and says what is in them: a program for test_cuda_ptx.py.

Reads a list of (rule, loop, dtype, compute capability, resident, options) as JSON, and writes a list of facts. Numba
asks the current device for its capability, though it is given one: there is none, and so a stand-in answers. With
``--report`` it prints what a step of each algorithm takes.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# From capability 10.0 on NVVM writes b32 for what it called f32.
NUMBERS = {"float32": "[fb]32", "float64": "[fb]64", "float16": "[fb]32", "bfloat16": "[fb]32"}


def facts_of(ptx, dtype):
    """Return what the tests ask of the text of a kernel (dict)."""
    code = "\n".join(line for line in ptx.splitlines() if not line.startswith("//") and "NumbaEnv" not in line)
    code = re.sub(r"//.*", "", code)
    kind = NUMBERS[dtype]
    return {
        "loads": len(re.findall(rf"\bld\.global\.{kind}\b", code)),
        "stores": len(re.findall(rf"\bst\.global\.{kind}\b", code)),
        "half loads": len(re.findall(r"\bld\.global\.[bu]16\b", code)),
        "half stores": len(re.findall(r"\bst\.global\.[bu]16\b", code)),
        "generic": len(re.findall(r"\b(?:ld|st)\.(?:[fbus]\d+|volatile)", code)),
        "float64": len(re.findall(r"\.f64\b", code)),
        "local": len(re.findall(r"\.local\b", code)),
        "calls": len(re.findall(r"\bcall\b", code)),
        "inexact": sorted(set(re.findall(r"\b(?:div|sqrt|rcp)\.(?:approx|full)\S*|\S+\.ftz\S*", code))),
        "exact": sorted(set(re.findall(r"\b(?:div|sqrt)\.rn\.f\d+", code))),
        "entry": len(re.findall(r"\.entry\b", code)),
    }


def ptxas():
    """Return the assembler of the package nvidia-cuda-nvcc, or None."""
    import importlib.util

    package = importlib.util.find_spec("nvidia")
    places = [Path(folder) for folder in (package.submodule_search_locations if package else ())]
    return next((str(found) for place in places for found in sorted(place.glob("**/bin/ptxas"))), None)


def assembled(assembler, ptx, capability):
    """Return the registers that a kernel takes, and the bytes that it spills or keeps on a stack (dict)."""
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(ptx)
        file.flush()
        arch = f"-arch=sm_{capability[0]}{capability[1]}"
        done = subprocess.run([assembler, arch, "-v", file.name, "-o", "/dev/null"], capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr}
    used = re.search(r"Used (\d+) registers", done.stderr)
    spilt = re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", done.stderr)
    return {"registers": int(used[1]), "spilt": sum(map(int, spilt))}


def schedule_of(name):
    """Return a learning rate that changes: one of optnumba's schedules, or a function as users write it."""
    from optnumba import schedules

    known = {
        "mine": lambda t: 0.1 / t,
        "cosine": schedules.cosine(0.1, steps=10),
        "one cycle": schedules.one_cycle(0.1, steps=100),
        "joined": schedules.join([schedules.linear_warmup(0.1, 5), schedules.piecewise_constant([9], [0.1, 0.2])], [5]),
    }
    return known[name]


def for_users(rule, dtype, options):
    """Return a kernel of a user that steps one problem in each thread, and the types of its arguments."""
    import numpy as np
    from numba import cuda
    from numba.cuda import types

    from optnumba.gpu import device_step

    number, kind = getattr(np, dtype), getattr(types, dtype)
    if "schedule" in options:
        options = {name: value for name, value in options.items() if name != "schedule"}
        options["learning_rate"] = schedule_of("cosine")
    step = device_step(rule, dtype, **options)
    slots, carry = max(1, len(step.slots)), max(1, len(step.carry))

    def fit(out, steps):
        x, g = cuda.local.array(2, number), cuda.local.array(2, number)
        state, carried = cuda.local.array((slots, 2), number), cuda.local.array(carry, np.float64)
        for t in range(1, steps + 1):
            g[0], g[1] = x[0] - 1, x[1] - 2
            step(x, g, state, carried, t)
        out[0], out[1] = x[0], x[1]

    return fit, types.void(kind[::1], types.int64)


def facts(wanted):
    """Return what is in each kernel that is wanted (list of dict)."""
    import numba.cuda.dispatcher
    from numba import cuda

    from optnumba import RULES
    from optnumba.gpu import kernels
    from optnumba.loops import cuda as loops
    from optnumba.loops import cuda_norms
    from optnumba.modifiers import modify

    class Card:
        compute_capability = (7, 5)

    numba.cuda.dispatcher.get_current_device = Card
    assembler, found = ptxas(), []
    for name, loop, dtype, capability, resident, options in wanted:
        rule, _ = modify(RULES[name], {key: value for key, value in options.items() if key != "schedule"})
        if loop == "device_step":
            bound, signature = for_users(name, dtype, options)
        else:
            function = getattr(loops, loop, None) or getattr(cuda_norms, loop)
            schedule = schedule_of(options["schedule"]) if "schedule" in options else None
            names = kernels.on_a_device(rule, dtype, schedule, resident)
            bound, signature = kernels.bound(function, names), kernels.signature_of(function, names)
        ptx, _ = cuda.compile(bound, signature, device=False, abi="numba", cc=tuple(capability), output="ptx")
        facts = facts_of(ptx, dtype) | {"kernel": [name, loop, dtype, capability, resident, options]}
        facts |= {"slots": len(rule.slots), "coefficients": len(rule.coefficient_names)}
        found.append(facts | (assembled(assembler, ptx, capability) if assembler else {}))
    return found


def report():
    """Print what a step of each algorithm takes on an H100."""
    from optnumba.rules import ALGORITHMS

    kernels = [(name, "one", dtype, (9, 0), False, {}) for name in ALGORITHMS for dtype in ("float32", "float64")]
    print("                                      of an element")
    print("rule      dtype    registers  spilt  loads   stores")
    for found in facts(kernels):
        name, _, dtype = found["kernel"][:3]
        times = found["stores"] // (1 + found["slots"])  # the compiler unrolls
        numbers = (found.get("registers", "-"), found.get("spilt", "-"), found["loads"] / times)
        stores = found["stores"] / times
        print(f"{name:9} {dtype:8} {numbers[0]:>9}  {numbers[1]:>5}  {numbers[2]:>5g}  {stores:>7g}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--report"]:
        report()
    else:
        json.dump(facts(json.load(sys.stdin)), sys.stdout)
