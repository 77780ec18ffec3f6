"""npdeep unroll: a checkpoint becomes a file that trains by itself."""

import subprocess
import sys

import numpy as np

import npdeep as nd
from npdeep.command_line.main import main


def saved(folder):
    (x, y), _ = nd.datasets.mnist_sample()
    layers = [nd.Dense(8, name="hidden"), nd.Activation("relu"), nd.Dense(10, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 784, seed=0), "softmax_cross_entropy", "adam")
    return trainer, trainer.save(folder / "trainer.npz"), (x[500:], y[500:])


def test_the_file_goes_on_as_the_trainer_would(tmp_path, capsys):
    trainer, path, (x, y) = saved(tmp_path)
    assert main(["unroll", str(path), "--to", str(tmp_path / "step.py"), "--epochs", "2", "--batch-size", "100"]) == 0
    assert "step through it: python -m pdb" in capsys.readouterr().out
    done = subprocess.run([sys.executable, "step.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    history = trainer.fit(x, y, epochs=2, batch_size=100, verbose=False)
    assert done.stdout.splitlines() == [f"epoch {r['epoch']}: loss {r['loss']:.4f}" for r in history]


def test_without_data_it_says_what_to_call(tmp_path):
    _, path, _ = saved(tmp_path)
    assert main(["unroll", str(path), "--to", str(tmp_path / "step.py"), "--data", "none"]) == 0
    with np.load(tmp_path / "step.npz") as start:
        assert "x" not in start
    done = subprocess.run([sys.executable, "step.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "call train(x, y, epochs, batch_size)" in done.stdout


def test_errors_in_words(tmp_path, capsys):
    trainer, path, _ = saved(tmp_path)
    model = trainer.model.save(tmp_path / "model.npz")
    (tmp_path / "step.py").write_text("mine", encoding="utf-8")
    for arguments, message in (
        ([str(path), "--to", str(tmp_path / "step.py")], "exists already; remove it, or choose another name"),
        ([str(path), "--to", str(tmp_path / "my-step.py")], "the name of a Python module"),
        ([str(model), "--to", str(tmp_path / "other.py")], "holds a model without a trainer"),
        ([str(tmp_path / "none.npz")], "no such file"),
    ):
        assert main(["unroll", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert (tmp_path / "step.py").read_text(encoding="utf-8") == "mine"
