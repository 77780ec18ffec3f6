"""Gradient checks of kernels: a table of every forward with its backward, and the numeric gradient to compare with.

Kernels call the same thing by the same name in forward and backward, and ∂L/∂x is `dx`. So a *frame*, one dictionary from
names to arrays and numbers, holds all that a pair of kernels speaks of, and both are called from it by name. The oracle is the
forward kernel itself.
"""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from npdeep import kernels
from npdeep.activations import REQUIRED, RULES, Rule
from npdeep.kernels import affine, batch_normalization, dropout, layer_normalization, penalties
from npdeep.kernels.activations import gates, rectifiers
from npdeep.kernels.activations.rows import sparsemax_forward
from npdeep.kernels.losses import cross_entropy, margins, reduction, regression

TOLERANCE = 1e-6
STEP = 1e-3
ZERO = 1e-8
"""A gradient that is 0 in exact arithmetic (a softmax of one class) comes out as some 1e-16."""
GAP = 0.05
"""How far from a kink points are drawn: well beyond the 2 · STEP that a numeric gradient reaches."""

SCRATCH = {"t", "c", "column", "row"}
"""Names of arrays that a backward pass must not expect to find as the forward pass left them."""

Rng = np.random.Generator


class Buffer(NamedTuple):
    """An array that kernels write, where its shape is not (n, units) or its dtype not that of the frame."""

    shape: tuple[int, ...]
    dtype: Any = None


@dataclass(frozen=True)
class Pair:
    """A forward kernel and its backward.

    inputs: the names of what is differentiated. output: the name of what comes out. make(rng, n, units): the values of inputs
    and constants by name, and a `Buffer` for every array of unusual shape; what else the kernels name is a buffer (n, units),
    and a gradient has the shape of its input. `dz_before` is what dz holds before the call, where a kernel works in place.
    """

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: tuple[str, ...]
    output: str
    make: Callable[[Rng, int, int], dict[str, Any]]

    def __str__(self) -> str:
        return self.name


class Problem:
    """A pair with drawn numbers: runs forward and backward, and compares the gradients with numeric ones."""

    def __init__(self, pair: Pair, rng: Rng, n: int, units: int, dtype: Any = np.float64, **given: Any) -> None:
        self.pair, self.rng = pair, rng
        values = {**pair.make(rng, n, units), **given}
        self.frame: dict[str, Any] = {}
        self.buffers: list[str] = []
        for name in [*parameters(pair.forward), *parameters(pair.backward)]:
            value = values.get(name)
            if name not in values:
                value = Buffer(np.shape(values[name[1:]]) if name[0] == "d" and name[1:] in values else (n, units))
            if isinstance(value, Buffer):
                self.buffers.append(name)
                value = np.empty(value.shape, value.dtype or dtype)
            elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
                value = value.astype(dtype)
            self.frame[name] = value
        self.inputs = [name for name in pair.inputs if self.frame[name] is not None]
        self.gradients = {name: f"d{name}" for name in self.inputs}
        self.upstream_name = f"d{pair.output}"
        self.upstream: Any = self.draw(np.shape(self.forward()), dtype)

    def draw(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Random numbers of any dtype."""
        if np.dtype(dtype).kind in "bi":
            return self.rng.integers(0, 2, shape).astype(dtype)
        return self.rng.normal(0, 3, shape).astype(dtype)

    def scramble(self, names: Any) -> None:
        """Fill buffers with random numbers, so that a result that is not written shows."""
        for name in names:
            if self.frame[name] is not None:
                self.frame[name][...] = self.draw(self.frame[name].shape, self.frame[name].dtype)

    def forward(self) -> Any:
        """What the forward kernel returns: a live buffer."""
        return self.pair.forward(**{name: self.frame[name] for name in parameters(self.pair.forward)})

    def backward(self, kernel: Callable[..., Any] | None = None) -> dict[str, Any]:
        """The gradient of Σ upstream · output with respect to each input, by the backward kernel or another in its place."""
        names = parameters(self.pair.backward)
        self.scramble(name for name in self.buffers if name in SCRATCH or name not in parameters(self.pair.forward))
        for name in names:
            if f"{name}_before" in self.frame:
                self.frame[name][...] = self.frame[f"{name}_before"]
        if self.upstream_name in names:
            self.frame[self.upstream_name][...] = self.upstream
        arguments = {name: self.frame[name] for name in names}
        returned = (kernel or self.pair.backward)(**arguments)
        if isinstance(returned, float):       # a penalty: its value is the same whether or not the gradient is wanted
            assert returned == self.pair.backward(**{**arguments, "dw": None})
        else:
            assert returned is self.frame[f"d{self.pair.inputs[0]}"], "a backward kernel returns the gradient of its input"
        factor = 1 if self.upstream_name in names else self.upstream
        return {name: factor * self.frame[gradient] for name, gradient in self.gradients.items()}

    def analytic(self, kernel: Callable[..., Any] | None = None) -> dict[str, Any]:
        """Forward and backward, every buffer scrambled before."""
        self.scramble(self.buffers)
        self.forward()
        return self.backward(kernel)

    def numeric(self) -> dict[str, Any]:
        """The same by differences of the forward kernel."""
        return {name: slopes(self.forward, self.frame[name], self.upstream) for name in self.inputs}


def slopes(function: Callable[[], Any], values: Any, upstream: Any = 1.0) -> Any:
    """∂/∂v Σ upstream · function() for every element v of the live array `values`, by central differences of fourth order.

    (8(f(v + h) − f(v − h)) − (f(v + 2h) − f(v − 2h)))/12h
    """
    found = np.empty_like(values)
    for k in np.ndindex(values.shape):
        kept, difference = values[k], 0.0
        for steps, share in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            values[k] = kept + steps * STEP
            difference = difference + share * function()
        values[k] = kept
        found[k] = np.sum(upstream * difference) / (12 * STEP)
    return found


def errors(found: dict[str, Any], expected: dict[str, Any], zero: float = ZERO) -> dict[str, float]:
    """‖found − expected‖/max(‖found‖, ‖expected‖) by name; gradients of norm below `zero` are compared with it."""
    norm = np.linalg.norm
    return {name: float(norm(g - expected[name]) / max(norm(g), norm(expected[name]), zero)) for name, g in found.items()}


@cache
def parameters(kernel: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a kernel's arguments."""
    return tuple(inspect.signature(kernel).parameters)


def kernel_functions() -> Iterator[Callable[..., Any]]:
    """Every function that is defined in npdeep/kernels."""
    for module in pkgutil.walk_packages(kernels.__path__, f"{kernels.__name__}."):
        for function in vars(import_module(module.name)).values():
            if inspect.isfunction(function) and function.__module__ == module.name:
                yield function


# ── points to check at ────────────────────────────────────────────────────────────────────────────────────────────────
def away(z: Any, *kinks: float) -> Any:
    """z, moved off 0 (where some slopes vanish) and off the kinks by at least GAP."""
    for kink in (0.0, *kinks):
        z = np.where(np.abs(z - kink) < GAP, kink + np.copysign(GAP, z - kink), z)
    return z


def apart(rng: Rng, shape: tuple[int, ...], axis: int) -> Any:
    """Random numbers of which no two along the axis are nearer to each other than 0.4."""
    return rng.random(shape).argsort(axis=axis) + rng.uniform(-0.3, 0.3, shape)


def probabilities(rng: Rng, n: int, units: int) -> Any:
    """Rows that sum to 1."""
    return rng.dirichlet(np.ones(units), n)


def targets(loss: str, outputs: Any, rng: Rng) -> Any:
    """Targets that suit a loss; for losses of numbers so far from the outputs that no kink is near."""
    n, units = outputs.shape
    if loss == "softmax_cross_entropy":
        return rng.integers(0, units, n)
    if loss == "binary_cross_entropy":
        return rng.random((n, units))
    if loss == "kl_divergence":
        return probabilities(rng, n, units)
    if loss == "poisson":
        return rng.integers(0, 5, (n, units))
    if loss in ("hinge", "squared_hinge"):
        return rng.choice([-1, 1], (n, units))
    return outputs + rng.choice([-2, -0.3, 0.2, 3], (n, units))


def off_the_edges_of_the_support(rng: Rng, n: int, units: int) -> Any:
    """Rows for sparsemax in which no element is about to enter or to leave the support."""
    rows: list[Any] = []
    while len(rows) < n:
        z = rng.uniform(-4, 4, (1, units))
        a = sparsemax_forward(z, *(np.empty(shape) for shape in ((1, units), (1, 1), (1, units), (1, units))))
        best = z.argmax()
        if np.abs(z - (z - a)[0, best]).min() > GAP:
            rows.append(z[0])
    return np.array(rows)


# ── activations ───────────────────────────────────────────────────────────────────────────────────────────────────────
RANGES = {
    "negative_slope": (0, 1), "alpha": (0.3, 2.5), "threshold": (0.2, 1), "value": (-2, 2), "slope": (0.3, 2),
    "offset": (-0.5, 0.5), "minimum": (-1.5, -0.3), "maximum": (1.2, 2.5), "beta": (0.3, 2.5), "b": (0.5, 6),
}  # fmt: skip
"""From where the parameters of activations are drawn."""


def kinks(values: dict[str, float]) -> Iterator[float]:
    """Where an activation with these parameters may have a kink or a jump; −1 and 1 are those of sparse_plus."""
    yield from (-1, 1)
    if "threshold" in values:
        yield from (-values["threshold"], values["threshold"])
    if "slope" in values or "maximum" in values:
        bounds = (values.get("minimum", 0), values.get("maximum", 1))
        yield from ((bound - values.get("offset", 0)) / values.get("slope", 1) for bound in bounds)


def activation_pair(rule: Rule, drawn: bool) -> Pair:
    def make(rng: Rng, n: int, units: int) -> dict[str, Any]:
        values = {
            name: rng.uniform(*RANGES[name]) if drawn or default is REQUIRED else default
            for name, default in rule.parameters.items()
        }
        if rule.name == "sparsemax":
            z = off_the_edges_of_the_support(rng, n, units)
        else:
            z = away(rng.uniform(-4, 4, (n, units)), *kinks(values))
        return {"z": z, **values, "column": Buffer((n, 1)), "on": Buffer((n, units), bool)}

    return Pair(f"{rule.name} with drawn parameters" if drawn else rule.name, rule.forward, rule.backward, ("z",), "a", make)


def activation_pairs() -> Iterator[Pair]:
    for rule in RULES.values():
        yield activation_pair(rule, drawn=False)
        if rule.parameters:
            yield activation_pair(rule, drawn=True)

    def prelu(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {"z": away(rng.normal(size=(n, units))), "alpha": rng.uniform(-1, 1, units)}

    def rrelu(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {"z": away(rng.normal(size=(n, units))), "slopes": rng.uniform(0.1, 0.4, (n, units))}

    def rrelu_at_rest(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {**rrelu(rng, n, units), "slopes": rng.uniform(0.1, 0.4, 1)}

    def glu(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {"x": rng.normal(0, 2, (n, 2 * units))}

    def maxout(rng: Rng, n: int, units: int) -> dict[str, Any]:
        pieces = int(rng.integers(2, 5))
        return {"z": apart(rng, (n, pieces, units), axis=1), "winner": Buffer((n, units), np.int64)}

    yield Pair("prelu", rectifiers.prelu_forward, rectifiers.prelu_backward, ("z", "alpha"), "a", prelu)
    yield Pair("rrelu", rectifiers.rrelu_forward, rectifiers.rrelu_backward, ("z",), "a", rrelu)
    yield Pair("rrelu at rest", rectifiers.rrelu_forward, rectifiers.rrelu_backward, ("z",), "a", rrelu_at_rest)
    yield Pair("glu", gates.glu_forward, gates.glu_backward, ("x",), "y", glu)
    yield Pair("maxout", gates.maxout_forward, gates.maxout_backward, ("z",), "a", maxout)


# ── layers ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def affine_pair(bias: bool) -> Pair:
    def make(rng: Rng, n: int, units: int) -> dict[str, Any]:
        inputs = int(rng.integers(1, 8))
        b = {"b": rng.normal(size=units)} if bias else {"b": None, "db": None}
        return {"x": rng.normal(size=(n, inputs)), "W": rng.normal(size=(inputs, units)), **b}

    name = "affine" if bias else "affine without bias"
    return Pair(name, affine.affine_forward, affine.affine_backward, ("x", "W", "b"), "z", make)


def batch_normalization_pair(training: bool, scale: bool, center: bool) -> Pair:
    def make(rng: Rng, n: int, units: int) -> dict[str, Any]:
        vectors = ("mean", "variance", "inverse", "dgamma", "dbeta", "row")
        return {
            "x": apart(rng, (n, units), axis=0),
            "gamma": rng.uniform(0.5, 2, units) if scale else None,
            "beta": rng.normal(size=units) if center else None,
            "epsilon": float(rng.choice([1e-5, 1e-3, 0.1])),
            "moving_mean": rng.normal(size=units),
            "moving_variance": rng.uniform(0.5, 2, units),
            "ones": np.ones(n),
            **{name: Buffer((units,)) for name in vectors},
        }

    kind = "batch_normalization" if training else "batch_normalization_inference"
    forward, backward = (getattr(batch_normalization, f"{kind}_{way}") for way in ("forward", "backward"))
    name = kind + ("" if scale else " without gamma") + ("" if center else " without beta")
    return Pair(name, forward, backward, ("x", "gamma", "beta"), "y", make)


def layer_normalization_pair(scale: bool, center: bool) -> Pair:
    def make(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {
            "x": apart(rng, (n, units), axis=1),
            "gamma": rng.uniform(0.5, 2, units) if scale else None,
            "beta": rng.normal(size=units) if center else None,
            "epsilon": float(rng.choice([1e-5, 1e-3, 0.1])),
            **{name: Buffer((n, 1)) for name in ("mean", "inverse", "column")},
            **{name: Buffer((n, units)) for name in ("normalized", "scratch")},
            "dgamma": Buffer((units,)) if scale else None,
            "dbeta": Buffer((units,)) if center else None,
        }

    name = "layer normalization" + ("" if scale else " without gamma") + ("" if center else " without beta")
    kernels = layer_normalization.layer_normalization_forward, layer_normalization.layer_normalization_backward
    return Pair(name, *kernels, ("x", "gamma", "beta"), "y", make)


def layer_pairs() -> Iterator[Pair]:
    yield from (affine_pair(bias) for bias in (True, False))
    for scale in (True, False):
        yield from (layer_normalization_pair(scale, center) for center in (True, False))
    for training in (True, False):
        for scale in (True, False):
            yield from (batch_normalization_pair(training, scale, center) for center in (True, False))

    def mask(rng: Rng, n: int, units: int, scale: float) -> Any:
        words = dropout.random_words(rng, n * units)
        return dropout.dropout_mask(words, dropout.keep_steps(0.4), scale, np.empty((n, units)))

    def inverted(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {"x": rng.normal(size=(n, units)), "mask": mask(rng, n, units, 1 / 0.6)}

    def gaussian(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {"x": rng.normal(size=(n, units)), "mask": dropout.gaussian_mask(rng, 0.7, np.empty((n, units)))}

    def alpha(rng: Rng, n: int, units: int) -> dict[str, Any]:
        numbers = {"a": rng.uniform(0.5, 1), "b": rng.uniform(0, 1), "floor": -1.758}
        return {"x": rng.normal(size=(n, units)), "kept": mask(rng, n, units, 1.0), **numbers}

    yield Pair("dropout", dropout.dropout_forward, dropout.dropout_backward, ("x",), "y", inverted)
    yield Pair("gaussian dropout", dropout.dropout_forward, dropout.dropout_backward, ("x",), "y", gaussian)
    yield Pair("alpha dropout", dropout.alpha_dropout_forward, dropout.alpha_dropout_backward, ("x",), "y", alpha)


# ── losses and penalties: no gradient comes from above ────────────────────────────────────────────────────────────────
def softmax_cross_entropy_pair(kind: str, smoothing: float) -> Pair:
    def make(rng: Rng, n: int, units: int) -> dict[str, Any]:
        q = np.empty((n, units))
        if kind == "labels":
            cross_entropy.one_hot(rng.integers(0, units, n), np.arange(0, n * units, units), q, smoothing)
        else:
            cross_entropy.smooth(probabilities(rng, n, units), q, smoothing)
        return {"z": rng.uniform(-4, 4, (n, units)), "q": q, "column": Buffer((n, 1)), "loss": Buffer((n, 1))}

    name = f"softmax cross entropy of {kind}{', smoothed' if smoothing else ''}"
    forward, backward = cross_entropy.softmax_cross_entropy_forward, cross_entropy.softmax_cross_entropy_backward
    return Pair(name, forward, backward, ("z",), "loss", make)


def mean_of_linear_losses(z: Any, dz_before: Any, weight: Any, m: float) -> float:
    """The weighted mean of ℓ = z · dz_before, whose ∂ℓ/∂z is dz_before."""
    return reduction.weighted_mean(z * dz_before, weight, m)


def l1_and_linear_loss(w: Any, dw_before: Any, t: Any, scale: float) -> float:
    return penalties.l1_penalty(w, None, t, scale) + float(w @ dw_before)


def l2_and_linear_loss(w: Any, dw_before: Any, t: Any, scale: float) -> float:
    return penalties.l2_penalty(w, None, t, scale) + float(w @ dw_before)


def loss_pairs() -> Iterator[Pair]:
    for kind in ("labels", "probabilities"):
        yield from (softmax_cross_entropy_pair(kind, smoothing) for smoothing in (0.0, 0.1))

    def bits(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {"z": rng.uniform(-4, 4, (n, units)), "y": rng.integers(0, 2, (n, units)) * 1.0}

    def shares(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {"z": rng.uniform(-4, 4, (n, units)), "y": rng.random((n, units))}

    def kl(rng: Rng, n: int, units: int) -> dict[str, Any]:
        y = probabilities(rng, n, units) * rng.integers(0, 2, (n, units))
        return {"p": away(rng.uniform(0.2, 1, (n, units)), 0.4), "y": y, "loss": Buffer((n, 1)), "epsilon": 0.4}

    def numbers(rng: Rng, n: int, units: int) -> dict[str, Any]:
        delta, y = rng.uniform(0.3, 2), rng.normal(size=(n, units))
        return {"z": y + away(rng.uniform(-3, 3, (n, units)), -delta, delta), "y": y, "delta": delta}

    def counts(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {"z": rng.uniform(0.3, 4, (n, units)), "y": rng.integers(0, 5, (n, units)) * 1.0, "epsilon": 0.1}

    def sides(rng: Rng, n: int, units: int) -> dict[str, Any]:
        y = rng.choice([-1.0, 1.0], (n, units))
        return {"z": y * away(rng.uniform(-3, 3, (n, units)), 1), "y": y}

    for name, module, make in (
        ("binary_cross_entropy", cross_entropy, bits),
        ("binary_cross_entropy", cross_entropy, shares),
        ("kl_divergence", cross_entropy, kl),
        ("squared_error", regression, numbers),
        ("absolute_error", regression, numbers),
        ("huber", regression, numbers),
        ("log_cosh", regression, numbers),
        ("poisson", regression, counts),
        ("hinge", margins, sides),
        ("squared_hinge", margins, sides),
    ):
        forward, backward = getattr(module, f"{name}_forward"), getattr(module, f"{name}_backward")
        yield Pair(f"{name} of {make.__name__}", forward, backward, (parameters(forward)[0],), "loss", make)

    def weighted(rng: Rng, n: int, units: int) -> dict[str, Any]:
        z, slope, weight = rng.normal(size=(n, units)), rng.normal(size=(n, units)), rng.uniform(0, 2, (n, 1))
        return {"z": z, "dz_before": slope, "weight": weight, "m": n * units}

    def unweighted(rng: Rng, n: int, units: int) -> dict[str, Any]:
        return {**weighted(rng, n, units), "weight": None}

    def by_weights(rng: Rng, n: int, units: int) -> dict[str, Any]:
        values = weighted(rng, n, units)
        return {**values, "m": reduction.sum_of_weights(values["weight"], values["z"])}

    for make in (weighted, unweighted, by_weights):
        yield Pair(f"{make.__name__} mean", mean_of_linear_losses, reduction.weighted_mean_backward, ("z",), "L", make)

    def weights(rng: Rng, n: int, units: int) -> dict[str, Any]:
        w, slope = away(rng.normal(size=n * units)), rng.normal(size=n * units)
        return {"w": w, "dw_before": slope, "t": Buffer(w.shape), "scale": rng.uniform(0.1, 1)}

    yield Pair("l1 penalty", l1_and_linear_loss, penalties.l1_penalty, ("w",), "L", weights)
    yield Pair("l2 penalty", l2_and_linear_loss, penalties.l2_penalty, ("w",), "L", weights)


PAIRS = [*activation_pairs(), *layer_pairs(), *loss_pairs()]
BACKWARDS = list(dict.fromkeys(pair.backward for pair in PAIRS))
