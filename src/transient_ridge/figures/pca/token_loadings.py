"""How each component is spread over the positions of the context."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...artefacts.tables import Frames
from ..drawing.panels import component_label
from ..drawing.picture import figure_of
from ..drawing.style import marker_key, panels_for

BAR = "#4c6a92"
EVEN: dict[str, Any] = {"color": "0.25", "linewidth": 0.8, "linestyle": (0, (4, 2))}


@figure_of("pca_loadings", "pca_variance")
def draw(frames: Frames) -> Figure:
    """A panel per component, four to a row, with a bar per position; the dashed line is an even spread."""
    loadings = frames["pca_loadings"]
    components = sorted(int(component) for component in loadings["component"].unique())
    figure, panels = panels_for(len(components), 4, 0.4, 1.5, sharey=True)
    for axes, component in zip(panels, components, strict=False):
        bars = loadings[loadings["component"] == component].sort_values("token")
        axes.bar(bars["token"], bars["loading"], color=BAR, width=0.8)
        axes.axhline(1 / len(bars), **EVEN)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
        axes.set_title(component_label(frames["pca_variance"], component))
        axes.set_xlabel("position $k$ in the context")
    for axes in panels[::4]:
        axes.set_ylabel("share of squared norm")
    marker_key(figure, (), {"equal share of every position": EVEN})
    return figure
