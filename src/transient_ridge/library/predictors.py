"""The idealised predictors of in-context linear regression, as functions of tensors."""

from torch import Tensor

from ..config.registries import PREDICTORS


def ridge(x: Tensor, y: Tensor, noise_variance: float) -> Tensor:
    """Ridge predictions (..., K) of every ``y_k`` from the pairs before it: Bayes-optimal for tasks from N(0, I_D).

    ``x`` is (..., K, D) and ``y`` (..., K), both float32 or both float64, as is the result; ``noise_variance`` is in
    units of y^2 (arXiv 2501.17745, section 'Idealised predictors'). Raises ValueError on shapes that do not fit and for
    a noise_variance <= 0.
    """
    found: Tensor = PREDICTORS.function("ridge", "ridge")(x, y, noise_variance)
    return found


def dmmse(x: Tensor, y: Tensor, tasks: Tensor, noise_variance: float) -> Tensor:
    """dMMSE_M predictions (..., K): Bayes-optimal if the task is one of ``tasks`` (M, D), all equally likely.

    Shapes, dtypes, units and errors are those of :func:`ridge`. Memory stays below 256 MB for any number of sequences
    and tasks.
    """
    found: Tensor = PREDICTORS.function("dmmse", "dmmse")(x, y, tasks, noise_variance)
    return found
