"""Which array is which letter of the formula: kernel is W, output is z."""


from npdeep.common.events import StepEvent

PARAMETERS = {"kernel": "W", "bias": "b", "gamma": "γ", "beta": "β", "alpha": "α", "mean": "μ", "variance": "σ²"}

WHOLE_STEP = {"grad": "g", "change": "Δw", "before": "w"}
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
    letters = {**PARAMETERS, **dict(zip(("input", "output"), event.layer.letters, strict=True))}
    kind = name.removeprefix("grad_")
    return ("d" if kind != name else "") + letters[kind] if kind in letters else ""


def _of_loss(event: StepEvent, name: str) -> str:
    outputs = "p" if "dp = " in event.formula else "z"
    letters = {"outputs": outputs, "probabilities": "softmax(z)", "targets": "y", "loss": "L", "grad_outputs": f"d{outputs}"}
    return letters.get(name, "")
