"""nd.batches: every row once, in an order drawn from (seed, epoch) alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npdeep as nd
from npdeep.datasets.batches import epoch_order, gather, pieces

X, Y = np.arange(22.0).reshape(11, 2), np.arange(11)


def labels(*args, **kwargs):
    return [y.tolist() for _, y in nd.batches(*args, **kwargs)]


@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), st.integers(0, 2**70), st.integers(0, 5))
def test_an_epoch_visits_every_row_once_and_keeps_the_last_partial_batch(n, batch_size, shuffle, seed, epoch):
    x = np.arange(n)[:, None] * 10
    seen = list(nd.batches(x, np.arange(n), batch_size, shuffle=shuffle, seed=seed, epoch=epoch))
    assert [len(y) for _, y in seen] == [batch_size] * (n // batch_size) + [n % batch_size] * (n % batch_size > 0)
    assert sorted(np.concatenate([y for _, y in seen])) == list(range(n))
    assert all(np.array_equal(xb[:, 0], 10 * yb) for xb, yb in seen)
    order = epoch_order(n, seed, epoch) if shuffle else np.arange(n)
    assert np.array_equal(np.concatenate([y for _, y in seen]), order)


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 10))
def test_an_epoch_can_be_entered_at_any_batch(n, batch_size, first):
    order = np.random.default_rng(0).permutation(n)
    whole = [index.tolist() for index in pieces(n, batch_size, order)]
    assert [index.tolist() for index in pieces(n, batch_size, order, first)] == whole[first:]


def test_the_order_comes_from_seed_and_epoch():
    assert labels(X, Y, 4, seed=1) == labels(X, Y, 4, seed=1, epoch=0)
    assert len({str(labels(X, Y, 11, seed=seed, epoch=epoch)) for seed in (1, 2) for epoch in (0, 1, 2)}) == 6
    assert labels(X, Y, 4, shuffle=False) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_without_a_seed_the_order_is_another_one_each_time():
    assert len({str(labels(X, np.arange(11), 11)) for _ in range(5)}) > 1


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "bool", ">i2"])
def test_batches_are_fresh_copies_and_keep_the_dtype(dtype):
    x = X.astype(dtype)
    for shuffle in (True, False):
        for xb, yb in nd.batches(x, Y, 4, shuffle=shuffle, seed=0):
            assert xb.dtype == x.dtype
            assert yb.dtype == Y.dtype
            assert not np.shares_memory(xb, x)
            assert not np.shares_memory(yb, Y)
            xb[...] = 0
    assert np.array_equal(x, X.astype(dtype))


def test_memory_maps_are_read_batch_by_batch_into_plain_arrays(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for (a, _), (b, _) in zip(nd.batches(mapped, Y, 4, seed=0), nd.batches(X, Y, 4, seed=0), strict=True):
        assert np.array_equal(a, b)
        assert a.flags.writeable
        assert a.flags.owndata


def test_x_and_y_of_any_shape_and_form():
    x, y = np.zeros((5, 2, 3)), [[0, 1]] * 5
    assert [(a.shape, b.shape) for a, b in nd.batches(x, y, 3)] == [((3, 2, 3), (3, 2)), ((2, 2, 3), (2, 2))]


def test_augment_changes_batches_with_a_generator_of_its_own():
    def noisy(x, rng):
        return x + rng.standard_normal(x.shape)

    first, again = (list(nd.batches(X, Y, 4, seed=3, augment=noisy)) for _ in range(2))
    plain = list(nd.batches(X, Y, 4, seed=3))
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(first, plain, strict=True))
    assert not any(np.array_equal(a, b) for (a, _), (b, _) in zip(first, plain, strict=True))
    later = list(nd.batches(X, Y, 4, seed=3, epoch=1, augment=lambda x, rng: rng.standard_normal(x.shape)))
    other = list(nd.batches(X, Y, 4, seed=3, epoch=0, augment=lambda x, rng: rng.standard_normal(x.shape)))
    assert not np.array_equal(later[0][0], other[0][0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X, Y[:10]), ValueError, r"x and y must have the same number of rows, got shapes \(11, 2\) and \(10,\)"),
        ((X[:0], Y[:0]), ValueError, "hold no examples"),
        ((1.0, Y), ValueError, "same number of rows"),
        ((X, None), TypeError, "y is missing"),
        ((X.astype(str), Y), TypeError, "x must hold numbers"),
        ((X, Y, 0), ValueError, "batch_size must be an integer of at least 1, got 0"),
        ((X, Y, 1.5), TypeError, "batch_size must be an integer of at least 1, got 1.5"),
        ((X, Y, True), TypeError, "batch_size must be an integer of at least 1, got True"),
        ((X, Y, 4, {"epoch": -1}), ValueError, "epoch must be an integer of at least 0, got -1"),
        ((X, Y, 4, {"seed": "a"}), TypeError, "seed must be an integer of at least 0 or None, got 'a'"),
        ((X, Y, 4, {"shuffle": 1}), TypeError, "shuffle must be True or False, got 1"),
        ((X, Y, 4, {"augment": "flip"}), TypeError, "augment must be a function"),
    ],
)
def test_unfit_arguments_raise_at_the_call(arguments, error, message):
    *positional, keywords = arguments if isinstance(arguments[-1], dict) else (*arguments, {})
    with pytest.raises(error, match=f"batches: .*{message}"):
        nd.batches(*positional, **keywords)


@pytest.mark.parametrize("index", [slice(2, 5), np.array([4, 0, 10])], ids=["slice", "indices"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_are_gathered_into_the_first_rows_of_a_buffer(index, dtype):
    out = np.zeros((5, 2), dtype)
    rows = gather(X, index, out)
    assert np.shares_memory(rows, out)
    assert np.array_equal(rows, X[index])
    assert not out[3:].any()
