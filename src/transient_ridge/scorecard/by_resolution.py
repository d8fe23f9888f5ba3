"""Claims 8 and 9 along the resolution r: what is said of an LLC is said of it at some r = gamma / (n beta).

Every statement of the two is measured and judged once more for each r of the quadratic LLCs, on the same runs and by
the same thresholds.
"""

import pandas as pd

from ..analysis.selection import compute_selection
from ..artefacts.schemas import TABLES
from ..artefacts.tables import Frames, Rows
from ..config.settings import BatchSize, ClaimSettings, ContextLength, NoiseVariance, RootSeed
from ..stage import stage
from .claims import measure, score
from .measurements import Evidence

#: The claims about the LLC.
CLAIMS = (8, 9)


@stage(
    "claims_by_resolution",
    tables=(
        "relative_distances",
        "critical_steps",
        "smoothed_losses",
        "idealised_losses",
        "idealised_distances",
        "ridge_on_tasks",
        "quadratic_llc",
        "quadratic_llc_on_tasks",
    ),
)
def judge_by_resolution(
    frames: Frames,
    claims: ClaimSettings,
    seed: RootSeed,
    noise_variance: NoiseVariance,
    context_length: ContextLength,
    batch_size: BatchSize,
) -> Rows:
    """The table `claims_by_resolution`; empty if no curvature was measured."""
    of_selection = (noise_variance, context_length, batch_size, claims.dmmse_like)
    rows = Rows("claims_by_resolution")
    for r in sorted(frames["quadratic_llc"]["resolution"].unique()):
        evidence = Evidence(at_resolution(frames, r, *of_selection), claims, seed)
        for row in score(measure(evidence, CLAIMS), claims, CLAIMS).records():
            rows.add(resolution=r, **row)
    return rows


def at_resolution(
    frames: Frames,
    r: float,
    noise_variance: float,
    context_length: int,
    batch_size: int,
    dmmse_like: float,
) -> dict[str, pd.DataFrame]:
    """``frames`` with the quadratic LLCs at ``r`` as `llc`, and with the `selection` that follows."""
    llc = as_estimates(frames["quadratic_llc"], r, "llc")
    on_tasks = as_estimates(frames["quadratic_llc_on_tasks"], r, "llc_on_tasks")
    selection, _ = compute_selection(
        frames["relative_distances"],
        frames["critical_steps"],
        frames["smoothed_losses"],
        frames["idealised_losses"],
        llc,
        frames["ridge_on_tasks"],
        on_tasks,
        noise_variance,
        context_length,
        batch_size,
        dmmse_like,
    )
    return {**frames, "llc": llc, "selection": selection.frame()}


def as_estimates(quadratic: pd.DataFrame, r: float, table: str) -> pd.DataFrame:
    """The rows at ``r`` as rows of ``table``, for the whole model and all positions."""
    rows = quadratic[quadratic["resolution"] == r]
    columns = list(TABLES[table].columns)
    return rows.assign(component="all", token=None).reindex(columns=columns)
