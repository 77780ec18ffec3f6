"""Augmentation: what each does and leaves alone, its forms and ranges, its randomness, its errors, and training with it.

tests/test_golden_augmentation.py compares the values with those of other libraries.
"""

import colorsys

import numpy as np
import pytest
from helpers_training import bits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import npdeep as nd
from npdeep.datasets.batches import check_augment
from npdeep.kernels import images as kernels

A = nd.augmentation
IDENTITIES = [
    *(A.Shift(0), A.Rotate(0), A.Zoom(0), A.Crop(0), A.Flip(0), A.Brightness(0), A.Contrast(0), A.Saturation(0), A.Hue(0)),
    *(A.Shift(0, fill=0.7), A.Compose([]), A.Compose([A.Rotate(0), A.Zoom(0), A.Hue(0), A.Crop(0), A.Shift((0, 0))])),
]
EVERY = [
    *(A.Shift(), A.Rotate(), A.Zoom(), A.Crop(2), A.Flip(), A.Brightness(), A.Contrast(), A.Saturation(), A.Hue()),
    A.Compose([A.Flip(vertical=True), A.Shift(1), A.Rotate(5), A.Zoom(0.2), A.Hue(), A.Contrast()]),
]
GEOMETRIC = [A.Shift(), A.Rotate(), A.Zoom(), A.Crop(2), A.Compose([A.Shift(1), A.Rotate(5), A.Flip()])]
COLOURFUL = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 7)).flatmap(
    lambda shape: arrays(np.float64, (*shape, 3), elements=st.floats(0, 1, width=32))
)


def each(augmentations):
    """Run a test once for each of them."""
    return pytest.mark.parametrize("augment", augmentations, ids=repr)


def always(kind, value, **kwargs):
    """An augmentation that always draws this value."""
    return kind((value, value), **kwargs)


def pictures(n=4, height=6, width=5, dtype=np.float32):
    """Random colour pictures."""
    return np.random.default_rng(1).random((n, height, width, 3)).astype(dtype)


# ── what all of them do ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(6, 5), (7, 7), (1, 1), (1, 4), (28, 28)], ids=str)
@each(IDENTITIES)
def test_a_range_of_zero_changes_no_bit(augment, size, dtype):
    x = pictures(3, *size, dtype)
    changed = augment(x)
    assert changed.tobytes() == x.tobytes()
    assert not np.shares_memory(changed, x)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float32, np.float32), (np.float64, np.float64), (np.float16, np.float16), (">f4", ">f4"), (bool, np.float32)],
)
@each(EVERY)
def test_floats_keep_their_dtype(augment, dtype, expected):
    x = pictures().round().astype(dtype)
    changed = augment(x, 0)
    assert changed.dtype == expected
    assert changed.shape == x.shape
    np.testing.assert_allclose(changed.astype(float), augment(x.astype(float), 0), atol=2e-3 if dtype == np.float16 else 1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
@each(GEOMETRIC)
def test_integers_become_float32_of_the_same_size(augment, dtype):
    x = (pictures() * 255).astype(dtype)
    changed = augment(x, 0)
    assert changed.dtype == np.float32
    assert np.array_equal(changed, augment(x.astype(np.float32), 0))
    assert changed.max() > 100


@each(EVERY)
def test_the_input_stays_as_it_is_and_may_be_read_only_or_in_any_order(augment):
    x = pictures()
    before = x.copy()
    changed = augment(x, 0)
    assert np.array_equal(x, before)
    assert x.flags.writeable
    assert changed.flags.writeable
    transposed = np.ascontiguousarray(x.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)
    transposed.flags.writeable = False
    assert np.array_equal(augment(transposed, 0), changed)
    assert np.array_equal(augment(np.repeat(x, 2, axis=2)[:, :, ::2], 0), changed)


@pytest.mark.parametrize("name", ["Shift", "Rotate", "Zoom", "Crop", "Flip", "Brightness", "Contrast"])
def test_grey_images_in_every_form(name):
    x = pictures(height=5, width=7)[..., :1]
    expected = getattr(A, name)()(x, 3)
    assert np.array_equal(getattr(A, name)()(x[..., 0], 3), expected[..., 0])
    for shape in [(5, 7), [5, 7, 1]]:
        flat = getattr(A, name)(shape=shape)(x.reshape(4, 35), 3)
        assert np.array_equal(flat, expected.reshape(4, 35))


@each(EVERY)
def test_colour_images_as_flat_rows(augment):
    x = pictures()
    flat = A.Compose([augment], shape=x.shape[1:])
    assert np.array_equal(flat(x.reshape(4, -1), 3), augment(x, 3).reshape(4, -1))


def test_lists_are_images_too():
    assert always(A.Shift, 1)([[[1, 2], [3, 4]]]).tolist() == [[[0, 0], [0, 1]]]


@each(EVERY)
def test_each_image_is_changed_by_numbers_of_its_own(augment):
    same = np.repeat(pictures(1), 20, axis=0)
    assert len(np.unique(augment(same, 0), axis=0)) > 1
    x = pictures(20)
    others = x.copy()
    others[7] = 0.5
    difference = augment(x, 0) != augment(others, 0)
    assert np.flatnonzero(difference.any(axis=(1, 2, 3))).tolist() == [7]


@pytest.mark.parametrize("pixels", [1, 70, 100_000])
@each(EVERY)
def test_it_does_not_matter_how_many_images_are_worked_on_at_a_time(augment, pixels, monkeypatch):
    x = pictures(5, dtype=np.float64)
    expected = augment(x, 0)
    monkeypatch.setattr(kernels, "PIXELS", pixels)
    np.testing.assert_allclose(augment(x, 0), expected, atol=1e-12)


# ── randomness ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@each(EVERY)
def test_the_generator_decides(augment):
    x = pictures(20)
    assert np.array_equal(augment(x, np.random.default_rng(3)), augment(x, 3))
    assert not np.array_equal(augment(x, 3), augment(x, 4))
    rng = np.random.default_rng(3)
    assert not np.array_equal(augment(x, rng), augment(x, rng))


@pytest.mark.parametrize("kind", [A.Shift, A.Rotate, A.Zoom, A.Flip, A.Crop, A.Brightness, A.Contrast, A.Saturation, A.Hue])
def test_its_own_generator_goes_on_from_call_to_call(kind):
    x = pictures(20)
    one, other = kind(rng=7), kind(rng=np.random.default_rng(7))
    calls = [one(x), one(x)]
    assert np.array_equal(calls, [other(x), other(x)])
    assert not np.array_equal(*calls)
    assert not np.array_equal(kind()(x), kind()(x))


def test_a_generator_that_is_handed_in_leaves_the_own_one_alone():
    x, augment = pictures(), A.Shift(rng=7)
    augment(x, 3)
    assert np.array_equal(augment(x), A.Shift(rng=7)(x))


@pytest.mark.parametrize(
    ("kind", "value", "low", "high"),
    [
        (A.Brightness, 0.25, 0.25, 0.75),
        (A.Brightness, (-0.5, 0.25), 0, 0.75),
        (A.Brightness, [0.1, 0.2], 0.6, 0.7),
        (A.Brightness, np.float32(0.25), 0.25, 0.75),
    ],
)
def test_what_a_range_means(kind, value, low, high):
    changed = kind(value)(np.full((2000, 1, 1), 0.5), 0).ravel()
    assert low <= changed.min() < low + 0.01
    assert high - 0.01 < changed.max() <= high
    assert abs(changed.mean() - (low + high) / 2) < 0.02


def test_factors_lie_around_one():
    x = np.array([0.4, 0.6]).reshape(1, 1, 2).repeat(2000, axis=0)
    spread = np.ptp(A.Contrast(0.5)(x, 0), axis=2) / 0.2
    assert 0.5 <= spread.min() < 0.51
    assert 1.49 < spread.max() <= 1.5


def test_half_of_the_images_are_mirrored():
    mirrored = A.Flip()(np.array([[[0.0, 1.0]]]).repeat(1000, axis=0), 0)[:, 0, 0].sum()
    assert 450 < mirrored < 550


# ── geometry ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
SQUARE = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])


@pytest.mark.parametrize(
    ("augment", "expected"),
    [
        (A.Shift(((1, 1), (0, 0))), [[0, 0, 0], [1, 2, 3], [4, 5, 6]]),
        (A.Shift(((0, 0), (-1, -1)), fill=-1.0), [[2, 3, -1], [5, 6, -1], [8, 9, -1]]),
        (A.Shift(((0, 0), (0.5, 0.5))), [[0.5, 1.5, 2.5], [2, 4.5, 5.5], [3.5, 7.5, 8.5]]),
        (A.Shift((3, 3), fill=2.0), np.full((3, 3), 2.0)),
        (A.Shift((-1e9, -1e9)), np.zeros((3, 3))),
        (always(A.Rotate, 90), np.rot90(SQUARE)),
        (always(A.Rotate, -90), np.rot90(SQUARE, -1)),
        (always(A.Rotate, 180), np.rot90(SQUARE, 2)),
        (always(A.Rotate, 360), SQUARE),
        (always(A.Zoom, 2.0), [[3, 3.5, 4], [4.5, 5, 5.5], [6, 6.5, 7]]),
        (always(A.Zoom, 0.5, fill=10.0), [[10, 10, 10], [10, 5, 10], [10, 10, 10]]),
        (always(A.Crop, 0), SQUARE),
        (A.Flip(1.0), SQUARE[:, ::-1]),
        (A.Flip(1.0, vertical=True), SQUARE[::-1]),
    ],
    ids=repr,
)
def test_a_square_by_hand(augment, expected):
    assert np.array_equal(augment(SQUARE[None])[0], expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 1)])
@each([A.Shift(2), A.Rotate(180), A.Zoom(0.5), A.Crop(0), A.Flip(), A.Brightness(), A.Contrast(), A.Saturation(), A.Hue()])
def test_images_of_one_pixel_or_one_row(augment, size):
    changed = augment(pictures(10, *size), 0)
    assert changed.shape == (10, *size, 3)
    assert np.all(np.isfinite(changed))


@pytest.mark.parametrize("fill", [0.0, 1.0, -0.5])
@pytest.mark.parametrize(("kind", "value"), [(A.Shift, 4), (A.Rotate, 45), (A.Zoom, 0.4)])
def test_fill_comes_in_from_beyond_the_border(kind, value, fill):
    changed = always(kind, value, fill=fill)(np.full((1, 9, 9), 0.25))[0]
    assert changed[0, 0] == fill
    assert np.isclose(changed[4, 4], 0.25)


def test_a_crop_shows_a_window_of_the_image_and_nothing_else():
    x = np.arange(36.0).reshape(1, 6, 6).repeat(500, axis=0)
    changed = A.Crop(4, fill=1e6)(x, 0)
    assert changed.max() <= 35
    corners = changed[:, 0, 0]
    rows, columns = corners // 6, corners % 6
    assert 3 < rows.max() <= 4
    assert columns.max() > 3
    assert np.all(np.diff(changed, axis=1) > 0)


@each(GEOMETRIC)
def test_all_channels_of_an_image_move_alike(augment):
    x = pictures()
    whole = augment(x, 5)
    for channel in range(3):
        assert np.array_equal(augment(x[..., channel], 5), whole[..., channel])


@given(st.integers(-4, 4), st.integers(-4, 4))
def test_shifted_there_and_back_the_middle_is_as_it_was(down, right):
    x = pictures(1, 12, 13)
    there = A.Shift(((down, down), (right, right)))(x)
    back = A.Shift(((-down, -down), (-right, -right)))(there)
    assert np.array_equal(back[:, 4:-4, 4:-4], x[:, 4:-4, 4:-4])
    assert np.array_equal(there[:, 4:-4, 4:-4], np.roll(x, (down, right), axis=(1, 2))[:, 4:-4, 4:-4])


@given(st.floats(-4, 4), st.floats(-4, 4))
def test_a_slope_is_shifted_by_parts_of_a_pixel_exactly(down, right):
    """Between pixels a plane is a plane, so bilinear interpolation finds its very values."""
    rows, columns = np.indices((12, 13)).astype(float)
    plane = (2 * rows - 3 * columns)[None]
    moved = A.Shift(((down, down), (right, right)))(plane)
    expected = 2 * (rows - down) - 3 * (columns - right)
    np.testing.assert_allclose(moved[0, 5:-5, 5:-5], expected[5:-5, 5:-5], atol=1e-9)


@given(st.integers(1, 9), st.integers(-4, 4))
def test_quarter_turns_are_exact_and_four_of_them_are_none(size, turns):
    x = pictures(2, size, size)
    quarter = always(A.Rotate, 90)
    four = quarter(quarter(quarter(quarter(x))))
    assert four.tobytes() == x.tobytes()
    assert np.array_equal(always(A.Rotate, 90 * turns)(x), np.rot90(x, turns, axes=(1, 2)))


@given(st.integers(-3, 3), st.sampled_from([(6, 5), (7, 7), (1, 9)]))
def test_whole_turns_are_none(turns, size):
    x = pictures(2, *size)
    np.testing.assert_allclose(always(A.Rotate, 360 * turns)(x), x, atol=1e-5)
    np.testing.assert_allclose(A.Compose([always(A.Rotate, 120)] * 3)(x), x, atol=1e-5)


@given(arrays(np.float32, (2, 3, 4), elements=st.floats(-100, 100, width=32)), st.booleans())
def test_mirrored_twice_an_image_is_as_it_was(x, vertical):
    flip = A.Flip(1.0, vertical=vertical)
    assert np.array_equal(flip(flip(x)), x)


@given(st.floats(-180, 180), st.floats(0.5, 2), st.floats(-3, 3), st.floats(0, 1))
def test_nothing_becomes_brighter_or_darker_than_the_image_and_its_border(degrees, factor, pixels, fill):
    x = pictures(2)
    steps = [always(kind, value, fill=fill) for kind, value in ((A.Rotate, degrees), (A.Zoom, factor), (A.Shift, pixels))]
    changed = A.Compose(steps)(x)
    assert changed.min() >= min(x.min(), np.float32(fill)) - 1e-6
    assert changed.max() <= max(x.max(), np.float32(fill)) + 1e-6


# ── colours ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
@given(COLOURFUL, st.floats(-0.3, 0.3))
def test_brightness_there_and_back(x, delta):
    x = 0.3 + 0.4 * x
    np.testing.assert_allclose(always(A.Brightness, -delta)(always(A.Brightness, delta)(x)), x, atol=1e-12)


@given(COLOURFUL, st.floats(0.1, 1))
def test_contrast_there_and_back(x, factor):
    np.testing.assert_allclose(always(A.Contrast, 1 / factor)(always(A.Contrast, factor)(x)), x, atol=1e-12)


@given(COLOURFUL, st.floats(0, 5))
def test_contrast_keeps_the_mean_where_nothing_is_held(x, factor):
    x = 0.5 + (x - 0.5) / 10
    changed = always(A.Contrast, factor)(x)
    np.testing.assert_allclose(changed.mean(axis=(1, 2)), x.mean(axis=(1, 2)), atol=1e-12)
    np.testing.assert_allclose(np.ptp(changed, axis=(1, 2)), factor * np.ptp(x, axis=(1, 2)), atol=1e-12)


@given(COLOURFUL)
def test_without_saturation_a_picture_is_grey(x):
    grey = always(A.Saturation, 0)(x)
    assert np.array_equal(grey, np.broadcast_to(x.max(axis=3, keepdims=True), x.shape))


@given(COLOURFUL, st.floats(0.2, 1), st.sampled_from([np.float32, np.float64]))
def test_saturation_there_and_back(x, factor, dtype):
    changed = always(A.Saturation, 1 / factor)(always(A.Saturation, factor)(x.astype(dtype)))
    np.testing.assert_allclose(changed, x, atol=1e-12 if dtype == np.float64 else 2e-6)


@given(COLOURFUL, st.sampled_from([-2, -1, 1, 2]))
def test_full_turns_of_the_hue_change_nothing(x, turns):
    np.testing.assert_allclose(always(A.Hue, turns)(x), x, atol=1e-12)
    np.testing.assert_allclose(always(A.Hue, 0.4)(always(A.Hue, -0.4)(x)), x, atol=1e-9)


@given(COLOURFUL)
def test_a_third_of_a_turn_exchanges_the_colours(x):
    np.testing.assert_allclose(always(A.Hue, 1 / 3)(x), x[..., [2, 0, 1]], atol=1e-12)


@given(COLOURFUL, st.floats(-1, 1), st.floats(0, 4))
def test_hue_and_saturation_as_the_standard_library_computes_them(x, turn, factor):
    hsv = [colorsys.rgb_to_hsv(*pixel) for pixel in x.reshape(-1, 3).tolist()]
    hued = [colorsys.hsv_to_rgb((h + turn) % 1, s, v) for h, s, v in hsv]
    saturated = [colorsys.hsv_to_rgb(h, min(1, s * factor), v) for h, s, v in hsv]
    np.testing.assert_allclose(always(A.Hue, turn)(x).reshape(-1, 3), hued, atol=1e-9)
    np.testing.assert_allclose(always(A.Saturation, factor)(x).reshape(-1, 3), saturated, atol=1e-9)


@given(COLOURFUL, st.floats(-1, 1), st.floats(0, 20), st.sampled_from([np.float32, np.float64]))
def test_colours_stay_between_0_and_1(x, shift, factor, dtype):
    for kind, value in ((A.Brightness, shift), (A.Contrast, factor), (A.Saturation, factor), (A.Hue, shift)):
        changed = always(kind, value)(x.astype(dtype))
        assert 0 <= changed.min() <= changed.max() <= 1
        assert changed.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("augment", [always(A.Saturation, 50), always(A.Hue, 0.3), always(A.Contrast, 50)], ids=repr)
def test_not_even_by_rounding_do_colours_leave_0_to_1(augment, dtype):
    changed = augment(pictures(50, 20, 20, dtype))
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_every_image_has_a_mean_of_its_own():
    x = np.stack([np.full((2, 2), 0.2), np.full((2, 2), 0.9)])
    np.testing.assert_allclose(always(A.Contrast, 3)(x), x)


# ── composing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_composed_is_one_after_the_other_from_one_generator():
    x, rng = pictures(), np.random.default_rng(2)
    expected = x
    for augment in (A.Flip(), A.Shift(), A.Brightness(), A.Hue(), A.Rotate()):
        expected = augment(expected, rng)
    composed = A.Compose([A.Flip(), A.Shift(), A.Compose([A.Brightness(), A.Hue()]), A.Rotate()])
    assert np.array_equal(composed(x, np.random.default_rng(2)), expected)


@given(st.integers(-2, 2), st.integers(-2, 2), st.integers(0, 3))
def test_geometric_ones_together_are_one_after_the_other_where_no_interpolation_is_needed(down, right, turns):
    x = pictures(2, 9, 9)
    steps = [A.Shift(((down, down), (right, right))), always(A.Rotate, 90 * turns), A.Shift((1, 1))]
    one_by_one = x
    for step in steps:
        one_by_one = step(one_by_one)
    middle = np.s_[:, 3:-3, 3:-3]
    np.testing.assert_allclose(A.Compose(steps)(x)[middle], one_by_one[middle], atol=1e-5)


def test_geometric_ones_together_bring_back_what_was_beyond_the_border_and_blur_nothing():
    x = pictures(2)
    there_and_back = [always(A.Shift, 2.5), always(A.Shift, -2.5)]
    np.testing.assert_allclose(A.Compose(there_and_back)(x), x, atol=1e-6)
    different_fills = [always(A.Shift, 2, fill=1.0), always(A.Shift, -2)]
    lost = A.Compose(different_fills)(x)
    assert np.array_equal(lost[:, :-2, :-2], x[:, :-2, :-2])
    assert np.all(lost[:, -2:] == 0)


def test_what_it_says_of_itself():
    assert repr(A.Shift(3)) == "Shift(pixels=3, fill=0.0, shape=None, rng=None)"
    composed = A.Compose([A.Flip(0.1), A.Hue()], shape=(2, 2, 3), rng=1)
    assert repr(composed).startswith("Compose(augmentations=[Flip(probability=0.1, ")
    for augment in [*EVERY, composed]:
        assert repr(type(augment)(**augment.arguments())) == repr(augment)


class Negative(A.Augmentation):
    """Of the user's making, with an argument and without asking for shape and rng."""

    def __init__(self, of=1.0):
        super().__init__()
        self.of = of

    def change(self, images, rng):
        return self.of - images


def test_own_augmentations_work_alone_and_composed():
    x = pictures()
    assert np.array_equal(Negative()(x), 1 - x)
    both = A.Compose([Negative(), A.Flip(1.0)], shape=(6, 5, 3))
    assert np.array_equal(both(x.reshape(4, -1)).reshape(x.shape), 1 - x[:, :, ::-1])
    assert repr(Negative(2.0)) == "Negative(of=2.0)"


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: A.Shift("2"), TypeError, r"Shift: pixels, unless it is a pair \(low, high\), must be a number of at least 0"),
        (lambda: A.Shift(-1), ValueError, "Shift: pixels, unless .* a number of at least 0, got -1"),
        (lambda: A.Shift((1, 2, 3)), ValueError, r"a number of at least 0 or a pair \(low, high\), got the tuple \(1, 2, 3\)"),
        (lambda: A.Shift((3, 1)), ValueError, r"Shift: pixels must be a pair \(low, high\) with low <= high, got \(3, 1\)"),
        (lambda: A.Shift(((1, 2), (2, 1))), ValueError, r"low <= high, got \(2, 1\)"),
        (lambda: A.Shift(((1, 2), 3)), TypeError, "Shift: each end of pixels must be a number"),
        (lambda: A.Rotate((0, np.inf)), ValueError, "Rotate: each end of degrees must be a number, got inf"),
        (lambda: A.Rotate(np.nan), ValueError, "Rotate: degrees.* got nan"),
        (lambda: A.Zoom(1.0), ValueError, "Zoom: factor must be above 0, got the range 0 to 2"),
        (lambda: A.Zoom((-1, 1)), ValueError, "Zoom: factor must be above 0, got the range -1 to 1"),
        (lambda: A.Crop(-1), ValueError, "Crop: pixels must be a number of at least 0, got -1"),
        (lambda: A.Crop((-1, 2)), ValueError, "Crop: pixels must be at least 0, got the range -1 to 2"),
        (lambda: A.Flip(1.5), ValueError, "Flip: probability must be a number of at least 0 and of at most 1, got 1.5"),
        (lambda: A.Flip(0.5, "yes"), TypeError, "Flip: vertical must be True or False, got the string 'yes'"),
        (lambda: A.Brightness(None), TypeError, "Brightness: delta.* got None"),
        (lambda: A.Contrast(1.5), ValueError, "Contrast: factor must be at least 0, got the range -0.5 to 2.5"),
        (lambda: A.Saturation((-1, 1)), ValueError, "Saturation: factor must be at least 0, got the range -1 to 1"),
        (lambda: A.Hue(True), TypeError, "Hue: turn.* got True"),
        (lambda: A.Shift(fill="black"), TypeError, "Shift: fill must be a number, got the string 'black'"),
        (lambda: A.Shift(shape=28), ValueError, r"shape must be \(height, width\) or \(height, width, channels\), got 28"),
        (lambda: A.Shift(shape=(28, 0)), ValueError, "Shift: each number in shape must be an integer of at least 1, got 0"),
        (lambda: A.Shift(rng="x"), TypeError, "Shift: rng must be a NumPy generator, an integer of at least 0 or None"),
        (lambda: A.Shift(rng=-1), TypeError, "Shift: rng must be .* got -1"),
        (lambda: A.Compose(A.Shift()), TypeError, "Compose: augmentations must be a list, got an object of type Shift"),
        (lambda: A.Compose([A.Shift]), TypeError, r"got the class Shift itself \(write Shift\(...\) to make one\)"),
        (lambda: A.Compose([np.flip]), TypeError, "Compose: augmentations must be objects of nd.augmentation, got"),
    ],
)
def test_unfit_arguments_raise_and_say_what_is_wanted(make, error, message):
    with pytest.raises(error, match=message):
        make()


class Fewer(A.Augmentation):
    """Loses images."""

    def change(self, images, rng):
        return images[1:]


class Forgetful(A.Augmentation):
    """Without a return."""

    def change(self, images, rng):
        pass


class Careless(A.Augmentation):
    """Works on what belongs to the user."""

    def change(self, images, rng):
        images += 1
        return images


@pytest.mark.parametrize(
    ("augment", "x", "error", "message"),
    [
        (A.Shift(), np.zeros((28, 28)), ValueError, r"rows say shape=\(height, width\), for a single image write x\[None\]"),
        (A.Shift(shape=(5, 5)), np.zeros((3, 24)), ValueError, r"\(3, 24\), but flat images of shape \(5, 5\) have 25 numbers"),
        (A.Shift(), np.zeros(5), ValueError, r"Shift: x must be flat or have the shape \(n, height, width\) or .* got \(5,\)"),
        (A.Shift(), np.zeros((1, 2, 3, 4, 5)), ValueError, r"got \(1, 2, 3, 4, 5\)"),
        (A.Shift(), np.zeros((0, 2, 3)), ValueError, r"Shift: x holds no images, its shape is \(0, 2, 3\)"),
        (A.Contrast(), np.zeros((2, 0, 3)), ValueError, "Contrast: x holds no images"),
        (A.Shift(), None, TypeError, "Shift: x is missing"),
        (A.Shift(), [["a"]], TypeError, "Shift: x must hold numbers"),
        (A.Shift(), np.zeros((1, 2, 2), complex), TypeError, "Shift: x must hold real numbers"),
        (A.Crop(5), np.zeros((2, 5, 9)), ValueError, "Crop: 5 pixels leave nothing of images of 5 x 9"),
        (A.Hue(), np.zeros((2, 5, 9)), ValueError, "Hue: works on colours and needs 3 channels, got 1"),
        (A.Saturation(), np.zeros((2, 5, 9, 4)), ValueError, "Saturation: works on colours and needs 3 channels, got 4"),
        (A.Compose([A.Shift(), A.Hue()]), np.zeros((2, 5, 9)), ValueError, "Hue: works on colours and needs 3 channels, got 1"),
        (A.Brightness(), np.full((1, 2, 2), 255, np.uint8), ValueError, r"must lie between 0 and 1, got 255 to 255; .*x / 255"),
        (A.Contrast(), np.array([[[-0.5, 1.0]]]), ValueError, "Contrast: colours must lie between 0 and 1, got -0.5 to 1"),
        (Fewer(), np.zeros((2, 5, 9)), ValueError, r"Fewer: change must return images of shape \(2, 5, 9, 1\), got an array"),
        (A.Compose([A.Shift(), Fewer(), A.Shift()]), np.zeros((2, 5, 9)), ValueError, "Fewer: change must return"),
        (Forgetful(), np.zeros((2, 5, 9)), ValueError, r"Forgetful: change must return .* got None"),
        (Careless(), np.zeros((2, 5, 9)), ValueError, "read-only"),
        (A.Augmentation(), np.zeros((2, 5, 9)), NotImplementedError, r"Augmentation must define change\(images, rng\)"),
    ],
)
def test_unfit_images_raise_and_say_why(augment, x, error, message):
    with pytest.raises(error, match=message):
        augment(x)


def test_an_unfit_generator_raises_at_the_call():
    with pytest.raises(TypeError, match="Shift: rng must be a NumPy generator"):
        A.Shift()(pictures(), "seed")


# ── in training ───────────────────────────────────────────────────────────────────────────────────────────────────────────
MOVED = A.Compose([A.Shift(1), A.Rotate(10), A.Brightness()], shape=(3, 4))


@pytest.fixture
def data(rng):
    return rng.random((22, 12), dtype=np.float32), rng.integers(0, 2, 22)


def small_trainer(seed=1):
    model = nd.Sequential([nd.Dense(5, name="hidden"), nd.Activation("relu"), nd.Dense(2)], input_size=12, seed=seed)
    return nd.Trainer(model, "softmax_cross_entropy", "momentum")


def fitted(data, epochs=(2,), **kwargs):
    """All bits of a trainer after this many epochs, in one call of fit or in several."""
    trainer = small_trainer()
    for number in epochs:
        trainer.fit(*data, epochs=number, batch_size=5, verbose=False, **kwargs)
    return bits(trainer)


def test_training_is_the_same_for_the_same_seed_alone(data):
    before = data[0].copy()
    assert fitted(data, augment=MOVED, seed=3) == fitted(data, augment=MOVED, seed=3)
    assert fitted(data, augment=MOVED, seed=3) != fitted(data, augment=MOVED, seed=4)
    assert fitted(data, augment=MOVED, seed=3, shuffle=False) != fitted(data, augment=MOVED, seed=4, shuffle=False)
    assert fitted(data, augment=MOVED) != fitted(data)
    assert np.array_equal(data[0], before)


def test_augmentation_by_nothing_trains_as_without(data):
    assert fitted(data, augment=A.Shift(0, shape=(3, 4))) == fitted(data)


def test_two_epochs_and_one_are_three(data):
    assert fitted(data, epochs=(2, 1), augment=MOVED) == fitted(data, epochs=(3,), augment=MOVED)


def test_batches_from_a_list_are_augmented_and_stay_as_they_are(data):
    given_ = list(nd.batches(*data, 5, shuffle=False))
    before = [x.copy() for x, _ in given_]
    trainer = small_trainer()
    trainer.fit(given_, epochs=2, augment=MOVED, verbose=False)
    assert all(np.array_equal(x, old) for (x, _), old in zip(given_, before, strict=True))
    assert bits(trainer) == fitted(data, augment=MOVED, shuffle=False)


def test_each_epoch_and_each_batch_has_numbers_of_its_own(data):
    seen = []
    small_trainer().fit(*data, epochs=2, batch_size=11, verbose=False, augment=lambda x, rng: seen.append(rng.random()) or x)
    assert len(set(seen)) == 4


def test_batches_in_a_loop_of_ones_own_train_as_fit_does(data):
    trainer = small_trainer()
    for epoch in range(2):
        for x, y in nd.batches(*data, 5, seed=3, epoch=epoch, augment=MOVED):
            trainer.step(x, y)
    ours, theirs = bits(trainer), fitted(data, augment=MOVED, seed=3)
    assert ours["weights and statistics"] == theirs["weights and statistics"]


def test_batches_of_any_form_are_augmented():
    x, y = (pictures(10) * 255).astype(np.uint8), np.arange(10)
    moved = list(nd.batches(x, y, 4, seed=1, augment=A.Shift()))
    assert [xb.shape for xb, _ in moved] == [(4, 6, 5, 3), (4, 6, 5, 3), (2, 6, 5, 3)]
    assert {xb.dtype for xb, _ in moved} == {np.dtype(np.float32)}
    plain = list(nd.batches(x, y, 4, seed=1))
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(moved, plain, strict=True))
    again = nd.batches(x, y, 4, seed=1, augment=A.Shift(rng=5))
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(moved, again, strict=True))


def nan_in_row_1(x, rng):
    return np.where(np.arange(len(x))[:, None] == 1, np.float32(np.nan), x)


UNFIT = [
    ("flip", TypeError, r"augment must be a function of \(x, rng\), got the string 'flip'"),
    (A.Shift, TypeError, r"augment must be .* got the class Shift itself \(write Shift\(...\) to make one\)"),
    (lambda x: x, TypeError, r"augment must be a function of \(x, rng\), got a function of \(x\)"),
    (lambda x, rng: None, TypeError, "augment must return the changed batch, got None"),
    (lambda x, rng: x[1:], ValueError, r"augment must return as many rows as it is given, 5, got shape \(4, 12\)"),
    (lambda x, rng: 1.0, ValueError, r"augment must return as many rows as it is given, 5, got shape \(\)"),
    (lambda x, rng: x.astype(str), TypeError, "augment: x must hold numbers"),
]


@pytest.mark.parametrize(("augment", "error", "message"), UNFIT)
def test_a_function_that_returns_no_such_batch_is_named_in_batches(data, augment, error, message):
    with pytest.raises(error, match=f"batches: {message}"):
        list(nd.batches(*data, 5, augment=augment))


@pytest.mark.parametrize(
    ("augment", "error", "message"),
    [
        *UNFIT,
        (lambda x, rng: x[:, 1:], ValueError, r"augment: x must have the shape \(n, 12\), got \(5, 11\)"),
        (nan_in_row_1, ValueError, "augment: x holds nan at row 1, column 0"),
    ],
)
def test_a_function_that_returns_no_such_batch_is_named_before_anything_changes(data, augment, error, message):
    trainer = small_trainer()
    before = bits(trainer)
    with pytest.raises(error, match=f"fit: {message}"):
        trainer.fit(*data, batch_size=5, verbose=False, augment=augment)
    assert bits(trainer) == before


def test_a_function_that_does_not_tell_its_arguments_is_taken_as_it_is():
    check_augment("fit", max)


def test_outputs_that_were_computed_once_cannot_be_augmented(data):
    trainer = small_trainer()
    trainer.model.freeze("hidden/")
    with pytest.raises(ValueError, match="cache_frozen computes the frozen layers once: augmented images would never reach"):
        trainer.fit(*data, augment=MOVED, cache_frozen=True, verbose=False)


def test_digits_can_be_learnt_from_moved_ones(digits):
    (x, y), test = digits
    model = nd.Sequential([nd.Dense(30), nd.Activation("relu"), nd.Dense(10)], input_size=784, seed=42)
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(0.005), metrics=["accuracy"])
    augment = A.Compose([A.Shift(2), A.Rotate(10), A.Zoom(0.1)], shape=(28, 28))
    trainer.fit(x[:1000], y[:1000], epochs=3, batch_size=50, augment=augment, verbose=False)
    assert trainer.evaluate(*test)["accuracy"] > 0.7


def test_images_of_another_shape_than_was_told_are_refused():
    with pytest.raises(ValueError, match=r"Shift: was told that images have the shape \(28, 28\), but x has .* \(5, 14, 14\)"):
        nd.augmentation.Shift(1, shape=(28, 28))(np.zeros((5, 14, 14)))
    assert nd.augmentation.Shift(1, shape=(28, 28))(np.zeros((5, 28, 28, 3))).shape == (5, 28, 28, 3)


def test_one_colour_image_is_not_taken_for_many_grey_ones():
    with pytest.raises(ValueError, match=r"one colour image: write x\[None\]; if it is 32 grey images, say shape=\(32, 3\)"):
        nd.augmentation.Rotate(30)(np.zeros((32, 32, 3)))
    assert nd.augmentation.Rotate(30, shape=(32, 3))(np.zeros((32, 32, 3))).shape == (32, 32, 3)


def test_an_augmentation_that_was_not_told_the_shape_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "history.csv").write_text("old")
    trainer = nd.Trainer(nd.Sequential([nd.Dense(2)], 16, seed=0), "softmax_cross_entropy")
    with pytest.raises(ValueError, match="for flat rows say shape="):
        trainer.fit(
            np.zeros((4, 16)),
            np.zeros(4, int),
            augment=nd.augmentation.Shift(1),
            callbacks=[nd.callbacks.CSVLogger(tmp_path / "history.csv")],
            verbose=False,
        )
    assert (tmp_path / "history.csv").read_text() == "old"


def test_a_function_that_changes_its_batch_in_place_leaves_the_users_batches_alone():
    def add_one(batch, rng):
        batch += 1
        return batch

    x, y = np.zeros((4, 3), np.float32), np.zeros(4, int)
    trainer = nd.Trainer(nd.Sequential([nd.Dense(2)], 3, seed=0), "softmax_cross_entropy")
    trainer.fit([(x, y)], epochs=3, augment=add_one, verbose=False)
    assert not x.any()


@pytest.mark.parametrize(("side", "lengths"), [(64, [4, 3]), (128, [1] * 7), (129, [1] * 7)])
def test_images_are_worked_on_in_pieces_of_so_many_pixels_or_one_by_one(side, lengths):
    assert [len(range(7)[some]) for some in kernels.pieces(np.empty((7, side, side, 1)))] == lengths
