"""Figure 1: OOD loss over training, joint trajectory PCA, and the distances to both predictors."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.datasets import OUT_OF_DISTRIBUTION
from ...analysis.views import averages, by_run, critical_points
from ...artefacts.tables import Frames
from ..drawing.panels import (
    circle_critical,
    loss_axis,
    loss_over_training,
    mark_path,
    path,
    plane,
)
from ..drawing.picture import figure_of
from ..drawing.style import (
    CRITICAL,
    END,
    DiversityColours,
    colours_of,
    marker_key,
    new_panels,
    predictors_in,
)

#: Equally far from ridge and dMMSE_M, as M = infinity is; broad and pale, unlike any run.
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
    """Three panels with the same colour for each M."""
    colours = colours_of(
        frames["smoothed_losses"],
        frames["critical_steps"],
        frames["distances"],
        frames["pca_trajectories"],
    )
    figure, panels = new_panels(1, 3, 2.75, TITLES)
    loss_over_training(panels[0], frames, OUT_OF_DISTRIBUTION, colours)
    panels[0].set_ylabel("OOD loss (units of $y^2$)")
    circle_critical(panels[0], frames["critical_steps"], "smoothed", colours)
    plane(panels[1], frames, colours, (1, 2))
    _distances(panels[2], frames["distances"], frames["critical_steps"], colours)
    colours.key(figure)
    predictors = predictors_in(frames["pca_idealised"], frames["idealised_losses"])
    marker_key(figure, [*predictors, CRITICAL, END], {"equally far from both": EQUAL})
    return figure


def _distances(
    axes: Axes, distances: pd.DataFrame, critical: pd.DataFrame, colours: DiversityColours
) -> None:
    """Delta(f, dMMSE_M) against Delta(f, ridge) in distribution; at M = infinity they are equal."""
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
        colour = colours[run.task_diversity]
        mark_path(axes, points["ridge"], points["dmmse"], t_crit.get(run), colour, 0.55)
    ends = axes.get_xlim()
    axes.plot(ends, ends, label="_equal", scalex=False, scaley=False, zorder=0, **EQUAL)
    axes.set_xlabel(r"$\Delta(f, \mathrm{ridge})$ (units of $y^2$)")
    axes.set_ylabel(r"$\Delta(f, \mathrm{dMMSE}_M)$ (units of $y^2$)")
