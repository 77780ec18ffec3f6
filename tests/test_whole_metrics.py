"""Metrics that are no means over rows: on all rows at once, whatever the batches; an interrupted epoch continues with them."""

import numpy as np
import pytest
from helpers_own import OwnLossObject
from helpers_training import CLASSES, examples, plain_trainer

import npdeep as nd
from npdeep.metrics import Metric, Totals

X, Y = examples(50)                           # batches of 16, 16, 16 and 2


def f1_of_1(outputs, targets):
    """Of the user's: no mean over rows."""
    said = outputs.argmax(axis=1)
    return 2 * np.sum((said == 1) & (targets == 1)) / max(1, np.sum(said == 1) + np.sum(targets == 1))


class Spread(Metric):
    """Of the user's, as a class; nothing says that it is not a mean over rows."""

    name = "spread"

    def compute(self, outputs, targets):
        return float(np.ptp(outputs))


class MeanOutput(Metric):
    """Of the user's, and a mean over rows."""

    name, whole = "mean_output", False

    def compute(self, outputs, targets):
        self.rows = len(outputs)
        return float(outputs.mean())


METRICS = [f1_of_1, "precision", "recall", "f1", "roc_auc"]
NAMES = ["f1_of_1", "precision", "recall", "f1", "roc_auc"]


def measure(trainer):
    return [metric(trainer.model.predict(X), Y) for metric in (
        nd.metrics.get(f1_of_1), nd.metrics.Precision(), nd.metrics.Recall(), nd.metrics.F1(),
        nd.metrics.RocAuc(from_logits=True), Spread(),
    )]  # fmt: skip


@pytest.mark.parametrize("batch_size", [1, 7, 32, 50, 1000])
def test_evaluate_and_validation_give_the_same_whatever_the_batches(batch_size):
    trainer = plain_trainer(nd.optimizers.SGD(0.0), metrics=[*METRICS, Spread()])
    names = [*NAMES, "spread"]
    measured = trainer.evaluate(X, Y, batch_size=batch_size)
    assert [measured[name] for name in names] == pytest.approx(measure(trainer), rel=1e-6)
    history = trainer.fit(X, Y, batch_size=batch_size, validation_data=(X, Y), verbose=False)
    for prefix in ("", "val_"):
        assert [history.last[prefix + name] for name in names] == pytest.approx(measure(trainer), rel=1e-6)


def test_the_history_measures_the_outputs_of_the_epoch_each_as_it_was_at_its_turn():
    seen, trainer = [], plain_trainer("adam", metrics=[f1_of_1])

    def look_at(trainer):
        seen.append((trainer.model.layers[-1].output.copy(), trainer.loss.targets.copy()))

    look = nd.callbacks.LambdaCallback(on_step_end=look_at)
    history = trainer.fit(X, Y, epochs=2, batch_size=16, callbacks=[look], verbose=False)
    for epoch in range(2):
        outputs, targets = (np.concatenate(parts) for parts in zip(*seen[4 * epoch : 4 * epoch + 4], strict=True))
        assert history["f1_of_1"][epoch] == f1_of_1(outputs, targets)


def test_a_class_may_say_that_it_is_a_mean_over_rows():
    mean = MeanOutput()
    trainer = plain_trainer(metrics=[mean])
    assert trainer.evaluate(X, Y, batch_size=20)["mean_output"] == pytest.approx(trainer.model.predict(X).mean(), rel=1e-5)
    assert mean.rows == 10                    # the last piece
    totals = Totals([mean])
    totals.add(1.0, X, Y)
    assert set(totals.state()) & {"outputs", "targets"} == set()


@pytest.mark.parametrize("way", ["interrupted", "restored", "state"])
def test_an_interrupted_epoch_goes_on_with_the_outputs_it_had(tmp_path, way):
    metrics = [*METRICS, Spread(), MeanOutput()]
    run = {"batch_size": 16, "verbose": False}
    whole = plain_trainer("adam", metrics=metrics)
    whole.fit(X, Y, epochs=2, **run)
    half = plain_trainer("adam", metrics=metrics)

    def interrupt(trainer):
        if trainer.iteration == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half.fit(X, Y, epochs=2, callbacks=[nd.callbacks.LambdaCallback(on_step_end=interrupt)], **run)
    if way == "restored":
        half = nd.Trainer.restore(half.save(tmp_path / "half.npz"), metrics=[f1_of_1, Spread(), MeanOutput()])
    if way == "state":
        state = half.state()
        half.fit(X, Y, **run)
        half.set_state(state)
        half.history.records = half.history.records[:1]
    half.fit(X, Y, **run)
    for name in (*NAMES, "spread", "mean_output", "loss"):
        assert half.history[name] == whole.history[name]


def test_a_file_of_an_earlier_version_goes_on_without_the_outputs_that_it_lacks(tmp_path):
    metrics = [f1_of_1, "accuracy"]
    trainer = plain_trainer("adam", metrics=metrics)
    state = {"rows": 16, "sums": [16.0, 8.0, 4.0]}
    totals = Totals(trainer.metrics, state)
    totals.add(1.0, np.eye(CLASSES), np.arange(CLASSES))
    means = totals.means()
    assert np.isnan(means["f1_of_1"])
    assert means["accuracy"] == pytest.approx((4 + 3) / 19)


def test_targets_of_a_users_own_loss_may_be_a_tuple_of_arrays():
    class Two(OwnLossObject):
        def forward(self, outputs, targets, sample_weight=None):
            return super().forward(outputs, targets[0])

    def shares(outputs, targets):
        labels, groups = targets
        assert isinstance(labels, np.ndarray)
        return float(np.mean((outputs.argmax(axis=1) == labels)[groups == 1])) if np.any(groups == 1) else 0.0

    trainer = nd.Trainer(plain_trainer().model, Two(), nd.optimizers.SGD(0.0), metrics=[shares])
    groups = np.arange(50) % 2
    batches = [(X[i : i + 10], (Y[i : i + 10], groups[i : i + 10])) for i in range(0, 50, 10)]
    history = trainer.fit(batches, verbose=False)
    assert history.last["shares"] == shares(trainer.model.predict(X), (Y, groups))


def test_a_metric_that_needs_all_rows_is_tried_on_all_rows(tmp_path):
    """scikit-learn's roc_auc_score, for one, refuses targets of one class, as the first rows of sorted ones are."""
    seen = []

    def needs_every_class(outputs, targets):
        seen.append(len(targets))
        if len(set(targets)) < CLASSES:
            raise ValueError("a class is missing")
        return 0.5

    order = np.argsort(Y)
    x, y = X[order], Y[order]
    trainer = plain_trainer(metrics=[needs_every_class])
    trainer.fit(x, y, batch_size=5, validation_data=(x, y), verbose=False)
    trainer.evaluate(x, y, batch_size=5)
    assert set(seen) == {50}
    before = trainer.iteration
    for given in ({"x": x[:9], "y": y[:9]}, {"x": x, "y": y, "validation_data": (x[:9], y[:9])}):
        with pytest.raises(ValueError, match="a class is missing"):
            trainer.fit(**given, verbose=False)
    assert trainer.iteration == before
    np.save(tmp_path / "y.npy", y)
    trainer.fit(x, np.load(tmp_path / "y.npy", mmap_mode="r"), batch_size=5, verbose=False)
    assert set(seen) == {50, 9}


def test_one_object_in_two_places_keeps_nothing_of_the_other():
    metric = nd.metrics.F1()
    first, second = (plain_trainer(seed=seed, metrics=[metric]) for seed in (1, 2))
    alone = second.evaluate(X, Y)
    first.evaluate(X, Y)
    assert second.evaluate(X, Y) == alone


# ── scores of classes ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_has_a_denominator_of_0_is_0_and_what_has_no_curve_is_nan():
    never = np.array([[-1.0], [-2.0]])
    assert [nd.metrics.get(name)(never, [0, 0]) for name in ("precision", "recall", "f1")] == [0, 0, 0]
    assert [nd.metrics.get(name)(-never, [1, 0]) for name in ("precision", "recall", "f1")] == [0.5, 1, 2 / 3]
    assert np.isnan(nd.metrics.RocAuc()(never, [0, 0]))
    outputs = np.eye(4)[[0, 1, 2, 0]]
    assert nd.metrics.Recall(None)(outputs, [0, 1, 1, 0]).tolist() == [1, 0.5, 0, 0]
    assert nd.metrics.Recall("macro")(outputs, [0, 1, 1, 0]) == 0.5      # class 3 neither occurs nor is named
    areas = nd.metrics.RocAuc(None)(outputs, [0, 1, 1, 0])
    assert np.isnan(areas).tolist() == [False, False, True, True]
    assert nd.metrics.RocAuc("macro")(outputs, [0, 1, 1, 0]) == np.mean(areas[:2])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nd.metrics.F1("mean"), ValueError, "F1: unknown average 'mean'.* Known: macro, micro, weighted"),
        (lambda: nd.metrics.RocAuc(from_logits="yes"), TypeError, "RocAuc: from_logits must be True or False"),
        (lambda: nd.metrics.RocAuc()(np.eye(3) * 5, [0, 1, 2]), ValueError, r"sum to 1; for logits .*from_logits=True"),
        (lambda: plain_trainer(metrics=[nd.metrics.F1(None)]), ValueError, r"F1\(average=None\) gives one number for each"),
        (lambda: plain_trainer(metrics=["f1_score"]), ValueError, "did you mean 'f1'"),
        (lambda: plain_trainer(metrics=["auc"]), ValueError, "did you mean 'roc_auc'"),
        (lambda: nd.metrics.Accuracy()(np.array([[0.2], [0.9]]), [0, 1]), ValueError, r"logits or probabilities\? say it: "),
        (lambda: nd.metrics.F1()(np.array([[0.2], [0.9]]), [0, 1]), ValueError, r"nd\.metrics\.F1\(threshold=0\.5\)"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert len(str(caught.value)) < 300


def test_the_cures_work():
    assert nd.metrics.Accuracy(0.5)(np.array([[0.2], [0.9]]), [0, 1]) == 1
    assert nd.metrics.Accuracy(0)(np.array([[0.2], [0.9]]), [0, 1]) == 0.5
    assert nd.metrics.RocAuc(from_logits=True)(np.eye(3) * 5, [0, 1, 2]) == 1
    trainer = plain_trainer()
    assert nd.metrics.F1(average=None)(trainer.model.predict(X), Y).shape == (CLASSES,)


@pytest.mark.parametrize("monitor", ["val_precision", "val_recall", "val_roc_auc", "precision"])
def test_callbacks_know_which_way_is_better(monitor):
    trainer = plain_trainer("adam", metrics=["precision", "recall", "roc_auc"])
    stop = nd.callbacks.EarlyStopping(monitor, patience=1)
    trainer.fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[stop], verbose=False)
    assert stop.mode == "max"


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("ending", "loss", "share"), [
    ("sigmoid", "mean_squared_error", 0.5), (None, "mean_squared_error", 0.5), (None, "binary_cross_entropy", 0.0),
    ("tanh", "hinge", 0.0),
])  # fmt: skip
@pytest.mark.parametrize("metric", ["accuracy", "binary_accuracy"])
def test_the_threshold_0_in_files_of_earlier_versions_follows_the_outputs(tmp_path, monkeypatch, ending, loss, share, metric):
    """They wrote 0 where none was given."""
    layers = [nd.Dense(1), *([nd.Activation(ending)] if ending else [])]
    trainer = nd.Trainer(nd.Sequential(layers, X.shape[1], seed=2), loss, metrics=[type(nd.metrics.get(metric))(0.0)])
    y = (Y == 1).astype(float)[:, None]
    by_hand = np.mean((trainer.model.predict(X) > share) == (y > 0.5))
    kept = nd.Trainer.restore(trainer.save(tmp_path / "new.npz"))
    assert kept.metrics[0].threshold == 0     # in a new file it was meant
    description = nd.Sequential.description
    monkeypatch.setattr(nd.Sequential, "description", lambda m: {k: v for k, v in description(m).items() if k != "scale"})
    earlier = nd.Trainer.restore(trainer.save(tmp_path / "old.npz"))
    assert earlier.evaluate(X, y)[metric] == by_hand
