"""How mnist_sample.npz was made from the full MNIST: python -m npdeep.datasets.pack_mnist_sample FOLDER_WITH_MNIST"""

import sys
from pathlib import Path

import numpy as np

from npdeep.datasets.mnist import SAMPLE, read

TRAINING, TEST = 5000, 1000


def pack(folder: str | Path, target: Path = SAMPLE) -> None:
    """Write the first training and test images and labels, as bytes, into one compressed file."""
    images, labels = read("train-images-idx3-ubyte", folder), read("train-labels-idx1-ubyte", folder)
    test_images, test_labels = read("t10k-images-idx3-ubyte", folder), read("t10k-labels-idx1-ubyte", folder)
    np.savez_compressed(
        target,
        x_train=images[:TRAINING].reshape(TRAINING, -1),
        y_train=labels[:TRAINING],
        x_test=test_images[:TEST].reshape(TEST, -1),
        y_test=test_labels[:TEST],
    )


if __name__ == "__main__":
    pack(sys.argv[1])
