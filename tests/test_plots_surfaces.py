"""Optimizers on a surface: the paths are those of the engine's own updates."""

import numpy as np
import pytest

import npdeep as nd
from npdeep.debug.descent import SURFACES

START = np.array([-1.2, 0.7])


@pytest.mark.parametrize("name", SURFACES)
def test_gradients_of_the_surfaces_are_right_and_their_minimum_is_one(name):
    surface = SURFACES[name]
    for place in (START, np.array(surface.start), np.array([0.3, -0.4])):
        step = 1e-6 * np.eye(2)
        numeric = [(surface.function(*(place + s)) - surface.function(*(place - s))) / 2e-6 for s in step]
        np.testing.assert_allclose(surface.gradient(place), numeric, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(surface.gradient(np.array(surface.minimum)), 0, atol=1e-12)
    assert surface.function(*surface.minimum) == 0


def test_momentum_by_hand():
    path = nd.debug.descend(nd.optimizers.Momentum(0.1, 0.9), lambda w: 2 * w, [1.0, -2.0], 3)
    w, m, expected = np.array([1.0, -2.0]), np.zeros(2), [np.array([1.0, -2.0])]
    for _ in range(3):
        m = 0.9 * m + 2 * w
        w = w - 0.1 * m
        expected.append(w)
    np.testing.assert_allclose(path, expected, rtol=1e-14)


@pytest.mark.parametrize("name", nd.optimizers.KNOWN)
def test_the_path_is_that_of_a_networks_weights(name):
    """A linear unit with targets 0 and the inputs 1: its loss is the mean of w², its gradient 2w/2."""
    model = nd.Sequential([nd.Dense(2, use_bias=False)], input_size=1, dtype="float64")
    model.layers[0].kernel.value = START[None, :]
    trainer, weights = nd.Trainer(model, "mean_squared_error", name), [START]
    for _ in range(30):
        trainer.step([[1.0]], [[0.0, 0.0]])
        weights.append(model.layers[0].kernel.value[0].copy())
    np.testing.assert_array_equal(nd.debug.descend(name, lambda w: w, START, 30), weights)


def test_schedules_are_followed_and_the_optimizer_stays_free():
    optimizer = nd.optimizers.SGD(nd.schedules.PiecewiseConstant([0], [0.5, 0.25]))
    path = nd.debug.descend(optimizer, lambda w: np.ones(1), [2.0], 3)
    assert path.ravel().tolist() == [2.0, 1.5, 1.25, 1.0]
    nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=1), "mean_squared_error", optimizer)
    assert len(nd.debug.descend(optimizer, lambda w: w, [1.0], 0)) == 1


def test_a_path_ends_where_it_leaves_the_finite_numbers():
    path = nd.debug.descend(nd.optimizers.SGD(1e200), lambda w: w, [1.0, 1.0], 10)
    assert len(path) == 2
    assert np.isfinite(path).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("sgd", lambda w: w, 1.0), ValueError, r"start must be a place, for example \[1.0, 2.0\]; got the shape \(\)"),
        (("sgd", lambda w: w, [np.nan]), ValueError, "start holds nan"),
        (("sgd", "w", [1.0]), TypeError, "gradient must be a function of the place, got the string 'w'"),
        (("sgd", lambda w: w[:1], [1.0, 2.0]), ValueError, r"must have the shape of w, \(2,\), got \(1,\)"),
        (("sdg", lambda w: w, [1.0]), ValueError, "descend: unknown optimizer 'sdg'; did you mean 'sgd'"),
        (("sgd", lambda w: w, [1.0], -1), ValueError, "steps must be an integer of at least 0"),
    ],
)
def test_descend_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        nd.debug.descend(*arguments)


@pytest.mark.parametrize("name", SURFACES)
def test_paths_are_drawn_as_descended(name):
    walkers = {"plain": nd.optimizers.SGD(1e-4), "adam": nd.optimizers.Adam(0.01)}
    ax = nd.plots.optimizer_paths(walkers, name, steps=20)
    surface, lines = SURFACES[name], {line.get_label(): line for line in ax.get_lines()}
    for label, optimizer in walkers.items():
        path = nd.debug.descend(optimizer, surface.gradient, surface.start, 20)
        np.testing.assert_array_equal(np.column_stack(lines[label].get_data()), path)
    assert lines["plain"].get_linestyle() != lines["adam"].get_linestyle()
    assert lines["plain"].get_marker() != lines["adam"].get_marker()
    assert tuple(np.ravel(lines["_minimum"].get_data())) == surface.minimum
    assert (*ax.get_xlim(), *ax.get_ylim()) == surface.limits
    assert ax.collections                                      # the contours


def test_a_surface_of_ones_own_even_a_flat_one():
    flat = nd.debug.Surface("a plain", lambda a, b: 1.0, lambda w: 0 * w, (0.5, 0.5), (0.0, 0.0), (-1, 1, -1, 1))
    ax = nd.plots.optimizer_paths(["sgd"], flat, steps=5, start=[0.1, 0.2])
    assert ax.get_lines()[0].get_xdata().tolist() == [0.1] * 6
    assert ax.get_title() == "a plain, 5 updates"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("sgd",), TypeError, "optimizers must be a dict such as"),
        (([],), ValueError, "there are no optimizers to draw"),
        ((["sgd"], "rosenbrok"), ValueError, "did you mean 'rosenbrock'"),
        ((["sgd"], nd.debug.Surface("3", sum, lambda w: w, (0, 0), (0, 0), (0, 1, 0, 1)), 5, [1.0]), ValueError, "two numbers"),
    ],
)
def test_optimizer_paths_refuse(arguments, error, message):
    with pytest.raises(error, match=message):
        nd.plots.optimizer_paths(*arguments)
