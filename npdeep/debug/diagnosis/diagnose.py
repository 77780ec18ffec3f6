"""The door: check the arguments, ask all the questions, put the report together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from npdeep.common import checks, scaling
from npdeep.common.custom import is_custom
from npdeep.common.tables import Table
from npdeep.debug.diagnosis import (
    architecture,
    data,
    gradients,
    labels,
    moving_statistics,
    not_finite,
    outcome,
    outputs,
    restraint,
    symmetry,
    units,
)
from npdeep.debug.diagnosis.advice import ADVICE
from npdeep.debug.diagnosis.causes import in_order, listed
from npdeep.debug.diagnosis.findings import Diagnosis, Finding
from npdeep.debug.diagnosis.present import already
from npdeep.debug.diagnosis.probe import FEWEST, Batch, Probe, probe
from npdeep.debug.snapshot import SATURATED
from npdeep.kernels.arrays import Array
from npdeep.losses import OwnLoss, check_weights, check_y
from npdeep.training.trainer import Trainer

LOOKED_AT = 1000
"""At most this many rows go through the network, evenly spaced; labels are judged by all rows."""

ORDER = tuple(ADVICE)
"""Causes before their effects."""


def diagnose(
    trainer: Trainer, x: Any, y: Any, sample_weight: Any = None, steps: int = 10, validation_data: Any = None
) -> Diagnosis:
    """What is wrong with this network, in plain words and figures, and which technique of the chapter to try.

    One training step is made on a copy and measured; `steps − 1` more are made to see whether a number stops being finite. The
    trainer itself stays as it is, to the bit. Rows with NaN in x or y are reported and left out.

    Args:
        trainer: as it is now, before, in the midst of or after training.
        x, y: some hundred rows or more that it trains on, and their targets; at most 1,000 of them go through the network.
            With fewer than 300 some questions about single units cannot be answered; the notes say so. With fewer than 10
            only data, outputs and a loss at chance level are judged, and the headline says so where nothing was found.
        sample_weight: one number ≥ 0 per row, or None.
        steps: how many updates are tried on the copy, at least 1.
        validation_data: (x, y) that it does not train on; by default those of its last fit, where they were arrays of NumPy.

    Returns a `Diagnosis`: `.findings` (empty for a healthy network), `.measurements` (tables), `.gradient` (a verdict); it
    prints as text, shows as HTML in a notebook, and is true where nothing was found wrong.
    Raises TypeError where trainer is no Trainer, ValueError or TypeError where x, y or sample_weight do not fit it.

    Sources: Glorot & Bengio (2010) for gradients and saturation, Lu et al. (2019) for dead units, Ioffe & Szegedy (2015) for
    the moving statistics; the update-to-weight ratio is a rule of thumb of Karpathy's (CS231n).

    >>> import npdeep as nd
    >>> (x, y), _ = nd.datasets.mnist_sample()
    >>> deep = [part for _ in range(8) for part in (nd.Dense(50), nd.Activation("sigmoid"))]
    >>> trainer = nd.Trainer(nd.Sequential([*deep, nd.Dense(10, name="outputs")], 784, seed=0), "softmax_cross_entropy")
    >>> report = diagnose(trainer, x[:500], y[:500])
    >>> report.findings[0].kind, report.findings[0].layer, bool(report)
    ('vanishing', 'dense', False)
    >>> report.findings[0].evidence["powers_of_ten"] < -4
    True
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(f"diagnose: trainer must be a Trainer, nd.Trainer(model, loss), got {checks.describe(trainer)}")
    steps = checks.whole("diagnose", "steps", steps)
    found, x, y, weight, rows = _examples(trainer, x, y, sample_weight)
    validation = _validation(trainer, validation_data)
    report = Diagnosis(subject=repr(trainer.model).strip("<>"))
    if len(x):
        y = _targets(trainer, y)
        looked = probe(trainer, _batch(trainer, x, y, weight, rows), steps)
        found += data.constant(trainer, x, y) + data.unscaled(trainer, x)
        found += data.unscaled_targets(looked, y) + labels.balance(looked, x, y, weight)
        found += labels.classes_as_numbers(looked, y) + architecture.hidden_softmax(looked)
        found += _questions(looked, trainer, report) + _answers(looked, trainer, y, validation, report)
        report.too_few = looked.n < FEWEST and not looked.works
        report.notes += _notes(looked, trainer, len(x), validation)
    report.findings = in_order(found, already(trainer))
    return report


def _answers(
    looked: Probe, trainer: Trainer, y: Any, validation: tuple[Array, Any] | None, report: Diagnosis
) -> list[Finding]:
    """What the outputs are compared with: their range, the targets, the rows closest, and validation."""
    found = outputs.out_of_range(looked)
    if looked.bad_step == 1:
        return found
    kinship, shifted = labels.told_by_neighbours(looked, y)
    of_chance = outcome.chance_level(looked, trainer, kinship)
    affine = architecture.no_activation(looked, bool(of_chance), kinship, outcome.skill_of(looked))
    if not affine:
        report.notes += architecture.note(trainer.model)
    if not shifted and kinship is not None and kinship.silent and looked.n >= labels.ROWS:
        if outcome.hardly_better(looked):
            shifted = [labels.unrelated(kinship)]
        else:
            report.notes.append(labels.doubt(kinship))
            report.by_heart = looked.works and validation is None and "val_loss" not in trainer.history
    if looked.n < FEWEST and of_chance:
        found += units.silent_layers(looked)
    return found + affine + of_chance + (shifted or labels.learned_by_heart(looked, trainer, validation))


def _questions(looked: Probe, trainer: Trainer, report: Diagnosis) -> list[Finding]:
    """Ask them all; where the first step is not finite there is nothing else to measure."""
    found = not_finite.in_the_step(looked, trainer)
    if looked.bad_step == 1:
        return found
    way = gradients.flow(list(looked.kernels.values()))
    report.gradient, report.slope, report.way_back = way.verdict, way.slope, way.words
    report.layers = list(looked.kernels.values())
    report.measurements = {"layers": layer_table(looked), "units": unit_table(looked)}
    found += symmetry.symmetric(trainer.model)
    if looked.n < FEWEST:
        return found
    found += restraint.overregularized(looked) + restraint.too_much_noise(looked)
    of_units = units.shut_units(looked)
    whole_layer_dead = any(f.kind == "dead" and f.evidence["units"] == f.evidence["of"] for f in of_units)
    on_the_way = [] if whole_layer_dead else gradients.on_the_way_back(looked)
    found += of_units + on_the_way
    found += gradients.updates(looked, explained=whole_layer_dead or way.verdict in ("vanishing", "zero"))
    return found + moving_statistics.statistics_off(looked, trainer)


# ── validation on entry ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _examples(trainer: Trainer, x: Any, y: Any, sample_weight: Any) -> tuple[list[Finding], Array, Any, Array | None, Array]:
    """Findings about rows that are not finite, and the other rows: x, y, weights, and their numbers."""
    x = checks.examples("diagnose", "x", x, trainer.model.input_size)
    y = checks.any_array("diagnose", "y", y)
    if y.ndim == 0 or len(y) != len(x):
        raise ValueError(f"diagnose: x has {len(x)} rows, y has shape {y.shape}; each row of x needs a target")
    weight = check_weights("diagnose", sample_weight, len(x), trainer.model.dtype)
    if weight is not None and not weight.any():
        raise ValueError("diagnose: every sample_weight is 0: nothing would be learnt from these rows")
    of_x, good_x = not_finite.bad_rows("x", x)
    of_y, good_y = not_finite.bad_rows("y", y)
    rows = np.flatnonzero(good_x & good_y)
    if len(rows) == len(x):
        return [], x, y, weight, rows
    return of_x + of_y, x[rows], y[rows], None if weight is None else weight[rows], rows


def _batch(trainer: Trainer, x: Array, y: Any, weight: Array | None, rows: Array) -> Batch:
    """At most LOOKED_AT of these rows, evenly spaced, so that sorted rows are looked at too."""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), LOOKED_AT)).astype(np.int64))
    inputs = trainer.model.check_examples("diagnose", "x", x[chosen])
    if np.shares_memory(inputs, x):
        inputs = inputs.copy()
    return Batch(inputs, y[chosen], None if weight is None else weight[chosen], chosen, rows[chosen])


def _validation(trainer: Trainer, given: Any) -> tuple[Array, Any] | None:
    """The validation rows that were passed, or those of the trainer's last fit."""
    if given is None:
        in_memory = all(isinstance(part, np.ndarray) for part in trainer.validation_data or (None,))
        return _kept(trainer, *trainer.validation_data) if trainer.validation_data and in_memory else None
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(f"diagnose: validation_data must be (x, y), got {checks.describe(given)}")
    x = checks.examples("diagnose: validation_data", "x", given[0], trainer.model.input_size)
    x = trainer.model.check_examples("diagnose: validation_data", "x", x)
    y = checks.any_array("diagnose: validation_data", "y", given[1])
    if y.ndim == 0 or len(y) != len(x):
        raise ValueError(f"diagnose: validation_data: x has {len(x)} rows, y has shape {y.shape}; each row needs a target")
    return x, _targets(trainer, y)


def _targets(trainer: Trainer, y: Any) -> Any:
    return check_y("diagnose", trainer.loss, y, len(y), trainer.model.output_size, trainer.model.dtype)


def _kept(trainer: Trainer, x: Array, y: Any) -> tuple[Array, Any]:
    """Some of the validation rows of the last fit, scaled as it scaled them."""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), LOOKED_AT)).astype(np.int64))
    scale = scaling.scale("diagnose", trainer.model.scale, trainer.model.dtype)
    return scaling.cast_scaled("diagnose", x[chosen], scale, trainer.model.dtype), y[chosen]


# ── display ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def layer_table(looked: Probe) -> Table:
    """One row a layer with a kernel: outputs, gradients, update."""
    header = ["layer", "spread over rows", "‖dL/dW‖", "‖dL/dz‖", "log10 to last", "‖W‖", "‖ΔW‖/‖W‖"]
    reached = [look.arriving for look in looked.kernels.values() if look.arriving]
    last = np.log10(reached[-1]) if reached else np.nan
    rows = [
        [
            look.name,
            f"{look.spread:.3g}",
            _number(look.gradient),
            _number(look.arriving),
            f"{np.log10(look.arriving) - last:+.2f}" if look.arriving else "",
            f"{look.weight:.3g}",
            _number(look.ratio),
        ]
        for look in looked.kernels.values()
    ]
    notes = [f"one step on {looked.n:,} rows; loss {looked.losses[0]:.4g}" if looked.losses else ""]
    if looked.guess is not None:
        notes[0] += f", without noise {looked.calm:.4g}, in evaluation {looked.evaluated:.4g}; guessing has {looked.guess:.4g}"
    return Table(header, rows, "gradients and updates", notes)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


def unit_table(looked: Probe) -> Table:
    """One row a hidden activation: saturated share for those that squash, dead and always-on units for the others."""
    rows: list[Sequence[str]] = []
    for look in looked.activations:
        name, kind, width = str(look.layer.name), look.layer.activation, look.z.shape[1]
        counts = units.count(look.layer, look.z, look.slope)
        if look.layer.rule.squashes:
            told = [f"{(look.slope < SATURATED).mean():.1%}", "", "", ""]
        else:
            told = ["", *(str(int(mask.sum())) for mask in (counts.dead, counts.nearly, counts.on))]
        rows.append([name, kind, str(width), f"{look.spread:.3g}", *told])
    header = ["activation", "kind", "units", "spread over rows", "saturated", "dead", "nearly dead", "always on"]
    return Table(header, rows, "hidden units")


def _notes(looked: Probe, trainer: Trainer, n: int, validation: tuple[Array, Any] | None) -> list[str]:
    """What could not be told."""
    said = []
    if n > LOOKED_AT:
        said.append(f"{looked.n:,} of {n:,} rows went through the network; labels were judged by all.")
    if looked.n < FEWEST:
        said.append(f"{looked.n} rows are too few to judge units, gradients and updates by; pass 300 or more.")
    elif looked.n < units.ROWS_FOR_RARELY:
        said.append(f"{looked.n} rows are few: units that fire rarely cannot be told from dead ones; pass 300 or more.")
    if looked.n == 1 and any(layer.batch_statistics for layer in trainer.model.everything()):
        said.append("batch normalization has no statistics of a single row, and used the moving ones.")
    own = [str(layer.name) for layer in looked.model.everything() if is_custom(layer)]
    own += [] if type(trainer.loss) is not OwnLoss else ["the loss"]
    if own:
        said.append(
            f"the gradient of {listed(own)} is taken as its own backward gives it; compare it: "
            "print(nd.debug.gradient_check(trainer.model, trainer.loss, x[:20], y[:20]))"
        )
    differ = len({row.tobytes() for row in looked.batch.x})
    if looked.n >= 50 and differ <= looked.n // 2:
        said.append(f"only {differ:,} of the {looked.n:,} rows that were looked at differ, the others repeat them.")
    if trainer.iteration == 0:
        said.append("the trainer has made no update yet: what it will learn cannot be told.")
    elif looked.works and validation is None and "val_loss" not in trainer.history:
        said.append("it fits these rows; whether that holds for others was not looked at: pass validation_data=(x, y).")
    if looked.guess is None:
        said.append(f"what guessing would reach under {trainer.loss!r} is not known: chance level was not looked at.")
    return said
