"""Whatever npdeep writes is there whole or not at all: on a full disk, after Ctrl-C, and where a file was there before."""

import errno
import os
import subprocess

import numpy as np
import pytest
from helpers_training import examples, plain_trainer

import npdeep as nd
from npdeep import plots
from npdeep.common.whole_files import replacing

X, Y = examples(12)
HISTORY = nd.History([{"epoch": n, "loss": 1 / n} for n in range(1, 500)])


def write_figure(path):
    plots.save(plots.new_grid(1, 1, (4, 3))[0], path)


def write_film(path):
    record = nd.callbacks.RecordLayers(X, Y, every=1)
    plain_trainer().fit(X, Y, callbacks=[record], verbose=False)
    nd.plots.animate_training(record, path)


WRITERS = {
    "history.csv": HISTORY.to_csv,
    "step.html": lambda path: nd.plots.walk_page(plain_trainer(), X, Y, path),
    "model.npz": lambda path: plain_trainer().model.save(path),
    "trainer.npz": lambda path: plain_trainer().save(path),
    "figure.png": write_figure,
    "film.gif": write_film,
    "film.html": write_film,
}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("before", [None, b"the old one"], ids=["new", "there before"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_no_part_of_a_file(tmp_path, small_disk, name, before):
    path = tmp_path / name
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(OSError, match="File too large"):
        WRITERS[name](path)
    assert names(tmp_path) == ([] if before is None else [name])
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("moment", ["fsync", "replace"])
@pytest.mark.parametrize("name", WRITERS)
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


# ── spreadsheets ──────────────────────────────────────────────────────────────────────────────────────────────────────
FORMULAS = ["=cmd|x!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "a;=1", 'a,"=1', "x\n=1", "＝1", "－1", "'=1"]


@pytest.mark.parametrize("name", FORMULAS)
def test_a_metric_whose_name_is_a_formula_is_written_as_a_text(tmp_path, name):
    nd.History([{"epoch": 1, name: -0.5, "note": name}]).to_csv(tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_bytes().decode()
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
