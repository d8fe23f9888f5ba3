"""Uniform on [-sqrt 3, sqrt 3]^D: bounded, with the mean and covariance of N(0, I_D)."""

import numpy as np
from numpy.typing import NDArray


def sample(
    generator: np.random.Generator, count: int, dimension: int, *, dtype: type = np.float64
) -> NDArray[np.floating]:
    """``count`` independent tasks."""
    tasks: NDArray[np.floating] = 2 * generator.random((count, dimension), dtype=dtype) - 1
    tasks *= dtype(3**0.5)
    return tasks
