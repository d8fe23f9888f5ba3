"""Figure 1: OOD loss over training, joint trajectory PCA, and the distances to both predictors."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import (
    CRITICAL_MARKER,
    DMMSE_MARKER,
    DOUBLE_COLUMN,
    END_MARKER,
    MARK,
    RIDGE_MARKER,
    DiversityColours,
    by_diversity,
    colours_of,
    diversity,
    level,
    marker_legend,
    mean_loss,
    new_figure,
    panel_letters,
    plain_log_ticks,
    plot_plane,
    plot_seeds,
    step_axis,
)

Frames = Mapping[str, pd.DataFrame]


def draw(frames: Frames) -> Figure:
    """The three panels, sharing one colour for each M."""
    colours = colours_of(frames["critical_steps"])
    figure = new_figure(DOUBLE_COLUMN, 2.5)
    loss, plane, distance = figure.subplots(1, 3)
    critical = frames["critical_steps"]
    critical = critical[critical["curve"] == "smoothed"]
    _ood_loss(loss, frames, critical, colours)
    plot_plane(plane, frames, colours, (1, 2))
    _distances(distance, frames["distances"], critical, colours)
    panel_letters(
        (loss, plane, distance),
        ("OOD loss over training", "joint trajectory PCA", "distance to the predictors"),
    )
    names = {DMMSE_MARKER: "dMMSE$_M$", RIDGE_MARKER: "ridge", END_MARKER: "end"}
    marker_legend(plane, names, loc="best")
    marker_legend(distance, {CRITICAL_MARKER: "$t_{crit}$", END_MARKER: "end"}, loc="best")
    colours.legend(figure)
    return figure


def _ood_loss(axes: Axes, frames: Frames, critical: pd.DataFrame, colours: DiversityColours) -> None:
    for M, curve in by_diversity(mean_loss(frames["smoothed_losses"], "out_of_distribution")):
        plot_seeds(axes, curve, "loss", colours[M])
    for _, row in critical.iterrows():
        axes.plot(
            row["step"] + 1, row["loss"], marker=CRITICAL_MARKER, markersize=4.5,
            markerfacecolor="none", markeredgecolor=colours[diversity(row["task_diversity"])], **MARK,
        )  # fmt: skip
    ideal = mean_loss(frames["idealised_losses"], "out_of_distribution")
    for M, rows in by_diversity(ideal):
        values = rows.set_index("predictor")["loss"]
        if M in colours.values and values["dmmse"] != values["ridge"]:
            level(axes, values["dmmse"], colours[M], DMMSE_MARKER)
    level(axes, ideal[ideal["predictor"] == "ridge"]["loss"].iloc[0], "black", RIDGE_MARKER)
    step_axis(axes)
    axes.set_yscale("log")
    plain_log_ticks(axes.yaxis)
    axes.set_ylabel("OOD loss")


def _distances(
    axes: Axes, distances: pd.DataFrame, critical: pd.DataFrame, colours: DiversityColours
) -> None:
    """Delta(f, dMMSE_M) against Delta(f, ridge) in distribution; for M = inf the two are one."""
    rows = mean_loss(distances, "in_distribution")
    wide = rows.pivot_table(
        index=["task_diversity", "seed", "step"], columns="predictor", values="distance", dropna=False
    )
    wide = wide.dropna().reset_index().sort_values("step")
    for M, group in by_diversity(wide):
        for seed, run in group.groupby("seed"):
            colour = colours[M]
            x, y = run["ridge"].to_numpy(), run["dmmse"].to_numpy()
            axes.plot(x, y, color=colour, linewidth=0.9)
            same = (critical["task_diversity"].map(diversity) == M) & (critical["seed"] == seed)
            at = run["step"].to_numpy() == critical[same]["step"].iloc[0]
            axes.plot(
                x[at], y[at], marker=CRITICAL_MARKER, markersize=4.5, markerfacecolor="none",
                markeredgecolor=colour, **MARK,
            )  # fmt: skip
            axes.plot(
                x[-1:], y[-1:], marker=END_MARKER, markersize=6, color=colour,
                markeredgecolor="white", **{**MARK, "markeredgewidth": 0.4},
            )  # fmt: skip
    for set_scale, axis in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        set_scale("log")
        axis.set_minor_formatter("")
    axes.set_xlabel(r"$\Delta$(f, ridge)")
    axes.set_ylabel(r"$\Delta$(f, dMMSE$_M$)")
