"""For tests and doctests alike: wide lines, and figures that an example leaves open are closed behind it."""

import signal
import sys
import threading

import pytest


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
