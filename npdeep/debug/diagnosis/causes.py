"""Causes before their effects: the order of the findings, and advice that fits all of them together."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from npdeep.debug.diagnosis.advice import ADVICE, steps
from npdeep.debug.diagnosis.findings import Finding

_DATA = ("constant", "unscaled_inputs", "unscaled_targets")
_RESTRAINT = ("overregularized", "too_much_noise")
_NO_CAUSE = ("imbalance", "nearly_dead", "cold_statistics", "chance_level")

CAUSES: dict[str, tuple[str, ...]] = {
    "imbalance": ("labels_from_one",),
    "update_too_large": (*_DATA, "exploding"),
    "nan": (*_DATA, "exploding"),
    "saturated": (*_DATA, "output_range"),
    "dead": (*_DATA, "output_range", "symmetric", *_RESTRAINT),
    "nearly_dead": (*_DATA, *_RESTRAINT),
    "always_on": (*_DATA, *_RESTRAINT),
    "vanishing": (*_DATA, "output_range", "symmetric", *_RESTRAINT, "saturated", "dead"),
    "update_too_small": (*_DATA, "output_range", "symmetric", "saturated", "dead", "vanishing"),
    "cold_statistics": ("single_rows",),
    "chance_level": tuple(kind for kind in ADVICE if kind not in _NO_CAUSE),
}
"""What may be behind a finding: where one of these was found too, it is to be fixed first."""


def in_order(found: list[Finding], there: Collection[str]) -> list[Finding]:
    """The findings, causes first, each with the advice that fits: its cause, where that was found too, else steps that are new.

    >>> found = [Finding("chance_level", "outputs", "…"), Finding("unscaled_targets", "labels", "…")]
    >>> for finding in in_order(found, set()):
    ...     print(finding.kind, finding.advice[:26])
    unscaled_targets Train on (y − m)/s with m
    chance_level Fix unscaled_targets first
    """
    in_data = {id(f): f.kind == "nan" and f.layer in ("input", "labels") for f in found}
    order = list(ADVICE)
    found = sorted(found, key=lambda f: -1 if in_data[id(f)] else order.index(f.kind))
    kinds = {f.kind for f in found if not in_data[id(f)]}
    return [f if in_data[id(f)] else advised(f, kinds, there) for f in found]


def advised(finding: Finding, kinds: Collection[str], there: Collection[str]) -> Finding:
    """The finding with the advice that fits it among others: where causes were found, those that have no cause themselves."""
    found = {kind: [cause for cause in CAUSES.get(kind, ()) if cause in kinds] for kind in (*kinds, finding.kind)}
    causes = [cause for cause in found[finding.kind] if not found[cause]]
    if causes:
        their = "the likely cause" if len(causes) == 1 else "the likely causes"
        return replace(finding, hint="", steps=f"Fix {listed(causes[:3])} first: {their} of this.")
    return finding if finding.steps is not None else replace(finding, steps=steps(finding.kind, {*there, *finding.there}))


def listed(words: Sequence[str]) -> str:
    """Words with commas and an "and".

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
