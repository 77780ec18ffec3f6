"""Which layer of npdeep a layer of Keras is, or a function of keras.ops."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from npdeep import constraints, regularizers
from npdeep import layers as kinds
from npdeep.common import checks
from npdeep.interop.keras_calls import ACTIVATIONS, CLASSES, PARTS, SPARSEMAX
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer

Made = list[tuple[Layer, Any]]
Namer = Callable[[str], str]
HOMES: dict[str, Any] = {"regularizers": regularizers, "constraints": constraints}
NOISE = {"Dropout": "rate", "AlphaDropout": "rate", "GaussianDropout": "rate", "GaussianNoise": "stddev"}
"""Layers that have the same name in both, and what their argument is called in both."""


def wrong(part: Any, reason: str) -> ValueError:
    """The error that names a layer, or a function in the graph, by name and kind."""
    name, kind = checks.shortened(repr(part.name)), checks.shortened(type(part).__name__)
    return ValueError(f"from_keras: layer {name} is a {kind} {reason}")


class Kinds:
    """What is known of this Keras.

    Attributes:
        unknown: what to say of a layer that npdeep lacks.
    """

    def __init__(self, keras: Any, expand_prelu: bool) -> None:
        self.keras, self.expand_prelu = keras, expand_prelu
        self.classes = {theirs: ours for ours, theirs in CLASSES.items()}
        self.makers: dict[str, Callable[[Any, Namer], Made]] = {
            "Dense": self.dense,
            "BatchNormalization": self.batch_normalization,
            "LayerNormalization": self.layer_normalization,
            "PReLU": self.prelu,
            "Activation": lambda part, name: self.function(part, part.activation, name(part.name)),
            "Softmax": lambda part, name: self.activation(part, "softmax", {"axis": part.axis}, name(part.name)),
            **dict.fromkeys(CLASSES.values(), self.of_class),
            **dict.fromkeys(NOISE, self.noise),
            **dict.fromkeys(("Flatten", "Reshape"), lambda part, name: []),
            "Identity": lambda part, name: [],
        }
        read = checks.listed(sorted([*self.makers, "Add", "Concatenate"]), 130)
        self.unknown = f"which npdeep does not have; from_keras reads {read}"

    def is_own(self, part: Any) -> bool:
        """Is it of Keras itself, or a function of keras.ops in the graph? A class that somebody derived may do anything."""
        if isinstance(part, self.keras.layers.Layer):
            return type(part) is getattr(self.keras.layers, type(part).__name__, None)
        return type(part).__module__.startswith("keras.")

    def merges(self, part: Any) -> bool:
        """Do branches come together in it?"""
        return type(part).__name__ in ("Add", "Concatenate") and self.is_own(part)

    def splits(self, node: Any) -> bool:
        """Does a call of keras.ops.split cut the columns?"""
        return node is not None and type(node.operation).__name__ == "Split" and self.is_own(node.operation)

    def made(self, part: Any, shape: tuple[Any, ...], name: Namer) -> Made:
        """The layers that a part is, each with that of Keras whose numbers go into it."""
        maker = self.makers.get(type(part).__name__) if isinstance(part, self.keras.layers.Layer) else self.operation
        if maker is None or not self.is_own(part):
            raise wrong(part, self.unknown)
        if type(part).__name__ == "Flatten" and part.data_format == "channels_first" and len(shape) > 2:
            raise wrong(part, "with data_format='channels_first', which reorders the pixels; npdeep takes rows as they are")
        try:
            made = maker(part, name)
        except Exception as error:            # a rate of 1, which npdeep does not take; attributes that somebody has changed
            text = str(error)
            cannot = f"that cannot be: {checks.shortened(text, 150)}"
            raise (error if text.startswith("from_keras: ") else wrong(part, cannot)) from None
        if len(shape) != 2 and not all(by_element(layer) for layer, _ in made):
            raise wrong(part, f"on {shape}; npdeep's examples are rows: put keras.layers.Flatten() before it")
        return made

    # ── layers with something to look at ──────────────────────────────────────────────────────────────────────────────
    def dense(self, part: Any, name: Namer) -> Made:
        """A Dense, and the activation inside it."""
        if part.quantization_mode if hasattr(part, "quantization_mode") else False:
            raise wrong(part, f"that is quantized ({part.quantization_mode})")
        if part.lora_enabled:
            raise wrong(part, "with LoRA; save its merged weights and load them into a model without")
        use_bias, units = part.bias is not None, part.kernel.shape[-1]    # what Keras goes by
        names = ("kernel_regularizer", "kernel_constraint", *(("bias_regularizer", "bias_constraint") if use_bias else ()))
        keywords = {what: self.part(part, what, getattr(part, what)) for what in names}
        own = name(part.name)
        made: Made = [(kinds.Dense(units, use_bias=use_bias, name=own, **keywords), part)]
        inside = part.activation
        if inside is None or inside is self.keras.activations.linear:
            return made
        if isinstance(inside, self.keras.layers.Layer):
            return made + self.made(inside, (None, units), lambda _: name(f"{own}_activation"))
        return made + self.function(part, inside, name(f"{own}_{getattr(inside, '__name__', 'activation')}"))

    def part(self, part: Any, what: str, theirs: Any) -> Any:
        """A penalty or a constraint."""
        if theirs is None:
            return None
        for home, ours, kind, renamed in PARTS:
            if type(theirs) is getattr(getattr(self.keras, home), kind):
                given = {name: getattr(theirs, other) for name, other in renamed.items()}
                axis = given.get("axis")
                if isinstance(axis, list | tuple) and len(axis) == 1:
                    given["axis"] = axis[0]
                return getattr(HOMES[home], ours)(**{name: plain(value) for name, value in given.items()})
        raise wrong(part, f"whose {what} is a {type(theirs).__name__}, which npdeep does not have")

    def nothing_on(self, part: Any) -> None:
        """Refuse penalties and constraints where npdeep has none."""
        for name, value in vars(part).items():
            if name.endswith(("_regularizer", "_constraint")) and value is not None:
                raise wrong(part, f"with {name}; npdeep has these for kernels and biases alone")

    def batch_normalization(self, part: Any, name: Namer) -> Made:
        """Momentum and epsilon are npdeep's."""
        self.nothing_on(part)
        self.check_axis(part, part.axis)
        if getattr(part, "renorm", False):
            raise wrong(part, "with renorm=True, which npdeep does not have")
        return [(kinds.BatchNormalization(part.momentum, part.epsilon, part.center, part.scale, name=name(part.name)), part)]

    def layer_normalization(self, part: Any, name: Namer) -> Made:
        """Over the units of a row."""
        self.nothing_on(part)
        self.check_axis(part, part.axis)
        if getattr(part, "rms_scaling", False):
            raise wrong(part, "with rms_scaling=True, which npdeep does not have")
        return [(kinds.LayerNormalization(float(part.epsilon), part.center, part.scale, name=name(part.name)), part)]

    def prelu(self, part: Any, name: Namer) -> Made:
        """A slope for each unit."""
        self.nothing_on(part)
        return [(kinds.PReLU(name=name(part.name)), part)]

    def noise(self, part: Any, name: Namer) -> Made:
        """Dropout of all kinds, and noise."""
        kind = type(part).__name__
        if getattr(part, "noise_shape", None) is not None:
            raise wrong(part, f"with noise_shape={part.noise_shape}; npdeep draws for each unit")
        return [(getattr(kinds, kind)(getattr(part, NOISE[kind]), name=name(part.name)), part)]

    # ── activations ───────────────────────────────────────────────────────────────────────────────────────────────────
    def of_class(self, part: Any, name: Namer) -> Made:
        """An activation that is a layer of its own in Keras."""
        ours = self.classes[type(part).__name__]
        ((theirs, renamed),) = [(theirs, renamed) for known, theirs, renamed in ACTIVATIONS if known == ours]
        given = {keyword: getattr(part, keyword) for keyword in renamed.values()}
        return self.activation(part, theirs, given, name(part.name), ours)

    def operation(self, part: Any, name: Namer) -> Made:
        """A function of keras.ops in the graph; it has no name that anybody gave it."""
        kind = type(part).__name__.lower()
        if kind == "split":
            raise wrong(part, "whose pieces do not each go, in their order, into a branch of their own")
        known = {theirs.replace("_", ""): theirs for _, theirs, _ in ACTIVATIONS if theirs}
        known |= {"exp": "exponential", "glu": "glu", "sparsemax": "sparsemax"}
        if kind not in known:
            raise wrong(part, self.unknown)
        return self.activation(part, known[kind], vars(part), None)

    def function(self, part: Any, function: Any, name: str) -> Made:
        """A function of keras.activations or keras.ops, with its own defaults."""
        known = {theirs for _, theirs, _ in ACTIVATIONS if theirs} | {"glu", "sparsemax"}
        for theirs in known:
            if function in [getattr(home, theirs, None) for home in (self.keras.activations, self.keras.ops)]:
                arguments = inspect.signature(function).parameters.values()
                given = {a.name: a.default for a in arguments if a.default is not inspect.Parameter.empty}
                return self.activation(part, theirs, given, name)
        if isinstance(function, self.keras.layers.Layer):
            return self.made(function, (None, None), lambda _: name)
        raise wrong(part, f"whose activation is {getattr(function, '__name__', function)!r}, which npdeep does not have")

    def activation(self, part: Any, theirs: str, given: dict[str, Any], name: str | None, ours: str = "") -> Made:
        """An activation of the table; given: what Keras calls its arguments."""
        if theirs == "sparsemax":
            raise wrong(part, f"with sparsemax, and {SPARSEMAX}")
        self.check_axis(part, given.get("axis", -1))
        if theirs == "glu":
            return [(kinds.GLU(name=name), part)]
        rows = {known: renamed for known, function, renamed in ACTIVATIONS if function == theirs}
        ours = ours or next(iter(rows))
        if ours == "gelu" and given["approximate"]:
            ours = "gelu_tanh"
        if theirs == "relu":
            plainly = not (given.get("negative_slope") or given.get("threshold")) and given.get("max_value") is None
            ours = "relu" if plainly else "general_relu"
        if lacking := [keyword for keyword in rows[ours].values() if keyword not in given]:
            raise wrong(part, f"with {theirs} without its argument {lacking[0]}; write keras.ops.{theirs}(x, ...) in the graph")
        values = {parameter: plain(given[keyword]) for parameter, keyword in rows[ours].items()}
        values = {parameter: float("inf") if value is None else float(value) for parameter, value in values.items()}
        return [(kinds.Activation(ours, name=name, **values), part)]

    def check_axis(self, part: Any, axis: Any) -> None:
        """It must work along the row."""
        if (list(axis) if isinstance(axis, list | tuple) else [axis]) not in ([1], [-1]):
            raise wrong(part, f"along axis={axis}; npdeep has it along the row alone, axis=-1")

    # ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def numbers(self, part: Any, variable: Any, shape: tuple[int, ...]) -> Array:
        """Those of a variable, in the shape of the parameter."""
        with warnings.catch_warnings():       # Keras asks PyTorch for a copy in a way that NumPy is giving up
            warnings.simplefilter("ignore", DeprecationWarning)
            array: Array = np.array(self.keras.ops.convert_to_numpy(variable.value))
        if type(part) is self.keras.layers.PReLU and array.shape != shape:
            if not self.expand_prelu:
                raise wrong(
                    part,
                    f"with one slope for all {shape[0]} units (shared_axes), and npdeep learns one for each; leave shared_axes "
                    "out, or write from_keras(..., expand_prelu=True): the same outputs, but it trains differently",
                )
            array = np.full(shape, array.ravel()[0])
        return array


def by_element(layer: Layer) -> bool:
    """Does it work on each number alone, so that images may be rows?"""
    return (layer.draws and not layer.parameters) or (isinstance(layer, kinds.Activation) and not layer.rule.whole_row)


def plain(value: Any) -> Any:
    """A number of a backend, which is float32, as one of Python: 0.1 and not 0.10000000149; what is no such number as it is."""
    return float(str(np.float32(value.item()))) if getattr(value, "shape", None) == () else value
