"""A masked array is refused wherever an array enters: NumPy would drop its mask and compute with what is below it."""

import numpy as np
import pytest
from helpers_own import OwnLossObject
from helpers_training import CLASSES, WIDTH, bits, examples, plain_trainer

import npdeep as nd

X, Y = examples(8)
BITS = np.eye(CLASSES)[Y]
ONES = np.ones(8)


def trainer_with_own_loss():
    model = nd.Sequential([nd.Dense(CLASSES)], WIDTH, seed=1)
    return nd.Trainer(model, OwnLossObject(), metrics=[lambda z, y: 0.0])


def assign(name, masked):
    setattr(plain_trainer().model.layer("hidden").kernel, name, masked)


def backward(masked):
    model = plain_trainer().model
    model.forward(X, training=True)
    model.backward(masked)


ENTRANCES = {
    "fit x": (X, lambda a: plain_trainer().fit(a, Y, verbose=False)),
    "fit y": (Y, lambda a: plain_trainer().fit(X, a, verbose=False)),
    "fit y, own loss": (Y, lambda a: trainer_with_own_loss().fit(X, a, verbose=False)),
    "fit sample_weight": (ONES, lambda a: plain_trainer().fit(X, Y, sample_weight=a, verbose=False)),
    "fit validation x": (X, lambda a: plain_trainer().fit(X, Y, validation_data=(a, Y), verbose=False)),
    "fit validation y": (Y, lambda a: plain_trainer().fit(X, Y, validation_data=(X, a), verbose=False)),
    "fit batches": (X, lambda a: plain_trainer().fit([(a, Y)], verbose=False)),
    "fit bytes": (X, lambda a: plain_trainer().fit(a, Y, scale=0.5, verbose=False)),
    "fit augment": (X, lambda a: plain_trainer().fit(X, Y, augment=lambda x, rng: a, verbose=False)),
    "step x": (X, lambda a: plain_trainer().step(a, Y)),
    "step y": (Y, lambda a: plain_trainer().step(X, a)),
    "step y, own loss": (Y, lambda a: trainer_with_own_loss().step(X, a)),
    "walk": (X, lambda a: plain_trainer().walk(a, Y)),
    "evaluate x": (X, lambda a: plain_trainer().evaluate(a, Y)),
    "evaluate y": (Y, lambda a: plain_trainer().evaluate(X, a)),
    "evaluate y, own loss": (Y, lambda a: trainer_with_own_loss().evaluate(X, a)),
    "evaluate sample_weight": (ONES, lambda a: plain_trainer().evaluate(X, Y, a)),
    "predict": (X, lambda a: plain_trainer().model.predict(a)),
    "predict one": (X[0], lambda a: plain_trainer().model.predict(a)),
    "predict a list": (X[0], lambda a: plain_trainer().model.predict([a, a])),
    "forward": (X, lambda a: plain_trainer().model.forward(a)),
    "backward": (np.ones((8, CLASSES)), backward),
    "loss outputs": (BITS, lambda a: nd.losses.MeanSquaredError().forward(a, BITS)),
    "loss targets": (BITS, lambda a: nd.losses.MeanSquaredError().forward(BITS, a)),
    "loss weights": (ONES, lambda a: nd.losses.MeanSquaredError().forward(BITS, BITS, a)),
    "own loss": (BITS, lambda a: nd.Trainer(nd.Sequential([nd.Dense(1)], 1), OwnLossObject()).loss.forward(BITS, a)),
    "value": (np.ones((WIDTH, 8)), lambda a: assign("value", a)),
    "grad": (np.ones((WIDTH, 8)), lambda a: assign("grad", a)),
    "batches x": (X, lambda a: nd.batches(a, Y)),
    "batches y": (Y, lambda a: nd.batches(X, a)),
    "augmentation": (np.ones((2, 16)), lambda a: nd.augmentation.Shift(1.0)(a)),
    "value_and_slope": (ONES, lambda a: nd.activations.value_and_slope("relu", a)),
    "confusion_matrix predictions": (Y, lambda a: nd.metrics.confusion_matrix(a, Y)),
    "confusion_matrix targets": (Y, lambda a: nd.metrics.confusion_matrix(Y, a)),
    "gradient_check": (X, lambda a: nd.debug.gradient_check(plain_trainer().model, "softmax_cross_entropy", a, Y)),
    "diagnose x": (X, lambda a: nd.debug.diagnose(plain_trainer(), a, Y)),
    "diagnose y": (Y, lambda a: nd.debug.diagnose(plain_trainer(), X, a)),
    "RecordLayers": (X, lambda a: nd.callbacks.RecordLayers(a, Y)),
    "plot": (X, lambda a: nd.plots.confusion_matrix(plain_trainer().model, a, Y)),
    "images": (np.ones((2, 16)), lambda a: nd.plots.contact_sheet(a)),
    **{
        f"metric {name} {which}": (BITS, lambda a, name=name, which=which: nd.metrics.get(name)(
            *((a, BITS) if which == "outputs" else (BITS, a))
        ))
        for name in nd.metrics.KNOWN
        for which in ("outputs", "targets")
    },
}


@pytest.mark.parametrize("mask", [np.ma.nomask, True], ids=["mask not set", "mask set"])
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_a_masked_array_is_refused_with_a_cure(entrance, mask):
    good, call = ENTRANCES[entrance]
    masked = np.ma.array(good)
    if mask is True:
        masked[0] = np.ma.masked
    with pytest.raises(TypeError, match=r"a masked array, and its mask would be lost; fill .*\.filled\(0\)") as caught:
        call(masked)
    assert len(str(caught.value)) < 300


def test_the_cures_work():
    masked = np.ma.array(X)
    masked[0, 0] = np.ma.masked
    trainer = plain_trainer()
    filled = trainer.model.predict(masked.filled(0))
    assert np.isfinite(filled).all()
    assert np.array_equal(trainer.model.predict(np.ma.stack([masked[0], masked[1]]).filled(0)), filled[:2])
    assert np.array_equal(trainer.model.predict(np.ma.array(X).data), trainer.model.predict(X))


def test_a_refused_fit_changes_nothing():
    trainer = plain_trainer()
    before = bits(trainer)
    for call in (lambda: trainer.fit(np.ma.array(X), Y, verbose=False), lambda: trainer.step(X, np.ma.array(Y))):
        with pytest.raises(TypeError, match="masked"):
            call()
    assert bits(trainer) == before
