"""Gaussian tasks of unequal frequency: each is half as frequent in the task set as the one before it."""

import numpy as np
from numpy.typing import NDArray

from ....regression.families.gaussian import sample

__all__ = ["members", "sample"]


def members(generator: np.random.Generator, count: int, dimension: int) -> NDArray[np.floating]:
    """T_M as (count, D) with repeats: task j = 1, 2, ... stands at the places that 2^(j-1) divides and 2^j does not.

    Of 31 places the first task takes 16, the next 8, 4, 2 and 1; the shares are the same in every prefix, to rounding.
    """
    places = np.arange(1, count + 1)
    # The exponent of the greatest power of two that divides the place.
    task = np.log2(places & -places).astype(np.int64)
    distinct = sample(generator, int(task.max()) + 1, dimension)
    tasks: NDArray[np.floating] = distinct[task]
    return tasks
