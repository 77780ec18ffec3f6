"""Does the diagnosis find what was planted, and nothing in networks that are well?

The first table plants every fault of `nd.debug.FAULTS` and shows which findings came out: ● the fault itself, ○ something that
may come with it, × a finding that has no business there. The second trains the networks W1 to W6 for one epoch, and shows their
findings: there should be none.

    python benchmarks/diagnosis.py            both tables; W1 to W6 on the packed digits, and on MNIST where NPDEEP_DATA has it
    python benchmarks/diagnosis.py --quick    without the collapse, which takes thousands of updates, and without MNIST
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

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


def table_of_well(source: str) -> Table:
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
    return Table(header, rows, f"networks that are well, after one epoch of {len(x):,} digits")


# ── planted faults ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def table_of_faults(left_out: tuple[str, ...]) -> Table:
    rows, missed = [], 0
    for name, fault in nd.debug.FAULTS.items():
        if name in left_out:
            continue
        report = nd.debug.diagnose(*fault.plant())
        found = any(f.kind == fault.kind and f.layer == fault.layer for f in report.findings)
        missed += not found
        rows.append([name, *(mark(kind, fault, report, found) for kind in ADVICE)])
    notes = ["● the fault, ○ may come with it, × should not be there, ! missed"]
    notes.append("   ".join(f"{i}: {kind}" for i, kind in enumerate(ADVICE, 1)))
    notes.append(f"{len(rows) - missed} of {len(rows)} found")
    return Table(["planted", *(str(i) for i in range(1, len(ADVICE) + 1))], rows, "planted faults × findings", notes)


def mark(kind: str, fault: nd.debug.Fault, report: nd.debug.Diagnosis, found: bool) -> str:
    if kind == fault.kind:
        return "●" if found else "!"
    return "" if kind not in report.kinds else "○" if kind in fault.also else "×"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out the collapse and the full MNIST")
    given = parser.parse_args()
    print(table_of_faults(("collapse",) if given.quick else ()), end="\n\n")
    print(table_of_well("sample"))
    folder = os.environ.get("NPDEEP_DATA")
    if folder and Path(folder).is_dir() and not given.quick:
        print(f"\n{table_of_well('mnist')}")


if __name__ == "__main__":
    main()
