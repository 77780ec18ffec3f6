"""Are the classes in balance, do labels begin at 0, and do they belong to the rows?"""

import math
from typing import Any

import numpy as np

from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.neighbours import Kinship, closest, kinship, told_by_a_line
from npdeep.debug.diagnosis.probe import FEWEST, UPDATES, Probe, left_of
from npdeep.debug.diagnosis.targets import NUMBERS, answers, columns, is_of_classes, labels, right_beyond_guessing
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.losses import BinaryCrossEntropy, Hinge, KLDivergence, SoftmaxCrossEntropy
from npdeep.training.trainer import Trainer

OUT_OF_BALANCE = 5.0
"""The largest class has this many times the rows of the smallest: always guessing it is right 5 times in 6 with two classes."""

RECOGNIZED = 0.5
"""Imbalance is harmless in a network that recognizes at least half of the rows of every class."""

SHIFTS = 64
"""Labels are tried at this many places before and after their own: the header of an IDX file has 8 bytes, that of images 16."""

ALIKE, APART = 0.35, 0.87
"""Numbers are taken for classes where close rows have the very same one so much more often than any two, and where those that
have not are no closer in number than any two: 0.90 to 1.0 of it for digits, at most 0.83 for scores that are cut to 3 … 10."""

ROWS = 100
"""With fewer rows nothing is said about whether their labels belong to them."""

ENOUGH = 30
"""With fewer validation rows guessing cannot be told from knowing."""

KNOWS, GUESSES = 0.5, 0.1
"""Right on half of what guessing gets wrong, and on a tenth: so far apart training and validation must be to be reported,
farther than in networks that merely overfit."""


# ── balance ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def balance(probe: Probe, x: Array, y: Any, weight: Array | None) -> list[Finding]:
    """Classes without rows at the beginning, elsewhere, or with far fewer rows than others. Sample weights count."""
    counts = class_counts(probe.trainer, y, weight)
    if counts is None:
        return []
    most, without = int(np.argmax(counts)), np.flatnonzero(counts == 0).tolist()
    # in so few rows the smallest class may just have been unlucky: two standard deviations of its count, and 3 where it is 0
    possible = counts + 2 * np.sqrt(counts) + 3
    few = [c for c in np.flatnonzero(counts[most] >= OUT_OF_BALANCE * possible).tolist() if counts[c] > 0]
    missing = without if counts[most] >= OUT_OF_BALANCE * 3 else []
    if missing and missing == list(range(missing[-1] + 1)) and len(missing) < len(counts) - 1:
        return begin_late(counts, missing, one_hot=y.ndim > 1)
    evidence = {
        "largest": float(counts[most]),
        "smallest": float(counts.min()),
        "share": float(counts[most] / counts.sum()),
        "largest_class": most,
        "smallest_class": int(np.argmin(counts)),
        "missing": len(missing),
    }
    head = f"class {most} has {counts[most]:,.0f} of {counts.sum():,.0f} rows ({counts[most] / counts.sum():.0%})"
    if missing:
        words = f"{head}, {len(missing)} of {len(counts)} classes have none: {shown(missing)}."
        hint = "Their outputs learn only to be small: find rows of them (were sorted rows cut?), or leave these outputs out."
        if probe.model.output_size == 1:
            hint = "There is nothing to tell apart: find rows of the other class (were sorted rows cut?)."
        return [Finding("imbalance", "labels", words, evidence, hint, steps=None if few else "")]
    few = [c for c in few if recognized(probe, x, y, c) < RECOGNIZED]
    if not few:
        return []
    least = min(few, key=lambda c: counts[c])
    there = frozenset() if weight is None else frozenset({"weights"})
    return [Finding("imbalance", "labels", f"{head}, class {least} has {counts[least]:,.0f}.", evidence, there=there)]


def begin_late(counts: Array, missing: list[int], one_hot: bool) -> list[Finding]:
    """Labels 1 … 10 on 11 outputs, or one-hot rows made of them: the first classes, and no others, have no row."""
    first, last = missing[-1] + 1, len(counts) - 1
    words = (
        f"no row {'has a 1 in column' if one_hot else 'has the label'} {shown(missing)}, while {first} … {last} all have "
        f"rows: labels count from 0, and these begin at {first}. {len(missing)} of {len(counts)} outputs stand for nothing."
    )
    evidence: dict[str, float] = {"first": first, "outputs": len(counts), "missing": len(missing)}
    y = f"y[:, {first}:]" if one_hot else f"y − {first}"
    steps = f"Train on {y} with {len(counts) - first} outputs, and add {first} to the classes that are predicted."
    return [Finding("labels_from_one", "labels", words, evidence, steps=steps)]


def shown(numbers: list[int]) -> str:
    """All of them if there are few.

    >>> shown([0, 1, 2]), shown(list(range(20)))
    ('0, 1, 2', '0, 1, 2, 3, 4, …, 19')
    """
    return ", ".join(map(str, numbers)) if len(numbers) <= 6 else f"{', '.join(map(str, numbers[:5]))}, …, {numbers[-1]}"


def class_counts(trainer: Trainer, y: Any, weight: Array | None) -> Array | None:
    """(Weighted) rows of each class; None where the targets are no classes, or several at a time."""
    each = np.ones(len(y)) if weight is None else weight[:, 0] * (len(y) / max(float(weight.sum()), 1e-300))
    units = trainer.model.output_size
    if isinstance(trainer.loss, SoftmaxCrossEntropy | KLDivergence):
        if y.ndim == 1:
            return np.bincount(y, weights=each, minlength=units)
        return np.asarray(each @ y.astype(np.float64))
    yes = labels(trainer.loss, y, units)
    return None if yes is None else np.bincount(yes, weights=each, minlength=2)


def recognized(probe: Probe, x: Array, y: Any, label: int) -> float:
    """The share of this class's rows that the network recognizes; of 200 at most."""
    known = labels(probe.trainer.loss, y, probe.model.output_size)
    if known is None or probe.trainer.iteration < UPDATES:
        return 0.0
    rows = np.flatnonzero(known == label)
    rows = rows[:: max(1, len(rows) // 200)]
    if not len(rows):
        return 0.0
    twin = probe.twin.model
    return float(np.mean(answers(probe.trainer.loss, twin.run(twin.check_examples("diagnose", "x", x[rows]))) == label))


def classes_as_numbers(probe: Probe, y: Any) -> list[Finding]:
    """Labels 0 … k under a loss that takes them for numbers: a 3 is then nearer to a 4 than to an 8."""
    if not isinstance(probe.trainer.loss, NUMBERS) or probe.model.output_size != 1 or probe.n < ROWS:
        return []
    known, counts = np.unique(probe.batch.y, return_counts=True)
    if not 3 <= len(known) <= probe.n // 10 or known[0] not in (0, 1) or np.any(np.diff(known) != 1):
        return []
    own = probe.batch.y.astype(np.float64)                       # (n, 1)
    others = own.ravel()[closest(probe.batch.x)]
    shares, other = counts / counts.sum(), others != own
    if not other.any():
        return []                             # no row beside another label: nothing tells classes from numbers
    same, chance = 1 - float(other.mean()), float(np.sum(shares**2))
    apart = float(np.abs(others - own)[other].mean())
    by_chance = float(shares @ np.abs(known[:, None] - known) @ shares) / (1 - chance)
    if same < chance + ALIKE * (1 - chance) or apart < APART * by_chance:
        return []
    first, last = int(known[0]), int(known[-1])
    words = (
        f"the targets {first} … {last} look like classes, and {probe.trainer.loss!r} takes them for numbers: {same:.0%} of "
        f"close rows have the very same one, the others lie {apart:.2g} apart, as far as any two ({by_chance:.2g})."
    )
    begin = "" if first == 0 else f" on y − {first}"
    steps = f"End with nd.Dense({len(known)}), train{begin} with softmax_cross_entropy; ask model.predict(x).argmax(axis=1)."
    evidence = {"classes": len(known), "same": same, "apart": apart, "by_chance": by_chance}
    return [Finding("classes_as_numbers", "labels", words, evidence, steps=steps)]


# ── do they belong to the rows? ───────────────────────────────────────────────────────────────────────────────────────────────
def told_by_neighbours(probe: Probe, y: Any) -> tuple[Kinship | None, list[Finding]]:
    """What close rows tell of a row's target; and a finding where they tell nothing of its own, but much of one further on."""
    loss, units = probe.trainer.loss, probe.model.output_size
    if probe.n < FEWEST or not isinstance(y, np.ndarray) or y.dtype.kind not in "biuf":
        return None, []
    of_classes = is_of_classes(loss) or (isinstance(loss, BinaryCrossEntropy | Hinge) and units == 1)
    values = columns(loss, y, units)
    if of_classes and units == 1:
        yes = (values > 0.5).astype(np.float64)
        values = np.concatenate([1 - yes, yes], axis=1)
    near, rows = closest(probe.batch.x), probe.places
    if not np.ptp(values[rows], axis=0).any() or not np.ptp(probe.batch.x, axis=0).any():
        return None, []
    here = kinship(near, values[rows], values[rows], of_classes)
    if probe.n < ROWS or here.told:
        return here, []
    here.linear = told_by_a_line(probe.batch.x, values[rows])
    best, shift = here, 0
    for k in (k for k in range(-SHIFTS, SHIFTS + 1) if k):
        inside = (rows + k >= 0) & (rows + k < len(y))
        if inside.all(axis=None) or inside.mean() > 0.9:
            moved = values[np.clip(rows + k, 0, len(y) - 1)]
            there = kinship(near, moved, moved, of_classes)
            if there.alike > best.alike:
                best, shift = there, k
    if not shift or not best.told or best.alike - best.by_chance < 4 * abs(here.alike - here.by_chance):
        return here, []
    words = (
        f"the labels are moved by {abs(shift)} rows: of the targets of close rows {agreement(here)}, as by chance, but "
        f"of those {abs(shift)} rows further {'down' if shift > 0 else 'up'} {agreement(best)}."
    )
    cut = f"y[{shift}:] and x[:-{shift}]" if shift > 0 else f"y[:{shift}] and x[{-shift}:]"
    hint = f"Pair {cut}; a file's header that was read as labels does this (8 bytes in IDX files)."
    evidence = {"shift": shift, "alike": best.alike, "alike_here": here.alike, "by_chance": here.by_chance}
    return here, [Finding("mismatched_labels", "labels", words, evidence, hint)]


def agreement(kinship: Kinship) -> str:
    """The figure with its name.

    >>> agreement(Kinship(0.97, 0.1, 0.01, 0.9)), agreement(Kinship(0.97, 0.0, 0.01, 0.9))
    ('97% agree', 'the correlation is 0.97')
    """
    return f"{kinship.alike:.0%} agree" if kinship.by_chance else f"the correlation is {kinship.alike:.2f}"


def unrelated(kinship: Kinship) -> Finding:
    """In a network that learns nothing: neither do close rows tell anything of a row's target."""
    chance = f"{kinship.by_chance:.0%}" if kinship.by_chance else "0"
    words = (
        "the labels do not seem to belong to the rows: of the targets of close rows "
        f"{agreement(kinship)}, no more than by chance "
        f"({chance}), and the network finds hardly anything in them either."
    )
    return Finding("mismatched_labels", "labels", words, {"alike": kinship.alike, "by_chance": kinship.by_chance})


def doubt(kinship: Kinship) -> str:
    """The same as a note, for networks that find something in them, or have not been trained."""
    agree = agreement(kinship)
    return f"of the targets of close rows {agree}, no more than by chance: make sure that they belong to the rows."


def learned_by_heart(probe: Probe, trainer: Trainer, validation: tuple[Array, Any] | None) -> list[Finding]:
    """Training well above validation, which is at chance: what was learnt says nothing about other rows."""
    known = skill(probe, probe.batch.y, probe.outputs, probe.left(probe.evaluated))
    if trainer.iteration < UPDATES or known is None or known < KNOWS:
        return []
    if validation is not None:
        x, y = validation
        if len(x) < ENOUGH:
            return []
        outputs = probe.twin.model.run(x)
        left = left_of(probe.twin.loss.compute(outputs, y, None), probe.ends_on(y))
        other, where = skill(probe, y, outputs, left), f"on {len(x):,} validation rows"
    else:
        other, where = best_in(trainer.history, probe), "on the validation rows of its training (the best epoch)"
    if other is None or other > GUESSES:
        return []
    words = (
        f"on the rows that it trains on it gets {known:.0%} right of what guessing gets wrong, {where} {max(other, 0):.0%}: it "
        "has learnt these rows by heart, and nothing that holds for others. The labels of one of the two may not belong to "
        "their rows."
    )
    return [Finding("mismatched_labels", "labels", words, {"training": known, "validation": other})]


def skill(probe: Probe, y: Any, outputs: Array, left: float) -> float | None:
    """How much of what guessing gets wrong is right, in labels or in the loss; None where guessing is not known."""
    known = [right_beyond_guessing(probe.trainer.loss, y, outputs), None if math.isnan(left) else 1 - left]
    return max((value for value in known if value is not None), default=None)


def best_in(history: History, probe: Probe) -> float | None:
    """The same for the validation rows of the history, in its best epoch; None where there were none."""
    found: list[float] = []
    known = labels(probe.trainer.loss, probe.batch.y, probe.model.output_size)
    most = 1.0 if known is None else float(np.bincount(known).max() / len(known))
    if most < 1 and "val_accuracy" in history:
        found += [(value - most) / (1 - most) for value in history["val_accuracy"] if value is not None]
    if "val_loss" in history and probe.ends is not None and probe.trainer.penalty() == 0:
        found += [1 - probe.left(value) for value in history["val_loss"] if value is not None and math.isfinite(value)]
    return max(found, default=None)
