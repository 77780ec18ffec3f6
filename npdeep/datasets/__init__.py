"""Data to learn on: MNIST, a sample of it that comes with the package, any IDX file, and toys."""

from npdeep.datasets.batches import batches
from npdeep.datasets.idx_files import idx
from npdeep.datasets.mnist import mnist, mnist_sample
from npdeep.datasets.toys import moons, spirals, xor

__all__ = ["batches", "idx", "mnist", "mnist_sample", "moons", "spirals", "xor"]
