"""In-distribution and root-task loss over training."""

from matplotlib.figure import Figure

from ...artefacts.tables import Frames
from ..drawing.panels import loss_over_training
from ..drawing.picture import figure_of
from ..drawing.style import colours_of, marker_key, new_panels, predictors_in

PANELS = {
    "in_distribution": "loss in distribution, $q_M$",
    "root_task": "loss on the root task, $q_1$",
}


@figure_of("smoothed_losses", "idealised_losses")
def draw(frames: Frames) -> Figure:
    """A panel per evaluation set, with the levels of the idealised predictors at the right edge."""
    colours = colours_of(frames["smoothed_losses"])
    figure, panels = new_panels(1, 2, 2.9, list(PANELS.values()))
    for axes, dataset in zip(panels, PANELS, strict=True):
        loss_over_training(axes, frames, dataset, colours)
        axes.set_ylabel("loss (units of $y^2$)")
    colours.key(figure)
    marker_key(figure, predictors_in(frames["idealised_losses"]))
    return figure
