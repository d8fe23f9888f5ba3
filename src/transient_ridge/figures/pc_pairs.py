"""Trajectories in the plane of every pair of the first four components."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from .style import DOUBLE_COLUMN, colours_of, new_figure, plot_plane


def draw(frames: Mapping[str, pd.DataFrame]) -> Figure:
    """A lower triangle of planes: column = first component, row = second."""
    trajectories = frames["pca_trajectories"]
    colours = colours_of(trajectories)
    components = sorted(trajectories["component"].unique())[:4]
    side = max(1, len(components) - 1)
    figure = new_figure(DOUBLE_COLUMN, 0.4 + 2.0 * side)
    panels = figure.subplots(side, side, squeeze=False, sharex="col", sharey="row")
    for row in range(side):
        for column in range(side):
            axes = panels[row, column]
            if column > row or len(components) < 2:
                axes.set_axis_off()
                continue
            plot_plane(axes, frames, colours, (components[column], components[row + 1]))
            axes.label_outer()
    colours.legend(figure)
    return figure
