"""LLC over training, beside the loss on q_M."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.views import averages, by_diversity, whole_model, with_error
from ...artefacts.tables import Frames
from ..drawing.panels import curves, loss_axis, step_axis
from ..drawing.picture import figure_of
from ..drawing.style import DiversityColours, colours_of, new_panels

TITLES = ("LLC over training", "loss on $q_M$ over training")


@figure_of("llc", "smoothed_losses")
def draw(frames: Frames) -> Figure:
    """Left, the LLC of each M against the step; right, the smoothed loss on q_M."""
    colours = colours_of(frames["llc"], frames["smoothed_losses"])
    figure, (left, right) = new_panels(1, 2, 2.8, TITLES)
    _llc(left, whole_model(frames["llc"]).dropna(subset=["llc"]), colours)
    curves(right, averages(frames["smoothed_losses"], "in_distribution"), "loss", colours)
    loss_axis(right.yaxis)
    right.set_ylabel("loss on $q_M$ (units of $y^2$)")
    colours.key(figure)
    return figure


def _llc(axes: Axes, llc: pd.DataFrame, colours: DiversityColours) -> None:
    """Mean over seeds with one standard error; crosses are unhealthy estimates."""
    for M, rows in by_diversity(llc):
        curve = with_error(rows, "llc", "step")
        axes.errorbar(
            curve.index, curve["mean"], yerr=curve["error"], color=colours[M], marker=".", markersize=3,
            linewidth=1.0, elinewidth=0.7, label=f"_{M}", zorder=1.9 if math.isinf(M) else 2.0,
        )  # fmt: skip
        unhealthy = rows[~rows["healthy"].astype(bool)]
        axes.plot(
            unhealthy["step"], unhealthy["llc"], "x", color=colours[M], markersize=5, zorder=4
        )
    step_axis(axes, llc["step"])
    axes.set_ylabel(r"$\hat\lambda$")
