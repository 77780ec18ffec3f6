"""Metrics: shares and means counted by hand, ties, NaN, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import npdeep as nd
from npdeep.metrics import Accuracy, BinaryAccuracy, MeanAbsoluteError, MeanSquaredError, Metric, TopKAccuracy, confusion_matrix

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])     # classes 1, 0, 2, 0
LABELS = np.array([1, 0, 0, 2])


# ── accuracy ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "targets", [LABELS, LABELS[:, None], LABELS.astype(np.float32), np.eye(3)[LABELS], LABELS.tolist()],
    ids=["labels", "column", "float", "one_hot", "list"],
)
def test_accuracy_is_the_share_of_rows_whose_largest_output_is_right(targets):
    assert Accuracy()(SCORES, targets) == 0.5


@pytest.mark.parametrize(
    ("threshold", "share"),
    [(0.0, 2 / 5), (1.5, 4 / 5), (-5.0, 2 / 5)],             # predicted 1: the last three; the last alone; all
)
def test_one_output_is_right_on_the_labels_side_of_the_threshold(threshold, share):
    outputs, labels = np.array([[-2.0], [-1.0], [0.5], [1.0], [3.0]]), np.array([0, 1, 0, 0, 1])
    assert Accuracy(threshold)(outputs, labels) == share
    assert Accuracy(threshold)(outputs, labels[:, None]) == share


def test_an_output_on_the_threshold_counts_as_no():
    assert Accuracy()([[0.0]], [0]) == 1
    assert Accuracy(0.5)([[0.5]], [1]) == 0


def test_one_output_takes_the_targets_of_a_hinge_loss():
    assert Accuracy()([[-2.0], [3.0]], [-1, 1]) == 1


def test_binary_accuracy_counts_every_element():
    outputs, targets = np.array([[-1.0, 2.0, 3.0], [1.0, -2.0, 0.0]]), np.array([[0, 0, 1], [1, 0, 1]])
    assert BinaryAccuracy()(outputs, targets) == 4 / 6
    assert BinaryAccuracy(0.5)(np.array([[0.4], [0.6]]), [0, 1]) == 1


# ── top k ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@given(arrays.arrays(np.float64, (7, 5), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])), st.integers(1, 6))
def test_top_k_takes_the_right_class_in_where_fewer_than_k_outputs_are_larger(outputs, k):
    labels = np.arange(7) % 5
    hits = [sorted(row, reverse=True)[min(k, 5) - 1] <= row[label] for row, label in zip(outputs, labels, strict=True)]
    assert TopKAccuracy(k)(outputs, labels) == pytest.approx(sum(hits) / 7)


def test_ties_count_as_within_as_in_tensorflow():
    assert TopKAccuracy(1)([[0.3, 0.3, 0.1]], [1]) == 1
    assert TopKAccuracy(2)([[0.5, 0.2, 0.2, 0.2]], [3]) == 1
    assert TopKAccuracy(1)([[0.5, 0.2, 0.2, 0.2]], [3]) == 0


def test_top_1_without_ties_is_accuracy_and_top_all_is_one(rng):
    outputs, labels = rng.normal(size=(200, 6)), rng.integers(0, 6, 200)
    shares = [TopKAccuracy(k)(outputs, labels) for k in range(1, 7)]
    assert shares[0] == Accuracy()(outputs, labels)
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize("targets", [LABELS, LABELS.astype(float), LABELS[:, None], np.eye(3)[LABELS]])
def test_top_k_takes_labels_in_every_form(targets):
    assert TopKAccuracy(2)(SCORES, targets) == 0.5


def test_outputs_that_are_nan_are_no_hits():
    assert TopKAccuracy(2)(np.full((4, 3), math.nan), LABELS) == 0
    assert Accuracy()(np.full((4, 1), math.nan), [1, 1, 1, 1]) == 0


def test_its_name_says_how_many():
    assert TopKAccuracy(3).name == "top_3_accuracy"


# ── errors and confusion ──────────────────────────────────────────────────────────────────────────────────────────────
def test_mean_errors(rng):
    outputs, targets = rng.normal(size=(9, 3)), rng.normal(size=(9, 3))
    assert MeanSquaredError()(outputs, targets) == pytest.approx(np.sum((outputs - targets) ** 2) / 27, rel=1e-12)
    assert MeanAbsoluteError()(outputs, targets) == pytest.approx(np.sum(np.abs(outputs - targets)) / 27, rel=1e-12)
    for metric in (MeanSquaredError(), MeanAbsoluteError()):  # a flat target is a column, not a table of all pairs
        assert metric(outputs[:, :1], targets[:, 0]) == metric(outputs[:, :1], targets[:, :1])


@pytest.mark.parametrize("predictions", [np.array([1, 0, 2, 0]), SCORES])
@pytest.mark.parametrize("targets", [LABELS, LABELS[:, None], np.eye(3)[LABELS]])
def test_the_confusion_matrix_counts_true_classes_in_rows_and_predicted_ones_in_columns(predictions, targets):
    matrix = confusion_matrix(predictions, targets)
    np.testing.assert_array_equal(matrix, [[1, 0, 1], [0, 1, 0], [1, 0, 0]])
    assert matrix.dtype == np.int64


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=50))
def test_the_confusion_matrix_adds_up(pairs):
    predicted, actual = np.array(pairs).T
    matrix = confusion_matrix(predicted, actual, classes=5)
    np.testing.assert_array_equal(matrix.sum(axis=1), [np.sum(actual == c) for c in range(5)])
    np.testing.assert_array_equal(matrix.sum(axis=0), [np.sum(predicted == c) for c in range(5)])
    assert np.trace(matrix) == np.sum(predicted == actual)


@pytest.mark.parametrize(("predictions", "classes", "size"), [([0, 1], None, 2), ([0, 1], 7, 7), (np.eye(2, 4), None, 4)])
def test_the_confusion_matrix_is_as_large_as_there_are_classes(predictions, classes, size):
    assert confusion_matrix(np.asarray(predictions), np.array([1, 0]), classes).shape == (size, size)


# ── in the trainer ────────────────────────────────────────────────────────────────────────────────────────────────────
def trainer_with(*metrics):
    return nd.Trainer(nd.Sequential([nd.Dense(3)], input_size=2, seed=0), "softmax_cross_entropy", "sgd", metrics=metrics)


def largest(outputs, targets):
    return outputs.max()


def test_functions_serve_as_metrics_under_their_own_names(rng):
    trainer = trainer_with("accuracy", TopKAccuracy(2), largest)
    x, y = rng.normal(size=(7, 2)), rng.integers(0, 3, 7)
    history = trainer.fit(x, y, epochs=2, batch_size=3, validation_data=(x, y), verbose=False)
    names = ["accuracy", "top_2_accuracy", "largest"]
    assert {"loss", *names, *(f"val_{name}" for name in names)} <= set(history.keys)
    measured, outputs = trainer.evaluate(x, y), trainer.model.predict(x)
    assert measured["largest"] == pytest.approx(outputs.max(), rel=1e-6)
    assert measured["accuracy"] == np.mean(outputs.argmax(axis=1) == y)


def test_evaluate_weighs_a_short_last_batch_by_its_rows(rng):
    x, y = rng.normal(size=(10, 2)), rng.integers(0, 3, 10)
    trainer = trainer_with("accuracy")
    whole = trainer.evaluate(x, y)
    assert trainer.evaluate(x, y, batch_size=4) == pytest.approx(whole, rel=1e-6)
    assert whole["accuracy"] == np.mean(trainer.model.predict(x).argmax(axis=1) == y)


@pytest.mark.parametrize("name", nd.metrics.KNOWN)
def test_every_metric_goes_by_its_name(name):
    metric = nd.metrics.get(name)
    assert type(metric).__name__.lower() == name.replace("_", "")
    assert eval(repr(metric), vars(nd.metrics)).arguments() == metric.arguments()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Accuracy()(SCORES, LABELS[:3]), ValueError, r"accuracy: .* same number of rows, .* got \(4, 3\) and \(3,\)"),
        (lambda: Accuracy()(np.zeros((0, 3)), []), ValueError, "accuracy: .* at least one"),
        (lambda: Accuracy()(np.zeros((2, 0)), [0, 1]), ValueError, r"accuracy: .* at least one.* got \(2, 0\)"),
        (lambda: Accuracy()(SCORES[0], LABELS[:3]), ValueError, r"accuracy: outputs \(n, units\) .* got \(3,\)"),
        (lambda: BinaryAccuracy()(SCORES, LABELS), ValueError,
         r"binary_accuracy: targets must have the shape of the outputs, \(4, 3\), got \(4,\)"),
        (lambda: MeanSquaredError()(SCORES, LABELS), ValueError, "mean_squared_error: targets must have the shape"),
        (lambda: MeanAbsoluteError()(SCORES, LABELS), ValueError, "mean_absolute_error: targets must have the shape"),
        (lambda: TopKAccuracy(2)(SCORES, LABELS + 1), ValueError, "top_2_accuracy: labels must lie in 0 … 2, got 1 … 3"),
        (lambda: TopKAccuracy(2)(SCORES, LABELS - 1), ValueError, "top_2_accuracy: labels must lie in 0 … 2, got -1 … 1"),
        (lambda: TopKAccuracy(0), ValueError, "TopKAccuracy: k must be a whole number of at least 1, got 0"),
        (lambda: TopKAccuracy(1.5), TypeError, r"TopKAccuracy: k must be a whole number of at least 1, got 1\.5"),
        (lambda: Accuracy("half"), TypeError, "Accuracy: threshold must be a number, got the string 'half'"),
        (lambda: confusion_matrix([0, 1], [0]), ValueError, "confusion_matrix: .* the same number of rows, .* got shapes"),
        (lambda: confusion_matrix([], []), ValueError, "confusion_matrix: .* at least one"),
        (lambda: confusion_matrix([0, 3], [0, 1], classes=3), ValueError, "confusion_matrix: labels must lie in 0 … 2"),
        (lambda: confusion_matrix([0, -1], [0, 1]), ValueError, "confusion_matrix: labels must lie in 0 … 1"),
        (lambda: trainer_with("acuracy"), ValueError, "unknown metric 'acuracy'; did you mean 'accuracy'"),
        (lambda: trainer_with("acc"), ValueError, "did you mean 'accuracy'"),
        (lambda: trainer_with("accuracy", Accuracy(0.5)), ValueError, "two of the recorded quantities are named 'accuracy'"),
        (lambda: trainer_with(Accuracy), TypeError, r"functions of outputs and targets, got the class Accuracy itself"),
        (lambda: trainer_with(3), TypeError, r"metrics must be names, objects of nd\.metrics or functions"),
        (lambda: nd.Trainer(nd.Sequential([nd.Dense(3)], 2), "softmax_cross_entropy", metrics="accuracy"), TypeError,
         r"metrics must be a list of metrics, for example metrics=\['accuracy'\], got the string 'accuracy'"),
        (lambda: nd.metrics.get(lambda z, y: z)(SCORES, LABELS), TypeError, "must return one number, got an array"),
    ],
)
def test_what_makes_no_sense_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_an_own_metric_needs_its_method():
    with pytest.raises(NotImplementedError, match=r"Empty must define compute\(outputs, targets\)"):
        type("Empty", (Metric,), {})()(SCORES, LABELS)
