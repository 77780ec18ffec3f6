"""What kernels do exactly where something changes: the kinks and jumps of activations, and batches wider than a block.

The gradient checks stay away from such places, for there is no derivative to compare with; which of the two slopes is taken is
said in the docstrings, and is that of PyTorch and TensorFlow: nearly always the smaller one.
"""

import math

import numpy as np
import pytest

from npdeep.activations import RULES, value_and_slope
from npdeep.kernels.activations import gates, rectifiers
from npdeep.kernels.updates.momentum import flush_tiny

LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772
KINKS = {
    # activation and parameters: place, value, slope
    "relu": ({}, [(0, 0, 0)]),
    "leaky_relu": ({"negative_slope": 0.25}, [(0, 0, 0.25)]),
    "elu": ({"alpha": 2.5}, [(0, 0, 2.5)]),
    "celu": ({"alpha": 2.5}, [(0, 0, 1)]),
    "selu": ({}, [(0, 0, LAMBDA * ALPHA)]),
    "relu6": ({}, [(0, 0, 0), (6, 6, 0)]),
    "hard_tanh": ({}, [(-1, -1, 0), (1, 1, 0)]),
    "hard_sigmoid": ({}, [(-3, 0, 0), (3, 1, 0)]),
    "sparse_sigmoid": ({}, [(-1, 0, 0), (1, 1, 0)]),
    "sparse_plus": ({}, [(-1, 0, 0), (1, 1, 1)]),
    "hard_silu": ({}, [(-3, 0, 0), (3, 3, 1)]),
    "soft_shrink": ({"threshold": 0.5}, [(-0.5, 0, 0), (0.5, 0, 0)]),
    "hard_shrink": ({"threshold": 0.5}, [(-0.5, 0, 0), (0.5, 0, 0)]),
    "threshold": ({"threshold": 1.5, "value": -7.0}, [(1.5, -7, 0)]),
}


@pytest.mark.parametrize("name", KINKS)
def test_value_and_slope_exactly_at_a_kink(name):
    parameters, places = KINKS[name]
    z, values, slopes = np.array(places, float).T
    a, slope = value_and_slope(name, z, **parameters)
    np.testing.assert_array_equal(a, values)
    np.testing.assert_allclose(slope, slopes, rtol=1e-15)


@pytest.mark.parametrize("name", ["soft_shrink", "hard_shrink"])
def test_without_a_threshold_a_shrinkage_is_the_identity_at_0_too(name):
    z = np.array([-1.5, -1.0, -0.5, 0.0, 0.25, 1.0, 2.0])
    a, slope = value_and_slope(name, z, threshold=0.0)
    np.testing.assert_array_equal(a, z)
    np.testing.assert_array_equal(slope, 1)


@pytest.mark.parametrize(
    ("threshold", "at_threshold"),
    [(0.0, (0.0, 0.25)), (1.0, (1.0, 1.0)), (-1.0, (-1.0, 1.0))],
)
def test_the_general_relu_at_its_threshold_and_its_maximum(threshold, at_threshold):
    parameters = {"negative_slope": 0.25, "maximum": 4.0, "threshold": threshold}
    a, slope = value_and_slope("general_relu", np.array([threshold, 4.0]), **parameters)
    assert (a[0], slope[0]) == at_threshold
    assert (a[1], slope[1]) == (4.0, 0.0)


def test_learnt_and_drawn_slopes_hold_at_0_too():
    z, da = np.zeros((1, 2)), np.array([[3.0, 5.0]])
    slopes, t, dz = np.array([[0.25, 0.5]]), np.empty((1, 2)), np.empty((1, 2))
    np.testing.assert_array_equal(rectifiers.prelu_backward(z, slopes[0], t, da, np.empty(2), dz), da * slopes)
    np.testing.assert_array_equal(rectifiers.rrelu_backward(z, slopes, t, da, dz), da * slopes)


def test_every_activation_made_of_pieces_is_among_them():
    """Those whose formulas say where another piece begins."""
    inside = {name for name, rule in RULES.items() if rule.forward.__module__.endswith(("piecewise", "rectifiers"))}
    assert inside - set(KINKS) <= {"linear", "identity", "scaled", "clipped_linear", "general_relu"}


@pytest.mark.parametrize(("pieces", "units"), [(2, 5000), (3, 700), (2, 3)])
def test_maxout_of_rows_of_any_width_and_of_many_rows(pieces, units):
    """It works block by block, and one row may be wider than a block."""
    z = np.random.default_rng(3).normal(size=(7, pieces, units))
    a, winner = np.empty((7, units)), np.full((7, units), -1)
    gates.maxout_forward(z, a, winner)
    np.testing.assert_array_equal(a, z.max(axis=1))
    np.testing.assert_array_equal(np.take_along_axis(z, winner[:, None], axis=1)[:, 0], a)
    assert math.isfinite(a.sum())


def test_what_is_just_as_small_as_the_threshold_is_flushed():
    m = np.array([1e-20, -1e-20, np.nextafter(1e-20, 1), 1e-20])
    flush_tiny(m, np.array([0.0, 0.0, 0.0, 1.0]), np.empty(4), smallest=1e-20)
    assert m.tolist() == [0, 0, np.nextafter(1e-20, 1), 1e-20]
