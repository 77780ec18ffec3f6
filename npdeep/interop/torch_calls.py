"""Which module of PyTorch each layer is, and how it is written. PyTorch itself is not needed for it.

PyTorch's Linear keeps its kernel transposed; the momentum of its BatchNorm1d is 1 - ours.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from npdeep import layers as kinds
from npdeep.layers.base import Layer

BLOCKS = ("Residual", "Parallel")
"""Modules of this package; all others are PyTorch's."""

# fmt: off
RESERVED = frozenset((
    "T_destination", "add_module", "append", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile",
    "cpu", "cuda", "double", "dump_patches", "eval", "extend", "extra_repr", "float", "forward", "get_buffer",
    "get_extra_state", "get_parameter", "get_submodule", "half", "insert", "ipu", "load_state_dict", "modules", "mtia",
    "named_buffers", "named_children", "named_modules", "named_parameters", "parameters", "pop",
    "register_backward_hook", "register_buffer", "register_forward_hook", "register_forward_pre_hook",
    "register_full_backward_hook", "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter", "register_state_dict_post_hook",
    "register_state_dict_pre_hook", "requires_grad_", "set_extra_state", "set_submodule", "share_memory", "state_dict",
    "to", "to_empty", "train", "training", "type", "xpu", "zero_grad",
))
# fmt: on
"""What a module has already; a layer of such a name has one more underscore in PyTorch."""

NAMES = {
    **{"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "alpha": "weight"},
    **{"moving_mean": "running_mean", "moving_variance": "running_var"},
}
"""Our names of parameters and moving statistics, and PyTorch's."""

ACTIVATIONS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("linear", "Identity", {}),
    ("relu", "ReLU", {}),
    ("leaky_relu", "LeakyReLU", {"negative_slope": "negative_slope"}),
    ("threshold", "Threshold", {"threshold": "threshold", "value": "value"}),
    ("relu6", "ReLU6", {}),
    ("hard_tanh", "Hardtanh", {"minimum": "min_val", "maximum": "max_val"}),
    ("hard_sigmoid", "Hardsigmoid", {}),
    ("hard_silu", "Hardswish", {}),
    ("soft_shrink", "Softshrink", {"threshold": "lambd"}),
    ("hard_shrink", "Hardshrink", {"threshold": "lambd"}),
    ("elu", "ELU", {"alpha": "alpha"}),
    ("celu", "CELU", {"alpha": "alpha"}),
    ("selu", "SELU", {}),
    ("sigmoid", "Sigmoid", {}),
    ("tanh", "Tanh", {}),
    ("softsign", "Softsign", {}),
    ("log_sigmoid", "LogSigmoid", {}),
    ("tanh_shrink", "Tanhshrink", {}),
    ("softplus", "Softplus", {"beta": "beta"}),
    ("silu", "SiLU", {}),
    ("gelu", "GELU", {}),
    ("gelu_tanh", "GELU", {}),
    ("mish", "Mish", {}),
    ("softmax", "Softmax", {}),
    ("softmin", "Softmin", {}),
    ("log_softmax", "LogSoftmax", {}),
)
"""Our name, PyTorch's module, and its keywords for our parameters; those without one must be at their defaults."""

FIXED: dict[str, dict[str, Any]] = {
    "gelu_tanh": {"approximate": "tanh"},
    "softplus": {"threshold": 40.0},          # beyond it PyTorch takes z itself: at 40 no float64 shows it, at its 20 some do
    **{name: {"dim": 1} for name in ("softmax", "softmin", "log_softmax")},
}


@dataclass
class Call:
    """A module as it is written, for example Linear(784, 100); an argument may be a Call itself, or a list of Calls.

    `parts`: name and Call of each module of a Sequential. `layer`: whose numbers go into it.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    parts: list[tuple[str, "Call"]] | None = None
    layer: Layer | None = None

    def written(self, indent: str = "") -> str:
        """As Python code.

        >>> Call("ELU", (), {"alpha": 0.5}).written()
        'nn.ELU(alpha=0.5)'
        """
        if self.parts is not None:
            inner = "".join(f'{indent}    ("{name}", {call.written(indent + "    ")}),\n' for name, call in self.parts)
            return f"nn.Sequential(OrderedDict([\n{inner}{indent}]))" if inner else "nn.Sequential()"
        arguments = [_written(a, indent) for a in self.arguments]
        arguments += [f"{name}={_written(value, indent)}" for name, value in self.keywords.items()]
        return f"{'' if self.name in BLOCKS else 'nn.'}{self.name}({', '.join(arguments)})"

    def made(self, modules: Mapping[str, Any], filled: list[tuple[Layer, Any]]) -> Any:
        """The module itself, of these classes by name; every layer with its module is put into `filled`."""
        if self.parts is not None:
            return modules["Sequential"](OrderedDict((name, call.made(modules, filled)) for name, call in self.parts))
        arguments = [_made(a, modules, filled) for a in self.arguments]
        module = modules[self.name](*arguments, **self.keywords)
        if self.layer is not None:
            filled.append((self.layer, module))
        return module


def _written(argument: Any, indent: str) -> str:
    if isinstance(argument, Call):
        return argument.written(indent)
    if isinstance(argument, list) and argument and isinstance(argument[0], Call):
        inner = "".join(f"{indent}    {call.written(indent + '    ')},\n" for call in argument)
        return f"[\n{inner}{indent}]"
    return repr(argument)


def _made(argument: Any, modules: Mapping[str, Any], filled: list[tuple[Layer, Any]]) -> Any:
    if isinstance(argument, list):
        return [_made(one, modules, filled) for one in argument]
    return argument.made(modules, filled) if isinstance(argument, Call) else argument


def sequential_of(layers: Iterable[Layer]) -> Call:
    """The Call of a Sequential of these layers, whose modules have their names: without dots, which PyTorch reserves."""
    parts: list[tuple[str, Call]] = []
    taken = set(RESERVED)
    for layer in layers:
        name = str(layer.short_name).replace(".", "_")
        while name in taken:
            name += "_"
        taken.add(name)
        parts.append((name, call_of(layer)))
    return Call("Sequential", parts=parts)


def call_of(layer: Layer) -> Call:
    """How PyTorch's module for a layer is made. Raises ValueError where it has none, with the reason.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("elu", alpha=0.5), nd.GaussianNoise(0.1)], input_size=2)
    >>> call_of(model.layers[0]).arguments, call_of(model.layers[1]).keywords
    ((2, 3), {'alpha': 0.5})
    >>> call_of(model.layers[2])
    Traceback (most recent call last):
    ValueError: layer 'gaussian_noise' is a GaussianNoise, and PyTorch has no such module
    """
    maker = MAKERS.get(type(layer))
    if maker is None:
        raise ValueError(f"layer {str(layer.name)!r} is a {type(layer).__name__}, and PyTorch has no such module")
    call: Call = maker(layer)
    call.layer = layer
    return call


def _dense(layer: Any) -> Call:
    return Call("Linear", (layer.input_size, layer.output_size), {} if layer.use_bias else {"bias": False})


def _batch_normalization(layer: Any) -> Call:
    if layer.center != layer.scale:
        only = "beta" if layer.center else "gamma"
        raise ValueError(f"layer {str(layer.name)!r} learns only {only}, and PyTorch's BatchNorm1d both or neither")
    keywords = {"eps": layer.epsilon, "momentum": float(f"{1 - layer.momentum:.15g}")}    # 0.1, not 0.09999999999999998
    return Call("BatchNorm1d", (layer.output_size,), keywords if layer.scale else {**keywords, "affine": False})


def _layer_normalization(layer: Any) -> Call:
    if layer.center and not layer.scale:
        raise ValueError(f"layer {str(layer.name)!r} learns only beta, and PyTorch's LayerNorm never beta without gamma")
    keywords = {"eps": layer.epsilon}
    if not layer.scale:
        return Call("LayerNorm", (layer.output_size,), {**keywords, "elementwise_affine": False})
    return Call("LayerNorm", (layer.output_size,), keywords if layer.center else {**keywords, "bias": False})


def _activation(layer: Any) -> Call:
    name, known = layer.activation, {ours: (module, renamed) for ours, module, renamed in ACTIVATIONS}
    if layer.custom or name not in known:
        raise ValueError(f"layer {str(layer.name)!r} is the activation {name}, and PyTorch has no such module")
    module, renamed = known[name]
    for parameter, default in layer.rule.parameters.items():
        value = getattr(layer, parameter)
        if parameter not in renamed and value != default:
            has = f"{name} with {parameter}={value:g}, and PyTorch's {module} has it at {default:g}"
            raise ValueError(f"layer {str(layer.name)!r} is {has}")
    return Call(module, (), {**{theirs: getattr(layer, p) for p, theirs in renamed.items()}, **FIXED.get(name, {})})


def _residual(layer: Any) -> Call:
    shortcut = call_of(layer.shortcut[0]) if layer.projection else Call("Identity")
    return Call("Residual", (sequential_of(layer.layers), shortcut))


def _parallel(layer: Any) -> Call:
    keywords = {"split": layer.split} if layer.split is not None else {}
    keywords |= {"add": True} if layer.merge == "add" else {}
    return Call("Parallel", ([sequential_of(branch) for branch in layer.branches],), keywords)


MAKERS: dict[type, Any] = {
    kinds.Dense: _dense,
    kinds.BatchNormalization: _batch_normalization,
    kinds.LayerNormalization: _layer_normalization,
    kinds.Activation: _activation,
    kinds.PReLU: lambda layer: Call("PReLU", (layer.output_size,)),
    kinds.RReLU: lambda layer: Call("RReLU", (layer.lower, layer.upper)),
    kinds.GLU: lambda layer: Call("GLU", (), {"dim": 1}),
    kinds.Dropout: lambda layer: Call("Dropout", (layer.rate,)),
    kinds.AlphaDropout: lambda layer: Call("AlphaDropout", (layer.rate,)),
    kinds.Residual: _residual,
    kinds.Parallel: _parallel,
}


def pairs(layer: Layer, module: Any) -> Iterator[tuple[Any, Any]]:
    """Our parameters and PyTorch's tensors of the same numbers; a kernel's is transposed, a view all the same."""
    for parameter in layer.parameters:
        name = parameter.name.rpartition("/")[2]
        tensor = getattr(module, NAMES[name])
        yield parameter, tensor.T if name == "kernel" else tensor
