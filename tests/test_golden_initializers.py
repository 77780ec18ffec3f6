"""The VarianceScaling family asks for the same distributions as Keras."""

import numpy as np
from helpers_golden import assert_close, each_case

import npdeep as nd


class Ends:
    """Stands in for a generator: its "draws" are the two numbers that describe the distribution, or a plain 0 and 1."""

    def uniform(self, low, high, shape):
        return np.array([low, high])

    def normal(self, mean, stddev, shape):
        return np.array([mean, stddev])

    def standard_normal(self, size):
        return np.arange(2.0)    # 0 and 1: a truncated normal is made of these, so it shows its mean and mean + stddev


@each_case("initializers")
def test_bounds_and_standard_deviations(golden):
    initializer = getattr(nd.initializers, golden.initializer)(**golden.parameters)
    assert initializer.distribution == golden.draws
    for (fan_in, fan_out), numbers in zip(golden.shapes.tolist(), golden.numbers, strict=True):
        assert_close(initializer((2,), fan_in, fan_out, Ends()), numbers)
