"""Tables and a figure of what benchmarks/seeds.py found."""

import json
import statistics
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.ticker import LogLocator
from peers_report import machine, replaced
from seeds_printed import BATCH_ROWS, EARLY, EARLY_EPOCHS, LATE, PRINTED, Printed

from npdeep.common.tables import Table
from npdeep.plots.style import COLORS, new_grid, save

HEADING = """## What the chapter's notebooks print

    python benchmarks/seeds.py

![What was printed, and ours](seeds.png)

"""
INSIDE, SPREAD, OUTSIDE = "inside", "spread", "OUTSIDE"
NEIGHBOURS = 2
"""The spread over the seeds is pooled over so many epochs before and after."""
T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 8: 2.31, 9: 2.26, 10: 2.23}
"""Student's t that 95 % stay below in size, by degrees of freedom; above ten 2.2 will do."""

Record = dict[str, Any]
Key = int | str


# ── ours beside the printed ───────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Row:
    """A printed value and ours. spread: how far a single run may be from our mean, by the differences between our seeds."""

    printed: Printed
    epoch: Key
    value: float
    ours: tuple[float, ...]
    spread: float
    updates: int | None
    seconds: float

    @property
    def mean(self) -> float:
        return statistics.mean(self.ours)

    @property
    def difference(self) -> float:
        return self.mean - self.value

    @property
    def verdict(self) -> str:
        """Inside the band; or outside, but no farther than single runs of ours differ; or outside of both."""
        off = abs(self.difference)
        if off <= self.printed.band(self.epoch) + 1e-9:
            return INSIDE
        return SPREAD if off <= self.spread else OUTSIDE


def runs_of(results: Record, key: str) -> list[Record]:
    """The runs of a recipe in the order of the seeds."""
    return [run for _, run in sorted(results["runs"].get(key, {}).items(), key=lambda item: int(item[0]))]


def value_of(run: Record, measured: str, epoch: Key) -> float | None:
    """What this run has there; None if it has nothing."""
    values = run.get(measured, {})
    if isinstance(values, Mapping):
        return values.get(epoch)
    return values[epoch] if isinstance(epoch, int) and epoch < len(values) else None


def values_of(results: Record, key: str, measured: str, epoch: Key) -> tuple[float, ...]:
    """What the runs of a recipe have there."""
    found = [value_of(run, measured, epoch) for run in runs_of(results, key)]
    return tuple(value for value in found if value is not None)


def spread_of(results: Record, key: str, measured: str, epoch: Key) -> float:
    """t·s·√(1 + 1/n): where one more run lies with 95 %, by the deviation s of n seeds, pooled over the epochs around.

    0 where there is but one seed.
    """
    around = range(max(0, epoch - NEIGHBOURS), epoch + NEIGHBOURS + 1) if isinstance(epoch, int) else [epoch]
    groups = [group for e in around if len(group := values_of(results, key, measured, e)) > 1]
    freedom = sum(len(group) - 1 for group in groups)
    if not freedom:
        return 0.0
    s = (sum(statistics.variance(group) * (len(group) - 1) for group in groups) / freedom) ** 0.5
    return float(T.get(freedom, 2.2) * s * (1 + 1 / len(groups[0])) ** 0.5)


def rows(results: Record, printed: Printed) -> Iterator[Row]:
    """The printed values for which there are runs."""
    if not comparable(results, printed):
        return
    found = runs_of(results, printed.recipe)
    for epoch, value in printed.values.items():
        ours = values_of(results, printed.recipe, printed.measured, epoch)
        ours = ours[:1] if printed.first_seed_only else ours
        if ours:
            updates = found[0]["updates"][epoch] if isinstance(epoch, int) else None
            seconds = min(run["seconds"] for run in found)
            if updates is not None:           # every step costs the same
                seconds *= updates / found[0]["updates"][-1]
            spread = spread_of(results, printed.recipe, printed.measured, epoch)
            rounding = value_of(found[0], printed.measured, f"rounding of {epoch}")
            if rounding is not None:          # deviation over six runs that differ in the last digits of their inputs
                spread = printed.band(epoch) + T[5] * rounding
            yield Row(printed, epoch, value, ours, spread, updates, seconds)


def comparable(results: Record, printed: Printed) -> bool:
    """Is it judged, and were the runs made as the source made them?"""
    cut_short = printed.measured == "figures" and results["most_epochs"] is not None
    return printed.compared and results["data"] == "full MNIST" and not cut_short


def shown(values: tuple[float, ...]) -> str:
    """Mean, and in brackets least and most."""
    mean = f"{statistics.mean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.4f}–{max(values):.4f})"


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def wrapped(*paragraphs: str) -> list[str]:
    """Lines no wider than the tables."""
    return [line for paragraph in paragraphs for line in textwrap.wrap(paragraph, 128)]


def summary(results: Record) -> Table:
    """A row for each printed sequence."""
    lines, totals = [], dict.fromkeys((INSIDE, SPREAD, OUTSIDE), 0)
    for printed in PRINTED:
        found = list(rows(results, printed))
        if not found:
            continue
        counts = {verdict: sum(row.verdict == verdict for row in found) for verdict in totals}
        totals = {verdict: totals[verdict] + counts[verdict] for verdict in totals}
        worst = max(found, key=lambda row: abs(row.difference))
        name = f"{printed.recipe}, {printed.measured}"
        said = [str(counts[verdict]) if counts[verdict] else "" for verdict in totals]
        lines.append([printed.source, name, str(len(found)), *said, f"{worst.difference:+.4f}", str(worst.epoch)])
    header = ["printed in", "recipe, judged by", "values", INSIDE, SPREAD, OUTSIDE, "largest difference", "at epoch"]
    return Table(header, lines, "Printed and ours: how many values agree", wrapped(*explained(totals)))


def explained(totals: dict[str, int]) -> Iterator[str]:
    """What the columns of the summary mean."""
    yield (
        f"{sum(totals.values())} printed values: {totals[INSIDE]} inside their bands, {totals[SPREAD]} outside and explained "
        f"by the spread over our seeds, {totals[OUTSIDE]} outside of both."
    )
    yield (
        f"Bands, set beforehand: ±{EARLY} for epochs 0 to {EARLY_EPOCHS - 1}, ±{LATE} later, ±3√(p(1−p)/{BATCH_ROWS}) for a "
        "batch, p the validation accuracy printed beside it. Bands of their own have"
    )
    for recipe, why in dict.fromkeys((printed.recipe, printed.why) for printed in PRINTED if printed.why):
        yield f"- {recipe}: {why}."
    yield (
        "Spread: the printed value lies where a single run of ours would with 95 % (t-distribution, deviation over the seeds, "
        f"pooled over {NEIGHBOURS} epochs before and after; selu_depth: over inputs that differ in their last digits)."
    )


def whole(results: Record) -> Table:
    """A row for each printed value."""
    lines = []
    for printed in PRINTED:
        for row in rows(results, printed):
            updates = "" if row.updates is None else f"{row.updates:,}"
            numbers = [f"{row.value:.4f}", shown(row.ours), f"{row.difference:+.4f}", f"{printed.band(row.epoch):.4f}"]
            lines.append([f"{printed.recipe}, {printed.measured}, {printed.source}", str(row.epoch), *numbers, row.verdict,
                          updates, f"{row.seconds:.1f}"])  # fmt: skip
    header = ["recipe, judged by, printed in", "epoch", "printed", "ours: mean (range)", "difference", "band ±", "", "updates",
              "seconds"]  # fmt: skip
    notes = ["Seconds: of training up to there, in the fastest of the seeds; evaluation is not counted."]
    return Table(header, lines, "Every printed value", notes)


@dataclass(frozen=True)
class Cost:
    """An error of the sources: the recipe as it ran or was compared, and as it should have been; where both are judged."""

    error: str
    wrong: str
    right: str
    measured: str
    at: tuple[tuple[Key, Key], ...]


def at(*epochs: Key) -> tuple[tuple[Key, Key], ...]:
    """Both at the same epochs."""
    return tuple((epoch, epoch) for epoch in epochs)


COSTS = [
    Cost("max-norm: of rows (code), of columns (text)", "max_norm_rows", "max_norm_columns", "test", at(0, 19)),
    Cost("max-norm: of rows, none at all", "max_norm_rows", "no_max_norm", "test", at(0, 19)),
    Cost("“he_init”: LeCun (chapter), He (seed)", "bn_lecun", "bn_he", "validation", at(0, 19)),
    Cost("“he_init”: LeCun (chapter), He (seed)", "bn_lecun", "bn_he", "test", at(0, 19)),
    Cost("“BN is worse”: leaky ReLU 44,000 updates, BN 5,500", "leaky_relu", "bn_he", "test", ((39, 19),)),
    Cost("compared fairly: leaky ReLU, BN, 5,500 updates", "leaky_relu_short", "bn_he", "test", at(0, 19)),
    Cost("compared fairly: leaky ReLU, BN, 44,000 updates", "leaky_relu", "bn_he_long", "test", at(0, 39)),
    Cost("BN continued: statistics frozen, moving", "bn_continued_frozen", "bn_continued", "test", at(0, 19)),
    Cost("SELU: constants swapped, right", "selu_swapped", "selu", "validation", at(0, 35)),
    Cost("L1: bracket in the wrong place, right", "l1_bracket", "l1", "test", at(19)),
    Cost("dropout: hidden1's without effect, right", "dropout_bypassed", "dropout", "validation", at(0, 19)),
    Cost("digits 0 to 4: LeCun, He as named", "collapse", "collapse_he", "figures", at("test accuracy of the best")),
    Cost("digits 0 to 4: LeCun, He as named", "collapse", "collapse_he", "figures", at("validation accuracy at the end")),
    Cost("Adam at 0.01, at 0.001", "collapse", "no_collapse", "figures", at("test accuracy of the best")),
    Cost("Adam at 0.01, at 0.001", "collapse", "no_collapse", "figures", at("validation accuracy at the end")),
]


def costs(results: Record) -> Table:
    """What each error of the sources makes of the accuracy."""
    lines = []
    for cost in COSTS:
        for first, second in cost.at:
            wrong = values_of(results, cost.wrong, cost.measured, first)
            right = values_of(results, cost.right, cost.measured, second)
            if wrong and right:
                where = str(first) if first == second else f"{first}, {second}"
                gap = 100 * (statistics.mean(right) - statistics.mean(wrong))
                judge = where if cost.measured == "figures" else f"{cost.measured}, epoch {where}"
                lines.append([cost.error, judge, shown(wrong), shown(right), f"{gap:+.2f}", f"{len(wrong)}, {len(right)}"])
    header = ["what: the first way, the second way", "judged by", "first", "second", "second − first, points", "seeds"]
    return Table(header, lines, "What the sources' errors cost", ["Accuracy: mean (range) over the seeds."])


READINGS = {
    "selu": ["selu_swapped"],
    "bn_he": ["bn_lecun"],
    "bn_lecun": ["bn_he"],
    "bn_continued_frozen": ["bn_continued"],
    "max_norm_rows": ["max_norm_columns", "no_max_norm"],
    "dropout": ["dropout_bypassed"],
    "collapse": ["collapse_he", "no_collapse"],
}
"""What the source may have run instead."""


def readings(results: Record) -> Table:
    """Do the printed values fit the recipe as written, or another reading of it?"""
    lines = []
    for printed in PRINTED:
        for key in [printed.recipe, *READINGS.get(printed.recipe, [])] if printed.measured != "batch" else []:
            found = list(rows(results, replace(printed, recipe=key)))
            if printed.recipe in READINGS and found:
                inside = sum(row.verdict == INSIDE for row in found)
                off = statistics.mean(abs(row.difference) for row in found)
                first = f"{printed.source}, {printed.measured}" if key == printed.recipe else ""
                lines.append([first, key, f"{inside} of {len(found)}", f"{off:.4f}"])
    header = ["printed in, judged by", "read as", "inside the bands", "mean difference, sign apart"]
    return Table(header, lines, "Which reading of a recipe fits what was printed; first, the one that ran")


def sentences(results: Record) -> list[str]:
    """What else the runs show; every number and verdict is computed."""
    said = []
    pairs = list(zip(runs_of(results, "frozen"), runs_of(results, "cached"), strict=False))
    if pairs:
        same = sum(a["validation"] == b["validation"] for a, b in pairs)
        ratio = min(a["seconds"] for a, _ in pairs) / min(b["seconds"] for _, b in pairs)
        said.append(
            f"Frozen layers computed once: validation accuracies equal to those without the cache at every epoch in {same} of "
            f"{len(pairs)} seeds; training {ratio:.1f} times as fast."
        )
    depth = runs_of(results, "selu_depth")
    if depth:
        figures = depth[0]["figures"]
        small, large = (figures[f"rounding of deviation of layer {layer}"] for layer in (100, 900))
        said.append(
            f"SELU, 1,000 layers: inputs changed in their last digits change the deviation of layer 100 by {small:.0e} and "
            f"that of layer 900 by {large:.0e} (standard deviations): there the last printed digit is rounding."
        )
    for key in ("collapse", "collapse_he", "no_collapse"):
        runs = runs_of(results, key)
        if runs:
            fallen = [first_fall(run["validation"]) for run in runs]
            epochs = ", ".join("never" if epoch is None else str(epoch) for epoch in fallen)
            lowest = ", ".join(f"{min(run['validation'][1:], default=1.0):.2f}" for run in runs)
            said.append(
                f"{key}: falls to guessing for good, seed by seed, at epoch {epochs} (printed: at 5); lowest validation "
                f"accuracy after epoch 0: {lowest}."
            )
    return said


def first_fall(accuracies: list[float]) -> int | None:
    """The epoch from which on the accuracy stays below 0.3, for three epochs at least; else None."""
    epoch = len(accuracies)
    while epoch > 0 and accuracies[epoch - 1] < 0.3:
        epoch -= 1
    return epoch if epoch <= len(accuracies) - 3 else None


def overview(results: Record) -> Table:
    """What ran, where nothing is compared."""
    lines = []
    for key, title in results["titles"].items():
        found = runs_of(results, key)
        if found:
            last = tuple(run["validation"][-1] for run in found if "validation" in run)
            lines.append([key, title, str(len(found)), shown(last) if last else "",
                          f"{min(run['seconds'] for run in found):.1f}"])  # fmt: skip
    return Table(["recipe", "what", "seeds", "validation accuracy at the end", "seconds"], lines, "Runs")


def text(results: Record) -> str:
    """What is printed: all but the long table, or the list of runs where nothing is compared."""
    versions = f"npdeep {results['npdeep']}, NumPy {results['numpy']}, Python {results['python']}"
    about = f"{results['data']}; {machine()}; {versions}; "
    if results["data"] != "full MNIST":
        return f"{about}{results['date']}; not compared with printed values\n\n{overview(results)}"
    tables = [table for table in (readings(results), costs(results)) if table.rows]
    parts = [about + results["date"], summary(results), "\n".join(wrapped(*sentences(results))), *tables]
    return "\n\n".join(str(part) for part in parts if str(part))


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def write(results: Record, folder: Path) -> None:
    """seeds.json, seeds.png, and the part of RESULTS.md between the markers."""
    (folder / "seeds.json").write_text(json.dumps(results) + "\n", encoding="utf-8")
    draw(results, folder / "seeds.png")
    path = folder / "RESULTS.md"
    page = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    part = f"{HEADING}```\n{text(results)}\n```"
    if (table := whole(results)).rows:        # hundreds of lines: folded up
        part += f"\n\n<details>\n<summary>Every printed value</summary>\n\n```\n{table}\n```\n\n</details>"
    path.write_text(replaced(page, part, "seeds.py"), encoding="utf-8")


def draw(results: Record, path: Path) -> Path:
    """Errors in percent by epoch: what was printed, with its band, and ours, a panel for each recipe and judge."""
    panels: dict[tuple[str, str], list[Printed]] = {}
    for printed in PRINTED:
        if printed.measured in ("validation", "test") and values_of(results, printed.recipe, printed.measured, 0):
            panels.setdefault((printed.recipe, printed.measured), []).append(printed)
    columns = 4
    lines = max(1, -(-len(panels) // columns))
    figure, axes = new_grid(lines, columns, (5.0 * columns, 0.8 + 3.6 * lines))
    for ax, ((key, measured), sources) in zip(axes, panels.items(), strict=False):
        runs = [[100 - 100 * value for value in run[measured]] for run in runs_of(results, key)]
        for run in runs:
            ax.plot(run, color=COLORS[0], linewidth=0.9, alpha=0.5)
        if len({len(run) for run in runs}) == 1:
            ax.plot([statistics.mean(values) for values in zip(*runs, strict=True)], color=COLORS[0], label="ours, mean")
        for printed, color, mark in zip(sources, (COLORS[1], COLORS[6]), ("o", "x"), strict=False):
            epochs = [epoch for epoch in printed.values if epoch < max(map(len, runs))] if runs else []
            errors = [100 - 100 * printed.values[epoch] for epoch in epochs]
            if printed.compared and mark == "o":
                bands = [100 * printed.band(epoch) for epoch in epochs]
                low = [max(error - band, 0.1) for error, band in zip(errors, bands, strict=True)]
                high = [error + band for error, band in zip(errors, bands, strict=True)]
                ax.vlines(epochs, low, high, color=color, alpha=0.35, linewidth=4)
            ax.plot(epochs, errors, mark, color=color, markersize=4, label=f"printed: {printed.source}")
        ax.set_yscale("log")
        ax.set_title(f"{key}, {measured}", fontsize=13)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        low, high = ax.get_ylim()
        if high < 5 * low:                    # a short axis: more ticks, and each has its number
            ticks, labelled = (1.2, 1.5, *range(2, 10)), "123456789"
        else:
            ticks, labelled = tuple(range(2, 10)), "235"
        ax.yaxis.set_minor_locator(LogLocator(subs=ticks, numticks=100))
        ax.yaxis.set_minor_formatter(lambda value, _, labelled=labelled: f"{value:g}" if f"{value:e}"[0] in labelled else "")
        ax.tick_params(which="both", labelsize=10)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend(fontsize=9)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    figure.supxlabel("epoch")
    figure.supylabel("wrong, % (log scale): thin lines our seeds, bars the band around what was printed")
    return save(figure, path)
