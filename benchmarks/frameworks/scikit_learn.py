"""scikit-learn's MLPClassifier."""

import numpy as np
from sklearn.neural_network import MLPClassifier

from frameworks import workloads
from frameworks.base import Peer


class Classifier(Peer):
    """partial_fit: on a batch for a step, on all examples for an epoch."""

    has = frozenset({"ReLU", "SGD", "momentum", "Adam"})
    counts_heap = True

    def start(self, kernels: list[np.ndarray]) -> None:
        workload = self.workload
        self.classifier = MLPClassifier(
            workload.hidden, activation="relu", solver="adam" if workload.optimizer == "adam" else "sgd", alpha=0,
            batch_size=workload.batch, learning_rate_init=workload.rate, nesterovs_momentum=False,
            momentum=workloads.MOMENTUM if workload.optimizer == "momentum" else 0,
            beta_1=workloads.BETA_1, beta_2=workloads.BETA_2, epsilon=workloads.ADAM_EPSILON,
        )
        self.classifier.partial_fit(*self.first_batch, classes=np.arange(workload.classes))
        for own, kernel in zip(self.classifier.coefs_, kernels, strict=True):
            own[...] = kernel if own.shape == kernel.shape else kernel[:, 1:] - kernel[:, :1]  # one output for two classes
        for own in self.classifier.intercepts_:
            own[...] = 0
        del self.classifier._optimizer        # the next partial_fit begins with a fresh one

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        self.classifier.set_params(batch_size=len(x))
        self.classifier.partial_fit(x, y)
        return float(self.classifier.loss_)

    def step_with_loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """The loss of its weights: the one that it reports takes no probability for smaller than 1.2e-7."""
        loss = -float(self.classifier.predict_log_proba(x)[np.arange(len(y)), y].mean())
        self.step(x, y)
        return loss

    def epoch(self) -> None:
        self.classifier.set_params(batch_size=self.workload.batch)
        self.classifier.partial_fit(self.x, self.y)
