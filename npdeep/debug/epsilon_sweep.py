"""Which step is right for a difference quotient? Try them: too large and the curve bends away, too small and digits drown."""

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npdeep import losses
from npdeep.common import checks, seeds
from npdeep.common.hinting import explained
from npdeep.common.tables import Table, Tabled
from npdeep.debug.gradient_check import Probe, check_trainable, compare
from npdeep.kernels.arrays import Array
from npdeep.models.passes import check_dtype
from npdeep.models.sequential import Sequential

EPSILONS = tuple(float(f"{10.0**k:.3g}") for k in np.arange(-1, -12.25, -0.5))
"""From 1e-1 to 1e-12, two a decade."""

NEGLIGIBLE = 1e-3
"""A parameter's gradient below this share of the whole gradient is measured against that share."""

FAR = 1e4
"""At the best step the two differ by some eps^(2/3); by this many times that, and they never agree."""


@dataclass(repr=False)
class EpsilonSweep(Tabled):
    """Central differences against the analytic gradient for many steps ε. Prints as a table.

    Attributes:
        epsilons: the steps, largest first; element w is moved by ε·max(1, |w|).
        errors: the relative error of all compared elements together, one a step.
        by_parameter: the same for each parameter and the input, by name. A gradient (nearly) 0, as that of a bias below batch
            normalization, has no relative error: it is measured against a thousandth of the whole gradient.
        kinks: how many elements were left out because the loss has a kink there, where no step is right.
        dtype: of the arithmetic: the smaller its precision, the higher the bottom of the curve.
    """

    epsilons: list[float]
    dtype: str = "float64"
    errors: list[float] = field(default_factory=list)
    by_parameter: dict[str, list[float]] = field(default_factory=dict)
    kinks: int = 0

    @property
    def best(self) -> float:
        """The step with the smallest error."""
        return self.epsilons[int(np.nanargmin(self.errors))]

    @property
    def error(self) -> float:
        """The smallest error."""
        return float(np.nanmin(self.errors))

    @property
    def never(self) -> list[str]:
        """Parameters whose two gradients agree at no step: their hand-derived gradient is wrong."""
        limit = FAR * float(np.finfo(self.dtype).eps) ** (2 / 3)
        return [name for name, errors in self.by_parameter.items() if not min(errors) <= limit]

    def summary(self) -> str:
        """One sentence."""
        if self.never:
            return f"no step makes the two agree, the gradient is wrong: {', '.join(self.never)}"
        return f"the two agree best, to {self.error:.1e}, at ε = {self.best:.1e}"

    def table(self) -> Table:
        """One row a step, with what limits it."""
        rows = [[f"{e:.1e}", f"{error:.1e}", self.limited_by(e)] for e, error in zip(self.epsilons, self.errors, strict=True)]
        notes = [
            self.summary(),
            "truncation: the loss bends within the step, and the error grows with ε²",
            "rounding: L(w + ε) and L(w − ε) share their leading digits, and the error grows with 1/ε",
        ]
        notes += [f"left out because they sit on a kink: {self.kinks} elements"] if self.kinks else []
        return Table(["ε", "relative error", "limited by"], rows, f"central differences in {self.dtype}", notes)

    def limited_by(self, epsilon: float) -> str:
        """truncation above the best step, rounding below it."""
        return "best" if epsilon == self.best else "truncation" if epsilon > self.best else "rounding"


@explained
def epsilon_sweep(
    model: Sequential,
    loss: Any,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    epsilons: Any = EPSILONS,
    max_elements: int = 20,
    seed: int = 0,
    dtype: str = "float64",
) -> EpsilonSweep:
    """The relative error of (L(w + ε) − L(w − ε))/2ε against the hand-derived gradient, for steps ε from 1e-1 to 1e-12.

    The curve is a U: on the right the error of truncation, ε²·L‴/6, on the left that of rounding, about eps·L/ε; they meet
    near the cube root of the dtype's eps, 6e-6 in float64. A wrong gradient has no U: its error stays where it is, and
    the report names it. Elements on a kink are left out; large steps cross other kinks, which raises that end of the curve.

    Args:
        model, loss, x, y, sample_weight: as in `gradient_check`, with the same noise in every evaluation.
        epsilons: the steps to try, numbers above 0.
        max_elements: how many elements of each parameter, drawn from the seed; every one costs two passes per step.
        dtype: "float64", or "float32" to see why gradients are not checked in it.

    A copy of the model is used, and nothing of it touched. Raises ValueError or TypeError for invalid arguments.
    Source: Press et al., *Numerical Recipes* (2007), section 5.7.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("tanh"), nd.Dense(2)], input_size=4, seed=0)
    >>> sweep = epsilon_sweep(model, "softmax_cross_entropy", np.eye(4)[:2], np.array([0, 1]), max_elements=3)
    >>> 1e-7 < sweep.best < 1e-3, sweep.error < 1e-8, sweep.errors[0] > 1e-4
    (True, True, True)
    """
    owner = "epsilon_sweep"
    check_trainable(owner, model)
    max_elements = checks.whole(owner, "max_elements", max_elements)
    given = checks.real_array(owner, "epsilons", epsilons)
    if given.ndim != 1 or given.size == 0:
        raise ValueError(f"{owner}: epsilons must be a list of steps such as [1e-2, 1e-4, 1e-6], got shape {given.shape}")
    steps = sorted((checks.number(owner, "epsilons", e, above=0) for e in given.tolist()), reverse=True)
    kind = np.dtype(check_dtype(dtype))
    rng = np.random.default_rng(seeds.check_seed(owner, seed))
    smooth, kinks = smooth_elements(model, loss, (x, y, sample_weight), max_elements, rng)
    probe = Probe(model.copy(kind), copy.deepcopy(losses.get(loss)), x, y, sample_weight, tolerance=0.0)
    chosen = [(name, values, grad, smooth[name]) for name, values, grad in probe.targets() if smooth[name].size]
    if not chosen:
        raise ValueError(f"{owner}: all {kinks} chosen elements sit on a kink; take other examples, or larger max_elements")
    sweep = EpsilonSweep(steps, str(kind), by_parameter={name: [] for name, *_ in chosen}, kinks=kinks)
    analytic = [grad.reshape(-1)[which].astype(np.float64) for _, _, grad, which in chosen]
    least = NEGLIGIBLE * float(np.linalg.norm(np.concatenate(analytic)))
    for epsilon in steps:
        numeric = [quotients(probe, values, which, epsilon) for _, values, _, which in chosen]
        for (name, *_), a, b in zip(chosen, analytic, numeric, strict=True):
            sweep.by_parameter[name].append(relative_error(a, b, least))
        sweep.errors.append(relative_error(np.concatenate(analytic), np.concatenate(numeric)))
    return sweep


def smooth_elements(
    model: Sequential, loss: Any, batch: tuple[Any, Any, Any], most: int, rng: np.random.Generator
) -> tuple[dict[str, Array], int]:
    """Of each parameter and the input some elements where the loss has no kink; and how many were left out for one."""
    probe = Probe(model.copy("float64"), copy.deepcopy(losses.get(loss)), *batch, tolerance=np.inf)
    smooth, kinks = {}, 0
    for name, values, grad in probe.targets():
        chosen = np.sort(rng.choice(values.size, min(most, values.size), replace=False))
        found = compare(name, probe, values, grad, chosen)
        smooth[name], kinks = chosen[~found.on_kink], kinks + found.kinks
    return smooth, kinks


def quotients(probe: Probe, values: Array, chosen: Array, epsilon: float) -> Array:
    """(L(w + h) − L(w − h))/2h of each chosen element, by the step that was really made: w + h is rounded."""
    found = np.empty(len(chosen))
    flat = values.reshape(-1)
    for i, k in enumerate(chosen):
        h = flat.dtype.type(epsilon * max(1.0, abs(float(flat[k]))))
        above, below = probe.nudge(values, k, h)
        made = float(flat[k] + h) - float(flat[k] - h)
        found[i] = (above - below) / made if made else 0.0
    return found


def relative_error(analytic: Array, numeric: Array, least: float = 0.0) -> float:
    """‖analytic − numeric‖ over the larger of the two norms, or over `least` where that is larger; 0 where all are 0.

    >>> relative_error(np.array([3.0, 4.0]), np.array([3.0, 4.5])) < 0.1
    True
    """
    scale = max(float(np.linalg.norm(analytic)), float(np.linalg.norm(numeric)), least)
    return float(np.linalg.norm(analytic - numeric)) / scale if scale else 0.0
