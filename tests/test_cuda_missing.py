"""Where CUDA cannot be used, the error says what is missing and what to install; and in a forked process at once."""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from on_cuda import CARD, Foreign

import optnumba
from optnumba import Optimizer
from optnumba.gpu import driver


@pytest.fixture
def elsewhere(monkeypatch):
    """Return an array, and let the driver find out again what is missing, on what is no simulator."""
    params = Foreign(np.ones(3))
    monkeypatch.setattr(driver, "simulated", lambda: False)
    monkeypatch.setattr(driver, "_started_in", None)
    driver.not_there.cache_clear()
    yield params
    driver.not_there.cache_clear()


def no_library(name):
    raise OSError(name)


CARDLESS = SimpleNamespace(cuda_error=lambda: "CUDA_ERROR_NO_DEVICE", is_available=lambda: False)
TOOLLESS = SimpleNamespace(cuda_error=lambda: None, is_available=lambda: False)


@pytest.mark.parametrize(
    ("found", "library", "toolkit", "words"),
    [
        (None, None, None, ["numba-cuda is not installed", "pip install 'optnumba\\[cuda\\]'"]),
        ("spec", no_library, None, ["no NVIDIA driver", "libcuda.so.1|nvcuda.dll", "install"]),
        ("spec", lambda name: name, CARDLESS, ["no card", "CUDA_ERROR_NO_DEVICE", "nvidia-smi"]),
        ("spec", lambda name: name, TOOLLESS, ["CUDA toolkit is not installed", "pip install"]),
    ],
    ids=["package", "driver", "card", "toolkit"],
)
def test_what_is_missing_is_said_with_what_to_install(found, library, toolkit, words, elsewhere, monkeypatch):
    monkeypatch.setattr(driver, "find_spec", lambda name: found)
    monkeypatch.setattr(ctypes, "WinDLL" if sys.platform == "win32" else "CDLL", library, raising=False)
    monkeypatch.setattr(driver, "toolkit", lambda: toolkit)
    assert not optnumba.cuda.is_available()
    compiling = [lambda: optnumba.cuda.device_step("adam")] if found is None else []  # it takes no card
    for use in (lambda: Optimizer(elsewhere), optnumba.cuda.synchronize, *compiling):
        with pytest.raises(optnumba.cuda.CudaUnavailable) as error:
            use()
        assert str(error.value) == f"CUDA cannot be used: {optnumba.cuda.missing()}"
        for word in words:
            assert re.search(word, str(error.value)), word


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("before", [False, True], ids=["before CUDA was used", "after"])
def test_a_forked_process_is_told_at_once_where_the_driver_does_not_survive(before):
    script = f"""
import os, sys
import numpy as np
import optnumba
from numba import cuda
if {before}:
    x = cuda.to_device(np.ones(3))
    opt = optnumba.Optimizer(x, "sgd", capturable=True)
if os.fork() == 0:
    try:
        opt.step(x) if {before} else optnumba.Optimizer(cuda.to_device(np.ones(3)), "sgd", capturable=True)
    except optnumba.cuda.CudaUnavailable as error:
        print(optnumba.cuda.is_available(), error, flush=True)
    else:
        print("done", flush=True)
    os._exit(0)
os.wait()
"""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": str(int(not CARD))}
    root = str(Path(__file__).parent.parent)
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=environment, cwd=root
    )
    assert found.returncode == 0, found.stderr
    if before:
        assert re.match(
            "False CUDA cannot be used: it was used before this process was forked, .*'spawn'", found.stdout
        ), found.stdout
    else:
        assert found.stdout == "done\n"
