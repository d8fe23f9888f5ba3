"""A linear rise over ``warmup_steps``, then the base rate."""

from ...config.settings import TrainingSettings


def factor(settings: TrainingSettings, step: int) -> float:
    """Rises to one."""
    return min(1.0, (step + 1) / max(1, settings.warmup_steps))
