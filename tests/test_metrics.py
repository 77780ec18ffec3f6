"""Metrics: shares and means counted by hand, ties, NaN, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import npdeep as nd
from npdeep.metrics import (
    Accuracy,
    BinaryAccuracy,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    TopKAccuracy,
    classes,
    confusion_matrix,
)

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


def named(name):
    """A metric that is a function of this name."""
    metric = lambda outputs, targets: 0.5  # noqa: E731
    metric.__name__ = name
    return metric


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
        (lambda: TopKAccuracy(2)(SCORES, LABELS + 1), ValueError, "top_2_accuracy: labels must lie in 0 to 2, got 1 to 3"),
        (lambda: TopKAccuracy(2)(SCORES, LABELS - 1), ValueError, "top_2_accuracy: labels must lie in 0 to 2, got -1 to 1"),
        (lambda: TopKAccuracy(0), ValueError, "TopKAccuracy: k must be an integer of at least 1, got 0"),
        (lambda: TopKAccuracy(1.5), TypeError, r"TopKAccuracy: k must be an integer of at least 1, got 1\.5"),
        (lambda: Accuracy("half"), TypeError, "Accuracy: threshold must be a number, got the string 'half'"),
        (lambda: confusion_matrix([0, 1], [0]), ValueError, "confusion_matrix: .* the same number of rows, .* got shapes"),
        (lambda: confusion_matrix([], []), ValueError, "confusion_matrix: .* at least one"),
        (lambda: confusion_matrix([0, 3], [0, 1], classes=3), ValueError, "confusion_matrix: labels must lie in 0 to 2"),
        (lambda: confusion_matrix([0, -1], [0, 1]), ValueError, "confusion_matrix: labels must lie in 0 to 1"),
        (lambda: trainer_with("acuracy"), ValueError, "unknown metric 'acuracy'; did you mean 'accuracy'"),
        (lambda: trainer_with("acc"), ValueError, "did you mean 'accuracy'"),
        (lambda: trainer_with("accuracy", Accuracy(0.5)), ValueError, "two of the recorded quantities are named 'accuracy'"),
        *((lambda name=name: trainer_with("accuracy", named(name)), ValueError, f"recorded quantities are named '{name}'; give")
          for name in ("epoch", "updates", "seconds", "learning_rate", "loss", "val_loss", "val_accuracy")),
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


# ── outputs far out ───────────────────────────────────────────────────────────────────────────────────────────────────
CLASSES, PROBABILITIES = np.array([0, 1, 2, 1]), np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])
BY_CLASSES = {
    "accuracy": Accuracy(),
    "top 2": TopKAccuracy(2),
    **{f"{kind.__name__} {average}": kind(average) for kind in (nd.metrics.Precision, nd.metrics.Recall, nd.metrics.F1)
       for average in ("macro", "micro", "weighted")},
    **{f"AUC {average} {squashes}": nd.metrics.RocAuc(average, squashes) for average in ("macro", "micro", "weighted")
       for squashes in (False, True, None)},
    "squared": MeanSquaredError(),
    "absolute": MeanAbsoluteError(),
}  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308, -1e308])
@pytest.mark.parametrize("places", [[(0, 0)], [(0, 1)], [(1, 0), (1, 1)], [(2, 0), (2, 1), (2, 2)]])
@pytest.mark.parametrize("name", BY_CLASSES)
def test_outputs_far_out_are_measured_without_a_warning_and_nan_never_helps(name, places, value):
    metric, outputs = BY_CLASSES[name], PROBABILITIES.copy()
    outputs[tuple(np.array(places).T)] = value
    outputs[3, 0] = -value                    # and beside it what cannot be added to it
    targets = np.eye(3)[CLASSES] if name in ("squared", "absolute") else CLASSES
    if name.startswith("AUC") and name.endswith("None") and value == value:
        with pytest.raises(ValueError, match="must be probabilities"):
            metric(outputs, targets)
        return
    result = metric(outputs, targets)
    if np.isnan(value) and name.startswith(("AUC", "squared", "absolute")):
        assert math.isnan(result)
    if np.isnan(value) and not name.startswith(("AUC", "squared", "absolute")):
        assert result <= metric(PROBABILITIES, targets)
    if name.startswith("AUC") and name.endswith("False") and value == value:
        finite = np.clip(outputs, -10, 10)    # ranks are all that counts
        assert result == metric(finite, targets)


@pytest.mark.parametrize("metric", ["binary_accuracy", "accuracy", "precision", "recall", "f1"])
@pytest.mark.parametrize("last", ["log_softmax", "log_sigmoid", "sigmoid", "tanh", "relu", "linear"])
@pytest.mark.parametrize("loss", ["mean_squared_error", "huber", "hinge"])
def test_outputs_that_are_never_positive_are_no_yes(metric, last, loss):
    def trainer(units):
        model = nd.Sequential([nd.Dense(units), nd.Activation(last)], input_size=2, seed=0)
        return nd.Trainer(model, loss, metrics=[metric])

    units = 3 if metric == "binary_accuracy" else 1
    if last.startswith("log"):
        with pytest.raises(ValueError, match=f'"{metric}" asks whether outputs are yes or no; .* never gives a positive one'):
            trainer(units)
    else:
        trainer(units)
    if metric != "binary_accuracy":
        trainer(3)                            # there the largest wins


# ── what the counting depends on ──────────────────────────────────────────────────────────────────────────────────────
def test_a_row_with_one_nan_is_not_right_wherever_it_is():
    """argmax takes a NaN for the largest."""
    outputs = np.array([[np.nan, 5.0], [5.0, np.nan], [1.0, 2.0]])
    assert Accuracy()(outputs, [0, 1, 1]) == 1 / 3
    assert TopKAccuracy(k=1)(outputs, [0, 1, 1]) == 1 / 3


def test_a_confusion_matrix_of_labels_is_as_large_as_the_largest_on_either_side():
    assert confusion_matrix([0, 2], [0, 1]).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert confusion_matrix([0, 1], [0, 2]).tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert confusion_matrix([0, 0], [0, 0]).tolist() == [[2]]
    with pytest.raises(ValueError, match="labels must lie in 0 to 0, got -3 to -2"):
        confusion_matrix([-1, -1], [-3, -2])


def test_a_confusion_matrix_takes_its_size_from_columns_where_there_are_some():
    assert confusion_matrix([0, 1], np.eye(3)[[0, 1]]).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert confusion_matrix([0, 0], np.eye(2)[[0, 0]]).tolist() == [[2, 0], [0, 0]]
    assert confusion_matrix([[0.9, 0.1], [0.8, 0.2]], [0, 0]).tolist() == [[2, 0], [0, 0]]


@pytest.mark.parametrize(("predictions", "targets"), [(1, [1]), ([1], 1), (1, 1), ([1], [1, 1]), ([], [])])
def test_a_confusion_matrix_needs_rows(predictions, targets):
    with pytest.raises(ValueError, match="predictions and targets must have the same number of rows, at least one"):
        confusion_matrix(predictions, targets)


@pytest.mark.parametrize("units", [2, 3])
def test_accuracy_by_name_is_refused_for_several_yes_or_no(units):
    outputs = nd.metrics.Outputs(units, "BinaryCrossEntropy", "logits")
    with pytest.raises(ValueError, match=rf"BinaryCrossEntropy has {units} outputs that are each yes or no"):
        nd.metrics.for_outputs("accuracy", outputs)
    nd.metrics.for_outputs(Accuracy(), outputs)
    nd.metrics.for_outputs("accuracy", nd.metrics.Outputs(1, "BinaryCrossEntropy", "logits"))
    nd.metrics.for_outputs("accuracy", nd.metrics.Outputs(units, "SoftmaxCrossEntropy", "softmax logits"))


@pytest.mark.parametrize("units", [2, 3])
def test_one_score_of_several_yes_or_no_is_refused_in_a_trainer(units):
    for name in ("precision", "recall", "f1"):
        with pytest.raises(ValueError, match=f'"{name}" takes the largest output .* each of the {units} is yes or no'):
            nd.metrics.for_outputs(name, nd.metrics.Outputs(units, "BinaryCrossEntropy", "logits"))
        several = type(nd.metrics.get(name))(average=None)
        with pytest.raises(ValueError, match=r"average=None\) gives one number for each class"):
            nd.metrics.for_outputs(several, nd.metrics.Outputs(units, "SoftmaxCrossEntropy", "softmax logits"))


def test_a_row_with_one_nan_was_taken_for_no_class():
    outputs, labels = np.array([[np.nan, 5.0], [5.0, 0.0], [0.0, 5.0]]), [0, 0, 1]
    assert nd.metrics.Recall()(outputs, labels) == 3 / 4
    assert nd.metrics.Recall(average="micro")(outputs, labels) == 2 / 3
    assert nd.metrics.Precision(average=None)(outputs, labels).tolist() == [1, 1]


def test_of_as_many_outputs_as_k_none_can_be_missed():
    for k in (3, 4):
        with pytest.raises(ValueError, match=f"always among the {k} largest of 3 outputs"):
            nd.metrics.for_outputs(TopKAccuracy(k), nd.metrics.Outputs(3, "SoftmaxCrossEntropy", "softmax logits"))


def test_one_number_is_no_row_of_targets():
    with pytest.raises(ValueError, match=r"accuracy: outputs .* and targets must have the same number of rows"):
        Accuracy()([[1.0]], 1)


def test_nothing_is_kept_for_metrics_that_are_means_over_rows():
    for metric in (Accuracy(0.5), BinaryAccuracy(0.5), TopKAccuracy(2), MeanSquaredError(), MeanAbsoluteError()):
        assert not nd.metrics.Totals([metric]).keeps
    assert nd.metrics.Totals([MeanSquaredError(), nd.metrics.F1()]).keeps


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 0], [1, 1], [0, 0]], r"rows of targets must have one 1, but row 1 has 2"),
        ([[1, 0], [0, 0]], r"rows of targets must have one 1, but row 1 has 0"),
        ([[1, 0], [1, -1]], r"must be labels or one-hot rows, but row 1 is"),
        ([[0.5, 1], [0, 1]], r"must be labels or one-hot rows, but row 0 is"),
        ([[1, -1], [1, 0.5]], r"must be labels or one-hot rows, but row 1 is"),
        ([[-1, 1], [1, 0]], r"must be labels or one-hot rows, but row 1 is \[1 0\]"),
        ([[1, 0, 0, 0, 0, 0], [0.5, 0, 0, 0, 0, 0]], r"but row 1 is \[0\.5 0\.  0\.  0\.  0\.  0\. \];"),
        ([[1, 0, 0, 0, 0, 0, 0], [0.5, 0, 0, 1, 0, 0, 0], [0.25, 1, 0, 0, 0, 0, 0]], r"but row 1 is \[0\.5 0 0 1 …\];"),
    ],
)
def test_the_first_row_that_is_not_one_hot_is_named(rows, message):
    with pytest.raises(ValueError, match=message):
        Accuracy()(np.zeros(np.shape(rows)), rows)


@pytest.mark.parametrize("rows", [[[1, 0], [0, 1]], [[1, -1], [-1, 1]], [[0, 1], [0, 1]]])
def test_one_hot_rows_hold_0_or_minus_1(rows):
    assert Accuracy()(np.array(rows), rows) == 1


def test_a_column_of_labels_of_one_class_is_no_one_hot_rows():
    assert confusion_matrix([0, 0], [[0], [0]]).tolist() == [[2]]


def test_a_custom_metric_is_watched_when_it_is_called_by_hand():
    class Greedy(Metric):
        name = "greedy"

        def compute(self, outputs, targets):
            outputs[0] = 9.0
            return 1.0

    with pytest.raises(ValueError, match=r"metric greedy.*outputs"):
        Greedy()(np.ones((2, 1)), np.ones(2))


def test_a_custom_metric_takes_outputs_and_targets():
    class Lonely(Metric):
        name = "lonely"

        def compute(self, outputs):
            return 1.0

    words = r"is called with \(outputs, targets\): take these"
    with pytest.raises(TypeError, match=rf"metric lonely: compute\(outputs\) {words}"):
        nd.metrics.for_outputs(Lonely(), nd.metrics.Outputs(1, "Huber", "values"))
    with pytest.raises(TypeError, match=rf"metric <lambda>: <lambda>\(z\) {words}"):
        nd.metrics.get(lambda z: 1.0)


def test_micro_averages_of_classes_are_the_accuracy():
    for units in (2, 3):
        outputs, labels = np.eye(units)[[0, 1, 1, 0, 1]], [0, 1, 0, 1, 1]
        for kind in (nd.metrics.Precision, nd.metrics.Recall, nd.metrics.F1):
            assert kind(average="micro")(outputs, labels) == 3 / 5


def test_areas_of_several_outputs_are_no_one_number_and_those_of_one_are():
    refused = nd.metrics.RocAuc(average=None)
    for units in (2, 3):
        with pytest.raises(ValueError, match=r"RocAuc\(average=None\) gives one number for each class"):
            nd.metrics.for_outputs(refused, nd.metrics.Outputs(units, "SoftmaxCrossEntropy", "softmax logits"))
    nd.metrics.for_outputs(refused, nd.metrics.Outputs(1, "BinaryCrossEntropy", "logits"))


def test_areas_of_two_outputs_ask_for_probabilities_too():
    with pytest.raises(ValueError, match="roc_auc: rows of outputs must be probabilities that sum to 1"):
        nd.metrics.RocAuc()([[2.0, -1.0], [0.0, 3.0]], [0, 1])


def test_an_area_of_one_output_has_one_column_of_targets():
    with pytest.raises(ValueError, match=r"roc_auc: targets must have the shape of the outputs, \(2, 1\), got \(2, 2\)"):
        nd.metrics.RocAuc()([[2.0], [0.0]], [[0, 1], [1, 0]])


@pytest.mark.parametrize("label", [np.inf, np.nan, 0.5])
def test_labels_that_are_floats_are_integers_all_the_same(label):
    with pytest.raises(ValueError, match=rf"targets must be integers \(labels\) or one-hot rows, but row 1 has {label:g}"):
        Accuracy()(np.zeros((2, 3)), [0.0, label])


def test_a_confusion_matrix_has_at_most_10000_classes():
    with pytest.raises(ValueError, match="classes must be an integer of at most 10,000, got 10001"):
        confusion_matrix([0], [0], classes=10_001)


def test_where_outputs_are_drawn_to_the_targets_all_rows_tell_where_yes_begins():
    for metric in (Accuracy(), BinaryAccuracy()):
        looked = nd.metrics.for_outputs(metric, nd.metrics.Outputs(1, "MeanSquaredError", "values"))
        assert (looked.whole, looked.cut, looked.told) == (True, None, True)
        assert (metric.whole, metric.told) == (False, False)
        looked = nd.metrics.for_outputs(metric, nd.metrics.Outputs(1, "MeanSquaredError", "values", lowest=0.0))
        assert (looked.whole, looked.cut) == (False, 0.5)


@pytest.mark.parametrize("highest", [0.0, -1.0])
def test_outputs_that_are_never_above_0_are_no_yes(highest):
    with pytest.raises(ValueError, match="the last activation never gives a positive one"):
        nd.metrics.for_outputs(BinaryAccuracy(), nd.metrics.Outputs(1, "MeanSquaredError", "values", highest=highest))
    nd.metrics.for_outputs(BinaryAccuracy(), nd.metrics.Outputs(1, "MeanSquaredError", "values", highest=1e-30))


@pytest.mark.parametrize("outputs", [[0.5, 0.25], [0.0, 0.5], [0.5, 1.0], [0.0, 0.3, 1.0]])
def test_outputs_that_may_be_probabilities_are_asked_about(outputs):
    with pytest.raises(ValueError, match="these outputs all lie between 0 and 1: logits or probabilities"):
        Accuracy()(np.array(outputs)[:, None], np.zeros(len(outputs)))


@pytest.mark.parametrize("outputs", [[0.0, 1.0], [-0.5, 0.5], [0.5, 1.5], [-1.0, 0.0], [2.5, 1.5]])
def test_outputs_that_cannot_be_probabilities_or_are_bits_are_not(outputs):
    assert Accuracy()(np.array(outputs)[:, None], np.zeros(len(outputs))) == np.mean(np.array(outputs) <= 0)


def test_areas_of_two_outputs_are_one_for_each_class():
    outputs, bits = np.array([[0.9, 0.1], [0.8, 0.3], [0.3, 0.2], [0.1, 0.9]]), np.array([[1, 0], [0, 0], [1, 0], [0, 1]])
    areas = nd.metrics.RocAuc(average=None, from_logits=False)(outputs, bits)
    assert areas.tolist() == [0.75, 1.0]
    assert nd.metrics.RocAuc(from_logits=False)(outputs, bits) == 0.875


def test_a_score_of_classes_defines_its_score():
    with pytest.raises(NotImplementedError):
        classes.ClassScore()(np.eye(2), [0, 1])


def test_what_a_metric_is_told_cannot_be_changed_and_is_open_by_default():
    outputs = nd.metrics.Outputs(1, "Huber", "values")
    assert (outputs.lowest, outputs.highest, outputs.by_name) == (-math.inf, math.inf, False)
    with pytest.raises(AttributeError):
        outputs.units = 2


def test_an_area_takes_the_targets_of_a_hinge_loss():
    assert nd.metrics.RocAuc()([[-2.0], [3.0], [1.0]], [-1, 1, -1]) == 1.0


def test_the_area_of_one_output_is_one_number_whatever_the_average():
    for average in ("macro", "micro", "weighted", None):
        area = nd.metrics.RocAuc(average=average)([[0.1], [0.4], [0.35], [0.8]], [0, 0, 1, 1])
        assert isinstance(area, float)
        assert area == 0.75


def test_a_class_that_every_row_or_no_row_belongs_to_has_no_area():
    outputs = np.array([[0.2, 0.9, 0.1], [0.3, 0.1, 0.2], [0.1, 0.4, 0.3]])
    bits = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0]])
    areas = nd.metrics.RocAuc(average=None, from_logits=False)(outputs, bits)
    np.testing.assert_array_equal(areas, [np.nan, 1, np.nan])
    assert nd.metrics.RocAuc(from_logits=False)(outputs, bits) == 1
    for every in (True, False):
        assert math.isnan(classes.area(np.array([1.0, 2.0]), np.array([every, every])))


@pytest.mark.parametrize("rows", [[[1.5, -0.5], [0.5, 0.5]], [[0.5, 0.5], [0.9, 0.9]], [[0.5, 0.5], [0.1, 0.1]]])
def test_rows_that_are_no_probabilities_are_refused_where_areas_need_some(rows):
    with pytest.raises(ValueError, match="roc_auc: rows of outputs must be probabilities that sum to 1"):
        nd.metrics.RocAuc()(rows, [0, 1])
    assert nd.metrics.RocAuc()([[0.5, 0.5004], [0.4, 0.6]], [1, 0]) == 0.0


def test_the_softmax_of_a_metric_does_not_overflow():
    np.testing.assert_array_equal(nd.metrics.softmax(np.array([[1000.0, -1000.0], [-1e4, -1e4]])), [[1, 0], [0.5, 0.5]])
