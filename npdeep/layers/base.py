"""What all layers have in common: a name, parameters, buffers, and everything of the last step left to look at.

Your own parts
==============
A custom part works like a built-in one: summary, fit, walk, explain, diagnose, gradient_check, plots, copy, pickle, save
and load. Whoever drives a layer keeps its arrays (`input`, `output`, `grad_output`, `grad_input`): it only computes. Arithmetic
that is in functions at the top level of a module can also be written out by `nd.debug.unroll`.

>>> import numpy as np
>>> import npdeep as nd

A layer declares its parameters in `build`; what it counts from batch to batch too, with `has_grad=False`, or files would not
know of it (to stop counting where it is frozen, it says `batch_statistics = True` and asks `self.use_moving_statistics`).
`self.rng` is its generator where it says `draws = True`. It leaves the arrays that it is given as they are:

>>> def scaled(x, w):
...     return x * w
>>> def scale_gradient(x, dy):
...     return (dy * x).sum(axis=0)
>>> class Scale(nd.layers.Layer):
...     def build(self, input_size):
...         self.scale = self.add_parameter("scale", (input_size,), "ones")
...         return input_size
...     def forward(self, x, training=False):
...         return scaled(x, self.scale.value)
...     def backward(self, grad_output):
...         self.scale.grad = scale_gradient(self.input, grad_output)
...         return scaled(grad_output, self.scale.value)

An activation is a rule of two functions, and of two expressions that `explain` works out:

>>> def bent_forward(z, a):
...     return np.sqrt(z * z + 1) + z
>>> def bent_backward(z, a, da, dz):
...     return da * (z / np.sqrt(z * z + 1) + 1)
>>> bent = nd.activations.Rule("bent", bent_forward, bent_backward, "sqrt(z**2 + 1) + z", "z/sqrt(z**2 + 1) + 1")

A loss fills in the single losses and their derivatives; mean and sample weights are npdeep's, expressions are for `explain`:

>>> def fourth_powers(z, y, loss):
...     return np.power(z - y, 4, out=loss)
>>> def cubes(z, y, dz):
...     return np.multiply(4, (z - y) ** 3, out=dz)
>>> class Quartic(nd.losses.Loss):
...     expression, derivative = "(z - y)**4", "4*(z - y)**3"
...     def losses(self, z, y):
...         return fourth_powers(z, y, self.loss)
...     def derivatives(self, z, y):
...         cubes(z, y, self.grad_outputs)

A metric returns one number:

>>> class Worst(nd.metrics.Metric):
...     name = "worst"
...     def compute(self, outputs, targets):
...         return abs(outputs - targets).max()

An optimizer changes the weights w in place: a stretch of all weights of the network, flat, not those of one layer. g, its
slots and t, an array to work in, have the shape of w; `self.eta` is the learning rate of this update, that of a schedule too:

>>> def lion(w, g, m, t, eta):
...     np.sign(0.9 * m + 0.1 * g, out=t)
...     m += 0.01 * (g - m)
...     w -= eta * t
>>> class Lion(nd.optimizers.Optimizer):
...     slot_names = ("m",)
...     def update_piece(self, step, w, g, m, t):
...         lion(w, g, m, t, self.eta)

A schedule is a function of the updates made so far, and a callback is asked at its moments:

>>> class Halving(nd.schedules.Schedule):
...     def __init__(self, initial=0.1):
...         self.initial = initial
...     def __call__(self, step):
...         return self.initial * 0.5 ** (step / 100)
>>> class Largest(nd.callbacks.Callback):
...     def on_epoch_end(self, trainer, record):
...         record["largest"] = abs(trainer.model.flat_values).max()

>>> model = nd.Sequential([nd.Dense(4), nd.Activation(bent), nd.Residual([Scale()]), nd.Dense(1)], input_size=2, seed=0)
>>> trainer = nd.Trainer(model, Quartic(), Lion(Halving(0.01)), metrics=[Worst()])
>>> x, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0], [0.0]])
>>> history = trainer.fit(x, y, epochs=2, callbacks=[Largest()], verbose=False)
>>> bool(nd.debug.gradient_check(model, Quartic(), x, y))
True

Files hold the names of your classes and what their `__init__` was given, kept as attributes of the same names. Pass the classes
and rules when loading: `nd.Trainer.restore(path, own=[Scale, bent, Quartic, Worst, Lion, Halving])`, or
`nd.load_model(path, own=[Scale, bent])`. A loss without a base class, or a function as metric, is passed itself: `loss=`,
`metrics=`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import numpy as np

from npdeep import constraints, initializers, regularizers
from npdeep.common import checks, custom, seeds
from npdeep.common.events import Formula, StepEvent
from npdeep.initializers import Initializer
from npdeep.kernels.arrays import Array
from npdeep.layers import first_use
from npdeep.layers.attributes import Attributes
from npdeep.layers.chain import NOTHING_YET as NOTHING_YET
from npdeep.layers.chain import Chain, Steps
from npdeep.layers.names import NESTED, check_layer_name
from npdeep.parameters import Parameter

PASSES = ("training", "inference", "backward")
"""The passes of a custom layer, each of which is checked at its first use."""
OF_OTHERS = {True: {"inference"}, False: {"training"}}
"""What passes in training, or in inference, do not show."""


class Layer(Attributes):
    """Base of all layers. A layer is `forward` and `backward`; whoever drives it keeps the arrays.

    Attributes, each an array or None before the first pass that makes it:
        input, output: (n, input_size) and (n, output_size), from the last forward pass.
        grad_output, grad_input: ∂loss/∂output and ∂loss/∂input, from the last backward pass; a new forward pass sets
            grad_output to None. grad_input is None where the gradient is not needed: in the lowest layer with something to
            train, and below.

    The page at the head of this module shows a custom layer, and custom parts of every other kind.
    """

    default_name: ClassVar[str] = ""
    draws: ClassVar[bool] = False
    """Does a training pass draw random numbers?"""
    letters: ClassVar[tuple[str, str]] = ("x", "y")
    """What the formulas call the input and the output."""
    forward_formula = Formula("output = f(input)")
    backward_formula = Formula("grad_input = f'(grad_output)")
    grad_input: Array | None
    ready: tuple[int, bool]
    """For how many rows there are buffers, and whether for training."""
    straight: tuple[int, bool]
    """The same where a pass just calls forward and backward: it holds no other layers, and nothing about it is custom."""
    kernels: tuple[Callable[..., Any] | None, Callable[..., Any] | None] = (None, None)
    """The kernels that forward and backward call."""

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
        self.is_custom = custom.is_custom(self)
        self.unproven = {*PASSES} if self.is_custom else set()
        self.forget()

    # ── what a kind of layer defines ──────────────────────────────────────────────────────────────────────────────────
    def build(self, input_size: int) -> int:
        """Declare the parameters for inputs of this width; return the width of the outputs."""
        return input_size

    def buffers(self, training: bool) -> Iterable[tuple[Any, ...]]:
        """Arrays of n rows that a pass may write into, made once: (attribute, width) or (attribute, width, dtype)."""
        return [("output", self.output_size), ("grad_input", self.input_size)][: 1 + (training and self.passes_gradient)]

    def forward(self, x: Array, training: bool = False) -> Array:
        """Return the outputs (n, output_size) for the rows x (n, input_size), which are checked and kept as `input`."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, training)")

    def backward(self, grad_output: Array) -> Array | None:
        """Assign the parameters' gradients; return ∂loss/∂input, or None where `passes_gradient` is False."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(grad_output)")

    def hold(self, layers: Iterable["Layer"]) -> Chain:
        """Take layers into this one, in `__init__`: their names, parameters, noise and files are looked after from then on.

        Returns the chain of them: call its `build` in build, its `forward` in forward, its `backward` in backward.
        Raises ValueError or TypeError where one of them is not a layer or belongs somewhere already.
        """
        chain = Chain(first_use.check_layers(type(self).__name__, layers), self)
        for layer in chain:
            layer.held = True
        self.chains.append(chain)
        return chain

    def forward_steps(self, x: Array, training: bool) -> Steps:
        """`forward` of a layer that holds layers, one operation at a time; the events of plain code come when it is done."""
        for chain in self.chains:
            chain.calls = [0, 0]
        output = self.forward(x, training)
        for chain in self.chains:
            if first_use.went(self, chain, "forward"):
                yield from chain.operations("forward")
        return output

    def backward_steps(self, grad_output: Array) -> Steps:
        """`backward` of a layer that holds layers, one operation at a time."""
        for chain in self.chains:
            chain.calls[1] = 0                # a forward pass may be gone back through twice
        grad_input = self.backward(grad_output)
        for chain in self.chains:
            if first_use.went(self, chain, "backward"):
                yield from chain.operations("backward")
        return grad_input

    def forward_operation(self) -> tuple[Formula, Any]:
        """The formula of the last forward pass, and the kernel that computed it."""
        return self.forward_formula, self.kernels[0]

    def backward_operation(self) -> tuple[Formula, Any]:
        """The formula of the last backward pass, and the kernel that computed it."""
        formula = self.backward_formula
        return formula if self.passes_gradient else formula.without("dx", "dz"), self.kernels[1]

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

    def arguments(self, kind: type | None = None) -> dict[str, Any]:
        """What to pass to the class to make an equal layer."""
        arguments = super().arguments(kind)
        return {**arguments, "name": self.short_name} if "name" in arguments else arguments

    # ── what the model calls ──────────────────────────────────────────────────────────────────────────────────────────
    def attach(self, name: str, input_size: int) -> None:
        """Take a name and a place in a model: declare the parameters, make the events."""
        if name.count("/") > NESTED:
            raise ValueError(
                f"{type(self).__name__} {checks.shortened(name.rpartition('/')[2])!r} lies within {name.count('/')} layers: it "
                f"could be trained, but not saved; nest them at most {NESTED} deep, or put blocks one after another"
            )
        self.name, self.input_size = name, input_size
        if self.unproven:
            first_use.check_methods(self)
        first_use.refuse_loose_layers(self)
        self.output_size = checks.whole(self.title, "what build returns", self.build(input_size))
        first_use.check_built(self)
        self.built = True
        self.forward_event = StepEvent("forward", name, self, self.forward_operation, self.forward_arrays)
        self.backward_event = StepEvent("backward", name, self, self.backward_operation, self.backward_arrays)

    def detach(self) -> None:
        """Undo `attach`, so that the layer can go into another model after an error."""
        self.built, self.name, self.parameters, self.initializers = False, self.given_name, [], {}
        for chain in self.chains:
            for layer in chain:
                layer.detach()

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
            initializer = self.initializers[kind]
            value = initializer(parameter.shape, *self.fans_of(parameter), rng)
            returned = f"{self.title}: what the initializer {type(initializer).__name__} returned for {kind}"
            try:
                parameter.value = value
            except (ValueError, TypeError) as error:
                raise type(error)(str(error).replace(f"Parameter {parameter.name}: value", returned)) from None
            if not np.isfinite(parameter.value).all():
                raise ValueError(f"{returned} holds NaN or inf, with which nothing can be trained")
        for index, layer in enumerate(layer for chain in self.chains for layer in chain):
            layer.initialize(seed, *place, index)

    def fans_of(self, parameter: Parameter) -> tuple[int, int]:
        """Fan in and fan out: those that `build` has set, else the first and the last number of the shape."""
        fans: Any = self.fans
        if not isinstance(fans, tuple | list) or len(fans) != 2:
            got = checks.describe(fans)
            raise TypeError(f"{self.title}: fans must be a pair, the numbers of inputs and outputs, got {got}")
        fan_in, fan_out = (checks.whole(self.title, "fans", n, minimum=0) for n in fans)
        return (fan_in, fan_out) if fan_in or fan_out else (parameter.shape[0], parameter.shape[-1])

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
        owner = self.title
        if self.built or not self.input_size:
            raise ValueError(f"{owner}: add_parameter({kind!r}) belongs in build, where memory is made for it")
        if kind in self.initializers:
            raise ValueError(f"{owner}: add_parameter({kind!r}) is called twice; each parameter needs a name of its own")
        initializer = initializers.get(owner, "initializer", initializer)
        regularizer = regularizers.get(owner, "regularizer", regularizer)
        constraint = constraints.get(owner, "constraint", constraint)
        parameter = Parameter(f"{self.name}/{kind}", shape, has_grad, regularizer, constraint)
        self.parameters.append(parameter)
        self.initializers[kind] = initializer
        return parameter

    def allocate(self, rows: int, training: bool, dtype: Any) -> None:
        """Make the buffers for this many rows, or take the first rows of larger ones."""
        if training and not self.passes_gradient:
            vars(self)["grad_input"] = self.room["grad_input"] = NOTHING_YET
        for name, width, *kind in self.buffers(training):
            if name not in self.blocks or len(self.blocks[name]) < rows:
                self.blocks[name] = np.empty((rows, width), kind[0] if kind else dtype)
            vars(self)[name] = self.room[name] = self.blocks[name][:rows]
        winding = self.chains or self.is_custom or self.unproven - OF_OTHERS[training]
        vars(self).update(ready=(rows, training), straight=NOTHING_YET if winding else (rows, training))
        for chain in self.chains:
            chain.allocate(rows, training, dtype)

    @property
    def title(self) -> str:
        """Kind and name, for errors."""
        return type(self).__name__ if self.name is None else f"{type(self).__name__} {self.name!r}"

    def forget(self) -> None:
        """Drop the buffers and all arrays of the last step."""
        self.blocks: dict[str, Array] = {}
        self.room: dict[str, Array] = {}      # the rows of them that are in use, whatever a custom layer puts in their place
        self.ready = self.straight = NOTHING_YET
        self.input: Array = NOTHING_YET
        self.output: Array = NOTHING_YET
        self.grad_output: Array = NOTHING_YET
        self.grad_input = NOTHING_YET

    def __getstate__(self) -> dict[str, Any]:
        """A copy or pickle leaves the buffers behind: the next pass makes them again."""
        kept = set(vars(self)) - set(self.blocks) - {"blocks", "room", "input", "output", "grad_output", "grad_input"}
        slots = {name for kind in type(self).__mro__ for name in vars(kind).get("__slots__", ()) if hasattr(self, name)}
        return {name: getattr(self, name) for name in kept | slots}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state, start without buffers."""
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.forget()

    @property
    def dtype(self) -> Any:
        """The dtype of the outputs, known after the first pass."""
        return self.output.dtype
