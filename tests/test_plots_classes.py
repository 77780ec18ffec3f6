"""Pictures of classifiers: boundaries, confusions, mistakes, and the predictions after them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PathCollection

import npdeep as nd
from npdeep.debug.predictions import predictions


def identity(size, activation="linear"):
    """A network whose outputs are its inputs, behind an activation."""
    return nd.Sequential([nd.Activation(activation)], input_size=size)


def line(units=1, activation=None):
    """The first input decides: class 1 where it is above 0.25."""
    layers = [nd.Dense(units), *([nd.Activation(activation)] if activation else [])]
    model = nd.Sequential(layers, input_size=2, dtype="float64")
    kernel, bias = ([[4.0], [0.0]], [-1.0]) if units == 1 else ([[0.0, 4.0], [0.0, 0.0]], [0.0, -1.0])
    model.layers[0].kernel.value, model.layers[0].bias.value = kernel, bias
    return model


POINTS = np.array([[-1.0, -1.0], [0.5, 0.5], [1.0, 1.0], [0.0, 0.0]])
LABELS = np.array([0, 1, 1, 1])


# ── predictions ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("activation", "outputs", "chosen", "sure"),
    [
        ("linear", [0.0, np.log(3)], 1, 0.75),                 # logits
        ("softmax", [np.log(3), 0.0], 0, 0.75),
        ("log_softmax", [np.log(3), 0.0], 0, 0.75),
        ("sigmoid", [np.log(4), 0.0], 0, 0.8),                 # each for itself
        ("linear", [np.log(4)], 1, 0.8),                       # one logit
        ("linear", [-np.log(4)], 0, 0.8),
        ("sigmoid", [np.log(4)], 1, 0.8),                      # one probability
        ("linear", [1000.0, 999.0], 0, 1 / (1 + np.exp(-1))),
    ],
)
def test_the_chosen_class_and_its_probability(activation, outputs, chosen, sure):
    got = predictions(identity(len(outputs), activation), [outputs])
    assert got[0].tolist() == [chosen]
    np.testing.assert_allclose(got[1], [sure], rtol=1e-6)


def test_predictions_leave_the_model_alone_also_in_the_middle_of_a_step():
    trainer = nd.Trainer(line(2), "softmax_cross_entropy")
    alone = nd.Trainer(line(2), "softmax_cross_entropy")
    for event in trainer.walk(POINTS, LABELS):
        nd.plots.decision_boundary(trainer, POINTS, LABELS, resolution=5)
        nd.plots.confusion_matrix(trainer, POINTS, LABELS)
        assert event.stage
    alone.step(POINTS, LABELS)
    assert trainer.model.arena.values.tobytes() == alone.model.arena.values.tobytes()
    assert trainer.model.passes == alone.model.passes


# ── the boundary ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("units", "activation"), [(1, None), (1, "sigmoid"), (2, None), (2, "softmax")])
def test_the_boundary_is_where_the_network_changes_its_mind(units, activation):
    ax = nd.plots.decision_boundary(line(units, activation), POINTS, LABELS, resolution=101)
    mesh = ax.collections[0]
    regions = np.asarray(mesh.get_array()).reshape(101, 101)
    middles = np.linspace(-1.16, 1.16, 101)                    # 8 % of room on both sides
    np.testing.assert_array_equal(regions, np.broadcast_to(middles > 0.25, regions.shape))
    contour = ax.collections[1].get_paths()[0].vertices
    assert np.ptp(contour[:, 0]) < 1e-9
    assert abs(contour[0, 0] - 0.25) < 2.32 / 100
    points = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert [c.get_offsets().tolist() for c in points] == [POINTS[:1].tolist(), POINTS[1:].tolist()]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["class 0", "class 1"]
    first, second = (c.get_paths()[0].vertices.shape for c in points)
    assert first != second                                     # markers of different shape


@pytest.mark.parametrize("y", [LABELS[:, None], 2 * LABELS - 1, np.eye(2)[LABELS]])
def test_labels_come_as_a_column_as_signs_or_as_probabilities(y):
    ax = nd.plots.decision_boundary(line(2), POINTS, y, resolution=5)
    assert len(ax.collections[-1].get_offsets()) == 3


def test_one_class_everywhere_and_points_that_are_all_the_same():
    ax = nd.plots.decision_boundary(line(), POINTS[:1].repeat(3, axis=0), [0, 0, 0], resolution=5)
    ax.figure.canvas.draw()
    assert len(ax.collections) == 3                            # ground and two (one empty) sets of points: no line
    assert np.asarray(ax.collections[0].get_array()).sum() == 0


def test_grounds_of_neighbouring_classes_differ_in_grey():
    grey = [nd.plots.classes._pale(k) @ np.array([0.3, 0.6, 0.1]) for k in range(3)]
    assert min(abs(a - b) for i, a in enumerate(grey) for b in grey[:i]) > 0.05


def test_decision_boundary_refuses():
    with pytest.raises(ValueError, match="only a network with two inputs can be drawn on a plane; this one has 3"):
        nd.plots.decision_boundary(identity(3), np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError, match=r"decision_boundary: y: labels must lie in 0 to 1"):
        nd.plots.decision_boundary(line(), POINTS, [0, 1, 2, 1])
    with pytest.raises(ValueError, match="x holds nan at row 0"):
        nd.plots.decision_boundary(line(), POINTS * np.nan, LABELS)
    with pytest.raises(TypeError, match="must be a Sequential or a Trainer"):
        nd.plots.decision_boundary(POINTS, LABELS, line())


# ── confusions ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_every_cell_shows_its_count_and_its_share_of_the_row():
    chosen, truth = [0, 0, 1, 2, 2, 2, 1], [0, 1, 1, 2, 2, 2, 2]
    ax = nd.plots.confusion_matrix(identity(3), 5 * np.eye(3)[chosen], truth, names=["cat", "dog", "eel"])
    cells = [text.get_text().replace("\n", " ") for text in ax.texts]
    assert cells == ["1 100 %", "0", "0", "1 50 %", "1 50 %", "0", "0", "1 25 %", "3 75 %"]
    np.testing.assert_allclose(ax.images[0].get_array() ** 2, [[1, 0, 0], [0.5, 0.5, 0], [0, 0.25, 0.75]])
    assert ax.get_title() == "5 of 7 right (71 %)"
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat", "dog", "eel"]
    assert [text.get_color() for text in ax.texts[:2]] == ["white", "0.5"]
    assert len(ax.patches) == 3


def test_a_class_without_examples_and_a_yes_or_no():
    ax = nd.plots.confusion_matrix(line(), POINTS[1:], LABELS[1:])
    assert [text.get_text().replace("\n", " ") for text in ax.texts] == ["0", "0", "1 33 %", "2 67 %"]


def test_confusion_matrix_refuses():
    with pytest.raises(ValueError, match="names must be one for each of the 3 classes, got 2"):
        nd.plots.confusion_matrix(identity(3), np.eye(3), [0, 1, 2], names=["a", "b"])
    with pytest.raises(ValueError, match="confusion_matrix: y: labels must lie in 0 to 2"):
        nd.plots.confusion_matrix(identity(3), np.eye(3), [1, 2, 3])
    with pytest.raises(ValueError, match=r"confusion_matrix: x must have the shape \(n, 3\)"):
        nd.plots.confusion_matrix(identity(3), np.zeros((0, 3)), [])
    assert plt.get_fignums() == []


def test_a_network_of_nan_is_drawn_all_the_same():
    model = line(2)
    model.layers[0].kernel.value[...] = np.nan
    ax = nd.plots.confusion_matrix(model, POINTS, LABELS)
    assert ax.get_title() == "0 of 4 right (0 %), 4 are NaN"
    assert not any(text.get_text().startswith("1") for text in ax.texts)
    assert (predictions(model, POINTS)[0] == -1).all()
    pixel = nd.plots.decision_boundary(model, POINTS, LABELS, resolution=5).collections[0]
    assert (pixel.to_rgba(pixel.get_array()) == 1).all()
    shown = nd.plots.misclassified(model, POINTS, LABELS, shape=(1, 2))
    assert [text.get_text() for text in shown.texts] == [f"{label} → NaN" for label in LABELS]


@pytest.mark.parametrize(("ending", "loss", "no"), [
    ("linear", "mean_squared_error", 0), ("linear", "mean_squared_error", -1), ("tanh", "mean_absolute_error", -1),
    ("relu", "mean_squared_error", 0), ("softplus", "huber", 0), ("sigmoid", "mean_squared_error", 0), ("tanh", "hinge", -1),
    ("linear", "hinge", 0), ("linear", "binary_cross_entropy", 0), ("linear", "squared_hinge", -1), ("tanh", "log_cosh", 0),
])  # fmt: skip
def test_pictures_draw_the_line_where_accuracy_draws_it(ending, loss, no):
    x = np.linspace(-3, 3, 40).reshape(20, 2)
    y = np.where(np.random.default_rng(0).random(20) < 0.5, 1, no)[:, None]
    trainer = nd.Trainer(nd.Sequential([nd.Dense(1), nd.Activation(ending)], 2, seed=3), loss, metrics=["accuracy"])
    share = trainer.evaluate(x, y)["accuracy"]
    assert nd.plots.confusion_matrix(trainer, x, y).get_title().startswith(f"{20 * share:.0f} of 20 right")
    assert nd.plots.misclassified(trainer, x, y, shape=(1, 2)).get_title().startswith(f"{20 - 20 * share:.0f} of 20 wrong")


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_mistakes_are_shown_surest_first():
    x = np.array([[1.0, 0, 0, 0], [0, 3.0, 0, 0], [0, 0, 2.0, 0], [0, 0, 0, 4.0]])
    ax = nd.plots.misclassified(identity(4), x, [1, 2, 3, 3], count=2)
    e = np.exp
    shares = [e(3) / (e(3) + 3), e(2) / (e(2) + 3)]
    assert [t.get_text() for t in ax.texts] == [f"2 → 1  {shares[0]:.0%}".replace("%", " %"), f"3 → 2  {100 * shares[1]:.0f} %"]
    np.testing.assert_allclose([np.asarray(image.get_array()) for image in ax.images], x[[1, 2]].reshape(2, 2, 2) / 3)
    assert ax.get_title() == "3 of 4 wrong, the 2 surest (true → chosen, probability)"


def test_nothing_wrong_is_said():
    ax = nd.plots.misclassified(identity(4), np.eye(4), [0, 1, 2, 3])
    assert [t.get_text() for t in ax.texts] == ["nothing wrong"]
    assert ax.get_title() == "0 of 4 wrong"
    ax.figure.canvas.draw()


def test_misclassified_refuses():
    with pytest.raises(ValueError, match=r"3 inputs make no square image; give its shape=\(height, width\)"):
        nd.plots.misclassified(identity(3), np.eye(3), [0, 1, 1])
    with pytest.raises(ValueError, match="count must be an integer of at least 1, got 0"):
        nd.plots.misclassified(identity(4), np.eye(4), [0, 1, 1, 1], count=0)
    ax = nd.plots.misclassified(identity(3), np.eye(3), [0, 1, 1], shape=(1, 3))
    assert len(ax.images) == 1
