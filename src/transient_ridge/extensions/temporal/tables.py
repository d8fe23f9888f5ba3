"""The runs with tasks that stay, beside the same runs whose tasks change."""

from ...artefacts.availability import finite, offered
from ...artefacts.columns import Run, table
from ...config.registries import TASK_FAMILIES


@table("run", runs=offered(TASK_FAMILIES, "tasks", "over_training", finite), judged=True)
class Unchanged(Run):
    """Where the run whose tasks stay is between the two predictors."""

    alpha: float
    """place along the line from ridge (0) to dMMSE_M (1) in distribution, of the run of the same M and seed whose tasks
    stay; only where they change"""
    alpha_out: float
    """the same out of distribution"""
