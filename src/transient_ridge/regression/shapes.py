"""Check the arguments of predictors."""

import math

import torch
from torch import Tensor


def check(x: Tensor, y: Tensor, noise_variance: float) -> None:
    """Raise ValueError on shapes or dtypes that do not fit, or a noise_variance <= 0."""
    if not 0 < noise_variance < math.inf:
        raise ValueError(f"noise_variance = {noise_variance}: must be > 0 and finite")
    if x.ndim < 2 or 0 in x.shape[-2:] or x.shape[:-1] != y.shape:
        shapes = f"x {tuple(x.shape)} and y {tuple(y.shape)}"
        raise ValueError(f"{shapes}: must be (..., K, D) and (..., K) with K, D >= 1")
    if x.dtype != y.dtype or x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"x {x.dtype} and y {y.dtype}: must both be float32 or both float64")
