"""GD++, which a stack of linear attention can express: gradient descent that also changes the inputs between steps.

In the construction of arXiv 2212.07677 (sections 2 and 'GD++') every layer moves the residuals of all pairs by a step
of gradient descent and maps their inputs by x <- (I - gamma X X') x, which flattens the spectrum. Here, as in the
models, a token sees only what precedes it, so the sums run over earlier pairs.
"""

import torch
from torch import Tensor

from ....config.section import Count, Section, key
from ..rates import predict_by_best

LABEL = "GD++"
MARKER = "P"
OF_TASK_SET = False


class Options(Section):
    """The options of this predictor."""

    layers: Count = key("Layers, of one step each.")


def predict(
    x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float, *, options: Options
) -> Tensor:
    """:func:`descend` by the rates that are best on these sequences, for any tasks."""
    del tasks
    # eta of every layer, and between two of them gamma, which starts at a quarter of eta.
    return predict_by_best(
        descend, [1.0, *[0.25, 1.0] * (options.layers - 1)], x, y, noise_variance
    )


def descend(x: Tensor, y: Tensor, rates: Tensor) -> Tensor:
    """Predictions (B, K) for ``x`` (B, K, D) and ``y`` (B, K); ``rates`` are eta, gamma, eta, ...

    With residuals r and inputs x of the pairs, predictions f and inputs q of the queries, a layer is

        r_j <- r_j - eta sum_{i<=j} r_i x_i.x_j     x_j <- x_j - gamma sum_{i<=j} (x_i.x_j) x_i
        f_k <- f_k + eta sum_{i<k}  r_i x_i.q_k     q_k <- q_k - gamma sum_{i<k}  (x_i.q_k) x_i
    """
    K = x.shape[-2]
    upto = torch.ones(K, K, dtype=x.dtype, device=x.device).tril()
    before = upto.tril(-1)
    residual, query, prediction = y, x, torch.zeros_like(y)
    # The last layer's gamma would change nothing.
    for eta, gamma in torch.cat((rates, rates.new_zeros(1))).reshape(-1, 2):
        seen, asked = upto * (x @ x.mT), before * (query @ x.mT)
        prediction = prediction + eta * (asked @ residual.unsqueeze(-1)).squeeze(-1)
        residual = residual - eta * (seen @ residual.unsqueeze(-1)).squeeze(-1)
        query, x = query - gamma * asked @ x, x - gamma * seen @ x
    return prediction
