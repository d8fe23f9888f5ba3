"""Figure 1a, the hook and Figure 3 over draws, which are variants that differ only in their root seed."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.datasets import OUT_OF_DISTRIBUTION
from ...analysis.views import averages, by_diversity, over_seeds
from ...artefacts.tables import Frames
from ..curves.hook import hook, over_time
from ..drawing.panels import loss_over_training, median_critical
from ..drawing.picture import figure_of
from ..drawing.style import (
    CRITICAL,
    END,
    DiversityColours,
    colours_of,
    mark,
    marker_key,
    new_panels,
    panel_titles,
    predictors_in,
)
from ..llc.figure3 import llc, losses

TITLES = (
    "OOD loss over training",
    "hook out of distribution",
    r"$\alpha$ out of distribution",
    r"$\alpha$ on $q_M$",
    "loss on $q_M$ at the end",
)


@figure_of(
    "smoothed_losses",
    "critical_steps",
    "idealised_losses",
    "relative_distances",
    "losses",
    "llc",
    over_draws=True,
)
def draw(frames: Frames) -> Figure:
    """Six panels, with draws in the place of seeds."""
    places = frames["relative_distances"].dropna(subset=["alpha"])
    colours = colours_of(frames["smoothed_losses"])
    figure, panels = new_panels(3, 2, 7.2)
    loss_over_training(panels[0], frames, OUT_OF_DISTRIBUTION, colours)
    panels[0].set_ylabel("OOD loss (units of $y^2$)")
    _mark_critical(panels[0], frames, colours)
    hook(panels[1], places, frames["critical_steps"], "_out", colours)
    over_time(panels[2], places, "_out", colours)
    over_time(panels[3], places, "", colours)
    losses(panels[4], frames)
    resolution = llc(panels[5], frames)
    panel_titles(panels, [*TITLES, f"LLC at the end{resolution}"])
    colours.key(figure)
    marker_key(figure, [*predictors_in(frames["idealised_losses"]), CRITICAL, END])
    return figure


def _mark_critical(axes: Axes, frames: Frames, colours: DiversityColours) -> None:
    """A ring on each mean curve at the median t_crit."""
    for M, rows in by_diversity(averages(frames["smoothed_losses"], OUT_OF_DISTRIBUTION)):
        mean = over_seeds(rows, "loss")["mean"]
        at = median_critical(frames["critical_steps"], M, mean.index.to_numpy())
        if at is not None:
            mark(axes, mean.index[at], mean.iloc[at], CRITICAL, colours[M])
