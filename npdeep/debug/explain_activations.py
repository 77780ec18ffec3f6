"""Activations with numbers plugged in: for every name in nd.activations.RULES the value and the slope as formulas.

Where the table of activations writes Greek letters for people, here stand expressions that can be worked out.
"""

from typing import Any

import numpy as np

from npdeep.common.events import Formula
from npdeep.debug.explain_layers import Parts
from npdeep.debug.explanation import Statement, Symbol
from npdeep.debug.place import Place
from npdeep.kernels.activations.exponentials import SELU_ALPHA, SELU_SCALE
from npdeep.kernels.arrays import Array
from npdeep.layers import Activation

ON = "1 if z > 0 else 0"
AT_THRESHOLD = "negative_slope if z < threshold else (1 if abs(threshold) > 0 else negative_slope)"
LINE = "slope*z + offset"
HELD = ("min(max(slope*z + offset, minimum), maximum)", "slope if minimum < slope*z + offset < maximum else 0")
HARD_GATE = "min(max(slope*z + offset, 0), 1)"
SHRINK = "1 if abs(z) > threshold else (1 if threshold <= 0 else 0)"
GATE = "1/(1 + exp(-beta*z))"
SWISH = ("z/(1 + exp(-beta*z))", f"{GATE} + beta*a*(1 - {GATE})")
TAIL = "erfc(-(z/sqrt(2)))/2"
INNER = "sqrt(2/pi)*(z + 0.044715*z**3)"
MISH = "tanh(max(z, 0) + log1p(exp(-abs(z))))"
DISH = "z/sqrt(1 + z**2)"

FORMULAS = {
    "linear": ("z", "1"),
    "scaled": (LINE, "slope"),
    "relu": ("max(z, 0)", ON),
    "leaky_relu": ("max(negative_slope*z, z)", "1 if z > 0 else negative_slope"),
    "threshold": ("z if z > threshold else value", "1 if z > threshold else 0"),
    "general_relu": (
        "maximum if z >= maximum else (z if z >= threshold else negative_slope*(z - threshold))",
        f"0 if z >= maximum else (1 if z > threshold else ({AT_THRESHOLD}))",
    ),
    "relu6": HELD,
    "clipped_linear": HELD,
    "hard_tanh": HELD,
    "hard_sigmoid": HELD,
    "sparse_sigmoid": HELD,
    "hard_silu": (f"z*{HARD_GATE}", f"{HARD_GATE} + (z*slope if 0 < slope*z + offset < 1 else 0)"),
    "sparse_plus": ("0 if z <= -1 else ((z + 1)**2/4 if z < 1 else z)", "(min(max(z, -1), 1) + 1)/2"),
    "soft_shrink": ("z - min(max(z, -threshold), threshold)", SHRINK),
    "hard_shrink": ("z if abs(z) > threshold else 0", SHRINK),
    "elu": ("z if z > 0 else alpha*expm1(z)", "1 if z > 0 else a + alpha"),
    "celu": ("z if z > 0 else alpha*expm1(z/alpha)", "1 if z > 0 else a/alpha + 1"),
    "selu": ("lambda_*z if z > 0 else lambda_*alpha*expm1(z)", "lambda_ if z > 0 else a + lambda_*alpha"),
    "exponential": ("exp(z)", "a"),
    "sigmoid": ("1/(1 + exp(-z))", "a*(1 - a)"),
    "tanh": ("tanh(z)", "1 - a**2"),
    "softsign": ("z/(1 + abs(z))", "1/(1 + abs(z))**2"),
    "log_sigmoid": ("min(z, 0) - log1p(exp(-abs(z)))", "1 - exp(a)"),
    "tanh_shrink": ("z - tanh(z)", "tanh(z)**2"),
    "softplus": ("max(z, 0) + log1p(exp(-beta*abs(z)))/beta", "1 - exp(-beta*a)"),
    "squareplus": ("(z + sqrt(z**2 + b))/2", "a/sqrt(z**2 + b)"),
    "silu": SWISH,
    "gelu_sigmoid": SWISH,
    "gelu": (f"z*({TAIL})", f"{TAIL} + z*exp(-(z**2/2))/sqrt(2*pi)"),
    "gelu_tanh": (
        f"z*(1 + tanh({INNER}))/2",
        f"(1 + tanh({INNER}))/2 + z*(1 - tanh({INNER})**2)*sqrt(2/pi)*(1 + 0.134145*z**2)/2",
    ),
    "mish": (f"z*{MISH}", f"{MISH} + z*(1 - {MISH}**2)/(1 + exp(-z))"),
    "dish": (f"z*({DISH} + 1)/2", f"1/2 + {DISH}*(1 - ({DISH})**2/2)"),
}
"""a = f(z) and f'(z) by the name of the activation, in z, a, and the activation's parameters."""

CONSTANTS = {"selu": {"lambda_": SELU_SCALE, "alpha": SELU_ALPHA}, **{k: {"pi": np.pi} for k in ("gelu", "gelu_tanh")}}
"""Numbers in the formulas that are not the user's to choose."""


def numbers_of(layer: Activation, z: Any, a: Any) -> dict[str, Any]:
    """Everything that a formula may name."""
    parameters = dict(zip(layer.rule.parameters, layer.values, strict=True))
    return {**parameters, **CONSTANTS.get(layer.activation, {}), "z": float(z), "a": float(a)}


def activation(layer: Activation, at: Place) -> Parts:
    """a = f(z) of one number, or of one number among its row."""
    if layer.rule.whole_row:
        return ROWS[layer.activation](layer, at)
    z, a = layer.input[at.row, at.unit], layer.output[at.row, at.unit]
    numbers = numbers_of(layer, z, a)
    value = at.equation(Symbol("a", at.unit), FORMULAS[layer.activation][0], numbers, a)
    return [f"forward: {layer.forward_formula}", value]


def activation_backward(layer: Activation, at: Place) -> Parts:
    """The slope, and dz = da·f'(z)."""
    if layer.rule.whole_row:
        return ROWS_BACKWARD[layer.activation](layer, at)
    z, a = layer.input[at.row, at.unit], layer.output[at.row, at.unit]
    slope = at.equation(
        Symbol("slope", at.unit),
        FORMULAS[layer.activation][1],
        numbers_of(layer, z, a),
        engine_slopes(layer, at.row)[at.unit],
        slack=2 * at.eps * jump_taken_off(layer),
    )
    if layer.grad_input is None:
        return ["backward: the slope f'(z); nobody below wants dz", slope]
    numbers: dict[str, Any] = {"da": layer.grad_output[at.row, at.unit], "slope": slope}
    dz = at.equation(Symbol("dz", at.unit), "da*slope", numbers, layer.grad_input[at.row, at.unit])
    return ["backward: dz = da·f'(z)", slope, dz]


def jump_taken_off(layer: Activation) -> float:
    """ELU's kernel adds α to an a near −α, SELU's writes λ as λα + (λ − λα): how large is what they take off again?"""
    return {"elu": abs(layer.values[0]) if layer.values else 0.0, "selu": SELU_SCALE * SELU_ALPHA}.get(layer.activation, 0.0)


def engine_slopes(layer: Activation, row: int) -> Array:
    """f'(z) of one row as the engine's own backward kernel has it: on copies, with da = 1."""
    z, a, *workspace = (array[row : row + 1].copy() for array in (layer.input, layer.output, *layer.workspace))
    slope = np.empty_like(z)
    layer.rule.backward(z, a, *workspace, np.ones_like(z), slope, *layer.values)
    result: Array = slope[0]
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
    return [f"forward: {layer.forward_formula}; top, the {word} z, is taken off so that nothing overflows", a, total]


def weighted_da(layer: Activation, at: Place) -> Statement:
    """Σᵢ da·a of the row."""
    pairs = zip(row_of(layer.grad_output, at), row_of(layer.output, at), strict=True)
    terms = [at.term("da*a", {"da": da, "a": a}, f"i = {i}") for i, (da, a) in enumerate(pairs)]
    return at.sum("T", Formula("Σᵢ da[i]·a[i]", r"\sum_i da_i a_i"), terms)


def softmax_backward(layer: Activation, at: Place) -> Parts:
    """dz = a(da − Σ da·a); for softmin with the other sign."""
    heading = f"backward: {layer.backward_formula}"
    if layer.grad_input is None:
        return [heading, "nobody below wants dz"]
    total = weighted_da(layer, at)
    numbers: dict[str, Any] = {"da": layer.grad_output[at.row, at.unit], "a": layer.output[at.row, at.unit], "T": total}
    formula = "-(a*(da - T))" if layer.activation == "softmin" else "a*(da - T)"
    return [heading, at.equation(Symbol("dz", at.unit), formula, numbers, layer.grad_input[at.row, at.unit]), total]


def log_softmax(layer: Activation, at: Place) -> Parts:
    """a = z − top − log S."""
    z = row_of(layer.input, at)
    total, top = exponentials(z, at, "")
    numbers: dict[str, Any] = {"z": z[at.unit], "top": top, "S": total}
    a = at.equation(Symbol("a", at.unit), "z - top - log(S)", numbers, layer.output[at.row, at.unit])
    return [f"forward: {layer.forward_formula}; top, the largest z, is taken off so that nothing overflows", a, total]


def log_softmax_backward(layer: Activation, at: Place) -> Parts:
    """dz = da − e^a·Σ da."""
    heading = f"backward: {layer.backward_formula}"
    if layer.grad_input is None:
        return [heading, "nobody below wants dz"]
    terms = [at.term("da", {"da": da}, f"i = {i}") for i, da in enumerate(row_of(layer.grad_output, at))]
    total = at.sum("T", Formula("Σᵢ da[i]", r"\sum_i da_i"), terms)
    numbers: dict[str, Any] = {"da": layer.grad_output[at.row, at.unit], "a": layer.output[at.row, at.unit], "T": total}
    return [heading, at.equation(Symbol("dz", at.unit), "da - exp(a)*T", numbers, layer.grad_input[at.row, at.unit]), total]


def sparsemax(layer: Activation, at: Place) -> Parts:
    """a = max(z − τ, 0), τ = (Σ of z over the support − 1)/how many are in it."""
    z, a = row_of(layer.input, at), row_of(layer.output, at)
    support = [k for k, value in enumerate(a) if value > 0]
    terms = [at.term("z", {"z": z[k]}, f"k = {k}") for k in support]
    over = Formula("Σₖ z[k] over the support, where a > 0", r"\sum_{k: a_k > 0} z_k")
    total = at.sum("S", over, terms)
    tau = at.equation("tau", "(S - 1)/size", {"S": total, "size": len(support)}, words=f"{len(support)} are in the support")
    value = at.equation(Symbol("a", at.unit), "max(z - tau, 0)", {"z": z[at.unit], "tau": tau}, a[at.unit])
    return [f"forward: {layer.forward_formula}", value, tau, total]


def sparsemax_backward(layer: Activation, at: Place) -> Parts:
    """dz = da − mean of da over the support, 0 outside."""
    heading = f"backward: {layer.backward_formula}"
    if layer.grad_input is None:
        return [heading, "nobody below wants dz"]
    a, da = row_of(layer.output, at), row_of(layer.grad_output, at)
    terms = [at.term("da", {"da": da[k]}, f"k = {k}") for k, value in enumerate(a) if value > 0]
    over = Formula("mean of da[k] over the support", r"\overline{da}_S")
    mean = at.sum("T", over, terms, over=max(1, len(terms)))
    numbers: dict[str, Any] = {"da": da[at.unit], "a": a[at.unit], "T": mean}
    dz = at.equation(Symbol("dz", at.unit), "da - T if a > 0 else 0", numbers, layer.grad_input[at.row, at.unit])
    return [heading, dz, mean]


ROWS = {"softmax": softmax, "softmin": softmax, "log_softmax": log_softmax, "sparsemax": sparsemax}
ROWS_BACKWARD = {
    "softmax": softmax_backward,
    "softmin": softmax_backward,
    "log_softmax": log_softmax_backward,
    "sparsemax": sparsemax_backward,
}
