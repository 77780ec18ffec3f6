"""Bytes that stay bytes: fit, evaluate and predict multiply them batch by batch."""

import numpy as np
import pytest
from helpers_training import bits

import npdeep as nd
from npdeep.training.feed import ArrayFeed

SCALE = np.float32(1 / 255)
(BYTES, Y), _ = nd.datasets.mnist_sample(dtype="uint8")
BYTES, Y = BYTES[:230], Y[:230]
RUN = {"epochs": 2, "batch_size": 50, "verbose": False}     # the last batch has 30 rows


def new_trainer(dtype="float32"):
    layers = [nd.Dense(20, name="hidden"), nd.Activation("relu"), nd.Dense(10, name="outputs")]
    return nd.Trainer(nd.Sequential(layers, 784, seed=3, dtype=dtype), "softmax_cross_entropy", "adam", metrics=["accuracy"])


def test_bytes_train_to_the_same_bits_as_scaled_numbers():
    by_bytes, by_floats = new_trainer(), new_trainer()
    held_out = (BYTES[:60], Y[:60])
    one = by_bytes.fit(BYTES, Y, scale=SCALE, validation_data=held_out, **RUN)
    other = by_floats.fit(BYTES * SCALE, Y, validation_data=(held_out[0] * SCALE, held_out[1]), **RUN)
    assert bits(by_bytes) == bits(by_floats)
    assert one["val_loss"] == other["val_loss"]
    assert by_bytes.evaluate(BYTES, Y, scale=1 / 255) == by_floats.evaluate(BYTES * SCALE, Y)
    assert np.array_equal(by_bytes.model.predict(BYTES, scale=1 / 255), by_floats.model.predict(BYTES * SCALE))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batches_have_the_dtype_of_the_model(dtype):
    seen = []
    look = nd.callbacks.LambdaCallback(on_step_end=lambda t: seen.append(t.model.layers[0].input.dtype))
    new_trainer(dtype).fit(BYTES, Y, scale=1 / 255, callbacks=[look], **RUN)
    assert set(seen) == {np.dtype(dtype)}


def test_bytes_in_a_file(tmp_path):
    np.save(tmp_path / "x.npy", BYTES)
    from_file, from_memory = new_trainer(), new_trainer()
    from_file.fit(np.load(tmp_path / "x.npy", mmap_mode="r"), Y, scale=SCALE, **RUN)
    from_memory.fit(BYTES, Y, scale=SCALE, **RUN)
    assert bits(from_file) == bits(from_memory)


def test_frozen_layers_are_computed_from_scaled_rows():
    cached, whole = new_trainer("float64"), new_trainer("float64")
    for trainer in (cached, whole):
        trainer.model.freeze("hidden/")
    cached.fit(BYTES, Y, scale=1 / 255, cache_frozen=True, **RUN)
    whole.fit(BYTES / 255, Y, **RUN)
    assert np.allclose(cached.model.arena.values, whole.model.arena.values, rtol=0, atol=1e-12)


def test_augmentation_sees_scaled_rows():
    largest = []
    new_trainer().fit(BYTES, Y, scale=1 / 255, augment=lambda x, rng: largest.append(x.max()) or x, **RUN)
    assert max(largest) == 1


def test_numbers_too_large_for_float32_are_named_not_made_nan():
    x = BYTES.astype(np.float64)
    x[57, 3] = 1e42
    trainer = new_trainer()
    calls = [lambda: trainer.fit(x, Y, scale=1e-3, **RUN), lambda: trainer.evaluate(x, Y, scale=1e-3)]
    for call in (*calls, lambda: trainer.model.predict(x, scale=1e-3)):
        with pytest.raises(ValueError, match=r"x, scaled, holds 1e\+39, which float32 cannot hold"):
            call()
    x[57, 3] = 1e39                           # the product fits
    assert np.isfinite(trainer.model.predict(x, scale=1e-3)).all()


@pytest.mark.parametrize("scale", [1e-50, 1e300])
def test_a_scale_that_float32_cannot_hold_is_refused(scale):
    with pytest.raises(ValueError, match="is not a number of a float32 model"):
        new_trainer().fit(BYTES, Y, scale=scale, **RUN)


def test_floats_may_be_scaled_too():
    one, other = new_trainer(), new_trainer()
    one.fit(BYTES.astype(np.float32), Y, scale=SCALE, **RUN)
    other.fit(BYTES, Y, scale=SCALE, **RUN)
    assert bits(one) == bits(other)


def test_an_epoch_does_not_go_on_under_another_scale():
    feeds = [ArrayFeed(BYTES, Y, None, 50, 0, lambda *batch: batch, scale=scale) for scale in (None, SCALE, 2 * SCALE)]
    assert len({feed.fingerprint for feed in feeds}) == 3


@pytest.mark.parametrize(("scale", "error"), [(0, ValueError), (-1.0, ValueError), (np.nan, ValueError), ("1/255", TypeError)])
def test_unfit_scales_are_refused_at_the_door(scale, error):
    trainer = new_trainer()
    for call in (trainer.fit, trainer.evaluate):
        with pytest.raises(error, match="scale must be"):
            call(BYTES, Y, scale=scale)
    with pytest.raises(error, match="predict: scale must be"):
        trainer.model.predict(BYTES, scale=scale)


def test_batches_of_the_users_own_are_scaled_like_arrays():
    by_arrays, by_batches = new_trainer(), new_trainer()
    by_arrays.fit(BYTES, Y, scale=1 / 255, shuffle=False, epochs=2, batch_size=50, verbose=False)
    batches = list(nd.datasets.batches(BYTES, Y, 50, shuffle=False))
    by_batches.fit(batches, scale=1 / 255, epochs=2, verbose=False)
    assert bits(by_arrays) == bits(by_batches)
    assert by_batches.evaluate(batches, batch_size=50) == by_arrays.evaluate(BYTES, Y, batch_size=50)
    predicted = by_batches.model.predict([x for x, _ in batches])
    assert np.array_equal(predicted, by_arrays.model.predict(BYTES, batch_size=50))
    with pytest.raises(ValueError, match=r"fit: x lies in -1 to 1 already, and scale=0\.00392157 would make it as good as 0"):
        by_batches.fit([(BYTES[:5] / 255, Y[:5])], verbose=False)
    with pytest.raises(ValueError, match="fit: scale=255 makes x as large as"):
        new_trainer().fit(batches, scale=255, verbose=False)


def test_wrong_labels_and_bad_numbers_are_still_found_before_the_first_step():
    trainer = new_trainer()
    before = bits(trainer)
    with pytest.raises(ValueError, match=r"labels must lie in 0 to 9"):
        trainer.fit(BYTES, Y + 100, scale=1 / 255, **RUN)
    x = BYTES.astype(np.float32)
    x[70, 3] = np.nan
    with pytest.raises(ValueError, match="x holds nan at row 70"):
        trainer.fit(x, Y, scale=1 / 255, **RUN)
    assert bits(trainer) == before


def test_pixels_as_bytes():
    (x, y), (x_test, _) = nd.datasets.mnist_sample(dtype="uint8")
    (scaled, labels), _ = nd.datasets.mnist_sample()
    assert x.dtype == x_test.dtype == np.uint8
    assert np.array_equal(scaled, np.divide(x, 255, dtype=np.float32))
    assert np.array_equal(y, labels)
    assert nd.datasets.mnist_sample(dtype=np.uint8)[0][0].dtype == np.uint8
    with pytest.raises(ValueError, match="mnist_sample: unknown dtype 'uint16'"):
        nd.datasets.mnist_sample(dtype="uint16")


# ── the model remembers ───────────────────────────────────────────────────────────────────────────────────────────────
def look(trainer):
    return trainer.evaluate(BYTES, Y), trainer.model.predict(BYTES).tobytes()


def fitted(**given):
    trainer = new_trainer()
    trainer.fit(BYTES, Y, scale=1 / 255, validation_data=(BYTES[:60], Y[:60]), **{**RUN, **given})
    return trainer


def test_evaluate_and_predict_take_the_rows_that_fit_took():
    trainer = fitted()
    assert trainer.model.scale == SCALE
    assert trainer.evaluate(BYTES, Y) == trainer.evaluate(BYTES, Y, scale=1 / 255)
    assert trainer.evaluate(BYTES, Y) == trainer.evaluate(BYTES * SCALE, Y, scale=1)
    assert np.array_equal(trainer.model.predict(BYTES), trainer.model.predict(BYTES * SCALE, scale=1))
    assert trainer.evaluate(*trainer.validation_data)["loss"] == trainer.history["val_loss"][-1]


def test_the_next_fit_does_too_and_another_scale_takes_its_place():
    remembered, given = fitted(), fitted()
    remembered.fit(BYTES, Y, **RUN)
    given.fit(BYTES, Y, scale=1 / 255, **RUN)
    assert bits(remembered) == bits(given)
    remembered.fit(BYTES * SCALE, Y, scale=1, **RUN)
    given.fit(BYTES, Y, **RUN)
    assert bits(remembered) == bits(given)
    assert remembered.model.scale is None
    assert remembered.evaluate(BYTES * SCALE, Y) == given.evaluate(BYTES, Y)


def test_files_copies_and_new_heads_remember_too(tmp_path):
    import copy
    import pickle

    trainer = fitted()
    seen = look(trainer)
    assert look(nd.Trainer.restore(trainer.save(tmp_path / "trainer.npz"))) == seen
    assert look(copy.deepcopy(trainer)) == look(pickle.loads(pickle.dumps(trainer))) == seen
    model = nd.load_model(trainer.model.save(tmp_path / "model.npz"))
    assert model.predict(BYTES).tobytes() == trainer.model.copy().predict(BYTES).tobytes() == seen[1]
    assert trainer.model.with_layers([nd.Dense(3)], keep="hidden").scale == SCALE
    assert "fit, evaluate and predict multiply x by 0.00392157 (scale)" in str(trainer.model.summary())


@pytest.mark.parametrize("x", [BYTES * SCALE, BYTES > 127], ids=["floats", "bits"])
def test_rows_that_are_scaled_already_are_not_scaled_again(x):
    trainer = fitted()
    before = bits(trainer)
    calls = [
        lambda: trainer.fit(x, Y, **RUN),
        lambda: trainer.fit(BYTES, Y, validation_data=(x, Y), **RUN),
        lambda: trainer.evaluate(x, Y),
        lambda: trainer.model.predict(x),
        lambda: new_trainer().fit(x, Y, scale=1 / 255, **RUN),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"x lies in -1 to 1 already, and scale=0\.00392157 .* write scale=1"):
            call()
    assert bits(trainer) == before
    assert trainer.model.scale == SCALE
    trainer.evaluate(x, Y, scale=1)
    trainer.model.predict(x, scale=1)


def test_bytes_of_a_training_set_may_not_be_bits_but_those_of_one_dark_image_may():
    trainer = fitted()
    dark = np.minimum(BYTES[:1], 1)
    assert np.array_equal(trainer.model.predict(dark), trainer.model.predict(dark * SCALE, scale=1))
    with pytest.raises(ValueError, match="x lies in -1 to 1 already"):
        new_trainer().fit(np.minimum(BYTES, 1), Y, scale=1 / 255, **RUN)
    new_trainer().fit(np.zeros_like(BYTES), Y, scale=1 / 255, **RUN)


@pytest.mark.parametrize(
    "x", [BYTES, BYTES * SCALE, BYTES.astype(np.float64), BYTES > 0], ids=["bytes", "0..1", "floats", "bits"]
)
def test_255_for_one_255th_is_noticed(x):
    trainer = new_trainer()
    calls = [
        lambda: trainer.fit(x, Y, scale=255, **RUN),
        lambda: trainer.evaluate(x, Y, scale=255),
        lambda: trainer.model.predict(x, scale=255),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"scale=255 makes x as large as .* for bytes write scale=1/255"):
            call()
    assert trainer.model.scale is None


def test_small_numbers_may_be_made_larger():
    new_trainer().fit(BYTES * 1e-6, Y, scale=1e4, **RUN)


@pytest.mark.parametrize("name", ["forward", "step", "walk", "diagnose", "confusion_matrix", "gradients"])
def test_whole_numbers_are_refused_where_rows_must_be_scaled_already(name):
    trainer = fitted()
    model, x, y = trainer.model, BYTES[:50], Y[:50]
    calls = {
        "forward": lambda x: model.forward(x),
        "step": lambda x: trainer.step(x, y),
        "walk": lambda x: trainer.walk(x, y),
        "diagnose": lambda x: nd.debug.diagnose(trainer, x, y),
        "confusion_matrix": lambda x: nd.plots.confusion_matrix(trainer, x, y),
        "gradients": lambda x: nd.debug.gradient_check(model, "softmax_cross_entropy", x[:2], y[:2]),
    }
    with pytest.raises(ValueError, match=r"x holds uint8 numbers, but .* scale=0\.00392157.*: x \* 0\.00392157"):
        calls[name](x)
    calls[name](x * model.scale)


def test_plots_and_predictions_do_not_scale_twice():
    trainer = fitted()
    chosen, _ = nd.debug.predictions(trainer, BYTES * SCALE)
    assert np.array_equal(chosen, trainer.model.predict(BYTES).argmax(axis=1))


def test_files_of_earlier_versions_know_of_no_scale():
    description = new_trainer().model.description()
    del description["scale"]
    model = new_trainer().model
    arrays = {p.name: p.value for p in model.parameters}
    assert nd.Sequential.from_description(description, arrays, {}).scale is None


def test_weights_bring_the_scale_that_they_were_trained_with(tmp_path):
    trainer, fresh = fitted(), new_trainer()
    path = trainer.model.save(tmp_path / "model.npz")
    fresh.model.load_weights(path)
    assert fresh.model.predict(BYTES).tobytes() == trainer.model.predict(BYTES).tobytes()
    part = new_trainer()
    part.model.load_weights(path, scope="hidden/.*")
    assert part.model.scale is None
    trainer.model.load_weights(new_trainer().model.save(tmp_path / "other.npz"))
    assert trainer.model.scale is None
