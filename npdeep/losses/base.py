"""What all losses have in common: checks at the door, buffers, and the weighted mean."""

import math
from typing import Any, ClassVar

import numpy as np

from npdeep.common import checks
from npdeep.common.described import Described
from npdeep.common.events import Formula
from npdeep.kernels.arrays import Array
from npdeep.kernels.losses.reduction import sum_of_weights, weighted_mean, weighted_mean_backward


class Loss(Described):
    """Base of all losses: L = (1/m) Σ w ℓ over the m single losses ℓ (of elements; of rows for softmax and KL).

    `forward(outputs, targets, sample_weight=None)` returns L as a float, `backward()` then ∂L/∂outputs, like outputs. Sample
    weights are one number ≥ 0 per row.

    Args:
        weighting: what the weighted sum is divided by. "rows", as in Keras: by the number of losses, whatever their weights,
            so that rows of weight 0 pull L down. "weights", as PyTorch's class weights do: by the sum of the weights, so that
            L is a weighted mean; where all weights of a batch are 0, L and its gradient are 0. For class weights c write
            sample_weight=c[y]. Without sample weights both are the plain mean. ValueError for any other word.

    An own loss needs no base class: any object with these two methods will do.

    >>> from npdeep.losses import MeanSquaredError
    >>> loss = MeanSquaredError()
    >>> loss.forward(np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]]))
    5.0
    >>> loss.backward()
    array([[1.],
           [3.]])
    """

    formula: ClassVar[Formula]
    kernels: ClassVar[tuple[Any, Any]] = (None, None)
    """The kernels of the single losses and of their derivatives."""
    takes_logits: ClassVar[tuple[str, ...]] = ()
    """Activations that must not be the last layer, because this loss brings its own."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Activations of which one must be the last layer, the best first; none: any output will do."""
    needs_what: ClassVar[str] = ""
    outputs_are: ClassVar[str] = "unknown"
    """What outputs mean under this loss: "softmax logits", "logits" (each of a yes or no), "margins" (yes above 0), or "values"
    that are drawn to the targets."""
    per_row: ClassVar[bool] = False
    extra: tuple[str, ...] = ()
    """Scratch arrays like the outputs that the kernels need."""

    def __init__(self, weighting: str = "rows") -> None:
        self.weighting = checks.choice(self.title, "weighting", weighting, ("rows", "weights"))
        self.forget()

    def arguments(self) -> dict[str, Any]:
        """Without `weighting` where it is the usual one."""
        given = super().arguments()
        if given.get("weighting") == "rows":
            del given["weighting"]
        return given

    def forget(self) -> None:
        """Drop the buffers and what the last pass left."""
        self.outputs: Any = None
        self.targets: Any = None
        self.weight: Array | None = None
        self.grad_outputs: Any = None
        self.blocks: dict[str, Array] = {}
        self.shape: tuple[int, ...] = ()
        self.m = 0.0
        self.value = math.nan

    # ── at the door ───────────────────────────────────────────────────────────────────────────────────────────────────
    def forward(self, outputs: Any, targets: Any, sample_weight: Any = None) -> float:
        """L, after checking outputs (n, units), targets and weights. Raises ValueError or TypeError, naming what is wrong."""
        outputs = checks.real_array(self.title, "outputs", outputs)
        if outputs.dtype.kind != "f":
            outputs = outputs.astype(np.float64)
        if outputs.ndim != 2 or outputs.size == 0:
            raise ValueError(f"{self.title}: outputs must have the shape (n, units), got {outputs.shape}")
        targets = self.check_targets(targets, outputs.shape[0], outputs.shape[1], outputs.dtype)
        weight = check_weights(self.title, sample_weight, len(outputs), outputs.dtype)
        return self.compute(outputs, targets, weight)

    def check_targets(self, targets: Any, n: int, units: int, dtype: Any) -> Array:
        """The targets in the form that `compute` takes: here numbers of the shape and dtype of the outputs."""
        array = checks.real_array(self.title, "targets", targets)
        if array.shape != (n, units):
            mend = ""
            if array.shape == (n,) and units == 1:
                mend = "; write targets[:, None], or else every output would be compared with every target"
            elif array.shape == (n,) and array.dtype.kind in "iu":
                mend = f"; for labels write np.eye({units})[targets], or take the loss softmax_cross_entropy"
            elif len(array) != n if array.ndim else True:
                mend = f"; there are {n} rows of outputs"
            raise ValueError(
                f"{self.title}: targets must have the shape of the outputs, ({n}, {units}), got {array.shape}{mend}"
            )
        checks.finite(self.title, "targets", array)
        return checks.cast(self.title, "targets", array, dtype)

    def backward(self) -> Array:
        """∂L/∂outputs of the last forward call. Raises ValueError where there was none."""
        if self.outputs is None:
            raise ValueError(f"{self.title}: backward() needs a forward(outputs, targets) before it")
        return self.compute_gradient()

    # ── what the trainer calls ────────────────────────────────────────────────────────────────────────────────────────
    def compute(self, outputs: Array, targets: Array, weight: Array | None) -> float:
        """L of checked arrays. weight: (n, 1) or None."""
        if outputs.shape != self.shape or outputs.dtype != self.grad_outputs.dtype:
            self.prepare(outputs.shape, outputs.dtype)
        self.outputs, self.targets, self.weight = outputs, targets, weight
        loss = self.losses(outputs, targets)
        self.m = loss.size if weight is None or self.weighting == "rows" else sum_of_weights(weight, loss)
        self.value = weighted_mean(loss, weight, self.m)
        return self.value

    def compute_gradient(self) -> Array:
        """∂L/∂outputs, from the derivatives of the single losses."""
        self.derivatives(self.outputs, self.targets)
        return weighted_mean_backward(self.weight, self.m, self.grad_outputs)

    def share(self) -> float:
        """How much the last batch counts in a mean over batches: its number of rows, or the sum of their weights."""
        if self.weight is None or self.weighting == "rows":
            return len(self.outputs)
        return float(np.add.reduce(self.weight, axis=None))

    def losses(self, z: Array, y: Array) -> Array:
        """Fill and return self.loss: the single losses."""
        raise NotImplementedError

    def derivatives(self, z: Array, y: Array) -> None:
        """Fill self.grad_outputs with ∂ℓ/∂z."""
        raise NotImplementedError

    # ── buffers ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def prepare(self, shape: tuple[int, ...], dtype: Any) -> None:
        """Make the buffers for outputs of this shape, where they are not there already."""
        if shape != self.shape or dtype != self.grad_outputs.dtype:
            self.allocate(shape, dtype)

    def allocate(self, shape: tuple[int, ...], dtype: Any) -> None:
        """Buffers for outputs of this shape, or the first rows of larger ones."""
        n, units = shape
        self.shape = shape
        self.loss = self._rows("loss", n, 1 if self.per_row else units, dtype)
        self.grad_outputs = self._rows("grad_outputs", n, units, dtype)
        for name in self.extra:
            setattr(self, name, self._rows(name, n, units, dtype))

    def _rows(self, name: str, n: int, width: int, dtype: Any) -> Array:
        block = self.blocks.get(name)
        if block is None or len(block) < n or block.shape[1] != width or block.dtype != dtype:
            block = self.blocks[name] = np.empty((n, width), dtype)
        return block[:n]

    def __getstate__(self) -> dict[str, Any]:
        """A copy takes the arguments and leaves the buffers behind."""
        return self.arguments()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Made anew from its arguments."""
        self.__init__(**state)  # type: ignore[misc]

    @property
    def title(self) -> str:
        """The name of the loss, for errors."""
        return type(self).__name__

    def operation(self) -> tuple[Formula, Any]:
        """The formula of the last pass, and the kernel of the single losses."""
        if self.weight is None:
            return self.formula, self.kernels[0]
        text, latex = f"{self.formula}, each times its sample weight w", rf"{self.formula.latex},\ \times\, w_i"
        if self.weighting == "weights":
            text, latex = f"{text}, over Σw in place of their number", rf"{latex},\ m = \sum w_i"
        note = Formula(text, latex)
        return note, self.kernels[0]

    def arrays(self) -> dict[str, Any]:
        """What the loss event shows."""
        return {
            "outputs": self.outputs,
            "targets": self.targets,
            "sample_weight": self.weight,
            "losses": self.loss,
            "loss": np.array(self.value),
            "grad_outputs": self.grad_outputs,
        }


def check_weights(owner: str, weight: Any, n: int, dtype: Any) -> Array | None:
    """Sample weights as a column (n, 1), or None.

    >>> check_weights("fit", [1, 2], 2, np.float32)
    array([[1.],
           [2.]], dtype=float32)
    """
    if weight is None:
        return None
    array = checks.real_array(owner, "sample_weight", weight)
    if array.shape not in ((n,), (n, 1)):
        raise ValueError(f"{owner}: sample_weight must hold one number a row, shape ({n},), got {array.shape}")
    checks.finite(owner, "sample_weight", array)
    if array.size and array.min() < 0:
        raise ValueError(f"{owner}: sample_weight must not be negative, got {array.min()}")
    return checks.cast(owner, "sample_weight", array.reshape(n, 1), dtype)
