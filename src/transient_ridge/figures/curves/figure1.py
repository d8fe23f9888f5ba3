"""Figure 1: OOD loss over training, joint trajectory PCA, and the distances to both predictors."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.datasets import OUT_OF_DISTRIBUTION
from ...analysis.views import averages, by_run, critical_points, idealised_levels
from ...artefacts.tables import Frames
from ..drawing.panels import (
    arrow_of_time,
    circle_at,
    circle_critical,
    curves,
    level,
    loss_axis,
    path,
    plane,
)
from ..drawing.picture import figure_of
from ..drawing.style import (
    CRITICAL,
    DOUBLE_COLUMN,
    END,
    DiversityColours,
    colours_of,
    mark,
    marker_key,
    new_figure,
    panel_titles,
    predictors_in,
)

#: Equally far from ridge and dMMSE_M; broad and pale, unlike any run. M = infinity moves along it.
EQUAL: dict[str, Any] = {"color": "0.87", "linewidth": 5, "solid_capstyle": "butt"}
TITLES = ("OOD loss over training", "joint trajectory PCA", "distance to the predictors")


@figure_of(
    "smoothed_losses",
    "critical_steps",
    "idealised_losses",
    "distances",
    "pca_trajectories",
    "pca_idealised",
    "pca_variance",
)
def draw(frames: Frames) -> Figure:
    """The three panels, sharing one colour for each M."""
    colours = colours_of(
        frames["smoothed_losses"],
        frames["critical_steps"],
        frames["distances"],
        frames["pca_trajectories"],
    )
    figure = new_figure(DOUBLE_COLUMN, 2.75)
    panels = figure.subplots(1, 3)
    ood_loss(panels[0], frames, colours)
    circle_critical(panels[0], frames["critical_steps"], "smoothed", colours)
    plane(panels[1], frames, colours, (1, 2))
    _distances(panels[2], frames["distances"], frames["critical_steps"], colours)
    panel_titles(panels, TITLES)
    colours.key(figure, panels)
    predictors = predictors_in(frames["pca_idealised"], frames["idealised_losses"])
    marker_key(figure, [*predictors, CRITICAL, END], {"equally far from both": EQUAL})
    return figure


def ood_loss(axes: Axes, frames: Frames, colours: DiversityColours) -> None:
    """Smoothed OOD loss of each M, mean and range over seeds, and the levels of the idealised predictors."""
    curves(axes, averages(frames["smoothed_losses"], OUT_OF_DISTRIBUTION), "loss", colours)
    levels = idealised_levels(frames["idealised_losses"], OUT_OF_DISTRIBUTION)
    for (predictor, M), loss in levels.items():
        level(axes, loss, predictor, M, colours)
    loss_axis(axes.yaxis)
    axes.set_ylabel("OOD loss (units of $y^2$)")


def _distances(
    axes: Axes, distances: pd.DataFrame, critical: pd.DataFrame, colours: DiversityColours
) -> None:
    """Delta(f, dMMSE_M) against Delta(f, ridge) in distribution; for M = infinity the two are one."""
    t_crit = critical_points(critical, "smoothed")
    runs = [
        (run, rows.pivot(index="step", columns="predictor", values="distance").dropna())
        for run, rows in by_run(averages(distances, "in_distribution"))
    ]
    for run, points in runs:
        path(axes, points["ridge"], points["dmmse"], run, colours)
    loss_axis(axes.xaxis)
    loss_axis(axes.yaxis)
    for run, points in runs:
        x, y, colour = points["ridge"], points["dmmse"], colours[run.task_diversity]
        arrow_of_time(axes, x, y, colour, 0.55)
        circle_at(axes, x, y, t_crit.get(run), colour)
        if len(points):
            mark(axes, x.iloc[-1], y.iloc[-1], END, colour)
    ends = axes.get_xlim()
    axes.plot(ends, ends, label="_equal", scalex=False, scaley=False, zorder=0, **EQUAL)
    axes.set_xlabel(r"$\Delta(f, \mathrm{ridge})$ (units of $y^2$)")
    axes.set_ylabel(r"$\Delta(f, \mathrm{dMMSE}_M)$ (units of $y^2$)")
