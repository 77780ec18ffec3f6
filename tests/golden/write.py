"""The form of the golden files; needs nothing but NumPy."""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def save(topic, cases, numbers=np.asarray):
    """Write topic.npz: for every case its arguments (JSON) and its arrays, under "case/name".

    cases: {case: (arguments, {name: array})}. numbers: makes a NumPy array of each.
    """
    entries = {}
    for case, (arguments, arrays) in cases.items():
        entries[f"{case}/arguments"] = np.array(json.dumps(arguments))
        entries.update({f"{case}/{name}": numbers(array) for name, array in arrays.items()})
    np.savez_compressed(HERE / f"{topic}.npz", **entries)
    print(f"{topic}.npz: {len(cases)} cases, {(HERE / f'{topic}.npz').stat().st_size:,} bytes")
