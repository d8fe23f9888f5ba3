"""The gate between in-context and in-weight prediction, after arXiv 2410.23042: f ~ (1 - alpha) ridge + alpha dMMSE_M.

alpha(t, k) is fitted by least squares over sequences, one number for each checkpoint t and position k. Of the model it
needs the squared distances to both predictors alone, and of these their distance to each other.
"""

import pandas as pd

from ..artefacts.tables import Rows
from ..stage import stage

SEQUENCES = ["task_diversity", "dataset", "token"]
CHECKPOINT = ["seed", "step"]
PREDICTORS = ["ridge", "dmmse"]


@stage("gates")
def compute_gates(distances: pd.DataFrame, idealised_distances: pd.DataFrame) -> Rows:
    """The gate of every finite M at every checkpoint and position, in and out of distribution.

    With r = ridge, d = dMMSE_M and means over sequences, alpha = <f - r, d - r> / |d - r|^2; the inner product follows
    from the three squared distances, 2 <f - r, d - r> = |f - r|^2 + |d - r|^2 - |f - d|^2. The row of all positions
    (token null) is the fit of one alpha to all of them. At M = infinity the predictors are one: there is no row.
    """
    pairs = idealised_distances[["predictor", "other"]].isin(PREDICTORS).all(axis=1)
    apart = idealised_distances[pairs & (idealised_distances["distance"] > 0)]
    table = apart[[*SEQUENCES, "distance"]].rename(columns={"distance": "apart"})
    for predictor in PREDICTORS:
        rows = distances[distances["predictor"] == predictor]
        rows = rows[[*SEQUENCES, *CHECKPOINT, "distance"]].rename(columns={"distance": predictor})
        table = table.merge(rows, on=[key for key in table if key in rows])
    table["gate"] = (table["ridge"] + table["apart"] - table["dmmse"]) / (2 * table["apart"])
    left = table["ridge"] - table["gate"] ** 2 * table["apart"]
    table["residual"] = left.clip(lower=0)  # rounding
    return Rows.of("gates", table)
