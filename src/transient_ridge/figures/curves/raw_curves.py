"""OOD loss over training as measured, beside the smoothed curves, each with its t_crit."""

from matplotlib.figure import Figure

from ...analysis.views import averages, by_run
from ...artefacts.tables import Frames
from ..drawing.panels import circle_critical, loss_axis, path, step_axis
from ..drawing.picture import figure_of
from ..drawing.style import CRITICAL, colours_of, marker_key, new_panels

PANELS = {"raw": "losses", "smoothed": "smoothed_losses"}


@figure_of("losses", "smoothed_losses", "critical_steps")
def draw(frames: Frames) -> Figure:
    """A line per run, as measured on the left and smoothed on the right, on one scale."""
    colours = colours_of(*(frames[table] for table in PANELS.values()), frames["critical_steps"])
    figure, panels = new_panels(1, 2, 2.9, ("as measured", "smoothed"), sharey=True)
    for axes, (curve, table) in zip(panels, PANELS.items(), strict=True):
        losses = averages(frames[table], "out_of_distribution")
        for run, rows in by_run(losses):
            path(axes, rows["step"], rows["loss"], run, colours)
        circle_critical(axes, frames["critical_steps"], curve, colours)
        step_axis(axes, losses["step"])
    loss_axis(panels[0].yaxis)
    panels[0].set_ylabel("OOD loss (units of $y^2$)")
    colours.key(figure)
    marker_key(figure, (CRITICAL,))
    return figure
