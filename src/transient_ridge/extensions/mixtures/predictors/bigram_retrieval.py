"""Bigram retrieval: the posterior mean over the M training chains, given the transitions seen (arXiv 2412.01003).

Its partner, bigram inference, is ridge: see ``mixtures/markov.py``. dMMSE_M differs only in its likelihood, which is
Gaussian.
"""

import torch
from torch import Tensor

from ....regression.predictors.ridge import ridge
from ....regression.shapes import check
from ..markov import probabilities

LABEL = r"Bi-Ret$_M$"
MARKER = "d"
OF_TASK_SET = True
DIMENSION = 2
INPUTS = "markov"

#: Weights at a time; more would not fit a CPU's cache.
BLOCK = 2**20


def predict(x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
    """Posterior mean of ``t.x_k`` over ``tasks``; ridge for M = inf."""
    if tasks is None:
        return ridge(x, y, noise_variance)
    check(x, y, noise_variance)
    tasks = tasks.to(x.device).double()
    chances = probabilities(tasks).clamp(1e-9, 1 - 1e-9)
    log_likelihood = torch.cat(((1 - chances).log(), chances.log()), dim=-1).T  # (4, M)
    after = torch.stack((y < 0, y > 0), dim=-1)
    transitions = (after[..., :, None] & (x > 0)[..., None, :]).flatten(-2).double()
    seen = transitions.cumsum(dim=-2) - transitions  # (..., K, 4), before pair k
    means = [
        torch.softmax(counts @ log_likelihood, dim=-1) @ tasks
        for counts in torch.split(seen.flatten(0, -2), max(1, BLOCK // len(tasks)))
    ]
    return (torch.cat(means).view(x.shape) * x).sum(dim=-1).to(x.dtype)
