"""The picture of a network: every box, circle, line and label is what the model holds."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, FancyBboxPatch

import npdeep as nd
from npdeep.plots.style import COLORS

Dense, Activation = nd.Dense, nd.Activation


@pytest.fixture(autouse=True)
def _close_figures(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("a plot called show"))
    yield
    plt.close("all")


def small(**kwargs):
    layers = [Dense(5, name="hidden1"), Activation("elu"), Dense(4, name="hidden2"), nd.Dropout(0.5), Dense(3, name="outputs")]
    return nd.Sequential(layers, 4, seed=0, **kwargs)


def big():
    layers = [
        *(Dense(300, name="hidden1"), nd.BatchNormalization(name="bn"), Activation("relu"), nd.Dropout(0.5)),
        *(nd.Maxout(100, name="hidden2"), Dense(10, name="outputs")),
    ]
    return nd.Sequential(layers, 784, seed=0, name="digits")


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def boxes(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]


def circles(ax):
    return [patch for patch in ax.patches if isinstance(patch, Circle)]


# ── large networks ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_large_network_has_a_box_a_layer_that_says_what_it_is():
    ax = nd.plots.network(big())
    assert len(boxes(ax)) == 7
    assert not circles(ax)
    assert texts(ax) == [
        *("input", "784 wide"),
        *("hidden1", "300 wide: Dense, 235,500 parameters"),
        *("bn", "300 wide: BatchNormalization, 1,200 parameters"),
        *("activation", "300 wide: relu"),
        *("dropout", "300 wide: Dropout"),
        *("hidden2", "100 wide: Maxout, 60,200 parameters"),
        *("outputs", "10 wide: Dense, 1,010 parameters"),
    ]
    assert ax.get_title() == "digits"


def test_wider_layers_have_wider_boxes_and_stand_in_order():
    drawn = boxes(nd.plots.network(big()))
    assert [box.get_y() for box in drawn] == sorted(box.get_y() for box in drawn)
    widths = [784, 300, 300, 300, 300, 100, 10]
    np.testing.assert_allclose(np.diff([box.get_width() for box in drawn]), 0.75 * np.diff(widths) / 784)


@pytest.mark.parametrize(
    ("scope", "hatched"),
    [
        ("hidden1/", ["hidden1"]),
        ("hidden.*", ["hidden1", "hidden2"]),
        ("hidden1/kernel", []),               # its bias still learns
        ("bn", ["bn"]),
    ],
)
def test_boxes_of_frozen_layers_are_hatched_and_say_so(scope, hatched):
    model = big()
    model.freeze(scope)
    ax = nd.plots.network(model)
    assert [name for name, box in zip(texts(ax)[::2], boxes(ax), strict=True) if box.get_hatch()] == hatched
    assert [name for name, said in zip(texts(ax)[::2], texts(ax)[1::2], strict=True) if "frozen" in said] == hatched


# ── small networks ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_small_network_has_a_circle_a_unit_row_above_row():
    ax = nd.plots.network(small(name="toy"))
    rows = {}
    for circle in circles(ax):
        rows.setdefault(circle.center[1], []).append(circle.center[0])
    assert [len(rows[y]) for y in sorted(rows)] == [4, 5, 4, 3]
    assert all(np.allclose(np.diff(row), 1) and np.isclose(sum(row), 0) for row in rows.values())
    assert sorted(texts(ax)) == ["hidden1, elu", "hidden2", "input", "outputs"]
    assert {text.get_text(): text.get_position()[1] for text in ax.texts} == dict(
        zip(["input", "hidden1, elu", "hidden2", "outputs"], sorted(rows), strict=True)
    )
    assert ax.get_title() == "toy: solid positive, dashed negative weights"


def test_a_small_network_has_a_line_a_weight_with_its_sign_and_size():
    model = small()
    lines = nd.plots.network(model).get_lines()
    kernels = [layer.kernel.value for layer in model.layers if isinstance(layer, Dense)]
    weights = np.concatenate([kernel.ravel() for kernel in kernels])
    sizes = np.concatenate([np.abs(kernel).ravel() / np.abs(kernel).max() for kernel in kernels])
    assert len(lines) == len(weights) == 20 + 20 + 12
    for line, w, size in zip(lines, weights, sizes, strict=True):
        assert line.get_linestyle() == ("-" if w > 0 else "--")
        assert to_hex(line.get_color()).upper() == COLORS[0 if w > 0 else 1]
        assert line.get_linewidth() == pytest.approx(0.3 + 4 * size)


def test_lines_run_from_the_unit_below_to_the_unit_above():
    model = nd.Sequential([Dense(2)], 3, seed=0)
    ax = nd.plots.network(model)
    below, above = [c.center for c in circles(ax)][:3], [c.center for c in circles(ax)][3:]
    ends = [tuple(zip(*line.get_data(), strict=True)) for line in ax.get_lines()]
    assert ends == [(low, high) for low in below for high in above]


def test_circles_of_frozen_layers_are_hatched_and_their_label_says_so():
    model = small()
    model.freeze("hidden1|outputs/kernel")
    ax = nd.plots.network(model)
    assert [bool(circle.get_hatch()) for circle in circles(ax)] == [False] * 4 + [True] * 5 + [False] * 7
    assert sorted(texts(ax)) == ["hidden1, elu, frozen", "hidden2", "input", "outputs"]


def test_a_kernel_of_zeros_is_drawn_thin():
    model = nd.Sequential([Dense(2, kernel_initializer="zeros")], 2)
    assert {line.get_linewidth() for line in nd.plots.network(model).get_lines()} == {0.3}


@pytest.mark.parametrize(
    ("layers", "drawn_unit_by_unit"),
    [
        ([Dense(12)], True),
        ([Dense(13)], False),
        ([Activation("relu")], False),
        ([Dense(4), nd.Maxout(3), Dense(2)], False),    # a unit of maxout has several weights from each input
        ([Dense(4), nd.GLU(), Dense(2)], False),        # half of its inputs are gates
        ([Dense(4), nd.PReLU(), nd.BatchNormalization(), Dense(2)], True),
    ],
)
def test_what_circles_and_lines_cannot_show_is_drawn_as_boxes(layers, drawn_unit_by_unit):
    ax = nd.plots.network(nd.Sequential(layers, 3, seed=0))
    assert bool(circles(ax)) is drawn_unit_by_unit
    assert bool(boxes(ax)) is not drawn_unit_by_unit


# ── both ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("build", [small, big])
def test_it_draws_into_given_axes_and_changes_neither_them_nor_the_model(build):
    model = build()
    model.freeze("hidden1")
    before, settings = model.arena.values.tobytes(), dict(plt.rcParams)
    figure, (left, right) = plt.subplots(1, 2)
    assert nd.plots.network(model, right) is right
    assert not left.patches
    assert plt.get_fignums() == [figure.number]
    assert dict(plt.rcParams) == settings
    assert model.arena.values.tobytes() == before
    assert [p.name for p in model.parameters if p.has_grad and not p.trainable] == [p.name for p in model.variables("hidden1")]
    figure.canvas.draw()
