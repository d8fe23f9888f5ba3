"""Unigram inference: the posterior mean of how often a Markov chain is in state 1, from the states seen (2412.01003).

The k states u_1, ..., u_k that are seen when y_k is predicted are treated as independent draws in which state 1 has the
frequency pi. If P(1 | 0) and P(0 | 1) are uniform, the stationary pi = P(1 | 0) / (P(1 | 0) + P(0 | 1)) has the density
1 / (2 max(pi, 1 - pi)^2).
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ....regression.shapes import check
from ..markov import size_of_y

LABEL = "Uni-Inf"
MARKER = "^"
OF_TASK_SET = False
DIMENSION = 2
INPUTS = "markov"

#: Nodes on each side of 1/2: enough for sequences of hundreds of states at the precision of float64.
NODES = 200


def predict(x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
    """Mean under the prior over all chains, for any tasks."""
    del tasks
    frequencies, weights = _prior()
    return by_frequency(x, y, frequencies, weights, noise_variance)


def by_frequency(
    x: Tensor, y: Tensor, frequencies: Tensor, weights: Tensor, noise_variance: float
) -> Tensor:
    """Posterior mean of y (..., K) if the states seen are independent draws.

    State 1 has one of the ``frequencies`` (F,) in (0, 1), which have prior ``weights`` (F,). Shapes, dtypes and errors
    are those of :func:`ridge`.
    """
    check(x, y, noise_variance)
    # The states seen count, not their order: one posterior for each pair of counts serves all sequences.
    count = torch.arange(x.shape[-2] + 1, dtype=torch.float64, device=x.device)
    frequencies, weights = frequencies.to(count), weights.to(count)
    of_zeros = count[:, None] * (1 - frequencies).log() + weights.log()
    of_ones = count[:, None] * frequencies.log()
    mean = torch.softmax(of_zeros[:, None] + of_ones, dim=-1) @ frequencies
    zeros, ones = (x > 0).cumsum(dim=-2).unbind(-1)
    return (size_of_y(noise_variance) * (2 * mean[zeros, ones] - 1)).to(x.dtype)


@cache
def _prior() -> tuple[Tensor, Tensor]:
    """The stationary frequency under uniform transition probabilities, as a Gauss rule on each side of 1/2."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    lower = (nodes + 1) / 4
    density = weights / (1 - lower) ** 2
    both = np.concatenate([lower, 1 - lower]), np.concatenate([density, density])
    return torch.from_numpy(both[0]), torch.from_numpy(both[1])
