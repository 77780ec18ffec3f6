"""The coefficients in npdeep/kernels/special.py, and the normal tail that they must reproduce, computed by mpmath at 60 digits.

log(e^{x²} erfc(x)/t) with t = 2/(2 + x) is a smooth function of u = 2t − 1 in (−1, 1]. Its Chebyshev series, from the values
at 60 Chebyshev nodes, is cut at degree 24 (float64) and 10 (float32) and written out in powers of u, lowest first.
"""

import numpy as np
from mpmath import cos, erfc, exp, log, mp, mpf, pi, sqrt
from store import save

mp.dps = 60
NODES = 60
DEGREES = {"float64": 24, "float32": 10}


def smooth_part(u):
    """log(e^{x²} erfc(x)/t) at u = 2t − 1."""
    t = (u + 1) / 2
    x = 2 / t - 2
    return log(exp(x * x) * erfc(x) / t)


def chebyshev_series():
    """c_j with Σ' c_j T_j(u): the first is halved already."""
    angles = [pi * (k + mpf(1) / 2) / NODES for k in range(NODES)]
    values = [smooth_part(cos(angle)) for angle in angles]
    series = [2 * sum(v * cos(j * a) for v, a in zip(values, angles, strict=True)) / NODES for j in range(NODES)]
    return [series[0] / 2, *series[1:]]


def powers_of_u(series):
    """The same polynomial by powers of u, by T_{j+1} = 2u T_j − T_{j−1}."""
    total, before, now = [mpf(0)] * len(series), [mpf(1)], [mpf(0), mpf(1)]
    for c in series:
        for i, factor in enumerate(before):
            total[i] += c * factor
        doubled = [mpf(0), *(2 * factor for factor in now)]
        before, now = now, [a - b for a, b in zip(doubled, [*before, mpf(0), mpf(0)], strict=False)]
    return total


def main():
    series = chebyshev_series()
    coefficients = {name: [float(c) for c in powers_of_u(series[: n + 1])] for name, n in DEGREES.items()}
    z = np.concatenate([np.linspace(0, 6, 121), np.linspace(6.5, 37, 62), [1e-300, 1e-12, 1e-5]])
    tail = np.array([float(erfc(mpf(float(v)) / sqrt(2)) / 2) for v in z])
    save("erfc_coefficients", {"coefficients": ({}, coefficients), "tail": ({}, {"z": z, "tail": tail})})


main()
