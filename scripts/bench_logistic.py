"""Logistic regression for bench_finite_sum.py: its data, and the training loops of scikit-learn, torch and ensmallen.

A loop is ``run(epochs) -> x``: it starts at zero, and x holds the intercept and then the weights, as optnumba's does.
"""

import math

import numba
import numpy as np
import scipy.sparse
import scipy.special

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def dense(rows, columns, dtype=np.float64):
    """Return A, row-major, and y of 0 and 1 that a logistic model with weights near 0.3 in size gave."""
    random = np.random.default_rng(0)
    A = np.empty((rows, columns), dtype)
    for part in np.array_split(A, max(1, A.size // 1_000_000)):  # no array of the whole size on the side
        part[...] = random.standard_normal(part.shape, dtype)
    return A, _labels(random, A @ (3 * random.standard_normal(columns) / math.sqrt(columns)).astype(dtype))


def sparse(rows, columns, nonzeros, dtype=np.float64):
    """Return A, CSR with that many non-zeros in each row, and y: column numbers spread evenly and sorted."""
    random = np.random.default_rng(0)
    # One column out of each of as many strata, between whole numbers: so they are sorted, and none is there twice.
    strata, width = np.arange(nonzeros) * columns // nonzeros, columns // nonzeros
    indices = np.empty((rows, nonzeros), np.int32)
    for part in np.array_split(indices, max(1, indices.size // 1_000_000)):
        part[...] = strata + random.integers(width, size=part.shape)
    values = random.standard_normal(rows * nonzeros, dtype)
    starts = np.arange(0, rows * nonzeros + 1, nonzeros, dtype=np.int32)
    A = scipy.sparse.csr_array((values, indices.ravel(), starts), shape=(rows, columns))
    return A, _labels(random, A @ (3 * random.standard_normal(columns) / math.sqrt(nonzeros)).astype(dtype))


def widened(A, columns):
    """Return the same rows in a matrix with more columns, which are empty; nothing is copied."""
    return scipy.sparse.csr_array((A.data, A.indices, A.indptr), shape=(A.shape[0], columns))


def _labels(random, z):
    return (random.random(z.size) < scipy.special.expit(z)).astype(z.dtype)


def mean_loss(x, A, y):
    """Return the mean of -log p(y) over the data in float64, by NumPy."""
    z = (A @ x[1:] + x[0]).astype(np.float64)
    return float(np.mean(np.logaddexp(0, z) - y * z))


@numba.njit(error_model="numpy")
def gather_scatter(x, order, starts, indices, values):
    """Visit rows as a step of SGD must: read the coordinates of a row, then change them. Arithmetic is no cheaper."""
    for i in order:
        row = range(starts[i], starts[i + 1])
        z = 0.0
        for k in row:
            z += x[indices[k]] * values[k]
        scale = 1e-3 / (1.0 + z * z)
        for k in row:
            x[indices[k]] -= scale * values[k]


def sklearn_loop(linear_model, A, y, rate, decay=None, l2=0.0, intercept=True, shuffle=True):
    """Return the loop of SGDClassifier: one sample a step, rate / t**decay, which adds up the loss as optnumba does."""
    if linear_model is None:
        return None
    schedule = {"learning_rate": "constant"} if decay is None else {"learning_rate": "invscaling", "power_t": decay}
    penalty = {"penalty": "l2", "alpha": l2} if l2 else {"penalty": None}

    def run(epochs):
        settings = {"max_iter": epochs, "tol": None, "average": False, "shuffle": shuffle, "random_state": 0}
        settings |= {"eta0": rate, "fit_intercept": intercept, **schedule, **penalty}
        model = linear_model.SGDClassifier(loss="log_loss", **settings).fit(A, y)
        return np.append(model.intercept_, model.coef_)

    return run


def torch_by_autograd(torch, A, y, method, rate, batch_size, shuffle=True, threads=1):
    """Return torch's loop as its users write it: the loss, backward(), and a fused optimizer."""
    if torch is None:
        return None
    A, y = torch.from_numpy(A), torch.from_numpy(y)
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[method]
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits

    def run(epochs):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        b, w = (torch.nn.Parameter(torch.zeros(size, dtype=A.dtype)) for size in (1, A.shape[1]))
        optimizer = kind([b, w], lr=rate, fused=True)
        for _ in range(epochs):
            total = torch.zeros((), dtype=A.dtype)
            for rows, labels in _torch_batches(torch, A, y, batch_size, shuffle):
                optimizer.zero_grad()
                loss = loss_of(torch.addmv(b, rows, w), labels)
                loss.backward()
                optimizer.step()
                total += loss.detach()
        return torch.cat([b, w]).detach().numpy()

    return run


def torch_by_hand(torch, A, y, method, rate, batch_size, shuffle=True, threads=1):
    """Return torch's loop with the gradient and the update written out, in place, without autograd."""
    if torch is None:
        return None
    A, y = torch.from_numpy(A), torch.from_numpy(y)
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits

    def run(epochs):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        with torch.inference_mode():
            x, g = (torch.zeros(A.shape[1] + 1, dtype=A.dtype) for _ in range(2))
            b, w, slope, slopes = x[:1], x[1:], g[:1], g[1:]
            step = _torch_step(torch, method, x, g, rate)
            for _ in range(epochs):
                total = torch.zeros((), dtype=A.dtype)
                for rows, labels in _torch_batches(torch, A, y, batch_size, shuffle):
                    z = torch.addmv(b, rows, w)
                    total += loss_of(z, labels)
                    error = z.sigmoid_().sub_(labels).mul_(1 / labels.shape[0])
                    torch.sum(error, 0, keepdim=True, out=slope)
                    torch.mv(rows.T, error, out=slopes)
                    step()
            return x.numpy()

    return run


def _torch_batches(torch, A, y, batch_size, shuffle):
    rows = A.shape[0]
    if batch_size is None:
        yield A, y
    elif shuffle:
        for chosen in torch.randperm(rows).split(batch_size):
            yield A.index_select(0, chosen), y.index_select(0, chosen)
    else:
        yield from zip(A.split(batch_size), y.split(batch_size), strict=True)


def _torch_step(torch, method, x, g, rate):
    if method == "sgd":
        return lambda: x.add_(g, alpha=-rate)
    m, v, t = torch.zeros_like(x), torch.zeros_like(x), 0

    def adam():
        nonlocal t
        t += 1
        root = math.sqrt(1 - BETA2**t)
        m.lerp_(g, 1 - BETA1)
        v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
        x.addcdiv_(m, v.sqrt().add_(EPS * root), value=-rate * root / (1 - BETA1**t))

    return adam


def ensmallen_loop(pyensmallen, A, y, method, rate, batch_size, objective):
    """Return the loop of pyensmallen's optimizer, with its own NumPy objective or one compiled by Numba.

    To ensmallen the callable is a sum of one term: it asks for no batch. Where `batch_size` is given the callable goes
    on to the next rows by itself, in the order of the data. The model has no intercept, and neither has pyensmallen's.
    """
    if pyensmallen is None:
        return None
    kind = {"adam": pyensmallen.Adam, "adamax": pyensmallen.AdaMax, "nadam": pyensmallen.Nadam}[method]
    evaluate = {"NumPy": pyensmallen.logistic_obj, "Numba": logistic_sum}[objective]
    size = batch_size or len(y)
    batches = [(A[k : k + size], y[k : k + size]) for k in range(0, len(y), size)]

    def run(epochs):
        step = 0

        def callback(x, grad):
            nonlocal step
            rows, labels = batches[step % len(batches)]
            step += 1
            return evaluate(x, grad, rows, labels)

        settings = {"stepSize": rate, "batchSize": 1, "maxIterations": epochs * len(batches)}
        optimizer = kind(**settings, tolerance=-1.0, shuffle=False)  # never near enough to stop
        x = optimizer.optimize(callback, np.zeros(A.shape[1]))
        return np.append(0.0, x)

    return run


# Reassociation lets LLVM add in vectors, as NumPy's BLAS does.
@numba.njit(error_model="numpy", fastmath={"contract", "reassoc"})
def logistic_sum(x, grad, A, y):
    """Write the gradient of the sum of losses into grad and return the sum, in one pass over the data."""
    grad[:] = 0.0
    total = 0.0
    for i in range(A.shape[0]):
        row = A[i]
        z = 0.0
        for j in range(x.size):
            z += row[j] * x[j]
        small = math.exp(-abs(z))
        total += max(z, 0.0) - y[i] * z + math.log1p(small)
        error = (1.0 if z >= 0.0 else small) / (1.0 + small) - y[i]
        for j in range(x.size):
            grad[j] += error * row[j]
    return total
