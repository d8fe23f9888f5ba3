"""N(0, I_D), the task distribution of the paper."""

import numpy as np
from numpy.typing import NDArray


def sample(
    generator: np.random.Generator, count: int, dimension: int, *, dtype: type = np.float64
) -> NDArray[np.floating]:
    """``count`` independent tasks."""
    return generator.standard_normal((count, dimension), dtype=dtype)
