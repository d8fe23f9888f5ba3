"""The trade-off of loss against complexity, with the quadratic LLC at every r = gamma / (n beta)."""

import pandas as pd

from ...artefacts.schemas import TABLES
from ...artefacts.tables import Frames, Rows
from ...config.settings import BatchSize, ContextLength, DmmseLike, NoiseVariance
from ...stage import stage
from .selection import compute_selection


@stage(
    "selection_by_resolution",
    tables=(
        "relative_distances",
        "critical_steps",
        "smoothed_losses",
        "idealised_losses",
        "ridge_on_tasks",
        "quadratic_llc",
        "quadratic_llc_on_tasks",
    ),
)
def select_by_resolution(
    frames: Frames,
    noise_variance: NoiseVariance,
    context_length: ContextLength,
    batch_size: BatchSize,
    dmmse_like: DmmseLike,
) -> Rows:
    """The table `selection` for every r; empty if no curvature was measured."""
    rows = Rows("selection_by_resolution")
    on_own, on_tasks = frames["quadratic_llc"], frames["quadratic_llc_on_tasks"]
    for r in sorted(on_own["resolution"].unique()):
        at_r = {
            **frames,
            "llc": at_resolution(on_own, r, "llc"),
            "llc_on_tasks": at_resolution(on_tasks, r, "llc_on_tasks"),
        }
        found, _ = compute_selection(at_r, noise_variance, context_length, batch_size, dmmse_like)
        for row in found.records():
            rows.add(resolution=r, **row)
    return rows


def at_resolution(quadratic: pd.DataFrame, r: float, table: str) -> pd.DataFrame:
    """The quadratic LLCs at ``r`` as rows of ``table``, for the whole model and all positions."""
    rows = quadratic[quadratic["resolution"] == r]
    columns = list(TABLES[table].columns)
    return rows.assign(component="all", token=None).reindex(columns=columns)
