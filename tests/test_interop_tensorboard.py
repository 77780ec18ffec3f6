"""The callback for TensorBoard: what TensorBoard's own reader finds in its files."""

import sys

import numpy as np
import pytest
from helpers_training import examples, plain_trainer

import npdeep as nd
from npdeep.callbacks import LambdaCallback, TensorBoard

X, Y = examples(50)
VALIDATION = examples(40, seed=1)
RUN = {"batch_size": 16, "verbose": False, "validation_data": VALIDATION}


def read(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    found.Reload()
    return found


def scalars(folder):
    found = read(folder)
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


@pytest.fixture(autouse=True)
def needs_the_library(request):
    if "without" not in request.node.name:
        pytest.importorskip("tensorboardX")


def test_all_that_the_history_records_is_there_by_updates(tmp_path):
    optimizer = nd.optimizers.SGD(nd.schedules.ExponentialDecay(0.1, 4, 0.5))
    trainer = plain_trainer(optimizer, metrics=["accuracy"])
    history = trainer.fit(X, Y, epochs=3, callbacks=[TensorBoard(tmp_path / "run")], **RUN)
    found = scalars(tmp_path / "run")
    assert set(found) == set(history.keys) - {"updates"}
    for name, points in found.items():
        assert [step for step, _ in points] == history["updates"] == [4, 8, 12]
        assert [value for _, value in points] == [float(np.float32(value)) for value in history[name]]


def test_steps_between_epochs_and_histograms(tmp_path):
    trainer = plain_trainer("adam")
    trainer.model.freeze("hidden/bias")
    losses = []
    note = LambdaCallback(on_step_end=lambda t: losses.append(t.last_loss))
    trainer.fit(X, Y, epochs=2, callbacks=[note, TensorBoard(str(tmp_path), every=3, histograms=True)], **RUN)
    found = scalars(tmp_path)
    assert found["step/loss"] == [(step, float(np.float32(losses[step - 1]))) for step in (3, 6)]
    assert [value for _, value in found["step/learning_rate"]] == [float(np.float32(1e-3))] * 2
    events = read(tmp_path)
    assert set(events.Tags()["histograms"]) == {
        *(f"weights/{p.name}" for p in trainer.model.parameters),
        *(f"gradients/{p.name}" for p in trainer.model.parameters if p.trainable),
    }
    last = events.Histograms("weights/hidden/kernel")[-1]
    kernel = trainer.model.layers[0].kernel.value
    assert (last.step, last.histogram_value.num) == (8, kernel.size)
    assert last.histogram_value.sum == pytest.approx(kernel.sum(), rel=1e-6)
    assert last.histogram_value.min == pytest.approx(kernel.min())


def test_a_resumed_run_takes_the_place_of_what_came_after_its_checkpoint(tmp_path):
    def stop(trainer):
        if trainer.iteration == 10:
            raise KeyboardInterrupt

    trainer = plain_trainer()
    saved = LambdaCallback(on_epoch_end=lambda t, record: t.epoch == 1 and t.save(tmp_path / "a.npz"))
    board = TensorBoard(tmp_path / "run", every=1)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=4, callbacks=[board, saved, LambdaCallback(on_step_end=stop)], **RUN)
    assert [step for step, _ in scalars(tmp_path / "run")["step/loss"]] == list(range(1, 11))
    resumed = nd.Trainer.restore(tmp_path / "a.npz")
    resumed.fit(X, Y, epochs=1, callbacks=[TensorBoard(tmp_path / "run", every=1)], **RUN)
    found = scalars(tmp_path / "run")
    assert [step for step, _ in found["step/loss"]] == list(range(1, 9))
    assert [step for step, _ in found["loss"]] == [4, 8]


def test_what_is_no_number_or_not_finite_ends_no_run(tmp_path):
    def odd(trainer, record):
        record.update(note="words", rate=np.float32(0.5), nothing=None, bad=float("nan"))
        trainer.model.layers[0].kernel.value[...] = np.nan

    first = LambdaCallback(on_epoch_end=odd)
    first.order = -1
    plain_trainer().fit(X, Y, callbacks=[first, TensorBoard(tmp_path, histograms=True)], batch_size=16, verbose=False)
    found = scalars(tmp_path)
    assert found["rate"] == [(4, 0.5)]
    assert np.isnan(found["bad"][0][1])
    assert not {"note", "nothing"} & set(found)
    assert "weights/hidden/kernel" not in read(tmp_path).Tags()["histograms"]


def test_where_another_callback_refuses_to_begin_its_file_is_closed(tmp_path):
    board, stopping = TensorBoard(tmp_path), nd.callbacks.EarlyStopping("val_f1", mode="max")
    with pytest.raises(ValueError, match="EarlyStopping"):
        plain_trainer().fit(X, Y, callbacks=[board, stopping], **RUN)
    assert board.writer is None               # no thread is left: all tests see to that


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    trainer = plain_trainer()
    with pytest.raises(ImportError, match=r"TensorBoard needs tensorboardX: python -m pip install 'npdeep\[tensorboard\]'"):
        trainer.fit(X, Y, callbacks=[TensorBoard("unused")], **RUN)
    assert trainer.iteration == 0


def test_arguments_that_make_no_sense_are_named_without_the_library():
    with pytest.raises(ValueError, match="TensorBoard: every must be an integer of at least 1, got 0"):
        TensorBoard("unused", every=0)
    with pytest.raises(TypeError, match="TensorBoard: folder must be a string or a Path, got 3"):
        TensorBoard(3)
    with pytest.raises(TypeError, match="TensorBoard: histograms must be True or False"):
        TensorBoard("unused", histograms="weights")
