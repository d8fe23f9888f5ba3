"""The gate between ridge and dMMSE_M over training (across) and over the context (up), a panel for each M."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...analysis.datasets import IN_DISTRIBUTION
from ...analysis.views import by_diversity
from ...artefacts.tables import Frames
from ..drawing.panels import step_axis
from ..drawing.picture import figure_of
from ..drawing.style import DOUBLE_COLUMN, label, new_figure, note
from .phase_diagram import COLOURS, step_edges


@figure_of("gates")
def draw(frames: Frames) -> Figure:
    """A panel per finite M, four to a row; the colour is the mean over seeds, on the run's own tasks."""
    gates = frames["gates"]
    own = gates[(gates["dataset"] == IN_DISTRIBUTION) & gates["token"].notna()]
    maps = by_diversity(own)
    columns = min(4, max(len(maps), 1))
    rows = max(-(-len(maps) // columns), 1)
    figure = new_figure(DOUBLE_COLUMN, 0.5 + 1.5 * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in panels.flatten()[len(maps) :]:
        axes.axis("off")
    for axes, (M, of_diversity) in zip(panels.flatten(), maps, strict=False):
        mesh = _map(axes, of_diversity)
        axes.set_title(f"$M$ = {label(M)}")
    if not maps:
        panels[0, 0].axis("on")
        note(panels[0, 0], "no finite $M$")
        return figure
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
