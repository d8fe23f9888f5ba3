"""Two-state Markov chains as linear regression: what a task means, and the units of x and y.

A task t in [-sqrt 3, sqrt 3]^2 is a chain that goes from state s to state 1 with probability 1/2 + t_s / sqrt 12. With
x the current state, one-hot, and y the next one as a sign, both scaled as below, E[y | x, t] = t.x. Uniform
probabilities give tasks of variance 1, as under N(0, I), and y given x and t has the variance sigma^2 on average over
chains. So ridge, which estimates n_1 of n as (n_1 + 1) / (n + 2), is the posterior mean under uniform probabilities
(Laplace's rule).
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Numbers = TypeVar("Numbers", NDArray[np.float32], Tensor)


def probabilities(tasks: Numbers) -> Numbers:
    """P(u' = 1 | u = s) of ``tasks`` (..., 2), the last axis being s."""
    return tasks / 12**0.5 + 0.5


def size_of_x(noise_variance: float) -> float:
    """The entry of x for the current state; the other entry is 0."""
    return float((noise_variance / 2) ** 0.5)


def size_of_y(noise_variance: float) -> float:
    """The absolute value of y: y > 0 if the chain goes to state 1."""
    return float((1.5 * noise_variance) ** 0.5)
