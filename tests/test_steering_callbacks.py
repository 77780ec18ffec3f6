"""Callbacks around a run: what went bad first, rows in a CSV file, files of the run, their order, and states that resume."""

import csv
import math

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.callbacks import Callback, Checkpoint, CSVLogger, LambdaCallback, ReduceLROnPlateau, TerminateOnNaN

X, Y = examples(50)
RUN = {"batch_size": 16, "verbose": False}


def at_update(number, act):
    return LambdaCallback(on_step_end=lambda trainer: act(trainer) if trainer.iteration == number else None)


class PowerCut(Exception):
    pass


def cut(trainer):
    raise PowerCut


# ── what went bad first ───────────────────────────────────────────────────────────────────────────────────────────────
def guarded(trainer, *others, x=X, y=Y, epochs=3):
    """Why a guarded run ended, and after how many updates."""
    guard = TerminateOnNaN()
    with np.errstate(all="ignore"):           # what overflows or is invalid is meant to
        history = trainer.fit(x, y, epochs=epochs, callbacks=[*others, guard], **RUN)
    if guard.origin:
        assert history.stopped_because.endswith(guard.origin)
    return guard.origin, trainer.iteration


def test_a_clean_run_is_left_alone():
    watched, alone = every_trainer("adam"), every_trainer("adam")
    assert guarded(watched) == ("", 12)
    alone.fit(X, Y, epochs=3, **RUN)
    assert bits(watched) == bits(alone)
    assert watched.history.stopped_because == ""


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_weight_is_named_before_the_first_step(bad):
    trainer = plain_trainer()
    trainer.model.layer("hidden").kernel.value[2, 5] = bad
    origin, updates = guarded(trainer)
    assert origin == f"hidden/kernel is the first array that went bad (before the first step): it holds {bad} at [2, 5]"
    assert updates == 0


def test_a_bad_moving_statistic_is_named_before_the_first_step():
    trainer = every_trainer()
    trainer.model.layer("hidden1_bn").moving_variance.value[3] = np.nan
    assert guarded(trainer)[0].startswith("hidden1_bn/moving_variance is the first array that went bad (before the first step)")


@pytest.mark.parametrize("place", ["before the guard", "after the guard"])
def test_a_weight_that_somebody_spoils_amid_the_run(place):
    """The guard looks first at each moment, so that it sees the weight at the end of the next step, spread by its update."""
    spoil = at_update(5, lambda t: t.model.layer("outputs").bias.value.__setitem__(1, np.nan))
    trainer, guard = plain_trainer(), TerminateOnNaN()
    watchers = [spoil, guard] if place == "before the guard" else [guard, spoil]
    with np.errstate(invalid="ignore"):
        trainer.fit(X, Y, epochs=3, callbacks=watchers, **RUN)
    assert guard.origin == "the output of outputs is the first array that went bad (forward): it holds nan at [0, 1]"
    assert trainer.iteration == 6


def test_an_exponential_that_overflows_is_named_as_the_layers_output():
    layers = [nd.Dense(8, name="hidden"), nd.Activation("exponential", name="exp"), nd.Dense(3, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=1), "softmax_cross_entropy", nd.optimizers.SGD(0.01))
    x = X.copy()
    x[20] *= 1000
    origin, updates = guarded(trainer, x=x)
    assert origin.startswith("the output of exp is the first array that went bad (forward): it holds inf at [")
    assert updates <= 4
    assert trainer.history.stopped_because == f"update {updates}: {origin}"


def test_statistics_that_overflow_are_named_where_they_are_counted():
    layers = [nd.Dense(8, name="hidden"), nd.BatchNormalization(name="bn"), nd.Dense(3, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=1), "softmax_cross_entropy")
    origin, _ = guarded(trainer, x=X * np.float32(1e30))
    assert origin.startswith("bn/moving_variance is the first array that went bad (forward)")


class Spoilt:
    """A loss that goes bad at its third call: its value, or its gradient."""

    def __init__(self, value=0.5, gradient=0.0):
        self.value, self.gradient, self.calls = value, gradient, 0

    def forward(self, outputs, targets, sample_weight=None):
        self.calls += 1
        self.shape = outputs.shape
        return self.value if self.calls == 3 else 0.5

    def backward(self):
        gradient = np.zeros(self.shape, np.float32)
        gradient[1, 2] = self.gradient if self.calls == 3 else 0
        return gradient


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_goes_bad(value):
    trainer = nd.Trainer(plain_trainer().model, Spoilt(value=value))
    assert guarded(trainer) == (f"the loss is the first array that went bad (loss): it holds {value}", 3)


@pytest.mark.parametrize("clipping", [None, "clip_by_value"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_gradient_that_goes_bad(value, clipping):
    trainer = nd.Trainer(plain_trainer().model, Spoilt(gradient=value), clipping=clipping)
    origin = f"the gradient that came down to outputs is the first array that went bad (backward): it holds {value} at [1, 2]"
    cured = clipping is not None and math.isinf(value)        # held within its limits, an infinite gradient is harmless
    assert guarded(trainer) == (("", 12) if cured else (origin, 3))


def test_a_gradient_that_overflows_within_a_layer():
    layers = [nd.Dense(4, name="hidden"), nd.Dense(3, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=1), Spoilt(gradient=1e38), nd.optimizers.SGD(0.0))
    trainer.model.layer("outputs").kernel.value = 100.0
    origin, _ = guarded(trainer)
    assert origin.startswith("the gradient that came down to hidden is the first array that went bad (backward)")


def test_a_gradient_that_overflows_in_a_kernel():
    layers = [nd.Dense(4, name="hidden"), nd.Dense(3, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=1), Spoilt(gradient=1e38), nd.optimizers.SGD(0.0))
    trainer.model.layer("hidden").bias.value = 1e4
    origin, updates = guarded(trainer)
    assert origin.startswith("the gradient of outputs/kernel is the first array that went bad (backward): it holds inf at")
    assert updates == 3


def test_an_update_that_throws_the_weights_beyond_all_numbers():
    trainer = plain_trainer(nd.optimizers.SGD(1e38), clipping=nd.clipping.ClipByValue(1e38))
    trainer.model.layer("outputs").kernel.value *= 1e4
    origin, _ = guarded(trainer)
    assert "the first array that went bad (update)" in origin
    assert origin.split()[0] in [p.name for p in trainer.model.parameters]


def test_a_learning_rate_far_too_large_ends_in_words():
    layers = [nd.Dense(8, name="hidden"), nd.Activation("relu"), nd.Dense(3, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=1), "mean_squared_error", nd.optimizers.SGD(1e6))
    origin, updates = guarded(trainer, y=np.eye(3)[Y], epochs=9)
    assert "is the first array that went bad" in origin
    assert 1 < updates < 36


def test_huge_finite_numbers_are_no_false_alarm():
    trainer = plain_trainer(nd.optimizers.SGD(0.0))
    trainer.model.layer("hidden").kernel.value = 3e38         # their sum overflows
    assert guarded(trainer, x=np.zeros_like(X)) == ("", 12)
    with np.errstate(over="ignore"):
        assert not np.isfinite(trainer.model.arena.values.sum())


def test_an_evaluation_by_another_callback_does_not_hide_the_origin():
    look = LambdaCallback(on_step_end=lambda t: t.evaluate(X, Y))
    trainer = nd.Trainer(plain_trainer().model, Spoilt(gradient=math.nan))
    assert guarded(trainer, look)[0].startswith("the gradient that came down to outputs")


def test_a_guard_looks_anew_at_every_trainer():
    guard, spoilt, sound = TerminateOnNaN(), plain_trainer(), plain_trainer()
    spoilt.model.layer("hidden").bias.value[0] = np.nan
    spoilt.fit(X, Y, callbacks=[guard], **RUN)
    assert guard.origin
    sound.fit(X, Y, callbacks=[guard], **RUN)
    assert (guard.origin, sound.iteration) == ("", 4)


@pytest.mark.parametrize("clipping", ["clip_by_norm", "clip_by_global_norm"])
def test_where_clipping_refuses_a_bad_gradient_the_guard_says_where_it_came_from(clipping):
    trainer = nd.Trainer(plain_trainer().model, Spoilt(gradient=math.inf), clipping=clipping)
    before = trainer.model.arena.values.copy()
    guard = TerminateOnNaN()
    with np.errstate(invalid="ignore"):       # 0 · inf in a matrix product, which only some BLAS kernels report
        history = trainer.fit(X, Y, epochs=3, callbacks=[guard], **RUN)
    assert "the gradient that came down to outputs is the first array that went bad (backward)" in guard.origin
    assert history.stopped_because == f"update 3: {guard.origin}"
    assert (trainer.iteration, len(history)) == (2, 1)
    assert np.array_equal(trainer.model.arena.values, before)


def test_without_a_guard_the_refusal_of_clipping_ends_fit():
    trainer = nd.Trainer(plain_trainer().model, Spoilt(gradient=math.inf), clipping="clip_by_global_norm")
    refused = pytest.raises(ValueError, match=r"the gradient of .* holds .* and has no norm; no weight was changed")
    with refused, np.errstate(invalid="ignore"):
        trainer.fit(X, Y, **RUN)
    assert trainer.iteration == 2


# ── rows in a file ────────────────────────────────────────────────────────────────────────────────────────────────────
def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_logger_for_two_trainers_begins_its_file_anew(tmp_path):
    logger = CSVLogger(tmp_path / "a.csv")
    for seed in (0, 1):
        plain_trainer(seed=seed).fit(X, Y, epochs=2, callbacks=[logger], **RUN)
    assert [row["epoch"] for row in rows(tmp_path / "a.csv")] == ["1", "2"]


def test_a_resumed_run_leaves_the_files_of_others_alone(tmp_path):
    keeper = Checkpoint(tmp_path / "run")
    plain_trainer().fit(X, Y, epochs=2, callbacks=[CSVLogger(tmp_path / "a.csv"), keeper], **RUN)
    other = tmp_path / "b.csv"
    other.write_bytes((tmp_path / "a.csv").read_bytes() * 3)
    (tmp_path / "elsewhere").mkdir()
    foreign = tmp_path / "elsewhere" / keeper.files[0].name
    foreign.write_text("not mine")
    trainer = nd.Trainer.restore(keeper.files[0])
    trainer.fit(X, Y, callbacks=[CSVLogger(other, append=True), Checkpoint(tmp_path / "elsewhere")], **RUN)
    assert other.stat().st_size > 3 * (tmp_path / "a.csv").stat().st_size
    assert foreign.read_text() == "not mine"


def test_of_a_number_of_ones_own_it_must_be_said_which_way_is_better():
    def f1(outputs, targets):
        return 0.5

    trainer = plain_trainer(metrics=[f1])
    with pytest.raises(ValueError, match="EarlyStopping: is a large 'val_f1' good or bad"):
        trainer.fit(X, Y, validation_data=(X, Y), callbacks=[nd.callbacks.EarlyStopping("val_f1")], **RUN)
    told = nd.callbacks.EarlyStopping("val_f1", mode="max")
    trainer.fit(X, Y, validation_data=(X, Y), callbacks=[told], **RUN)


def test_a_row_an_epoch_in_full_precision_and_at_once(tmp_path):
    path, seen = tmp_path / "new" / "a.csv", []
    look = LambdaCallback(on_epoch_end=lambda trainer, record: seen.append(len(rows(path))))
    trainer = plain_trainer(metrics=["accuracy"])
    trainer.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=[CSVLogger(path), look], **RUN)
    assert seen == [1, 2, 3]
    assert [{key: float(value) for key, value in row.items()} for row in rows(path)] == trainer.history.records
    assert list(rows(path)[0]) == trainer.history.keys
    trainer.history.to_csv(tmp_path / "b.csv")
    assert path.read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_without_append_a_new_object_begins_the_file_anew(tmp_path):
    path = tmp_path / "a.csv"
    for _ in range(2):
        plain_trainer().fit(X, Y, epochs=2, callbacks=[CSVLogger(path)], **RUN)
    assert [row["epoch"] for row in rows(path)] == ["1", "2"]
    path.write_text("something else\n")
    plain_trainer().fit(X, Y, callbacks=[CSVLogger(str(path))], **RUN)
    assert [row["epoch"] for row in rows(path)] == ["1"]


@pytest.mark.parametrize("before", [None, "", "whole"], ids=["no file", "an empty file", "a file of another run"])
def test_with_append_it_goes_on_behind_what_is_there(tmp_path, before):
    path = tmp_path / "a.csv"
    if before == "whole":
        plain_trainer().fit(X, Y, epochs=2, callbacks=[CSVLogger(path)], **RUN)
    elif before is not None:
        path.write_text(before)
    plain_trainer().fit(X, Y, epochs=2, callbacks=[CSVLogger(path, append=True)], **RUN)
    assert [row["epoch"] for row in rows(path)] == ["1", "2"] * (2 if before == "whole" else 1)
    assert path.read_text().count("epoch") == 1


def test_a_second_fit_goes_on_in_the_same_file(tmp_path):
    path, trainer = tmp_path / "a.csv", plain_trainer()
    logger = CSVLogger(path)
    for _ in range(3):
        trainer.fit(X, Y, callbacks=[logger], **RUN)
    assert [row["epoch"] for row in rows(path)] == ["1", "2", "3"]
    path.unlink()
    trainer.fit(X, Y, callbacks=[logger], **RUN)              # somebody took the file away: another one, with its header
    assert [row["epoch"] for row in rows(path)] == ["4"]


def test_columns_in_another_order_find_their_places(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("loss,seconds,learning_rate,epoch,updates\n")
    trainer = plain_trainer()
    trainer.fit(X, Y, callbacks=[CSVLogger(path, append=True)], **RUN)
    (row,) = rows(path)
    assert (row["epoch"], row["updates"], float(row["loss"])) == ("1", "4", trainer.history.last["loss"])


def test_other_columns_than_the_files_are_named(tmp_path):
    path, trainer = tmp_path / "a.csv", plain_trainer()
    logger = CSVLogger(path)
    trainer.fit(X, Y, callbacks=[logger], **RUN)
    with pytest.raises(ValueError, match=r"a\.csv has the columns epoch, .*, loss, this epoch recorded epoch, .*, val_loss"):
        trainer.fit(X, Y, validation_data=(X, Y), callbacks=[logger], **RUN)
    assert len(rows(path)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((3,), "path must be a string or a Path, got 3"), (("a.csv", 1), "append must be True or False, got 1")],
)
def test_unfit_arguments_of_the_logger(arguments, message):
    with pytest.raises(TypeError, match=f"CSVLogger: {message}"):
        CSVLogger(*arguments)


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize(("every", "at"), [(1, 1), (1, 3), (3, 11), (4, 9), (7, 13), (None, 7), (None, 14)])
def test_a_resumed_run_writes_every_row_once(tmp_path, every, at, append):
    """Also where it broke off some epochs after its last file: those rows are written again."""
    path = tmp_path / "a.csv"
    path.write_text("epoch,updates,seconds,learning_rate,loss\n0,0,0,0,0\n" if append else "")
    kept = ["0"] if append else []
    keeper, trainer = Checkpoint(tmp_path / "run", every=every), plain_trainer()
    with pytest.raises(PowerCut):
        trainer.fit(X, Y, epochs=5, callbacks=[keeper, late(at, cut), CSVLogger(path, append)], **RUN)
    trainer = nd.Trainer.restore(keeper.files[0])
    trainer.fit(X, Y, epochs=5 - trainer.epoch, callbacks=[CSVLogger(path, append)], **RUN)
    assert [row["epoch"] for row in rows(path)] == [*kept, "1", "2", "3", "4", "5"]
    assert [float(row["loss"]) for row in rows(path)][len(kept) :] == trainer.history["loss"]
    assert path.read_text().count("epoch") == 1


def late(number, act):
    """At an update, after the checkpoint."""
    callback = at_update(number, act)
    callback.order = 2
    return callback


def test_rows_after_the_file_that_a_run_goes_on_from_are_written_anew(tmp_path):
    path, keeper, trainer = tmp_path / "a.csv", Checkpoint(tmp_path / "run", keep=9), plain_trainer()
    trainer.fit(X, Y, epochs=4, callbacks=[CSVLogger(path), keeper], **RUN)
    whole = [row["loss"] for row in rows(path)]
    trainer = nd.Trainer.restore(sorted(keeper.files)[1])
    trainer.fit(X, Y, epochs=1, callbacks=[CSVLogger(path)], **RUN)
    assert [row["loss"] for row in rows(path)] == whole[:3]


def test_a_resumed_run_whose_file_is_gone_begins_another_one(tmp_path):
    path, keeper, trainer = tmp_path / "a.csv", Checkpoint(tmp_path / "run"), plain_trainer()
    trainer.fit(X, Y, epochs=2, callbacks=[CSVLogger(path), keeper], **RUN)
    trainer = nd.Trainer.restore(keeper.files[0])
    trainer.fit(X, Y, callbacks=[CSVLogger(tmp_path / "b.csv")], **RUN)
    assert [row["epoch"] for row in rows(tmp_path / "b.csv")] == ["3"]
    assert len(rows(path)) == 2


# ── files of a run ────────────────────────────────────────────────────────────────────────────────────────────────────
def updates_in(folder):
    return sorted(int(p.stem.removeprefix("update-")) for p in folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ({}, [20]),
        ({"keep": 3}, [12, 16, 20]),
        ({"keep": 99}, [4, 8, 12, 16, 20]),
        ({"every": 3}, [18]),
        ({"every": 3, "keep": 2}, [15, 18]),
        ({"every": 7, "keep": 9}, [7, 14]),
        ({"every": 100}, []),
    ],
)
def test_the_last_few_files_are_kept(tmp_path, arguments, kept):
    keeper, trainer = Checkpoint(tmp_path, **arguments), plain_trainer()
    trainer.fit(X, Y, epochs=5, callbacks=[keeper], **RUN)
    assert updates_in(tmp_path) == kept
    assert keeper.files == [tmp_path / f"update-{n:08d}.npz" for n in reversed(kept)]
    for path, n in zip(keeper.files, reversed(kept), strict=True):
        assert nd.Trainer.restore(path).iteration == n


@pytest.mark.parametrize(
    ("values", "arguments", "kept"),
    [
        ([3, 1, 2, 1, 4], {}, [8]),                           # of equal ones the first
        ([3, 1, 2, 1, 4], {"keep": 2}, [8, 16]),
        ([3, 1, 2, 1, 4], {"keep": 3}, [8, 16, 12]),
        ([3, 1, 2, 1, 4], {"mode": "max"}, [20]),
        ([3, 1, 2, 1, 3], {"mode": "max", "keep": 2}, [4, 20]),
        ([math.nan, 2, math.nan, 3, math.inf], {"keep": 2}, [8, 16]),
        ([math.nan, math.nan, 5, math.nan, math.nan], {"keep": 2}, [12, 4]),
        ([1, 2, 3, 4, 5], {"keep": 1, "monitor": "accuracy"}, [20]),
    ],
)
def test_the_best_few_files_are_kept(tmp_path, values, arguments, kept):
    results, monitor = iter(values), arguments.pop("monitor", "score")
    score = LambdaCallback(on_epoch_end=lambda trainer, record: record.update({monitor: next(results)}))
    mode = "min" if monitor == "score" else "auto"
    keeper = Checkpoint(tmp_path, monitor=monitor, **{"mode": mode, **arguments})
    plain_trainer().fit(X, Y, epochs=5, callbacks=[score, keeper], **RUN)
    assert updates_in(tmp_path) == sorted(kept)
    assert [int(p.stem.removeprefix("update-")) for p in keeper.files] == kept


def test_the_best_by_validation_is_the_best_of_the_history(tmp_path):
    trainer, keeper = plain_trainer("adam"), Checkpoint(tmp_path, monitor="val_loss", keep=2)
    history = trainer.fit(X, Y, epochs=6, validation_data=(X[:9], (Y[:9] + 1) % 3), callbacks=[keeper], **RUN)
    two_best = np.argsort(history["val_loss"], kind="stable")[:2]
    assert [nd.Trainer.restore(path).epoch for path in keeper.files] == [int(i) + 1 for i in two_best]


def test_a_file_holds_the_row_of_its_epoch(tmp_path):
    trainer, keeper = plain_trainer(), Checkpoint(tmp_path, keep=9)
    trainer.fit(X, Y, epochs=3, callbacks=[keeper], **RUN)
    for n, path in enumerate(sorted(keeper.files), start=1):
        assert nd.Trainer.restore(path).history.records == trainer.history.records[:n]


def test_saving_changes_no_bit_of_the_run(tmp_path):
    watched, alone = every_trainer("adam"), every_trainer("adam")
    watched.fit(X, Y, epochs=2, callbacks=[Checkpoint(tmp_path, every=1)], **RUN)
    alone.fit(X, Y, epochs=2, **RUN)
    assert bits(watched) == bits(alone)


@pytest.mark.parametrize(("arguments", "end"), [({"keep": 2}, [16, 20]), ({"every": 3, "keep": 2}, [15, 18])])
def test_a_resumed_run_keeps_and_removes_files_as_the_whole_one_does(tmp_path, arguments, end):
    keeper = Checkpoint(tmp_path, **arguments)
    with pytest.raises(PowerCut):
        plain_trainer().fit(X, Y, epochs=5, callbacks=[keeper, late(10, cut)], **RUN)
    trainer, again = nd.Trainer.restore(keeper.files[0]), Checkpoint(tmp_path, **arguments)
    trainer.fit(X, Y, epochs=5 - trainer.epoch, callbacks=[again], **RUN)
    assert updates_in(tmp_path) == end


def scored(trainer, values, folder):
    """An epoch for each of these results; of the files the best two are kept."""
    results = iter(values)
    score = LambdaCallback(on_epoch_end=lambda trainer, record: record.update(score=next(results)))
    keeper = Checkpoint(folder, monitor="score", keep=2, mode="min")
    trainer.fit(X, Y, epochs=len(values), callbacks=[score, keeper], **RUN)
    return keeper


def test_a_resumed_run_knows_its_best_files(tmp_path):
    scored(plain_trainer(), [3, 1], tmp_path)
    scored(nd.Trainer.restore(tmp_path / "update-00000008.npz"), [2, 4], tmp_path)
    assert updates_in(tmp_path) == [8, 12]


def test_in_another_folder_a_resumed_run_begins_anew(tmp_path):
    scored(plain_trainer(), [1, 2], tmp_path / "a")
    keeper = scored(nd.Trainer.restore(tmp_path / "a" / "update-00000008.npz"), [5], tmp_path / "b")
    assert updates_in(tmp_path / "a") == [4, 8]
    assert keeper.files == [tmp_path / "b" / "update-00000012.npz"]
    assert updates_in(tmp_path / "b") == [12]


def test_one_object_for_two_trainers_ranks_the_files_of_each_by_themselves(tmp_path):
    keeper = Checkpoint(tmp_path, monitor="loss")
    good, bad = plain_trainer(nd.optimizers.Adam(0.1)), plain_trainer(nd.optimizers.SGD(0.0))
    good.fit(X, Y, epochs=3, callbacks=[keeper], **RUN)
    bad.fit(X, Y, epochs=2, callbacks=[keeper], **RUN)
    (best,) = keeper.files
    assert min(good.history["loss"]) < min(bad.history["loss"]) == nd.Trainer.restore(best).history["loss"][-1]


def test_the_last_file_is_the_last_one_written_also_where_iterations_went_back(tmp_path):
    trainer, keeper = plain_trainer(), Checkpoint(tmp_path)
    state = trainer.state()
    trainer.fit(X, Y, epochs=3, callbacks=[keeper], **RUN)
    trainer.set_state(state, progress=False)
    trainer.iteration = 1                     # as early stopping does, which puts a winner back
    trainer.fit(X, Y, callbacks=[keeper], **RUN)
    assert updates_in(tmp_path) == [5]


def test_where_a_file_cannot_be_written_the_list_names_only_what_is_there(tmp_path, monkeypatch):
    keeper, trainer = Checkpoint(tmp_path), plain_trainer()
    trainer.fit(X, Y, callbacks=[keeper], **RUN)

    def full(path):
        raise OSError("No space left on device")

    monkeypatch.setattr(trainer, "save", full)
    with pytest.raises(OSError, match="No space left"):
        trainer.fit(X, Y, callbacks=[keeper], **RUN)
    assert keeper.files == [tmp_path / "update-00000004.npz"]
    assert updates_in(tmp_path) == [4]


def test_a_file_that_somebody_removed_is_no_hindrance(tmp_path):
    keeper, trainer = Checkpoint(tmp_path), plain_trainer()
    trainer.fit(X, Y, callbacks=[keeper], **RUN)
    keeper.files[0].unlink()
    trainer.fit(X, Y, callbacks=[keeper], **RUN)
    assert updates_in(tmp_path) == [8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"folder": 3}, "folder must be a string or a Path, got 3"),
        ({"keep": 0}, "keep must be an integer of at least 1, got 0"),
        ({"every": 0}, "every must be an integer of at least 1, got 0"),
        ({"mode": "best"}, "unknown mode 'best'"),
        ({"monitor": "loss", "every": 3}, "with a monitor files are written after every epoch; leave `every` out"),
    ],
)
def test_unfit_arguments_of_the_checkpoint(tmp_path, arguments, message):
    with pytest.raises((TypeError, ValueError), match=f"Checkpoint: {message}"):
        Checkpoint(**{"folder": tmp_path, **arguments})


def test_what_the_checkpoint_monitors_must_be_recorded(tmp_path):
    with pytest.raises(ValueError, match=r"Checkpoint: 'val_loss' is not recorded; there are .*; pass validation_data to fit"):
        plain_trainer().fit(X, Y, callbacks=[Checkpoint(tmp_path, monitor="val_loss")], **RUN)


# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
class Note(Callback):
    """Writes its name down at every moment."""

    def __init__(self, name, entries, order=0):
        self.name, self.entries, self.order = name, entries, order

    def on_fit_begin(self, trainer):
        self.entries.append(("fit begins", self.name))

    def on_epoch_begin(self, trainer):
        self.entries.append(("epoch begins", self.name))

    def on_step_end(self, trainer):
        self.entries.append(("step", self.name))

    def on_epoch_end(self, trainer, record):
        self.entries.append(("epoch ends", self.name))

    def on_fit_end(self, trainer):
        self.entries.append(("fit ends", self.name))


def test_callbacks_are_called_by_their_order_and_then_by_their_places_in_the_list():
    entries = []
    watchers = [Note("d", entries, 1), Note("b", entries), Note("a", entries, -1), Note("c", entries)]
    plain_trainer().fit(X, Y, batch_size=50, callbacks=watchers, verbose=False)
    moments = ["fit begins", "epoch begins", "step", "epoch ends", "fit ends"]
    assert entries == [(moment, name) for moment in moments for name in "abcd"]


@pytest.mark.parametrize("every", [None, 4])
def test_the_checkpoint_comes_last_whatever_its_place_in_the_list(tmp_path, every):
    """Performance scheduling after it in the list has lowered the rate before the file is written."""
    drop = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=99)
    drop.on_step_end = lambda trainer: setattr(trainer.optimizer, "learning_rate", 0.01 / (1 + trainer.iteration))
    keeper = Checkpoint(tmp_path, every=every)
    trainer = plain_trainer(nd.optimizers.SGD(0.01))
    trainer.fit(X, Y, callbacks=[keeper, drop], **RUN)
    expected = 0.01 / 5 if every else trainer.optimizer.learning_rate
    assert nd.Trainer.restore(keeper.files[0]).optimizer.learning_rate == expected
    assert TerminateOnNaN.order < Callback.order < Checkpoint.order


# ── performance scheduling, resumed and reused ────────────────────────────────────────────────────────────────────────
def plateau():
    return ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05, cooldown=3)


@pytest.mark.parametrize("epochs", range(1, 8))
def test_performance_scheduling_goes_on_counting(tmp_path, epochs):
    whole = plain_trainer(nd.optimizers.Momentum(0.1))
    whole.fit(X, Y, epochs=12, callbacks=[plateau()], **RUN)
    assert len(set(whole.history["learning_rate"])) >= 3
    half, keeper = plain_trainer(nd.optimizers.Momentum(0.1)), Checkpoint(tmp_path)
    half.fit(X, Y, epochs=epochs, callbacks=[plateau(), keeper], **RUN)
    half = nd.Trainer.restore(keeper.files[0])
    half.fit(X, Y, epochs=12 - epochs, callbacks=[plateau()], **RUN)
    assert half.history["learning_rate"] == whole.history["learning_rate"]
    assert bits(half) == bits(whole)


def test_performance_scheduling_begins_anew_with_another_trainer():
    used, rates = plateau(), []
    plain_trainer(nd.optimizers.Adam(0.1)).fit(X, Y, epochs=12, callbacks=[used], **RUN)
    for callback in (used, plateau()):
        trainer = plain_trainer(nd.optimizers.Momentum(0.1))
        trainer.fit(X, Y, epochs=12, callbacks=[callback], **RUN)
        rates.append(trainer.history["learning_rate"])
    assert rates[0] == rates[1]


def test_recorded_gradients_go_on_behind_those_of_before(tmp_path):
    whole, recorder = plain_trainer(), nd.callbacks.RecordGradients(every=3)
    whole.fit(X, Y, epochs=4, callbacks=[recorder], **RUN)
    first, keeper = plain_trainer(), Checkpoint(tmp_path)
    first.fit(X, Y, epochs=2, callbacks=[nd.callbacks.RecordGradients(every=3), keeper], **RUN)
    again = nd.callbacks.RecordGradients(every=3)
    nd.Trainer.restore(keeper.files[0]).fit(X, Y, epochs=2, callbacks=[again], **RUN)
    assert again.state() == recorder.state()


@pytest.mark.parametrize(
    "watcher",
    [
        nd.callbacks.ReduceLROnPlateau("val_los"),
        nd.callbacks.EarlyStopping("acuracy"),
        nd.callbacks.Checkpoint("unused", monitor="val_accuracy"),
    ],
)
def test_a_monitor_that_will_not_be_recorded_is_refused_before_any_weight_changes(watcher):
    trainer = nd.Trainer(nd.Sequential([nd.Dense(2)], 3, seed=0), "softmax_cross_entropy", "sgd")
    before = trainer.model.arena.values.copy()
    data = (np.ones((4, 3)), np.zeros(4, int))
    with pytest.raises(ValueError, match="is not recorded; there are epoch, updates"):
        trainer.fit(*data, epochs=1, validation_data=data, callbacks=[watcher], verbose=False)
    assert np.array_equal(trainer.model.arena.values, before)


def test_a_schedule_that_fails_does_so_before_moving_statistics_change():
    class Broken(nd.schedules.Schedule):
        def __call__(self, step):
            return math.nan if step else 0.1

    model = nd.Sequential([nd.BatchNormalization(name="bn"), nd.Dense(2)], 3, seed=0)
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(Broken()))
    trainer.step(np.arange(12.0).reshape(4, 3), np.zeros(4, int))
    before = model.arena.values.copy()
    with pytest.raises(ValueError, match="Broken"):
        trainer.step(np.arange(12.0).reshape(4, 3), np.zeros(4, int))
    assert np.array_equal(model.arena.values, before)
