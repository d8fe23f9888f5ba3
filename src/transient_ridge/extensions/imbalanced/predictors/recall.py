"""The mean of y over the earlier pairs of the same x: what softmax attention to equal inputs reads (arXiv 2310.05249).

It is for inputs that recur, as those of the law ``features`` do. There ridge is sum y / (n + sigma^2) over the n
earlier pairs of the same x, and ``recall`` is ridge for sigma^2 -> 0, without the prior's pull towards 0. The two
differ by the factor n / (n + sigma^2), most at n = 1.
"""

from torch import Tensor

from ....regression.shapes import check

LABEL = "recall"
MARKER = "h"
OF_TASK_SET = False


def predict(x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
    """:func:`recall`, for any tasks and noise."""
    del tasks
    check(x, y, noise_variance)
    return recall(x, y)


def recall(x: Tensor, y: Tensor) -> Tensor:
    """Mean (..., K) of the earlier y with the same x, 0 where there is none; x is (..., K, D), y (..., K)."""
    same = (x.unsqueeze(-2) == x.unsqueeze(-3)).all(dim=-1).tril(-1).to(y.dtype)
    sums = (same @ y.unsqueeze(-1)).squeeze(-1)
    return sums / same.sum(dim=-1).clamp(min=1)
