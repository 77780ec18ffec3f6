"""Is the hand-derived gradient the gradient? Compare it with what the loss does when a weight is nudged."""

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from npdeep import losses
from npdeep.common import checks, seeds
from npdeep.common.hinting import explained
from npdeep.debug.gradient_report import Comparison, GradientReport, place
from npdeep.kernels.arrays import Array
from npdeep.models.sequential import Sequential

STEP = 6e-6
"""Near the cube root of float64's epsilon, where the errors of truncation and of rounding are equally small."""

ASIDE = 1e-3
"""How far everything moves to get off the kinks: many steps of the differences, and little beside weights of the size of 1."""


@explained
def gradient_check(
    model: Sequential,
    loss: Any,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    tolerance: float = 1e-6,
    max_elements: int = 100,
    seed: int = 0,
) -> GradientReport:
    """Compare every gradient of the model, penalties included, with central differences of the loss, in float64.

    (L(w + h) − L(w − h))/2h for up to max_elements elements of each parameter and of the input, drawn from the seed. A
    float64 copy of the model is used; dropout masks and all other noise are the same in every evaluation; the model itself is
    not touched. Batch normalization computes mean and variance of the batch again every time, because they move with the
    weights; where it uses the moving statistics (frozen, or x of one row), these are held. Where the two one-sided differences
    disagree and the analytic gradient lies between them, the element is counted as a kink, told of in words, and left out; so
    is one where they disagree and all agrees again after everything has moved a little. A difference within rounding is "too
    small to tell". `epsilon_sweep` shows how the step h was chosen.

    Args:
        model: a `Sequential`; what is frozen is left out.
        loss: a name, an object of nd.losses, or any object with forward and backward.
        x, y: a few examples and their targets: every element costs two forward passes.
        sample_weight: one number ≥ 0 per row, or None.
        tolerance: the relative error that counts as agreement.
        max_elements: how many elements of each parameter are compared.
        seed: which elements.

    Raises ValueError or TypeError for invalid arguments.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("tanh"), nd.Dense(2)], input_size=4, seed=0)
    >>> report = gradient_check(model, "softmax_cross_entropy", np.eye(4)[:2], np.array([0, 1]))
    >>> bool(report), report.error < 1e-8
    (True, True)
    """
    check_trainable("gradient_check", model)
    max_elements = checks.whole("gradient_check", "max_elements", max_elements)
    report = GradientReport(checks.number("gradient_check", "tolerance", tolerance, above=0))
    probe = Probe(model.copy("float64"), copy.deepcopy(losses.get(loss)), x, y, sample_weight, report.tolerance)
    report.remarks = what_is_held(probe.model, len(probe.x))
    report.rows, report.units = len(probe.x), model.output_size
    rng = np.random.default_rng(seeds.check_seed("gradient_check", seed))
    for name, values, grad in probe.targets():
        chosen = rng.choice(values.size, min(max_elements, values.size), replace=False)
        report.comparisons.append(compare(name, probe, values, grad, np.sort(chosen)))
    return report


def check_trainable(owner: str, model: Any) -> None:
    """Refuse what is no model, and a model with nothing to train."""
    if not isinstance(model, Sequential):
        parts = f"; write {owner}(trainer.model, trainer.loss, x, y)" if hasattr(model, "optimizer") else ""
        raise TypeError(f"{owner}: model must be a Sequential, got {checks.describe(model)}{parts}")
    if not any(p.trainable for p in model.parameters):
        raise ValueError(f"{owner}: the model has nothing to train: every parameter is frozen, or there is none")


def what_is_held(model: Sequential, rows: int) -> list[str]:
    """In words: which noise and which statistics are the same in every evaluation, and which are recomputed."""
    noise = [str(layer.name) for layer in model.everything() if layer.draws]
    normalizing = [layer for layer in model.everything() if layer.batch_statistics]
    by_moving = {str(layer.name): rows == 1 or layer.use_moving_statistics for layer in normalizing}
    again, held = ([name for name, moving in by_moving.items() if moving is wanted] for wanted in (False, True))
    return [
        *([f"the same noise in every evaluation: {', '.join(noise)}"] if noise else []),
        *([f"mean and variance of the batch recomputed in every evaluation: {', '.join(again)}"] if again else []),
        *([f"moving statistics held: {', '.join(held)}"] if held else []),
    ]


class Probe:
    """A copy of a model with a loss and a batch: the loss as a function of whatever is changed in it."""

    def __init__(
        self, model: Sequential, loss: losses.Loss, x: Any, y: Any, sample_weight: Any, tolerance: float
    ) -> None:
        self.model, self.loss, self.tolerance = model, loss, tolerance
        self.x = model.check_examples("gradient_check", "x", x).copy()
        self.y = losses.check_y("gradient_check", loss, y, len(self.x), model.output_size, model.dtype)
        self.weight = losses.check_weights("gradient_check", sample_weight, len(self.x), model.dtype)
        self.states = [layer.rng.bit_generator.state for layer in model.everything()]
        self.asides: list[Probe] = []
        self.statistics = [(p, p.value.copy()) for p in model.parameters if not p.has_grad]

    def value(self) -> float:
        """Loss and penalties, with the same noise and the same moving statistics every time."""
        for layer, state in zip(self.model.everything(), self.states, strict=True):
            layer.rng.bit_generator.state = state
        for statistic, before in self.statistics:
            statistic.value = before
        outputs = self.model.forward(self.x, training=True)
        return self.loss.compute(outputs, self.y, self.weight) + self.penalty(with_gradient=False)

    def penalty(self, with_gradient: bool) -> float:
        """The sum of all penalties; their gradients are added to those of the loss if asked."""
        total = 0.0
        for p in self.model.parameters:
            if p.regularizer is not None:
                w = p.value.reshape(-1)
                dw = p.grad.reshape(-1) if with_gradient and p.trainable and p.grad is not None else None
                total += p.regularizer.penalty(w, dw, np.empty_like(w))
        return total

    def nudge(self, values: Array, k: int, h: float) -> tuple[float, float]:
        """The loss with element k moved up and down by h; the element is put back."""
        flat = values.reshape(-1)
        kept = flat[k]
        flat[k] = kept + h
        above = self.value()
        flat[k] = kept - h
        below = self.value()
        flat[k] = kept
        return above, below

    def agrees_aside(self, name: str, k: int) -> bool:
        """Do analytic gradient and difference agree for element k of this array once everything has moved a little?

        Where several units sit on their kinks at once, our gradient, which takes a side for each of them, need not lie between
        the two one-sided slopes. After a shifted step, away from the kinks, a right backward pass agrees again. One step may
        happen to end close to a kink: then another one is tried, three in all.
        """
        return any(aside.agrees_at(name, k) for aside in self.steps_aside())

    def steps_aside(self) -> Iterator["Probe"]:
        """This probe with x and all parameters moved a little, in one random direction after another."""
        for seed in range(3):
            if seed == len(self.asides):
                rng = np.random.default_rng(seed)
                aside = Probe(self.model.copy(), copy.deepcopy(self.loss), self.x, self.y, None, self.tolerance)
                aside.weight = self.weight
                for array in (aside.x, *(p.value for p in aside.model.parameters if p.has_grad)):
                    array += ASIDE * rng.standard_normal(array.shape)
                self.asides.append(aside)
            yield self.asides[seed]

    def agrees_at(self, name: str, k: int) -> bool:
        """Do analytic gradient and central difference agree here, for element k of this array?"""
        values, grad = next((v, g) for n, v, g in self.targets() if n == name)
        h = STEP * max(1.0, abs(values.reshape(-1)[k]))
        above, below = self.nudge(values, k, h)
        numeric, analytic = (above - below) / (2 * h), float(grad.reshape(-1)[k])
        noise = self.rounding / h
        return bool(abs(analytic - numeric) <= 10 * self.tolerance * max(abs(analytic), abs(numeric)) + noise)

    def targets(self) -> list[tuple[str, Array, Array]]:
        """Name, values (live) and analytic gradient (a copy) of every trainable parameter and of the input."""
        value = self.value()
        grad = self.loss.compute_gradient()
        self.rounding = rounding(value, grad, self.model.layers[-1].output)
        grad_x = self.model.backward(grad, input_gradient=True)
        assert grad_x is not None
        found = [("input", self.x, grad_x.copy())]
        self.penalty(with_gradient=True)
        for p in self.model.parameters:
            if p.trainable and p.grad is not None:
                found.append((p.name, p.value, p.grad.copy()))
        return [*found[1:], found[0]]


def rounding(loss: float, grad: Array, outputs: Array) -> float:
    """By how much rounding may shift the loss: a few ε times its size, or that of its terms where they cancel.

    Each output z is off by some ε|z|, which shifts L by ε Σ |∂L/∂z · z|. A small L is the difference of logarithms and logits
    of the size of 1, and so never counts as smaller than that.

    >>> float(rounding(0.0, np.array([1.0, -1.0]), np.array([1e6, 1e6])) / np.finfo(np.float64).eps)
    8000000.0
    """
    terms = float(np.vdot(np.abs(grad), np.abs(outputs)))
    return 4 * float(np.finfo(np.float64).eps) * max(1.0, abs(loss), terms)


def compare(name: str, probe: Probe, values: Array, grad: Array, chosen: Array) -> Comparison:
    """Nudge the chosen elements one by one."""
    flat, analytic = values.reshape(-1), grad.reshape(-1)[chosen]
    here = probe.value()
    numeric, left, right, noise = np.empty((4, len(chosen)))
    for i, k in enumerate(chosen):
        h = STEP * max(1.0, abs(flat[k]))
        above, below = probe.nudge(values, k, h)
        numeric[i] = (above - below) / (2 * h)
        left[i], right[i] = (here - below) / h, (above - here) / h
        noise[i] = probe.rounding / h
    kink = on_kink(analytic, numeric, left, right)
    for j in np.flatnonzero(steep(numeric, left, right) & (np.abs(analytic - numeric) > probe.tolerance) & ~kink):
        kink[j] = probe.agrees_aside(name, int(chosen[j]))
    difference = np.where(kink, 0, np.abs(analytic - numeric))
    unit = max(float(np.abs(analytic).max()), float(np.abs(numeric).max()), float(np.finfo(np.float64).tiny))
    with np.errstate(invalid="ignore"):       # in this unit no square overflows
        scale = max(float(np.linalg.norm(analytic / unit)), float(np.linalg.norm(numeric / unit)))
        error = float(np.linalg.norm(difference / unit)) / scale if scale else 0.0
        beyond_noise = float(np.linalg.norm(np.maximum(difference - noise, 0) / unit)) / scale if scale else 0.0
    error = error if math.isfinite(error) else math.inf
    verdict = "ok" if error <= probe.tolerance else "too small to tell" if beyond_noise <= probe.tolerance else "WRONG"
    worst = int(np.argmax(np.nan_to_num(difference, nan=np.inf)))
    return Comparison(
        name,
        len(chosen),
        values.size,
        error,
        place(int(chosen[worst]), values.shape),
        float(analytic[worst]),
        float(numeric[worst]),
        int(np.count_nonzero(kink)),
        verdict,
        *(values.shape, chosen, analytic, numeric, left, right, kink),
    )


def on_kink(analytic: Array, numeric: Array, left: Array, right: Array) -> Array:
    """Where the one-sided slopes differ far more than a smooth function's would, and the analytic one lies between them.

    A smooth loss has |right − left| = h |L''|, some 1e-5 of its curvature, and differences far nearer to its gradient than
    that; at a kink it is the height of the jump, or a part of that where the kink is near the end of the step.

    >>> on_kink(np.array([0.0, 1.0]), np.array([0.5, 1.0]), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    array([ True, False])
    """
    jump = np.abs(right - left)
    margin = 1e-3 * jump
    between = (np.minimum(left, right) - margin <= analytic) & (analytic <= np.maximum(left, right) + margin)
    found: Array = steep(numeric, left, right) & between & (np.abs(analytic - numeric) > 1e-2 * jump)
    return found


def steep(numeric: Array, left: Array, right: Array) -> Array:
    """Where the one-sided slopes differ far more than a smooth function's would.

    >>> steep(np.array([0.5, 1.0]), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    array([ True, False])
    """
    found: Array = np.abs(right - left) > np.maximum(1e-4 * np.abs(numeric), 1e-8)
    return found
