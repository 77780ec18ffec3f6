"""Tables and a figure of what benchmarks/peers.py found."""

import json
import os
import platform
import statistics
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from frameworks import PEERS
from frameworks.workloads import WORKLOADS

from npdeep.common.tables import Table
from npdeep.plots.style import COLORS, new_grid, save

HEADING = "## Beside its peers\n\n    python benchmarks/peers.py\n\n![Time of an epoch beside the peers'](peers.png)\n\n"
DISAGREES = "✗"
READING = """Times are medians over the rounds, of steps and of epochs; ratios are medians of the ratios within a round, hence
not the quotients of the times beside them. Steps and epochs were measured one after the other: compare within a table."""
Record = dict[str, Any]


def machine() -> str:
    """The processor, and how many there are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} processors"


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def ratios(record: Record, own: Record, what: str) -> list[float]:
    """The peer's time over npdeep's in each round; nothing where there is nothing to compare."""
    if not record.get(what) or not own.get(what) or record.get("agrees") is False:
        return []
    return [a / b for a, b in zip(record[what], own[what], strict=False)]


def ratio(record: Record, own: Record, what: str) -> float | None:
    """Their median; None where there is nothing to compare."""
    found = ratios(record, own, what)
    return statistics.median(found) if found else None


def spread(times: list[float]) -> float:
    """The interquartile range as a share of the median."""
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    return float((high - low) / middle)


def out(record: Record) -> str:
    """What stands where there is no figure: "-", or that it went wrong."""
    return "failed" if "failed" in record else "-"


def time_cell(what: str) -> Callable[[Record, Record], str]:
    """Microseconds, and in brackets the ratio to npdeep's time."""

    def cell(record: Record, own: Record) -> str:
        if not record.get(what):
            return out(record)
        compared = ratio(record, own, what)
        brackets = DISAGREES if compared is None else f"{compared:.2f}"
        return f"{1e6 * statistics.median(record[what]):,.0f} ({brackets})"

    return cell


def spread_cell(what: str) -> Callable[[Record, Record], str]:
    return lambda record, own: f"{100 * spread(record[what]):.0f}" if record.get(what) else out(record)


def range_cell(what: str) -> Callable[[Record, Record], str]:
    """The ratio to npdeep's time in the rounds, from the least to the most."""

    def cell(record: Record, own: Record) -> str:
        found = ratios(record, own, what)
        return f"{min(found):.2f}-{max(found):.2f}" if found and record is not own else out(record)

    return cell


def growth_cell(record: Record, own: Record) -> str:
    return f"{record['epoch'][-1] / record['epoch'][0]:.2f}" if record.get("epoch") else out(record)


def memory_cell(record: Record, own: Record) -> str:
    return f"{record['memory'] / 1e6:,.0f}" if "memory" in record else out(record)


def heap_cell(record: Record, own: Record) -> str:
    if "heap_peak" not in record:
        return out(record)
    return f"{record['heap_peak'] / 1024:,.0f} + {max(record['heap_kept'], 0) / 1024:,.1f}"


def loss_cell(record: Record, own: Record) -> str:
    if "difference" not in record:
        return out(record)
    return f"{record['difference']:.0e}{'' if record['agrees'] else ' ' + DISAGREES}"


TABLES: list[tuple[str, Callable[[Record, Record], str]]] = [
    ("A training step, µs, in brackets the ratio to npdeep's: above 1, npdeep is faster", time_cell("step")),
    ("A whole epoch, µs per step, in brackets the ratio to npdeep's", time_cell("epoch")),
    ("The ratio of a step in the single rounds, least and most", range_cell("step")),
    ("The ratio of an epoch in the single rounds, least and most", range_cell("epoch")),
    ("Spread of the step's time over the blocks: interquartile range, % of the median", spread_cell("step")),
    ("Spread of the epoch's time", spread_cell("epoch")),
    ("The last epoch's time over the first's", growth_cell),
    ("Peak memory of the process, MB", memory_cell),
    ("New heap in a step: KiB at most + KiB kept at the end", heap_cell),
    ("Loss of the first steps: largest relative difference to npdeep's (with dropout: that of the mean loss)", loss_cell),
]


def peers_of(results: Record) -> list[str]:
    """Their names; every workload has the same ones."""
    return list(next(iter(results["workloads"].values())))


def tables(results: Record) -> list[Table]:
    """One table for each kind of figure; a row for each peer, a column for each workload."""
    workloads, peers, found = results["workloads"], peers_of(results), []
    for title, cell in TABLES:
        rows = [[name, *(cell(w[name], w["npdeep"]) for w in workloads.values())] for name in peers]
        rows = [row for row in rows if set(row[1:]) != {"-"}]
        if rows:
            found.append(Table(["", *workloads], rows, title))
    return found


def reasons(results: Record) -> list[str]:
    """Why a figure is missing, and what the contests chose, a line each."""
    lines: dict[str, list[str]] = {}
    for name, records in results["workloads"].items():
        for peer, record in records.items():
            said = record.get("cannot") or (f"failed: {record['failed']}" if "failed" in record else record.get("note"))
            if said:
                lines.setdefault(f"{peer}: {said}", []).append(name)
    return [f"{said} ({', '.join(names)})" for said, names in lines.items()]


def text(results: Record) -> str:
    """Everything, as printed and as written into RESULTS.md."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    about = [
        f"{results['machine']}; threads: {results['threads']}; {results['system']}; Python {results['python']}",
        versions,
        f"{results['data']}; {results['date']}{'; --quick: these figures mean little' if results['quick'] else ''}",
    ]
    parts = ["\n".join(about), READING, names(results), *map(str, tables(results)), "\n".join(reasons(results))]
    return "\n\n".join(parts).strip()


def names(results: Record) -> str:
    """What the peers and the networks are, a line each."""
    lines = [(name, PEERS[name].about) for name in peers_of(results)]
    lines += [(name, WORKLOADS[name].title) for name in results["workloads"]]
    return "\n".join(f"{name:15} {about}" for name, about in lines)


def summary(results: Record) -> str:
    """The table of PEERS.md, a row for each peer: how its time compares with npdeep's, and on which networks it is faster."""
    lines = ["| | a step | an epoch | faster than npdeep over an epoch on |", "|---|---|---|---|"]
    for peer in peers_of(results):
        if peer not in ("npdeep", "floor"):
            step, epoch = (ratio_by_network(results, peer, what) for what in ("step", "epoch"))
            faster = ", ".join(f"{name} {r:.2f}" for name, r in epoch.items() if round(r, 2) < 1)
            every = len(results["workloads"])
            row = f"| **{peer}**: {PEERS[peer].about} | {least_to_most(step, every)} | {least_to_most(epoch, every)} | {faster}"
            lines.append(f"{row.rstrip()} |")
    return "\n".join(lines)


def ratio_by_network(results: Record, peer: str, what: str) -> dict[str, float]:
    """The peer's time over npdeep's on every network where there is one."""
    found = {name: ratio(w[peer], w["npdeep"], what) for name, w in results["workloads"].items()}
    return {name: r for name, r in found.items() if r is not None}


def least_to_most(found: dict[str, float], every: int) -> str:
    """The range of ratios by network; on which networks, where it is not every one."""
    if not found:
        return "–"
    where = "" if len(found) == every else f" ({', '.join(found)})"
    return f"{min(found.values()):.2f} to {max(found.values()):.2f}{where}"


CLASSROOM_PEERS = ("npdeep", "PyTorch", "JAX step", "JAX scan", "scikit-learn")
CLASSROOM_COLUMNS = {
    "npdeep, `fit`": ("npdeep", "epoch"), "npdeep, `step`": ("npdeep", "step"),
    "PyTorch": ("PyTorch", "step"), "JAX, jitted step": ("JAX step", "step"), "JAX, compiled epoch": ("JAX scan", "epoch"),
    "scikit-learn": ("scikit-learn", "step"),
}
"""Of the table of README.md: whose time, and of what."""
SMALL = """Small networks, of the size that a class begins with, on one thread (`python benchmarks/peers.py --classroom`): µs
per step, in brackets as a multiple of npdeep's in `fit`; JAX's compiled epoch is one program that no Python interrupts.
✗: not the same network, and so no ratio; scikit-learn has one logistic output where there are two classes.
"""


def classroom(results: Record) -> str:
    """The table of small networks in README.md: µs per step, and in brackets how many times npdeep's in `fit`."""
    lines = [SMALL, "| | " + " | ".join(CLASSROOM_COLUMNS) + " |", "|---" * (1 + len(CLASSROOM_COLUMNS)) + "|"]
    for name, records in results["workloads"].items():
        fit, cells = statistics.median(records["npdeep"]["epoch"]), []
        for peer, what in CLASSROOM_COLUMNS.values():
            times = records.get(peer, {}).get(what)
            seconds = statistics.median(times) if times else None
            same = records.get(peer, {}).get("agrees", True)
            times_fit = "" if peer == "npdeep" or seconds is None else f" ({seconds / fit:.2f})" if same else " ✗"
            cells.append("–" if seconds is None else f"{1e6 * seconds:,.0f}{times_fit}")
        lines.append(f"| {WORKLOADS[name].title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def write(results: Record, folder: Path) -> None:
    """peers.json, peers.png, and the part of RESULTS.md between the markers."""
    (folder / "peers.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(results, folder / "peers.png")
    path = folder / "RESULTS.md"
    page = path.read_text() if path.exists() else "# Results\n"
    path.write_text(replaced(page, f"{HEADING}```\n{text(results)}\n```"))


def write_classroom(results: Record, folder: Path) -> None:
    """classroom.json, and the table of README.md between the markers."""
    (folder / "classroom.json").write_text(json.dumps(results, indent=1) + "\n")
    page = folder.parent / "README.md"
    page.write_text(replaced(page.read_text(encoding="utf-8"), classroom(results), "peers.py --classroom"), encoding="utf-8")


def replaced(page: str, part: str, script: str = "peers.py") -> str:
    """The page with this part between the script's markers, which are put at its end if it has none."""
    first, last = f"<!-- {script}: begin -->", f"<!-- {script}: end -->"
    if first not in page:
        page = f"{page.rstrip()}\n\n{first}{last}\n"
    before, _, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not end:
        raise ValueError(f"the page has the line {first} and no line {last} after it: put it back")
    return f"{before}{first}\n{part}\n{last}{after}"


def draw(results: Record, path: Path) -> Path:
    """Bars: each peer's epoch as a multiple of npdeep's, a panel for each workload."""
    workloads = results["workloads"]
    columns = min(3, len(workloads))
    rows = -(-len(workloads) // columns)
    figure, axes = new_grid(rows, columns, (6.6 * columns, 1 + 5.4 * rows))
    for ax, (name, records) in zip(axes, workloads.items(), strict=False):
        found = {peer: ratio(record, records["npdeep"], "epoch") for peer, record in records.items()}
        bars = sorted(((r, peer) for peer, r in found.items() if r is not None), reverse=True)
        colors = [COLORS[1] if peer == "npdeep" else COLORS[0] for _, peer in bars]
        ax.barh([peer for _, peer in bars], [r for r, _ in bars], color=colors)
        ax.axvline(1, color="black", linestyle="--", linewidth=1.2)
        for place, (r, _) in enumerate(bars):
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            ax.annotate(f"{r:.2f}", (r, place), (5, 0), textcoords="offset points", va="center", fontsize=15, bbox=box)
        ax.set_title(textwrap.fill(f"{name}: {WORKLOADS[name].title}", 40), fontsize=16)
        ax.tick_params(labelsize=15)
        ax.set_xlim(0, 1.2 * max((r for r, _ in bars), default=1))
        ax.grid(axis="y", visible=False)
    for ax in axes[len(workloads) :]:
        ax.set_visible(False)
    label = "time of an epoch, as a multiple of npdeep's: shorter bars are faster; medians, their range is in RESULTS.md"
    figure.supxlabel(label, fontsize=18)
    return save(figure, path)
