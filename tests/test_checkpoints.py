"""The file format of checkpoints: what comes back, how it is written, and that no damaged file is ever used."""

import errno
import io
import json
import math
import os
import pickle
import stat
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from helpers_training import bits, examples, plain_trainer
from hypothesis import given, settings
from hypothesis import strategies as st

import npdeep as nd
from npdeep.files import npz

ARRAYS = {"hidden1/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "hidden1/bias": np.array([0.5, -0.5, 2.0])}
ROOT = not hasattr(os, "geteuid") or os.geteuid() == 0
CONTENT = {"epoch": 3, "names": ["a", "ü"], "rate": 0.1, "nothing": None}


@pytest.fixture
def path(tmp_path):
    """A checkpoint in a folder of its own."""
    return npz.write(tmp_path / "a.npz", CONTENT, ARRAYS)


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def same(first, second):
    """Equal headers, and arrays equal in name, dtype, shape and bytes."""
    kinds = [{n: (a.dtype, a.shape, a.tobytes()) for n, a in arrays.items()} for _, arrays in (first, second)]
    return first[0] == second[0] and kinds[0] == kinds[1]


# ── round trips ───────────────────────────────────────────────────────────────────────────────────────────────────────
DTYPES = ["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "c8", ">f4", ">i8", "U3", "S2", "M8[s]", [("x", "f4"), ("y", "i8")]]


@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (2, 3), (2, 0, 3), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_arrays_of_any_dtype_and_shape_come_back_as_they_were(tmp_path, dtype, shape):
    array = np.zeros(shape, dtype)
    array.reshape(-1).view(np.uint8)[...] = 33
    content, arrays = npz.read(npz.write(tmp_path / "a.npz", {}, {"a": array}))
    assert same((content, arrays), ({}, {"a": array}))


def test_nan_keeps_its_bits_and_layouts_do_not_matter(tmp_path):
    odd = np.array([0x7FC00001, 0xFF800000, 0x80000000, 1], np.uint32).view(np.float32)
    grid = np.arange(24.0).reshape(4, 6)
    arrays = {"odd": odd, "fortran": np.asfortranarray(grid), "slice": grid[::2, ::-3], "scalar": np.float32(3)}
    assert same(npz.read(npz.write(tmp_path / "a.npz", {}, arrays)), ({}, arrays))


numbers = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"))
headers = st.recursive(numbers, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner))


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), headers))
def test_any_header_comes_back(tmp_path_factory, content):
    path = npz.write(tmp_path_factory.getbasetemp() / "header.npz", content, {})
    assert repr(npz.read(path)) == repr((content, {}))    # repr: NaN is not equal to itself


def test_dicts_that_look_like_marks_come_back_as_they_were(tmp_path):
    content = {"state": {"float": 1.5}, "deep": [{"mapping": {"float": "inf"}}, {1: {"float": 2.0}, None: "x"}], "n": math.inf}
    assert npz.read(npz.write(tmp_path / "a.npz", content, {}))[0] == content


def test_numpys_scalars_and_tuples_are_taken_as_json_has_them(tmp_path):
    content = {"loss": np.float32(0.5), "n": np.int64(3), "flag": np.bool_(True), "pair": (1, 2.0), "ranks": {10: "a", 9: "b"}}
    expected = {"loss": 0.5, "n": 3, "flag": True, "pair": [1, 2.0], "ranks": {10: "a", 9: "b"}}
    assert npz.read(npz.write(tmp_path / "a.npz", content, {}))[0] == expected


@pytest.mark.parametrize("name", ["file", "allow_pickle", "a.npy", "ü/kernel", "../a", "arr_0", "a/b/c/d", "HEADER"])
def test_arrays_of_any_name_come_back(tmp_path, name):
    arrays = {name: np.ones(2)}
    assert same(npz.read(npz.write(tmp_path / "a.npz", {}, arrays)), ({}, arrays))


def test_numpy_alone_reads_it_without_pickle_and_the_header_is_strict_json(tmp_path):
    content = {"loss": [math.nan, math.inf, -math.inf], "text": "ü"}
    path = npz.write(tmp_path / "a.npz", content, ARRAYS)
    with np.load(path, allow_pickle=False) as members:
        assert sorted(members) == ["header", "hidden1/bias", "hidden1/kernel"]
        assert all(np.array_equal(members[name], array) for name, array in ARRAYS.items())
        raw = members["header"].tobytes().decode()

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    header = json.loads(raw, parse_constant=refuse)
    assert (header["format"], header["version"]) == ("npdeep checkpoint", 1)
    assert header["content"] == {"loss": [{"float": "nan"}, {"float": "inf"}, {"float": "-inf"}], "text": "ü"}


def test_equal_contents_make_equal_files(tmp_path):
    first, second = (npz.write(tmp_path / name, CONTENT, ARRAYS) for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


# ── what cannot be stored, and where it cannot ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("content", "arrays", "error", "message"),
    [
        pytest.param({}, {"a": np.array([None])}, TypeError, "'a' holds Python objects, which would need pickle", id="objects"),
        pytest.param({}, {"a": np.zeros(2, [("x", object)])}, TypeError, "'a' holds Python objects", id="objects inside"),
        pytest.param({}, {"header": np.zeros(2)}, ValueError, "no array may have the name 'header'", id="header"),
        pytest.param({"a": {1, 2}}, {}, TypeError, "a is an object of type set; a file keeps numbers", id="set"),
        pytest.param({"a": np.zeros(2)}, {}, TypeError, "a is an array of shape .*; a file keeps", id="array in header"),
    ],
)
def test_what_cannot_be_stored_raises_and_leaves_the_old_file(path, content, arrays, error, message):
    with pytest.raises(error, match=message):
        npz.write(path, content, arrays)
    assert same(npz.read(path), (CONTENT, ARRAYS))
    assert files(path.parent) == ["a.npz"]


@pytest.mark.parametrize("door", [npz.read, lambda path: npz.write(path, {}, {})], ids=["read", "write"])
@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("model.ckpt", ValueError, "name must end in .npz, got model.ckpt"),
        ("model", ValueError, "name must end in .npz, got model"),
        (3, TypeError, "path must be a string or a Path, got 3"),
        (None, TypeError, "path must be a string or a Path, got None"),
        (b"a.npz", TypeError, "path must be a string or a Path"),
    ],
)
def test_unfit_paths(door, path, error, message):
    with pytest.raises(error, match=message):
        door(path)


def test_missing_folders_are_made_and_the_path_is_returned(tmp_path):
    path = npz.write(str(tmp_path / "new" / "deep" / "a.npz"), {}, {})
    assert path == tmp_path / "new" / "deep" / "a.npz"
    assert path.is_file()


def test_a_folder_below_a_file_and_a_folder_in_the_files_place(path):
    with pytest.raises(OSError, match=r"a\.npz"):
        npz.write(path / "b.npz", {}, {})
    folder = path.parent / "c.npz"
    folder.mkdir()
    with pytest.raises(OSError, match=r"c\.npz"):
        npz.write(folder, {}, {})
    assert files(path.parent) == ["a.npz", "c.npz"]


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_read_only_folder(path):
    path.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            npz.write(path, {}, {})
    finally:
        path.parent.chmod(0o700)
    assert same(npz.read(path), (CONTENT, ARRAYS))
    assert files(path.parent) == ["a.npz"]


@pytest.mark.skipif(ROOT, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_not_called_damaged(path):
    path.chmod(0)
    with pytest.raises(PermissionError):
        npz.read(path)


def test_files_have_the_rights_of_any_new_file(path):
    usual = path.parent / "usual"
    usual.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


# ── whole or not at all ───────────────────────────────────────────────────────────────────────────────────────────────
def test_the_new_file_is_flushed_before_it_takes_the_old_ones_place(path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace

    def noted_fsync(handle):
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        calls.append(f"flush {kind}")
        fsync(handle)

    def noted_replace(source, target):
        calls.append("rename")
        assert source.parent == target.parent
        assert same(npz.read(target), (CONTENT, ARRAYS))
        copy = path.parent / "copy.npz"
        copy.write_bytes(source.read_bytes())
        assert npz.read(copy)[0] == {"epoch": 4}
        copy.unlink()
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    npz.write(path, {"epoch": 4}, {"w": np.zeros(3)})
    assert calls == ["flush file", "rename", "flush folder"]
    assert npz.read(path)[0] == {"epoch": 4}
    assert files(path.parent) == ["a.npz"]


def fail_in(owner, name, error, call=1, before=None):
    """Patch a function so that its call number `call` raises, after doing `before` to the arguments."""

    def patch(monkeypatch):
        whole, calls = getattr(owner, name), []

        def failing(*args, **kwargs):
            calls.append(name)
            if len(calls) < call:
                return whole(*args, **kwargs)
            if before is not None:
                before(*args)
            raise error

        monkeypatch.setattr(owner, name, failing)

    return patch


FULL = OSError(errno.ENOSPC, "No space left on device")
FAULTS = {
    "disk full at the first array": fail_in(np.lib.format, "write_array", FULL),
    "disk full within the second array": fail_in(np.lib.format, "write_array", FULL, 2, lambda file, *_: file.write(b"half")),
    "disk full at the flush": fail_in(os, "fsync", FULL),
    "Ctrl-C within the arrays": fail_in(np.lib.format, "write_array", KeyboardInterrupt(), 2),
    "Ctrl-C at the flush": fail_in(os, "fsync", KeyboardInterrupt()),
    "the renaming fails": fail_in(os, "replace", PermissionError("in use")),
    "Ctrl-C at the renaming": fail_in(os, "replace", KeyboardInterrupt()),
    "out of memory": fail_in(np.lib.format, "write_array", MemoryError()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_amid_writing_leaves_the_old_file_whole_and_nothing_else(path, monkeypatch, fault):
    with monkeypatch.context() as patched:
        FAULTS[fault](patched)
        with pytest.raises((OSError, KeyboardInterrupt, MemoryError)):
            npz.write(path, {"epoch": 4}, {"w": np.zeros(1000)})
    assert same(npz.read(path), (CONTENT, ARRAYS))
    assert files(path.parent) == ["a.npz"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_the_first_writing_leaves_nothing(tmp_path, monkeypatch, fault):
    with monkeypatch.context() as patched:
        FAULTS[fault](patched)
        with pytest.raises((OSError, KeyboardInterrupt, MemoryError)):
            npz.write(tmp_path / "a.npz", {}, {"w": np.zeros(1000)})
    assert files(tmp_path) == []


@pytest.mark.parametrize("limit", [0, 100, 3000, 8100])
def test_a_limit_of_the_system_on_file_sizes_is_met_in_midst_of_writing(path, limit):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            npz.write(path, {"epoch": 4}, {"w": np.zeros(1000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert same(npz.read(path), (CONTENT, ARRAYS))
    assert files(path.parent) == ["a.npz"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_process_that_dies_before_the_renaming_leaves_the_old_file_whole(path, moment):
    script = f"import os; from npdeep.files import npz; os.{moment} = lambda *_: os._exit(9); "
    script += f"npz.write({str(path)!r}, {{'epoch': 4}}, {{}})"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    assert same(npz.read(path), (CONTENT, ARRAYS))
    npz.write(path, {"epoch": 4}, {})                 # what the dead one left behind is in nobody's way
    assert npz.read(path)[0] == {"epoch": 4}


@pytest.mark.parametrize("function", ["open", "fsync"])
def test_where_folders_cannot_be_flushed_files_are_written_all_the_same(tmp_path, monkeypatch, function):
    whole = getattr(os, function)

    def refuse(target, *args, **kwargs):
        if not (os.path.isdir(target) if function == "open" else stat.S_ISDIR(os.fstat(target).st_mode)):
            return whole(target, *args, **kwargs)
        raise OSError(errno.EINVAL, "not for folders")

    monkeypatch.setattr(os, function, refuse)
    assert npz.read(npz.write(tmp_path / "a.npz", CONTENT, {}))[0] == CONTENT


# ── damage ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def check_damaged(path, whole, damaged):
    """The damaged bytes are refused, naming the file, or, where the damage is in no man's land, read as if whole."""
    path.write_bytes(damaged)
    try:
        found = npz.read(path)
    except ValueError as error:
        message = str(error)
    else:
        assert same(found, whole)
        return "unharmed"
    assert message.startswith(f"checkpoint {path}: ")
    assert len(message) > len(f"checkpoint {path}: ") + 10
    return "refused"


@pytest.mark.exhaustive
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_flip_in_any_byte_is_noticed_or_harmless(path, flip):
    whole, raw = npz.read(path), path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = [(raw.index(b"\x93NUMPY", info.header_offset), info.file_size) for info in archive.infolist()]
    outcomes = [check_damaged(path, whole, raw[:i] + bytes([raw[i] ^ flip]) + raw[i + 1 :]) for i in range(len(raw))]
    assert len(members) == 3
    for start, size in members:               # harmless are but dates and the like in the headers of the zip
        assert set(outcomes[start : start + size]) == {"refused"}


def test_every_truncation_is_noticed(path):
    whole, raw = npz.read(path), path.read_bytes()
    assert {check_damaged(path, whole, raw[:i]) for i in range(len(raw))} == {"refused"}


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    """The checkpoint of a trainer whose run was stopped early: slots, statistics, history, a winner."""
    layers = [nd.Dense(8), nd.BatchNormalization(), nd.Activation("elu"), nd.Dropout(0.2), nd.Dense(3)]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=1), "softmax_cross_entropy", "adam", metrics=["accuracy"])
    folder, (x, y) = tmp_path_factory.mktemp("run"), examples(40)
    watchers = [nd.callbacks.EarlyStopping(patience=3), nd.callbacks.Checkpoint(folder)]
    trainer.fit(x, y, epochs=3, validation_data=(x, y), callbacks=watchers, verbose=False)
    return watchers[1].files[0]


@pytest.mark.exhaustive
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@settings(max_examples=300)
def test_a_flip_in_the_file_of_a_run_is_noticed_or_harmless(run_file, tmp_path_factory, position, flip):
    whole, raw = npz.read(run_file), bytearray(run_file.read_bytes())
    raw[int(position * len(raw))] ^= flip
    check_damaged(tmp_path_factory.getbasetemp() / "damaged.npz", whole, raw)


@pytest.mark.exhaustive
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=40)), min_size=1, max_size=4))
@settings(max_examples=150)
def test_overwritten_stretches_are_noticed_or_harmless(run_file, tmp_path_factory, stretches):
    whole, raw = npz.read(run_file), bytearray(run_file.read_bytes())
    for position, stretch in stretches:
        start = int(position * len(raw))
        raw[start : start + len(stretch)] = stretch[: len(raw) - start]
    check_damaged(tmp_path_factory.getbasetemp() / "damaged.npz", whole, raw)


@pytest.mark.exhaustive
@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=100)
def test_pieces_cut_out_or_put_in_twice_are_noticed(run_file, tmp_path_factory, first, second):
    whole, raw = npz.read(run_file), run_file.read_bytes()
    a, b = sorted(int(p * len(raw)) for p in (first, second))
    for damaged in (raw[:a] + raw[b:], raw[:b] + raw[a:]):
        if damaged != raw:
            check_damaged(tmp_path_factory.getbasetemp() / "damaged.npz", whole, damaged)


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda trainer, path: nd.Trainer.restore(path), id="Trainer.restore"),
        pytest.param(lambda trainer, path: nd.load_model(path), id="load_model"),
        pytest.param(lambda trainer, path: trainer.model.load_weights(path), id="load_weights"),
    ],
)
def test_no_part_of_a_damaged_file_is_used(tmp_path, use):
    saved, trainer = plain_trainer("adam", seed=2), plain_trainer("adam")
    path, before = saved.save(tmp_path / "a.npz"), bits(trainer)
    raw = bytearray(path.read_bytes())
    last = raw.rindex(b"\x93NUMPY")                           # the last array: everything before it is sound
    raw[last + 128] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"checkpoint .*a\.npz: damaged.*CRC"):
        use(trainer, path)
    assert bits(trainer) == before


# ── forgeries: sound archives with other contents ─────────────────────────────────────────────────────────────────────
def members_of(path):
    with np.load(path, allow_pickle=False) as members:
        return dict(members)


def edited_header(**changes):
    """A change of the header alone; a value of None takes the entry out."""

    def edit(members):
        header = {**json.loads(members["header"].tobytes()), **changes}
        text = json.dumps({name: value for name, value in header.items() if value is not None})
        return {**members, "header": np.frombuffer(text.encode(), np.uint8)}

    return edit


def swapped(members):
    kernel, bias = members["hidden1/kernel"], members["hidden1/bias"]
    return {**members, "hidden1/kernel": bias, "hidden1/bias": kernel}


def without(members, name):
    return {n: a for n, a in members.items() if n != name}


MISMATCH = "damaged: its checksum is not that of its contents"
HEADERLESS = "no checkpoint of npdeep: it has no header"
FORGERIES = {
    "swapped arrays": (swapped, MISMATCH),
    "a renamed array": (lambda m: {**without(m, "hidden1/bias"), "hidden2/bias": m["hidden1/bias"]}, MISMATCH),
    "a renamed array in its place": (lambda m: {**without(m, "hidden1/bias"), "hidden1/beta": m["hidden1/bias"]}, MISMATCH),
    "an added array": (lambda m: {**m, "more": np.zeros(1)}, MISMATCH),
    "an added empty array": (lambda m: {**m, "more": np.zeros(0)}, MISMATCH),
    "a missing array": (lambda m: without(m, "hidden1/bias"), MISMATCH),
    "another shape": (lambda m: {**m, "hidden1/kernel": m["hidden1/kernel"].reshape(3, 2)}, MISMATCH),
    "another dtype of the same bytes": (lambda m: {**m, "hidden1/kernel": m["hidden1/kernel"].view(np.int32)}, MISMATCH),
    "another byte order": (lambda m: {**m, "hidden1/kernel": m["hidden1/kernel"].astype(">f4")}, MISMATCH),
    "another number": (lambda m: {**m, "hidden1/bias": m["hidden1/bias"] + 1}, MISMATCH),
    "another content": (edited_header(content={"epoch": 4}), MISMATCH),
    "another checksum": (edited_header(checksum="0" * 64), MISMATCH),
    "no checksum": (edited_header(checksum=None), "damaged: its header is incomplete"),
    "no content": (edited_header(content=None), "damaged: its header is incomplete"),
    "a list for its content": (edited_header(content=[1]), "damaged: its header is incomplete"),
    "the next version": (edited_header(version=2), "has version 2 of the format, this npdeep reads version 1"),
    "a version before the first": (edited_header(version=0), "has version 0 of the format"),
    "a version in words": (edited_header(version="1"), "has version '1' of the format"),
    "no version": (edited_header(version=None), "has version None of the format"),
    "another format": (edited_header(format="pickle"), "no checkpoint of npdeep: its header does not say"),
    "no header": (lambda m: without(m, "header"), HEADERLESS),
    "an empty header": (lambda m: {**m, "header": np.zeros(0, np.uint8)}, "damaged: its header is not JSON"),
    "a header of zeros": (lambda m: {**m, "header": np.zeros(50)}, "damaged: its header is not JSON"),
    "a header that is a list": (lambda m: {**m, "header": np.frombuffer(b"[1, 2]", np.uint8)}, "header does not say"),
    "a header with a broken number": (lambda m: {**m, "header": np.frombuffer(b'{"a": 1e}', np.uint8)}, "is not JSON"),
    "a deep header": (lambda m: {**m, "header": np.frombuffer(b"[" * 10**5, np.uint8)}, "its header is nested 100000 deep"),
    "Latin-1": (lambda m: {**m, "header": np.frombuffer("{ü}".encode("latin-1"), np.uint8)}, "its header is not JSON"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_sound_archive_with_other_contents_is_refused(path, forgery):
    forge, message = FORGERIES[forgery]
    np.savez(path, **forge(members_of(path)))
    with pytest.raises(ValueError, match=message) as caught:
        npz.read(path)
    assert str(path) in str(caught.value)


def test_an_array_without_axes_is_not_taken_for_one_with_an_axis(tmp_path):
    path = npz.write(tmp_path / "a.npz", {}, {"a": np.array(2.0)})
    np.savez(path, **{**members_of(path), "a": np.array([2.0])})
    with pytest.raises(ValueError, match=MISMATCH):
        npz.read(path)


def test_packed_anew_and_compressed_it_is_the_same_checkpoint(path):
    np.savez_compressed(path, **dict(reversed(members_of(path).items())))
    assert same(npz.read(path), (CONTENT, ARRAYS))


def add_text(path):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "hello")


def add_twice(path):
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("hidden1/bias.npy", archive.read("hidden1/bias.npy"))


def pickled(path):
    path.write_bytes(pickle.dumps({"format": "npdeep checkpoint"}))


def bare_npy(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))


def zipped_text(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header", "{}")


FOREIGN = {
    "a text": (lambda path: path.write_text("hello"), "not a zip file"),
    "an empty file": (lambda path: path.write_bytes(b""), "not a zip file"),
    "an empty archive": (lambda path: zipfile.ZipFile(path, "w").close(), HEADERLESS),
    "an .npy file": (bare_npy, "not a zip file"),
    "a pickle": (pickled, "not a zip file"),
    "an .npz of somebody else's": (lambda path: np.savez(path, x=np.zeros(3)), HEADERLESS),
    "an archive of texts": (zipped_text, "member 'header' is not an array"),
    "a text put in": (add_text, "member 'readme.txt' is not an array"),
    "an array there twice": (add_twice, "member 'hidden1/bias.npy' is there twice"),
    "objects": (lambda path: np.savez(path, a=np.array([None])), "Object arrays cannot be loaded"),
    "the magic alone": (lambda path: path.write_bytes(b"PK\x03\x04"), "not a zip file"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_refused_and_named(path, kind):
    make, message = FOREIGN[kind]
    make(path)
    with pytest.raises(ValueError, match=message) as caught:
        npz.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "message"), [("none.npz", "no such file"), ("folder.npz", "is a folder")])
def test_what_is_no_file_is_named(tmp_path, name, message):
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(FileNotFoundError, match=rf"checkpoint .*{name}: {message}"):
        npz.read(tmp_path / name)


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_reading_runs_no_code_out_of_the_file(path):
    sprung = path.parent / "sprung"
    np.savez(path, **{**members_of(path), "trap": np.array([Trap(sprung)])})
    with pytest.raises(ValueError, match="Object arrays cannot be loaded when allow_pickle=False"):
        npz.read(path)
    assert not sprung.exists()
    with np.load(path, allow_pickle=True) as members:         # the trap works, where one lets it
        assert members["trap"] is not None
    assert sprung.exists()


def test_writing_and_reading_a_run_uses_no_pickle(run_file, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("pickle was used")

    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    nd.Trainer.restore(nd.Trainer.restore(run_file).save(tmp_path / "a.npz"))


# ── the checksum ──────────────────────────────────────────────────────────────────────────────────────────────────────
BASE = ({"a": 1, "b": [1.5, None]}, {"w": np.arange(4.0), "n": np.array(3)})


@pytest.mark.parametrize(
    ("content", "arrays"),
    [
        ({"a": 2}, {}),
        ({"b": [1.5, 0]}, {}),
        ({"c": None}, {}),
        ({}, {"w": np.arange(4.0).reshape(2, 2)}),
        ({}, {"w": np.arange(4.0).reshape(4, 1)}),
        ({}, {"w": np.arange(4.0, dtype=np.float32)}),
        ({}, {"w": np.arange(4.0).view(np.int64)}),
        ({}, {"n": np.array([3])}),
        ({}, {"w": np.arange(4.0) * -1.0}),
        ({}, {"w": np.array([-0.0, 1, 2, 3])}),
        ({}, {"v": np.zeros(0)}),
    ],
)
def test_the_checksum_covers_header_names_dtypes_shapes_and_bytes(content, arrays):
    changed = ({**BASE[0], **content}, {**BASE[1], **arrays})
    assert npz.checksum(*changed) != npz.checksum(*BASE)


def test_the_checksum_covers_names_that_keep_their_order():
    assert npz.checksum({}, {"a": np.ones(2)}) != npz.checksum({}, {"b": np.ones(2)})


def test_the_checksum_tells_where_one_array_ends_and_the_next_begins():
    first = {"a": np.array([1, 2], np.uint8), "b": np.array([3], np.uint8)}
    second = {"a": np.array([1], np.uint8), "b": np.array([2, 3], np.uint8)}
    assert npz.checksum({}, first) != npz.checksum({}, second)


def test_order_and_layout_leave_the_checksum_alone():
    grid = np.arange(12.0).reshape(3, 4)
    first = npz.checksum({"a": 1, "b": 2}, {"x": grid, "y": grid[0]})
    assert first == npz.checksum({"b": 2, "a": 1}, {"y": grid[0].copy(), "x": np.asfortranarray(grid)})


def test_a_buffer_in_memory_holds_what_the_file_does(path):
    buffer = io.BytesIO()
    npz.write_members(buffer, ARRAYS)
    assert same(({}, npz.read_members(buffer)), ({}, ARRAYS))


def test_a_folder_given_for_a_file_says_which_file_to_pass(tmp_path):
    (tmp_path / "d.npz").mkdir()
    with pytest.raises(FileNotFoundError, match=r"d\.npz: is a folder$"):
        nd.Trainer.restore(tmp_path / "d.npz")
    for count, name in enumerate(("b.npz", "a.npz", "c.txt")):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (count, count))
    with pytest.raises(ValueError, match=r"must end in \.npz, got .*; pass a file in it, the newest is a\.npz$"):
        nd.load_model(tmp_path)


def test_a_file_name_is_no_folder_for_checkpoints(tmp_path):
    with pytest.raises(ValueError, match=r"Checkpoint: folder must be a folder, .* got 'best\.npz'"):
        nd.callbacks.Checkpoint(tmp_path / "best.npz")
