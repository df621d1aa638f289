"""What all tests share: seeds, the hypothesis profile, and CUDA's simulator."""

import gc
import os
import sys
import zlib
from pathlib import Path

# Before Numba is imported. With OPTNUMBA_TEST_CARD=1 the tests of CUDA run on the card.
os.environ["NUMBA_ENABLE_CUDASIM"] = "0" if os.environ.get("OPTNUMBA_TEST_CARD") == "1" else "1"

import hypothesis
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `import naive`: importlib mode puts no test folder on the path.

hypothesis.settings.register_profile(
    "optnumba", max_examples=25, deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.load_profile("optnumba")


def pytest_addoption(parser):
    parser.addoption(
        "--exhaustive", action="store_true", help="run all combinations that need a compilation of their own"
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "exhaustive: one more combination of what other tests cover; runs with --exhaustive"
    )


# The longest come first: a file is run by one process, and the others should not wait for it at the end.
LONG = ("test_cuda_ptx", "test_sparse_sum", "test_cache", "test_cuda", "test_interrupt", "test_finite_sum")


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    if not config.getoption("--exhaustive"):
        left_out = [item for item in items if item.get_closest_marker("exhaustive")]
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish(session):
    # 7,000 tests, and SymPy, live until the end: to look through them again and again took 8 % of the suite's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture
def rng(request):
    """Return a generator seeded by the name of the test: the same numbers in every run, others in every test."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))
