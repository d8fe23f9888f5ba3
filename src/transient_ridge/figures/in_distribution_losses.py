"""In-distribution and root-task loss over training."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from .style import (
    DMMSE_MARKER,
    DOUBLE_COLUMN,
    RIDGE_MARKER,
    by_diversity,
    colours_of,
    level,
    marker_legend,
    mean_loss,
    new_figure,
    panel_letters,
    plain_log_ticks,
    plot_seeds,
    step_axis,
)

PANELS = {"in_distribution": "loss on $q_M$", "root_task": "loss on the root task $q_1$"}


def draw(frames: Mapping[str, pd.DataFrame]) -> Figure:
    """One panel per evaluation set, with the idealised predictors' levels at the right edge."""
    colours = colours_of(frames["smoothed_losses"])
    figure = new_figure(DOUBLE_COLUMN, 2.6)
    panels = figure.subplots(1, 2)
    for axes, (dataset, name) in zip(panels, PANELS.items(), strict=True):
        for M, curve in by_diversity(mean_loss(frames["smoothed_losses"], dataset)):
            plot_seeds(axes, curve, "loss", colours[M])
        for M, rows in by_diversity(mean_loss(frames["idealised_losses"], dataset)):
            if M in colours.values:
                values = rows.set_index("predictor")["loss"]
                level(axes, values["ridge"], colours[M], RIDGE_MARKER)
                level(axes, values["dmmse"], colours[M], DMMSE_MARKER)
        step_axis(axes)
        axes.set_yscale("log")
        plain_log_ticks(axes.yaxis)
        axes.set_ylabel(name)
    panel_letters(panels, ("in distribution", "root task"))
    marker_legend(panels[0], {DMMSE_MARKER: "dMMSE$_M$", RIDGE_MARKER: "ridge"}, loc="lower left")
    colours.legend(figure)
    return figure
