"""The ladder: sampled LLCs over n beta and r, beside those implied by the curvature at w*."""

from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.views import by_run, last_step, of_run
from ...artefacts.tables import Frames
from ..drawing.panels import resolution_axis
from ..drawing.picture import figure_of
from ..drawing.style import colours_of, label, new_panels
from .llc_by_resolution import draw_lines

#: Markers of the n beta, ascending; they repeat after the last.
MARKERS = "osD^v<>pPh*"


@figure_of("llc_ladder", "quadratic_llc")
def draw(frames: Frames) -> Figure:
    """A panel per run: the line is quadratic, the points are sampled."""
    table = frames["llc_ladder"].dropna(subset=["llc"])
    quadratic = last_step(frames["quadratic_llc"])
    colours = colours_of(frames["llc_ladder"], frames["quadratic_llc"])
    runs = by_run(table)
    titles = [f"$M$ = {label(run.task_diversity)}" for run, _ in runs]
    figure, panels = new_panels(1, max(1, len(runs)), 2.6, titles, sharey=True)
    for axes, (run, cells) in zip(panels, runs, strict=False):
        draw_lines(axes, of_run(quadratic, *run), colours)
        for marker, (n_beta, rows) in zip(cycle(MARKERS), cells.groupby("n_beta"), strict=False):
            _draw_cells(axes, rows, colours[run.task_diversity], marker, rf"$n\beta$ = {n_beta:g}")
        axes.set_yscale("log")
        resolution_axis(axes)
    panels[0].set_ylabel(r"$\hat\lambda$")
    if runs:
        panels[0].legend()
    return figure


def _draw_cells(axes: Axes, cells: pd.DataFrame, colour: str, marker: str, label: str) -> None:
    """Estimates with one standard error: full if healthy, else hollow; crossed out if not equilibrated."""
    look: dict[str, Any] = {"color": colour, "linestyle": "none"}
    axes.errorbar(
        cells["resolution"], cells["llc"], yerr=cells["standard_error"],
        marker=marker, markersize=4, markerfacecolor="white", label=label, **look,
    )  # fmt: skip
    healthy, equilibrated = (cells[name].astype(bool) for name in ("healthy", "equilibrated"))
    for chosen, sign, size in ((healthy, marker, 4), (~equilibrated, "x", 7)):
        rows = cells[chosen]
        axes.plot(rows["resolution"], rows["llc"], sign, markersize=size, zorder=5, **look)
