"""Parameters: one arena for all numbers, spans, and writing in place."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npdeep as nd
from npdeep.command_line import main
from npdeep.parameters import Parameter, allocate, chunks, trainable_spans

SHAPE = st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple)
DESCRIBED = st.lists(st.tuples(SHAPE, st.booleans(), st.booleans()), min_size=1, max_size=8)
"""Shape, whether there is a gradient, whether it is trainable (where there is one)."""


def make(described):
    parameters = [Parameter(f"p{i}", shape, has_grad) for i, (shape, has_grad, _) in enumerate(described)]
    arena = allocate(parameters, np.float64)
    for parameter, (_, has_grad, trainable) in zip(parameters, described, strict=True):
        parameter.trainable = has_grad and trainable
    return parameters, arena


@given(DESCRIBED)
def test_an_arena_holds_what_has_a_gradient_first_in_order_and_without_gaps(described):
    parameters, arena = make(described)
    expected = [p for p in parameters if p.has_grad] + [p for p in parameters if not p.has_grad]
    assert [p.start for p in expected] == [sum(q.size for q in expected[:i]) for i in range(len(expected))]
    assert arena.values.size == sum(p.size for p in parameters)
    assert arena.grads.size == sum(p.size for p in parameters if p.has_grad)
    arena.values[...] = np.arange(arena.values.size)
    arena.grads[...] = np.arange(arena.grads.size)
    for p in parameters:
        assert p.value.shape == p.shape
        assert p.value.ravel().tolist() == list(range(p.start, p.start + p.size))
        assert (p.grad is None) == (not p.has_grad)
        assert p.grad is None or np.array_equal(p.grad, p.value)
        assert (p.wanted is None) == (not p.trainable)


@given(DESCRIBED)
def test_trainable_spans_cover_what_is_trainable_with_neighbours_merged(described):
    parameters, arena = make(described)
    covered = np.zeros(arena.values.size, int)
    spans = trainable_spans(parameters)
    for span in spans:
        covered[span] += 1
    for p in parameters:
        assert (covered[p.span] == p.trainable).all()
    assert all(a.stop < b.start for a, b in itertools.pairwise(spans))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), max_size=4), st.integers(1, 7))
def test_chunks_cut_spans_into_pieces_that_fit(lengths, size):
    spans = [slice(start, start + length) for start, length in lengths]
    pieces = chunks(spans, size)
    assert [i for p in pieces for i in range(p.start, p.stop)] == [i for s in spans for i in range(s.start, s.stop)]
    assert all(1 <= p.stop - p.start <= size for p in pieces)


def test_a_networks_gradients_are_one_span_until_something_between_is_frozen():
    model = nd.Sequential([nd.Dense(2, name=name) for name in "abc"] + [nd.BatchNormalization()], 3)
    assert trainable_spans(model.parameters) == [slice(0, model.arena.grads.size)]
    model.freeze("b")
    assert len(trainable_spans(model.parameters)) == 2
    model.freeze("a")
    assert len(trainable_spans(model.parameters)) == 1


@pytest.fixture
def layer():
    return nd.Sequential([nd.Dense(3, name="out"), nd.BatchNormalization(name="bn")], 2, seed=0).layer("out")


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (np.arange(6).reshape(2, 3), np.arange(6).reshape(2, 3)),
        ([[1, 2, 3], [4, 5, 6.5]], [[1, 2, 3], [4, 5, 6.5]]),
        (7, np.full((2, 3), 7)),
        (np.arange(6.0).reshape(3, 2).T, [[0, 2, 4], [1, 3, 5]]),
        (np.ones((2, 3), bool), np.ones((2, 3))),
        (np.full((2, 3), np.nan), np.full((2, 3), np.nan)),
    ],
)
def test_assigning_a_value_writes_into_the_arena(layer, numbers, expected):
    kernel, view, bias = layer.kernel, layer.kernel.value, layer.bias.value.copy()
    kernel.value = numbers
    assert kernel.value is view
    np.testing.assert_array_equal(kernel.arena.values[kernel.span].reshape(2, 3), expected)
    assert np.array_equal(layer.bias.value, bias)
    kernel.grad = numbers
    np.testing.assert_array_equal(kernel.arena.grads[kernel.span].reshape(2, 3), expected)


def test_operators_in_place_work_on_values(layer):
    view = layer.kernel.value
    layer.kernel.value = 1
    layer.kernel.value += 1
    layer.kernel.value *= 3
    assert layer.kernel.value is view
    assert (view == 6).all()


@pytest.mark.parametrize("attribute", ["value", "grad"])
@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        (np.zeros((3, 2)), ValueError, r"must have the shape \(2, 3\), got \(3, 2\)"),
        ([1, 2, 3], ValueError, r"must have the shape \(2, 3\), got \(3,\)"),
        (None, TypeError, "is missing"),
        ("3.5", TypeError, "must hold numbers, got dtype <U3"),
        (np.full((2, 3), 1j), TypeError, r"must hold real numbers, got dtype complex128; take its \.real part"),
        (np.full((2, 3), None), TypeError, "must hold numbers, got dtype object"),
        ([[1, 2, 3], [4]], ValueError, "cannot be made into an array"),
        (1e300, ValueError, "holds 1e.300, which float32 cannot hold"),
    ],
)
def test_an_unfit_value_is_refused_and_nothing_is_written(layer, attribute, numbers, error, message):
    before = layer.kernel.arena.values.copy()
    with pytest.raises(error, match=f"Parameter out/kernel: {attribute} {message}"):
        setattr(layer.kernel, attribute, numbers)
    assert np.array_equal(layer.kernel.arena.values, before)


@pytest.mark.parametrize(
    ("attribute", "value", "error", "message"),
    [
        ("trainable", "yes", TypeError, "trainable must be True or False, got the string 'yes'"),
        ("trainable", 0, TypeError, "trainable must be True or False, got 0"),
        ("name", "other", AttributeError, "name cannot be set; value, grad and trainable can"),
        ("shape", (1,), AttributeError, "shape cannot be set"),
        ("valeu", 1, AttributeError, "valeu cannot be set"),
    ],
)
def test_only_value_grad_and_trainable_can_be_set(layer, attribute, value, error, message):
    with pytest.raises(error, match=f"Parameter out/kernel: {message}"):
        setattr(layer.kernel, attribute, value)


def test_a_moving_statistic_has_no_gradient_and_is_never_trained():
    mean = nd.Sequential([nd.BatchNormalization(name="bn")], 2).layer("bn").moving_mean
    assert mean.grad is None
    assert not mean.trainable
    with pytest.raises(ValueError, match="bn/moving_mean is a moving statistic"):
        mean.trainable = True
    with pytest.raises(ValueError, match="bn/moving_mean has no grad"):
        mean.grad = 0
    mean.value = [1, 2]
    assert mean.value.tolist() == [1, 2]


def test_a_sum_that_forgot_its_axis_is_no_gradient_and_a_mere_number_fills(layer):
    layer.kernel.grad = 0.5
    for forgot in (np.ones((2, 3)).sum(), np.ones((2, 3), np.float32).sum(), np.array(6.0)):
        with pytest.raises(ValueError, match=r"grad must have the shape \(2, 3\), got \(\); .* write \.sum\(axis=0\)"):
            layer.kernel.grad = forgot
    assert (layer.kernel.grad == 0.5).all()
    layer.kernel.value = np.float32(2)
    assert (layer.kernel.value == 2).all()


@pytest.mark.parametrize("use", [np.sum, np.array, np.isfinite, np.dot, lambda p: np.eye(2) @ p, lambda p: p @ np.eye(3)])
def test_numpy_does_not_take_a_parameter_for_its_numbers(layer, use):
    with pytest.raises(TypeError, match=r"Parameter out/kernel: its numbers are in \.value; write parameter\.value"):
        use(*[layer.kernel] * (2 if use is np.dot else 1))


def test_freezing_clears_the_old_gradient_and_counts_as_a_change(layer):
    kernel = layer.kernel
    kernel.grad = 5
    version = kernel.arena.version
    kernel.trainable = False
    assert not kernel.grad.any()
    assert kernel.wanted is None
    assert kernel.arena.version > version
    assert repr(kernel) == "<Parameter out/kernel (2, 3) float32, frozen>"
    kernel.trainable = True
    assert kernel.wanted is kernel.grad


def test_a_parameter_outside_a_model_has_no_numbers_yet():
    loose = Parameter("a/kernel", (2, 3))
    assert repr(loose) == "<Parameter a/kernel (2, 3)>"
    with pytest.raises(ValueError, match="its layer is in no model yet"):
        loose.value = 1
    assert repr(copy.deepcopy(loose)) == repr(loose)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))], ids=["deepcopy", "pickle"])
def test_a_copied_parameter_is_a_view_of_a_copied_arena(layer, how):
    layer.kernel.trainable = False
    twin = how(layer.kernel)
    twin.value = 9
    assert (twin.arena.values[twin.span] == 9).all()
    assert not (layer.kernel.value == 9).any()
    assert (twin.name, twin.shape, twin.trainable, twin.wanted) == ("out/kernel", (2, 3), False, None)


@pytest.mark.parametrize("units", [10**14, 2**50])
def test_a_network_beyond_all_memory_is_refused_with_its_largest_layer(units):
    layers = [nd.Dense(3), nd.Dense(units, name="huge"), nd.Dense(1)]
    with pytest.raises(ValueError, match=r"^huge/kernel has the shape \(3, \d+\): .* need [\d,]+ GB, more than ") as refused:
        nd.Sequential(layers, 784)
    assert len(str(refused.value)) < 300
    nd.Sequential([layers[0], nd.Dense(2)], 784)      # the layers stay free


def test_the_command_line_says_so_too(capsys):
    assert main.main(["train", "--layers", "1000000000000"]) == 2
    assert "dense/kernel has the shape (784, 1000000000000)" in capsys.readouterr().err.replace("\n  ", " ")
