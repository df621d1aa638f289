"""The card that a script runs on, or why there is none. Numba is not imported before a script has chosen."""

import os
import subprocess
import sys


def missing():
    """Return what is missing to use a card (str), empty where nothing is: another process asks.

    Numba takes the card or its simulator when it is imported, and never the other one.
    """
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        return "NUMBA_ENABLE_CUDASIM=1 asks for it"
    program = "import optnumba; print(optnumba.cuda.missing() or '')"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    return done.stdout.strip() if done.returncode == 0 else "optnumba cannot be imported"


def described():
    """Return the card, its memory and the version of its driver; or that it is the simulator (str)."""
    from numba import cuda

    from optnumba.gpu import driver

    if driver.simulated():
        return "Numba's simulator of CUDA"
    device, gib = cuda.get_current_device(), cuda.current_context().get_memory_info().total / 2**30
    name = device.name.decode() if isinstance(device.name, bytes) else device.name
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "-i", device.uuid]
    try:
        version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        version = "unknown"
    capability = ".".join(map(str, device.compute_capability))
    return f"{name}, {gib:.0f} GiB, compute capability {capability}, driver {version}"
