"""Feeds: what fit checks on entry and what batch by batch."""

import functools

import numpy as np
import pytest
from helpers_training import bits

import npdeep as nd
from npdeep.common.stored import is_mapped
from npdeep.training.feed import ArrayFeed, IterableFeed

X, Y, W = np.arange(22.0).reshape(11, 2), np.arange(11), np.linspace(0, 1, 11)


class Counting:
    """A check that counts its calls and casts to float32."""

    def __init__(self):
        self.rows = []

    def __call__(self, x, y, weight):
        self.rows.append(len(x))
        return np.asarray(x, np.float32), np.asarray(y), weight


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "x.npy", X)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (lambda m: m, True),
        (lambda m: m[2:], True),
        (lambda m: np.asarray(m)[::2].T, True),
        (lambda m: m + 1, False),
        (lambda m: m[[1, 2]], False),
        (lambda m: m.copy(), False),
        (lambda m: [1, 2], False),
    ],
)
def test_what_lies_in_a_file_is_recognized_through_views(mapped, view, expected):
    assert is_mapped(view(mapped)) is expected


@pytest.mark.parametrize("weight", [None, W])
def test_arrays_in_memory_are_checked_once_and_mapped_ones_batch_by_batch(mapped, weight):
    seen = {}
    for x in (X, mapped):
        check = Counting()
        feed = ArrayFeed(x, Y, weight, 4, 0, check)
        assert check.rows == ([] if x is mapped else [11])
        seen[x is mapped] = [[None if a is None else a.tolist() for a in batch] for batch in feed.batches(0)]
        assert check.rows == ([4, 4, 3] if x is mapped else [11])
    assert seen[True] == seen[False]


def test_batches_follow_each_other_in_one_buffer():
    feed = ArrayFeed(X, Y, W, 4, 0, Counting())
    batches = list(feed.batches(0))
    assert len(feed) == len(batches) == 3
    for arrays in zip(*batches, strict=True):
        assert np.shares_memory(arrays[0], arrays[1])
        assert np.shares_memory(arrays[0], arrays[2])
        assert [len(a) for a in arrays] == [4, 4, 3]


def test_an_epoch_can_be_entered_at_any_batch():
    feed = ArrayFeed(X, Y, None, 4, 5, Counting())
    whole = [y.tolist() for _, y, _ in feed.batches(2)]
    assert [y.tolist() for _, y, _ in feed.batches(2, first=1)] == whole[1:]
    assert [y.tolist() for _, y, _ in feed.batches(1)] != whole


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"x": X.astype(np.float32), "y": Y.copy()}, True),
        *[({name: value}, False) for name, value in {"batch_size": 5, "seed": 1, "shuffle": False, "weight": W}.items()],
        ({"x": X[1:], "y": Y[1:]}, False),    # other rows
        ({"x": X[::-1]}, False),              # in another order
        ({"x": X * np.float32(0.5)}, False),  # scaled
        ({"y": np.r_[Y[:-1], Y[-1] + 1]}, False),    # one label corrected
    ],
)
def test_a_fingerprint_tells_whether_the_batches_are_the_same(change, same):
    arguments = {"x": X, "y": Y, "weight": None, "batch_size": 4, "seed": 0, "check": Counting(), "shuffle": True}
    feeds = (ArrayFeed(**arguments), ArrayFeed(**{**arguments, **change}))
    assert (feeds[0].fingerprint() == feeds[1].fingerprint()) is same
    assert feeds[1].continues(feeds[0].fingerprint(), 2, None) is same
    assert feeds[0].continues(feeds[0].fingerprint()[:-1], 2, None)    # from a file of an earlier version


def test_an_iterable_is_gone_through_once_an_epoch_and_each_batch_is_checked():
    check = Counting()
    feed = IterableFeed([(X[:3], Y[:3]), [X[3:], Y[3:], W[3:]]], check)
    assert len(feed) == 2
    assert check.rows == []
    for epoch in range(2):
        batches = list(feed.batches(epoch))
        assert batches[0][2] is None
        assert np.array_equal(batches[1][2], W[3:])
    assert check.rows == [3, 8, 3, 8]
    assert feed.fingerprint()[:2] == ("iterable", 2)


def test_an_epoch_of_an_iterable_goes_on_behind_the_batches_that_were_done_and_a_generator_where_it_is():
    batches = [(X[:3], Y[:3]), (X[3:], Y[3:])]
    (rest,) = IterableFeed(batches, Counting()).batches(0, first=1)
    assert len(rest[0]) == len(X) - 3
    assert list(IterableFeed(batches, Counting()).batches(0, first=2)) == []
    assert len(list(IterableFeed(iter(batches), Counting()).batches(0, first=1))) == 2


def test_a_generator_has_no_length_and_runs_dry():
    feed = IterableFeed(((X[:3], Y[:3]) for _ in range(2)), Counting())
    assert len(feed) == 0
    assert len(list(feed.batches(0))) == 2
    with pytest.raises(ValueError, match=r"fit: the iterable gave no batch in epoch 2; .* pass the generator function itself"):
        list(feed.batches(1))


@pytest.mark.parametrize("batch", [X, (X,), (X, Y, W, W), "xy", None])
def test_what_is_no_batch_is_named(batch):
    with pytest.raises(TypeError, match=r"each batch must be \(x, y\) or \(x, y, sample_weight\), got .*; for arrays call"):
        list(IterableFeed([batch], Counting()).batches(0))


def test_nan_in_a_file_is_named_by_its_row_before_any_weight_changes(tmp_path):
    x = np.random.default_rng(0).random((500, 4), np.float32)
    x[321, 2] = np.nan
    np.save(tmp_path / "x.npy", x)
    trainer = nd.Trainer(nd.Sequential([nd.Dense(3)], 4, seed=0), "softmax_cross_entropy", "sgd")
    before = trainer.model.arena.values.copy()
    with pytest.raises(ValueError, match="x holds nan at row 321, column 2"):
        trainer.fit(np.load(tmp_path / "x.npy", mmap_mode="r"), np.zeros(500, int), epochs=1, verbose=False)
    assert np.array_equal(trainer.model.arena.values, before)


def regression():
    return nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=2, seed=0), "mean_squared_error", nd.optimizers.SGD(1e-4))


def test_a_generator_function_is_called_anew_for_every_epoch():
    def batches():
        for start in range(0, len(X), 10):
            yield X[start : start + 10], W[start : start + 10, None]

    by_function, by_list = regression(), regression()
    by_function.fit(batches, epochs=3, verbose=False)
    by_list.fit(list(batches()), epochs=3, verbose=False)
    assert bits(by_function) == bits(by_list)
    by_function.fit(functools.partial(batches), epochs=1, verbose=False)
    by_function.fit(lambda: batches(), epochs=1, verbose=False)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x, r"is called without arguments \(missing .*'x'\); write fit\(lambda: function"),
        (lambda: 3, r"must give batches \(x, y\), as a generator does, not 3"),
        (lambda: X, r"must give batches \(x, y\), as a generator does, not an array of shape"),
    ],
)
def test_a_function_that_gives_no_batches(function, message):
    trainer = regression()
    before = bits(trainer)
    with pytest.raises(TypeError, match=f"^fit: the function .*{message}"):
        trainer.fit(function, verbose=False)
    assert bits(trainer) == before
