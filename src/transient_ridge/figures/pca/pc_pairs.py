"""Trajectories in the plane of every pair of the first four components."""

from matplotlib.figure import Figure

from ...artefacts.tables import Frames
from ..drawing.panels import plane
from ..drawing.picture import figure_of
from ..drawing.style import (
    CRITICAL,
    DOUBLE_COLUMN,
    END,
    colours_of,
    marker_key,
    new_figure,
    predictors_in,
)


@figure_of("pca_trajectories", "pca_idealised", "pca_variance", "critical_steps")
def draw(frames: Frames) -> Figure:
    """A lower triangle of planes: column = horizontal component, row = vertical component."""
    trajectories = frames["pca_trajectories"]
    colours = colours_of(trajectories)
    components = sorted(int(component) for component in trajectories["component"].unique())[:4]
    across, down = components[:-1], components[1:]
    figure = new_figure(DOUBLE_COLUMN, 0.8 + 1.85 * max(1, len(down)))
    side = max(1, len(down))
    panels = figure.subplots(side, side, squeeze=False, sharex="col", sharey="row")
    for row in range(side):
        for column in range(side):
            axes = panels[row, column]
            if column > row or not down:
                axes.set_axis_off()
                continue
            plane(axes, frames, colours, (across[column], down[row]))
            axes.label_outer()
    colours.key(figure, panels.flatten().tolist())
    marker_key(figure, [*predictors_in(frames["pca_idealised"]), CRITICAL, END])
    return figure
