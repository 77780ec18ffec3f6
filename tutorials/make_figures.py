"""Draws every figure that nd.plots and the README name: python tutorials/make_figures.py [--folder tutorials/figures].

Each is one call of nd.plots on a small network and the digits that come with the package, but for those of the lesson, which
trains its networks (a minute); the same files come out every time.
"""

import argparse
import functools
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import npdeep as nd

FIGURES: dict[str, Callable[[], object]] = {}
"""By file name, in the order of this file."""


def figure(draw):
    """Register what draws the figure of its own name."""
    FIGURES[f"{draw.__name__}.png"] = nd.plots.in_house_style(draw)
    return draw


# ── networks ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@functools.cache
def digits():
    """(x_train, y_train), (x_test, y_test)."""
    return nd.datasets.mnist_sample()


def digit_network(hidden=(100, 100), activation="elu", initializer="he_normal", optimizer="adam", seed=42):
    """A trainer of a network for digits: Dense layers with one activation between."""
    layers = []
    for units in hidden:
        layers += [nd.Dense(units, kernel_initializer=initializer), nd.Activation(activation)]
    model = nd.Sequential([*layers, nd.Dense(10, kernel_initializer=initializer)], input_size=784, seed=seed)
    return nd.Trainer(model, "softmax_cross_entropy", optimizer, metrics=["accuracy"])


def sigmoids(depth=8, initializer="glorot_normal"):
    """Deep, and all sigmoid: the network whose gradients vanish."""
    return digit_network((100,) * depth, "sigmoid", initializer, nd.optimizers.Momentum(0.1, 0.9))


@functools.cache
def trained():
    """A good network, with what its updates were, and its history."""
    (x, y), _ = digits()
    trainer, updates = digit_network((100, 100, 100)), nd.callbacks.RecordUpdates(every=10)
    trainer.fit(x, y, epochs=5, batch_size=50, callbacks=[updates], verbose=False)
    return trainer, updates


@functools.cache
def vanishing():
    """The gradients of eight sigmoid layers on the digits, through training."""
    (x, y), _ = digits()
    trainer, gradients = sigmoids(), nd.callbacks.RecordGradients(every=50, of="z")
    trainer.fit(x, y, epochs=6, batch_size=50, callbacks=[gradients], verbose=False)
    return gradients


@functools.cache
def lesson():
    """What became of the networks of `npdeep lesson`; takes as long as the lesson."""
    return [nd.lesson.train(network, *digits(), epochs=40, seed=42) for network in nd.lesson.NETWORKS]


def lesson_figure(name):
    """A figure of the lesson, by the name of its file."""
    (picture,) = [picture for picture in nd.lesson.PICTURES if picture.name == f"{name}.png"]
    return picture.draw(lesson())


# ── functions ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@figure
def activation():
    """One activation."""
    return nd.plots.activation("elu")


@figure
def activations():
    """Six of them."""
    return nd.plots.activations()


@figure
def schedules():
    """Learning rates, each line with its name."""
    s = nd.schedules
    rates = {
        "exponential": s.ExponentialDecay(0.1, 400, 0.1),
        "staircase": s.PiecewiseConstant([300, 600], [0.1, 0.03, 0.01]),
        "cosine": s.CosineDecay(0.1, 1000),
        "warm-up, power": s.Warmup(s.PowerDecay(0.1, 200), 100),
        "one cycle": s.OneCycle(0.1, 1000),
    }
    return nd.plots.schedules(rates, 1000)


@figure
def optimizer_paths():
    """Four optimizers in a long bowl."""
    o = nd.optimizers
    walkers = {"SGD": o.SGD(0.9), "momentum": o.Momentum(0.1, 0.9), "RMSProp": o.RMSProp(0.1), "Adam": o.Adam(0.1)}
    return nd.plots.optimizer_paths(walkers, "bowl", steps=60)


@figure
def optimizer_paths_beale():
    """The same on a plain with steep walls."""
    o = nd.optimizers
    walkers = {"SGD": o.SGD(0.01), "momentum": o.Momentum(0.001, 0.9), "RMSProp": o.RMSProp(0.02), "Adam": o.Adam(0.1)}
    return nd.plots.optimizer_paths(walkers, "beale", steps=200)


# ── signals and gradients ─────────────────────────────────────────────────────────────────────────────────────────────
@figure
def gradient_flow():
    """One step of eight sigmoid layers."""
    (x, y), _ = digits()
    return nd.plots.gradient_flow(sigmoids(), x[:500], y[:500])


@figure
def gradient_history():
    """The same through training."""
    return nd.plots.gradient_history(vanishing())


@figure
def gradient_heat_map():
    """The same as a heat map."""
    return nd.plots.gradient_heat_map(vanishing())


@figure
def update_ratios():
    """Four layers, well trained by Adam."""
    return nd.plots.update_ratios(trained()[1])


@figure
def gradient_agreement():
    """Hand-derived against numeric, for a network with a kink in it."""
    x = np.random.default_rng(0).standard_normal((8, 5))
    layers = [nd.Dense(7), nd.BatchNormalization(), nd.Activation("elu"), nd.Dense(6), nd.Activation("tanh"), nd.Dense(3)]
    model = nd.Sequential(layers, input_size=5, seed=0)
    return nd.plots.gradient_agreement(nd.debug.gradient_check(model, "softmax_cross_entropy", x, np.arange(8) % 3))


@figure
def epsilon_sweep():
    """How long a step a difference quotient needs."""
    x = np.random.default_rng(0).standard_normal((8, 5))
    model = nd.Sequential([nd.Dense(7), nd.Activation("tanh"), nd.Dense(3)], input_size=5, seed=0)
    return nd.plots.epsilon_sweep(nd.debug.epsilon_sweep(model, "softmax_cross_entropy", x, np.arange(8) % 3))


@figure
def activation_histograms():
    """Four tanh layers with weights from a uniform distribution that is too narrow."""
    (x, _), _ = digits()
    return nd.plots.activation_histograms(narrow_tanh().model, x[:300], layers=[0, 1, 2, 4])


@figure
def layer_histograms():
    """Five tanh layers before training: weights too narrow (above), and after Glorot (below)."""
    (x, y), _ = digits()
    _, axes = nd.plots.new_grid(2, 2, nd.plots.SLIDE)
    for row, initializer, title in ((0, NARROW, "W from U(−1/√n, 1/√n)"), (2, "glorot_uniform", "Glorot")):
        nd.plots.layer_histograms(narrow_tanh(initializer), x[:300], y[:300], axes=axes[row : row + 2])
        for ax in axes[row : row + 2]:
            ax.set_title(title)
    return axes[0].figure


NARROW = nd.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def narrow_tanh(initializer=NARROW):
    """Five tanh layers; the default initializer is the one that Glorot and Bengio set out from."""
    return digit_network((300,) * 5, "tanh", initializer)


@figure
def saturation():
    """Eight sigmoid layers whose weights are too wide."""
    (x, _), _ = digits()
    ax = nd.plots.saturation(digit_network((100,) * 8, "sigmoid", "random_normal"), x[:300])
    ax.set_title("sigmoid, weights from N(0, 1)")
    return ax


@figure
def weight_images():
    """What the lowest layer has learnt."""
    (x, y), _ = digits()
    trainer = digit_network((40,), "elu", optimizer="adam")
    trainer.model.layers[0].kernel.value *= 0.1
    trainer.fit(x, y, epochs=6, batch_size=50, verbose=False)
    return nd.plots.weight_images(trainer.model.layers[0], units=range(24))


# ── runs and results ──────────────────────────────────────────────────────────────────────────────────────────────────
@figure
def learning_curves_bands():
    """Three optimizers, four seeds each."""
    (x, y), test = digits()
    o = nd.optimizers
    makers = {"SGD": lambda: o.SGD(0.05), "Nesterov": lambda: o.Nesterov(0.05, 0.9), "Adam": lambda: o.Adam(0.001)}
    runs = {
        name: [
            digit_network((50,), optimizer=make(), seed=seed).fit(
                x[:1000], y[:1000], epochs=8, batch_size=50, validation_data=test, verbose=False
            )
            for seed in range(4)
        ]
        for name, make in makers.items()
    }
    return nd.plots.learning_curves(runs, "val_accuracy")


@figure
def learning_rate_range():
    """A range test of the good network."""
    (x, y), _ = digits()
    return nd.plots.learning_rate_range(nd.debug.learning_rate_range(digit_network(optimizer="sgd"), x, y))


@figure
def decision_boundary():
    """Three spiral arms by softmax, two moons by one yes-or-no output."""
    _, axes = nd.plots.new_grid(1, 2, nd.plots.SLIDE)
    x, y = nd.datasets.spirals(240, seed=1)
    model = nd.Sequential([nd.Dense(40), nd.Activation("tanh"), nd.Dense(40), nd.Activation("tanh"), nd.Dense(3)], 2, seed=1)
    nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(0.02)).fit(x, y, epochs=150, verbose=False)
    nd.plots.decision_boundary(model, x, y, axes[0])
    x, y = nd.datasets.moons(160, noise=0.15, seed=1)
    model = nd.Sequential([nd.Dense(20), nd.Activation("tanh"), nd.Dense(1)], 2, seed=1)
    nd.Trainer(model, "binary_cross_entropy", nd.optimizers.Adam(0.02)).fit(x, y, epochs=100, verbose=False)
    nd.plots.decision_boundary(model, x, y, axes[1])
    return axes[0].figure


@figure
def confusion_matrix():
    """The good network on the test digits."""
    _, (x, y) = digits()
    return nd.plots.confusion_matrix(trained()[0], x, y)


@figure
def misclassified():
    """What it gets wrong."""
    _, (x, y) = digits()
    return nd.plots.misclassified(trained()[0], x, y, count=18)


@figure
def contact_sheet():
    """Digits with their labels."""
    (x, y), _ = digits()
    return nd.plots.contact_sheet(x[:20], titles=y[:20], shape=(28, 28))


@figure
def network():
    """A small network, unit by unit, and a larger one, layer by layer."""
    _, axes = nd.plots.new_grid(1, 2, nd.plots.SLIDE)
    small = nd.Sequential([nd.Dense(5, name="hidden"), nd.Activation("tanh"), nd.Dense(2, name="outputs")], 3, seed=0)
    nd.plots.network(small, axes[0])
    nd.plots.network(nd.Sequential([nd.Dense(30), nd.Activation("elu"), nd.Dense(10)], 64, seed=0), axes[1])
    axes[0].set_title("dashed: negative")
    axes[0].figure.get_layout_engine().set(w_pad=0.15)
    return axes[0].figure


# ── the lesson, for the README ────────────────────────────────────────────────────────────────────────────────────────
@figure
def gradient_norms():
    """Where the gradient of eight networks arrives before training."""
    return lesson_figure("gradient_norms")


@figure
def learning_curves():
    """What they learn, and what of it holds for new digits."""
    return lesson_figure("learning_curves")


def training(folder):
    """The film of four sigmoid layers that wake up one after the other."""
    (x, y), _ = digits()
    trainer, record = sigmoids(depth=4), nd.callbacks.RecordLayers(x[:200], y[:200], every=50)
    trainer.fit(x, y, epochs=8, batch_size=50, callbacks=[record], verbose=False)
    return nd.plots.animate_training(record, folder / "training.gif")


def write(drawn, path):
    """As a PNG of 256 colours, a third as large as one of all."""
    nd.plots.save(drawn, path)
    with Image.open(path) as image:
        image.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def main(arguments=None):
    """Draw them all, or those named."""
    parser = argparse.ArgumentParser(description="Draws every figure that the docstrings of nd.plots name.")
    parser.add_argument("--folder", type=Path, default=Path(__file__).with_name("figures"), help="where they are written")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="names of figures, for example saturation.png training.gif")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for name, draw in FIGURES.items():
        if given.only is None or name in given.only:
            drawn = draw()
            write(getattr(drawn, "figure", drawn), given.folder / name)
            plt.close("all")
            print(f"{time.perf_counter() - started:6.1f} s  {name}")
    if given.only is None or "training.gif" in given.only:
        training(given.folder)
        print(f"{time.perf_counter() - started:6.1f} s  training.gif")


if __name__ == "__main__":
    main()
