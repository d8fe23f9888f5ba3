"""Claims 8 and 9 along the resolution r = gamma / (n beta), because every LLC claim holds at a given r only.

Their statements are measured and judged for each r of the quadratic LLCs, on the same runs with the same thresholds.
"""

from ..analysis.model_selection.by_resolution import at_resolution
from ..artefacts.tables import Frames, Rows
from ..config.settings import ClaimSettings, RootSeed
from ..stage import stage
from .claims import measure, score
from .measurements import Evidence

#: The claims about the LLC.
CLAIMS = (8, 9)


@stage(
    "claims_by_resolution",
    tables=(
        "relative_distances",
        "smoothed_losses",
        "idealised_losses",
        "idealised_distances",
        "softened_dmmse",
        "quadratic_llc",
        "selection_by_resolution",
    ),
)
def judge_by_resolution(frames: Frames, claims: ClaimSettings, seed: RootSeed) -> Rows:
    """The table `claims_by_resolution`; empty if no curvature was measured."""
    rows = Rows("claims_by_resolution")
    selections = frames["selection_by_resolution"]
    for r in sorted(frames["quadratic_llc"]["resolution"].unique()):
        at_r = {
            **frames,
            "llc": at_resolution(frames["quadratic_llc"], r, "llc"),
            "selection": selections[selections["resolution"] == r].drop(columns="resolution"),
        }
        evidence = Evidence(at_r, claims, seed)
        for row in score(measure(evidence, CLAIMS), claims, CLAIMS).records():
            rows.add(resolution=r, **row)
    return rows
