"""u' = a u + b + noise as regression: x_n = (0.4 u_n, 1), y_n = u_{n+1}, task (a / 0.4, b) (arXiv 2410.17438).

u_1 ~ N(0, 1), and each output is the next input. Given a sequence, the likelihood of a task is that of linear
regression, so ridge and dMMSE_M are the posterior means here too: ridge under (a / 0.4, b) ~ N(0, I).
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

#: The only dimension of tasks that this law has.
DIMENSION = 2

#: Under tasks from N(0, I), a has this standard deviation: |a| > 1 in 1.2 % of sequences, and few of them grow far.
SCALE = 0.4


def draw(
    tasks: Array,
    context_length: int,
    deviation: float,
    inputs: np.random.Generator,
    noise: np.random.Generator,
) -> tuple[Array, Array]:
    """Pairs of ``tasks`` (B, 2): x (B, K, 2) and y (B, K)."""
    count = len(tasks)
    scaled, b = tasks.T
    u = np.empty((count, context_length + 1), dtype=np.float32)
    u[:, 0] = inputs.standard_normal(count, dtype=np.float32)
    u[:, 1:] = noise.standard_normal((count, context_length), dtype=np.float32)
    u[:, 1:] *= np.float32(deviation)
    for n in range(context_length):
        u[:, n + 1] += scaled * (np.float32(SCALE) * u[:, n]) + b
    x = np.stack((np.float32(SCALE) * u[:, :-1], np.ones_like(u[:, :-1])), axis=-1)
    return x, u[:, 1:].copy()
