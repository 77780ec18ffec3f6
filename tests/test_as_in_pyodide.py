"""npdeep and the notebooks use nothing that Python in a browser lacks: tests/as_in_pyodide.py runs them without it."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import npdeep as nd

ROOT = Path(nd.__file__).parents[1]
TUTORIALS = ROOT / "tutorials"
SCRIPT = Path(__file__).with_name("as_in_pyodide.py")
LACKING = {
    "a thread": "import threading; threading.Thread(target=print).start()",
    "a pool of threads": "from concurrent.futures import ThreadPoolExecutor as P; P().submit(print)",
    "a socket": "import socket; socket.socket()",
    "a process": "import subprocess; subprocess.run(['true'])",
    "a command": "import os; os.system('true')",
    "multiprocessing": "import multiprocessing; multiprocessing.Process(target=print)",
    "SSL": "import ssl",
    "locks of files": "import fcntl",
    "limits": "import resource",
}


def run(*arguments):
    """The script, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=900, check=False)


def notebook(folder, *pieces):
    """The path of a notebook of these cells."""
    path = folder / "made.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": piece} for piece in pieces]}), encoding="utf-8")
    return path


def test_the_main_paths_run():
    done = run("library")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("library: 6 pieces ran")


@pytest.mark.parametrize("what", LACKING)
def test_what_pyodide_lacks_is_refused(what, tmp_path):
    done = run(notebook(tmp_path, "x = 1", LACKING[what]))
    assert done.returncode == 1
    assert "as in Pyodide" in done.stderr
    assert "piece 1" in done.stderr


@pytest.mark.exhaustive
@pytest.mark.skipif(not TUTORIALS.exists(), reason="the tutorials are not here")
@pytest.mark.parametrize("name", sorted(path.name for path in TUTORIALS.glob("[0-9]*.ipynb")))
def test_the_notebooks_of_the_site_run(name, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TUTORIALS / "site"))
    monkeypatch.syspath_prepend(str(TUTORIALS))
    form = importlib.import_module("build").for_browser(json.loads((TUTORIALS / name).read_text(encoding="utf-8")))
    (tmp_path / name).write_text(json.dumps(form), encoding="utf-8")
    done = run(tmp_path / name)
    assert done.returncode == 0, done.stderr
    code = [cell for cell in form["cells"] if cell["cell_type"] == "code"]
    assert done.stdout.startswith(f"{name}: {len(code)} pieces ran")
