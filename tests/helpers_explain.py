"""An explanation's full form, run as the program that it is."""

import math

import numpy as np

import npdeep as nd


def run(explanation: nd.debug.Explanation) -> dict[str, float]:
    """The names that the program has assigned. Equations of the same name (w ← …, w ← …): the last one counts."""
    names: dict[str, float] = {}
    exec(explanation.full(), names)
    return names


def check(explanation: nd.debug.Explanation) -> None:
    """Printed terms come to the engine's numbers within rounding; the program says the same as the equations."""
    assert explanation.agrees, explanation
    assert "does not" not in str(explanation)
    made = run(explanation)
    last = {equation.name.python: equation for equation in explanation.equations}
    for name, equation in last.items():
        if math.isfinite(equation.sum):
            assert abs(made[name] - equation.sum) <= 1e-14 * max(1.0, abs(equation.sum)) + 1e-15 * size(equation), name
            if equation.value is not None:
                assert abs(made[name] - equation.value) <= equation.bound + 1e-15 * size(equation), name
    assert str(explanation).startswith(explanation.title)
    assert explanation.latex.count("{") == explanation.latex.count("}")
    assert explanation._repr_latex_().startswith("$$")


def size(equation: nd.debug.Statement) -> float:
    """Σ|terms| of a sum, for the rounding of the program itself."""
    return getattr(equation, "absolute", 0.0) * len(getattr(equation, "terms", ()))


def trainer_around(layer: nd.layers.Layer, width: int = 6, dtype: str = "float32", seed: int = 0) -> nd.Trainer:
    """A layer between two dense ones."""
    layers = [nd.Dense(width, name="below"), layer, nd.Dense(3, name="above")]
    model = nd.Sequential(layers, input_size=4, seed=seed, dtype=dtype)
    return nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Momentum(0.05))


def batch(n: int = 7, scale: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((n, 4)), rng.integers(0, 3, n)
