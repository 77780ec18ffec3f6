"""How often `s` must be pressed in pdb: from a call into what it is about, as a student does it."""

import bdb
import gc
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers_training import examples

import npdeep as nd

KERNELS = str(Path(nd.__file__).parent / "kernels")


class Presses(bdb.Bdb):
    """Counts where `s` stops, up to the call of a function that `arrived` knows by its code."""

    def __init__(self, arrived):
        super().__init__()
        self.arrived, self.count, self.there = arrived, 0, False

    def user_call(self, frame, arguments):
        self.stop()
        if self.arrived(frame.f_code):
            self.there = True
            sys.settrace(None)

    def user_line(self, frame):
        self.stop()

    def user_return(self, frame, value):
        self.stop()

    def user_exception(self, frame, error):
        self.stop()

    def stop(self):
        self.count += not self.there


def presses(call, arrived):
    """How many stops from the line `call()` to the function."""
    counter = Presses(arrived)
    counter.reset()
    counter.set_step()
    former = sys.gettrace()
    gc.disable()                              # hypothesis has a callback there, whose stops would count
    sys.settrace(counter.trace_dispatch)
    try:
        call()
    finally:
        sys.settrace(former)
        gc.enable()
    assert counter.there
    return counter.count - 2                  # the call of `call` itself, and its line


def in_kernels(code):
    return code.co_filename.startswith(KERNELS)


def trainer_of(loss, optimizer="sgd", layers=None, units=3):
    layers = layers or [nd.Dense(8), nd.Activation("relu"), nd.Dense(units)]
    return nd.Trainer(nd.Sequential(layers, 6, seed=0), loss, optimizer)


X = examples(10)[0].astype(np.float32)
LABELS = np.arange(10) % 3
NUMBERS = np.linspace(0, 1, 30, dtype=np.float32).reshape(10, 3)
STEPS = {
    "labels": (lambda: trainer_of("softmax_cross_entropy"), LABELS),
    "adam": (lambda: trainer_of("softmax_cross_entropy", "adam"), LABELS),
    "momentum": (lambda: trainer_of("softmax_cross_entropy", "momentum"), LABELS),
    "numbers": (lambda: trainer_of("mean_squared_error"), NUMBERS),
    "huber": (lambda: trainer_of("huber"), NUMBERS),
    "bits": (lambda: trainer_of("binary_cross_entropy"), NUMBERS.round()),
    "without bias": (lambda: trainer_of("mean_squared_error", layers=[nd.Dense(3, use_bias=False)]), NUMBERS),
    "relu first": (lambda: trainer_of("mean_squared_error", layers=[nd.Activation("relu"), nd.Dense(3)]), NUMBERS),
}


@pytest.mark.parametrize("kind", STEPS)
def test_from_step_a_student_reaches_the_first_kernel_in_25_presses(kind):
    make, y = STEPS[kind]
    trainer = make()
    first = presses(lambda: trainer.step(X, y), in_kernels)
    trainer.step(X[:7].copy(), y[:7].copy())
    trainer.step(X, y)
    most = 25 + (kind == "relu first")        # its layer has a line more
    assert presses(lambda: trainer.step(X, y), in_kernels) <= most
    prepared = make()
    prepared.prepare(len(X))
    assert presses(lambda: prepared.step(X, y), in_kernels) <= most
    assert first <= (90 if kind == "relu first" else 45)    # the lowest layer makes its buffers on the way


class Twice(nd.layers.Layer):
    def forward(self, x, training=False):
        return x * 2

    def backward(self, grad_output):
        return grad_output * 2


def test_the_way_into_a_custom_layer_is_hardly_longer():
    trainer = trainer_of("mean_squared_error", layers=[Twice(), nd.Dense(3)])
    trainer.step(X, NUMBERS)
    assert presses(lambda: trainer.step(X, NUMBERS), lambda code: code is Twice.forward.__code__) <= 36


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: nd.Dense(3), nd.Dense),
        (lambda: nd.Dropout(0.5), nd.Dropout),
        (lambda: nd.optimizers.Adam(0.1), nd.optimizers.Adam),
        (lambda: nd.losses.Huber(), nd.losses.Huber),
        (lambda: nd.schedules.PowerDecay(0.1, 10), nd.schedules.PowerDecay),
        (lambda: nd.regularizers.L2(0.1), nd.regularizers.L2),
        (lambda: nd.Sequential([nd.Dense(3)], 6), nd.Sequential),
        (lambda: nd.callbacks.EarlyStopping("loss"), nd.callbacks.EarlyStopping),
    ],
)
def test_making_a_part_passes_at_most_10_stops_before_its_init(make, kind):
    if kind is nd.Sequential:                 # its layers are made before it
        layers = [nd.Dense(3)]
        assert presses(lambda: nd.Sequential(layers, 6), lambda code: code is kind.__init__.__code__) <= 10
    else:
        assert presses(make, lambda code: code is kind.__init__.__code__) <= 10
