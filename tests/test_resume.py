"""2 + 2 epochs are 4, to the bit: in this process and in a fresh one, between epochs and in the middle of them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers_own import CLASSES_OF_ITS_OWN, OwnLossObject, OwnMetric, own_trainer, spread
from helpers_training import CLASSES, WIDTH, bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.callbacks import Checkpoint, LambdaCallback, ReduceLROnPlateau
from npdeep.files import npz

X, Y = examples(50)                           # batches of 16, 16, 16 and 2
EPOCHS = 4


# ── the runs ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def frozen(scope):
    trainer = every_trainer("adam")
    trainer.model.freeze(scope)
    return trainer


def scheduled():
    rate = nd.schedules.Warmup(nd.schedules.CosineDecay(0.05, 10), 3)
    return every_trainer(nd.optimizers.Nesterov(rate, nd.schedules.PiecewiseConstant([5], [0.5, 0.9])))


def limited():
    """Every regularizer and constraint, clipped by value."""
    layers = []
    for regularizer, constraint in (("l1", "max_norm"), ("l2", "non_negative"), ("l1_l2", "min_max_norm"), ("l1", "unit_norm")):
        layers += [nd.Dense(8, kernel_regularizer=regularizer, bias_regularizer="l2", kernel_constraint=constraint)]
        layers += [nd.Activation("elu")]
    model = nd.Sequential([*layers, nd.Dense(CLASSES)], WIDTH, seed=1)
    return nd.Trainer(model, nd.losses.SoftmaxCrossEntropy(0.1), "adamax", nd.clipping.ClipByValue(0.1), ["accuracy"])


def clipped_by_norm():
    return plain_trainer("adagrad", clipping=nd.clipping.ClipByNorm(0.1), metrics=["accuracy", nd.metrics.TopKAccuracy(2)])


def cached():
    below = [nd.Dense(8, name="hidden1"), nd.BatchNormalization(), nd.Activation("elu")]
    model = nd.Sequential([*below, nd.Dense(8), nd.Dropout(), nd.Dense(CLASSES)], WIDTH, seed=1)
    model.freeze("hidden1|batch.*")
    return nd.Trainer(model, "softmax_cross_entropy", "adam", metrics=["accuracy"])


def jitter(x, rng):
    """An augmentation that is a mere function."""
    return x + 0.1 * rng.standard_normal(x.shape, dtype=np.float32)


class Run:
    """A trainer to make, what its fit is given, and what is returned in where it is restored."""

    def __init__(self, make, own=None, callbacks=list, **given):
        self.make, self.own, self.callbacks = make, own or {}, callbacks
        self.given = {"batch_size": 16, "verbose": False, **given}

    def fit(self, trainer, epochs, *watchers, x=X, y=Y):
        return trainer.fit(x, y, epochs=epochs, callbacks=[*self.callbacks(), *watchers], **self.given)

    def whole(self):
        """The run that was never stopped."""
        trainer = self.make()
        self.fit(trainer, EPOCHS)
        return trainer

    def restore(self, path):
        return nd.Trainer.restore(path, **self.own)

    def finish(self, path):
        """Continue from a file to the end."""
        trainer = self.restore(path)
        self.fit(trainer, EPOCHS - trainer.epoch)
        return trainer


OPTIONS = {
    "rmsprop with all": nd.optimizers.RMSProp(0.01, momentum=0.9, centered=True),
    "amsgrad": nd.optimizers.Adam(0.01, amsgrad=True),
}
OWN = {"loss": OwnLossObject(4), "metrics": [OwnMetric(), spread], "own": CLASSES_OF_ITS_OWN}
RUNS = {
    **{name: Run(lambda name=name: every_trainer(name)) for name in nd.optimizers.KNOWN},
    **{name: Run(lambda kept=kept: every_trainer(type(kept)(**kept.arguments()))) for name, kept in OPTIONS.items()},
    "float64": Run(lambda: every_trainer("nadam", dtype="float64")),
    "schedules": Run(scheduled),
    "every penalty and limit": Run(limited),
    "clipped by norm": Run(clipped_by_norm),
    "frozen below": Run(lambda: frozen("hidden1")),
    "frozen above": Run(lambda: frozen("outputs|hidden2")),
    "frozen and cached": Run(cached, cache_frozen=True),
    "custom parts": Run(own_trainer, OWN),
    "validated": Run(lambda: every_trainer("adam"), validation_data=(X[:7], Y[:7])),
    "weighted": Run(lambda: every_trainer("adam"), sample_weight=np.linspace(0, 2, 50)),
    "in the order of the data": Run(lambda: every_trainer("adam"), shuffle=False),
    "a seed of its own": Run(lambda: every_trainer("adam"), seed=99),
    "augmented": Run(lambda: every_trainer("adam"), augment=nd.augmentation.Shift(1.0, shape=(2, 3), rng=5)),
    "augmented by a function": Run(lambda: every_trainer("adam"), augment=jitter, seed=3),
    "past the search for denormals": Run(
        lambda: every_trainer(nd.optimizers.Adam(0.01, beta_1=0.2)), batch_size=4    # after 25 updates and after 50
    ),
    "performance scheduling": Run(
        lambda: every_trainer(nd.optimizers.Momentum(0.1)),
        callbacks=lambda: [ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05)],
    ),
}
KEYS = ("epoch", "updates", "learning_rate", "loss", "accuracy")


def check_same_run(trainer, whole):
    """Equal bits, and equal histories but for the clock."""
    assert bits(trainer) == bits(whole)
    assert trainer.history.keys == whole.history.keys
    for key in set(whole.history.keys) - {"seconds"}:
        assert trainer.history[key] == whole.history[key]
    assert whole.epoch == EPOCHS
    assert set(KEYS) <= set(whole.history.keys)


def test_the_runs_differ_from_each_other():
    """Or else a part that has no effect would be found to be saved rightly."""
    ends = {name: bits(run.whole())["weights and statistics"] for name, run in RUNS.items()}
    assert ends.pop("validated") == ends["adam"]
    assert len(set(ends.values())) == len(ends)
    rates = RUNS["performance scheduling"].whole().history["learning_rate"]
    assert len(set(rates)) > 1


# ── between epochs ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", RUNS)
def test_2_and_2_epochs_are_4(tmp_path, name):
    run = RUNS[name]
    half = run.make()
    run.fit(half, 2, Checkpoint(tmp_path))
    check_same_run(run.finish(next(tmp_path.glob("*.npz"))), run.whole())


def test_so_are_1_and_1_and_1_and_1(tmp_path):
    run = RUNS["nadam"]
    path = run.make().save(tmp_path / "a.npz")
    for _ in range(EPOCHS):
        trainer = run.restore(path)
        run.fit(trainer, 1)
        trainer.save(path)
    check_same_run(run.restore(path), run.whole())


# ── in the middle of an epoch ─────────────────────────────────────────────────────────────────────────────────────────
class PowerCut(Exception):
    pass


def cut_off(run, folder, update, every=None):
    """The newest file of a run that broke off right after an update; by default written after that one."""

    def cut(trainer):
        if trainer.iteration == update:
            raise PowerCut

    keeper = Checkpoint(folder, every=every or update)
    cutter = LambdaCallback(on_step_end=cut)
    cutter.order = 2                          # after the checkpoint
    with pytest.raises(PowerCut):
        run.fit(run.make(), EPOCHS, keeper, cutter)
    return keeper.files[0]


@pytest.mark.parametrize("update", range(1, 17))
def test_a_run_goes_on_from_any_step(tmp_path, update):
    run = RUNS["adam"]
    trainer = run.restore(cut_off(run, tmp_path, update))
    assert trainer.iteration == update
    assert (trainer.epoch, trainer.batches_done) == divmod(update, 4) if update % 4 else ((update - 1) // 4, 4)
    run.fit(trainer, EPOCHS - trainer.epoch)
    check_same_run(trainer, run.whole())


@pytest.mark.parametrize("update", [6, 7, 8])
@pytest.mark.parametrize("name", RUNS)
def test_any_run_goes_on_from_amid_an_epoch(tmp_path, name, update):
    run = RUNS[name]
    check_same_run(run.finish(cut_off(run, tmp_path, update)), run.whole())


def test_a_run_that_broke_off_after_its_last_file_goes_on_from_that_file(tmp_path):
    run = RUNS["adam"]
    path = cut_off(run, tmp_path, update=11, every=3)
    assert path.name == "update-00000009.npz"
    check_same_run(run.finish(path), run.whole())


def test_a_run_that_breaks_off_again_and_again(tmp_path):
    run, path, rng = RUNS["momentum"], tmp_path / "a.npz", np.random.default_rng(0)
    run.make().save(path)
    while (trainer := run.restore(path)).epoch < EPOCHS:
        stop = trainer.iteration + rng.integers(1, 4)

        def cut(trainer, stop=stop):
            if trainer.iteration == stop:
                trainer.save(path)
                raise PowerCut

        try:
            run.fit(trainer, EPOCHS - trainer.epoch, LambdaCallback(on_step_end=cut))
        except PowerCut:
            continue
        trainer.save(path)
    check_same_run(trainer, run.whole())


@pytest.mark.parametrize("change", [{"batch_size": 10}, {"seed": 9}, {"shuffle": False}, {"rows": 40}])
def test_an_epoch_begun_with_other_batches_begins_anew(tmp_path, change):
    run = RUNS["adam"]
    trainer = run.restore(cut_off(run, tmp_path, update=2))
    rows = change.pop("rows", 50)
    trainer.fit(X[:rows], Y[:rows], **{**run.given, **change})
    assert trainer.iteration == 2 + -(-rows // change.get("batch_size", 16))
    assert (trainer.epoch, trainer.batches_done) == (1, 0)


def test_an_epoch_of_an_iterable_goes_on_where_it_was(tmp_path):
    batches = [(X[i : i + 16], Y[i : i + 16]) for i in range(0, 50, 16)]
    whole = every_trainer()
    whole.fit(batches, callbacks=[Checkpoint(tmp_path, keep=2, every=2)], verbose=False)
    trainer = nd.Trainer.restore(tmp_path / "update-00000002.npz")
    history = trainer.fit(batches, verbose=False)
    assert (trainer.iteration, trainer.epoch, history["updates"]) == (4, 1, [4])
    assert bits(trainer) == bits(whole)
    assert history["loss"] == whole.history["loss"]


def test_more_steps_by_hand_after_restoring(tmp_path):
    trainer = every_trainer("adam")
    for _ in range(3):
        trainer.step(X, Y)
    twin = nd.Trainer.restore(trainer.save(tmp_path / "a.npz"))
    assert [twin.step(X, Y) for _ in range(3)] == [trainer.step(X, Y) for _ in range(3)]
    assert [str(e) for e in twin.walk(X, Y)] == [str(e) for e in trainer.walk(X, Y)]
    assert bits(twin) == bits(trainer)


# ── in a fresh process ────────────────────────────────────────────────────────────────────────────────────────────────
def finish_all(folder):
    """What the fresh process does: every run from its file to its end, and into another file."""
    for path in sorted(Path(folder).glob("*/*.npz")):
        RUNS[path.parent.name].finish(path).save(path.with_suffix(".end.npz"))


@pytest.fixture(scope="module")
def finished_elsewhere(tmp_path_factory):
    """A folder with a folder for each run, in which there are the ends that another process came to."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name, run in RUNS.items():
        run.fit(run.make(), 2, Checkpoint(folder / name))     # update-00000008.npz, or 26 where batches have four rows
        cut_off(run, folder / name, update=7)
    script = f"import test_resume; test_resume.finish_all({str(folder)!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]), "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, env=environment)
    return folder


@pytest.mark.parametrize("name", RUNS)
def test_a_fresh_process_comes_to_the_same_end(finished_elsewhere, name):
    run = RUNS[name]
    ends = sorted((finished_elsewhere / name).glob("*.end.npz"))
    assert len(ends) == 2                     # from between two epochs, and from the middle of one
    whole = run.whole()
    for end in ends:
        check_same_run(run.restore(end), whole)


def test_the_files_of_both_processes_hold_the_same_arrays(finished_elsewhere, tmp_path):
    _, here = npz.read(RUNS["adam"].whole().save(tmp_path / "a.npz"))
    for end in (finished_elsewhere / "adam").glob("*.end.npz"):
        _, there = npz.read(end)
        assert {name: array.tobytes() for name, array in there.items()} == {n: array.tobytes() for n, array in here.items()}
