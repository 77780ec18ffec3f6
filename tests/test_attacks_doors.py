"""Hostile files, networks and streams at the doors: the attacks of tests/attacks/doors.py, without the clock."""

import importlib.util
import sys
from pathlib import Path

import pytest

import npdeep as nd

SCRIPT = Path(__file__).parent / "attacks" / "doors.py"
spec = importlib.util.spec_from_file_location("attacks_on_doors", SCRIPT)
doors = sys.modules["attacks_on_doors"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(doors)

UNPICKLES = ["debug/threads.py: trainer, x, y, repeats = pickle.loads(sys.stdin.buffer.read())"]
"""From a pipe that this very process has opened to its child; there is no file."""


@pytest.mark.parametrize("door", ["safetensors", "torch", "keras", "sklearn", "onnx", "state", "streams"])
def test_no_attack_gets_through(tmp_path, door):
    faults, made = {}, 0
    for number, attack in enumerate(doors.attacks([door])):
        if attack.missing:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        made += 1
        if fault := doors.Outcome(attack, folder).fault:
            faults[attack.title] = fault
    if not made:
        pytest.skip(f"{door}: its package is not installed")
    assert faults == {}


def test_no_file_is_ever_unpickled():
    assert doors.pickles(Path(nd.__file__).parent) == UNPICKLES
