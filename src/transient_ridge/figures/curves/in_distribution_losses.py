"""In-distribution and root-task loss over training."""

from matplotlib.figure import Figure

from ...analysis.views import averages, idealised_levels
from ...artefacts.tables import Frames
from ..drawing.panels import curves, level, loss_axis
from ..drawing.picture import figure_of
from ..drawing.style import (
    DOUBLE_COLUMN,
    colours_of,
    marker_key,
    new_figure,
    panel_titles,
    predictors_in,
)

PANELS = {
    "in_distribution": "loss in distribution, $q_M$",
    "root_task": "loss on the root task, $q_1$",
}


@figure_of("smoothed_losses", "idealised_losses")
def draw(frames: Frames) -> Figure:
    """One panel per evaluation set, with the idealised predictors' levels at the right edge."""
    losses = frames["smoothed_losses"]
    colours = colours_of(losses)
    figure = new_figure(DOUBLE_COLUMN, 2.9)
    panels = figure.subplots(1, 2)
    for axes, dataset in zip(panels, PANELS, strict=True):
        curves(axes, averages(losses, dataset), "loss", colours)
        for (predictor, M), loss in idealised_levels(frames["idealised_losses"], dataset).items():
            level(axes, loss, predictor, M, colours)
        loss_axis(axes.yaxis)
        axes.set_ylabel("loss (units of $y^2$)")
    panel_titles(panels, list(PANELS.values()))
    colours.key(figure, panels)
    marker_key(figure, predictors_in(frames["idealised_losses"]))
    return figure
