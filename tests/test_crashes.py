"""kill -9, full disks, lost folders, rival writers: the short form of tests/attacks/crashes.py, and what it found."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers_training import bits, examples, plain_trainer

import npdeep as nd
from npdeep.callbacks import Checkpoint, CSVLogger
from npdeep.teaching.exercises import starter

SCRIPT = Path(__file__).parent / "attacks" / "crashes.py"
X, Y = examples(12)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_no_kill_and_no_full_disk_leaves_half_a_file():
    command = [sys.executable, str(SCRIPT), "--moments", "6"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAULT" not in done.stdout
    assert "resumed, equal to the bit" in done.stdout


def test_a_run_killed_before_it_removed_an_old_checkpoint_removes_it_when_it_is_resumed(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_, **__: None)    # as if it had been killed there
        plain_trainer().fit(X, Y, epochs=3, callbacks=[Checkpoint(tmp_path, keep=2)], verbose=False)
    assert len(list(tmp_path.iterdir())) == 3
    seen: list[int] = []
    trainer, resumed = nd.Trainer.restore(tmp_path / "update-00000003.npz"), Checkpoint(tmp_path, keep=2)
    at_first = nd.callbacks.LambdaCallback(on_epoch_begin=lambda _: seen.append(len(list(tmp_path.iterdir()))))
    trainer.fit(X, Y, callbacks=[resumed, at_first], verbose=False)
    assert seen == [2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["update-00000003.npz", "update-00000004.npz"]
    assert resumed.files == [tmp_path / "update-00000004.npz", tmp_path / "update-00000003.npz"]


def test_the_error_of_a_full_disk_names_the_table(tmp_path, small_disk):
    table = tmp_path / "history.csv"
    trainer = plain_trainer()
    with small_disk(), pytest.raises(OSError, match="File too large") as caught:
        trainer.fit(X, Y, epochs=100, callbacks=[CSVLogger(table)], verbose=False)
    assert caught.value.filename == str(table)


def test_a_file_in_the_place_of_a_folder_is_told_by_the_path_that_was_asked_for(tmp_path):
    (tmp_path / "runs").write_text("a file")
    for path in (tmp_path / "runs" / "a.npz", tmp_path / "runs" / "deep" / "a.npz"):
        with pytest.raises(NotADirectoryError) as caught:
            plain_trainer().save(path)
        assert (caught.value.errno, caught.value.filename) == (errno.ENOTDIR, str(path))


def test_a_full_disk_leaves_no_part_of_an_exercise_and_keeps_the_count_of_its_hints(tmp_path, small_disk):
    starter.next_hints("relu_forward", tmp_path)
    path = tmp_path / starter.HINTS
    before = path.read_bytes()
    path.write_bytes(before + b" " * 2000)
    with small_disk(), pytest.raises(OSError, match="exercise: cannot write into"):
        starter.next_hints("relu_forward", tmp_path)
    assert path.read_bytes().startswith(before)
    with small_disk(), pytest.raises(OSError, match="exercise: cannot write into"):
        starter.start("relu_forward", tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [starter.HINTS]


def test_three_checkpoints_named_in_one_file_are_all_restored_from(tmp_path):
    trainer, checkpoint = plain_trainer(), Checkpoint(tmp_path, keep=2)
    trainer.fit(X, Y, epochs=4, callbacks=[checkpoint], verbose=False)
    assert len(checkpoint.files) == 2
    assert bits(nd.Trainer.restore(checkpoint.files[0])) == bits(trainer)
