"""What all layers have in common: a name, parameters, buffers, and everything of the last step left to look at."""

import inspect
import re
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from npdeep.common import checks, seeds
from npdeep.common.described import Described
from npdeep.common.events import Formula, StepEvent
from npdeep.common.hinting import assigned_by_itself, settle, title
from npdeep.common.hints import LAYER, by_name
from npdeep.initializers import Initializer
from npdeep.kernels.arrays import Array
from npdeep.parameters import Parameter

NOTHING_YET: Any = None
BUILT_IN = r"^(units|pieces|use_bias|center|scale|activation|name|.*_(initializer|regularizer|constraint))$"
"""Arguments that have done their work once a layer is in a model."""
HELD = "_parameter_"
"""Where a layer keeps the parameter that its attribute `kernel` gives: under _parameter_kernel."""


class Layer(Described, base=True):
    """Base of all layers.

    Attributes, each an array or None before the first pass that makes it:
        input, output: (n, input_size) and (n, output_size), from the last forward pass.
        grad_output, grad_input: ∂loss/∂output and ∂loss/∂input, from the last backward pass; a new forward pass sets
            grad_output to None. grad_input is None where nobody wants it: in the lowest layer with something to train, and
            below.

    An own layer defines `build`, `forward` and `backward`, and names its buffers in `buffers`:

    >>> import npdeep as nd
    >>> class Half(nd.layers.Layer):
    ...     def buffers(self, training):
    ...         yield "output", self.output_size
    ...         if training and self.passes_gradient:
    ...             yield "grad_input", self.input_size
    ...     def forward(self, x, training=False):
    ...         self.input = x
    ...         return np.multiply(x, 0.5, out=self.output)
    ...     def backward(self, grad_output):
    ...         self.grad_output = grad_output
    ...         return np.multiply(grad_output, 0.5, out=self.grad_input)
    >>> nd.Sequential([Half()], input_size=2).predict([[2.0, 4.0]])
    array([[1., 2.]], dtype=float32)
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
        self.forget()

    # ── what a kind of layer defines ──────────────────────────────────────────────────────────────────────────────────
    def build(self, input_size: int) -> int:
        """Declare the parameters for inputs of this width; return the width of the outputs."""
        return input_size

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """The arrays of n rows that a pass writes: (attribute, width) or (attribute, width, dtype)."""
        yield "output", self.output_size
        if training and self.passes_gradient:
            yield "grad_input", self.input_size

    def forward(self, x: Array, training: bool = False) -> Array:
        """Keep x as `input`, write and return `output`. Called by the model, which has checked x and made the buffers."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, training)")

    def backward(self, grad_output: Array) -> Array | None:
        """Keep grad_output, assign the parameters' gradients, write and return `grad_input` (or return None)."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(grad_output)")

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

    # ── what the model calls ──────────────────────────────────────────────────────────────────────────────────────────
    def attach(self, name: str, input_size: int) -> None:
        """Take a name and a place in a model: declare the parameters, make the events."""
        self.name, self.input_size = name, input_size
        self.output_size = self.build(input_size)
        hold_parameters(self)
        self.built = True
        self.forward_event = StepEvent("forward", name, self, self.forward_operation, self.forward_arrays)
        self.backward_event = StepEvent("backward", name, self, self.backward_operation, self.backward_arrays)

    def detach(self) -> None:
        """Undo `attach`, so that the layer can go into another model after an error."""
        self.built, self.name, self.parameters, self.initializers = False, self.given_name, [], {}

    def initialize(self, seed: int, index: int) -> None:
        """Give every parameter its first value and the layer its generator of noise."""
        rng = seeds.generator(seed, seeds.INITIAL, index)
        self.start_noise(seed, index)
        for parameter in self.parameters:
            kind = parameter.name.rpartition("/")[2]
            parameter.value = self.initializers[kind](parameter.shape, *self.fans, rng)

    def start_noise(self, seed: int, index: int) -> None:
        """Give the layer its generator of noise."""
        self.rng = seeds.generator(seed, seeds.NOISE, index)

    def add_parameter(
        self,
        kind: str,
        shape: tuple[int, ...],
        initializer: Initializer,
        *,
        has_grad: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Parameter:
        """Declare a parameter; the model finds the memory for it."""
        check_layer_name(type(self).__name__, kind, "kind of a parameter")
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


def check_layer_name(owner: str, name: Any, what: str = "name") -> str:
    """A part of the names of variables, the layer's or its own: at most 100 letters, digits, _ . -

    >>> check_layer_name("Dense", "hidden 1")
    Traceback (most recent call last):
    ValueError: Dense: name may have letters, digits, _ . - and nothing else, at most 100 of them, got 'hidden 1'
    """
    if not (isinstance(name, str) and re.fullmatch(rf"[A-Za-z0-9_.\-]{{1,{checks.LONGEST_NAME}}}", name)):
        raise ValueError(
            f"{owner}: {what} may have letters, digits, _ . - and nothing else, at most {checks.LONGEST_NAME} of them, "
            f"got {checks.shortened(repr(name))}"
        )
    return name

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
