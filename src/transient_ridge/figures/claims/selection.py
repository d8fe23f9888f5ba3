"""Loss against complexity for every M: dl, dlambda, the posterior log-odds, and n* against the observed steps."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.views import by_diversity, by_run
from ...artefacts.tables import Frames
from ..drawing.panels import loss_axis
from ..drawing.picture import figure_of
from ..drawing.style import (
    CRITICAL,
    DiversityColours,
    colours_of,
    mark,
    marker_key,
    new_panels,
    note,
)

TITLES = ("loss", "complexity", "posterior odds of ridge", "prediction and observation")
KINDS: dict[str, dict[str, Any]] = {
    "idealised": {"linestyle": (0, (3, 2))},
    "measured": {"linestyle": "-"},
}
SWITCH: dict[str, Any] = {"marker": "x", "markersize": 4.5, "linestyle": "none", "color": "0.35"}
NO_LLC, NO_FINITE = "LLC not measured", "no finite $M$"


@figure_of("selection", "log_odds")
def draw(frames: Frames) -> Figure:
    """Four panels with a point or a line per M and seed."""
    selection = frames["selection"]
    colours = colours_of(selection)
    figure, (loss, complexity, odds, prediction) = new_panels(2, 2, 4.6, TITLES)
    _loss(loss, selection, colours)
    _complexity(complexity, selection, colours)
    _odds(odds, frames["log_odds"], colours)
    _prediction(prediction, selection, colours)
    colours.key(figure)
    lines = {f"{kind} losses": {"color": "0.35", **look} for kind, look in KINDS.items()}
    marker_key(figure, (CRITICAL,), {"switch to dMMSE": SWITCH, **lines})
    return figure


def _loss(axes: Axes, selection: pd.DataFrame, colours: DiversityColours) -> None:
    """-dl, what dMMSE_M gains over ridge on q_M, mean over seeds."""
    for kind, look in KINDS.items():
        rows = selection[selection["losses"] == kind]
        gain = -rows.groupby("task_diversity")["loss_difference"].mean()
        axes.plot(gain.index, gain, color="0.35", linewidth=0.8, zorder=1, label=f"_{kind}", **look)
    for M, rows in by_diversity(selection):
        gain = -rows["loss_difference"]
        axes.plot([M] * len(gain), gain, ".", color=colours[M], markersize=5)
    axes.axhline(0, color="0.6", linewidth=0.6, zorder=0)
    _diversity_axis(axes)
    axes.set_yscale("symlog", linthresh=1e-2)
    axes.margins(y=0.12)
    axes.set_ylabel(r"$-\Delta\ell$ (nats per pair)")
    if selection.empty:
        note(axes, NO_FINITE)


def _complexity(axes: Axes, selection: pd.DataFrame, colours: DiversityColours) -> None:
    """dlambda with its Monte Carlo standard error; hollow if it uses another run's LLC."""
    rows = selection[selection["losses"] == "idealised"].dropna(subset=["llc_difference"])
    for row in rows.to_dict("records"):
        colour = colours[row["task_diversity"]]
        own = row["complexity"] == "measured"
        axes.errorbar(
            row["task_diversity"], row["llc_difference"], row["llc_difference_standard_error"], fmt="o", markersize=4,
            color=colour, markerfacecolor=colour if own else "white", linewidth=0.8,
        )  # fmt: skip
    axes.axhline(0, color="0.6", linewidth=0.6, zorder=0)
    _diversity_axis(axes)
    axes.set_ylabel(r"$\Delta\lambda = \lambda(v_M) - \lambda(u)$")
    if rows.empty:
        note(axes, _missing(selection))


def _odds(axes: Axes, log_odds: pd.DataFrame, colours: DiversityColours) -> None:
    """Eq. 8, with measured losses where there are any: above zero ridge is preferred, below dMMSE_M."""
    known = log_odds.dropna(subset=["log_odds"])
    kind = "measured" if (known["losses"] == "measured").any() else "idealised"
    known = known[known["losses"] == kind]
    for run, rows in by_run(known, "n"):
        axes.plot(
            rows["n"], rows["log_odds"], color=colours[run.task_diversity], label=f"_{run.name}",
            linewidth=0.9, **KINDS[kind],
        )  # fmt: skip
    axes.axhline(0, color="0.6", linewidth=0.6, zorder=0)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=10)
    axes.set_xlabel("$n$, pairs $(x, y)$ seen")
    axes.set_ylabel("log-odds (nats)")
    if known.empty:
        note(axes, _missing(log_odds))


def _prediction(axes: Axes, selection: pd.DataFrame, colours: DiversityColours) -> None:
    """t_crit and the step of the switch against the step at which n* pairs were seen.

    Eq. 8 orders the M; that training at a step equals the posterior after the pairs seen by then is an assumption.
    """
    rows = selection[selection["losses"] == "measured"]
    rows = rows[(rows["crossover_step"] > 0) & np.isfinite(rows["crossover_step"])]
    for row in rows.to_dict("records"):
        colour = colours[row["task_diversity"]]
        if row["critical_step"] > 0:
            mark(axes, row["crossover_step"], row["critical_step"], CRITICAL, colour)
        if not math.isnan(row["switch_step"]):
            look = {**SWITCH, "color": colour}
            axes.plot([row["crossover_step"]], [row["switch_step"]], **look)
    axes.set_xlabel("step after $n^*$ pairs, each counted as an observation")
    axes.set_ylabel("step observed")
    if rows.empty:
        known = selection["crossover"].notna().any()
        note(axes, r"no $n^*$ within reach" if known else _missing(selection))
        return
    loss_axis(axes.xaxis)
    loss_axis(axes.yaxis)


def _missing(table: pd.DataFrame) -> str:
    """Why there is no LLC to show: no run could have one, or none was estimated."""
    return NO_FINITE if table.empty else NO_LLC


def _diversity_axis(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xlabel("task diversity $M$")
