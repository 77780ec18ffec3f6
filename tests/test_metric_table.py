"""Every last activation × loss × metric × kind of targets: the number equals one counted by hand, or it is refused."""

import functools

import numpy as np
import pytest
from helpers_own import OwnLossObject

import npdeep as nd
from npdeep.activations import REQUIRED, RULES
from npdeep.metrics import BuiltIn

ROWS = 45
X = np.random.default_rng(0).normal(0, 1.5, (ROWS, 4))
YES = np.random.default_rng(1).random(ROWS) < 0.6
CLASSES = np.random.default_rng(2).integers(0, 3, ROWS)
ENDINGS = [None, *RULES]
FEW = [None, "sigmoid", "softmax", "relu", "hard_tanh", "leaky_relu", "threshold"]
"""One of each kind: without bounds, between 0 and 1, never negative, between −1 and 1, with and without parameters."""
NEVER_POSITIVE = ("log_sigmoid", "log_softmax")
REFUSED = r"threshold=0|write \(targets \+ 1\) / 2|never gives a positive"
NEVER_NEGATIVE = {
    *("sigmoid", "hard_sigmoid", "sparse_sigmoid", "softmax", "softmin", "sparsemax", "clipped_linear"),
    *("relu", "relu6", "general_relu", "threshold", "softplus", "squareplus", "sparse_plus", "exponential"),
}
COUNTS = ("accuracy", "binary_accuracy", "precision", "recall", "f1")


class OwnSquare:
    """A squared error of the user's, of which npdeep cannot know what it is."""

    def forward(self, outputs, targets, sample_weight=None):
        self.error = outputs - np.reshape(targets, outputs.shape)
        return float(np.mean(self.error**2))

    def backward(self):
        return 2 * self.error / self.error.size


LOSSES = [*nd.losses.KNOWN, "own"]


def trainer_of(ending, loss, units, *metrics):
    """A trainer that does not move."""
    needed = {name: 0.1 for name, value in RULES[ending].parameters.items() if value is REQUIRED} if ending else {}
    layers = [nd.Dense(units, bias_initializer="random_normal"), *([nd.Activation(ending, **needed)] if ending else [])]
    loss = OwnSquare() if loss == "own" else loss
    return nd.Trainer(nd.Sequential(layers, 4, seed=3), loss, nd.optimizers.SGD(0.0), metrics=metrics)


@functools.cache
def go_together(ending, loss, units):
    """Do the last activation and the loss?"""
    try:
        return trainer_of(ending, loss, units) is not None
    except ValueError:
        return False


def threshold_by_hand(ending, loss, low):
    """Above which output it is a yes; None where it must be refused. low: the target of a no, 0 or −1."""
    if ending in NEVER_POSITIVE:
        return None
    if loss == "binary_cross_entropy":
        return 0.0
    if ending in NEVER_NEGATIVE:
        return 0.5 if low == 0 or "hinge" in loss else None
    if "hinge" in loss:
        return 0.0
    return None if loss == "own" else (0.5 if low == 0 else 0.0)


def score_by_hand(metric, said, true):
    hits, said_yes, yes = np.sum(said & true), np.sum(said), np.sum(true)
    counted = {
        **dict.fromkeys(("accuracy", "binary_accuracy"), (np.sum(said == true), true.size)),
        **{"precision": (hits, said_yes), "recall": (hits, yes), "f1": (2 * hits, said_yes + yes)},
    }
    above, below = counted[metric]
    return above / below if below else 0.0


def area_by_hand(scores, true):
    """The share of pairs that are in the right order, ties half."""
    difference = scores[true][:, None] - scores[~true][None, :]
    return np.mean((difference > 0) + 0.5 * (difference == 0))


def fits(loss, low):
    """Does the loss itself take these targets?"""
    return low == 0 or loss not in ("binary_cross_entropy", "poisson", "kl_divergence")


few_and_all = pytest.mark.parametrize("endings", [FEW, pytest.param(ENDINGS, marks=pytest.mark.exhaustive)], ids=["few", "all"])


@few_and_all
@pytest.mark.parametrize("low", [0, -1])
@pytest.mark.parametrize("metric", COUNTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_one_output(loss, metric, low, endings):
    if loss in ("softmax_cross_entropy", "kl_divergence") or not fits(loss, low):
        return
    y, refused = np.where(YES, 1, low)[:, None], 0
    for ending in endings:
        if not go_together(ending, loss, 1):
            continue
        threshold = threshold_by_hand(ending, loss, low)
        for given in (metric, type(nd.metrics.get(metric))()):       # by name or as an object: the same
            if threshold is None:
                refused += ending not in NEVER_POSITIVE
                with pytest.raises(ValueError, match=REFUSED):
                    trainer_of(ending, loss, 1, given).evaluate(X, y)
                continue
            trainer = trainer_of(ending, loss, 1, given)
            by_hand = score_by_hand(metric, trainer.model.predict(X) > threshold, YES[:, None])
            assert trainer.evaluate(X, y, batch_size=7)[metric] == pytest.approx(by_hand, rel=1e-12), (ending, threshold)
            if given == metric:
                history = trainer.fit(X, y, batch_size=7, validation_data=(X, y), verbose=False)
                assert history[metric] == history[f"val_{metric}"] == pytest.approx([by_hand], rel=1e-12), (ending, threshold)
    assert refused == 0 or loss == "own" or low == -1


@few_and_all
@pytest.mark.parametrize("low", [0, -1])
@pytest.mark.parametrize("loss", LOSSES)
def test_several_outputs_that_are_each_yes_or_no(loss, low, endings):
    if loss in ("softmax_cross_entropy", "kl_divergence") or not fits(loss, low):
        return
    bits = np.random.default_rng(5).random((ROWS, 3)) < 0.5
    y = np.where(bits, 1, low)
    for ending in endings:
        if not go_together(ending, loss, 3):
            continue
        threshold = threshold_by_hand(ending, loss, low)
        if threshold is None:
            with pytest.raises(ValueError, match=REFUSED):
                trainer_of(ending, loss, 3, "binary_accuracy").evaluate(X, y)
            continue
        trainer = trainer_of(ending, loss, 3, "binary_accuracy")
        by_hand = np.mean((trainer.model.predict(X) > threshold) == bits)
        assert trainer.evaluate(X, y, batch_size=7)["binary_accuracy"] == pytest.approx(by_hand, rel=1e-12), ending
        for metric in ("accuracy", "precision", "recall", "f1", nd.metrics.TopKAccuracy(2)):
            with pytest.raises(ValueError, match=r"each|rows of targets must have one 1|labels or one-hot"):
                trainer_of(ending, loss, 3, metric).evaluate(X, y)


def targets_of_classes(loss):
    """Labels and one-hot rows, as far as the loss takes them."""
    rows = {"one-hot": np.eye(3)[CLASSES]}
    if loss == "softmax_cross_entropy":
        rows["labels"] = CLASSES
    if "error" in loss or "hinge" in loss or loss in ("huber", "log_cosh"):
        rows["signs"] = 2 * np.eye(3)[CLASSES] - 1
    return rows


@few_and_all
@pytest.mark.parametrize("loss", LOSSES)
def test_classes(loss, endings):
    for ending in endings:
        for kind, y in targets_of_classes(loss).items():
            if not go_together(ending, loss, 3) or loss == "binary_cross_entropy":
                continue
            named = ("accuracy", "precision", "recall", "f1", nd.metrics.TopKAccuracy(2), "roc_auc")
            trainer = trainer_of(ending, loss, 3, *named)
            outputs = trainer.model.predict(X)
            said, true = np.eye(3, dtype=bool)[outputs.argmax(axis=1)], np.eye(3, dtype=bool)[CLASSES]
            seen = [c for c in range(3) if said[:, c].any() or true[:, c].any()]
            ranked = outputs.astype(np.float64)
            if loss == "softmax_cross_entropy":
                ranked = np.exp(ranked) / np.exp(ranked).sum(axis=1, keepdims=True)
            right = outputs[np.arange(ROWS), CLASSES][:, None]
            by_hand = {
                "accuracy": np.mean(said[true]),
                **{m: np.mean([score_by_hand(m, said[:, c], true[:, c]) for c in seen]) for m in COUNTS[2:]},
                "top_2_accuracy": np.mean(np.sum(outputs > right, axis=1) < 2),
                "roc_auc": np.mean([area_by_hand(ranked[:, c], true[:, c]) for c in range(3)]),
            }
            measured = trainer.evaluate(X, y, batch_size=7)
            del measured["loss"]
            assert measured == pytest.approx(by_hand, rel=1e-12), (ending, kind)


def test_a_softmax_has_no_threshold():
    with pytest.raises(ValueError, match='use "accuracy"'):
        trainer_of(None, "softmax_cross_entropy", 3, "binary_accuracy")


# ── targets that are no classes ───────────────────────────────────────────────────────────────────────────────────────
ROW = np.arange(ROWS)
NO_CLASSES = {
    "numbers": (1, ROW % 10.0, r"row \d+ has \d+"),
    "a price": (1, 1000.0 * ROW, "row 1 has 1000"),
    "a share": (1, YES * 0.9, r"row \d+ has 0\.9"),
    "three labels": (1, CLASSES.astype(float), r"row \d+ has 2; .* more than two classes one output each"),
    "two numbers": (2, np.stack([ROW, -ROW], axis=1) * 1.0, "labels or one-hot rows, but row 0 is"),
    "soft rows": (3, np.eye(3)[CLASSES] * 0.7 + 0.1, "labels or one-hot rows, but row 0 is"),
    "no class": (3, np.eye(3)[CLASSES] * (ROW > 3)[:, None], "one 1, but row 0 has 0"),
    "two classes": (3, np.maximum(np.eye(3)[CLASSES], np.eye(3)[(CLASSES + 1) % 3]), "one 1, but row 0 has 2"),
    "packed": (3, np.hstack([np.eye(3)[CLASSES], ROW[:, None]]), r"got \(45, 4\); where they hold more .* function"),
    "packed labels": (3, np.stack([CLASSES, ROW], axis=1), r"got \(45, 2\)"),
    "narrow": (4, np.eye(3)[CLASSES], r"got \(45, 3\)"),
    "labels beyond": (3, CLASSES + 1, "labels must lie in 0 to 2, got 1 to 3"),
    "labels below": (3, CLASSES - 1, "labels must lie in 0 to 2, got -1 to 1"),
    "half labels": (3, CLASSES + 0.5, r"integers .* row 0 has \d\.5"),
    "nan": (3, np.where(ROW == 5, np.nan, CLASSES), "row 5 has nan"),
    "nan bits": (1, np.where(ROW == 5, np.nan, YES), "row 5 has nan"),
    "mixed signs": (1, np.array([-1, 0, 1] * 15), "row 1 has 0"),
    "words": (3, np.array(["a", "b", "c"])[CLASSES], "must hold numbers"),
}


@pytest.mark.parametrize("metric", ["accuracy", "binary_accuracy", "precision", "f1", "roc_auc", "top_k_accuracy"])
@pytest.mark.parametrize("name", NO_CLASSES)
def test_targets_that_are_no_classes_are_refused_before_anything_is_computed(name, metric):
    """Under a custom loss, which takes anything: nothing else would refuse them."""
    units, y, message = NO_CLASSES[name]
    if metric == "top_k_accuracy":
        metric = nd.metrics.TopKAccuracy(2)
        if units <= 2:
            return
    if metric == "binary_accuracy" and units > 1:
        message = "shape of the outputs|yes or no|must hold numbers|row 5 has nan"
    if metric in ("binary_accuracy", "precision", "f1") and units == 1:
        metric = type(nd.metrics.get(metric))(threshold=0)
    if metric == "accuracy" and units == 1:
        metric = nd.metrics.Accuracy(0.5)
    if metric == "roc_auc" and units > 1:
        if name in ("no class", "two classes"):
            return                            # bits will do
        message = f"{message}|each output is yes or no"
    if metric == "binary_accuracy" and name in ("no class", "two classes"):
        return
    trainer = trainer_of("sigmoid", "own", units, metric)
    trainer.loss.own.forward = None           # it would raise if it were asked
    weights = trainer.model.arena.values.tobytes()
    batches = [(X, y)]
    good = CLASSES % max(units, 2) if trainer.metrics[0].name != "binary_accuracy" else np.ones((ROWS, units))
    good = good * 1.0 if units > 1 else YES * 1.0
    calls = [
        lambda: trainer.evaluate(X, y),
        lambda: trainer.fit(X, y, verbose=False),
        lambda: trainer.fit(batches, verbose=False),
        lambda: trainer.fit(X, good, validation_data=(X, y), verbose=False),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError), match=message) as caught:
            call()
        assert len(str(caught.value)) < 300
        assert trainer.metrics[0].name in str(caught.value)
    assert trainer.iteration == 0
    assert trainer.model.arena.values.tobytes() == weights


def test_what_the_loss_takes_may_still_be_refused_by_the_metric():
    trainer = trainer_of(None, "mean_squared_error", 1, "accuracy")
    with pytest.raises(ValueError, match=r"fit: accuracy: one output is yes or no: targets must be 0 and 1 \(or"):
        trainer.fit(X, np.arange(ROWS)[:, None] % 10, verbose=False)
    with pytest.raises(ValueError, match="labels or one-hot rows"):
        trainer_of(None, "softmax_cross_entropy", 3, "accuracy").fit(X, np.full((ROWS, 3), 1 / 3), verbose=False)


def test_the_cures_work():
    packed, soft = np.hstack([CLASSES[:, None], X]), np.eye(3)[CLASSES] * 0.7 + 0.1
    trainer = nd.Trainer(trainer_of(None, "own", 3).model, OwnLossObject(),
                         metrics=[lambda z, y: (z.argmax(1) == y[:, 0]).mean()])
    trainer.loss.own.forward = lambda z, y: 0.0
    share = np.mean(trainer.model.predict(X).argmax(axis=1) == CLASSES)
    assert trainer.evaluate(X, packed)["<lambda>"] == share
    trainer = trainer_of(None, "softmax_cross_entropy", 3, lambda z, y: (z.argmax(1) == y.argmax(1)).mean())
    assert trainer.evaluate(X, soft)["<lambda>"] == share
    trainer = trainer_of("sigmoid", "mean_squared_error", 1, "accuracy")
    assert trainer.evaluate(X, (np.where(YES, 1, -1)[:, None] + 1) / 2)["accuracy"] >= 0
    cured = lambda z, y: nd.metrics.F1(threshold=0)(z[:, :1], y[:, :1])  # noqa: E731
    bits = np.eye(3)[CLASSES]
    trainer = trainer_of(None, "binary_cross_entropy", 3, cured)
    by_hand = score_by_hand("f1", trainer.model.predict(X)[:, 0] > 0, CLASSES == 0)
    assert trainer.evaluate(X, bits)["<lambda>"] == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("ending", [None, "tanh", "leaky_relu"])
def test_targets_that_are_all_1_do_not_tell_where_yes_begins(ending):
    y = np.ones((ROWS, 1))
    with pytest.raises(ValueError, match=r"every target is 1: .*nd.metrics.Accuracy\(threshold=0\.5\) for 0 and 1"):
        trainer_of(ending, "mean_squared_error", 1, "accuracy").evaluate(X, y)
    for threshold in (0.5, 0):
        trainer = trainer_of(ending, "mean_squared_error", 1, nd.metrics.Accuracy(threshold))
        assert trainer.evaluate(X, y)["accuracy"] == np.mean(trainer.model.predict(X) > threshold)
    trainer_of("sigmoid", "mean_squared_error", 1, "accuracy").evaluate(X, y)
    trainer_of(ending, "hinge", 1, "accuracy").evaluate(X, y)


def test_batches_whose_targets_are_all_1_are_no_reason():
    y = np.sort(np.where(YES, 1.0, 0.0))[::-1, None]
    trainer = trainer_of(None, "mean_squared_error", 1, "accuracy")
    share = np.mean((trainer.model.predict(X) > 0.5) == (y > 0.5))
    batches = [(X[i : i + 5], y[i : i + 5]) for i in range(0, ROWS, 5)]
    assert trainer.fit(batches, verbose=False)["accuracy"] == [pytest.approx(share, rel=1e-12)]


def test_one_object_serves_two_trainers():
    shared = nd.metrics.Accuracy()
    probability, logit = (trainer_of(*parts, 1, shared) for parts in (("sigmoid", "mean_squared_error"),
                                                                      (None, "binary_cross_entropy")))
    assert (probability.metrics[0].cut, logit.metrics[0].cut, shared.cut) == (0.5, 0.0, None)


# ── NaN and integers ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", sorted(set(nd.metrics.KNOWN) - {"mean_squared_error", "mean_absolute_error"}))
@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("label", [0, 1])
def test_outputs_that_are_nan_are_never_hits(name, units, label):
    if name == "top_k_accuracy" and units == 1:
        return
    metric = nd.metrics.get(name)
    labels = np.array([label] * 5 + [1 - label] * 5)
    targets = labels if name != "binary_accuracy" else np.repeat(labels[:, None], units, axis=1)
    value = metric(np.full((10, units), np.nan), targets)
    assert np.isnan(value) if name == "roc_auc" else value == 0
    if units == 3 and name not in ("binary_accuracy", "precision", "roc_auc"):
        partly = np.full((10, 3), -5.0)
        partly[np.arange(10), labels] = 5.0   # all right,
        partly[0, 2] = np.nan                 # but for a NaN elsewhere
        assert nd.metrics.get(name)(partly, labels) < 1


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_nan_is_not_among_the_k_largest_whatever_k(k):
    assert nd.metrics.TopKAccuracy(k)(np.full((4, 3), np.nan), [0, 1, 2, 0]) == 0


def test_a_diverged_network_is_never_right():
    trainer = trainer_of(None, "softmax_cross_entropy", 3, "accuracy", "precision", nd.metrics.TopKAccuracy(2))
    trainer.model.layers[0].kernel.value[...] = np.nan
    measured = trainer.evaluate(X, CLASSES)
    assert [measured[name] for name in ("accuracy", "precision", "top_2_accuracy")] == [0, 0, 0]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int16", "int64", "float16"])
def test_whole_numbers_do_not_wrap_round(dtype):
    rng = np.random.default_rng(7)
    low, high = (0, 2) if dtype == "bool" else (-100, 101) if dtype == "int8" else (0, 200)
    outputs, targets = (rng.integers(low, high, (20, 3)).astype(dtype) for _ in range(2))
    for name in ("mean_squared_error", "mean_absolute_error"):
        metric = nd.metrics.get(name)
        exact = metric(outputs.astype(float), targets.astype(float))
        for pair in ((outputs, targets), (outputs.astype(float), targets), (outputs, targets.astype(float))):
            assert metric(*pair) == exact
    one, bits = outputs[:, :1], targets[:, 0] % 2 if dtype != "bool" else targets[:, 0]
    for name in ("accuracy", "binary_accuracy", "precision", "recall", "f1", "roc_auc"):
        metric = nd.metrics.get(name)
        assert metric(one, bits) == metric(one.astype(float), bits.astype(float))
        assert metric(one, np.abs(bits)) == metric(one.astype(float), np.abs(bits).astype(float))


def test_targets_of_another_shape_are_not_reshaped_into_place():
    for name in ("mean_squared_error", "mean_absolute_error", "binary_accuracy"):
        for shape in ((3, 2), (6, 1), (6,), (1, 6)):
            with pytest.raises(ValueError, match=r"shape of the outputs|same number of rows"):
                nd.metrics.get(name)(np.zeros((2, 3)), np.zeros(shape))


# ── the confusion matrix ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("predictions", "targets", "message"),
    [
        ([0.9, 0.2, 0.8], [1, 0, 1], r"row 0 has 0\.9; for one output write predictions > 0\.5 where it is a probability"),
        ([[0.9], [0.2], [0.8]], [1, 0, 1], "row 0 has 0.9; for one output write predictions > 0.5"),
        ([[2.0], [-1.5], [0.5]], [1, 0, 1], "row 1 has -1.5; for one output"),
        ([1, 0, 1], [0.9, 0.4, 1], r"integers .* row 0 has 0\.9"),
        ([1, 0, 1], [[0.9, 0.1]] * 3, "one-hot rows, but row 0 is"),
        (np.full((3, 2), np.nan), [1, 0, 1], "predictions holds nan at row 0"),
        ([np.nan, 0, 1], [1, 0, 1], "predictions holds nan at row 0"),
        ([1, 0, 1], [np.nan, 0, 1], "row 0 has nan"),
        (np.zeros((3, 2, 2)), [1, 0, 1], "predictions must be labels"),
        (np.eye(3), np.eye(3, 4), r"one-hot rows, shape \(n, 3\), got \(3, 4\)"),
        (np.eye(3), np.eye(3, 2), r"one-hot rows, shape \(n, 3\), got \(3, 2\)"),
        ([-1, 1, 1], [-1, 1, 1], "labels must lie in 0"),
    ],
)
def test_the_confusion_matrix_cuts_nothing_to_whole_numbers(predictions, targets, message):
    with pytest.raises(ValueError, match=message):
        nd.metrics.confusion_matrix(predictions, targets)


def test_the_cure_of_the_confusion_matrix_works():
    p, y = np.array([0.9, 0.2, 0.8, 0.1]), np.array([1, 0, 1, 0])
    for predictions in (p > 0.5, (p > 0.5)[:, None], (p[:, None] > 0.5).astype(float)):
        assert nd.metrics.confusion_matrix(predictions, y).tolist() == [[2, 0], [0, 2]]
        assert nd.metrics.confusion_matrix(predictions, y[:, None], classes=2).tolist() == [[2, 0], [0, 2]]


def test_every_metric_of_npdeeps_is_in_this_table():
    assert set(nd.metrics.KNOWN) == {*COUNTS, "roc_auc", "top_k_accuracy", "mean_squared_error", "mean_absolute_error"}
    assert all(issubclass(kind, BuiltIn) for kind in nd.metrics.KNOWN.values())
