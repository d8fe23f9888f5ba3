"""Ridge regression on every prefix of a sequence."""

import torch
from torch import Tensor

from ..shapes import check

LABEL = "ridge"
MARKER = "s"
OF_TASK_SET = False


def predict(x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
    """:func:`ridge`, for any tasks."""
    del tasks
    return ridge(x, y, noise_variance)


def ridge(x: Tensor, y: Tensor, noise_variance: float) -> Tensor:
    """Ridge predictions (..., K): ``x_k.(X'X + sigma^2 I)^{-1} X'Y`` of k-1 pairs; 0 at k = 1.

    ``x`` is (..., K, D) and ``y`` (..., K), both float32 or both float64, as is the result. Solved
    in float64 as a least-squares problem by QR, without forming X'X: for sigma^2 -> 0 it tends to
    the minimum-norm solution. Raises ValueError on shapes that do not fit or a noise_variance <= 0.
    """
    check(x, y, noise_variance)
    K, D = x.shape[-2:]
    X, Y = x.double(), y.double()
    # Prefix k holds the first k-1 pairs and zeros for the rest, above sigma * I.
    before = torch.ones(K, K, dtype=torch.float64, device=x.device).tril(-1)
    prior = (noise_variance**0.5) * torch.eye(D, dtype=torch.float64, device=x.device)
    prefixes = before[:, :, None] * X.unsqueeze(-3)
    Q, R = torch.linalg.qr(torch.cat((prefixes, prior.expand(*prefixes.shape[:-2], D, D)), dim=-2))
    projected = Q[..., :K, :].mT @ (before * Y.unsqueeze(-2)).unsqueeze(-1)
    weights: Tensor = torch.linalg.solve_triangular(R, projected, upper=True)
    return (weights.squeeze(-1) * X).sum(dim=-1).to(x.dtype)
