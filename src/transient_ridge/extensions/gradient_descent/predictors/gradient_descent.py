"""Steps of gradient descent on the squared error of the context, from zero (arXiv 2212.07677, section 2)."""

import torch
from torch import Tensor

from ....config.section import Count, Section, key
from ..rates import predict_by_best

LABEL = "gradient descent"
MARKER = "v"
OF_TASK_SET = False


class Options(Section):
    """The options of this predictor."""

    steps: Count = key("Steps of gradient descent.")


def predict(
    x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float, *, options: Options
) -> Tensor:
    """:func:`descend` by the rates that are best on these sequences, for any tasks."""
    del tasks
    return predict_by_best(descend, [1.0] * options.steps, x, y, noise_variance)


def descend(x: Tensor, y: Tensor, rates: Tensor) -> Tensor:
    """Predictions w.x_k (B, K), where w takes one step w <- w + rate X'(Y - X w) over the k-1 earlier pairs per rate.

    ``x`` is (B, K, D), ``y`` (B, K). w starts at 0.
    """
    outer = x.unsqueeze(-1) * x.unsqueeze(-2)
    # Sums over the pairs before k.
    gram = outer.cumsum(dim=-3) - outer
    moment = (y.unsqueeze(-1) * x).cumsum(dim=-2) - y.unsqueeze(-1) * x
    w = torch.zeros_like(x)
    for rate in rates:
        w = w + rate * (moment - (gram @ w.unsqueeze(-1)).squeeze(-1))
    return (w * x).sum(dim=-1)
