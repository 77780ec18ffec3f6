"""From the networks of scikit-learn: MLPClassifier and MLPRegressor."""

from itertools import pairwise
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.interop.optional import needed
from npdeep.kernels.arrays import Array
from npdeep.layers import Activation, Dense
from npdeep.layers.base import Layer
from npdeep.models.sequential import Sequential
from npdeep.models.state import check_array

ACTIVATIONS = {"identity": None, "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
"""Their names of activations and ours."""
OUTPUTS = {"identity": None, "softmax": None, "logistic": None, "exp": "exponential"}
"""The function after the last layer: softmax and logistic are part of npdeep's losses, and left out."""


def from_mlp(mlp: Any, seed: int | None = None) -> Sequential:
    """A Sequential with the weights of a fitted MLPClassifier or MLPRegressor, which is not changed.

    A regressor's outputs are its predictions, (n, outputs). A classifier's are logits, as npdeep's losses take them: one for
    each class, `mlp.classes_[logits.argmax(axis=1)]`; of two classes a single one, positive for the second; of several labels
    one for each. Probabilities are their softmax; of two classes and of labels their sigmoid.

    To train on as scikit-learn does: nd.losses.SoftmaxCrossEntropy(), BinaryCrossEntropy() for two classes and for labels,
    MeanSquaredError() for a regressor. With k outputs scikit-learn's gradient is k times that of BinaryCrossEntropy, k/2
    times that of MeanSquaredError: so must be the learning rate. The penalty stays behind: it is
    nd.regularizers.L2(alpha / (2n)) on the kernels, n the rows of a batch.

    The dtype is that of the weights. Raises ValueError where mlp is not fitted, or its weights are not finite numbers,
    TypeError where it is something else.

    >>> from sklearn.neural_network import MLPRegressor
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> mlp = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", random_state=0).fit(x, x[:, 0] ** 2)
    >>> model = from_mlp(mlp)
    >>> model, bool(np.allclose(model.predict(x)[:, 0], mlp.predict(x), rtol=0, atol=1e-12))
    (<Sequential sequential 1-5-1 float64>, True)
    """
    owner = "from_mlp"
    networks = needed(owner, "sklearn.neural_network", "sklearn")
    if not isinstance(mlp, networks.MLPClassifier | networks.MLPRegressor):
        raise TypeError(f"{owner}: mlp must be an MLPClassifier or MLPRegressor, got {checks.describe(mlp)}{_inside(mlp)}")
    kind = type(mlp).__name__
    if not hasattr(mlp, "coefs_"):
        raise ValueError(f"{owner}: the {kind} is not fitted, and has no weights yet; call mlp.fit(X, y) first")
    hidden = ACTIVATIONS[checks.choice(owner, "activation", mlp.activation, ACTIVATIONS)]
    last = OUTPUTS[checks.choice(owner, "out_activation_", getattr(mlp, "out_activation_", None), OUTPUTS)]
    kernels, biases = _numbers(owner, mlp)
    dtype = "float32" if all(array.dtype == np.float32 for array in kernels) else "float64"
    model = Sequential(_layers(kernels, hidden, last), len(kernels[0]), seed, dtype)
    dense = [layer for layer in model.layers if isinstance(layer, Dense)]
    for layer, *numbers in zip(dense, kernels, biases, strict=True):
        for parameter, array in zip(layer.parameters, numbers, strict=True):
            parameter.value = check_array(owner, parameter, array)
    return model


def _numbers(owner: str, mlp: Any) -> tuple[list[Array], list[Array]]:
    """The kernels and the biases, which fit each other. Raises ValueError or TypeError where they do not."""
    try:
        given = [*zip(mlp.coefs_, mlp.intercepts_, strict=True)]
    except Exception as error:                # there are none, or not as many of one as of the other
        what = checks.shortened(str(error), 100)
        raise ValueError(f"{owner}: coefs_ and intercepts_ cannot be read together ({what}); fit the network again") from None
    kernels = [checks.real_array(owner, f"coefs_[{k}]", kernel) for k, (kernel, _) in enumerate(given)]
    biases = [checks.real_array(owner, f"intercepts_[{k}]", bias) for k, (_, bias) in enumerate(given)]
    before: int | None = None
    for k, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        if kernel.ndim != 2 or before not in (None, len(kernel)) or bias.shape != kernel.shape[1:] or not kernel.size:
            wanted = f"({before or 'inputs'}, units) and (units,)"
            shapes = f"{kernel.shape} and {bias.shape}" if kernel.ndim < 9 else f"{kernel.ndim} axes"
            raise ValueError(f"{owner}: coefs_[{k}] and intercepts_[{k}] must have the shapes {wanted}, got {shapes}")
        before = len(bias)
    if not kernels:
        raise ValueError(f"{owner}: coefs_ is empty; fit the network again")
    return kernels, biases


def _layers(kernels: Any, hidden: str | None, last: str | None) -> list[Layer]:
    """The layers between which these kernels lie."""
    layers: list[Layer] = []
    for number, (kernel, _) in enumerate(pairwise(kernels), start=1):
        layers.append(Dense(kernel.shape[1], name=f"hidden{number}"))
        layers += [] if hidden is None else [Activation(hidden, name=f"activation{number}")]
    layers.append(Dense(kernels[-1].shape[1], name="outputs"))
    return layers if last is None else [*layers, Activation(last, name="rates")]


def _inside(wrapped: Any) -> str:
    """Where the network is that something else holds."""
    if hasattr(wrapped, "best_estimator_"):
        return "; pass its .best_estimator_"
    if hasattr(wrapped, "steps"):
        return "; pass its last step, pipeline[-1]; the model takes rows as they leave the steps before it, pipeline[:-1]"
    return "; its network is its .model_" if isinstance(getattr(wrapped, "model_", None), Sequential) else ""
