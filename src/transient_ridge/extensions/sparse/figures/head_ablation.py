"""The increase of the trained model's loss without each of its heads, by layer, a panel for each M."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ....analysis.datasets import IN_DISTRIBUTION, OUT_OF_DISTRIBUTION
from ....analysis.views import RUN_KEY, by_diversity
from ....artefacts.tables import Frames
from ....figures.drawing.panels import panel_for_each
from ....figures.drawing.picture import figure_of
from ....figures.drawing.style import colours_of

#: The share of a layer's space that its bars take.
FILLED = 0.8


@figure_of("head_ablation")
def draw(frames: Frames) -> Figure:
    """A panel per M, four to a row: in each layer the heads by their increase on new tasks, largest first.

    Only that order relates heads of different seeds, so means over seeds are over heads of equal rank.
    """
    increases = ranked(frames["head_ablation"])
    maps, colours = by_diversity(increases), colours_of(increases)
    figure, panels = panel_for_each([M for M, _ in maps], 0.7, 1.6, sharey=False)
    for axes, (M, of_diversity) in zip(panels.flatten(), maps, strict=False):
        _bars(axes, of_diversity, colours[M])
        axes.set_xlabel("layer")
    for axes in panels[:, 0]:
        axes.set_ylabel("increase of the loss")
    new_tasks = Patch(color="0.5", label="new tasks; line: range over seeds")
    own_tasks = Line2D(
        [], [], color="0.1", marker="_", linestyle="none", label="the run's own tasks"
    )
    figure.legend(handles=[new_tasks, own_tasks], loc="outside lower center", ncols=2)
    return figure


def ranked(ablation: pd.DataFrame) -> pd.DataFrame:
    """A row per run, layer and head: ``new`` and ``own``, its increases on new tasks and on the run's own.

    ``rank`` counts the heads of a layer from 0, the greatest increase on new tasks first.
    """
    wide = ablation.pivot_table(
        index=[*RUN_KEY, "layer", "head"], columns="dataset", values="increase"
    )
    wide = wide.rename(columns={OUT_OF_DISTRIBUTION: "new", IN_DISTRIBUTION: "own"}).reset_index()
    groups = wide.groupby([*RUN_KEY, "layer"])["new"]
    return wide.assign(rank=groups.rank(method="first", ascending=False).astype(int) - 1)


def _bars(axes: Axes, increases: pd.DataFrame, colour: str) -> None:
    spread = increases.groupby(["layer", "rank"]).agg(
        new=("new", "mean"), low=("new", "min"), high=("new", "max"), own=("own", "mean")
    )
    layers, ranks = (spread.index.get_level_values(name).to_numpy() for name in ("layer", "rank"))
    heads = ranks.max() + 1
    width = FILLED / heads
    x = layers + (ranks - (heads - 1) / 2) * width
    axes.bar(x, spread["new"], 0.9 * width, color=colour, alpha=0.5)
    if increases["seed"].nunique() > 1:
        axes.vlines(x, spread["low"], spread["high"], color="0.1", linewidth=0.6)
    axes.plot(x, spread["own"], "_", color="0.1", markersize=4, markeredgewidth=1.1)
    axes.axhline(0, color="0.1", linewidth=0.6)
    axes.set_xticks(np.unique(layers))
