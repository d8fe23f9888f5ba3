"""dMMSE_M, the posterior mean over the M training tasks, on every prefix of a sequence."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..shapes import check
from .ridge import ridge

LABEL = r"dMMSE$_M$"
MARKER = "D"
OF_TASK_SET = True

#: Tasks per block; larger blocks are not faster.
TASK_BLOCK = 4096
#: Bytes of residuals and weights at a time on a CPU: more would not fit its cache.
CPU_CACHE = 8 * 2**20


def predict(x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
    """:func:`dmmse`, or :func:`ridge` for M = inf."""
    return ridge(x, y, noise_variance) if tasks is None else dmmse(x, y, tasks, noise_variance)


def dmmse(
    x: Tensor, y: Tensor, tasks: Tensor, noise_variance: float, *, memory_limit: int = 256 * 2**20
) -> Tensor:
    """dMMSE_M predictions (..., K): mean of ``t_m.x_k`` under the posterior over ``tasks`` (M, D).

    The weight of task m is proportional to ``exp(-1/(2 sigma^2) sum_{j<k} (y_j - t_m.x_j)^2)``; at
    k = 1 all are equal. Sequences and tasks are processed in blocks, whose sums of weights are merged
    with a running maximum. So the work space stays within ``memory_limit`` bytes for any B and M (but
    holds at least one task and one sequence), and nothing overflows for sigma^2 -> 0. Shapes, dtypes
    and errors are those of :func:`ridge`; an empty ``tasks`` raises ValueError.
    """
    check(x, y, noise_variance)
    K, D = x.shape[-2:]
    if tasks.ndim != 2 or len(tasks) == 0 or tasks.shape[1] != D:
        raise ValueError(f"tasks: shape {tuple(tasks.shape)}, must be (M, {D}) with M >= 1")
    if memory_limit <= 0:
        raise ValueError(f"memory_limit = {memory_limit}: must be > 0 bytes")
    tasks, xs, ys = tasks.to(x), x.reshape(-1, K, D), y.reshape(-1, K)
    limit = min(memory_limit, CPU_CACHE) if x.device.type == "cpu" else memory_limit
    rows = limit // (2 * K * x.element_size())
    width = max(1, min(len(tasks), TASK_BLOCK, rows))
    count = max(1, min(len(xs), rows // width))
    # Every block reuses it: fresh memory of this size would cost more than the arithmetic.
    work = x.new_empty(2, count * (K - 1) * width)
    # With a one below each task, (-x, y).(t, 1) is a residual; weights.(t, 1) sums tasks, weights.
    extended = torch.cat((tasks, tasks.new_ones(len(tasks), 1)), dim=1).T.contiguous()
    blocks = [extended[:, m : m + width] for m in range(0, len(tasks), width)]
    predictions = y.new_empty(len(xs), K)
    predictions[:, 0] = xs[:, 0] @ tasks.mean(dim=0)
    for b in range(0, len(xs), count):
        part = slice(b, b + count)
        means = _posterior_means(xs[part, :-1], ys[part, :-1], blocks, noise_variance, work)
        predictions[part, 1:] = (means * xs[part, 1:]).sum(dim=-1)
    return predictions.reshape(y.shape)


def _posterior_means(
    x: Tensor, y: Tensor, blocks: Sequence[Tensor], noise_variance: float, work: Tensor
) -> Tensor:
    """Mean task (b, n, D) given the first 1, ..., n pairs; the columns of ``blocks`` are (t, 1)."""
    b, n, D = x.shape
    limits = torch.finfo(x.dtype)
    # At the cap, which keeps finite what is finite, only the best-fitting task has any weight.
    precision = min(0.5 / noise_variance, limits.max**0.5)
    sum_up = torch.full((n, n), -precision, dtype=x.dtype, device=x.device).tril()
    pairs = torch.cat((-x, y.unsqueeze(-1)), dim=-1).flatten(0, 1)
    peak = y.new_full((b, n, 1), -math.inf)
    sums = x.new_zeros(b, n, D + 1)
    for block in blocks:
        shape = (b, n, block.shape[1])
        squares, weights = (space[: math.prod(shape)].view(shape) for space in work)
        torch.mm(pairs, block, out=squares.flatten(0, 1)).square_()
        torch.bmm(sum_up.expand(b, n, n), squares, out=weights)
        new_peak = torch.maximum(peak, weights.amax(dim=-1, keepdim=True))
        # Cut off far below rounding, because denormal numbers would make the rest five times slower.
        weights.sub_(new_peak).clamp_(min=0.9 * math.log(limits.tiny)).exp_()
        # (D + 1, m) times its transpose is faster than the other way round.
        block_sums = torch.mm(block, weights.flatten(0, 1).T).T.view(b, n, D + 1)
        sums = sums * (peak - new_peak).exp() + block_sums
        peak = new_peak
    return sums[..., :D] / sums[..., D:]
