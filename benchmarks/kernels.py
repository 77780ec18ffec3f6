"""Fast NumPy, an exhibition: each kernel beside its textbook twin, and what each trick is worth.

Every exhibit does one thing in two ways or more. The first way is what a book writes, the last is npdeep's. Before anything is
timed, all ways must give equal values (random draws: equal shares). The name of a way is its code, so that the table reads by
itself.

    python benchmarks/kernels.py                     a table of ratios, measured in turns
    python benchmarks/kernels.py --quick             a few rounds: does it run? the figures mean little
    python benchmarks/kernels.py --only "Adam" --json kernels.json
    python -m pytest benchmarks/kernels.py           the same with pytest-benchmark (pip install -e '.[bench]')

Sizes are those of a batch of 50 on 300 hidden units, 784 inputs and 266,610 weights, in float32. What to take home:

    every pass over memory costs: make few of them, over pieces that fit the cache, into arrays that are there already
    no branches: maximum, minimum and a comparison that writes 1 or 0 do what np.where and masks do
    know your processor: which functions NumPy computes fast (exp, expm1, tanh), and what denormals cost, differs between them
"""

import argparse
import importlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tricks  # noqa: F401  # puts its exhibits on show, behind those of twins
import twins  # noqa: F401
from exhibits import EXHIBITS, Exhibit, measure, tables
from in_turns import versions

NOTE = (
    "ratio: how many times as long the other way takes, median of rounds in turn; the values were found equal first "
    "(masks: the shares they keep; denormals: to 1e-19)"
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few short rounds: the figures mean little")
    parser.add_argument("--only", default="", metavar="TEXT", help="exhibits whose group or name holds this text")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all figures into this file")
    given = parser.parse_args(arguments)
    chosen = [e for e in EXHIBITS if given.only.lower() in f"{e.group} {e.name}".lower()]
    if not chosen:
        parser.error(f"--only {given.only!r}: no exhibit has this in its name; there are {', '.join(e.name for e in EXHIBITS)}")
    rounds, block = (3, 1e-4) if given.quick else (30, 2e-3)
    results = [result for shown in chosen for result in measure(shown, rounds, block)]
    print(*tables(results), sep="\n\n")
    print(f"\n{NOTE}")
    if given.json:
        figures = {"versions": versions(), "rounds": rounds, "results": [vars(result) for result in results]}
        given.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# ── under pytest ──────────────────────────────────────────────────────────────────────────────────────────────────────
def pytest_generate_tests(metafunc: Any) -> None:
    """All exhibits, and all ways of each; by this hook, so that the table needs no pytest."""
    if "way" in metafunc.fixturenames:
        pairs = [(e, way) for e in EXHIBITS for way in e.make()]
        metafunc.parametrize(("shown", "way"), pairs, ids=[f"{e.group}, {e.name}: {way}" for e, way in pairs])
    elif "shown" in metafunc.fixturenames:
        metafunc.parametrize("shown", EXHIBITS, ids=lambda e: f"{e.group}, {e.name}")


def test_all_ways_do_the_same(shown: Exhibit) -> None:
    assert len(shown.ways()) > 1


def test_time(shown: Exhibit, way: str, request: Any) -> None:
    if importlib.util.find_spec("pytest_benchmark") is None:
        importlib.import_module("pytest").skip("pip install -e '.[bench]' to time them too")
    benchmark = request.getfixturevalue("benchmark")
    benchmark.group = f"{shown.group}, {shown.name}"
    benchmark(shown.ways()[way])


if __name__ == "__main__":
    main()
