"""A triangle with its peak at half of ``steps``."""

from ...config.settings import TrainingSettings


def factor(settings: TrainingSettings, step: int) -> float:
    """Rises to one and falls again."""
    if settings.steps == 1:
        return 1.0
    return min(step + 1, settings.steps - step) / (settings.steps / 2)
