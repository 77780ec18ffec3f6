"""The report of `nd.debug.time_step`: a table, and in plain words where the time goes."""

import html
import math
from dataclasses import dataclass, field

from npdeep.common.events import Formula
from npdeep.common.printing import fold
from npdeep.common.tables import Table
from npdeep.common.words import counted

WORTH_SAYING = 0.1
"""A kind of work is spoken of where it takes this share of the step."""
MUCH_OVERHEAD = 0.25
"""So is what the step would cost with a single row."""
MOST_HINTS = 4
BUSY = 1.5
"""A median step that took this many times as long as the fastest is reported."""


@dataclass
class TimedOperation:
    """One operation of a training step.

    Attributes:
        stage, name: as in `StepEvent`. kind: what computes it: "Dense", "relu", "Adam", …
        group: which kind of work it is: dense, activation, batch normalization, noise, loss, penalty, clip, update, …
        formula: what is computed.
        seconds: median. share: of the whole step, 0 … 1.
        floor: median seconds of its bare matrix products; 0 where it has none.
    """

    stage: str
    name: str
    kind: str
    group: str
    formula: Formula
    seconds: float
    share: float
    floor: float


@dataclass
class StepTiming:
    """Where the time of a training step went.

    Attributes:
        operations: in the order of the step. network, rows, weights: what was timed; weights counts those that are trained.
        step: median seconds of a step at full speed.
        floor: of its bare matrix products, all together.
        ratio: step/floor, the median of the turns; NaN for a network without matrix products.
        overhead: seconds that forward, loss and backward take with a single row, matrix products taken off; NaN if not known.
        slowdown: how many times as long as the fastest step the median one took.
        repeats: how often each was timed.
        threads: whether one thread of BLAS would be faster, in words, where it was tried: `npdeep bench` does.
    """

    operations: list[TimedOperation] = field(default_factory=list)
    network: str = ""
    rows: int = 1
    weights: int = 0
    step: float = math.nan
    floor: float = math.nan
    ratio: float = math.nan
    overhead: float = math.nan
    slowdown: float = math.nan
    repeats: int = 0
    threads: str = ""

    @property
    def walked(self) -> float:
        """Seconds of all operations together."""
        return sum(operation.seconds for operation in self.operations)

    @property
    def hints(self) -> list[str]:
        """Where the time goes, in words, the largest share first."""
        return hints(self)

    def table(self) -> Table:
        """One row per operation."""
        rows = [
            [o.stage, o.name, o.kind, micro(o.seconds), f"{o.share:.1%}", micro(o.floor) if o.floor else ""]
            for o in self.operations
        ]
        title = f"One training step of {self.network}, {counted(self.rows, 'row')}: medians of {self.repeats}"
        return Table(["stage", "name", "by", "µs", "share", "bare products, µs"], rows, title, self.notes(), keys=2)

    def notes(self) -> list[str]:
        """The step beside its floor."""
        pace = f"{self.rows / self.step:,.0f} rows per second"
        said = [f"together {micro(self.walked)} µs; the step at full speed {micro(self.step)} µs, {pace}"]
        if self.floor:
            longer = f"the step takes {self.ratio:.1f} times as long"
            said.append(f"floor, its bare matrix products: {micro(self.floor)} µs; {longer}")
        if self.threads:
            said.append(self.threads)
        if self.slowdown > BUSY:
            busy = f"the median step took {self.slowdown:.1f} times as long as the fastest"
        elif self.step > self.walked > 0:
            busy = "the step at full speed took longer than its operations with a clock between them"
        else:
            return said
        again = "measure again when it is quiet, or with more repeats"
        return [*said, f"the machine was busy: {busy}; {again}"]

    def __repr__(self) -> str:
        """The table, and the hints below it."""
        return fold("\n".join([str(self.table()), "", "where the time goes:", *(f"- {hint}" for hint in self.hints)]))

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(hint)}</li>" for hint in self.hints)
        return f"{self.table()._repr_html_()}<p>where the time goes:</p><ul>{items}</ul>"


# ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def hints(timing: StepTiming) -> list[str]:
    """The kinds of work that take a tenth of the step or more, each with what can be done about it.

    >>> adam = TimedOperation("update", "update", "Adam", "update", Formula("…"), seconds=3e-4, share=1.0, floor=0.0)
    >>> hints(StepTiming([adam], weights=266610))
    ["Adam's passes over 266,610 weights: 100% of the step; they cost the same for any number of rows, so that larger batches \
make fewer of them"]
    """
    said = sorted(((of_group(timing, group), group) for group in GROUPS), reverse=True)
    worth = [(share, group) for share, group in said if share >= WORTH_SAYING]
    overhead = timing.overhead / timing.walked if timing.walked else 0.0
    words = [about_overhead(timing, overhead)] if overhead >= MUCH_OVERHEAD else []
    words += [GROUPS[group].format(share=f"{share:.0%}", **details(timing, group)) for share, group in worth]
    return words[:MOST_HINTS] or ["no kind of work stands out"]


def about_overhead(timing: StepTiming, share: float) -> str:
    """Calls of NumPy cost something however few numbers they are given.

    >>> about_overhead(StepTiming(rows=1), 0.5)
    "batch of 1: Python's and NumPy's overhead, 50% of the step; larger batches share it among their rows"
    """
    if timing.rows == 1:
        return f"batch of 1: Python's and NumPy's overhead, {share:.0%} of the step; larger batches share it among their rows"
    return (
        f"overhead: {share:.0%} of the step is calls that cost as much for a single row as for {timing.rows}; larger batches "
        "share them among more rows"
    )


PRODUCTS = "matrix products"
AROUND = "around the products"

GROUPS = {
    PRODUCTS: "matrix products, most of them in {largest}{first}: {share} of the step; this is the floor: only fewer units, "
    "inputs or rows make it lower",
    AROUND: "in the dense layers, what is not a matrix product: {share} of the step; biases, sums over rows, calls of NumPy",
    "activation": "activations ({kinds}): {share} of the step; {largest} takes most of it",
    "batch normalization": "batch normalization: {share} of the step; it goes over its inputs several times on both ways",
    "noise": "random numbers ({kinds}): {share} of the step are drawing them and multiplying by them",
    "loss": "the loss and its gradient ({kinds}): {share} of the step",
    "penalty": "penalties: {share} of the step; they go over all penalized weights, whatever the number of rows",
    "clip": "clipping ({kinds}): {share} of the step; it reads the whole gradient",
    "update": "{kinds}'s passes over {weights} weights: {share} of the step; they cost the same for any number of rows, so "
    "that larger batches make fewer of them",
    "constrain": "limits on weights: {share} of the step; they go over all limited weights after every update",
    "other": "other layers ({kinds}): {share} of the step",
}
"""What is said of each kind of work."""


def of_group(timing: StepTiming, group: str) -> float:
    """The share of the step that goes to this kind of work. A dense layer's time is parted into its products and the rest."""
    dense = [o for o in timing.operations if o.group == "dense"]
    if group in (PRODUCTS, AROUND):
        products = sum(min(o.floor, o.seconds) for o in dense)
        seconds = products if group == PRODUCTS else sum(o.seconds for o in dense) - products
    else:
        seconds = sum(o.seconds for o in timing.operations if o.group == group)
    return seconds / timing.walked if timing.walked else 0.0


def details(timing: StepTiming, group: str) -> dict[str, str]:
    """The names in a hint: what computes it, and which layer takes most."""
    dense = group in (PRODUCTS, AROUND)
    found = [o for o in timing.operations if o.group == ("dense" if dense else group)]
    times: dict[str, float] = {}
    for o in found:
        times[o.name] = times.get(o.name, 0.0) + (o.floor if dense else o.seconds)
    largest = max(times, key=lambda name: times[name], default="")
    first = dense and len(times) > 1 and largest == found[0].name
    return {
        "kinds": ", ".join(dict.fromkeys(o.kind for o in found)),
        "largest": largest,
        "first": " (the first layer)" if first else "",
        "weights": f"{timing.weights:,}",
    }


def micro(seconds: float) -> str:
    """Microseconds, three digits or more.

    >>> micro(1.2345e-6), micro(0.012345)
    ('1.23', '12,345')
    """
    value = 1e6 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
