"""The lasso on every prefix of a sequence, by scikit-learn."""

import math

import numpy as np
import torch
from sklearn import config_context
from sklearn.linear_model import Lasso
from torch import Tensor

from ....regression.shapes import check

LABEL = "lasso"
MARKER = "<"
OF_TASK_SET = False

#: Duality gap at which coordinate descent stops, as a share of |Y|^2, and the most sweeps that it makes.
TOLERANCE = 1e-10
SWEEPS = 100_000


def predict(x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
    """:func:`lasso`, for any tasks."""
    del tasks
    return lasso(x, y, noise_variance)


def penalty(noise_variance: float, pairs: int, dimension: int) -> float:
    """lambda = sigma sqrt(2 log(2D) / n) for n ``pairs``, which needs neither s nor a search.

    It has the size of the noise in X'Y / n: for inputs of variance 1, the largest of its D entries is at most that
    large on average. Theory asks for a multiple of sigma sqrt(log D / n) (Bickel, Ritov and Tsybakov 2009, Theorem
    7.2); the constant is our choice.
    """
    return math.sqrt(2 * noise_variance * math.log(2 * dimension) / pairs)


def lasso(x: Tensor, y: Tensor, noise_variance: float) -> Tensor:
    """Predictions (..., K): ``x_k.w``, where w minimises |Y - Xw|^2 / 2n + lambda |w|_1 over n = k-1 pairs; 0 at k = 1.

    lambda is :func:`penalty`. Shapes, dtypes and errors are those of
    :func:`~transient_ridge.regression.predictors.ridge.ridge`; solved in float64 on the CPU, to :data:`TOLERANCE`.
    """
    check(x, y, noise_variance)
    K, D = x.shape[-2:]
    X, Y = (part.double().numpy(force=True) for part in (x.reshape(-1, K, D), y.reshape(-1, K)))
    predictions = np.zeros(Y.shape)
    # Each fit takes microseconds, and the checks of its arguments would take most of the time.
    with config_context(skip_parameter_validation=True):
        for b, (inputs, outputs) in enumerate(zip(X, Y, strict=True)):
            # One more pair changes little, so each prefix starts where the previous one ended.
            model = Lasso(fit_intercept=False, warm_start=True, tol=TOLERANCE, max_iter=SWEEPS)
            for n in range(1, K):
                model.alpha = penalty(noise_variance, n, D)
                model.fit(np.asfortranarray(inputs[:n]), outputs[:n], check_input=False)
                predictions[b, n] = inputs[n] @ model.coef_
    return torch.from_numpy(predictions).reshape(y.shape).to(x)
