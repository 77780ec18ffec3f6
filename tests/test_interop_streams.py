"""Data from h5py, zarr and PyTorch's DataLoader: the same numbers as from arrays. Where a package is absent, its part skips."""

import threading

import numpy as np
import pytest
from helpers_training import WIDTH, bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.datasets import blocks

X, Y = examples(230)
RUN = {"batch_size": 16, "verbose": False}


def h5_kind(tmp_path, x, y, **options):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file.create_dataset("x", data=x, **options)
        file.create_dataset("y", data=y)
    file = h5py.File(tmp_path / "data.h5", "r")
    return file["x"], file["y"], file.close


def zarr_kind(tmp_path, x, y, **options):
    zarr = pytest.importorskip("zarr")
    chunks = options.get("chunks", x.shape)
    for name, a in (("x", x), ("y", y)):
        array = zarr.create_array(tmp_path / name, shape=a.shape, dtype=a.dtype, chunks=chunks[: a.ndim])
        array[...] = a
    return *(zarr.open_array(tmp_path / name, mode="r") for name in "xy"), lambda: None


MAKERS = pytest.mark.parametrize("make", [h5_kind, zarr_kind])


@MAKERS
@pytest.mark.parametrize("chunks", [{}, {"chunks": (7, WIDTH)}])
def test_a_file_trains_is_measured_and_predicts_like_arrays(make, chunks, tmp_path):
    x, y, close = make(tmp_path, X, Y, **chunks)
    from_file, in_memory = every_trainer(), every_trainer()
    one = from_file.fit(x, y, epochs=2, validation_data=(x, y), **RUN)
    other = in_memory.fit(X, Y, epochs=2, validation_data=(X, Y), **RUN)
    assert bits(from_file) == bits(in_memory)
    assert one["val_loss"] == other["val_loss"]
    assert from_file.evaluate(x, y) == in_memory.evaluate(X, Y)
    assert np.array_equal(from_file.model.predict(x), in_memory.model.predict(X))
    assert len(list(nd.datasets.batches(x, y, 50))) == 5
    twin = nd.Trainer.restore(from_file.save(tmp_path / "trainer.npz"))
    assert bits(twin) == bits(from_file)
    close()


@MAKERS
def test_bytes_in_a_file_are_scaled_batch_by_batch(make, tmp_path):
    pixels = (np.random.default_rng(0).random((230, WIDTH)) * 255).astype(np.uint8)
    x, y, close = make(tmp_path, pixels, Y)
    trainers = [plain_trainer(), plain_trainer()]
    for trainer, given in zip(trainers, ((x, y), (pixels, Y)), strict=True):
        trainer.fit(*given, scale=1 / 255, validation_data=given, **RUN)
        assert trainer.evaluate(x, y) == trainer.evaluate(pixels, Y)
    assert bits(trainers[0]) == bits(trainers[1])
    close()


@MAKERS
def test_a_file_is_shuffled_in_blocks_and_resumed_in_the_midst_of_an_epoch(make, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 10 * 4 * WIDTH)
    monkeypatch.setattr(blocks, "WINDOW", 30 * (4 * WIDTH + 8))
    chunks = {"chunks": (5, WIDTH)} if make is zarr_kind else {}
    x, y, close = make(tmp_path, X, np.arange(230), **chunks)
    order = np.concatenate([labels for _, labels in nd.datasets.batches(x, y, 16, seed=1)])
    assert sorted(order) == list(range(230))
    assert len({row // 10 for row in order[:30]}) <= 4
    close()

    def stop(trainer):
        if trainer.iteration == 20:
            raise KeyboardInterrupt

    (tmp_path / "again").mkdir()
    x, y, close = make(tmp_path / "again", X, Y, **chunks)
    whole, broken = every_trainer(), every_trainer()
    whole.fit(x, y, epochs=3, **RUN)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(x, y, epochs=3, callbacks=[nd.callbacks.LambdaCallback(on_step_end=stop)], **RUN)
    restored = nd.Trainer.restore(broken.save(tmp_path / "a.npz"))
    restored.fit(x, y, epochs=2, **RUN)
    assert restored.resumed
    assert bits(restored) == bits(whole)
    close()


@MAKERS
def test_outputs_go_into_a_file(make, tmp_path):
    x, _, close = make(tmp_path, X, Y)
    model = plain_trainer().model
    module = pytest.importorskip("h5py" if make is h5_kind else "zarr")
    if make is h5_kind:
        with module.File(tmp_path / "out.h5", "w") as file:
            out = file.create_dataset("out", (230, 3), np.float32)
            assert model.predict(x, out=out) is out
            written = out[:]
    else:
        out = module.create_array(tmp_path / "out", shape=(230, 3), dtype=np.float32)
        model.predict(x, out=out)
        written = out[:]
    assert np.array_equal(written, model.predict(X))
    close()


@MAKERS
def test_training_and_predicting_from_one_file_at_the_same_time(make, tmp_path):
    x, y, close = make(tmp_path, X, Y)
    trainer, failed = plain_trainer(), []
    other = plain_trainer().model
    expected = other.predict(X)

    def predict():
        try:
            for _ in range(20):
                assert np.array_equal(other.predict(x), expected)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    for thread in threads:
        thread.start()
    trainer.fit(x, y, epochs=5, **RUN)
    for thread in threads:
        thread.join()
    assert failed == []
    in_memory = plain_trainer()
    in_memory.fit(X, Y, epochs=5, **RUN)
    assert bits(trainer) == bits(in_memory)
    close()


def test_a_file_of_h5py_that_is_closed_or_holds_words_is_named(tmp_path):
    h5py = pytest.importorskip("h5py")
    x, y, close = h5_kind(tmp_path, X, Y)
    with h5py.File(tmp_path / "words.h5", "w") as file:
        words = file.create_dataset("words", data=["cat"] * 230)
        with pytest.raises(TypeError, match=r"fit: y must hold numbers, got dtype object; number words with np\.unique"):
            plain_trainer().fit(x, words, **RUN)
    close()
    trainer = plain_trainer()
    for call in (lambda: trainer.fit(x, Y, **RUN), lambda: trainer.evaluate(X, y), lambda: trainer.model.predict(x)):
        with pytest.raises(ValueError, match=r": [xy] cannot be read .*; is its file still open\?"):
            call()


def test_a_file_of_h5py_that_is_cut_off_in_the_midst_of_a_run_gives_no_zeros(tmp_path, monkeypatch):
    """HDF5 reads zeros after the end of a file that has become shorter, and says nothing."""
    monkeypatch.setattr(blocks, "BLOCK", 1024)
    monkeypatch.setattr(blocks, "WINDOW", 4096)
    x, y, close = h5_kind(tmp_path, np.tile(X, (20, 1)), np.tile(Y, 20))

    class Cut(nd.callbacks.Callback):
        def on_step_end(self, trainer):
            if trainer.iteration == 20:
                with open(tmp_path / "data.h5", "r+b") as file:
                    file.truncate(3000)

    trainer = plain_trainer()
    with pytest.raises(OSError, match=r"its file has 3,000 bytes and had [0-9,]+ when it was opened: it was cut off") as error:
        trainer.fit(x, y, callbacks=[Cut()], **RUN)
    assert "fit: x: while rows" in error.value.__notes__[0]
    assert 20 <= trainer.iteration < 20 * 230 // 16
    close()


def test_a_file_of_h5py_that_is_replaced_or_still_being_written_is_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    x, y, close = h5_kind(tmp_path, X, Y)
    (tmp_path / "new.h5").write_bytes(b"another")
    (tmp_path / "new.h5").replace(tmp_path / "data.h5")
    expected = plain_trainer().evaluate(X, Y)
    assert plain_trainer().evaluate(x, y) == expected
    close()
    with h5py.File(tmp_path / "growing.h5", "w") as file:
        assert plain_trainer().evaluate(file.create_dataset("x", data=X), file.create_dataset("y", data=Y)) == expected


def test_words_in_zarr_are_named(tmp_path):
    zarr = pytest.importorskip("zarr")
    words = zarr.array(np.array(["cat", "dog"] * 115), zarr_format=2)
    with pytest.raises(TypeError, match="fit: y must hold numbers"):
        plain_trainer().fit(X, words, **RUN)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("ahead", [None, 2])
def test_a_data_loader_trains_validates_and_is_evaluated(workers, ahead):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    loader = torch.utils.data.DataLoader(data, batch_size=16, num_workers=workers)
    given = loader if ahead is None else nd.datasets.prefetch(loader, ahead)
    loaded, in_memory = every_trainer(), every_trainer()
    loaded.fit(given, epochs=2, validation_data=given, verbose=False)
    in_memory.fit(X, Y, epochs=2, shuffle=False, **RUN)
    assert bits(loaded) == bits(in_memory)
    assert loaded.progress.steps_per_epoch == 15
    assert loaded.evaluate(given) == in_memory.evaluate(X, Y, batch_size=16)
    predicted = loaded.model.predict(lambda: (x for x, _ in given))
    assert np.array_equal(predicted, in_memory.model.predict(X, batch_size=16))
    with pytest.raises(TypeError, match=r"predict: each batch must be an array of x, got a list of 2; of batches \(x, y\)"):
        loaded.model.predict(given)


def test_a_loader_without_a_length_and_tensors_that_want_gradients():
    torch = pytest.importorskip("torch")

    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(torch.tensor(X[:16]), torch.tensor(Y[:16]))] * 3)

    trainer = plain_trainer()
    trainer.fit(torch.utils.data.DataLoader(Endless(), batch_size=None), verbose=False)
    assert trainer.iteration == 3
    with pytest.raises(TypeError, match=r"it is a tensor that requires a gradient; write x\.detach\(\)"):
        trainer.fit([(torch.tensor(X, requires_grad=True), Y)], verbose=False)
    trainer.fit(torch.tensor(X), torch.tensor(Y), **RUN)    # tensors as arrays, as ever
