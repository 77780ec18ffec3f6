"""Weights as .safetensors files: bit for bit out and in, and what is refused."""

import contextlib
import importlib
import subprocess
import sys

import numpy as np
import pytest

import npdeep as nd
from npdeep.common import optional

library = None
with contextlib.suppress(ImportError):
    import safetensors.numpy as library
needs_it = pytest.mark.skipif(library is None, reason="safetensors is not installed: pip install 'npdeep[safetensors]'")


def network(seed=0, dtype="float32"):
    block = nd.Residual([nd.Dense(4), nd.BatchNormalization(), nd.PReLU()], name="block")
    return nd.Sequential([nd.Dense(4, name="a"), block, nd.Dense(3, name="outputs")], 5, seed=seed, dtype=dtype)


@needs_it
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_file_gives_back_every_bit(tmp_path, dtype):
    old, new = network(0, dtype), network(1, dtype)
    path = nd.interop.safetensors.save(old, tmp_path / "a.safetensors")
    nd.interop.safetensors.load(new, path)
    assert np.array_equal(old.arena.values, new.arena.values)
    assert library.load_file(path).keys() == old.state_dict().keys()


@needs_it
def test_what_is_wrong_is_named_and_nothing_changes(tmp_path):
    model, path = network(), tmp_path / "a.safetensors"
    before = model.arena.values.copy()
    library.save_file({**model.state_dict(), "a/kernel": np.zeros((4, 5))}, path)
    with pytest.raises(ValueError, match=r"safetensors\.load: a/kernel must have the shape \(5, 4\), got \(4, 5\)"):
        nd.interop.safetensors.load(model, path)
    library.save_file({"a/kernel": np.zeros((5, 4))}, path)
    with pytest.raises(ValueError, match=r"safetensors\.load: a/bias, .* are missing"):
        nd.interop.safetensors.load(model, path)
    assert np.array_equal(model.arena.values, before)


@needs_it
def test_a_damaged_file_is_refused(tmp_path):
    model, path = network(), tmp_path / "a.safetensors"
    content = nd.interop.safetensors.save(model, path).read_bytes()
    for damaged in (b"", b"junk" * 9, content[:40], content[:-1], content + b"x", b"\xff" * 8 + content[8:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"safetensors\.load: a\.safetensors cannot be read: "):
            nd.interop.safetensors.load(model, path)


def test_other_arguments_are_refused(tmp_path):
    trainer = nd.Trainer(network(), "mean_squared_error")
    with pytest.raises(TypeError, match=r"pass trainer\.model"):
        nd.interop.safetensors.save(trainer, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        nd.interop.safetensors.load(trainer.model, tmp_path / "a.npz")


def test_a_missing_library_says_how_to_get_it(tmp_path, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name, name=name.partition(".")[0])

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    door = sys.modules.get("npdeep.interop.safetensors") or importlib.__import__("npdeep.interop.safetensors")
    with pytest.raises(ImportError, match=r"needs safetensors: python -m pip install 'npdeep\[safetensors\]'"):
        door.save(network(), tmp_path / "a.safetensors")


def test_no_door_is_opened_by_importing_npdeep():
    code = "import sys, npdeep as nd; nd.interop; dir(nd.interop); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"safetensors", "torch", "onnx", "sklearn", "npdeep.interop.safetensors"} & set(loaded)


def test_a_door_that_is_not_there():
    with pytest.raises(AttributeError, match=r"npdeep\.interop has no 'caffe'; there are "):
        _ = nd.interop.caffe
