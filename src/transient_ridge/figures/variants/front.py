"""Relative distance at t_crit against the time until dMMSE: a point per variant, a panel per M."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...analysis.views import by_diversity
from ...artefacts.tables import Frames
from ..drawing.labels import LINE_HEIGHT, name_points
from ..drawing.picture import figure_of
from ..drawing.style import label, note, panels_for

#: Share of a panel for variants that reach dMMSE; those that do not are to the right.
REACHED = 0.82
POINT, LINE = "#0072b2", "0.45"


@figure_of("front")
def draw(frames: Frames) -> Figure:
    """Means over seeds; a variant counts as reaching dMMSE only if every seed does."""
    grouped = frames["front"].groupby(["task_diversity", "variant"], sort=False)
    runs = grouped.agg(
        depth=("relative_distance", "mean"),
        seconds=("core_seconds", lambda each: each.mean(skipna=False)),
        longest=("core_seconds_of_training", "max"),
    ).reset_index()
    known = runs.dropna(subset="longest")
    maps = by_diversity(known)
    height = max(2.1, LINE_HEIGHT * known["variant"].nunique())
    figure, panels = panels_for(len(maps), 2, 0.3, height + 0.75)
    if not maps:
        note(panels[0], "no finite $M$" if runs.empty else "time of training not recorded")
        return figure
    for axes, (M, points) in zip(panels, maps, strict=False):
        _panel(axes, points, height)
        axes.set_title(f"$M$ = {label(M)}")
        axes.set_xlabel(r"core seconds until dMMSE-like")
        axes.set_ylabel(r"relative distance at $t_{\mathrm{crit}}$")
    return figure


def _panel(axes: Axes, points: pd.DataFrame, height: float) -> None:
    longest = points["longest"].max()
    aside = longest * (1 + 1 / REACHED) / 2
    x = points["seconds"].fillna(aside).to_numpy()
    y = points["depth"].to_numpy()
    reached = points["seconds"].notna().to_numpy()
    line = pareto(x[reached], y[reached])
    axes.plot(
        x[reached][line], y[reached][line], label="_front", color=LINE, drawstyle="steps-post"
    )
    look: dict[str, Any] = {
        "marker": "o",
        "linestyle": "none",
        "markersize": 4.5,
        "color": POINT,
        "zorder": 3,
    }
    axes.plot(x[reached], y[reached], label="_reached", **look)
    axes.plot(x[~reached], y[~reached], label="_not reached", fillstyle="none", **look)
    axes.axvline(longest, color="0.8", linewidth=0.6, zorder=0)
    margin = max(0.08 * np.ptp(y), 0.02)
    axes.set(xlim=(0, longest / REACHED), ylim=(y.min() - margin, y.max() + margin))
    ticks = [at for at in MaxNLocator(4).tick_values(0, longest) if at < 0.92 * longest]
    axes.set_xticks([*ticks, aside], [*(f"{at:g}" for at in ticks), "not\nreached"])
    name_points(axes, list(zip(x, y, strict=True)), points["variant"].tolist(), height)


def pareto(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Indices, by ascending ``x``, of the points (x, y) that no other point undercuts in both coordinates."""
    order = np.lexsort((y, x))
    best = np.minimum.accumulate(y[order])
    return order[np.concatenate([[True], best[1:] < best[:-1]])] if len(order) else order
