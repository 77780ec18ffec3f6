"""Which parameters the stages penalty and constrain work on, and the events that show them."""

from typing import Any

from npdeep.common import custom
from npdeep.common.events import Formula, StepEvent
from npdeep.kernels.arrays import Array
from npdeep.parameters import Parameter, chunks

Piece = tuple[Any, Array, Array | None, Array]
"""(regularizer, w, dw or None, scratch): a piece of a parameter that fits the scratch."""


def penalty_pieces(parameters: list[Parameter]) -> list[Piece]:
    """All regularized parameters, cut into pieces; dw is None where a parameter is frozen."""
    pieces: list[Piece] = []
    for parameter in parameters:
        if parameter.regularizer is not None:
            arena = parameter.arena
            for span in chunks([parameter.span]):
                w, dw = arena.values[span], arena.grads[span] if parameter.trainable else None
                pieces.append((asked(parameter.regularizer), w, dw, arena.scratch[: len(w)]))
    return pieces


def asked(regularizer: Any) -> Any:
    """The regularizer; a custom one together with a look at what it returns."""
    return Asked(regularizer) if custom.is_custom(regularizer) else regularizer


class Asked:
    """A custom regularizer, whose penalties must be numbers."""

    def __init__(self, own: Any) -> None:
        self.own = own

    def penalty(self, w: Array, dw: Array | None, t: Array) -> float:
        """Ask it. Raises TypeError where it does not return a number."""
        return custom.one_number(f"{type(self.own).__name__}: penalty", self.own.penalty(w, dw, t))


def total_penalty(parameters: list[Parameter]) -> float:
    """The sum of all penalties on the weights as they are now.

    >>> total_penalty([])
    0.0
    """
    return float(sum(regularizer.penalty(w, None, t) for regularizer, w, _, t in penalty_pieces(parameters)))


def parameter_event(stage: str, parameters: list[Parameter], attribute: str) -> StepEvent:
    """The event of a stage that works on some parameters, with the formulas of their regularizers or constraints."""
    workers = [getattr(p, attribute) for p in parameters]
    formulas = {worker.formula.unicode: worker.formula for worker in workers}
    text = Formula("; ".join(formulas), r";\ ".join(f.latex for f in formulas.values()))
    kernel = getattr(workers[0], "kernel", None) if workers else None
    return StepEvent(stage, stage, None, text, ParameterReader(parameters), kernel)


class ParameterReader:
    """Reads values and gradients of some parameters, for an event.

    >>> ParameterReader([])()
    {}
    """

    def __init__(self, parameters: list[Parameter]) -> None:
        self.parameters = parameters

    def __call__(self) -> dict[str, Any]:
        """The live arrays by name."""
        arrays: dict[str, Any] = {}
        for p in self.parameters:
            arrays[p.name] = p.value
            arrays[f"grad of {p.name}"] = p.wanted
        return arrays
