"""Free energy of the ridge-like and the dMMSE-like solution against n, for a low, a middle and a high M (Figure 2)."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.views import by_diversity
from ...artefacts.tables import Frames
from ..drawing.picture import figure_of
from ..drawing.style import DiversityColours, colours_of, label, marker_key, new_panels, note

RIDGE_LINE: dict[str, Any] = {"color": "#000000", "linestyle": (0, (4, 2))}
DMMSE_LINE: dict[str, Any] = {"color": "0.35", "linestyle": "-"}
CROSSOVER: dict[str, Any] = {"color": "0.5", "linestyle": ":"}
POINTS = 200


@figure_of("selection", "log_odds")
def draw(frames: Frames) -> Figure:
    """A panel per chosen M; the losses are those of the trained models where they are known."""
    selection = frames["selection"]
    kind = "measured" if (selection["losses"] == "measured").any() else "idealised"
    rows = selection[selection["losses"] == kind]
    chosen = choose(rows)
    colours = colours_of(selection)
    figure, panels = new_panels(1, max(1, len(chosen)), 2.6)
    last = frames["log_odds"]["n"].max() if len(frames["log_odds"]) else 10.0
    for axes, M in zip(panels, chosen, strict=False):
        _panel(axes, rows[rows["task_diversity"] == M], last, colours)
    for axes in panels:
        axes.set_xlabel("$n$, pairs $(x, y)$ seen")
    if not chosen:
        note(panels[0], "no finite $M$")
    panels[0].set_ylabel(r"free energy above $n\,\ell_{\min}$ (nats)")
    lines = {"ridge-like": RIDGE_LINE, "dMMSE-like": DMMSE_LINE, "$n^*$": CROSSOVER}
    marker_key(figure, (), lines)
    return figure


def choose(rows: pd.DataFrame) -> list[float]:
    """A low, a middle and a high M: the least, the greatest, and one in between, with a finite n* if possible."""
    grid = [M for M, _ in by_diversity(rows)]
    if len(grid) < 3:
        return grid
    inner = rows[rows["task_diversity"].isin(grid[1:-1])]
    crossing = inner[(inner["crossover"] > 0) & np.isfinite(inner["crossover"])]
    candidates = sorted(crossing["task_diversity"].unique()) or grid[1:-1]
    return [grid[0], int(candidates[len(candidates) // 2]), grid[-1]]


def _panel(axes: Axes, rows: pd.DataFrame, last: float, colours: DiversityColours) -> None:
    """lambda log n plus n times the excess loss over the other solution, mean over seeds."""
    M = int(rows["task_diversity"].iloc[0])
    axes.set_title(f"$M$ = {label(M)}")
    mean = rows[["loss_difference", "llc_ridge", "llc_dmmse"]].mean()
    axes.set_xscale("log")
    if mean.isna().any():
        note(axes, "LLC not measured")
        return
    n = np.geomspace(2, max(last, 10), POINTS)
    gain = mean["loss_difference"]
    axes.plot(n, mean["llc_ridge"] * np.log(n) + max(0, -gain) * n, label="_ridge", **RIDGE_LINE)
    look = {**DMMSE_LINE, "color": colours[M]}
    axes.plot(n, mean["llc_dmmse"] * np.log(n) + max(0, gain) * n, label="_dmmse", **look)
    for crossover in rows["crossover"]:
        if 0 < crossover < math.inf:
            axes.axvline(crossover, zorder=0, label="_crossover", **CROSSOVER)
    axes.set_yscale("log")
    axes.set_xlim(n[0], n[-1])
