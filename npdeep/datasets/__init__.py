"""Data to learn on: MNIST, a sample of it that comes with the package, any IDX file, toys, and batches of your own data."""

from typing import TYPE_CHECKING

from npdeep.common.foreign_names import DATASETS, expanded
from npdeep.common.hinting import asked
from npdeep.datasets.batches import batches
from npdeep.datasets.idx_files import idx
from npdeep.datasets.mnist import mnist, mnist_sample
from npdeep.datasets.sources import prefetch
from npdeep.datasets.toys import circles, moons, spirals, xor

__all__ = ["batches", "circles", "idx", "mnist", "mnist_sample", "moons", "prefetch", "spirals", "xor"]
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, expanded(DATASETS), {name: globals()[name] for name in __all__})
