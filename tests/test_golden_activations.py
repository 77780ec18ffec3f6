"""Activations have the values and gradients of PyTorch and Keras."""

import copy

import numpy as np
import pytest
from helpers_golden import assert_close, each_case, read

import npdeep as nd
from npdeep.activations import RULES


def check(golden):
    """The values everywhere, the gradients away from the kinks."""
    z, da, a, dz = golden.arrays["z da a dz"]
    layer = nd.Activation(golden.activation, **golden.parameters)
    model = nd.Sequential([layer], input_size=z.shape[1], dtype="float64")
    assert_close(model.forward(z, training=True), a)
    smooth = ~np.isin(z, golden.kinks)
    assert_close(model.backward(da, input_gradient=True)[smooth], dz[smooth])


@each_case("activations")
def test_activation_and_its_gradient(golden):
    check(golden)


def test_every_activation_is_covered():
    assert {golden.activation for golden in read("activations").values()} == set(RULES)


def altered(rule, **fields):
    """The same rule with other fields: a rule of npdeep's cannot be made a second time under its name."""
    twin = copy.copy(rule)
    vars(twin).update(fields)
    return twin


@pytest.mark.parametrize("kernel", ["forward", "backward"])
@each_case("activations")
def test_a_kernel_off_by_a_millionth_is_seen(golden, kernel, monkeypatch):
    rule = RULES[golden.activation]

    def wrong(*arguments):
        result = getattr(rule, kernel)(*arguments)
        result *= 1 + 1e-6
        return result

    monkeypatch.setitem(RULES, rule.name, altered(rule, **{kernel: wrong}))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(golden)
