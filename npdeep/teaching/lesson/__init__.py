"""The lesson: why deep networks are hard to train, and what each remedy does, on real handwritten digits.

networks.py says which networks are trained · measure.py trains and measures them · tables.py and words.py make tables and
sentences of the measurements · figures.py draws them, page.py puts all on one page · this module puts the parts together.
"""

from collections.abc import Callable
from pathlib import Path

from npdeep import datasets
from npdeep.common import checks, seeds, writing
from npdeep.common.printing import fold
from npdeep.teaching.lesson import page
from npdeep.teaching.lesson.figures import PICTURES, draw
from npdeep.teaching.lesson.measure import BATCH, Result, check_function, train
from npdeep.teaching.lesson.networks import DEPTH, LEARNING_RATE, NETWORKS, WIDTH, Network, chosen, networks
from npdeep.teaching.lesson.tables import gradients, table, units
from npdeep.teaching.lesson.words import sentences, verdict

__all__ = [
    "NETWORKS",
    "PICTURES",
    "Network",
    "Result",
    "chosen",
    "gradients",
    "networks",
    "run",
    "sentences",
    "table",
    "train",
    "units",
    "verdict",
]


def run(
    folder: str | Path = "lesson",
    *,
    epochs: int = 40,
    seed: int = 42,
    depth: int = DEPTH,
    width: int = WIDTH,
    activation: str | None = None,
    initializer: str | None = None,
    normalization: str | None = None,
    residual: bool = False,
    say: Callable[[str], None] = print,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Result]:
    """Train networks on the packed digits, write figures and a page into the folder, print tables and sentences.

    Args:
        folder: is made where it is missing; index.html in it has everything on one page.
        epochs: for each of the deep networks.
        seed: for weights and order.
        depth, width: how many hidden layers the deep networks have, and of how many units.
        activation, initializer, normalization, residual: where one of them is given they describe a network of your own, which
            is trained beside two of the lesson's: one in which the gradient vanishes, and one that learns. initializer: a name
            or "auto", which fits it to the activation; normalization: "none", "batch" or "layer"; residual: a shortcut around
            every hidden layer but the first.
        say: takes each line of text.
        stopped: asked after every update; True ends the lesson with what was learnt so far.

    Raises ValueError or TypeError for invalid arguments; OSError, before the training, where the folder cannot be written.
    """
    epochs, seed = checks.whole("lesson", "epochs", epochs), seeds.check_seed("lesson", seed)
    check_function("say", say)
    check_function("stopped", stopped)
    chose = chosen(depth, width, activation, initializer, normalization, residual)
    folder = writing.check_folder("lesson", checks.path("lesson", "folder", folder))
    training, test = datasets.mnist_sample()
    results: list[Result] = []
    for number, network in enumerate(chose, start=1):
        if stopped():
            break
        say(fold(f"{number}/{len(chose)}  {network.title}: {network.what}"))
        results.append(train(network, training, test, epochs=epochs, seed=seed, say=say, stopped=stopped))
    if results:
        try:
            for path in draw(results, folder):
                say(fold(f"wrote {path}"))
            say(fold(f"wrote {page.write(results, introduction(depth, width, chose), folder)}; open it in a browser"))
        finally:                              # what was measured is told even where a figure could not be written
            for text in (gradients(results), table(results), units(results), fold("\n".join(sentences(results)))):
                say(f"\n{text}")
    return results


def introduction(depth: int, width: int, chose: tuple[Network, ...]) -> list[str]:
    """What was trained, on what, and how: a paragraph, and a line for each network.

    >>> introduction(20, 100, chosen(20, activation="tanh"))[2]
    "logistic, Glorot: weights with Glorot's variance"
    """
    text = (
        f"{len(chose)} networks, trained on 5,000 handwritten digits (MNIST) in batches of {BATCH} and tested on 1,000 others. "
        f"The deep ones have {depth} hidden layers of {width} units, and learn by gradient descent with the learning rate "
        f"{LEARNING_RATE:g}."
    )
    return [text, *(f"{network.title}: {network.what}" for network in chose)]
