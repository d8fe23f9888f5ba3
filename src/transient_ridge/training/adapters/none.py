"""No translation, for weights that already have our names."""

from torch import Tensor

from ...config.settings import TrainedBy


def translate(weights: dict[str, Tensor], trained_by: TrainedBy) -> dict[str, Tensor]:
    """The weights, unchanged."""
    return weights
