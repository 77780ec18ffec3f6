"""Golden precision, recall, F1 and ROC AUC from scikit-learn, over random cases with ties and classes that do not occur."""

import numpy as np
from sklearn import metrics
from write import save

RNG = np.random.default_rng(23)
AVERAGES = ("macro", "micro", "weighted", None)
SCORES = {"Precision": metrics.precision_score, "Recall": metrics.recall_score, "F1": metrics.f1_score}


def binary(n, ties):
    """Outputs (n, 1) and bits."""
    outputs = RNG.normal(size=(n, 1))
    targets = RNG.integers(0, 2, n)
    targets[:2] = 0, 1                        # both classes, or there is no curve
    return (np.round(outputs) if ties else outputs), targets


def several(n, classes, ties, absent):
    """Probabilities (n, classes) and labels, of which the last `absent` ones do not occur, nor does the last one come out."""
    logits = RNG.normal(size=(n, classes))
    logits[:, classes - absent // 2 :] -= 9
    e = np.exp(np.round(logits) if ties else logits)
    targets = RNG.integers(0, classes - absent, n)
    targets[: classes - absent] = np.arange(classes - absent)
    return e / e.sum(axis=1, keepdims=True), targets


def case(outputs, targets, scores):
    """A set of examples and what was measured of it: (metric, its parameters, a number or one number for each class)."""
    scores = [(metric, parameters, np.asarray(value)) for metric, parameters, value in scores]
    arguments = {
        "numbers": [[metric, parameters] for metric, parameters, value in scores if value.ndim == 0],
        "arrays_of": [[metric, parameters] for metric, parameters, value in scores if value.ndim == 1],
    }
    arrays = {"outputs": outputs, "targets": targets, "values": np.array([v for *_, v in scores if v.ndim == 0])}
    arrays.update({f"array_{i}": v for i, v in enumerate([v for *_, v in scores if v.ndim == 1])})
    return arguments, arrays


def of_two_classes(outputs, targets):
    said = outputs[:, 0] > 0.25
    for name, reference in SCORES.items():
        yield name, {"threshold": 0.25}, reference(targets, said, zero_division=0)
    yield "RocAuc", {}, metrics.roc_auc_score(targets, outputs[:, 0])


def of_several(outputs, targets):
    said, labels = outputs.argmax(axis=1), np.arange(outputs.shape[1])
    for average in AVERAGES:
        for name, reference in SCORES.items():
            given = {"labels": labels} if average is None else {}    # one number for each, those that do not occur too
            yield name, {"average": average}, reference(targets, said, average=average, zero_division=0, **given)
        if set(targets) == set(labels):       # scikit-learn has no number where a class does not occur
            value = metrics.roc_auc_score(targets, outputs, multi_class="ovr", average=average, labels=labels)
            yield "RocAuc", {"average": average}, value


def of_bits(outputs, targets):
    for average in AVERAGES:
        yield "RocAuc", {"average": average, "from_logits": False}, metrics.roc_auc_score(targets, outputs, average=average)


def main():
    cases = {}
    for i in range(12):
        outputs, targets = binary(int(RNG.integers(5, 40)), ties=i % 2 == 1)
        cases[f"two classes {i}"] = case(outputs, targets, of_two_classes(outputs, targets))
    for i in range(12):
        size, classes = int(RNG.integers(12, 60)), int(RNG.integers(3, 8))
        outputs, targets = several(size, classes, ties=i % 2 == 1, absent=i // 4)
        cases[f"several classes {i}"] = case(outputs, targets, of_several(outputs, targets))
    for i in range(4):                        # each output on its own
        size = int(RNG.integers(10, 40))
        outputs, targets = np.round(RNG.normal(size=(size, 3)), i % 2), RNG.integers(0, 2, (size, 3))
        cases[f"bits {i}"] = case(outputs, targets, of_bits(outputs, targets))
    save("scores", cases)


main()
