"""IDX files of every type, whole, damaged and hostile; and sets of images in MNIST's format."""

import gzip
import struct

import numpy as np
import pytest
from attacks import fuzz_idx
from attacks.fuzz_idx import NAMES, SHAPES, packed

import npdeep as nd
from npdeep.command_line import runs
from npdeep.command_line.main import main
from npdeep.datasets import idx_files

TYPES = {8: np.uint8, 9: np.int8, 11: np.int16, 12: np.int32, 13: np.float32, 14: np.float64}
LABELS = packed(8, (3,), b"abc")


def written(tmp_path, data, zipped=False):
    path = tmp_path / "numbers.idx"
    path.write_bytes(gzip.compress(data) if zipped else data)
    return path


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 2), (2, 3, 4), (1,) * 64])
@pytest.mark.parametrize("code", TYPES)
def test_arrays_of_every_type_come_back_native_and_writable(tmp_path, code, shape, zipped):
    kind = np.dtype(TYPES[code])
    limits = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    array = np.resize(np.array([limits.min, limits.max, 0, 1, 2, 3], kind), shape)
    found = nd.datasets.idx(written(tmp_path, packed(code, shape, array.astype(kind.newbyteorder(">")).tobytes()), zipped))
    assert (found.dtype, found.shape) == (kind, shape)
    assert found.dtype.isnative
    assert found.tobytes() == array.tobytes()
    found[...] = 1


def test_floats_that_are_no_numbers_come_back_too(tmp_path):
    path = written(tmp_path, packed(14, (3,), struct.pack(">3d", np.nan, np.inf, -0.0)))
    assert nd.datasets.idx(str(path)).tobytes() == np.array([np.nan, np.inf, -0.0]).tobytes()


FAULTS = {
    "empty": (b"", r"is not an IDX file: it begins with b''"),
    "three bytes": (b"\0\0\x08", "is not an IDX file"),
    "a web page": (b"<html>", "is not an IDX file: it begins with b'<htm', not with two zeros, a type and a number of "),
    "labels without a header": (bytes([5, 0, 4, 1, 9, 2]), "is not an IDX file"),
    "wrong type": (b"\0\0\x07\1" + bytes(4), r"has numbers of type 0x07, IDX knows 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e"),
    "no dimension": (b"\0\0\x08\0" + b"a", "has 0 dimensions, of which 1 to 64"),
    "65 dimensions": (packed(8, (1,) * 65, b"a"), "has 65 dimensions"),
    "sizes cut off": (LABELS[:6], "ends within its header, 2 bytes into the sizes of its 1 dimensions"),
    "dimension 0": (packed(8, (3, 0), b""), "holds no numbers: dimension 2 of 2 is 0"),
    "one number short": (LABELS[:-1], r"announces 3 numbers \(uint8\), but has 2 bytes after its header"),
    "half a number short": (packed(11, (2,), b"abc"), r"announces 2 numbers \(int16\), but has 3 bytes after its header"),
    "one byte more": (LABELS + b"d", r"announces 3 numbers \(uint8\), but has 4 bytes after its header"),
    "product beyond 64 bits": (packed(14, (2**32 - 1,) * 3, b"a"), "announces 4294967295 × 4294967295 × 4294967295 numbers"),
    "product 0 in 64 bits": (packed(8, (2**32 - 1, 2**16, 2**16, 2**16), b""), "announces .*, but has 0 bytes after it"),
}
GZIPPED = {
    "one number short": (gzip.compress(LABELS[:-1]), r"announces 3 numbers \(uint8\), but ends after 2 bytes of them"),
    "one byte more": (gzip.compress(LABELS + b"d"), r"announces 3 numbers \(uint8\), but has more bytes after them"),
    "too much announced": (gzip.compress(packed(8, (10**6,), b"")), "announces 1000000 .*, which do not fit into 28 bytes, gz"),
    "cut off": (gzip.compress(LABELS)[:-9], "is damaged: its end is missing"),
    "checksum cut off": (gzip.compress(LABELS)[:-8], "is damaged: its end is missing"),
    "wrong checksum": (gzip.compress(LABELS)[:-8] + bytes(8), "is damaged: .*incorrect data check"),
    "flipped bits": (gzip.compress(LABELS)[:10] + b"\xff" * 50, "is damaged: .*invalid block type"),
    "nothing else": (b"\x1f\x8b", "is damaged: its end is missing"),
    "something after it": (gzip.compress(LABELS) + b"x", "is damaged: something else follows its end"),
    "gzipped twice": (gzip.compress(gzip.compress(LABELS)), r"is not an IDX file: it begins with b'\\x1f\\x8b"),
}


@pytest.mark.parametrize(("data", "fault"), [*FAULTS.values(), *GZIPPED.values()], ids=[*FAULTS, *(f"gz {k}" for k in GZIPPED)])
def test_a_fault_is_named_with_the_file_and_the_cure(tmp_path, data, fault):
    with pytest.raises(ValueError, match=rf"^idx: .*numbers\.idx {fault}.*; copy or download it again$") as refused:
        nd.datasets.idx(written(tmp_path, data))
    assert len(str(refused.value)) < 300


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^idx: .*missing is not a file$"):
        nd.datasets.idx(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=rf"^idx: {tmp_path} is a folder$"):
        nd.datasets.idx(tmp_path)
    with pytest.raises(TypeError, match=r"^idx: path must be a string or a Path, got 3$"):
        nd.datasets.idx(3)


def test_no_more_is_read_than_the_header_announces(tmp_path, monkeypatch):
    """A file of 10 KB that grows to 10 MB, of which 3 bytes are wanted."""
    asked = []
    whole = idx_files.Unzipped.read
    monkeypatch.setattr(idx_files.Unzipped, "read", lambda stream, n: asked.append(n) or whole(stream, n))
    with pytest.raises(ValueError, match="more bytes after them"):
        nd.datasets.idx(written(tmp_path, LABELS + bytes(10_000_000), zipped=True))
    assert sum(asked) == len(LABELS) + 1


def test_more_than_memory_holds_is_an_error_with_the_files_name(tmp_path, monkeypatch):
    def full(*args):
        raise MemoryError

    monkeypatch.setattr(idx_files, "read_at_most", full)
    with pytest.raises(ValueError, match=r"^idx: .*numbers\.idx holds more than fits into memory$"):
        nd.datasets.idx(written(tmp_path, LABELS))


def test_a_gzip_bomb_is_refused_and_read_where_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(idx_files, "LARGE", 1 << 17)
    data = packed(8, (2**18,), bytes(2**18))
    with pytest.raises(ValueError, match=r"announces 262144 numbers \(uint8\) in \d+ bytes: a gzip bomb\? .*: gunzip$"):
        nd.datasets.idx(written(tmp_path, data, zipped=True))
    assert nd.datasets.idx(written(tmp_path, data)).shape == (2**18,)    # the cure
    rng = np.random.default_rng(0)
    data = packed(8, (2**18,), rng.integers(0, 2, 2**18, np.uint8).tobytes())
    assert nd.datasets.idx(written(tmp_path, data, zipped=True)).sum() > 10**5


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [0, 1])
def test_damaged_and_hostile_files_through_every_reader(monkeypatch, seed):
    """The long form, with 10,000 files and bombs of 300 MB, is run by hand: python tests/attacks/fuzz_idx.py"""
    monkeypatch.setattr(fuzz_idx, "SECONDS", float("inf"))    # no verdict depends on time
    monkeypatch.setattr(fuzz_idx, "BOMB", 3_000_000)
    outcomes = fuzz_idx.run(150, seed, with_bombs=seed == 0).outcomes
    readers = ["idx", "mnist", "mnist, check=False"]
    assert all(outcomes[reader, outcome] for reader in readers for outcome in ("right numbers", "refused"))


# ── sets of images of one's own ───────────────────────────────────────────────────────────────────────────────────────
def own_set(folder, **changed):
    """Four files in MNIST's format, some of them changed."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 10, shape, np.uint8) for name, shape in SHAPES.items()}
    for place, array in enumerate(arrays.values()):
        content = changed.get(f"f{place}", array)
        code = {np.dtype(kind): code for code, kind in TYPES.items()}[content.dtype]
        data = packed(code, content.shape, content.astype(content.dtype.newbyteorder(">")).tobytes())
        (folder / NAMES[place]).write_bytes(data)
    return [changed.get(f"f{place}", array) for place, array in enumerate(arrays.values())]


def test_files_of_ones_own_are_refused_as_mnist_and_load_by_the_cure(tmp_path):
    x, y, x_test, y_test = own_set(tmp_path)
    with pytest.raises(ValueError, match=r"^mnist: .*train-images-idx3-ubyte is not MNIST's: it holds 30 × 4 × 4 ") as refused:
        nd.datasets.mnist(tmp_path)
    message = str(refused.value)
    assert message.endswith("load other data with mnist(folder, check=False), or one file with nd.datasets.idx(path)")
    assert "delete" not in message
    assert len(message) < 300
    splits = nd.datasets.mnist(tmp_path, check=False)
    assert [a.shape for split in splits for a in split] == [(28, 16), (28,), (2, 16), (2,), (6, 16), (6,)]
    np.testing.assert_array_equal(np.concatenate([splits[1][0], splits[0][0]]), (x.reshape(30, 16) / 255).astype(np.float32))
    np.testing.assert_array_equal(np.concatenate([splits[1][1], splits[0][1]]), y)
    np.testing.assert_array_equal(nd.datasets.mnist(tmp_path, "uint8", check=False)[2][0], x_test.reshape(6, 16))
    np.testing.assert_array_equal(splits[2][1], y_test)
    np.testing.assert_array_equal(nd.datasets.idx(tmp_path / NAMES[0]), x)


def test_fashion_mnist_has_the_shape_of_mnist_and_is_refused_by_its_sha256(tmp_path):
    rng = np.random.default_rng(0)
    own_set(tmp_path, f0=rng.integers(0, 256, (60_000, 28, 28), np.uint8), f1=rng.integers(0, 10, 60_000, np.uint8),
            f2=rng.integers(0, 256, (10_000, 28, 28), np.uint8), f3=rng.integers(0, 10, 10_000, np.uint8))  # fmt: skip
    with pytest.raises(ValueError, match=r"is not MNIST's: the shape is right, but its sha256 differs; load other data with"):
        nd.datasets.mnist(tmp_path)
    splits = nd.datasets.mnist(tmp_path, "uint8", check=False)
    assert [len(x) for x, _ in splits] == [55_000, 5_000, 10_000]


@pytest.mark.parametrize(
    ("command", "code"),
    {"train --layers 3 --epochs 1 --folder run": 0, "train --resume run --epochs 1": 0, "evaluate run/trainer.npz": 0,
     "diagnose run/trainer.npz": None, "walk --layers 3 --html step.html": 0, "bench run/trainer.npz --repeats 1": 0,
     "unroll run/trainer.npz": 0}.items(),
)  # fmt: skip
def test_every_command_takes_images_of_ones_own(shoes, capsys, monkeypatch, command, code):
    monkeypatch.chdir(shoes)
    monkeypatch.setattr(runs, "write", lambda trainer, folder: [])
    data = [] if "--resume" in command else ["--data", "shoes"]
    if data:
        assert main([*command.split(), *data]) == 2
        assert "take other images with --no-check" in " ".join(capsys.readouterr().err.split())
        data.append("--no-check")
    assert main([*command.split(), *data]) in ([0, 1] if code is None else [code])


@pytest.fixture(scope="module")
def shoes(tmp_path_factory):
    """A folder with a folder of images in it that are not MNIST's."""
    place = tmp_path_factory.mktemp("own")
    (place / "shoes").mkdir()
    own_set(place / "shoes", f0=np.ones((300, 28, 28), np.uint8), f1=np.arange(300, dtype=np.uint8) % 10,
            f2=np.ones((20, 28, 28), np.uint8), f3=np.zeros(20, np.uint8))  # fmt: skip
    return place


def test_no_check_wants_a_folder(capsys):
    assert main(["train", "--no-check"]) == 2
    assert "--no-check is for a folder with other images: name it in place of --data sample" in capsys.readouterr().err


UNFIT = {
    "labels for images": ({"f0": np.ones(30, np.uint8)}, r"train-images-\S* holds 30 numbers \(uint8\), not images, which are"),
    "images for labels": ({"f1": np.ones((30, 4, 4), np.uint8)}, r"train-labels-\S* holds 30 × 4 × 4 .*, not labels, which a"),
    "floats for pixels": ({"f2": np.ones((6, 4, 4))}, r"t10k-images-\S* holds 6 × 4 × 4 numbers \(float64\), not images"),
    "wide labels": ({"f3": np.ones(6, np.int32)}, r"t10k-labels-\S* holds 6 numbers \(int32\), not labels"),
    "a header among the labels": ({"f1": np.ones(38, np.uint8)}, "holds 30 images, train-labels-idx1-ubyte 38 labels; each"),
    "a label short": ({"f3": np.ones(5, np.uint8)}, "t10k-images-idx3-ubyte holds 6 images, t10k-labels-idx1-ubyte 5 labels"),
    "two sizes": ({"f2": np.ones((6, 4, 5), np.uint8)}, r"images must have one size, got \(4, 4\) in training and \(4, 5\) in"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_files_that_do_not_belong_together_are_refused_without_check_too(tmp_path, case):
    changed, message = UNFIT[case]
    own_set(tmp_path, **changed)
    with pytest.raises(ValueError, match=f"^mnist: .*{message}"):
        nd.datasets.mnist(tmp_path, check=False)
    nd.datasets.idx(tmp_path / NAMES[0])      # the cure: this one reads anything


def test_check_must_be_true_or_false(tmp_path):
    with pytest.raises(TypeError, match=r"^mnist: check must be True or False, got the string 'no'"):
        nd.datasets.mnist(tmp_path, check="no")
