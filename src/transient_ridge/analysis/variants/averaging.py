"""The effect of averaging the weights on every curve: the same training, measured on averaged and on raw weights."""

import pandas as pd

from ...artefacts.tables import Frames, Rows
from ...stage import stage
from ..datasets import IN_DISTRIBUTION, OUT_OF_DISTRIBUTION
from ..phases import relative_distance
from ..views import RUN_KEY, averages


@stage("averaging", tables=("losses", "distances"), across=True)
def compare_averaging(frames: Frames) -> Rows:
    """Losses and relative distances of the averaged variant, which comes first, and of the raw one, as measured."""
    weights = dict(zip(frames["losses"]["variant"].unique(), ("averaged", "raw"), strict=True))
    key = ["variant", *RUN_KEY, "step"]
    losses = {
        dataset: averages(frames["losses"], dataset).set_index(key)["loss"]
        for dataset in (OUT_OF_DISTRIBUTION, IN_DISTRIBUTION)
    }
    apart = averages(frames["distances"], IN_DISTRIBUTION).pivot(
        index=key, columns="predictor", values="distance"
    )
    relative = relative_distance(apart["ridge"].to_numpy(), apart["dmmse"].to_numpy())
    curves = pd.DataFrame({**losses, "relative_distance": pd.Series(relative, apart.index)})
    curves = curves.reset_index()
    # At M = infinity dMMSE_M is ridge.
    curves.loc[curves["task_diversity"] == float("inf"), "relative_distance"] = None
    return Rows.of("averaging", curves.assign(weights=curves["variant"].map(weights)))
