"""The one door for data. What a user passes to step, walk, gradients, fit and evaluate is checked here, once; behind the door
nothing is looked at again.

Who owns what:

- `Door.batch`: one batch of step, walk or gradients. A usual one passes in a few lines; any other is looked at `closely`.
- `Door.feed`: x, y and sample_weight of fit, or its iterable; from there `Door.fit_batch`: each batch of an iterable or a file.
- `Door.validation`: validation_data, before fit begins. `Door.evaluate`: x, y, sample_weight and scale of evaluate.
- `Door.measured`: the batches of both; from there `Door.measured_batch`: each batch of an iterable or a file.

What fits is said by those who use it: `Sequential.check_examples` (width and dtype), `Loss.check_targets`,
`Metric.check_targets`; how errors read, by `npdeep.common.checks`. Arrays in memory are searched for NaN as a whole before the
first step; what is in a file or comes from an iterable, batch by batch before its update. An array that fits is passed on as it
is, else a copy; nothing writes into it.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from npdeep.common import checks, scaling, seeds
from npdeep.common.stored import Stored, on_disk, stored
from npdeep.datasets.batches import pieces
from npdeep.datasets.blocks import Blocks
from npdeep.datasets.sources import called_every_epoch, closing, is_iterable_of_batches, none_given
from npdeep.kernels.arrays import Array
from npdeep.losses import check_weights, check_y
from npdeep.metrics import BuiltIn
from npdeep.models.sequential import Sequential
from npdeep.training.feed import ArrayFeed, Batch, IterableFeed, parts_of
from npdeep.training.frozen_outputs import frozen_outputs

add, minimum, maximum = np.add.reduce, np.minimum.reduce, np.maximum.reduce    # calls of C alone, which x.sum() is not


class Door:
    """The checks of one trainer's data.

    Args:
        trainer: its model, loss and metrics say what fits.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer, self.model, self.loss = trainer, trainer.model, trainer.loss
        dtype, row, self.lowest, self.highest = self.loss.usual_targets(self.model.output_size, self.model.dtype)
        self.usual = (self.model.dtype, (self.model.input_size,), dtype, row)

    # ── one batch ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def batch(self, owner: str, x: Any, y: Any, sample_weight: Any) -> Batch:
        """A batch of step, walk or gradients. Arrays of the usual dtypes, shapes and ranges pass as they are."""
        usual = not self.trainer.plan.first_layer and not self.trainer.optimizer.scheduled and sample_weight is None
        usual = usual and type(x) is type(y) is np.ndarray and x.flags.c_contiguous and y.flags.c_contiguous
        usual = usual and (x.dtype, x.shape[1:], y.dtype, y.shape[1:]) == self.usual and x.shape[:1] == y.shape[:1] != (0,)
        if usual and isfinite(add(x, None)) and self.lowest <= minimum(y, None) and maximum(y, None) <= self.highest:
            return x, y, None
        return self.closely(owner, x, y, sample_weight)

    def closely(self, owner: str, x: Any, y: Any, sample_weight: Any) -> Batch:
        """The same for any batch: as the model takes it, or a ValueError or TypeError that says what is wrong."""
        if self.trainer.plan.first_layer > 0:    # a callback asks, in the midst of fit(cache_frozen=True)
            raise ValueError(
                f"{owner}: fit is running with cache_frozen, and its steps leave out the frozen layers; call {owner} after it, "
                "or fit without cache_frozen"
            )
        x = self.model.check_examples(owner, "x", x)
        y = self.targets(owner, y, len(x))
        sample_weight = check_weights(owner, sample_weight, len(x), self.model.dtype)
        self.trainer.optimizer.check_schedules(self.trainer.iteration)
        return x, y, sample_weight

    def fit_batch(self, x: Any, y: Any, sample_weight: Any, scale: Any = None) -> Batch:
        """A batch of an iterable, or of arrays in files, in the course of fit. scale: what x is still to be multiplied by."""
        first = self.trainer.progress.batches_done == 0
        if scale is not None:
            x = self.scaled("fit", x, scale, first)
        x, y, sample_weight = self.batch("fit", x, y, sample_weight)
        if first:                             # later in an epoch there are statistics to normalize a single row by
            check_rows(self.model, len(x), "the first batch has one row")
        self.measurable("fit", y, complete=False)
        return x, y, sample_weight

    def scaled(self, owner: str, x: Any, scale: Any, first: bool) -> Array:
        """Rows times the scale. first: of a source, and so large enough to tell whether the scale is a mistake."""
        x = checks.examples(owner, "x", x, self.model.input_size)
        if first:
            scaling.fitting_scale(owner, x, scale)
        checks.finite(owner, "x", x)
        return scaling.cast_scaled(owner, x, scale, self.model.dtype)

    def targets(self, owner: str, y: Any, n: int) -> Any:
        """The targets as the loss expects them; its errors say which argument is meant."""
        return check_y(owner, self.loss, y, n, self.model.output_size, self.model.dtype)

    # ── the data of fit ───────────────────────────────────────────────────────────────────────────────────────────────
    def feed(
        self, x: Any, y: Any, batch_size: Any, sample_weight: Any, shuffle: Any, seed: int, depth: int, scale: Any
    ) -> ArrayFeed | IterableFeed:
        """Arrays or an iterable, checked as far as they can be before the first step.

        depth: how many frozen layers are computed once. scale: what x is multiplied by, or None.
        """
        batch_size = checks.whole("fit", "batch_size", batch_size)
        shuffle = checks.flag("fit", "shuffle", shuffle)
        x = called_every_epoch(x) if y is None else x
        if y is None and is_iterable_of_batches(x):
            if sample_weight is not None:
                raise TypeError("fit: sample_weight goes with arrays; batches bring their own: (x, y, sample_weight)")
            if depth > 0:
                raise ValueError("fit: cache_frozen needs arrays x and y: an iterable may give other examples every epoch")
            return IterableFeed(x, partial(self.fit_batch, scale=scale), scale)
        if y is None:
            raise TypeError("fit: y is missing; call fit(x, y, ...), or fit(batches) with an iterable of (x, y)")
        x, y = self.rows("fit", x, y)
        check_rows(self.model, min(batch_size, len(x)), "batch_size=1" if batch_size == 1 else "x has one row")
        weight = check_weights("fit", sample_weight, len(x), self.model.dtype, self.loss.weighting == "weights")
        if weight is not None and not weight.any():
            raise ValueError("fit: every sample_weight is 0: nothing would be learnt from these examples")
        targets = self.looked_at("fit", y, batch_size, whole=depth > 0)
        scaling.fitting_scale("fit", x, scale, complete=True)
        if scale is not None:                 # x is not cast as a whole; what its first row shows is found here
            self.model.check_examples("fit", "x", scaling.scaled("fit", x[:1], scale))
        if depth > 0:                         # this looks through all of x
            x, scale = frozen_outputs(self.model, x, depth, scale), None
        elif on_disk(x) or on_disk(y):
            return ArrayFeed(x, y, weight, batch_size, seed, self.fit_batch, shuffle, scale)
        elif scale is not None:
            checks.finite("fit", "x", x)
        else:
            x = self.model.check_examples("fit", "x", x)
        return ArrayFeed(x, targets, weight, batch_size, seed, as_they_are, shuffle, scale)

    def rows(self, owner: str, x: Any, y: Any) -> tuple[Any, Any]:
        """x and y as arrays in memory or on a disk, with a row of y for each row of x."""
        x = checks.examples(owner, "x", stored(owner, "x", x), self.model.input_size)
        y = stored(owner, "y", y)
        targets = y if isinstance(y, Stored) else checks.any_array(owner, "y", y)
        if targets.dtype == object and targets.ndim == 0:
            checks.real_array(owner, "y", y)  # a sparse matrix, a generator, …
        if targets.ndim == 0 or len(targets) != len(x):
            raise ValueError(f"{owner}: x has {len(x)} rows, y has shape {targets.shape}; each row of x needs a target")
        return x, targets

    def looked_at(self, owner: str, y: Any, rows: int, whole: bool = False) -> Any:
        """Targets as the loss takes them; of those on a disk, which stay as they are, the first rows alone are looked at."""
        piecewise = on_disk(y) and not whole
        some = y[:rows] if piecewise else y[:] if isinstance(y, Stored) else y    # errors speak of all of y, or of these rows
        checked = self.targets(owner, some, len(some))
        complete = len(some) == len(y)
        self.measurable(owner, checked, complete)
        self.try_metrics(checked, complete)
        return y if piecewise else checked

    # ── what is measured: evaluate, and validation_data ───────────────────────────────────────────────────────────────
    def validation(self, data: Any, scale: Any) -> tuple[Any, Any] | None:
        """(x, y), or (iterable, None), for `Trainer.measure` after every epoch. With a scale x stays as it is."""
        if data is None:
            return None
        owner = "fit: validation_data"
        data = called_every_epoch(data, owner)
        pair = isinstance(data, tuple | list) and len(data) == 2 and not (isinstance(data, list) and isinstance(data[0], tuple))
        if not pair and is_iterable_of_batches(data):
            if isinstance(data, Iterator):
                raise TypeError(
                    f"{owner}: {checks.describe(data)} goes by once, and would be empty after the first epoch; pass the "
                    "generator function itself, without calling it, or a list"
                )
            check, most = partial(self.measured_batch, owner, scale), None if isinstance(data, list | tuple) else 1
            batches: Any = iter(data)
            with closing(batches):
                for _, y, _ in of_iterable(owner, batches, check, most):
                    self.try_metrics(y, complete=False)
            return data, None
        if not pair:
            raise TypeError(
                f"{owner} must be (x, y), got {checks.describe(data)}; an iterable of batches (x, y), or a generator function, "
                "will do too"
            )
        x, y = data
        x, y, _, _ = self.evaluate(x, y, None, 1 if scale is None else scale, owner)
        if on_disk(x) or on_disk(y):
            return x, y
        if scale is None:
            x = checks.cast(owner, "x", x, self.model.dtype)
        else:                                 # what its rows show when they are scaled is found here
            for index in pieces(len(x), 1000, None):
                scaling.cast_scaled(owner, x[index], scale, self.model.dtype)
        self.try_metrics(y)
        return x, y

    def evaluate(
        self, x: Any, y: Any, sample_weight: Any, scale: Any, owner: str = "evaluate"
    ) -> tuple[Any, Any, Array | None, Any]:
        """What `Trainer.measure` takes: examples, targets, weights, and the number that x is multiplied by, or None."""
        x = called_every_epoch(x, owner) if y is None else x
        if y is None and is_iterable_of_batches(x):
            if sample_weight is not None:
                raise TypeError(f"{owner}: sample_weight goes with arrays; batches bring their own: (x, y, sample_weight)")
            return x, None, None, scaling.scale(owner, self.model.scale if scale is None else scale, self.model.dtype)
        if y is None:
            raise TypeError(f"{owner}: y is missing; call {owner}(x, y), or {owner}(batches) with an iterable of (x, y)")
        x = checks.examples(owner, "x", stored(owner, "x", x), self.model.input_size)
        if not isinstance(x, Stored):
            checks.finite(owner, "x", x)
        y = stored(owner, "y", y)
        if on_disk(x) or on_disk(y):          # y stays as it is: each batch of it is looked at when it has been read
            x, y = self.rows(owner, x, y)
            self.looked_at(owner, y, 1000)
        else:
            y = self.targets(owner, y, len(x))
            self.measurable(owner, y)
        weight = check_weights(owner, sample_weight, len(x), self.model.dtype, self.loss.weighting == "weights")
        return x, y, weight, self.model.scale_for(owner, x, scale)

    def measured(
        self, owner: str, x: Any, y: Any, weight: Any, factor: Any, batch_size: int
    ) -> Iterator[Batch]:
        """The batches of what `evaluate` or `validation` gave, as the model takes them."""
        check, team = partial(self.measured_batch, owner, factor), self.trainer.team
        if y is None:
            batches = iter(x)
            with closing(batches):
                yield from parts_for(team, of_iterable(owner, batches, check))
        elif on_disk(x) or on_disk(y):
            sources = {"x": x, "y": y, "sample_weight": weight}
            given: Any = Blocks(owner, sources, batch_size, None).batches(epoch=0)
            if team.size > 1:                 # each reads its own rows
                given = ([s if s is None else s[i] for s in sources.values()] for i in team.pieces(len(x), batch_size))
            for number, batch in enumerate(given):
                yield check(number == 0, *batch)
        else:
            for index in team.pieces(len(x), batch_size):
                rows = scaling.cast_scaled(owner, x[index], factor, self.model.dtype)
                yield rows, y[index], None if weight is None else weight[index]

    def measured_batch(self, owner: str, factor: Any, first: bool, x: Any, y: Any, weight: Any) -> Batch:
        """A batch of an iterable, or of arrays in files, to be measured."""
        if factor is None:
            x = self.model.check_examples(owner, "x", x)
        else:
            x = self.scaled(owner, x, factor, first)
        y = self.targets(owner, y, len(x))
        self.measurable(owner, y, complete=False)
        return x, y, check_weights(owner, weight, len(x), self.model.dtype)

    # ── metrics ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def measurable(self, owner: str, y: Any, complete: bool = True) -> None:
        """Raise where a metric cannot measure these targets, before anything is computed. complete: they are no mere batch."""
        for metric in self.trainer.metrics:
            try:
                metric.check_targets(y, self.model.output_size, complete)
            except (ValueError, TypeError) as error:
                raise type(error)(f"{owner}: {error}") from None

    def try_metrics(self, y: Any, complete: bool = True) -> None:
        """Let custom metrics measure made-up outputs, so that one that cannot measure these targets stops nothing midway."""
        own = [m for m in self.trainer.metrics if not isinstance(m, BuiltIn) and (complete or not m.whole)]
        outputs = seeds.generator(self.trainer.seed).standard_normal((len(y) if own else 0, self.model.output_size))
        for metric in own:
            metric(outputs.astype(self.model.dtype), y)


def of_iterable(owner: str, batches: Iterable[Any], check: Callable[..., Batch], most: int | None = None) -> Iterator[Batch]:
    """Its batches, checked; at most so many. Raises ValueError where there is none."""
    count = 0
    for count, batch in enumerate(batches, start=1):
        yield check(count == 1, *parts_of(owner, batch))
        if count == most:
            break
    if count == 0:
        raise none_given(owner)


def parts_for(team: Any, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Of each batch what this process measures, where several train together."""
    if team.size == 1:
        yield from batches
        return
    counts = team.counts                      # of the step in progress: a callback may evaluate in its midst
    try:
        for batch in batches:
            part = team.part_of_batch(batch)
            if team.counts:
                yield part
        team.part_of_batch(None)
    finally:
        team.counts = counts


def as_they_are(x: Any, y: Any, sample_weight: Any) -> Batch:
    """A batch that was checked before."""
    return x, y, sample_weight


def check_rows(model: Sequential, rows: int, came: str) -> None:
    """Refuse to train batch normalization on single rows.

    >>> import npdeep as nd
    >>> check_rows(nd.Sequential([nd.BatchNormalization(name="bn")], input_size=1), 1, "batch_size=1")
    Traceback (most recent call last):
    ValueError: fit: batch_size=1, but 'bn' normalizes by the mean and variance of the batch, which take 2 rows or more; give \
larger batches (batch_size=32), freeze it, model.freeze('bn'), or use nd.LayerNormalization()
    """
    for layer in model.everything() if rows == 1 else ():
        if layer.batch_statistics and not layer.use_moving_statistics:
            raise ValueError(
                f"fit: {came}, but {layer.name!r} normalizes by the mean and variance of the batch, which take 2 rows or more; "
                f"give larger batches (batch_size=32), freeze it, model.freeze({layer.name!r}), or use nd.LayerNormalization()"
            )
