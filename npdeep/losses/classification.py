"""Losses for classes and for yes or no."""

from typing import Any, ClassVar

import numpy as np

from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.kernels.arrays import Array
from npdeep.kernels.losses import cross_entropy, margins
from npdeep.losses.base import NONE_USUAL, Loss, Usual


class SoftmaxCrossEntropy(Loss):
    """ℓ = −Σ_k q_k log softmax(z)_k of each row: for classes of which one is right. Outputs are logits.

    Args:
        label_smoothing: s in [0, 1): targets become (1 − s)·target + s/classes.
        weighting: what a weighted sum is divided by, "rows" or "weights"; see `nd.losses.Loss`.

    Targets: integer labels (n,) in 0 … classes − 1, or rows of probabilities (n, classes) that sum to 1, such as one-hot ones.
    L is the mean over the rows. Gradient: (softmax(z) − q) w/n.

    >>> loss = SoftmaxCrossEntropy()
    >>> round(loss.forward(np.zeros((2, 10)), np.array([3, 7])), 6)
    2.302585
    """

    kernels = (cross_entropy.softmax_cross_entropy_forward, cross_entropy.softmax_cross_entropy_backward)
    outputs_are = "softmax logits"
    formula = Formula(
        "L = mean of −Σₖ qₖ log softmax(z)ₖ, dz = (softmax(z) − q)/n",
        r"L = -\tfrac1n \sum_i \sum_k q_{ik} \log \mathrm{softmax}(z_i)_k,\ dz = (\mathrm{softmax}(z) - q)/n",
    )
    takes_logits = ("softmax", "log_softmax", "softmin", "sparsemax", "sigmoid")
    per_row = True
    extra = ("probabilities", "scratch", "q")
    probabilities: Array
    scratch: Array
    q: Array

    def __init__(self, label_smoothing: float = 0.0, weighting: str = "rows") -> None:
        self.label_smoothing = checks.number("SoftmaxCrossEntropy", "label_smoothing", label_smoothing, minimum=0, below=1)
        super().__init__(weighting)

    def check_targets(self, targets: Any, n: int, units: int, dtype: Any) -> Array:
        """Integer labels (n,) as int64, or rows of probabilities (n, classes)."""
        if units < 2:
            raise ValueError(
                "SoftmaxCrossEntropy: one output has a softmax of 1 whatever it is; use two outputs, or BinaryCrossEntropy"
            )
        array = checks.real_array(self.title, "targets", targets)
        if array.ndim == 2 and array.shape == (n, units):
            checks.finite(self.title, "targets", array)
            check_probabilities(self.title, array)
            return checks.cast(self.title, "targets", array, dtype)
        return check_labels(self.title, array, n, units)

    def _usual(self, units: int, dtype: Any) -> Usual:
        """Labels."""
        return Usual(np.dtype(np.int64), (), 0, units - 1) if units > 1 else NONE_USUAL

    def allocate(self, shape: tuple[int, ...], dtype: Any) -> None:
        """The buffers, and where each row of q begins."""
        super().allocate(shape, dtype)
        self.starts = np.arange(0, shape[0] * shape[1], shape[1])
        self.column = self._rows("column", shape[0], 1, dtype)

    def losses(self, z: Array, y: Array) -> Array:
        """The cross entropy of each row."""
        if y.ndim == 1:
            cross_entropy.one_hot(y, self.starts, self.q, self.label_smoothing)
        else:
            cross_entropy.smooth(y, self.q, self.label_smoothing)
        return cross_entropy.softmax_cross_entropy_forward(
            z, self.q, self.probabilities, self.scratch, self.column, self.loss
        )

    def derivatives(self, z: Array, y: Array) -> None:
        """softmax(z) − q."""
        cross_entropy.softmax_cross_entropy_backward(self.probabilities, self.q, self.grad_outputs)

    def arrays(self) -> dict[str, Any]:
        """The probabilities too."""
        shown = super().arrays()
        return {"outputs": shown.pop("outputs"), "probabilities": self.probabilities, **shown}


def check_probabilities(owner: str, q: Array) -> None:
    """Raise where a row is negative somewhere or does not sum to 1.

    >>> check_probabilities("fit", np.array([[0.5, 0.5], [0.5, 0.6]]))
    Traceback (most recent call last):
    ValueError: fit: rows of targets must be probabilities that sum to 1, but row 1 is [0.5 0.6]; for labels pass \
integers of shape (n,)
    """
    if q.min() < 0 or np.max(np.abs(q.sum(axis=1) - 1)) > 1e-3:
        row = int(np.argmax((q < 0).any(axis=1) | (np.abs(q.sum(axis=1) - 1) > 1e-3)))
        raise ValueError(
            f"{owner}: rows of targets must be probabilities that sum to 1, but row {row} is {q[row]}; "
            "for labels pass integers of shape (n,)"
        )


def check_labels(owner: str, labels: Array, n: int, classes: int) -> Array:
    """Integers 0 … classes − 1, one per row, as int64.

    >>> check_labels("fit", np.array([0, 10]), 2, 10)
    Traceback (most recent call last):
    ValueError: fit: labels must lie in 0 to 9 (the network has 10 outputs), but row 1 has 10; labels up to 10 need \
11 outputs
    """
    if labels.ndim == 2 and labels.shape == (n, 1):
        raise ValueError(f"{owner}: labels must have the shape ({n},), got {labels.shape}; write targets[:, 0]")
    if labels.ndim != 1 or len(labels) != n:
        raise ValueError(
            f"{owner}: targets must be {n} labels, shape ({n},), or rows of probabilities, shape ({n}, {classes}); "
            f"got shape {labels.shape}"
        )
    if labels.dtype.kind == "f":
        checks.finite(owner, "targets", labels)
        if np.any(labels != np.floor(labels)):
            row = int(np.argmax(labels != np.floor(labels)))
            raise TypeError(
                f"{owner}: labels must be integers, but row {row} has {labels[row]}; to predict numbers take one output "
                "and the loss mean_squared_error"
            )
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        row = int(np.argmax((labels < 0) | (labels >= classes)))
        cure = f"; labels up to {labels.max()} need {labels.max() + 1} outputs" if labels.min() >= 0 else "; labels begin at 0"
        if labels.min() == 1 and labels.max() == classes:
            cure = "; labels begin at 0: subtract 1"
        elif len(np.unique(labels)) == classes:
            cure = "; number the classes with np.unique(targets, return_inverse=True)[1]"
        raise ValueError(
            f"{owner}: labels must lie in 0 to {classes - 1} (the network has {classes} outputs), "
            f"but row {row} has {labels[row]}{cure}"
        )
    return labels if labels.dtype == np.int64 else labels.astype(np.int64)


class _TwoClasses(Loss):
    """A loss for yes-or-no targets; where there is one output, labels of shape (n,) will do."""

    lowest: ClassVar[float] = 0.0

    def check_targets(self, targets: Any, n: int, units: int, dtype: Any) -> Array:
        """Numbers like the outputs; labels (n,) become a column where there is one output."""
        array = checks.real_array(self.title, "targets", targets)
        if units == 1 and array.shape == (n,):
            array = array.reshape(n, 1)
        array = super().check_targets(array, n, units, dtype)
        if array.min() < self.lowest or array.max() > 1:
            bad = array.min() if array.min() < self.lowest else array.max()
            raise ValueError(
                f"{self.title}: targets must lie between {self.lowest:g} and 1, got {bad:g}; {as_bits(np.unique(array))}"
            )
        return array

    def _usual(self, units: int, dtype: Any) -> Usual:
        """Numbers like the outputs, within the bounds."""
        return Usual(np.dtype(dtype), (units,), self.lowest, 1)


def as_bits(values: Array) -> str:
    """How to make 0 and 1 of targets that take these values.

    >>> as_bits(np.array([-1.0, 1.0])), as_bits(np.array([1.0, 2.0]))
    ('for labels -1 and 1 write (targets + 1) / 2', 'for two classes write targets == 2')
    """
    if values.tolist() == [-1, 1]:
        return "for labels -1 and 1 write (targets + 1) / 2"
    if len(values) == 2:
        return f"for two classes write targets == {values[1]:g}"
    if np.all(values == np.floor(values)):
        return "for more than two classes take one output each and the loss softmax_cross_entropy"
    return "for numbers of any size take the loss mean_squared_error"


class BinaryCrossEntropy(_TwoClasses):
    """ℓ = −y log σ(z) − (1 − y) log(1 − σ(z)) of each element: for outputs that are each yes or no. Outputs are logits.

    Targets: like the outputs, between 0 and 1; labels 0/1 of shape (n,) where there is one output. L is the mean over all
    elements. Gradient: (σ(z) − y) w/m.

    >>> round(BinaryCrossEntropy().forward(np.zeros((2, 1)), np.array([0, 1])), 6)
    0.693147
    """

    kernels = (cross_entropy.binary_cross_entropy_forward, cross_entropy.binary_cross_entropy_backward)
    outputs_are = "logits"
    expression, derivative = "max(z, 0) - z*y + log1p(exp(-abs(z)))", "1/(1 + exp(-z)) - y"
    formula = Formula(
        "L = mean of max(z, 0) − zy + log(1 + e^−|z|), dz = (σ(z) − y)/m",
        r"L = \overline{\max(z, 0) - zy + \log(1 + e^{-|z|})},\ dz = (\sigma(z) - y)/m",
    )
    takes_logits = ("sigmoid", "hard_sigmoid", "log_sigmoid", "softmax", "log_softmax")
    extra = ("scratch",)
    scratch: Array

    def losses(self, z: Array, y: Array) -> Array:
        """The cross entropy of each element."""
        return cross_entropy.binary_cross_entropy_forward(z, y, self.scratch, self.loss)

    def derivatives(self, z: Array, y: Array) -> None:
        """σ(z) − y."""
        cross_entropy.binary_cross_entropy_backward(z, y, self.scratch, self.grad_outputs)


class KLDivergence(Loss):
    """ℓ = Σ_k y_k log(y_k/p_k) of each row: how far the probabilities p that come out are from the targets y.

    Outputs are probabilities: end the network with a softmax layer. Outputs below ε = 1e-7 count as ε, as in Keras. L is the
    mean over the rows (Keras; PyTorch's "batchmean"). Gradient: −y/p w/n, 0 where p < ε.

    >>> round(KLDivergence().forward(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])), 6)
    0.693147
    """

    kernels = (cross_entropy.kl_divergence_forward, cross_entropy.kl_divergence_backward)
    outputs_are = "values"
    formula = Formula("L = mean of Σₖ yₖ·log(yₖ/pₖ), dp = −y/p/n", r"L = \tfrac1n \sum_i \sum_k y_{ik} \log(y_{ik}/p_{ik})")
    needs = ("softmax", "sparsemax", "softmin")
    needs_what = "outputs that are probabilities"
    per_row = True
    extra = ("scratch",)
    scratch: Array

    def __init__(self, epsilon: float = 1e-7, weighting: str = "rows") -> None:
        self.epsilon = checks.number("KLDivergence", "epsilon", epsilon, above=0)
        super().__init__(weighting)

    def check_targets(self, targets: Any, n: int, units: int, dtype: Any) -> Array:
        """Rows of probabilities."""
        checks.epsilon(self.title, self.epsilon, dtype, "an output of 0 would make the loss infinite")
        array = super().check_targets(targets, n, units, dtype)
        check_probabilities(self.title, array)
        return array

    def losses(self, z: Array, y: Array) -> Array:
        """Σ_k y log(y/p)."""
        return cross_entropy.kl_divergence_forward(z, y, self.scratch, self.loss, self.epsilon)

    def derivatives(self, z: Array, y: Array) -> None:
        """−y/p."""
        cross_entropy.kl_divergence_backward(z, y, self.scratch, self.grad_outputs, self.epsilon)


class Hinge(_TwoClasses):
    """ℓ = max(0, 1 − y z) of each element, for targets −1 and 1 (0 and 1 are taken as −1 and 1, as in Keras).

    Labels of shape (n,) where there is one output. L is the mean over all elements. Gradient: −y w/m inside the margin.

    >>> Hinge().forward(np.array([[0.5], [2.0]]), np.array([1, 1]))
    0.25
    """

    kernels: ClassVar[tuple[Any, Any]] = (margins.hinge_forward, margins.hinge_backward)
    outputs_are = "margins"
    expression, derivative = "max(0, 1 - y*z)", "-y if y*z < 1 else 0"
    extra: tuple[str, ...] = ("scratch", "plus_minus")
    scratch: Array
    plus_minus: Array
    lowest = -1.0

    def check_targets(self, targets: Any, n: int, units: int, dtype: Any) -> Array:
        """−1 and 1, or 0 and 1: then 0 stands for −1."""
        array = super().check_targets(targets, n, units, dtype)
        flat = array.reshape(-1)
        squares, lowest = float(flat @ flat), float(array.min())     # all within ±1 already: y² = 1, or y² = y, for all of them
        if squares != array.size and not (lowest >= 0 and squares == float(np.add.reduce(flat))):
            raise ValueError(f"{self.title}: targets must be -1 and 1 (or 0 and 1), got others")
        return array

    def losses(self, z: Array, y: Array) -> Array:
        """max(0, 1 − yz)."""
        margins.plus_minus(y, self.plus_minus)
        return margins.hinge_forward(z, self.plus_minus, self.loss)

    def derivatives(self, z: Array, y: Array) -> None:
        """−y inside the margin."""
        margins.hinge_backward(z, self.plus_minus, self.scratch, self.grad_outputs)


class SquaredHinge(Hinge):
    """ℓ = max(0, 1 − y z)² of each element, for targets −1 and 1 (0 and 1 are taken as −1 and 1).

    >>> SquaredHinge().forward(np.array([[0.5], [2.0]]), np.array([1, 1]))
    0.125
    """

    kernels = (margins.squared_hinge_forward, margins.squared_hinge_backward)
    expression, derivative = "max(0, 1 - y*z)**2", "-(2*y*max(0, 1 - y*z))"
    extra = ("plus_minus",)

    def losses(self, z: Array, y: Array) -> Array:
        """max(0, 1 − yz)²."""
        margins.plus_minus(y, self.plus_minus)
        return margins.squared_hinge_forward(z, self.plus_minus, self.loss)

    def derivatives(self, z: Array, y: Array) -> None:
        """−2y max(0, 1 − yz)."""
        margins.squared_hinge_backward(z, self.plus_minus, self.grad_outputs)
