"""Preprocess, then descend: gradient descent on inputs scaled by a first estimate of the task (arXiv 2408.04532)."""

import torch
from torch import Tensor

from ....regression.shapes import check

LABEL = "preprocess, descend"
MARKER = ">"
OF_TASK_SET = False

#: Steps of gradient descent; more of them hardly lower the loss on 2-sparse tasks in R^8.
STEPS = 100


def predict(x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
    """:func:`preprocess_descend`, for any tasks and noise."""
    del tasks
    check(x, y, noise_variance)
    return preprocess_descend(x, y)


def preprocess_descend(x: Tensor, y: Tensor, steps: int = STEPS) -> Tensor:
    """Predictions (..., K) by the algorithm of arXiv 2408.04532, from k-1 pairs each; 0 at k = 1.

    With n = k-1, the first estimate r = X'Y / n scales each coordinate of the inputs, x~_i = r_i x_i. From w~ = 0,
    ``steps`` steps of gradient descent lower the loss |Y - X~ w~|^2 / 2n, and the prediction is x~_k.w~. In w = r w~ a
    step is w <- w - eta r^2 (X'X w - X'Y) / n: only |r| counts, and coordinates with a small estimate hardly move. We
    chose eta as the inverse of the largest curvature, the largest eta with which no direction overshoots.

    Shapes and dtypes are those of :func:`~transient_ridge.regression.predictors.ridge.ridge`; computed in float64.
    """
    K = x.shape[-2]
    X, Y = x.double(), y.double()
    # Row k holds the first k-1 pairs, each divided by their number.
    mean = torch.ones(K, K, dtype=torch.float64, device=x.device).tril(-1)
    mean = mean / mean.sum(dim=1, keepdim=True).clamp(min=1)
    gram = torch.einsum("kn,...ni,...nj->...kij", mean, X, X)
    estimate = torch.einsum("kn,...ni,...n->...ki", mean, X, Y)
    scaled = estimate.unsqueeze(-1) * gram * estimate.unsqueeze(-2)
    greatest = torch.linalg.eigvalsh(scaled)[..., -1:]
    # Without context there is no curvature, and no gradient that a step could follow.
    rates = estimate.square() / greatest.clamp(min=torch.finfo(torch.float64).tiny)
    weights = torch.zeros_like(X)
    for _ in range(steps):
        gradient = (gram @ weights.unsqueeze(-1)).squeeze(-1) - estimate
        weights = weights - rates * gradient
    return (weights * X).sum(dim=-1).to(x.dtype)
