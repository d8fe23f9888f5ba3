"""Accounts of when runs turn to dMMSE_M: two of them predict held-out runs, and all are compared by their errors."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.model_selection.accounts import FORECAST, LEFT_OUT, LLC, LOG
from ...analysis.views import by_diversity
from ...artefacts.tables import Frames
from ..drawing.panels import step_axis
from ..drawing.picture import figure_of
from ..drawing.style import (
    NOT_MEASURED,
    DiversityColours,
    colours_of,
    marker_key,
    new_panels,
    note,
    panel_titles,
)

#: Split -> how to draw its errors, and how far from the middle of their row.
SPLITS: dict[str, tuple[dict[str, Any], float]] = {
    LEFT_OUT: ({"marker": "o", "color": "#3a3aa0"}, -0.16),
    FORECAST: ({"marker": "D", "color": "#c5761c", "markerfacecolor": "white"}, 0.16),
}
ERRORS = r"error, less that of $\log M$"


@figure_of("accounts", "account_points")
def draw(frames: Frames) -> Figure:
    """Left and middle: measured (dots) and predicted (lines) by log M and by the LLC; right: errors of all."""
    accounts, points = frames["accounts"], frames["account_points"]
    colours = colours_of(points)
    figure, panels = new_panels(1, 3, 3.1, width_ratios=[1, 1, 0.9])
    panels[1].sharey(panels[0])
    if accounts.empty:
        panel_titles(panels, (_cost("$\\log M$"), _cost("LLC"), ERRORS))
        for axes in panels:
            note(axes, NOT_MEASURED)
        return figure
    left_out = accounts[accounts["split"] == LEFT_OUT].sort_values("error")
    titles = []
    for axes, name in zip(panels, (LOG, LLC), strict=False):
        rows = left_out[left_out["account"] == name]
        found = None if rows.empty else rows.iloc[0]
        titles.append(_cost(_name(name, None if found is None else found["resolution"])))
        _runs(axes, points, found, colours)
    panels[0].set_ylabel("relative distance on $q_M$")
    _errors(panels[2], accounts)
    panel_titles(panels, (*titles, ERRORS))
    colours.key(figure)
    looks = {
        name: {"linestyle": "none", "markersize": 4, **look} for name, (look, _) in SPLITS.items()
    }
    marker_key(figure, (), looks)
    return figure


def _cost(name: str) -> str:
    return f"cost: {name}"


def _name(account: str, resolution: float | None) -> str:
    if account == LLC and resolution is not None:
        return f"LLC, $r$ = {resolution:g}"
    return account.replace("log M", r"$\log M$")


def _runs(
    axes: Axes, points: pd.DataFrame, account: "pd.Series | None", colours: DiversityColours
) -> None:
    """Each M as predicted by constants fitted to the others; the text has those fitted to all."""
    if account is None:
        note(axes, NOT_MEASURED)
        return
    same = (points["split"] == LEFT_OUT) & (points["account"] == account["account"])
    if account["account"] == LLC:
        same &= points["resolution"] == account["resolution"]
    for M, rows in by_diversity(points[same].sort_values("step")):
        axes.plot(rows["step"], rows["predicted"], color=colours[M], linewidth=1.1)
        axes.plot(
            rows["step"], rows["relative_distance"], ".", color=colours[M], markersize=2, alpha=0.6
        )
    names = {"a": "loss_weight", "b": "exponent", "c": "cost_weight"}
    text = "\n".join(f"${name}$ = {account[column]:.2g}" for name, column in names.items())
    axes.text(0.04, 0.04, text, transform=axes.transAxes, va="bottom", fontsize=6, color="0.3")
    axes.set_ylim(0, 1)
    step_axis(axes, points["step"])


def _errors(axes: Axes, accounts: pd.DataFrame) -> None:
    """A row per account, rivals first: difference from log M with its t interval over M, under both splits."""
    others = accounts[accounts["account"] != LOG].sort_values("resolution", na_position="first")
    rows = others[["account", "resolution"]].drop_duplicates().reset_index(drop=True)
    names = [_name(*row) for row in rows.itertuples(index=False)]
    for split, (look, off) in SPLITS.items():
        found = rows.merge(others[others["split"] == split], how="left")
        axes.errorbar(
            found["difference"], rows.index + off, xerr=found["difference_margin"].fillna(0.0), label=f"_{split}",
            linestyle="none", markersize=3.5, linewidth=0.8, **look,
        )  # fmt: skip
    axes.axvline(0, color="0.5", linewidth=0.7, zorder=0)
    axes.set_yticks(rows.index, names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(r"better  $\leftarrow$  RMS  $\rightarrow$  worse")
