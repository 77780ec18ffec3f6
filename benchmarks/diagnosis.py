"""Does the diagnosis find what was planted, and nothing in networks that are well?

The first table plants every fault of `nd.debug.FAULTS` and shows which findings came out: ● the fault itself, ○ something that
may come with it, × a finding that has no business there. The second trains networks of many kinds that are well, each from
several seeds, and asks before, in the midst of and after training; the third trains W1 to W6 for one epoch of digits. In both
there should be no finding. The exit code is 1 where a fault was missed or a finding is out of place.

    python benchmarks/diagnosis.py            all tables; W1 to W6 on the packed digits, and on MNIST where NPDEEP_DATA has it
    python benchmarks/diagnosis.py --quick    without the collapse, which takes thousands of updates, one seed, without MNIST
"""

import argparse
import functools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

import npdeep as nd
from npdeep.common.tables import Table
from npdeep.debug.diagnosis.advice import ADVICE

HE = {"kernel_initializer": "he_normal"}


# ── networks that are well ────────────────────────────────────────────────────────────────────────────────────────────────────
def dense(units: int, activation: str, **given: object) -> list[nd.layers.Layer]:
    return [nd.Dense(units, **HE, **given), nd.Activation(activation)]


def normalized(units: int) -> list[nd.layers.Layer]:
    return [nd.Dense(units, use_bias=False, **HE), nd.BatchNormalization(), nd.Activation("elu")]


def w1() -> tuple[list[nd.layers.Layer], object]:
    return [*dense(300, "leaky_relu"), *dense(100, "leaky_relu"), nd.Dense(10)], nd.optimizers.SGD(0.01)


def w2() -> tuple[list[nd.layers.Layer], object]:
    return [*normalized(300), *normalized(100), nd.Dense(10, use_bias=False), nd.BatchNormalization()], nd.optimizers.SGD(0.01)


def w3() -> tuple[list[nd.layers.Layer], object]:
    def penalty() -> nd.regularizers.L1:
        return nd.regularizers.L1(0.001)

    layers = [*dense(300, "relu", kernel_regularizer=penalty()), nd.Dense(10, kernel_regularizer=penalty())]
    return layers, nd.optimizers.SGD(0.01)


def w4() -> tuple[list[nd.layers.Layer], object]:
    hidden = [layer for units in (300, 50) for layer in dense(units, "relu", kernel_constraint=nd.constraints.MaxNorm(1.0))]
    return [*hidden, nd.Dense(10)], nd.optimizers.Momentum(0.01, 0.9)


def w5() -> tuple[list[nd.layers.Layer], object]:
    layers = [nd.Dropout(0.5), *dense(300, "relu"), nd.Dropout(0.5), *dense(100, "relu"), nd.Dropout(0.5), nd.Dense(10)]
    return layers, nd.optimizers.Adam(0.001)


def w6() -> tuple[list[nd.layers.Layer], object]:
    return [*(layer for _ in range(20) for layer in normalized(100)), nd.Dense(10)], nd.optimizers.Adam(0.001)


WELL: dict[str, tuple[str, Callable[[], tuple[list[nd.layers.Layer], object]], int]] = {
    "W1": ("784-300-100-10 leaky ReLU, SGD", w1, 50),
    "W2": ("784-300-100-10 ELU, batch normalization, SGD", w2, 200),
    "W3": ("784-300-10 ReLU, L1, SGD", w3, 200),
    "W4": ("784-300-50-10 ReLU, max-norm, momentum", w4, 50),
    "W5": ("784-300-100-10 ReLU, dropout, Adam", w5, 50),
    "W6": ("20 hidden layers of 100, ELU, batch normalization, Adam", w6, 128),
}
"""What they are, what builds them, their batch size."""


def trainer_of(name: str, seed: int = 0) -> nd.Trainer:
    """One of W1 to W6, untrained."""
    layers, optimizer = WELL[name][1]()
    return nd.Trainer(nd.Sequential(layers, 784, seed=seed), "softmax_cross_entropy", optimizer, metrics=["accuracy"])


def table_of_well(source: str) -> tuple[Table, int]:
    """And how many of them have a finding."""
    (x, y) = nd.datasets.mnist_sample()[0] if source == "sample" else nd.datasets.mnist(os.environ["NPDEEP_DATA"])[0]
    rows = []
    for name, (what, _, batch_size) in WELL.items():
        trainer = trainer_of(name)
        trainer.fit(x, y, epochs=1, batch_size=batch_size, verbose=False)
        report = nd.debug.diagnose(trainer, x, y)
        ratios = [look.ratio for look in report.layers if look.ratio is not None]
        loss = f"{trainer.history['loss'][-1]:.3f}"
        kinds = ", ".join(report.kinds) or "none"
        rows.append([name, what, loss, report.gradient, f"{report.slope:+.2f}", f"{max(ratios):.1e}", kinds])
    header = ["", "network", "loss", "gradient", "slope", "largest update", "findings"]
    title = f"networks that are well, after one epoch of {len(x):,} digits"
    return Table(header, rows, title), sum(row[-1] != "none" for row in rows)


# ── networks of many kinds that are well ──────────────────────────────────────────────────────────────────────────────────────
Well = tuple[nd.Trainer, np.ndarray, np.ndarray, int, int]
"""Trainer, x, y, epochs, batch size."""

SEEDS = (0, 1, 2, 3, 4)


def network(
    rng: np.random.Generator, inputs: int, *layers: nd.layers.Layer, loss: str, optimizer: object = "adam"
) -> nd.Trainer:
    return nd.Trainer(nd.Sequential(list(layers), inputs, seed=int(rng.integers(1000))), loss, optimizer)


def line(rng: np.random.Generator) -> Well:
    x = rng.uniform(-1, 1, (30, 1))
    y = 2 * x + 0.5 + 0.1 * rng.standard_normal(x.shape)
    return network(rng, 1, nd.Dense(1), loss="mean_squared_error", optimizer=nd.optimizers.SGD(0.1)), x, y, 30, 10


def noisy_line(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((400, 3))
    y = x @ [[1.0], [-0.5], [0.3]] + 2 * rng.standard_normal((400, 1))  # a quarter of the variance can be learnt
    return network(rng, 3, nd.Dense(1), loss="mean_squared_error", optimizer=nd.optimizers.SGD(0.05)), x, y, 30, 32


def sine(rng: np.random.Generator) -> Well:
    x = rng.uniform(-1, 1, (300, 1))
    layers = [*dense(32, "tanh"), *dense(32, "tanh"), nd.Dense(1)]
    return network(rng, 1, *layers, loss="mean_squared_error", optimizer=nd.optimizers.Adam(0.01)), x, np.sin(4 * x), 60, 32


def cubic(rng: np.random.Generator) -> Well:
    x = rng.uniform(-1, 1, (200, 1))          # of one feature ReLUs keep what they were drawn as, and many have no use
    layers = [*dense(64, "relu"), *dense(64, "relu"), nd.Dense(1)]
    return network(rng, 1, *layers, loss="mean_squared_error", optimizer=nd.optimizers.Adam(0.01)), x, x**3, 60, 32


def several_targets(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((500, 6))
    y = np.c_[np.sin(x[:, 0]), x[:, 1] * x[:, 2], x[:, 3] - x[:, 4]]
    return network(rng, 6, *dense(64, "relu"), nd.Dense(3), loss="huber", optimizer="rmsprop"), x, y, 60, 32


def outliers(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((500, 3))
    y = x[:, :1] - x[:, 1:2] + 0.3 * rng.standard_t(2, (500, 1))
    return network(rng, 3, *dense(32, "elu"), nd.Dense(1), loss="mean_absolute_error"), x, y, 40, 32


def rates_of_counts(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((600, 2))
    y = rng.poisson(np.exp(0.7 * x[:, :1] + 0.3))
    return network(rng, 2, *dense(32, "tanh"), nd.Dense(1), nd.Activation("softplus"), loss="poisson"), x, y, 40, 32


def relu_outputs(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((500, 3))
    y = np.abs(x[:, :1]) + 0.5
    return network(rng, 3, *dense(32, "relu"), nd.Dense(1), nd.Activation("softplus"), loss="log_cosh"), x, y, 40, 32


def shares(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((500, 3))
    y = 1 / (1 + np.exp(-2 * x[:, :1] + x[:, 1:2]))
    return network(rng, 3, *dense(16, "tanh"), nd.Dense(1), nd.Activation("sigmoid"), loss="mean_squared_error"), x, y, 60, 32


def large_but_fitted(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((400, 2))
    y = 20 * x[:, :1] - 8 * x[:, 1:2]
    return (
        network(rng, 2, *dense(32, "relu"), nd.Dense(1), loss="mean_squared_error", optimizer=nd.optimizers.Adam(0.02)),
        x,
        y,
        80,
        32,
    )


def autoencoder(rng: np.random.Generator) -> Well:
    x = nd.datasets.mnist_sample()[0][0][:1000]
    return (
        network(rng, 784, *dense(64, "elu"), nd.Dense(784), nd.Activation("sigmoid"), loss="mean_squared_error"),
        x,
        x,
        10,
        50,
    )


def yes_or_no(rng: np.random.Generator) -> Well:
    x, y = nd.datasets.xor(400, seed=int(rng.integers(1000)))
    return (
        network(rng, 2, *dense(16, "relu"), nd.Dense(1), loss="binary_cross_entropy", optimizer=nd.optimizers.Adam(0.01)),
        x,
        y,
        60,
        32,
    )


def several_at_a_time(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((600, 8))
    y = (x[:, :4] + 0.5 * x[:, 4:] > 0.3) * 1.0
    return network(rng, 8, *dense(32, "silu"), nd.Dense(4), loss="binary_cross_entropy"), x, y, 40, 32


def margin(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((300, 2))
    y = np.sign(x[:, :1] - x[:, 1:2] + 0.2)
    return network(rng, 2, nd.Dense(1), loss="hinge", optimizer=nd.optimizers.SGD(0.05)), x, y, 30, 32


def squared_margin(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((400, 2))
    y = np.sign(x[:, :1] * x[:, 1:2])
    return (
        network(rng, 2, *dense(32, "tanh"), nd.Dense(1), loss="squared_hinge", optimizer=nd.optimizers.Adam(0.01)),
        x,
        y,
        60,
        32,
    )


def logistic_regression(rng: np.random.Generator) -> Well:
    x, y = nd.datasets.mnist_sample()[0]
    return network(rng, 784, nd.Dense(10), loss="softmax_cross_entropy", optimizer="momentum"), x[:1000], y[:1000], 5, 50


def soft_labels(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((500, 4))
    z = np.exp(2 * x[:, :3])
    layers = [*dense(32, "gelu"), nd.Dense(3), nd.Activation("softmax")]
    return network(rng, 4, *layers, loss="kl_divergence"), x, z / z.sum(axis=1, keepdims=True), 40, 32


def rare_but_known(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((1000, 2))
    y = (x[:, 0] > 1.6).astype(np.int64)  # one row in twenty
    return (
        network(rng, 2, *dense(16, "relu"), nd.Dense(2), loss="softmax_cross_entropy", optimizer=nd.optimizers.Adam(0.02)),
        x,
        y,
        40,
        32,
    )


def wrong_labels(rng: np.random.Generator) -> Well:
    x, y = nd.datasets.mnist_sample()[0]
    y = np.where(rng.random(1500) < 0.2, rng.integers(0, 10, 1500), y[:1500])  # a fifth of them, and it learns all the same
    return network(rng, 784, *dense(50, "relu"), nd.Dense(10), loss="softmax_cross_entropy"), x[:1500], y, 4, 50


def four_rows(rng: np.random.Generator) -> Well:
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    trainer = network(
        rng, 2, nd.Dense(8), nd.Activation("tanh"), nd.Dense(1), loss="binary_cross_entropy", optimizer=nd.optimizers.Adam(0.1)
    )
    return trainer, x, np.array([0, 1, 1, 0]), 300, 4


def twenty_rows(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((20, 3))
    return (
        network(rng, 3, *dense(16, "relu"), nd.Dense(1), loss="mean_squared_error", optimizer=nd.optimizers.Adam(0.01)),
        x,
        x[:, :1] - x[:, 1:2],
        100,
        5,
    )


def tiny(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((300, 2))
    y = (x[:, 0] + x[:, 1] > 0).astype(np.int64)
    return (
        network(
            rng,
            2,
            nd.Dense(2),
            nd.Activation("sigmoid"),
            nd.Dense(2),
            loss="softmax_cross_entropy",
            optimizer=nd.optimizers.Adam(0.05),
        ),
        x,
        y,
        60,
        32,
    )


def deep_selu(rng: np.random.Generator) -> Well:
    x, y = nd.datasets.mnist_sample()[0]
    layers = [layer for _ in range(10) for layer in (nd.Dense(50, kernel_initializer="lecun_normal"), nd.Activation("selu"))]
    return (
        network(rng, 784, *layers, nd.Dense(10), loss="softmax_cross_entropy", optimizer=nd.optimizers.Adam(0.001)),
        x[:1000] * 2,
        y[:1000],
        5,
        50,
    )


def normalized_regression(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((400, 5)) * [1, 10, 100, 1, 0.1] + 20  # the first layer scales them
    y = (x[:, :1] - 20) - (x[:, 1:2] - 20) / 10
    layers = [nd.BatchNormalization(), *normalized(32), nd.Dropout(0.1), nd.Dense(1)]
    return network(rng, 5, *layers, loss="mean_squared_error", optimizer=nd.optimizers.Nadam(0.01)), x, y, 60, 50


def noise_everywhere(rng: np.random.Generator) -> Well:
    x, y = nd.datasets.mnist_sample()[0]
    layers = [nd.GaussianNoise(0.1), *dense(100, "relu"), nd.Dropout(0.3), *dense(50, "relu"), nd.Dropout(0.3), nd.Dense(10)]
    return network(rng, 784, *layers, loss="softmax_cross_entropy", optimizer="adamax"), x[:1500], y[:1500], 4, 50


def pieces(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((500, 2))
    layers = [nd.Maxout(16), nd.Dense(16, **HE), nd.PReLU(), nd.Dense(2)]
    y = (np.hypot(x[:, 0], x[:, 1]) > 1.1).astype(np.int64)
    return network(rng, 2, *layers, loss="softmax_cross_entropy", optimizer=nd.optimizers.Adam(0.01)), x, y, 40, 32


def two_affine_layers(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((300, 4))
    return (
        network(rng, 4, nd.Dense(4), nd.Dense(1), loss="mean_squared_error", optimizer=nd.optimizers.Adam(0.02)),
        x,
        x @ np.ones((4, 1)) / 2,
        60,
        32,
    )


def ahead(rng: np.random.Generator) -> Well:
    t = np.arange(400) + rng.random()
    wave = np.sin(t / 8) + 0.5 * np.sin(t / 3) + 0.1 * rng.standard_normal(400)
    x = np.stack([wave[i : i + 380] for i in range(10)], axis=1)
    return (
        network(rng, 10, *dense(32, "mish"), nd.Dense(1), loss="mean_squared_error", optimizer="adagrad"),
        x,
        wave[10:390, None],
        40,
        32,
    )


def weak_signal(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((500, 20))
    y = x @ rng.standard_normal((20, 1)) / np.sqrt(20) / 3 + rng.standard_normal((500, 1))  # a tenth of the variance
    trainer = network(rng, 20, nd.Dense(1), loss="mean_squared_error", optimizer=nd.optimizers.SGD(0.02))
    return trainer, x, y, 20, 32


def exponential_rates(rng: np.random.Generator) -> Well:
    x = rng.standard_normal((400, 5))
    y = rng.poisson(np.exp(0.5 * x[:, :1]))
    layers = [*dense(16, "relu"), nd.Dense(1), nd.Activation("exponential")]
    return network(rng, 5, *layers, loss="poisson"), x, y, 60, 32


def many_words(rng: np.random.Generator) -> Well:
    words = rng.integers(0, 50, 600)
    return network(rng, 50, *dense(16, "elu"), nd.Dense(4), loss="softmax_cross_entropy"), np.eye(50)[words], words % 4, 40, 32


def residual(rng: np.random.Generator) -> Well:
    x, y = nd.datasets.mnist_sample()[0]
    blocks = [nd.Residual([nd.LayerNormalization(), *dense(32, "relu"), nd.Dense(32)]) for _ in range(6)]
    return network(rng, 784, *dense(32, "relu"), *blocks, nd.Dense(10), loss="softmax_cross_entropy"), x[:1000], y[:1000], 5, 32


KINDS: dict[str, Callable[[np.random.Generator], Well]] = {
    "a line through 30 points, one feature": line,
    "linear regression in much noise": noisy_line,
    "a sine, tanh": sine,
    "a cubic, two ReLU layers of 64": cubic,
    "three targets, Huber, RMSProp": several_targets,
    "heavy tails, absolute error, ELU": outliers,
    "counts, Poisson, softplus": rates_of_counts,
    "positive targets, log-cosh, softplus": relu_outputs,
    "shares, logistic outputs": shares,
    "targets of ±40 that are fitted": large_but_fitted,
    "autoencoder of digits": autoencoder,
    "yes or no, XOR of 400 rows": yes_or_no,
    "four labels at a time, SiLU": several_at_a_time,
    "linear classifier, hinge": margin,
    "squared hinge, tanh": squared_margin,
    "softmax regression of digits": logistic_regression,
    "soft labels, KL divergence, GELU": soft_labels,
    "one row in twenty, but recognized": rare_but_known,
    "a fifth of the labels wrong": wrong_labels,
    "XOR's four rows": four_rows,
    "twenty rows, learnt by heart": twenty_rows,
    "two logistic units": tiny,
    "ten SELU layers": deep_selu,
    "unscaled inputs, scaled by the first layer": normalized_regression,
    "noise, dropout, AdaMax": noise_everywhere,
    "maxout and PReLU": pieces,
    "two affine layers on an affine target": two_affine_layers,
    "a series, ten steps back, AdaGrad": ahead,
    "a weak signal in twenty features": weak_signal,
    "counts, Poisson, exponential": exponential_rates,
    "words as one-hot rows, four classes": many_words,
    "six residual blocks, layer normalization": residual,
}
"""What it is, and what makes it."""


NOT_KNOWN_YET = ("one row in twenty, but recognized", "targets of ±40 that are fitted")
"""Asked after training alone: before it, imbalance and large targets are findings; that they are harmless is seen later."""


def findings_over_training(name: str, seed: int) -> tuple[set[str], nd.debug.Diagnosis]:
    """All kinds found before, in the midst of and after training, and the last report."""
    trainer, x, y, epochs, batch_size = KINDS[name](np.random.default_rng(seed))
    kinds: set[str] = set()
    for part in (0, epochs // 2, epochs - epochs // 2):
        trainer.fit(x, y, epochs=part, batch_size=batch_size, verbose=False)
        report = nd.debug.diagnose(trainer, x, y)
        kinds = set(report.kinds) if name in NOT_KNOWN_YET else kinds | set(report.kinds)
    return kinds, report


def table_of_kinds(seeds: tuple[int, ...]) -> tuple[Table, int]:
    """And how many of them have a finding."""
    rows = []
    for name in KINDS:
        found = [findings_over_training(name, seed) for seed in seeds]
        kinds = sorted(set().union(*(kinds for kinds, _ in found)))
        report = found[0][1]
        rows.append([name, report.subject.split()[2], report.gradient, ", ".join(kinds) or "none"])
    title = f"networks of many kinds that are well: {len(seeds)} seeds, before, in the midst of and after training"
    accused = sum(row[-1] != "none" for row in rows)
    notes = [f"{len(rows)} networks, {accused} of them with findings"]
    return Table(["network", "shape", "gradient", "findings"], rows, title, notes), accused


# ── planted faults ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def table_of_faults(left_out: tuple[str, ...]) -> tuple[Table, int]:
    """And how many went wrong: faults that were missed, and those that came with a finding that has no business there."""
    rows, missed, wrong = [], 0, 0
    for name, fault in nd.debug.FAULTS.items():
        if name in left_out:
            continue
        report = nd.debug.diagnose(*fault.plant())
        found = any(f.kind == fault.kind and f.layer == fault.layer for f in report.findings)
        missed += not found
        marks = [mark(kind, fault, report, found) for kind in ADVICE]
        wrong += "!" in marks or "×" in marks
        rows.append([name, *marks])
    notes = ["● the fault, ○ may come with it, × should not be there, ! missed"]
    notes.append("   ".join(f"{i}: {kind}" for i, kind in enumerate(ADVICE, 1)))
    notes.append(f"{len(rows) - missed} of {len(rows)} found")
    header = ["planted", *(str(i) for i in range(1, len(ADVICE) + 1))]
    return Table(header, rows, "planted faults × findings", notes), wrong


def mark(kind: str, fault: nd.debug.Fault, report: nd.debug.Diagnosis, found: bool) -> str:
    if kind == fault.kind:
        return "●" if found else "!"
    return "" if kind not in report.kinds else "○" if kind in fault.also else "×"


def main() -> int:
    """Print the tables; 1 where a fault was missed or a finding is out of place, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out the collapse and the full MNIST")
    given = parser.parse_args()
    folder = os.environ.get("NPDEEP_DATA")
    full = folder is not None and Path(folder).is_dir() and not given.quick
    wrong = 0
    for made in (
        lambda: table_of_faults(("collapse",) if given.quick else ()),
        lambda: table_of_kinds(SEEDS[:1] if given.quick else SEEDS),
        *(functools.partial(table_of_well, source) for source in (["sample", "mnist"] if full else ["sample"])),
    ):
        table, bad = made()
        print(table, end="\n\n", flush=True)
        wrong += bad
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
