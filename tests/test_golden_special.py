"""The normal tail, and with it the exact GELU, has mpmath's digits."""

import numpy as np
import pytest
from helpers_golden import read

import npdeep as nd
from npdeep.kernels import special

COEFFICIENTS, TAIL = (read("erfc_coefficients")[case] for case in ("coefficients", "tail"))


def test_committed_coefficients_are_those_of_the_script():
    assert tuple(COEFFICIENTS.float64) == special.COEFFICIENTS_FLOAT64
    assert tuple(COEFFICIENTS.float32) == special.COEFFICIENTS_FLOAT32


@pytest.mark.parametrize(("dtype", "absolute", "relative"), [("float64", 3e-16, 1e-12), ("float32", 2e-7, 1e-4)])
@pytest.mark.parametrize("sign", [1, -1])
def test_normal_tail(dtype, absolute, relative, sign):
    z = (sign * TAIL.z).astype(dtype)
    q = special.normal_tail(z, *np.empty((3, z.size), dtype)).astype(np.float64)
    assert np.max(np.abs(q - TAIL.tail)) < absolute
    normal = np.finfo(dtype).tiny < TAIL.tail
    np.testing.assert_allclose(q[normal], TAIL.tail[normal], rtol=relative)


def test_exact_gelu_keeps_twelve_digits_on_both_sides():
    model = nd.Sequential([nd.Activation("gelu")], input_size=TAIL.z.size, dtype="float64")
    np.testing.assert_allclose(model.predict(-TAIL.z)[0], -TAIL.z * TAIL.tail, rtol=1e-12)
    np.testing.assert_allclose(model.predict(TAIL.z)[0], TAIL.z - TAIL.z * TAIL.tail, rtol=1e-12)


@pytest.mark.parametrize("in_vectors", [False, True], ids=["by tanh", "NumPy's"])
@pytest.mark.parametrize(("dtype", "units"), [("float64", 1.0), ("float32", 3.0)])
def test_expm1_is_right_to_a_few_units_in_the_last_place(dtype, units, in_vectors, rng, monkeypatch):
    monkeypatch.setattr(special, "EXPM1_IN_VECTORS", in_vectors)
    z = -np.abs(np.concatenate([size * rng.standard_normal(10_000) for size in (1e-20, 1e-8, 1e-3, 0.3, 3, 100)])).astype(dtype)
    z[:3] = 0, -0.0, -np.inf
    found = special.expm1(z, np.empty_like(z), np.empty_like(z))
    expected = np.expm1(z.astype(np.longdouble))
    spacing = np.spacing(np.abs(expected).astype(dtype))
    assert np.max(np.abs(found - expected) / spacing) < units
    assert np.array_equal(special.expm1(z, z, np.empty_like(z)), found)      # in place too


@pytest.mark.parametrize(("dtype", "in_vectors", "way"), [
    ("float32", True, "expm1"), ("float32", False, "expm1_by_tanh"), ("float64", False, "expm1"), ("float64", True, "expm1"),
])  # fmt: skip
def test_expm1_goes_the_faster_way(dtype, in_vectors, way, monkeypatch):
    went = []

    def spy(module, name):
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **given: went.append(name) or function(*args, **given))

    monkeypatch.setattr(special, "EXPM1_IN_VECTORS", in_vectors)
    spy(special, "expm1_by_tanh")
    spy(np, "expm1")
    special.expm1(*np.zeros((3, 1), dtype))
    assert went == [way]
