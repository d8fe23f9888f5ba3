"""OOD loss over training as measured, beside the smoothed curves, each with its t_crit."""

from matplotlib.figure import Figure

from ...analysis.views import averages, by_run
from ...artefacts.tables import Frames
from ..drawing.panels import circle_critical, loss_axis, path, step_axis
from ..drawing.picture import figure_of
from ..drawing.style import (
    CRITICAL,
    DOUBLE_COLUMN,
    colours_of,
    marker_key,
    new_figure,
    panel_titles,
)

PANELS = {"raw": "losses", "smoothed": "smoothed_losses"}


@figure_of("losses", "smoothed_losses", "critical_steps")
def draw(frames: Frames) -> Figure:
    """Every run its own line, left as measured and right smoothed, on one scale."""
    colours = colours_of(*(frames[table] for table in PANELS.values()), frames["critical_steps"])
    figure = new_figure(DOUBLE_COLUMN, 2.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (curve, table) in zip(panels, PANELS.items(), strict=True):
        losses = averages(frames[table], "out_of_distribution")
        for run, rows in by_run(losses):
            path(axes, rows["step"], rows["loss"], run, colours)
        circle_critical(axes, frames["critical_steps"], curve, colours)
        step_axis(axes, losses["step"])
    loss_axis(panels[0].yaxis)
    panels[0].set_ylabel("OOD loss (units of $y^2$)")
    panel_titles(panels, ("as measured", "smoothed"))
    colours.key(figure, panels)
    marker_key(figure, (CRITICAL,))
    return figure
