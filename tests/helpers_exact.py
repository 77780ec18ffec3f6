"""Activations and losses in exact arithmetic: Python's decimal numbers of 120 digits and exponents without end.

Each formula is the definition, not the engine's way of computing it. Where a definition subtracts nearly equal numbers, 120
digits are enough, and where even these would not do (tanh z of 1e-320), the first terms of its series stand in.
"""

import decimal
from decimal import Decimal

import numpy as np

CONTEXT = decimal.Context(prec=120, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[decimal.InvalidOperation])
decimal.setcontext(CONTEXT)
PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651328230664709"
)
SMALL = Decimal("1e-35")
"""Below it, in magnitude, three terms of a series have more than 120 digits to spare."""


def number(value, dtype=np.float64):
    """A float as a Decimal, exactly; rounded to the dtype first, as a kernel rounds its parameters."""
    return Decimal(float(np.asarray(value, dtype)))


def exp(z):
    return z.exp() if abs(z) > SMALL else 1 + z + z * z / 2 + z**3 / 6


def log1p(z):
    return (1 + z).ln() if abs(z) > SMALL else z - z * z / 2 + z**3 / 3


def expm1(z):
    return z.exp() - 1 if abs(z) > SMALL else z + z * z / 2 + z**3 / 6


def sigmoid(z):
    return 1 / (1 + exp(-z)) if z >= 0 else exp(z) / (1 + exp(z))


def tanh(z):
    if z < 0:
        return -tanh(-z)
    return -expm1(-2 * z) / (1 + exp(-2 * z))


def softplus(z):
    return max(z, Decimal(0)) + log1p(exp(-abs(z)))


def density(z):
    return exp(-z * z / 2) / (2 * PI).sqrt()


def normal(z):
    """Φ(z): a series of positive terms near 0, a continued fraction far out."""
    if z < -5:
        return tail(-z)
    if z > 5:
        return 1 - tail(z)
    term = total = z
    n = 1
    while abs(term) > Decimal("1e-110"):
        n += 2
        term = term * z * z / n
        total += term
    return Decimal("0.5") + density(z) * total


def tail(z):
    """1 − Φ(z) for z > 5: φ(z)/(z + 1/(z + 2/(z + …)))."""
    if z > 10**6:
        return density(z) / z
    fraction = z
    for k in range(400, 0, -1):
        fraction = z + k / fraction
    return density(z) / fraction


def clamp(z, low, high):
    return min(max(z, low), high)


# ── activations: name → (f, f') of z and the rule's parameters ────────────────────────────────────────────────────────
ROOT = (2 / PI).sqrt()
CUBE = Decimal("0.044715")
SELU_ALPHA, SELU_SCALE = Decimal("1.6732632423543772848170429916717"), Decimal("1.0507009873554804934193349852946")


def held(z, slope, offset, minimum, maximum):
    return clamp(slope * z + offset, minimum, maximum)


def held_slope(z, slope, offset, minimum, maximum):
    return slope if minimum < slope * z + offset < maximum else Decimal(0)


def silu_slope(z, beta):
    s = sigmoid(beta * z)
    return s + beta * z * s * (1 - s) if abs(beta * z) < 10**9 else s


def gelu_tanh_slope(z):
    u = 2 * ROOT * (z + CUBE * z**3)
    s = sigmoid(u)
    return s + z * s * sigmoid(-u) * 2 * ROOT * (1 + 3 * CUBE * z * z)


def mish(z):
    return z * tanh(softplus(z))


def mish_slope(z):
    h = tanh(softplus(z))
    return h + z * (1 - h * h) * sigmoid(z)


def dish(z):
    root = (1 + z * z).sqrt()
    return z / (root * (root - z)) / 2 if z < 0 else z * (1 + z / root) / 2


def dish_slope(z):
    u = z / (1 + z * z).sqrt()
    return Decimal("0.5") + u * (1 - u * u / 2)


def hard_silu_slope(z, slope, offset):
    inside = 0 < slope * z + offset < 1
    return clamp(slope * z + offset, Decimal(0), Decimal(1)) + (z * slope if inside else 0)


def tanh_shrink(z):
    if abs(z) < Decimal("1e-12"):
        return z**3 / 3 - 2 * z**5 / 15 + 17 * z**7 / 315 - 62 * z**9 / 2835
    return z - tanh(z)


def general_relu(z, negative_slope, maximum, threshold):
    return maximum if z >= maximum else z if z >= threshold else negative_slope * (z - threshold)


def general_relu_slope(z, negative_slope, maximum, threshold):
    on = z >= threshold if threshold else z > threshold
    return Decimal(0) if z >= maximum else Decimal(1) if on else negative_slope


ONE, ZERO = Decimal(1), Decimal(0)
ACTIVATIONS = {
    "linear": (lambda z: z, lambda z: ONE),
    "scaled": (lambda z, slope, offset: slope * z + offset, lambda z, slope, offset: slope),
    "relu": (lambda z: max(z, ZERO), lambda z: ONE if z > 0 else ZERO),
    "leaky_relu": (lambda z, a: z if z > 0 else a * z, lambda z, a: ONE if z > 0 else a),
    "threshold": (lambda z, t, v: z if z > t else v, lambda z, t, v: ONE if z > t else ZERO),
    "general_relu": (general_relu, general_relu_slope),
    **dict.fromkeys(("relu6", "clipped_linear", "hard_tanh", "hard_sigmoid", "sparse_sigmoid"), (held, held_slope)),
    "hard_silu": (lambda z, s, o: z * clamp(s * z + o, ZERO, ONE), hard_silu_slope),
    "sparse_plus": (
        lambda z: ZERO if z <= -1 else (z + 1) ** 2 / 4 if z < 1 else z, lambda z: (clamp(z, -ONE, ONE) + 1) / 2,
    ),
    "soft_shrink": (lambda z, t: z - clamp(z, -t, t), lambda z, t: ONE if abs(z) > t or t == 0 else ZERO),
    "hard_shrink": (lambda z, t: z if abs(z) > t else ZERO, lambda z, t: ONE if abs(z) > t or t == 0 else ZERO),
    "elu": (lambda z, a: z if z > 0 else a * expm1(z), lambda z, a: ONE if z > 0 else a * exp(z)),
    "celu": (lambda z, a: z if z > 0 else a * expm1(z / a), lambda z, a: ONE if z > 0 else exp(z / a)),
    "selu": (
        lambda z: SELU_SCALE * (z if z > 0 else SELU_ALPHA * expm1(z)),
        lambda z: SELU_SCALE * (ONE if z > 0 else SELU_ALPHA * exp(z)),
    ),
    "exponential": (exp, exp),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": (tanh, lambda z: 4 * sigmoid(2 * z) * sigmoid(-2 * z)),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "log_sigmoid": (lambda z: -softplus(-z), lambda z: sigmoid(-z)),
    "tanh_shrink": (tanh_shrink, lambda z: tanh(z) ** 2),
    "softplus": (lambda z, b: softplus(b * z) / b, lambda z, b: sigmoid(b * z)),
    "squareplus": (
        lambda z, b: (z + (z * z + b).sqrt()) / 2 if z > 0 else b / ((z * z + b).sqrt() - z) / 2,
        lambda z, b: (1 + z / (z * z + b).sqrt()) / 2,
    ),
    **{name: (lambda z, b: z * sigmoid(b * z), silu_slope) for name in ("silu", "gelu_sigmoid")},
    "gelu": (lambda z: z * normal(z), lambda z: normal(z) + z * density(z)),
    "gelu_tanh": (lambda z: z * sigmoid(2 * ROOT * (z + CUBE * z**3)), gelu_tanh_slope),
    "mish": (mish, mish_slope),
    "dish": (dish, dish_slope),
}  # fmt: skip


# ── losses of elements: name → (ℓ, ∂ℓ/∂z, the size of the terms that ℓ is the sum of) of output z and target y ────────
def huber(z, y, delta):
    e = abs(z - y)
    return e * e / 2 if e <= delta else delta * e - delta * delta / 2


def log_cosh(z, y):
    e = abs(z - y)
    if e < SMALL:
        return e * e / 2 - e**4 / 12
    return e + log1p((exp(-2 * e) - 1) / 2)


def poisson(z, y, epsilon):
    if y == 0:
        return z
    return z - y * (z + epsilon).ln() if z + epsilon > 0 else Decimal("Infinity")


def poisson_slope(z, y, epsilon):
    if y == 0:
        return ONE
    return 1 - y / (z + epsilon) if z + epsilon > 0 else Decimal("-Infinity")


def poisson_terms(z, y, epsilon):
    return z + abs(y * (z + epsilon).ln()) if z + epsilon > 0 else ONE


LOSSES = {
    "mean_squared_error": (lambda z, y: (z - y) ** 2, lambda z, y: 2 * (z - y), lambda z, y: ZERO),
    "mean_absolute_error": (
        lambda z, y: abs(z - y), lambda z, y: ZERO if z == y else ONE.copy_sign(z - y), lambda z, y: ZERO,
    ),
    "huber": (huber, lambda z, y, d: clamp(z - y, -d, d), lambda z, y, d: ZERO),
    "log_cosh": (log_cosh, lambda z, y: tanh(z - y), lambda z, y: ZERO),
    "poisson": (poisson, poisson_slope, poisson_terms),
    "binary_cross_entropy": (
        lambda z, y: y * softplus(-z) + (1 - y) * softplus(z),
        lambda z, y: sigmoid(z) - y,
        lambda z, y: ZERO if y in (0, 1) else abs(z),
    ),
    "hinge": (lambda z, y: max(ZERO, 1 - y * z), lambda z, y: -y if y * z < 1 else ZERO, lambda z, y: ZERO),
    "squared_hinge": (lambda z, y: max(ZERO, 1 - y * z) ** 2, lambda z, y: -2 * y * max(ZERO, 1 - y * z), lambda z, y: ZERO),
}  # fmt: skip


# ── losses of rows: name → (ℓ, [∂ℓ/∂z], the size of the terms) of outputs z and targets q ─────────────────────────────
def softmax_cross_entropy(z, q):
    """Σ_k q_k (log Σ_j e^{z_j} − z_k), the largest z taken off both."""
    top = max(z)
    powers = [exp(value - top) for value in z]
    total = sum(powers)
    terms = [share * (top - value) for share, value in zip(q, z, strict=True)]
    slopes = [power / total - share for power, share in zip(powers, q, strict=True)]
    return total.ln() + sum(terms), slopes, sum(terms)


def kl_divergence(p, y, epsilon):
    held_p = [max(value, epsilon) for value in p]
    terms = [share * (share / value).ln() if share else ZERO for share, value in zip(y, held_p, strict=True)]
    slopes = [-share / value if value >= epsilon else ZERO for share, value in zip(y, p, strict=True)]
    return sum(terms), slopes, sum(map(abs, terms))


ROWS = {"softmax_cross_entropy": softmax_cross_entropy, "kl_divergence": kl_divergence}
