"""Golden schedules: Keras's values on a grid of steps. PowerDecay, which Keras lacks, is its formula in mpmath."""

import mpmath
import numpy as np
from store import keras, numbers, save

K = keras.optimizers.schedules
STEPS = [0, 1, 2, 3, 5, 7, 9, 10, 11, 15, 19, 20, 21, 25, 29, 30, 31, 45, 60, 69, 70, 71, 99, 100, 101, 149, 150, 151, 400]


def exponential(**given):
    return K.ExponentialDecay(0.1, 10, 0.3, **given)


def power(t):
    return float(mpmath.mpf(0.1) * (1 + mpmath.mpf(t) / 10) ** -mpmath.mpf(0.7))


def polynomial(**given):
    return K.PolynomialDecay(0.1, 30, end_learning_rate=0.01, **given)


def wave(**given):
    return K.CosineDecay(0.1, 30, **given)


def waves(**given):
    return K.CosineDecayRestarts(0.1, 10, **given)


TEN = {"initial": 0.1, "decay_steps": 10}
THIRTY = {"initial": 0.1, "decay_steps": 30}
AGAIN = {**TEN, "restarts": True}

# case: npdeep's schedule and arguments, the reference. Restarts fall on steps where Keras's logarithm is exact.
CASES = {
    "exponential": ("ExponentialDecay", {**TEN, "decay_rate": 0.3}, exponential()),
    "exponential, staircase": ("ExponentialDecay", {**TEN, "decay_rate": 0.3, "staircase": True}, exponential(staircase=True)),
    "piecewise": (
        *("PiecewiseConstant", {"boundaries": [5, 20, 100], "values": [0.1, 0.05, 0.07, 0.001]}),
        K.PiecewiseConstantDecay([5, 20, 100], [0.1, 0.05, 0.07, 0.001]),
    ),
    "power": ("PowerDecay", {**TEN, "power": 0.7}, power),
    "power 1": ("PowerDecay", TEN, K.InverseTimeDecay(0.1, 10, 1.0)),
    "inverse time": ("InverseTimeDecay", {**TEN, "decay_rate": 0.5}, K.InverseTimeDecay(0.1, 10, 0.5)),
    "inverse time, staircase": (
        *("InverseTimeDecay", {**TEN, "decay_rate": 0.5, "staircase": True}),
        K.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    ),
    "polynomial": ("PolynomialDecay", {**THIRTY, "final": 0.01}, polynomial()),
    "polynomial, power 2.5": ("PolynomialDecay", {**THIRTY, "final": 0.01, "power": 2.5}, polynomial(power=2.5)),
    "polynomial, cycle": ("PolynomialDecay", {**THIRTY, "final": 0.01, "cycle": True}, polynomial(cycle=True)),
    "polynomial, power 0.5, cycle": (
        *("PolynomialDecay", {**THIRTY, "final": 0.01, "power": 0.5, "cycle": True}),
        polynomial(power=0.5, cycle=True),
    ),
    "cosine": ("CosineDecay", THIRTY, wave()),
    "cosine, alpha": ("CosineDecay", {**THIRTY, "alpha": 0.2}, wave(alpha=0.2)),
    "cosine, restarts": ("CosineDecay", AGAIN, waves()),
    "cosine, restarts, equal": ("CosineDecay", {**AGAIN, "longer": 1.0}, waves(t_mul=1.0)),
    "cosine, restarts, lower": (
        *("CosineDecay", {**AGAIN, "lower": 0.6, "alpha": 0.1}),
        waves(m_mul=0.6, alpha=0.1),
    ),
    "cosine, restarts, longer by half": ("CosineDecay", {**AGAIN, "longer": 1.5, "lower": 1.2}, waves(t_mul=1.5, m_mul=1.2)),
    "warm-up, cosine": (
        *("Warmup", {"then": {"schedule": "CosineDecay", "parameters": THIRTY}, "warmup_steps": 20, "start": 0.02}),
        K.CosineDecay(0.02, 30, warmup_target=0.1, warmup_steps=20),
    ),
}


def main():
    cases = {}
    for case, (schedule, parameters, reference) in CASES.items():
        values = np.array([float(numbers(reference(step))) for step in STEPS])
        cases[case] = ({"schedule": schedule, "parameters": parameters}, {"steps": np.array(STEPS), "values": values})
    save("schedules", cases)


main()
