"""Pictures of the layers: histograms forward and backward, dead and saturated units, weights, and the film of it all."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer
from PIL import Image

import npdeep as nd
from npdeep.callbacks import LambdaCallback, RecordLayers
from npdeep.callbacks.layers import Histograms

X, Y = examples(50)
RUN = {"batch_size": 16, "verbose": False}


def deep(depth, activation="tanh", width=6, **options):
    layers = [layer for _ in range(depth) for layer in (nd.Dense(width, **options), nd.Activation(activation))]
    return nd.Trainer(nd.Sequential([*layers, nd.Dense(3)], 6, seed=1), "softmax_cross_entropy")


# ── histograms ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_layer_histograms_count_outputs_and_gradients_of_one_step():
    trainer = every_trainer()
    before = bits(trainer)
    figure = nd.plots.layer_histograms(trainer, X, Y)
    assert bits(trainer) == before
    hidden = [layer for layer in nd.debug.snapshot(trainer, X, Y).layers if isinstance(layer, nd.Activation)]
    for ax, arrays in zip(figure.axes, ([a.output for a in hidden], [a.grad_input for a in hidden]), strict=True):
        numbers = np.concatenate([a[a != 0] for a in arrays], dtype=np.float64)
        edges = np.linspace(numbers.min(), numbers.max(), 51)
        for line, array in zip(ax.get_lines(), arrays, strict=True):
            counts = np.histogram(array[array != 0].astype(np.float64), edges)[0]
            np.testing.assert_allclose(line.get_ydata(), counts / array.size)
            np.testing.assert_allclose(line.get_xdata(), (edges[1:] + edges[:-1]) / 2, atol=1e-7)
            assert sum(line.get_ydata()) == pytest.approx(np.mean(array != 0))
    assert [t.get_text()[:7] for t in figure.axes[1].get_legend().get_texts()] == ["layer 1", "layer 2"]


def test_sizes_of_gradients_are_drawn_as_powers_of_ten_without_the_zeros():
    trainer = deep(2, "relu")
    figure = nd.plots.layer_histograms(trainer, X, Y, [1], log=True)
    (layer,) = [nd.debug.snapshot(trainer, X, Y).layers[3]]
    sizes = np.log10(np.abs(layer.grad_input[layer.grad_input != 0]).astype(np.float64))
    (line,) = figure.axes[1].get_lines()
    assert sum(line.get_ydata()) == pytest.approx(sizes.size / layer.grad_input.size)
    assert 0 < sizes.size < layer.grad_input.size
    zeros = 100 * (1 - sizes.size / layer.grad_input.size)
    assert line.get_label() == f"layer 2 ({zeros:.0f} % are 0 or not finite)"
    assert sizes.min() <= min(line.get_xdata()) < max(line.get_xdata()) <= sizes.max()
    assert figure.axes[1].get_xlabel() == "log₁₀ |∂L/∂z|"


def test_of_twenty_layers_five_are_drawn_and_of_one_one():
    figure = nd.plots.layer_histograms(deep(20), X, Y)
    assert [t.get_text() for t in figure.axes[1].get_legend().get_texts()] == [f"layer {i}" for i in (1, 6, 11, 15, 20)]
    assert len(nd.plots.layer_histograms(deep(1), X, Y).axes[0].get_lines()) == 1


def test_a_layer_that_no_gradient_reaches_and_one_of_constants():
    trainer = deep(2, kernel_initializer="zeros")
    trainer.model.freeze("dense$|dense/")
    figure = nd.plots.layer_histograms(trainer, X, Y)
    figure.canvas.draw()
    labels = [[t.get_text() for t in ax.get_legend().get_texts()] for ax in figure.axes]
    assert labels[0] == [f"layer {i} (100 % are 0 or not finite)" for i in (1, 2)]
    assert labels[1][0] == "layer 1 (no gradient: frozen)"
    assert sum(figure.axes[1].get_lines()[0].get_ydata()) == 0
    trainer.model.layer("dense_1").bias.value = 2.0
    figure = nd.plots.layer_histograms(trainer, X, Y, [1])
    assert max(figure.axes[0].get_lines()[0].get_ydata()) == 1         # all outputs are tanh(2): one bin


def test_histograms_refuse():
    with pytest.raises(TypeError, match="layer_histograms: the first argument must be a Trainer, which knows the loss"):
        nd.plots.layer_histograms(deep(1).model, X, Y)
    with pytest.raises(ValueError, match="layers must be positions from 0 to 1, got 2"):
        nd.plots.layer_histograms(deep(2), X, Y, [2])
    with pytest.raises(ValueError, match="x holds nan"):
        nd.plots.layer_histograms(deep(2), np.full((4, 6), np.nan), Y[:4])
    plain = nd.Trainer(nd.Sequential([nd.Dense(3)], 6), "softmax_cross_entropy")
    with pytest.raises(ValueError, match="the model has no elementwise activation layer"):
        nd.plots.layer_histograms(plain, X, Y)


# ── saturation ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_saturation_draws_dead_flat_and_alive_shares():
    trainer = deep(2, "relu")
    trainer.model.layers[0].bias.value = [-100, -100, -100, 0, 0, 100]     # three dead, one always on
    before = bits(trainer)
    ax = nd.plots.saturation(trainer, X)
    assert bits(trainer) == before
    twin = trainer.model.copy()
    twin.forward(X, training=True)
    bars = np.array([bar.get_height() for bar in ax.patches]).reshape(3, 2)
    for i, layer in enumerate(twin.layers[1::2][:2]):
        off = layer.input <= 0
        dead = np.broadcast_to(off.all(axis=0), off.shape)
        np.testing.assert_allclose(bars[:, i], [dead.mean(), (off & ~dead).mean(), (~off).mean()])
    assert bars[0, 0] == pytest.approx(0.5)
    np.testing.assert_allclose(bars.sum(axis=0), 1)
    tops = [bar.get_y() + bar.get_height() for bar in ax.patches[4:]]
    np.testing.assert_allclose(tops, 1)
    assert [t.get_text()[:4] for t in ax.get_legend().get_texts()] == ["pass", "flat", "dead"]
    assert ax.patches[2].get_hatch()


def test_saturation_by_model_equals_that_by_trainer_and_reads_twenty_layers():
    trainer = deep(20, "sigmoid", kernel_initializer=nd.initializers.RandomNormal(0, 30))
    by = [[bar.get_height() for bar in nd.plots.saturation(network, X).patches] for network in (trainer, trainer.model)]
    assert by[0] == by[1]
    assert len(by[0]) == 60
    assert len(plt.gca().get_xticks()) <= 12


def test_saturation_leaves_generators_and_statistics_untouched():
    trainer = every_trainer()
    before = bits(trainer)
    nd.plots.saturation(trainer, X)
    assert bits(trainer) == before


def test_a_layer_of_nan_has_words_in_place_of_its_bar():
    trainer = deep(2)
    trainer.model.layer("dense_1").bias.value[0] = np.nan
    ax = nd.plots.saturation(trainer, X)
    bars = np.array([bar.get_height() for bar in ax.patches]).reshape(3, 2).sum(axis=0)
    assert bars.tolist() == [1, 0]
    assert [(text.get_text(), text.get_position()[0]) for text in ax.texts] == [("not finite", 2)]


def test_saturation_refuses():
    with pytest.raises(TypeError, match="saturation: the first argument must be a Sequential or a Trainer, got an array"):
        nd.plots.saturation(X, X)
    with pytest.raises(ValueError, match=r"saturation: x must have the shape \(n, 6\)"):
        nd.plots.saturation(deep(1), X[:, :2])
    with pytest.raises(ValueError, match="no elementwise activation layer"):
        nd.plots.saturation(nd.Sequential([nd.Dense(3)], 6), X)


# ── weights ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_weight_images_are_the_columns_of_the_kernel_on_one_symmetrical_scale():
    model = nd.Sequential([nd.Dense(5)], input_size=6, seed=0)
    kernel = model.layers[0].kernel.value
    ax = nd.plots.weight_images(model.layers[0], (2, 3), units=[4, 0, 2], columns=2)
    assert [text.get_text() for text in ax.texts] == ["4", "0", "2"]
    largest = np.abs(kernel[:, [4, 0, 2]]).max()
    for image, unit in zip(ax.images, [4, 0, 2], strict=True):
        np.testing.assert_array_equal(image.get_array(), kernel[:, unit].reshape(2, 3))
        assert image.get_clim() == (-largest, largest)
    lightness = np.array([ax.images[0].cmap(v)[:3] @ np.array([0.3, 0.6, 0.1]) for v in np.linspace(0, 1, 9)])
    assert (np.diff(lightness) > 0).all()                      # signs are told apart in black and white


def test_weights_of_zeros_and_weights_that_are_nan():
    model = nd.Sequential([nd.Dense(50, kernel_initializer="zeros")], input_size=4)
    ax = nd.plots.weight_images(model.layers[0])
    assert len(ax.images) == 40
    assert ax.images[0].get_clim() == (-1, 1)
    model.layers[0].kernel.value[0, 0] = np.nan
    ax = nd.plots.weight_images(model.layers[0], units=[0])
    ax.figure.canvas.draw()
    assert np.ma.getmaskarray(ax.images[0].get_array()).ravel().tolist() == [True, False, False, False]


def test_weight_images_refuse():
    model = nd.Sequential([nd.Dense(3), nd.Activation("relu")], input_size=6)
    for wrong in (model, model.layers[1], nd.Dense(3), X):
        with pytest.raises(TypeError, match=r"pass a layer of a model that has a kernel, for example model\.layer"):
            nd.plots.weight_images(wrong)
    with pytest.raises(ValueError, match=r"6 inputs make no square image; give its shape, for example shape=\(1, 6\)"):
        nd.plots.weight_images(model.layers[0])
    with pytest.raises(ValueError, match=r"shape must be \(height, width\) with height\*width = 6"):
        nd.plots.weight_images(model.layers[0], (2, 2))
    with pytest.raises(ValueError, match="units must be positions from 0 to 2"):
        nd.plots.weight_images(model.layers[0], (2, 3), units=[3])


# ── the recorder of layers ────────────────────────────────────────────────────────────────────────────────────────────
def test_records_are_histograms_of_a_step_at_that_moment():
    trainer, record, expected = every_trainer(), RecordLayers(X, Y, every=5, bins=7), {}

    def look(trainer):
        twin = nd.debug.snapshot(trainer, X, Y)
        expected[trainer.iteration] = [layer for layer in twin.layers if isinstance(layer, nd.Activation)]

    look(trainer)
    trainer.fit(X, Y, epochs=2, callbacks=[record, LambdaCallback(on_step_end=look)], **RUN)
    assert record.updates == [0, 5, 8]
    assert record.layers == ["activation", "activation_1"]
    for k, update in enumerate(record.updates):
        for i, layer in enumerate(expected[update]):
            sizes = np.abs(layer.grad_input[layer.grad_input != 0].astype(np.float64))
            outputs = layer.output[layer.output != 0]
            for histograms, numbers in ((record.activations[k], outputs), (record.gradients[k], np.log10(sizes))):
                edges = histograms.edges(i)
                assert (edges[0], edges[-1], len(edges)) == (numbers.min(), numbers.max(), 8)
                counts = np.histogram(numbers.astype(np.float64), 7, (edges[0], edges[-1]))[0]
                np.testing.assert_array_equal(histograms.shares[i], counts / layer.output.size)


def test_the_loss_recorded_is_that_of_the_examples():
    trainer, record = plain_trainer(), RecordLayers(X, Y, every=4)
    first = trainer.evaluate(X, Y)["loss"]
    trainer.fit(X, Y, epochs=2, callbacks=[record], **RUN)
    assert record.losses[0] == pytest.approx(first, rel=1e-6)
    assert record.losses[-1] == pytest.approx(trainer.evaluate(X, Y)["loss"], rel=1e-6)


def test_recording_layers_changes_no_bit():
    watched, alone = every_trainer("adam"), every_trainer("adam")
    watched.fit(X, Y, epochs=2, callbacks=[RecordLayers(X, Y, every=1)], **RUN)
    alone.fit(X, Y, epochs=2, **RUN)
    assert bits(watched) == bits(alone)
    assert watched.history["loss"] == alone.history["loss"]


@pytest.mark.parametrize("moment", [3, 4])
def test_a_resumed_run_goes_on_with_its_records(moment, tmp_path):
    whole, trainer = RecordLayers(X, Y, every=3), every_trainer()
    save = LambdaCallback(on_step_end=lambda t: t.iteration == moment and t.save(tmp_path / "run.npz"))
    trainer.fit(X, Y, epochs=2, callbacks=[whole, save], **RUN)
    resumed, again = nd.Trainer.restore(tmp_path / "run.npz"), RecordLayers(X, Y, every=3)
    resumed.fit(X, Y, epochs=2 - resumed.epoch, callbacks=[again], **RUN)
    for key, value in whole.state().items():
        np.testing.assert_array_equal(again.state()[key], value)
    assert again.updates == [0, 3, 6, 8]


def test_a_second_trainer_begins_anew_and_a_second_fit_goes_on():
    record = RecordLayers(X, Y, every=3)
    for _ in range(2):
        trainer = plain_trainer()
        trainer.fit(X, Y, callbacks=[record], **RUN)
        assert record.updates == [0, 3, 4]
    trainer.fit(X, Y, callbacks=[record], **RUN)
    assert record.updates == [0, 3, 4, 6, 8]


def test_recording_refuses_before_the_first_step():
    with pytest.raises(ValueError, match=r"x and y must have the same number of rows, got shapes \(50, 6\) and \(3,\)"):
        RecordLayers(X, Y[:3])
    with pytest.raises(ValueError, match="every must be an integer of at least 1"):
        RecordLayers(X, Y, every=0)
    for wrong, error, message in (
        (RecordLayers(X[:, :2], Y), ValueError, r"RecordLayers: x must have the shape \(n, 6\)"),
        (RecordLayers(X, Y + 5), ValueError, "RecordLayers: y: SoftmaxCrossEntropy: labels must lie in 0 to 2"),
    ):
        trainer = plain_trainer()
        with pytest.raises(error, match=message):
            trainer.fit(X, Y, callbacks=[wrong], **RUN)
        assert trainer.iteration == 0
    plain = nd.Trainer(nd.Sequential([nd.Dense(3)], 6), "softmax_cross_entropy")
    with pytest.raises(ValueError, match="RecordLayers: the model has no elementwise activation layer to look at"):
        plain.fit(X, Y, callbacks=[RecordLayers(X, Y)], **RUN)
    assert repr(RecordLayers(X, Y)) == "RecordLayers(x (50, 6), y (50,), every=100, bins=40)"


# ── the film ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def recorded(depth=2, epochs=2, every=2, **options):
    trainer, record = deep(depth, **options), RecordLayers(X, Y, every=every)
    trainer.fit(X, Y, epochs=epochs, callbacks=[record], **RUN)
    return record


def test_the_film_has_a_picture_a_record_each_with_its_numbers():
    record = recorded(3)
    film = nd.plots.animate_training(record)
    figure = plt.gcf()
    assert len(list(film.new_frame_seq())) == len(record.updates) == 5
    for k in (4, 1):
        film._draw_frame(k)
        assert figure.get_suptitle() == f"after {record.updates[k]:,} updates: loss {record.losses[k]:.3g}"
        for ax, histograms in zip(figure.axes, (record.activations[k], record.gradients[k]), strict=True):
            outlines = [patch for patch in ax.patches if not patch.get_fill()]
            assert len(outlines) == 3
            for i, patch in enumerate(outlines):
                values, edges, baseline = patch.get_data()
                np.testing.assert_allclose(values - i - 1, 0.9 * histograms.shares[i] / histograms.shares[i].max())
                np.testing.assert_allclose(edges, histograms.edges(i))
                assert np.all(baseline == i + 1)
    film._draw_was_started = True              # it was looked at, if not by a window


def test_a_gif_with_all_pictures(tmp_path):
    record = recorded()
    path = nd.plots.animate_training(record, tmp_path / "training.gif", fps=10)
    assert path == tmp_path / "training.gif"
    with Image.open(path) as image:
        assert image.n_frames == len(record.updates)
        assert image.info["duration"] == 100
    assert plt.get_fignums() == []


def test_a_page_that_needs_nothing_from_elsewhere(tmp_path):
    record = recorded()
    text = nd.plots.animate_training(record, str(tmp_path / "training.html")).read_text(encoding="utf-8")
    assert text.count("data:image/png;base64") == len(record.updates)
    assert "<link" not in text
    assert "//" not in re.sub(r'"data:image/png;base64,[^"]*"', "", re.sub(r"^\s*//.*$", "", text, flags=re.M))
    for icon in re.findall(r'class="fa fa-([a-z-]+)', text):
        assert f".fa-{icon}::before" in text


@pytest.mark.parametrize("depth", [1, 20])
def test_a_film_of_one_layer_and_of_twenty(depth, tmp_path):
    assert nd.plots.animate_training(recorded(depth, 1, 4), tmp_path / "film.gif").stat().st_size > 1000


def test_a_film_of_a_run_that_became_nan(tmp_path):
    record = recorded()
    bad = np.full((2, 40), np.nan)
    record.activations[-1] = Histograms.of([np.full(5, np.nan)] * 2, 40)
    record.gradients[-1] = Histograms.of([bad, bad], 40)
    film = nd.plots.animate_training(record)
    film._draw_frame(len(record.updates) - 1)
    texts = [text.get_text() for ax in plt.gcf().axes for text in ax.texts]
    assert texts == ["100 % are 0 or not finite"] * 4
    film._draw_was_started = True


def test_a_run_that_diverges_is_recorded_to_its_end():
    trainer, record = deep(2, "relu"), RecordLayers(X, Y, every=1)
    wreck = LambdaCallback(on_step_end=lambda t: t.iteration == 2 and t.model.arena.values.fill(np.nan))
    trainer.fit(X, Y, callbacks=[wreck, record], **RUN)
    assert record.updates == [0, 1, 2, 3, 4]
    assert record.activations[-1].shares.sum() == 0
    assert np.isnan(record.losses[-1])


def test_animate_training_refuses(tmp_path):
    with pytest.raises(ValueError, match=r"nothing was recorded; hand the RecordLayers to fit\(callbacks"):
        nd.plots.animate_training(RecordLayers(X, Y))
    with pytest.raises(TypeError, match="the record must be a callback"):
        nd.plots.animate_training(nd.callbacks.RecordGradients())
    record = recorded()
    with pytest.raises(ValueError, match=r"path must end in .gif or .html, got 'film.mp4'"):
        nd.plots.animate_training(record, "film.mp4")
    with pytest.raises(TypeError, match="path must be a string or a Path, got 5"):
        nd.plots.animate_training(record, 5)
    with pytest.raises(ValueError, match="fps must be an integer of at least 1"):
        nd.plots.animate_training(record, tmp_path / "a.gif", fps=0)
    assert plt.get_fignums() == []
