"""What all processes that train together must have built and been given, by name; and what is said where they have not."""

import inspect
import re
from typing import Any

from npdeep.common import checks
from npdeep.layers.attributes import HELD
from npdeep.training.feed import checksum
from npdeep.training.trainer import Trainer

ALIKE = "give every rank the same"
SEARCHED = 2**26
"""How many bytes of an array of validation data are looked at."""


def of_others(owner: str, said: list[str | None]) -> ValueError:
    """What the ranks raise that have no error of their own.

    >>> of_others("DataParallel.fit", [None, "OSError: the disk is full"])
    ValueError('DataParallel.fit: on rank 1: OSError: the disk is full')
    """
    rank, text = next((rank, text) for rank, text in enumerate(said) if text)
    return ValueError(f"{owner}: on rank {rank}: {text}")


def differing(owner: str, name: str, rank: int, here: Any, there: Any) -> str:
    """What is wrong where two ranks were given other things.

    >>> differing("DataParallel.fit", "batch_size", 1, 50, 32)
    'DataParallel.fit: batch_size is 50 on rank 0 and 32 on rank 1; give every rank the same'
    """
    one, other = (checks.shortened(str(value), 80) for value in (here, there))
    return f"{owner}: {name} is {one} on rank 0 and {other} on rank {rank}; {ALIKE}"


OF_FEED = (
    ("rows", "number", "rows"),
    ("scale", "scale", "the model"),
    ("checksum", "checksum", "x, y and sample_weight"),
    ("checksums", "checksum", "the batches"),
)
"""Attributes of a feed, and what they are called in an error."""


def checksum_of(x: Any, y: Any) -> int | None:
    """That of validation data: arrays, or batches in a list. What gives its batches when it is asked has none.

    >>> checksum_of([(1, 2)], None) == checksum_of([(1, 3)], None), checksum_of(iter, None)
    (False, None)
    """
    if y is not None:
        return checksum((x, y), SEARCHED)
    if isinstance(x, list | tuple):
        return checksum([part for batch in x for part in batch if part is not None], SEARCHED)
    return None


def plain_options(options: dict[str, Any]) -> dict[str, Any]:
    """Those arguments of fit that are numbers, words and the like, defaults too: all ranks must have given the same.

    >>> plain_options({"batch_size": 50})["batch_size"], plain_options({})["batch_size"]
    (50, 32)
    """
    usual = {p.name: p.default for p in inspect.signature(Trainer.fit).parameters.values() if p.kind is p.KEYWORD_ONLY}
    given = {**usual, **options}
    return {name: value for name, value in given.items() if name != "verbose" and isinstance(value, bool | int | float | str)}


def facts_of_fit(loop: Any) -> dict[str, Any]:
    """What all ranks must have been given, by name."""
    trainer, progress, feed = loop.trainer, loop.progress, loop.feed
    done, validation = progress.batches_done, progress.validation_data
    feed.fingerprint()                        # takes the checksum
    return {
        **trainer.team.options,
        **{f"the {what} of {name}": getattr(feed, attribute, None) for attribute, what, name in OF_FEED},
        "the number of batches": len(feed),
        "seed": loop.seed,
        "the place in the run": (trainer.iteration, progress.epoch, done, progress.resumed),
        "the checksum of validation_data": validation and checksum_of(*validation),
        "augment": without_addresses(repr(loop.augment)),
        "callbacks": [without_addresses(watcher.identity) for watcher in loop.watchers if not watcher.reports],
    }


OTHERWISE = {"model", "metrics", "seed"}
"""Arguments of a trainer that are compared in another way, or not at all."""


def facts_of_trainer(trainer: Any) -> dict[str, Any]:
    """What all ranks must have built, by name. Weights and seeds may differ: they will be those of rank 0."""
    model, arguments = trainer.model, set(inspect.signature(Trainer).parameters)
    return {
        "input_size": model.input_size,
        "dtype": str(model.dtype),
        "metrics": [metric.name for metric in trainer.metrics],
        "the number of layers": len(model.everything()),
        **{name: value for layer in model.everything() for name, value in facts_of_layer(layer).items()},
        **{name: without_addresses(repr(getattr(trainer, name))) for name in sorted(arguments - OTHERWISE)},
    }


def facts_of_layer(layer: Any) -> dict[str, Any]:
    """Its kind, its arguments and the shapes of its parameters, by name.

    >>> import npdeep as nd
    >>> list(facts_of_layer(nd.BatchNormalization(momentum=0.5, name="bn")))[:2]
    ['the kind of layer bn', 'momentum of layer bn']
    """
    try:
        arguments = layer.arguments()
    except AttributeError:                    # a custom layer that does not keep them
        arguments = {}
    plain = {name: value for name, value in arguments.items() if name not in HELD}    # what it holds has facts of its own
    return {
        f"the kind of layer {layer.name}": type(layer).__name__,
        **{f"{name} of layer {layer.name}": without_addresses(repr(value)) for name, value in plain.items()},
        **{f"the shape of {p.name}": p.shape for p in layer.parameters},
    }


def without_addresses(text: str) -> str:
    """How something prints, without the places in memory, which differ from process to process.

    >>> without_addresses(repr(object()))
    '<object object>'
    """
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
