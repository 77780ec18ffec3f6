"""A network with every kind of layer, something to train it on, and all the bits that training changes."""

from typing import Any

import numpy as np

import npdeep as nd

WIDTH, CLASSES = 6, 3


def every_layer() -> list[nd.layers.Layer]:
    """All kinds of layers, with every kind of noise, statistics, penalty and limit."""
    return [
        nd.Dense(12, kernel_regularizer=nd.regularizers.L1(1e-3), name="hidden1"),
        nd.BatchNormalization(name="hidden1_bn"),
        nd.Activation("elu"),
        nd.Dropout(0.3),
        nd.Maxout(10),
        nd.GaussianDropout(0.2),
        nd.PReLU(),
        nd.AlphaDropout(0.1),
        nd.Dense(8, kernel_constraint=nd.constraints.MaxNorm(1.0), name="hidden2"),
        nd.GLU(),
        nd.RReLU(),
        nd.GaussianNoise(0.1),
        nd.Activation("gelu"),
        nd.Dense(CLASSES, bias_regularizer="l2", name="outputs"),
    ]


def every_trainer(optimizer: Any = None, seed: int = 1, dtype: str = "float32") -> nd.Trainer:
    """A trainer of the network with every layer, with clipping and momentum."""
    model = nd.Sequential(every_layer(), WIDTH, seed=seed, dtype=dtype)
    optimizer = nd.optimizers.Momentum(0.05, 0.9) if optimizer is None else optimizer
    clipping = nd.clipping.ClipByGlobalNorm(0.5)
    return nd.Trainer(model, "softmax_cross_entropy", optimizer, clipping=clipping, metrics=["accuracy"])


def plain_trainer(optimizer: Any = "sgd", seed: int = 1, **kwargs: Any) -> nd.Trainer:
    """A trainer of a small network without noise and statistics."""
    layers = [nd.Dense(8, name="hidden"), nd.Activation("tanh"), nd.Dense(CLASSES, name="outputs")]
    return nd.Trainer(nd.Sequential(layers, WIDTH, seed=seed), "softmax_cross_entropy", optimizer, **kwargs)


def examples(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x (n, WIDTH) float32 and labels (n,) that can be learnt from it."""
    x = np.random.default_rng(seed).standard_normal((n, WIDTH), dtype=np.float32)
    return x, x[:, :CLASSES].argmax(axis=1)


def bits(trainer: nd.Trainer) -> dict[str, Any]:
    """Everything that a step changes, to the bit: equal for trainers that will continue alike."""
    model, optimizer = trainer.model, trainer.optimizer
    return {
        "weights and statistics": model.arena.values.tobytes(),
        "slots": {name: slot.tobytes() for name, slot in optimizer.slots.items()},
        "numbers of the optimizer": optimizer.state(),
        "generators": [str(layer.rng.bit_generator.state) for layer in model.layers],
        "iteration": trainer.iteration,
        "epoch": (trainer.epoch, trainer.batches_done),
    }
