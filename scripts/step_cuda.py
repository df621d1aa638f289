"""Handwritten digits on a CUDA card: a network with one hidden layer, gradients by hand, steps by `optnumba.Optimizer`.

The four arrays of the network lie on the card, of CuPy, torch or Numba, and so do images and gradients: nothing is
copied in a step. CuPy and torch take the products; with Numba's arrays the kernels below do, one thread a number, which
is simple and not fast. The same loop with NumPy on the CPU is the second row of the table. Without a card the steps run
in Numba's simulator, at a small size, with gradients that NumPy takes on the host: it shows that the loop works, and
its times say nothing of a card.
"""

import argparse
import os
import sys
from importlib.util import find_spec
from math import exp, inf
from time import perf_counter
from typing import NamedTuple

import cuda_card

if MISSING := cuda_card.missing():
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"  # before Numba is imported

import benchmarking as bench
import extras
import numpy as np
import train_digits as train
from numba import cuda

import optnumba

RATE, METHOD = 0.01, "adam"
STEPS, SIMULATED_STEPS = 1000, 2  # alone, for their time
APART = 0.05  # relative difference of J that roundings may make by the end
SIDE = 8  # of a block of threads


class Size(NamedTuple):
    """How much is trained."""

    hidden: int
    batch: int
    epochs: int


CARD, SIMULATED, QUICK = Size(128, 128, 30), Size(8, 144, 10), Size(2, 720, 2)


class Library(NamedTuple):
    """Where arrays are, and how gradients of the loss, without its penalty, are taken there."""

    name: str
    there: object  # an array of NumPy as one of the library
    here: object  # and back
    gradients: object  # of parameters, images and classes
    wait: object  # until all is done


def by_products(xp):
    """Return a function for the gradients of the mean cross-entropy, by an array module: NumPy, CuPy or torch."""

    def gradients(parameters, images, classes):
        W, b, V, c = parameters
        h = xp.clip(images @ W.T + b, 0, None)
        scores = h @ V.T + c
        p = xp.exp(scores - xp.amax(scores, axis=1, keepdims=True))
        slope = (p / p.sum(axis=1, keepdims=True) - classes) / len(images)
        back = (slope @ V) * (h > 0)
        return [back.T @ images, back.sum(axis=0), slope.T @ h, slope.sum(axis=0)]

    return gradients


# -- Numba's arrays on a card ------------------------------------------------------------------------------------------


@cuda.jit
def hidden_units(images, W, b, h):
    """Write h = max(0, W a + b) for each image a, a row; one thread a number."""
    i, j = cuda.grid(2)
    if i < h.shape[0] and j < h.shape[1]:
        z = b[j]
        for k in range(W.shape[1]):
            z += W[j, k] * images[i, k]
        h[i, j] = z if z > 0 else 0


@cuda.jit
def slopes(h, V, c, classes, slope):
    """Write how the mean loss changes with the scores V h + c; one thread an image."""
    i, only = cuda.grid(2)
    if i < h.shape[0] and only == 0:
        top, total = -inf, 0.0
        for d in range(c.size):
            slope[i, d] = c[d]
            for j in range(h.shape[1]):
                slope[i, d] += V[d, j] * h[i, j]
            top = max(top, slope[i, d])
        for d in range(c.size):
            slope[i, d] = exp(slope[i, d] - top)
            total += slope[i, d]
        for d in range(c.size):
            slope[i, d] = (slope[i, d] / total - classes[i, d]) / h.shape[0]


@cuda.jit
def backwards(slope, V, h, back):
    """Write how it changes with W a + b; one thread a number."""
    i, j = cuda.grid(2)
    if i < h.shape[0] and j < h.shape[1]:
        back[i, j] = 0
        if h[i, j] > 0:
            for d in range(V.shape[0]):
                back[i, j] += slope[i, d] * V[d, j]


@cuda.jit
def sums(back, a, weights, biases):
    """Write the gradients of a layer: the sums over the images of back aᵀ, and of back; one thread a weight."""
    j, k = cuda.grid(2)
    if j < weights.shape[0] and k < weights.shape[1]:
        weight, bias = 0.0, 0.0
        for i in range(back.shape[0]):
            weight += back[i, j] * a[i, k]
            bias += back[i, j]
        weights[j, k] = weight
        if k == 0:
            biases[j] = bias


def by_kernels(parameters, images, classes):
    """Return the gradients that `by_products` returns, by the kernels above."""
    W, b, V, c = parameters
    count = images.shape[0]
    h, back = (cuda.device_array((count, b.size), W.dtype) for _ in range(2))
    slope = cuda.device_array((count, c.size), W.dtype)
    gradients = [cuda.device_array(p.shape, p.dtype) for p in parameters]

    def launch(kernel, shape, *arrays):
        kernel[tuple(-(-n // SIDE) for n in shape), (SIDE, SIDE)](*arrays)

    launch(hidden_units, h.shape, images, W, b, h)
    launch(slopes, (count, 1), h, V, c, classes, slope)
    launch(backwards, h.shape, slope, V, h, back)
    launch(sums, W.shape, back, images, *gradients[:2])
    launch(sums, V.shape, slope, h, *gradients[2:])
    return gradients


def by_numpy(parameters, images, classes):
    """Return the same, taken by NumPy on the host from copies: for the simulator, which is slow."""
    arrays = ([p.copy_to_host() for p in parameters], images.copy_to_host(), classes.copy_to_host())
    return [cuda.to_device(g) for g in by_products(np)(*arrays)]


# -- Libraries ---------------------------------------------------------------------------------------------------------

NUMPY = Library("NumPy", np.array, np.asarray, by_products(np), lambda: None)


def numba_library():
    gradients = by_numpy if MISSING else by_kernels
    return Library("Numba", cuda.to_device, lambda array: array.copy_to_host(), gradients, cuda.synchronize)


def cupy_library():
    import cupy

    return Library("CuPy", cupy.asarray, cupy.asnumpy, by_products(cupy), cuda.synchronize)


def torch_library():
    import torch

    def there(array):
        return torch.tensor(array, device="cuda")

    return Library("torch", there, lambda array: array.cpu().numpy(), by_products(torch), cuda.synchronize)


LIBRARIES = {"cupy": cupy_library, "torch": torch_library, "numba": numba_library}


def usable():
    """Return the names of the libraries whose arrays can be on the card, the fastest first (list)."""
    if MISSING:
        return ["numba"]
    torch = bench.optional("torch")
    return [*["cupy"] * bool(find_spec("cupy")), *["torch"] * bool(torch and torch.cuda.is_available()), "numba"]


# -- Training ----------------------------------------------------------------------------------------------------------


def batches_of(data, size):
    """Return images and classes, 1 at the digit and else 0, in batches of one random order (list of pairs)."""
    order = np.random.default_rng(train.SEED).permutation(len(data.digits))
    images, classes = data.images[order], np.eye(train.CLASSES)[data.digits[order]]
    lows = range(0, len(order), size.batch)
    return [tuple(a[low : low + size.batch].astype(np.float32) for a in (images, classes)) for low in lows]


def fit(library, data, size):
    """Train; return x as `train_digits.split` takes it, and the seconds of an iteration and of a step alone."""
    start = train.network_start(data.images.shape[1], size.hidden).astype(np.float32)
    parameters = [library.there(part) for part in train.split(start, data.images.shape[1])]
    batches = [tuple(map(library.there, pair)) for pair in batches_of(data, size)]
    optimizer = optnumba.Optimizer(parameters, METHOD, learning_rate=RATE, l2=train.PENALTY)

    def epochs(count):
        library.wait()
        begin = perf_counter()
        for _ in range(count):
            for images, classes in batches:
                optimizer.step(library.gradients(parameters, images, classes))
        library.wait()
        return perf_counter() - begin

    epochs(1)  # which compiles
    iteration = epochs(size.epochs - 1) / ((size.epochs - 1) * len(batches))
    x = np.concatenate([library.here(p).ravel() for p in parameters])
    simulated = MISSING and library is not NUMPY
    gradients, steps = library.gradients(parameters, *batches[0]), SIMULATED_STEPS if simulated else STEPS
    library.wait()
    begin = perf_counter()
    for _ in range(steps):
        optimizer.step(gradients)
    library.wait()
    return x, iteration, (perf_counter() - begin) / steps


def row(where, library, data, size):
    """Train, and return the cells of a line of the table, and J at the end."""
    x, iteration, step = fit(library, data, size)
    model = train.Model("network", None, x, train.network_scores, 0, {})
    J, fitted = train.value(model, x, data.images, data.digits), train.accuracy(model, x, data.images, data.digits)
    tested = train.accuracy(model, x, data.test_images, data.test_digits)
    times = [bench.number(1e6 * seconds, 0) for seconds in (iteration, step)]
    return [where, library.name, f"{J:.4f}", f"{fitted:.1%}", f"{tested:.1%}", *times], J


HEAD = ["where", "arrays", "J", "read,\nto fit", "read,\nto test", "µs an\niteration", "µs a\nstep"]


def main(arguments=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--library", choices=LIBRARIES, help="whose arrays; the first that can be had")
    options.add_argument("--quick", action="store_true", help="two epochs of a very small network")
    chosen = options.parse_args(arguments)
    extras.require("sklearn")
    names = usable()
    if chosen.library not in (None, *names):
        options.error(f"{chosen.library} has no arrays on a card here{f' ({MISSING})' if MISSING else ''}")
    library, data = LIBRARIES[chosen.library or names[0]](), train.load()
    size = QUICK if chosen.quick else SIMULATED if MISSING else CARD
    where = "simulator" if MISSING else "card"
    print(f"Numba's simulator, no card: {MISSING}" if MISSING else f"On the card: {cuda_card.described()}")
    about = f"{size.hidden} hidden units, batches of {size.batch}, {size.epochs} epochs"
    print(f"{len(data.digits):,} images, {about}; {METHOD}, rate {RATE}, penalty {train.PENALTY}, float32\n")
    lines, ends = zip(*(row(*pair, data, size) for pair in ((where, library), ("CPU", NUMPY))), strict=True)
    print(bench.table(HEAD, list(lines)))
    if MISSING:
        print("\nThe simulator runs kernels as Python: its times say nothing of a card.")
    if abs(ends[0] - ends[1]) > APART * ends[1]:
        print(f"\nNO: J differs from that on the CPU by more than {APART:.0%}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
