"""Optimizers let loose on a function of a few numbers, without a network: how they walk down a valley."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from npdeep import optimizers
from npdeep.common import checks
from npdeep.common.hinting import is_function
from npdeep.kernels.arrays import Array
from npdeep.parameters import Parameter, allocate, trainable_spans


@dataclass(frozen=True)
class Surface:
    """A function of two numbers with its gradient, to be walked down.

    Attributes:
        name: for the title, formula included.
        function: f(a, b), of arrays too. gradient: ∇f of an array [a, b], as an array of two.
        start: where paths begin. minimum: where f is lowest, f being 0 there.
        limits: (a from, a to, b from, b to), what is worth drawing.

    >>> SURFACES["bowl"].gradient(np.array([-4.0, 1.0])).tolist()
    [-0.4, 2.0]
    """

    name: str
    function: Callable[[Any, Any], Any]
    gradient: Callable[[Array], Any]
    start: tuple[float, float]
    minimum: tuple[float, float]
    limits: tuple[float, float, float, float]


def bowl(a: Any, b: Any) -> Any:
    """0.05 a² + b²: a valley 20 times as steep across as along."""
    return 0.05 * a**2 + b**2


def bowl_gradient(w: Array) -> Array:
    """[0.1 a, 2 b]."""
    return np.array([0.1 * w[0], 2 * w[1]])


def beale(a: Any, b: Any) -> Any:
    """(1.5 − a + ab)² + (2.25 − a + ab²)² + (2.625 − a + ab³)²: flat plains with steep walls (Beale 1958)."""
    return (1.5 - a + a * b) ** 2 + (2.25 - a + a * b**2) ** 2 + (2.625 - a + a * b**3) ** 2


def beale_gradient(w: Array) -> Array:
    """Σ 2 rₖ ∂rₖ with rₖ = cₖ − a + abᵏ: ∂rₖ/∂a = bᵏ − 1, ∂rₖ/∂b = k a bᵏ⁻¹."""
    a, b = w
    k = np.array([1, 2, 3])
    r = np.array([1.5, 2.25, 2.625]) - a + a * b**k
    return np.array([2 * r @ (b**k - 1), 2 * r @ (k * a * b ** (k - 1))])


def rosenbrock(a: Any, b: Any) -> Any:
    """(1 − a)² + 100 (b − a²)²: a bent valley with a flat floor (Rosenbrock 1960)."""
    return (1 - a) ** 2 + 100 * (b - a**2) ** 2


def rosenbrock_gradient(w: Array) -> Array:
    """[−2(1 − a) − 400 a(b − a²), 200 (b − a²)]."""
    a, b = w
    return np.array([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)])


SURFACES = {
    "bowl": Surface("A bowl, 0.05 a² + b²", bowl, bowl_gradient, (-4.0, 1.0), (0.0, 0.0), (-4.5, 1.5, -1.3, 1.5)),
    "beale": Surface("Beale's function", beale, beale_gradient, (1.0, 1.5), (3.0, 0.5), (-0.5, 4.2, -1.5, 2.0)),
    "rosenbrock": Surface(
        "Rosenbrock's valley", rosenbrock, rosenbrock_gradient, (-1.2, 1.0), (1.0, 1.0), (-1.7, 1.7, -0.5, 2.2)
    ),
}


def descend(optimizer: Any, gradient: Callable[[Array], Any], start: Any, steps: int = 100) -> Array:
    """The path of an optimizer, (steps + 1, d): the start, and the place after each update, in float64.

    Args:
        optimizer: a name, or an object of nd.optimizers; it serves as a pattern and stays free for a trainer.
        gradient: a function of the place, an array (d,), that returns the gradient there, (d,).
        start: where to begin, d numbers.
        steps: how many updates. The path ends early at a place that is no longer finite, which is left out.

    The updates are those that a network's weights would get: the same kernels, slots and schedules. Raises ValueError or
    TypeError for invalid arguments.

    >>> descend("sgd", lambda w: 2 * w, [1.0], steps=2).ravel().round(4).tolist()    # f = w², η = 0.01
    [1.0, 0.98, 0.9604]
    """
    steps = checks.whole("descend", "steps", steps, minimum=0)
    begin = checks.real_array("descend", "start", start)
    if begin.ndim != 1 or begin.size == 0:
        raise ValueError(f"descend: start must be a place, for example [1.0, 2.0]; got the shape {begin.shape}")
    checks.finite("descend", "start", begin)
    if not is_function(gradient):
        raise TypeError(f"descend: gradient must be a function of the place, got {checks.describe(gradient)}")
    try:
        pattern = optimizers.get(optimizer)
    except (ValueError, TypeError) as error:  # it speaks for the trainer
        raise type(error)(str(error).replace("Trainer", "descend", 1)) from None
    walker = type(pattern)(**pattern.arguments())
    w = Parameter("w", begin.shape)
    walker.bind(allocate([w], np.float64))
    walker.plan(trainable_spans([w]))
    w.value = begin
    path = [w.value.copy()]
    with np.errstate(over="ignore", invalid="ignore"):     # to fly off is a lesson too
        for step in range(steps):
            slope = checks.real_array("descend", "gradient(w)", gradient(w.value.copy()))
            if slope.shape != begin.shape:
                raise ValueError(f"descend: gradient(w) must have the shape of w, {begin.shape}, got {slope.shape}")
            w.grad = slope
            walker.update(step)
            if not np.isfinite(w.value).all():
                break
            path.append(w.value.copy())
    return np.array(path)
