"""Every component of the joint PCA against the training step."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from .style import (
    DMMSE_MARKER,
    DOUBLE_COLUMN,
    RIDGE_MARKER,
    by_diversity,
    colours_of,
    component_label,
    level,
    new_figure,
    plot_seeds,
    step_axis,
)


def draw(frames: Mapping[str, pd.DataFrame]) -> Figure:
    """One panel per component, the idealised predictors' coordinates at the right edge."""
    trajectories, ideal = frames["pca_trajectories"], frames["pca_idealised"]
    colours = colours_of(trajectories)
    components = sorted(trajectories["component"].unique())
    rows = (len(components) + 1) // 2
    figure = new_figure(DOUBLE_COLUMN, 0.4 + 1.9 * rows)
    panels = figure.subplots(rows, 2, sharex=True, squeeze=False).flatten()
    for axes, component in zip(panels, components, strict=False):
        for M, curve in by_diversity(trajectories[trajectories["component"] == component]):
            plot_seeds(axes, curve, "coordinate", colours[M])
        for M, points in by_diversity(ideal[ideal["component"] == component]):
            for _, point in points.iterrows():
                is_ridge = point["predictor"] == "ridge"
                colour = "black" if is_ridge else colours[M]
                marker = RIDGE_MARKER if is_ridge else DMMSE_MARKER
                level(axes, point["coordinate"], colour, marker)
        axes.set_ylabel(component_label(frames["pca_variance"], component))
        step_axis(axes)
        axes.label_outer()
    for axes in panels[len(components) :]:
        axes.remove()
    colours.legend(figure)
    return figure
