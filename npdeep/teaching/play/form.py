"""A form of labelled controls in the browser, and the controls of the playground as its items."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from npdeep.teaching.play.data import MOST_BYTES
from npdeep.teaching.play.settings import ACTIVATIONS, BUGS, CONTROLS, DROPOUT, Control, Settings

HERE = Path(__file__).parent


class Form(JSComponent):  # type: ignore[misc]
    """Native controls. `heard` is called with the name and the value of what was changed; nothing about them is trusted."""

    title = param.String()
    layout = param.String(default="side")
    items = param.List()
    values = param.Dict(default={})
    disabled = param.List()
    look = param.String()
    frame = param.Integer(default=0)
    _esm = (HERE / "form.js").read_text(encoding="utf-8")
    _stylesheets = [(HERE / "form.css").read_text(encoding="utf-8")]  # noqa: RUF012

    def __init__(self, heard: Callable[[Any, Any], None], **given: Any) -> None:
        self.heard = heard
        super().__init__(**given)

    def _handle_msg(self, message: Any) -> None:
        if isinstance(message, dict):
            self.heard(message.get("name"), message.get("value"))


def words(option: str) -> str:
    """How an option is shown.

    >>> words("glorot_uniform")
    'glorot uniform'
    """
    return option.replace("_", " ")


def item(name: str, control: Control) -> dict[str, Any]:
    """A control as the form takes it."""
    kind = "stops" if control.stops else "number" if control.kind in ("whole", "number") else control.kind
    return {
        "name": name, "label": control.label, "kind": kind, "group": control.group, "low": control.low, "high": control.high,
        "options": [[option, words(option)] for option in control.options], "stops": list(control.stops),
    }  # fmt: skip


def side_items() -> list[dict[str, Any]]:
    """All fields beside the views, from top to bottom."""
    shown = [item(name, control) for name, control in CONTROLS.items() if control.shown]
    data = [i for i in shown if i["group"] == "Data"]
    file = {"kind": "file", "name": "csv", "label": "CSV file (class in the last column)", "group": "Data", "high": MOST_BYTES}
    draw = _choice("draw", "Draw points", [["off", "off"], *([str(k), f"class {k}"] for k in range(3))], "Data")
    points = {"kind": "text", "name": "points", "label": "Points (x,y,class; …)", "group": "Data"}
    which = _choice("which", "Settings of", [["0", "network A"], ["1", "network B"]], "Network")
    rest = [i for i in shown if i["group"] not in ("Data", "View")]
    return [*data, draw, points, file, which, *rest, *_one_layer(), *_view()]


def _choice(name: str, label: str, options: list[list[str]], group: str) -> dict[str, Any]:
    return {"kind": "choice", "name": name, "label": label, "options": options, "group": group}


def _one_layer() -> list[dict[str, Any]]:
    same = ["", "as all layers"]
    dropouts = [same, *([f"{rate:g}", f"{rate:g}"] for rate in DROPOUT.stops)]
    return [
        {"kind": "number", "name": "one", "label": "Hidden layer", "group": "One layer", "low": 1, "high": 50},
        _choice("one_activation", "Its activation", [same, *([a, words(a)] for a in ACTIVATIONS)], "One layer"),
        _choice("one_dropout", "Its dropout", dropouts, "One layer"),
    ]


def _view() -> list[dict[str, Any]]:
    return [item(name, control) for name, control in CONTROLS.items() if control.group == "View"]


def bar_items(presets: list[str]) -> list[dict[str, Any]]:
    """Title, counter, buttons and presets."""
    bugs = [["", "none"], *([name, f"bug {number}"] for number, name in enumerate(BUGS, 1))]
    buttons = [
        ("train", "Train", "train until Pause"),
        ("update", "One update", "one batch forward and backward, and one step of the optimizer"),
        ("operation", "One operation", "the next operation of the step, with the numbers of one unit"),
        ("reset", "Reset", "make the networks again from the seed"),
        ("diagnose", "What is wrong?", "measure the networks and say what is wrong, and what to try"),
        ("numbers", "Numbers", "all numbers of the views as a table"),
        ("share", "Share", "an address that carries every setting"),
        ("code", "Code", "Python that makes this network"),
        ("hide", "Hide text", "show the views alone"),
    ]
    return [
        {"kind": "heading", "name": "title", "label": "npdeep playground"},
        {"kind": "count", "name": "count", "label": "Updates"},
        *({"kind": "button", "name": name, "label": label, "help": text} for name, label, text in buttons),
        {**_choice("preset", "Presets", [["", "choose …"], *([name, name] for name in presets)], "")},
        {**_choice("fault", "Find the bug", bugs, "")},
        {"kind": "address", "name": "address", "label": "Address to share"},
        {"kind": "status", "name": "said", "label": "Message"},
    ]


def values(settings: Settings) -> dict[str, Any]:
    """What the fields show of a network's settings."""
    return {name: getattr(settings, name) for name in CONTROLS if name != "layers"}
