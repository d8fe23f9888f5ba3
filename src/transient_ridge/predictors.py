"""The idealised predictors: ridge and dMMSE_M, for every prefix of a sequence at once.

Both predict ``y_k`` from ``(x_1, y_1, ..., x_{k-1}, y_{k-1}, x_k)`` as the posterior mean of ``t.x_k`` when the
noise has variance sigma^2 (arXiv 2501.17745, section 'Idealised predictors'): ridge under the prior N(0, I_D),
dMMSE_M under the uniform prior over the M tasks of T_M.
"""

import math

import torch
from torch import Tensor

#: Tasks and residuals looked at together: few enough to stay in a CPU's cache, enough to keep a GPU busy.
TASK_BLOCK = 4096
RESIDUAL_BLOCK = {"cpu": 2**20, "cuda": 2**26}


def ridge(x: Tensor, y: Tensor, noise_variance: float) -> Tensor:
    """Ridge predictions (..., K): ``x_k.(X'X + sigma^2 I)^{-1} X'Y`` over the first k-1 pairs; 0 at k = 1.

    ``x`` is (..., K, D) and ``y`` (..., K), of one float dtype, which the result has too. Solved in float64 as a
    least-squares problem by QR, without forming X'X: for sigma^2 -> 0 it tends to the minimum-norm solution.
    Raises ValueError on shapes that do not fit or ``noise_variance <= 0``.
    """
    _check(x, y, noise_variance)
    K, D = x.shape[-2:]
    X, Y = x.double(), y.double()
    # Prefix k holds the first k-1 pairs and zeros for the rest, over sigma * I.
    before = torch.ones(K, K, dtype=torch.float64, device=x.device).tril(-1)
    prior = (noise_variance**0.5) * torch.eye(D, dtype=torch.float64, device=x.device)
    prefixes = before[:, :, None] * X.unsqueeze(-3)
    Q, R = torch.linalg.qr(torch.cat((prefixes, prior.expand(*prefixes.shape[:-2], D, D)), dim=-2))
    projected = Q[..., :K, :].mT @ (before * Y.unsqueeze(-2)).unsqueeze(-1)
    weights = torch.linalg.solve_triangular(R, projected, upper=True).squeeze(-1)
    return (weights * X).sum(dim=-1).to(x.dtype)


def dmmse(x: Tensor, y: Tensor, tasks: Tensor, noise_variance: float) -> Tensor:
    """dMMSE_M predictions (..., K): the mean of ``t_m.x_k`` under the posterior over ``tasks`` (M, D).

    The weight of task m is proportional to ``exp(-1/(2 sigma^2) sum_{j<k} (y_j - t_m.x_j)^2)``; at k = 1 all are
    equal. Sequences and tasks are taken in blocks whose softmax sums are merged with a running maximum, so
    memory depends on neither B nor M, and nothing overflows for sigma^2 -> 0. Shapes, dtypes and errors are
    those of :func:`ridge`; no tasks at all is a ValueError.
    """
    _check(x, y, noise_variance)
    if tasks.ndim != 2 or len(tasks) == 0 or tasks.shape[1] != x.shape[-1]:
        raise ValueError(
            f"tasks: shape {tuple(tasks.shape)}, must be (M, {x.shape[-1]}) with M >= 1"
        )
    K, D = x.shape[-2:]
    width = min(len(tasks), TASK_BLOCK)
    count = max(1, RESIDUAL_BLOCK["cuda" if x.is_cuda else "cpu"] // (K * width))
    # A strictly lower triangle sums the squared residuals of the pairs before k, and scales them.
    scale = torch.full((K, K), -0.5 / noise_variance, dtype=x.dtype, device=x.device).tril(-1)
    # Reused by every block: fresh memory of this size would cost more than the arithmetic.
    buffers = x.new_empty(2, count * K * width)
    predictions = [
        (_posterior_mean(xs, ys, tasks.to(x.dtype), scale, buffers) * xs).sum(dim=-1)
        for xs, ys in zip(x.reshape(-1, K, D).split(count), y.reshape(-1, K).split(count), strict=True)
    ]
    return torch.cat(predictions).reshape(y.shape)


def _posterior_mean(x: Tensor, y: Tensor, tasks: Tensor, scale: Tensor, buffers: Tensor) -> Tensor:
    """Mean task (b, K, D) under the posterior at every prefix of a block of sequences."""
    b, K = y.shape
    negligible = 0.9 * math.log(torch.finfo(x.dtype).tiny)
    pairs = torch.cat((x, y.unsqueeze(-1)), dim=-1).flatten(0, 1)
    peak = y.new_full((b, K, 1), -math.inf)
    total, weighted = torch.zeros_like(peak), torch.zeros_like(x)
    for block in tasks.split(TASK_BLOCK):
        m = len(block)
        squares, log_weights = (buffer[: b * K * m].view(b, K, m) for buffer in buffers)
        # y_j - t_m.x_j as one product: (x, y).(-t, 1).
        coefficients = torch.cat((-block, torch.ones_like(block[:, :1])), dim=1)
        torch.mm(pairs, coefficients.T, out=squares.view(b * K, m)).square_()
        torch.bmm(scale.expand(b, K, K), squares, out=log_weights)
        new_peak = torch.maximum(peak, log_weights.amax(dim=-1, keepdim=True))
        # Cut off where weights are below all rounding: denormal numbers would slow the products tenfold.
        weights = log_weights.sub_(new_peak).clamp_(min=negligible).exp_()
        shrink = (peak - new_peak).exp()
        total = total * shrink + weights.sum(dim=-1, keepdim=True)
        means = weights.view(b * K, m) @ block.T.contiguous().T
        weighted = weighted * shrink + means.view_as(x)
        peak = new_peak
    return weighted / total


def _check(x: Tensor, y: Tensor, noise_variance: float) -> None:
    if not noise_variance > 0:
        raise ValueError(f"noise_variance = {noise_variance}: must be > 0")
    if x.ndim < 2 or x.shape[:-1] != y.shape:
        raise ValueError(f"x {tuple(x.shape)} and y {tuple(y.shape)}: must be (..., K, D) and (..., K)")
    if x.dtype != y.dtype or not x.dtype.is_floating_point:
        raise ValueError(f"x {x.dtype} and y {y.dtype}: must be of one floating dtype")
