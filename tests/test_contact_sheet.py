"""The contact sheet draws the images that it is given; the benchmark of augmentation runs and draws its figure."""

import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import npdeep as nd


@pytest.fixture(autouse=True)
def _close_figures(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("a plot called show"))
    yield
    plt.close("all")


def drawn(ax):
    """What stands on the sheet, image by image."""
    return np.array([image.get_array() for image in ax.images])


@pytest.mark.parametrize("form", [(7, 4, 5), (7, 4, 5, 1), (7, 4, 5, 3), (7, 4, 5, 4)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_draws_the_images_that_it_is_given(form, dtype, rng):
    images = rng.random(form).astype(dtype)
    before = images.copy()
    expected = images[..., 0] if form[3:] == (1,) else images
    assert np.array_equal(drawn(nd.plots.contact_sheet(images)), expected)
    flat = images.reshape(len(images), -1)
    assert np.array_equal(drawn(nd.plots.contact_sheet(flat, shape=form[1:])), expected)
    assert np.array_equal(images, before)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.array([[[0, 51, 204]]], np.uint8), [0, 0.2, 0.8]),
        (np.array([[[0, 50, 100]]]), [0, 0.5, 1]),
        (np.array([[[-1.0, 0.0, 1.0]]]), [0, 0.5, 1]),
        (np.array([[[0.25, 0.5, 0.75]]]), [0.25, 0.5, 0.75]),
        (np.array([[[False, True]]]), [0, 1]),
    ],
)
def test_what_is_black_and_what_is_white(images, expected):
    ax = nd.plots.contact_sheet(images)
    np.testing.assert_allclose(drawn(ax).ravel(), expected)
    assert ax.images[0].get_clim() == (0, 1)
    assert ax.images[0].get_cmap().name == "gray"
    assert ax.images[0].get_interpolation() == "nearest"


@pytest.mark.parametrize(("n", "columns", "rows"), [(7, 3, 3), (6, 3, 2), (2, 10, 1), (1, 1, 1), (3, 1, 3)])
def test_they_stand_in_rows_and_do_not_overlap(n, columns, rows, rng):
    ax = nd.plots.contact_sheet(rng.random((n, 4, 5)), columns=columns, titles=range(n))
    boxes = np.array([image.get_extent() for image in ax.images])
    left, right, bottom, top = boxes.T
    assert len(set(top)) == rows
    assert len(set(left)) == min(n, columns)
    assert np.array_equal(np.lexsort((left, top)), np.arange(n))
    assert np.allclose(right - left, 5)
    assert np.allclose(bottom - top, 4)
    assert np.all((np.diff(left) > 5) | (np.diff(top) > 4))
    (x0, x1), (y1, y0) = ax.get_xlim(), ax.get_ylim()
    assert x0 <= left.min() < right.max() <= x1
    assert y0 <= top.min() < bottom.max() <= y1


def test_each_title_stands_above_its_image(rng):
    ax = nd.plots.contact_sheet(rng.random((4, 5, 6)), columns=2, titles=np.array([7, 0, 4, 1]))
    assert [text.get_text() for text in ax.texts] == ["7", "0", "4", "1"]
    for text, image in zip(ax.texts, ax.images, strict=True):
        (x, y), (left, right, _, top) = text.get_position(), image.get_extent()
        assert x == (left + right) / 2
        assert top - 0.35 * 5 < y < top


def test_it_draws_into_given_axes_and_returns_them(rng):
    _, (ax, other) = plt.subplots(1, 2)
    assert nd.plots.contact_sheet(rng.random((3, 4, 4)), ax=ax) is ax
    assert len(ax.images) == 3
    assert len(other.images) == 0


@pytest.mark.parametrize(
    ("images", "arguments", "error", "message"),
    [
        (np.zeros((3, 784)), {}, ValueError, r"contact_sheet: images has the shape \(3, 784\); .* say shape=\(height, width\)"),
        (np.zeros((3, 784)), {"shape": (28, 27)}, ValueError, "have 756 numbers"),
        (np.zeros((3, 4, 4)), {"columns": 0}, ValueError, "contact_sheet: columns must be an integer of at least 1, got 0"),
        (np.zeros((3, 4, 4)), {"titles": "ab"}, ValueError, "titles must be one for each of the 3 images, got 2"),
        (np.zeros((3, 4, 4, 2)), {}, ValueError, "contact_sheet: images must have 1, 3 or 4 channels, got 2"),
        (np.full((3, 4, 4), np.nan), {}, ValueError, "contact_sheet: images holds nan"),
        (np.zeros((0, 4, 4)), {}, ValueError, "contact_sheet: images holds no images"),
        ("digits", {}, TypeError, "contact_sheet: images must hold numbers"),
    ],
)
def test_unfit_images_raise_and_say_why(images, arguments, error, message):
    with pytest.raises(error, match=message):
        nd.plots.contact_sheet(images, **arguments)


@pytest.fixture
def benchmark_script():
    path = Path(__file__).parents[1] / "benchmarks" / "augmentation.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_augmentation", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_benchmark_measures_every_augmentation(benchmark_script, monkeypatch, capsys):
    monkeypatch.setattr(benchmark_script, "BATCHES", (5,))
    benchmark_script.main(["--quick"])
    table = capsys.readouterr().out
    for name in ("Shift", "Rotate", "Zoom", "Crop", "Flip", "Brightness", "Contrast", "Saturation", "Hue", "a training step"):
        assert f"\n{name}" in table
    assert "28 × 28 × 1, batch 5  32 × 32 × 3, batch 5" in table


def test_the_figure_shows_every_augmentation_beside_what_it_was(benchmark_script, tmp_path):
    figure = benchmark_script.figure()
    labels = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert {"Shift(5)", "Rotate(30)", "Hue(0.5)", "as it is", "four random draws"} <= set(labels)
    for ax in figure.axes:
        original, *changed = drawn(ax)
        assert len(changed) == 4
        assert any(not np.array_equal(image, original) for image in changed)
    benchmark_script.main(["--figure", str(tmp_path / "figure.png")])
    assert (tmp_path / "figure.png").stat().st_size > 50_000
