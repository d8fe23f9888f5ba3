"""The hook: where each run is along and off the line from ridge to dMMSE_M, and when."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.views import by_diversity
from ...artefacts.tables import Frames
from ..drawing.panels import arrow_of_time, curves, median_critical
from ..drawing.picture import figure_of
from ..drawing.style import (
    CRITICAL,
    END,
    DiversityColours,
    colours_of,
    mark,
    marker_key,
    new_panels,
    note,
)

#: Suffix of the columns -> title.
PANELS = {"_out": "out of distribution", "": "on $q_M$"}
#: A path starts once this share of its first residual is left, because before that a run learns little but its scale.
LEARNT = 0.75
ALPHA = r"$\alpha$: 0 = ridge, 1 = dMMSE$_M$"


@figure_of("relative_distances", "critical_steps")
def draw(frames: Frames) -> Figure:
    """Above, residual against alpha, mean over seeds; below, alpha against the step, mean and range over seeds."""
    places = frames["relative_distances"].dropna(subset=["alpha"])
    colours = colours_of(places)
    figure, panels = new_panels(2, 2, 5.0, [*PANELS.values()] * 2, height_ratios=[1.25, 1])
    for above, below, suffix in zip(panels[:2], panels[2:], PANELS, strict=True):
        hook(above, places, frames["critical_steps"], suffix, colours)
        over_time(below, places, suffix, colours)
    colours.key(figure)
    marker_key(figure, ("dmmse", "ridge", CRITICAL, END))
    return figure


def hook(
    axes: Axes, places: pd.DataFrame, critical: pd.DataFrame, suffix: str, colours: DiversityColours
) -> None:
    """A path for each M, mean over seeds, with the median t_crit; ridge and dMMSE_M have residual 0."""
    if places.empty:
        note(axes, "no finite $M$")
        return
    for M, rows in by_diversity(places):
        mean = rows.groupby("step")[[f"alpha{suffix}", f"residual{suffix}"]].mean()
        steps, (alpha, residual) = mean.index.to_numpy(), mean.to_numpy().T
        start = int(np.argmax(residual <= LEARNT * residual[0]))
        axes.plot(alpha[start:], residual[start:], color=colours[M], linewidth=1.0, label=f"_{M}")
        arrow_of_time(axes, alpha[start:], residual[start:], colours[M])
        mark(axes, alpha[-1], residual[-1], END, colours[M])
        at = median_critical(critical, M, steps)
        if at is not None:
            mark(axes, alpha[at], residual[at], CRITICAL, colours[M])
    mark(axes, 0, 0, "ridge", "black")
    mark(axes, 1, 0, "dmmse", "0.35")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(ALPHA)
    axes.set_ylabel("residual (units of $y$)")


def over_time(axes: Axes, places: pd.DataFrame, suffix: str, colours: DiversityColours) -> None:
    """alpha against the step, with dashes at ridge and dMMSE_M."""
    if places.empty:
        note(axes, "no finite $M$")
        return
    for level in (0, 1):
        axes.axhline(level, color="0.6", linewidth=0.7, linestyle="--", zorder=1)
    curves(axes, places, f"alpha{suffix}", colours)
    axes.set_ylabel(r"$\alpha$")
