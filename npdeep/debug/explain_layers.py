"""Layers with numbers plugged in: dense, maxout, PReLU, RReLU, GLU, and the kinds of noise."""

from typing import Any

import numpy as np

from npdeep.common.events import Formula
from npdeep.debug.explanation import Statement, Symbol, Term
from npdeep.debug.place import Place
from npdeep.kernels.arrays import Array
from npdeep.layers import GLU, AlphaDropout, Dense, Dropout, GaussianNoise, Layer, Maxout, PReLU, RReLU
from npdeep.parameters import Parameter

Parts = list[str | Statement]

AFFINE = Formula("Σₖ x[k]·W[k] + b", r"\sum_k x_k W_k + b")
AFFINE_WITHOUT_BIAS = Formula("Σₖ x[k]·W[k]", r"\sum_k x_k W_k")
SUM_OF_DZ = Formula("Σᵢ dz[i]", r"\sum_i dz_i")
SUM_OF_X_DZ = Formula("Σᵢ x[i]·dz[i]", r"\sum_i x_i\, dz_i")
SUM_OF_DZ_W = Formula("Σⱼ dz[j]·W[j]", r"\sum_j dz_j W_j")


def dense(layer: Dense, at: Place) -> Parts:
    """z = xW + b of one unit and row."""
    return [affine(layer, at, at.unit, layer.output)]


def dense_backward(layer: Dense, at: Place) -> Parts:
    """db, dW and dx."""
    return affine_backward(layer, at, at.unit, layer.grad_output)


def affine(layer: Dense | Maxout, at: Place, column: int, z: Array) -> Statement:
    """z of one column: a term for every input, and the bias."""
    x, W = layer.input[at.row].tolist(), layer.kernel.value[:, column].tolist()
    terms = [at.term("x*W", {"x": a, "W": b}, f"k = {k}") for k, (a, b) in enumerate(zip(x, W, strict=True))]
    if layer.use_bias:
        terms.append(at.term("b", {"b": float(layer.bias.value[column])}, "b, the bias", last=True))
    symbolic = AFFINE if layer.use_bias else AFFINE_WITHOUT_BIAS
    return at.sum(Symbol("z", column), symbolic, terms, z[at.row, column])


def affine_backward(layer: Dense | Maxout, at: Place, column: int, dz: Array) -> Parts:
    """The gradients of one column's bias, of one of its weights, and of one input of the row."""
    parts: Parts = []
    if layer.use_bias:
        parts.append(over_rows(at, Symbol("db", column), layer.bias, column, SUM_OF_DZ, "dz", {"dz": dz[:, column]}))
    dW = layer.kernel.wanted
    k = at.input_or_largest(np.zeros(layer.input_size) if dW is None else dW[:, column])
    factors = {"x": layer.input[:, k], "dz": dz[:, column]}
    parts.append(over_rows(at, Symbol("dW", k, column), layer.kernel, (k, column), SUM_OF_X_DZ, "x*dz", factors))
    if layer.grad_input is None:
        return [*parts, "dx: not needed below"]
    k = at.input_or_largest(layer.grad_input[at.row]) if dW is None else k
    pairs = zip(dz[at.row].tolist(), layer.kernel.value[k].tolist(), strict=True)
    terms = [at.term("dz*W", {"dz": a, "W": b}, f"unit {j}") for j, (a, b) in enumerate(pairs)]
    return [*parts, at.sum(Symbol("dx", k), SUM_OF_DZ_W, terms, layer.grad_input[at.row, k])]


def over_rows(
    at: Place, name: Symbol, parameter: Parameter, index: Any, symbolic: Formula, formula: str, factors: dict[str, Array]
) -> str | Statement:
    """A parameter's gradient: a term for every row of the batch."""
    if parameter.wanted is None:
        return f"{name}: {parameter.name} is frozen"
    return at.sum(name, symbolic, row_terms(at, formula, factors), parameter.wanted[index])


def row_terms(at: Place, formula: str, factors: dict[str, Array]) -> list[Term]:
    """The formula for every row."""
    columns = [column.tolist() for column in factors.values()]
    return [
        at.term(formula, dict(zip(factors, row, strict=True)), f"row {i}") for i, row in enumerate(zip(*columns, strict=True))
    ]


def maxout(layer: Maxout, at: Place) -> Parts:
    """The pieces of one unit, and the winner's affine map."""
    z = layer.pre_activation[at.row].reshape(layer.pieces, layer.units)[:, at.unit].tolist()
    winner = int(layer.winner[at.row, at.unit])
    numbers = {f"z{k}": value for k, value in enumerate(z)}
    a = at.equation(
        Symbol("a", at.unit),
        f"max({', '.join(numbers)})",
        numbers,
        layer.output[at.row, at.unit],
        words=f"piece {winner} wins",
    )
    column = winner * layer.units + at.unit
    return [a, affine(layer, at, column, layer.pre_activation)]


def maxout_backward(layer: Maxout, at: Place) -> Parts:
    """The winner takes the gradient, and hands it to its affine map."""
    column = int(layer.winner[at.row, at.unit]) * layer.units + at.unit
    da, dz = layer.grad_output[at.row, at.unit], layer.grad_pre_activation
    words = "the other pieces get 0"
    passed = at.equation(Symbol("dz", column), "da", {"da": da}, dz[at.row, column], words=words)
    return [passed, *affine_backward(layer, at, column, dz)]


def prelu(layer: PReLU, at: Place) -> Parts:
    """a = max(z, 0) + α·min(z, 0)."""
    numbers = {"z": layer.input[at.row, at.unit], "alpha": layer.alpha.value[at.unit]}
    return [at.equation(Symbol("a", at.unit), "max(z, 0) + alpha*min(z, 0)", numbers, layer.output[at.row, at.unit])]


def prelu_backward(layer: PReLU, at: Place) -> Parts:
    """dα, and dz = da·f'(z)."""
    numbers = {"z": layer.input[at.row, at.unit], "alpha": layer.alpha.value[at.unit]}
    factors = {"da": layer.grad_output[:, at.unit], "z": layer.input[:, at.unit]}
    symbolic = Formula("Σᵢ da[i]·min(z[i], 0)", r"\sum_i da_i \min(z_i, 0)")
    return [
        over_rows(at, Symbol("dalpha", at.unit), layer.alpha, at.unit, symbolic, "da*min(z, 0)", factors),
        *through_slope(layer, at, at.equation("slope", "1 if z > 0 else alpha", numbers)),
    ]


def rrelu(layer: RReLU, at: Place) -> Parts:
    """a = max(z, 0) + r·min(z, 0) with the r that was drawn."""
    numbers = {"z": layer.input[at.row, at.unit], "r": drawn_slope(layer, at)}
    words = "r was drawn for this number" if layer.slopes.ndim == 2 else "not training: r is the middle of its range"
    return [at.equation(Symbol("a", at.unit), "max(z, 0) + r*min(z, 0)", numbers, layer.output[at.row, at.unit], words=words)]


def rrelu_backward(layer: RReLU, at: Place) -> Parts:
    """dz = da·f'(z) with the same r."""
    numbers = {"z": layer.input[at.row, at.unit], "r": drawn_slope(layer, at)}
    return through_slope(layer, at, at.equation("slope", "1 if z > 0 else r", numbers))


def drawn_slope(layer: RReLU, at: Place) -> float:
    """The slope of this row and unit."""
    return float(layer.slopes[at.row, at.unit] if layer.slopes.ndim == 2 else layer.slopes[0])


def through_slope(layer: Layer, at: Place, slope: Statement) -> Parts:
    """f'(z), and dz = da·f'(z)."""
    if layer.grad_input is None:
        return [slope, "dz: not needed below"]
    given = {"da": layer.grad_output[at.row, at.unit], "slope": slope}
    return [slope, at.equation(Symbol("dz", at.unit), "da*slope", given, layer.grad_input[at.row, at.unit])]


def glu(layer: GLU, at: Place) -> Parts:
    """y = u·σ(v)."""
    u, v = layer.input[at.row, [at.unit, at.unit + layer.output_size]]
    gate = at.equation("s", "1/(1 + exp(-v))", {"v": v}, layer.gate[at.row, at.unit], words="the gate σ(v)")
    value = layer.output[at.row, at.unit]
    name = Symbol("y", at.unit)
    which = f"u is input {at.unit}, v is input {at.unit + layer.output_size}"
    return [which, at.equation(name, "u*s", {"u": u, "s": gate}, value), gate]


def glu_backward(layer: GLU, at: Place) -> Parts:
    """du = dy·s, dv = dy·y·(1 − s)."""
    if layer.grad_input is None:
        return ["du, dv: not needed below"]
    dy, s, y = (a[at.row, at.unit] for a in (layer.grad_output, layer.gate, layer.output))
    left, right = at.unit, at.unit + layer.output_size
    return [
        at.equation(Symbol("du", left), "dy*s", {"dy": dy, "s": s}, layer.grad_input[at.row, left]),
        at.equation(Symbol("dv", right), "(1 - s)*y*dy", {"dy": dy, "s": s, "y": y}, layer.grad_input[at.row, right]),
    ]


# ── noise ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def silent(layer: Layer, at: Place) -> Parts:
    """What a layer of noise does when it is not training."""
    why = "its rate is 0" if getattr(layer, "rate", 1.0) == 0 else "not training"
    x, y = (a[at.row, at.unit] for a in (layer.input, layer.output))
    return [f"{why}: the input passes as it is", at.equation(Symbol("y", at.unit), "x", {"x": x}, y)]


def dropout(layer: Dropout, at: Place) -> Parts:
    """y = x·mask, or what became of it in alpha dropout."""
    if layer.output is layer.input:
        return silent(layer, at)
    x, mask, y = (a[at.row, at.unit] for a in (layer.input, layer.mask, layer.output))
    name = Symbol("y", at.unit)
    if isinstance(layer, AlphaDropout):
        numbers = {"x": x, "mask": mask, "floor": layer.floor, "a": layer.a, "b": layer.b}
        words = "kept" if mask else "dropped: it goes to floor = −λα"
        return [at.equation(name, ALPHA_FORWARD, numbers, y, words=words)]
    words = "dropped" if mask == 0 else "kept" if type(layer) is Dropout else "a factor drawn for this number"
    return [at.equation(name, "x*mask", {"x": x, "mask": mask}, y, words=words)]


ALPHA_FORWARD = "a*((x - floor)*mask + floor) + b"


def dropout_backward(layer: Dropout, at: Place) -> Parts:
    """dx = dy·mask."""
    if layer.grad_input is None:
        return ["dx: not needed below"]
    dy, dx, name = layer.grad_output[at.row, at.unit], layer.grad_input[at.row, at.unit], Symbol("dx", at.unit)
    if layer.rate == 0:
        return ["its rate is 0: the gradient passes as it is", at.equation(name, "dy", {"dy": dy}, dx)]
    mask = layer.mask[at.row, at.unit]
    if isinstance(layer, AlphaDropout):
        numbers = {"dy": dy, "mask": mask, "a": layer.a}
        return [at.equation(name, "dy*mask*a", numbers, dx)]
    return [at.equation(name, "dy*mask", {"dy": dy, "mask": mask}, dx)]


def gaussian_noise(layer: GaussianNoise, at: Place) -> Parts:
    """y = x + ε."""
    if layer.output is layer.input:
        return silent(layer, at)
    x, y = (float(a[at.row, at.unit]) for a in (layer.input, layer.output))
    words = f"ε is the difference: a number drawn from N(0, {layer.stddev:g}²)"
    numbers = {"x": x, "noise": y - x}
    return [at.equation(Symbol("y", at.unit), "x + noise", numbers, y, words=words)]


def passed_on(layer: Layer, at: Place) -> Parts:
    """dx = dy."""
    if layer.grad_input is None:
        return ["dx: not needed below"]
    dy, dx = layer.grad_output[at.row, at.unit], layer.grad_input[at.row, at.unit]
    return [at.equation(Symbol("dx", at.unit), "dy", {"dy": dy}, dx)]


# ── custom layers ──────────────────────────────────────────────────────────────────────────────────────────────
def own_layer(layer: Layer, at: Place) -> Parts:
    """A layer that npdeep does not know: its number."""
    y = layer.output[at.row, at.unit]
    name = Symbol("output", at.unit)
    return [at.equation(name, "y", {"y": y}, y, words="as the layer computed it")]


def own_layer_backward(layer: Layer, at: Place) -> Parts:
    """The gradient that came."""
    dy = layer.grad_output[at.row, at.unit]
    name = Symbol("grad_output", at.unit)
    return [at.equation(name, "dy", {"dy": dy}, dy, words="what came from above")]
