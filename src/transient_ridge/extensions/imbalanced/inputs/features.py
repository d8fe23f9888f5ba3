"""x is one of D orthonormal features, drawn with unequal frequencies, and y ~ N(t.x, sigma^2) (arXiv 2310.05249).

The features are the unit vectors e_1, ..., e_D. Feature i has the frequency p_i ~ ratio^(i - 1): feature 1 is the most
frequent, and with ``ratio: 1`` all are equally frequent. The paper's data have no noise.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ....config.section import Rise, Section, key

Array = NDArray[np.float32]


class Options(Section):
    """How unequal the features are."""

    ratio: Rise = key("Frequency of each feature as a multiple of the one before it.")


def frequencies(dimension: int, *, options: Options) -> NDArray[np.float64]:
    """Probability (D,) of every feature, falling."""
    powers = float(options.ratio) ** np.arange(dimension)
    return np.asarray(powers / powers.sum())


def draw(
    tasks: Array,
    context_length: int,
    deviation: float,
    inputs: np.random.Generator,
    noise: np.random.Generator,
    *,
    options: Options,
) -> tuple[Array, Array]:
    """Pairs of ``tasks`` (B, D): x (B, K, D), with a single 1 in each row, and y (B, K)."""
    count, dimension = tasks.shape
    below = np.cumsum(frequencies(dimension, options=options))[:-1]
    drawn = np.searchsorted(below, inputs.random((count, context_length)), side="right")
    y = np.take_along_axis(tasks, drawn, axis=1)
    y += np.float32(deviation) * noise.standard_normal((count, context_length), dtype=np.float32)
    return np.eye(dimension, dtype=np.float32)[drawn], y


def feature(x: Tensor, *, options: Options) -> Tensor:
    """The feature of each x (..., D), from 0: int64 (...)."""
    del options
    return x.argmax(dim=-1)
