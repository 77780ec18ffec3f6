"""Models from scikit-learn's own networks: outputs and training steps are the same, and what is no such network is named."""

import contextlib
import warnings

import numpy as np
import pytest

import npdeep as nd

library = None
with contextlib.suppress(ImportError):
    import sklearn as library
if library is not None:
    from scipy.special import expit, softmax
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from_mlp = nd.interop.sklearn.from_mlp
pytestmark = pytest.mark.skipif(library is None, reason="scikit-learn is not installed: pip install 'npdeep[sklearn]'")
X = np.random.default_rng(0).normal(size=(40, 4))
NUMBERS = np.random.default_rng(1).normal(size=(40, 3))
CLOSE = 1e-12


def fitted(kind, y, dtype="float64", **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(**{"hidden_layer_sizes": (6, 5), "max_iter": 15, "random_state": 0} | parameters).fit(X.astype(dtype), y)


def classifier(y, **parameters):
    return fitted(MLPClassifier, y, **parameters)


TARGETS = {
    "words": (X[:, 0] > 0).astype(int).astype(str),
    "three classes": X[:, :3].argmax(axis=1),
    "labels": (X[:, :3] > 0).astype(int),
    "one label in a column": (X[:, :1] > 0).astype(int).ravel(),
}


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("targets", TARGETS)
def test_logits_of_a_classifier(activation, targets):
    mlp = classifier(TARGETS[targets], activation=activation)
    logits = from_mlp(mlp).predict(X)
    given = mlp.predict_proba(X)
    if targets == "three classes":
        assert np.abs(softmax(logits, axis=1) - given).max() <= CLOSE
        assert np.array_equal(mlp.classes_[logits.argmax(axis=1)], mlp.predict(X))
    elif targets == "labels":
        assert np.abs(expit(logits) - given).max() <= CLOSE
        assert np.array_equal(logits > 0, mlp.predict(X))
    else:
        assert np.abs(expit(logits)[:, 0] - given[:, 1]).max() <= CLOSE
        assert np.array_equal(mlp.classes_[(logits[:, 0] > 0).astype(int)], mlp.predict(X))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_predictions_of_a_regressor(activation, outputs):
    mlp = fitted(MLPRegressor, NUMBERS[:, :outputs].squeeze(), activation=activation)
    assert np.abs(from_mlp(mlp).predict(X) - mlp.predict(X).reshape(40, outputs)).max() <= CLOSE


def test_counts():
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no MLPRegressor(loss='poisson')")
    mlp = fitted(MLPRegressor, np.exp(NUMBERS[:, 0]).round(), loss="poisson")
    assert np.abs(from_mlp(mlp).predict(X)[:, 0] - mlp.predict(X)).max() <= CLOSE


@pytest.mark.parametrize("sizes", [(), (1,), (3, 1, 4, 2)])
def test_widths_and_dtype(sizes):
    for dtype in ("float32", "float64"):
        mlp = fitted(MLPRegressor, NUMBERS, dtype, hidden_layer_sizes=sizes)
        model = from_mlp(mlp)
        assert [p.shape[0] for p in model.variables(".*/kernel")] == [4, *sizes]
        assert model.dtype == mlp.coefs_[0].dtype == dtype
        assert np.abs(model.predict(X) - mlp.predict(X.astype(dtype))).max() <= (1e-6 if dtype == "float32" else CLOSE)


FACTORS = {"softmax_cross_entropy": lambda k: 1, "binary_cross_entropy": lambda k: k, "mean_squared_error": lambda k: k / 2}


@pytest.mark.parametrize(
    ("y", "loss"),
    [
        (TARGETS["words"], "binary_cross_entropy"),
        (TARGETS["three classes"], "softmax_cross_entropy"),
        (TARGETS["labels"], "binary_cross_entropy"),
        (NUMBERS[:, 0], "mean_squared_error"),
        (NUMBERS, "mean_squared_error"),
    ],
)
def test_it_trains_on_as_scikit_learn_does(y, loss):
    """As the docstring says: the learning rate times k or k/2, the penalty alpha/(2n)."""
    rate, alpha = 0.05, 0.3
    sgd = {"solver": "sgd", "momentum": 0, "learning_rate_init": rate, "alpha": alpha, "shuffle": False, "batch_size": 40}
    mlp = fitted(MLPRegressor if loss == "mean_squared_error" else MLPClassifier, y, **sgd)
    model = from_mlp(mlp)
    targets = np.unique(y, return_inverse=True)[1] if y.dtype.kind != "f" and y.ndim == 1 else y.reshape(len(y), -1)
    factor = FACTORS[loss](model.output_size)
    trainer = nd.Trainer(model, loss, nd.optimizers.SGD(rate * factor))
    for _ in range(10):
        trainer.gradients(X, targets)
        for kernel in model.variables(".*/kernel"):
            kernel.grad += alpha / len(X) * kernel.value / factor
        trainer.apply_gradients()
        mlp.partial_fit(X, y)
    for ours, theirs in zip(model.variables(".*/kernel"), mlp.coefs_, strict=True):
        assert np.abs(ours.value - theirs).max() <= CLOSE


def test_the_copies_are_independent():
    mlp = fitted(MLPRegressor, NUMBERS)
    model = from_mlp(mlp, seed=3)
    assert model.seed == 3
    before = [array.copy() for array in (*mlp.coefs_, *mlp.intercepts_)]
    model.flat_values[:] = 0
    assert all(np.array_equal(a, b) for a, b in zip((*mlp.coefs_, *mlp.intercepts_), before, strict=True))


def broken():
    mlp = classifier(TARGETS["words"])
    mlp.coefs_[1][0, 0] = np.nan
    return mlp


def other_activation():
    return classifier(TARGETS["words"]).set_params(activation="selu")


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: MLPClassifier(), ValueError, r"the MLPClassifier is not fitted.*call mlp\.fit\(X, y\) first"),
        (lambda: MLPRegressor(), ValueError, "the MLPRegressor is not fitted"),
        (broken, ValueError, r"hidden2/kernel holds nan; weights must be finite"),
        (other_activation, ValueError, "unknown activation 'selu'"),
        (lambda: 3, TypeError, "must be an MLPClassifier or MLPRegressor, got 3"),
        (lambda: MLPClassifier, TypeError, "must be an MLPClassifier or MLPRegressor, got"),
        (lambda: make_pipeline(StandardScaler(), MLPClassifier()), TypeError, r"last step, pipeline\[-1\]"),
        (
            lambda: nd.interop.sklearn.NpdeepRegressor((2,), epochs=1, batch_size=40).fit(X, NUMBERS),
            TypeError,
            r"its network is its \.model_",
        ),
    ],
)
def test_what_is_no_fitted_network_is_refused_by_name(make, error, says):
    with pytest.raises(error, match=f"from_mlp: .*{says}"):
        from_mlp(make())


def test_the_cures_work():
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(max_iter=3))
    search = GridSearchCV(pipeline, {"mlpregressor__alpha": [1e-3]}, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X, NUMBERS)
    with pytest.raises(TypeError, match=r"pass its \.best_estimator_$"):
        from_mlp(search)
    best = search.best_estimator_
    assert np.abs(from_mlp(best[-1]).predict(best[:-1].transform(X)) - search.predict(X)).max() <= CLOSE
