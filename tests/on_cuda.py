"""What the tests of CUDA share: arrays on the device, in the simulator's memory or a card's, and how to compare them.

`optnumba.gpu` runs the same functions in Numba's simulator, as Python, and on a card, compiled. The CPU's kernels make
the expected numbers from contiguous copies, since test_optimizer.py holds every layout on the host against these.
"""

import numpy as np
from numba import cuda

from optnumba import Optimizer
from optnumba.gpu import driver

CARD = not driver.simulated()
T = driver.threads()
STEPS = 3


class Foreign:
    """A part of an array on the device, which offers ``__cuda_array_interface__`` as other libraries do.

    Parameters
    ----------
    base : numpy.ndarray
        Copied to the device.
    index : index
        What of it: views of every kind.
    memory : array, optional
        On the device, where it is there already.
    read_only : bool
    **changes
        Of entries of the interface.
    """

    def __init__(self, base, index=..., memory=None, read_only=False, **changes):
        self.index, self.memory = index, cuda.to_device(base) if memory is None else memory
        part = base[index]
        offset = part.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        interface = {
            "data": (driver.address_of(self.memory) + offset, read_only),
            "shape": part.shape,
            "strides": part.strides,
            "typestr": part.dtype.str,
            "version": 3,
        }
        self.__cuda_array_interface__ = interface | changes

    def copy_to_host(self):
        return self.memory.copy_to_host()[self.index]


class Brain(Foreign):
    """An array of bfloat16, which NumPy does not have: its bits are given as uint16."""

    dtype = "bfloat16"

    def __init__(self, bits, index=..., **changes):
        super().__init__(bits, index, **{"typestr": "<V2", **changes})


def numbers(shape, dtype=np.float64, seed=0):
    """Return numbers of very different sizes, and exact zeros."""
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.integers(-3, 3, size=shape)
    return np.asarray(rng.normal(size=shape) * sizes * (rng.random(shape) > 0.1)).astype(dtype)


def there(form):
    """Return arrays on the host, in any form, on the device."""
    if isinstance(form, dict):
        return {name: there(array) for name, array in form.items()}
    return [there(array) for array in form] if isinstance(form, (list, tuple)) else cuda.to_device(form)


def here(form):
    """Return arrays on the device, in any form, on the host."""
    if isinstance(form, dict):
        return {name: here(array) for name, array in form.items()}
    return [here(array) for array in form] if isinstance(form, (list, tuple)) else form.copy_to_host()


def stepped(arrays, gradients, method, before=lambda opt: None, **hyper):
    """Step contiguous copies of some arrays on the host, and return what an `Optimizer` has made of them.

    Parameters
    ----------
    arrays : list of numpy.ndarray
    gradients : list of list of numpy.ndarray
        Of each step.
    """
    copies = [np.array(x, order="C") for x in arrays]
    opt = Optimizer(copies, method, **hyper)
    for g in gradients:
        opt.step([np.array(one, order="C") for one in g])
    return opt


def assert_same(found, expected, dtype=None, steps=STEPS, what=""):
    """Assert that arrays on the device are those expected: bit by bit in the simulator.

    A card contracts a * b + c to one rounding, and its powers are others than the host's: of these there are some ten
    in a step, each an eps of the largest number that goes into the sum.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, what
    assert found.dtype == expected.dtype, what
    if CARD:
        eps = np.finfo(dtype or expected.dtype).eps
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
        np.testing.assert_allclose(found, expected, rtol=10 * steps * eps, atol=steps * eps * scale, err_msg=what)
    else:
        differ = np.flatnonzero(bits(found) != bits(expected))
        assert not differ.size, f"{what} at {differ[:3]}: {found.flat[differ[0]]!r} is not {expected.flat[differ[0]]!r}"


def bits(array):
    """Return the numbers of an array as integers, NaN being one, in the order of the axes."""
    flat = np.array(array, order="C").ravel()
    return np.where(np.isnan(flat), flat.dtype.type(np.nan), flat).view(f"u{flat.itemsize}")


def assert_same_state(opt, expected, dtype=None, steps=STEPS):
    """Assert that parameters, slots, step count and carried scalars are those of an optimizer on the host."""
    arrays = list(opt.params.values()) if isinstance(opt.params, dict) else opt.params
    arrays = arrays if isinstance(arrays, (list, tuple)) else [arrays]
    for k, (x, y) in enumerate(zip(arrays, expected.params, strict=True)):
        assert_same(x.copy_to_host(), y, dtype, steps, f"{opt.rule.name}, params[{k}]")
    state, other = opt.state_dict(), expected.state_dict()
    for k, (mine, theirs) in enumerate(zip(state["slots"], other["slots"], strict=True)):
        for name in theirs:
            assert_same(mine[name], theirs[name], dtype, steps, f"{opt.rule.name}, {name} of params[{k}]")
    assert state["t"] == other["t"]
    carry = [np.array(list(one["carry"].values()), float) for one in (state, other)]
    assert_same(*carry, what=f"{opt.rule.name}, carry")
