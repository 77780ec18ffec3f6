"""Batch normalization with numbers plugged in: the batch's statistics, x̂ and y, and the three ways back to x."""

import numpy as np

from npdeep.common.events import Formula
from npdeep.common.notation import short
from npdeep.debug.explain_layers import Parts, over_rows, row_terms
from npdeep.debug.explanation import Equation, Statement, Symbol
from npdeep.debug.place import Place
from npdeep.layers import BatchNormalization

MEAN = Formula("mean of x[i] over the batch", r"\tfrac1n \sum_i x_i")
VARIANCE = Formula("mean of (x[i] − μ)² over the batch", r"\tfrac1n \sum_i (x_i - \mu)^2")
SUM_DY = Formula("Σᵢ dy[i]", r"\sum_i dy_i")
SUM_DY_X = Formula("Σᵢ dy[i]·x̂[i]", r"\sum_i dy_i \hat x_i")
THREE_WAYS = Formula(
    "γ·inverse·(dy − dβ/n − x̂·dγ/n), inverse = 1/√(σ² + ε)",
    r"\frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}} (dy - d\beta/n - \hat x\, d\gamma/n)",
)


def batch_normalization(layer: BatchNormalization, at: Place) -> Parts:
    """y = γ·x̂ + β, by the batch's statistics or by the moving ones."""
    statistics: Parts
    if layer.used_moving_statistics:
        statistics, which = [], "by the moving statistics: not training, frozen, or a single row"
        mu, variance = (p.value[at.unit] for p in (layer.moving_mean, layer.moving_variance))
    else:
        statistics, which = batch_statistics(layer, at), "by the batch's statistics"
        mu, variance = layer.mean[at.unit], layer.variance[at.unit]
    x_hat = normalized(layer, at, float(mu), float(variance))
    numbers: dict[str, float | Statement] = {"x_hat": x_hat}
    if layer.scale:
        numbers["gamma"] = float(layer.gamma.value[at.unit])
    if layer.center:
        numbers["beta"] = float(layer.beta.value[at.unit])
    formula = ("gamma*x_hat" if layer.scale else "x_hat") + (" + beta" if layer.center else "")
    y = at.equation(Symbol("y", at.unit), formula, numbers, layer.output[at.row, at.unit])
    moving = [f"{p.name.rpartition('/')[2]} {short(p.value[at.unit])}" for p in (layer.moving_mean, layer.moving_variance)]
    kept = "left alone" if layer.used_moving_statistics else f"v ← {layer.momentum:g}·v + {1 - layer.momentum:g}·batch"
    return [which, y, x_hat, *statistics, f"the moving statistics are now: {', '.join(moving)} ({kept})"]


def normalized(layer: BatchNormalization, at: Place, mu: float, variance: float) -> Equation:
    """x̂ = (x − μ)/√(σ² + ε) of the row, beside the product of the engine's two factors."""
    numbers = {"x": layer.input[at.row, at.unit], "mu": mu, "variance": variance, "epsilon": layer.epsilon}
    engine = float(layer.centered[at.row, at.unit] * layer.inverse[at.unit])
    return at.equation(Symbol("x_hat", at.unit), "(x - mu)/sqrt(variance + epsilon)", numbers, engine)


def batch_statistics(layer: BatchNormalization, at: Place) -> Parts:
    """μ and σ² as sums over the rows; of σ² the largest deviations."""
    n, x, mu = len(layer.input), layer.input[:, at.unit], layer.mean[at.unit]
    squares = row_terms(at, "(x - mu)**2", {"x": x, "mu": np.full(n, mu)})
    return [
        at.sum(Symbol("mu", at.unit), MEAN, row_terms(at, "x", {"x": x}), mu, over=n),
        at.sum(Symbol("variance", at.unit), VARIANCE, squares, layer.variance[at.unit], over=n),
    ]


def batch_normalization_backward(layer: BatchNormalization, at: Place) -> Parts:
    """dβ and dγ as sums over the rows, and dx: directly, by way of μ, by way of σ²."""
    u = at.unit
    dy = layer.grad_output[:, u].astype(np.float64)
    x_hat = layer.centered[:, u].astype(np.float64) * float(layer.inverse[u])
    parts: Parts = []
    given = {"dy": dy, "x_hat": x_hat}
    if layer.center:
        parts.append(over_rows(at, Symbol("dbeta", u), layer.beta, u, SUM_DY, "dy", {"dy": dy}))
    if layer.scale:
        parts.append(over_rows(at, Symbol("dgamma", u), layer.gamma, u, SUM_DY_X, "dy*x_hat", given))
    if layer.grad_input is None:
        return [*parts, "dx: not needed below"]
    numbers = {
        "gamma": float(layer.gamma.value[u]) if layer.scale else 1.0,
        "inverse": float(layer.inverse[u]),
        "dy": float(dy[at.row]),
        "x_hat": float(x_hat[at.row]),
        "n": float(len(dy)),
    }
    name, value = Symbol("dx", u), layer.grad_input[at.row, u]
    if layer.used_moving_statistics:
        return [*parts, at.equation(name, "gamma*inverse*dy", numbers, value, words="inverse = 1/√(moving variance + ε)")]
    sums = {
        "dbeta": at.sum(Symbol("dbeta", u), SUM_DY, row_terms(at, "dy", {"dy": dy})),
        "dgamma": at.sum(Symbol("dgamma", u), SUM_DY_X, row_terms(at, "dy*x_hat", given)),
    }
    ways = (
        ("gamma*inverse*dy", "directly"),
        ("-(gamma*inverse*dbeta/n)", "by way of μ, which moves with x"),
        ("-(gamma*inverse*x_hat*dgamma/n)", "by way of σ², which moves with x"),
    )
    terms = [at.term(formula, {**numbers, **sums}, label) for formula, label in ways]
    return [*parts, at.sum(name, THREE_WAYS, terms, value)]
