"""Golden penalties with their gradients, and golden weights after constraints, from Keras.

Keras's constraints divide by ‖w‖ + 1e-7, npdeep's by ‖w‖: Keras's epsilon is set to 0 here, and no norm is 0.
"""

import numpy as np
from store import keras, save, tensor

R, C = keras.regularizers, keras.constraints
RNG = np.random.default_rng(17)
W = RNG.normal(size=(6, 4)) * [0.1, 0.5, 1, 3]
W[2, 1] = 0

# case: npdeep's class and arguments, Keras's
REGULARIZERS = {
    "L1": ("L1", {"scale": 0.03}, R.L1(0.03)),
    "L2": ("L2", {"scale": 0.03}, R.L2(0.03)),
    "L1L2": ("L1L2", {"l1": 0.02, "l2": 0.05}, R.L1L2(0.02, 0.05)),
}
CONSTRAINTS = {
    "max norm": ("MaxNorm", {"value": 1.5}, C.MaxNorm(1.5)),
    "max norm, axis 1": ("MaxNorm", {"value": 1.5, "axis": 1}, C.MaxNorm(1.5, axis=1)),
    "min max norm": ("MinMaxNorm", {"minimum": 1.0, "maximum": 2.0}, C.MinMaxNorm(1.0, 2.0)),
    "min max norm, axis 1, rate 0.3": (
        *("MinMaxNorm", {"minimum": 1.0, "maximum": 2.0, "rate": 0.3, "axis": 1}),
        C.MinMaxNorm(1.0, 2.0, rate=0.3, axis=1),
    ),
    "unit norm": ("UnitNorm", {}, C.UnitNorm()),
    "unit norm, axis 1": ("UnitNorm", {"axis": 1}, C.UnitNorm(axis=1)),
    "non-negative": ("NonNegative", {}, C.NonNeg()),
}


def main():
    keras.config.set_epsilon(0.0)
    cases = {}
    for case, (regularizer, parameters, reference) in REGULARIZERS.items():
        w = tensor(W, requires_grad=True)
        penalty = reference(w)
        penalty.backward()
        arguments = {"kind": "regularizer", "regularizer": regularizer, "parameters": parameters}
        cases[case] = (arguments, {"w": W, "penalty": penalty.detach(), "grad": w.grad})
    for case, (constraint, parameters, reference) in CONSTRAINTS.items():
        arguments = {"kind": "constraint", "constraint": constraint, "parameters": parameters}
        cases[case] = (arguments, {"w": W, "constrained": reference(tensor(W))})
    save("penalties", cases)


main()
