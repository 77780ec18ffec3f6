"""The files of callbacks: what a checkpoint says about them is not believed, and nobody else's file is touched."""

import contextlib
import json
import os
import shutil

import pytest
from helpers_training import examples, plain_trainer

import npdeep as nd
from npdeep.callbacks import Checkpoint, CSVLogger, RecordGradients, RecordUpdates
from npdeep.files import npz

X, Y = examples(20)
RUN = {"batch_size": 5, "verbose": False}    # 4 updates per epoch


def tampered(path, kind, **fields):
    """The trainer in a file that says something else about its callback; its checksum is right."""
    header, arrays = npz.read(path)
    (entry,) = [entry for entry in header["callbacks"] if entry["callback"].startswith(kind)]
    entry["state"] = {key: value for key, value in {**entry["state"], **fields}.items() if value is not ...}
    return nd.Trainer.restore(npz.write(path.with_name(f"hostile-{path.name}"), header, arrays))


def contents(folder):
    """Every file below the folder, with its bytes; of a link where it leads."""
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes() for path in paths}


# ── Checkpoint ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def folder(tmp_path):
    """A folder with a file of a run in it, and files of others in and around it."""
    plain_trainer().fit(X, Y, callbacks=[Checkpoint(tmp_path / "ck")], **RUN)
    for name in ("victim.txt", "ck/notes.txt", "ck/model.npz", "ck/update-00000001.npz", "ck/deep/update-00000002.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("somebody else's")
    (tmp_path / "ck" / "update-00000003.npz").symlink_to(tmp_path / "victim.txt")
    return tmp_path / "ck"


NOT_NAMES = [
    "../victim.txt", "../ck/update-00000001.npz", "deep/update-00000002.npz", "./update-00000001.npz", "ABSOLUTE", "notes.txt",
    "model.npz", "..", ".", "", "update-00000001.npz\n", "update-1.npz", "update-٠٠٠٠٠٠٠١.npz", "UPDATE-00000001.npz",
    "update-00000001.npz/", "..\\victim.txt", "C:\\victim.txt", "update-00000001.npz\0", "update-*.npz", "update-000000001.npz",
    "u" * 5000, 3, None, True, ["update-00000001.npz"], {"name": "update-00000001.npz"},
]  # fmt: skip
HOSTILE = [
    *({"names": [name], "ranks": [-1.0]} for name in NOT_NAMES),
    {"names": "update-00000004.npz"}, {"names": None}, {"names": 3}, {"names": {}}, {"names": ...}, {"ranks": ...},
    {"names": []}, {"names": ["update-00000004.npz"] * 2, "ranks": [-1.0, -2.0]}, {"ranks": []}, {"ranks": [-1.0, -2.0]},
    {"ranks": [float("nan")]}, {"ranks": ["x"]}, {"ranks": [None]}, {"ranks": [True]}, {"ranks": [10**400]}, {"ranks": [[1.0]]},
    {"ranks": "x"}, {"ranks": 1.0},
]  # fmt: skip


@pytest.mark.parametrize("fields", HOSTILE, ids=lambda fields: ascii(fields)[:60])
def test_a_state_that_names_other_files_is_refused_and_they_stay(folder, fields):
    if fields.get("names") == ["ABSOLUTE"]:
        fields = {**fields, "names": [str(folder.parent / "victim.txt")]}
    path, before = folder / "update-00000004.npz", contents(folder.parent)
    with pytest.raises(ValueError, match=r"^checkpoint .*npz: callbacks\[0\]\.state.* (must|lacks)") as refused:
        tampered(path, "Checkpoint", **fields)
    assert len(str(refused.value)) < 300
    (folder / f"hostile-{path.name}").unlink()
    state = {"names": [path.name], "ranks": [-1.0], **fields}
    with pytest.raises(ValueError, match=r"^Checkpoint\.state"):
        Checkpoint(folder).set_state({key: value for key, value in state.items() if value is not ...})
    assert contents(folder.parent) == before


@pytest.mark.parametrize("state", [[], [1], "x", 3, True], ids=str)
@pytest.mark.parametrize("callback", [Checkpoint("a"), CSVLogger("a.csv"), RecordGradients(), RecordUpdates()], ids=repr)
def test_a_state_that_is_none_is_refused(callback, state):
    with pytest.raises(ValueError, match=rf"^{type(callback).__name__}\.state must be an object"):
        callback.set_state(state)


@pytest.mark.parametrize("name", ["update-00000001.npz", "update-00000003.npz", "update-00000005.npz", "update-00000006.npz"])
def test_files_of_this_name_that_others_put_there_stay(folder, name):
    """Damaged, a link, a checkpoint of a model, one of another run by a callback with other arguments."""
    plain_trainer().model.save(folder / "update-00000005.npz")
    plain_trainer().fit(X, Y, callbacks=[Checkpoint(folder.parent / "other")], **RUN)
    shutil.copy(folder.parent / "other" / "update-00000004.npz", folder / "update-00000006.npz")
    names = ["update-00000004.npz", name]
    trainer = tampered(folder / "update-00000004.npz", "Checkpoint", names=names, ranks=[-1.0, -2.0])
    before = contents(folder.parent)
    keeper = Checkpoint(folder)
    trainer.fit(X, Y, callbacks=[keeper], **RUN)
    after = contents(folder.parent)
    assert keeper.files == [folder / "update-00000008.npz"]
    assert set(before) - set(after) == {"ck/update-00000004.npz"}    # its own
    assert set(after) - set(before) == {"ck/update-00000008.npz"}
    assert all(before[path] == after[path] for path in set(before) & set(after))


def test_what_takes_the_place_of_a_file_during_the_run_stays(folder):
    keeper, trainer = Checkpoint(folder), plain_trainer()
    trainer.fit(X, Y, callbacks=[keeper], **RUN)
    (folder / "update-00000004.npz").unlink()
    (folder / "update-00000004.npz").symlink_to(folder.parent / "victim.txt")
    trainer.fit(X, Y, callbacks=[keeper], **RUN)
    (folder / "update-00000008.npz").unlink()
    (folder / "update-00000008.npz").mkdir()
    trainer.fit(X, Y, callbacks=[keeper], **RUN)
    assert contents(folder)["update-00000004.npz"] == str(folder.parent / "victim.txt")
    assert (folder / "update-00000008.npz").is_dir()
    assert keeper.files == [folder / "update-00000012.npz"]


def test_a_folder_that_cannot_be_written_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("somebody else's")
    trainer = plain_trainer()
    with pytest.raises(FileExistsError, match=r"Checkpoint: cannot write into the folder .*file: it is a file; name another"):
        trainer.fit(X, Y, callbacks=[Checkpoint(tmp_path / "file")], **RUN)
    assert (trainer.iteration, trainer.epoch) == (0, 0)


@pytest.mark.parametrize("target", ["victim.txt", "missing.npz"])
def test_a_file_is_not_written_through_a_link(folder, target):
    trainer = nd.Trainer.restore(folder / "update-00000004.npz")
    (folder / "update-00000008.npz").symlink_to(folder.parent / target)
    before = contents(folder.parent)
    with pytest.raises(FileExistsError, match=r"^Checkpoint: .*update-00000008\.npz is a symbolic link.*; remove it$"):
        trainer.fit(X, Y, callbacks=[Checkpoint(folder)], **RUN)
    assert contents(folder.parent) == before
    (folder / "update-00000008.npz").unlink()
    trainer.fit(X, Y, callbacks=[Checkpoint(folder)], **RUN)


# ── CSVLogger ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def logged(tmp_path):
    """A run of 3 epochs with a row for each, and the file that was saved after the second one."""
    keeper = Checkpoint(tmp_path / "ck", keep=9)
    plain_trainer().fit(X, Y, epochs=3, callbacks=[CSVLogger(tmp_path / "a.csv", append=True), keeper], **RUN)
    return tmp_path / "ck" / "update-00000008.npz", tmp_path / "a.csv"


def go_on(saved, path, **fields):
    tampered(saved, "CSVLogger", **fields).fit(X, Y, callbacks=[CSVLogger(path, append=True)], **RUN)


SIZES = [-5, -1, 0, "x", None, True, 1.5, [], {}, 2**63, 10**400, float("nan"), float("inf"), ...]
COLUMNS = [..., None, 3, "epoch", [3], [None], [["epoch"]], {"epoch": 1}, []]


@pytest.mark.parametrize("fields", [*({"size": size} for size in SIZES), *({"columns": c} for c in COLUMNS)], ids=str)
def test_a_size_or_columns_that_are_none_are_refused_and_the_file_stays(logged, fields):
    saved, path = logged
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"^checkpoint .*npz: callbacks\[\d\]\.state.* (must|lacks)") as refused:
        go_on(saved, path, **fields)
    assert len(str(refused.value)) < 300
    assert path.read_bytes() == before


def rows(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_a_run_cuts_off_no_more_than_its_own_rows(logged):
    saved, path = logged
    third = rows(path)[3]
    go_on(saved, path)
    assert [row.split(",")[0] for row in rows(path)] == ["epoch", "1", "2", "3"]
    assert rows(path)[3].split(",")[4] == third.split(",")[4]                 # the same loss again


def test_a_size_beyond_the_file_goes_on_behind_what_is_there(logged):
    saved, path = logged
    go_on(saved, path, size=10**9)
    assert [row.split(",")[0] for row in rows(path)] == ["epoch", "1", "2", "3", "3"]


FOREIGN = {
    "a text": lambda content, size: b"my diary\nof many years\n" * 50,
    "bytes": lambda content, size: bytes(range(256)) * 10,
    "other columns": lambda content, size: b"name,mark\nAda,1\n" * 50,
    "rows of another run after its own": lambda content, size: content[:size] + b"1,4,0,0,0.5\r\n" + content[size:],
    "a line after its own": lambda content, size: content[:size] + b"my notes\n",
    "half a line after its own": lambda content, size: content + b"my notes",
    "blank lines after its own": lambda content, size: content + b"\n\n",
    "what no CSV file can be": lambda content, size: content + b"x" * 200_000,
    "shifted": lambda content, size: content[:-9] + b"\n" + content,
    "only its header": lambda content, size: b"x" + content,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_others_changed_is_refused_and_stays(logged, kind):
    saved, path = logged
    header, _ = npz.read(saved)
    (size,) = (entry["state"]["size"] for entry in header["callbacks"] if "size" in entry["state"])
    foreign = FOREIGN[kind](path.read_bytes(), size)
    path.write_bytes(foreign)
    with pytest.raises(ValueError, match=r"^CSVLogger: size in the restored state is \d+, but .*a\.csv is not as this run"):
        go_on(saved, path)
    assert path.read_bytes() == foreign
    path.rename(path.with_suffix(".old"))                     # the cure
    go_on(saved, path)
    assert [row.split(",")[0] for row in rows(path)] == ["epoch", "3"]


@pytest.mark.parametrize("size", [1, 30, 60, 100])
def test_a_size_within_a_line_is_refused(logged, size):
    saved, path = logged
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"CSVLogger: size in the restored state is"):
        go_on(saved, path, size=size)
    assert path.read_bytes() == before


LINES = [b"a line\n", b"my diary\nof many years\n", b"epoch,loss\n1,0.5\n2,0.25\n", b"\xff\xfe\n1\n", b"\n\n1\n"]


@pytest.mark.parametrize("foreign", LINES)
def test_a_state_from_before_the_first_row_cuts_off_no_rows_of_others(logged, foreign):
    saved, path = logged
    path.write_bytes(foreign)
    with contextlib.suppress(ValueError):     # it has other columns
        go_on(saved, path, columns=[], size=0)
    assert path.read_bytes().startswith(foreign)


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("before", [None, b"epoch,updates,seconds,learning_rate,loss\r\n7,1,1,1,1\r\n"], ids=["new", "there"])
def test_on_a_full_disk_a_row_is_written_whole_or_not_at_all(tmp_path, small_disk, append, before):
    path = tmp_path / "a.csv"
    if before is not None:
        path.write_bytes(before)
    logger, trainer = CSVLogger(path, append), plain_trainer()
    with small_disk(), pytest.raises(OSError, match="File too large"):
        trainer.fit(X, Y, epochs=99, callbacks=[logger], **RUN)
    content = path.read_bytes()
    assert content.endswith(b"\r\n")
    assert {line.count(b",") for line in content.splitlines()} == {4}
    assert content.startswith(before or b"epoch,") is append or before is None
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_on_a_full_disk_the_first_row_leaves_no_empty_file_and_an_older_one_stays(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    for name in ("a.csv", "b.csv"):
        if name == "b.csv":
            (tmp_path / name).write_text("of an earlier run\n")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            plain_trainer().fit(X, Y, callbacks=[CSVLogger(tmp_path / name)], **RUN)
        monkeypatch.undo()
    assert contents(tmp_path) == {"b.csv": b"of an earlier run\n"}


@pytest.mark.parametrize("append", [False, True])
def test_where_no_file_can_be_it_is_said_before_training(tmp_path, append):
    (tmp_path / "file").write_text("")
    trainer = plain_trainer()
    for path in (tmp_path / "file" / "a.csv", tmp_path):
        with pytest.raises(OSError, match=str(path)):
            trainer.fit(X, Y, callbacks=[CSVLogger(path, append)], **RUN)
    assert trainer.iteration == 0
    assert contents(tmp_path) == {"file": b""}


@pytest.mark.parametrize("append", [False, True])
def test_a_metric_whose_name_is_a_formula_is_the_same_text_in_both_files(tmp_path, append):
    class Formula(nd.metrics.Accuracy):
        name = "=cmd|x!A0"

    path, trainer = tmp_path / "a.csv", plain_trainer(metrics=[Formula()])
    trainer.fit(X, Y, epochs=2, callbacks=[CSVLogger(path, append)], **RUN)
    trainer.history.to_csv(tmp_path / "b.csv")
    assert path.read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert rows(path)[0].endswith(",'=cmd|x!A0")
    trainer.fit(X, Y, callbacks=[CSVLogger(path, append=True)], **RUN)
    assert [row.split(",")[0] for row in rows(path)] == ["epoch", "1", "2", "3"]


# ── records ───────────────────────────────────────────────────────────────────────────────────────────────────────────
RECORDS = [
    *({"layers": layers} for layers in ([3], "ab", ...)),
    *({"updates": updates} for updates in (["x"], [-1], [1.5], [], [10**400], ...)),
    *({"VALUES": values} for values in ([1.0], [["x", "y"]], [[1.0]], [], [[10**400, 1.0]], ...)),
]


@pytest.mark.parametrize("kind", [RecordGradients, RecordUpdates])
@pytest.mark.parametrize("fields", RECORDS, ids=lambda fields: ascii(fields)[:60])
def test_records_that_are_none_are_refused(kind, fields):
    callback = kind(every=1)
    plain_trainer().fit(X, Y, batch_size=20, callbacks=[callback], verbose=False)
    state = json.loads(json.dumps(callback.state()))
    values = next(key for key in state if key not in ("layers", "updates"))
    changed = {**state, **{values if key == "VALUES" else key: value for key, value in fields.items()}}
    with pytest.raises(ValueError, match=rf"^{kind.__name__}\.state(\.\w+.* must be| lacks)"):
        kind(every=1).set_state({key: value for key, value in changed.items() if value is not ...})
    kind(every=1).set_state(state)
    kind(every=1).set_state({**state, values: [[float("nan"), float("inf")]]})
