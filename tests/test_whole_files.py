"""Whatever npdeep writes is there whole or not at all: on a full disk, after Ctrl-C, and where a file was there before."""

import errno
import functools
import os
import stat
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from helpers_training import examples, plain_trainer

import npdeep as nd
from npdeep import plots
from npdeep.command_line.main import main
from npdeep.common import whole_files
from npdeep.common.tables import csv_lines
from npdeep.common.whole_files import replacing

X, Y = examples(12)
HISTORY = nd.History([{"epoch": n, "loss": 1 / n} for n in range(1, 500)])


def write_figure(path):
    plots.save(plots.new_grid(1, 1, (4, 3))[0], path)


@functools.cache
def recorded():
    record = nd.callbacks.RecordLayers(X, Y, every=1)
    plain_trainer().fit(X, Y, callbacks=[record], verbose=False)
    return record


def write_film(path):
    nd.plots.animate_training(recorded(), path)


WRITERS = {
    "history.csv": HISTORY.to_csv,
    "history.json": HISTORY.to_json,
    "step.html": lambda path: nd.plots.walk_page(plain_trainer(), X, Y, path),
    "model.npz": lambda path: plain_trainer().model.save(path),
    "trainer.npz": lambda path: plain_trainer().save(path),
    "figure.png": write_figure,
    "film.gif": write_film,
    "film.html": write_film,
}


FAULTS = {
    "full": OSError(errno.ENOSPC, "No space left on device"), "stopped": KeyboardInterrupt(), "no memory": MemoryError(),
}  # fmt: skip


def faults():
    """Every writer × moment × fault; films take long to draw: one of each kind, the others are exhaustive."""
    for name, moment, fault in product(WRITERS, ("fsync", "replace"), FAULTS):
        few = not name.startswith("film") or (moment, fault) in (("fsync", "full"), ("replace", "stopped"))
        marks = () if few else pytest.mark.exhaustive
        yield pytest.param(name, moment, FAULTS[fault], marks=marks, id=f"{name}-{moment}-{fault}")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("before", [None, b"the old one"], ids=["new", "there before"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_no_part_of_a_file(tmp_path, small_disk, name, before):
    path = tmp_path / name
    if before is not None:
        path.write_bytes(before)
    with small_disk(), pytest.raises(OSError, match="File too large"):
        WRITERS[name](path)
    assert names(tmp_path) == ([] if before is None else [name])
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize(("name", "moment", "error"), list(faults()))
def test_a_fault_at_the_end_leaves_no_part_of_a_file(tmp_path, monkeypatch, name, moment, error):
    def failing(*args):
        raise error

    path = tmp_path / name
    path.write_bytes(b"the old one")
    with monkeypatch.context() as patched:
        patched.setattr(os, moment, failing)
        with pytest.raises(type(error)):
            WRITERS[name](path)
    assert (names(tmp_path), path.read_bytes()) == ([name], b"the old one")
    WRITERS[name](path)
    assert names(tmp_path) == [name]
    assert path.read_bytes() != b"the old one"


@pytest.mark.parametrize("name", WRITERS)
def test_where_a_file_cannot_be_written_its_own_name_is_in_the_error(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(OSError, match=name) as refused:
        WRITERS[name](tmp_path / name)
    assert ".tmp" not in str(refused.value)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("door", [HISTORY.to_csv, WRITERS["step.html"], WRITERS["trainer.npz"], nd.callbacks.CSVLogger])
@pytest.mark.parametrize(("path", "error"), [(3, TypeError), (None, TypeError), (b"a.npz", TypeError), ("a\0.npz", ValueError)])
def test_a_path_must_be_one(door, path, error):
    with pytest.raises(error, match=r"path must be (a string or a Path|the name of a file or folder), got"):
        door(path)


def test_pipes_and_devices_keep_their_places(tmp_path):
    device = tmp_path / "pipe"
    os.mkfifo(device)
    reader = subprocess.Popen(["cat", device], stdout=subprocess.PIPE)
    with replacing(device) as file:
        file.write(b"through the pipe")
    assert reader.communicate(timeout=30)[0] == b"through the pipe"
    assert names(tmp_path) == ["pipe"]


# ── modes, links, and what the killed leave behind ────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("name", "mode"), [*((name, 0o640) for name in WRITERS), *(("history.csv", mode) for mode in (0o600, 0o444, 0o664, 0o755))]
)
def test_a_file_that_was_there_keeps_its_mode(tmp_path, name, mode):
    path = tmp_path / name
    path.write_bytes(b"the old one")
    path.chmod(mode)
    WRITERS[name](path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() != b"the old one"


def test_nobody_can_look_into_a_private_file_while_it_is_written(tmp_path):
    path = tmp_path / "private"
    path.touch(0o600)
    with replacing(path) as file:
        assert [stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()] == [0o600, 0o600]
        file.write(b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


KINDS = ["absolute", "relative", "a link to a link", "to nothing yet"]


@pytest.mark.parametrize(("name", "kind"), [*((n, "relative") for n in WRITERS), *(("trainer.npz", kind) for kind in KINDS)])
def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path, name, kind):
    target, link = tmp_path / "far" / name, tmp_path / "near" / name
    target.parent.mkdir()
    link.parent.mkdir()
    if kind != "to nothing yet":
        target.write_bytes(b"the old one")
        target.chmod(0o640)
    link.symlink_to(target if kind == "absolute" else f"../far/{name}")
    if kind == "a link to a link":
        (tmp_path / name).symlink_to(link)
    WRITERS[name](tmp_path / name if kind == "a link to a link" else link)
    assert link.is_symlink()
    assert target.read_bytes() != b"the old one"
    assert kind == "to nothing yet" or stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [names(folder) for folder in (target.parent, link.parent)] == [[name], [name]]


def test_links_in_a_circle_and_into_nowhere_are_refused_by_their_names(tmp_path):
    (tmp_path / "a.npz").symlink_to("b.npz")
    (tmp_path / "b.npz").symlink_to("a.npz")
    (tmp_path / "c.npz").symlink_to("nowhere/c.npz")
    for name in ("a.npz", "c.npz"):
        with pytest.raises(OSError, match=rf"{name}'$"):
            plain_trainer().save(tmp_path / name)
    assert names(tmp_path) == ["a.npz", "b.npz", "c.npz"]


KILLED = """
import os, sys
from pathlib import Path
from npdeep.common.tables import csv_lines
from npdeep.common.whole_files import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"half of it")
    file.flush()
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), 9)
    print("writing", flush=True)
    sys.stdin.readline()
"""


def writer(path, fate):
    command = [sys.executable, "-c", KILLED, str(path), fate]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_the_next_file_in_a_folder_removes_what_killed_writers_left_and_nothing_else(tmp_path):
    for name in ("update-00000001.npz", "update-00000002.npz", "a.csv"):
        killed = writer(tmp_path / name, "killed")
        killed.communicate(timeout=60)
        assert killed.returncode == -9
    foreign = [".notes.0123abcd.tmp", ".x.npdeep.tmp", "a.0123abcd.npdeep.tmp", ".a.npz.0123ABCD.npdeep.tmp", ".b.npz.0123abcd"]
    for name in foreign:
        (tmp_path / name).touch()
    (tmp_path / ".c.npz.0123abcd.npdeep.tmp").symlink_to(tmp_path / foreign[0])
    (tmp_path / ".d.npz.0123abcd.npdeep.tmp").mkdir()
    kept = sorted([*foreign, ".c.npz.0123abcd.npdeep.tmp", ".d.npz.0123abcd.npdeep.tmp"])
    assert len(names(tmp_path)) == 3 + len(kept)
    plain_trainer().save(tmp_path / "b.npz")
    assert names(tmp_path) == sorted([*kept, "b.npz"])


def test_a_writer_that_is_alive_is_left_alone(tmp_path):
    slow = writer(tmp_path / "slow.npz", "alive")
    assert slow.stdout.readline() == "writing\n"
    with replacing(tmp_path / "mine.npz") as mine:
        mine.write(b"mine")
        plain_trainer().save(tmp_path / "fast.npz")
    assert len([name for name in names(tmp_path) if name.startswith(".slow.npz.")]) == 1
    slow.communicate("continue\n", timeout=60)
    assert slow.returncode == 0
    assert names(tmp_path) == ["fast.npz", "mine.npz", "slow.npz"]
    assert (tmp_path / "slow.npz").read_bytes() == b"half of it"


def test_a_writer_whose_new_file_was_taken_for_litter_makes_another(tmp_path, monkeypatch):
    import fcntl

    taken, flock = [], fcntl.flock

    def late(handle, operation):
        if not taken and operation == fcntl.LOCK_EX:
            taken.extend(entry for entry in tmp_path.iterdir())
            whole_files.remove_litter(tmp_path)
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with replacing(tmp_path / "a") as file:
        file.write(b"whole")
    assert len(taken) == 1
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("refused", ["flock", "chown"])
def test_where_locks_or_owners_cannot_be_had_files_are_written_all_the_same(tmp_path, monkeypatch, refused):
    import fcntl

    def no(*args):
        raise OSError(errno.ENOTSUP, "not here")

    (tmp_path / ".b.0123abcd.npdeep.tmp").touch()
    (tmp_path / "a").touch()
    monkeypatch.setattr(fcntl if refused == "flock" else os, refused, no)
    with replacing(tmp_path / "a") as file:
        file.write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert names(tmp_path) == ([".b.0123abcd.npdeep.tmp", "a"] if refused == "flock" else ["a"])


# ── spreadsheets ──────────────────────────────────────────────────────────────────────────────────────────────────────
FORMULAS = ["=cmd|x!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "a;=1", 'a,"=1', "x\n=1", "＝1", "－1", "'=1"]


@pytest.mark.parametrize("name", FORMULAS)
def test_a_metric_whose_name_is_a_formula_is_written_as_a_text(tmp_path, name):
    if name.isprintable():
        nd.History([{"epoch": 1, name: -0.5, "note": name}]).to_csv(tmp_path / "a.csv")
        text = (tmp_path / "a.csv").read_bytes().decode()
    else:                                     # no name of a column of the history
        text = csv_lines([["epoch", name, "note"], [1, -0.5, name]])
    cells = [cell.strip() for cell in text.replace('"', ",").replace(";", ",").replace("\n", ",").split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-", "＝", "－")) and cell != "-0.5"]
    assert "-0.5" in cells


@pytest.mark.parametrize("name", ["loss", "val_loss", "f1-score", "précision", "a = b", "top 5", "x@3"])
def test_names_that_are_no_formulas_stay_as_they_are(tmp_path, name):
    nd.History([{name: 1}]).to_csv(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == f"{name}\n1\n"


def test_numbers_stay_numbers(tmp_path):
    nd.History([{"a": -1.5, "b": np.float32(-0.5), "c": -3}]).to_csv(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "a,b,c\n-1.5,-0.5,-3\n"


# ── an unrolled program, which comes with its numbers and never takes a name that is taken, and a run's arguments ─────
def test_a_full_disk_leaves_no_part_of_an_unrolled_program(tmp_path, small_disk):
    with small_disk(), pytest.raises(OSError, match="File too large"):
        nd.debug.unroll(plain_trainer(), tmp_path / "step.py", X, Y)
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_fault_at_the_end_leaves_no_part_of_an_unrolled_program(tmp_path, monkeypatch, moment, error):
    def failing(*args):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(os, moment, failing)
        with pytest.raises(type(error)):
            nd.debug.unroll(plain_trainer(), tmp_path / "step.py", X, Y)
    assert names(tmp_path) == []
    nd.debug.unroll(plain_trainer(), tmp_path / "step.py", X, Y)
    assert names(tmp_path) == ["step.npz", "step.py"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_fault_while_the_arguments_of_a_run_are_written_leaves_no_part_of_them(tmp_path, monkeypatch, moment):
    def failing(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, moment, failing)
    assert main(["train", "--data", "sample", "--epochs", "0", "--layers", "5", "--folder", str(tmp_path / "run")]) != 0
    assert list(tmp_path.glob("run/*")) == []
