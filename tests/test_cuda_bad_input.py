"""Bad input on a CUDA device: an error that names the argument, its value and the remedy, and changes nothing."""

import os
import re
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda
from on_cuda import CARD, Brain, Foreign

import optnumba
from optnumba import Optimizer
from optnumba.gpu import driver


def ones(*shape, dtype=np.float64):
    return cuda.to_device(np.ones(shape, dtype))


def ones32(*shape):
    return ones(*shape, dtype=np.float32)


@contextmanager
def refused(exception, *words):
    """Assert that what is done within raises, and that the message says all `words`."""
    with pytest.raises(exception) as error:
        yield
    assert type(error.value) is exception
    for word in words:
        assert re.search(word, str(error.value)), f"{word!r} is not in {str(error.value)!r}"


@contextmanager
def unchanged(opt):
    """Assert that parameters, state and step count after what is done within are those before."""

    def bits():
        found = opt.params if isinstance(opt.params, list) else [opt.params]
        state = [slot.copy_to_host().tobytes() for slots in opt.slots for slot in slots.values()]
        return [x.copy_to_host().tobytes() for x in found], state, opt.t, opt.state_dict()["carry"]

    before = bits()
    yield
    assert bits() == before


# -- Parameters -------------------------------------------------------------------------------------------------------

# (parameters, exception, argument and value, remedy)
BAD_PARAMS = {
    "on the host too": (
        lambda: [ones(2), np.ones(2)],
        TypeError,
        r"\[0\] is on a CUDA device and .*\[1\] on the",
        "for each",
    ),
    "integers": (lambda: ones(2, dtype=np.int32), TypeError, r"params\[0\] has dtype int32, .* bfloat16", "convert"),
    "complex": (lambda: ones(2, dtype=np.complex64), TypeError, r"params\[0\] has dtype complex64", "convert"),
    "other bytes first": (lambda: Foreign(np.ones(2, ">f4")), TypeError, r"params\[0\] has dtype >f4", "convert"),
    "nameless": (lambda: Foreign(np.ones(2, "u2"), typestr="<V2"), TypeError, r"has dtype <V2, expected", "convert"),
    "two dtypes": (
        lambda: {"a": ones(2), "b": ones32(2)},
        TypeError,
        r"\['b'\] has .*32, .*\['a'\] has .*64",
        "for each",
    ),
    "of 16 bits": (
        lambda: [Brain(np.ones(2, "u2")), ones(2, dtype="f2")],
        TypeError,
        "float16, .* bfloat16",
        "for each",
    ),
    "read-only": (lambda: Foreign(np.ones(2), read_only=True), ValueError, r"params\[0\] is read-only", r"\.copy\(\)"),
    "misaligned": (lambda: misaligned(), ValueError, r"params\[0\] is not aligned to its 8-byte", "copy"),
    "onto itself": (lambda: folded((4, 4), (8, 8)), ValueError, r"of params\[0\] share .*\(strides \(8, 8\)\)", "copy"),
    "broadcast": (lambda: folded((4,), (0,)), ValueError, r"elements of params\[0\] share memory", "copy"),
    "twice": (lambda: [ones(3)] * 2, ValueError, r"params\[0\] and params\[1\] share memory", "pass a copy"),
    "overlapping": (
        lambda: parts(np.s_[:4], np.s_[3:]),
        ValueError,
        r"params\[0\] and params\[1\] share memory",
        "copy",
    ),
    "interwoven": (
        lambda: parts(np.s_[::2], np.s_[2:3]),
        ValueError,
        r"params\[0\] and params\[1\] share memory",
        "copy",
    ),
}


def misaligned():
    return Foreign(np.ones(17, np.uint8), np.s_[1:], typestr="<f8", shape=(2,), strides=(8,))


def folded(shape, strides):
    return Foreign(np.ones(9), shape=shape, strides=strides)


def parts(*indices):
    base = np.ones(6)
    memory = cuda.to_device(base)
    return [Foreign(base, part, memory) for part in indices]


@pytest.mark.parametrize("case", BAD_PARAMS)
def test_bad_parameters_are_named(case):
    params, exception, *words = BAD_PARAMS[case]
    given = params()
    arrays = list(given.values()) if isinstance(given, dict) else given if isinstance(given, list) else [given]
    before = [x.tobytes() if isinstance(x, np.ndarray) else x.copy_to_host().tobytes() for x in arrays]
    with refused(exception, *words):
        Optimizer(given)
    assert [x.tobytes() if isinstance(x, np.ndarray) else x.copy_to_host().tobytes() for x in arrays] == before


def test_views_that_do_not_overlap_are_taken():
    Optimizer(parts(np.s_[::2], np.s_[1::2]))
    Optimizer(parts(np.s_[:3], np.s_[3:]))
    Optimizer([Foreign(np.ones((2, 0)))] * 2)


@pytest.fixture
def two_devices(monkeypatch):
    """Let arrays lie on a second device whose bytes are listed in what this returns."""
    second = []
    monkeypatch.setattr(driver, "device_of", lambda address: int(any(low <= address < high for low, high in second)))
    return second


def on_the_second(array, second):
    low = driver.address_of(array)
    second.append((low, low + array.nbytes))
    return array


def test_parameters_on_two_devices_are_refused(two_devices):
    params = {"a": ones(2), "e": ones(0), "b": on_the_second(ones(2), two_devices)}
    with refused(ValueError, r"params\['b'\] is on CUDA device 1, params\['a'\] on device 0", "one Optimizer for each"):
        Optimizer(params)


def test_a_gradient_on_another_device_is_refused(two_devices):
    opt = Optimizer([ones(2), ones(3)])
    with unchanged(opt), refused(ValueError, r"grads\[1\] is on CUDA device 1, params on 0", "copy it there"):
        opt.step([ones(2), on_the_second(ones(3), two_devices)])


# -- Gradients --------------------------------------------------------------------------------------------------------

# (gradients for an optimizer of float32, exception, argument and value, remedy)
BAD_GRADS = {
    "on the host": (
        lambda opt: [np.ones(3), ones32(2, 2)],
        TypeError,
        r"grads\[0\] is a ndarray, .* CUDA",
        "copy it there",
    ),
    "a number": (lambda opt: [1.0, ones32(2, 2)], TypeError, r"grads\[0\] is a float, .* CUDA", "copy it there"),
    "None": (lambda opt: [ones32(3), None], TypeError, r"grads\[1\] is a NoneType, .* CUDA", "copy it there"),
    "float64": (lambda opt: [ones32(3), ones(2, 2)], TypeError, r"grads\[1\] has dtype float64, .* float32", "convert"),
    "float16": (lambda opt: [ones(3, dtype="f2"), ones32(2, 2)], TypeError, r"grads\[0\] has dtype float16", "convert"),
    "integers": (lambda opt: [ones(3, dtype="i4"), ones32(2, 2)], TypeError, r"grads\[0\] has dtype int32", "convert"),
    "longer": (lambda opt: [ones32(4), ones32(2, 2)], ValueError, r"grads\[0\] has shape \(4,\), .* \(3,\)", "reshape"),
    "flat": (lambda opt: [ones32(3), ones32(4)], ValueError, r"grads\[1\] has shape \(4,\), .* \(2, 2\)", "reshape"),
    "misaligned": (
        lambda opt: [Foreign(np.ones(13, np.uint8), np.s_[1:], typestr="<f4", shape=(3,), strides=(4,)), ones32(2, 2)],
        ValueError,
        r"grads\[0\] is not aligned to its 4-byte",
        "copy",
    ),
    "too few": (lambda opt: [ones32(3)], TypeError, "grads is a list of 1, expected a list of 2 as params"),
    "not a list": (lambda opt: ones32(3), TypeError, "grads is a .*, expected a list of 2 as params"),
    "itself": (lambda opt: [opt.params[0], ones32(2, 2)], ValueError, r"grads\[0\] shares .* params\[0\]", "a copy"),
    "another": (lambda opt: [part_of(opt, 1), ones32(2, 2)], ValueError, r"grads\[0\] shares .* params\[1\]", "a copy"),
    "backwards": (
        lambda opt: [part_of(opt, -1), ones32(2, 2)],
        ValueError,
        r"grads\[0\] shares .* params\[1\]",
        "a copy",
    ),
    "the state": (
        lambda opt: [opt.slots[0]["v"], ones32(2, 2)],
        ValueError,
        r"grads\[0\] shares .* the state",
        "a copy",
    ),
}


def part_of(opt, stride):
    """Return three numbers of the second parameter, forwards from its first, or backwards from its third."""
    begin = np.s_[0, :1] if stride > 0 else np.s_[1, :1]
    return Foreign(np.ones((2, 2), np.float32), begin, opt.params[1], shape=(3,), strides=(4 * stride,))


@pytest.mark.parametrize("capturable", [False, True])
@pytest.mark.parametrize("case", BAD_GRADS)
def test_a_bad_gradient_is_named_and_changes_nothing(case, capturable):
    opt = Optimizer([ones32(3), ones32(2, 2)], "adam", capturable=capturable)
    opt.step([ones32(3), ones32(2, 2)])
    given, exception, *words = BAD_GRADS[case]
    with unchanged(opt), refused(exception, *words):
        opt.step(given(opt))
    opt.step([ones32(3), ones32(2, 2)])  # and it is free
    assert opt.t == 2


def test_a_gradient_may_lie_between_the_elements_of_its_parameter():
    base = np.zeros(6)
    memory = cuda.to_device(base)
    x, g = Foreign(base, np.s_[::2], memory), Foreign(base, np.s_[1::2], memory)
    opt = Optimizer(x, "sgd", learning_rate=1.0)
    memory.copy_to_device(np.arange(6.0))
    opt.step(g)
    assert memory.copy_to_host().tolist() == [-1, 1, -1, 3, -1, 5]


# -- Options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "exception", "words"),
    [
        ({"learning_rate": -1}, ValueError, ["learning_rate=-1.0", r"\(0, inf\)", "'adam'"]),
        ({"learning_rate": "0.1"}, TypeError, ["learning_rate='0.1'", r"\(0, inf\)"]),
        ({"beta1": 1.0}, ValueError, ["beta1=1.0", r"\[0, 1\)"]),
        ({"beta_1": 0.9}, TypeError, ["beta_1=0.9", "did you mean 'beta1'"]),
        ({"clip_norm": 0}, ValueError, ["clip_norm=0.0", r"\(0, inf\)"]),
        ({"average": "mean"}, ValueError, ["average='mean'", "polyak"]),
        ({"eps": 1e-50}, ValueError, ["eps=1e-50", "float32"]),
        ({"method": "adm"}, ValueError, ["method='adm'", "did you mean 'adam'"]),
        ({"learning_rate": lambda t: -1.0}, ValueError, [r"learning_rate\(1\)=-1.0", "t=1"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_hyperparameters_are_checked_as_on_the_host(options, exception, words, dtype):
    with refused(exception, *words):
        Optimizer(ones(2, dtype=dtype), **options)
    if dtype is np.float32:
        with refused(exception, *words):
            optnumba.cuda.device_step(dtype="float32", **options)


def test_device_step_names_a_dtype_that_is_none():
    with refused(ValueError, "dtype='float16'", "'float64' or 'float32'"):
        optnumba.cuda.device_step(dtype="float16")


def test_what_is_for_the_host_and_what_for_the_device_is_said():
    with refused(ValueError, "capturable=True is for arrays on a CUDA device", "leave it out"):
        Optimizer(np.ones(2), capturable=True)
    with refused(TypeError, "stream=7 is for arrays on a CUDA device", "leave it out"):
        Optimizer(np.ones(2)).step(np.ones(2), stream=7)
    opt = Optimizer(ones(4, 2))
    with unchanged(opt), pytest.raises(TypeError):
        opt.step_rows([1], np.ones((1, 2)))
    with unchanged(opt), refused(ValueError, "t=-1 is not a number of steps"):
        opt.t = -1


def test_a_state_too_large_for_the_card_is_said_in_bytes(monkeypatch):
    x = ones(1000, dtype=np.float16)
    monkeypatch.setattr(driver, "free_memory", lambda: 11_999)
    words = [
        "'adam' \\(m, v, master\\) needs 12,000 bytes",
        "CUDA device 0 has 11,999 free",
        "fewer slots, or free memory",
    ]
    with refused(MemoryError, *words):
        Optimizer(x)
    monkeypatch.setattr(driver, "free_memory", lambda: 12_000)
    Optimizer(x)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("t"), ["state lacks 't'"]),
        (lambda s: s.update(method="sgd"), ["state has method='sgd', this Optimizer 'adam'"]),
        (lambda s: s["slots"][0].update(v=np.zeros(4)), [r"\['v'\] has shape \(4,\), expected \(3,\)"]),
        (lambda s: s["slots"][0].update(v=np.zeros(3, np.float32)), ["has dtype float32, expected float64"]),
        (lambda s: s["slots"][0].update(v=ones(3)), [r"\['v'\] is a .*, expected an array"]),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, words):
    opt = Optimizer(ones(3), "adam")
    opt.step(ones(3))
    state = opt.state_dict()
    change(state)
    opt.step(ones(3))
    with unchanged(opt), pytest.raises((TypeError, ValueError)) as error:
        opt.load_state_dict(state)
    assert all(re.search(word, str(error.value)) for word in words)


# -- Rates that are none -----------------------------------------------------------------------------------------------


def good_until_3(t):
    return 0.5 if t < 3 else -0.5


def test_a_bad_rate_is_named_and_changes_nothing():
    opt = Optimizer([ones(3)], "momentum", learning_rate=good_until_3)
    for _ in range(2):
        opt.step([ones(3)])
    with unchanged(opt), refused(ValueError, r"learning_rate\(3\)=-0.5", r"\[0, inf\)", "t=3"):
        opt.step([ones(3)])


def test_a_bad_rate_that_the_device_found_is_told_by_synchronize():
    opts = [Optimizer([ones(3)], "momentum", learning_rate=good_until_3, capturable=True) for _ in range(2)]
    for opt in opts:
        for _ in range(2):
            opt.step([ones(3)])
        with unchanged(opt):
            for _ in range(3):
                opt.step([ones(3)])
    for _ in opts:
        with refused(ValueError, r"learning_rate\(3\)=-0.5", r"\[0, inf\)", "t=3"):
            optnumba.cuda.synchronize()
    optnumba.cuda.synchronize()
    opts[0].t = 0  # a good rate follows, and it steps again
    opts[0].step([ones(3)])
    optnumba.cuda.synchronize()
    assert opts[0].t == 1


def test_a_schedule_that_does_not_compile_is_blamed():
    def schedule(t):
        return 1e-9 * len(os.environ)

    opt = Optimizer(ones(3), "sgd", learning_rate=schedule)
    with unchanged(opt), refused(TypeError, "learning_rate=.*schedule", "compiled by Numba"):
        opt.step(ones(3))


# -- Kernels that fail -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(CARD, reason="a failed kernel ends the use of the card in this process")
@pytest.mark.parametrize("capturable", [False, True])
@pytest.mark.parametrize(("count", "shown"), [(1, r"params\['0'\]"), (3, r"params\['0'\] to params\['2'\]")])
def test_a_kernel_that_fails_names_rule_and_arrays(count, shown, capturable, monkeypatch):
    opt = Optimizer({str(k): ones(3) for k in range(count)}, "adam", capturable=capturable)
    with monkeypatch.context() as patch:
        patch.setattr(np, "frombuffer", lambda *rest: 1 / 0)
        with refused(RuntimeError, f"the step of 'adam' on {shown} failed", "division by zero"):
            opt.step({str(k): ones(3) for k in range(count)})


def test_a_kernel_that_failed_later_is_told_by_synchronize(monkeypatch):
    optnumba.cuda.synchronize()
    kind = driver.kernel_errors()[0]
    one, two = Optimizer([ones(3), ones(2)], "adam"), Optimizer({"w": ones(3)}, "sgd")
    one.step([ones(3), ones(2)])
    two.step({"w": ones(3)})
    with monkeypatch.context() as patch:

        def fail():
            raise kind(700, "illegal address") if CARD else kind("illegal address")

        patch.setattr(
            driver, "toolkit", lambda: SimpleNamespace(synchronize=fail, gpus=cuda.gpus, __name__=cuda.__name__)
        )
        words = ["a kernel on the device failed", "illegal address", r"'adam' on params\[0\] to params\[1\]"]
        with refused(RuntimeError, *words, r"'sgd' on params\['w'\]"):
            optnumba.cuda.synchronize()
        with refused(RuntimeError, "nothing by optnumba"):  # it was told
            optnumba.cuda.synchronize()
    optnumba.cuda.synchronize()
