"""For tests and doctests alike: figures that an example leaves open are closed behind it."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _close_figures_behind_it():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
