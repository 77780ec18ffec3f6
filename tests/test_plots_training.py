"""Pictures of a training: gradients and updates layer by layer, runs of several seeds, schedules."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.callbacks import LambdaCallback, RecordGradients, RecordUpdates
from npdeep.history import History

X, Y = examples(50)
RUN = {"batch_size": 16, "verbose": False}
MAKERS = {RecordUpdates: lambda: RecordUpdates(3), RecordGradients: lambda: RecordGradients(3)}


def gradients(norms, updates=None):
    record = RecordGradients()
    layers = [f"dense_{i}" for i in range(len(norms[0]))]
    vars(record).update(norms=norms, updates=updates or list(range(1, len(norms) + 1)), layers=layers)
    return record


def ratios(rows, updates=None):
    record = RecordUpdates()
    layers = [f"dense_{i}" for i in range(len(rows[0]))]
    vars(record).update(ratios=rows, updates=updates or list(range(1, len(rows) + 1)), layers=layers)
    return record


# ── the recorder of updates ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("every", [1, 3, 4, 100])
def test_update_ratios_are_those_of_the_weights_before_and_after(every):
    trainer, record, seen = every_trainer("adam"), RecordUpdates(every), []

    def kernels():
        return [p.value.astype(np.float64) for p in trainer.model.parameters if p.name.endswith("/kernel")]

    seen.append(kernels())
    trainer.fit(X, Y, epochs=3, callbacks=[LambdaCallback(on_step_end=lambda t: seen.append(kernels())), record], **RUN)
    assert record.updates == list(range(1, 13, every))
    for t, row in zip(record.updates, record.ratios, strict=True):
        expected = [np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in zip(seen[t - 1], seen[t], strict=True)]
        np.testing.assert_allclose(row, expected, rtol=1e-13)
        assert min(row) > 0


def test_what_another_callback_does_between_epochs_is_no_update():
    trainer, record = plain_trainer(), RecordUpdates(4)                # an epoch has 4 updates
    double = LambdaCallback(on_epoch_end=lambda t, r: np.multiply(t.model.arena.values, 2, out=t.model.arena.values))
    trainer.fit(X, Y, epochs=3, callbacks=[record, double], **RUN)
    assert record.updates == [1, 5, 9]
    assert np.max(record.ratios) < 0.1


def test_frozen_kernels_do_not_move_and_kernels_of_zeros_move_infinitely():
    trainer, record = plain_trainer(), RecordUpdates(1)
    trainer.model.freeze("hidden.*")
    trainer.model.layer("outputs").kernel.value = 0
    trainer.fit(X, Y, callbacks=[record], **RUN)
    assert record.ratios[0] == [0.0, float("inf")]
    assert record.ratios[1][0] == 0.0
    assert 0 < record.ratios[1][1] < 1
    assert "hidden (does not move)" in [t.get_text() for t in nd.plots.update_ratios(record).get_legend().get_texts()]


def test_recording_updates_changes_no_bit_and_copies_only_when_due(monkeypatch):
    copies = []
    original = RecordUpdates.copy_if_due

    def counting(self, trainer):
        original(self, trainer)
        copies.append(self.before is not None)

    monkeypatch.setattr(RecordUpdates, "copy_if_due", counting)
    watched, alone = every_trainer(), every_trainer()
    watched.fit(X, Y, epochs=4, callbacks=[RecordUpdates(8)], **RUN)
    alone.fit(X, Y, epochs=4, **RUN)
    assert bits(watched) == bits(alone)
    assert sum(copies) == 3 + 1 + 1           # before update 1 (as the fit and its epoch begin) and 9 (likewise), and after 16


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("moment", [3, 4, 5])
def test_records_of_a_resumed_run_are_those_of_one_that_was_never_stopped(kind, moment, tmp_path):
    whole, trainer = MAKERS[kind](), every_trainer()
    save = LambdaCallback(on_step_end=lambda t: t.iteration == moment and t.save(tmp_path / "run.npz"))
    trainer.fit(X, Y, epochs=3, callbacks=[whole, save], **RUN)
    resumed, again = nd.Trainer.restore(tmp_path / "run.npz"), MAKERS[kind]()
    resumed.fit(X, Y, epochs=3 - resumed.epoch, callbacks=[again], **RUN)
    assert again.state() == whole.state()


# ── update ratios and the heat map ────────────────────────────────────────────────────────────────────────────────────
def test_update_ratios_are_drawn_as_recorded_between_two_guides():
    ax = nd.plots.update_ratios(ratios([[1e-3, 2e-3], [3e-3, 4e-3], [5e-3, 6e-3]], [1, 11, 21]))
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert lines["dense_0"].get_ydata().tolist() == [1e-3, 3e-3, 5e-3]
    assert lines["dense_1"].get_xdata().tolist() == [1, 11, 21]
    assert lines["dense_0"].get_marker() != lines["dense_1"].get_marker()
    assert sorted(line.get_ydata()[0] for line in ax.get_lines() if line.get_label() == "_guide") == [1e-4, 1e-2]
    low, high = ax.get_ylim()
    assert low < 1e-4 < 1e-2 < high
    assert ax.get_yscale() == "log"


def test_of_twenty_layers_seven_are_named_and_all_are_drawn():
    ax = nd.plots.update_ratios(ratios(np.full((5, 20), 1e-3).tolist()))
    assert len(ax.texts) == 7 + 2              # two name the guides
    assert sum(len(line.get_xdata()) == 5 for line in ax.get_lines()) == 20
    assert "dense_19" in {text.get_text() for text in ax.texts}


@pytest.mark.parametrize("rows", [[[np.nan, 1e-3]], [[np.inf, 0.0], [np.nan, 0.0]], [[0.0]], [[1e-9], [1e3]]])
def test_odd_ratios_are_left_out_and_the_rest_is_drawn(rows):
    ax = nd.plots.update_ratios(ratios(rows))
    ax.figure.canvas.draw()
    drawn = np.array([line.get_ydata() for line in ax.get_lines() if line.get_label() != "_guide"]).T
    expected = np.array(rows)
    np.testing.assert_array_equal(drawn, np.where(np.isfinite(expected) & (expected > 0), expected, np.nan))


def test_the_heat_map_holds_layers_by_updates_on_a_logarithmic_scale():
    ax = nd.plots.gradient_heat_map(gradients([[1e-3, 1.0], [1e-2, 0.5], [1e-1, 0.1]], [1, 101, 201]))
    image = ax.images[0]
    assert image.get_array().tolist() == [[1e-3, 1e-2, 1e-1], [1.0, 0.5, 0.1]]
    assert image.origin == "lower"                             # layer 1 at the bottom
    assert (image.norm.vmin, image.norm.vmax) == (1e-3, 1.0)
    assert type(image.norm).__name__ == "LogNorm"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "101", "201"]
    assert ax.get_yticks().tolist() == [1, 2]
    assert len(ax.figure.axes) == 2                            # with its colour bar


@pytest.mark.parametrize("norms", [[[0.5, 0.5]], [[0.0, 0.0]], [[np.nan], [1.0]], np.full((30, 20), 2.0).tolist()])
def test_the_heat_map_of_constant_and_of_odd_norms(norms):
    ax = nd.plots.gradient_heat_map(gradients(norms))
    ax.figure.canvas.draw()
    array = np.array(norms).T
    np.testing.assert_array_equal(np.ma.getmaskarray(ax.images[0].get_array()), ~(np.isfinite(array) & (array > 0)))
    assert (ax.get_legend() is not None) == bool((~(array > 0)).any())
    assert len(ax.get_xticks()) <= 6
    assert len(ax.get_yticks()) <= 10


@pytest.mark.parametrize("plot", [nd.plots.gradient_heat_map, nd.plots.gradient_history, nd.plots.update_ratios])
def test_an_empty_record_and_what_is_none(plot):
    kind = RecordUpdates if plot is nd.plots.update_ratios else RecordGradients
    with pytest.raises(ValueError, match=rf"{plot.__name__}: nothing was recorded; hand the {kind.__name__} to fit"):
        plot(kind())
    with pytest.raises(TypeError, match=f"the record must be a callback nd.callbacks.{kind.__name__}, got an object of type"):
        plot(plain_trainer())


def test_axes_must_be_axes():
    with pytest.raises(TypeError, match=r"ax must be matplotlib Axes .* got an array of shape \(2,\)"):
        nd.plots.gradient_heat_map(gradients([[1.0]]), plt.subplots(1, 2)[1])


# ── learning curves ───────────────────────────────────────────────────────────────────────────────────────────────────
def history(losses, seconds=1.0, batches=10):
    rows = enumerate(losses, start=1)
    return History([{"epoch": i, "updates": batches * i, "seconds": seconds * i, "loss": loss} for i, loss in rows])


SEEDS = [history([3.0, 2.0, 1.0]), history([5.0, 2.0, 2.0], 2.0), history([1.0, 2.0, 3.0], 3.0)]


def edges(ax):
    """Places, lower and upper edge of the one band."""
    (band,) = ax.collections
    points = band.get_paths()[0].vertices
    places = sorted(set(points[:, 0]))
    return places, [[f(points[points[:, 0] == x, 1]) for x in places] for f in (np.min, np.max)]


def test_runs_of_several_seeds_become_their_mean_in_a_band():
    ax = nd.plots.learning_curves({"a": SEEDS, "b": SEEDS[0]}, "loss", "epoch")
    assert ax.get_lines()[0].get_ydata().tolist() == [3.0, 2.0, 2.0]
    assert ax.get_lines()[1].get_ydata().tolist() == [3.0, 2.0, 1.0]
    places, (low, high) = edges(ax)
    assert (places, low, high) == ([1, 2, 3], [1, 2, 1], [5, 2, 3])
    assert ax.get_title() == "mean of 3 runs, lowest to highest"


def test_a_band_of_one_standard_deviation():
    _, (low, high) = edges(nd.plots.learning_curves({"a": SEEDS}, "loss", band="std"))
    np.testing.assert_allclose(low, [1, 2, 1])                 # 3 ± 2, 2 ± 0, 2 ± 1
    np.testing.assert_allclose(high, [5, 2, 3])
    with pytest.raises(ValueError, match=r"unknown band 'sem'\. Known: range, std"):
        nd.plots.learning_curves(SEEDS, "loss", band="sem")


def test_by_seconds_the_mean_stands_at_the_mean_of_the_seconds():
    ax = nd.plots.learning_curves({"a": SEEDS}, "loss", "seconds")
    assert ax.get_lines()[0].get_xdata().tolist() == [2.0, 4.0, 6.0]
    assert ax.get_xlabel() == "seconds of training"


def test_a_list_alone_and_runs_of_different_length():
    ax = nd.plots.learning_curves([SEEDS[0], history([1.0])], "loss")
    assert ax.get_lines()[0].get_ydata().tolist() == [2.0]
    assert ax.get_title() == "mean of 2 runs, lowest to highest"


@pytest.mark.parametrize(
    ("runs", "error", "message"),
    [
        ({"a": []}, ValueError, "there are no runs under 'a'"),
        ({"a": [SEEDS[0], history([1.0], batches=5)]}, ValueError, "under 'a' were recorded at different updates"),
        ({"a": [1.0, 2.0]}, TypeError, "runs must be a History, as fit returns it"),
        (SEEDS[0]["loss"], TypeError, "runs must be a History, as fit returns it"),
        ("loss", TypeError, "runs must be a History, as fit returns it"),
    ],
)
def test_learning_curves_refuse_what_are_no_runs(runs, error, message):
    with pytest.raises(error, match=message):
        nd.plots.learning_curves(runs, "loss")
    assert plt.get_fignums() == []


def test_a_run_that_became_nan_leaves_a_gap():
    ax = nd.plots.learning_curves({"a": [history([1.0, np.nan]), history([2.0, 3.0])]}, "loss")
    ax.figure.canvas.draw()
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), [1.5, np.nan])


# ── schedules ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_schedules_are_drawn_update_by_update():
    cycle = nd.schedules.OneCycle(1.0, 100)
    ax = nd.plots.schedules({"cycle": cycle, "plain": 0.1}, 120, log=True)
    assert list(ax.get_lines()[0].get_ydata()) == [cycle(t) for t in range(120)]
    assert list(ax.get_lines()[0].get_xdata()) == list(range(120))
    assert set(ax.get_lines()[1].get_ydata()) == {0.1}
    assert ax.get_lines()[0].get_linestyle() != ax.get_lines()[1].get_linestyle()
    assert (ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "update", "learning rate")


def test_a_long_schedule_and_one_alone():
    ax = nd.plots.schedules(nd.schedules.Constant(0.9), 1_000_000, "momentum")
    x = ax.get_lines()[0].get_xdata()
    assert (len(x), x[0], x[-1]) == (2000, 0, 999_999)
    assert ax.get_legend() is None
    assert ax.get_ylabel() == "momentum"


def test_what_is_no_schedule():
    with pytest.raises(TypeError, match=r"schedules: rates\['a'\] must be a number or an object of nd.schedules"):
        nd.plots.schedules({"a": lambda t: 0.1}, 10)
    with pytest.raises(ValueError, match="rates are empty"):
        nd.plots.schedules({}, 10)
    with pytest.raises(ValueError, match="steps must be an integer of at least 1, got 0"):
        nd.plots.schedules(0.1, 0)
    assert plt.get_fignums() == []
