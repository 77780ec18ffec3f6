"""What all losses have in common: checks on entry, buffers, and the weighted mean."""

import math
import re
from typing import Any, ClassVar, NamedTuple

import numpy as np

from npdeep.common import checks, custom
from npdeep.common.described import Described
from npdeep.common.events import Formula
from npdeep.common.expressions import check
from npdeep.common.hints import LOSS, by_name
from npdeep.common.notation import Latex, Notation
from npdeep.kernels.arrays import Array
from npdeep.kernels.losses.reduction import sum_of_weights, weighted_mean, weighted_mean_backward


class Usual(NamedTuple):
    """Targets of this dtype, of n rows of this shape, with no number below the lowest or above the highest."""

    dtype: Any
    row: tuple[int, ...]
    lowest: float
    highest: float


NONE_USUAL = Usual(np.dtype(np.void), (), math.inf, -math.inf)


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

    foreign = by_name(LOSS)
    offers = "forward backward value outputs targets grad_outputs formula arguments clone"
    expression: ClassVar[str] = ""
    derivative: ClassVar[str] = ""
    """ℓ and ∂ℓ/∂z of an element, in z, y and the arguments: they give the formula, and `explain` works them out."""
    formula: ClassVar[Formula] = Formula("L = mean of ℓ(z, y), dz = ∂ℓ/∂z/m")
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

    def __init_subclass__(cls, **keywords: Any) -> None:
        """A class that computes something else has other expressions; the formula comes from them."""
        super().__init_subclass__(**keywords)
        own = vars(cls)
        if own.keys() & {"losses", "derivatives"} and "expression" not in own:
            cls.expression = cls.derivative = ""
        if own.get("expression") or own.get("derivative"):
            for what in ("expression", "derivative"):
                check(f"{cls.__name__}: {what}", getattr(cls, what))
        if own.get("expression") and "formula" not in own:
            slope = f"({cls.derivative})/m"
            text = f"L = mean of {Notation().show(cls.expression)}, dz = {Notation().show(slope)}"
            cls.formula = Formula(text, rf"L = \overline{{{Latex().show(cls.expression)}}},\ dz = {Latex().show(slope)}")

    def __init__(self, weighting: str = "rows") -> None:
        self.weighting = checks.choice(self.title, "weighting", weighting, ("rows", "weights"))
        self.unproven = custom.is_custom(self)
        self.forget()

    def arguments(self, kind: type | None = None) -> dict[str, Any]:
        """Without `weighting` where it is the usual one."""
        given = super().arguments(kind)
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

    # ── on entry ──────────────────────────────────────────────────────────────────────────────────────────────────────
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
            cure = ""
            if array.shape == (n,) and units == 1:
                cure = "; write targets[:, None], or else every output would be compared with every target"
            elif array.shape == (n,) and array.dtype.kind in "iu":
                cure = f"; for labels write np.eye({units})[targets], or take the loss softmax_cross_entropy"
            elif len(array) != n if array.ndim else True:
                cure = f"; there are {n} rows of outputs"
            raise ValueError(
                f"{self.title}: targets must have the shape of the outputs, ({n}, {units}), got {array.shape}{cure}"
            )
        checks.finite(self.title, "targets", array)
        return checks.cast(self.title, "targets", array, dtype)

    def usual_targets(self, units: int, dtype: Any) -> Usual:
        """What targets are like that `check_targets` would return as they are: says `_usual` of the class that defines it."""
        checker = next(kind for kind in type(self).__mro__ if "check_targets" in vars(kind))
        return checker._usual(self, units, dtype) if "_usual" in vars(checker) else NONE_USUAL  # type: ignore[attr-defined]

    def _usual(self, units: int, dtype: Any) -> Usual:
        """Numbers like the outputs."""
        return Usual(np.dtype(dtype), (units,), -float(np.finfo(dtype).max), float(np.finfo(dtype).max))

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
        kept = vars(self)
        kept["outputs"], kept["targets"], kept["weight"] = outputs, targets, weight
        kept["loss"] = loss = self.checked_losses(outputs, targets) if self.unproven else self.losses(outputs, targets)
        kept["m"] = m = loss.size if weight is None or self.weighting == "rows" else sum_of_weights(weight, loss)
        kept["value"] = value = weighted_mean(loss, weight, m)
        return value

    def checked_losses(self, outputs: Array, targets: Any) -> Array:
        """`losses` of a custom loss that was never used."""
        owner = f"{self.title}: losses"
        if not isinstance(targets, np.ndarray):
            got = checks.describe(targets)
            raise TypeError(f"{self.title}: check_targets must return the targets as an array, it returned {got}")
        before = [outputs.copy(), targets.copy()]
        loss = self.losses(outputs, targets)
        custom.check_kept(owner, ("z", "y"), (outputs, targets), before)
        custom.check_array(owner, loss, self.loss.shape, outputs.dtype, outputs, targets)
        return loss

    def compute_gradient(self) -> Array:
        """∂L/∂outputs, from the derivatives of the single losses."""
        if self.unproven:
            custom.mark(self.grad_outputs)
        self.derivatives(self.outputs, self.targets)
        if self.unproven:
            self.check_derivatives()
        return weighted_mean_backward(self.weight, self.m, self.grad_outputs)

    def check_derivatives(self) -> None:
        """Raise where a custom loss did not fill in the gradient, or filled in NaN; else it is proven."""
        filled = self.grad_outputs
        if not isinstance(filled, np.ndarray) or (filled.shape, filled.dtype) != (self.outputs.shape, self.outputs.dtype):
            self.shape = ()                   # the next pass makes its buffers again
            raise ValueError(
                f"{self.title}: derivatives put {checks.describe(filled)} in place of self.grad_outputs, whose shape is "
                f"{self.outputs.shape}; fill it: self.grad_outputs[...] = ..."
            )
        if custom.still_marked(self.grad_outputs):
            raise ValueError(f"{self.title}: derivatives did not write all of self.grad_outputs; fill self.grad_outputs[...]")
        custom.check_no_nan(f"{self.title}: derivatives wrote", self.grad_outputs, self.outputs, self.targets)
        self.unproven = False

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
        """Made again from its arguments."""
        self.__init__(**state)  # type: ignore[misc]

    @property
    def title(self) -> str:
        """The name of the loss, for errors."""
        return type(self).__name__

    def operation(self) -> tuple[Formula, Any]:
        """The formula of the last pass, and the kernel of the single losses."""
        if self.weight is None:
            return self.formula, self.kernels[0]
        text, latex = f"{self.formula.unicode}, each times its sample weight w", rf"{self.formula.latex},\ \times\, w_i"
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


def check_weights(owner: str, weight: Any, n: int, dtype: Any, needed: bool = False) -> Array | None:
    """Sample weights as a column (n, 1), or None. needed: they may not all be 0, for these are all rows and no batch.

    >>> check_weights("fit", [1, 2], 2, np.float32)
    array([[1.],
           [2.]], dtype=float32)
    """
    if weight is None:
        return None
    array = checks.real_array(owner, "sample_weight", weight)
    if array.shape not in ((n,), (n, 1)):
        raise ValueError(f"{owner}: sample_weight must hold one number per row, shape ({n},), got {array.shape}")
    checks.finite(owner, "sample_weight", array)
    if array.size and array.min() < 0:
        raise ValueError(f"{owner}: sample_weight must not be negative, got {array.min()}")
    column = checks.cast(owner, "sample_weight", array.reshape(n, 1), dtype)
    check_size(owner, float(array.max(initial=0)), float(column.sum(dtype=np.float64)), np.finfo(dtype), needed)
    return column


def check_size(owner: str, largest: float, total: float, limits: Any, needed: bool) -> None:
    """Raise ValueError where the sum of the weights overflows, or where the largest of them has lost its digits."""
    if total > float(limits.max):
        raise ValueError(
            f"{owner}: sample_weight adds up to {total:.3g}, more than {limits.dtype} can hold; divide all weights by the "
            "same number, such as sample_weight / sample_weight.max()"
        )
    if 0 < largest < float(limits.tiny):
        raise ValueError(
            f"{owner}: the largest sample_weight is {largest:.3g}: so near to 0 {limits.dtype} has few digits left, or none; "
            "multiply all weights by the same number, such as sample_weight / sample_weight.max()"
        )
    if needed and largest == 0:
        raise ValueError(
            f"{owner}: every sample_weight is 0: there is no row to take the mean over; leave them away, or give at least one "
            "row a weight above 0"
        )


def check_y(owner: str, loss: Loss, y: Any, n: int, units: int, dtype: Any) -> Any:
    """The targets of n rows as the loss expects them; its errors call them y, as the user's argument is called.

    >>> from npdeep.losses import MeanSquaredError
    >>> check_y("fit", MeanSquaredError(), [0, 1], 2, 1, "float32")
    Traceback (most recent call last):
    ValueError: fit: y: MeanSquaredError: y must have the shape of the outputs, (2, 1), got (2,); write y[:, None], or else \
every output would be compared with every target
    """
    try:
        return loss.check_targets(y, n, units, dtype)
    except (ValueError, TypeError) as error:
        said = re.sub(r"\btargets\b", "y", str(error)) if not custom.is_custom(loss) else error
        raise type(error)(f"{owner}: y: {said}") from None
