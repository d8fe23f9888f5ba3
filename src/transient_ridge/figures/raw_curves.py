"""OOD loss over training as measured, beside the smoothed curves, with both t_crit."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from .style import (
    CRITICAL_MARKER,
    DOUBLE_COLUMN,
    MARK,
    by_diversity,
    colours_of,
    diversity,
    mean_loss,
    new_figure,
    panel_letters,
    plain_log_ticks,
    step_axis,
)

PANELS = {"raw": "losses", "smoothed": "smoothed_losses"}


def draw(frames: Mapping[str, pd.DataFrame]) -> Figure:
    """Every seed its own line, left raw and right smoothed, on one scale."""
    colours = colours_of(frames["losses"])
    figure = new_figure(DOUBLE_COLUMN, 2.6)
    panels = figure.subplots(1, 2, sharey=True)
    critical = frames["critical_steps"]
    for axes, (curve, table) in zip(panels, PANELS.items(), strict=True):
        for M, rows in by_diversity(mean_loss(frames[table], "out_of_distribution")):
            for _, run in rows.sort_values("step").groupby("seed"):
                axes.plot(run["step"] + 1, run["loss"], color=colours[M], linewidth=0.8)
        for _, row in critical[critical["curve"] == curve].iterrows():
            colour = colours[diversity(row["task_diversity"])]
            axes.plot(
                row["step"] + 1, row["loss"], marker=CRITICAL_MARKER, markersize=4.5,
                markerfacecolor="none", markeredgecolor=colour, **MARK,
            )  # fmt: skip
        step_axis(axes)
        axes.set_yscale("log")
        plain_log_ticks(axes.yaxis)
    panels[0].set_ylabel("OOD loss")
    panel_letters(panels, ("as measured, $t_{crit}$ circled", "smoothed"))
    colours.legend(figure)
    return figure
