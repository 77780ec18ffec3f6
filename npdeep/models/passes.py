"""The passes of a network: forward and backward through its layers, one thread at a time."""

import threading
from collections.abc import Mapping
from typing import Any, Literal, overload

import numpy as np

from npdeep.common import checks, scaling, seeds
from npdeep.common.hinting import Hinted
from npdeep.files import schema
from npdeep.kernels.arrays import Array
from npdeep.layers import first_use
from npdeep.layers.base import Layer
from npdeep.layers.chain import Chain
from npdeep.models.predicting import predict
from npdeep.parameters import Arena, Parameter, allocate

NO_FORWARD = (
    "backward: the last pass was not one of forward, so its arrays are not what a backward pass needs; call "
    "model.forward(x, training=True) first"
)
OTHER_THREAD = (
    "backward: the last forward pass was made in another thread; put `with model.lock:` around forward and backward, or give "
    "each thread a model.copy()"
)


class Passes(Hinted):
    """Layers one after the other, all their numbers in one arena, and the passes through them."""

    scale: float | None = None
    offers = "parameters output_size scale lock forward backward predict everything"

    def _make(
        self, layers: Any, input_size: Any, seed: Any, dtype: Any, name: Any, stored: Mapping[str, Array] | None = None
    ) -> None:
        """Check the arguments and make everything; stored: numbers to begin with, in the place of initial weights."""
        self.layers = Chain(first_use.check_layers("Sequential", layers))
        if not self.layers:
            raise ValueError("Sequential: the list of layers is empty")
        self.input_size = checks.whole("Sequential", "input_size", input_size)
        self.seed = seeds.check_seed("Sequential", seed)
        self.dtype = check_dtype(dtype)
        self.name = checks.label("Sequential", "name", "sequential" if name is None else name)
        try:
            self._build(stored)
        except Exception:
            for layer in self.layers:         # they stay free for the next try
                layer.detach()
            raise
        self.passes = 0
        self.went_forward = 0                 # the thread whose pass backward may go back through
        self.gradients_of: Any = None         # the trainer that computed the gradients, until they are used
        self.lock = threading.RLock()         # for one pass, or one training step, at a time
        self.planned = -1                     # the version of the arena that `plan` knew

    def _build(self, stored: Mapping[str, Array] | None) -> None:
        self.output_size = self.layers.build(self.input_size)
        for layer in self.everything():
            layer.take_precision(self.dtype)
        self.parameters: list[Parameter] = [p for layer in self.everything() for p in layer.parameters]
        if stored is not None:                # before memory is taken for them: they come out of a file
            schema.check_variables(self.parameters, stored)
        self.arena: Arena = allocate(self.parameters, self.dtype)
        for index, layer in enumerate(self.layers):
            if stored is None:
                layer.initialize(self.seed, index)
            else:
                layer.start_noise(self.seed, index)
        if stored is not None:
            for p in self.parameters:
                p.value = stored[p.name]

    # ── passes ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def forward(self, x: Any, training: bool = False) -> Array:
        """The outputs for the rows of x: a live buffer that the next pass overwrites, in whatever thread it is made.

        training: True uses batch statistics and noise. A backward pass is possible after both.
        In several threads use `predict`, whose array is fresh, or keep the pass to yourself: `with model.lock:` around forward
        and whatever belongs to it.
        Raises ValueError or TypeError where x is not an array of finite numbers of shape (n, input_size).
        """
        x, training = self.check_examples("forward", "x", x), checks.flag("forward", "training", training)
        with self.lock:
            outputs = self.run(x, training)
            self.went_forward = threading.get_ident()
        return outputs

    def run(self, x: Array, training: bool = False) -> Array:
        """`forward` on rows that are checked and in the model's dtype."""
        with self.lock:
            if self.planned != self.arena.version:
                self.plan()
            vars(self).update(passes=self.passes + 1, went_forward=0)    # predict and evaluate go through here too
            return self.layers.forward(x, training)

    @overload
    def backward(self, grad_output: Any, input_gradient: Literal[False] = False) -> None: ...
    @overload
    def backward(self, grad_output: Any, input_gradient: Literal[True]) -> Array: ...
    @overload
    def backward(self, grad_output: Any, input_gradient: bool) -> Array | None: ...
    def backward(self, grad_output: Any, input_gradient: bool = False) -> Array | None:
        """Assign the gradients of all trainable parameters, given ∂loss/∂outputs of the last forward pass.

        After a pass with training=False they are those of the network in use: without noise, and with the moving statistics of
        batch normalization as constants.

        Returns ∂loss/∂x where input_gradient is True, else None. The pass stops at the lowest layer with something to train.
        Raises ValueError where there was no forward pass of this thread before it, or for a wrong shape.
        """
        input_gradient = checks.flag("backward", "input_gradient", input_gradient)
        with self.lock:
            if self.went_forward != threading.get_ident():
                raise ValueError(OTHER_THREAD if self.went_forward else NO_FORWARD)
            gradient: Any = check_upstream("backward", grad_output, self.layers[-1].output)
            if input_gradient or self.planned != self.arena.version:
                self.plan(input_gradient)
            outputs = [(layer, layer.output) for layer in self.everything()]
            self.layers.allocate(len(gradient), True, self.dtype)
            for layer, output in outputs:     # a custom layer may have returned another array than its buffer
                vars(layer)["output"] = output
            self.gradients_of = None          # a trainer's are overwritten
            gradient = self.layers.backward(gradient)
            if input_gradient:
                self.plan()                   # the next pass stops where it usually does
        return gradient if input_gradient else None

    def predict(self, x: Any, batch_size: int = 1000, scale: float | None = None, out: Any = None) -> Array:
        """The outputs for the rows of x as a fresh array (n, output_size), computed batch_size rows at a time.

        Args:
            x: an array, in memory or on a disk (memory maps, h5py and zarr are read in pieces), or an iterable of batches of x
                or a generator function, whose outputs follow each other. A single row of shape (input_size,) is one example.
            scale: x is multiplied by it, batch by batch; by default by the scale of the last `fit`, so that predict takes the
                rows that fit took. 1 leaves x as it is.
            out: where the outputs are written and what is returned, for outputs too large for memory: an array of the model's
                dtype, such as a memory map, or a dataset of h5py or zarr, of output_size columns and at least as many rows as
                x. Rows behind those of x are left alone.

        Raises ValueError or TypeError where x is not an array of finite numbers of shape (n, input_size).

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(2, kernel_initializer="ones")], input_size=1)
        >>> model.predict(np.full((size, 1), size) for size in (1, 2))
        array([[1., 1.],
               [2., 2.],
               [2., 2.]], dtype=float32)
        """
        outputs: Array = predict(self, x, checks.whole("predict", "batch_size", batch_size), scale, out)
        return outputs

    def scale_for(self, owner: str, x: Array, scale: float | None) -> Any:
        """What these rows are multiplied by: the given scale, else that of the last fit; None where they stay as they are."""
        factor = scaling.scale(owner, self.scale if scale is None else scale, self.dtype)
        scaling.fitting_scale(owner, x, factor)
        return factor

    def check_examples(self, owner: str, name: str, x: Any) -> Array:
        """x as finite rows of the model's width and dtype, scaled already: integers are refused where fit had a scale."""
        x = checks.examples(owner, name, x, self.input_size)
        if self.scale is not None and x.dtype.kind in "iub":
            raise ValueError(
                f"{owner}: {name} holds {x.dtype} numbers, but the network was trained with scale={self.scale:.6g}, and "
                f"{owner} takes rows that are scaled already: {name} * {self.scale:.6g}"
            )
        checks.finite(owner, name, x)
        return checks.cast(owner, name, x, self.dtype)

    def plan(self, input_gradient: bool = False) -> None:
        """Decide how far down a backward pass goes: to the lowest layer with something to train, or to the input."""
        self.layers.plan(input_gradient)
        self.planned = self.arena.version

    def everything(self) -> list[Layer]:
        """Every layer, those inside others too, in the order of the forward pass: what a layer holds comes before it.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Residual([nd.Dense(2)], name="block1"), nd.Dense(1, name="out")], input_size=2)
        >>> [layer.name for layer in model.everything()]
        ['block1/dense', 'block1', 'out']
        """
        return list(self.layers.everything())


def check_dtype(dtype: Any) -> Any:
    """float32 or float64 as a NumPy dtype.

    >>> check_dtype("float16")
    Traceback (most recent call last):
    ValueError: Sequential: dtype must be "float32" or "float64", got 'float16'
    """
    try:
        name = None if dtype is None else np.dtype(dtype).name    # NumPy takes None for float64
    except Exception:                         # NumPy's grammar of dtypes raises half a dozen kinds
        name = None
    if name not in ("float32", "float64"):
        raise ValueError(f'Sequential: dtype must be "float32" or "float64", got {checks.shortened(checks.safe_repr(dtype))}')
    return np.dtype(name)


def check_upstream(owner: str, grad_output: Any, outputs: Array) -> Array:
    """∂loss/∂outputs as an array of the outputs' shape and dtype.

    >>> check_upstream("backward", [[1, 2]], np.zeros((1, 3)))
    Traceback (most recent call last):
    ValueError: backward: grad_output must have the shape of the outputs, (1, 3), got (1, 2)
    """
    grad = checks.real_array(owner, "grad_output", grad_output)
    if grad.shape != outputs.shape:
        raise ValueError(f"{owner}: grad_output must have the shape of the outputs, {outputs.shape}, got {grad.shape}")
    return checks.cast(owner, "grad_output", grad, outputs.dtype)
