"""All exercises, in the order of the course."""

from npdeep.common import checks
from npdeep.common.foreign_names import squeeze
from npdeep.common.words import shortened
from npdeep.teaching.exercises import (
    activations,
    adam,
    affine,
    clipping,
    digits,
    initializers,
    losses,
    normalization,
    optimizers,
    regularization,
    schedules,
    training,
)
from npdeep.teaching.exercises.exercise import Exercise

CHAPTERS = (
    affine,
    activations,
    losses,
    initializers,
    normalization,
    regularization,
    clipping,
    optimizers,
    adam,
    schedules,
    training,
    digits,
)

ALL: dict[str, Exercise] = {exercise.name: exercise for chapter in CHAPTERS for exercise in chapter.EXERCISES}
"""Every exercise by its name."""


def find(name: str) -> Exercise:
    """The exercise of this name; ValueError with the nearest names where there is none.

    >>> find("affine_backward").outputs
    ('dW', 'db', 'dx')
    >>> find("batchnorm")
    Traceback (most recent call last):
    ValueError: exercise: unknown name 'batchnorm'; did you mean batch_normalization_forward, batch_normalization_backward?
    """
    part = squeeze(name) if isinstance(name, str) else ""
    longer = [known for known in ALL if len(part) > 2 and part in squeeze(known) and part != squeeze(known)]
    if longer and name not in ALL:
        raise ValueError(f"exercise: unknown name {shortened(repr(name))}; did you mean {', '.join(longer)}?")
    return ALL[checks.choice("exercise", "name", name, ALL)]
