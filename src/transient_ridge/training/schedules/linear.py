"""A linear rise over ``warmup_steps`` under a linear fall to zero at ``steps``."""

from ...config.settings import TrainingSettings
from . import warmup


def factor(settings: TrainingSettings, step: int) -> float:
    """Rises towards one and falls to zero."""
    return warmup.factor(settings, step) * (1 - step / settings.steps)
