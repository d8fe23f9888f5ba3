"""Gaussian tasks of unequal frequency: each is half as frequent in the task set as the one before it."""

import numpy as np
from numpy.typing import NDArray

from ....regression.families.gaussian import sample

__all__ = ["members", "sample"]


def members(generator: np.random.Generator, count: int, dimension: int) -> NDArray[np.floating]:
    """T_M as (count, D) with repeats: task j = 1, 2, ... is at the places that 2^(j-1) divides and 2^j does not.

    Of 31 places the first task takes 16 and the next ones 8, 4, 2 and 1; every prefix has the same shares, up to
    rounding.
    """
    places = np.arange(1, count + 1)
    # The exponent of the greatest power of two that divides the place.
    task = np.log2(places & -places).astype(np.int64)
    distinct = sample(generator, int(task.max()) + 1, dimension)
    tasks: NDArray[np.floating] = distinct[task]
    return tasks
