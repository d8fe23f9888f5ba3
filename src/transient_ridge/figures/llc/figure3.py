"""Figure 3: loss on q_M and LLC of the fully trained transformers against M, with the idealised predictors."""

import math
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.views import averages, by_diversity, last_step, whole_model, with_error
from ...artefacts.tables import Frames
from ...config.registries import PREDICTORS
from ...config.runs import TaskDiversity
from ..drawing.picture import figure_of
from ..drawing.style import (
    NOT_MEASURED,
    SINGLE_COLUMN,
    label,
    name_of_kind,
    new_panels,
    note,
    panel_titles,
    predictors_in,
)

IN_DISTRIBUTION = "in_distribution"
TRAINED_COLOUR = "#3a3aa0"
#: Colours of the predictors: those of the task set first, those for all M last.
PREDICTOR_COLOURS = ("#c5761c", "0.35", "#2a7f62", "#8a4f9e", "#4c9ed9", "#b3b3b3", "#b8325a")

#: Width of a tick's label, in doublings of M.
ROOM = 0.5

#: A run is still moving if it went this share of the way from ridge to dMMSE_M while training last doubled or, at
#: M = infinity, lost this share of its distance to ridge.
MOVES = 0.1


@figure_of("losses", "idealised_losses", "llc", "relative_distances")
def draw(frames: Frames) -> Figure:
    """Above, losses; below, LLCs; infinity has its own column at the right edge."""
    figure, (upper, lower) = new_panels(2, 1, 4.6, width=SINGLE_COLUMN)
    losses(upper, frames)
    resolution = llc(lower, frames)
    panel_titles((upper, lower), ("loss on $q_M$ at the end", f"LLC at the end{resolution}"))
    return figure


def moving(places: pd.DataFrame) -> set[TaskDiversity]:
    """The M whose place, mean over seeds, changed by more than :data:`MOVES` while training last doubled.

    The place is alpha on q_M and, at M = infinity, the distance to ridge as a share of that half-way through training.
    """
    found = set()
    for M, rows in by_diversity(places):
        place = rows.groupby("step")["ridge" if math.isinf(M) else "alpha"].mean()
        half = place.iloc[np.abs(place.index - place.index[-1] / 2).argmin()]
        if abs(place.iloc[-1] - half) > MOVES * (half if math.isinf(M) else 1.0):
            found.add(M)
    return found


def losses(axes: Axes, frames: Frames) -> None:
    """Loss on q_M of the predictors (lines) and of the transformers (points with a standard error)."""
    ideal = averages(frames["idealised_losses"], IN_DISTRIBUTION)
    trained = last_step(averages(frames["losses"], IN_DISTRIBUTION))
    columns = Columns(ideal["task_diversity"], trained["task_diversity"])
    for predictor, colour in zip(predictors_in(ideal), cycle(PREDICTOR_COLOURS), strict=False):
        rows = ideal[ideal["predictor"] == predictor]
        points = [(columns[M], float(group["loss"].iloc[0])) for M, group in by_diversity(rows)]
        x, y = zip(*points, strict=True)
        marker = PREDICTORS.constant(predictor, "MARKER")
        axes.plot(x, y, color=colour, marker=marker, markersize=3.5, label=name_of_kind(predictor))
    _points(axes, trained, "loss", columns, moving(frames["relative_distances"]))
    columns.label(axes)
    axes.set_ylabel("loss on $q_M$ (units of $y^2$)")
    axes.legend()


def llc(axes: Axes, frames: Frames) -> str:
    """LLC of the transformers, crossed out where unhealthy; returns the resolution for the title."""
    end = last_step(whole_model(frames["llc"])).dropna(subset=["llc"])
    columns = Columns(end["task_diversity"])
    _points(axes, end, "llc", columns, moving(frames["relative_distances"]))
    unhealthy = end[~end["healthy"].astype(bool)]
    if len(unhealthy):
        x = [columns[M] for M in unhealthy["task_diversity"]]
        axes.plot(
            x, unhealthy["llc"], "x", color="#b3261e", markersize=7, zorder=5, label="unhealthy"
        )
    for M, group in by_diversity(end):
        if math.isinf(M):
            axes.axhline(
                group["llc"].mean(), color="black", linestyle="--", linewidth=0.8, zorder=1,
                label=r"$\hat\lambda_\infty$",
            )  # fmt: skip
    columns.label(axes)
    axes.set_ylabel(r"$\hat\lambda$")
    if end.empty:
        note(axes, NOT_MEASURED)
    else:
        axes.legend()
    return "".join(f", $r$ = {r:.3g}" for r in end["resolution"].unique())


def _points(
    axes: Axes,
    trained: pd.DataFrame,
    value: str,
    columns: "Columns",
    moving: set[TaskDiversity],
) -> None:
    """Mean over seeds with one standard error; hollow for the M still ``moving``."""
    for still, name, face in (
        (False, "transformers", TRAINED_COLOUR),
        (True, "still moving", "white"),
    ):
        rows = trained[trained["task_diversity"].isin(moving) == still]
        if rows.empty:
            continue
        points = with_error(rows, value, "task_diversity")
        axes.errorbar(
            [columns[M] for M in points.index], points["mean"], yerr=points["error"], color=TRAINED_COLOUR,
            marker="o", markersize=4, markerfacecolor=face, capsize=2, linewidth=0.9,
            linestyle="none", zorder=4, label=name,
        )  # fmt: skip


class Columns:
    """The place of each M on an axis of log2 M, with infinity one and a half doublings after the largest."""

    def __init__(self, *columns: Any) -> None:
        values = {float(M) for column in columns for M in column.unique()}
        finite = sorted(M for M in values if not math.isinf(M))
        self.at: dict[TaskDiversity, float] = {M: math.log2(M) for M in finite}
        if math.inf in values:
            self.at[math.inf] = (self.at[finite[-1]] if finite else 0.0) + 1.5

    def __getitem__(self, task_diversity: TaskDiversity) -> float:
        """Position of an M."""
        return self.at[task_diversity]

    def label(self, axes: Axes) -> None:
        """A tick at every M of the grid, labelled where there is room beside the last label."""
        names, last = [], -math.inf
        for M, position in self.at.items():
            room = position - last >= ROOM
            names.append(label(M) if room else "")
            last = position if room else last
        axes.set_xticks(list(self.at.values()), names)
        axes.set_xlabel("task diversity $M$")
