"""The phases of training, nearer to ridge or to dMMSE_M, and the task diversity threshold between them."""

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
from .datasets import IN_DISTRIBUTION, OUT_OF_DISTRIBUTION
from .gates import gate_of
from .views import RUN_KEY, averages

Array = NDArray[np.float64]

#: The relative distance of a model half-way between ridge and dMMSE_M.
HALF = 0.5

#: A run has left its initialisation when this share of its first distance to ridge remains.
LEFT = 0.5


class Threshold(NamedTuple):
    """The task diversity at which the relative distance is 1/2, and the M of the grid on both sides.

    ``estimate`` is NaN if the grid does not enclose it; ``below`` and ``above`` are None if there is no such M. The
    estimate is no more exact than the spacing of the grid between the two.
    """

    estimate: float
    below: int | None
    above: int | None


def relative_distance(ridge: Array, dmmse: Array) -> Array:
    """Delta(f, ridge) / (Delta(f, ridge) + Delta(f, dMMSE_M)): 0 at ridge, 1 at dMMSE_M, 1/2 half-way."""
    result: Array = ridge / (ridge + dmmse)
    return result


def predictors_apart(
    idealised_distances: pd.DataFrame, dataset: str, pair: tuple[str, str] = ("ridge", "dmmse")
) -> dict[float, float]:
    """M -> Delta of a ``pair`` of predictors on ``dataset``."""
    rows = averages(idealised_distances, dataset)
    both = rows[["predictor", "other"]].isin(pair).all(axis=1)
    rows = rows[both]
    return dict(
        zip(rows["task_diversity"].astype(float), rows["distance"].astype(float), strict=True)
    )


def resolved(apart: Mapping[float, float], reach: float) -> list[float]:
    """Finite M whose two predictors lie further ``apart`` than ``reach``, the M = infinity run's distance to ridge.

    For any other M it means nothing to be nearer to one predictor: no model trained here comes that close to either.
    """
    return sorted(M for M, distance in apart.items() if not math.isinf(M) and distance > reach)


def task_diversity_threshold(diversities: Sequence[float], relative: Sequence[float]) -> Threshold:
    """Where the ``relative`` distance falls through 1/2 as M grows.

    The nearest falling curve (isotonic regression) replaces the values, so that one noisy run does not make two
    thresholds, and the crossing is interpolated in log M.
    """
    if not len(diversities):
        return Threshold(math.nan, None, None)
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


def switch_step(steps: Array, ridge: Array, dmmse: Array, critical: int) -> int | None:
    """First step from which a run that was nearer to ridge at t_crit stays nearer to dMMSE_M.

    ``steps`` ascend; ``ridge`` and ``dmmse`` are the distances (S,) there, ``critical`` is t_crit. None if the run does
    not switch, was not nearer to ridge at t_crit, or had not halved its first distance to ridge by then: a crossing
    before that is the run leaving its initialisation.
    """
    at = int(np.searchsorted(steps, critical))
    if not (ridge[at] < dmmse[at] and ridge[at] <= LEFT * ridge[0]):
        return None
    first = int(np.flatnonzero(ridge <= dmmse)[-1]) + 1
    return int(steps[first]) if first < len(steps) else None


@stage("relative_distances", "thresholds")
def compute_phases(
    distances: pd.DataFrame, idealised_distances: pd.DataFrame, curves: CurveSettings
) -> tuple[Rows, Rows]:
    """Place every run between ridge and dMMSE_M at every step, and find each seed's threshold at every step.

    The threshold counts only M that are :func:`resolved`; a grid without M = infinity has none.
    """
    width = curves.smoothing_width
    apart = {
        dataset: predictors_apart(idealised_distances, dataset)
        for dataset in (IN_DISTRIBUTION, OUT_OF_DISTRIBUTION)
    }
    relative = pd.concat([_of_run(run, width, apart) for _, run in distances.groupby(RUN_KEY)])
    thresholds = Rows("thresholds")
    for seed, of_seed in relative.groupby("seed"):
        infinite = of_seed[np.isinf(of_seed["task_diversity"])].sort_values("step")
        reach = infinite["ridge"].iloc[-1] if len(infinite) else math.inf
        told_apart = resolved(apart[IN_DISTRIBUTION], reach)
        for step, group in of_seed.groupby("step"):
            usable = group[group["task_diversity"].isin(told_apart)]
            found = task_diversity_threshold(
                usable["task_diversity"].tolist(), usable["relative_distance"].tolist()
            )
            estimate = None if math.isnan(found.estimate) else found.estimate
            sides = {"below": found.below, "above": found.above}
            thresholds.add(seed=seed, step=step, threshold=estimate, **sides)
    return Rows.of("relative_distances", relative), thresholds


def _of_run(
    distances: pd.DataFrame, width: float, apart: Mapping[str, Mapping[float, float]]
) -> pd.DataFrame:
    """One run's smoothed distances to both predictors and its place between them, in and out of distribution.

    ``apart`` holds Delta(dMMSE_M, ridge) by data set and M. As smoothing is linear, alpha of the smoothed distances is
    the smoothed alpha.
    """
    M = distances["task_diversity"].iloc[0]
    found: dict[str, Any] = {}
    for dataset, suffix in ((IN_DISTRIBUTION, ""), (OUT_OF_DISTRIBUTION, "_out")):
        rows = averages(distances, dataset)
        wide = rows.pivot(index="step", columns="predictor", values="distance").sort_index()
        steps = wide.index.to_numpy(dtype=np.float64)
        ridge, dmmse = (
            smooth(steps, wide[name].to_numpy(dtype=np.float64), width)
            for name in ("ridge", "dmmse")
        )
        alpha, left = gate_of(ridge, dmmse, math.nan if math.isinf(M) else apart[dataset][M])
        found |= {"ridge" + suffix: ridge, "dmmse" + suffix: dmmse}
        found |= {"alpha" + suffix: alpha, "residual" + suffix: np.sqrt(left)}
    relative = None if math.isinf(M) else relative_distance(found["ridge"], found["dmmse"])
    return pd.DataFrame(
        {
            "task_diversity": M,
            "seed": distances["seed"].iloc[0],
            "step": np.sort(distances["step"].unique()),
            **found,
            "relative_distance": relative,
        }
    )
