"""Random networks for round trips to other libraries."""

import numpy as np

import npdeep as nd

SMOOTH = ("tanh", "sigmoid", "gelu", "gelu_tanh", "silu", "softplus", "mish", "softsign", "log_sigmoid", "tanh_shrink", "elu")
BENT = ("relu", "selu", "leaky_relu", "relu6", "hard_tanh", "hard_silu", "soft_shrink", "hard_shrink", "threshold", "linear")
ROWS = ("softmax", "softmin", "log_softmax")
PARAMETERS = {
    "leaky_relu": {"negative_slope": 0.2},
    "elu": {"alpha": 0.6},
    "celu": {"alpha": 0.5},                   # of an alpha such as 0.6 PyTorch's backward takes 1/alpha in float32
    "softplus": {"beta": 1.7},
    "soft_shrink": {"threshold": 0.2},
    "hard_shrink": {"threshold": 0.2},
    "threshold": {"threshold": 0.1, "value": -0.3},
    "hard_tanh": {"minimum": -0.7, "maximum": 1.5},
}


def activation(name, parameters=PARAMETERS):
    return nd.Activation(name, **parameters.get(name, {}))


def network(seed, dtype="float64", dropout=False, further=(), parameters=PARAMETERS, without=()):
    """One of the networks: its numbers are random too, moving statistics among them.

    further: makers of other layers. parameters: of activations. without: activations that the other side lacks.
    """
    rng = np.random.default_rng(seed)

    def pick(names):
        names = [name for name in names if name not in without]
        return names[rng.integers(len(names))]

    def activation(name):
        return nd.Activation(name, **parameters.get(name, {}))

    def block(width):
        makers = [
            lambda: [nd.Dense(width, use_bias=bool(rng.integers(2)))],
            lambda: [nd.Dense(width), nd.BatchNormalization(float(pick((0.9, 0.8))), 1e-3), activation(pick(SMOOTH + BENT))],
            lambda: [nd.Dense(width), nd.LayerNormalization(center=bool(rng.integers(2))), activation(pick((*SMOOTH, "celu")))],
            lambda: [nd.Dense(width), nd.PReLU(nd.initializers.Constant(0.25))],
            lambda: [nd.Dense(2 * width), nd.GLU()],
            lambda: [nd.Residual([nd.Dense(width), activation(pick(SMOOTH))], projection=True)],
            lambda: [nd.Parallel([[nd.Dense(3), activation(pick(BENT))], nd.Dense(width - 3)])],
            lambda: [nd.Dense(width), nd.Parallel([[activation("tanh")], [nd.Dense(width - 2)]], split=(2, width - 2))],
            lambda: [nd.Parallel([nd.Dense(width), nd.Dense(width)], merge="add")],
            lambda: [nd.Dense(width), nd.BatchNormalization(scale=False, center=False)],
            lambda: [nd.Dense(width), activation(pick(ROWS))],
            *[lambda maker=maker: maker(width) for maker in further],
        ]
        layers = pick(makers)()
        return [*layers, nd.Dropout(0.3)] if dropout and rng.integers(2) else layers

    layers = [layer for _ in range(rng.integers(1, 5)) for layer in block(int(rng.integers(4, 9)))]
    model = nd.Sequential([*layers, nd.Dense(3, name="outputs")], input_size=5, seed=seed, dtype=dtype)
    for p in model.parameters:
        p.value = rng.uniform(0.5, 2, p.shape) if "variance" in p.name else p.value + 0.1 * rng.normal(size=p.shape)
    return model
