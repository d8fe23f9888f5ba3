"""Claim 6: the joint PCA does not depend on B; and a question about the schedule of the checkpoints."""

import pandas as pd

from ..measurements import Evidence
from ..nulls import CONSTANT
from ..outcomes import Measured, NotTestableError
from ..statement import asks, states


@states("6a", at_most="trajectory_distance", nulls=(CONSTANT,), joint=True)
def _same_with_fewer_sequences(evidence: Evidence, _: int) -> float:
    """From B = {insensitive_from} on, the trajectories keep their shape.

    Measured: greatest Procrustes distance in the plane (0 = same, 1 = unrelated).
    """
    least = evidence.settings.insensitive_from
    table = evidence.table("pca_robustness")
    worst = _worst(table[table["sequences"] >= least], "sequences")
    if worst is None:
        raise NotTestableError(
            f"pca_robustness.sequences has no B from {least} up to below the greatest"
        )
    return worst.value


@asks("6b", at_most="trajectory_distance", joint=True)
def _same_with_other_checkpoints(evidence: Evidence, _: int) -> Measured:
    """Only linear or only logarithmic checkpoints give trajectories of the same shape.

    Measured: greatest Procrustes distance in the plane (0 = same, 1 = unrelated).
    """
    worst = _worst(evidence.table("pca_robustness"), "schedule")
    if worst is None:
        raise NotTestableError("the schedule has only linear or only logarithmic checkpoints")
    return worst


def _worst(table: pd.DataFrame, check: str) -> Measured | None:
    """The greatest distance in the plane over the fits of ``check``; None if there is only the full one."""
    in_plane = table["components"] <= 2
    rows = table[(table["check"] == check) & in_plane & ~table["reference"].astype(bool)]
    if rows.empty:
        return None
    row = rows.sort_values("trajectory_distance").iloc[-1]  # one that is not known comes last
    remark = f"{row['setting']}, {row['angle']:.0f} degrees between the planes"
    return Measured(float(row["trajectory_distance"]), remark=remark)
