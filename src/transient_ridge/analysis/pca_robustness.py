"""Sensitivity of the joint trajectory PCA to B, the checkpoint schedule and single runs (App. C).

The PCA is fitted again with fewer sequences, with only the linear or only the logarithmic checkpoints, and without one
run. All checkpoints are then projected on the new components and compared with the full fit.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import subspace_angles

from ..artefacts.tables import Rows
from ..config.runs import Run
from ..config.schedule import checkpoint_steps
from ..config.settings import CheckpointSettings, ContextLength, RobustnessSettings
from ..stage import Setting, stage
from .joint_pca import Fit, fit, outputs_matrix
from .trajectory_distance import trajectory_distance
from .views import RUN_KEY

Array = NDArray[np.float64]


class Alternative(NamedTuple):
    """An alternative fit: its rows (checkpoints) and its number of sequences."""

    check: str
    setting: str
    rows: NDArray[np.bool_]
    sequences: int


def alternatives(
    keys: pd.DataFrame,
    sequences: int,
    fewer: Sequence[int],
    schedule: CheckpointSettings,
    last: int,
) -> Iterator[Alternative]:
    """Every alternative fit of the checkpoints ``keys`` (run and step) with up to B ``sequences``.

    ``fewer`` are the smaller values of B; ``schedule`` is that of the checkpoints, and ``last`` its last step.
    """
    everything = np.ones(len(keys), dtype=bool)
    for B in sorted(fewer):
        yield Alternative("sequences", str(B), everything, B)
    schedules = {
        "linear": schedule.changed(log_count=0, extra_steps=()),
        "log": schedule.changed(linear_every=last, extra_steps=()),
        "union": schedule,
    }
    for name, part in schedules.items():
        kept = keys["step"].isin(checkpoint_steps(part, last)).to_numpy()
        yield Alternative("schedule", name, kept, sequences)
    runs = list(zip(keys["task_diversity"], keys["seed"], strict=True))
    for M, seed in sorted(set(runs)) if len(set(runs)) > 1 else []:
        others = np.array([run != (M, seed) for run in runs])
        yield Alternative("left_out", Run(M, int(seed)).name, others, sequences)


def angle(components: Array, reference: Array) -> float:
    """Largest principal angle, in degrees, between two sets of components (v, B*K).

    If ``reference`` has more columns (sequences), the surplus is ignored.
    """
    shared = reference[:, : components.shape[1]]
    return float(np.degrees(subspace_angles(components.T, shared.T).max()))


@stage("pca_robustness")
def compute_pca_robustness(
    outputs: pd.DataFrame,
    pca_robustness: RobustnessSettings,
    components: Annotated[int, Setting("pca.components")],
    context_length: ContextLength,
    checkpoints: CheckpointSettings,
    steps: Annotated[int, Setting("training.steps")],
) -> Rows:
    """Fit every alternative and compare it with the full fit, in the plane and in all components."""
    K, most, fewer = context_length, components, pca_robustness.sequences
    matrix = outputs_matrix(outputs)
    B = matrix.shape[1] // K
    full = fit(matrix, most)
    rows = Rows("pca_robustness")
    for other in alternatives(outputs[[*RUN_KEY, "step"]], B, fewer, checkpoints, steps):
        reference = bool(other.rows.all()) and other.sequences == B
        columns = matrix[:, : other.sequences * K]
        fitted = full if reference else fit(columns[other.rows], most)
        for v in sorted({min(2, most), most}):
            found = _compare(fitted, full, columns, matrix, v)
            row = {**other._asdict(), "rows": int(other.rows.sum()), "components": v, **found}
            rows.add(**row, reference=reference)
    return rows


def _compare(
    fitted: Fit, full: Fit, columns: NDArray[np.float32], matrix: NDArray[np.float32], v: int
) -> dict[str, float]:
    return {
        "angle": angle(fitted.components[:v], full.components[:v]),
        "trajectory_distance": trajectory_distance(
            fitted.project(columns)[:, :v], full.project(matrix)[:, :v]
        ),
        "explained_variance_ratio": float(fitted.variance_ratio[:v].sum()),
    }
