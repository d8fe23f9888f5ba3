"""Where a run would be if its tasks stayed: the run of the same M and seed in another variant."""

import pandas as pd

from ...artefacts.tables import Rows
from ...config.runs import Run
from ...stage import stage


@stage("unchanged")
def compute_unchanged(relative_distances: pd.DataFrame, run: Run) -> Rows:
    """The rows of ``run`` among ``relative_distances`` of the variant whose tasks stay; none if it has no such run."""
    own = (relative_distances[["task_diversity", "seed"]] == tuple(run)).all(axis=1)
    columns = ["task_diversity", "seed", "step", "alpha", "alpha_out"]
    return Rows.of("unchanged", relative_distances.loc[own, columns])
