"""Exercises on batch normalization, its running statistics, and layer normalization."""

from collections.abc import Callable

import numpy as np

from npdeep.kernels import batch_normalization, layer_normalization
from npdeep.kernels.arrays import Array
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs, Mistake

CHAPTER = "normalization"
Three = tuple[Array, Array, Array]


# ── batch normalization, forward ──────────────────────────────────────────────────────────────────────────────────────
def _passed(x: Array, gamma: Array, beta: Array, epsilon: float) -> Three:
    """y, x - mean and 1/sqrt(variance + epsilon), by the kernel."""
    mean, variance, inverse, row = (np.empty(x.shape[1]) for _ in range(4))
    centered, y, ones = np.empty_like(x), np.empty_like(x), np.ones(len(x))
    batch_normalization.batch_normalization_forward(x, gamma, beta, mean, variance, inverse, centered, y, row, ones, epsilon)
    return y, centered, inverse


def _forward(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    return _passed(x, gamma, beta, epsilon)[0]


def _inputs(rng: np.random.Generator, n: int) -> Inputs:
    """Columns of different mean and spread; an epsilon that is large enough to be missed."""
    units = int(rng.integers(9, 12))
    x = rng.normal(size=(n, units)) * rng.uniform(0.5, 3, units) + rng.normal(size=units)
    gamma, beta = rng.uniform(0.5, 2, units), rng.normal(size=units)
    return {"x": x, "gamma": gamma, "beta": beta, "epsilon": float(rng.uniform(0.05, 0.2))}


def _with(scaled: Callable[[Array, float], Array]) -> Function:
    """A wrong forward pass: how x is normalized, then gamma and beta."""
    return lambda x, gamma, beta, epsilon: gamma * scaled(x, epsilon) + beta


FORWARD = Exercise(
    name="batch_normalization_forward",
    chapter=CHAPTER,
    arguments=("x", "gamma", "beta", "epsilon"),
    outputs=("y",),
    task="Batch normalization in training: every unit is centred and scaled by its own mean and variance over the rows.",
    formula=(
        "mean = 1/n sum_i x_i        variance = 1/n sum_i (x_i - mean)^2        (for each unit, over the rows)\n"
        "x_hat = (x - mean) / sqrt(variance + epsilon)        y = gamma x_hat + beta"
    ),
    shapes="x (n, units), gamma (units,), beta (units,), epsilon: a number, y (n, units)",
    hints=(
        "Mean and variance have the shape (units,). Which axis disappears?",
        "axis=0 is the one of the rows. NumPy's var divides by n unless it is told otherwise.",
        "epsilon is added to the variance, before the root. gamma and beta go to every row by broadcasting.",
    ),
    make_inputs=_inputs,
    solution=_forward,
    terms=lambda x, gamma, beta, epsilon: {"y": {"gamma x_hat": gamma * _x_hat(x, epsilon), "beta": beta * np.ones_like(x)}},
    mistakes=(
        Mistake("mean and variance are taken over the units (axis=1): take them over the rows, axis=0",
                _with(lambda x, e: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + e))),
        Mistake("epsilon is outside the root: sqrt(variance + epsilon), not sqrt(variance) + epsilon",
                _with(lambda x, e: (x - x.mean(0)) / (x.std(0) + e))),
        Mistake("epsilon is missing", _with(lambda x, e: (x - x.mean(0)) / x.std(0))),
        Mistake("the root is taken twice: x.std is the root of the variance already",
                _with(lambda x, e: (x - x.mean(0)) / np.sqrt(x.std(0) + e))),
        Mistake("the variance is that of all elements: each unit has its own, axis=0",
                _with(lambda x, e: (x - x.mean(0)) / np.sqrt(x.var() + e))),
        Mistake("the root is missing: divide by sqrt(variance + epsilon)",
                _with(lambda x, e: (x - x.mean(0)) / (x.var(0) + e))),
        Mistake("the root is a square: (variance + epsilon)**2 in place of **0.5",
                _with(lambda x, e: (x - x.mean(0)) / (x.var(0) + e) ** 2), "131250208/TPlinker-joint-extraction#37"),
        Mistake("the variance is divided by n - 1 (ddof=1): batch normalization divides by n",
                _with(lambda x, e: (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + e)), "pytorch/pytorch#19902"),
        Mistake("the mean is not subtracted", _with(lambda x, e: x / np.sqrt(x.var(0) + e))),
        Mistake("the mean of all elements is subtracted: each unit has its own",
                _with(lambda x, e: (x - x.mean()) / np.sqrt(x.var(0) + e))),
        Mistake("mean and variance are taken over all elements: each unit has its own, axis=0",
                _with(lambda x, e: (x - x.mean()) / np.sqrt(x.var() + e))),
        Mistake("gamma and beta are exchanged: gamma multiplies, beta is added",
                lambda x, gamma, beta, epsilon: beta * (x - x.mean(0)) / np.sqrt(x.var(0) + epsilon) + gamma),
        Mistake("beta is missing", lambda x, gamma, beta, epsilon: gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + epsilon)),
        Mistake("gamma is missing", lambda x, gamma, beta, epsilon: (x - x.mean(0)) / np.sqrt(x.var(0) + epsilon) + beta),
        Mistake("gamma and beta are both missing: this is x_hat", lambda x, gamma, beta, epsilon:
                (x - x.mean(0)) / np.sqrt(x.var(0) + epsilon)),
        Mistake("beta is inside the product: gamma x_hat + beta, not gamma (x_hat + beta)",
                lambda x, gamma, beta, epsilon: gamma * ((x - x.mean(0)) / np.sqrt(x.var(0) + epsilon) + beta)),
        Mistake("the variance is the mean of x**2: subtract the mean first",
                _with(lambda x, e: (x - x.mean(0)) / np.sqrt((x**2).mean(0) + e))),
        Mistake("the variance is a sum over the rows: divide it by n",
                _with(lambda x, e: (x - x.mean(0)) / np.sqrt(((x - x.mean(0)) ** 2).sum(0) + e))),
        Mistake("you multiplied by sqrt(variance + epsilon): divide",
                _with(lambda x, e: (x - x.mean(0)) * np.sqrt(x.var(0) + e))),
        Mistake("only the denominator got the parentheses: x - mean/sqrt(...) is not (x - mean)/sqrt(...)",
                _with(lambda x, e: x - x.mean(0) / np.sqrt(x.var(0) + e))),
        Mistake("x - mean has no parentheses: gamma * x - mean/sqrt(...) is not gamma * (x - mean)/sqrt(...)",
                lambda x, gamma, beta, epsilon: gamma * x - x.mean(0) / np.sqrt(x.var(0) + epsilon) + beta),
    ),
)  # fmt: skip


# ── batch normalization, backward ─────────────────────────────────────────────────────────────────────────────────────
def _backward(x: Array, gamma: Array, epsilon: float, dy: Array) -> Three:
    _, centered, inverse = _passed(x, gamma, gamma, epsilon)
    dx, dgamma, dbeta = np.empty_like(x), np.empty_like(gamma), np.empty_like(gamma)
    batch_normalization.batch_normalization_backward(
        gamma, inverse, centered, dy, dgamma, dbeta, dx, np.empty_like(gamma), np.ones(len(x))
    )
    return dx, dgamma, dbeta


def _backward_inputs(rng: np.random.Generator, n: int) -> Inputs:
    given = _inputs(rng, n)
    return {"x": given["x"], "gamma": given["gamma"], "epsilon": given["epsilon"], "dy": rng.normal(size=given["x"].shape)}


def _x_hat(x: Array, epsilon: float, axis: int = 0) -> Array:
    return np.asarray((x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + epsilon))


def _s(x: Array, epsilon: float, axis: int = 0) -> Array:
    return np.asarray(1 / np.sqrt(x.var(axis, keepdims=True) + epsilon))


def _terms(x: Array, gamma: Array, epsilon: float, dy: Array) -> dict[str, dict[str, Array]]:
    """dx is a sum of three."""
    hat, factor = _x_hat(x, epsilon), gamma * _s(x, epsilon)
    return {
        "dx": {
            "dy (the direct path)": factor * dy,
            "-dbeta/n (the mean depends on x)": -factor * dy.mean(0) * np.ones_like(x),
            "-x_hat dgamma/n (the variance depends on x)": -factor * hat * (dy * hat).mean(0),
        }
    }


def _dx(
    inner: Callable[[Array, Array, int], Array], scale: Callable[[Array, Array], Array] = np.multiply
) -> dict[str, Function]:
    """A wrong dx: what is in the parentheses, from dy, x_hat and n, and the factor before them, from gamma and s."""
    return {
        "dx": lambda x, gamma, epsilon, dy: scale(gamma, _s(x, epsilon)) * inner(dy, _x_hat(x, epsilon), len(x)),
    }


def _inner(g: Array, hat: Array, axis: int = 0) -> Array:
    """What is right in the parentheses, of batch (axis 0) or layer normalization (1)."""
    return np.asarray(g - g.mean(axis, keepdims=True) - hat * (g * hat).mean(axis, keepdims=True))


def _divided(divisor: Callable[[Array, float, int], Array], axis: int) -> Function:
    """A way back, of batch (axis 0) or layer normalization (1), with another divisor than sqrt(variance + epsilon)."""

    def wrong(x: Array, gamma: Array, epsilon: float, dy: Array) -> Three:
        s, g = divisor(x, epsilon, axis), gamma * dy
        hat = (x - x.mean(axis, keepdims=True)) / s
        dx = (g - g.mean(axis, keepdims=True) - hat * (g * hat).mean(axis, keepdims=True)) / s
        return dx, (dy * hat).sum(0), dy.sum(0)

    return wrong


def _outside(x: Array, epsilon: float, axis: int) -> Array:
    return np.asarray(x.std(axis, keepdims=True) + epsilon)


def _unbiased(x: Array, epsilon: float, axis: int) -> Array:
    return np.asarray(np.sqrt(x.var(axis, keepdims=True, ddof=1) + epsilon))


BACKWARD = Exercise(
    name="batch_normalization_backward",
    chapter=CHAPTER,
    arguments=("x", "gamma", "epsilon", "dy"),
    outputs=("dx", "dgamma", "dbeta"),
    task="The three gradients of batch normalization in training. The mean and the variance are functions of x too.",
    formula=(
        "mean = 1/n sum_i x_i        variance = 1/n sum_i (x_i - mean)^2        (for each unit, over the rows)\n"
        "x_hat = (x - mean) / sqrt(variance + epsilon)        y = gamma x_hat + beta\n"
        "dgamma = dL/dgamma        dbeta = dL/dbeta        dx = dL/dx"
    ),
    shapes="x (n, units), gamma (units,), epsilon: a number, dy (n, units), dx like x, dgamma (units,), dbeta (units,)",
    hints=(
        ("Begin with y = gamma x_hat + beta: dgamma and dbeta are sums over the rows, and dL/dx_hat is gamma dy. x_i then "
        "reaches x_hat in three ways: directly, through the mean, and through the variance."),
        ("Through the mean: d mean/dx_i = 1/n. Through the variance: d variance/dx_i = 2 (x_i - mean)/n. Add the three "
        "contributions; that of the variance has x_hat_i and the sum of dy x_hat in it."),
        ("In the end dx is gamma/sqrt(variance + epsilon) times a sum of three: dy, minus a mean of dy over the rows, minus "
        "x_hat times a mean over the rows. The sum of dx over the rows is 0: check it."),
    ),
    make_inputs=_backward_inputs,
    solution=_backward,
    terms=_terms,
    mistakes=(
        Mistake("dx lacks the term -x_hat dgamma/n: the variance depends on x too", _dx(lambda dy, hat, n: dy - dy.mean(0))),
        Mistake("dx lacks the term -dbeta/n: the mean depends on x too", _dx(lambda dy, hat, n: dy - hat * (dy * hat).mean(0))),
        Mistake("dx lacks the terms -dbeta/n and -x_hat dgamma/n: the mean and the variance depend on x too",
                _dx(lambda dy, hat, n: dy), "deeplearning4j/deeplearning4j#8379"),
        Mistake("gamma is missing in dx", _dx(lambda g, hat, n: _inner(g, hat), lambda gamma, s: s), "denizyuret/Knet.jl#288"),
        Mistake("dx is not divided by sqrt(variance + epsilon)", _dx(lambda g, hat, n: _inner(g, hat), lambda gamma, s: gamma)),
        Mistake("the 1/n is missing in the terms of the mean and the variance of dx",
                _dx(lambda dy, hat, n: dy - dy.sum(0) - hat * (dy * hat).sum(0))),
        Mistake("the whole of dx is divided by n: only the two terms of the statistics are, dy is not",
                _dx(lambda dy, hat, n: (dy - dy.mean(0) - hat * (dy * hat).mean(0)) / n)),
        Mistake("the two terms of the statistics are added in dx: they are subtracted",
                _dx(lambda dy, hat, n: dy + dy.mean(0) + hat * (dy * hat).mean(0))),
        Mistake("dx has the variance's term without x_hat in front: it is x_hat times the mean of dy x_hat",
                _dx(lambda dy, hat, n: dy - dy.mean(0) - (dy * hat).mean(0))),
        Mistake("the variance's term of dx has x in place of x_hat", {"dx": lambda x, gamma, epsilon, dy:
                gamma * _s(x, epsilon) * (dy - dy.mean(0) - x * (dy * _x_hat(x, epsilon)).mean(0))}),
        Mistake("the variance's term of dx has the factor 1/2: the 2 of the square and the 1/2 of the root cancel",
                _dx(lambda dy, hat, n: dy - dy.mean(0) - hat * (dy * hat).mean(0) / 2)),
        Mistake("the derivative of (variance + epsilon)^-1/2 has the power -1/2 again: it is -1/2 (variance + epsilon)^-3/2",
                {"dx": lambda x, gamma, epsilon, dy: gamma * _s(x, epsilon) * (
                    dy - dy.mean(0) - (x - x.mean(0)) / _s(x, epsilon) * (dy * _x_hat(x, epsilon)).mean(0))}),
        Mistake("dx is divided by the variance + epsilon: divide by its root", {"dx": lambda x, gamma, epsilon, dy:
                gamma * _s(x, epsilon) ** 2 * _inner(dy, _x_hat(x, epsilon))}),
        Mistake("dgamma is the sum of dy x: it is that of dy x_hat, with the normalized x",
                {"dgamma": lambda x, gamma, epsilon, dy: (dy * x).sum(0)}),
        Mistake("dgamma is the sum of dy (x - mean): divide by sqrt(variance + epsilon) too",
                {"dgamma": lambda x, gamma, epsilon, dy: (dy * (x - x.mean(0))).sum(0)}),
        Mistake("dgamma is the mean over the rows, not the sum",
                {"dgamma": lambda x, gamma, epsilon, dy: (dy * _x_hat(x, epsilon)).mean(0)}),
        Mistake("dgamma is multiplied by gamma: y = gamma x_hat + beta has the slope x_hat",
                {"dgamma": lambda x, gamma, epsilon, dy: gamma * (dy * _x_hat(x, epsilon)).sum(0)}),
        Mistake("dgamma is not summed over the rows: gamma is used in every row",
                {"dgamma": lambda x, gamma, epsilon, dy: dy * _x_hat(x, epsilon)}),
        Mistake("dbeta is the mean over the rows, not the sum", {"dbeta": lambda x, gamma, epsilon, dy: dy.mean(0)}),
        Mistake("dbeta is multiplied by gamma: y = gamma x_hat + beta has the slope 1",
                {"dbeta": lambda x, gamma, epsilon, dy: gamma * dy.sum(0)}),
        Mistake("dbeta is dy itself: beta is used in every row, so the rows add up",
                {"dbeta": lambda x, gamma, epsilon, dy: dy.copy()}),
        Mistake("dbeta is one number: sum over the rows alone, axis=0", {"dbeta": lambda x, gamma, epsilon, dy: dy.sum()}),
        Mistake("epsilon is outside the root: sqrt(variance + epsilon), not sqrt(variance) + epsilon", _divided(_outside, 0)),
        Mistake("the variance is divided by n - 1 (ddof=1): batch normalization divides by n", _divided(_unbiased, 0)),
        Mistake("dgamma and dbeta are exchanged", {"dgamma": lambda x, gamma, epsilon, dy: dy.sum(0),
                "dbeta": lambda x, gamma, epsilon, dy: (dy * _x_hat(x, epsilon)).sum(0)}),
    ),
)  # fmt: skip


# ── running statistics ────────────────────────────────────────────────────────────────────────────────────────────────
def _running(running_mean: Array, running_variance: Array, x: Array, momentum: float) -> tuple[Array, Array]:
    mean, variance = running_mean.copy(), running_variance.copy()
    row = np.empty_like(mean)
    batch_normalization.update_moving_average(mean, x.mean(0), momentum, row)
    batch_normalization.update_moving_average(variance, x.var(0), momentum, row)
    return mean, variance


def _running_inputs(rng: np.random.Generator, n: int) -> Inputs:
    x = _inputs(rng, n)["x"]
    mean, variance = rng.normal(size=x.shape[1]), rng.uniform(0.5, 2, x.shape[1])
    return {"running_mean": mean, "running_variance": variance, "x": x, "momentum": float(rng.uniform(0.8, 0.95))}


def _averaged(weights: Callable[[float], tuple[float, float]]) -> Function:
    """Both averages with other weights of the past and of the batch."""

    def update(mean: Array, variance: Array, x: Array, momentum: float) -> tuple[Array, Array]:
        past, now = weights(momentum)
        return past * mean + now * x.mean(0), past * variance + now * x.var(0)

    return update


def _running_terms(running_mean: Array, running_variance: Array, x: Array, momentum: float) -> dict[str, dict[str, Array]]:
    past, now = "momentum v (the past)", "(1 - momentum) times that of the batch"
    return {
        "running_mean": {past: momentum * running_mean, now: (1 - momentum) * x.mean(0)},
        "running_variance": {past: momentum * running_variance, now: (1 - momentum) * x.var(0)},
    }


RUNNING = Exercise(
    name="update_running_statistics",
    chapter=CHAPTER,
    arguments=("running_mean", "running_variance", "x", "momentum"),
    outputs=("running_mean", "running_variance"),
    task="What batch normalization remembers of a batch x for later use: the running mean and variance after this step.",
    formula="v = momentum v + (1 - momentum) (the same of this batch, divided by n)        for the mean and the variance",
    shapes="running_mean (units,), running_variance (units,), x (n, units), momentum: a number near 1",
    hints=(
        "momentum is the weight of the past. Both averages are of the same kind.",
        "The batch has one mean and one variance per unit, over the rows. Its variance is around its own mean.",
        "Return new arrays: momentum * old + (1 - momentum) * new, once for x.mean(axis=0), once for x.var(axis=0).",
    ),
    make_inputs=_running_inputs,
    solution=_running,
    terms=_running_terms,
    mistakes=(
        Mistake("the running averages have momentum and 1 - momentum exchanged: momentum weighs the past (not so in PyTorch)",
                _averaged(lambda m: (1 - m, m)), "pytorch/examples#289"),
        Mistake("the factor 1 - momentum is missing: the weights must add up to 1", _averaged(lambda m: (m, 1.0))),
        Mistake("the past is not weighed by momentum: the averages grow from step to step", _averaged(lambda m: (1.0, 1 - m))),
        Mistake("the batch's own statistics are returned, nothing is remembered", _averaged(lambda m: (0.0, 1.0))),
        Mistake("the running averages do not move at all", _averaged(lambda m: (1.0, 0.0))),
        Mistake("the running variance takes n - 1 (ddof=1): divide by n, as the formula says",
                {"running_variance": lambda r, v, x, m: m * v + (1 - m) * x.var(0, ddof=1)}, "pytorch/pytorch#19902"),
        Mistake("the running variance averages the standard deviation: the root is taken later",
                {"running_variance": lambda r, v, x, m: m * v + (1 - m) * x.std(0)}),
        Mistake("the running variance is around the running mean: take the batch's variance around its own mean",
                {"running_variance": lambda r, v, x, m: m * v + (1 - m) * ((x - (m * r + (1 - m) * x.mean(0))) ** 2).mean(0)}),
        Mistake("the running variance averages the mean of x**2: subtract the mean of the batch first",
                {"running_variance": lambda r, v, x, m: m * v + (1 - m) * (x**2).mean(0)}),
        Mistake("the running mean averages the sum over the rows: divide by n",
                {"running_mean": lambda r, v, x, m: m * r + (1 - m) * x.sum(0)}),
        Mistake("the statistics of the batch are over all units together: take them over the rows, axis=0",
                lambda r, v, x, m: (m * r + (1 - m) * x.mean(), m * v + (1 - m) * x.var())),
        Mistake("mean and variance are returned in the wrong order",
                lambda r, v, x, m: _running(r, v, x, m)[::-1]),
    ),
)  # fmt: skip


# ── layer normalization ───────────────────────────────────────────────────────────────────────────────────────────────
def _layer_backward(x: Array, gamma: Array, epsilon: float, dy: Array) -> Three:
    mean, inverse, column = (np.empty((len(x), 1)) for _ in range(3))
    normalized, y, dx = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    dgamma, dbeta = np.empty_like(gamma), np.empty_like(gamma)
    layer_normalization.layer_normalization_forward(x, gamma, None, mean, inverse, normalized, y, column, epsilon)
    layer_normalization.layer_normalization_backward(gamma, inverse, normalized, dy, dgamma, dbeta, dx, y, column)
    return dx, dgamma, dbeta


def _layer_dx(inner: Callable[[Array, Array], Array]) -> dict[str, Function]:
    """A wrong dx: what is in the parentheses, from gamma dy and x_hat."""
    return {"dx": lambda x, gamma, epsilon, dy: _s(x, epsilon, 1) * inner(gamma * dy, _x_hat(x, epsilon, 1))}


def _layer_terms(x: Array, gamma: Array, epsilon: float, dy: Array) -> dict[str, dict[str, Array]]:
    g, hat, s = gamma * dy, _x_hat(x, epsilon, 1), _s(x, epsilon, 1)
    return {
        "dx": {
            "gamma dy (the direct path)": s * g,
            "the mean of gamma dy over the units (the mean depends on x)": -s * g.mean(1, keepdims=True) * np.ones_like(x),
            "x_hat times the mean of gamma dy x_hat (the variance depends on x)": -s * hat * (g * hat).mean(1, keepdims=True),
        }
    }


LAYER = Exercise(
    name="layer_normalization_backward",
    chapter=CHAPTER,
    arguments=("x", "gamma", "epsilon", "dy"),
    outputs=("dx", "dgamma", "dbeta"),
    task="The three gradients of layer normalization: every row has a mean and a variance of its own, over the units.",
    formula=(
        "mean = 1/m sum_j x_j        variance = 1/m sum_j (x_j - mean)^2        (for each row, over its m units)\n"
        "x_hat = (x - mean) / sqrt(variance + epsilon)        y = gamma x_hat + beta\n"
        "dgamma = dL/dgamma        dbeta = dL/dbeta        dx = dL/dx"
    ),
    shapes="x (n, m), gamma (m,), epsilon: a number, dy (n, m), dx like x, dgamma (m,), dbeta (m,)",
    hints=(
        ("It is batch normalization with the other axis, but gamma is still one number per unit. So which sums run over the "
        "rows, and which over the units?"),
        ("dgamma and dbeta are sums over the rows. For dx begin with g = gamma dy; mean and variance belong to the row, so "
        "gamma stays inside their sums."),
        ("dx is 1/sqrt(variance + epsilon) times a sum of three: g, minus the mean of g over the units, minus x_hat times "
        "the mean of g x_hat over the units."),
    ),
    make_inputs=_backward_inputs,
    solution=_layer_backward,
    terms=_layer_terms,
    mistakes=(
        Mistake("mean and variance are taken over the rows: that is batch normalization; here they belong to a row, axis=1",
                _backward),
        Mistake("dx has gamma in front, outside the means: gamma differs from unit to unit, so it stays inside, g = gamma dy",
                {"dx": lambda x, gamma, epsilon, dy: gamma * _s(x, epsilon, 1) * _inner(dy, _x_hat(x, epsilon, 1), 1)}),
        Mistake("gamma is missing in dx", {"dx": lambda x, gamma, epsilon, dy:
                _s(x, epsilon, 1) * _inner(dy, _x_hat(x, epsilon, 1), 1)}),
        Mistake("dx lacks the term of the variance, which depends on x too",
                _layer_dx(lambda g, hat: g - g.mean(1, keepdims=True))),
        Mistake("dx lacks the term of the mean, which depends on x too",
                _layer_dx(lambda g, hat: g - hat * (g * hat).mean(1, keepdims=True))),
        Mistake("dx lacks the terms of the mean and the variance, which depend on x too", _layer_dx(lambda g, hat: g)),
        Mistake("the means in dx are over the rows (axis=0): take them over the units, axis=1",
                _layer_dx(lambda g, hat: g - g.mean(0) - hat * (g * hat).mean(0))),
        Mistake("the 1/m is missing in the terms of the mean and the variance of dx",
                _layer_dx(lambda g, hat: g - g.sum(1, keepdims=True) - hat * (g * hat).sum(1, keepdims=True))),
        Mistake("dx is not divided by sqrt(variance + epsilon)", {"dx": lambda x, gamma, epsilon, dy:
                _inner(gamma * dy, _x_hat(x, epsilon, 1), 1)}),
        Mistake("the sums in dx are divided by n, the rows, not by m, the units", {"dx": lambda x, gamma, epsilon, dy:
                _s(x, epsilon, 1) * (gamma * dy - (gamma * dy).sum(1, keepdims=True) / len(x)
                - _x_hat(x, epsilon, 1) * (gamma * dy * _x_hat(x, epsilon, 1)).sum(1, keepdims=True) / len(x))}),
        Mistake("dgamma and dbeta are summed over the units: gamma and beta belong to a unit, sum over the rows",
                {"dgamma": lambda x, gamma, epsilon, dy: (dy * _x_hat(x, epsilon, 1)).sum(1),
                 "dbeta": lambda x, gamma, epsilon, dy: dy.sum(1)}),
        Mistake("dgamma is the mean over the rows, not the sum",
                {"dgamma": lambda x, gamma, epsilon, dy: (dy * _x_hat(x, epsilon, 1)).mean(0)}),
        Mistake("dgamma is the sum of dy x: it is that of dy x_hat, with the normalized x",
                {"dgamma": lambda x, gamma, epsilon, dy: (dy * x).sum(0)}),
        Mistake("dbeta is the mean over the rows, not the sum", {"dbeta": lambda x, gamma, epsilon, dy: dy.mean(0)}),
        Mistake("epsilon is outside the root: sqrt(variance + epsilon), not sqrt(variance) + epsilon", _divided(_outside, 1)),
        Mistake("the variance is divided by m - 1 (ddof=1): layer normalization divides by m", _divided(_unbiased, 1)),
    ),
)  # fmt: skip

EXERCISES = (FORWARD, BACKWARD, RUNNING, LAYER)
