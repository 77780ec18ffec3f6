"""Golden metrics from Keras; the confusion matrix from one-hot rows."""

import numpy as np
from store import keras, save

K = keras.metrics
RNG = np.random.default_rng(18)
N, CLASSES = 24, 7
OUTPUTS = RNG.normal(size=(N, CLASSES))
TIES = np.round(OUTPUTS)    # equal outputs count as within the k largest
LABELS = RNG.integers(0, CLASSES, N)
ONE_HOT = np.eye(CLASSES)[LABELS]
BITS = RNG.integers(0, 2, (N, CLASSES))
NUMBERS = RNG.normal(size=(N, CLASSES))

# case: npdeep's metric and arguments, Keras's, outputs, targets
CASES = {
    "accuracy, labels": ("Accuracy", {}, K.SparseCategoricalAccuracy(), OUTPUTS, LABELS),
    "accuracy, one-hot": ("Accuracy", {}, K.CategoricalAccuracy(), OUTPUTS, ONE_HOT),
    "accuracy, one output": ("Accuracy", {}, K.BinaryAccuracy(threshold=0.0), OUTPUTS[:, :1], BITS[:, :1]),
    "accuracy, one output, 0.5": ("Accuracy", {"threshold": 0.5}, K.BinaryAccuracy(), OUTPUTS[:, :1], BITS[:, :1]),
    "binary accuracy": ("BinaryAccuracy", {}, K.BinaryAccuracy(threshold=0.0), OUTPUTS, BITS),
    "binary accuracy, 0.5": ("BinaryAccuracy", {"threshold": 0.5}, K.BinaryAccuracy(), OUTPUTS, BITS),
    **{
        f"top {k}, {name}, {kind}": ("TopKAccuracy", {"k": k}, metric(k=k), outputs, targets)
        for k in (1, 2, 5, 7)
        for name, outputs in (("distinct", OUTPUTS), ("ties", TIES))
        for kind, metric, targets in (
            ("labels", K.SparseTopKCategoricalAccuracy, LABELS),
            ("one-hot", K.TopKCategoricalAccuracy, ONE_HOT),
        )
    },
    "mean squared error": ("MeanSquaredError", {}, K.MeanSquaredError(), OUTPUTS, NUMBERS),
    "mean absolute error": ("MeanAbsoluteError", {}, K.MeanAbsoluteError(), OUTPUTS, NUMBERS),
}


def main():
    cases = {}
    for case, (metric, parameters, reference, outputs, targets) in CASES.items():
        reference.update_state(targets, outputs)
        arguments = {"kind": "metric", "metric": metric, "parameters": parameters}
        cases[case] = (arguments, {"outputs": outputs, "targets": targets, "value": float(reference.result())})
    matrix = ONE_HOT.T @ np.eye(CLASSES)[OUTPUTS.argmax(axis=1)]
    cases["confusion matrix"] = ({"kind": "confusion"}, {"outputs": OUTPUTS, "targets": LABELS, "matrix": matrix})
    save("metrics", cases)


main()
