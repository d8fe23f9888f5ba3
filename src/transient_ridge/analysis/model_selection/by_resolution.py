"""The trade-off of loss against complexity by the quadratic LLC at every r = gamma / (n beta)."""

import pandas as pd

from ...artefacts.schemas import TABLES
from ...artefacts.tables import Rows
from ...config.settings import BatchSize, ContextLength, DmmseLike, NoiseVariance
from ...stage import stage
from .selection import compute_selection


@stage("selection_by_resolution")
def select_by_resolution(
    relative_distances: pd.DataFrame,
    critical_steps: pd.DataFrame,
    smoothed_losses: pd.DataFrame,
    idealised_losses: pd.DataFrame,
    ridge_on_tasks: pd.DataFrame,
    quadratic_llc: pd.DataFrame,
    quadratic_llc_on_tasks: pd.DataFrame,
    noise_variance: NoiseVariance,
    context_length: ContextLength,
    batch_size: BatchSize,
    dmmse_like: DmmseLike,
) -> Rows:
    """The table `selection` once for each r; empty if no curvature was measured."""
    rows = Rows("selection_by_resolution")
    for r in sorted(quadratic_llc["resolution"].unique()):
        found, _ = compute_selection(
            relative_distances,
            critical_steps,
            smoothed_losses,
            idealised_losses,
            at_resolution(quadratic_llc, r, "llc"),
            ridge_on_tasks,
            at_resolution(quadratic_llc_on_tasks, r, "llc_on_tasks"),
            noise_variance,
            context_length,
            batch_size,
            dmmse_like,
        )
        for row in found.records():
            rows.add(resolution=r, **row)
    return rows


def at_resolution(quadratic: pd.DataFrame, r: float, table: str) -> pd.DataFrame:
    """The quadratic LLCs at ``r`` as rows of ``table``, for the whole model and all positions."""
    rows = quadratic[quadratic["resolution"] == r]
    columns = list(TABLES[table].columns)
    return rows.assign(component="all", token=None).reindex(columns=columns)
