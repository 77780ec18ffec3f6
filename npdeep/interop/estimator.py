"""What the classifier and the regressor for scikit-learn have in common: a network made of the parameters, and its training."""

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from npdeep import initializers, losses, optimizers
from npdeep.callbacks import EarlyStopping, TerminateOnNaN
from npdeep.common import checks
from npdeep.datasets.batches import epoch_order, pieces
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.layers import BatchNormalization, Dense, LayerNormalization, Residual
from npdeep.layers.base import Layer
from npdeep.layers.hidden import hidden_layer
from npdeep.models.sequential import Sequential
from npdeep.training.trainer import Trainer

try:
    from scipy.sparse import issparse
    from sklearn.base import BaseEstimator, is_classifier
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        f"npdeep.interop.sklearn needs scikit-learn 1.6 or later ({error}): python -m pip install 'npdeep[sklearn]', or in a "
        "clone python -m pip install -e '.[sklearn]'"
    ) from None

NORMALIZATIONS: dict[str, Any] = {"batch": BatchNormalization, "layer": LayerNormalization}


class NetworkEstimator(BaseEstimator):
    """Base of both, which say what y means, and which parameters there are."""

    def __sklearn_tags__(self) -> Any:
        """What it takes, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ── what came of it ───────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def model_(self) -> Sequential:
        """The network."""
        model: Sequential = self.trainer_.model
        return model

    @property
    def history_(self) -> History:
        """The record of all epochs."""
        history: History = self.trainer_.history
        return history

    @property
    def loss_curve_(self) -> list[float]:
        """The loss of each epoch."""
        return [record["loss"] for record in self.history_]

    @property
    def n_iter_(self) -> int:
        """How many epochs were trained."""
        return len(self.history_)

    # ── the network ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _layers(self, features: int, outputs: int) -> list[Layer]:
        """The stack that the parameters describe, or that the function `layers` gives."""
        owner = type(self).__name__
        if self.layers is not None:
            check_maker(owner, self.layers)
            return self.layers(features, outputs)  # type: ignore[no-any-return]
        wanted = self.normalization
        kind = None if wanted is None else NORMALIZATIONS[checks.choice(owner, "normalization", wanted, NORMALIZATIONS)]
        initializer = self.initializer or initializers.for_activation(self.activation or "linear")
        sizes = np.atleast_1d(self.hidden_layer_sizes).tolist()
        layers: list[Layer] = []
        for number, (units, before) in enumerate(zip(sizes, [features, *sizes], strict=False), start=1):
            part = hidden_layer(units, self.activation, initializer, kind, self.dropout, number, self.kernel_regularizer)
            layers += [Residual(part, projection=units != before, name=f"block{number}")] if self.residual else part
        return [*layers, Dense(outputs, kernel_regularizer=self.kernel_regularizer, name="outputs")]

    def _optimizer(self) -> optimizers.Optimizer:
        """A new one for each fit, with the learning rate that was asked for."""
        optimizer = optimizers.get(self.optimizer).clone()
        if self.learning_rate is not None:
            optimizer.learning_rate = self.learning_rate
        return optimizer

    def _begin(self, X: Any, outputs: int, loss: losses.Loss) -> None:
        """A new network and its trainer; in float32 where X is, else in float64."""
        for name in ("early_stopping", "residual"):
            checks.flag(type(self).__name__, name, getattr(self, name))    # the word "no" is as good as True
        checks.number(type(self).__name__, "validation_fraction", self.validation_fraction, above=0, below=1)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        layers = self._layers(X.shape[1], outputs)
        model = Sequential(layers, input_size=X.shape[1], seed=seed, dtype=X.dtype)
        if model.output_size != outputs:
            raise ValueError(
                f"{type(self).__name__}: the last layer of layers({X.shape[1]}, {outputs}) has {model.output_size} units; end "
                "with nd.Dense(outputs)"
            )
        self.trainer_ = Trainer(model, loss, self._optimizer())

    # ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _validated(self, X: Any, y: Any, reset: bool, **further: Any) -> tuple[Any, Any]:
        """X as float32 where it is that, else as float64; sparse X as CSR."""
        dtypes = (np.float64, np.float32)
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=dtypes, multi_output=True, reset=reset, **further)
        return X, y.toarray() if issparse(y) else y

    def _train(self, X: Any, targets: Array, weight: Any, epochs: int, early_stopping: bool = False) -> None:
        """Train on the rows whose weight is not 0; the others are as good as not there."""
        if weight is not None:
            weight = _check_sample_weight(weight, X, dtype=np.float64)
            kept = weight != 0
            if not kept.any():
                raise ValueError(f"{type(self).__name__}: sample_weight must contain at least one number that is not 0")
            if not kept.all():
                X, targets, weight = X[kept], targets[kept], weight[kept]
        guard = TerminateOnNaN()
        fit = partial(fit_rows, self.trainer_, epochs=epochs, batch_size=self.batch_size, verbose=self.verbose)
        if early_stopping:
            rows, held_out = self._split(targets)
            validation = (dense(X[held_out]), targets[held_out])
            held_weight = None if weight is None else weight[held_out]
            watcher = WeightedEarlyStopping(self.patience, held_weight)
            fit = partial(fit, validation_data=validation, callbacks=[guard, watcher])
            fit(X[rows], targets[rows], None if weight is None else weight[rows])
        else:
            fit(X, targets, weight, callbacks=[guard])
        if guard.origin:
            raise ValueError(
                f"{type(self).__name__}: the training diverged: {guard.origin}; scale X (StandardScaler before it in a "
                "pipeline), or take a smaller learning_rate"
            )

    def _split(self, targets: Array) -> Any:
        """Which rows to train on, and which to hold out; classes in the same shares."""
        stratify = targets if targets.ndim == 1 and is_classifier(self) else None
        fraction, seed = self.validation_fraction, self.trainer_.seed % 2**32
        return train_test_split(np.arange(len(targets)), test_size=fraction, random_state=seed, stratify=stratify)

    def _outputs(self, X: Any) -> Array:
        """The outputs of the network, (n, outputs); of sparse rows a thousand at a time."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        if not issparse(X):
            return self.model_.predict(X)
        return np.concatenate([self.model_.predict(dense(X[rows])) for rows in pieces(X.shape[0], 1000, None)])


def check_maker(owner: str, layers: Any) -> None:
    """Raise TypeError unless it is a function of (features, outputs).

    >>> check_maker("NpdeepClassifier", lambda features: [])
    Traceback (most recent call last):
    TypeError: NpdeepClassifier: layers must be a function of (features, outputs) that gives new layers, got a function of \
(features); write layers=lambda features, outputs: [nd.Dense(50), nd.Activation('relu'), nd.Dense(outputs)]
    """
    got = checks.describe(layers)
    if callable(layers):
        try:
            inspect.signature(layers).bind(1, 1)
        except TypeError:
            got = f"a function of {inspect.signature(layers)}"
        except ValueError:                    # it is written in C and does not say what it takes
            return
        else:
            return
    raise TypeError(
        f"{owner}: layers must be a function of (features, outputs) that gives new layers, got {got}; write "
        "layers=lambda features, outputs: [nd.Dense(50), nd.Activation('relu'), nd.Dense(outputs)]"
    )


def dense(X: Any) -> Array:
    """The rows as an array.

    >>> dense(np.eye(2)).shape
    (2, 2)
    """
    return X.toarray() if issparse(X) else X  # type: ignore[no-any-return]


def fit_rows(trainer: Trainer, X: Any, targets: Array, weight: Any, *, batch_size: int, **options: Any) -> None:
    """`trainer.fit`; sparse rows become dense a batch at a time, in the order of dense ones."""

    def batches() -> Iterator[Any]:
        for rows in pieces(X.shape[0], batch_size, epoch_order(X.shape[0], trainer.seed, trainer.epoch)):
            yield X[rows].toarray(), targets[rows], None if weight is None else weight[rows]

    if issparse(X):
        batch_size = checks.whole("fit", "batch_size", batch_size)
        trainer.fit(batches, **options)
    else:
        trainer.fit(X, targets, sample_weight=weight, batch_size=batch_size, **options)
    trainer.progress.validation_data, trainer.progress.watchers, trainer.progress.last_watchers = None, [], []


class WeightedEarlyStopping(EarlyStopping):
    """Early stopping on the loss of the held-out rows, where these have weights by the weighted one."""

    def __init__(self, patience: int, sample_weight: Any = None) -> None:
        super().__init__("val_loss", patience)
        self.sample_weight = sample_weight

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Look at the epoch's result."""
        if self.sample_weight is not None:
            record["val_loss"] = trainer.evaluate(*trainer.validation_data, self.sample_weight)["loss"]
        super().on_epoch_end(trainer, record)
