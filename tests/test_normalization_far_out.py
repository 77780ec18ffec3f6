"""Both normalizations over all floats there are: the right numbers, or NaN where the variance overflows, never a silent β."""

import numpy as np
import pytest

import npdeep as nd

pytestmark = pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
LIMIT = float(np.sqrt(np.finfo(np.float32).max))
LARGEST = float(np.finfo(np.float32).max)
SCALES = [0.0, -0.0, 1e-45, 3e-41, 1.2e-38, *(10.0**k for k in range(-37, 39, 3)), LIMIT / 4, LIMIT * 8, LARGEST / 8, LARGEST]
ROWS = np.array([[0.25, -0.5, 0.125], [-1.0, 0.75, 0.0], [0.5, 0.5, -1.0], [-0.0, -0.875, 1.0], [1.0, 0.25, -0.25]])
ROUNDING = 320 * 5 * 1.4e-45
"""Each of 5 denormals may be off by the smallest there is, before 1/√ε multiplies it."""
UPSTREAM = np.array([[1.0, -2.0, 0.5], [0.25, 1.0, -1.0], [-0.5, 0.0, 2.0], [1.5, -1.0, 0.75], [-2.0, 0.5, 1.0]])


def network(layer, dtype="float32"):
    model = nd.Sequential([layer(name="norm")], input_size=3, dtype=dtype, seed=0)
    model.layer("norm").gamma.value = [1.5, -2.0, 0.5]
    model.layer("norm").beta.value = [0.25, 1.0, -1.0]
    return model


def value_and_slope(model, x):
    y = model.forward(x, training=True).astype(np.float64)
    dx = model.backward(UPSTREAM.astype(model.dtype), input_gradient=True).astype(np.float64)
    return y, dx, [p.grad.astype(np.float64) for p in model.trainable_variables()]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("layer", [nd.BatchNormalization, nd.LayerNormalization])
def test_a_normalization_is_right_or_nan_over_all_of_float32(layer, scale):
    with np.errstate(under="ignore"):
        x = (ROWS * scale).astype(np.float32)
    results = value_and_slope(network(layer), x)
    if scale > LIMIT:
        assert np.isnan(results[0]).all()
        assert np.isnan(results[1]).all()
        return
    exact = value_and_slope(network(layer, "float64"), x.astype(np.float64))
    for ours, right in zip([*results[:2], *results[2]], [*exact[:2], *exact[2]], strict=True):
        assert np.abs(ours - right).max() <= 4e-6 * np.abs(right).max() + ROUNDING


def test_a_variance_that_overflowed_is_not_forgotten_in_inference():
    model = network(nd.BatchNormalization)
    model.forward((ROWS * 1e25).astype(np.float32), training=True)
    assert np.isnan(model.predict(ROWS)).all()


def test_rows_and_units_beside_one_that_overflows_are_right():
    x = ROWS.astype(np.float32)
    right = network(nd.LayerNormalization).predict(x)
    x[1] *= np.float32(1e30)
    result = network(nd.LayerNormalization).predict(x)
    assert np.isnan(result[1]).all()
    assert (result[[0, 2, 3, 4]] == right[[0, 2, 3, 4]]).all()
    x = ROWS.astype(np.float32)
    right = network(nd.BatchNormalization).forward(x, training=True).copy()
    x[:, 1] *= np.float32(1e30)
    result = network(nd.BatchNormalization).forward(x, training=True)
    assert np.isnan(result[:, 1]).all()
    assert (result[:, ::2] == right[:, ::2]).all()
