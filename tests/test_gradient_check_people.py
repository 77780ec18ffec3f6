"""The gradient check for people: kinks in words, what is held fixed, the sweep of steps, the pictures, the command."""

import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers_training import bits, every_layer, every_trainer, examples

import npdeep as nd
from npdeep.command_line import checked_networks, main, pictures
from npdeep.debug.gradient_check import Probe
from npdeep.kernels import batch_normalization as kernels
from npdeep.kernels.affine import affine_backward


@pytest.fixture(autouse=True)
def _close_figures(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("a plot called show"))
    yield
    plt.close("all")


class FlippedElement(nd.Dense):
    """One element of the kernel's gradient has the wrong sign."""

    def backward(self, grad_output):
        result = super().backward(grad_output)
        self.kernel.wanted[4, 3] *= -1
        return result


def network(middle=nd.Dense, dtype="float32"):
    layers = [nd.Dense(7, name="hidden1"), nd.Activation("tanh"), middle(6, name="hidden2"), nd.Activation("elu")]
    return nd.Sequential([*layers, nd.Dense(3, name="outputs")], input_size=6, seed=1, dtype=dtype)


def normalized(frozen):
    layers = [nd.Dense(5, name="below"), nd.BatchNormalization(name="bn"), nd.Activation("tanh"), nd.Dense(3, name="above")]
    model = nd.Sequential(layers, input_size=6, seed=1)
    bn = model.layer("bn")
    bn.moving_mean.value, bn.moving_variance.value = 1.5, 9.0      # far from the batch's
    bn.use_moving_statistics = frozen
    return model


# ── kinks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def on_a_kink():
    """Biases of 0 under an example of zeros: every unit of the first layer sits on its kink."""
    model = nd.Sequential([nd.Dense(4, name="hidden"), nd.Activation("relu"), nd.Dense(3, name="out")], input_size=6, seed=0)
    x, y = examples(8)
    x[0] = 0
    return model, x, y


def test_kinks_are_told_in_words_by_name_and_index():
    model, x, y = on_a_kink()
    report = nd.debug.gradient_check(model, "softmax_cross_entropy", x, y)
    bias = next(c for c in report.comparisons if c.name == "hidden/bias")
    assert bias.kinks == 4
    kinks = [k for k in report.kinks if k.name == "hidden/bias"]
    assert [k.index for k in kinks] == [(0,), (1,), (2,), (3,)]
    for kink in kinks:
        assert min(kink.left, kink.right) - 1e-6 <= kink.ours <= max(kink.left, kink.right) + 1e-6
        assert abs(kink.left - kink.right) > 1e-3
    text = str(report)
    assert re.search(r"hidden/bias\[0\]: a kink, fine: left −?[\d.e-]+, right −?[\d.e-]+, ours −?[\d.e-]+ lies between", text)
    assert f"and {len(report.kinks) - 3} kinks more, in report.kinks" in text


def test_the_report_keeps_every_compared_element():
    report = nd.debug.gradient_check(network(), "softmax_cross_entropy", *examples(6), max_elements=10)
    for c in report.comparisons:
        assert len(c.indices) == len(c.ours) == len(c.central) == len(c.left) == len(c.right) == c.checked
        np.testing.assert_allclose(c.left / 2 + c.right / 2, c.central, rtol=1e-6, atol=1e-9)


# ── what is held, what is recomputed ───────────────────────────────────────────────────────────────────────────────
def test_the_report_says_what_is_held():
    report = nd.debug.gradient_check(nd.Sequential(every_layer(), 6, seed=1), "softmax_cross_entropy", *examples(10))
    assert report
    text = str(report)
    assert "the same noise in every evaluation: dropout, gaussian_dropout, alpha_dropout, rrelu, gaussian_noise" in text
    assert "mean and variance of the batch recomputed in every evaluation: hidden1_bn" in text
    frozen = nd.debug.gradient_check(normalized(frozen=True), "softmax_cross_entropy", *examples(10))
    assert frozen
    assert "moving statistics held: bn" in str(frozen)
    assert "recomputed" not in str(frozen)


def test_batch_statistics_move_with_the_weights_and_moving_ones_are_held():
    for frozen in (False, True):
        model = normalized(frozen).copy("float64")
        x, y = examples(10)
        probe = Probe(model, nd.losses.get("softmax_cross_entropy"), x, y, None, 1e-6)
        bn, kernel = model.layer("bn"), model.layer("below").kernel
        start = [p.value.copy() for p in (bn.moving_mean, bn.moving_variance)]
        first = probe.value()
        mean = bn.mean.copy() if not frozen else None
        kernel.value[0, 0] += 0.5
        assert probe.value() != first
        if not frozen:
            assert bn.mean[0] != mean[0], "recomputed"
        kernel.value[0, 0] -= 0.5
        assert probe.value() == pytest.approx(first, rel=1e-12)
        probe.statistics[0][0].value = 77.0   # whatever an evaluation leaves there
        again = probe.value()
        assert again == pytest.approx(first, rel=1e-12)
        if frozen:
            np.testing.assert_array_equal([bn.moving_mean.value, bn.moving_variance.value], start)


def test_moving_statistics_do_not_matter_unless_they_are_used():
    x, y = examples(10)
    plain, moved = normalized(frozen=False), normalized(frozen=False)
    moved.layer("bn").moving_mean.value = -50.0
    loss = "softmax_cross_entropy"
    a, b = (nd.debug.gradient_check(model, loss, x, y) for model in (plain, moved))
    assert [c.numeric for c in a.comparisons] == [c.numeric for c in b.comparisons]
    used, other = normalized(frozen=True), normalized(frozen=True)
    other.layer("bn").moving_mean.value = 0.5
    a, b = (nd.debug.gradient_check(model, loss, x, y) for model in (used, other))
    assert a
    assert b
    assert [c.numeric for c in a.comparisons] != [c.numeric for c in b.comparisons]


# ── a wrong backward is named ─────────────────────────────────────────────────────────────────────────────────────────
def test_one_wrong_element_is_named():
    report = nd.debug.gradient_check(network(FlippedElement), "softmax_cross_entropy", *examples(9))
    assert not report
    assert [c.name for c in report.wrong] == ["hidden2/kernel"]
    assert report.worst.worst == (4, 3)
    assert report.worst.analytic == pytest.approx(-report.worst.numeric, rel=1e-6)
    assert "[4, 3]" in str(report)


def test_a_backward_that_forgets_the_batch_is_named(monkeypatch):
    forgetful = kernels.batch_normalization_inference_backward
    monkeypatch.setattr("npdeep.layers.batch_normalization.batch_normalization_backward", forgetful)
    report = nd.debug.gradient_check(normalized(frozen=False), "softmax_cross_entropy", *examples(10))
    assert {c.name for c in report.wrong} == {"below/kernel", "below/bias", "input"}
    assert nd.debug.gradient_check(normalized(frozen=True), "softmax_cross_entropy", *examples(10))


# ── the sweep ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_sweep_is_a_u_with_both_slopes():
    sweep = nd.debug.epsilon_sweep(network(), "softmax_cross_entropy", *examples(6))
    assert sweep.epsilons[0] == 0.1
    assert sweep.epsilons[-1] == 1e-12
    assert len(sweep.epsilons) == len(sweep.errors) == 23
    assert list(sweep.by_parameter)[-1] == "input"
    assert 1e-7 < sweep.best < 1e-3
    assert sweep.error < 1e-9
    by_step = dict(zip(sweep.epsilons, sweep.errors, strict=True))
    truncation = np.log10(by_step[1e-2] / by_step[1e-3])
    assert 1.8 < truncation < 2.2
    rounding = np.log10(by_step[1e-12] / by_step[1e-8]) / 4
    assert 0.7 < rounding < 1.3
    assert not sweep.never
    text = str(sweep)
    assert f"the two agree best, to {sweep.error:.1e}, at ε = {sweep.best:.1e}" in text
    assert text.count("best") == 2
    assert "<table>" in sweep._repr_html_()


def test_in_float32_the_bottom_is_higher_and_at_a_larger_step():
    doubles, singles = (
        nd.debug.epsilon_sweep(network(), "softmax_cross_entropy", *examples(6), dtype=d) for d in ("float64", "float32")
    )
    assert singles.error > 1e3 * doubles.error
    assert singles.best > 10 * doubles.best
    assert "central differences in float32" in str(singles)


def test_a_wrong_gradient_has_no_u_and_is_named():
    sweep = nd.debug.epsilon_sweep(network(FlippedElement), "softmax_cross_entropy", *examples(6), max_elements=100)
    assert sweep.never == ["hidden2/kernel"]
    assert "no step makes the two agree, the gradient is wrong: hidden2/kernel" in str(sweep)
    ax = nd.plots.epsilon_sweep(sweep)
    assert "hidden2/kernel wrong" in ax.get_title()


def test_a_bias_without_gradient_below_batch_normalization_is_no_false_alarm():
    sweep = nd.debug.epsilon_sweep(normalized(frozen=False), "softmax_cross_entropy", *examples(10))
    assert not sweep.never


def test_elements_on_a_kink_are_left_out_of_the_sweep():
    model, x, y = on_a_kink()
    sweep = nd.debug.epsilon_sweep(model, "softmax_cross_entropy", x[1:], y[1:])
    assert sweep.kinks == 0
    kinked = nd.debug.epsilon_sweep(model, "softmax_cross_entropy", x, y, epsilons=[1e-4, 1e-5])
    assert kinked.kinks >= 4
    assert "hidden/bias" not in kinked.by_parameter
    assert f"left out because they sit on a kink: {kinked.kinks} elements" in str(kinked)


def test_check_and_sweep_touch_nothing():
    trainer = every_trainer("adam")
    trainer.step(*examples(10))
    before = bits(trainer), trainer.model.arena.grads.tobytes()
    outputs = [layer.output.tobytes() for layer in trainer.model.layers]
    x, y = examples(6)
    kept = x.copy()
    nd.plots.gradient_agreement(nd.debug.gradient_check(trainer.model, trainer.loss, x, y, max_elements=4))
    nd.debug.epsilon_sweep(trainer.model, trainer.loss, x, y, max_elements=2, epsilons=[1e-3, 1e-5])
    assert (bits(trainer), trainer.model.arena.grads.tobytes()) == before
    assert [layer.output.tobytes() for layer in trainer.model.layers] == outputs
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"epsilons": [1e-3, 0.0]}, ValueError, "epsilons must be a number above 0, got 0.0"),
        ({"epsilons": 1e-3}, ValueError, "epsilons must be a list of steps"),
        ({"epsilons": []}, ValueError, "epsilons must be a list of steps"),
        ({"max_elements": 0}, ValueError, "max_elements must be an integer of at least 1"),
        ({"dtype": "float16"}, ValueError, "float32"),
    ],
)
def test_wrong_arguments_of_the_sweep(given, error, message):
    with pytest.raises(error, match=re.escape(message)):
        nd.debug.epsilon_sweep(network(), "softmax_cross_entropy", *examples(6), **given)


def test_a_sweep_needs_a_model_with_something_to_train():
    with pytest.raises(TypeError, match="epsilon_sweep: model must be a Sequential"):
        nd.debug.epsilon_sweep("model", "softmax_cross_entropy", *examples(6))
    model = network()
    model.freeze(".*")
    with pytest.raises(ValueError, match="epsilon_sweep: the model has nothing to train"):
        nd.debug.epsilon_sweep(model, "softmax_cross_entropy", *examples(6))


# ── pictures and the command ──────────────────────────────────────────────────────────────────────────────────────────
def test_the_picture_of_agreement_shows_every_element_and_rings_the_worst():
    report = nd.debug.gradient_check(network(FlippedElement), "softmax_cross_entropy", *examples(9))
    ax = nd.plots.gradient_agreement(report)
    drawn = [c.get_offsets() for c in ax.collections]
    assert sum(map(len, drawn)) == sum(c.checked for c in report.comparisons) + 1
    points = np.concatenate([np.stack([c.ours, c.central], axis=1) for c in report.comparisons])
    np.testing.assert_allclose(np.sort(np.concatenate(drawn[:-1])[:, 0]), np.sort(points[:, 0]))
    np.testing.assert_allclose(drawn[-1], [[report.worst.analytic, report.worst.numeric]])
    assert "hidden2/kernel[4, 3] does NOT agree" in ax.get_title()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["equal", *(c.name for c in report.comparisons)]


def test_the_picture_marks_kinks_and_draws_into_given_axes():
    model, x, y = on_a_kink()
    _, ax = plt.subplots()
    assert nd.plots.gradient_agreement(nd.debug.gradient_check(model, "softmax_cross_entropy", x, y), ax=ax) is ax
    assert "on a kink, left out" in [text.get_text() for text in ax.get_legend().get_texts()]
    with pytest.raises(TypeError, match=r"what nd\.debug\.gradient_check returns"):
        nd.plots.gradient_agreement([])
    with pytest.raises(ValueError, match="no compared elements"):
        nd.plots.gradient_agreement(nd.debug.GradientReport(1e-6))


def test_the_picture_of_the_sweep_draws_what_was_measured():
    sweep = nd.debug.epsilon_sweep(network(), "softmax_cross_entropy", *examples(6), max_elements=3)
    ax = nd.plots.epsilon_sweep(sweep)
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), sweep.epsilons)
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), sweep.errors)
    assert ax.get_xscale() == ax.get_yscale() == "log"
    with pytest.raises(TypeError, match=r"what nd\.debug\.epsilon_sweep returns"):
        nd.plots.epsilon_sweep({})


def test_the_command_sweeps_and_draws(tmp_path, capsys):
    figure = tmp_path / "check.png"
    assert main.main(["check", "dense", "--sweep", "--figure", str(figure)]) == 0
    out = capsys.readouterr().out
    assert "the two agree best, to" in out
    assert f"wrote {figure}" in out
    assert figure.read_bytes()[:4] == b"\x89PNG"
    assert main.main(["check", "all", "--figure", str(figure)]) == 2
    assert "--figure draws one network" in capsys.readouterr().err
    assert pictures.draw_check(tmp_path / "one.png", checked_networks.check_network("regression")).exists()


def test_several_kinks_at_one_place_are_no_error_and_a_wrong_backward_there_is(monkeypatch):
    model = nd.Sequential([nd.Dense(2, name="h"), nd.Activation("relu"), nd.Dense(1, name="o")], 1, seed=0)
    model.layer("h").kernel.value = [[1.0, -1.0]]
    model.layer("o").kernel.value = [[1.0], [-2.0]]
    report = nd.debug.gradient_check(model, "mean_squared_error", [[0.0]], [[1.0]])
    assert report
    assert "takes another side of kinks that meet here; a little away from them all agree" in str(report)
    layers = [nd.Dense(4), nd.Activation("relu"), nd.Dense(3)]
    zeros = nd.Sequential(layers, 5, seed=0)
    x = np.random.default_rng(0).standard_normal((3, 5))
    x[0] = 0
    assert nd.debug.gradient_check(zeros, "softmax_cross_entropy", x, [0, 1, 2])

    def wrong(x, W, dz, dW, db, dx):
        affine_backward(x, W, dz, dW, db, dx)
        return None if dx is None else np.multiply(dx, 1.01, out=dx)

    monkeypatch.setattr("npdeep.layers.dense.affine_backward", wrong)
    assert not nd.debug.gradient_check(model, "mean_squared_error", [[0.0]], [[1.0]])


def test_a_step_aside_that_ends_close_to_a_kink_is_followed_by_another():
    rng = np.random.default_rng(0)
    rng.standard_normal(58)                   # these draws lead to a first step aside that ends 2e-6 from a kink
    x = np.concatenate([rng.standard_normal((8, 5)), np.zeros((1, 5))])
    layers = [nd.Dense(4, name="hidden", kernel_initializer="he_normal"), nd.Activation("relu"), nd.Dense(3)]
    report = nd.debug.gradient_check(nd.Sequential(layers, 5, seed=4), "softmax_cross_entropy", x, np.arange(9) % 3)
    assert report, str(report)
    assert report.kinks


def test_rounding_counts_by_the_terms_of_a_loss_where_they_cancel():
    class Sum:
        def forward(self, outputs, targets):
            self.shape = outputs.shape
            return 1e3 * float(outputs.sum())

        def backward(self):
            return np.full(self.shape, 1e3)

    x = np.random.default_rng(0).standard_normal((200, 5))
    layers = [nd.Dense(6, name="hidden"), nd.BatchNormalization(center=False, name="norm")]
    report = nd.debug.gradient_check(nd.Sequential(layers, 5, seed=0), Sum(), x, None)
    assert report, str(report)                # the sum of normalized rows is 0, whatever the weights are


# ── what all rows have in common ──────────────────────────────────────────────────────────────────────────────────────
class Squares:
    """The mean over rows of the mean of squares; `wrong` changes the gradient."""

    def __init__(self, wrong):
        self.wrong = wrong

    def forward(self, outputs, targets, sample_weight=None):
        self.difference = outputs - targets
        return float((self.difference**2).mean())

    def backward(self):
        return self.wrong(2 * self.difference / self.difference.size)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda g: 20 * g, "all gradients are 20 times .* loss's backward, the number of rows: a mean divides its gradient by"),
        (lambda g: 60 * g, "all gradients are 60 times .* loss's backward, rows times outputs: a mean divides its gradient by"),
        (lambda g: 2 * g, "all gradients are 2 times what they should be: look at the loss's backward$"),
        (lambda g: -g, "all gradients are -1 times what they should be"),
        (lambda g: np.sign(g), "no gradient agrees: look first at what all of them come from, the loss's backward"),
        (lambda g: g, "all gradients agree with central differences"),
    ],
    ids=["rows forgotten", "rows and outputs forgotten", "a 2 too many", "sign", "something else", "right"],
)
def test_gradients_that_are_all_wrong_by_one_factor_say_so(wrong, sentence):
    x, y = np.random.default_rng(0).standard_normal((20, 4)), np.eye(3)[np.arange(20) % 3]
    model = nd.Sequential([nd.Dense(5), nd.Activation("tanh"), nd.Dense(3)], 4, seed=0)
    assert re.search(sentence, nd.debug.gradient_check(model, Squares(wrong), x, y).summary())


@pytest.mark.parametrize("function", [nd.debug.gradient_check, nd.debug.epsilon_sweep])
def test_a_trainer_for_a_model_is_told_its_parts(function):
    x, y = np.eye(4), np.arange(4) % 2
    trainer = nd.Trainer(nd.Sequential([nd.Dense(2)], 4, seed=0), "softmax_cross_entropy")
    cure = rf"write {function.__name__}\(trainer\.model, trainer\.loss, x, y\)"
    with pytest.raises(TypeError, match=cure):
        function(trainer, x, y)
    with pytest.raises(TypeError, match=cure):
        function(trainer, trainer.loss, x, y)
    function(trainer.model, trainer.loss, x, y)


class Exaggerated(nd.Dense):
    def backward(self, grad_output):
        grad_input = super().backward(grad_output)
        self.kernel.grad *= 1.001
        return grad_input


@pytest.mark.parametrize("size", [1.0, 1e155, 1e160])
@pytest.mark.parametrize(("layer", "right"), [(nd.Dense, True), (Exaggerated, False)])
def test_gradients_whose_squares_overflow_are_judged_as_others_are(layer, right, size):
    model = nd.Sequential([layer(2)], 3, seed=0)
    x = size * np.random.default_rng(0).standard_normal((4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bool(nd.debug.gradient_check(model, "mean_absolute_error", x, np.full((4, 2), 7.0))) == right
