"""How much of each component lies on each position of the context."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import DOUBLE_COLUMN, component_label, new_figure


def draw(frames: Mapping[str, pd.DataFrame]) -> Figure:
    """A bar per position and a panel per component; the dashed line is an even spread."""
    loadings = frames["pca_loadings"]
    components = sorted(loadings["component"].unique())
    figure = new_figure(DOUBLE_COLUMN, 2.0)
    panels = figure.subplots(1, len(components), sharey=True, squeeze=False)[0]
    for axes, component in zip(panels, components, strict=True):
        rows = loadings[loadings["component"] == component].sort_values("token")
        axes.bar(rows["token"], rows["loading"], color="#3b6c8f", width=0.75)
        axes.axhline(1 / len(rows), color="0.4", linewidth=0.7, linestyle="--")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.set_title(component_label(frames["pca_variance"], component))
        axes.set_xlabel("position k")
    panels[0].set_ylabel("share of the component")
    return figure
