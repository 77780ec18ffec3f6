"""The numbers of a network as a dict: out, in again, and what is refused with nothing changed."""

import numpy as np
import pytest

import npdeep as nd


def network(seed=0, dtype="float32"):
    block = nd.Residual([nd.Dense(4), nd.BatchNormalization(), nd.PReLU()], name="block")
    return nd.Sequential([nd.Dense(4, name="a"), block, nd.Dense(3, name="outputs")], 5, seed=seed, dtype=dtype)


def test_what_goes_out_comes_in_again():
    old, new = network(0), network(1)
    nd.Trainer(old, "mean_squared_error").step(np.random.default_rng(0).normal(size=(9, 5)), np.zeros((9, 3)))
    new.load_state_dict(old.state_dict())
    x = np.random.default_rng(1).normal(size=(7, 5))
    assert np.array_equal(new.predict(x), old.predict(x))
    assert list(old.state_dict()) == [p.name for p in old.parameters]


def test_the_arrays_are_fresh():
    model = network()
    kept = model.state_dict()
    before = model.arena.values.copy()
    for array in kept.values():
        array += 1
    assert np.array_equal(model.arena.values, before)


def test_other_dtypes_and_the_models_own_views_are_taken():
    model, wide = network(0), network(1, "float64")
    wide.load_state_dict(model.state_dict())
    assert all(np.array_equal(a, b) for a, b in zip(wide.state_dict().values(), model.state_dict().values(), strict=True))
    live = {p.name: p.value for p in model.parameters}
    live["a/bias"], live["block/dense/bias"] = live["block/dense/bias"], live["a/bias"]
    live["a/bias"][...], live["block/dense/bias"][...] = 1, 2
    model.load_state_dict(live)                # each is written while the other is still to be read
    assert model.layer("a").bias.value[0] == 1
    assert model.layer("block/dense").bias.value[0] == 2


def changed(**changes):
    state = network(1).state_dict()
    state.update({name.replace("__", "/"): value for name, value in changes.items()})
    return {name: value for name, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("mapping", "kind", "says"),
    [
        (changed(outputs__bias=None), ValueError, "outputs/bias is missing"),
        (changed(extra__bias=np.zeros(3)), ValueError, "no 'extra/bias'"),
        (changed(outputs__kernel=np.zeros((3, 4))), ValueError, r"\(4, 3\), got \(3, 4\); .*\.T"),
        (changed(outputs__bias=np.float32(0)), ValueError, r"\(3,\), got \(\)"),
        (changed(outputs__bias=[1.0, np.nan, 0.0]), ValueError, "outputs/bias holds nan"),
        (changed(outputs__bias=[1e300, 0.0, 0.0]), ValueError, "float32 cannot hold"),
        (changed(outputs__bias=["a", "b", "c"]), TypeError, "outputs/bias must hold numbers"),
        (changed(block__batch_normalization__moving_variance=-np.ones(4)), ValueError, "never negative"),
        ([1, 2], TypeError, "must be a dict"),
        ({1: 2}, ValueError, "the model has no 1"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(mapping, kind, says):
    model = network()
    before = model.arena.values.copy()
    with pytest.raises(kind, match=f"load_state_dict: .*{says}"):
        model.load_state_dict(mapping)
    assert np.array_equal(model.arena.values, before)
