"""For tests and doctests alike: wide lines, and figures that an example leaves open are closed behind it."""

import sys

import pytest


@pytest.fixture(autouse=True, scope="session")
def _lines_are_wide():
    """Tests ask what is said, whatever the terminal they run in; where lines break is for tests/test_terminal.py."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", "1000")
        yield


@pytest.fixture(autouse=True)
def _close_figures_behind_it():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
