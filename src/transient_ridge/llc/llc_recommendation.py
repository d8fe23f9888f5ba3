"""Which eps, n beta and gamma to use, from the sweeps of several runs."""

import pandas as pd

from ..artefacts.tables import Rows
from ..stage import stage
from .llc_calibration import HYPER


@stage("llc_recommendation")
def recommend_llc(llc_calibration: pd.DataFrame) -> Rows:
    """Put the sweeps of single runs together and mark the recommended setting, which it prints."""
    choice = recommend(llc_calibration)
    settings = llc_calibration[HYPER].itertuples(index=False)
    marked = llc_calibration.assign(recommended=[tuple(values) == choice for values in settings])
    text = "no setting is healthy for all runs: widen the sweep"
    if choice is not None:
        text = "recommended: " + ", ".join(
            f"{k} = {v:g}" for k, v in zip(HYPER, choice, strict=True)
        )
    print(text)
    return Rows.of("llc_recommendation", marked)


def recommend(sweep: pd.DataFrame) -> tuple[float, float, float] | None:
    """The (n beta, gamma, eps) to use for all runs, or None if no setting is healthy for every run and step.

    Of the settings that are healthy everywhere, the one whose largest relative standard error over the runs and
    steps is least: one set must serve all M, else their LLCs cannot be compared.
    """
    worst: dict[tuple[float, float, float], float] = {}
    for n_beta, gamma, epsilon in sweep[HYPER].drop_duplicates().itertuples(index=False, name=None):
        of_all = sweep[HYPER] == (n_beta, gamma, epsilon)
        rows = sweep[of_all.all(axis=1)]
        if rows["healthy"].all():
            relative = rows["standard_error"] / rows["llc"].abs()
            worst[n_beta, gamma, epsilon] = float(relative.max())
    return min(worst, key=lambda values: worst[values]) if worst else None
