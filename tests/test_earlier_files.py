"""Files that earlier versions wrote are read as before: their weights, their statistics, the rest of their runs."""

import copy
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from helpers_training import CLASSES, WIDTH

import npdeep as nd
from npdeep.command_line import main

GOLDEN = Path(__file__).parent / "golden"
spec = importlib.util.spec_from_file_location("make_earlier_files", GOLDEN / "make_earlier_files.py")
maker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(maker)

X, Y = maker.data()
TRAINERS = ["adam", "scheduled", "nadam", "untrained"]
ROUNDING = ("hidden1/bias", "hidden1_bn/moving_mean")
"""Below batch normalization a bias has the gradient 0, and Adam makes steps of its rounding errors: each processor its own."""


@pytest.fixture(scope="module")
def expected():
    with np.load(GOLDEN / "earlier" / "expected.npz") as arrays:
        return dict(arrays)


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", [*TRAINERS, "model"])
def test_an_earlier_model_predicts_as_before(expected, name):
    path = GOLDEN / "earlier" / f"{name}.npz"
    model = nd.load_model(path)
    close(model.predict(X), expected[f"{name}/outputs"])
    assert model.name == {"scheduled": 'a name, with "quotes"', "model": "only noise"}.get(name, "sequential")
    twin = model.copy()
    twin.arena.values[...] = 0
    twin.load_weights(path)
    assert twin.arena.values.tobytes() == model.arena.values.tobytes()


@pytest.mark.parametrize("name", TRAINERS)
def test_an_earlier_run_is_resumed_as_before(expected, name):
    trainer = nd.Trainer.restore(GOLDEN / "earlier" / f"{name}.npz")
    assert (trainer.model.input_size, trainer.model.output_size) == (WIDTH, CLASSES)
    if name == "untrained":
        assert (trainer.iteration, len(trainer.history)) == (0, 0)
        return
    assert trainer.batches_done > 0
    trainer.fit(X, Y, validation_data=(X, Y), **maker.RUN)
    wanted = expected[f"{name}/values"]
    for p in trainer.model.parameters:
        if p.name not in ROUNDING:
            close(p.value.ravel(), wanted[p.span])
    close(trainer.history["loss"], expected[f"{name}/loss"])


def test_callbacks_take_the_states_that_earlier_versions_kept(tmp_path):
    trainer = nd.Trainer.restore(GOLDEN / "earlier" / "adam.npz")
    identities = [identity.partition("(")[0] for identity, _ in trainer.callback_states]
    stopping, plateau, gradients, updates, *_ = watchers = maker.watchers(tmp_path)[:4]
    kept = dict(zip(identities, (copy.deepcopy(state) for _, state in trainer.callback_states), strict=True))
    trainer.fit(X, Y, validation_data=(X, Y), callbacks=watchers, **maker.RUN)
    for recorder in (gradients, updates):
        before = kept[type(recorder).__name__]["updates"]
        assert recorder.updates[: len(before)] == before
        assert len(recorder.updates) > len(before)
    assert plateau.best <= kept["ReduceLROnPlateau"]["best"]
    assert stopping.best <= kept["EarlyStopping"]["value"]


@pytest.mark.parametrize("name", [*TRAINERS, "model"])
def test_the_command_line_describes_them(capsys, name):
    assert main.main(["summary", str(GOLDEN / "earlier" / f"{name}.npz")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"(n, {CLASSES})" in out or name == "model"


def test_a_file_saved_again_by_this_version_holds_the_same(tmp_path):
    for name in TRAINERS:
        trainer = nd.Trainer.restore(GOLDEN / "earlier" / f"{name}.npz")
        twin = nd.Trainer.restore(trainer.save(tmp_path / "again.npz"))
        assert {n: a.tobytes() for n, a in twin.variables().items()} == {n: a.tobytes() for n, a in trainer.variables().items()}
        assert repr(twin.history.records) == repr(trainer.history.records)
