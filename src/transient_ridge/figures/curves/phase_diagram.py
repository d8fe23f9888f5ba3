"""Relative distance between ridge and dMMSE by task diversity and training step, with t_crit, n* and the threshold."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from ...analysis.phases import LEFT
from ...analysis.views import by_diversity, critical_points
from ...artefacts.tables import Frames
from ..drawing.panels import step_axis
from ..drawing.picture import figure_of
from ..drawing.style import CRITICAL, label, mark, marker_key, new_panels, note

#: From ridge (0) through half-way (white) to dMMSE (1); the two hues differ for any colour vision.
COLOURS = "PuOr"
LINE: dict[str, Any] = {"color": "0.1", "linewidth": 1.2, "linestyle": "-"}
CROSSOVER: dict[str, Any] = {
    "marker": "^", "color": "0.1", "markersize": 5, "linestyle": "none", "markeredgecolor": "white",
    "markeredgewidth": 0.6,
}  # fmt: skip
#: n* = 0, where no number of observations favours ridge.
NEVER = {**CROSSOVER, "markerfacecolor": "white", "markeredgecolor": "0.1"}
UNTRAINED = "0.8"


@figure_of("relative_distances", "thresholds", "critical_steps", "selection")
def draw(frames: Frames) -> Figure:
    """A row per finite M, a column per checkpoint, coloured by the mean over seeds; grey is before learning."""
    figure, (axes,) = new_panels(1, 1, 3.1)
    relative = frames["relative_distances"].dropna(subset=["relative_distance"])
    grid = [M for M, _ in by_diversity(relative)]
    axes.set_yticks(range(len(grid)), [label(M) for M in grid])
    axes.yaxis.set_minor_locator(FixedLocator([]))
    axes.set_ylabel("task diversity $M$")
    if grid:
        masked = _map(axes, relative, grid)
        _threshold(axes, frames["thresholds"], grid, masked)
    for run, (step, _) in critical_points(frames["critical_steps"], "smoothed").items():
        if run.task_diversity in grid:
            height = grid.index(run.task_diversity)
            mark(axes, step, height, CRITICAL, "white", markeredgewidth=2.6, label="_halo")
            mark(axes, step, height, CRITICAL, "0.1")
    _crossovers(axes, frames["selection"], grid)
    step_axis(axes, frames["relative_distances"]["step"])
    axes.set_ylim(-0.5, max(len(grid), 1) - 0.5)
    axes.set_title(threshold_text(frames["thresholds"]))
    if not grid:
        note(axes, "no finite $M$")
    untrained = {"marker": "s", "color": UNTRAINED, "linestyle": "none", "markersize": 7}
    lines = {"$n^*$": CROSSOVER, "$n^*$ = 0": NEVER, "half-way (threshold)": LINE}
    marker_key(figure, (CRITICAL,), {**lines, "untrained": untrained})
    return figure


def _map(axes: Axes, relative: pd.DataFrame, grid: list[float]) -> pd.DataFrame:
    """Draw the cells; return which are masked as untrained (index M, columns steps)."""
    columns = ["relative_distance", "ridge", "dmmse"]
    wide = relative.pivot_table(index="task_diversity", columns="step", values=columns)
    steps = wide["ridge"].columns.to_numpy(dtype=float)
    shown, ridge, dmmse = (wide[column].to_numpy() for column in columns)
    masked = untrained(ridge, dmmse)
    axes.set_facecolor(UNTRAINED)
    mesh = axes.pcolormesh(
        step_edges(steps), np.arange(len(grid) + 1) - 0.5,
        np.ma.masked_where(masked, shown), cmap=COLOURS, vmin=0, vmax=1, rasterized=True,
    )  # fmt: skip
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.015, aspect=28, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.ax.set_yticklabels(["ridge", "¼", "½", "¾", r"dMMSE$_M$"])
    bar.ax.set_ylabel("relative distance")
    bar.outline.set_visible(False)
    return pd.DataFrame(masked, index=wide.index, columns=wide["ridge"].columns)


def untrained(ridge: Any, dmmse: Any) -> Any:
    """Which checkpoints (M, S), by ascending step, keep more than half of the first distance to the nearer predictor.

    A model far from both is about equally far from each, so its relative distance means nothing.
    """
    nearer = np.minimum(ridge, dmmse)
    return nearer > LEFT * nearer[:, :1]


def step_edges(steps: Any) -> Any:
    """Borders half-way between the ascending ``steps`` in log(step + 1)."""
    position = np.log1p(steps)
    middle = (position[1:] + position[:-1]) / 2
    return np.expm1(np.concatenate([[position[0] - 0.1], middle, [position[-1] + 0.05]]))


def _threshold(
    axes: Axes, thresholds: pd.DataFrame, grid: list[float], masked: pd.DataFrame
) -> None:
    """A line per seed at the M with relative distance 1/2, where the cells of the M on both sides are trained."""
    for _, rows in thresholds.sort_values("step").groupby("seed"):
        heights = np.interp(
            np.log(rows["threshold"]), np.log(grid), np.arange(len(grid)), left=np.nan, right=np.nan
        )
        for i, (step, *around) in enumerate(rows[["step", "below", "above"]].to_numpy(np.float64)):
            if any(masked.loc[M, step] for M in around if M in masked.index):
                heights[i] = np.nan
        axes.plot(rows["step"], heights, label="_threshold", **LINE)


def _crossovers(axes: Axes, selection: pd.DataFrame, grid: list[float]) -> None:
    """n* by the measured losses as a training step, plus and minus a standard error of dlambda; hollow if 0."""
    rows = selection[selection["losses"] == "measured"].dropna(subset=["crossover_step"])
    last = axes.get_xlim()[1]
    for row in rows.to_dict("records"):
        height = grid.index(row["task_diversity"])
        if row["crossover_step"] == 0:
            axes.plot([0], [height], label="_never", clip_on=False, **NEVER)
        if not 0 < row["crossover_step"] < math.inf:
            continue
        per_step = row["crossover"] / row["crossover_step"]
        ends = [min(n / per_step, 10 * last) for n in (row["crossover_low"], row["crossover_high"])]
        axes.plot(ends, [height, height], color="0.1", linewidth=0.8, label="_crossover")
        axes.plot([row["crossover_step"]], [height], label="_crossover", **CROSSOVER)


def threshold_text(thresholds: pd.DataFrame) -> str:
    """The threshold at the end of training: mean over seeds in log M, with the M of the grid around it."""
    if thresholds.empty:
        return "no finite $M$"
    last = thresholds[thresholds["step"] == thresholds["step"].max()]
    found = np.log2(last["threshold"].dropna())
    if len(found) < len(last):
        return "no threshold within the grid at the end of training"
    text = f"threshold at the end of training: $M$ = {2 ** found.mean():.3g}"
    if len(found) > 1:
        error = found.std() / math.sqrt(len(found))
        text += rf" $\times\div$ {2**error:.2f} (standard error, {len(found)} seeds)"
    below, above = int(last["below"].min()), int(last["above"].max())
    return f"{text}, in the grid between {below} and {above}"
