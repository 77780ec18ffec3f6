"""Data: the packed digits, the full MNIST from files and mirrors, and toys."""

import contextlib
import gzip
import hashlib
import http.server
import importlib
import os
import socket
import sys
import tempfile
import threading

import numpy as np
import pytest

import npdeep as nd
from npdeep.datasets import pack_mnist_sample

download = importlib.import_module("npdeep.datasets.download")
module = importlib.import_module("npdeep.datasets.mnist")    # the function of this name hides it
NAMES = list(module.FILES)


# ── the packed sample ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_sample_has_the_first_5000_training_and_1000_test_digits(digits):
    (x_train, y_train), (x_test, y_test) = digits
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == ((5000, 784), (5000,), (1000, 784), (1000,))
    assert {x_train.dtype, x_test.dtype} == {np.dtype("float32")}
    assert {y_train.dtype, y_test.dtype} == {np.dtype("int64")}
    assert (x_train.min(), x_train.max(), x_test.min(), x_test.max()) == (0, 1, 0, 1)
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert set(y_train) == set(y_test) == set(range(10))


def test_each_call_gives_fresh_arrays():
    (x, _), _ = nd.datasets.mnist_sample()
    x[...] = 0
    assert nd.datasets.mnist_sample()[0][0].any()


# ── the full set, where it is at hand ─────────────────────────────────────────────────────────────────────────────────
def test_the_full_set_is_split_as_in_the_chapter(full_mnist, digits):
    (x, y), (x_validation, y_validation), (x_test, y_test) = full_mnist
    assert (x.shape, x_validation.shape, x_test.shape) == ((55_000, 784), (5000, 784), (10_000, 784))
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]      # of the 60,000, as published
    assert np.bincount(np.concatenate([y, y_validation])).tolist() == counts
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    (x_sample, y_sample), (x_sample_test, y_sample_test) = digits
    assert np.array_equal(x_validation, x_sample)
    assert np.array_equal(y_validation, y_sample)
    assert np.array_equal(x_test[:1000], x_sample_test)
    assert np.array_equal(y_test[:1000], y_sample_test)


def test_the_sample_can_be_packed_again(full_mnist, tmp_path):
    pack_mnist_sample.pack(os.environ["NPDEEP_DATA"], tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as again, np.load(module.SAMPLE) as packed:
        assert set(again) == set(packed)
        assert all(np.array_equal(again[name], packed[name]) for name in packed)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def idx(array):
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A set of 24 + 3 images that passes for MNIST: the bytes of its files by name. The cache is in tmp_path."""
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, shape, np.uint8) for shape in ((24, 28, 28), (24,), (3, 28, 28), (3,))]
    files = {name: idx(array) for name, array in zip(NAMES, arrays, strict=True)}
    known = {name: (a.shape, hashlib.sha256(idx(a)).hexdigest()) for name, a in zip(NAMES, arrays, strict=True)}
    monkeypatch.setattr(module, "FILES", known)
    monkeypatch.setattr(module, "MIRRORS", ())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NPDEEP_DATA", raising=False)
    return files


def write(folder, files, zipped):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(data) if zipped else data)
    return folder


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["folder", "environment", "cache"])
def test_files_are_found_gzipped_or_not_in_the_folder_the_environment_or_the_cache(tiny, tmp_path, monkeypatch, place, zipped):
    if place == "folder":
        splits = nd.datasets.mnist(str(write(tmp_path / "mine", tiny, zipped)))
    elif place == "environment":
        monkeypatch.setenv("NPDEEP_DATA", str(write(tmp_path / "theirs", tiny, zipped)))
        splits = nd.datasets.mnist()
    else:
        write(tmp_path / "cache" / "npdeep", tiny, zipped)
        splits = nd.datasets.mnist()
    pixels = np.frombuffer(tiny[NAMES[0]][16:], np.uint8).reshape(24, 784)
    labels = np.frombuffer(tiny[NAMES[1]][8:], np.uint8)
    (x, y), (x_validation, y_validation), (x_test, y_test) = splits
    assert (x.shape, x_test.shape, y_test.shape) == ((22, 784), (3, 784), (3,))
    np.testing.assert_allclose(np.concatenate([x_validation, x]), pixels / 255, rtol=1e-6)
    assert np.concatenate([y_validation, y]).tolist() == labels.tolist()


def test_a_folder_that_lacks_a_file_is_named_and_nothing_is_downloaded(tiny, tmp_path):
    folder = write(tmp_path / "mine", {name: tiny[name] for name in NAMES[:3]}, zipped=True)
    with pytest.raises(FileNotFoundError, match=rf"mnist: .*mine has neither {NAMES[3]} nor {NAMES[3]}\.gz; without `folder`"):
        nd.datasets.mnist(folder)
    with pytest.raises(TypeError, match="mnist: folder must be a string or a Path, got 3"):
        nd.datasets.mnist(3)


DAMAGES = {
    "cut off": lambda data: gzip.compress(data)[:-20],
    "flipped bit": lambda data: (lambda z: z[:40] + bytes([z[40] ^ 255]) + z[41:])(gzip.compress(data)),
    "flipped bits at the start": lambda data: gzip.compress(data)[:10] + b"\xff" * 50,
    "another image": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "a web page": lambda data: b"<html>not found</html>",
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_with_the_mend(tiny, tmp_path, damage):
    folder = write(tmp_path / "mine", tiny, zipped=False)
    (folder / NAMES[0]).write_bytes(DAMAGES[damage](tiny[NAMES[0]]))
    with pytest.raises(ValueError, match=rf"^mnist: .*{NAMES[0]} is (damaged|not MNIST's|not an IDX file).*; (copy|load)") as e:
        nd.datasets.mnist(folder)
    assert len(str(e.value)) < 300


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_in_the_cache_is_downloaded_once_it_is_renamed(tiny, server, monkeypatch, damage, tmp_path):
    monkeypatch.setattr(module, "MIRRORS", (f"{server}good/",))
    cached = write(tmp_path / "cache" / "npdeep", tiny, zipped=False) / NAMES[0]
    cached.write_bytes(DAMAGES[damage](tiny[NAMES[0]]))
    with pytest.raises(ValueError, match=rf"{NAMES[0]} is .*; rename it, and mnist\(\) downloads it again$"):
        nd.datasets.mnist()
    cached.rename(cached.with_suffix(".old"))
    assert nd.datasets.mnist()[0][0].shape == (22, 784)


# ── mirrors ───────────────────────────────────────────────────────────────────────────────────────────────────────────
LENGTHS = {"nonsense": "many", "negative": "-5", "huge": "9" * 5000, "empty": "", "too-long": "99999999", "signs": "²"}
"""What mirrors say about the length of what they send."""


def drip(write, over, first=b""):
    """A byte now and then, until the other side has gone, the test is over or 10 seconds have passed."""
    write(first)
    for _ in range(500):
        if over.wait(0.02):
            break
        write(b"x")


@pytest.fixture
def server(tiny, monkeypatch):
    """The address of a server with a good mirror and several bad ones, as folders."""
    zipped, over = {f"{name}.gz": gzip.compress(data) for name, data in tiny.items()}, threading.Event()

    class Mirrors(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(ConnectionError):
                self.answer(*self.path.split("/")[1:])

        def answer(self, mirror, name):
            data = zipped[name]
            if mirror == "missing":
                return self.send_error(404)
            if mirror == "rubbish":
                return self.wfile.write(b"good day\r\n\r\n")
            if mirror == "drips-in-its-header":
                return drip(self.wfile.write, over, b"HTTP/1.1 200 OK\r\nX: ")
            bodies = {"page": b"<html>", "broken": data[:10] + b"\xff" * 50, "other": gzip.compress(b"other")}
            bodies |= {"short": data[:-9], "bomb": gzip.compress(gzip.decompress(data) + bytes(3_000_000))}
            self.send_response(200)
            if mirror not in ("drips", "never-ends"):
                self.send_header("Content-Length", LENGTHS.get(mirror, str(len(data))))
            self.end_headers()
            if mirror == "drips":
                return drip(self.wfile.write, over, data[:100])
            while mirror == "never-ends" and not over.is_set():
                self.wfile.write(bytes(100_000))
            return self.wfile.write(bodies.get(mirror, data))

        def log_message(self, *args):
            pass

    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirrors) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        over.set()
        running.shutdown()
        thread.join()


def dead_address():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}/"


def test_missing_files_are_downloaded_once_into_the_cache_with_progress(tiny, server, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(module, "MIRRORS", (f"{server}good/",))
    splits = nd.datasets.mnist()
    assert splits[0][0].shape == (22, 784)
    assert sorted(path.name for path in (tmp_path / "cache" / "npdeep").iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    out, err = capsys.readouterr()
    assert out == ""
    assert all(f"{name}.gz" in err for name in NAMES)
    assert "100%" in err
    monkeypatch.setattr(module, "MIRRORS", ())
    assert np.array_equal(nd.datasets.mnist()[0][0], splits[0][0])


def test_progress_is_shown_in_plain_percentages_where_tqdm_is_missing(server, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(module, "MIRRORS", (f"{server}good/",))
    nd.datasets.mnist()
    err = capsys.readouterr().err
    assert f"{NAMES[0]}.gz: 100 %" in err
    assert err.endswith("\n")


BAD = ["dead", "missing", "rubbish", "page", "broken", "other", "short", "bomb", "never-ends"]
DRIPPING = ["drips", "drips-in-its-header"]


@pytest.mark.parametrize("first", [*BAD, *DRIPPING])
def test_the_next_mirror_is_asked_where_one_fails(server, monkeypatch, tmp_path, first):
    bad = dead_address() if first == "dead" else f"{server}{first}/"
    tries = []

    def fetch(url, *given, whole=download.fetch):
        tries.append(url)
        monkeypatch.setattr(download, "LONGEST", 0.3 if first in DRIPPING and url.startswith(bad) else 60.0)
        return whole(url, *given)

    monkeypatch.setattr(download, "fetch", fetch)
    monkeypatch.setattr(module, "MIRRORS", (bad, f"{server}good/"))
    assert nd.datasets.mnist()[2][0].shape == (3, 784)
    assert [url.startswith(bad) for url in tries] == [True, False] * 4
    assert sorted(path.name for path in (tmp_path / "cache" / "npdeep").iterdir()) == sorted(f"{name}.gz" for name in NAMES)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_nonsense_length_is_believed_by_nobody(server, monkeypatch, length):
    monkeypatch.setattr(module, "MIRRORS", (f"{server}{length}/",))
    assert nd.datasets.mnist()[2][0].shape == (3, 784)


@pytest.mark.parametrize("error", [ValueError("nonsense"), KeyError("x"), RuntimeError("x"), TimeoutError("timed out")])
def test_whatever_goes_wrong_in_a_request_the_next_mirror_is_asked(server, monkeypatch, error):
    import urllib.request

    def failing(url, whole=urllib.request.urlopen, **given):
        if "first" in url:
            raise error
        return whole(url, **given)

    monkeypatch.setattr(urllib.request, "urlopen", failing)
    monkeypatch.setattr(module, "MIRRORS", ("http://first/", f"{server}good/"))
    assert nd.datasets.mnist()[2][0].shape == (3, 784)


@pytest.mark.parametrize("bad", [*BAD, *DRIPPING])
def test_where_no_mirror_answers_the_error_says_what_to_do(tiny, server, monkeypatch, tmp_path, bad):
    monkeypatch.setattr(download, "LONGEST", 0.3 if bad in DRIPPING else 60.0)
    dead = dead_address()
    monkeypatch.setattr(module, "MIRRORS", (dead, dead if bad == "dead" else f"{server}{bad}/"))
    with pytest.raises(OSError, match=r"could not be downloaded .*mnist\(folder\), or set NPDEEP_DATA; or use mnist_s") as e:
        nd.datasets.mnist()
    assert all(address.split("/")[2] in str(e.value) for address in module.MIRRORS)
    assert len(str(e.value)) < 300
    said = {"never-ends": "sent more than 19,816 bytes", "missing": "HTTP Error 404"}
    said |= dict.fromkeys(DRIPPING, "took longer than 0.3 s")
    assert said.get(bad, "") in str(e.value)
    assert list((tmp_path / "cache" / "npdeep").iterdir()) == []


def test_a_full_disk_leaves_no_part_of_a_download(tiny, server, monkeypatch, tmp_path, small_disk):
    monkeypatch.setattr(module, "MIRRORS", (f"{server}good/",))
    with small_disk(), pytest.raises(OSError, match=r"^mnist: the cache .*npdeep cannot be written \(File too large\)\. Put"):
        nd.datasets.mnist()
    assert list((tmp_path / "cache" / "npdeep").iterdir()) == []


@pytest.mark.parametrize("place", ["a file", "a folder that is read", "no home"])
def test_a_cache_that_cannot_be_is_an_error_with_the_same_advice_before_anything_is_fetched(tiny, monkeypatch, tmp_path, place):
    def refuse(error):
        raise error

    (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr(module, "MIRRORS", ("http://nowhere.invalid/",))
    monkeypatch.setattr(download, "fetch", lambda *given: pytest.fail("it was fetched"))
    if place == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(module.Path, "home", lambda: refuse(RuntimeError("no home")))
    elif place == "a folder that is read":
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **given: refuse(PermissionError(13, "Permission denied")))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "read"))
    with pytest.raises(OSError, match=r"^mnist: .*cache.*\. Put the four files .* mnist\(folder\), or set NPDEEP_DATA"):
        nd.datasets.mnist()
    assert (tmp_path / "cache").read_text() == "a file"
    monkeypatch.setenv("NPDEEP_DATA", str(write(tmp_path / "mine", tiny, zipped=True)))    # the cure
    assert nd.datasets.mnist()[2][0].shape == (3, 784)


# ── toys ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
TOYS = {"spirals": nd.datasets.spirals, "moons": nd.datasets.moons, "xor": nd.datasets.xor}


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_toys_come_in_rows_of_two_with_classes_dealt_out_evenly(toy, n):
    x, y = TOYS[toy](n, seed=0)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((n, 2), np.float32, (n,), np.int64)
    counts = np.bincount(y, minlength=2)
    assert counts.max() - counts.min() <= (2 if toy == "xor" else 1)
    assert np.isfinite(x).all()


@pytest.mark.parametrize("toy", TOYS)
def test_toys_are_the_same_for_the_same_seed(toy):
    make = TOYS[toy]
    assert np.array_equal(make(50, seed=3)[0], make(50, seed=3)[0])
    assert not np.array_equal(make(50, seed=3)[0], make(50, seed=4)[0])
    assert not np.array_equal(make(50)[0], make(50)[0])


def test_without_noise_toys_lie_on_their_curves():
    x, y = nd.datasets.spirals(200, classes=4, noise=0, turns=1.5, seed=0)
    radius = np.hypot(*x.T)
    turned = np.exp(1j * 2 * np.pi * (1.5 * radius + y / 4)) * radius
    np.testing.assert_allclose(x[:, 0] + 1j * x[:, 1], turned, atol=1e-5)
    assert radius.max() <= 1 + 1e-6
    x, y = nd.datasets.moons(200, noise=0, seed=0)
    centres = np.where(y[:, None] == 0, [0, 0], [1, 0.5])
    np.testing.assert_allclose(np.hypot(*(x - centres).T), 1, atol=1e-6)
    assert (((x - centres)[:, 1] >= -1e-6) == (y == 0)).all()
    x, y = nd.datasets.xor(200, noise=0, seed=0)
    assert (np.abs(x) == 1).all()
    assert ((x[:, 0] != x[:, 1]) == y).all()


@pytest.mark.parametrize("toy", TOYS)
def test_noise_spreads_toys_as_much_as_it_says(toy):
    spread, _ = TOYS[toy](20_000, noise=0.05, seed=0)
    exact, y = TOYS[toy](20_000, noise=0, seed=0)
    error = spread - exact
    if toy == "spirals":                      # there it is the angle that is shaken
        error = np.angle((spread @ [1, 1j]) / (exact @ [1, 1j]))
    assert error.std() == pytest.approx(0.05, rel=4 / np.sqrt(2 * error.size))
    assert set(y) == set(range(3 if toy == "spirals" else 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nd.datasets.spirals(0), "spirals: n must be an integer of at least 1, got 0"),
        (lambda: nd.datasets.spirals(classes=1), "spirals: classes must be an integer of at least 2, got 1"),
        (lambda: nd.datasets.spirals(turns=0), "spirals: turns must be a number above 0, got 0"),
        (lambda: nd.datasets.moons(noise=-1), "moons: noise must be a number of at least 0 and of at most 1e\\+30, got -1"),
        (lambda: nd.datasets.moons(2.5), "moons: n must be an integer of at least 1, got 2.5"),
        (lambda: nd.datasets.xor(noise="a"), "xor: noise must be a number of at least 0 .*, got the string 'a'"),
        (lambda: nd.datasets.xor(seed="a"), "xor: seed must be an integer of at least 0 or None, got 'a'"),
    ],
)
def test_toys_check_their_arguments(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_spirals_can_be_learnt_by_a_deep_network_and_not_by_a_straight_line():
    x, y = nd.datasets.spirals(300, noise=0.05, seed=0)

    def accuracy(*layers):
        model = nd.Sequential([*layers, nd.Dense(3)], 2, seed=0)
        trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(0.01), metrics=["accuracy"])
        trainer.fit(x, y, epochs=100, verbose=False)
        return trainer.evaluate(x, y)["accuracy"]

    hidden = {"kernel_initializer": "he_normal"}
    assert accuracy(nd.Dense(32, **hidden), nd.Activation("relu"), nd.Dense(32, **hidden), nd.Activation("relu")) > 0.95
    assert accuracy() < 0.7
