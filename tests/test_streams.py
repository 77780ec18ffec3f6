"""Data that is read piece by piece: arrays on a disk, iterables and functions, in fit, evaluate, predict and validation."""

import copy
import pickle

import numpy as np
import pytest
from helpers_training import CLASSES, WIDTH, bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.common.stored import Stored
from npdeep.datasets import blocks
from npdeep.datasets.blocks import Blocks

X, Y = examples(230)
RUN = {"batch_size": 16, "verbose": False}


class Lazy:
    """Like a dataset of h5py: it gives slices and counts them, and cannot be read as a whole."""

    def __init__(self, array, chunks=None):
        self.held, self.chunks, self.asked = array, chunks, []
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key):
        assert isinstance(key, slice), key
        assert key.step in (None, 1)
        self.asked.append((key.start, key.stop))
        return self.held[key].copy()

    def __array__(self, *args, **kwargs):
        raise AssertionError("it was read as a whole")

    def __iter__(self):
        raise AssertionError("it was read row by row")

    def __len__(self):
        return len(self.held)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 10 rows of X, windows of 3 blocks: 230 rows are read in 8 windows."""
    row = 4 * WIDTH
    monkeypatch.setattr(blocks, "BLOCK", 10 * row)
    monkeypatch.setattr(blocks, "WINDOW", 3 * 10 * (row + 8))


def mapped(tmp_path, array, name="x"):
    np.save(tmp_path / f"{name}.npy", array)
    return np.load(tmp_path / f"{name}.npy", mmap_mode="r")


def kinds(tmp_path, x=X, y=Y):
    """The same data in every form that takes part."""
    return {
        "memory maps": (mapped(tmp_path, x), mapped(tmp_path, y, "y")),
        "a memory map and an array": (mapped(tmp_path, x), y),
        "an array and a memory map": (x, mapped(tmp_path, y, "y")),
        "lazy": (Lazy(x), Lazy(y)),
        "lazy x": (Lazy(x), y),
        "lazy y": (x, Lazy(y)),
        "lazy in chunks": (Lazy(x, (7, WIDTH)), Lazy(y, (11,))),
    }


KINDS = ["memory maps", "a memory map and an array", "an array and a memory map", "lazy", "lazy x", "lazy y", "lazy in chunks"]


# ── the rule ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("batch_size", [1, 7, 16, 30, 230, 500])
@pytest.mark.parametrize("n", [1, 29, 30, 31, 230])
@pytest.mark.usefixtures("small_blocks")
def test_every_row_comes_once_in_batches_of_one_size(n, batch_size):
    x = np.arange(n * WIDTH, dtype=np.float32).reshape(n, WIDTH)
    reader = Blocks("fit", {"x": x, "y": np.arange(n), "w": None}, batch_size, seed=5)
    for epoch in range(2):
        batches = [[part if part is None else part.copy() for part in batch] for batch in reader.batches(epoch)]
        sizes = [len(rows) for rows, _, _ in batches]
        assert sizes == [batch_size] * (n // batch_size) + ([n % batch_size] if n % batch_size else [])
        order = np.concatenate([y for _, y, _ in batches])
        assert sorted(order) == list(range(n))
        assert np.array_equal(np.concatenate([rows for rows, _, _ in batches]), x[order])
        assert all(w is None for _, _, w in batches)
        for first in range(len(batches) + 1):    # entered at any batch
            rest = [y.copy() for _, y, _ in reader.batches(epoch, first)]
            assert [y.tolist() for y in rest] == [y.tolist() for _, y, _ in batches[first:]]


def order_of(reader, epoch=0):
    return np.concatenate([y.copy() for _, y in reader.batches(epoch)]).tolist()


@pytest.mark.usefixtures("small_blocks")
def test_blocks_are_shuffled_and_rows_within_a_window_of_three():
    rows = 230
    reader = Blocks("fit", {"x": X, "y": np.arange(rows)}, 16, seed=3)
    assert (reader.block, reader.blocks, reader.per_window) == (10, 23, 3)
    order = order_of(reader)
    begin, seen = 0, []
    for window in range(8):
        numbers = sorted({row // 10 for row in order[begin : begin + 30 if window < 7 else None]})
        size = sum(min(10, rows - 10 * number) for number in numbers)
        inside = order[begin : begin + size]
        assert sorted(inside) == [r for number in numbers for r in range(10 * number, min(10 * number + 10, rows))]
        assert inside != sorted(inside)
        seen += numbers
        begin += size
    assert sorted(seen) == list(range(23))
    assert seen != sorted(seen)
    assert order == order_of(Blocks("fit", {"x": Lazy(X), "y": Lazy(np.arange(rows))}, 16, seed=3))
    assert order == order_of(Blocks("fit", {"x": X, "y": np.arange(rows)}, 5, seed=3))    # whatever the batches
    assert order != order_of(Blocks("fit", reader.sources, 16, seed=4))
    assert len({tuple(order_of(reader, epoch)) for epoch in range(5)}) == 5
    assert order_of(Blocks("fit", reader.sources, 16, seed=None)) == list(range(rows))


@pytest.mark.usefixtures("small_blocks")
def test_a_file_is_asked_for_blocks_of_neighbours_and_for_whole_chunks():
    for chunks, block in ((None, 10), ((7, WIDTH), 14), ((64, WIDTH), 64)):
        x = Lazy(X, chunks)
        reader = Blocks("fit", {"x": Stored("fit", "x", x), "y": Y}, 16, seed=3)
        assert reader.block == block
        assert x.asked == [(0, 1)]            # whether it can be read at all
        x.asked.clear()
        list(reader.batches(0))
        windows = [x.asked[i : i + reader.per_window] for i in range(0, len(x.asked), reader.per_window)]
        assert all(window == sorted(window) for window in windows)    # the disk goes forwards
        assert len(windows) == 1 or windows != sorted(windows)
        assert sorted(x.asked) == [(start, min(start + block, 230)) for start in range(0, 230, block)]
        x.asked.clear()
        list(reader.batches(0, first=13))     # what is done is not read again
        assert len(x.asked) < len(range(0, 230, block))


def test_what_fits_into_one_window_is_shuffled_as_in_memory():
    expected = np.concatenate([y for _, y in nd.datasets.batches(X, np.arange(230), 16, seed=9, epoch=2)])
    assert order_of(Blocks("fit", {"x": X, "y": np.arange(230)}, 16, seed=9), 2) == expected.tolist()


# ── fit, evaluate and predict ─────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 230)])
def test_small_data_on_a_disk_train_to_the_bits_of_arrays(kind, weights, tmp_path):
    x, y = kinds(tmp_path)[kind]
    on_disk, in_memory = every_trainer(), every_trainer()
    one = on_disk.fit(x, y, epochs=2, sample_weight=weights, validation_data=(x, y), **RUN)
    other = in_memory.fit(X, Y, epochs=2, sample_weight=weights, validation_data=(X, Y), **RUN)
    assert bits(on_disk) == bits(in_memory)
    assert one["val_loss"] == other["val_loss"]
    assert one["val_accuracy"] == other["val_accuracy"]
    assert on_disk.evaluate(x, y, weights) == in_memory.evaluate(X, Y, weights)
    assert np.array_equal(on_disk.model.predict(x), in_memory.model.predict(X))
    if "lazy" in kind:
        assert all(isinstance(part, np.ndarray) or part.asked for part in (x, y))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("small_blocks")
def test_an_epoch_from_a_disk_is_resumed_in_its_midst_bit_by_bit(kind, tmp_path):
    def stop(trainer):
        if trainer.iteration == 20:           # in the second epoch
            raise KeyboardInterrupt

    x, y = kinds(tmp_path)[kind]
    whole, broken = every_trainer(), every_trainer()
    whole.fit(x, y, epochs=3, **RUN)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(x, y, epochs=3, callbacks=[nd.callbacks.LambdaCallback(on_step_end=stop)], **RUN)
    restored = nd.Trainer.restore(broken.save(tmp_path / "a.npz"))
    for trainer in (broken, restored):
        trainer.fit(x, y, epochs=2, **RUN)
        assert trainer.resumed
        assert bits(trainer) == bits(whole)
    other = nd.Trainer.restore(tmp_path / "a.npz")
    other.fit(X, Y, epochs=1, **RUN)          # arrays in memory come in another order
    assert not other.resumed


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("small_blocks")
def test_whole_metrics_weights_and_scale_do_not_depend_on_where_the_data_are(kind, tmp_path):
    x = (np.random.default_rng(0).random((230, WIDTH)) * 255).astype(np.uint8)
    model = nd.Sequential([nd.Dense(2)], WIDTH, seed=0)
    metrics = ["accuracy", nd.metrics.F1(), "roc_auc"]
    y, weights = (Y > 0).astype(np.int64), np.linspace(1, 2, 230)
    trainer = nd.Trainer(model, "softmax_cross_entropy", "sgd", metrics=metrics)
    expected = trainer.evaluate(x, y, weights, scale=1 / 255)
    lazy_x, lazy_y = kinds(tmp_path, x, y)[kind]
    for batch_size in (7, 100, 1000):
        assert trainer.evaluate(lazy_x, lazy_y, weights, batch_size, 1 / 255) == pytest.approx(expected, rel=1e-6)
    assert np.array_equal(model.predict(lazy_x, scale=1 / 255), model.predict(x, scale=1 / 255))
    history = trainer.fit(lazy_x, lazy_y, scale=1 / 255, validation_data=(lazy_x, lazy_y), **RUN)
    assert history["val_loss"][0] == pytest.approx(trainer.evaluate(x, y)["loss"])
    assert history["val_f1"] == [trainer.evaluate(x, y)["f1"]]


def by_batches(size=16):
    for start in range(0, len(X), size):
        yield X[start : start + size], Y[start : start + size]


class Again:
    """An iterable that begins anew, as a DataLoader does, without a length."""

    def __iter__(self):
        return by_batches()


SOURCES = {
    "list": lambda: list(by_batches()),
    "function": lambda: by_batches,
    "lambda": lambda: lambda: by_batches(),
    "iterable": Again,
    "prefetch": lambda: nd.datasets.prefetch(by_batches),
}


@pytest.mark.parametrize("source", SOURCES)
def test_iterables_train_validate_and_are_evaluated_like_arrays(source):
    given = SOURCES[source]()
    streamed, in_memory = every_trainer(), every_trainer()
    one = streamed.fit(given, epochs=3, validation_data=given, verbose=False)
    other = in_memory.fit(X, Y, epochs=3, shuffle=False, validation_data=(X, Y), **RUN)
    assert bits(streamed) == bits(in_memory)
    assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-5)
    assert one["val_accuracy"] == other["val_accuracy"]
    assert streamed.evaluate(given) == in_memory.evaluate(X, Y, batch_size=16)
    assert np.array_equal(
        streamed.model.predict(lambda: (x for x, _ in given) if source == "list" else (x for x, _ in by_batches())),
        in_memory.model.predict(X, batch_size=16),
    )


def test_rows_count_alike_however_an_iterable_cuts_them():
    trainer = plain_trainer(metrics=["accuracy", lambda outputs, y: float(len(y))])
    uneven = [(X[:100], Y[:100]), (X[100:101], Y[100:101]), (X[101:], Y[101:])]
    assert trainer.evaluate(uneven) == pytest.approx(trainer.evaluate(X, Y), rel=1e-6)
    weights = np.linspace(0, 3, 230)
    weighted = [(X[:100], Y[:100], weights[:100]), (X[100:], Y[100:], weights[100:])]
    assert trainer.evaluate(weighted) == pytest.approx(trainer.evaluate(X, Y, weights), rel=1e-6)
    assert trainer.evaluate(iter(uneven)) == trainer.evaluate(uneven)    # a generator goes by once, and is asked once


def test_early_stopping_and_copies_take_validation_from_an_iterable():
    trainer = plain_trainer()
    stopping = nd.callbacks.EarlyStopping("val_loss", patience=20, every=5)
    trainer.fit(X, Y, epochs=2, validation_data=lambda: by_batches(), callbacks=[stopping], **RUN)
    twin = trainer.model.copy()
    assert nd.debug.diagnose(trainer, X, Y, steps=2)
    assert np.array_equal(twin.predict(X), trainer.model.predict(X))
    assert copy.deepcopy(trainer).validation_data is None
    assert pickle.loads(pickle.dumps(trainer)).validation_data is None


# ── outputs that are too large for memory ─────────────────────────────────────────────────────────────────────────────
def test_outputs_are_written_where_the_user_wants_them(tmp_path):
    model = plain_trainer().model
    expected = model.predict(X, batch_size=16)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, (240, CLASSES))
    batches = [rows for rows, _ in by_batches()]
    for x in (X, Lazy(X), mapped(tmp_path, X), lambda: iter(batches), batches):
        out[...] = -1
        assert model.predict(x, batch_size=16, out=out) is out
        assert np.array_equal(out[:230], expected)
        assert (out[230:] == -1).all()


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.zeros((229, CLASSES), np.float32), ValueError, r"out has 229 rows, and x has more: 230 or more"),
        (np.zeros((230, 2), np.float32), ValueError, r"out must be .* \(n, 3\) and dtype float32, got shape \(230, 2\)"),
        (np.zeros((230, CLASSES)), ValueError, r"out must be .* dtype float32, got .* float64"),
        (np.broadcast_to(np.float32(0), (230, CLASSES)), ValueError, r"out cannot be written; open a memory map with mode"),
        ([[0.0] * CLASSES] * 230, TypeError, r"out must be an array of shape \(n, 3\)"),
        ("out.npy", TypeError, r"out must be an array .*, got the string 'out.npy'"),
    ],
)
def test_an_out_that_does_not_fit_is_refused(out, error, message):
    with pytest.raises(error, match=f"^predict: {message}"):
        plain_trainer().model.predict(X, out=out)


# ── what is refused, by name ──────────────────────────────────────────────────────────────────────────────────────────
def generator():
    yield X, Y


NARROW = [(X[:9, :2], Y[:9])]
WORDS = Lazy(np.array(["a", "b"] * 115, object))


def validating(data):
    return {"x": X, "y": Y, "validation_data": data}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (validating(generator()), TypeError, "fit: validation_data: an object of type generator goes by once"),
        (validating(iter([(X, Y)])), TypeError, "fit: validation_data: .* goes by once"),
        (validating(NARROW), ValueError, r"fit: validation_data: x must have the shape \(n, 6\), got \(9, 2\)"),
        (validating([(X, Y), *NARROW]), ValueError, r"fit: validation_data: x must have the shape"),
        (validating(lambda: iter(NARROW)), ValueError, r"fit: validation_data: x must have the shape"),
        (validating(lambda: iter([])), ValueError, "fit: validation_data: the iterable gave no batch"),
        (validating(lambda: 3), TypeError, "fit: validation_data: the function must give batches"),
        (validating(3), TypeError, r"fit: validation_data must be \(x, y\), got 3; an iterable of batches"),
        (validating((Lazy(X), Y[:5])), ValueError, "fit: validation_data: x has 230 rows, y has shape"),
        (validating([(X, Y + 100)]), ValueError, "fit: validation_data: y: .*labels must lie in 0 to 2"),
        (validating([X]), TypeError, r"fit: validation_data must be \(x, y\)"),
        ({"x": NARROW}, ValueError, r"fit: x must have the shape \(n, 6\), got \(9, 2\)"),
        ({"x": lambda: iter([])}, ValueError, "fit: the iterable gave no batch in epoch 1"),
        ({"x": [{"x": X, "y": Y}, 1]}, TypeError, "fit: y is missing"),
        ({"x": lambda: iter([{"x": X, "y": Y}])}, TypeError, r"fit: each batch must be .* got an object of type dict"),
        ({"x": [(X[:0], Y[:0])]}, ValueError, r"fit: x must have .*, got \(0, 6\); it holds no examples"),
        ({"x": Lazy(X), "y": Y[:-1]}, ValueError, r"fit: x has 230 rows, y has shape \(229,\)"),
        ({"x": Lazy(X), "y": Lazy(Y[:-1])}, ValueError, r"fit: x has 230 rows, y has shape \(229,\)"),
        ({"x": Lazy(X)}, TypeError, "fit: y is missing"),
        ({"x": Lazy(X[:, :2]), "y": Y}, ValueError, r"fit: x must have the shape \(n, 6\), got \(230, 2\)"),
        ({"x": Lazy(X.reshape(230, 2, 3)), "y": Y}, ValueError, r"got \(230, 2, 3\); store it flat, or give batches"),
        ({"x": Lazy(X[:0]), "y": Y[:0]}, ValueError, r"fit: x must have .*, got \(0, 6\); it holds no examples"),
        ({"x": Lazy(X.astype("S4")), "y": Y}, TypeError, r"fit: x must hold numbers, got dtype \|S4"),
        ({"x": Lazy(X), "y": WORDS}, TypeError, r"fit: y must hold numbers, got dtype object; number words"),
        ({"x": Lazy(X), "y": Lazy(Y + 100)}, ValueError, "fit: y: .*labels must lie in 0 to 2"),
        ({"x": Lazy(X + 0j), "y": Y}, TypeError, "fit: x must hold numbers, got dtype complex"),
    ],
)
def test_what_cannot_be_read_in_pieces_is_refused_before_anything_changes(arguments, error, message):
    trainer = plain_trainer()
    before = bits(trainer)
    with pytest.raises(error, match=message):
        trainer.fit(**arguments, verbose=False)
    assert bits(trainer) == before
    assert len(trainer.history) == 0


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (lambda: by_batches(), TypeError, r"each batch must be an array of x, got a tuple of 2; of batches"),
        ([(X, Y), (X, Y)], TypeError, r"each batch must be an array of x, got a tuple of 2; of batches"),
        (iter([]), ValueError, "the iterable gave no batch"),
        (lambda: iter([X, X[:, :2]]), ValueError, r"x must have the shape \(n, 6\), got \(230, 2\)"),
        (lambda: X, TypeError, "the function must give batches of x, as a generator does, not an array"),
        (lambda x: x, TypeError, "the function is called without arguments"),
        (Lazy(X[:, :2]), ValueError, r"x must have the shape \(n, 6\), got \(230, 2\)"),
        ({"x": X}, TypeError, "x must hold numbers"),
    ],
)
def test_predict_refuses_what_is_none(x, error, message):
    with pytest.raises(error, match=f"^predict: {message}"):
        plain_trainer().model.predict(x)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X,), TypeError, r"y is missing; call evaluate\(x, y\), or evaluate\(batches\) with an iterable"),
        (([],), TypeError, "y is missing"),
        ((iter([]),), ValueError, "the iterable gave no batch"),
        ((NARROW,), ValueError, r"x must have the shape \(n, 6\), got \(9, 2\)"),
        (([(X, Y)], None, Y), TypeError, "sample_weight goes with arrays"),
        ((lambda: iter([X]),), TypeError, r"each batch must be \(x, y\) or \(x, y, sample_weight\), got an array"),
        ((Lazy(X), Y[:3]), ValueError, "x has 230 rows, y has shape"),
    ],
)
def test_evaluate_refuses_what_is_none(arguments, error, message):
    with pytest.raises(error, match=f"^evaluate: {message}"):
        plain_trainer().evaluate(*arguments)


# ── attacks ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: nd.datasets.prefetch(f)])
def test_an_error_in_the_midst_of_a_source_comes_out_where_it_was(wrap):
    def breaks():
        yield X[:16], Y[:16]
        raise OSError("the disk is gone")

    trainer = plain_trainer()
    with pytest.raises(OSError, match="the disk is gone") as raised:
        trainer.fit(wrap(breaks), verbose=False)
    assert raised.traceback[-1].name == "breaks"
    assert trainer.iteration == 1
    for call in (trainer.evaluate, lambda s: plain_trainer().fit(X, Y, validation_data=s, **RUN)):
        with pytest.raises(OSError, match="the disk is gone"):
            call(wrap(breaks))


def test_an_error_of_a_file_says_which_rows_were_read():
    class Broken(Lazy):
        def __getitem__(self, key):
            if key.stop > 100:
                raise OSError("read failed")
            return super().__getitem__(key)

    class Short(Lazy):
        def __getitem__(self, key):
            return super().__getitem__(key)[:229]

    class Masked(Lazy):
        def __getitem__(self, key):
            return np.ma.masked_invalid(super().__getitem__(key))

    class Closed(Lazy):
        @property
        def shape(self):
            raise ValueError("invalid dataset")

        @shape.setter
        def shape(self, value):
            pass

    trainer = plain_trainer()
    with pytest.raises(OSError, match="read failed") as raised:
        trainer.fit(Broken(X), Y, **RUN)
    assert raised.value.__notes__ == ["fit: x: while rows 0 to 229 were read"]
    with pytest.raises(ValueError, match=r"predict: x says .* shape is \(230, 6\), but x\[0:230\] has the shape \(229, 6\)"):
        trainer.model.predict(Short(X))
    with pytest.raises(ValueError, match=r"fit: x cannot be read \(invalid dataset\); is its file still open\?"):
        trainer.fit(Closed(X), Y, **RUN)
    bad = X.copy()
    bad[123, 4] = np.nan
    with pytest.raises(ValueError, match="evaluate: x holds nan at row 123, column 4"):
        trainer.evaluate(Lazy(bad), Y)
    with pytest.raises(ValueError, match="some of its numbers are masked"):
        trainer.evaluate(Masked(bad), Y)
    assert trainer.iteration == 0


@pytest.mark.usefixtures("small_blocks")
def test_nan_in_a_lazy_array_is_named_by_its_row_before_the_update(tmp_path):
    bad = X.copy()
    bad[123, 4] = np.inf
    trainer = plain_trainer()
    with pytest.raises(ValueError, match="fit: x holds inf at row 123, column 4; remove or replace such rows first"):
        trainer.fit(Lazy(bad), Y, shuffle=False, **RUN)
    assert trainer.iteration == 120 // 16     # the rows of the windows before
    assert np.isfinite(trainer.model.flat_values).all()


def test_a_memory_map_whose_file_was_cut_off_does_not_end_the_process(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    x = np.load(path, mmap_mode="r")
    trainer = plain_trainer()
    with open(path, "r+b") as file:
        file.truncate(1000)
    for name, call in (
        ("fit", lambda: trainer.fit(x, Y, **RUN)),
        ("fit: validation_data", lambda: trainer.fit(X, Y, validation_data=(x, Y), **RUN)),
        ("evaluate", lambda: trainer.evaluate(x[5:], Y[5:])),
        ("predict", lambda: trainer.model.predict(x)),
        ("batches", lambda: list(nd.datasets.batches(x, Y))),
    ):
        with pytest.raises(ValueError, match=f"^{name}: x is a memory map of .*, which has 1,000 bytes and must have 5,648"):
            call()
    assert trainer.iteration == 0


class Tensor:
    """Looks like one of PyTorch's."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, "torch.float32"

    def __array__(self, dtype=None, copy=None):
        return self.array

    def __getitem__(self, key):
        raise AssertionError("it was taken for a file")

    def __len__(self):
        return len(self.array)


@pytest.mark.parametrize("cast", [np.float64, np.float32, np.float16, ">f4", Tensor, list])
def test_batches_may_hold_numbers_of_any_kind(cast):
    make = cast if cast in (Tensor, list) else (lambda a: np.asarray(a, cast))
    trainer, other = plain_trainer(), plain_trainer()
    rows = np.round(X, 1) if cast is not np.float16 else X.astype(np.float16).astype(np.float32)
    given = [[make(rows[i : i + 16]), Y[i : i + 16]] for i in range(0, 230, 16)]
    trainer.fit(lambda: iter(given), verbose=False)
    other.fit([(np.asarray(x, np.float32) if cast is not Tensor else x.array, y) for x, y in given], verbose=False)
    assert bits(trainer) == bits(other)
    assert trainer.evaluate(map(tuple, given))["loss"] > 0


def test_batches_of_one_row_and_batch_normalization():
    single = [(X[i : i + 1], Y[i : i + 1]) for i in range(5)]
    with pytest.raises(ValueError, match="fit: the first batch has one row, but 'hidden1_bn' normalizes"):
        every_trainer().fit(single, verbose=False)
    plain_trainer().fit(single, verbose=False)
    assert plain_trainer().evaluate(single) == pytest.approx(plain_trainer().evaluate(X[:5], Y[:5]), rel=1e-6)


def test_own_loops_gather_from_a_disk_too(tmp_path):
    expected = [y.tolist() for _, y in nd.datasets.batches(X, Y, 16, seed=1)]
    for x, y in kinds(tmp_path).values():
        given = list(nd.datasets.batches(x, y, 16, seed=1))
        assert [labels.tolist() for _, labels in given] == expected
        assert not np.shares_memory(given[0][0], given[1][0])
    with pytest.raises(ValueError, match="batches: x and y must have the same number of rows"):
        nd.datasets.batches(Lazy(X), Y[:3])


def test_frozen_layers_are_computed_once_from_a_disk(tmp_path):
    trainers = [plain_trainer(), plain_trainer()]
    for trainer, (x, y) in zip(trainers, ((X, Y), (Lazy(X), Lazy(Y))), strict=True):
        trainer.model.freeze("hidden")
        trainer.fit(x, y, epochs=2, cache_frozen=True, **RUN)
    assert bits(trainers[0]) == bits(trainers[1])
