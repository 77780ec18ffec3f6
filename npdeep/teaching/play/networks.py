"""From settings to a network and its trainer, and to the Python code that makes them: both come from one description."""

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import npdeep as nd
from npdeep.teaching.play.data import Data
from npdeep.teaching.play.settings import FOR_ACTIVATION, Settings
from npdeep.training.trainer import Trainer

MOST_PARAMETERS = 2_000_000
EXAMPLE = 0.01
"""The constant initializer's number, times the gain."""


@dataclass(frozen=True)
class Part:
    """A call of something in npdeep: `make` makes it, `str` writes it.

    >>> part = Part("Dense", [3], {"kernel_initializer": "he_normal"})
    >>> str(part), part.make().units
    ("nd.Dense(3, kernel_initializer='he_normal')", 3)
    """

    name: str
    arguments: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)

    def make(self) -> Any:
        """Call it."""
        named = {name: made(value) for name, value in self.named.items()}
        return attrgetter(self.name)(nd)(*map(made, self.arguments), **named)

    def __str__(self) -> str:
        given = [*map(written, self.arguments), *(f"{name}={written(value)}" for name, value in self.named.items())]
        return f"nd.{self.name}({', '.join(given)})"


def made(value: Any) -> Any:
    """What an argument stands for."""
    return value.make() if isinstance(value, Part) else [made(v) for v in value] if isinstance(value, list) else value


def written(value: Any) -> str:
    """An argument as code."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return str(value) if isinstance(value, Part) else repr(value)


def initializer(name: str, gain: float, activation: str) -> Any:
    """An initializer with `gain` times its spread.

    >>> str(initializer("he_normal", 2.0, "relu")), initializer("he_normal", 1.0, "relu")
    ("nd.initializers.VarianceScaling(8.0, 'fan_in', 'truncated_normal')", 'he_normal')
    """
    if name == FOR_ACTIVATION:
        known: Any = nd.initializers.for_activation(activation if activation in nd.activations.RULES else "relu")
    else:
        known = nd.initializers.KNOWN[name]()
    if isinstance(known, nd.initializers.VarianceScaling):
        if gain == 1 and name != FOR_ACTIVATION:
            return name
        return Part("initializers.VarianceScaling", [known.scale * gain**2, known.mode, known.distribution])
    if name in ("constant", "ones"):
        return Part("initializers.Constant", [gain * (EXAMPLE if name == "constant" else 1.0)])
    if gain == 1 or name == "zeros":
        return name
    if name == "random_uniform":
        return Part("initializers.RandomUniform", [known.minimum * gain, known.maximum * gain])
    return Part(f"initializers.{type(known).__name__}", [], {"gain" if hasattr(known, "gain") else "stddev": gain})


def hidden(settings: Settings, number: int) -> list[Part]:
    """One hidden layer: dense, normalization, activation, dropout; around all but the first a shortcut, if asked."""
    activation, dropout = settings.layer(number)
    width, normalization = settings.width, settings.normalization
    kernel = {"kernel_initializer": initializer(settings.initializer, settings.gain, activation)}
    bias = {"use_bias": False} if normalization == "batch" else {}
    if activation == "maxout":
        parts = [Part("Maxout", [width], {**kernel, "name": f"hidden{number}"})]
    else:
        units = 2 * width if activation == "glu" else width
        parts = [Part("Dense", [units], {**kernel, **bias, "name": f"hidden{number}"})]
    if normalization != "none":
        kind = "BatchNormalization" if normalization == "batch" else "LayerNormalization"
        parts.append(Part(kind, [], {"name": f"normalization{number}"}))
    if activation != "maxout":
        parts.append(_activation(activation, f"activation{number}"))
    if dropout > 0:
        parts.append(Part("Dropout", [dropout], {"name": f"dropout{number}"}))
    if settings.residual and number > 1:      # as in the lesson: a projection would be one more layer than the others have
        return [Part("Residual", [parts], {"name": f"block{number}"})]
    return parts


def _activation(name: str, layer: str) -> Part:
    own = {"prelu": "PReLU", "rrelu": "RReLU", "glu": "GLU"}
    if name in own:
        return Part(own[name], [], {"name": layer})
    required = {"threshold": 0.0, "value": 0.0} if name == "threshold" else {}
    return Part("Activation", [name], {**required, "name": layer})


def layers(settings: Settings, classes: int) -> list[Part]:
    """All layers, lowest first."""
    parts = [Part("Dropout", [settings.input_dropout], {"name": "dropout0"})] if settings.input_dropout > 0 else []
    for number in range(1, settings.depth + 1):
        parts += hidden(settings, number)
    return [*parts, Part("Dense", [classes], {"kernel_initializer": initializer(settings.outputs, 1.0, ""), "name": "outputs"})]


def optimizer(settings: Settings) -> Part:
    """The optimizer with its learning rate."""
    return Part(f"optimizers.{nd.optimizers.KNOWN[settings.optimizer].__name__}", [settings.learning_rate])


def clipping(settings: Settings) -> Part | None:
    """By the global norm, or none."""
    return Part("clipping.ClipByGlobalNorm", [settings.clipping]) if settings.clipping > 0 else None


def check_size(settings: Settings, inputs: int, classes: int) -> None:
    """Raise ValueError where a network would have too many weights."""
    width, kinds = settings.width, {settings.layer(number)[0] for number in range(1, settings.depth + 1)}
    double = 2 if kinds & {"glu", "maxout"} else 1
    weights = double * (inputs * width + (settings.depth - 1) * width**2) + width * classes
    if weights > MOST_PARAMETERS:
        raise ValueError(
            f"Width {width} with Depth {settings.depth} makes {weights:,} weights; the playground takes "
            f"{MOST_PARAMETERS:,}: choose a smaller width or depth"
        )


def trainer(settings: Settings, data: Data) -> Trainer:
    """The trainer that the settings describe, newly made from the seed. Raises ValueError for a network that is too large.

    >>> from npdeep.teaching.play.data import data_of
    >>> settings = Settings(data="xor", depth=2, width=4, activation="tanh")
    >>> trainer(settings, data_of(settings)).model
    <Sequential sequential 2-4-4-2 float32>
    """
    inputs, classes = data.x.shape[1], len(data.classes)
    check_size(settings, inputs, classes)
    parts = layers(settings, classes)
    model = nd.Sequential(made(parts), input_size=inputs, seed=settings.seed)
    return Trainer(model, "softmax_cross_entropy", optimizer(settings).make(), made(clipping(settings)), metrics=["accuracy"])


FAULT = """import npdeep as nd

trainer, x, y = nd.debug.plant("{}")
print(nd.debug.diagnose(trainer, x, y))"""


def code(settings: Settings, data: Data, updates: int = 0) -> str:
    """Python that makes the same network and trains it, for whole epochs, to the same bits.

    >>> from npdeep.teaching.play.data import data_of
    >>> settings = Settings(data="xor", depth=1, width=4)
    >>> print(code(settings, data_of(settings)).splitlines()[-1])
    trainer.fit(x, y, epochs=10, batch_size=50, validation_data=test)
    """
    if settings.fault:
        return FAULT.format(settings.fault)
    stack = "".join(f"        {part},\n" for part in layers(settings, len(data.classes)))
    clip = clipping(settings)
    epochs = max(1, updates // -(-len(data.x) // settings.batch_size)) if updates else 10
    return f"""import npdeep as nd

{data.code}
model = nd.Sequential(
    [
{stack}    ],
    input_size={data.x.shape[1]},
    seed={settings.seed},
)
trainer = nd.Trainer(
    model,
    loss="softmax_cross_entropy",
    optimizer={optimizer(settings)},
    clipping={clip},
    metrics=["accuracy"],
)
trainer.fit(x, y, epochs={epochs}, batch_size={settings.batch_size}, validation_data=test)"""
