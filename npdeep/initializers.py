"""How weights begin. The spread of the first weights decides whether signals live or die on their way through many layers.

For z = Σ_k x_k W_k over `fan_in` inputs of mean 0, Var z = fan_in · Var W · Var x; for the gradient on its way back the same
holds with fan_out. Glorot & Bengio (2010) keep both near 1 with Var W = 2/(fan_in + fan_out); He et al. (2015) double the
forward value, because ReLU throws half of the signal away.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from npdeep import activations
from npdeep.common import checks, registry
from npdeep.common.described import Described
from npdeep.common.foreign_names import INITIALIZERS, expanded
from npdeep.common.hinting import asked, offered
from npdeep.kernels.arrays import Array

TRUNCATED_STD = 0.8796256610342398
"""Standard deviation of N(0, 1) cut off at ±2."""


class Initializer(Described):
    """Base: an object that fills an array. Own initializers need `__call__` alone.

    >>> class Halves(Initializer):
    ...     def __call__(self, shape, fan_in, fan_out, rng):
    ...         return np.full(shape, 0.5)
    >>> Halves()((1, 2), 1, 2, np.random.default_rng(0))
    array([[0.5, 0.5]])
    """

    fixed = "an initializer has done its work when the model is made; make a new one, and a new model"

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """Numbers of this shape; fan_in and fan_out are how many inputs and outputs a unit is wired to."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, fan_in, fan_out, rng)")


class RandomNormal(Initializer):
    """W ~ N(mean, stddev²). With its defaults, N(0, 1), the naive choice that saturates deep networks.

    >>> RandomNormal(stddev=0.0)((1, 2), 1, 2, np.random.default_rng(0))
    array([[0., 0.]])
    """

    def __init__(self, mean: float = 0.0, stddev: float = 1.0) -> None:
        self.mean = checks.number("RandomNormal", "mean", mean)
        self.stddev = checks.number("RandomNormal", "stddev", stddev, minimum=0)

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """Draw from N(mean, stddev²)."""
        return rng.normal(self.mean, self.stddev, shape)


class RandomUniform(Initializer):
    """W ~ U(minimum, maximum).

    >>> bool(abs(RandomUniform()((9, 9), 9, 9, np.random.default_rng(0))).max() <= 0.05)
    True
    """

    def __init__(self, minimum: float = -0.05, maximum: float = 0.05) -> None:
        self.minimum = checks.number("RandomUniform", "minimum", minimum)
        self.maximum = checks.number("RandomUniform", "maximum", maximum, minimum=self.minimum)

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """Draw from U(minimum, maximum)."""
        return rng.uniform(self.minimum, self.maximum, shape)


class TruncatedNormal(Initializer):
    """N(mean, stddev²) with everything farther than 2 stddev from the mean drawn again. The result's own standard deviation
    is 0.8796 stddev; VarianceScaling makes up for that, this class does not (as in Keras).

    >>> bool(abs(TruncatedNormal()((50, 50), 50, 50, np.random.default_rng(0))).max() <= 2)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 1.0) -> None:
        self.mean = checks.number("TruncatedNormal", "mean", mean)
        self.stddev = checks.number("TruncatedNormal", "stddev", stddev, minimum=0)

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """Draw, and draw again what lies beyond ±2 stddev."""
        draws = rng.standard_normal(math.prod(shape))
        outside = np.flatnonzero(np.abs(draws) > 2)
        while outside.size:
            draws[outside] = rng.standard_normal(outside.size)
            outside = outside[np.abs(draws[outside]) > 2]
        return (self.mean + self.stddev * draws).reshape(shape)


class VarianceScaling(Initializer):
    """Var W = scale/fan, where fan is fan_in, fan_out or, for "fan_avg", their mean.

    distribution: "uniform" (±√(3 scale/fan)), "normal" (plain) or "truncated_normal" (cut at ±2σ, σ enlarged by 1/0.8796 so
    that the variance is scale/fan all the same, as in Keras). TensorFlow 1's contrib version enlarges by √1.3 instead, which
    makes weights 0.3 % larger; PyTorch does not truncate.

    >>> VarianceScaling(2.0, "fan_in", "normal").stddev(fan_in=200, fan_out=10)
    0.1
    """

    modes = ("fan_in", "fan_out", "fan_avg")
    distributions = ("uniform", "normal", "truncated_normal")

    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal") -> None:
        self.scale = checks.number("VarianceScaling", "scale", scale, above=0)
        self.mode = checks.choice("VarianceScaling", "mode", mode, self.modes)
        self.distribution = checks.choice(
            "VarianceScaling", "distribution", distribution, self.distributions, {"untruncatednormal": "normal"}
        )

    def stddev(self, fan_in: int, fan_out: int) -> float:
        """√(scale/fan): the standard deviation that the weights get."""
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        return math.sqrt(self.scale / fan)

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """Draw with variance scale/fan."""
        stddev = self.stddev(fan_in, fan_out)
        if self.distribution == "uniform":
            limit = math.sqrt(3) * stddev     # Var U(−r, r) = r²/3
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "normal":
            return rng.normal(0, stddev, shape)
        return TruncatedNormal(0, stddev / TRUNCATED_STD)(shape, fan_in, fan_out, rng)


class _Preset(VarianceScaling):
    """A VarianceScaling with its three numbers fixed."""

    preset: tuple[float, str, str]

    def __init__(self) -> None:
        super().__init__(*self.preset)


class GlorotUniform(_Preset):
    """U(−r, r) with r = √(6/(fan_in + fan_out)): the default. Glorot & Bengio (2010); also named after Xavier.

    >>> GlorotUniform()
    GlorotUniform()
    """

    preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Truncated normal with σ² = 2/(fan_in + fan_out).

    >>> GlorotNormal().stddev(fan_in=150, fan_out=50)
    0.1
    """

    preset = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """U(−r, r) with r = √(6/fan_in): for ReLU and its variants. He et al. (2015).

    >>> HeUniform().stddev(fan_in=200, fan_out=10)
    0.1
    """

    preset = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Truncated normal with σ² = 2/fan_in: for ReLU and its variants.

    >>> HeNormal().stddev(fan_in=200, fan_out=10)
    0.1
    """

    preset = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """U(−r, r) with r = √(3/fan_in). LeCun et al. (1998), *Efficient backprop*.

    >>> LecunUniform().stddev(fan_in=100, fan_out=10)
    0.1
    """

    preset = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Truncated normal with σ² = 1/fan_in: what SELU needs to normalize itself.

    >>> LecunNormal().stddev(fan_in=100, fan_out=10)
    0.1
    """

    preset = (1.0, "fan_in", "truncated_normal")


class Orthogonal(Initializer):
    """gain times a random matrix with orthonormal rows or columns, whichever are fewer: it stretches no signal.

    Source: Saxe, McClelland, Ganguli (2014).

    >>> W = Orthogonal()((3, 2), 3, 2, np.random.default_rng(0))
    >>> bool(np.allclose(W.T @ W, np.eye(2)))
    True
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = checks.number("Orthogonal", "gain", gain)

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """QR-decompose a normal matrix; the signs of R's diagonal make the result uniform among such matrices."""
        rows, columns = shape[0], math.prod(shape[1:])
        tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


class Identity(Initializer):
    """gain on the diagonal, 0 elsewhere: the layer begins by passing its input on.

    >>> Identity()((2, 3), 2, 3, np.random.default_rng(0))
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = checks.number("Identity", "gain", gain)

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """The identity matrix, cut or padded with zeros to the shape."""
        if len(shape) != 2:
            raise ValueError(f"Identity: a kernel of shape {shape} is not a matrix; use another initializer")
        return self.gain * np.eye(*shape)


class Constant(Initializer):
    """Every number is `value`.

    >>> Constant(0.5)((2,), 1, 1, np.random.default_rng(0))
    array([0.5, 0.5])
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = checks.number("Constant", "value", value)

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """An array of that value."""
        return np.full(shape, self.value)


class Zeros(Initializer):
    """All 0: right for biases; in kernels it would leave all units of a layer alike for ever.

    >>> Zeros()((2,), 1, 1, np.random.default_rng(0))
    array([0., 0.])
    """

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """An array of zeros."""
        return np.zeros(shape)


class Ones(Initializer):
    """All 1.

    >>> Ones()((2,), 1, 1, np.random.default_rng(0))
    array([1., 1.])
    """

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """An array of ones."""
        return np.ones(shape)


KNOWN: dict[str, type[Initializer]] = {
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "orthogonal": Orthogonal,
    "identity": Identity,
    "constant": Constant,
    "zeros": Zeros,
    "ones": Ones,
}
HINTS = expanded(INITIALIZERS)
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, HINTS, KNOWN)
    __dir__ = offered(__name__, "for_activation")


def get(owner: str, name: str, initializer: Any) -> Initializer:
    """An initializer from its name in snake case, or the object itself.

    >>> get("Dense", "kernel_initializer", "he_normal")
    HeNormal()
    """
    cure = ""
    if isinstance(initializer, np.ndarray | list):
        cure = f"; set numbers once the layer is in a model: layer.{name.partition('_')[0]}.value = array"
    return registry.find(owner, name, initializer, Initializer, KNOWN, HINTS, number="Constant", cure=cure)


def for_activation(name: "str | activations.Rule", distribution: str = "uniform") -> Initializer:
    """The initializer that fits an activation, after the chapter's table: Glorot's spread times a gain.

    | activation | gain | why |
    |---|---|---|
    | sigmoid (logistic) | 4 | its slope at 0 is ¼: the gain is 1/f'(0) for all that squash |
    | tanh, softsign | 1 | their slope at 0 is 1 |
    | linear, softmax and its variants | 1 | there is nothing to make up for |
    | ReLU and its variants | √2 | half of the signal is cut off |
    | selu | LeCun normal | its constants were derived for it |

    Some notebooks on the chapter have the rows of logistic and tanh the wrong way round; σ'(0) = ¼ settles which is which.

    >>> for_activation("sigmoid")
    VarianceScaling(scale=16.0, mode='fan_avg', distribution='uniform')
    """
    rule = activations.lookup(name)
    if rule.name == "selu":
        return LecunNormal()
    slope = float(activations.value_and_slope(rule.name, 0.0)[1]) if rule.squashes else 0.0
    if slope > 0:                             # 0 for clipped_linear, which cuts off one half like ReLU
        return VarianceScaling(1 / slope**2, "fan_avg", distribution)
    if rule.whole_row or rule.name in ("linear", "scaled", "exponential", "log_sigmoid"):
        return VarianceScaling(1.0, "fan_avg", distribution)
    return VarianceScaling(2.0, "fan_avg", distribution)
