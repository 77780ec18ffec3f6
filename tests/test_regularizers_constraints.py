"""Penalties: their values and the gradients that they add. Constraints: what they leave, what they shorten, when they hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import npdeep as nd
from npdeep.constraints import Constraint, MaxNorm, MinMaxNorm, NonNegative, UnitNorm
from npdeep.kernels import constraints as kernels
from npdeep.regularizers import L1, L1L2, L2, Regularizer

# penalty, its value, its gradient
PENALTIES = {
    "l1": (L1(0.3), lambda w: 0.3 * np.abs(w).sum(), lambda w: 0.3 * np.sign(w)),
    "l2": (L2(0.3), lambda w: 0.3 * np.sum(w**2), lambda w: 0.6 * w),
    "l1_l2": (L1L2(0.2, 0.3), lambda w: 0.2 * np.abs(w).sum() + 0.3 * np.sum(w**2), lambda w: 0.2 * np.sign(w) + 0.6 * w),
    "nothing": (L1L2(0, 0), lambda w: 0, lambda w: 0 * w),
}


def dense(dtype="float64", inputs=5, units=3, **arguments):
    return nd.Sequential([nd.Dense(units, name="d", **arguments)], input_size=inputs, seed=0, dtype=dtype)


# ── regularizers ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", PENALTIES)
def test_the_penalty_is_the_formula_and_its_gradient_is_added_to_what_is_there(name, rng):
    regularizer, value, gradient = PENALTIES[name]
    w, dw = rng.normal(size=40), rng.normal(size=40)
    expected = dw + gradient(w)
    assert regularizer.penalty(w, dw, np.empty(40)) == pytest.approx(value(w), rel=1e-12)
    np.testing.assert_allclose(dw, expected, rtol=1e-12)
    assert regularizer.penalty(w, None, np.empty(40)) == pytest.approx(value(w), rel=1e-12)


@pytest.mark.parametrize("name", PENALTIES)
def test_the_subgradient_at_zero_is_zero(name):
    dw = np.zeros(3)
    PENALTIES[name][0].penalty(np.array([0.0, -0.0, 0.0]), dw, np.empty(3))
    np.testing.assert_array_equal(dw, 0)


def test_l2_is_twice_what_tensorflow_1_and_pytorch_mean_by_the_same_number():
    w, dw = np.array([3.0, -4.0]), np.zeros(2)
    assert L2(0.1 / 2).penalty(w, dw, np.empty(2)) == pytest.approx(0.1 * np.sum(w**2) / 2)
    np.testing.assert_allclose(dw, 0.1 * w)


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("size", [(5, 3), (300, 200)])       # the larger kernel is taken in two pieces
def test_a_step_adds_penalty_and_gradient_to_those_of_the_loss(name, size, rng):
    regularizer, value, gradient = PENALTIES[name]
    x, y = rng.normal(size=(4, size[0])), rng.normal(size=(4, size[1]))
    plain = dense(inputs=size[0], units=size[1])
    penalized = dense(inputs=size[0], units=size[1], kernel_regularizer=regularizer)
    kernel = plain.layer("d").kernel.value.copy()
    loss = nd.Trainer(plain, "mean_squared_error").step(x, y)
    trainer = nd.Trainer(penalized, "mean_squared_error")
    before = trainer.evaluate(x, y)["loss"]
    total = trainer.step(x, y)
    assert total == pytest.approx(loss + value(kernel), rel=1e-12)
    assert before == pytest.approx(total, rel=1e-12)         # evaluate reports the penalty as well
    np.testing.assert_allclose(
        penalized.layer("d").kernel.grad, plain.layer("d").kernel.grad + gradient(kernel), rtol=1e-12, atol=1e-14
    )
    assert penalized.layer("d").bias.grad.tobytes() == plain.layer("d").bias.grad.tobytes()


def test_biases_are_left_alone_unless_asked(rng):
    x, y = rng.normal(size=(4, 5)), rng.normal(size=(4, 3))
    for where, kernel_scale, bias_scale in (("kernel", 0.5, 0), ("bias", 0, 0.5)):
        model = dense(bias_initializer="ones", **{f"{where}_regularizer": L2(0.5)})
        free = dense(bias_initializer="ones")
        nd.Trainer(model, "mean_squared_error").step(x, y)
        nd.Trainer(free, "mean_squared_error").step(x, y)
        start = dense(bias_initializer="ones").layer("d")
        for kind, scale in (("kernel", kernel_scale), ("bias", bias_scale)):
            added = getattr(model.layer("d"), kind).grad - getattr(free.layer("d"), kind).grad
            np.testing.assert_allclose(added, 2 * scale * getattr(start, kind).value, rtol=1e-12, atol=1e-14)


def test_every_layers_weights_count_once():
    """The seed's bracket in the wrong place counted the second layer's weights 235,200 times."""
    layers = [nd.Dense(4, kernel_regularizer=L1(0.1)), nd.Dense(2, kernel_regularizer=L1(0.1))]
    model = nd.Sequential(layers, input_size=3, seed=0, dtype="float64")
    trainer = nd.Trainer(model, "softmax_cross_entropy")
    by_hand = 0.1 * (np.abs(model.layer("dense").kernel.value).sum() + np.abs(model.layer("dense_1").kernel.value).sum())
    assert trainer.penalty() == pytest.approx(by_hand, rel=1e-12)


def test_a_frozen_kernel_still_costs_but_gets_no_gradient(rng):
    layers = [nd.Dense(4, kernel_regularizer=L2(0.1), name="low"), nd.Dense(2, name="top")]
    model = nd.Sequential(layers, input_size=3, seed=0, dtype="float64")
    trainer = nd.Trainer(model, "softmax_cross_entropy")
    model.freeze("low/")
    x, y = rng.normal(size=(4, 3)), [0, 1, 0, 1]
    penalty = 0.1 * np.sum(model.layer("low").kernel.value ** 2)
    outputs = model.predict(x)
    cross_entropy = np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(4), y])
    assert trainer.step(x, y) == pytest.approx(cross_entropy + penalty, rel=1e-12)
    np.testing.assert_array_equal(model.layer("low").kernel.grad, 0)


def test_an_own_regularizer_needs_its_method():
    with pytest.raises(NotImplementedError, match="Empty must define penalty"):
        type("Empty", (Regularizer,), {})().penalty(np.ones(1), None, np.ones(1))


# ── constraints, against NumPy ────────────────────────────────────────────────────────────────────────────────────────
KERNELS = arrays.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-10, 10, width=16))


def apply(constraint, w, scratch=None):
    result = np.array(w)
    width = result.shape[-1]
    constraint.apply(result, np.empty(scratch or max(width, result.size), result.dtype))
    return result


@given(KERNELS, st.floats(0.1, 5), st.sampled_from([0, 1]), st.booleans())
def test_max_norm_shortens_what_is_too_long_and_leaves_the_rest_bit_for_bit(w, limit, axis, in_blocks):
    result = apply(MaxNorm(limit, axis), w, scratch=w.shape[1] if in_blocks else None)
    norms = np.sqrt((w**2).sum(axis=axis, keepdims=True))
    np.testing.assert_allclose(result, w * np.minimum(1, limit / np.maximum(norms, 1e-300)), rtol=1e-12, atol=0)
    within = np.broadcast_to(norms <= limit * (1 - 1e-12), w.shape)
    np.testing.assert_array_equal(result[within], w[within])


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        (0, [[0.6, 0.3, 0.0], [0.8, 0.4, 0.0]]),             # columns 5, ½ and 0 long
        (1, [[3 / math.hypot(3, 0.3), 0.3 / math.hypot(3, 0.3), 0], [4 / math.hypot(4, 0.4), 0.4 / math.hypot(4, 0.4), 0]]),
    ],
)
def test_max_norm_by_hand(axis, expected):
    w = [[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]]
    np.testing.assert_allclose(apply(MaxNorm(1.0, axis), w), expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_columns_within_the_limit_keep_their_bits_beside_one_that_does_not(dtype, rng):
    w = rng.normal(size=(300, 50)).astype(dtype)
    w[:, :25] *= 0.01
    result = apply(MaxNorm(1.0), w)
    assert result[:, :25].tobytes() == w[:, :25].tobytes()
    norms = np.linalg.norm(result[:, 25:].astype(np.float64), axis=0)
    np.testing.assert_allclose(norms, 1, rtol=1e-6 if dtype == "float32" else 1e-14)


@given(KERNELS, st.floats(0, 2), st.floats(0, 3), st.floats(0, 1), st.sampled_from([0, 1]))
def test_min_max_norm_moves_norms_towards_the_interval(w, minimum, more, rate, axis):
    maximum = minimum + more + 0.1
    result = apply(MinMaxNorm(minimum, maximum, rate, axis), w)
    norms = np.sqrt((w**2).sum(axis=axis, keepdims=True))
    wanted = (1 - rate) * norms + rate * np.clip(norms, minimum, maximum)
    np.testing.assert_allclose(result, w * np.where(norms > 0, wanted / np.where(norms > 0, norms, 1), 0), rtol=1e-10, atol=0)


@given(KERNELS, st.sampled_from([0, 1]))
def test_unit_norm_gives_every_column_or_row_that_has_a_direction_length_one(w, axis):
    result = apply(UnitNorm(axis), w)
    norms = np.linalg.norm(w, axis=axis)
    np.testing.assert_allclose(np.linalg.norm(result, axis=axis), norms > 0, rtol=1e-12)
    np.testing.assert_allclose(result * np.expand_dims(norms, axis), w, rtol=1e-12, atol=0)


@pytest.mark.parametrize("constraint", [MaxNorm(), MinMaxNorm(0.5, 2.0), UnitNorm(), MaxNorm(axis=1), UnitNorm(1)], ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_kernel_of_zeros_stays_zero(constraint, dtype):
    np.testing.assert_array_equal(apply(constraint, np.zeros((3, 2), dtype)), 0)


@pytest.mark.parametrize("size", [1e-15, 1e-20, 1e-25, 1e-30, 1e-37])
def test_weights_whose_squares_vanish_in_float32_grow_to_length_one_in_a_few_steps_and_never_beyond(size):
    w = np.full((3, 2), size, np.float32)
    for _ in range(4):
        UnitNorm().apply(w, np.empty(6, np.float32))
        assert np.linalg.norm(w[:, 0]) <= 1 + 1e-6
    np.testing.assert_allclose(w, 1 / math.sqrt(3), rtol=1e-6)


@given(KERNELS)
def test_non_negative_cuts_at_zero(w):
    np.testing.assert_array_equal(apply(NonNegative(), w), np.where(w > 0, w, 0))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("kind", "length"), [(MaxNorm, 1.0), (UnitNorm, 1.0), (lambda axis: MinMaxNorm(6, 7, axis=axis), 6.0)],
    ids=["MaxNorm", "UnitNorm", "MinMaxNorm"],
)
def test_along_axis_0_a_bias_is_one_vector_and_along_axis_1_too(kind, length, axis):
    np.testing.assert_allclose(apply(kind(axis=axis), np.array([3.0, 4.0, 0.0])), np.array([0.6, 0.8, 0]) * length, rtol=1e-12)


def test_at_glorots_start_rows_keep_the_seeds_limit_of_one_and_columns_break_it():
    """The chapter's axes=1 constrains nothing at first: of 784×300 weights, rows are about .744 long, columns about 1.203."""
    model = nd.Sequential([nd.Dense(300, name="hidden1")], input_size=784, seed=42)
    w = model.layer("hidden1").kernel.value
    rows, columns = np.linalg.norm(w, axis=1), np.linalg.norm(w, axis=0)
    assert rows.mean() == pytest.approx(math.sqrt(300 * 2 / 1084), rel=0.005) == pytest.approx(0.744, abs=0.004)
    assert columns.mean() == pytest.approx(math.sqrt(784 * 2 / 1084), rel=0.005) == pytest.approx(1.203, abs=0.006)
    assert rows.max() < 1 < columns.min()
    np.testing.assert_array_equal(apply(MaxNorm(1.0, axis=1), w), w)
    np.testing.assert_allclose(np.linalg.norm(apply(MaxNorm(1.0), w), axis=0), 1, rtol=1e-6)
    second = nd.Sequential([nd.Dense(50)], input_size=300, seed=42).layer("dense").kernel.value
    assert np.linalg.norm(second, axis=1).mean() == pytest.approx(0.535, abs=0.006)
    assert np.linalg.norm(second, axis=0).mean() == pytest.approx(1.309, abs=0.013)


# ── constraints, in training ──────────────────────────────────────────────────────────────────────────────────────────
HOLDS = {
    "max_norm": (MaxNorm(0.5), lambda w: np.linalg.norm(w, axis=0).max() <= 0.5 * (1 + 1e-6)),
    "max_norm_rows": (MaxNorm(0.5, axis=1), lambda w: np.linalg.norm(w, axis=1).max() <= 0.5 * (1 + 1e-6)),
    "min_max_norm": (
        MinMaxNorm(0.4, 0.5),
        lambda w: 0.4 * (1 - 1e-6) <= np.linalg.norm(w, axis=0).min() <= np.linalg.norm(w, axis=0).max() <= 0.5 * (1 + 1e-6),
    ),
    "unit_norm": (UnitNorm(), lambda w: np.abs(np.linalg.norm(w, axis=0) - 1).max() <= 1e-6),
    "non_negative": (NonNegative(), lambda w: w.min() >= 0),
}


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
@pytest.mark.parametrize("name", HOLDS)
def test_the_constraint_holds_after_every_step(name, optimizer, rng):
    constraint, holds = HOLDS[name]
    layers = [nd.Dense(8, kernel_constraint=constraint, name="d"), nd.Activation("elu"), nd.Dense(3)]
    model = nd.Sequential(layers, input_size=5, seed=0)
    trainer = nd.Trainer(model, "softmax_cross_entropy", optimizer)
    trainer.optimizer.learning_rate = 0.3
    assert not holds(model.layer("d").kernel.value)
    for _ in range(30):
        trainer.step(rng.normal(size=(10, 5)), rng.integers(0, 3, 10))
        assert holds(model.layer("d").kernel.value.astype(np.float64))


def test_a_step_constrains_after_the_update_and_nothing_else(rng):
    x, y = rng.normal(size=(4, 5)), rng.normal(size=(4, 3))
    free, limited = dense(), dense(kernel_constraint=MaxNorm(0.3))
    for model in (free, limited):
        nd.Trainer(model, "mean_squared_error", nd.optimizers.SGD(0.5)).step(x, y)
    updated = free.layer("d").kernel.value
    expected = updated * np.minimum(1, 0.3 / np.linalg.norm(updated, axis=0))
    np.testing.assert_allclose(limited.layer("d").kernel.value, expected, rtol=1e-12)
    np.testing.assert_array_equal(limited.layer("d").bias.value, free.layer("d").bias.value)
    np.testing.assert_array_equal(limited.layer("d").kernel.grad, free.layer("d").kernel.grad)


@pytest.mark.parametrize("constraint", [NonNegative(), MaxNorm(0.05), MaxNorm(0.05, axis=1)], ids=repr)
def test_a_bias_can_be_constrained(constraint, rng):
    model = dense("float32", bias_constraint=constraint)
    trainer = nd.Trainer(model, "mean_squared_error", nd.optimizers.SGD(0.5))
    for _ in range(10):
        trainer.step(rng.normal(size=(4, 5)), rng.normal(size=(4, 3)) - 1)
        b = model.layer("d").bias.value
        assert b.min() >= 0 if isinstance(constraint, NonNegative) else np.linalg.norm(b) <= 0.05 * (1 + 1e-6)


def test_a_kernel_wider_than_a_chunk_is_constrained_whole(rng):
    model = nd.Sequential([nd.Dense(500, kernel_constraint=MaxNorm(0.1), name="d")], input_size=200, seed=0)
    trainer = nd.Trainer(model, "mean_squared_error")
    trainer.step(rng.normal(size=(4, 200)), rng.normal(size=(4, 500)))
    np.testing.assert_allclose(np.linalg.norm(model.layer("d").kernel.value, axis=0), 0.1, rtol=1e-5)


def test_a_frozen_kernel_is_left_as_it_was(rng):
    model = nd.Sequential([nd.Dense(4, kernel_constraint=MaxNorm(0.1), name="low"), nd.Dense(2)], input_size=3, seed=0)
    model.freeze("low/")
    before = model.layer("low").kernel.value.tobytes()
    nd.Trainer(model, "softmax_cross_entropy").step(rng.normal(size=(4, 3)), [0, 1, 0, 1])
    assert model.layer("low").kernel.value.tobytes() == before


def test_an_own_constraint_is_given_the_whole_kernel(rng):
    class Symmetric(Constraint):
        def apply(self, w, scratch):
            w += w.T.copy()
            w /= 2

    model = dense(inputs=3, units=3, kernel_constraint=Symmetric())
    nd.Trainer(model, "mean_squared_error").step(rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))
    kernel = model.layer("d").kernel.value
    np.testing.assert_array_equal(kernel, kernel.T)


def test_an_own_constraint_needs_its_method():
    with pytest.raises(NotImplementedError, match=r"Empty must define apply\(w, scratch\)"):
        apply(type("Empty", (Constraint,), {})(), np.ones((1, 1)))


# ── names and errors ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("module", "name"), [(m, n) for m in (nd.regularizers, nd.constraints) for n in m.KNOWN])
def test_everything_goes_by_its_name_and_prints_as_one_would_write_it(module, name):
    made = module.get("Dense", "argument", name)
    assert type(made).__name__.lower() == name.replace("_", "")
    assert eval(repr(made), vars(module)).arguments() == made.arguments()
    assert made.formula
    assert made.formula.latex


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: L1(-0.1), ValueError, "L1: scale must be a number of at least 0, got -0.1"),
        (lambda: L2(math.nan), ValueError, "L2: scale must be a number of at least 0, got nan"),
        (lambda: L1L2(0.1, "a"), TypeError, "L1L2: l2 must be a number of at least 0, got the string 'a'"),
        (lambda: MaxNorm(0), ValueError, "MaxNorm: value must be a number above 0, got 0"),
        (lambda: MaxNorm(1.0, axis=2), ValueError, r"MaxNorm: axis must be 0 \(the weights that come into each unit\) or 1"),
        (lambda: MaxNorm(1.0, axis=True), ValueError, "MaxNorm: axis must be 0 .* got True"),
        (lambda: UnitNorm(-1), ValueError, "UnitNorm: axis must be 0 .* got -1"),
        (lambda: MinMaxNorm(2, 1), ValueError, "MinMaxNorm: maximum must be a number of at least 2 and above 0, got 1"),
        (lambda: MinMaxNorm(0, 1, rate=2), ValueError, "MinMaxNorm: rate must be .* of at most 1, got 2"),
        (lambda: nd.Dense(3, kernel_constraint="maxnorm"), ValueError, "kernel_constraint 'maxnorm'; did you mean 'max_norm'"),
        (lambda: nd.Dense(3, bias_constraint="non_neg"), ValueError, "bias_constraint 'non_neg'; did you mean 'non_negative'"),
        (lambda: nd.Dense(3, kernel_regularizer="l1l2"), ValueError, "kernel_regularizer 'l1l2'; did you mean 'l1_l2'"),
        (lambda: nd.Dense(3, kernel_regularizer=0.01), TypeError, r"must be None, a name or an object of nd\.regularizers"),
        (lambda: nd.Dense(3, kernel_constraint=MaxNorm), TypeError, "got the class MaxNorm itself"),
    ],
)
def test_senseless_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("axis", [0, 1])
def test_norms_that_overflow_in_float32_are_shortened_all_the_same(axis):
    w = np.array([[3e20, 0.5], [4e20, 0.25]], np.float32)
    exact = w.astype(np.float64)
    exact *= np.minimum(1, 2 / np.linalg.norm(exact, axis=axis, keepdims=True))
    MaxNorm(2.0, axis=axis).apply(w, np.empty(4, np.float32))
    np.testing.assert_allclose(w, exact, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-18, 1e-20, 1e-30])
def test_tiny_weights_reach_length_one_at_once(size):
    w = np.array([[3.0, 1.0], [4.0, 1.0]], np.float32) * np.float32(size)
    UnitNorm().apply(w, np.empty(4, np.float32))
    np.testing.assert_allclose(w, [[0.6, math.sqrt(0.5)], [0.8, math.sqrt(0.5)]], rtol=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1.0, 1e20, 1e30])
@pytest.mark.parametrize("other", [1e-30, 1.0, 1e30])
def test_norms_keep_their_digits_beside_others_of_any_size(size, other):
    """In float32 the squares of 1e-30 vanish and those of 1e30 overflow."""
    w = np.array([[3 * size, 3 * other, 0.0], [4 * size, -4 * other, 0.0]], np.float32)
    expected = np.array([5 * size, 5 * other, 0.0])
    columns, rows = np.empty((1, 3), np.float32), np.empty((3, 1), np.float32)
    np.testing.assert_allclose(kernels.norms_along(w, 0, columns)[0], expected, rtol=1e-6)
    np.testing.assert_allclose(kernels.norms_along(np.ascontiguousarray(w.T), 1, rows)[:, 0], expected, rtol=1e-6)
