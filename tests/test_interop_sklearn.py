"""Networks as estimators of scikit-learn: its own checks, and what is built of them there."""

import contextlib
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import npdeep as nd

library = None
with contextlib.suppress(ImportError):
    import sklearn as library
if library is not None:
    import scipy.sparse
    from sklearn import datasets
    from sklearn.base import clone
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.estimator_checks import estimator_checks_generator

    from npdeep.interop.sklearn import NpdeepClassifier, NpdeepRegressor

    KINDS = {"classifier": NpdeepClassifier, "regressor": NpdeepRegressor}
    OTHER = {"hidden_layer_sizes": (20, 20), "activation": "tanh", "normalization": "layer", "residual": True, "epochs": 100,
             "learning_rate": 0.01, "kernel_regularizer": nd.regularizers.L2(1e-4), "optimizer": "nadam"}  # fmt: skip
    CHECKS = [pytest.param(check, estimator, id=f"{type(estimator).__name__}-{setting}-{check.func.__name__}")
              for kind in KINDS.values() for setting, given in (("defaults", {}), ("others", OTHER))
              for estimator, check in estimator_checks_generator(kind(**given))]  # fmt: skip
else:
    CHECKS, KINDS = [], {}
needs_it = pytest.mark.skipif(library is None, reason="scikit-learn is not installed: pip install 'npdeep[sklearn]'")


# ── where it is missing ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_missing_scikit_learn_says_how_to_get_it():
    code = "import sys; sys.modules['sklearn'] = None; import npdeep.interop.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert re.search(r"ImportError: .*needs scikit-learn .*python -m pip install 'npdeep\[sklearn\]'", done.stderr)


def test_it_is_not_imported_before_it_is_asked_for():
    code = "import sys, npdeep as nd; nd.interop; assert not {'sklearn', 'scipy', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# ── its own checks ────────────────────────────────────────────────────────────────────────────────────────────────────
@needs_it
@pytest.mark.parametrize(("check", "estimator"), CHECKS)
def test_a_check_of_scikit_learn_holds(check, estimator):
    check(estimator)


# ── what is built of them ─────────────────────────────────────────────────────────────────────────────────────────────
def iris():
    x, y = datasets.load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


@needs_it
@pytest.mark.parametrize("jobs", [1, 2])
def test_pipelines_and_searches_over_parameters(jobs):
    x, y = datasets.load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), NpdeepClassifier((20,), epochs=60, learning_rate=0.01, random_state=0))
    penalties = [None, nd.regularizers.L2(1e-3)]
    grid = {"npdeepclassifier__kernel_regularizer": penalties, "npdeepclassifier__optimizer": ["adam", nd.optimizers.SGD(0.1)]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=jobs).fit(x, y)
    assert search.best_score_ > 0.93
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@needs_it
def test_string_labels_calibration_and_probabilities():
    x, y = iris()
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    calibrated = CalibratedClassifierCV(NpdeepClassifier((20,), learning_rate=0.01, random_state=0), cv=3).fit(x, names)
    assert calibrated.score(x, names) > 0.93
    plain = NpdeepClassifier((20,), epochs=100, learning_rate=0.01, random_state=0).fit(x, names)
    assert plain.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert np.allclose(plain.predict_proba(x).sum(axis=1), 1)
    assert (plain.classes_[plain.predict_proba(x).argmax(axis=1)] == plain.predict(x)).all()
    assert plain.loss_curve_[-1] < plain.loss_curve_[0]
    assert len(plain.loss_curve_) == plain.n_iter_ == 100


@needs_it
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pickle_goes_on_with_the_same_bits(kind, dtype):
    x, y = iris()
    x = x.astype(dtype)
    estimator = KINDS[kind]((10,), epochs=5, dropout=0.2, early_stopping=True, random_state=0).fit(x, y)
    blob = pickle.dumps(estimator)
    twin = pickle.loads(blob)
    assert estimator.model_.dtype == dtype
    assert twin.predict(x).tobytes() == estimator.predict(x).tobytes()
    assert twin.partial_fit(x, y).model_.flat_values.tobytes() == estimator.partial_fit(x, y).model_.flat_values.tobytes()


@needs_it
@pytest.mark.parametrize("kind", KINDS)
def test_a_pickle_holds_no_data(kind):
    x, y = iris()
    make = KINDS[kind]((4,), epochs=2, early_stopping=True, random_state=0)
    sizes = [len(pickle.dumps(clone(make).fit(np.tile(x, (n, 1)), np.tile(y, n)))) for n in (1, 20)]
    assert abs(sizes[1] - sizes[0]) < 500


@needs_it
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_sparse_rows_train_to_the_bits_of_dense_ones(kind, early, weighted):
    x, y = iris()
    x[np.abs(x) < 0.5] = 0
    weight = np.random.default_rng(0).integers(0, 3, len(x)) if weighted else None
    make = KINDS[kind]((10,), epochs=8, batch_size=32, early_stopping=early, dropout=0.1, random_state=0)
    dense, sparse = clone(make).fit(x, y, weight), clone(make).fit(scipy.sparse.csr_matrix(x), y, weight)
    assert dense.model_.flat_values.tobytes() == sparse.model_.flat_values.tobytes()
    assert np.array_equal(dense.predict(x), sparse.predict(scipy.sparse.coo_array(x)))


@needs_it
@pytest.mark.parametrize("kind", KINDS)
def test_epochs_one_by_one_are_the_epochs_of_fit(kind):
    x, y = iris()
    make = KINDS[kind]((10,), epochs=4, batch_size=32, optimizer=nd.optimizers.Momentum(0.01), random_state=0)
    whole, parts = clone(make).fit(x, y), clone(make)
    for i in range(4):
        more = {"classes": [0, 1, 2]} if kind == "classifier" and i == 0 else {}
        parts.partial_fit(x, y, **more)
    assert whole.model_.flat_values.tobytes() == parts.model_.flat_values.tobytes()
    assert whole.loss_curve_ == parts.loss_curve_


@needs_it
@pytest.mark.parametrize("kind", KINDS)
def test_one_configuration_serves_many_fits(kind):
    x, y = iris()
    optimizer = nd.optimizers.Adam(nd.schedules.ExponentialDecay(0.01, 100, 0.5))
    parts = {"initializer": nd.initializers.HeNormal(), "kernel_regularizer": nd.regularizers.L1L2(1e-5, 1e-4)}
    given = {"optimizer": optimizer, "activation": nd.activations.RULES["elu"], **parts}
    estimator = KINDS[kind]((10,), epochs=3, random_state=0, **given)
    first = estimator.fit(x, y).model_.flat_values.copy()
    assert np.array_equal(estimator.fit(x, y).model_.flat_values, first)
    assert np.array_equal(clone(estimator).fit(x, y).model_.flat_values, first)
    assert optimizer.arena is None


def stack(features, outputs):
    return [nd.Dense(2 * features), nd.BatchNormalization(), nd.PReLU(), nd.Dense(outputs)]


@needs_it
def test_a_function_gives_the_layers():
    x, y = iris()
    scores = cross_val_score(NpdeepClassifier(layers=stack, epochs=100, learning_rate=0.01, random_state=0), x, y, cv=3)
    assert scores.min() > 0.9
    fitted = NpdeepClassifier(layers=stack, epochs=1).fit(x, y == 1)
    assert [layer.name for layer in fitted.model_.layers] == ["dense", "batch_normalization", "prelu", "dense_1"]
    assert fitted.model_.output_size == 1


@needs_it
def test_the_parameters_make_the_layers():
    x, y = iris()
    more = {"normalization": "batch", "dropout": 0.5, "residual": True, "kernel_regularizer": "l2", "epochs": 1}
    model = NpdeepClassifier((4, 6), **more).fit(x, y).model_
    parts = ["hidden", "normalization", "activation", "dropout"]
    blocks = [[f"block{i}/{part}{i}" for part in parts] for i in (1, 2)]
    names = [*blocks[0], "block1", *blocks[1], "block2/projection", "block2", "outputs"]
    assert [layer.name for layer in model.everything()] == names
    assert [block.projection for block in model.layers[:2]] == [False, True]
    penalized = [p.name for p in model.parameters if isinstance(p.regularizer, nd.regularizers.L2)]
    assert penalized == ["block1/hidden1/kernel", "block2/hidden2/kernel", "outputs/kernel"]
    assert NpdeepRegressor((), epochs=1).fit(x, y).model_.output_size == 1


# ── targets and weights ───────────────────────────────────────────────────────────────────────────────────────────────
@needs_it
def test_several_labels_and_several_outputs():
    x, y = datasets.make_multilabel_classification(200, 10, n_classes=4, random_state=0)
    x = StandardScaler().fit_transform(x)
    labels = NpdeepClassifier((30,), epochs=400, learning_rate=0.01, random_state=0).fit(x, y)
    assert labels.predict(x).shape == labels.predict_proba(x).shape == labels.decision_function(x).shape == (200, 4)
    assert labels.score(x, y) > 0.9
    assert np.array_equal(labels.fit(x, scipy.sparse.csr_matrix(y)).classes_, [0, 1, 2, 3])
    x, y = datasets.make_regression(200, 5, n_targets=3, random_state=0)
    network = NpdeepRegressor((30,), learning_rate=0.01, random_state=0)
    scaled = TransformedTargetRegressor(network, transformer=StandardScaler())
    assert scaled.fit(x, 1e5 + y).score(x, 1e5 + y) > 0.97
    assert scaled.predict(x).shape == (200, 3)
    assert scaled.fit(x, y[:, 0]).predict(x).shape == (200,)


@needs_it
def test_class_weights_are_sample_weights():
    x, y = iris()
    x, y = x[:110], y[:110]                   # ten of the third class
    make = NpdeepClassifier((10,), epochs=30, random_state=0)
    balanced = clone(make).set_params(class_weight="balanced").fit(x, y)
    by_hand = clone(make).fit(x, y, sample_weight=(len(y) / 3 / np.bincount(y))[y])
    given = clone(make).set_params(class_weight={0: 1, 1: 1, 2: 5}).fit(x, y)
    assert np.allclose(balanced.model_.flat_values, by_hand.model_.flat_values)
    assert np.allclose(given.predict_proba(x), clone(make).fit(x, y, np.where(y == 2, 5, 1)).predict_proba(x))
    third = y == 2
    assert balanced.predict_proba(x[third])[:, 2].mean() > clone(make).fit(x, y).predict_proba(x[third])[:, 2].mean()


@needs_it
@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_puts_the_best_epoch_back(kind):
    x, y = iris()
    make = KINDS[kind]((50,), learning_rate=0.1, epochs=500, patience=5, early_stopping=True, random_state=0)
    stopped = clone(make).fit(x, y)
    assert stopped.n_iter_ < 500
    assert "early stopping" in stopped.history_.stopped_because
    losses = stopped.history_["val_loss"]
    assert len(losses) - 1 - int(np.argmin(losses)) == 5
    weight = np.where(y == 2, 10.0, 0.1)
    weighted = clone(make).fit(x, y, weight)
    assert weighted.history_["val_loss"] != losses


@needs_it
def test_the_held_out_loss_is_the_weighted_one():
    x, y = iris()
    weight = np.where(y == 2, 10.0, 0.1)
    fitted = NpdeepClassifier((5,), epochs=1, early_stopping=True, random_state=0).fit(x, y, weight)
    _, held_out = fitted._split(y)
    loss = log_loss(y[held_out], fitted.predict_proba(x[held_out]), sample_weight=weight[held_out])
    assert fitted.history_["val_loss"] == pytest.approx([loss])


@needs_it
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_weight_0_are_as_good_as_not_there(kind):
    x, y = iris()
    weight = np.random.default_rng(0).integers(0, 3, len(x))
    make = KINDS[kind]((10,), normalization="batch", batch_size=32, epochs=3, early_stopping=True, random_state=0)
    with_them, without = clone(make).fit(x, y, weight), clone(make).fit(x[weight > 0], y[weight > 0], weight[weight > 0])
    assert with_them.model_.flat_values.tobytes() == without.model_.flat_values.tobytes()


@needs_it
def test_names_of_columns_are_kept():
    pandas = pytest.importorskip("pandas")
    x, y = iris()
    frame = pandas.DataFrame(x, columns=list("abcd"))
    fitted = NpdeepClassifier((5,), epochs=1).fit(frame, pandas.Series(y))
    assert fitted.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[list("badc")])


@needs_it
def test_binary_scores_are_those_of_the_second_class():
    x, y = datasets.load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    words = np.where(y == 1, "benign", "malignant")
    fitted = NpdeepClassifier((20,), epochs=100, learning_rate=0.01, random_state=0).fit(x, words)
    truth = y == 0
    assert roc_auc_score(truth, fitted.decision_function(x)) > 0.99
    assert np.array_equal(fitted.predict_proba(x)[:, 1] > 0.5, fitted.predict(x) == "malignant")


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────
WRONG = {
    "one class": ({}, lambda x, y: (x, 0 * y), r"y has one class, \[0\]; a classifier takes two or more"),
    "columns of classes": ({}, lambda x, y: (x, np.stack([y, y], 1)), "MultiOutputClassifier"),
    "normalization": ({"normalization": "bach"}, lambda x, y: (x, y), "unknown normalization 'bach'; did you mean 'batch'"),
    "optimizer": ({"optimizer": "adm"}, lambda x, y: (x, y), "unknown optimizer 'adm'; did you mean 'adam'"),
    "fraction": ({"validation_fraction": 2}, lambda x, y: (x, y), "validation_fraction must be a number above 0 and below 1"),
    "diverged": ({"learning_rate": 1e300, "optimizer": "sgd"}, lambda x, y: (x, y), "diverged.*StandardScaler"),
    "layers": ({"layers": lambda i, o: [nd.Dense(7)]}, lambda x, y: (x, y), r"layers\(4, 3\) has 7 units; end with nd.Dense"),
    "softmax": ({"layers": lambda i, o: [nd.Dense(o), nd.Activation("softmax")]}, lambda x, y: (x, y), "softmax"),
}


@needs_it
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case):
    given, change, said = WRONG[case]
    with pytest.raises(ValueError, match=said):
        NpdeepClassifier(**{"epochs": 5, **given}).fit(*change(*iris()))


@needs_it
@pytest.mark.parametrize(("layers", "got"), [([nd.Dense(3)], "an object of type list"), (lambda: [], r"a function of \(\)")])
def test_layers_that_are_no_function_are_named(layers, got):
    with pytest.raises(TypeError, match=rf"layers must be a function of .*, got {got}.*; write layers=lambda"):
        NpdeepClassifier(epochs=1, layers=layers).fit(*iris())


@needs_it
@pytest.mark.parametrize("name", ["early_stopping", "residual"])
def test_a_word_is_no_flag(name):
    with pytest.raises(TypeError, match=f"NpdeepClassifier: {name} must be True or False, got the string 'no'"):
        NpdeepClassifier(epochs=1, **{name: "no"}).fit(*iris())


@needs_it
def test_columns_of_classes_go_into_networks_of_their_own():
    x, y = iris()
    both = MultiOutputClassifier(NpdeepClassifier((10,), epochs=100, learning_rate=0.01, random_state=0))
    assert both.fit(x, np.stack([y, 2 - y], axis=1)).score(x, np.stack([y, 2 - y], axis=1)) > 0.9


@needs_it
def test_a_partial_fit_knows_its_classes():
    x, y = iris()
    estimator = NpdeepClassifier((5,), random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        estimator.partial_fit(x[:100], y[:100])
    estimator.partial_fit(x[:50], y[:50], classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"labels \[3\], which are not in classes_"):
        estimator.partial_fit(x, y + 1)
    with pytest.raises(ValueError, match="give class_weight as a dict"):
        NpdeepClassifier(class_weight="balanced").partial_fit(x, y, classes=[0, 1, 2])
    assert estimator.partial_fit(x[50:], y[50:]).n_iter_ == 2
