"""The golden files: values computed by PyTorch, Keras and mpmath. tests/golden/README.md says how they are made."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

FOLDER = Path(__file__).parent / "golden"


def read(topic):
    """{case: its arguments and arrays as attributes} of tests/golden/topic.npz."""
    found = {}
    with np.load(FOLDER / f"{topic}.npz") as entries:
        for entry in entries:
            case, _, name = entry.partition("/")
            values = found.setdefault(case, {"case": case, "arrays": {}})
            if name == "arguments":
                values.update(json.loads(str(entries[entry])))
            else:
                values["arrays"][name] = values[name] = entries[entry]
    return {case: SimpleNamespace(**values) for case, values in found.items()}


def cases(topic, **wanted):
    """The cases of a topic whose arguments are as wanted: at least one."""
    chosen = [g for g in read(topic).values() if all(getattr(g, name) == value for name, value in wanted.items())]
    assert chosen, f"no case of {topic} has {wanted}"
    return chosen


def each_case(topic, **wanted):
    """Run a test once for every such case."""
    return pytest.mark.parametrize("golden", cases(topic, **wanted), ids=lambda golden: golden.case)


def assert_close(actual, golden, tolerance=1e-12):
    """Every number within `tolerance` of the golden one, relative or absolute, and the same shape."""
    assert np.shape(actual) == np.shape(golden)
    np.testing.assert_allclose(actual, golden, rtol=tolerance, atol=tolerance)
