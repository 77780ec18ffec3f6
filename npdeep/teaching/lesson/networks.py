"""The networks of the lesson."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from npdeep import activations, initializers, optimizers
from npdeep.common import checks
from npdeep.layers import BatchNormalization, Dense, Dropout, Layer, LayerNormalization, Residual
from npdeep.layers.hidden import hidden_layer
from npdeep.models.sequential import Sequential

DEPTH, WIDTH, CLASSES, PIXELS = 10, 100, 10, 784
DEEPEST, WIDEST = 100, 2000
LEARNING_RATE = 0.05

NORMALIZATIONS: dict[str, Any] = {"none": None, "batch": BatchNormalization, "layer": LayerNormalization}


@dataclass(frozen=True)
class Network:
    """A network of the lesson.

    Attributes:
        title: its name in table and figures. what: what is special about it, in a few words.
        build: makes its layers.
        optimizer: makes its optimizer. compared: one of the deep networks of one shape, with one optimizer?
        most: it is trained for no more epochs than this.
    """

    title: str
    what: str
    build: Callable[[], list[Layer]]
    optimizer: Callable[[], optimizers.Optimizer] = lambda: optimizers.SGD(LEARNING_RATE)
    compared: bool = True
    most: int | None = None

    def model(self, seed: int) -> Sequential:
        """The network, newly made from the seed."""
        return Sequential(self.build(), input_size=PIXELS, seed=seed, name=self.title)


def deep(
    activation: str,
    initializer: Any,
    outputs: Any = "glorot_uniform",
    normalization: str = "none",
    residual: bool = False,
    depth: int = DEPTH,
    width: int = WIDTH,
) -> list[Layer]:
    """Hidden layers of one kind, by default ten of 100 units, and the output layer.

    With residual=True there is a shortcut around every hidden layer but the first, which changes the width.

    >>> len([layer for layer in deep("relu", "he_normal") if isinstance(layer, Dense)])
    11
    >>> len([layer for layer in deep("relu", "he_normal", residual=True) if isinstance(layer, Residual)])
    9
    """
    normalize, layers = NORMALIZATIONS[normalization], list[Layer]()
    for i in range(1, depth + 1):
        part = hidden_layer(width, activation, initializer, normalize, number=i)
        layers += [Residual(part, name=f"block{i}")] if residual and i > 1 else part
    return [*layers, Dense(CLASSES, kernel_initializer=outputs, name="outputs")]


def today() -> list[Layer]:
    """784-300-100-10, with what the chapter recommends.

    >>> [layer.given_name for layer in today() if isinstance(layer, Dense)]
    ['hidden1', 'hidden2', 'outputs']
    """
    layers: list[Layer] = [Dropout(0.2, name="dropout0")]
    for i, units in enumerate((300, 100), start=1):
        layers += hidden_layer(units, "relu", "he_normal", BatchNormalization, dropout=0.5, number=i)
    return [*layers, Dense(CLASSES, name="outputs")]


def check_shape(depth: Any, width: Any) -> tuple[int, int]:
    """Hidden layers and units of each. Raises ValueError or TypeError for what is none, or too many."""
    depth, width = checks.whole("lesson", "depth", depth), checks.whole("lesson", "width", width)
    for name, value, most in (("depth", depth, DEEPEST), ("width", width, WIDEST)):
        if value > most:
            raise ValueError(f"lesson: {name} must be at most {most:,}, or the class is over first; got {value:,}")
    return depth, width


def networks(depth: int = DEPTH, width: int = WIDTH) -> tuple[Network, ...]:
    """The deep networks of this depth and width; at the lesson's own depth and width the chapter's network as well.

    >>> [network.title for network in networks(depth=20)][:2]
    ['logistic, N(0, 1)', 'logistic, Glorot']
    """
    depth, width = check_shape(depth, width)

    def hidden(activation: str, initializer: Any, **options: Any) -> Callable[[], list[Layer]]:
        return lambda: deep(activation, initializer, **options, depth=depth, width=width)

    found = (
        Network(
            "logistic, N(0, 1)",
            "weights from N(0, 1), the choice that chapter 11 of the book warns of",
            hidden("sigmoid", "random_normal", outputs="random_normal"),
        ),
        Network("logistic, Glorot", "weights with Glorot's variance", hidden("sigmoid", "glorot_uniform")),
        Network(
            "logistic, 4 × Glorot",
            "four times that spread, because the logistic function has slope ¼ at 0",
            hidden("sigmoid", initializers.for_activation("sigmoid")),
        ),
        Network(
            "logistic, Glorot, residual",
            "Glorot's weights again, and a shortcut around every hidden layer but the first",
            hidden("sigmoid", "glorot_uniform", residual=True),
        ),
        Network("ReLU, He", "an activation that does not saturate, He's variance", hidden("relu", "he_normal")),
        Network(
            "ReLU, He, layer norm",
            "the same, and layer normalization before every activation",
            hidden("relu", "he_normal", normalization="layer"),
        ),
        Network(
            "ELU, He, batch norm",
            "ELU, and batch normalization before every activation",
            hidden("elu", "he_normal", normalization="batch"),
        ),
    )
    if depth == 1:                            # no layer to put a shortcut around
        return tuple(network for network in found if not network.title.endswith("residual"))
    return (*found, CHAPTER) if (depth, width) == (DEPTH, WIDTH) else found


CHAPTER = Network(
    "784-300-100-10",
    "the chapter's network as one would train it today: He, batch normalization, ReLU, dropout, Adam",
    today,
    lambda: optimizers.Adam(0.001),
    compared=False,
    most=25,
)

NETWORKS = networks()

BESIDE = ("logistic, Glorot", "ReLU, He")
"""A network of your own is trained beside these: one in which the gradient vanishes, and one that learns."""


def chosen(
    depth: int = DEPTH,
    width: int = WIDTH,
    activation: str | None = None,
    initializer: str | None = None,
    normalization: str | None = None,
    residual: bool = False,
) -> tuple[Network, ...]:
    """The networks that a lesson with these options trains.

    Where one of the last four is given they describe a network "yours" (by default of ReLU, an initializer that fits the
    activation, nothing else), which is trained beside two of the lesson's. Raises ValueError or TypeError for what does not
    fit.

    >>> [network.title for network in chosen(depth=20, activation="tanh")]
    ['yours', 'logistic, Glorot', 'ReLU, He']
    >>> chosen(normalization="batch", residual=True)[0].what
    "relu, VarianceScaling(scale=2.0, mode='fan_avg', distribution='uniform'), batch normalization, residual"
    """
    depth, width = check_shape(depth, width)
    residual = checks.flag("lesson", "residual", residual)
    if activation is None and initializer is None and normalization is None and not residual:
        return networks(depth, width)
    if residual and depth < 2:
        raise ValueError(
            f"lesson: residual puts a shortcut around every hidden layer but the first; with depth {depth} there is no other, "
            "so give a depth of at least 2"
        )
    others = [network for network in networks(depth, width) if network.title in BESIDE]
    activation = "relu" if activation is None else activation
    initializer = "auto" if initializer is None else initializer
    normalization = "none" if normalization is None else normalization
    return (yours(depth, width, activation, initializer, normalization, residual), *others)


def yours(depth: int, width: int, activation: str, initializer: str, normalization: str, residual: bool) -> Network:
    """The network that these options describe. Raises where its layers cannot be made, before anything is trained."""
    rule = activations.lookup(activation)
    if rule.whole_row:
        raise ValueError(
            f"lesson: activation must be one that works unit by unit, such as relu or tanh; {rule.name} mixes those of a row"
        )
    normalization = checks.choice("lesson", "normalization", normalization, NORMALIZATIONS)
    fitting = isinstance(initializer, str) and initializer == "auto"
    start = initializers.for_activation(rule.name) if fitting else initializers.get("lesson", "initializer", initializer)

    def build() -> list[Layer]:
        return deep(rule.name, start, normalization=normalization, residual=residual, depth=depth, width=width)

    parts = [rule.name, repr(start), *([f"{normalization} normalization"] if normalization != "none" else [])]
    network = Network("yours", ", ".join([*parts, *(["residual"] if residual else [])]), build)
    try:
        network.model(0)
    except (ValueError, TypeError) as error:
        raise ValueError(f"lesson: this network cannot be made: {error}") from None
    return network
