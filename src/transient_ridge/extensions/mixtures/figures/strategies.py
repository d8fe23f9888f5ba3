"""Weights of the idealised predictors in the mixture nearest to the model, over training, a panel for each M."""

from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ....analysis.datasets import IN_DISTRIBUTION
from ....analysis.views import by_diversity, over_seeds
from ....artefacts.tables import Frames
from ....figures.drawing.panels import panel_for_each, step_axis
from ....figures.drawing.picture import figure_of
from ....figures.drawing.style import name_of_kind, predictors_in

#: From the bottom up, predictors for all M first: grey and blue, then yellow to red. Neighbours differ in lightness.
COLOURS = ("#cfcfcf", "#9ecae9", "#2f6fb0", "#f6cf71", "#e58a3c", "#a82c2c", "#5b2a4f")


@figure_of("strategies")
def draw(frames: Frames) -> Figure:
    """A panel per M, four to a row: the weights on the run's own tasks, mean over seeds, stacked."""
    table = frames["strategies"]
    own = table[table["dataset"] == IN_DISTRIBUTION]
    found = by_diversity(own)
    names = list(reversed(predictors_in(own)))
    colours = dict(zip(names, cycle(COLOURS), strict=False))
    figure, panels = panel_for_each([M for M, _ in found], 0.7, 1.5)
    for axes, (_, of_diversity) in zip(panels.flatten(), found, strict=False):
        _stack(axes, of_diversity, names, colours)
    for axes in panels[:, 0]:
        axes.set_ylabel("weight")
    handles = [Patch(color=colours[name], label=name_of_kind(name)) for name in names]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=max(len(handles), 1), handlelength=1,
        handletextpad=0.4, columnspacing=1.4, borderaxespad=0.2, borderpad=0.1,
    )  # fmt: skip
    return figure


def _stack(axes: Axes, rows: pd.DataFrame, names: list[str], colours: dict[str, str]) -> None:
    """The weights, and as a line the distance of the mixture from the model, as a share of the first."""
    weights = rows.pivot_table(index="step", columns="predictor", values="weight")
    weights = weights.reindex(columns=names, fill_value=0.0).fillna(0.0)
    axes.stackplot(
        weights.index, weights.to_numpy().T, colors=[colours[name] for name in names], linewidth=0
    )
    left = over_seeds(rows, "residual")["mean"]
    axes.plot(left.index, left / left.max(), color="black", linewidth=0.9, label="_left")
    step_axis(axes, rows["step"])
    axes.set_ylim(0, 1)
