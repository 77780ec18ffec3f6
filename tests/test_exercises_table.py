"""The table of the exercises is what its script writes, and all mistakes are named."""

import importlib
import re
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"


@pytest.mark.exhaustive
def test_the_table_is_what_its_script_writes(monkeypatch):
    monkeypatch.syspath_prepend(str(TUTORIALS))
    written = importlib.import_module("make_exercises_table").table()
    assert (TUTORIALS / "EXERCISES.md").read_text(encoding="utf-8") == written, "run tutorials/make_exercises_table.py"
    mistakes, named = map(int, re.search(r"exercises \| (\d+) \| (\d+) \|", written).groups())
    assert named == mistakes
    changes = (TUTORIALS.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"({mistakes} in all, `tutorials/EXERCISES.md`)" in changes
