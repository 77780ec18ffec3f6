"""How each loss is written out: its single losses, their derivatives, and what it wants of the targets."""

from collections.abc import Callable
from typing import Any

from npdeep.debug.unrolling.script import Script, literal
from npdeep.kernels.losses import cross_entropy, margins, reduction, regression
from npdeep.losses import (
    BinaryCrossEntropy,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SoftmaxCrossEntropy,
    SquaredHinge,
)

Write = Callable[[Script, Any, str], tuple[str, str]]
"""From the outputs' name the calls that fill loss.losses and loss.grad_outputs."""


def softmax_cross_entropy(script: Script, loss: SoftmaxCrossEntropy, z: str) -> tuple[str, str]:
    """Targets are labels or rows of probabilities; both become the rows of q."""
    units = literal(script.model.output_size)
    script.array("loss.column", 1)
    script.buffers.append(f"loss.starts = np.arange(0, n * {units}, {units})")
    labels = script.call(cross_entropy.one_hot, "y", "loss.starts", "loss.q", loss.label_smoothing)
    script.step += ["if y.ndim == 1:                           # labels", f"    {labels}"]
    rows = script.call(cross_entropy.smooth, "y", "loss.q", loss.label_smoothing)
    script.step += ["else:                                     # rows of probabilities", f"    {rows}"]
    kept = ("loss.q", "loss.probabilities", "loss.scratch", "loss.column", "loss.losses")
    return (
        script.call(cross_entropy.softmax_cross_entropy_forward, z, *kept),
        script.call(cross_entropy.softmax_cross_entropy_backward, "loss.probabilities", "loss.q", "loss.grad_outputs"),
    )


def binary_cross_entropy(script: Script, loss: BinaryCrossEntropy, z: str) -> tuple[str, str]:
    """From logits."""
    return (
        script.call(cross_entropy.binary_cross_entropy_forward, z, "y", "loss.scratch", "loss.losses"),
        script.call(cross_entropy.binary_cross_entropy_backward, z, "y", "loss.scratch", "loss.grad_outputs"),
    )


def kl_divergence(script: Script, loss: KLDivergence, p: str) -> tuple[str, str]:
    """From probabilities."""
    return (
        script.call(cross_entropy.kl_divergence_forward, p, "y", "loss.scratch", "loss.losses", loss.epsilon),
        script.call(cross_entropy.kl_divergence_backward, p, "y", "loss.scratch", "loss.grad_outputs", loss.epsilon),
    )


def signs(script: Script) -> None:
    """Targets 0 and 1 become −1 and 1."""
    script.step += [
        "if np.minimum.reduce(y, axis=None) >= 0:  # 0 and 1 stand for −1 and 1",
        "    np.multiply(y, 2, out=loss.plus_minus)",
        "    loss.plus_minus -= 1",
        "    y = loss.plus_minus",
    ]


def hinge(script: Script, loss: Hinge, z: str) -> tuple[str, str]:
    """Margins of 1."""
    signs(script)
    return (
        script.call(margins.hinge_forward, z, "y", "loss.losses"),
        script.call(margins.hinge_backward, z, "y", "loss.scratch", "loss.grad_outputs"),
    )


def squared_hinge(script: Script, loss: SquaredHinge, z: str) -> tuple[str, str]:
    """Squares of what lacks to a margin of 1."""
    signs(script)
    return (
        script.call(margins.squared_hinge_forward, z, "y", "loss.losses"),
        script.call(margins.squared_hinge_backward, z, "y", "loss.grad_outputs"),
    )


def mean_squared_error(script: Script, loss: MeanSquaredError, z: str) -> tuple[str, str]:
    """Squares of the errors."""
    return (
        script.call(regression.squared_error_forward, z, "y", "loss.losses"),
        script.call(regression.squared_error_backward, z, "y", "loss.grad_outputs"),
    )


def mean_absolute_error(script: Script, loss: MeanAbsoluteError, z: str) -> tuple[str, str]:
    """Sizes of the errors."""
    return (
        script.call(regression.absolute_error_forward, z, "y", "loss.losses"),
        script.call(regression.absolute_error_backward, z, "y", "loss.grad_outputs"),
    )


def huber(script: Script, loss: Huber, z: str) -> tuple[str, str]:
    """Squares near 0, straight lines beyond δ."""
    return (
        script.call(regression.huber_forward, z, "y", "loss.scratch", "loss.losses", loss.delta),
        script.call(regression.huber_backward, z, "y", "loss.grad_outputs", loss.delta),
    )


def log_cosh(script: Script, loss: LogCosh, z: str) -> tuple[str, str]:
    """log cosh of the errors."""
    return (
        script.call(regression.log_cosh_forward, z, "y", "loss.scratch", "loss.rest", "loss.losses"),
        script.call(regression.log_cosh_backward, z, "y", "loss.grad_outputs"),
    )


def poisson(script: Script, loss: Poisson, z: str) -> tuple[str, str]:
    """Counts and rates."""
    return (
        script.call(regression.poisson_forward, z, "y", "loss.scratch", "loss.losses", loss.epsilon),
        script.call(regression.poisson_backward, z, "y", "loss.scratch", "loss.grad_outputs", loss.epsilon),
    )


LOSSES: dict[type[Loss], Write] = {
    SoftmaxCrossEntropy: softmax_cross_entropy,
    BinaryCrossEntropy: binary_cross_entropy,
    KLDivergence: kl_divergence,
    Hinge: hinge,
    SquaredHinge: squared_hinge,
    MeanSquaredError: mean_squared_error,
    MeanAbsoluteError: mean_absolute_error,
    Huber: huber,
    LogCosh: log_cosh,
    Poisson: poisson,
}
"""Every loss, with the function that writes it out."""


def write_loss(script: Script, loss: Loss, outputs: str) -> None:
    """The loss of a batch and its gradient at the outputs."""
    units = script.model.output_size
    script.setup += ["", "loss = Arrays()"]
    script.array("loss.losses", 1 if loss.per_row else units)
    for name in ("grad_outputs", *loss.extra):
        script.array(f"loss.{name}", units)
    script.heading(f"loss: {loss.formula}")
    forward, backward = LOSSES[type(loss)](script, loss, outputs)
    m = "loss.losses.size"
    if loss.weighting == "weights":
        m = f"{m} if weight is None else {script.call(reduction.sum_of_weights, 'weight', 'loss.losses')}"
    mean = script.call(reduction.weighted_mean, "loss.losses", "weight", "loss.m")
    script.step += [forward, f"loss.m = {m}", f"loss.value = {mean}", backward]
    script.step.append(script.call(reduction.weighted_mean_backward, "weight", "loss.m", "loss.grad_outputs"))


def targets_line(script: Script, loss: Loss) -> list[str]:
    """The lines that bring targets into the form which the step wants."""
    if isinstance(loss, SoftmaxCrossEntropy):
        return [f"y = np.asarray(y, np.int64 if np.ndim(y) == 1 else {script.dtype})"]
    return [f"y = np.asarray(y, {script.dtype}).reshape(len(x), {literal(script.model.output_size)})"]
