"""Restoring weights from a file: all or some of them, under other names, and a report of what happened."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from npdeep.common import checks, scopes
from npdeep.common.tables import Table, Tabled
from npdeep.files import npz, schema
from npdeep.kernels.arrays import Array
from npdeep.parameters import Parameter


@dataclass(repr=False)
class LoadReport(Tabled):
    """What `load_weights` did. Prints as a table.

    Attributes:
        restored: (name in the file, name in the model) of every variable that was restored.
        skipped: names in the file that were selected and have no partner in the model.
        mismatched: (name in the file, name in the model, shape in the file, shape in the model): left as they were.
        untouched: names in the model that nothing in the file was for: left at their value.
    """

    restored: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    mismatched: list[tuple[str, str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """One row a variable."""
        rows: list[list[Any]] = [[t, "restored", "" if name == t else f"from {name}"] for name, t in self.restored]
        rows += [[t, "shape mismatch", f"{name} is {there}, the model's is {here}"] for name, t, there, here in self.mismatched]
        rows += [[name, "skipped", "in the file, without a partner in the model"] for name in self.skipped]
        rows += [[name, "left as it was", "in the model, not restored"] for name in self.untouched]
        note = (
            f"{len(self.restored)} restored, {len(self.mismatched)} of another shape, {len(self.skipped)} skipped, "
            f"{len(self.untouched)} left as they were"
        )
        return Table(["variable", "what happened", "why"], rows, notes=[note])


def restore_weights(
    parameters: list[Parameter], arrays: Mapping[str, Array], scope: str | None, rename: Mapping[str, str] | None, path: Path
) -> LoadReport:
    """Copy arrays of a checkpoint into parameters of the same name; `scope` selects names in the file.

    Where another layer is renamed to a name, the layer of that name in the file is skipped. Raises ValueError where
    neither scope nor rename is given and file and model differ; listing the candidates, where nothing is selected or restored;
    where numbers are not finite, or no numbers at all. Then nothing has changed.
    """
    owner = "load_weights"
    targets = {p.name: p for p in parameters}
    stored = {name: arrays[name] for name in schema.variables_among(arrays)}
    names = scopes.matching(owner, f"variable in {checks.shortened(npz.visible(path.name), 40)}", list(stored), scope)
    new_names = check_rename(owner, rename, layers_of(stored), layers_of(targets))
    for old in new_names:
        if old not in layers_of(names):
            shown = checks.shortened(repr(scope))
            raise ValueError(f"{owner}: rename names layer {old!r}, but scope {shown} selects nothing of it; widen the scope")
    report = LoadReport()
    changes: list[tuple[Parameter, Array]] = []
    for name in names:
        old = next((layer for layer in around(name) if layer in new_names), "")
        target = targets.get(new_names[old] + name[len(old) :] if old else name)
        if target is None or (not old and any(layer in new_names.values() for layer in around(name))):
            report.skipped.append(name)
        elif target.shape != stored[name].shape:
            report.mismatched.append((name, target.name, stored[name].shape, target.shape))
        else:
            with npz.naming(path):
                schema.check_numbers(name, stored[name], target.shape, name.endswith("/moving_variance"))
            report.restored.append((name, target.name))
            changes.append((target, checks.cast(owner, f"{name} in {path}", stored[name], target.value.dtype)))
    touched = {target for _, target in report.restored} | {target for _, target, _, _ in report.mismatched}
    report.untouched = [name for name in targets if name not in touched]
    if scope is None and rename is None:
        check_complete(report, path)
    if not changes:
        raise ValueError(nothing_restored(report, path))
    for target, array in changes:
        target.value = array
    return report


def around(name: str) -> list[str]:
    """The layers that a variable is in, the innermost first.

    >>> around("block1/hidden/kernel")
    ['block1/hidden', 'block1']
    """
    parts = name.split("/")
    return ["/".join(parts[:i]) for i in range(len(parts) - 1, 0, -1)]


def layers_of(names: Iterable[str]) -> set[str]:
    """All layers that these variables are in."""
    return {layer for name in names for layer in around(name)}


def check_complete(report: LoadReport, path: Path) -> None:
    """Raise ValueError where file and model are not of the same architecture.

    >>> check_complete(LoadReport(skipped=["hidden3/kernel"], untouched=["outputs/kernel"]), Path("a.npz"))
    Traceback (most recent call last):
    ValueError: load_weights: a.npz is of another network: hidden3/kernel is only in the file; outputs/kernel is only in the \
model; to restore what fits, write scope=".*", or name the layers with rename={"in the file": "in the model"}
    """
    unlike = report.mismatched[:1]
    faults = [f"{checks.shortened(name, 30)} is {there} in the file, {here} here" for _, name, there, here in unlike]
    faults += [f"{checks.shortened(name, 30)} is only in the file" for name in report.skipped[:1]]
    faults += [f"{checks.shortened(name, 30)} is only in the model" for name in report.untouched[:1]]
    more = len(report.mismatched) + len(report.skipped) + len(report.untouched) - len(faults)
    if faults:
        file = checks.shortened(npz.visible(path.name), 40)
        faults += [f"{more} more"] if more else []
        raise ValueError(
            f"load_weights: {file} is of another network: {'; '.join(faults)}; to restore what "
            'fits, write scope=".*", or name the layers with rename={"in the file": "in the model"}'
        )


def nothing_restored(report: LoadReport, path: Path) -> str:
    """Why nothing that was selected could be restored: the first of each kind, for a file may hold many long names.

    >>> nothing_restored(LoadReport(skipped=["hidden1/kernel", "hidden1/bias"]), Path("a.npz"))
    'load_weights: nothing in a.npz could be restored: hidden1/kernel has no partner in the model; 1 more; say which layer is \
which: rename={"in the file": "in the model"}'
    """
    reasons = [
        f"{checks.shortened(name, 30)} is {there} in the file, {here} in the model"
        for name, _, there, here in report.mismatched[:1]
    ]
    reasons += [f"{checks.shortened(name, 30)} has no partner in the model" for name in report.skipped[:1]]
    more = len(report.mismatched) + len(report.skipped) - len(reasons)
    reasons += [f"{more} more"] if more else []
    return (
        f"load_weights: nothing in {checks.shortened(npz.visible(path.name), 40)} could be restored: {'; '.join(reasons)}; "
        'say which layer is which: rename={"in the file": "in the model"}'
    )


def check_rename(owner: str, rename: Any, in_file: set[str], in_model: set[str]) -> dict[str, str]:
    """A dict from layer names in the file to layer names in the model: all known, no two to the same.

    >>> check_rename("load_weights", {"hidden1": "encoder"}, {"hidden1"}, {"encoder"})
    {'hidden1': 'encoder'}
    """
    if rename is None:
        return {}
    if not isinstance(rename, Mapping):
        raise TypeError(f"{owner}: rename must be a dict from layer names in the file to layer names in the model")
    for old, new in rename.items():
        checks.choice(owner, "layer in the file (in rename)", old, in_file)
        checks.choice(owner, "layer in the model (in rename)", new, in_model)
        if list(rename.values()).count(new) > 1:
            raise ValueError(f"{owner}: rename gives the name {new!r} to two layers of the file; give it to one of them")
    return dict(rename)
