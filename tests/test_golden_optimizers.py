"""Optimizers, schedules and clipping do what Keras's and PyTorch's do."""

import numpy as np
from helpers_golden import assert_close, each_case, read

import npdeep as nd
from npdeep.parameters import trainable_spans

PROBLEM = read("optimizers")["problem"]


def made(parameters):
    """Arguments with the schedules among them made."""
    return {name: schedule(value) if isinstance(value, dict) else value for name, value in parameters.items()}


def schedule(described):
    return getattr(nd.schedules, described["schedule"])(**made(described["parameters"]))


@each_case("optimizers", kind="trajectory")
def test_trajectory_of_25_steps(golden):
    model = nd.Sequential([nd.Dense(3, use_bias=False)], input_size=4, dtype="float64")
    w, g = model.arena.values, model.arena.grads
    w[:] = PROBLEM.start
    optimizer = getattr(nd.optimizers, golden.optimizer)(**made(golden.parameters))
    optimizer.bind(model.arena)
    optimizer.plan(trainable_spans(model.parameters))
    for step, (given, after) in enumerate(zip(PROBLEM.given, golden.trajectory, strict=True)):
        g[:] = np.concatenate([given, PROBLEM.matrix @ (w[6:] - PROBLEM.centre)])
        optimizer.update(step)
        assert_close(w, after)


def test_every_optimizer_is_covered():
    cases = read("optimizers").values()
    assert {g.optimizer for g in cases if g.kind == "trajectory"} == {o.__name__ for o in nd.optimizers.KNOWN.values()}


@each_case("schedules")
def test_schedule_on_a_grid_of_steps(golden):
    made_schedule = schedule({"schedule": golden.schedule, "parameters": golden.parameters})
    assert_close([made_schedule(int(step)) for step in golden.steps], golden.values)


@each_case("clipping")
def test_clipping(golden):
    model = nd.Sequential([nd.Dense(3), nd.Dense(2)], input_size=4, dtype="float64")
    for i, parameter in enumerate(model.parameters):
        parameter.grad = golden.arrays[f"gradient {i}"]
    clipping = getattr(nd.clipping, golden.clipping)(golden.limit)
    clipping.plan(model.parameters)
    clipping.clip()
    for i, parameter in enumerate(model.parameters):
        assert_close(parameter.grad, golden.arrays[f"clipped {i}"])
    if golden.clipping == "ClipByGlobalNorm":
        assert_close(clipping.last_norm, golden.norm)
