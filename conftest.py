"""For tests and doctests alike: wide lines, one thread, and figures that an example leaves open are closed behind it."""

import gc
import importlib.util
import os
import signal
import sys
import threading

import pytest

# Before NumPy is imported, for what the tests start too: several run beside each other, and threads would fight for the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

collect_ignore = []
PLAY = "npdeep/teaching/play"
if any(importlib.util.find_spec(name) is None for name in ("panel", "bokeh", "threadpoolctl")):    # the extra [play]
    collect_ignore += [f"{PLAY}/{name}.py" for name in ("form", "page", "server", "views")]
if importlib.util.find_spec("sklearn") is None:                                                    # the extra [sklearn]
    collect_ignore += [f"npdeep/interop/{name}.py" for name in ("estimator", "sklearn", "sklearn_mlp")]
if importlib.util.find_spec("torch") is None:                                                      # the extra [torch]
    collect_ignore += ["npdeep/interop/torch_module.py"]


def pytest_collection_finish():
    """Thousands of tests and what they import stay to the end: the garbage collector need not search them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _lines_are_wide():
    """Tests ask what is said, whatever the terminal they run in; where lines break is for tests/test_terminal.py."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", "1000")
        yield


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard():
    """A shell that runs tests in the background lets them ignore Ctrl-C, and so would what they test."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _close_figures_behind_it():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
