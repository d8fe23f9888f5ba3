"""The gate between ridge and dMMSE_M over training (across) and over the context (up), a panel for each M."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ....analysis.datasets import IN_DISTRIBUTION
from ....analysis.views import by_diversity
from ....artefacts.tables import Frames
from ....figures.curves.phase_diagram import COLOURS, step_edges
from ....figures.drawing.panels import panel_for_each, step_axis
from ....figures.drawing.picture import figure_of


@figure_of("gates")
def draw(frames: Frames) -> Figure:
    """A panel per finite M, four to a row; the colour is the mean over seeds, on the run's own tasks."""
    gates = frames["gates"]
    own = gates[(gates["dataset"] == IN_DISTRIBUTION) & gates["token"].notna()]
    maps = by_diversity(own)
    figure, panels = panel_for_each([M for M, _ in maps], 0.5, 1.5, nothing="no finite $M$")
    if not maps:
        return figure
    for axes, (_, of_diversity) in zip(panels.flatten(), maps, strict=False):
        mesh = _map(axes, of_diversity)
    for axes in panels[:, 0]:
        axes.set_ylabel("position $k$")
    bar = figure.colorbar(mesh, ax=panels, pad=0.015, aspect=18, ticks=[0, 0.5, 1])
    bar.ax.set_yticklabels(["ridge", "½", r"dMMSE$_M$"])
    bar.ax.set_ylabel(r"gate $\alpha$")
    bar.outline.set_visible(False)
    return figure


def _map(axes: Axes, gates: pd.DataFrame) -> QuadMesh:
    wide = gates.pivot_table(index="token", columns="step", values="gate")
    steps = wide.columns.to_numpy(dtype=float)
    borders = np.append(wide.index.to_numpy(dtype=float) - 0.5, wide.index[-1] + 0.5)
    mesh = axes.pcolormesh(
        step_edges(steps), borders, wide.to_numpy(), cmap=COLOURS, vmin=0, vmax=1, rasterized=True
    )
    step_axis(axes, gates["step"])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    return mesh
