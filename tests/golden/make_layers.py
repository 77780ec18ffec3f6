"""Golden outputs and gradients of the layers with weights, pieces or gates, and of a small network, from PyTorch and Keras."""

import numpy as np
import torch
import torch.nn.functional as F
from store import agree, keras, save, tensor

RNG = np.random.default_rng(13)


def maxout(x, kernel, bias, units=3):
    """The largest of the pieces: column k·units + j of the kernel belongs to piece k of unit j."""
    return (x @ kernel + bias).reshape(len(x), -1, units).max(dim=1).values


# layer, its arguments, width of the input, shapes of its parameters, functions that must agree
LAYERS = {
    "Dense": ({"units": 3}, 5, {"kernel": (5, 3), "bias": (3,)}, [lambda x, kernel, bias: F.linear(x, kernel.T, bias)]),
    "Dense without bias": ({"units": 3, "use_bias": False}, 5, {"kernel": (5, 3)}, [lambda x, kernel: F.linear(x, kernel.T)]),
    "PReLU": ({}, 4, {"alpha": (4,)}, [F.prelu]),
    "RReLU": ({"lower": 0.25, "upper": 0.25}, 4, {}, [lambda x: F.rrelu(x, 0.25, 0.25, training=True)]),
    "GLU": ({}, 6, {}, [F.glu, keras.activations.glu]),
    "Maxout": ({"units": 3, "pieces": 4}, 5, {"kernel": (5, 12), "bias": (12,)}, [maxout]),
}


def layers():
    """One case a layer: x, dy, y, dx, the values and the gradients of the parameters."""
    for case, (arguments, width, shapes, functions) in LAYERS.items():
        x = np.concatenate([RNG.normal(size=(6, width)), RNG.choice([-30.0, 30.0], (2, width))])
        values = {name: RNG.normal(size=shape) for name, shape in shapes.items()}
        dy = RNG.normal(size=functions[0](tensor(x), *map(tensor, values.values())).shape)
        results = []
        for function in functions:
            inputs = [tensor(array, requires_grad=True) for array in (x, *values.values())]
            y = function(*inputs)
            y.backward(tensor(dy))
            results.append([y, *(t.grad for t in inputs)])
        y, dx, *grads = (agree(case, *versions) for versions in zip(*results, strict=True))
        named = {f"value {n}": v for n, v in values.items()} | {f"grad {n}": g for n, g in zip(values, grads, strict=True)}
        kind = {"kind": "layer", "layer": case.split()[0], "parameters": arguments}
        yield case, (kind, {"x": x, "dy": dy, "y": y, "dx": dx, **named})


def slopes_at_inference():
    """RReLU outside training takes the middle of its bounds."""
    for lower, upper in ((1 / 8, 1 / 3), (0.2, 0.6)):
        x, dy = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))
        z = tensor(x, requires_grad=True)
        y = F.rrelu(z, lower, upper, training=False)
        y.backward(tensor(dy))
        arguments = {"kind": "layer at inference", "layer": "RReLU", "parameters": {"lower": lower, "upper": upper}}
        yield f"RReLU({lower:.3f}, {upper:.3f}) at inference", (arguments, {"x": x, "dy": dy, "y": y, "dx": z.grad})


def dropout():
    """What PyTorch made of x, and the units that it kept, to be kept again."""
    functions = {
        "Dropout": lambda x: F.dropout(x, 0.3, training=True),
        "AlphaDropout": lambda x: F.alpha_dropout(x, 0.3, training=True),
    }
    torch.manual_seed(13)
    for layer, function in functions.items():
        x, dy = RNG.normal(size=(6, 5)), RNG.normal(size=(6, 5))
        inputs = tensor(x, requires_grad=True)
        y = function(inputs)
        y.backward(tensor(dy))
        arguments = {"kind": "dropout", "layer": layer, "parameters": {"rate": 0.3}}
        yield layer, (arguments, {"x": x, "dy": dy, "y": y, "dx": inputs.grad, "kept": inputs.grad != 0})


def network():
    """Dense + BN + ELU + Dense + softmax cross entropy with penalties: loss, gradients, and the weights after one step."""
    l1, l2, learning_rate, smoothing = 0.01, 0.02, 0.1, 0.1
    x, labels = RNG.normal(size=(9, 6)), RNG.integers(0, 3, 9)
    weight = RNG.uniform(0, 2, 9)
    shapes = {
        "hidden kernel": (6, 5),
        "hidden bias": (5,),
        "bn gamma": (5,),
        "bn beta": (5,),
        "outputs kernel": (5, 3),
        "outputs bias": (3,),
    }
    values = {name: RNG.normal(size=shape) for name, shape in shapes.items()}
    t = {name: torch.nn.Parameter(tensor(value)) for name, value in values.items()}
    inputs = tensor(x, requires_grad=True)
    z = inputs @ t["hidden kernel"] + t["hidden bias"]
    a = F.elu(F.batch_norm(z, None, None, t["bn gamma"], t["bn beta"], training=True, eps=1e-5))
    logits = a @ t["outputs kernel"] + t["outputs bias"]
    losses = F.cross_entropy(logits, torch.tensor(labels), reduction="none", label_smoothing=smoothing)
    data_loss = (losses * tensor(weight)).mean()
    penalty = l1 * t["hidden kernel"].abs().sum() + l2 * t["outputs kernel"].square().sum()
    data_loss.backward(retain_graph=True)
    arrays = {"dx": inputs.grad.clone(), **{f"loss grad {name}": p.grad.clone() for name, p in t.items()}}
    penalty.backward()
    arrays |= {f"grad {name}": p.grad.clone() for name, p in t.items()}
    torch.optim.SGD(t.values(), learning_rate).step()
    arrays |= {f"value {name}": v for name, v in values.items()} | {f"new {name}": p.detach() for name, p in t.items()}
    arrays |= {"x": x, "labels": labels, "weight": weight, "logits": logits.detach()}
    arrays |= {"data_loss": data_loss.detach(), "loss": (data_loss + penalty).detach()}
    arguments = {"kind": "network", "l1": l1, "l2": l2, "learning_rate": learning_rate, "label_smoothing": smoothing}
    yield "network", (arguments, arrays)


save("layers", dict([*layers(), *slopes_at_inference(), *dropout(), *network()]))
