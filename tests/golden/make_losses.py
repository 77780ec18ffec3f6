"""Golden values and gradients of all losses, with and without sample weights, from PyTorch and Keras.

Where the dialects differ: npdeep and Keras divide the weighted sum by the number of rows (of elements), so PyTorch's losses
are taken unreduced, weighted and averaged here. keras.losses.kl_divergence raises targets below 1e-7 to 1e-7, npdeep and
PyTorch let a target of 0 add nothing; PyTorch has no floor for outputs, Keras and npdeep have 1e-7: each is the reference
where it agrees. PyTorch's hinge loss is for pairs; there is none to compare with but the formula.
"""

import numpy as np
import torch
import torch.nn.functional as F
from store import agree, keras, save, tensor

K = keras.losses
RNG = np.random.default_rng(14)
N, UNITS = 7, 5
LOGITS = np.concatenate([3 * RNG.normal(size=(N - 2, UNITS)), [[800, -800, 0, 3, 799], [-40, -41, -1e3, -42, -39.5]]])
LABELS = np.array([4, 0, 2, 2, 1, 1, 3])
ROWS = RNG.dirichlet(np.full(UNITS, 0.5), N)
ROWS_WITH_ZEROS = np.where(ROWS < 0.1, 0, ROWS) / np.where(ROWS < 0.1, 0, ROWS).sum(1, keepdims=True)
ONE_HOT = np.eye(UNITS)[LABELS]
BITS = RNG.integers(0, 2, (N, UNITS)).astype(float)
SHARES = RNG.uniform(0, 1, (N, UNITS))
OUTPUTS, TARGETS = 2 * RNG.normal(size=(N, UNITS)), 2 * RNG.normal(size=(N, UNITS))
FAR = OUTPUTS * np.array([1, 1, 1, 100, 1e3])
PROBABILITIES = np.exp(OUTPUTS) / np.exp(OUTPUTS).sum(1, keepdims=True)
BELOW_THE_FLOOR = np.where(PROBABILITIES < 0.02, [0, 1e-9, 3e-8, 1e-12, 0], PROBABILITIES)
RATES, COUNTS = np.exp(OUTPUTS), RNG.poisson(2, (N, UNITS)).astype(float)
COLUMN, COLUMN_BITS = OUTPUTS[:, :1], BITS[:, 0]
WEIGHT = np.array([1, 0, 2.5, 0.3, 1, 1e-3, 4])


def unreduced(function):
    """An unreduced loss of PyTorch as function(targets, outputs, sample_weight) with npdeep's weighted mean."""

    def loss(y, z, sample_weight=None):
        losses = function(z, torch.as_tensor(y))
        if sample_weight is None:
            return losses.mean()
        return (losses * tensor(sample_weight).reshape(-1, *[1] * (losses.ndim - 1))).mean()

    return loss


def cross_entropy(smoothing=0.0):
    return unreduced(lambda z, y: F.cross_entropy(z, y, reduction="none", label_smoothing=smoothing))


def hinge(power):
    return unreduced(lambda z, y: F.relu(1 - y * z) ** power)


def column(function):
    """A loss that wants targets like the outputs, for labels (n,)."""
    return lambda y, z, sample_weight=None: function(np.reshape(y, (-1, 1)), z, sample_weight)


bce = unreduced(lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none"))
kl = unreduced(lambda z, y: F.kl_div(z.log(), y, reduction="none").sum(1))
SIGNS = 2 * BITS - 1

# case: loss, its arguments, outputs, targets, and functions of (targets, outputs, sample_weight) that must agree
CASES = {
    "softmax, labels": (
        *("SoftmaxCrossEntropy", {}, LOGITS, LABELS),
        [cross_entropy(), K.SparseCategoricalCrossentropy(from_logits=True)],
    ),
    "softmax, one-hot": (
        *("SoftmaxCrossEntropy", {}, LOGITS, ONE_HOT),
        [cross_entropy(), K.CategoricalCrossentropy(from_logits=True)],
    ),
    "softmax, soft targets": (
        *("SoftmaxCrossEntropy", {}, LOGITS, ROWS),
        [cross_entropy(), K.CategoricalCrossentropy(from_logits=True)],
    ),
    "softmax, labels, smoothing": ("SoftmaxCrossEntropy", {"label_smoothing": 0.1}, LOGITS, LABELS, [cross_entropy(0.1)]),
    "softmax, soft targets, smoothing": (
        *("SoftmaxCrossEntropy", {"label_smoothing": 0.3}, LOGITS, ROWS),
        [cross_entropy(0.3), K.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3)],
    ),
    "binary, bits": ("BinaryCrossEntropy", {}, LOGITS, BITS, [bce, K.BinaryCrossentropy(from_logits=True)]),
    "binary, shares": ("BinaryCrossEntropy", {}, LOGITS, SHARES, [bce, K.BinaryCrossentropy(from_logits=True)]),
    "binary, labels": ("BinaryCrossEntropy", {}, COLUMN, COLUMN_BITS, [column(bce)]),
    "mean squared": (
        *("MeanSquaredError", {}, FAR, TARGETS),
        [unreduced(lambda z, y: F.mse_loss(z, y, reduction="none")), K.MeanSquaredError()],
    ),
    "mean absolute": (
        *("MeanAbsoluteError", {}, FAR, TARGETS),
        [unreduced(lambda z, y: F.l1_loss(z, y, reduction="none")), K.MeanAbsoluteError()],
    ),
    "huber": (
        *("Huber", {}, FAR, TARGETS),
        [unreduced(lambda z, y: F.huber_loss(z, y, reduction="none")), K.Huber()],
    ),
    "huber, delta 2.5": (
        *("Huber", {"delta": 2.5}, FAR, TARGETS),
        [unreduced(lambda z, y: F.huber_loss(z, y, reduction="none", delta=2.5)), K.Huber(delta=2.5)],
    ),
    "log cosh": (
        *("LogCosh", {}, FAR, TARGETS),
        [unreduced(lambda z, y: torch.logaddexp(z - y, y - z) - np.log(2)), K.LogCosh()],
    ),
    "hinge, −1 and 1": ("Hinge", {}, OUTPUTS, SIGNS, [hinge(1), K.Hinge()]),
    "hinge, 0 and 1": ("Hinge", {}, OUTPUTS, BITS, [K.Hinge()]),
    "hinge, labels": ("Hinge", {}, COLUMN, COLUMN_BITS, [column(K.Hinge())]),
    "squared hinge, −1 and 1": ("SquaredHinge", {}, OUTPUTS, SIGNS, [hinge(2), K.SquaredHinge()]),
    "squared hinge, 0 and 1": ("SquaredHinge", {}, OUTPUTS, BITS, [K.SquaredHinge()]),
    "kl": ("KLDivergence", {}, PROBABILITIES, ROWS, [kl, K.KLDivergence()]),
    "kl, targets with 0": ("KLDivergence", {}, PROBABILITIES, ROWS_WITH_ZEROS, [kl]),
    "kl, outputs below the floor": ("KLDivergence", {}, BELOW_THE_FLOOR, ROWS, [K.KLDivergence()]),
    "poisson": (
        *("Poisson", {}, RATES, COUNTS),
        [unreduced(lambda z, y: F.poisson_nll_loss(z, y, False, eps=1e-7, reduction="none")), K.Poisson()],
    ),
    "poisson, epsilon 0.01": (
        *("Poisson", {"epsilon": 0.01}, RATES, COUNTS),
        [unreduced(lambda z, y: F.poisson_nll_loss(z, y, False, eps=0.01, reduction="none"))],
    ),
}


def class_weighted():
    """PyTorch's own reduction where it has class weights: it divides by the sum of the weights of the rows."""
    class_weight = np.array([0.5, 2.0, 1.0, 3.0, 0.25])
    for case, function in (
        ("cross entropy", lambda z, y, c: F.cross_entropy(z, y, weight=c)),
        ("negative log-likelihood of log softmax", lambda z, y, c: F.nll_loss(F.log_softmax(z, 1), y, weight=c)),
    ):
        z = tensor(LOGITS, requires_grad=True)
        value = function(z, torch.as_tensor(LABELS), tensor(class_weight))
        value.backward()
        arrays = {"outputs": LOGITS, "targets": LABELS, "weight": class_weight[LABELS], "value": value.detach(), "grad": z.grad}
        given = {"loss": "SoftmaxCrossEntropy", "parameters": {"weighting": "weights"}, "weighted": True}
        yield f"softmax, class weights, {case}", (given, arrays)


def main():
    cases = {}
    for case, (loss, parameters, outputs, targets, functions) in CASES.items():
        for weight in (None, WEIGHT):
            title = case if weight is None else f"{case}, weighted"
            values, grads = [], []
            for function in functions:
                z = tensor(outputs, requires_grad=True)
                value = function(targets, z, sample_weight=weight)
                value.backward()
                values.append(value.detach())
                grads.append(z.grad)
            arrays = {"outputs": outputs, "targets": targets, **({} if weight is None else {"weight": weight})}
            arrays |= {"value": agree(title, *values), "grad": agree(title, *grads)}
            cases[title] = ({"loss": loss, "parameters": parameters, "weighted": weight is not None}, arrays)
    save("losses", {**cases, **dict(class_weighted())})


main()
