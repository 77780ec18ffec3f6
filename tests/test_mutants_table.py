"""tests/attacks/MUTANTS.md: in every group of modules 95 % of the mutants are killed, and each survivor is explained."""

import sys
from pathlib import Path

import pytest

ATTACKS = Path(__file__).parent / "attacks"
sys.path.insert(0, str(ATTACKS))
from mutation import table  # noqa: E402

SCORES = table.scores()
GROUPS = ("npdeep/kernels", "npdeep/optimizers", "npdeep/schedules.py", "npdeep/losses", "npdeep/metrics", "npdeep/files")


def modules_of(group):
    path = table.ROOT / group
    files = [path] if path.suffix else sorted(path.rglob("*.py"))
    return [file.relative_to(table.ROOT).as_posix() for file in files]


def test_no_line_of_the_table_is_stale():
    assert table.stale() == []


def test_a_stale_line_is_found(monkeypatch, tmp_path):
    broken = tmp_path / "MUTANTS.md"
    module = next(iter(table.survivors()))
    broken.write_text(f"### {module}\n\n  - `no_such_function`: `a += 1` → `a -= 1`\n", encoding="utf-8")
    monkeypatch.setattr(table, "TABLE", broken)
    assert len(table.stale()) == 2            # not there, and without a reason


@pytest.mark.parametrize("group", GROUPS)
def test_95_of_a_hundred_mutants_are_killed_in_every_group(group):
    modules = modules_of(group)
    assert [module for module in modules if module not in SCORES] == []
    killed, tried = (sum(SCORES[module][i] for module in modules) for i in (0, 1))
    assert killed >= 0.95 * tried


def test_every_survivor_is_explained():
    explained = {module: len(found) for module, found in table.survivors().items()}
    left = {module: tried - killed for module, (killed, tried, _) in SCORES.items() if killed < tried}
    assert left == explained
