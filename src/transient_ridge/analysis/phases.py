"""The phases of training: nearer to ridge or to dMMSE_M, and the task diversity at which that turns over."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from ..artefacts.tables import Rows
from ..config.settings import CurveSettings
from ..stage import stage
from .curves import smooth
from .datasets import IN_DISTRIBUTION
from .views import RUN_KEY, averages

Array = NDArray[np.float64]

#: The relative distance at which a model is as far from ridge as from dMMSE_M.
HALF = 0.5


class Threshold(NamedTuple):
    """The task diversity at which the relative distance is 1/2, and the M of the grid on its two sides.

    ``estimate`` is NaN if the grid does not enclose it; ``below`` and ``above`` are None if there is no such M.
    """

    estimate: float
    below: int | None
    above: int | None


def relative_distance(ridge: Array, dmmse: Array) -> Array:
    """Delta(f, ridge) / (Delta(f, ridge) + Delta(f, dMMSE_M)): 0 at ridge, 1 at dMMSE_M, 1/2 half-way."""
    result: Array = ridge / (ridge + dmmse)
    return result


def task_diversity_threshold(diversities: Sequence[int], relative: Sequence[float]) -> Threshold:
    """Where ``relative`` distance falls through 1/2 as M grows.

    The values are replaced by the falling curve nearest to them (isotonic regression), so that one noisy run
    does not make two thresholds, and the crossing is interpolated in log M.
    """
    order = np.argsort(diversities)
    grid = np.asarray(diversities)[order]
    falling = IsotonicRegression(increasing=False).fit_transform(
        np.log(grid), np.asarray(relative, dtype=np.float64)[order]
    )
    first = int(np.count_nonzero(falling >= HALF))  # the first M on the side of ridge
    below = int(grid[first - 1]) if first > 0 else None
    above = int(grid[first]) if first < len(grid) else None
    if below is None or above is None:
        return Threshold(math.nan, below, above)
    share = (falling[first - 1] - HALF) / (falling[first - 1] - falling[first])
    return Threshold(float(below * (above / below) ** share), below, above)


def switch_step(steps: Array, relative: Array) -> int | None:
    """First of the ascending ``steps`` from which on the model stays nearer to dMMSE_M; None if there is none."""
    towards_ridge = np.flatnonzero(relative <= HALF)
    first = int(towards_ridge[-1]) + 1 if len(towards_ridge) else 0
    return int(steps[first]) if first < len(steps) else None


@stage("relative_distances", "thresholds")
def compute_phases(distances: pd.DataFrame, settings: Mapping[str, Any]) -> tuple[Rows, Rows]:
    """Relative distance of every run at every step, and the threshold at every step, for each seed."""
    width = CurveSettings.of(settings["curves"]).smoothing_width
    means = averages(distances, IN_DISTRIBUTION)
    relative = pd.concat([_of_run(run, width) for _, run in means.groupby(RUN_KEY)])
    thresholds = Rows("thresholds")
    finite = relative[~np.isinf(relative["task_diversity"])]
    for (seed, step), group in finite.groupby(["seed", "step"]):
        found = task_diversity_threshold(
            group["task_diversity"].astype(int).tolist(), group["relative_distance"].tolist()
        )
        estimate = None if math.isnan(found.estimate) else found.estimate
        sides = {"below": found.below, "above": found.above}
        thresholds.add(seed=seed, step=step, threshold=estimate, **sides)
    return Rows.of("relative_distances", relative), thresholds


def _of_run(distances: pd.DataFrame, width: float) -> pd.DataFrame:
    """One run's smoothed distances to both predictors."""
    wide = distances.pivot(index="step", columns="predictor", values="distance").sort_index()
    steps = wide.index.to_numpy(dtype=np.float64)
    both = {
        name: smooth(steps, wide[name].to_numpy(dtype=np.float64), width)
        for name in ("ridge", "dmmse")
    }
    M = distances["task_diversity"].iloc[0]
    relative = None if math.isinf(M) else relative_distance(both["ridge"], both["dmmse"])
    return pd.DataFrame(
        {
            "task_diversity": M,
            "seed": distances["seed"].iloc[0],
            "step": wide.index,
            **both,
            "relative_distance": relative,
        }
    )
