"""explain: the numbers of a pass plugged into its formulas; what is printed comes to what the engine computed."""

import math
import re

import numpy as np
import pytest
from helpers_explain import batch, check, run, trainer_around
from helpers_own import OwnLayer
from helpers_training import bits, every_trainer, examples, plain_trainer
from hypothesis import given, settings
from hypothesis import strategies as st

import npdeep as nd
from npdeep import activations
from npdeep.debug.explain_activations import ROWS

EPS = {"float32": np.finfo(np.float32).eps, "float64": np.finfo(np.float64).eps}
LAYERS = {
    "dense": lambda: nd.Dense(5),
    "dense without bias": lambda: nd.Dense(5, use_bias=False),
    "maxout": lambda: nd.Maxout(5, pieces=3),
    "prelu": lambda: nd.PReLU(nd.initializers.Constant(0.25)),
    "rrelu": nd.layers.RReLU,
    "glu": nd.GLU,
    "dropout": lambda: nd.Dropout(0.4),
    "gaussian dropout": lambda: nd.GaussianDropout(0.4),
    "alpha dropout": lambda: nd.AlphaDropout(0.4),
    "no dropout": lambda: nd.Dropout(0.0),
    "gaussian noise": lambda: nd.GaussianNoise(0.3),
    "batch normalization": nd.BatchNormalization,
    "batch normalization without γ": lambda: nd.BatchNormalization(scale=False),
    "batch normalization without β": lambda: nd.BatchNormalization(center=False),
}


def activation(name):
    required = {"threshold": 0.1, "value": -0.2} if name == "threshold" else {}
    return nd.Activation(name, **required)


def walked_explanations(trainer, x, y, **where):
    """The explanation of every layer at its backward event."""
    return {e.name: nd.debug.explain(e.layer, **where) for e in trainer.walk(x, y) if e.stage == "backward"}


# ── dense ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@given(
    n=st.integers(1, 9),
    inputs=st.integers(1, 40),
    units=st.integers(1, 5),
    dtype=st.sampled_from(["float32", "float64"]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    seed=st.integers(0, 10_000),
    bias=st.booleans(),
    terms=st.integers(1, 50),
)
@settings(deadline=None, max_examples=60)
def test_a_dense_layer_full_and_short(n, inputs, units, dtype, scale, seed, bias, terms):
    rng = np.random.default_rng(seed)
    layer = nd.Dense(units, use_bias=bias, bias_initializer="random_normal", name="dense")
    model = nd.Sequential([layer], input_size=inputs, seed=seed, dtype=dtype)
    model.forward(scale * rng.standard_normal((n, inputs)), training=True)
    model.backward(rng.standard_normal((n, units)), input_gradient=True)
    unit, row = int(rng.integers(units)), int(rng.integers(n))
    explanation = nd.debug.explain(layer, unit=unit, row=row, terms=terms)
    check(explanation)
    assert explanation.value == layer.output[row, unit]
    products = [float(x) * float(w) for x, w in zip(layer.input[row], layer.kernel.value[:, unit], strict=True)]
    products += [float(layer.bias.value[unit])] if bias else []
    bound = len(products) * EPS[dtype] * math.fsum(map(abs, products)) + 1e-44
    assert explanation.sum == math.fsum(products)
    assert abs(explanation.value - explanation.sum) <= bound
    assert abs(run(explanation)[f"z_{unit}"] - explanation.value) <= bound
    z = explanation.main
    assert [t.sum for t in z.largest] == sorted(products[:inputs], key=lambda p: -abs(p))[: len(z.largest)]
    assert len(z.largest) + len(z.others) == inputs
    assert z.rest == math.fsum(t.sum for t in z.others)
    assert len(z.others) == 0 or len(z.largest) == terms


def test_the_short_form_reads_as_one_expects():
    model = nd.Sequential([nd.Dense(1, name="out")], input_size=4, dtype="float64")
    layer = model.layer("out")
    layer.kernel.value = [[0.5], [-3.0], [0.25], [-1.0]]
    layer.bias.value = [0.125]
    model.forward([[1.0, 2.0, 1.0, 0.5]], training=True)
    model.backward(np.array([[-0.5]]), input_gradient=True)
    assert str(nd.debug.explain(layer, terms=2)).splitlines() == [
        "out (Dense): unit 0, row 0 of 1",
        "forward: z = xW + b",
        "  z[0] = Σₖ x[k]·W[k] + b",
        "    2·(−3)                         −6    k = 1",
        "    1·0.5                         0.5    k = 0",
        "    the other 2 terms           −0.25",
        "    b, the bias                 0.125",
        "    together                   −5.625",
        "backward: dW = xᵀdz, db = Σ dz, dx = dz Wᵀ",
        "  db[0] = Σᵢ dz[i]",
        "    row 0                        −0.5",
        "    together                     −0.5",
        "  dW[1, 0] = Σᵢ x[i]·dz[i]",
        "    2·(−0.5)                       −1    row 0",
        "    together                       −1",
        "  dx[1] = Σⱼ dz[j]·W[j]",
        "    (−0.5)·(−3)                   1.5    unit 0",
        "    together                      1.5",
    ]


def test_the_chain_rule_is_the_gradient_and_the_input_can_be_chosen():
    trainer = plain_trainer()
    x, y = examples(9)
    for event in trainer.walk(x, y):
        if event.stage == "backward" and event.name == "outputs":
            layer = event.layer
            explanation = nd.debug.explain(layer, unit=2, row=3, input=5)
            assert explanation["db[2]"].value == layer.bias.grad[2]
            assert explanation["dW[5, 2]"].value == layer.kernel.grad[5, 2]
            assert explanation["dx_5"].value == layer.grad_input[3, 5]
            assert len(explanation["dW[5, 2]"].terms) == 9
            assert len(explanation["dx_5"].terms) == 3
            largest = nd.debug.explain(layer, unit=2, row=3)
            k = int(np.abs(layer.kernel.grad[:, 2]).argmax())
            assert largest[f"dW[{k}, 2]"].value == layer.kernel.grad[k, 2]
            with pytest.raises(KeyError, match=r"there are z\[2\], db\[2\], dW"):
                largest["nothing"]


# ── every other layer ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_every_kind_of_layer(name, dtype, scale):
    trainer = trainer_around(LAYERS[name](), dtype=dtype)
    x, y = batch(scale=scale)
    layer = trainer.model.layers[1]
    for event in trainer.walk(x, y):
        if event.layer is layer:
            for row in range(7):
                for unit in range(layer.output_size):
                    explanation = nd.debug.explain(layer, unit=unit, row=row)
                    check(explanation)
                    assert explanation.value == layer.output[row, unit] or name == "batch normalization"
                    headings = [p for p in explanation.parts if isinstance(p, str) and p.startswith("backward")]
                    assert len(headings) == (event.stage == "backward")
                    assert not any("changed" in p or "came on top" in p for p in explanation.parts if isinstance(p, str))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", activations.RULES)
@given(scale=st.sampled_from([0.3, 2.0, 12.0]), seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=4)
def test_every_activation(name, dtype, scale, seed):
    model = nd.Sequential([activation(name)], input_size=6, dtype=dtype)
    rng = np.random.default_rng(seed)
    model.forward(scale * rng.standard_normal((3, 6)), training=True)
    model.backward(rng.standard_normal((3, 6)), input_gradient=True)
    layer = model.layers[0]
    for unit in range(6):
        explanation = nd.debug.explain(layer, unit=unit, row=seed % 3)
        check(explanation)
        assert explanation.value == layer.output[seed % 3, unit]
        assert explanation[f"dz[{unit}]"].value == layer.grad_input[seed % 3, unit]


def test_every_activation_has_a_formula_and_kinks_are_told_as_the_kernels_have_them():
    expressed = {name for name, rule in activations.RULES.items() if rule.value and rule.slope}
    assert {*expressed, *ROWS} == set(activations.RULES)
    at_kinks = np.array([[-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0]])
    for name in expressed:
        model = nd.Sequential([activation(name)], input_size=8, dtype="float64")
        model.forward(at_kinks, training=True)
        model.backward(np.ones((1, 8)), input_gradient=True)
        for unit in range(8):
            assert nd.debug.explain(model.layers[0], unit=unit).agrees, name


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("elu", {"alpha": 1.3}),
        ("elu", {"alpha": 0.7}),
        ("celu", {"alpha": 0.3}),
        ("leaky_relu", {"negative_slope": 0.3}),
        ("clipped_linear", {"slope": 0.3, "offset": 0.1, "minimum": -0.7, "maximum": 0.9}),
        ("general_relu", {"negative_slope": 0.3, "maximum": 1.1, "threshold": 0.2}),
        ("softplus", {"beta": 3.0}),
        ("silu", {"beta": 0.7}),
        ("squareplus", {"b": 1.3}),
        ("scaled", {"slope": 0.3, "offset": -0.1}),
        ("hard_silu", {"slope": 0.3, "offset": 0.1}),
        ("soft_shrink", {"threshold": 0.3}),
    ],
)
def test_activations_with_parameters(name, parameters):
    model = nd.Sequential([nd.Activation(name, **parameters)], input_size=40)
    model.forward(np.linspace(-3.05, 3.05, 40)[None], training=True)
    model.backward(np.ones((1, 40)), input_gradient=True)
    for unit in range(40):
        check(nd.debug.explain(model.layers[0], unit=unit))


def test_activations_far_out_are_explained_too():
    for name in ("sigmoid", "softplus", "exponential", "mish", "silu", "log_sigmoid"):
        model = nd.Sequential([activation(name)], input_size=2, dtype="float64")
        with np.errstate(over="ignore"):
            model.forward(np.array([[-900.0, 900.0]]), training=True)
        for unit in (0, 1):
            assert nd.debug.explain(model.layers[0], unit=unit).agrees


# ── batch normalization ───────────────────────────────────────────────────────────────────────────────────────────────
def test_batch_normalization_by_the_batch_and_by_moving_statistics():
    trainer = trainer_around(nd.BatchNormalization(name="bn"), dtype="float64")
    x, y = batch(32)
    bn = trainer.model.layer("bn")
    for event in trainer.walk(x, y):
        if event.stage == "backward" and event.layer is bn:
            explanation = nd.debug.explain(bn, unit=2, row=5)
            check(explanation)
            assert explanation["mu_2"].value == bn.mean[2]
            assert explanation["variance_2"].value == bn.variance[2]
            assert explanation["dgamma_2"].value == bn.gamma.grad[2]
            dx = explanation["dx_2"]
            assert [t.label for t in dx.terms] == [
                "directly", "by way of μ, which moves with x", "by way of σ², which moves with x"
            ]
            assert math.isclose(dx.sum, bn.grad_input[5, 2], rel_tol=1e-9)
    trainer.model.forward(x)
    inference = nd.debug.explain(bn, unit=2, row=5)
    assert "by the moving statistics" in str(inference)
    assert "μ[2] = mean" not in str(inference)
    assert "backward" not in str(inference)
    check(inference)
    bn.use_moving_statistics = True
    for event in trainer.walk(x, y):
        if event.stage == "backward" and event.layer is bn:
            frozen = nd.debug.explain(bn, unit=2, row=5)
            check(frozen)
            assert frozen["dx_2"].value == bn.grad_input[5, 2]


# ── losses ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def loss_cases():
    z = np.random.default_rng(3).standard_normal((5, 4))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    labels, bits_, signs = np.array([0, 3, 2, 1, 1]), (z > 0.2) * 1.0, np.sign(z[::-1])
    return {
        "softmax_cross_entropy": (z, labels),
        "binary_cross_entropy": (z, bits_),
        "mean_squared_error": (z, z[::-1]),
        "mean_absolute_error": (z, z[::-1]),
        "huber": (2 * z, z[::-1]),
        "hinge": (z, signs),
        "squared_hinge": (z, bits_),
        "kl_divergence": (p, p[::-1]),
        "poisson": (p, np.floor(3 * p)),
        "log_cosh": (z, z[::-1]),
    }


@pytest.mark.parametrize(
    ("weight", "weighting"),
    [(None, "rows"), ([0.5, 2, 1, 0, 3], "rows"), ([0.5, 2, 1, 0, 3], "weights"), ([0.1, 0, 0, 0, 0.3], "weights")],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", loss_cases())
def test_every_loss(name, dtype, weight, weighting):
    outputs, targets = loss_cases()[name]
    loss = nd.losses.KNOWN[name](weighting=weighting)
    loss.forward(outputs.astype(dtype), targets, weight)
    loss.backward()
    for row in range(5):
        for unit in range(4):
            explanation = nd.debug.explain(loss, unit=unit, row=row)
            check(explanation)
            assert explanation.value == loss.loss[row, 0 if loss.per_row else unit]
            assert explanation[f"dz_{unit}"].value == loss.grad_outputs[row, unit]
            assert explanation["L"].value == loss.value


def test_label_smoothing_and_own_losses_are_explained():
    loss = nd.losses.SoftmaxCrossEntropy(label_smoothing=0.1)
    loss.forward(np.eye(3), np.array([0, 1, 1]))
    loss.backward()
    check(nd.debug.explain(loss, row=2))
    assert len(nd.debug.explain(loss, row=2).main.terms) == 3

    class Sum:
        def forward(self, outputs, targets, sample_weight=None):
            self.shape = outputs.shape
            return float(outputs.sum())

        def backward(self):
            return np.ones(self.shape)

    trainer = nd.Trainer(nd.Sequential([nd.Dense(2)], input_size=2), Sum())
    trainer.step(np.eye(2), np.eye(2))
    assert nd.debug.explain(trainer.loss, unit=1)["dz[1]"].value == 1


# ── moments ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_call_of_the_terminal_walk_works_at_every_event_and_touches_nothing():
    walked, stepped = every_trainer(), every_trainer()
    for seed in (0, 1):
        x, y = examples(12, seed)
        for event in walked.walk(x, y):
            if event.layer is not None:
                before = bits(walked), walked.model.arena.grads.tobytes(), {k: a.tobytes() for k, a in event.arrays.items()}
                explanation = nd.debug.explain(event.layer, unit=0, row=0)
                check(explanation)
                assert ("backward" in str(explanation)) == (event.stage == "backward"), "no gradient of an earlier step"
                nd.debug.explain(event.copy().layer, unit=0, row=11).full()
                after = bits(walked), walked.model.arena.grads.tobytes(), {k: a.tobytes() for k, a in event.arrays.items()}
                assert before == after
            if event.stage == "loss":
                check(nd.debug.explain(walked.loss, row=3))
        stepped.step(x, y)
        assert bits(walked) == bits(stepped)
        for layer in walked.model.layers:
            nd.debug.explain(layer)
        assert bits(walked) == bits(stepped)


def test_after_a_step_the_numbers_are_those_of_the_weights_as_they_are_now_and_it_says_so():
    trainer = plain_trainer(clipping=nd.clipping.ClipByNorm(0.01))
    trainer.step(*examples(8))
    layer = trainer.model.layer("outputs")
    explanation = nd.debug.explain(layer, unit=1, row=2)
    check(explanation)
    now = layer.input @ layer.kernel.value + layer.bias.value
    assert math.isclose(explanation.value, now[2, 1], rel_tol=1e-5)
    assert "the weights have changed since this pass" in str(explanation)
    assert "a penalty or clipping came on top" in str(explanation)


def test_a_model_used_by_hand_is_explained_forward_and_then_backward():
    model = plain_trainer().model
    x, _ = examples(4)
    model.forward(x, training=True)
    assert "backward" not in str(nd.debug.explain(model.layers[0]))
    model.backward(np.ones((4, 3)))
    assert "dW" in str(nd.debug.explain(model.layers[0]))
    model.predict(x)
    assert "backward" not in str(nd.debug.explain(model.layers[0]))


def test_a_wrong_kernel_is_seen():
    class Wrong(nd.Dense):
        def forward(self, x, training=False):
            super().forward(x, training)
            self.output[1, 0] += 0.01
            return self.output

    model = nd.Sequential([Wrong(2, name="wrong")], input_size=3, seed=0)
    model.forward(np.ones((2, 3)))
    right, wrong = (nd.debug.explain(model.layers[0], row=row) for row in (0, 1))
    assert right.agrees
    assert not wrong.agrees
    assert "z[0]: the engine's number is not what the formula gives" in str(wrong)
    assert "but the engine has" in str(wrong)


def test_a_loss_without_its_backward_pass_says_so():
    loss = nd.losses.MeanSquaredError()
    loss.forward(np.ones((2, 2)), np.zeros((2, 2)))
    loss.backward()
    loss.forward(np.full((2, 2), 3.0), np.zeros((2, 2)))
    explanation = nd.debug.explain(loss)
    assert explanation.main.agrees
    assert "dz[0]: the engine's number is not what the formula gives; either backward() was not called" in str(explanation)


def test_frozen_and_unwanted_gradients_are_named():
    trainer = plain_trainer()
    trainer.model.freeze("outputs/bias")
    for event in trainer.walk(*examples(4)):
        if event.stage == "backward" and event.layer.parameters:
            text = str(nd.debug.explain(event.layer))
            assert ("db[0]: outputs/bias is frozen" in text) == (event.name == "outputs")
            assert ("dx: not needed below" in text) == (event.name == "hidden")


def test_own_layers_are_shown_by_their_formula():
    trainer = trainer_around(OwnLayer(name="own"))
    for event in trainer.walk(*batch()):
        if event.stage == "backward" and event.name == "own":
            explanation = nd.debug.explain(event.layer, unit=1, row=1)
            assert explanation.value == event.layer.output[1, 1]
            assert explanation["grad output[1]"].value == event.layer.grad_output[1, 1]


def test_gradients_that_are_not_finite_are_printed():
    model = nd.Sequential([nd.Dense(2)], input_size=2)
    model.forward(np.ones((2, 2)), training=True)
    model.backward(np.ones((2, 2)))
    model.layers[0].kernel.value[0, 0] = np.nan
    model.layers[0].kernel.value[1, 0] = np.inf
    explanation = nd.debug.explain(model.layers[0])
    assert "nan" in str(explanation)
    assert run(explanation)["z_0"] != run(explanation)["z_0"]
    assert "NaN" in explanation.latex


# ── on entry ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("given_", "error", "message"),
    [
        ({"unit": 3}, ValueError, "unit must lie in 0 to 2 (layer 'outputs' has 3 units), got 3"),
        ({"unit": -1}, ValueError, "unit must lie in 0 to 2"),
        ({"row": 5}, ValueError, "row must lie in 0 to 4 (the last batch had 5 rows), got 5"),
        ({"input": 8}, ValueError, "input must lie in 0 to 7 (layer 'outputs' has 8 inputs), got 8"),
        ({"unit": 1.5}, TypeError, "unit must be an integer"),
        ({"terms": 0}, ValueError, "terms must be an integer of at least 1"),
    ],
)
def test_wrong_indices_name_the_range(given_, error, message):
    trainer = plain_trainer()
    trainer.step(*examples(5))
    with pytest.raises(error, match=re.escape(message)):
        nd.debug.explain(trainer.model.layer("outputs"), **given_)
    if "unit" in given_ or "row" in given_:
        with pytest.raises(error, match=re.escape(message.split(" (")[0])):
            nd.debug.explain(trainer.loss, **given_)


def test_explaining_before_any_pass_or_something_else_says_what_to_do():
    trainer = plain_trainer()
    with pytest.raises(ValueError, match=r"'hidden' has made no pass yet; run trainer\.step\(x, y\) or model\.forward\(x\)"):
        nd.debug.explain(trainer.model.layers[0])
    with pytest.raises(ValueError, match="no pass yet"):
        nd.debug.explain(nd.Dense(3))
    with pytest.raises(ValueError, match="SoftmaxCrossEntropy has computed nothing yet"):
        nd.debug.explain(trainer.loss)
    with pytest.raises(TypeError, match=r"for example model\.layer\('outputs'\), or a loss, got the string 'hidden'"):
        nd.debug.explain("hidden")


@pytest.mark.parametrize("columns", [60, 80])
def test_remarks_fold_at_the_width_of_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    trainer = nd.Trainer(nd.Sequential([nd.Dense(2, name="out")], 3, seed=0), "mean_squared_error")
    trainer.step(np.ones((4, 3)), np.ones((4, 2)))
    text = str(nd.debug.explain(trainer.model.layer("out")))
    assert max(map(len, text.splitlines())) <= columns
    assert "the weights have changed since this pass, and these are" in " ".join(text.split())
