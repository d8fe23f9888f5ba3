"""dMMSE of every prefix at once against a loop over k that rebuilds the residuals, paired in one run."""

import statistics
import time

import torch
from torch import Tensor

from transient_ridge.predictors import dmmse

M, B, K, D, SIGMA2 = 4096, 512, 16, 8, 0.125


def looped_dmmse(x: Tensor, y: Tensor, tasks: Tensor, noise_variance: float) -> Tensor:
    """Prediction for each k from the (B, k-1, M) residuals of its context."""
    predictions = []
    for k in range(x.shape[1]):
        residuals = y[:, :k, None] - x[:, :k] @ tasks.T
        weights = torch.softmax(-residuals.square().sum(dim=1) / (2 * noise_variance), dim=-1)
        predictions.append(((weights @ tasks) * x[:, k]).sum(dim=-1))
    return torch.stack(predictions, dim=1)


def bench_dmmse(repeats: int = 3) -> dict[str, float]:
    """Median seconds of both, their ratio, and the largest difference relative to the predictions' scale."""
    generator = torch.Generator().manual_seed(0)
    tasks = torch.randn(M, D, generator=generator)
    x = torch.randn(B, K, D, generator=generator)
    y = (x * tasks[:B, None]).sum(-1) + SIGMA2**0.5 * torch.randn(B, K, generator=generator)
    times: dict[str, list[float]] = {"ours": [], "loop": []}
    for _ in range(repeats + 1):
        for name, function in (("ours", dmmse), ("loop", looped_dmmse)):
            began = time.perf_counter()
            result = function(x, y, tasks, SIGMA2)
            times[name].append(time.perf_counter() - began)
            if name == "ours":
                ours = result
    ours_s, loop_s = (statistics.median(times[name][1:]) for name in ("ours", "loop"))
    exact = looped_dmmse(x.double(), y.double(), tasks.double(), SIGMA2)
    scale = exact.square().mean().sqrt()
    return {
        "threads": torch.get_num_threads(),
        "ours_s": ours_s,
        "loop_s": loop_s,
        "speedup": loop_s / ours_s,
        "error_ours": float((ours - exact).abs().max() / scale),
        "error_loop": float((result - exact).abs().max() / scale),
    }


if __name__ == "__main__":
    for threads in (1, 2):
        torch.set_num_threads(threads)
        print(bench_dmmse())
