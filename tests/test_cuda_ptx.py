"""CUDA without a card: every kernel compiles to PTX and is assembled, and what is in it is what its rule needs."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import cuda_ptx
import pytest

from optnumba import RULES
from optnumba.rules import ALGORITHMS

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not there; pip install -e '.[ptx]'"
)
CAPABILITIES = [(7, 5), (8, 0), (9, 0), (10, 0)]
DTYPES = ["float32", "float64", "float16", "bfloat16"]
STEPS = ["one", "many", "strided"]
# With blocks of 256 threads: three on each multiprocessor (two in float64), with four loads of each array under way.
REGISTERS = {"float64": 96}
OTHERS = 80


MODIFIED = [
    {"clip_norm": 1.0, "average": 0.9, "schedule": "cosine"},
    {"weight_decay": 0.1, "average": "polyak", "schedule": "mine"},
    {"clip_value": 1.0, "l2": 0.1, "schedule": "one cycle"},
    {"average": 0.9, "schedule": "joined"},
]


def kernels():
    """Yield (rule, loop, dtype, capability, resident, options): rules on each card, the algorithms in all loops."""
    for k, options in enumerate(MODIFIED):
        card = CAPABILITIES[k]
        yield from (("adam", loop, DTYPES[k], card, True, options) for loop in ("one", "count"))
        yield from (("nag", "device_step", dtype, card, False, options) for dtype in DTYPES[:2])
    yield from ((*kernel, {}) for kernel in plain_kernels())


def plain_kernels():
    """Yield the same without options."""
    for k, name in enumerate(RULES):
        for dtype in DTYPES:
            cards = CAPABILITIES if dtype == "float32" else [CAPABILITIES[k % 4]]
            if dtype == "float32" or name in ALGORITHMS:
                yield from ((name, "one", dtype, card, False) for card in cards)
        yield name, "count", "float32", CAPABILITIES[(k + 1) % 4], True
    for k, name in enumerate(ALGORITHMS):
        for loop in STEPS[1:]:
            cards = CAPABILITIES if name == "adam" else [CAPABILITIES[k % 4]]
            for dtype in ("float32", DTYPES[1 + k % 3]):
                yield from ((name, loop, dtype, card, k % 2 == 0) for card in cards)
        yield name, "device_step", DTYPES[k % 2], CAPABILITIES[k % 4], False
    for loop in ("squares_of_blocks", "clip", "write_addresses"):
        yield from (("sgd", loop, dtype, card, False) for dtype, card in zip(DTYPES, CAPABILITIES, strict=True))


def compiled(wanted):
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "0"}
    script = Path(cuda_ptx.__file__)
    done = subprocess.run(
        [sys.executable, script], input=json.dumps(wanted), capture_output=True, text=True, env=environment, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def faults(facts):
    """Yield what is wrong with a kernel."""
    _, loop, dtype, capability, resident, _ = facts["kernel"]
    half, step, slots = dtype in ("float16", "bfloat16"), loop in STEPS, facts["slots"]
    if facts["entry"] != 1:
        yield "is no kernel"
    # In what one thread does once, a cosine may use some.
    if (facts["local"] or facts.get("spilt")) and loop not in ("device_step", "count"):
        yield "uses local memory"
    if facts["generic"] and loop != "device_step":
        yield "does not know that its memory is global"
    if "error" in facts:
        yield facts["error"]
    if not step:
        return
    if facts["inexact"]:  # elsewhere a power may begin with it
        yield f"has {facts['inexact']}"
    if facts["calls"]:
        yield "calls functions"
    if facts["float64"] and dtype != "float64":
        yield "works in float64"
    if facts.get("registers", 0) > REGISTERS.get(dtype, OTHERS):
        yield f"takes {facts['registers']} registers"
    if dtype == "float64" and loop != "one" and tuple(capability) == (10, 0):
        return  # there a number is loaded as an address of a table is: by ld.global.b64
    # How often the loop is unrolled is the compiler's affair, what an element costs is ours.
    stored, read, written = facts["stores"], 2 + slots - half, 1 + slots
    times = stored // written
    coefficients = facts["coefficients"] if resident else 0
    if times == 0 or stored != times * written:
        yield f"stores {stored} numbers, and an element is {written}"
    if facts["loads"] - coefficients != times * read:
        yield f"loads {facts['loads']} numbers for {times} elements of {read}"
    if half and (facts["half loads"], facts["half stores"]) != (times, times):
        yield f"loads {facts['half loads']} halves and stores {facts['half stores']} for {times} elements"


@needs_package
def test_every_kernel_compiles_to_what_its_rule_needs():
    wanted = list(kernels())
    found = compiled(wanted)
    assert len(found) == len(wanted)
    assert {str(facts["kernel"]): wrong for facts in found if (wrong := list(faults(facts)))} == {}


@needs_package
def test_division_and_roots_are_rounded_correctly():
    (adam,) = compiled([("adam", "one", "float32", (9, 0), False, {})])
    assert adam["exact"] == ["div.rn.f32", "sqrt.rn.f32"]


@needs_package
def test_kernels_are_assembled():
    if cuda_ptx.ptxas() is None:
        pytest.skip("there is no ptxas; pip install -e '.[ptx]'")
    (adam,) = compiled([("adam", "one", "float32", (9, 0), False, {})])
    assert 20 < adam["registers"] <= OTHERS
    assert adam["spilt"] == 0


GOOD = ["ld.global.f32 %f1, [%rd1];", "ld.global.f32 %f2, [%rd2];", "st.global.f32 [%rd1], %f3;"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("add.s64 %rd1, %rd2, %rd3;", None),
        ("// mul.f64 in a comment", None),
        ("mul.f64 %fd1, %fd2, %fd3;", "works in float64"),
        (".local .align 8 .b8 __local_depot0[16];", "uses local memory"),
        ("call.uni (retval0), update, (param0);", "calls functions"),
        ("div.approx.f32 %f1, %f2, %f3;", "has ['div.approx.f32']"),
        ("sqrt.rn.ftz.f32 %f1, %f2;", "has ['sqrt.rn.ftz.f32']"),
        ("ld.f32 %f1, [%rd1];", "does not know that its memory is global"),
        ("ld.global.f32 %f1, [%rd1];", "loads 3 numbers for 1 elements of 2"),
        ("st.global.f32 [%rd1], %f1;", "loads 2 numbers for 2 elements of 2"),
    ],
)
def test_a_fault_in_a_kernel_is_seen(line, fault):
    facts = cuda_ptx.facts_of("\n".join([".visible .entry one(", *GOOD, line]), "float32")
    kernel = {"kernel": ["sgd", "one", "float32", (7, 5), False, {}], "slots": 0, "coefficients": 1}
    found = list(faults(facts | kernel))
    assert found == ([] if fault is None else [fault])
