"""The loss by feature of x_k over training, out of distribution: frequent features first, rare ones later."""

from matplotlib.figure import Figure

from ....analysis.datasets import OUT_OF_DISTRIBUTION
from ....analysis.views import by_diversity
from ....artefacts.tables import Frames
from ....figures.drawing.frequencies import frequency_colours, frequency_key
from ....figures.drawing.panels import mean_and_range, panel_for_each, step_axis
from ....figures.drawing.picture import figure_of


@figure_of("feature_losses")
def draw(frames: Frames) -> Figure:
    """A panel per M; a line per feature, mean over seeds with their range, and ridge's loss as a dash at the right."""
    losses = frames["feature_losses"]
    new = losses[losses["dataset"] == OUT_OF_DISTRIBUTION]
    panels_of = by_diversity(new)
    figure, panels = panel_for_each(
        [M for M, _ in panels_of], 0.6, 2.2, nothing="the input law has no features"
    )
    for axes in panels[:, 0]:
        axes.set_ylabel("loss on new tasks (units of $y^2$)")
    if not panels_of:
        return figure
    colours = frequency_colours(new, "feature")
    for axes, (_, of_diversity) in zip(panels.flatten(), panels_of, strict=False):
        for number, of_feature in of_diversity.groupby("feature"):
            mean_and_range(axes, of_feature, "loss", colours[number])
            axes.plot(
                [0.95, 1.02], [of_feature["ridge"].mean()] * 2, color=colours[number], linewidth=1.4,
                transform=axes.get_yaxis_transform(), clip_on=False,
            )  # fmt: skip
        step_axis(axes, of_diversity["step"])
    frequency_key(figure, new, "feature", "frequency of the feature of $x_k$")
    return figure
