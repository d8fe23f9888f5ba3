"""Choose eps, n beta and gamma by the sweeps of several runs."""

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
    """Join the sweeps of single runs, and mark and print the recommended setting."""
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

    A setting can be trusted if it is healthy everywhere and a smaller healthy eps gives the same estimate within
    :data:`AGREEMENT` standard errors, so that it reflects the posterior and not the sampler. The choice is the finest
    resolution gamma / (n beta), and then the largest eps. All M share one setting, because LLCs at different ones
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
