"""Trajectories in the plane of every pair of the first four components."""

import itertools

from matplotlib.figure import Figure

from ...artefacts.tables import Frames
from ..drawing.panels import plane
from ..drawing.picture import figure_of
from ..drawing.style import CRITICAL, END, colours_of, marker_key, new_panels, predictors_in


@figure_of("pca_trajectories", "pca_idealised", "pca_variance", "critical_steps")
def draw(frames: Frames) -> Figure:
    """A lower triangle of planes: column = horizontal component, row = vertical component."""
    trajectories = frames["pca_trajectories"]
    colours = colours_of(trajectories)
    components = sorted(int(component) for component in trajectories["component"].unique())[:4]
    side = max(1, len(components) - 1)
    figure, panels = new_panels(side, side, 0.8 + 1.85 * side, sharex="col", sharey="row")
    for axes, (row, column) in zip(panels, itertools.product(range(side), repeat=2), strict=True):
        if column > row or len(components) < 2:
            axes.set_axis_off()
            continue
        plane(axes, frames, colours, (components[column], components[row + 1]))
        axes.label_outer()
    colours.key(figure)
    marker_key(figure, [*predictors_in(frames["pca_idealised"]), CRITICAL, END])
    return figure
