"""Two accounts of when runs turn to dMMSE_M: what they predict of each run, and their errors on held-out points."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.model_selection.accounts import COMPRESSED, CONSTANT, LLC
from ...analysis.views import by_diversity
from ...artefacts.tables import Frames
from ..drawing.panels import resolution_axis, step_axis
from ..drawing.picture import figure_of
from ..drawing.style import (
    DOUBLE_COLUMN,
    NOT_MEASURED,
    DiversityColours,
    colours_of,
    new_figure,
    note,
    panel_titles,
)


@figure_of("accounts", "account_points")
def draw(frames: Frames) -> Figure:
    """Left and middle: measured (dots) and predicted (lines) by either account; right: errors against r."""
    accounts, points = frames["accounts"], frames["account_points"]
    colours = colours_of(points)
    figure = new_figure(DOUBLE_COLUMN, 2.7)
    panels: Any = figure.subplots(1, 3)
    panels[1].sharey(panels[0])
    if accounts.empty:
        panel_titles(panels, (COMPRESSED, LLC, "errors"))
        for axes in panels:
            note(axes, NOT_MEASURED)
        return figure
    by_llc = accounts[accounts["account"] == LLC].sort_values("error")
    best = float(by_llc["resolution"].iloc[0]) if len(by_llc) else np.nan
    panel_titles(panels, (COMPRESSED, f"LLC at $r$ = {best:g}", "errors"))
    _runs(panels[0], points[points["account"] == COMPRESSED], colours)
    _runs(panels[1], points[(points["account"] == LLC) & (points["resolution"] == best)], colours)
    panels[0].set_ylabel("relative distance")
    _errors(panels[2], accounts)
    colours.key(figure, panels)
    return figure


def _runs(axes: Axes, points: pd.DataFrame, colours: DiversityColours) -> None:
    if points.empty:
        note(axes, "no finite $M$ between its predictors")
        return
    for M, rows in by_diversity(points.sort_values("step")):
        axes.plot(rows["step"], rows["predicted"], color=colours[M], linewidth=1.1)
        axes.plot(
            rows["step"], rows["relative_distance"], ".", color=colours[M], markersize=2, alpha=0.6
        )
    step_axis(axes, points["step"])


def _errors(axes: Axes, accounts: pd.DataFrame) -> None:
    by_llc = accounts[accounts["account"] == LLC].sort_values("resolution")
    axes.plot(
        by_llc["resolution"], by_llc["error"], "o-", color="#3a3aa0", markersize=3.5, label=LLC
    )
    for name, style in ((COMPRESSED, "--"), (CONSTANT, ":")):
        error = float(accounts.loc[accounts["account"] == name, "error"].iloc[0])
        axes.axhline(error, color="0.3", linestyle=style, linewidth=0.9, label=name)
    resolution_axis(axes)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("held-out error (RMS)")
    axes.legend(fontsize=6.5)
