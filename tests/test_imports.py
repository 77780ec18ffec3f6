"""What an import loads: NumPy and the standard library, nothing optional, nothing slow, nothing that talks to the network."""

import subprocess
import sys

import pytest

LOADED = (
    "import sys, numpy, numpy.random; before = set(sys.modules); import {module}; "
    "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names - {'npdeep', 'numpy'})"
)


def loaded(module):
    """The packages beside NumPy and the standard library that are there after this import, in a process of its own."""
    script = LOADED.replace("{module}", module)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("module", ["npdeep", "npdeep.debug", "npdeep.interop", "npdeep.command_line.main"])
def test_no_other_package_is_loaded_before_its_use(module):
    assert loaded(module) == []


def test_what_is_loaded_is_seen_where_it_is_asked_for():
    assert "matplotlib" in loaded("npdeep.plots")


def test_to_import_npdeep_loads_nothing_that_talks_to_the_network():
    script = "import sys, npdeep; print({'urllib.request', 'http', 'http.client', 'ssl', 'email'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
