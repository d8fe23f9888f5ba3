"""Queries of tables, shared by analysis, scorecard, figures and explorer."""

import math
from typing import Any

import pandas as pd

from ..config.runs import Run, TaskDiversity

#: The columns that name a run.
RUN_KEY = ["task_diversity", "seed"]


def averages(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The rows of ``dataset`` that average over all positions of the context."""
    return frame[(frame["dataset"] == dataset) & frame["token"].isna()]


def by_diversity(frame: pd.DataFrame) -> list[tuple[TaskDiversity, pd.DataFrame]]:
    """``frame`` split by M, ascending, infinity last."""
    return [(float(M), group) for M, group in frame.groupby("task_diversity")]  # type: ignore[arg-type]


def by_run(frame: pd.DataFrame, order: str = "step") -> list[tuple[Run, pd.DataFrame]]:
    """``frame`` split by run, M ascending, the rows of each in ``order``."""
    groups: Any = frame.groupby(RUN_KEY)
    return [(Run(float(M), int(seed)), rows.sort_values(order)) for (M, seed), rows in groups]


def of_run(frame: pd.DataFrame, task_diversity: float, seed: int) -> pd.DataFrame:
    """The rows of one run."""
    return frame[(frame["task_diversity"] == task_diversity) & (frame["seed"] == seed)]


def whole_model(llc: pd.DataFrame) -> pd.DataFrame:
    """The rows of the table `llc` for the whole model and all positions of the context."""
    return llc[(llc["component"] == "all") & llc["token"].isna()]


def last_step(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's last step."""
    return frame[frame["step"] == frame.groupby(RUN_KEY)["step"].transform("max")]


def last_healthy_llc(llc: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The estimate of the whole model at each run's last measured step, where it is healthy; the index is M."""
    end = last_step(whole_model(llc[llc["seed"] == seed]))
    return end[end["healthy"].astype(bool)].set_index("task_diversity").sort_index()


def over_seeds(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Mean, minimum and maximum of ``value`` over seeds at each step (the index, ascending)."""
    return frame.groupby("step")[value].agg(["mean", "min", "max"])


def with_error(frame: pd.DataFrame, value: str, key: str) -> pd.DataFrame:
    """Mean over seeds of ``value`` at each ``key`` (the index), and its ``error``.

    The error is the standard error over seeds or, for a single seed, that of its estimate.
    """
    at = frame.groupby(key)
    error = at[value].sem().where(at[value].count() > 1, at["standard_error"].mean())
    return pd.DataFrame({"mean": at[value].mean(), "error": error})


def critical_points(frame: pd.DataFrame, curve: str) -> dict[Run, tuple[int, float]]:
    """t_crit of every run on the ``raw`` or ``smoothed`` curve, and the OOD loss there.

    A run has none if its OOD loss is least before training.
    """
    rows = frame[(frame["curve"] == curve) & (frame["step"] > 0)]
    return {
        run: (int(one["step"].iloc[0]), float(one["loss"].iloc[0])) for run, one in by_run(rows)
    }


def idealised_levels(frame: pd.DataFrame, dataset: str) -> dict[tuple[str, TaskDiversity], float]:
    """Loss of every idealised predictor on ``dataset``, by (predictor, M).

    A predictor with the same loss for all M has one entry, at M = infinity. One that equals another predictor at
    M = infinity, as dMMSE_inf equals ridge, has no entry there.
    """
    levels: dict[tuple[str, TaskDiversity], float] = {}
    taken: set[float] = set()
    for predictor, rows in averages(frame, dataset).groupby("predictor", sort=False):
        losses = dict(zip(rows["task_diversity"].astype(float), rows["loss"], strict=True))
        if len(set(losses.values())) == 1:
            losses = {math.inf: next(iter(losses.values()))}
        if losses.get(math.inf) in taken:
            del losses[math.inf]
        taken |= {loss for M, loss in losses.items() if math.isinf(M)}
        levels |= {(str(predictor), M): float(loss) for M, loss in sorted(losses.items())}
    return levels
