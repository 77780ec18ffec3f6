"""Losses with numbers plugged in: of one row the single loss and its gradient, and the mean over all."""

from typing import Any

import numpy as np

from npdeep.common.events import Formula
from npdeep.debug.explain_activations import exponentials
from npdeep.debug.explain_layers import Parts
from npdeep.debug.explanation import Statement, Symbol
from npdeep.debug.place import Place
from npdeep.losses import Hinge, KLDivergence, Loss, SoftmaxCrossEntropy

MEAN = Formula("mean of the single losses ℓ", r"\tfrac1m \sum \ell")
WEIGHTED_MEAN = Formula("sum of the single losses ℓ (each times its w) over m = Σ w", r"\tfrac{1}{\sum w} \sum \ell")


def loss_parts(loss: Loss, at: Place) -> Parts:
    """The loss of one row, its gradient, and the mean."""
    if isinstance(loss, SoftmaxCrossEntropy):
        parts = softmax_cross_entropy(loss, at)
    elif isinstance(loss, KLDivergence):
        parts = kl_divergence(loss, at)
    elif loss.expression and loss.derivative:
        parts = single(loss, at)
    else:
        return own_loss(loss, at)
    return [f"forward: {loss.formula}", *parts, mean(loss, at)]


def mean(loss: Loss, at: Place) -> Statement:
    """L from all single losses."""
    terms = [
        at.term("ell", {"ell": ell}, f"row {i}" + (f", unit {j}" if loss.loss.shape[1] > 1 else ""))
        for i, row in enumerate(loss.loss.tolist())
        for j, ell in enumerate(row)
    ]
    return at.sum("L", WEIGHTED_MEAN if by_weights(loss) else MEAN, terms, loss.value, over=loss.m)


def by_weights(loss: Loss) -> bool:
    """Was the sum of the losses divided by the sum of their weights?"""
    return loss.weight is not None and loss.weighting == "weights"


def m_is(loss: Loss, number: str) -> str:
    """What the m in the formulas is."""
    return "m is the sum of the weights of all single losses" if by_weights(loss) else f"m is the number of {number}"


def weighted(loss: Loss, at: Place, formula: str, numbers: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The formula times the row's sample weight, where there is one."""
    if loss.weight is None:
        return formula, numbers
    return f"({formula})*w", {**numbers, "w": float(loss.weight[at.row, 0])}


def gradient(loss: Loss, at: Place, unit: int, formula: str, numbers: dict[str, Any], words: str = "") -> Statement:
    """∂L/∂z: ∂ℓ/∂z over m, times the weight."""
    inner, given = weighted(loss, at, formula, {**numbers, "m": float(loss.m)})
    return at.equation(Symbol("dz", unit), f"({inner})/m", given, loss.grad_outputs[at.row, unit], words=words)


def single(loss: Loss, at: Place) -> Parts:
    """One element: output and target of the unit."""
    y = loss.plus_minus if isinstance(loss, Hinge) else loss.targets
    numbers = {"z": loss.outputs[at.row, at.unit], "y": y[at.row, at.unit]}
    numbers |= {name: value for name, value in loss.arguments().items() if isinstance(value, float)}
    ell = at.equation(Symbol("ell", at.unit), *weighted(loss, at, loss.expression, numbers), loss.loss[at.row, at.unit])
    return [ell, f"backward: {m_is(loss, 'single losses')}", gradient(loss, at, at.unit, loss.derivative, numbers)]


def softmax_cross_entropy(loss: SoftmaxCrossEntropy, at: Place) -> Parts:
    """Exponentials, their sum, the probabilities, −Σ q·log p, and p − q over n for the classes that feel most."""
    z, q = loss.outputs[at.row].tolist(), loss.q[at.row].tolist()
    total, top = exponentials(z, at, "")
    surprise = [k for k, share in enumerate(q) if share > 0]
    terms = [at.term(*weighted(loss, at, "-(q*(z - top - log(S)))", {"q": q[k], "z": z[k], "top": top, "S": total}), f"k = {k}")
             for k in surprise]  # fmt: skip
    name, over = Symbol("ell", at.row), Formula("−Σₖ q[k]·log p[k], log p[k] = z[k] − top − log S", r"-\sum_k q_k \log p_k")
    ell = at.sum(name, over, terms, loss.loss[at.row, 0])
    steepest = np.argsort(-np.abs(loss.grad_outputs[at.row]), kind="stable")[: max(1, at.shown)].tolist()
    chosen = [*steepest, *([at.unit] if at.unit not in steepest else [])]
    parts: Parts = [ell, total]
    slopes: Parts = [f"backward: dz = (p − q)/m, {m_is(loss, 'rows')}; the classes that feel it most"]
    for k in chosen:
        numbers = {"z": z[k], "top": top, "S": total}
        p = at.equation(Symbol("p", k), "exp(z - top)/S", numbers, loss.probabilities[at.row, k])
        parts.append(p)
        slopes.append(gradient(loss, at, k, "p - q", {"p": p, "q": q[k]}, "the target" if q[k] == max(q) else ""))
    return [*parts, *slopes]


def kl_divergence(loss: KLDivergence, at: Place) -> Parts:
    """Σ y·log(y/p) over the classes with y > 0, and −y/p over n."""
    p, y = loss.outputs[at.row].tolist(), loss.targets[at.row].tolist()
    numbers = [{"p": a, "y": b, "epsilon": loss.epsilon} for a, b in zip(p, y, strict=True)]
    terms = [
        at.term(*weighted(loss, at, "y*log(y/max(p, epsilon))", given), f"k = {k}")
        for k, given in enumerate(numbers)
        if given["y"] > 0
    ]
    name, over = Symbol("ell", at.row), Formula("Σₖ y[k]·log(y[k]/p[k])", r"\sum_k y_k \log(y_k/p_k)")
    ell = at.sum(name, over, terms, loss.loss[at.row, 0])
    slope = gradient(loss, at, at.unit, "-(y/p) if p >= epsilon else 0", numbers[at.unit])
    return [ell, f"backward: dp = −y/p over m, {m_is(loss, 'rows')}", slope]


def own_loss(loss: Loss, at: Place) -> Parts:
    """A loss that npdeep does not know: its number and its gradient."""
    value = at.equation("L", "L", {"L": loss.value}, loss.value, words="as the loss computed it")
    if loss.grad_outputs is None:
        return [f"forward: {loss.formula}", value]
    dz = loss.grad_outputs[at.row, at.unit]
    return [f"forward: {loss.formula}", value, at.equation(Symbol("dz", at.unit), "dz", {"dz": dz}, dz)]
