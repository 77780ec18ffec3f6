"""Who trains a network together: one process alone. `npdeep.interop.mpi` has the team of several."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from npdeep.datasets.batches import pieces
from npdeep.kernels.arrays import Array
from npdeep.metrics import Totals


class Team:
    """What `fit` asks those who train a network together. One process alone has every row, hears of everything, and writes.

    Where there are several, all of them ask the same at the same moments: what a method gives back may take them all.

    Attributes:
        size: how many processes. writes: does this one write files?
        place: what sets its random numbers apart from those of the others.
        counts: do the rows of this process's batch count in the sums of the epoch?
        exchange: what makes of this process's gradients those of the whole batch, between the two halves of a step.

    >>> Team().part(slice(0, 50))
    slice(0, 50, None)
    """

    size: int = 1
    writes: bool = True
    counts: bool = True
    place: tuple[int, ...] = ()
    exchange: ClassVar[Callable[[], None] | None] = None

    def part(self, index: Array | slice) -> Array | slice:
        """Those of a batch's rows that this process trains on."""
        return index

    def part_of_batch(self, batch: Any) -> Any:
        """The same of a batch that an iterable gave; None where it has come to its end."""
        return batch

    def pieces(self, n: int, batch_size: int) -> Iterator[Array | slice]:
        """Those of n rows that this process evaluates, so many at a time."""
        return pieces(n, batch_size, None)

    def begin(self, loop: Any) -> None:
        """A fit is about to begin, the callbacks agree."""

    def settle(self, loop: Any, errors: list[BaseException]) -> list[BaseException]:
        """The callbacks were told of something: their errors, those of all processes."""
        return errors

    def whole(self, totals: Totals) -> Totals:
        """The sums over the rows of all processes."""
        return totals


ALONE = Team()
