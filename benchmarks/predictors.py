"""dMMSE of all prefixes at once, against a loop over k that rebuilds the residuals.

The two alternate in one process with the same number of threads; the speed-up is the median ratio
of neighbours, so that other work on the machine burdens both.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from transient_ridge.regression.predictors.dmmse import dmmse

M, B, K, D, SIGMA2 = 4096, 512, 16, 8, 0.125


def looped_dmmse(x: Tensor, y: Tensor, tasks: Tensor, noise_variance: float) -> Tensor:
    """The prediction at each k, from the residuals (B, k-1, M) of its context."""
    predictions = []
    for k in range(x.shape[1]):
        residuals = y[:, :k, None] - x[:, :k] @ tasks.T
        weights = torch.softmax(-residuals.square().sum(dim=1) / (2 * noise_variance), dim=-1)
        predictions.append(((weights @ tasks) * x[:, k]).sum(dim=-1))
    return torch.stack(predictions, dim=1)


def bench_dmmse(repeats: int = 5) -> dict[str, float]:
    """Median seconds of both, of their ratio, and differences relative to the predictions' RMS."""
    generator = torch.Generator().manual_seed(0)
    tasks = torch.randn(M, D, generator=generator)
    x = torch.randn(B, K, D, generator=generator)
    y = (x * tasks[:B, None]).sum(-1) + SIGMA2**0.5 * torch.randn(B, K, generator=generator)

    def timed(predict: Callable[..., Tensor]) -> tuple[float, Tensor]:
        began = time.perf_counter()
        result = predict(x, y, tasks, SIGMA2)
        return time.perf_counter() - began, result

    (_, ours), (_, loop) = timed(dmmse), timed(looped_dmmse)  # also the warm-up
    pairs = [(timed(dmmse)[0], timed(looped_dmmse)[0]) for _ in range(repeats)]
    ours_s, loop_s = (statistics.median(times) for times in zip(*pairs, strict=True))
    # A few sequences are enough for the reference, whose float64 residuals take twice the memory.
    few = slice(64)
    exact = looped_dmmse(x[few].double(), y[few].double(), tasks.double(), SIGMA2)
    scale = loop.square().mean().sqrt()
    return {
        "threads": torch.get_num_threads(),
        "ours_s": ours_s,
        "loop_s": loop_s,
        "speedup": statistics.median(theirs / own for own, theirs in pairs),
        "difference": float((ours - loop).abs().max() / scale),
        "error_ours": float((ours[few] - exact).abs().max() / scale),
        "error_loop": float((loop[few] - exact).abs().max() / scale),
    }


if __name__ == "__main__":
    for threads in (1, 2):
        torch.set_num_threads(threads)
        print(bench_dmmse(), flush=True)
