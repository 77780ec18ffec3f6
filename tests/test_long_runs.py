"""Long runs stay flat in memory and end with the same bits in pieces: the short form of tests/attacks/long_run.py."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "attacks" / "long_run.py"


@pytest.mark.exhaustive
def test_a_long_run_needs_no_more_memory_than_a_short_one():
    command = [sys.executable, str(SCRIPT), "--steps", "4000", "--parts", "8", "--untimed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same bits, 40 rows" in done.stdout
