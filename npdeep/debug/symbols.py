"""Which array is which letter of the formula: kernel is W, output is z."""

from typing import Any

from npdeep.common.events import StepEvent
from npdeep.layers import Activation, Dense, Maxout, PReLU, RReLU

ENDS: dict[type[Any], tuple[str, str]] = {
    Dense: ("x", "z"),
    Maxout: ("x", "a"),
    Activation: ("z", "a"),
    PReLU: ("z", "a"),
    RReLU: ("z", "a"),
}
"""What a layer's formula calls its input and its output; all others say x and y."""

PARAMETERS = {"kernel": "W", "bias": "b", "gamma": "γ", "beta": "β", "alpha": "α", "mean": "μ", "variance": "σ²"}

WHOLE_STEP = {"grad": "g", "change": "Δw"}
"""In the stages that work on all parameters at once."""


def symbol(event: StepEvent, name: str) -> str:
    """The letter that stands for an array in the formula of its event; "" where there is none.

    >>> import npdeep as nd
    >>> dense = nd.Sequential([nd.Dense(1)], input_size=1).layers[0]
    >>> [symbol(dense.forward_event, name) for name in ("input", "kernel", "output")]
    ['x', 'W', 'z']
    >>> symbol(dense.backward_event, "grad_kernel")
    'dW'
    """
    if event.stage in ("forward", "backward"):
        letter = _of_layer(event, name)
    elif event.stage == "loss":
        letter = _of_loss(event, name)
    else:
        word, of, _ = name.partition(" of ")
        letter = ("dw" if word == "grad" and event.stage == "penalty" else WHOLE_STEP.get(word, word)) if of else "w"
    return letter if letter in event.formula or letter == WHOLE_STEP["change"] else ""


def _of_layer(event: StepEvent, name: str) -> str:
    ends = ENDS.get(type(event.layer), ("x", "y"))
    letters = {**PARAMETERS, "input": ends[0], "output": ends[1]}
    kind = name.removeprefix("grad_")
    return ("d" if kind != name else "") + letters[kind] if kind in letters else ""


def _of_loss(event: StepEvent, name: str) -> str:
    outputs = "p" if "dp = " in event.formula else "z"
    letters = {"outputs": outputs, "probabilities": "softmax(z)", "targets": "y", "loss": "L", "grad_outputs": f"d{outputs}"}
    return letters.get(name, "")
