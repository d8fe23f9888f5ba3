"""From tidy tables to the pieces that figures draw: one M, one run, one dataset at a time."""

import math
from typing import Any

import pandas as pd

from ..artefacts.tables import Frames
from ..config.runs import Run, TaskDiversity

__all__ = ("Frames",)


def diversity(value: Any) -> TaskDiversity:
    """M from a table's nullable column: missing means infinity."""
    return math.inf if pd.isna(value) else int(value)


def by_diversity(frame: pd.DataFrame) -> list[tuple[TaskDiversity, pd.DataFrame]]:
    """``frame`` split by M, ascending, infinity last."""
    groups = frame.groupby("task_diversity", dropna=False)
    return sorted(((diversity(M), group) for M, group in groups), key=lambda pair: pair[0])


def by_run(frame: pd.DataFrame) -> list[tuple[Run, pd.DataFrame]]:
    """``frame`` split by run, M ascending, the rows of each in the order of training."""
    return by_run_of(frame, "step")


def by_run_of(frame: pd.DataFrame, order: str) -> list[tuple[Run, pd.DataFrame]]:
    """``frame`` split by run, M ascending, the rows of each in ``order``."""
    return [
        (Run(M, seed), group[group["seed"] == seed].sort_values(order))
        for M, group in by_diversity(frame)
        for seed in sorted(int(seed) for seed in group["seed"].unique())
    ]


def averages(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The rows of ``dataset`` that average over all positions of the context."""
    return frame[(frame["dataset"] == dataset) & frame["token"].isna()]


def whole_model(llc: pd.DataFrame) -> pd.DataFrame:
    """The rows of the table ``llc`` for the whole model and all positions of the context."""
    return llc[(llc["component"] == "all") & llc["token"].isna()]


def last_step(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's last step."""
    last = frame.groupby(["task_diversity", "seed"], dropna=False)["step"].transform("max")
    return frame[frame["step"] == last]


def over_seeds(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Mean, least and greatest ``value`` over seeds at each step (the index, ascending)."""
    return frame.groupby("step")[value].agg(["mean", "min", "max"])


def critical_points(frame: pd.DataFrame, curve: str) -> dict[Run, tuple[int, float]]:
    """t_crit of every run on the ``raw`` or ``smoothed`` curve, and the OOD loss there."""
    rows = frame[frame["curve"] == curve]
    return {
        Run(M, int(seed)): (int(step), float(loss))
        for M, group in by_diversity(rows)
        for seed, step, loss in zip(group["seed"], group["step"], group["loss"], strict=True)
    }


def idealised_levels(frame: pd.DataFrame, dataset: str) -> dict[tuple[str, TaskDiversity], float]:
    """Loss of every idealised predictor on ``dataset``, by (predictor, M).

    Ridge is one entry, at M = infinity, if its loss is the same for all M; so is dMMSE_inf, which is ridge.
    """
    rows = averages(frame, dataset)
    levels = {
        (str(predictor), M): float(loss)
        for M, group in by_diversity(rows)
        for predictor, loss in zip(group["predictor"], group["loss"], strict=True)
    }
    levels.pop(("dmmse", math.inf), None)
    ridge = {loss for (predictor, _), loss in levels.items() if predictor == "ridge"}
    if len(ridge) == 1:
        levels = {key: loss for key, loss in levels.items() if key[0] != "ridge"}
        levels["ridge", math.inf] = ridge.pop()
    return levels
