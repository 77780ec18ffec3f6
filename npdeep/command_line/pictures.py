"""The pictures that commands write. Imported where one is drawn: matplotlib takes longer to load than most commands to run."""

from pathlib import Path

from npdeep import plots
from npdeep.debug.epsilon_sweep import EpsilonSweep
from npdeep.debug.gradient_report import GradientReport
from npdeep.history import History
from npdeep.training.trainer import Trainer


@plots.in_house_style
def draw_check(path: Path, report: GradientReport, sweep: EpsilonSweep | None = None) -> Path:
    """A picture of a gradient check, and of a sweep beside it where there is one."""
    panels = 1 if sweep is None else 2
    figure, axes = plots.new_grid(1, panels, (10 * panels, 6.5))
    plots.gradient_agreement(report, ax=axes[0])
    if sweep is not None:
        plots.epsilon_sweep(sweep, ax=axes[1])
    return plots.save(figure, path)


@plots.in_house_style
def draw_curves(path: Path, trainer: Trainer, key: str) -> Path:
    """What a run recorded under this key, in training and in validation."""
    figure, axes = plots.new_grid(1, 1, (9, 5.5))
    curves = {"training": _renamed(trainer.history, key), "validation": _renamed(trainer.history, f"val_{key}")}
    plots.learning_curves(curves, "value", "updates", axes[0])
    axes[0].set_ylabel(key)
    axes[0].set_title(f"{trainer.model!r}".strip("<>").removeprefix("Sequential sequential "))
    return plots.save(figure, path)


def _renamed(history: History, key: str) -> History:
    return History([{**record, "value": record[key]} for record in history if key in record])
