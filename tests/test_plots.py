"""Pictures: what they draw is what was measured; nothing is shown, nothing is changed."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import npdeep as nd
from npdeep.plots import style


@pytest.fixture(autouse=True)
def _close_figures(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("a plot called show"))
    yield
    plt.close("all")


@pytest.fixture
def trainer():
    model = nd.Sequential(
        [
            *(nd.Dense(6), nd.BatchNormalization(), nd.Activation("tanh"), nd.Dropout(0.5)),
            *(nd.Dense(5), nd.Activation("elu"), nd.Dense(3)),
        ],
        input_size=4,
        seed=1,
    )
    return nd.Trainer(model, "softmax_cross_entropy", "adam")


@pytest.fixture
def batch(rng):
    return rng.standard_normal((20, 4)), rng.integers(0, 3, 20)


def bits(trainer):
    """Everything that a plot must not touch."""
    states = [str(layer.rng.bit_generator.state) for layer in trainer.model.layers]
    slots = [slot.tobytes() for slot in trainer.optimizer.slots.values()]
    return trainer.model.arena.values.tobytes(), slots, states, trainer.iteration


def test_an_activation_is_drawn_with_its_derivative():
    ax = nd.plots.activation("leaky_relu", negative_slope=0.2)
    value, slope = ax.get_lines()[-2:]
    z = value.get_xdata()
    np.testing.assert_allclose(value.get_ydata(), np.maximum(0.2 * z, z))
    np.testing.assert_allclose(slope.get_ydata(), np.where(z > 0, 1, 0.2))
    assert ax.get_title() == "leaky_relu (negative_slope = 0.2)"
    assert ax.get_xlabel() == "z"
    with pytest.raises(ValueError, match="softmax works on whole rows"):
        nd.plots.activation("softmax")


def test_the_panels_state_the_steepest_slope():
    figure = nd.plots.activations(["sigmoid", "tanh", "selu", "relu"])
    titles = [ax.get_title() for ax in figure.axes if ax.get_visible()]
    slopes = {"sigmoid": "0.25", "tanh": "1", "selu": "1.76", "relu": "1"}
    assert [title.replace("logistic", "sigmoid") for title in titles] == [f"{k}: slope ≤ {v}" for k, v in slopes.items()]


def test_gradient_flow_draws_the_norms_of_one_backward_pass(trainer, batch):
    before = bits(trainer)
    ax = nd.plots.gradient_flow(trainer, *batch)
    twin = nd.debug.snapshot(trainer, *batch)
    expected = [np.linalg.norm(layer.grad_output) for layer in twin.layers if isinstance(layer, nd.Dense)]
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), expected)
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "layer (1 = nearest the input)"
    assert ax.get_ylabel() == "size of the gradient, ‖∂L/∂z‖"
    assert bits(trainer) == before


def test_gradient_history_draws_a_line_a_record(trainer, batch):
    record = nd.callbacks.RecordGradients(every=2)
    with pytest.raises(ValueError, match="nothing was recorded"):
        nd.plots.gradient_history(record)
    trainer.fit(*batch, epochs=3, batch_size=10, callbacks=[record], verbose=False)
    assert record.updates == [1, 3, 5, 6]          # every second one, and the last
    assert record.layers == ["dense", "dense_1", "dense_2"]
    ax = nd.plots.gradient_history(record)
    np.testing.assert_allclose([line.get_ydata() for line in ax.get_lines()], record.norms)
    assert {t.get_text() for t in ax.texts} == {"update 1", "update 6"}


def test_gradients_are_recorded_by_either_measure(trainer, batch):
    records = {of: nd.callbacks.RecordGradients(every=1, of=of) for of in ("kernel", "z")}
    norms = {}

    def look(trainer):
        dense = [layer for layer in trainer.model.layers if isinstance(layer, nd.Dense)]
        norms["kernel"] = [np.linalg.norm(layer.kernel.grad) for layer in dense]
        norms["z"] = [np.linalg.norm(layer.grad_output) for layer in dense]

    watch = nd.callbacks.LambdaCallback(on_step_end=look)
    options = {"epochs": 1, "batch_size": 10, "validation_data": batch, "verbose": False}
    trainer.fit(*batch, callbacks=[*records.values(), watch], **options)
    late = nd.callbacks.RecordGradients(every=9, of="z")           # its last record is made when all is over
    trainer.fit(*batch, callbacks=[late, watch], **options)
    np.testing.assert_allclose(late.norms[-1], norms["z"], rtol=1e-5)
    trainer.fit(*batch, callbacks=[*records.values(), watch], **options)
    for of, record in records.items():
        np.testing.assert_allclose(record.norms[-1], norms[of], rtol=1e-5)
        assert f"‖∂L/∂{of}‖" in nd.plots.gradient_history(record).get_ylabel()
    with pytest.raises(ValueError, match="RecordGradients: unknown of 'w'"):
        nd.callbacks.RecordGradients(of="w")


def test_histograms_share_their_bins_and_add_up_to_one(trainer, batch):
    before = bits(trainer)
    figure = nd.plots.activation_histograms(trainer.model, batch[0])
    assert len(figure.axes) == 2
    for ax in figure.axes:
        assert sum(patch.get_height() for patch in ax.patches) == pytest.approx(1)
    assert figure.axes[0].patches[0].get_x() == figure.axes[1].patches[0].get_x()
    assert bits(trainer) == before
    with pytest.raises(ValueError, match="no elementwise activation layer"):
        nd.plots.activation_histograms(nd.Sequential([nd.Dense(2)], 4), batch[0])


def test_histograms_of_many_layers_stand_in_rows_and_leave_out_what_is_not_finite():
    layers = [layer for _ in range(8) for layer in (nd.Dense(3), nd.Activation("relu"))]
    model = nd.Sequential(layers, input_size=4, seed=0)
    model.layers[0].bias.value[0] = np.nan
    figure = nd.plots.activation_histograms(model, np.ones((5, 4)))
    visible = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title()[:7] for ax in visible] == [f"layer {i}" for i in range(1, 9)]
    assert len(figure.axes) == 10
    assert sum(bar.get_height() for bar in visible[0].patches) == pytest.approx(2 / 3)


@pytest.mark.parametrize("x", ["updates", "epoch", "seconds"])
def test_learning_curves_draw_what_was_recorded(trainer, batch, x):
    history = trainer.fit(*batch, epochs=3, validation_data=batch, verbose=False)
    ax = nd.plots.learning_curves({"a": history, "b": history}, "val_loss", x)
    first = ax.get_lines()[0]
    assert list(first.get_ydata()) == history["val_loss"]
    assert list(first.get_xdata()) == history[x]
    assert {t.get_text() for t in ax.texts} == {"a", "b"}
    assert ax.get_ylabel() == "validation loss"
    assert ax.get_lines()[0].get_linestyle() != ax.get_lines()[1].get_linestyle()


@pytest.mark.parametrize(
    ("records", "label"),
    [
        ([{"loss": 2.0}], "loss"),
        ([{"loss": 2.0, "accuracy": 0.5}], "accuracy"),
        ([{"loss": 2.0, "val_loss": 3.0, "mean_absolute_error": 1.0}], "validation loss"),
        ([{"loss": 2.0, "val_loss": 3.0, "accuracy": 0.5, "val_accuracy": 0.4}], "validation accuracy"),
        ([{"loss": 2.0, "accuracy": 0.5}, {"loss": 2.0}], "loss"),    # what both runs have
        ([{"mine": 1.0, "loss": 2.0}], "loss"),
    ],
)
def test_learning_curves_draw_what_there_is(records, label):
    runs = [nd.History([{"epoch": e, "updates": e, **record} for e in (1, 2)]) for record in records]
    assert nd.plots.learning_curves(dict(zip("ab", runs, strict=False))).get_ylabel() == label


def test_learning_curves_refuse_what_was_not_recorded(trainer, batch):
    history = trainer.fit(*batch, verbose=False)
    with pytest.raises(ValueError, match=r"key must be one of what was recorded, epoch, .*; got the string 'val_loss'"):
        nd.plots.learning_curves(history, "val_loss")
    with pytest.raises(ValueError, match=r"unknown x 'time'.* Known: epoch, epochs, seconds, updates"):
        nd.plots.learning_curves(history, "loss", x="time")


def test_plots_draw_into_given_axes_and_leave_the_users_settings_alone(trainer, batch):
    figure, axes = plt.subplots(1, 2)
    settings = dict(plt.rcParams)
    assert nd.plots.activation("relu", axes[0]) is axes[0]
    assert nd.plots.gradient_flow(trainer, *batch, ax=axes[1]) is axes[1]
    assert dict(plt.rcParams) == settings
    assert plt.get_fignums() == [figure.number]


def test_colours_are_told_apart_without_colour_too():
    looks = [style.look(i) for i in range(7)]
    assert len({look["color"] for look in looks}) == len({str(look["linestyle"]) for look in looks}) == 7
    assert style.look(0, marked=True)["marker"] == "o"


def test_a_gradient_of_zero_is_a_cross_at_the_bottom_and_no_line_that_falls():
    layers = [nd.Dense(4, name="a"), nd.Activation("tanh"), nd.Dense(4, name="b"), nd.Activation("tanh"), nd.Dense(2, name="c")]
    trainer = nd.Trainer(nd.Sequential(layers, 3, seed=0), "softmax_cross_entropy")
    trainer.model.freeze("a")
    ax = nd.plots.gradient_flow(trainer, np.eye(3), np.array([0, 1, 0]))
    line, crosses = ax.get_lines()
    assert np.isnan(line.get_ydata()[0])
    assert crosses.get_xdata().tolist() == [1]
    assert ax.get_legend().get_texts()[0].get_text() == "0: nothing arrives"


def test_a_run_of_one_epoch_is_a_point_that_can_be_seen():
    ax = nd.plots.learning_curves({"one": nd.History([{"epoch": 1, "loss": 2.0}])}, "loss", "epochs")
    assert ax.get_lines()[0].get_marker() not in ("None", "")
    assert ax.get_xlabel() == "epochs"


def test_the_first_figure_may_load_a_backend_that_is_interactive():
    def loads_a_backend():
        matplotlib.interactive(True)          # as a notebook's backend does when it is loaded, inside the first plot

    before = matplotlib.is_interactive()
    try:
        nd.plots.in_house_style(loads_a_backend)()
        assert matplotlib.is_interactive()    # or else the second figure would not be shown
    finally:
        matplotlib.interactive(before)


# ── the house style, and the user's ───────────────────────────────────────────────────────────────────────────────────
YOURS = {"font.size": 7.0, "axes.titlesize": 8.0, "axes.labelsize": 6.0, "legend.fontsize": 5.0, "lines.linewidth": 0.7}
YOURS |= {"xtick.labelsize": 4.0, "ytick.labelsize": 4.0, "legend.title_fontsize": 5.0, "figure.figsize": [3.0, 2.0]}


def calls(trainer, x, y):
    """Every kind of plot that draws into one axes; each has texts of its own, a legend or both."""
    history = trainer.fit(x, y, epochs=2, validation_data=(x, y), verbose=False)
    return {
        "activation": lambda **ax: nd.plots.activation("elu", **ax),
        "confusion_matrix": lambda **ax: nd.plots.confusion_matrix(trainer, x, y, **ax),
        "contact_sheet": lambda **ax: nd.plots.contact_sheet(np.zeros((2, 3, 3)), titles="AB", **ax),
        "gradient_flow": lambda **ax: nd.plots.gradient_flow(trainer, x, y, **ax),
        "learning_curves": lambda **ax: nd.plots.learning_curves({"a": history, "b": [history, history]}, "loss", **ax),
        "network": lambda **ax: nd.plots.network(trainer.model, **ax),
        "optimizer_paths": lambda **ax: nd.plots.optimizer_paths(["sgd", "adam"], steps=2, **ax),
        "saturation": lambda **ax: nd.plots.saturation(trainer, x, **ax),
        "schedules": lambda **ax: nd.plots.schedules({"a": 0.1, "b": 0.2}, 5, **ax),
        "weight_images": lambda **ax: nd.plots.weight_images(trainer.model.layers[0], (1, trainer.model.input_size), **ax),
    }


def sizes(ax):
    """The sizes of all texts that are drawn."""
    found = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
    if ax.get_legend():
        found += [*ax.get_legend().get_texts(), ax.get_legend().get_title()]
    return {text.get_fontsize() for text in found if text.get_text()}


KINDS = ["activation", "confusion_matrix", "contact_sheet", "gradient_flow", "learning_curves", "network", "optimizer_paths"]
KINDS += ["saturation", "schedules", "weight_images"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_plot_in_axes_of_the_users_follows_the_users_settings(kind, trainer, batch):
    draw = calls(trainer, *batch)[kind]
    with plt.rc_context(YOURS):
        ax = draw(ax=plt.subplots()[1])
        assert max(sizes(ax)) <= 8
        widths = {line.get_linewidth() for line in ax.get_lines()}
    with plt.rc_context(YOURS), nd.plots.style("yours"):
        yours = draw()
        assert max(sizes(yours)) <= 8
        assert yours.figure.get_size_inches().tolist() == [3, 2]
    house = draw()
    assert min(sizes(house)) >= 10
    if kind != "network":                     # there a width is a weight
        assert not widths or max(widths) < max(line.get_linewidth() for line in house.get_lines())
    with plt.rc_context(YOURS):               # the house style is the default, whatever the user's settings are
        assert sizes(draw()) == sizes(house)


def test_new_figures_are_16_to_9_with_text_of_18_points():
    ax = nd.plots.schedules({"a": 0.1, "b": 0.2}, 5)
    assert (100 * ax.figure.get_size_inches()).round().tolist() == [1280, 720]
    assert sizes(ax) == {18}


def test_axes_that_were_made_in_the_house_style_are_drawn_into_in_it():
    with plt.rc_context(YOURS):
        alone = nd.plots.schedules({"a": 0.1, "b": 0.2}, 5, ax=nd.plots.new_grid(1, 2, nd.plots.SLIDE)[1][0])
        figure = nd.plots.activations(["relu"], axes=nd.plots.new_grid(1, 1, nd.plots.SLIDE)[1])
        assert sizes(alone) == {18}
        assert sizes(figure.axes[0]) == {18, 20}
        assert plt.rcParams["font.size"] == 7


def test_names_stand_at_the_lines_of_new_figures_and_in_a_legend_in_axes_of_the_users():
    rates = {"a": 0.1, "b": 0.2}
    new, given = nd.plots.schedules(rates, 5), nd.plots.schedules(rates, 5, ax=plt.subplots()[1])
    assert {text.get_text() for text in new.texts} == {"a", "b"}
    assert new.get_legend() is None
    assert [text.get_text() for text in given.get_legend().get_texts()] == ["a", "b"]


def test_a_style_holds_until_the_end_of_with_or_until_another_is_chosen():
    style = nd.plots.style
    with style("yours"):
        with style("house"):
            assert style.chosen == "house"
        assert style.chosen == "yours"
    assert style.chosen == "house"
    style("yours")
    assert style.chosen == "yours"
    style("house")
    with pytest.raises(ValueError, match="style: unknown name 'dark'"):
        style("dark")
    assert style.chosen == "house"


@pytest.mark.parametrize("named", [["hidden2"], ["second"], [1]], ids=str)
def test_hidden_layers_are_chosen_by_either_name_or_by_position(named):
    layers = [nd.Dense(3, name="hidden1"), nd.Activation("tanh", name="first")]
    layers += [nd.Dense(3, name="hidden2"), nd.Activation("tanh", name="second"), nd.Dense(2, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 2, seed=0), "softmax_cross_entropy")
    x, y = np.eye(2), np.array([0, 1])
    (ax,) = nd.plots.activation_histograms(trainer.model, x, named).axes
    assert ax.get_title().startswith("layer 2")
    assert [line.get_label() for line in nd.plots.layer_histograms(trainer, x, y, named).axes[1].get_lines()] == ["layer 2"]
    with pytest.raises(ValueError, match="outputs"):
        nd.plots.activation_histograms(trainer.model, x, ["outputs"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((nd.Dense(3),), "ax must be matplotlib Axes with the lines, got an object of type Dense"),
        ((plt.figure,), "ax must be matplotlib Axes"),
        ((None,), "ax must be matplotlib Axes"),
        (("axes", [1.0]), r"lines must be a list of matplotlib lines, got 1\.0 among them"),
        (("axes", 3), "lines must be a list of matplotlib lines, got 3"),
    ],
)
def test_label_lines_says_what_it_takes(arguments, words):
    ax = plt.subplots()[1]
    with pytest.raises(TypeError, match=f"label_lines: {words}"):
        nd.plots.label_lines(*(ax if given == "axes" else given for given in arguments))
    plt.close("all")
