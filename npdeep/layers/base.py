"""What all layers have in common: a name, parameters, buffers, and everything of the last step left to look at."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from npdeep import constraints, initializers, regularizers
from npdeep.common import checks, seeds
from npdeep.common.described import Described
from npdeep.common.events import Formula, StepEvent
from npdeep.common.hinting import assigned_by_itself, settle, title
from npdeep.common.hints import LAYER, by_name
from npdeep.initializers import Initializer
from npdeep.kernels.arrays import Array
from npdeep.layers.chain import NOTHING_YET as NOTHING_YET
from npdeep.layers.chain import Chain, Steps
from npdeep.layers.names import check_layer_name
from npdeep.parameters import Parameter

BUILT_IN = r"^(units|pieces|use_bias|center|scale|activation|name|.*_(initializer|regularizer|constraint))$"
"""Arguments that have done their work once a layer is in a model."""
UNWRITTEN = {4: 0x7FC0DEAD, 8: 0x7FF8DEADDEADDEAD}
"""The bits of a NaN, by the size of a number in bytes: what stands in a gradient that was never written."""
HELD = "_parameter_"
"""Where a layer keeps the parameter that its attribute `kernel` gives: under _parameter_kernel."""


class Layer(Described, base=True):
    """Base of all layers. A layer is `forward` and `backward`; whoever drives it keeps the arrays.

    Attributes, each an array or None before the first pass that makes it:
        input, output: (n, input_size) and (n, output_size), from the last forward pass.
        grad_output, grad_input: ∂loss/∂output and ∂loss/∂input, from the last backward pass; a new forward pass sets
            grad_output to None. grad_input is None where the gradient is not needed: in the lowest layer with something to
            train, and below.

    A custom layer defines `forward` and `backward`:

    >>> import npdeep as nd
    >>> class Double(nd.layers.Layer):
    ...     def forward(self, x, training=False):
    ...         return 2 * x
    ...     def backward(self, grad_output):
    ...         return 2 * grad_output
    >>> nd.Sequential([Double()], input_size=2).predict([[2.0, 4.0]])
    array([[4., 8.]], dtype=float32)
    """

    foreign = by_name(LAYER)
    default_name: ClassVar[str] = ""
    draws: ClassVar[bool] = False
    """Does a training pass draw random numbers?"""
    forward_formula = Formula("output = f(input)")
    backward_formula = Formula("grad_input = f'(grad_output)")
    grad_input: Array | None
    kernels: tuple[Callable[..., Any] | None, Callable[..., Any] | None] = (None, None)
    """The kernels that forward and backward call."""

    def __init_subclass__(cls, base: bool = False, **keywords: Any) -> None:
        """Arguments that are built into the parameters cannot be changed afterwards."""
        super().__init_subclass__(base, **keywords)
        if cls.__module__.startswith("npdeep."):
            built_in = [name for name in inspect.signature(cls.__init__).parameters if re.search(BUILT_IN, name)]
            settle(cls, built_in, "the layer is in a model already; make a new layer and a new model")

    def __init__(self, name: str | None = None) -> None:
        self.name = None if name is None else check_layer_name(type(self).__name__, name)
        self.given_name = name
        self.built = False
        self.input_size = self.output_size = 0
        self.parameters: list[Parameter] = []
        self.initializers: dict[str, Initializer] = {}
        self.fans: tuple[int, int] = (0, 0)
        self.passes_gradient = True
        self.rng: np.random.Generator = NOTHING_YET
        self.chains: list[Chain] = []
        self.held = False
        self.unproven = not type(self).__module__.startswith("npdeep.")
        self.forget()

    # ── what a kind of layer defines ──────────────────────────────────────────────────────────────────────────────────
    def build(self, input_size: int) -> int:
        """Declare the parameters for inputs of this width; return the width of the outputs."""
        return input_size

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """Arrays of n rows that a pass may write into, made once: (attribute, width) or (attribute, width, dtype)."""
        yield "output", self.output_size
        if training and self.passes_gradient:
            yield "grad_input", self.input_size

    def forward(self, x: Array, training: bool = False) -> Array:
        """Return the outputs (n, output_size) for the rows x (n, input_size), which are checked and kept as `input`."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, training)")

    def backward(self, grad_output: Array) -> Array | None:
        """Assign the parameters' gradients; return ∂loss/∂input, or None where `passes_gradient` is False."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(grad_output)")

    def hold(self, layers: Iterable["Layer"]) -> Chain:
        """Take layers into this one, in `__init__`: their names, parameters, noise and files are looked after from then on.

        Returns the chain of them: call its `build` in build, its `forward` in forward, its `backward` in backward.
        Raises ValueError or TypeError where one of them is no layer or belongs somewhere already.
        """
        chain = Chain(check_layers(type(self).__name__, layers), self)
        for layer in chain:
            layer.held = True
        self.chains.append(chain)
        return chain

    def forward_steps(self, x: Array, training: bool) -> Steps:
        """`forward` of a layer that holds layers, one operation at a time; the events of plain code come when it is done."""
        output = self.forward(x, training)
        for chain in self.chains:
            yield from chain.operations("forward")
        return output

    def backward_steps(self, grad_output: Array) -> Steps:
        """`backward` of a layer that holds layers, one operation at a time."""
        grad_input = self.backward(grad_output)
        for chain in self.chains:
            yield from chain.operations("backward")
        return grad_input

    def forward_operation(self) -> tuple[Formula, Any]:
        """The formula of the last forward pass, and the kernel that computed it."""
        return self.forward_formula, self.kernels[0]

    def backward_operation(self) -> tuple[Formula, Any]:
        """The formula of the last backward pass, and the kernel that computed it."""
        return self.backward_formula, self.kernels[1]

    def forward_arrays(self) -> dict[str, Array]:
        """What a forward event shows."""
        values = {p.name.rpartition("/")[2]: p.value for p in self.parameters}
        return {"input": self.input, **values, "output": self.output}

    def backward_arrays(self) -> dict[str, Any]:
        """What a backward event shows."""
        grads = {f"grad_{p.name.rpartition('/')[2]}": p.wanted for p in self.parameters if p.has_grad}
        return {"grad_output": self.grad_output, **grads, "grad_input": self.grad_input}

    # ── what is inside ────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def short_name(self) -> str | None:
        """The name without those of the layers around it."""
        return self.name and self.name.rpartition("/")[2]

    @property
    def trains(self) -> bool:
        """Is there something to train in this layer, or in one that it holds?"""
        return any(p.trainable for p in self.parameters) or any(layer.trains for chain in self.chains for layer in chain)

    def everything(self) -> Iterator["Layer"]:
        """The layers that it holds, and those inside them, in the order of the forward pass; itself last."""
        for chain in self.chains:
            yield from chain.everything()
        yield self

    def arguments(self) -> dict[str, Any]:
        """What to pass to the class to make an equal layer."""
        arguments = super().arguments()
        return {**arguments, "name": self.short_name} if "name" in arguments else arguments

    # ── what the model calls ──────────────────────────────────────────────────────────────────────────────────────────
    def attach(self, name: str, input_size: int) -> None:
        """Take a name and a place in a model: declare the parameters, make the events."""
        self.name, self.input_size = name, input_size
        self.refuse_loose_layers()
        self.output_size = checks.whole(f"{type(self).__name__} {name!r}", "what build returns", self.build(input_size))
        hold_parameters(self)
        self.built = True
        self.forward_event = StepEvent("forward", name, self, self.forward_operation, self.forward_arrays)
        self.backward_event = StepEvent("backward", name, self, self.backward_operation, self.backward_arrays)

    def detach(self) -> None:
        """Undo `attach`, so that the layer can go into another model after an error."""
        self.built, self.name, self.parameters, self.initializers = False, self.given_name, [], {}
        for chain in self.chains:
            for layer in chain:
                layer.detach()

    def refuse_loose_layers(self) -> None:
        """Raise where an attribute holds layers that `hold` does not know of: they would not be trained, saved or copied."""
        known = {id(layer) for chain in self.chains for layer in chain}
        for attribute, value in vars(self).items():
            for inside in value if isinstance(value, list | tuple) else value.values() if isinstance(value, dict) else [value]:
                if hasattr(type(inside), "with_layers") or (isinstance(inside, Layer) and id(inside) not in known):
                    raise TypeError(
                        f"{type(self).__name__} {self.name!r}: its attribute {attribute!r} holds {checks.describe(inside)}, "
                        "which would not be trained or saved; take layers in with self.hold([...]) in __init__"
                    )

    def plan(self, passes_gradient: bool) -> None:
        """Take note whether the gradient of the input is needed; the layers that it holds pass theirs on to it."""
        self.passes_gradient = passes_gradient
        for chain in self.chains:
            chain.plan(input_gradient=True)

    def initialize(self, seed: int, *place: int) -> None:
        """Give every parameter its first value and the layer its generator of noise, by its place among the layers."""
        rng = seeds.generator(seed, seeds.INITIAL, *place)
        self.start_noise(seed, *place)
        for parameter in self.parameters:
            kind = parameter.name.rpartition("/")[2]
            fans = self.fans if any(self.fans) else (parameter.shape[0], parameter.shape[-1])
            parameter.value = self.initializers[kind](parameter.shape, *fans, rng)
        for index, layer in enumerate(layer for chain in self.chains for layer in chain):
            layer.initialize(seed, *place, index)

    def start_noise(self, seed: int, *place: int) -> None:
        """Give the layer its generator of noise."""
        self.rng = seeds.generator(seed, seeds.NOISE, *place)
        for index, layer in enumerate(layer for chain in self.chains for layer in chain):
            layer.start_noise(seed, *place, index)

    def add_parameter(
        self,
        kind: str,
        shape: tuple[int, ...],
        initializer: Any = "glorot_uniform",
        *,
        has_grad: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Parameter:
        """Declare a parameter, in `build`; the model finds the memory for it.

        Args:
            kind: its name within the layer, for example "kernel".
            shape: its shape, for example (input_size, units).
            initializer: a name or an object of nd.initializers; fan in and fan out are `self.fans` where `build` has set them,
                else the first and the last number of the shape.
            has_grad: False for what is counted and never trained, such as moving statistics.
            regularizer, constraint: None, a name or an object.
        """
        check_layer_name(type(self).__name__, kind, "kind of a parameter")
        owner = f"{type(self).__name__} {self.name!r}"
        initializer = initializers.get(owner, "initializer", initializer)
        regularizer = regularizers.get(owner, "regularizer", regularizer)
        constraint = constraints.get(owner, "constraint", constraint)
        parameter = Parameter(f"{self.name}/{kind}", shape, has_grad, regularizer, constraint)
        self.parameters.append(parameter)
        self.initializers[kind] = initializer
        return parameter

    def allocate(self, rows: int, training: bool, dtype: Any) -> None:
        """Make the buffers for so many rows, or take the first rows of larger ones."""
        if training and not self.passes_gradient:
            self.grad_input = NOTHING_YET
        for name, width, *kind in self.buffers(training):
            block = self.blocks.get(name)
            if block is None or len(block) < rows:
                block = self.blocks[name] = np.empty((rows, width), kind[0] if kind else dtype)
            setattr(self, name, block[:rows])
        for chain in self.chains:
            for layer in chain:
                layer.allocate(rows, training, dtype)

    # ── a custom layer is checked at its first use ────────────────────────────────────────────────────────────────────
    def check_forward(self) -> None:
        """Raise where `forward` did not return what it should, or what it holds was not driven by its chain."""
        self.check_returned("forward", self.output, (len(self.input), self.output_size))
        for chain in self.chains:
            for layer in chain:
                if layer.input is None:
                    raise TypeError(f"{self}: forward must call the chain that hold returned, not layer {layer.name!r} itself")

    def forget_gradients(self) -> None:
        """Before the first backward pass: mark every gradient that it is to write, by a NaN that no sum gives."""
        for parameter in self.parameters:
            if parameter.wanted is not None:
                bits(parameter.wanted).fill(UNWRITTEN[parameter.wanted.itemsize])

    def check_backward(self) -> None:
        """Raise where `backward` did not return what it should or left a gradient unwritten; else it is proven."""
        if self.passes_gradient:
            self.check_returned("backward", self.grad_input, self.input.shape)
        for parameter in self.parameters:
            written = parameter.wanted is None or (bits(parameter.wanted) != UNWRITTEN[parameter.wanted.itemsize]).all()
            if not written:
                bits(parameter.wanted).fill(0)
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: backward did not write all of the gradient of {parameter.name}; "
                    "assign it, for example self.scale.grad = (grad_output * self.input).sum(axis=0)"
                )
        self.unproven = False

    def check_returned(self, method: str, array: Any, shape: tuple[int, ...]) -> None:
        """Raise where a method of a custom layer returned something else than rows of the right shape and dtype."""
        what = f"{type(self).__name__} {self.name!r}: {method} must return an array of shape {shape}"
        if array is None:
            raise TypeError(f"{what}, it returned None; is the line `return ...` missing?")
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(f"{what}, it returned {checks.describe(array)}")
        if array.dtype != self.input.dtype:
            raise TypeError(f"{what} and dtype {self.input.dtype}, it returned {array.dtype}; end with .astype(x.dtype)")

    def forget(self) -> None:
        """Drop the buffers and all arrays of the last step."""
        self.blocks: dict[str, Array] = {}
        self.input: Array = NOTHING_YET
        self.output: Array = NOTHING_YET
        self.grad_output: Array = NOTHING_YET
        self.grad_input = NOTHING_YET

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Called for what is not there: parameters before the layer is in a model, buffers before a pass."""
            if not name.startswith("_") and name not in self.foreign and not vars(self).get("built", True):
                raise AttributeError(
                    f"{type(self).__name__} has no {name!r} yet: its shapes are known once it is in a model, "
                    "nd.Sequential([...], input_size)"
                )
            return super().__getattr__(name)

    def __getstate__(self) -> dict[str, Any]:
        """A copy or pickle leaves the buffers behind: the next pass makes them anew."""
        kept = set(vars(self)) - set(self.blocks) - {"blocks", "input", "output", "grad_output", "grad_input"}
        return {name: vars(self)[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state, start without buffers."""
        vars(self).update(state)
        hold_parameters(self)
        self.forget()

    @property
    def dtype(self) -> Any:
        """The dtype of the outputs, known after the first pass."""
        return self.output.dtype

    def check_width(self, input_size: int, divisible_by: int = 1) -> None:
        """Raise where an input of this width cannot be split."""
        if input_size % divisible_by:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: the input width must be divisible by {divisible_by}, got {input_size}; "
                "change the units of the layer below"
            )


def hold_parameters(layer: Layer) -> None:
    """Make the attributes that hold parameters refuse to be replaced: the model would go on with the old ones.

    Each becomes a property of the layer's class, read without a call of Python's, so that nothing is to be stepped through.
    """
    for name in [name for name, value in vars(layer).items() if isinstance(value, Parameter)]:
        public = name.removeprefix(HELD)
        if not isinstance(inspect.getattr_static(type(layer), public, None), property):
            setattr(type(layer), public, property(attrgetter(HELD + public), partial(replace_parameter, public)))
        vars(layer)[HELD + public] = vars(layer).pop(name)


def replace_parameter(name: str, layer: Layer, value: Any) -> None:
    """Set an attribute that holds a parameter: in `build`, by another parameter; else it is refused."""
    if not isinstance(value, Parameter) or (layer.built and not assigned_by_itself(layer)):
        raise AttributeError(
            f"{title(layer)}: {name} is a parameter of the model and cannot be replaced; write layer.{name}.value = array"
        )
    vars(layer)[HELD + name] = value


def bits(array: Any) -> Any:
    """The same memory as whole numbers."""
    return array.view(f"u{array.itemsize}")


def check_layers(owner: str, layers: Any) -> list[Layer]:
    """A list of layer objects, none of them used before; the error says which is not."""
    if isinstance(layers, Layer):
        raise TypeError(f"{owner}: layers must be a list of layers; put the layer in brackets: {owner}([...])")
    try:
        result = list(layers)
    except TypeError:
        raise TypeError(f"{owner}: layers must be a list of layers, got {checks.describe(layers)}") from None
    seen: set[int] = set()
    for index, layer in enumerate(result):
        if not isinstance(layer, Layer):
            hint = f'; for an activation write nd.Activation("{layer}")' if isinstance(layer, str) else ""
            hint = "; list its layers, made anew, in its place" if hasattr(type(layer), "with_layers") else hint
            raise TypeError(f"{owner}: layers[{index}] must be a layer, got {checks.describe(layer)}{hint}")
        kind = type(layer).__name__
        if "built" not in vars(layer):
            raise TypeError(f"{owner}: layers[{index}]: the __init__ of {kind} must begin with super().__init__(name)")
        if id(layer) in seen:
            raise ValueError(f"{owner}: layers[{index}] ({kind}) is in the list twice; each place needs a layer of its own")
        seen.add(id(layer))
        if layer.built or layer.held:
            where = f"{layer.name!r} already belongs to a model" if layer.built else f"{kind} is already inside another layer"
            raise ValueError(
                f"{owner}: layer {where}; a layer serves one model: make a new {kind}(...), in the same cell as the model that "
                "is to hold it"
            )
    return result
