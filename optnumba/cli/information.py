"""What `optnumba info` reports: versions, processors, threads, where compiled code is kept, optional packages."""

import ctypes
import importlib
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

from .report import Cell, Heading, Report, Table, Text

REQUIREMENT = re.compile(r"([\w.-]+)(?:\[([\w,\s-]+)\])?")


def info(options, progress):
    """Report what a bug report should say about the machine and the installation."""
    versions = _versions()
    machine = _machine()
    cuda = _cuda()
    extras = _extras()
    rows = [[Cell(name, "name"), value] for name, value in versions.items()]
    blocks = [Heading("Versions"), Table(("", ""), rows)]
    rows = [[Cell(name.replace("_", " "), "name"), str(value)] for name, value in machine.items()]
    blocks += [Heading("Machine"), Table(("", ""), rows)]
    rows = [[Cell(name, "name"), value] for name, value in cuda.items() if value]
    blocks += [Heading("CUDA"), Table(("", ""), rows)]
    if extras:
        rows = [_extra_row(name, packages) for name, packages in extras.items()]
        blocks += [Heading("Optional packages"), Table(("extra", "installed", "missing"), rows, frozenset({0, 2}))]
        missing = ",".join(name for name, packages in extras.items() if None in packages.values())
        blocks += [Text(f'pip install "optnumba[{missing}]" installs what is missing', "quiet")] if missing else []
    data = {"command": "info", "versions": versions, "machine": machine, "cuda": cuda, "extras": extras}
    return Report(blocks, data)


def _versions():
    from .. import __version__

    names = ("numba", "llvmlite", "numpy", "scipy", "sympy", "mpmath")
    return {"optnumba": __version__, "python": platform.python_version(), **{name: _version(name) for name in names}}


def _version(package):
    """Return the version of an installed package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _machine():
    import numba

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    folder, kept = _cache()
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "executable": sys.executable,
        "installed_in": str(Path(__file__).parent.parent),
        "cpu_count": os.cpu_count(),
        "usable_cpus": usable,
        "numba_threads": numba.config.NUMBA_NUM_THREADS,
        "threading_layer": _threading_layer(numba.config),
        "vector_mathematics": _vector_mathematics(numba.config),
        "cache_folder": folder,
        "cached": kept,
    }


def _threading_layer(config):
    """Return the layer that Numba will take, without starting its threads (str)."""
    layers = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}
    there = [name for name, module in layers.items() if _importable(f"numba.np.ufunc.{module}")]
    asked = config.THREADING_LAYER
    if asked in layers:
        return asked if asked in there else f"{asked}, which is asked for but not there"
    if asked != "default":
        return f"{asked}, of {', '.join(there)}"
    first = next((name for name in config.THREADING_LAYER_PRIORITY if name in there), "none")
    return f"{first}, of {', '.join(there)}"


def _vector_mathematics(config):
    """Return which vector versions of exp and its like compiled code can take (str)."""
    found = ["Intel SVML"] if config.USING_SVML else []
    try:
        ctypes.CDLL("libmvec.so.1")
        found.append("libmvec of glibc is there")
    except OSError:
        pass
    return "; ".join(found) or "none: exp and its like are scalar"


def _cuda():
    from ..gpu.driver import described

    return described()


def _importable(module):
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _cache():
    """Return (where Numba keeps the compiled loops, how much is there) as text."""
    from numba.core.caching import FunctionCache

    from ..loops.serial import serial

    try:
        folder = FunctionCache(serial).cache_path
    except RuntimeError:  # no folder that can be written
        return "none can be written; set NUMBA_CACHE_DIR", ""
    files = [path.stat().st_size for path in Path(folder).glob("*.nb[ci]")] if Path(folder).is_dir() else []
    return folder, f"{len(files)} files, {sum(files) / 2**20:.1f} MiB"


def _extras():
    """Return {extra: {package: version or None}} from the metadata of the installation (dict)."""
    try:
        about = metadata.metadata("optnumba")
    except metadata.PackageNotFoundError:
        return {}
    asked = {extra: [] for extra in about.get_all("Provides-Extra") or []}
    for line in about.get_all("Requires-Dist") or []:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        if extra:
            asked[extra[1]].append(REQUIREMENT.match(requirement.strip()).groups())
    return {extra: {name: _version(name) for name in _packages(extra, asked)} for extra in asked}


def _packages(extra, asked):
    """Return the packages of an extra, those of the extras it includes in their place (list of str)."""
    found = []
    for name, more in asked[extra]:
        inner = [part.strip() for part in (more or "").split(",")] if name == "optnumba" else []
        found += [p for part in inner for p in _packages(part, asked)] if inner else [name]
    return found


def _extra_row(extra, packages):
    there = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    missing = ", ".join(name for name, version in packages.items() if not version)
    return [Cell(extra, "name"), there, Cell(missing, "weak")]
