"""Metrics have Keras's values."""

from helpers_golden import assert_close, each_case

import npdeep as nd


@each_case("metrics", kind="metric")
def test_metric(golden):
    metric = getattr(nd.metrics, golden.metric)(**golden.parameters)
    assert_close(metric(golden.outputs, golden.targets), golden.value)


@each_case("metrics", kind="confusion")
def test_confusion_matrix(golden):
    assert_close(nd.metrics.confusion_matrix(golden.outputs, golden.targets), golden.matrix)
