"""The scripts in benchmarks/ that measure: they run, their ways are found equal, what they compute of times is right."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def run(*arguments, cwd=None):
    """Standard output of a script in a process of its own."""
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(BENCHMARKS.parent), "PYTEST_ADDOPTS": ""}
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def scripts(monkeypatch):
    """The folder of the scripts, so that they can be imported."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield BENCHMARKS
    for name in ("in_turns", "exhibits", "twins", "tricks", "kernels", "scaling"):
        sys.modules.pop(name, None)


# ── they run ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_scaling(tmp_path):
    out = run(BENCHMARKS / "scaling.py", "--quick", "--figure", tmp_path / "s.png", "--json", tmp_path / "s.json")
    figures = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    assert set(figures["exponents"]) == {"batch", "width", "depth", "rows"}
    for axis, found in figures["exponents"].items():
        points = [point for point in figures["points"] if point["axis"] == axis]
        assert len(points) == 4
        assert all(point["seconds"] > 0 and point["floor"] > 0 and point["ratio"] > 0 for point in points)
        assert f"exponent {found['work']:.2f}, its floor with {found['floor']:.2f}" in out


def test_kernels(tmp_path):
    out = run(BENCHMARKS / "kernels.py", "--quick", "--json", tmp_path / "k.json")
    results = json.loads((tmp_path / "k.json").read_text(encoding="utf-8"))["results"]
    names = {r["name"] for r in results}
    assert {"relu forward", "gelu backward", "Adam", "norm of the gradient", "gathering a batch"} <= names
    assert all(r["way_us"] > 0 and r["ours_us"] > 0 and r["ratio"] > 0 for r in results)
    assert all(r["way"] in out for r in results)


def test_some_of_the_kernels():
    out = run(BENCHMARKS / "kernels.py", "--quick", "--only", "adam")
    assert "in place, all weights at once" in out
    assert "relu" not in out


def test_kernels_under_pytest_need_neither_coverage_nor_its_settings():
    out = run("-m", "pytest", "benchmarks/kernels.py", "-q", "-k", "relu and same", cwd=BENCHMARKS.parent)
    assert re.search(r"\b[1-9]\d* passed", out)
    assert "failed" not in out


# ── what they compute ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_every_way_is_found_equal_before_it_is_timed(scripts):
    from exhibits import Exhibit, equal, equal_shares
    from kernels import EXHIBITS

    assert len({(e.group, e.name) for e in EXHIBITS}) == len(EXHIBITS) > 35
    wrong = Exhibit("group", "name", lambda: {"right": lambda: np.ones(3), "wrong": lambda: np.full(3, 1.01)}, equal)
    with pytest.raises(AssertionError, match="group, name: 'wrong' differs from 'right'"):
        wrong.ways()
    with pytest.raises(AssertionError):
        equal_shares(np.arange(10_000) % 2, np.arange(10_000) % 10 < 6)
    equal_shares(np.arange(10_000) % 2, (np.arange(10_000) // 2) % 2)


def test_a_wrong_kernel_is_not_timed(scripts, monkeypatch):
    import twins
    from exhibits import EXHIBITS

    (adam,) = [e for e in EXHIBITS if (e.group, e.name) == ("kernel", "Adam")]
    adam.ways()
    right = twins.adaptive.adam
    monkeypatch.setattr(twins.adaptive, "adam", lambda *given: right(*given[:6], 2 * given[6], *given[7:]))
    with pytest.raises(AssertionError, match="kernel, Adam: 'npdeep' differs from 'textbook'"):
        adam.ways()


def test_ways_are_timed_in_turn(scripts):
    from in_turns import in_turns, ratio

    called = []
    times = in_turns({name: lambda name=name: called.append(name) for name in "abc"}, rounds=4, block=0)
    assert "".join(called[6:]) == "abcbcacababc"    # behind two calls each to warm up and to find the size of a block
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 4, "b": 4, "c": 4}
    assert ratio([1.0, 2.0, 9.0], [1.0, 1.0, 3.0]) == 2.0


def test_the_exponent_is_that_of_the_power_it_is_given(scripts):
    from scaling import exponent

    sizes = np.array([1.0, 2, 4, 8, 16, 32])
    assert exponent(sizes, 3 * sizes**1.5) == pytest.approx(1.5)
    assert exponent(sizes, np.where(sizes < 8, 7.0, sizes**2)) == pytest.approx(2)    # the small sizes do not count


def test_rows_lie_in_a_file_and_its_pieces_differ(scripts, tmp_path, monkeypatch):
    import scaling

    monkeypatch.setattr(scaling, "PIECE", 40)
    x, y = scaling.mapped(tmp_path / "x.npy", 100)
    assert isinstance(x, np.memmap)
    assert (x.shape, y.shape) == ((100, 64), (100,))
    assert len(np.unique(np.asarray(x), axis=0)) == 100
    assert np.abs(x.mean()) < 0.1
