"""The best rates of predictors that take steps: the same for all sequences and positions, with the least error."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from ...regression.shapes import check

#: (x, y, rates) -> predictions (B, K), differentiable in the rates (R,).
Steps = Callable[[Tensor, Tensor, Tensor], Tensor]

#: The start of each rate over that of the previous one: where steps commute, equal rates are a saddle.
APART = 1.5


def predict_by_best(
    steps: Steps, start: Sequence[float], x: Tensor, y: Tensor, noise_variance: float
) -> Tensor:
    """Predictions (..., K) of ``steps`` by the rates that are best on these sequences, in float64.

    ``start`` are the rates to begin with, as multiples of the best one of a single step. A single rate is left at 1.
    Shapes, dtypes and errors are those of :func:`~transient_ridge.regression.predictors.ridge.ridge`.
    """
    check(x, y, noise_variance)
    K, D = x.shape[-2:]
    X, Y = x.double().reshape(-1, K, D), y.double().reshape(-1, K)
    first = first_rate(X, Y)
    rates = X.new_tensor([first * multiple for multiple in start])
    if first and len(start) > 1:
        rates = best_rates(steps, rates.tolist(), X, Y)
    return steps(X, Y, rates).reshape(y.shape).to(x.dtype)


def first_rate(x: Tensor, y: Tensor) -> float:
    """Best rate eta of one step from zero, f(x_k) = eta sum_{j<k} y_j x_j.x_k: a least-squares fit in closed form."""
    moment = (y.unsqueeze(-1) * x).cumsum(dim=-2) - y.unsqueeze(-1) * x
    step = (moment * x).sum(dim=-1)
    size = step.square().sum().item()
    return (step * y).sum().item() / size if size else 0.0


def best_rates(steps: Steps, start: list[float], x: Tensor, y: Tensor) -> Tensor:
    """Rates (R,) of least mean squared error on ``x`` (B, K, D) and ``y`` (B, K), by L-BFGS from ``start``; float64."""
    # In units of the start, because rates fall with K.
    scale = torch.tensor(start, dtype=torch.float64, device=x.device)

    def loss(multiples: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        at = torch.from_numpy(multiples).to(x.device).requires_grad_()
        error = (steps(x, y, at * scale) - y).square().mean()
        (slope,) = torch.autograd.grad(error, at)
        return error.item(), slope.cpu().numpy()

    first = APART ** np.arange(len(start), dtype=np.float64)
    settled = {"ftol": 1e-10, "gtol": 1e-7}
    found = minimize(loss, first / first.mean(), jac=True, method="L-BFGS-B", options=settled)
    return torch.from_numpy(found.x).to(x.device) * scale
