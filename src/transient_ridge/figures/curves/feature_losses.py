"""The loss by feature of x_k over training, out of distribution: frequent features first, rare ones later."""

from typing import Any

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...analysis.datasets import OUT_OF_DISTRIBUTION
from ...analysis.views import by_diversity, over_seeds
from ...artefacts.tables import Frames
from ..drawing.panels import panel_for_each, step_axis
from ..drawing.picture import figure_of


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
    colours = _colours(new)
    for axes, (_, of_diversity) in zip(panels.flatten(), panels_of, strict=False):
        for number, of_feature in of_diversity.groupby("feature"):
            _curve(axes, of_feature, colours[number])
        step_axis(axes, of_diversity["step"])
    shares = new.groupby("feature")["share"].mean()
    handles = [
        Line2D([], [], color=colours[number], label=f"{100 * share:.2g} %")
        for number, share in shares.items()
    ]
    figure.legend(
        handles=handles, title="frequency of the feature of $x_k$", loc="outside lower center",
        ncols=min(len(handles), 8), borderaxespad=0.2,
    )  # fmt: skip
    return figure


def _colours(losses: pd.DataFrame) -> dict[Any, str]:
    """Dark for the most frequent feature, light for the rarest."""
    numbers = sorted(int(number) for number in losses["feature"].unique())
    return {
        number: to_hex(colormaps["viridis"](0.9 * i / max(len(numbers) - 1, 1)))
        for i, number in enumerate(numbers)
    }


def _curve(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    spread = over_seeds(rows, "loss")
    axes.plot(spread.index, spread["mean"], color=colour)
    if rows["seed"].nunique() > 1:
        axes.fill_between(
            spread.index, spread["min"], spread["max"], color=colour, alpha=0.2, linewidth=0
        )
    axes.plot(
        [0.95, 1.02], [rows["ridge"].mean()] * 2, color=colour, linewidth=1.4,
        transform=axes.get_yaxis_transform(), clip_on=False,
    )  # fmt: skip
