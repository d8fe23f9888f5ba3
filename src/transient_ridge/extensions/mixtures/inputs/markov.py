"""Two-state Markov chains: x_n = one-hot of u_n, y_n = u_{n+1} as a sign, each output is the next input (2412.01003).

``mixtures/markov.py`` explains what a task means and the units of x and y. u_1 is a fair coin, independent of the
chain.
"""

import numpy as np
from numpy.typing import NDArray

from ..markov import probabilities, size_of_x, size_of_y

Array = NDArray[np.float32]

#: The only dimension of tasks that this law has, one for each state, and the only family whose tasks are probabilities.
DIMENSION = 2
TASKS = "uniform"


def draw(
    tasks: Array,
    context_length: int,
    deviation: float,
    inputs: np.random.Generator,
    noise: np.random.Generator,
) -> tuple[Array, Array]:
    """Pairs of ``tasks`` (B, 2): x (B, K, 2) and y (B, K)."""
    count = len(tasks)
    chances = probabilities(tasks)
    states = np.empty((count, context_length + 1), dtype=np.intp)
    states[:, 0] = inputs.random(count) < 0.5
    chance = noise.random((count, context_length), dtype=np.float32)
    for n in range(context_length):
        states[:, n + 1] = chance[:, n] < chances[np.arange(count), states[:, n]]
    one_hot = np.eye(2, dtype=np.float32) * np.float32(size_of_x(deviation**2))
    y = np.float32(size_of_y(deviation**2)) * (2 * states[:, 1:] - 1).astype(np.float32)
    return one_hot[states[:, :-1]], y
