"""Every loss, value and gradient, over all floats there are: against exact arithmetic, and NaN for NaN.

As tests/test_far_out.py: a result must be exact at outputs within a few units in the last place of the error z − y, to a few
units in the last place of itself, or of the sum of its terms' sizes. It is infinite only where it is truly too large.
"""

import itertools
import math
from decimal import Decimal

import numpy as np
import pytest
from helpers_exact import LOSSES, ROWS, number
from test_far_out import BEYOND, grid, inside

import npdeep as nd

ARGUMENTS = {
    "huber": [{"delta": 1.0}, {"delta": 0.125}, {"delta": 1e30}],
    "poisson": [{"epsilon": 1e-7}, {"epsilon": 0.0}, {"epsilon": 0.5}],
}
TARGETS = {
    "poisson": (0.0, 1.0, 3.0, 1e30),
    "binary_cross_entropy": (0.0, 1.0, 0.25, 0.5),
    "hinge": (-1.0, 1.0),
    "squared_hinge": (-1.0, 1.0),
}
NUMBERS = (0.0, 1.0, -2.5, 1e-3, 1e30, -3e38)
CASES = [(name, given) for name in LOSSES for given in ARGUMENTS.get(name, [{}])]
in_both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1] or ''}".strip())


def run(name, given, z, y):
    """The single losses and their derivatives, as the loss computes them."""
    loss = nd.losses.KNOWN[name](**given)
    with np.errstate(all="ignore"):
        loss.forward(z, y)
        loss.derivatives(loss.outputs, loss.targets)
    return loss.loss, loss.grad_outputs


@pytest.mark.exhaustive
@in_both_dtypes
@each_case
def test_losses_of_elements_are_exact_to_a_few_units_in_the_last_place(case, dtype):
    name, given = case
    info, z = np.finfo(dtype), grid(dtype, given)
    if name == "poisson":
        z = z[z >= 0]
    eps, largest, denormal = number(info.eps), number(info.max), 8 * number(info.smallest_subnormal)
    arguments = [number(value, dtype) for value in given.values()]
    value_of, slope_of, terms = LOSSES[name]
    wrong = []
    for target in TARGETS.get(name, NUMBERS):
        y = np.full(z.size, target, dtype)
        single, slope = (array[:, 0].tolist() for array in run(name, given, z[:, None], y[:, None]))
        right_y = number(target, dtype)
        for x, value, derivative in zip(z.tolist(), single, slope, strict=True):
            right = Decimal(x)
            if abs(right - right_y) > largest:
                continue                      # the error itself is no float
            width = 4 * eps * abs(right - right_y if name not in ("binary_cross_entropy", "poisson") else right)
            neighbours = [right - width, right, right + width]
            values = [value_of(at, right_y, *arguments) for at in neighbours]
            slopes = [slope_of(at, right_y, *arguments) for at in neighbours]
            sizes = 16 * eps * terms(right, right_y, *arguments)
            if not inside(value, min(values), max(values), 16 * eps, sizes + denormal, largest):
                wrong.append(("value", x, target, value, float(values[1])))
            if not inside(derivative, min(slopes), max(slopes), 16 * eps, 16 * eps, largest):
                wrong.append(("slope", x, target, derivative, float(slopes[1])))
    assert not wrong, f"{len(wrong)}: {wrong[:: max(1, len(wrong) // 8)]}"


@in_both_dtypes
@pytest.mark.parametrize("name", ["log_cosh", "mean_squared_error", "huber", "hinge", "squared_hinge", "binary_cross_entropy"])
def test_no_loss_is_ever_negative(name, dtype):
    z = np.concatenate([np.linspace(-0.1, 0.1, 20001), grid(dtype, {})]).astype(dtype)[:, None]
    assert np.min(run(name, {}, z, np.zeros_like(z))[0]) >= 0


def rows(dtype):
    """Rows of three outputs, from one end of the floats to the other."""
    info = np.finfo(dtype)
    levels = [0.0, 1.5, -20.0, 90.0, 1e4, float(info.max) * 0.9, -float(info.max) * 0.9, float(info.tiny)]
    return np.array(list(itertools.product(levels, repeat=3)), dtype)


@in_both_dtypes
@pytest.mark.parametrize("kind", ["labels", "smoothed", "probabilities"])
def test_softmax_cross_entropy_of_rows_from_one_end_to_the_other(kind, dtype):
    z = rows(dtype)
    y = np.arange(len(z)) % 3
    if kind == "probabilities":
        y = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]], dtype)[y]
    loss = nd.losses.SoftmaxCrossEntropy(0.1 if kind == "smoothed" else 0.0)
    with np.errstate(all="ignore"):
        loss.forward(z, y)
        loss.derivatives(loss.outputs, loss.targets)
    compare(loss, z, loss.q, ROWS["softmax_cross_entropy"], [], dtype)


@in_both_dtypes
@pytest.mark.parametrize("epsilon", [1e-7, 1e-30])
def test_kl_divergence_of_probabilities_from_0_to_1(epsilon, dtype):
    levels = [0.0, float(np.finfo(dtype).tiny), 1e-20, 1e-7, 0.25, 1.0]
    p = np.array(list(itertools.product(levels, repeat=3)), dtype)
    y = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [1e-30, 0.5, 0.5]], dtype)[np.arange(len(p)) % 3]
    loss = nd.losses.KLDivergence(epsilon)
    loss.forward(p, y)
    loss.derivatives(loss.outputs, loss.targets)
    compare(loss, p, y, ROWS["kl_divergence"], [number(epsilon, dtype)], dtype)


def compare(loss, z, q, exact, arguments, dtype):
    info = np.finfo(dtype)
    eps, largest = number(info.eps), number(info.max)
    results = loss.loss[:, 0].tolist(), loss.grad_outputs.tolist()
    for row, share, value, slope in zip(z.tolist(), q.tolist(), *results, strict=True):
        right, slopes, terms = exact([Decimal(x) for x in row], [Decimal(x) for x in share], *arguments)
        assert inside(value, right, right, 16 * eps, 16 * eps * (1 + terms), largest), (row, share, value, float(right))
        size = max(abs(x) for x in row) if max(row) < 1e6 else 1    # the rounding of e^(z − top) grows with z − top
        for found, expected in zip(slope, slopes, strict=True):
            assert inside(found, expected, expected, 16 * eps, 16 * eps * (1 + Decimal(size)), largest), (row, share, slope)


def test_the_row_that_was_nan():
    loss = nd.losses.SoftmaxCrossEntropy()
    with np.errstate(all="ignore"):
        assert loss.forward(np.array([[3e38, -3e38, 0]], np.float32), [0]) == 0
        np.testing.assert_array_equal(loss.backward(), [[0, 0, 0]])
        assert loss.forward(np.array([[3e38, -3e38, 0]], np.float32), [2]) == pytest.approx(3e38)
        assert loss.forward(np.array([[3e38, -3e38, 0]], np.float32), [1]) == math.inf       # 6e38 is no float32


@pytest.mark.parametrize(("dtype", "large"), [("float32", 3e38), ("float64", 1.7e308)])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_mean_is_finite_where_the_sum_is_not(dtype, large, weighted):
    loss, z = nd.losses.MeanAbsoluteError(), np.full((4, 2), large, dtype)
    with np.errstate(over="ignore"):
        assert loss.forward(z, np.zeros((4, 2)), [1.0] * 4 if weighted else None) == pytest.approx(large, rel=1e-6)


@in_both_dtypes
@pytest.mark.parametrize("name", nd.losses.KNOWN)
def test_nan_in_gives_nan_out_and_an_infinite_output_no_wrong_number(name, dtype):
    loss = nd.losses.KNOWN[name]()
    y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    z = np.array([[0.5, np.nan, 0.25], [0.25, 0.5, 0.25]], dtype)
    for targets in (y, 1 - y) if name not in ROWS else (y, y[::-1]):
        single, slope = run(name, {}, z, targets)
        whole_row = np.repeat([[True], [False]], 3, axis=1)
        np.testing.assert_array_equal(np.isnan(single), whole_row[:, :1] if loss.per_row else np.isnan(z))
        np.testing.assert_array_equal(np.isnan(slope), whole_row if name == "softmax_cross_entropy" else np.isnan(z))
        with np.errstate(invalid="ignore"):
            assert math.isnan(loss.forward(z, targets))
        if name in LOSSES:
            single, slope = run(name, {}, np.array([[np.inf, -np.inf, 0.5]], dtype), targets[:1])
            for k, sign in ((0, 1), (1, -1)):
                if sign == -1 and name == "poisson":
                    continue                  # no rate
                given = [number(value, dtype) for value in loss.arguments().values()]
                target = number(targets[0, k]) if "hinge" not in name else number(2 * targets[0, k] - 1)
                for found, exact in ((single[0, k], LOSSES[name][0]), (slope[0, k], LOSSES[name][1])):
                    right = exact(sign * BEYOND, target, *given)
                    limit = math.copysign(math.inf, right) if abs(right) > Decimal("1e3000") else float(right)
                    assert math.isnan(found) or found == pytest.approx(limit), (sign, found, limit)


def test_every_loss_has_its_exact_formula():
    assert {*LOSSES, *ROWS} == set(nd.losses.KNOWN)
