"""Networks from and to Keras, weights and all, and as Keras code.

The same outputs, gradients and training steps; what cannot be converted is refused by name. Three things differ:

- what is drawn in dropout and noise;
- batch normalization of a single row in training, which npdeep normalizes by the moving statistics and Keras by itself, to 0;
- float64, where Keras computes matrix products or statistics in float32 unless its backend is TensorFlow.

Needs the package keras, 3.12 or later, extra `keras`, and one that Keras computes with: torch, jax or tensorflow, named by the
environment variable KERAS_BACKEND. `keras_source` needs none.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from npdeep import layers as kinds
from npdeep.common import checks
from npdeep.interop.keras_program import Program
from npdeep.interop.keras_reading import Reading
from npdeep.interop.optional import check_model, needed
from npdeep.models.sequential import Sequential

__all__ = ["from_keras", "keras_source", "to_keras"]

OLDEST = (3, 12)
"""Before it networks with keras.ops.glu got the wrong widths."""


def to_keras(model: Sequential) -> Any:
    """The network as a functional keras.Model, with its weights, moving statistics, penalties and constraints, in its dtype.

    Layers have the names of ours: block1/hidden becomes block1_hidden. Residual is an Add, Parallel an Add or Concatenate. What
    Keras has as a function alone (celu with an alpha, gelu_tanh, GLU, …) is one of keras.ops. What is frozen has
    trainable = False. In norms that constraints limit Keras adds 1e-7, which shows in the seventh digit.
    The scale of the last fit stays behind: the model takes rows that are scaled already, as model.forward does. The first
    weights that `keras.models.clone_model` draws are those of Keras's defaults.

    Raises ValueError for a layer that Keras does not have, ImportError where Keras is missing.

    >>> net = nd.interop.keras.to_keras(trainer.model)  # doctest: +SKIP
    >>> net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))  # doctest: +SKIP
    """
    owner = "to_keras"
    model = check_model(owner, model)
    with model.lock:                          # not in the midst of a step
        program = program_of(owner, model)
        keras = library(owner)
        with undrawn():
            net, made = program.run(keras)
        for layer, part in made:
            fill(layer, part)
    return net


def fill(layer: Any, part: Any) -> None:
    """Copy the numbers of a layer, and what is frozen of it."""
    if isinstance(layer, kinds.Residual | kinds.Parallel):
        return                                # those of its layers are filled with theirs
    variables = {variable.name: variable for variable in part.weights}
    kept = [p for p in layer.parameters if p.has_grad]
    for parameter in layer.parameters:
        variables[parameter.name.rpartition("/")[2]].assign(parameter.value.copy())
    frozen = [p for p in kept if not p.trainable]
    if (layer.batch_statistics and layer.use_moving_statistics) or (frozen == kept != [] and not layer.batch_statistics):
        part.trainable = False
    else:
        for parameter in frozen:
            variables[parameter.name.rpartition("/")[2]].trainable = False


def from_keras(net: Any, *, seed: int | None = None, expand_prelu: bool = False) -> Sequential:
    """A Sequential with the layers, weights, statistics, penalties and constraints of a Keras model, which stays as it is.

    Args:
        net: a keras.Sequential that is built, or a functional keras.Model with one input and one output, of float32 or float64.
            Paths that part and come together again in an Add become Residual or Parallel, in a Concatenate Parallel.
        seed: for the noise of dropout.
        expand_prelu: turn a PReLU with one slope for all units (shared_axes) into one slope for each. Outputs are the same,
            training is not, so it is refused unless you ask for it.

    Inner models are taken apart; Flatten is left out, so images become rows: model.predict(images.reshape(n, -1)). The
    activation inside a layer becomes a layer of its own, Dense(10, activation="softmax", name="outputs") the layers outputs and
    outputs_softmax: outputs are those of Keras. npdeep's losses take logits; to train on, leave the last activation out:
    model.with_layers([], keep="outputs"). trainable = False freezes.

    Raises ValueError or TypeError, with the name of the layer, for what npdeep does not have, ImportError without Keras.

    >>> layers = [keras.Input((784,)), keras.layers.Dense(100, "relu"), keras.layers.Dense(10)]  # doctest: +SKIP
    >>> model = nd.interop.keras.from_keras(keras.Sequential(layers))  # doctest: +SKIP
    """
    owner = "from_keras"
    keras = library(owner)
    if not isinstance(net, keras.Model):
        cure = "; put it into keras.Sequential([keras.Input((width,)), layer])" if isinstance(net, keras.layers.Layer) else ""
        raise TypeError(f"{owner}: net must be a keras.Model, got {checks.describe(net)}{cure}")
    reading = Reading(keras, checks.flag(owner, "expand_prelu", expand_prelu))
    layers = reading.layers(net)
    model = Sequential(layers, reading.width, seed, reading.dtype())
    reading.fill()
    return model


def keras_source(model: Sequential) -> str:
    """The network as Keras code that makes `model`, for print. Its weights: model.set_weights(to_keras(ours).get_weights()).

    Raises ValueError for a layer that Keras does not have.

    >>> import npdeep as nd
    >>> layers = [nd.Residual([nd.Dense(4), nd.Activation("relu")], name="block1"), nd.Dense(2, name="outputs")]
    >>> print(keras_source(nd.Sequential(layers, input_size=4)))
    import keras
    from keras import layers
    <BLANKLINE>
    inputs = keras.Input((4,), name="inputs")
    branch1 = layers.Dense(4, name="block1_dense")(inputs)
    branch1 = layers.Activation("relu", name="block1_activation")(branch1)
    x = layers.Add(name="block1")([branch1, inputs])
    x = layers.Dense(2, name="outputs")(x)
    model = keras.Model(inputs, x, name="sequential")
    """
    owner = "keras_source"
    return program_of(owner, check_model(owner, model)).written()


def program_of(owner: str, model: Sequential) -> Program:
    """The program; an error that names the layer which Keras lacks begins with the owner."""
    try:
        return Program(model)
    except ValueError as error:
        raise ValueError(f"{owner}: {error}") from None


def library(owner: str) -> Any:
    """Keras. Raises ImportError where it is missing, too old, or has nothing to compute with, with the cure."""
    try:
        keras = needed(owner, "keras", "keras")
    except ModuleNotFoundError as error:      # Keras is there, and what it computes with is not
        raise ImportError(
            f"{owner} needs Keras, and Keras {error.name}, which is not installed; install it, or start Python again and set "
            "another one that is, before Keras is imported: os.environ['KERAS_BACKEND'] = 'torch' (or 'jax', 'tensorflow')"
        ) from None
    if tuple(map(int, keras.__version__.split(".")[:2])) < OLDEST:
        wanted = f"Keras {OLDEST[0]}.{OLDEST[1]} or later, got {keras.__version__}"
        raise ImportError(f"{owner} needs {wanted}: python -m pip install --upgrade 'npdeep[keras]'")
    return keras


@contextmanager
def undrawn() -> Iterator[None]:
    """Leave Python's generator alone, from which Keras draws the seeds of what is then replaced."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
