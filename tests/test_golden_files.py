"""The golden files are whole, and the comparison with them notices a wrong millionth."""

import numpy as np
import pytest
from helpers_golden import FOLDER, assert_close, read

TOPICS = sorted(path.stem for path in FOLDER.glob("*.npz"))


def test_every_golden_file_has_its_script_and_every_script_its_file():
    scripts = sorted(path.stem.removeprefix("make_") for path in FOLDER.glob("make_*.py"))
    assert scripts == sorted([*TOPICS, "earlier_files"])     # these are a folder of files: earlier/


@pytest.mark.parametrize("topic", TOPICS)
def test_golden_file_is_small_and_finite(topic):
    assert (FOLDER / f"{topic}.npz").stat().st_size < 150_000
    for golden in read(topic).values():
        for name, array in golden.arrays.items():
            assert np.all(np.isfinite(array)), f"{golden.case}: {name}"


@pytest.mark.parametrize("topic", TOPICS)
def test_one_number_off_by_a_millionth_is_seen(topic):
    for golden in read(topic).values():
        for array in golden.arrays.values():
            wrong = np.array(array, np.float64)
            if not np.any(np.abs(wrong) > 1e-9):
                continue    # zeros, such as the gradient of a bias below batch normalization, 1e-17 from rounding
            wrong.flat[np.argmax(np.abs(wrong))] *= 1 + 1e-6
            with pytest.raises(AssertionError):
                assert_close(wrong, array)
