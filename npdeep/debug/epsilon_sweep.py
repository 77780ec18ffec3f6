"""Which step is right for a difference quotient? Try them all: too large and the curve bends away, too small and digits drown."""

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npdeep import checks, losses
from npdeep.debug.gradient_check import Probe, check_trainable
from npdeep.kernels.arrays import Array
from npdeep.model import Sequential, check_dtype
from npdeep.tables import Table

EPSILONS = tuple(float(f"{10.0**k:.3g}") for k in np.arange(-1, -12.25, -0.5))
"""From 1e-1 to 1e-12, two a decade."""


@dataclass
class EpsilonSweep:
    """Central differences against the analytic gradient for many steps ε. Prints as a table.

    Attributes:
        epsilons: the steps, largest first; element w is moved by ε·max(1, |w|).
        errors: the relative error of all compared elements together, one a step.
        by_parameter: the same for each parameter and the input, by name.
        dtype: of the arithmetic: the smaller its precision, the higher the bottom of the curve.
    """

    epsilons: list[float]
    dtype: str = "float64"
    errors: list[float] = field(default_factory=list)
    by_parameter: dict[str, list[float]] = field(default_factory=dict)

    @property
    def best(self) -> float:
        """The step with the smallest error."""
        return self.epsilons[int(np.nanargmin(self.errors))]

    @property
    def error(self) -> float:
        """The smallest error."""
        return float(np.nanmin(self.errors))

    def table(self) -> Table:
        """One row a step, with what limits it."""
        largest = max(self.by_parameter, key=lambda name: self.by_parameter[name][self.epsilons.index(self.best)])
        rows = [[f"{e:.1e}", f"{error:.1e}", self.limited_by(e)] for e, error in zip(self.epsilons, self.errors, strict=True)]
        notes = [
            f"the two agree best, to {self.error:.1e}, at ε = {self.best:.1e}; there {largest} is the worst",
            "truncation: L bends within the step, the error grows with ε²; rounding: L(w + ε) and L(w − ε) share their leading "
            "digits, the error grows with 1/ε",
        ]
        return Table(["ε", "relative error", "limited by"], rows, f"central differences in {self.dtype}", notes)

    def limited_by(self, epsilon: float) -> str:
        """truncation above the best step, rounding below it."""
        return "best" if epsilon == self.best else "truncation" if epsilon > self.best else "rounding"

    def __repr__(self) -> str:
        """The table."""
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


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
    near the cube root of the dtype's eps, 6e-6 in float64. A wrong gradient has no U: its error stays where it is. Large
    steps cross the kinks of ReLU and kin, which raises their side of the curve.

    Args:
        model, loss, x, y, sample_weight: as in `gradient_check`, with the same noise in every evaluation.
        epsilons: the steps to try, numbers above 0.
        max_elements: how many elements of each parameter, drawn from the seed; every one costs two passes a step.
        dtype: "float64", or "float32" to see why gradients are not checked in it.

    A copy of the model is used, and nothing of it touched. Raises ValueError or TypeError for unfit arguments.
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
    probe = Probe(model.copy(kind), copy.deepcopy(losses.get(loss)), x, y, sample_weight, tolerance=0.0)
    rng = np.random.default_rng(seed)
    chosen = [
        (name, values, grad, np.sort(rng.choice(values.size, min(max_elements, values.size), replace=False)))
        for name, values, grad in probe.targets()
    ]
    sweep = EpsilonSweep(steps, str(kind), by_parameter={name: [] for name, *_ in chosen})
    analytic = [grad.reshape(-1)[which].astype(np.float64) for _, _, grad, which in chosen]
    for epsilon in steps:
        numeric = [quotients(probe, values, which, epsilon) for _, values, _, which in chosen]
        for (name, *_), a, b in zip(chosen, analytic, numeric, strict=True):
            sweep.by_parameter[name].append(relative_error(a, b))
        sweep.errors.append(relative_error(np.concatenate(analytic), np.concatenate(numeric)))
    return sweep


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


def relative_error(analytic: Array, numeric: Array) -> float:
    """‖analytic − numeric‖ over the larger of the two norms; 0 where both are 0.

    >>> relative_error(np.array([3.0, 4.0]), np.array([3.0, 4.5])) < 0.1
    True
    """
    scale = max(float(np.linalg.norm(analytic)), float(np.linalg.norm(numeric)))
    return float(np.linalg.norm(analytic - numeric)) / scale if scale else 0.0
