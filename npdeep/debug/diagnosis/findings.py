"""What a diagnosis says: findings, each with its figures, and the tables they were read from."""

import html
from dataclasses import dataclass, field, replace

from npdeep.common.printing import Text, fold
from npdeep.common.tables import Table
from npdeep.debug.diagnosis.advice import READ, steps
from npdeep.debug.diagnosis.probe import KernelLook


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: "vanishing", "dead", "nan", …; `ADVICE` lists them all.
        layer: the layer to look at: where dead units come from weights or a bias, the layer that has them. "input", "labels",
            "loss" or "outputs" where it is not a layer.
        words: what was measured, in a plain sentence.
        evidence: the figures by name, such as {"units": 30, "of": 100}.

    >>> found = Finding("dead", "hidden1", "30 of 100 units never fire.", {"units": 30, "of": 100})
    >>> found.evidence["units"], found.read
    (30, 'chapter 11, "Nonsaturating Activation Functions"; Lu et al. (2019), Dying ReLU and initialization')
    """

    kind: str
    layer: str
    words: str
    evidence: dict[str, float] = field(default_factory=dict)
    hint: str = ""
    """What to do in this very case; it comes before the steps."""
    steps: str | None = None
    """What else to try; None: the usual steps for the kind."""
    there: frozenset[str] = frozenset()
    """What the network has already, so that advice does not recommend it; see `ADVICE`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", Text(self.words))

    @property
    def advice(self) -> str:
        """What to try."""
        return Text(f"{self.hint} {steps(self.kind, self.there) if self.steps is None else self.steps}".strip())

    @property
    def read(self) -> str:
        """Where to read about it."""
        return READ[self.kind]

    def __str__(self) -> str:
        """Three lines: what, what to try, where to read."""
        return fold(f"{self.kind} · {self.layer}: {self.words}\n    try:  {self.advice}\n    read: {self.read}")


@dataclass
class Diagnosis:
    """The report of `diagnose`: prints as plain words and tables. True where nothing was found wrong.

    Attributes:
        findings: what is wrong, causes before their effects; empty for a healthy network.
        gradient: the verdict on the way back: "healthy", "vanishing", "exploding", "zero" or "unknown".
        way_back: the same in words, with its figures.
        slope: how many orders of magnitude the gradient gains with every layer on its way back; negative where it shrinks.
        layers: the same figures as numbers: a `KernelLook` for every layer with a kernel, lowest first.
        measurements: tables by name: "layers" (one row per layer with a kernel) and "units" (one per hidden activation).
        notes: what could not be told, and why.
        too_few: too few rows to judge by, in a network that has not learnt even those: no finding then means nothing.
        by_heart: it fits rows that tell nothing of each other's targets, and no validation rows were given.

    >>> report = Diagnosis([Finding("imbalance", "labels", "95 % are of class 0.")])
    >>> bool(report), report.kinds
    (False, ['imbalance'])
    """

    findings: list[Finding] = field(default_factory=list)
    gradient: str = "unknown"
    slope: float = float("nan")
    layers: list[KernelLook] = field(default_factory=list)
    measurements: dict[str, Table] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    subject: str = "network"
    way_back: str = ""
    too_few: bool = False
    by_heart: bool = False

    @property
    def kinds(self) -> list[str]:
        """The kinds of the findings, each once."""
        return list(dict.fromkeys(finding.kind for finding in self.findings))

    def __bool__(self) -> bool:
        """True where nothing was found wrong."""
        return not self.findings

    @property
    def headline(self) -> str:
        """How many findings, and the verdict on the gradient."""
        count = len(self.findings)
        none = "too few rows to judge" if self.too_few else "nothing looks wrong"
        none = "it fits the rows given, and more cannot be said without validation_data" if self.by_heart else none
        said = f"no finding: {none}" if not count else f"{count} finding{'s' if count > 1 else ''}"
        return Text(f"{self.subject}: {said}; gradient {self.gradient}{f' ({self.way_back})' if self.way_back else ''}")

    def __str__(self) -> str:
        """Headline, findings, tables, notes."""
        blocks = [self.headline, *(self._of_kind(kind) for kind in self.kinds)]
        blocks += [str(table) for table in self.measurements.values()]
        return fold("\n\n".join([*blocks, *(["\n".join(f"note: {note}" for note in self.notes)] if self.notes else [])]))

    def _of_kind(self, kind: str) -> str:
        """All findings of a kind, and once what to try and where to read."""
        found = [finding for finding in self.findings if finding.kind == kind]
        said = "\n".join(f"{f.kind} · {f.layer}: {f.words}" for f in found)
        hints = list(dict.fromkeys(f.hint for f in found if f.hint))
        rest = list(dict.fromkeys(replace(f, hint="").advice for f in found))
        return f"{said}\n    try:  {' '.join([*hints, *rest]).strip()}\n    read: {READ[kind]}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        rows = "".join(
            f"<li><b>{html.escape(f.kind)}</b> · {html.escape(f.layer)}: {html.escape(f.words)}<br>"
            f"<i>try:</i> {html.escape(f.advice)}<br><i>read:</i> {html.escape(f.read)}</li>"
            for f in self.findings
        )
        tables = "".join(table._repr_html_() for table in self.measurements.values())
        notes = "".join(f"<p>note: {html.escape(note)}</p>" for note in self.notes)
        return f"<p><b>{html.escape(self.headline)}</b></p><ol>{rows}</ol>{tables}{notes}"
