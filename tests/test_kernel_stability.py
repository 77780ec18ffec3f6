"""Kernels at the edges: nothing overflows where the result is finite, float32 stays float32 and keeps its digits."""

import inspect
from collections.abc import Sequence
from decimal import Context, Decimal
from itertools import product
from typing import Any

import numpy as np
import pytest
from helpers_gradients import PAIRS, Problem, kernel_functions

from npdeep.activations import RULES, value_and_slope
from npdeep.kernels.activations import rows
from npdeep.kernels.arrays import Array

MAGNITUDES = (0, 1e-30, 1e-4, 1, 30, 88, 100, 1e3, 1e4)
BOTH_SIGNS = sorted({sign * z for sign in (1, -1) for z in MAGNITUDES})
DOMAINS = {
    "exponential": [z for z in BOTH_SIGNS if z < 88],       # e^88 · da is too large for float32
    "poisson of counts": MAGNITUDES,                        # rates
    "kl_divergence of kl": [0, 1e-30, 1e-4, 1],             # probabilities
}
"""Where the exact result is finite; everywhere for the others."""

BOUND = 8 * np.finfo(np.float32).eps
"""What float32 may differ from float64, relative to the result or to 1, whichever is larger: about 1e-6."""

LOSSES = [pair for pair in PAIRS if pair.output == "loss"]
ACTIVATIONS = [pair for pair in PAIRS if pair.output == "a" or pair.name == "glu"]

NORMALIZATIONS = [pair for pair in PAIRS if pair.name.startswith("batch_normalization")]
in_both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@pytest.fixture(autouse=True)
def _strict():
    """Overflow, division by 0 and invalid operations raise; to round to 0 is no mistake."""
    with np.errstate(all="raise", under="ignore"):
        yield


def at_extremes(pair: Any, dtype: Any) -> Problem:
    """All pairs of extreme numbers, each pair in a row of its own. Both dtypes are given the same numbers."""
    rows = np.array(list(product(DOMAINS.get(pair.name, BOTH_SIGNS), repeat=2)), np.float32)
    wide = pair.name in ("glu", "maxout")     # two numbers go in where one comes out
    given = {pair.inputs[0]: rows[:, :, None] if pair.name == "maxout" else rows}
    if "epsilon" in inspect.signature(pair.forward).parameters:
        given["epsilon"] = 1e-7
    problem = Problem(pair, np.random.default_rng(0), len(rows), 1 if wide else 2, np.float32, **given)
    if dtype == np.float64:
        same = {name: value for name, value in problem.frame.items() if name not in problem.buffers}
        problem = Problem(pair, np.random.default_rng(0), len(rows), 1 if wide else 2, np.float64, **same)
    problem.upstream = np.random.default_rng(1).uniform(-1, 1, problem.upstream.shape).astype(np.float32)
    return problem


@in_both_dtypes
@pytest.mark.parametrize("pair", ACTIVATIONS + LOSSES + NORMALIZATIONS, ids=str)
def test_forward_and_backward_are_finite_and_silent_wherever_the_result_is(pair, dtype):
    problem = at_extremes(pair, dtype)
    problem.scramble(problem.buffers)
    results = [problem.forward(), *problem.backward().values()]
    assert all(np.isfinite(result).all() and result.dtype == dtype for result in results)


@pytest.mark.parametrize("pair", ACTIVATIONS + LOSSES, ids=str)
def test_float32_agrees_with_float64_on_the_same_numbers(pair):
    single, double = at_extremes(pair, np.float32), at_extremes(pair, np.float64)
    outputs, exact = single.forward(), double.forward()
    scale = np.maximum(1, np.abs(exact))
    if pair in LOSSES:                        # a sum of terms of the size of the network's outputs, which may cancel
        scale = np.maximum(scale, np.abs(double.frame[pair.inputs[0]]).max(axis=1, keepdims=True))
    assert np.all(np.abs(outputs - exact) <= BOUND * scale)
    gradient, exact = first(single.backward()), first(double.backward())
    assert np.all(np.abs(gradient - exact) <= BOUND * np.maximum(1, np.abs(exact)))


def first(gradients: dict[str, Any]) -> Any:
    """The gradient of the input: element by element, no sum."""
    return next(iter(gradients.values()))


BY_ELEMENT = {rule.forward for rule in RULES.values() if not rule.whole_row} - {RULES["tanh_shrink"].forward}
"""z − tanh z is a difference: exact to eps · |z|, not to eps · |a|."""


@pytest.mark.parametrize("pair", [pair for pair in ACTIVATIONS if pair.forward in BY_ELEMENT], ids=str)
def test_small_numbers_keep_their_digits(pair):
    single, double = at_extremes(pair, np.float32), at_extremes(pair, np.float64)
    small = np.abs(double.frame["z"]) <= 1
    found, exact = single.forward()[small], double.forward()[small]
    assert np.all(np.abs(found - exact) <= BOUND * np.abs(exact))


# ── no silent change of dtype ─────────────────────────────────────────────────────────────────────────────────────────
class Watched(np.ndarray):
    """An array that objects to a computation which, left alone, would come out in another float dtype."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        def plain(value: Any) -> Any:
            return value.view(np.ndarray) if isinstance(value, Watched) else value

        call, inputs = getattr(ufunc, method), tuple(map(plain, inputs))
        natural = np.asarray(call(*inputs, **options)).dtype
        assert natural.kind != "f" or natural == self.dtype or self.dtype.kind != "f", f"{ufunc.__name__} computes in {natural}"
        if not out:
            result = call(*inputs, **options)
            return result.view(Watched) if isinstance(result, np.ndarray) else result
        call(*inputs, out=tuple(map(plain, out)), **options)
        return out[0]


def watched(value: Any) -> Any:
    return value.view(Watched) if isinstance(value, np.ndarray) else value


def test_a_watched_array_objects_to_a_float64_scalar():
    with pytest.raises(AssertionError, match="multiply computes in float64"):
        np.multiply(watched(np.ones(2, np.float32)), np.float64(2), out=np.empty(2, np.float32))


@in_both_dtypes
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_pair_computes_in_the_dtype_of_its_arrays(pair, dtype, rng):
    problem = Problem(pair, rng, 5, 4, dtype)
    problem.frame = {name: watched(value) for name, value in problem.frame.items()}
    value = problem.forward()
    assert value.dtype == dtype if isinstance(value, np.ndarray) else type(value) is float
    problem.backward()


OTHERS = [
    f
    for f in kernel_functions()
    if not f.__name__.endswith(("_forward", "_backward", "_penalty")) and f.__module__ != "npdeep.kernels.images"
]
"""All kernels of the training step that are alone; images are warped before it."""
SHAPES = {"W": (2, 3), "norms": (1, 3), "q": (2, 3), "targets": (2, 3), "mask": (2, 3), "loss": (2, 3), "weight": (2, 1)}
OF_ROWS = {"z": (2, 3), "t": (2, 3), "top": (2, 1), "out": (2, 1)}
NUMBERS = {
    "axis": 0, "step": 3, "keep": 30000, "n": 6, "bits": 16, "minimum": 0.5, "maximum": 0.9, "largest": 2.0,
    "rng": np.random.default_rng(0), "labels": np.array([0, 2]), "starts": np.array([0, 3]),
    "words": np.arange(6, dtype=np.uint16),
}  # fmt: skip


@in_both_dtypes
@pytest.mark.parametrize("kernel", OTHERS, ids=lambda kernel: kernel.__name__)
def test_every_other_kernel_computes_in_the_dtype_of_its_arrays(kernel, dtype, rng):
    arguments = {}
    for name, argument in inspect.signature(kernel).parameters.items():
        if name in NUMBERS:
            arguments[name] = NUMBERS[name]
        elif argument.annotation in (Array, Array | None):
            usual = (6,) if kernel.__name__ == "normal_tail" else SHAPES.get(name, (6,))
            shape = OF_ROWS.get(name, usual) if kernel.__name__ == "weighted_differences" else usual
            shape = {"add": (2, 3), "concatenate": (2, 6), "split": (2, 6)}.get(kernel.__name__, shape)
            arguments[name] = watched(rng.uniform(0.2, 0.9, shape).astype(dtype))
        elif argument.annotation == Sequence[Array]:    # of residual.py: parts side by side
            arguments[name] = [watched(rng.uniform(0.2, 0.9, (2, 3)).astype(dtype)) for _ in range(2)]
        elif argument.annotation == list[Array]:
            arguments[name] = [watched(rng.uniform(0.2, 0.9, 6).astype(dtype))]
        else:
            arguments[name] = 0.1 if name == "limit" else 0.3
    result = kernel(**arguments)
    assert not isinstance(result, np.ndarray) or result.dtype in (dtype, np.uint16)
    assert isinstance(result, np.ndarray | float | int | list | None)


@pytest.mark.parametrize("apart", [1.0, 1e4, 1e20, 1e300])
def test_sparsemax_of_rows_however_far_apart_is_exact(apart):
    """The winner is more than 1 ahead of the others and takes all; two that share the first place take half each."""
    z = np.array([[apart, -apart, -apart], [apart, apart, -apart], [-3 * apart, -apart, -5 * apart]])
    a, column, t, c = np.empty((3, 3)), np.empty((3, 1)), np.empty((3, 3)), np.empty((3, 3))
    rows.sparsemax_forward(z, a, column, t, c)
    np.testing.assert_array_equal(a, [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]])


@pytest.mark.parametrize("name", ["tanh", "softsign", "tanh_shrink", "soft_shrink", "hard_shrink", "hard_tanh"])
def test_odd_functions_are_odd_to_the_bit_and_their_slopes_even(name):
    z = np.concatenate([np.geomspace(1e-12, 1e12, 200), np.linspace(0.4, 2.5, 400)])
    (right, slope), (left, same) = value_and_slope(name, z), value_and_slope(name, -z)
    np.testing.assert_array_equal(right, -left)
    np.testing.assert_array_equal(slope, same)


@pytest.mark.parametrize("z", [1e-9, 1e-3, 0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 3.0, 19.0])
def test_z_minus_tanh_z_is_exact_to_a_few_units_in_the_last_place(z):
    e = (2 * Decimal(z)).exp(Context(prec=60))
    exact = Context(prec=60).subtract(Decimal(z), Context(prec=60).divide(e - 1, e + 1)) if z > 1e-5 else Decimal(z) ** 3 / 3
    found, _ = value_and_slope("tanh_shrink", np.array([z, -z]))
    assert abs(Decimal(found[0]) / exact - 1) < Decimal(4 * np.finfo(float).eps)
