"""Layers within layers through every file operation: the short form of tests/attacks/nest_files.py, and what it found."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npdeep as nd
from npdeep.common.described import cloned

SCRIPT = Path(__file__).parent / "attacks" / "nest_files.py"


def test_no_file_operation_loses_a_bit_of_what_is_nested():
    command = [sys.executable, str(SCRIPT), "--networks", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a scope deep inside" in done.stdout
    assert "under other names" in done.stdout


BLOCKS = {
    "residual": lambda: nd.Residual([nd.Parallel([[nd.Dense(2)], [nd.Dense(4)]]), nd.Dense(3)], projection=True),
    "parallel": lambda: nd.Parallel([[nd.Dense(2), nd.Residual([nd.Dense(2)])], nd.Dense(4)]),
}


@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)
def test_a_block_is_named_after_it_was_made_and_keeps_its_layers(make):
    block = make()
    held = [layer for chain in block.chains for layer in chain]
    block.name = "mine"
    assert all(mine is its for mine, its in zip(held, [layer for chain in block.chains for layer in chain], strict=True))
    given = {name: cloned(value) for name, value in make().arguments().items()}
    one, other = nd.Sequential([block], 6, seed=0), nd.Sequential([type(block)(**{**given, "name": "mine"})], 6, seed=0)
    assert [p.name for p in one.parameters] == [p.name for p in other.parameters]
    assert all(p.name.startswith("mine/") for p in one.parameters)
    assert one.predict(np.ones((2, 6))).tobytes() == other.predict(np.ones((2, 6))).tobytes()
