"""Damaged and hostile checkpoints through every reader: python tests/attacks/fuzz_files.py [--damaged 10000] [--headers 5000]

A reader gives the right numbers, or a ValueError or OSError that names file and fault in under 300 characters; it takes at most
2 seconds of the processor, and at most four times as much memory as the honest file does. Damaged files are byte flips, cuts,
overwritten stretches, other zip structures and other .npy headers; what is read in spite of them must be the honest contents.
Hostile headers have a valid checksum: every field takes hostile values, is left out, or gets company. What is read in spite of
that must predict, train on and be saved like any other. tests/test_attacks.py runs a short form.
"""

import argparse
import collections
import contextlib
import copy
import functools
import hashlib
import io
import json
import struct
import sys
import tempfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import npdeep as nd
from npdeep import callbacks
from npdeep.command_line import main
from npdeep.files import npz

SECONDS, TIMES, LONGEST = 2.0, 4, 300
FLOOR = 1 << 20
"""Bytes: beneath it buffers count for more than contents."""

WIDTH, CLASSES = 6, 3
X = np.random.default_rng(0).standard_normal((40, WIDTH), dtype=np.float32)
Y = X[:, :CLASSES].argmax(axis=1)


# ── honest files ──────────────────────────────────────────────────────────────────────────────────────────────────────
def network():
    """A layer of every kind that keeps something, and layers within layers within layers."""
    branches = [[nd.Dense(4), nd.PReLU()], nd.Residual([nd.Dense(4), nd.GLU()], projection=True, name="inner")]
    layers = [
        nd.Dense(8, kernel_regularizer="l1", kernel_initializer=nd.initializers.VarianceScaling(2.0), name="hidden"),
        *(nd.BatchNormalization(), nd.Activation("leaky_relu", negative_slope=0.2), nd.Dropout(0.2), nd.Maxout(6, pieces=3)),
        nd.Residual([nd.Dense(6), nd.Parallel(branches, split=(4, 2)), nd.LayerNormalization()], name="block"),
        nd.Parallel([[nd.RReLU(), nd.Dense(3)], [nd.GaussianNoise(0.1), nd.Dense(3)]], merge="add"),
        nd.Dense(CLASSES, kernel_constraint=nd.constraints.MaxNorm(2.0), name="outputs"),
    ]
    return nd.Sequential(layers, WIDTH, seed=1, name="honest")


def for_digits():
    """A network that commands which read digits can use."""
    return nd.Sequential([nd.Dense(4, name="hidden"), nd.Activation("elu"), nd.Dense(10)], 784, seed=2)


def watchers(folder):
    """Every callback that keeps something."""
    return [
        callbacks.EarlyStopping("val_loss", patience=99),
        callbacks.ReduceLROnPlateau("val_accuracy", patience=99),
        *(callbacks.RecordGradients(2), callbacks.RecordUpdates(2), callbacks.RecordLayers(X[:5], Y[:5], every=3, bins=4)),
        *(callbacks.CSVLogger(folder / "history.csv"), callbacks.Checkpoint(folder / "kept", keep=2)),
    ]


def honest(folder):
    """Files by name: of a run saved in the middle of an epoch, one that has ended, one for digits, and a model alone."""
    schedule = nd.schedules.Warmup(nd.schedules.PowerDecay(0.05, 10), 3)
    runs = {
        "adam.npz": (nd.optimizers.Adam(0.01), watchers(folder)),
        "nadam.npz": (nd.optimizers.Nadam(schedule), []),
    }
    for name, (optimizer, watching) in runs.items():
        model = network()
        trainer = nd.Trainer(model, "softmax_cross_entropy", optimizer, "clip_by_global_norm", ["accuracy", "f1"])
        save = callbacks.LambdaCallback(on_step_end=lambda t, n=name: t.save(folder / n) if t.iteration == 8 else None)
        trainer.fit(X, Y, epochs=2, batch_size=8, validation_data=(X, Y), callbacks=[*watching, save], verbose=False)
    trainer.save(folder / "nadam.npz")        # after its end: it can be unrolled
    network().save(folder / "model.npz")
    nd.Trainer(for_digits(), "softmax_cross_entropy", "sgd", metrics=["accuracy"]).save(folder / "digits.npz")
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.npz"))}


# ── damage ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def flipped(rng, raw):
    """Bits in a few bytes."""
    result = bytearray(raw)
    for place in rng.integers(0, len(raw), rng.integers(1, 5)):
        result[place] ^= int(rng.integers(1, 256))
    return bytes(result)


def cut(rng, raw):
    """Without its end, or without its beginning, or without a piece."""
    a, b = sorted(rng.integers(0, len(raw), 2).tolist())
    return [raw[:a], raw[b:], raw[:a] + raw[b:]][rng.integers(3)]


def overwritten(rng, raw):
    """A stretch of other bytes, or of its own from another place."""
    result, a, b, n = bytearray(raw), *rng.integers(0, len(raw), 2).tolist(), int(rng.integers(1, 400))
    result[a : a + n] = rng.bytes(n) if rng.random() < 0.5 else raw[b : b + n]
    return bytes(result)


def zip_fields(rng, raw):
    """Numbers in the headers of the archive: sizes, methods, offsets, flags, how many there are."""
    result = bytearray(raw)
    marks = [i for mark in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06") for i in places(raw, mark)]
    for _ in range(rng.integers(1, 4)):
        start = marks[rng.integers(len(marks))] + int(rng.integers(4, 46))
        values = [0, 1, 8, 12, 14, 99, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF, 1 << 30, int(rng.integers(1 << 32))]
        value = values[rng.integers(len(values))]
        piece = struct.pack("<I", value) if rng.random() < 0.5 else struct.pack("<H", value & 0xFFFF)
        result[start : start + len(piece)] = piece
    return bytes(result[: len(raw)])


def places(raw, mark):
    """Where the mark is."""
    found, start = [], raw.find(mark)
    while start >= 0:
        found.append(start)
        start = raw.find(mark, start + 1)
    return found


def members(raw):
    """The .npy files in an archive, by name."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def packed(files, method=zipfile.ZIP_STORED):
    """An archive of (name, bytes)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, contextlib.suppress(UserWarning):
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def restructured(rng, raw):
    """A sound archive with other members: left out, renamed, swapped, in other packings, with bombs."""
    files = list(members(raw).items())
    i, j = rng.integers(0, len(files), 2).tolist()
    (name, content), other = files[i], files[j]
    methods = [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED]
    bomb = npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({BOMB},), }}") + bytes(BOMB)
    choice = rng.integers(8 if rng.random() < 0.97 else 10)
    if choice == 0:
        files.pop(i)
    elif choice == 1:
        files[i] = (["header", "../x.npy", "/x.npy", "x", "\u202e.npy", "a" * 3000 + ".npy", ".npy"][rng.integers(7)], content)
    elif choice == 2:
        files[i], files[j] = (name, other[1]), (other[0], content)
    elif choice == 3:
        files.append((f"extra/{i}.npy", content))
    elif choice == 4:
        files[i] = (name, content[: int(rng.integers(len(content)))])
    elif choice == 5:
        files[i] = (name, content + rng.bytes(100))
    elif choice in (6, 7):
        pass
    else:
        return packed([*files, (["bomb/x.npy", name][choice - 8], bomb)] if choice == 8 else [(name, bomb)], methods[0])
    return packed(files, methods[rng.integers(4)])


BOMB = 200_000_000


def npy(header):
    """The beginning of an .npy file."""
    text = header.encode("latin-1", "replace")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) & 0xFFFF) + text


DESCRIPTIONS = [
    *("<f4", "<f8", ">f4", "<c8", "|O", "<M8[s]", "<U5", "|S0", "<U0", "|V0", "|b1", "<f2", "x", "", "<f4,<f4"),
    "|S1000000000",
]
SHAPES = [
    *("(2,)", "()", "(10**9,)", "(1000000000000,)", "(0, 1000000000000)", "(-1,)", "(2.5,)", "[2]", "None"),
    "(" * 300 + ")" * 300,
]


def npy_headers(rng, raw):
    """A sound archive, one of whose arrays says something else about itself."""
    files = list(members(raw).items())
    i = int(rng.integers(len(files)))
    name, content = files[i]
    shape = SHAPES[rng.integers(len(SHAPES))]
    description = repr(DESCRIPTIONS[rng.integers(len(DESCRIPTIONS))]) if rng.random() < 0.8 else "[('a', '<f4', (1000000,))]"
    order = ["False", "True", "0", "'x'"][rng.integers(4)]
    if rng.random() < 0.3:
        start = npy("{'descr': '<f4', 'shape': (2,), }")
    else:
        start = npy(f"{{'descr': {description}, 'fortran_order': {order}, 'shape': {shape}, }}")
    files[i] = (name, start + content[128:])
    return packed(files, zipfile.ZIP_STORED if rng.random() < 0.7 else zipfile.ZIP_DEFLATED)


DAMAGE = [flipped, cut, overwritten, zip_fields, restructured, npy_headers]


# ── hostile headers ───────────────────────────────────────────────────────────────────────────────────────────────────
RUN = "open('ran', 'w').close()"
VALUES = [
    *(None, True, False, -1, 0, 1, 2, 7, 2**31, 10**8, 10**12, 2**63, 10**400, -(10**400), 0.5, -0.0, 1e308, -1e308, 5e-324),
    *({"float": "nan"}, {"float": "inf"}, {"float": "-inf"}, {"float": "x"}, {"float": 1}),
    *({"mapping": [[1, 2]]}, {"mapping": 3}),
    *("", "x", "x" * 10_000, "0", "nan", "None", "1e5", RUN, f'"""\n{RUN}\n"""', f"'''; {RUN}", "\\", "C:\\new\\x"),
    *("../x", "/etc/passwd", "update-00000001.npz", "a/b", "a\0", "\x1b[31mred", "\u202eman", "\u2028", "\ud800", "q\u0301"),
    *([], [[]], [0], [None], ["x"], [0] * 10_000, [1, [2, [3]]], {}, {"a": 1}, {"": {}}, {"\x1b": 1}),
    {"class": "layers.Dense", "arguments": {"units": 10**12}},
    {"class": "layers.Maxout", "arguments": {"units": 1, "pieces": 10**10}},
    {"class": "own.Mine", "arguments": {}},
    {"class": "os.system", "arguments": {"command": "touch ran"}},
    {"class": "schedules.Constant", "arguments": {"value": -1}},
    {"class": "schedules.ExponentialDecay", "arguments": {"initial": 0.1, "decay_steps": 10, "decay_rate": 0.5}},
    {"class": "initializers.Constant"},
    *({"array in this file": name} for name in ("hidden/kernel", "nothing", 3)),
    {"bit_generator": "PCG64", "state": {"state": 1, "inc": 2}, "has_uint32": 0, "uinteger": 0},
]
VALUES += [json.loads("[" * n + "]" * n) for n in (30, 61, 62, 70, 200, 900)]
nested = {"class": "schedules.Constant", "arguments": {"value": 0.1}}
for _ in range(450):
    nested = {"class": "schedules.Warmup", "arguments": {"then": nested, "warmup_steps": 3}}
VALUES.append(nested)
LEFT_OUT, COMPANY = object(), object()


def paths(value, path=()):
    """The places of all fields, of a list the first two."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*path, key))


def changed(content, path, value):
    """A copy with another value at this place."""
    result = copy.deepcopy(content)
    target = result
    for key in path[:-1]:
        target = target[key]
    if value is COMPANY:
        there = target[path[-1]]
        if isinstance(there, dict):
            there["unknown"] = 1
        elif isinstance(there, list):
            there.append(copy.deepcopy(there[0]) if there else "x")
        else:
            target[path[-1]] = [there]
    elif value is LEFT_OUT:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return result


@functools.cache
def arrays_of(raw):
    """All arrays of a file, the header too."""
    with np.load(io.BytesIO(raw)) as stored:
        return dict(stored)


def forged(raw, content):
    """The file with another header and a checksum that belongs to it, and the checksum's own text where there can be none."""
    arrays = dict(arrays_of(raw))
    header = json.loads(arrays.pop("header").tobytes())
    try:
        checksum = npz.digest(content, arrays)
    except (UnicodeEncodeError, RecursionError):
        checksum = hashlib.sha256(b"").hexdigest()
    text = json.dumps({**header, "content": content, "checksum": checksum}).encode()
    file = io.BytesIO()
    npz.write_members(file, {"header": np.frombuffer(text, np.uint8), **arrays})
    return file.getvalue()


def hostile(rng, files, count):
    """(what, file's name, bytes): every field in turn, and of the values as many as there is room for."""
    names = list(files)
    contents = {name: json.loads(members(raw)["header.npy"].partition(b"\n")[2]) for name, raw in files.items()}
    fields = [(name, path) for name in names for path in paths(contents[name]["content"]) if path]
    for i in range(count):
        name, path = fields[i % len(fields)] if i < len(fields) else fields[rng.integers(len(fields))]
        value = [*VALUES, LEFT_OUT, COMPANY][rng.integers(len(VALUES) + 2)]
        shown = {id(LEFT_OUT): "left out", id(COMPANY): "with company"}.get(id(value)) or ascii(value)[:60]
        content = changed(contents[name]["content"], path, value)
        yield f"{'.'.join(map(str, path))} = {shown}", name, forged(files[name], content)


# ── readers ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def load_weights(path):
    """Into a network of the honest file's kind."""
    model = for_digits() if "digits" in path.name else network()
    model.load_weights(path)
    return model


def command(*arguments):
    """A command in this process: its error is raised."""

    def run(path):
        target = path.with_name("step.py")
        for file in (target, target.with_suffix(".npz")):
            file.unlink(missing_ok=True)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.main([str(path) if a == "FILE" else str(target) if a == "TO" else a for a in arguments])
        assert all(line.isprintable() for line in (out.getvalue() + err.getvalue()).split("\n")), "raw on the terminal"
        if code == 2:                          # long lines are folded
            raise ValueError(err.getvalue().rstrip("\n").replace("\n  ", " "))
        assert code == 0, f"exit code {code}"
        if arguments[0] == "unroll":
            compile(target.read_bytes(), str(target), "exec")

    return run


READERS = {
    "load_model": nd.load_model,
    "load_weights": load_weights,
    "Trainer.restore": nd.Trainer.restore,
    "npdeep summary": command("summary", "FILE"),
    "npdeep unroll": command("unroll", "FILE", "--to", "TO", "--data", "none"),
}
SLOWER = {
    "npdeep evaluate": command("evaluate", "FILE"),
    "npdeep diagnose": command("diagnose", "FILE"),
    "npdeep walk": command("walk", "--file", "FILE", "--html", "TO"),
    "npdeep bench": command("bench", "FILE"),
}
"""They read digits as well, which takes its time: every 50th file goes through them."""


def measured(reader, path):
    """(what came, or the error; seconds of the processor; peak of memory)."""
    tracemalloc.reset_peak()
    before, started = tracemalloc.get_traced_memory()[0], time.process_time()
    try:
        result = reader(path)
    except BaseException as error:
        result = error
    return result, time.process_time() - started, tracemalloc.get_traced_memory()[1] - before


def untraced(reader, path):
    """Seconds of the processor alone: whoever writes down every piece of memory takes several times as long."""
    tracemalloc.stop()
    started = time.process_time()
    with contextlib.suppress(Exception):
        reader(path)
    seconds = time.process_time() - started
    tracemalloc.start()
    return seconds


def bits(result):
    """What was read, to the bit."""
    model = result.model if isinstance(result, nd.Trainer) else result
    slots = {n: s.tobytes() for n, s in result.optimizer.slots.items()} if isinstance(result, nd.Trainer) else {}
    return model.arena.values.tobytes(), slots, str(model.generators()), getattr(result, "iteration", None)


def sound(result, path):
    """Can what was read be used like any other: does it predict, continue training and come back from another file?"""
    model = result.model if isinstance(result, nd.Trainer) else result
    if model.input_size == WIDTH:
        with contextlib.suppress(ValueError):    # a scale of 1e8 has its consequences
            assert np.all(np.isfinite(model.predict(X)))
    twin = type(result).restore(result.save(path)) if isinstance(result, nd.Trainer) else nd.load_model(result.save(path))
    assert bits(twin) == bits(result)
    if isinstance(result, nd.Trainer):
        watching = watchers(path.parent)
        if isinstance(result.optimizer.learning_rate, nd.schedules.Schedule):
            watching.pop(1)                   # the plateau has no say there
        with contextlib.suppress(ValueError, OSError):    # a rate of 1e308 has its consequences
            result.fit(X, Y, batch_size=8, validation_data=(X, Y), callbacks=watching, verbose=False)


def fault(result, path):
    """What is wrong with an error, or ''."""
    if not isinstance(result, ValueError | OSError):
        return f"{type(result).__name__}: {str(result)[:150]!r}"
    message = str(result)
    if len(message) >= LONGEST:
        return f"a message of {len(message)} characters: {message[:150]!r}"
    if not message.isprintable():
        return f"not printable: {message!r}"
    if path.name not in message and path.name[-30:] not in message:
        return f"the file is not named: {message!r}"
    return "" if len(message.partition(path.name)[2]) > 10 else f"the fault is not named: {message!r}"


class Attack:
    """Counts what came, and keeps what should not have."""

    def __init__(self, folder, files):
        self.folder, self.files = folder, files
        self.counts, self.violations, self.worst = collections.Counter(), [], collections.defaultdict(float)
        self.limits, self.right = {}, {}
        for name, raw in files.items():
            path = folder / name
            path.write_bytes(raw)
            for reader in (*READERS, *SLOWER):
                result, _, _ = measured({**READERS, **SLOWER}[reader], path)
                result, _, peak = measured({**READERS, **SLOWER}[reader], path)
                self.limits[name, reader] = max(FLOOR, TIMES * max(peak, len(raw)))
                if isinstance(result, nd.Trainer | nd.Sequential):
                    self.right[name, reader] = bits(result)
                if isinstance(result, BaseException):    # it cannot be unrolled in the middle of an epoch
                    self.right[name, reader] = str(result)

    def through(self, what, name, raw, readers, damaged):
        """One file through some readers."""
        path = self.folder / f"hostile-{name}"
        path.write_bytes(raw)
        for reader, read in readers.items():
            limit = self.limits[name, reader] + TIMES * max(0, len(raw) - len(self.files[name]))
            result, seconds, peak = measured(read, path)
            if peak > limit:                  # what Python loads once, such as a module for the message, is not the file's
                result, seconds, peak = measured(read, path)
            if seconds > SECONDS / 2:
                seconds = untraced(read, path)
            wrong = fault(result, path) if isinstance(result, BaseException) else ""
            as_honest = str(result) == self.right.get((name, reader)) or "is in the middle of epoch" in str(result)
            wrong = "" if wrong and as_honest else wrong
            kind = "refused" if isinstance(result, BaseException) else "read"
            if kind == "read" and damaged and isinstance(result, nd.Trainer | nd.Sequential):
                wrong = "" if bits(result) == self.right[name, reader] else "other numbers"
            if kind == "read" and not damaged and reader in ("load_model", "Trainer.restore"):
                unsound, _, _ = measured(lambda file, result=result: sound(result, file), self.folder / "again.npz")
                wrong = f"unsound: {type(unsound).__name__}: {str(unsound)[:150]}" if unsound is not None else ""
            wrong = wrong or (f"{seconds:.1f} s" if seconds > SECONDS else "") or (f"{peak:,} bytes" if peak > limit else "")
            self.counts[reader, kind] += 1
            self.worst["seconds"] = max(self.worst["seconds"], seconds)
            self.worst["times the honest memory"] = max(self.worst["times the honest memory"], TIMES * peak / limit)
            if wrong:
                self.violations.append(f"{reader} of {name}, {what}: {wrong}")
        if Path("ran").exists():
            Path("ran").unlink()
            self.violations.append(f"{name}, {what}: code ran")


def attack(damaged, headers, seed=0, every=50):
    """Run it all in a folder of its own; return the counts."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as made, contextlib.chdir(made):
        folder = Path(made)
        files = honest(folder)
        tracemalloc.start()
        try:
            result = Attack(folder, files)
            for i in range(damaged):
                name, damage = list(files)[i % len(files)], DAMAGE[i // len(files) % len(DAMAGE)]
                raw = damage(rng, files[name])
                readers = READERS if i % every else {**READERS, **SLOWER}
                result.through(damage.__name__, name, raw, readers, damaged=True)
            for i, (what, name, raw) in enumerate(hostile(rng, files, headers)):
                result.through(what, name, raw, READERS if i % every else {**READERS, **SLOWER}, damaged=False)
        finally:
            tracemalloc.stop()
    return result


def report(result):
    """What came, reader by reader."""
    for reader in (*READERS, *SLOWER):
        print(f"{reader:16} refused {result.counts[reader, 'refused']:6,}   read {result.counts[reader, 'read']:6,}")
    print(", ".join(f"{worst:.2f} {what}" for what, worst in result.worst.items()), "at the most")
    print(f"{len(result.violations)} violations")
    for violation in result.violations[:40]:
        print(f"  {violation}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--damaged", type=int, default=10_000)
    parser.add_argument("--headers", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = attack(given.damaged, given.headers, given.seed)
    report(found)
    sys.exit(bool(found.violations))
