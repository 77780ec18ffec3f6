"""Checks: what fits passes unchanged, what does not is named."""

import ast
import fractions
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npdeep as nd
from npdeep.common import checks


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int8(1), np.float64(1), fractions.Fraction(1)])
def test_numbers_of_any_kind_come_out_as_floats(value):
    assert type(checks.number("f", "a", value)) is float


@given(st.floats() | st.integers(-100, 100), st.floats(-10, 10), st.floats(-10, 10))
def test_number_lets_through_what_lies_within_the_limits(value, low, high):
    for limits, inside in (
        ({"minimum": low, "maximum": high}, low <= value <= high),
        ({"above": low, "below": high}, low < value < high),
    ):
        if inside:
            assert checks.number("f", "a", value, **limits) == value
        else:
            with pytest.raises(ValueError, match=r"f: a must be a number .* got"):
                checks.number("f", "a", value, **limits)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_fits_only_where_asked_for_and_nan_never(value):
    with pytest.raises(ValueError, match="f: a must be a number, got"):
        checks.number("f", "a", value)
    if math.isnan(value):
        with pytest.raises(ValueError, match="got nan"):
            checks.number("f", "a", value, infinite=True)
    else:
        assert checks.number("f", "a", value, infinite=True) == value


@pytest.mark.parametrize("value", [True, np.True_, "1", None, 1j, [1], np.ones(1), int, {}])
def test_what_is_no_number_is_a_type_error(value):
    with pytest.raises(TypeError, match="f: a must be a number of at least 0, got "):
        checks.number("f", "a", value, minimum=0)
    with pytest.raises(TypeError, match="f: a must be an integer of at least 1, got "):
        checks.whole("f", "a", value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_come_out_as_ints(value):
    assert type(checks.whole("f", "a", value)) is int
    with pytest.raises(ValueError, match="at least 4, got 3"):
        checks.whole("f", "a", value, minimum=4)


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flags(value):
    assert checks.flag("f", "a", value) is bool(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((2, 3), np.float32), "an array of shape (2, 3) and dtype float32"),
        ("a'b", """the string "a'b\""""),
        (None, "None"),
        (1.5, "1.5"),
        (True, "True"),
        (dict, "the class dict itself (write dict(...) to make one)"),
        ([1], "the list [1]"),
        ((28, 28), "the tuple (28, 28)"),
        ([0.5] * 9, "an object of type list"),
    ],
)
def test_describe_finds_a_few_words_for_anything(value, words):
    assert checks.describe(value) == words


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("rleu", "unknown name 'rleu'; did you mean 'relu'? Known: elu, gelu_tanh, relu"),
        ("GELU-tanh", "unknown name 'GELU-tanh'; did you mean 'gelu_tanh'? Known: elu, gelu_tanh, relu"),
        ("rectifier", "unknown name 'rectifier'; did you mean 'relu'? Known: elu, gelu_tanh, relu"),
        ("xyz", "unknown name 'xyz'. Known: elu, gelu_tanh, relu"),
    ],
)
def test_choice_suggests_what_was_probably_meant(value, message):
    with pytest.raises(ValueError, match="f: ") as raised:
        checks.choice("f", "name", value, ["relu", "elu", "gelu_tanh"], {"rectifier": "relu"})
    assert str(raised.value) == f"f: {message}"


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64, ">f4"])
def test_real_arrays_pass_as_they_are(dtype):
    array = np.zeros((2, 3), dtype)
    assert checks.real_array("f", "x", array) is array
    assert checks.examples("f", "x", array, 3) is array


@given(st.integers(1, 60), st.integers(1, 5), st.data())
def test_the_first_bad_element_is_found_wherever_it_hides(rows, columns, data):
    x = np.zeros((rows, columns))
    places = data.draw(st.sets(st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1)), max_size=3))
    for place in places:
        x[place] = data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "SCAN", 7)      # many pieces
        if not places:
            checks.finite("f", "x", x)
        else:
            row, column = min(places)
            with pytest.raises(ValueError, match=rf"at row {row}, column {column} \({len(places)} of {x.size} elements "):
                checks.finite("f", "x", x)


@pytest.mark.parametrize(
    "x",
    [
        np.full((100, 100), 3e38, np.float32),
        np.full((4, 4), 65504, np.float16),
        np.full((2, 2), 1.7e308),
        np.array([[3e38, -3e38]], np.float32),
        np.full((2, 2), 2**63 - 1),
        np.ones((2, 2), bool),
    ],
    ids=lambda x: str(x.dtype),
)
def test_large_finite_numbers_whose_sum_overflows_are_let_through(x):
    checks.finite("f", "x", x)


def test_cast_copies_only_where_it_must():
    x = np.ones((4, 3), np.float32)
    assert checks.cast("f", "x", x, np.dtype("float32")) is x
    for other in (x.astype(np.float64), np.asfortranarray(x), x[::2], x.astype(np.uint8), x.astype(">f4")):
        result = checks.cast("f", "x", other, np.dtype("float32"))
        assert result.flags.c_contiguous
        assert result.dtype == np.float32
        assert type(result) is np.ndarray
        assert np.array_equal(result, other)


def test_what_float32_cannot_hold_is_named_and_what_it_rounds_is_not():
    for value in (3.4e38, 1e-300, math.pi, -math.inf, math.nan):
        checks.cast("f", "x", np.array([[value]]), np.dtype("float32"))
    with pytest.raises(ValueError, match=r"f: x holds 4e\+38, which float32 cannot hold; scale the data or build"):
        checks.cast("f", "x", np.array([[1.0, -4e38]]), np.dtype("float32"))


@pytest.mark.parametrize(
    ("shape", "width", "cure"),
    [
        ((5, 28, 28), 784, r"flatten it with x\.reshape\(len\(x\), -1\)"),
        ((784,), 784, r"for a single example write x\[None, :\]"),
        ((9,), 1, r"for one number per example write x\[:, None\]"),
        ((3, 7), 3, r"rows are examples: transpose it with x\.T"),
        ((7, 5), 3, "the model was built with input_size=3"),
        ((0, 3), 3, "it holds no examples"),
        ((5, 2, 2), 3, r"\(5, 2, 2\)$"),
    ],
)
def test_examples_of_another_shape_bring_the_mend(shape, width, cure):
    with pytest.raises(ValueError, match=rf"f: x must have the shape \(n, {width}\), got .*{cure}"):
        checks.examples("f", "x", np.zeros(shape), width)


@pytest.mark.parametrize("value", [10**309, -(10**309), 10**5000], ids=["plus", "minus", "very long"])
def test_integers_beyond_all_floats_are_numbers_out_of_range(value):
    for door in (nd.optimizers.SGD, nd.schedules.Constant, nd.clipping.ClipByValue, lambda v: nd.Dropout(rate=v)):
        with pytest.raises(ValueError, match="must be a number") as refused:
            door(value)
        assert len(str(refused.value)) < 300
    for door in (nd.Dense, lambda v: nd.schedules.PowerDecay(0.1, v)):
        if value < 0:
            with pytest.raises(ValueError, match="must be an integer of at least 1, got an integer of"):
                door(value)


def test_messages_show_but_the_beginning_of_what_is_long():
    for wrong in ("x" * 10_000, ["y" * 10_000], 10**4000):
        for door in (nd.Activation, lambda v: nd.Sequential([], v), lambda v: nd.Trainer(v, v), nd.Dropout, nd.optimizers.SGD):
            with pytest.raises((ValueError, TypeError)) as refused:
                door(wrong)
            assert len(str(refused.value)) < 800


def test_messages_of_errors_print_in_every_terminal():
    """`print(error)` cannot spell anything out: so what is raised is ASCII, but for what came from the user."""
    found = []
    for path in Path(nd.__file__).parent.rglob("*.py"):
        raised = [node.exc for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Raise)]
        texts = [part.value for error in raised if error for part in ast.walk(error) if isinstance(part, ast.Constant)]
        found += [f"{path.name}: {text}" for text in texts if isinstance(text, str) and not text.isascii()]
    assert found == []
