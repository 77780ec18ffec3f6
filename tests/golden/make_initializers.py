"""Golden bounds and standard deviations of the VarianceScaling family: what Keras hands to its random generators.

The draws themselves cannot agree, so the generators are replaced by ones that note their arguments. npdeep's "normal" is
plain; in Keras that is "untruncated_normal", and its "normal" is truncated.
"""

import numpy as np
from store import keras, save

K = keras.initializers
SHAPES = [(200, 100), (7, 30)]
PRESETS = ["GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal"]
KERAS = {"uniform": "uniform", "normal": "untruncated_normal", "truncated_normal": "truncated_normal"}
SCALINGS = [
    {"scale": scale, "mode": mode, "distribution": distribution}
    for scale, mode in ((1.0, "fan_in"), (2.0, "fan_out"), (16.0, "fan_avg"))
    for distribution in KERAS
]


class Notes:
    """Stands in for keras.random: each call returns its name and two numbers."""

    def make_default_seed(self):
        return 0

    def uniform(self, shape, minval, maxval, **others):
        return "uniform", minval, maxval

    def normal(self, shape, mean, stddev, **others):
        return "normal", mean, stddev

    def truncated_normal(self, shape, mean, stddev, **others):
        return "truncated_normal", mean, stddev


def main():
    keras.src.initializers.random_initializers.random = Notes()
    makers = [(name, {}, getattr(K, name)()) for name in PRESETS]
    makers += [
        ("VarianceScaling", given, K.VarianceScaling(given["scale"], given["mode"], KERAS[given["distribution"]]))
        for given in SCALINGS
    ]
    cases = {}
    for initializer, parameters, made in makers:
        calls = [made(shape) for shape in SHAPES]
        case = ", ".join([initializer, *map(str, parameters.values())])
        arguments = {"initializer": initializer, "parameters": parameters, "draws": calls[0][0]}
        cases[case] = (arguments, {"shapes": np.array(SHAPES), "numbers": np.array([call[1:] for call in calls])})
    save("initializers", cases)


main()
