"""The one type that kernels speak of."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""A NumPy array; float32 or float64 unless a docstring says otherwise (labels are int64, masks bool)."""

Float = np.floating[Any]
