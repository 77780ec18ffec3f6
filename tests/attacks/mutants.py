"""Mutation testing: python tests/attacks/mutants.py npdeep/kernels/affine.py [more files or folders] [--again] [--write]

    python -m pip install cosmic-ray coverage

Changes one thing at a time in a module (see mutation/operators.py) and runs the tests that reach the changed line, quickest
first, until one fails: the mutant is killed. One that no test kills survives. MUTANTS.md holds the scores and says of each
survivor why it is left; --write brings its scores up to date. It ends with status 1 where a survivor is not explained there.

What a test reaches is measured, once per group of modules, and kept in .mutants/ together with the outcomes: a mutant that was
killed is not tried again until its function changes, nor one that is explained; with --again all are. Tests marked exhaustive
are left out.

A process imports and collects once. Each mutant is a fork of it, in which the code of the changed function is replaced, so that
it costs its tests alone; a mutant of what runs at import is a fork of a process that has not imported npdeep yet.
"""

import argparse
import gc
import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

os.environ.update(OPENBLAS_NUM_THREADS="1", MPLBACKEND="Agg", HYPOTHESIS_PROFILE="mutants")
sys.path.insert(0, str(Path(__file__).parents[2]))

import matplotlib.pyplot
import numpy  # noqa: F401 (what every fork needs)
import pytest
from mutation import table
from mutation.operators import Mutant, mutants_of
from mutation.processes import KILLED, NOT_PUT_IN, ROOT, SURVIVED, NotPutInError, forked, keep, kept, pytest_with, run
from mutation.reached import GROUPS, chosen, modules_of, reached, seconds_in

BUDGET = 6.0
"""Seconds of tests per mutant; seconds of the processor, here as everywhere, which do not depend on what else it does."""


# ── mutants in functions ──────────────────────────────────────────────────────────────────────────────────────────────
def codes(code: types.CodeType) -> list[types.CodeType]:
    """The code of everything in a module, in the order of the source."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return [code, *(found for part in inner for found in codes(part))]


def functions_of(path: str) -> tuple[list[types.CodeType], list[types.FunctionType]]:
    """What the source of a module compiles to, and all functions that it has made."""
    made = [thing for thing in gc.get_objects() if isinstance(thing, types.FunctionType) and thing.__code__.co_filename == path]
    return codes(compile(Path(path).read_text(), path, "exec")), made


def put_in(path: str, mutant: Mutant, before: list[types.CodeType], made: list[types.FunctionType]) -> None:
    """Give the functions of a module the code that the mutant's source would have given them."""
    after = codes(compile(mutant.source, path, "exec"))
    if len(before) != len(after):
        raise NotPutInError
    changed = [(function, new) for function in made if (new := after[before.index(function.__code__)]) != function.__code__]
    if not changed:                           # what has run already when the module was imported
        raise NotPutInError
    for function, new in changed:
        try:
            function.__code__ = new
        except ValueError:
            raise NotPutInError from None


class Warm:
    """Collects the tests, then runs those of each mutant in a fork."""

    def __init__(
        self,
        work: list[tuple[str, Mutant, list[str], float]],
        note: Callable[[str, Mutant, int], None],
        again: Callable[[str, Mutant], bool],
    ) -> None:
        self.work, self.note, self.again = work, note, again

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of the tests."""
        items = {item.nodeid: item for item in session.items}
        gc.unfreeze()                         # pytest has hidden what was made so far from the collector
        functions = {module: functions_of(str(ROOT / module)) for module in {module for module, *_ in self.work}}
        gc.collect()
        gc.freeze()                           # or else the first collection of every fork would copy all memory
        for module, mutant, tests, seconds in self.work:

            def work(module: str = module, mutant: Mutant = mutant, tests: list[str] = tests) -> int:
                put_in(str(ROOT / module), mutant, *functions[module])
                return run(session, [items[name] for name in tests if name in items])

            code = forked(work, seconds)
            self.note(module, mutant, NOT_PUT_IN if code == SURVIVED and self.again(module, mutant) else code)
        return True


# ── mutants of what runs at import ────────────────────────────────────────────────────────────────────────────────────
class Fresh:
    """Imports one module from the mutant's source, and runs the tests in their order."""

    def __init__(self, module: str, mutant: Mutant, tests: list[str]) -> None:
        self.path, self.mutant, self.tests = str(ROOT / module), mutant, tests
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module, with another source."""
        found = PathFinder.find_spec(name, path) if name.startswith("npdeep") else None
        if found is None or found.origin != self.path:
            return None

        class Loader(SourceFileLoader):
            def get_code(loader, fullname: str) -> Any:
                return compile(self.mutant.source, self.path, "exec")

        found.loader = Loader(name, self.path)
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """These tests alone."""
        if session.testsfailed:               # while they were collected
            os._exit(KILLED)
        items = {item.nodeid: item for item in session.items}
        os._exit(run(session, [items[name] for name in self.tests if name in items]))

    def work(self) -> int:
        """All of it."""
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        pytest_with(self, list(dict.fromkeys(name.split("::")[0] for name in self.tests)), "-x")
        return KILLED                         # it did not come to running them


# ── all of it ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class Attack:
    """All mutants of some modules of one group, and what became of them."""

    def __init__(self, group: str, modules: list[str], again: bool, budget: float) -> None:
        self.group, self.budget = group, budget
        self.known = reached(group)
        self.outcomes: dict[str, dict[str, int]] = {}
        self.states: dict[str, dict[str, str]] = {}
        self.mutants = {module: table.numbered(mutants_of((ROOT / module).read_text())) for module in modules}
        for module in modules:
            before = {} if again else kept(self.file(module))
            states = self.states[module] = {table.key(mutant): mutant.state for mutant in self.mutants[module]}
            self.outcomes[module] = {
                key: code
                for key, code in before.get("outcomes", {}).items()
                if code != SURVIVED and key in states and before["states"].get(key) == states[key]
            }
            if not again:
                self.outcomes[module].update(dict.fromkeys(table.survivors().get(module, {}).keys() & states.keys(), SURVIVED))

    def file(self, module: str) -> str:
        """Where the outcomes of a module are kept."""
        return f"outcomes-{module.replace('/', '-')}.json"

    def note(self, module: str, mutant: Mutant, code: int) -> None:
        """Keep an outcome, but not that of a mutant that is still to be tried from the import on."""
        if code == NOT_PUT_IN:
            return
        key = table.key(mutant)
        self.outcomes[module][key] = code
        if code == SURVIVED:
            print(f"  survives so far in {module}: {key}", flush=True)
        keep(self.file(module), {"states": self.states[module], "outcomes": self.outcomes[module]})

    def from_import(self, module: str, mutant: Mutant) -> None:
        """Try it in a process that imports everything: first the tests that reach its line, then others of its module."""
        tests = chosen(self.known, module, mutant, self.budget)
        others = chosen(self.known, module, replace(mutant, function="<module>"), 4 * self.budget)
        tests = list(dict.fromkeys([*tests, *others]))
        quick = [test for test in tests if test.startswith(module)] or tests[:1]
        code = SURVIVED
        for some in (quick, tests):           # the examples of the module alone, which take little to collect, then all
            if code == SURVIVED and some:
                code = forked(Fresh(module, mutant, some).work, self.limit(some) + 15)
        self.note(module, mutant, code)

    def ran_before(self, module: str, mutant: Mutant) -> bool:
        """Whether the line has run before the mutant was put in."""
        return not set(self.known.imported.get(module, [])).isdisjoint(mutant.lines)

    def limit(self, tests: list[str]) -> float:
        """Seconds after which something must be wrong."""
        return 3 + 2 * sum(seconds_in(self.known, name) for name in tests)

    def run(self) -> None:
        """Try all that is not known yet."""
        warm = [
            (module, mutant, tests, self.limit(tests))
            for module, mutant in self.left()
            if not mutant.at_import and (tests := chosen(self.known, module, mutant, self.budget))
        ]
        if warm:
            files = list(dict.fromkeys(name.split("::")[0] for _, _, tests, _ in warm for name in tests))
            forked(lambda: pytest_with(Warm(warm, self.note, self.ran_before), files, "-x"), 1e6)
            for module in self.mutants:
                self.outcomes[module] = kept(self.file(module)).get("outcomes", {})
        for module, mutant in self.left():    # what runs at import too, what could not be put in, and what no test reaches
            self.from_import(module, mutant)

    def left(self) -> list[tuple[str, Mutant]]:
        """Those that have no outcome yet."""
        every = [(module, mutant) for module, mutants in self.mutants.items() for mutant in mutants]
        return [(module, mutant) for module, mutant in every if table.key(mutant) not in self.outcomes[module]]


def selected(names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Groups, and of each the modules that lie at or under one of these paths."""
    for group in GROUPS:
        modules = [name for name in modules_of(group) if any(name == path or name.startswith(f"{path}/") for path in names)]
        if modules:
            yield group, modules


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", default=list(GROUPS), help="modules, or folders of modules; all by default")
    parser.add_argument("--again", action="store_true", help="try those again too that were killed, or are explained")
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of tests per mutant (%(default)s)")
    parser.add_argument("--write", action="store_true", help="bring the scores in MUTANTS.md up to date")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    matplotlib.pyplot.close("all")
    began, unexplained, rows = time.perf_counter(), 0, {}
    for group, modules in selected([path.rstrip("/") for path in arguments.paths]):
        attack = Attack(group, modules, arguments.again, arguments.budget)
        attack.run()
        for module in modules:
            count, rows[module] = table.report(module, attack.mutants[module], attack.outcomes[module])
            unexplained += count
    if arguments.write:
        table.write(rows, {group: modules_of(group) for group in GROUPS})
    for module in table.aged(module for group in GROUPS for module in modules_of(group)):
        print(f"{module} has changed since its score in MUTANTS.md, or has none")
    print(f"{time.perf_counter() - began:.0f} s; {unexplained} survivors are not explained in MUTANTS.md")
    sys.exit(unexplained > 0)


if __name__ == "__main__":
    main()
