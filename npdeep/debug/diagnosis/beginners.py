"""Planted faults of data and design, as beginners meet them: targets, output activations, labels, XOR's four rows."""

from typing import Any

import numpy as np

from npdeep import optimizers
from npdeep.constraints import MaxNorm
from npdeep.debug.diagnosis.planting import Fault, Planted, digits, network
from npdeep.kernels.arrays import Array
from npdeep.layers import Activation, BatchNormalization, Dense, Dropout
from npdeep.layers.base import Layer
from npdeep.layers.hidden import hidden_layer
from npdeep.models.sequential import Sequential
from npdeep.regularizers import L2
from npdeep.training.trainer import Trainer

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])
"""Four rows and their targets."""


def mlp(
    sizes: tuple[int, ...], activation: str = "relu", last: str = "", seed: int = 0, initializer: Any = "he_normal"
) -> Sequential:
    """Dense layers hidden1, …, outputs; activations between them and on top, unless their names are empty."""
    hidden = enumerate(sizes[1:-1], 1)
    layers = [layer for i, units in hidden for layer in hidden_layer(units, activation or None, initializer, number=i)]
    layers += [Dense(sizes[-1], kernel_initializer=initializer, name="outputs")]
    return Sequential(layers + ([Activation(last, name="last")] if last else []), sizes[0], seed=seed)


def fitted(
    model: Sequential, loss: str, x: Array, y: Array, optimizer: Any = "adam", epochs: int = 60, **given: Any
) -> Planted:
    """Trained on all rows."""
    trainer = Trainer(model, loss, optimizer)
    with np.errstate(all="ignore"):
        trainer.fit(x, y, epochs=epochs, verbose=False, **given)
    return trainer, x, y


def plane() -> tuple[Array, Array]:
    """400 standard normal rows of four, and x·(1, 2, 3, 4) of each (400, 1): mean 0, standard deviation 5.5."""
    x = np.random.default_rng(0).standard_normal((400, 4))
    return x, (x @ [1.0, 2.0, 3.0, 4.0])[:, None]


def _regression(scale: float, shift: float, last: str = "", optimizer: Any = "adam", epochs: int = 60) -> Planted:
    x, y = plane()
    return fitted(mlp((4, 32, 1), last=last), "mean_squared_error", x, scale * y + shift, optimizer, epochs)


def _fourth_power() -> Planted:
    x = np.linspace(-10, 10, 400)[:, None]
    return fitted(mlp((1, 32, 32, 1)), "mean_squared_error", x / 10, x**4, epochs=40)


def _columns() -> Planted:
    """Two targets, of which one is a thousand times as large."""
    x, y = plane()
    return fitted(mlp((4, 32, 2)), "mean_squared_error", x, np.c_[y * 100, np.sin(x[:, :1]) / 2], epochs=60)


def _softmax_of_several() -> Planted:
    x, _ = plane()
    return fitted(mlp((4, 32, 3), last="softmax"), "mean_squared_error", x, (x[:, :3] > 0) * 1.0)


def _relu_logits() -> Planted:
    x, y = plane()
    return fitted(mlp((4, 32, 1), last="relu"), "binary_cross_entropy", x, (y > 0) * 1.0)


def _dead_output() -> Planted:
    """Targets that are all positive, and a last bias that keeps a ReLU below 0."""
    x, y = plane()
    model = mlp((4, 32, 1), last="relu")
    model.layer("outputs").bias.value = [-100.0]
    return fitted(model, "mean_squared_error", x, np.abs(y) / 5)


def _affine() -> Planted:
    """XOR of the signs, 400 rows."""
    x = np.random.default_rng(0).standard_normal((400, 2))
    return fitted(mlp((2, 8, 8, 2), ""), "softmax_cross_entropy", x, (x[:, 0] * x[:, 1] > 0).astype(np.int64))


def _xor(*model: Any, loss: str = "binary_cross_entropy", optimizer: Any = None, **given: Any) -> Planted:
    rate = optimizers.Adam(0.1) if optimizer is None else optimizer
    return fitted(mlp(*model, **given), loss, *XOR, rate, epochs=2000)


def _single_rows() -> Planted:
    """600 updates, each on one row."""
    x, y = digits(600)
    trainer = Trainer(network(1, normalized=0.9), "softmax_cross_entropy", "adam")
    for row in range(len(x)):
        trainer.step(x[row : row + 1], y[row : row + 1])
    return trainer, x, y


def _single_last_rows() -> Planted:
    """Every third batch had one row: what such batches made of the variances, in files of earlier versions too."""
    x, y = plane()
    model = Sequential([BatchNormalization(name="normalization1"), Dense(1, name="outputs")], 4, seed=0)
    trainer, x, y = fitted(model, "mean_squared_error", x * 2 + 5, y / 5, optimizers.Adam(0.05), 30)
    model.layer("normalization1").moving_variance.value *= np.float32(0.63)
    return trainer, x, y


def _shuffled() -> Planted:
    x, y = digits()
    return fitted(network(1), "softmax_cross_entropy", x, np.random.default_rng(0).permutation(y), optimizers.SGD(0.01), 5)


def _by_heart() -> Planted:
    x, y = digits()
    wrong, rest = np.random.default_rng(0).permutation(y[:500]), (x[500:], y[500:])
    return fitted(network(1), "softmax_cross_entropy", x[:500], wrong, epochs=40, validation_data=rest)


def _moved() -> Planted:
    """The eight bytes of an IDX file's header were read as labels: each belongs to the row eight places before."""
    x, y = digits()
    header = np.array([0, 0, 8, 1, 0, 0, 3, 8])
    return fitted(network(1), "softmax_cross_entropy", x, np.concatenate([header, y])[: len(y)], optimizers.SGD(0.01), 5)


def _moved_far(places: int, **given: Any) -> Planted:
    """Labels that belong to other rows, learnt by heart."""
    x, y = digits()
    return fitted(network(1), "softmax_cross_entropy", x[:500], np.roll(y, places)[:500], epochs=40, **given)


def _moved_with_validation() -> Planted:
    x, y = digits()
    return _moved_far(90, validation_data=(x[500:], np.roll(y, 90)[500:]))


def _pairs() -> Planted:
    x, y = digits(400)
    return fitted(network(1, normalized=0.9), "softmax_cross_entropy", x, y, epochs=1, batch_size=2)


def _hidden_softmax() -> Planted:
    x, y = digits()
    return fitted(network(2, "softmax"), "softmax_cross_entropy", x, y, optimizers.SGD(0.1), epochs=5)


def _digits_as_numbers() -> Planted:
    x, y = digits()
    return fitted(network(1, outputs=1), "mean_squared_error", x, y[:, None] * 1.0, epochs=5)


def _from_one() -> Planted:
    x, y = digits()
    return fitted(network(1, outputs=11), "softmax_cross_entropy", x, y + 1, epochs=3)


def _one_hot_from_one() -> Planted:
    x, y = digits()
    return fitted(network(1, outputs=11), "softmax_cross_entropy", x, np.eye(11)[y + 1], epochs=3)


def _held_down(**held: Any) -> Planted:
    """kernel_regularizer or kernel_constraint, of two layers."""
    x, y = digits()
    layers = [Dense(50, kernel_initializer="he_normal", name="hidden1", **held), Activation("relu", name="activation1")]
    model = Sequential([*layers, Dense(10, name="outputs", **held)], 784, seed=0)
    return fitted(model, "softmax_cross_entropy", x, y, epochs=5)


def _drowned() -> Planted:
    x, y = digits()
    layers = [Dense(50, kernel_initializer="he_normal", name="hidden1"), Activation("relu", name="activation1")]
    dropout = [Dropout(0.95, name="dropout1"), *layers, Dropout(0.95, name="dropout2")]
    return fitted(Sequential([*dropout, Dense(10, name="outputs")], 784, seed=0), "softmax_cross_entropy", x, y, epochs=5)


def _other_rows() -> Planted:
    """Trained on digits, asked about their negatives."""
    trainer, x, y = fitted(network(1), "softmax_cross_entropy", *digits(), epochs=3)
    return trainer, 1 - x, y


def _constant_targets() -> Planted:
    x, y = plane()
    return fitted(mlp((4, 32, 1)), "mean_squared_error", x, np.full_like(y, 3), epochs=20)


def _zeros_from_above() -> Planted:
    """A custom layer whose backward was forgotten."""

    class Half(Layer):
        def forward(self, x: Any, training: bool = False) -> Any:
            return x / 2

        def backward(self, grad_output: Any) -> Any:
            return np.zeros_like(grad_output)

    x, y = plane()
    Half.__module__ = "__main__"              # as in the user's script
    layers = [Dense(32, name="hidden1"), Half("half"), Activation("relu", name="activation1"), Dense(1, name="outputs")]
    return fitted(Sequential(layers, 4, seed=0), "mean_squared_error", x, y / 5)


def _missing() -> Planted:
    x, y = digits()
    few = (y != 3) & (y != 7)
    return fitted(network(1), "softmax_cross_entropy", x[few], y[few], epochs=3)


BEGINNERS = {
    "house_prices": Fault(
        "targets of 200,000 ± 270,000", "unscaled_targets", "labels", lambda: _regression(5e4, 2e5), ("chance_level",)
    ),
    "house_prices_sgd": Fault(
        "the same under gradient descent, which ends in NaN",
        "unscaled_targets",
        "labels",
        lambda: _regression(5e4, 2e5, optimizer=optimizers.SGD(0.01), epochs=3),
        ("nan",),
    ),
    "fourth_power": Fault(
        "y = x⁴ with x to 10: targets to 10,000", "unscaled_targets", "labels", _fourth_power, ("chance_level",)
    ),
    "target_columns": Fault("of two targets one is a thousand times as large", "unscaled_targets", "labels", _columns),
    "relu_outputs": Fault(
        "a ReLU over the outputs, targets around 0", "output_range", "last", lambda: _regression(1.0, 0.0, "relu", epochs=40)
    ),
    "relu_outputs_dead": Fault(
        "a ReLU over the outputs, targets around −20",
        "output_range",
        "last",
        lambda: _regression(1.0, -20.0, "relu", optimizers.Adam(0.01), 20),
        ("unscaled_targets", "dead", "vanishing", "chance_level"),
    ),
    "sigmoid_outputs": Fault(
        "a logistic function over the outputs, targets from 50 to 400",
        "output_range",
        "last",
        lambda: _regression(10.0, 225.0, "sigmoid"),
        ("unscaled_targets", "saturated", "vanishing", "chance_level", "update_too_small"),
    ),
    "tanh_outputs": Fault(
        "tanh over the outputs, targets to ±15",
        "output_range",
        "last",
        lambda: _regression(1.0, 0.0, "tanh"),
        ("chance_level",),
    ),
    "softmax_outputs": Fault("softmax over three yes-or-no outputs", "output_range", "last", _softmax_of_several),
    "relu_logits": Fault("a ReLU under a loss that takes logits", "output_range", "last", _relu_logits),
    "dead_output": Fault(
        "a ReLU over the outputs that never fires", "dead", "outputs", _dead_output, ("vanishing", "chance_level")
    ),
    "no_activation": Fault(
        "no activation between three layers, on XOR", "no_activation", "hidden1", _affine, ("chance_level",)
    ),
    "xor_dead": Fault(
        "XOR's four rows, both ReLUs dead", "dead", "hidden1", lambda: _xor((2, 2, 1), seed=1), ("vanishing", "chance_level")
    ),
    "xor_stuck": Fault(
        "XOR's four rows, logistic units under a squared error, too slow a rate",
        "chance_level",
        "outputs",
        lambda: _xor((2, 2, 1), "sigmoid", "sigmoid", loss="mean_squared_error", optimizer=optimizers.SGD(0.01)),
    ),
    "xor_zeros": Fault(
        "XOR's four rows, all weights begin at 0",
        "symmetric",
        "hidden1",
        lambda: _xor((2, 2, 1), initializer="zeros"),
        ("dead", "vanishing", "chance_level"),
    ),
    "xor_no_activation": Fault(
        "XOR's four rows, no activation", "no_activation", "hidden1", lambda: _xor((2, 8, 8, 1), ""), ("chance_level",)
    ),
    "single_rows": Fault("batch normalization in batches of one row", "single_rows", "normalization1", _single_rows),
    "single_last_rows": Fault(
        "the last of every three batches had one row", "single_rows", "normalization1", _single_last_rows
    ),
    "shuffled_labels": Fault(
        "labels in another order than the rows", "mismatched_labels", "labels", _shuffled, ("chance_level",)
    ),
    "shuffled_by_heart": Fault("the same, learnt by heart", "mismatched_labels", "labels", _by_heart),
    "labels_moved": Fault(
        "the header of the file was read as labels", "mismatched_labels", "labels", _moved, ("chance_level",)
    ),
    "labels_moved_far": Fault(
        "labels moved by 40 rows, learnt by heart", "mismatched_labels", "labels", lambda: _moved_far(40)
    ),
    "labels_moved_farther": Fault(
        "by 90 rows, with validation rows", "mismatched_labels", "labels", _moved_with_validation
    ),
    "pairs": Fault("batch normalization in batches of two rows", "single_rows", "normalization1", _pairs),
    "hidden_softmax": Fault(
        "softmax between the layers", "hidden_softmax", "activation1", _hidden_softmax, ("vanishing", "chance_level")
    ),
    "classes_as_numbers": Fault(
        "digits as numbers under a squared error", "classes_as_numbers", "labels", _digits_as_numbers
    ),
    "labels_from_one": Fault("labels 1 to 10 on 11 outputs", "labels_from_one", "labels", _from_one),
    "one_hot_from_one": Fault("one-hot rows whose first column is empty", "labels_from_one", "labels", _one_hot_from_one),
    "other_rows": Fault("trained on digits, asked about their negatives", "chance_level", "outputs", _other_rows),
    "constant_targets": Fault("the same target in every row", "constant", "labels", _constant_targets),
    "penalty_too_large": Fault(
        "an L2 penalty of 1 on all weights",
        "overregularized",
        "hidden1",
        lambda: _held_down(kernel_regularizer=L2(1.0)),
        ("dead", "nearly_dead", "always_on", "vanishing", "chance_level"),
    ),
    "constraint_too_narrow": Fault(
        "all weights within a norm of 0.01",
        "overregularized",
        "hidden1",
        lambda: _held_down(kernel_constraint=MaxNorm(0.01)),
        ("dead", "nearly_dead", "always_on", "vanishing", "chance_level"),
    ),
    "dropout_too_high": Fault(
        "dropout with a rate of 0.95", "too_much_noise", "dropout1", _drowned, ("dead", "nearly_dead", "chance_level")
    ),
    "backward_of_zeros": Fault("a custom layer whose backward gives zeros", "vanishing", "half", _zeros_from_above),
    "missing_classes": Fault("no row of two of ten classes", "imbalance", "labels", _missing),
}
"""All of these by name."""
