"""Which tests reach which lines: measured once per group of modules, and kept for the next time."""

import difflib
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import coverage
import pytest
from mutation.operators import Mutant
from mutation.processes import ROOT, digest, forked, keep, kept, pytest_with

GROUPS: dict[str, list[str]] = {
    "npdeep/kernels": [
        *("kernel_gradients", "kernel_stability", "kinks", "golden_activations", "golden_layers", "golden_losses"),
        *("golden_optimizers", "golden_penalties", "golden_special", "golden_augmentation", "far_out", "losses_far_out"),
        *("normalization_far_out", "flush", "clipping", "regularizers_constraints", "noise_layers", "activations_table"),
        *("batch_normalization", "augmentation", "layer_gradients", "optimizers", "losses", "weighted_losses"),
        "interop_mpi",
    ],
    "npdeep/optimizers": [
        *("optimizers", "golden_optimizers", "flush", "explain_update", "foreign_names", "settings", "limits"),
        "learning_rate_factors",
    ],
    "npdeep/schedules.py": [
        *("schedules", "schedules_exact", "foreign_names", "settings", "errors", "own_parts", "own_parts_wrong", "limits"),
    ],
    "npdeep/losses": [
        *("losses", "golden_losses", "losses_far_out", "weighted_losses", "own_parts", "own_parts_wrong", "foreign_names"),
        *("settings", "errors", "explain", "limits", "masked_arrays"),
    ],
    "npdeep/metrics": [
        *("metrics", "golden_metrics", "metric_table", "whole_metrics", "foreign_names", "settings", "errors", "limits"),
    ],
    "npdeep/files": [
        *("fields", "load_weights"),
        *("attacks", "checkpoints", "golden_files", "earlier_files", "saving", "transfer", "whole_files", "callback_files"),
        *("resume", "nested", "own_parts"),
    ],
}
"""The tests of each group of modules, by the names of their files; the examples of the modules belong to them too."""


def modules_of(group: str) -> list[str]:
    """The files of a group that hold code."""
    path = ROOT / group
    files = [path] if path.suffix else sorted(path.rglob("*.py"))
    return [str(file.relative_to(ROOT)) for file in files]


def tests_of(group: str) -> list[str]:
    """The files of tests of a group, and its modules for their examples."""
    return [*(f"tests/test_{name}.py" for name in GROUPS[group]), group]


class Measuring:
    """Notes for every test how long it takes and which lines of the modules it runs."""

    def __init__(self, modules: list[str]) -> None:
        self.modules = modules
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        self.imported: dict[str, list[int]] = {}
        self.coverage = coverage.Coverage(data_file=None, config_file=False, include=[str(ROOT / name) for name in modules])
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Around every test."""
        self.coverage.switch_context(item.nodeid)
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - began
            self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After every part of a test."""
        if report.failed:
            self.failed.add(report.nodeid)

    def result(self, states: dict[str, str]) -> dict[str, Any]:
        """By file of tests: its state, as given, the seconds of its tests, and by module and line which of them run it."""
        self.coverage.stop()
        data = self.coverage.get_data()
        files: dict[str, Any] = {file: {"state": state, "seconds": {}, "lines": {}} for file, state in states.items()}
        place: dict[str, int] = {}
        for test in self.failed:
            del self.seconds[test]
        for test, seconds in self.seconds.items():
            file = test.split("::")[0]
            seconds_of = files[file]["seconds"]
            place[test] = len(seconds_of)
            seconds_of[test] = seconds
        for module in self.modules:
            for line, tests in data.contexts_by_lineno(str(ROOT / module)).items():
                if "" in tests:
                    self.imported.setdefault(module, []).append(line)
                for test in set(tests) & set(place):
                    lines = files[test.split("::")[0]]["lines"].setdefault(module, {})
                    lines.setdefault(str(line), []).append(place[test])
        return files


class Reached(NamedTuple):
    """By file of tests what they reach, and by module the lines that run when it is imported or tests are collected."""

    files: dict[str, Any]
    imported: dict[str, list[int]]


def reached(group: str) -> Reached:
    """The measurement of a group; taken again for those that are new or have changed.

    Where a module has changed, its lines are looked up where they were. What tests use beside it may change unseen. Either may
    let a mutant survive that another test would kill, never the other way round.
    """
    name = f"reached-{group.replace('/', '-')}.json"
    sources = {module: (ROOT / module).read_text() for module in modules_of(group)}
    before = kept(name)
    files = before.get("files", {})
    for module, old in before.get("sources", {}).items():
        if module in sources and sources[module] != old:
            for file in files.values():
                file["lines"][module] = moved(file["lines"].get(module, {}), old, sources[module])
    tests = [file for path in tests_of(group) for file in (modules_of(path) if path == group else [path])]
    states = {file: digest([file]) for file in tests}
    missing = {file: state for file, state in states.items() if files.get(file, {}).get("state") != state}

    def work() -> int:
        measuring = Measuring(list(sources))
        pytest_with(measuring, list(missing) or modules_of(group))
        for test in measuring.failed:
            print(f"{group}: {test} is left out, for it fails without any mutant")
        found = {**files, **measuring.result(missing or {file: states[file] for file in modules_of(group)})}
        keep(name, {"sources": sources, "files": found, "imported": measuring.imported})
        return 0

    if not missing and before.get("sources") == sources and "imported" in before:
        return Reached({file: files[file] for file in tests}, before["imported"])
    print(f"{group}: measuring which lines {len(missing) or 'its own'} files of tests reach", flush=True)
    if forked(work, 3600):
        raise SystemExit(f"{group}: the tests cannot be measured; see python -m pytest {' '.join(missing)}")
    files = kept(name)["files"]
    return Reached({file: files[file] for file in tests}, kept(name)["imported"])


def moved(lines: dict[str, list[int]], old: str, new: str) -> dict[str, list[int]]:
    """The tests by line of a module that has changed since; those of a new line are those of the line above."""
    result: dict[str, list[int]] = {}
    for _, start, end, begin, stop in difflib.SequenceMatcher(None, old.splitlines(), new.splitlines(), False).get_opcodes():
        for line in range(begin, stop):
            place = min(start + line - begin, end - 1) + 1 if end > start else start
            if str(place) in lines:
                result[str(line + 1)] = lines[str(place)]
    return result


def seconds_in(known: Reached, test: str) -> float:
    """How long a test took."""
    return float(known.files[test.split("::")[0]]["seconds"][test])


def chosen(known: Reached, module: str, mutant: Mutant, budget: float) -> list[str]:
    """The tests that reach the mutant's line, those of the quickest file first, while there is budget for them.

    Of what runs at import nobody knows which tests see it: all of each file that reaches the module, as GROUPS has them, the
    nearest first.
    """
    found: list[list[tuple[float, str]]] = []
    for file in known.files.values():
        tests = list(file["seconds"].items())
        by_line = file["lines"].get(module, {})
        numbers = {number for line in mutant.lines for number in by_line.get(str(line), [])}
        if mutant.at_import and by_line:
            numbers = set(range(len(tests)))
        found.append(sorted((tests[number][1], tests[number][0]) for number in numbers))
    found = [tests for tests in found if tests]
    if not mutant.at_import:
        found.sort(key=lambda tests: sum(seconds for seconds, _ in tests) / len(tests))
    result: list[str] = []
    for tests_of_file in found:
        for seconds, test in tests_of_file:
            budget -= seconds
            if budget > 0:
                result.append(test)
    return result
