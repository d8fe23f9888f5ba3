"""The one look of all figures: size, type, colour of a task diversity, axes that many figures share."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..runs import TaskDiversity

DOUBLE_COLUMN = 7.0  # inches
SINGLE_COLUMN = 3.4

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "svg.hashsalt": "transient-ridge",
    "svg.fonttype": "none",
}

RIDGE_MARKER, DMMSE_MARKER, START_MARKER, END_MARKER, CRITICAL_MARKER = "s", "D", ".", "*", "o"
MARK: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 0.7, "zorder": 5}


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches whose parts keep out of each other's way."""
    return Figure(figsize=(width, height), layout="constrained")


def diversity(value: float) -> TaskDiversity:
    """M from a table's nullable column: missing means infinity."""
    return math.inf if pd.isna(value) else int(value)


def label(task_diversity: TaskDiversity) -> str:
    """``16`` or the sign of infinity."""
    return "∞" if math.isinf(task_diversity) else str(task_diversity)


class DiversityColours:
    """Colour of each M of a grid: viridis over log M, from dark to light; infinity is black.

    The palest fifth of the map is left out, since lines in it vanish on white.
    """

    def __init__(self, task_diversities: Iterable[TaskDiversity]) -> None:
        self.values: list[TaskDiversity] = sorted(set(task_diversities))
        finite = [math.log2(M) for M in self.values if not math.isinf(M)]
        self.low, self.high = (min(finite), max(finite)) if finite else (0.0, 0.0)

    def __getitem__(self, task_diversity: TaskDiversity) -> Any:
        if math.isinf(task_diversity):
            return "black"
        span = self.high - self.low
        share = (math.log2(task_diversity) - self.low) / span if span else 0.5
        # Colours further apart than log M makes them would lie about distance; 0 to 0.88 keeps all visible.
        return mpl.colormaps["viridis"](0.88 * share)

    def legend(self, figure: Figure) -> None:
        """One legend for the whole figure, to its right."""
        handles = [Line2D([], [], color=self[M], linewidth=1.8, label=label(M)) for M in self.values]
        figure.legend(
            handles=handles,
            title="M",
            loc="outside right center",
            handlelength=1.2,
            labelspacing=0.35,
        )


def colours_of(frame: pd.DataFrame) -> DiversityColours:
    """Colours for the grid that ``frame`` covers."""
    return DiversityColours(diversity(M) for M in frame["task_diversity"].unique())


def by_diversity(frame: pd.DataFrame) -> list[tuple[TaskDiversity, pd.DataFrame]]:
    """``frame`` split by M, ascending, infinity last."""
    groups = frame.groupby("task_diversity", dropna=False, sort=True)
    return sorted(((diversity(M), group) for M, group in groups), key=lambda pair: pair[0])


def step_axis(axes: Axes) -> None:
    """Logarithmic training steps, drawn at step + 1 so that step 0 has a place."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("training step + 1")


def plain_log_ticks(axis: Any) -> None:
    """Ticks such as 0.5, 1, 2 on a logarithmic axis that spans little more than a decade."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def plot_seeds(axes: Axes, frame: pd.DataFrame, value: str, colour: Any) -> None:
    """Mean over seeds of ``value`` against the step, with the range over seeds as a band."""
    table = frame.pivot_table(index="step", columns="seed", values=value, sort=True)
    steps = table.index.to_numpy() + 1
    axes.plot(steps, table.mean(axis=1).to_numpy(), color=colour)
    if table.shape[1] > 1:
        axes.fill_between(
            steps, table.min(axis=1), table.max(axis=1), color=colour, alpha=0.18, linewidth=0
        )


def mean_loss(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The rows of ``dataset`` that average over all positions."""
    return frame[(frame["dataset"] == dataset) & frame["token"].isna()]


def level(axes: Axes, value: float, colour: Any, marker: str) -> None:
    """Mark an idealised predictor's value at the right edge."""
    axes.plot(
        1.0,
        value,
        marker=marker,
        color=colour,
        markersize=4,
        transform=axes.get_yaxis_transform(),
        clip_on=False,
        zorder=6,
        linestyle="none",
        markeredgecolor="white",
        markeredgewidth=0.4,
    )


def component_label(variance: pd.DataFrame, component: int) -> str:
    """``PC1 (23 %)``."""
    row = variance.set_index("component")["explained_variance_ratio"]
    return f"PC{component} ({100 * row[component]:.1f} %)"


def plot_plane(
    axes: Axes,
    frames: Mapping[str, pd.DataFrame],
    colours: DiversityColours,
    components: Sequence[int],
) -> None:
    """Trajectories of all runs in the plane of two components, with the idealised predictors."""
    first, second = components
    wide = frames["pca_trajectories"].pivot_table(
        index=["task_diversity", "seed", "step"],
        columns="component",
        values="coordinate",
        dropna=False,
    )
    wide = wide.dropna().reset_index().sort_values("step")
    for M, group in by_diversity(wide):
        for _, run in group.groupby("seed"):
            x, y = run[first].to_numpy(), run[second].to_numpy()
            axes.plot(x, y, color=colours[M], linewidth=0.9, alpha=0.9)
            axes.plot(
                x[-1], y[-1], marker=END_MARKER, color=colours[M], markersize=6,
                markeredgecolor="white", **{**MARK, "markeredgewidth": 0.4},
            )  # fmt: skip
    ideal = frames["pca_idealised"]
    points = ideal.pivot_table(
        index=["task_diversity", "predictor"], columns="component", values="coordinate", dropna=False
    )
    for _, row in points.dropna().reset_index().iterrows():
        is_ridge = row["predictor"] == "ridge"
        colour = "black" if is_ridge else colours[diversity(row["task_diversity"])]
        axes.plot(
            row[first], row[second], marker=RIDGE_MARKER if is_ridge else DMMSE_MARKER,
            markerfacecolor="white", markeredgecolor=colour, markersize=5.5 if is_ridge else 4.5,
            **{**MARK, "markeredgewidth": 1.1},
        )  # fmt: skip
    axes.set_xlabel(component_label(frames["pca_variance"], first))
    axes.set_ylabel(component_label(frames["pca_variance"], second))


def marker_legend(axes: Axes, names: Mapping[str, str], **where: Any) -> None:
    """Explain markers, in grey."""
    handles = [
        Line2D(
            [], [], marker=marker, linestyle="none", markersize=4.5, color="0.35",
            markerfacecolor="0.35" if marker == END_MARKER else "white", label=name,
        )  # fmt: skip
        for marker, name in names.items()
    ]
    axes.legend(handles=handles, handletextpad=0.2, borderaxespad=0.2, labelspacing=0.3, **where)


def panel_letters(axes: Sequence[Axes], titles: Sequence[str]) -> None:
    """Titles with a bold letter in front."""
    for letter, axis, title in zip("abcdefgh", axes, titles, strict=False):
        axis.set_title(rf"$\bf{{{letter}}}$  {title}")


def nan_free(values: Iterable[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """``values`` as floats without the missing ones."""
    array = np.asarray(list(values), dtype=np.float64)
    return array[~np.isnan(array)]
