"""Images come out as SciPy, scikit-image and TensorFlow make them; make_augmentation.py says which border that is."""

import numpy as np
import pytest
from helpers_golden import assert_close, each_case

import npdeep as nd
from npdeep.kernels import images as kernels

A = nd.augmentation
FILL = 0.3
COMPOSED = [A.Shift(2, fill=FILL), A.Rotate(25, fill=FILL), A.Zoom(0.3, fill=FILL)]
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def augmentation(golden):
    """The augmentation that the case is about."""
    return A.Compose(COMPOSED) if golden.augmentation == "Compose" else getattr(A, golden.augmentation)(**golden.parameters)


@pytest.mark.parametrize("dtype", TOLERANCE)
@each_case("augmentation", kind="augmentation")
def test_changed_images(golden, dtype):
    rng = None if golden.seed is None else np.random.default_rng(golden.seed)
    changed = augmentation(golden)(golden.x.astype(dtype), rng)
    assert changed.dtype == dtype
    assert_close(changed, golden.changed, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@each_case("augmentation", kind="warp")
def test_warp_by_any_matrix(golden, dtype):
    images = golden.x.astype(dtype)
    assert_close(kernels.warp(images, golden.inverse, np.empty_like(images), golden.fill), golden.changed, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@each_case("augmentation", kind="hsv")
def test_hue_saturation_value_and_back(golden, dtype):
    rgb, hsv = golden.rgb.astype(dtype), golden.hsv.astype(dtype)
    assert_close(np.stack(kernels.rgb_to_hsv(*rgb.T), axis=1), golden.hsv, TOLERANCE[dtype])
    assert_close(np.stack(kernels.hsv_to_rgb(*hsv.T), axis=1), golden.rgb, TOLERANCE[dtype])
