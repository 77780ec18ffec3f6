"""Write checkpoints as npdeep 0.1.0 wrote them (commit 3839812), to see that they are still read: python make_earlier_files.py

Run it with that version on the path. Beside the files it writes what they must give: expected.npz.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np

import npdeep as nd
from npdeep import callbacks, schedules

WRITTEN_BY = "3839812"
FOLDER = Path(__file__).parent / "earlier"
WIDTH, CLASSES = 6, 3
RUN = {"batch_size": 16, "verbose": False}


def data():
    """50 rows that can be learnt from."""
    x = np.random.default_rng(0).standard_normal((50, WIDTH), dtype=np.float32)
    return x, x[:, :CLASSES].argmax(axis=1)


def network(name=None):
    """Every kind of layer, with penalties and a limit."""
    layers = [
        nd.Dense(8, kernel_regularizer=nd.regularizers.L1(1e-3), name="hidden1"),
        *(nd.BatchNormalization(name="hidden1_bn"), nd.Activation("elu"), nd.Dropout(0.3), nd.Maxout(6)),
        *(nd.GaussianDropout(0.2), nd.PReLU(), nd.AlphaDropout(0.1)),
        nd.Dense(8, kernel_constraint=nd.constraints.MaxNorm(1.0), kernel_initializer="he_normal", name="hidden2"),
        *(nd.GLU(), nd.RReLU(), nd.GaussianNoise(0.1), nd.Activation("leaky_relu", negative_slope=0.2)),
        nd.Dense(CLASSES, bias_regularizer="l2", name="outputs"),
    ]
    return nd.Sequential(layers, WIDTH, seed=1, name=name)


def watchers(folder):
    """Every callback that keeps something."""
    x, y = data()
    return [
        callbacks.EarlyStopping("val_loss", patience=9),
        callbacks.ReduceLROnPlateau("val_accuracy", patience=1, factor=0.5),
        *(callbacks.RecordGradients(2), callbacks.RecordUpdates(2), callbacks.RecordLayers(x[:9], y[:9], every=3, bins=4)),
        *(callbacks.TerminateOnNaN(), callbacks.CSVLogger(folder / "history.csv"), callbacks.Checkpoint(folder, keep=2)),
    ]


def save_in_fit(trainer, at, path, watching=()):
    """Train, and save in the middle of an epoch, while the callbacks are at work."""
    x, y = data()
    last = callbacks.LambdaCallback(on_step_end=lambda t: t.save(path) if t.iteration == at else None)
    trainer.fit(x, y, epochs=4, validation_data=(x, y), callbacks=[*watching, last], **RUN)


def write_trainers(folder):
    """Four runs: with callbacks, with schedules and frozen layers, with numbers beside the slots, and not yet begun."""
    adam = nd.Trainer(network(), "softmax_cross_entropy", nd.optimizers.Adam(0.01), "clip_by_global_norm", ["accuracy"])
    schedule = schedules.Warmup(schedules.PowerDecay(0.05, 10), 3)
    momentum = nd.optimizers.Nesterov(schedule, schedules.OneCycle(0.85, 200, start=0.95, final=0.95))
    scheduled = nd.Trainer(network("a name, with \"quotes\""), nd.losses.SoftmaxCrossEntropy(0.1), momentum)
    scheduled.model.freeze("hidden1")
    nadam = nd.Trainer(network(), "softmax_cross_entropy", "nadam", metrics=["accuracy", nd.metrics.TopKAccuracy(2)])
    save_in_fit(adam, 10, FOLDER / "adam.npz", watchers(folder))
    save_in_fit(scheduled, 7, FOLDER / "scheduled.npz")
    save_in_fit(nadam, 9, FOLDER / "nadam.npz")
    nd.Trainer(network(), "hinge", nd.optimizers.RMSProp(momentum=0.9, centered=True)).save(FOLDER / "untrained.npz")


def main():
    """Write the files, and what their trainers predict and weigh after one more epoch."""
    command = ["git", "-C", str(Path(nd.__file__).parent), "rev-parse", "HEAD"]
    head = subprocess.run(command, capture_output=True, text=True, check=True)
    assert head.stdout.startswith(WRITTEN_BY), "npdeep on the path is another version"
    FOLDER.mkdir(exist_ok=True)
    x, y = data()
    expected = {}
    with tempfile.TemporaryDirectory() as folder:
        write_trainers(Path(folder))
    for name in ("adam", "scheduled", "nadam", "untrained"):
        trainer = nd.Trainer.restore(FOLDER / f"{name}.npz")
        expected[f"{name}/outputs"] = trainer.model.predict(x)
        if name != "untrained":
            trainer.fit(x, y, validation_data=(x, y), **RUN)
            expected[f"{name}/values"] = trainer.model.arena.values
            expected[f"{name}/loss"] = np.array(trainer.history["loss"])
    model = nd.Sequential([nd.Dropout(0.5), nd.Dense(4), nd.Dense(2)], WIDTH, seed=3, dtype="float64", name="only noise")
    model.save(FOLDER / "model.npz")
    expected["model/outputs"] = model.predict(x)
    np.savez_compressed(FOLDER / "expected.npz", **expected)


if __name__ == "__main__":
    main()
