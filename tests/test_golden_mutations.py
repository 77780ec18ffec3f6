"""A kernel whose result is off by a relative 1e-6 fails the comparison with the golden values. (Activations: in their file.)"""

import importlib
import inspect

import pytest
import test_golden_layers as layers
import test_golden_losses as losses
import test_golden_optimizers as optimizers
import test_golden_penalties as penalties
from helpers_golden import cases

DENORMALS_AND_OVERFLOW = {"flush_tiny", "sum_of_scaled_squares", "largest_magnitude", "scaled_norms_along"}
RANDOM_NUMBERS = {"random_words", "keep_steps", "bits_for", "gaussian_mask", "gaussian_noise_forward"}

WATCHED = [
    *(
        (f"npdeep.layers.{name}", layers.test_layer_and_its_gradients, "layers", {"kind": "layer"})
        for name in ("dense", "prelu", "rrelu", "glu", "maxout")
    ),
    ("npdeep.layers.batch_normalization", layers.test_batch_normalization, "batch_normalization", {}),
    ("npdeep.kernels.dropout", layers.test_dropout_of_the_same_units, "layers", {"kind": "dropout"}),
    *(
        (f"npdeep.kernels.losses.{name}", losses.test_loss_and_its_gradient, "losses", {})
        for name in ("cross_entropy", "margins", "regression")
    ),
    ("npdeep.losses.base", losses.test_loss_and_its_gradient, "losses", {}),
    *(
        (f"npdeep.kernels.updates.{name}", optimizers.test_trajectory_of_25_steps, "optimizers", {"kind": "trajectory"})
        for name in ("adaptive", "momentum")
    ),
    ("npdeep.kernels.clipping", optimizers.test_clipping, "clipping", {}),
    ("npdeep.regularizers", penalties.test_penalty_and_its_gradient, "penalties", {"kind": "regularizer"}),
    ("npdeep.kernels.constraints", penalties.test_constraint, "penalties", {"kind": "constraint"}),
]


def kernels_in(module):
    """The kernels that a module defines or imports, but for those that golden values cannot reach."""
    found = inspect.getmembers(importlib.import_module(module), inspect.isfunction)
    names = [name for name, function in found if function.__module__.startswith("npdeep.kernels")]
    return [name for name in names if name not in DENORMALS_AND_OVERFLOW | RANDOM_NUMBERS]


def off_by_a_millionth(kernel):
    """The kernel, but what it returns, or else the array that it updates, is off."""

    def wrong(*arguments, **options):
        result = kernel(*arguments, **options)
        if result is None:
            for array in arguments[0] if isinstance(arguments[0], list) else [arguments[0]]:
                array[...] *= 1 + 1e-6
        else:
            result *= 1 + 1e-6
        return result

    return wrong


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("module", "name", "test", "topic", "wanted"),
    [pytest.param(module, name, *rest, id=f"{module}.{name}") for module, *rest in WATCHED for name in kernels_in(module)],
)
def test_a_kernel_off_by_a_millionth_is_seen(module, name, test, topic, wanted, monkeypatch):
    monkeypatch.setattr(f"{module}.{name}", off_by_a_millionth(getattr(importlib.import_module(module), name)))
    others = {"monkeypatch": monkeypatch} if "monkeypatch" in inspect.signature(test).parameters else {}

    def compare_all():
        for golden in cases(topic, **wanted):
            test(golden, **others)

    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare_all()
