"""x uniform on [-1, 1]^D and y ~ N(t.x, sigma^2), independent (arXiv 2212.07677)."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def draw(
    tasks: Array,
    context_length: int,
    deviation: float,
    inputs: np.random.Generator,
    noise: np.random.Generator,
) -> tuple[Array, Array]:
    """Pairs of ``tasks`` (B, D): x (B, K, D) and y (B, K)."""
    count, dimension = tasks.shape
    x = 2 * inputs.random((count, context_length, dimension), dtype=np.float32) - 1
    y = np.einsum("bkd,bd->bk", x, tasks)
    y += np.float32(deviation) * noise.standard_normal((count, context_length), dtype=np.float32)
    return x, y
