"""Warm-up, stable, decay: a linear fall to zero over only the last ``decay_steps``."""

from ...config.settings import TrainingSettings
from . import warmup


def factor(settings: TrainingSettings, step: int) -> float:
    """Rises to one, stays, and falls to zero."""
    left = (settings.steps - step) / max(1, settings.decay_steps)
    return warmup.factor(settings, step) * min(1.0, left)
