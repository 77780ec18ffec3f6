"""The lesson: why deep networks are hard to train, and what each remedy does, on real handwritten digits.

networks.py says which networks are trained · measure.py trains and measures them · words.py makes sentences of the
measurements · figures.py draws them · this module puts the four together.
"""

from collections.abc import Callable
from pathlib import Path

from npdeep import datasets
from npdeep.common import checks, seeds, writing
from npdeep.common.printing import fold
from npdeep.teaching.lesson.figures import draw
from npdeep.teaching.lesson.measure import Result, train
from npdeep.teaching.lesson.networks import NETWORKS, Network
from npdeep.teaching.lesson.words import gradients, sentences, table

__all__ = ["NETWORKS", "Network", "Result", "gradients", "run", "sentences", "table", "train"]


def run(
    folder: str | Path = "lesson",
    *,
    epochs: int = 40,
    seed: int = 42,
    say: Callable[[str], None] = print,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Result]:
    """Train all networks on the packed digits, write the figures into the folder, print tables and sentences.

    Args:
        folder: is made where it is missing.
        epochs: for each of the deep networks.
        seed: for weights and order.
        say: takes each line of text.
        stopped: asked after every epoch; True ends the lesson with what was learned so far.

    Raises ValueError or TypeError for unfit arguments; OSError, before the training, where the folder cannot be written.
    """
    epochs, seed = checks.whole("lesson", "epochs", epochs), seeds.check_seed("lesson", seed)
    folder = writing.check_folder("lesson", folder)
    training, test = datasets.mnist_sample()
    results: list[Result] = []
    for number, network in enumerate(NETWORKS, start=1):
        if stopped():
            break
        say(fold(f"{number}/{len(NETWORKS)}  {network.title}: {network.what}"))
        results.append(train(network, training, test, epochs=epochs, seed=seed, say=say, stopped=stopped))
    if results:
        try:
            for path in draw(results, training, folder):
                say(fold(f"wrote {path}"))
        finally:                              # what was measured is told even where a figure could not be written
            for text in (str(gradients(results)), str(table(results)), fold("\n".join(sentences(results)))):
                say(f"\n{text}")
    return results
