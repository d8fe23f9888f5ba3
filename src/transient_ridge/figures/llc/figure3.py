"""Figure 3: loss on q_M and LLC of the fully trained transformers against M, with the idealised predictors."""

import math
from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.views import averages, by_diversity, last_step, whole_model
from ...artefacts.tables import Frames
from ...config.registries import PREDICTORS
from ...config.runs import TaskDiversity
from ..drawing.picture import figure_of
from ..drawing.style import (
    NOT_MEASURED,
    SINGLE_COLUMN,
    label,
    name_of_kind,
    new_figure,
    note,
    panel_titles,
    predictors_in,
)

IN_DISTRIBUTION = "in_distribution"
TRAINED_COLOUR = "#3a3aa0"
#: Of the predictors: those of the task set first, the one for all M last.
PREDICTOR_COLOURS = ("#c5761c", "0.35", "#2a7f62", "#8a4f9e", "#4c9ed9", "#b3b3b3", "#b8325a")

#: Doublings of M that the name of a tick takes.
ROOM = 0.5


@figure_of("losses", "idealised_losses", "llc")
def draw(frames: Frames) -> Figure:
    """Above, losses; below, LLCs; infinity has a column of its own at the right edge."""
    figure = new_figure(SINGLE_COLUMN, 4.4)
    upper, lower = figure.subplots(2, 1)
    _losses(upper, frames)
    _llc(lower, frames["llc"])
    panel_titles((upper, lower), ("loss on $q_M$ at the end", "LLC at the end"))
    return figure


def _losses(axes: Axes, frames: Frames) -> None:
    ideal = averages(frames["idealised_losses"], IN_DISTRIBUTION)
    trained = last_step(averages(frames["losses"], IN_DISTRIBUTION))
    columns = Columns(ideal["task_diversity"], trained["task_diversity"])
    for predictor, colour in zip(predictors_in(ideal), cycle(PREDICTOR_COLOURS), strict=False):
        rows = ideal[ideal["predictor"] == predictor]
        points = [(columns[M], float(group["loss"].iloc[0])) for M, group in by_diversity(rows)]
        x, y = zip(*points, strict=True)
        marker = PREDICTORS.constant(predictor, "MARKER")
        axes.plot(x, y, color=colour, marker=marker, markersize=3.5, label=name_of_kind(predictor))
    for M, group in by_diversity(trained):
        _point(axes, columns[M], group["loss"], group["standard_error"], named=columns.first == M)
    columns.label(axes)
    axes.set_ylabel("loss on $q_M$ (units of $y^2$)")
    axes.legend()


def _llc(axes: Axes, llc: pd.DataFrame) -> None:
    end = last_step(whole_model(llc)).dropna(subset=["llc"])
    columns = Columns(end["task_diversity"])
    for M, group in by_diversity(end):
        _point(axes, columns[M], group["llc"], group["standard_error"], named=columns.first == M)
        for value in group.loc[~group["healthy"].astype(bool), "llc"]:
            axes.plot(columns[M], value, "x", color="#b3261e", markersize=7, zorder=5)
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


def _point(axes: Axes, x: float, values: pd.Series, errors: pd.Series, *, named: bool) -> None:
    """Mean over seeds; the bar is one standard error: over seeds if there are several, else the estimate's."""
    several = len(values) > 1
    error = values.std(ddof=1) / math.sqrt(len(values)) if several else errors.iloc[0]
    axes.errorbar(
        [x], [values.mean()], yerr=[error], color=TRAINED_COLOUR, marker="o", markersize=4, capsize=2,
        linewidth=0.9, zorder=4, label="transformers" if named else None,
    )  # fmt: skip


class Columns:
    """Where each M stands on an axis of log2 M, infinity one and a half doublings after the largest."""

    def __init__(self, *columns: Any) -> None:
        values = {float(M) for column in columns for M in column.unique()}
        finite = sorted(M for M in values if not math.isinf(M))
        self.at: dict[TaskDiversity, float] = {M: math.log2(M) for M in finite}
        if math.inf in values:
            self.at[math.inf] = (self.at[finite[-1]] if finite else 0.0) + 1.5
        self.first = min(values) if values else None

    def __getitem__(self, task_diversity: TaskDiversity) -> float:
        """Position of an M."""
        return self.at[task_diversity]

    def label(self, axes: Axes) -> None:
        """A tick at every M of the grid, with its name where there is room beside the name before."""
        names, last = [], -math.inf
        for M, position in self.at.items():
            room = position - last >= ROOM
            names.append(label(M) if room else "")
            last = position if room else last
        axes.set_xticks(list(self.at.values()), names)
        axes.set_xlabel("task diversity $M$")
