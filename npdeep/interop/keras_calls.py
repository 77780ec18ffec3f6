"""Which part of Keras each layer, activation, penalty and constraint is, and how it is written. Keras is not needed for it.

What is in these tables serves both directions: `keras_program` writes with them, `keras_reading` reads with them.
"""

from dataclasses import dataclass, field
from typing import Any

from npdeep import layers as kinds
from npdeep.layers.base import Layer

ACTIVATIONS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("linear", "linear", {}),
    ("relu", "relu", {}),
    ("leaky_relu", "leaky_relu", {"negative_slope": "negative_slope"}),
    ("general_relu", "relu", {"negative_slope": "negative_slope", "maximum": "max_value", "threshold": "threshold"}),
    ("threshold", "threshold", {"threshold": "threshold", "value": "default_value"}),
    ("relu6", "relu6", {}),
    ("hard_tanh", "hard_tanh", {}),
    ("hard_sigmoid", "hard_sigmoid", {}),
    ("hard_silu", "hard_silu", {}),
    ("sparse_plus", "sparse_plus", {}),
    ("sparse_sigmoid", "sparse_sigmoid", {}),
    ("soft_shrink", "soft_shrink", {"threshold": "threshold"}),
    ("hard_shrink", "hard_shrink", {"threshold": "threshold"}),
    ("elu", "elu", {"alpha": "alpha"}),
    ("celu", "celu", {"alpha": "alpha"}),
    ("selu", "selu", {}),
    ("exponential", "exponential", {}),
    ("sigmoid", "sigmoid", {}),
    ("tanh", "tanh", {}),
    ("softsign", "softsign", {}),
    ("log_sigmoid", "log_sigmoid", {}),
    ("tanh_shrink", "tanh_shrink", {}),
    ("softplus", "softplus", {}),
    ("squareplus", "squareplus", {"b": "b"}),
    ("silu", "silu", {}),
    ("gelu", "gelu", {}),
    ("gelu_tanh", "gelu", {}),
    ("mish", "mish", {}),
    ("softmax", "softmax", {}),
    ("log_softmax", "log_softmax", {}),
    ("scaled", "", {"slope": "scale", "offset": "offset"}),
)
"""Our name, the function of Keras, and its keywords for our parameters; those without one must be at their defaults."""

OPERATIONS = {"gelu_tanh": {"approximate": True}}
"""Activations that are always written as functions of keras.ops, with these arguments."""

CLASSES = {"leaky_relu": "LeakyReLU", "elu": "ELU", "general_relu": "ReLU", "scaled": "Rescaling"}
"""Activations that are written as layers of their own, with the same keywords; the function leaky_relu has a slope of 0.2."""

SPARSEMAX = (
    "Keras computes something else by that name (3.15 adds up all cumulative sums of the support: its outputs do not sum to 1)"
)

AXIS = {"axis": "axis"}
PARTS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("regularizers", "L1", "L1", {"scale": "l1"}),
    ("regularizers", "L2", "L2", {"scale": "l2"}),
    ("regularizers", "L1L2", "L1L2", {"l1": "l1", "l2": "l2"}),
    ("constraints", "MaxNorm", "MaxNorm", {"value": "max_value", **AXIS}),
    ("constraints", "MinMaxNorm", "MinMaxNorm", {"minimum": "min_value", "maximum": "max_value", "rate": "rate", **AXIS}),
    ("constraints", "UnitNorm", "UnitNorm", AXIS),
    ("constraints", "NonNegative", "NonNeg", {}),
)
"""Where penalties and constraints are in both, our class, that of Keras, and the names of their arguments."""


@dataclass
class Call:
    """A part of Keras as it is written, for example layers.Dense(100); an argument may be a Call itself.

    `layer`: whose numbers go into it.
    """

    home: str
    name: str
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    layer: Layer | None = None

    def written(self, *given: str) -> str:
        """As Python code; given: what comes before the arguments.

        >>> Call("layers", "ELU", (), {"alpha": 0.5}).written()
        'layers.ELU(alpha=0.5)'
        """
        arguments = [*given, *map(_written, self.arguments)]
        arguments += [f"{name}={_written(value)}" for name, value in self.keywords.items()]
        return f"{self.home}.{self.name}({', '.join(arguments)})"

    def made(self, keras: Any, *given: Any) -> Any:
        """The part itself."""
        arguments = [a.made(keras) if isinstance(a, Call) else a for a in self.arguments]
        keywords = {name: a.made(keras) if isinstance(a, Call) else a for name, a in self.keywords.items()}
        return getattr(getattr(keras, self.home), self.name)(*given, *arguments, **keywords)

    def homes(self) -> set[str]:
        """The modules of Keras that it needs."""
        return {self.home} | {h for a in (*self.arguments, *self.keywords.values()) if isinstance(a, Call) for h in a.homes()}


def _written(argument: Any) -> str:
    if isinstance(argument, Call):
        return argument.written()
    return f'"{argument}"' if isinstance(argument, str) else repr(argument)


def call_of(layer: Layer) -> Call:
    """How the part of Keras for a layer is made. Raises ValueError where it has none, with the reason.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("elu", alpha=0.5), nd.Maxout(3)], input_size=2)
    >>> call_of(model.layers[0]).written(), call_of(model.layers[1]).written()
    ('layers.Dense(3)', 'layers.ELU(alpha=0.5)')
    >>> call_of(model.layers[2])
    Traceback (most recent call last):
    ValueError: layer 'maxout' is a Maxout, and Keras has no such layer
    """
    maker = MAKERS.get(type(layer))
    if maker is None:
        raise refusal(layer, f"is a {type(layer).__name__}, and Keras has no such layer")
    call: Call = maker(layer)
    call.layer = layer
    return call


def refusal(layer: Layer, reason: str) -> ValueError:
    """The error that names a layer."""
    return ValueError(f"layer {str(layer.name)!r} {reason}")


def _dense(layer: Any) -> Call:
    keywords: dict[str, Any] = {} if layer.use_bias else {"use_bias": False}
    for what in ("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint"):
        part = getattr(layer, what)
        if part is not None and (layer.use_bias or not what.startswith("bias")):
            keywords[what] = _part(layer, what, part)
    return Call("layers", "Dense", (layer.units,), keywords)


def _part(layer: Layer, what: str, part: Any) -> Call:
    """A penalty or a constraint."""
    for home, ours, theirs, renamed in PARTS:
        if type(part).__module__ == f"npdeep.{home}" and type(part).__name__ == ours:
            keywords = {renamed[name]: getattr(part, name) for name in renamed}
            if what.startswith("bias") and "axis" in keywords:
                keywords["axis"] = 0          # of a bias the norm is that of all of it, along either axis; Keras knows one
            return Call(home, theirs, (), keywords)
    raise refusal(layer, f"has the {what} {part}, and Keras has no such part")


def _batch_normalization(layer: Any) -> Call:
    if layer.use_moving_statistics and any(p.trainable for p in layer.parameters):
        reason = "trains on moving statistics (use_moving_statistics), and Keras's trains on those of the batch"
        raise refusal(layer, reason)
    keywords = {"momentum": layer.momentum, "epsilon": layer.epsilon}
    return Call("layers", "BatchNormalization", (), {**keywords, **_left_out(layer)})


def _left_out(layer: Any) -> dict[str, bool]:
    return {name: False for name in ("center", "scale") if not getattr(layer, name)}


def _noise(layer: Any) -> Call:
    if layer.stddev > 1:
        raise refusal(layer, f"has stddev={layer.stddev:g}, and Keras's GaussianNoise takes at most 1")
    return Call("layers", "GaussianNoise", (layer.stddev,))


def _activation(layer: Any) -> Call:
    name, values = layer.activation, {p: getattr(layer, p) for p in layer.rule.parameters}
    if name == "sparsemax" and not layer.custom:
        raise refusal(layer, f"is the activation sparsemax, and {SPARSEMAX}")
    known = {ours: (theirs, renamed) for ours, theirs, renamed in ACTIVATIONS}
    if layer.custom or name not in known:
        raise refusal(layer, f"is the activation {name}, and Keras has no such function")
    (theirs, renamed), defaults = known[name], layer.rule.parameters
    for parameter, value in values.items():
        if parameter not in renamed and value != defaults[parameter]:
            has = f"{name} with {parameter}={value:g}, and Keras's {theirs} has it at {defaults[parameter]:g}"
            raise refusal(layer, f"is {has}")
    keywords = {renamed[p]: value for p, value in values.items() if p in renamed and value != float("inf")}
    if name in CLASSES:
        return Call("layers", CLASSES[name], (), keywords)
    if values != defaults or name in OPERATIONS:
        return Call("ops", theirs, (), keywords | OPERATIONS.get(name, {}))
    return Call("layers", "Activation", (theirs,))


MAKERS: dict[type, Any] = {
    kinds.Dense: _dense,
    kinds.BatchNormalization: _batch_normalization,
    kinds.LayerNormalization: lambda layer: Call(
        "layers", "LayerNormalization", (), {"epsilon": layer.epsilon, **_left_out(layer)}
    ),
    kinds.Activation: _activation,
    kinds.PReLU: lambda layer: Call("layers", "PReLU"),
    kinds.GLU: lambda layer: Call("ops", "glu", (), {"axis": 1}),
    kinds.Dropout: lambda layer: Call("layers", "Dropout", (layer.rate,)),
    kinds.AlphaDropout: lambda layer: Call("layers", "AlphaDropout", (layer.rate,)),
    kinds.GaussianDropout: lambda layer: Call("layers", "GaussianDropout", (layer.rate,)),
    kinds.GaussianNoise: _noise,
    kinds.Residual: lambda layer: Call("layers", "Add"),
    kinds.Parallel: lambda layer: Call("layers", "Add" if layer.merge == "add" else "Concatenate"),
}
"""Ours and how Keras's is made. Keras's variables have our names: kernel, bias, gamma, beta, moving_mean, alpha, …"""
