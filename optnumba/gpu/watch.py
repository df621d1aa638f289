"""What was launched and may still fail: a kernel's error comes later, and says nothing of whose it is."""

import weakref

from . import driver

_stepped = weakref.WeakKeyDictionary()


def watch(arrays):
    """Remember that a step of `arrays` was launched."""
    _stepped[arrays] = arrays.device


def synchronize():
    """Wait until all steps that were launched are done.

    Raises
    ------
    RuntimeError
        When a kernel failed, with the rules and arrays that were stepped since the last call: after such an error the
        process cannot use the device again. Called after each step, it names the one.
    ValueError
        When a step that counts on the device (``capturable=True``) found a learning rate outside [0, inf).
    CudaUnavailable
        Without a card, its driver or numba-cuda.

    Examples
    --------
    ::

        opt.step(grads)
        optnumba.cuda.synchronize()
    """
    driver.need()
    stepped = list(_stepped.items())
    try:
        for device in {device for _, device in stepped} or {0}:
            with driver.on_device(device):
                driver.toolkit().synchronize()
    except driver.kernel_errors() as error:
        _stepped.clear()
        what = "; ".join(arrays.described() for arrays, _ in stepped) or "nothing by optnumba"
        raise RuntimeError(
            f"a kernel on the device failed ({error}); launched since the last synchronize: {what}"
        ) from error
    for arrays, _ in stepped:
        _stepped.pop(arrays, None)  # one by one: where two were refused a rate, the second is told by the next call
        arrays.check()
