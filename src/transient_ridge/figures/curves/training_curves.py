"""Training loss of every run."""

from matplotlib.figure import Figure

from ...artefacts.tables import Frames
from ..drawing.panels import curves, loss_axis
from ..drawing.picture import figure_of
from ..drawing.style import SINGLE_COLUMN, colours_of, new_panels


@figure_of("training")
def draw(frames: Frames) -> Figure:
    """Mean loss over windows of updates, for each M."""
    training = frames["training"]
    colours = colours_of(training)
    figure, (axes,) = new_panels(1, 1, 2.4, width=SINGLE_COLUMN)
    curves(axes, training, "loss", colours)
    loss_axis(axes.yaxis)
    axes.set_ylabel("training loss on $q_M$ (units of $y^2$)")
    colours.key(figure, "right")
    return figure
