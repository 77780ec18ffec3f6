"""The search over hyperparameters on several processes (benchmarks/search.py): it finds what one process finds, bit for bit."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "search.py"
PACKAGES = ("sklearn", "joblib", "distributed")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
needs_them = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: pip install 'npdeep[sklearn,dask]'")


def run(*command, **variables):
    """A process of its own, in which BLAS would use several threads if nobody told it otherwise."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), "OPENBLAS_NUM_THREADS": "2", **variables}
    command = [sys.executable, *map(str, command)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


@pytest.fixture
def search(monkeypatch):
    """The script, imported."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    yield importlib.import_module("search")
    sys.modules.pop("search", None)


@pytest.fixture
def scheduler():
    """The address of a cluster of two processes, begun in a process of its own."""
    code = ("import sys; from distributed import LocalCluster\nif __name__ == '__main__':\n"
            "    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:\n"
            "        print(cluster.scheduler_address, flush=True); sys.stdin.read()")    # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(timeout=60)


@needs_them
def test_processes_and_a_cluster_find_what_one_process_finds(scheduler):
    done = run(SCRIPT, "--quick", "--scheduler", scheduler)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = re.findall(r"^(a loop of one's own|GridSearchCV)  +(\S.*?\S)  +(\d+)  +[\d.]+ *(yes)?", done.stdout, re.MULTILINE)
    places = ["one process", "loky, 2 processes", f"dask, 2 processes at {scheduler}"]
    wanted = [(name, place, "1", "" if place == "one process" else "yes")
              for place in places for name in ("a loop of one's own", "GridSearchCV")]    # fmt: skip
    assert lines == wanted


@needs_them
def test_a_scheduler_that_is_not_there_is_named():
    done = run(SCRIPT, "--quick", "--scheduler", "tcp://127.0.0.1:9", DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s")
    assert done.returncode != 0
    assert "tcp://127.0.0.1:9" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("package", "extra"), [("joblib", "sklearn"), ("distributed", "dask")])
def test_a_missing_package_says_how_to_get_it(search, monkeypatch, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    place = search.cluster(None) if package == "distributed" else search.on_loky()
    with pytest.raises(ImportError, match=rf"needs {package}: python -m pip install 'npdeep\[{extra}\]'"), place:
        pass


def test_one_other_bit_is_found(search):
    found = np.array([[0.5, 3.0], [1.0, 2.0]])
    other = found.copy()
    other[1, 0] = np.nextafter(1, 2)
    assert search.compared(found.copy(), found) == "yes"
    assert search.compared(other, found) == "no, by 2.2e-16"
    assert search.compared(np.array([1.0, np.nan]), np.array([1.0, 2.0])) == "no, by nan"
