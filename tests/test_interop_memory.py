"""Ten times more data than the memory that a process may take: it trains, evaluates and predicts all the same."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import npdeep as nd

MEGABYTES = 40
PROGRAM = """
import resource, sys, threading
from pathlib import Path
import numpy as np
import npdeep as nd

kind, folder, allowed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) << 20
ROWS, WIDTH = 10 * allowed // (4 * 784) + 1, 784
threading.stack_size(1 << 18)                 # what a thread reserves counts as data, by default as much as `ulimit -s` says


def source():                                 # files with holes: they take no room on the disk, and memory like any other
    if kind == "npy":
        np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (ROWS, WIDTH)).flush()
        return np.load(folder / "x.npy", mmap_mode="r")
    if kind == "h5py":
        import h5py
        file = h5py.File(folder / "x.h5", "w")
        return file.create_dataset("x", (ROWS, WIDTH), "f4", chunks=(100, WIDTH), fillvalue=1)
    if kind == "zarr":
        import zarr
        zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})      # not a thread and a buffer for every core
        return zarr.create_array(folder / "x", shape=(ROWS, WIDTH), dtype="f4", chunks=(999, WIDTH))


def generated():
    for start in range(0, ROWS, 500):
        n = min(500, ROWS - start)
        yield np.full((n, WIDTH), 0.5, np.float32), labels[start : start + n]


x, labels = source(), np.zeros(ROWS, np.int8)
model = nd.Sequential([nd.Dense(4), nd.Activation("relu"), nd.Dense(100)], WIDTH, seed=0)
trainer = nd.Trainer(model, "softmax_cross_entropy", metrics=["accuracy"])
trainer.fit(np.ones((500, WIDTH), np.float32), labels[:500], batch_size=500, verbose=False)    # libraries take room
model.predict(np.ones((1000, WIDTH), np.float32))
out = np.lib.format.open_memmap(folder / "out.npy", "w+", np.float32, (ROWS, 100))
if x is not None:
    x[0:1]

taken = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) << 10
resource.setrlimit(resource.RLIMIT_DATA, (taken + allowed, taken + allowed))
run = {"batch_size": 500, "verbose": False}
if kind == "generator":
    history = trainer.fit(generated, validation_data=nd.datasets.prefetch(generated), **run)
    result = trainer.evaluate(generated)
    model.predict(lambda: (x for x, _ in generated()), out=out)
else:
    history = trainer.fit(x, labels, validation_data=(x, labels), **run)
    result = trainer.evaluate(x, labels)
    model.predict(x, out=out)
assert trainer.iteration == 1 + -(-ROWS // 500)
assert history["val_accuracy"] == [1.0] == [result["accuracy"]]
assert (out[-1].argmax(), out[0].argmax()) == (0, 0)
try:
    whole = np.ones((ROWS // 10, WIDTH), np.float32), np.array(out)    # a tenth of x, and the outputs: what may not be held
except MemoryError:
    print("bounded")
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the limit is Linux's")
@pytest.mark.parametrize("kind", ["npy", "generator", "h5py", "zarr"])
def test_ten_times_more_data_than_memory(kind, tmp_path):
    if kind in ("h5py", "zarr") and importlib.util.find_spec(kind) is None:
        pytest.skip(f"needs {kind}")
    root = Path(nd.__file__).parents[1]
    command = [sys.executable, "-c", PROGRAM, kind, str(tmp_path), str(MEGABYTES)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "bounded\n"
