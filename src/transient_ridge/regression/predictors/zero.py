"""0, the mean of y over all tasks of a family with mean 0. It uses neither context nor input."""

from torch import Tensor

LABEL = "zero"
MARKER = "X"
OF_TASK_SET = False


def predict(x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
    """0 for every y_k."""
    del x, tasks, noise_variance
    return y.new_zeros(y.shape)
