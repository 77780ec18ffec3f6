"""Metrics have the values of Keras and of scikit-learn."""

import numpy as np
import pytest
from helpers_golden import assert_close, each_case

import npdeep as nd


@each_case("metrics", kind="metric")
def test_metric(golden):
    metric = getattr(nd.metrics, golden.metric)(**golden.parameters)
    assert_close(metric(golden.outputs, golden.targets), golden.value)


@each_case("metrics", kind="confusion")
def test_confusion_matrix(golden):
    assert_close(nd.metrics.confusion_matrix(golden.outputs, golden.targets), golden.matrix)


@each_case("scores")
def test_scores_of_classes(golden):
    measured = [getattr(nd.metrics, metric)(**given)(golden.outputs, golden.targets) for metric, given in golden.numbers]
    assert_close(np.array(measured), golden.values)
    for i, (metric, given) in enumerate(golden.arrays_of):
        assert_close(getattr(nd.metrics, metric)(**given)(golden.outputs, golden.targets), golden.arrays[f"array_{i}"])


@each_case("scores")
def test_scores_do_not_depend_on_the_order_of_the_rows(golden):
    order = np.random.default_rng(0).permutation(len(golden.targets))
    for metric, given in golden.numbers:
        score = getattr(nd.metrics, metric)(**given)
        one, other = (score(golden.outputs[rows], golden.targets[rows]) for rows in (slice(None), order))
        assert one == pytest.approx(other, rel=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_an_installed_scikit_learn(seed):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    classes, n = int(rng.integers(2, 9)), int(rng.integers(20, 200))
    logits, labels = np.round(rng.normal(size=(n, classes)), int(rng.integers(0, 3))), rng.integers(0, classes, n)
    outputs = nd.metrics.softmax(logits)
    labels[:classes] = np.arange(classes)
    for average in ("macro", "micro", "weighted"):
        for ours, theirs in ((nd.metrics.Precision, sklearn.precision_score), (nd.metrics.Recall, sklearn.recall_score),
                             (nd.metrics.F1, sklearn.f1_score)):
            assert_close(ours(average)(outputs, labels), theirs(labels, outputs.argmax(1), average=average, zero_division=0))
        if classes > 2:
            wanted = sklearn.roc_auc_score(labels, outputs, multi_class="ovr", average=average)
            assert_close(nd.metrics.RocAuc(average)(outputs, labels), wanted)
            assert_close(nd.metrics.RocAuc(average, from_logits=True)(logits, labels), wanted)
    assert_close(nd.metrics.RocAuc()(outputs[:, :1], labels == 0), sklearn.roc_auc_score(labels == 0, outputs[:, 0]))
