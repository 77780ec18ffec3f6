"""The lesson: why deep networks are hard to train, and what each remedy does, on real handwritten digits.

networks.py says which networks are trained · measure.py trains and measures them · words.py makes sentences of the
measurements · figures.py draws them · this module puts the four together.
"""

import textwrap
from collections.abc import Callable
from pathlib import Path

from npdeep import datasets
from npdeep.common import checks, seeds
from npdeep.teaching.lesson.figures import draw
from npdeep.teaching.lesson.measure import Result, train
from npdeep.teaching.lesson.networks import NETWORKS, Network
from npdeep.teaching.lesson.words import sentences, table

__all__ = ["NETWORKS", "Network", "Result", "run", "sentences", "table", "train"]


def run(
    folder: str | Path = "lesson",
    *,
    epochs: int = 40,
    seed: int = 42,
    say: Callable[[str], None] = print,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Result]:
    """Train all networks on the packed digits, print table and sentences, write the figures into the folder.

    Args:
        folder: is made where it is missing.
        epochs: for each of the deep networks.
        seed: for weights and order.
        say: takes each line of text.
        stopped: asked after every epoch; True ends the lesson with what was learned so far.

    Raises ValueError or TypeError for unfit arguments, OSError where the folder cannot be written.
    """
    epochs, seed = checks.whole("lesson", "epochs", epochs), seeds.check_seed("lesson", seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    training, test = datasets.mnist_sample()
    results: list[Result] = []
    for number, network in enumerate(NETWORKS, start=1):
        if stopped():
            break
        say(f"{number}/{len(NETWORKS)}  {network.title}: {network.what}")
        results.append(train(network, training, test, epochs=epochs, seed=seed, say=say, stopped=stopped))
    if results:
        say("")
        say(str(table(results)))
        say("")
        for sentence in sentences(results):
            say(textwrap.fill(sentence, 110, subsequent_indent="    "))
        say("")
        for path in draw(results, training, folder):
            say(f"wrote {path}")
    return results
