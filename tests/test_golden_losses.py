"""Losses have the values and gradients of PyTorch and Keras, with and without sample weights."""

from helpers_golden import assert_close, each_case, read

import npdeep as nd


@each_case("losses")
def test_loss_and_its_gradient(golden):
    loss = getattr(nd.losses, golden.loss)(**golden.parameters)
    weight = golden.weight if golden.weighted else None
    assert_close(loss.forward(golden.outputs, golden.targets, weight), golden.value)
    assert_close(loss.backward(), golden.grad)


def test_every_loss_is_covered():
    assert {golden.loss for golden in read("losses").values()} == {loss.__name__ for loss in nd.losses.KNOWN.values()}
