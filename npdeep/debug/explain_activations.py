"""Activations with numbers plugged in: the expressions of nd.activations.RULES, and what they cannot say of whole rows."""

from typing import Any

import numpy as np

from npdeep.common.events import Formula
from npdeep.debug.explain_layers import Parts, own_layer, own_layer_backward, through_slope
from npdeep.debug.explanation import Statement, Symbol
from npdeep.debug.place import Place
from npdeep.kernels.activations.exponentials import SELU_ALPHA, SELU_SCALE
from npdeep.kernels.arrays import Array
from npdeep.layers import Activation


def numbers_of(layer: Activation, z: Any, a: Any) -> dict[str, Any]:
    """Everything that a formula may name."""
    parameters = dict(zip(layer.rule.parameters, layer.values, strict=True))
    return {**parameters, **layer.rule.constants, "z": float(z), "a": float(a)}


def activation(layer: Activation, at: Place) -> Parts:
    """a = f(z) of one number, or of one number among its row."""
    if layer.activation in ROWS:
        return ROWS[layer.activation](layer, at)
    if not layer.rule.value:
        return own_layer(layer, at)
    z, a = layer.input[at.row, at.unit], layer.output[at.row, at.unit]
    numbers = numbers_of(layer, z, a)
    return [at.equation(Symbol("a", at.unit), layer.rule.value, numbers, a)]


def activation_backward(layer: Activation, at: Place) -> Parts:
    """The slope, and dz = da·f'(z)."""
    if layer.activation in ROWS:
        return ROWS_BACKWARD[layer.activation](layer, at)
    if not layer.rule.slope:
        return own_layer_backward(layer, at)
    z, a = layer.input[at.row, at.unit], layer.output[at.row, at.unit]
    slope = at.equation(
        Symbol("slope", at.unit),
        layer.rule.slope,
        numbers_of(layer, z, a),
        engine_slopes(layer, at.row)[at.unit],
        slack=2 * at.eps * jump_taken_off(layer),
    )
    return through_slope(layer, at, slope)


def jump_taken_off(layer: Activation) -> float:
    """ELU's kernel adds α to an a near −α, SELU's writes λ as λα + (λ − λα): how large is what they take off again?"""
    return {"elu": abs(layer.values[0]) if layer.values else 0.0, "selu": SELU_SCALE * SELU_ALPHA}.get(layer.activation, 0.0)


def engine_slopes(layer: Activation, row: int) -> Array:
    """f'(z) of one row as the engine's own backward kernel has it: on copies, with da = 1."""
    z, a, *workspace = (array[row : row + 1].copy() for array in (layer.input, layer.output, *layer.workspace))
    slope = np.empty_like(z)
    result: Array = layer.rule.backward(z, a, *workspace, np.ones_like(z), slope, *layer.values)[0]
    return result


# ── whole rows ────────────────────────────────────────────────────────────────────────────────────────────────────────
def row_of(array: Array, at: Place) -> list[float]:
    """One row as Python numbers."""
    numbers: list[float] = array[at.row].tolist()
    return numbers


def exponentials(z: list[float], at: Place, sign: str) -> tuple[Statement, float]:
    """Σₖ e^(zₖ − max), and the largest z; sign "-" for softmin, whose largest is the smallest."""
    top = min(z) if sign else max(z)
    formula = f"exp({sign}(z - top))" if sign else "exp(z - top)"
    terms = [at.term(formula, {"z": value, "top": top}, f"k = {k}") for k, value in enumerate(z)]
    shown = Formula(f"Σₖ e^{sign.replace('-', '−')}(z[k] − top)", rf"\sum_k e^{{{sign}(z_k - \mathrm{{top}})}}")
    return at.sum("S", shown, terms), top


def softmax(layer: Activation, at: Place) -> Parts:
    """a = e^(z − top)/S."""
    sign = "-" if layer.activation == "softmin" else ""
    z = row_of(layer.input, at)
    total, top = exponentials(z, at, sign)
    numbers: dict[str, Any] = {"z": z[at.unit], "top": top, "S": total}
    formula = "exp(-(z - top))/S" if sign else "exp(z - top)/S"
    word = "smallest" if sign else "largest"
    a = at.equation(Symbol("a", at.unit), formula, numbers, layer.output[at.row, at.unit])
    return [f"top, the {word} z, is taken off so that nothing overflows", a, total]


def weighted_da(layer: Activation, at: Place) -> Statement:
    """Σᵢ da·a of the row."""
    pairs = zip(row_of(layer.grad_output, at), row_of(layer.output, at), strict=True)
    terms = [at.term("da*a", {"da": da, "a": a}, f"i = {i}") for i, (da, a) in enumerate(pairs)]
    return at.sum("T", Formula("Σᵢ da[i]·a[i]", r"\sum_i da_i a_i"), terms)


def softmax_backward(layer: Activation, at: Place) -> Parts:
    """dz = a(da − Σ da·a); for softmin with the other sign."""
    if layer.grad_input is None:
        return ["dz: not needed below"]
    total = weighted_da(layer, at)
    numbers: dict[str, Any] = {"da": layer.grad_output[at.row, at.unit], "a": layer.output[at.row, at.unit], "T": total}
    formula = "-(a*(da - T))" if layer.activation == "softmin" else "a*(da - T)"
    return [at.equation(Symbol("dz", at.unit), formula, numbers, layer.grad_input[at.row, at.unit]), total]


def log_softmax(layer: Activation, at: Place) -> Parts:
    """a = z − top − log S."""
    z = row_of(layer.input, at)
    total, top = exponentials(z, at, "")
    numbers: dict[str, Any] = {"z": z[at.unit], "top": top, "S": total}
    a = at.equation(Symbol("a", at.unit), "z - top - log(S)", numbers, layer.output[at.row, at.unit])
    return ["top, the largest z, is taken off so that nothing overflows", a, total]


def log_softmax_backward(layer: Activation, at: Place) -> Parts:
    """dz = da − e^a·Σ da."""
    if layer.grad_input is None:
        return ["dz: not needed below"]
    terms = [at.term("da", {"da": da}, f"i = {i}") for i, da in enumerate(row_of(layer.grad_output, at))]
    total = at.sum("T", Formula("Σᵢ da[i]", r"\sum_i da_i"), terms)
    numbers: dict[str, Any] = {"da": layer.grad_output[at.row, at.unit], "a": layer.output[at.row, at.unit], "T": total}
    return [at.equation(Symbol("dz", at.unit), "da - exp(a)*T", numbers, layer.grad_input[at.row, at.unit]), total]


def sparsemax(layer: Activation, at: Place) -> Parts:
    """a = max(z − τ, 0), τ = (Σ of z over the support − 1)/how many are in it."""
    z, a = row_of(layer.input, at), row_of(layer.output, at)
    support = [k for k, value in enumerate(a) if value > 0]
    terms = [at.term("z", {"z": z[k]}, f"k = {k}") for k in support]
    over = Formula("Σₖ z[k] over the support, where a > 0", r"\sum_{k: a_k > 0} z_k")
    total = at.sum("S", over, terms)
    tau = at.equation("tau", "(S - 1)/size", {"S": total, "size": len(support)}, words=f"{len(support)} are in the support")
    value = at.equation(Symbol("a", at.unit), "max(z - tau, 0)", {"z": z[at.unit], "tau": tau}, a[at.unit])
    return [value, tau, total]


def sparsemax_backward(layer: Activation, at: Place) -> Parts:
    """dz = da − mean of da over the support, 0 outside."""
    if layer.grad_input is None:
        return ["dz: not needed below"]
    a, da = row_of(layer.output, at), row_of(layer.grad_output, at)
    terms = [at.term("da", {"da": da[k]}, f"k = {k}") for k, value in enumerate(a) if value > 0]
    over = Formula("mean of da[k] over the support", r"\overline{da}_S")
    mean = at.sum("T", over, terms, over=max(1, len(terms)))
    numbers: dict[str, Any] = {"da": da[at.unit], "a": a[at.unit], "T": mean}
    dz = at.equation(Symbol("dz", at.unit), "da - T if a > 0 else 0", numbers, layer.grad_input[at.row, at.unit])
    return [dz, mean]


ROWS = {"softmax": softmax, "softmin": softmax, "log_softmax": log_softmax, "sparsemax": sparsemax}
ROWS_BACKWARD = {
    "softmax": softmax_backward,
    "softmin": softmax_backward,
    "log_softmax": log_softmax_backward,
    "sparsemax": sparsemax_backward,
}
