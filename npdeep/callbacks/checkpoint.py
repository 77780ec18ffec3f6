"""Saving a run as it trains."""

from pathlib import Path
from typing import Any

from npdeep.callbacks.base import Callback, check_monitor, direction, monitored
from npdeep.common import checks
from npdeep.common.writing import check_folder
from npdeep.files import fields, npz

OWN_NAME = fields.text(r"update-([0-9]{8}|[1-9][0-9]{8,17})\.npz", "one of its files, such as update-00001100.npz", 40)
"""The names of the files: plain ones, so that none of them leads out of the folder."""


class Checkpoint(Callback):
    """Saves the trainer, and with it the states of all callbacks of this fit, into a folder: the last few, or the best few.

    Args:
        folder: is made where it is missing. Files are named update-00001100.npz after the number of updates.
        keep: how many files are kept.
        monitor: None keeps the last ones; a key of the history keeps the best by it.
        every: save each time this many updates are done, also in the middle of an epoch, instead of after every epoch. Not with
            a monitor.
        mode: "min" where smaller is better, "max" where larger is; "auto" knows losses, errors and accuracies.

    Attributes:
        files: the files that are there, the last or the best one first.

    `Trainer.restore(checkpoint.files[0])` continues from the first of them. A resumed run removes the files of its first part
    that are no longer to be kept, but never a file that this callback did not write into its own folder. Raises OSError where
    the folder cannot be written, ValueError where its name ends in .npz, as a file's does, or where the state in a checkpoint
    names anything but such files.

    >>> Checkpoint("run", keep=3).keep
    3
    """

    settled = dict.fromkeys(("folder", "monitor", "mode"), "the files that are there belong to it; make a new callback")
    order = 1                                 # what the others learnt at this moment is saved with the rest

    def __init__(
        self,
        folder: str | Path,
        keep: int = 1,
        monitor: str | None = None,
        every: int | None = None,
        mode: str = "auto",
    ) -> None:
        self.folder = checks.path("Checkpoint", "folder", folder)
        if self.folder.suffix == ".npz":
            name = checks.shortened(repr(self.folder.name), 40)
            raise ValueError(f"Checkpoint: folder must be a folder, for files that are named by their updates, got {name}")
        self.keep = checks.whole("Checkpoint", "keep", keep)
        self.monitor = None if monitor is None else checks.text("Checkpoint", "monitor", monitor)
        self.every = None if every is None else checks.whole("Checkpoint", "every", every)
        self.mode = direction("Checkpoint", self.monitor or "", mode)
        if monitor is not None and every is not None:
            raise ValueError("Checkpoint: with a monitor files are written after every epoch; leave `every` out")
        self.reset()

    def reset(self) -> None:
        """No file yet."""
        self.saved: list[tuple[float, str]] = []

    @property
    def files(self) -> list[Path]:
        """The files that are there, the last or the best one first."""
        return [self.folder / name for _, name in sorted(self.saved)]

    def on_fit_begin(self, trainer: Any) -> None:
        """What is monitored must be recorded, the folder writable. What a killed run was about to remove is removed."""
        if self.monitor is not None:
            check_monitor("Checkpoint", trainer, self.monitor, self.mode)
        if trainer.team.writes:
            check_folder("Checkpoint", self.folder, trainer.model.arena.values.nbytes)
        self.keep_the_first(self.saved)

    def on_step_end(self, trainer: Any) -> None:
        """Save, where it is time."""
        if self.every is not None and trainer.iteration % self.every == 0:
            self.save(trainer)

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Save after the epoch."""
        if self.monitor is not None:
            self.save(trainer, monitored("Checkpoint", record, self.monitor, self.mode))
        elif self.every is None:
            self.save(trainer)

    def save(self, trainer: Any, rank: float | None = None) -> None:
        """Write a file if it is among those to keep, and remove the one that no longer is. A small rank is a good one.

        Without a rank it is a better one than all before: iterations go back where early stopping puts a winner back.
        """
        name = f"update-{trainer.iteration:08d}.npz"
        rank = min((rank for rank, _ in self.saved), default=0.0) - 1 if rank is None else rank
        known = sorted([entry for entry in self.saved if entry[1] != name] + [(float(rank), name)])
        if all(entry[1] != name for entry in known[: self.keep]):
            return
        path = self.folder / name
        if path.is_symlink():
            raise FileExistsError(f"Checkpoint: {path} is a symbolic link, which may lead out of the folder; remove it")
        before, self.saved = self.saved, known    # the file is to say that it is there, and the one that is not yet removed
        try:
            trainer.save(path)
        except BaseException:
            self.saved = before
            raise
        self.keep_the_first(known)

    def keep_the_first(self, known: list[tuple[float, str]]) -> None:
        """Remove the files beyond those that are to be kept."""
        self.saved = sorted(known)[: self.keep]
        for _, name in sorted(known)[self.keep :]:
            if self.is_plain_file(name):
                (self.folder / name).unlink(missing_ok=True)

    def is_plain_file(self, name: str) -> bool:
        """Is it there, and no folder and no link?"""
        path = self.folder / name
        return path.is_file() and not path.is_symlink()

    def wrote(self, name: str) -> bool:
        """Is it a checkpoint in the folder that lists itself among the files of a callback with these arguments?"""
        if not self.is_plain_file(name):
            return False
        try:
            header, _ = npz.read(self.folder / name)
            states = [entry["state"] for entry in header["callbacks"] if entry["callback"] == self.identity]
            return any(name in state["names"] for state in states)
        except (OSError, ValueError, TypeError, KeyError):    # it is damaged, or no checkpoint of a trainer
            return False

    def state(self) -> dict[str, Any]:
        """Which files there are."""
        return {"ranks": [rank for rank, _ in self.saved], "names": [name for _, name in self.saved]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Those of them that are still there, and are this callback's own: it will remove them one day."""
        self.check_state("Checkpoint.state", state)
        self.saved = [(rank, name) for rank, name in zip(state["ranks"], state["names"], strict=True) if self.wrote(name)]

    @classmethod
    def check_state(cls, where: str, state: Any) -> None:
        """Names that the callback gives to its files, no two alike, and a number for each."""
        fields.record({"ranks": fields.items(fields.number(finite=False)), "names": fields.items(OWN_NAME)})(where, state)
        ranks, names = state["ranks"], state["names"]
        if len(set(names)) != len(ranks) or len(names) != len(ranks):
            raise ValueError(f"{where}.names must differ, one for each of {len(ranks)} ranks")
