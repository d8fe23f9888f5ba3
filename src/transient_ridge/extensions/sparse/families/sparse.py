"""s-sparse tasks, after arXiv 2408.04532: s coordinates are Gaussian, the others are 0."""

import numpy as np
from numpy.typing import NDArray

from ....config.section import Count, Section, key
from ....config.settings import DataSettings


class Options(Section):
    """How sparse tasks are."""

    nonzero: Count = key("s, the coordinates of a task that are not 0, at most D.")


def fault(data: DataSettings, *, options: Options) -> str | None:
    """Why ``data`` cannot have such tasks; None if they can."""
    if options.nonzero <= data.dimension:
        return None
    return f"nonzero must be at most data.dimension = {data.dimension}"


def sample(
    generator: np.random.Generator,
    count: int,
    dimension: int,
    *,
    options: Options,
    dtype: type = np.float64,
) -> NDArray[np.floating]:
    """``count`` independent tasks (count, D): s coordinates, chosen uniformly, are N(0, D / s).

    The variance is our choice: E|t|^2 = D, as under N(0, I), so that losses have the same size for every s, and each
    coordinate has mean 0 and variance 1 and is uncorrelated with the others. Ridge is then still the best predictor
    that is linear in the outputs. At s = D the tasks are N(0, I).
    """
    # One array of normals, so that its first rows do not depend on ``count``. The s largest of D choose coordinates.
    drawn = generator.standard_normal((count, dimension + options.nonzero), dtype=dtype)
    chosen = np.argsort(drawn[:, :dimension], axis=1)[:, dimension - options.nonzero :]
    values = drawn[:, dimension:] * dtype((dimension / options.nonzero) ** 0.5)
    tasks: NDArray[np.floating] = np.zeros((count, dimension), dtype=dtype)
    np.put_along_axis(tasks, chosen, values, axis=1)
    return tasks
