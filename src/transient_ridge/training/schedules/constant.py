"""The base rate throughout."""

from ...config.settings import TrainingSettings


def factor(settings: TrainingSettings, step: int) -> float:
    """One."""
    return 1.0
