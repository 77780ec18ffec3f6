"""Golden batch normalization: Keras's layer over four batches and at inference, checked against PyTorch's function.

Where the two differ: Keras's momentum is 1 − PyTorch's, and PyTorch moves its running variance by the unbiased variance,
n/(n − 1) times the biased one that both normalize with. Both are converted here before they are compared.
"""

import numpy as np
import torch.nn.functional as F
from store import agree, keras, numbers, save, tensor

RNG = np.random.default_rng(12)
UNITS = 4
BATCHES = [8, 5, 1, 12]    # rows; PyTorch refuses a batch of one row
CASES = {
    "default": {},
    "momentum 0.99, epsilon 0.001": {"momentum": 0.99, "epsilon": 1e-3},
    "no beta": {"center": False},
    "no gamma": {"scale": False},
    "neither": {"center": False, "scale": False},
}


def passes(layer, x, dy, training):
    """y and the gradients of one pass through Keras's layer, by PyTorch's autograd."""
    x = tensor(x, requires_grad=True)
    y = layer(x, training=training)
    for variable in layer.trainable_variables:
        variable.value.grad = None
    y.backward(tensor(dy))
    return {"y": y, "dx": x.grad, **{f"d{v.name}": v.value.grad for v in layer.trainable_variables}}


def by_torch(values, x, dy, running, momentum, epsilon, training):
    """The same by torch.nn.functional.batch_norm; returns also its running mean and variance afterwards."""
    x = tensor(x, requires_grad=True)
    gamma, beta = (tensor(values[name], requires_grad=True) for name in ("gamma", "beta"))
    mean, variance = (tensor(a) for a in running)
    y = F.batch_norm(x, mean, variance, gamma, beta, training, 1 - momentum, epsilon)
    y.backward(tensor(dy))
    return {"y": y, "dx": x.grad, "dgamma": gamma.grad, "dbeta": beta.grad}, (numbers(mean), numbers(variance))


def main():
    cases = {}
    for case, given in CASES.items():
        options = {"momentum": 0.9, "epsilon": 1e-5, "center": True, "scale": True, **given}    # npdeep's defaults
        layer = keras.layers.BatchNormalization(**options)
        layer.build((None, UNITS))
        values = {"gamma": RNG.uniform(0.5, 2, UNITS), "beta": RNG.normal(size=UNITS)}
        for variable in layer.trainable_variables:
            variable.assign(values[variable.name])
        values = {**values, **({} if options["scale"] else {"gamma": 1}), **({} if options["center"] else {"beta": 0})}
        values = {name: np.broadcast_to(value, UNITS) for name, value in values.items()}
        arrays = {v.name: numbers(v) for v in layer.trainable_variables}
        for batch, rows in enumerate([*BATCHES, 6]):
            training = batch < len(BATCHES)    # the last batch is for inference
            x = RNG.normal([0, 3, -2, 5], [1, 0.5, 4, 2], (rows, UNITS))
            dy = RNG.normal(size=(rows, UNITS))
            before = numbers(layer.moving_mean).copy(), numbers(layer.moving_variance).copy()
            new = passes(layer, x, dy, training)
            after = {"moving_mean": numbers(layer.moving_mean).copy(), "moving_variance": numbers(layer.moving_variance).copy()}
            if rows > 1:
                momentum, epsilon = options["momentum"], options["epsilon"]
                other, (mean, variance) = by_torch(values, x, dy, before, momentum, epsilon, training)
                if training:
                    kept = momentum * before[1]
                    variance = kept + (variance - kept) * (rows - 1) / rows
                for name, array in new.items():
                    agree(f"{case}, {batch}, {name}", array, other[name])
                agree(f"{case}, {batch}, mean", after["moving_mean"], mean)
                agree(f"{case}, {batch}, variance", after["moving_variance"], variance)
            every = {"x": x, "dy": dy, **new, **after}
            arrays.update({f"{batch} {name}": numbers(array).copy() for name, array in every.items()})
        cases[case] = ({"parameters": given, "training_batches": len(BATCHES), "batches": len(BATCHES) + 1}, arrays)
    save("batch_normalization", cases)


main()
