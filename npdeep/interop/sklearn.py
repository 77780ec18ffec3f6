"""Networks as estimators of scikit-learn: for pipelines, searches over parameters, calibration and cross-validation.

`from_mlp` makes a model of scikit-learn's own networks. It needs scikit-learn: python -m pip install 'npdeep[sklearn]'.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npdeep import losses, optimizers
from npdeep.interop.estimator import NetworkEstimator  # first: it says what to do where scikit-learn is missing
from npdeep.interop.sklearn_mlp import from_mlp
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer
from npdeep.regularizers import Regularizer
from npdeep.schedules import Schedule

# isort: split
from scipy.special import expit
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.extmath import softmax
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, column_or_1d

__all__ = ["NpdeepClassifier", "NpdeepRegressor", "from_mlp"]


class NpdeepClassifier(ClassifierMixin, NetworkEstimator):
    """A network that tells classes apart, as an estimator of scikit-learn.

    Args:
        hidden_layer_sizes: units of each hidden layer; () for none.
        activation: after each hidden layer, a name or an object such as `nd.Activation` takes; None for none.
        initializer: of the kernels, a name or an object of nd.initializers; None takes the one that fits the activation.
        normalization: None, "batch" or "layer", before each activation.
        residual: True adds to each hidden layer's output its input (through a projection where the width changes).
        dropout: the rate after each hidden layer.
        kernel_regularizer: the penalty on all kernels, None, a name or an object of nd.regularizers.
        optimizer: a name or an object of nd.optimizers, which is cloned for each fit.
        learning_rate: a number or a schedule; None leaves the optimizer's own.
        batch_size, epochs: rows per step, and how often fit goes through all rows.
        early_stopping: True holds rows out and stops when their loss has not fallen for `patience` epochs; the network is then
            that of the best epoch. validation_fraction: how many are held out.
        class_weight: None, "balanced", or weights by class.
        random_state: for the weights, the noise and the order of the rows.
        layers: in place of the first seven, a function of (features, outputs) that returns a new list of layers each time,
            without an activation at its end. Two classes have one output.
        verbose: True shows progress.

    Attributes:
        classes_: the labels. n_features_in_, feature_names_in_: as anywhere in scikit-learn.
        trainer_, model_, history_: the objects of npdeep, to look into. loss_curve_: the loss of each epoch. n_iter_: epochs.

    y: labels of any kind, or 0 and 1 in a column for each label, of which several may be right (multi-label). X may be sparse.
    The network is float32 where X is float32, else float64. The loss of a batch is the weighted mean: where all rows fit into
    one batch, a row of weight 2 is as good as two rows. Rows of weight 0 are left out.

    >>> x, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), ["no", "yes", "yes", "no"]
    >>> xor = NpdeepClassifier((8,), activation="tanh", learning_rate=0.05, random_state=0).fit(x, y)
    >>> xor.predict(x).tolist(), xor.classes_.tolist()
    (['no', 'yes', 'yes', 'no'], ['no', 'yes'])
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Any = "relu",
        initializer: Any = None,
        normalization: str | None = None,
        residual: bool = False,
        dropout: float = 0.0,
        kernel_regularizer: str | Regularizer | None = None,
        *,
        optimizer: str | optimizers.Optimizer = "adam",
        learning_rate: float | Schedule | None = None,
        batch_size: int = 200,
        epochs: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        class_weight: Any = None,
        random_state: Any = None,
        layers: Callable[[int, int], list[Layer]] | None = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.initializer = initializer
        self.normalization = normalization
        self.residual = residual
        self.dropout = dropout
        self.kernel_regularizer = kernel_regularizer
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.class_weight = class_weight
        self.random_state = random_state
        self.layers = layers
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Multi-label targets too."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NpdeepClassifier":
        """Train a new network. Raises ValueError where X, y or a parameter does not fit."""
        X, y = self._validated(X, y, reset=True)
        y = self._labels(y)
        self.classes_ = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
        self._begin_for(X, y)
        targets, weight = self._targets(y), self._weights(X, y, sample_weight)
        self._train(X, targets, weight, self.epochs, self.early_stopping)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "NpdeepClassifier":
        """Train one more epoch on these rows. The first call needs all classes that will ever come."""
        first = not hasattr(self, "trainer_")
        X, y = self._validated(X, y, reset=first)
        y = self._labels(y)
        if self.class_weight == "balanced":
            raise ValueError(
                "NpdeepClassifier: partial_fit cannot balance classes that it has not seen: give class_weight as a dict"
            )
        if y.ndim == 2 and classes is None and first:
            classes = np.arange(y.shape[1])
        _check_partial_fit_first_call(self, classes)
        if first:
            self._begin_for(X, y)
        self._train(X, self._targets(y), self._weights(X, y, sample_weight), epochs=1)
        return self

    def _labels(self, y: Any) -> Any:
        """Labels (n,), or rows of 0 and 1 for each label."""
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "NpdeepClassifier: y has several columns of classes: fit a network for each, "
                "sklearn.multioutput.MultiOutputClassifier(NpdeepClassifier(...))"
            )
        return y if kind == "multilabel-indicator" else column_or_1d(y, warn=True)

    def _begin_for(self, X: Any, y: Any) -> None:
        """One output for two classes, else one for each class or label."""
        if len(self.classes_) < 2 and y.ndim == 1:
            raise ValueError(f"NpdeepClassifier: y has one class, {self.classes_.tolist()}; a classifier takes two or more")
        self.multilabel_ = y.ndim == 2
        softmax_loss = not self.multilabel_ and len(self.classes_) > 2
        loss = losses.SoftmaxCrossEntropy if softmax_loss else losses.BinaryCrossEntropy
        outputs = len(self.classes_) if softmax_loss or self.multilabel_ else 1
        self._begin(X, outputs, loss(weighting="weights"))

    def _targets(self, y: Array) -> Array:
        """Numbers of classes (n,), or rows of 0 and 1."""
        if self.multilabel_:
            return y
        unseen = np.setdiff1d(y, self.classes_)
        if len(unseen) > 0:
            raise ValueError(f"NpdeepClassifier: y has the labels {unseen.tolist()}, which are not in classes_")
        return np.searchsorted(self.classes_, y)

    def _weights(self, X: Any, y: Array, sample_weight: Any) -> Any:
        """Sample weights times class weights."""
        if self.class_weight is None:
            return sample_weight
        return _check_sample_weight(sample_weight, X, dtype=np.float64) * compute_sample_weight(self.class_weight, y)

    def decision_function(self, X: Any) -> Array:
        """The logits: (n,) for two classes, positive for the second one; else (n, classes)."""
        logits = self._outputs(X)
        return logits if self.multilabel_ or logits.shape[1] > 1 else logits[:, 0]

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (n, classes), in the order of classes_; of several labels that of each one."""
        logits = self._outputs(X)
        if self.multilabel_:
            return expit(logits)  # type: ignore[no-any-return]
        if logits.shape[1] > 1:
            return softmax(logits)  # type: ignore[no-any-return]
        return np.hstack([expit(-logits), expit(logits)])

    def predict(self, X: Any) -> Array:
        """The most probable class of each row; of several labels 1 where it is more probable than not."""
        logits = self._outputs(X)
        if self.multilabel_:
            return (logits > 0).astype(int)
        numbers = logits.argmax(axis=1) if logits.shape[1] > 1 else (logits[:, 0] > 0).astype(int)
        return self.classes_[numbers]  # type: ignore[no-any-return]


class NpdeepRegressor(RegressorMixin, NetworkEstimator):
    """A network that predicts numbers, as an estimator of scikit-learn.

    Args:
        loss: a name or an object of nd.losses, such as "huber"; it is cloned for each fit.
        hidden_layer_sizes and all others: as of `NpdeepClassifier`.

    Attributes: as of `NpdeepClassifier`, without classes_.

    y: numbers (n,), or (n, outputs) for several outputs. They should be near 1 in size: a network that begins near 0 takes long
    to reach 200,000. TransformedTargetRegressor(NpdeepRegressor(), transformer=StandardScaler()) sees to it.

    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> curve = NpdeepRegressor((20,), activation="tanh", learning_rate=0.02, random_state=0).fit(x, np.sin(3 * x[:, 0]))
    >>> curve.score(x, np.sin(3 * x[:, 0])) > 0.99
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Any = "relu",
        initializer: Any = None,
        normalization: str | None = None,
        residual: bool = False,
        dropout: float = 0.0,
        kernel_regularizer: str | Regularizer | None = None,
        *,
        loss: str | losses.Loss = "mean_squared_error",
        optimizer: str | optimizers.Optimizer = "adam",
        learning_rate: float | Schedule | None = None,
        batch_size: int = 200,
        epochs: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        random_state: Any = None,
        layers: Callable[[int, int], list[Layer]] | None = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.initializer = initializer
        self.normalization = normalization
        self.residual = residual
        self.dropout = dropout
        self.kernel_regularizer = kernel_regularizer
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.layers = layers
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Several outputs too."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NpdeepRegressor":
        """Train a new network. Raises ValueError where X, y or a parameter does not fit."""
        X, y = self._validated(X, y, reset=True, y_numeric=True)
        self._begin_for(X, y)
        self._train(X, self._targets(X, y), sample_weight, self.epochs, self.early_stopping)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NpdeepRegressor":
        """Train one more epoch on these rows."""
        first = not hasattr(self, "trainer_")
        X, y = self._validated(X, y, reset=first, y_numeric=True)
        if first:
            self._begin_for(X, y)
        self._train(X, self._targets(X, y), sample_weight, epochs=1)
        return self

    def _begin_for(self, X: Any, y: Array) -> None:
        """An output for each column of y, and a loss whose weighted mean is one."""
        loss = losses.get(self.loss, "NpdeepRegressor").clone()
        loss.weighting = "weights"
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self.flat_ = y.ndim == 1
        self._begin(X, self.n_outputs_, loss)

    def _targets(self, X: Any, y: Array) -> Array:
        """Numbers (n, outputs)."""
        return y.reshape(len(y), -1).astype(X.dtype, copy=False)

    def predict(self, X: Any) -> Array:
        """A number for each row, (n,), or (n, outputs) where y had columns."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self.flat_ else outputs
