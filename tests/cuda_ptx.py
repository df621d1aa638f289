"""Compiles kernels to PTX on a machine without a card, and says what is in them: a program for test_cuda_ptx.py.

Reads a list of (rule, loop, dtype, compute capability, resident) as JSON, and writes a list of facts. Numba asks the
current device for its capability, though it is given one: there is none, and so a stand-in answers.
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


def main():
    """Compile what is asked for on standard input."""
    import numba.cuda.dispatcher
    from numba import cuda

    from optnumba import RULES
    from optnumba.gpu import kernels
    from optnumba.loops import cuda as loops
    from optnumba.loops import cuda_norms

    class Card:
        compute_capability = (7, 5)

    numba.cuda.dispatcher.get_current_device = Card
    assembler, found = ptxas(), []
    for rule, loop, dtype, capability, resident in json.load(sys.stdin):
        function = getattr(loops, loop, None) or getattr(cuda_norms, loop)
        names = kernels.on_a_device(RULES[rule], dtype, None, resident)
        signature = kernels.signature_of(function, names)
        bound = kernels.bound(function, names)
        ptx, _ = cuda.compile(bound, signature, device=False, abi="numba", cc=tuple(capability), output="ptx")
        facts = facts_of(ptx, dtype) | {"kernel": [rule, loop, dtype, capability, resident]}
        found.append(facts | (assembled(assembler, ptx, capability) if assembler else {}))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
