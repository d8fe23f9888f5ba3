"""Which eps, n beta and gamma to use, from the sweeps of several runs."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.views import RUN_KEY
from ...artefacts.tables import Rows
from ...stage import stage
from ..ladder import AGREEMENT
from .calibration import HYPER


@stage("llc_recommendation")
def recommend_llc(llc_calibration: pd.DataFrame) -> Rows:
    """Put the sweeps of single runs together and mark the recommended setting, which it prints."""
    choice = recommend(llc_calibration)
    settings = llc_calibration[HYPER].itertuples(index=False)
    marked = llc_calibration.assign(recommended=[tuple(values) == choice for values in settings])
    text = "no setting is healthy for all runs and agrees with a smaller eps: widen the sweep"
    if choice is not None:
        text = "recommended: " + ", ".join(
            f"{k} = {v:g}" for k, v in zip(HYPER, choice, strict=True)
        )
    print(text)
    return Rows.of("llc_recommendation", marked)


def recommend(sweep: pd.DataFrame) -> tuple[float, float, float] | None:
    """The (n beta, gamma, eps) to use for all runs, or None if no setting can be trusted for every run and step.

    A setting can be trusted if it is healthy everywhere and a smaller eps, healthy too, gives the same within
    :data:`AGREEMENT` standard errors: the estimate is of the posterior, not of the sampler. Of those it is the one of
    the finest resolution gamma / (n beta), and there of the largest eps. One set must serve all M, else their LLCs
    cannot be compared.
    """
    trusted: list[tuple[float, float, float]] = []
    settings: Any = sweep.groupby(["n_beta", "gamma"])
    for (n_beta, gamma), cells in settings:
        healthy = [
            (epsilon, rows.set_index([*RUN_KEY, "step"]).sort_index())
            for epsilon, rows in cells.groupby("epsilon")
            if rows["healthy"].all()
        ]
        for (_, finer), (epsilon, rows) in pairwise(healthy):
            error = np.hypot(rows["standard_error"], finer["standard_error"])
            if ((rows["llc"] - finer["llc"]).abs() <= AGREEMENT * error).all():
                trusted.append((float(n_beta), float(gamma), float(epsilon)))
    return min(trusted, key=lambda of: (of[1] / of[0], -of[2])) if trusted else None
