"""All settings of the playground in one table: name, label, limits, default, and how they are in the address of the page.

Whatever comes from an address or a browser goes through `Control.check`: a value is one of the choices or lies within the
limits, or it is refused by the control's label, and what was there before stays.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from npdeep.activations import OWN_LAYERS, RULES
from npdeep.debug import FAULTS
from npdeep.initializers import KNOWN as INITIALIZERS
from npdeep.optimizers import KNOWN as OPTIMIZERS

LONGEST = 20_000
"""How many characters of an address are read."""

BUGS = tuple(name for name in FAULTS if name != "collapse")
"""The planted faults that are made in a second or two; `collapse` takes minutes."""

DATA = ("digits", "spirals", "moons", "xor", "circles", "drawn", "csv")
FOR_ACTIVATION = "for the activation"
ACTIVATIONS = (*RULES, *OWN_LAYERS)
MOST_DEPTH, MOST_WIDTH, MOST_BATCH, MOST_POINTS = 50, 500, 1000, 400


def decades(first: int, last: int, mantissas: tuple[float, ...] = (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)) -> tuple[float, ...]:
    """The stops of a logarithmic slider, 10^first to 10^last.

    >>> decades(-1, 0, (1, 5))
    (0.1, 0.5, 1.0)
    """
    stops = [float(f"{m}e{power}") for power in range(first, last) for m in mantissas]
    return (*stops, float(f"1e{last}"))


@dataclass(frozen=True)
class Control:
    """What there is to know about one setting.

    Attributes:
        label: what is beside it, and its name for screen readers. kind: choice, whole, number, flag, layers or points.
        options: of a choice. low, high: limits of a number. stops: where a slider stops; none: a field to type into.
        shared: the same for both networks. group: the heading that it stands under. shown: is there a field for it?
    """

    label: str
    kind: str
    options: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    stops: tuple[float, ...] = ()
    shared: bool = False
    group: str = "Network"
    shown: bool = True

    def check(self, value: Any) -> Any:
        """The value as it is kept. Raises ValueError, by label, for what is no choice or beyond the limits.

        >>> Control("Depth", "whole", low=1, high=50).check("1000000")
        Traceback (most recent call last):
        ValueError: Depth must be an integer from 1 to 50, got '1000000'
        >>> Control("Seed", "whole", high=1e6).wanted
        'an integer from 0 to 1,000,000'
        """
        checked = getattr(self, f"_{self.kind}")(value)
        if checked is None:
            raise ValueError(f"{self.label} must be {self.wanted}, got {repr(value)[:60]}")
        return checked

    @property
    def wanted(self) -> str:
        """What it takes, in words."""
        limits = f"from {self.low:,.7g} to {self.high:,.7g}"
        return {
            "choice": f"one of {', '.join(self.options)}",
            "whole": f"an integer {limits}",
            "number": f"a number {limits}",
            "flag": "on or off",
            "layers": "layers such as 3:tanh:0.5, a number, an activation and a dropout each, parted by commas",
            "points": f"at most {MOST_POINTS} points such as 0.5,-1,0, two coordinates and a class each, parted by semicolons",
        }[self.kind]

    def _choice(self, value: Any) -> str | None:
        return next((option for option in self.options if option == value), None)

    def _number(self, value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:
            return None
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) and self.low <= number <= self.high else None

    def _whole(self, value: Any) -> int | None:
        number = self._number(value)
        return None if number is None or number != int(number) else int(number)

    def _flag(self, value: Any) -> bool | None:
        return {"on": True, "off": False}.get(value) if isinstance(value, str) else value if isinstance(value, bool) else None

    def _layers(self, value: Any) -> str | None:
        parts = [part.split(":") for part in value.split(",") if part] if isinstance(value, str) else [[""]]
        kept: dict[int, str] = {}
        for part in parts:
            if len(part) != 3:
                return None
            layer, activation, dropout = DEPTH._whole(part[0]), part[1], "" if part[2] == "" else DROPOUT._number(part[2])
            if layer is None or dropout is None or activation not in ("", *ACTIVATIONS) or layer in kept:
                return None
            if activation or dropout != "":
                kept[layer] = f"{layer}:{activation}:{dropout if dropout == '' else f'{dropout:g}'}"
        return ",".join(kept[layer] for layer in sorted(kept))

    def _points(self, value: Any) -> str | None:
        parts = [part.split(",") for part in value.split(";") if part.strip()] if isinstance(value, str) else [[""]]
        kept = []
        for part in parts:
            numbers = [COORDINATE._number(text) for text in part[:2]]
            if len(part) != 3 or None in numbers or part[2].strip() not in ("0", "1", "2"):
                return None
            kept.append(f"{numbers[0]:.3g},{numbers[1]:.3g},{part[2].strip()}")
        return ";".join(kept) if len(kept) <= MOST_POINTS else None

    def text(self, value: Any) -> str:
        """The value as it is in an address."""
        if isinstance(value, bool):
            return "on" if value else "off"
        return repr(value) if isinstance(value, float) else str(value)


COORDINATE = Control("Coordinate", "number", low=-10, high=10)
DEPTH = Control("Depth", "whole", low=1, high=MOST_DEPTH, stops=tuple(range(1, MOST_DEPTH + 1)))
BATCHES = (1, 2, 4, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 1000)
WIDTHS = (*range(1, 9), 10, 12, 16, 20, 25, 30, 40, 50, 64, 80, 100, 128, 150, 200, 300, 400, 500)
RATES, NORMS = (0.0, *decades(-7, 2)), (0.0, *decades(-3, 3, (1, 2, 5)))
DROPOUT = Control("Dropout", "number", low=0, high=0.95, stops=tuple(round(i / 20, 2) for i in range(20)))


def _set(default: Any, control: Control) -> Any:
    return field(default=default, metadata={"control": control})


def _choice(default: str, label: str, options: tuple[str, ...], **given: Any) -> Any:
    return _set(default, Control(label, "choice", options, **given))


@dataclass(frozen=True)
class Settings:
    """The settings of one network. Those that are `shared` are the same for both networks.

    >>> Settings().changed("depth", 3).depth
    3
    """

    data: str = _choice("digits", "Data", DATA, shared=True, group="Data")
    batch_size: int = _set(50, Control("Batch size", "whole", (), 1, MOST_BATCH, BATCHES, True, "Data"))
    seed: int = _set(42, Control("Seed", "whole", (), 0, 1_000_000, (), True, "Data"))
    depth: int = _set(10, DEPTH)
    width: int = _set(100, Control("Width", "whole", (), 1, MOST_WIDTH, WIDTHS))
    activation: str = _choice("sigmoid", "Activation", ACTIVATIONS)
    initializer: str = _choice("glorot_uniform", "Initializer", (*INITIALIZERS, FOR_ACTIVATION))
    gain: float = _set(1.0, Control("Gain", "number", (), 0.001, 1000, decades(-3, 3, (1, 1.41, 2, 3, 4, 5, 7))))
    normalization: str = _choice("none", "Normalization", ("none", "batch", "layer"))
    residual: bool = _set(False, Control("Residual", "flag"))
    dropout: float = _set(0.0, DROPOUT)
    optimizer: str = _choice("sgd", "Optimizer", tuple(OPTIMIZERS), group="Training")
    learning_rate: float = _set(0.05, Control("Learning rate", "number", (), 0, 1000, RATES, group="Training"))
    clipping: float = _set(0.0, Control("Clipping (global norm, 0: off)", "number", (), 0, 1000, NORMS, group="Training"))
    outputs: str = _choice("glorot_uniform", "Initializer of the outputs", tuple(INITIALIZERS), group="Details")
    input_dropout: float = _set(0.0, Control("Dropout of the inputs", "number", (), 0, 0.95, DROPOUT.stops, group="Details"))
    layers: str = _set("", Control("Layers of their own", "layers", group="One layer", shown=False))
    fault: str = _set("", Control("Find the bug", "choice", ("", *BUGS), shared=True, shown=False))
    points: str = _set("", Control("Points drawn", "points", shared=True, shown=False))
    compare: bool = _set(False, Control("Two networks", "flag", shared=True, group="View", shown=False))
    dark: bool = _set(False, Control("Dark", "flag", shared=True, group="View", shown=False))
    large: bool = _set(False, Control("Large type", "flag", shared=True, group="View", shown=False))

    def changed(self, name: str, value: Any) -> "Settings":
        """The same with another value. Raises ValueError where there is no such setting, or the value does not fit."""
        return replace(self, **{name: control(name).check(value)})

    def layer(self, number: int) -> tuple[str, float]:
        """Activation and dropout of a hidden layer: its own, or those of all.

        >>> Settings(layers="2:relu:").layer(2), Settings(layers="2:relu:").layer(1)
        (('relu', 0.0), ('sigmoid', 0.0))
        """
        activation, dropout = self.own().get(number, ("", ""))
        return activation or self.activation, self.dropout if dropout == "" else float(dropout)

    def own(self) -> dict[int, tuple[str, str]]:
        """What was set for single layers: activation and dropout, "" where it is that of all."""
        parts = [part.split(":") for part in self.layers.split(",") if part]
        return {int(layer): (activation, dropout) for layer, activation, dropout in parts}

    def with_layer(self, number: int, activation: str | None = None, dropout: Any = None) -> "Settings":
        """The same with a layer of its own; what is None stays as it was.

        >>> Settings().with_layer(3, activation="tanh").layers
        '3:tanh:'
        """
        own = self.own()
        before = own.get(number, ("", ""))
        own[number] = (before[0] if activation is None else activation, before[1] if dropout is None else str(dropout))
        return self.changed("layers", ",".join(f"{layer}:{a}:{d}" for layer, (a, d) in own.items()))


CONTROLS: dict[str, Control] = {f.name: f.metadata["control"] for f in fields(Settings)}


def control(name: Any) -> Control:
    """The control of this name, which may be whatever a message says. Raises ValueError where there is none."""
    if not isinstance(name, str) or name not in CONTROLS:
        raise ValueError(f"there is no setting {str(name)[:40]!r}; there are {', '.join(CONTROLS)}")
    return CONTROLS[name]


def both(first: Settings, second: Settings) -> Settings:
    """The second network's settings, with what is shared as the first has it."""
    return replace(second, **{name: getattr(first, name) for name, c in CONTROLS.items() if c.shared})


def differences(first: Settings, second: Settings) -> dict[str, tuple[Any, Any]]:
    """What the two networks do not have in common, by name.

    >>> differences(Settings(), Settings(depth=3))
    {'depth': (10, 3)}
    """
    pairs = {name: (getattr(first, name), getattr(second, name)) for name in CONTROLS}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# ── the address ───────────────────────────────────────────────────────────────────────────────────────────────────────
SECOND = "b."
"""Stands in front of what the second network has of its own."""


def to_query(first: Settings, second: Settings) -> str:
    """Every setting of the first network, and where the second differs, as the end of an address.

    >>> to_query(Settings(), Settings(depth=3))[-10:]
    '&b.depth=3'
    """
    texts = {name: c.text(getattr(first, name)) for name, c in CONTROLS.items()}
    kept = {name: text for name, text in texts.items() if text or getattr(Settings(), name)}
    own = {SECOND + name: CONTROLS[name].text(pair[1]) for name, pair in differences(first, second).items()}
    return urlencode({**kept, **own}, safe=":,;")


def from_query(query: str) -> tuple[Settings, Settings, list[str]]:
    """Both networks' settings, and what was refused, in words; refused and missing settings keep their defaults.

    >>> first, second, refused = from_query("?depth=3&width=-1&b.activation=relu")
    >>> first.depth, second.depth, second.activation, refused
    (3, 3, 'relu', ["Width must be an integer from 1 to 500, got '-1'"])
    """
    refused = [f"only the first {LONGEST:,} characters of the address were read"] if len(query) > LONGEST else []
    try:
        pairs = parse_qsl(query[:LONGEST].lstrip("?"), keep_blank_values=True, max_num_fields=2 * len(CONTROLS))
    except ValueError:
        return Settings(), Settings(), [f"the address has more than {2 * len(CONTROLS)} settings and was not read"]
    first, refused_first = _read(Settings(), {k: v for k, v in pairs if not k.startswith(SECOND)})
    own = {k.removeprefix(SECOND): v for k, v in pairs if k.startswith(SECOND)}
    shared = [f"{CONTROLS[k].label} is the same for both networks" for k in own if k in CONTROLS and CONTROLS[k].shared]
    second, refused_second = _read(first, {k: v for k, v in own.items() if k not in CONTROLS or not CONTROLS[k].shared})
    return first, second, [*refused, *refused_first, *shared, *refused_second]


def _read(settings: Settings, texts: Mapping[str, str]) -> tuple[Settings, list[str]]:
    refused = []
    for name, text in texts.items():
        try:
            settings = settings.changed(name, text)
        except ValueError as error:
            refused.append(str(error))
    return settings, refused
