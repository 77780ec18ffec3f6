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
    assert [title.replace(" (logistic)", "") for title in titles] == [f"{k}: steepest slope {v}" for k, v in slopes.items()]


def test_gradient_flow_draws_the_norms_of_one_backward_pass(trainer, batch):
    before = bits(trainer)
    ax = nd.plots.gradient_flow(trainer, *batch)
    twin = nd.debug.snapshot(trainer, *batch)
    expected = [np.linalg.norm(p.grad) for p in twin.parameters if p.name.endswith("kernel")]
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), expected)
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "layer (1 = nearest the input)"
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
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["update 1", "update 6"]


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
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]
    assert ax.get_ylabel() == "validation loss"
    assert ax.get_lines()[0].get_linestyle() != ax.get_lines()[1].get_linestyle()


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
    trainer.model.freeze("b")
    ax = nd.plots.gradient_flow(trainer, np.eye(3), np.array([0, 1, 0]))
    line, crosses = ax.get_lines()
    assert np.isnan(line.get_ydata()[1])
    assert crosses.get_xdata().tolist() == [2]
    assert ax.get_legend().get_texts()[0].get_text() == "0: frozen, or nothing arrives"


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
