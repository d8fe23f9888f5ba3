"""Training loss of every run."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from .style import (
    SINGLE_COLUMN,
    by_diversity,
    colours_of,
    new_figure,
    plain_log_ticks,
    plot_seeds,
    step_axis,
)


def draw(frames: Mapping[str, pd.DataFrame]) -> Figure:
    """Mean loss over windows of updates, per M."""
    training = frames["training"]
    colours = colours_of(training)
    figure = new_figure(SINGLE_COLUMN, 2.4)
    axes = figure.subplots()
    for M, curve in by_diversity(training):
        plot_seeds(axes, curve, "loss", colours[M])
    step_axis(axes)
    axes.set_yscale("log")
    plain_log_ticks(axes.yaxis)
    axes.set_ylabel("training loss on $q_M$")
    colours.legend(figure)
    return figure
