"""Golden clipped gradients: what Keras's SGD with a learning rate of 1 takes off weights of 0, checked against PyTorch.

PyTorch's clip_grad_norm_ divides by ‖g‖ + 1e-6, not by ‖g‖; that factor is put right before the comparison.
"""

import numpy as np
import torch
from store import agree, keras, numbers, save, tensor

RNG = np.random.default_rng(16)
SHAPES = [(4, 3), (3,), (3, 2), (2,)]
GRADIENTS = [RNG.normal(size=shape) * size for shape, size in zip(SHAPES, [3, 0.1, 1, 0], strict=True)]

# case: npdeep's clipping, the limit, Keras's argument
CASES = {
    "by value": ("ClipByValue", 0.8, "clipvalue"),
    "by norm": ("ClipByNorm", 1.5, "clipnorm"),
    "by global norm": ("ClipByGlobalNorm", 2.0, "global_clipnorm"),
    "by global norm, short enough": ("ClipByGlobalNorm", 100.0, "global_clipnorm"),
}


def by_keras(argument, limit):
    weights = [keras.Variable(np.zeros(shape)) for shape in SHAPES]
    keras.optimizers.SGD(1.0, **{argument: limit}).apply([tensor(g) for g in GRADIENTS], weights)
    return [-numbers(w) for w in weights]


def by_torch(argument, limit):
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    for parameter, g in zip(parameters, GRADIENTS, strict=True):
        parameter.grad = tensor(g)
    if argument == "clipvalue":
        torch.nn.utils.clip_grad_value_(parameters, limit)
    for group in {"clipnorm": [[p] for p in parameters], "global_clipnorm": [parameters]}.get(argument, []):
        norm = torch.nn.utils.clip_grad_norm_(group, limit)
        for parameter in group if norm > limit else []:
            parameter.grad *= (norm + 1e-6) / norm
    return [numbers(p.grad) for p in parameters]


def main():
    cases = {}
    for case, (clipping, limit, argument) in CASES.items():
        pairs = zip(by_keras(argument, limit), by_torch(argument, limit), strict=True)
        clipped = {f"clipped {i}": agree(case, *pair) for i, pair in enumerate(pairs)}
        gradients = {f"gradient {i}": g for i, g in enumerate(GRADIENTS)}
        norm = torch.nn.utils.get_total_norm([tensor(g) for g in GRADIENTS])
        cases[case] = ({"clipping": clipping, "limit": limit}, {**gradients, **clipped, "norm": norm})
    save("clipping", cases)


main()
