"""What bench_cuda.py measures on a card: optnumba's steps, those of torch and optax, copies, and how each is timed.

A contestant is a function that takes some steps and returns the seconds of one. In the simulator the peers that are
installed run on the CPU, so that their code runs too; what a clock says then is of no use.
"""

import os
from contextlib import contextmanager
from functools import lru_cache, partial
from time import perf_counter

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # JAX would take three quarters of the card

import bench_loop
import bench_step
import benchmarking as bench
import numpy as np
from numba import cuda

import optnumba
from optnumba.gpu import driver
from optnumba.rules import ALGORITHMS


def find_torch():
    """Return torch and the device its arrays are on, or why there is none (module, str)."""
    torch = bench.optional("torch")
    if torch is None:
        return None, "torch is not installed"
    if driver.simulated():
        return torch, "cpu"
    return (torch, "cuda") if torch.cuda.is_available() else (None, f"torch {torch.__version__} finds no card")


def find_jax():
    """Return JAX, optax and the device its arrays are on, or why there is none (module, module, device or str)."""
    jax, optax = bench.optional("jax"), bench.optional("optax")
    if jax is None or optax is None:
        return None, None, "JAX or optax is not installed"
    try:
        return jax, optax, jax.devices("cpu" if driver.simulated() else "gpu")[0]
    except RuntimeError as error:
        return None, None, f"JAX {jax.__version__} finds no card ({str(error).splitlines()[0]})"


def watch(contestant):
    """Return what a contestant says of its time: what `benchmarking.alternate` asks for a clock."""
    return contestant()


# -- Clocks ------------------------------------------------------------------------------------------------------------


def by_wall(step, steps, wait=cuda.synchronize):
    """Return a contestant: `steps` steps by the clock on the wall, launches and waiting included."""

    def run():
        wait()
        begin = perf_counter()
        for _ in range(steps):
            step()
        wait()
        return (perf_counter() - begin) / steps

    return run


def on_host(step, steps):
    """Return a contestant: what a step takes until it returns, launched and not done."""

    def run():
        cuda.synchronize()
        begin = perf_counter()
        for _ in range(steps):
            step()
        seconds = (perf_counter() - begin) / steps
        cuda.synchronize()
        return seconds

    return run


def by_events(step, steps):
    """Return a contestant: `steps` steps on the default stream, as events on it are apart."""
    if driver.simulated():
        return by_wall(step, steps)
    events = cuda.event(), cuda.event()

    def run():
        events[0].record()
        for _ in range(steps):
            step()
        events[1].record()
        events[1].synchronize()
        return events[0].elapsed_time(events[1]) / 1e3 / steps

    return run


# -- Steps -------------------------------------------------------------------------------------------------------------


def optnumba_step(name, x, g, **options):
    """Return a step over arrays on the device, which are changed."""
    optimizer = optnumba.Optimizer(x, name, **options)
    return lambda: optimizer.step(g)


def copy(x):
    """Return a copy from the device to itself."""
    source, target = cuda.to_device(x), cuda.to_device(x)
    return lambda: target.copy_to_device(source)


def torch_step(torch, device, name, arrays, gradients, how):
    """Return a step of torch's rule, or None where there is no torch, or the rule has no such form.

    `how` is "fused", "foreach" or "unfused".
    """
    if torch is None or (how == "fused" and not has_fused(torch, device, name)):
        return None
    parameters = [torch.nn.Parameter(torch.tensor(x, device=device)) for x in arrays]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(g, device=device)
    return torch_optimizer(torch, name, parameters, how).step


def torch_optimizer(torch, name, parameters, how):
    kind, arguments, _ = bench_step.TORCH[name]
    form = {"fused": {"fused": True}, "foreach": {"foreach": True}, "unfused": {"foreach": False}}[how]
    return getattr(torch.optim, kind)(parameters, lr=1e-3, **arguments, **form)


def has_fused(torch, device, name):
    """Tell whether torch has a fused form of its rule on a device, by trying it (bool)."""
    parameter = torch.nn.Parameter(torch.zeros(1, device=device))
    parameter.grad = torch.zeros(1, device=device)
    try:
        torch_optimizer(torch, name, [parameter], "fused").step()
    except (TypeError, RuntimeError):  # no such argument; no such kernel
        return False
    return True


def optax_step(jax, optax, device, name, x, g):
    """Return a step of optax's rule under jit, which reuses the memory of parameters and state, and a wait for it."""
    rule = bench_loop.optax_rule(optax, name)
    x, g = jax.device_put(x, device), jax.device_put(g, device)
    held = [x, rule.init(x)]

    @partial(jax.jit, donate_argnums=(0, 1))
    def stepped(x, state, g):
        change, state = rule.update(g, state, x)
        return optax.apply_updates(x, change), state

    def step():
        held[:] = stepped(*held, g)

    return step, lambda: jax.block_until_ready(held)


# -- Parts -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)  # for all rules: it takes seconds
def numbers(*shape):
    """Return parameters and gradients on the host (numpy.ndarray, two in one)."""
    return np.random.default_rng(0).standard_normal((2, *shape), dtype=np.float32)


def large(name, size, steps, repeat, torch, jax):
    """Return what is known of a rule on one large array: seconds of a step, and the bytes that it has to move."""
    x, g = numbers(size)
    mine = optnumba_step(name, cuda.to_device(x), cuda.to_device(g))
    contestants = {"optnumba": by_events(mine, steps), "copy": by_events(copy(x), steps)}
    for how in ("fused", "unfused"):
        theirs = torch_step(*torch, name, [x], [g], how)
        contestants[f"torch {how}"] = by_events(theirs, steps) if theirs else None
    if jax[0] is not None:  # on streams of its own, where events do not see it
        contestants["optnumba on the wall"] = by_wall(mine, steps)
        step, wait = optax_step(*jax, name, x, g)
        contestants["optax"] = by_wall(step, steps, wait)
    touched = (3 + 2 * len(ALGORITHMS[name].slots)) * x.nbytes  # x and the slots are read and written, g is read
    seconds = bench.alternate(contestants, repeat, watch=watch)
    return {"rule": name, "bytes": touched, "copied": 2 * x.nbytes, "seconds": seconds}


def many(name, count, size, steps, repeat, torch):
    """Return what is known of a rule on many arrays: seconds of a step, waiting included."""
    arrays, gradients = numbers(count, size)
    mine = optnumba_step(name, *(there(torch, rows) for rows in (arrays, gradients)))
    contestants = {"optnumba": by_wall(mine, steps)}
    for how in ("foreach", "fused"):
        theirs = torch_step(*torch, name, arrays, gradients, how)
        contestants[f"torch {how}"] = by_wall(theirs, steps) if theirs else None
    return {"rule": name, "seconds": bench.alternate(contestants, repeat, watch=watch)}


def there(torch, rows):
    """Return arrays on the device: of torch where it has the card, else of Numba."""
    torch, device = torch
    if device == "cuda":
        return [torch.tensor(row, device=device) for row in rows]
    return [cuda.to_device(row) for row in rows]


def overhead(size, steps, repeat, torch):
    """Yield what a step of Adam on one small array takes of the host; and in a CUDA graph."""
    x, g = numbers(size)
    mine = optnumba_step("adam", cuda.to_device(x), cuda.to_device(g))
    counting = optnumba_step("adam", cuda.to_device(x), cuda.to_device(g), capturable=True)
    contestants = {"arrays of Numba": on_host(mine, steps), "of Numba, capturable": on_host(counting, steps)}
    if torch[1] == "cuda":
        [tensor], [gradient] = there(torch, [x]), there(torch, [g])
        contestants["tensors of torch"] = on_host(optnumba_step("adam", tensor, gradient), steps)
    for how in ("foreach", "fused"):
        theirs = torch_step(*torch, "adam", [x], [g], how)
        contestants[f"torch {how}"] = on_host(theirs, steps) if theirs else None
    seconds = bench.alternate(contestants, repeat, watch=watch)
    yield from ({"case": name, "where": "host", "seconds": {"": each}} for name, each in seconds.items())
    graphs = {"arrays of Numba": numba_graph, "tensors of torch": torch_graph if torch[1] == "cuda" else None}
    for name, graph in graphs.items():
        if graph is not None and not driver.simulated():
            yield in_a_graph(name, graph, x, g, steps, repeat, torch[0])


def in_a_graph(name, graph, x, g, steps, repeat, torch):
    """Return what a step in a graph takes, and how far its numbers are from those of steps outside."""
    outside = cuda.to_device(x)
    step = optnumba_step("adam", outside, cuda.to_device(g), capturable=True)
    replay, taken, read = graph(torch, x, g, steps)
    replay()
    for _ in range(taken + steps):
        step()
    different = float(np.abs(read() - outside.copy_to_host()).max())
    seconds = bench.alternate({"": by_wall(replay, 1)}, repeat, watch=watch)
    per_step = {"": [each / steps for each in seconds[""]]}
    return {"case": name, "where": f"graph of {steps}", "seconds": per_step, "different": different}


def numba_graph(torch, x, g, steps):
    """Return a replay of so many steps over arrays of Numba, the steps taken before, and what reads the parameters."""
    from cuda.bindings import driver as api

    stream, there, gradient = cuda.stream(), cuda.to_device(x), cuda.to_device(g)
    optimizer = optnumba.Optimizer(there, "adam", capturable=True)
    optimizer.step(gradient, stream)
    cuda.synchronize()
    handle = api.CUstream(driver.handle(stream))
    answer(api.cuStreamBeginCapture(handle, api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL))
    for _ in range(steps):
        optimizer.step(gradient, stream)
    executable = answer(api.cuGraphInstantiate(answer(api.cuStreamEndCapture(handle)), 0))
    # A graph holds addresses only: what lies there is kept as long as it is replayed.
    return (
        lambda kept=(optimizer, gradient, stream): answer(api.cuGraphLaunch(executable, handle)),
        1,
        there.copy_to_host,
    )


def answer(returned):
    """Return what a call to CUDA's driver gives, or raise where it failed."""
    status, *values = returned
    if int(status):
        raise RuntimeError(f"CUDA's driver: {status.name}")
    return values[0] if values else None


def torch_graph(torch, x, g, steps):
    """Return the same for tensors of torch, captured as its manual says."""
    parameter, gradient = torch.tensor(x, device="cuda"), torch.tensor(g, device="cuda")
    optimizer = optnumba.Optimizer(parameter, "adam", capturable=True)
    optimizer.step(gradient)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(steps):
            optimizer.step(gradient)
    return lambda kept=(optimizer, gradient): graph.replay(), 1, lambda: parameter.cpu().numpy()


@contextmanager
def tidied(torch):
    """Give the memory of what is measured back to the card afterwards: libraries keep it for themselves."""
    try:
        yield
    finally:
        if torch[1] == "cuda":
            torch[0].cuda.empty_cache()
        driver.free_memory()
