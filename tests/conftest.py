"""Shared by all tests: hypothesis profiles, real digits, a fresh seed."""

import contextlib
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import npdeep as nd

settings.register_profile("ci", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("intense", max_examples=500, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

collect_ignore_glob = ["golden/*", "attacks/hammer*", "attacks/mut*", "helpers_mpi.py"]    # scripts that need other packages


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """What still trains after its test would be counted, timed and patched in the next ones."""
    before = set(threading.enumerate())
    yield
    kept = ("tqdm_monitor", "zarr_io", "asyncio_", "ExecutorManagerThread", "QueueFeederThread")    # of tqdm, zarr and loky
    left = [thread for thread in threading.enumerate() if thread not in before and not thread.name.startswith(kept)]
    for thread in left:                       # one that is about to end may do so
        thread.join(20)
    names = [thread.name for thread in left if thread.is_alive()]
    assert not names, f"the test left these threads running: {names}"


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same ones every time."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def digits():
    """(x_train, y_train), (x_test, y_test): the digits that come with the package."""
    return nd.datasets.mnist_sample()


@pytest.fixture(scope="session")
def full_mnist():
    """(train), (validation), (test): the full MNIST, where $NPDEEP_DATA names a folder that holds it."""
    folder = os.environ.get("NPDEEP_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("full MNIST is absent: set NPDEEP_DATA to a folder with its four IDX files")
    return nd.datasets.mnist(folder)


@pytest.fixture
def small_disk():
    """A context in which no file can grow beyond 1,000 bytes, as on a full disk: pytest's own output neither, so keep it short.

    The signal that Linux sends is ignored, so that OSError comes.
    """
    resource = pytest.importorskip("resource")

    @contextlib.contextmanager
    def limited():
        before, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, action)

    return limited
