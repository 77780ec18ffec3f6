"""Golden trajectories of 25 steps of all optimizers, from Keras and PyTorch.

Twelve weights: the gradients of the first six are given numbers (of sizes from 1e-8 to 100, with zeros), those of the last
six come from a quadratic, A(w − c), so that there every step depends on those before it.

Where the dialects differ: npdeep's Adam adds ε to √v̂ as PyTorch does, Keras its ε to √v before the correction; so Keras is
given ε·√(1 − β₂ᵗ) anew before step t. npdeep's AdaGrad and RMSProp have ε inside the root as Keras does, PyTorch outside;
AdaMax and Nadam have it where Keras has it: there PyTorch serves only without ε, or not at all.
"""

import numpy as np
import torch
import torch.optim as T
from store import agree, keras, numbers, save, tensor

K = keras.optimizers
RNG = np.random.default_rng(15)
STEPS = 25
START = RNG.normal(size=12)
GIVEN = RNG.normal(size=(STEPS, 6)) * [1, 0.01, 1e-8, 100, 1, 1]
GIVEN[:, 4] *= RNG.random(STEPS) < 0.3
GIVEN[:, 5] = -0.7
BASIS = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
MATRIX = BASIS @ np.diag([0.2, 0.5, 1, 1.5, 2, 3]) @ BASIS.T
CENTRE = RNG.normal(size=6)
FALLING = {"schedule": "ExponentialDecay", "parameters": {"initial": 0.1, "decay_steps": 5, "decay_rate": 0.5}}


def gradient(step, w):
    """What the weights are told at w."""
    return np.concatenate([GIVEN[step], MATRIX @ (w[6:] - CENTRE)])


def falling():
    """FALLING in Keras."""
    return K.schedules.ExponentialDecay(0.1, 5, 0.5)


def by_keras(make, hat=None):
    """The trajectory of an optimizer of Keras. hat: (ε, β₂) for an ε that is to act as PyTorch's."""
    optimizer, w, trajectory = make(), keras.Variable(START), []
    for step in range(STEPS):
        if hat is not None:
            optimizer.epsilon = hat[0] * (1 - hat[1] ** (step + 1)) ** 0.5
        optimizer.apply([tensor(gradient(step, numbers(w)))], [w])
        trajectory.append(numbers(w).copy())
    return np.array(trajectory)


def by_torch(make):
    """The trajectory of an optimizer of PyTorch."""
    w, trajectory = torch.nn.Parameter(tensor(START)), []
    optimizer = make([w])
    for step in range(STEPS):
        w.grad = tensor(gradient(step, w.detach().numpy()))
        optimizer.step()
        trajectory.append(w.detach().numpy().copy())
    return np.array(trajectory)


HAT, BIG_HAT = (1e-8, 0.999), (0.05, 0.95)
BIG = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.05}

# case: npdeep's optimizer and arguments, and the trajectories that must agree
CASES = {
    "sgd": ("SGD", {"learning_rate": 0.1}, [by_keras(lambda: K.SGD(0.1)), by_torch(lambda p: T.SGD(p, 0.1))]),
    "sgd, falling": ("SGD", {"learning_rate": FALLING}, [by_keras(lambda: K.SGD(falling()))]),
    "momentum": (
        *("Momentum", {"learning_rate": 0.02, "momentum": 0.9}),
        [by_keras(lambda: K.SGD(0.02, momentum=0.9)), by_torch(lambda p: T.SGD(p, 0.02, momentum=0.9))],
    ),
    "momentum, falling": (
        *("Momentum", {"learning_rate": FALLING, "momentum": 0.8}),
        [by_keras(lambda: K.SGD(falling(), momentum=0.8))],
    ),
    "nesterov": (
        *("Nesterov", {"learning_rate": 0.02, "momentum": 0.9}),
        [
            by_keras(lambda: K.SGD(0.02, momentum=0.9, nesterov=True)),
            by_torch(lambda p: T.SGD(p, 0.02, momentum=0.9, nesterov=True)),
        ],
    ),
    "nesterov, falling": (
        *("Nesterov", {"learning_rate": FALLING, "momentum": 0.8}),
        [by_keras(lambda: K.SGD(falling(), momentum=0.8, nesterov=True))],
    ),
    "adagrad": ("AdaGrad", {"learning_rate": 0.1}, [by_keras(lambda: K.Adagrad(0.1))]),
    "adagrad, large epsilon": (
        *("AdaGrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.0, "epsilon": 0.05}),
        [by_keras(lambda: K.Adagrad(0.1, initial_accumulator_value=0.0, epsilon=0.05))],
    ),
    "adagrad, no epsilon": (
        *("AdaGrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.1, "epsilon": 0.0}),
        [
            by_keras(lambda: K.Adagrad(0.1, initial_accumulator_value=0.1, epsilon=0.0)),
            by_torch(lambda p: T.Adagrad(p, 0.1, initial_accumulator_value=0.1, eps=0.0)),
        ],
    ),
    "rmsprop": ("RMSProp", {"learning_rate": 0.01}, [by_keras(lambda: K.RMSprop(0.01))]),
    "rmsprop, large epsilon": (
        *("RMSProp", {"learning_rate": 0.01, "rho": 0.7, "epsilon": 0.05}),
        [by_keras(lambda: K.RMSprop(0.01, rho=0.7, epsilon=0.05))],
    ),
    "rmsprop, momentum": (
        *("RMSProp", {"learning_rate": 0.01, "momentum": 0.9}),
        [by_keras(lambda: K.RMSprop(0.01, momentum=0.9))],
    ),
    "rmsprop, centered": (
        *("RMSProp", {"learning_rate": 0.01, "centered": True}),
        [by_keras(lambda: K.RMSprop(0.01, centered=True))],
    ),
    "rmsprop, momentum, centered, falling": (
        *("RMSProp", {"learning_rate": FALLING, "rho": 0.8, "momentum": 0.7, "centered": True, "epsilon": 0.01}),
        [by_keras(lambda: K.RMSprop(falling(), rho=0.8, momentum=0.7, centered=True, epsilon=0.01))],
    ),
    "adadelta": (
        *("AdaDelta", {}),
        [by_keras(lambda: K.Adadelta(1.0)), by_torch(lambda p: T.Adadelta(p, 1.0, rho=0.95, eps=1e-7))],
    ),
    "adadelta, large epsilon": (
        *("AdaDelta", {"learning_rate": 0.5, "rho": 0.8, "epsilon": 0.05}),
        [
            by_keras(lambda: K.Adadelta(0.5, rho=0.8, epsilon=0.05)),
            by_torch(lambda p: T.Adadelta(p, 0.5, rho=0.8, eps=0.05)),
        ],
    ),
    "adam": (
        *("Adam", {"learning_rate": 0.1}),
        [by_torch(lambda p: T.Adam(p, 0.1)), by_keras(lambda: K.Adam(0.1), HAT)],
    ),
    "adam, large epsilon": (
        *("Adam", {"learning_rate": 0.1, **BIG}),
        [
            by_torch(lambda p: T.Adam(p, 0.1, betas=(0.8, 0.95), eps=0.05)),
            by_keras(lambda: K.Adam(0.1, beta_1=0.8, beta_2=0.95), BIG_HAT),
        ],
    ),
    "adam, falling": ("Adam", {"learning_rate": FALLING}, [by_keras(lambda: K.Adam(falling()), HAT)]),
    "adam, amsgrad": (
        *("Adam", {"learning_rate": 0.1, "amsgrad": True, **BIG}),
        [
            by_keras(lambda: K.Adam(0.1, beta_1=0.8, beta_2=0.95, amsgrad=True), BIG_HAT),
            by_torch(lambda p: T.Adam(p, 0.1, betas=(0.8, 0.95), eps=0.05, amsgrad=True)),
        ],
    ),
    "adamax": ("AdaMax", {"learning_rate": 0.1}, [by_keras(lambda: K.Adamax(0.1))]),
    "adamax, large epsilon": (
        *("AdaMax", {"learning_rate": 0.1, **BIG}),
        [by_keras(lambda: K.Adamax(0.1, beta_1=0.8, beta_2=0.95, epsilon=0.05))],
    ),
    "nadam": ("Nadam", {"learning_rate": 0.1}, [by_keras(lambda: K.Nadam(0.1))]),
    "nadam, large epsilon": (
        *("Nadam", {"learning_rate": 0.1, **BIG}),
        [by_keras(lambda: K.Nadam(0.1, beta_1=0.8, beta_2=0.95, epsilon=0.05))],
    ),
    "adamw": (
        *("AdamW", {"learning_rate": 0.1}),
        [by_torch(lambda p: T.AdamW(p, 0.1, weight_decay=0.004)), by_keras(lambda: K.AdamW(0.1), HAT)],
    ),
    "adamw, large decay, falling": (
        *("AdamW", {"learning_rate": FALLING, "weight_decay": 0.3, **BIG}),
        [by_keras(lambda: K.AdamW(falling(), weight_decay=0.3, beta_1=0.8, beta_2=0.95), BIG_HAT)],
    ),
    "adamw, amsgrad": (
        *("AdamW", {"learning_rate": 0.1, "weight_decay": 0.1, "amsgrad": True}),
        [
            by_torch(lambda p: T.AdamW(p, 0.1, weight_decay=0.1, amsgrad=True)),
            by_keras(lambda: K.AdamW(0.1, weight_decay=0.1, amsgrad=True), HAT),
        ],
    ),
}


def main():
    problem = {"start": START, "given": GIVEN, "matrix": MATRIX, "centre": CENTRE}
    cases = {"problem": ({"kind": "problem"}, problem)}
    for case, (optimizer, parameters, trajectories) in CASES.items():
        arguments = {"kind": "trajectory", "optimizer": optimizer, "parameters": parameters}
        cases[case] = (arguments, {"trajectory": agree(case, *trajectories)})
    save("optimizers", cases)


main()
