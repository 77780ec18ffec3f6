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
    with pytest.raises(ValueError, match="is no number of a float32 model"):
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


def test_batches_of_the_users_own_bring_their_own_scale():
    with pytest.raises(TypeError, match="scale goes with arrays"):
        new_trainer().fit([(BYTES[:5] / 255, Y[:5])], scale=1 / 255, verbose=False)


def test_wrong_labels_and_bad_numbers_are_still_found_before_the_first_step():
    trainer = new_trainer()
    before = bits(trainer)
    with pytest.raises(ValueError, match=r"labels must lie in 0 … 9"):
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
