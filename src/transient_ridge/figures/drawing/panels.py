"""Axes and panels that several figures share."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from ...analysis.views import (
    averages,
    by_diversity,
    by_run,
    critical_points,
    idealised_levels,
    over_seeds,
)
from ...artefacts.tables import Frames
from ...config.runs import Run, TaskDiversity
from .style import (
    CRITICAL,
    END,
    DiversityColours,
    label,
    mark,
    new_panels,
    note,
)


def path(axes: Axes, x: Any, y: Any, run: Run, colours: DiversityColours) -> None:
    """One run's line, thin enough for twenty in a panel; M = infinity, which many follow, is drawn below the others."""
    axes.plot(
        x, y, label=f"_{run.name}", color=colours[run.task_diversity], linewidth=0.8, alpha=0.85,
        zorder=1.9 if math.isinf(run.task_diversity) else 2.0,
    )  # fmt: skip


def arrow_of_time(axes: Axes, x: Any, y: Any, colour: str, share: float = 0.4) -> None:
    """An arrowhead on the path (x, y), after ``share`` of its drawn length."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    shown = axes.transData.transform(np.column_stack([x, y]))
    behind = np.append(0, np.hypot(*np.diff(shown, axis=0).T).cumsum())
    if not behind[-1]:
        return
    # A chord, because a single segment is too short to show the direction.
    ends = np.array([share - 0.05, share]) * behind[-1]
    tail, head = zip(np.interp(ends, behind, x), np.interp(ends, behind, y), strict=True)
    axes.add_patch(
        FancyArrowPatch(
            tail, head, arrowstyle="-|>", mutation_scale=8, color=colour, linewidth=0, shrinkA=0, shrinkB=0,
            zorder=3,
        )
    )  # fmt: skip


def panel_for_each(
    diversities: Sequence[TaskDiversity],
    margin: float,
    height: float,
    *,
    most: int = 4,
    sharey: bool = True,
    nothing: str = "",
) -> tuple[Figure, NDArray[Any]]:
    """A figure with a titled panel for each M, at most ``most`` to a row of ``height`` inches, and its panels (R, C).

    ``margin`` inches stay free below all rows. Without any M there is one panel with the note ``nothing``.
    """
    columns = min(most, max(len(diversities), 1))
    rows = max(-(-len(diversities) // columns), 1)
    figure, panels = new_panels(rows, columns, margin + height * rows, sharey=sharey)
    for axes in panels[len(diversities) :]:
        axes.axis("off")
    for axes, M in zip(panels, diversities, strict=False):
        axes.set_title(f"$M$ = {label(M)}")
    if not diversities and nothing:
        panels[0].axis("on")
        note(panels[0], nothing)
    return figure, np.array(panels).reshape(rows, columns)


def step_axis(axes: Axes, steps: pd.Series) -> None:
    """Training steps over the range of ``steps``, logarithmic from 1 and linear between 0 and 1."""
    first, last = (int(steps.min()), int(steps.max())) if len(steps) else (0, 1)
    axes.set_xscale("symlog", linthresh=1, linscale=0.4, subs=range(2, 10))
    axes.xaxis.set_major_formatter(_decade)
    axes.xaxis.set_minor_formatter("")
    axes.set_xlim(0.85 * first if first else -0.12, max(last, 1) * 1.08)
    if first == last > 1:  # no power of ten is near
        axes.set_xticks([last], [f"{last:,}"])
    axes.set_xlabel("training step")


def resolution_axis(axes: Axes) -> None:
    """r = gamma / (n beta), logarithmic and falling to the right, where it is finer."""
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_xlabel(r"resolution $r = \gamma / n\beta$")


def _decade(value: float, _: Any) -> str:
    return f"{value:g}" if value <= 10 else f"$10^{{{round(math.log10(value))}}}$"


def loss_axis(axis: Axis) -> None:
    """A logarithmic axis with plain numbers at its ticks, whether it spans half a decade or three."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    if decades < 0.45:
        subs = [0.1 * tenth for tenth in range(10, 100, 2)]
    elif decades < 1.1:
        subs = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0]
    else:
        subs = [1.0, 2.0, 5.0] if decades < 2 else [1.0]
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_minor_locator(LogLocator(subs=range(1, 10), numticks=12))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def curves(axes: Axes, frame: pd.DataFrame, value: str, colours: DiversityColours) -> None:
    """Mean over seeds of ``value`` against the step for each M, with the range over seeds as a band."""
    for M, rows in by_diversity(frame):
        mean_and_range(axes, rows, value, colours[M], f"_{M}")
    step_axis(axes, frame["step"])


def mean_and_range(
    axes: Axes, rows: pd.DataFrame, value: str, colour: str, name: str | None = None
) -> None:
    """Mean over seeds of ``value`` against the step, with the range over several seeds as a band."""
    spread = over_seeds(rows, value)
    axes.plot(spread.index, spread["mean"], color=colour, label=name)
    if rows["seed"].nunique() > 1:
        axes.fill_between(
            spread.index, spread["min"], spread["max"], color=colour, alpha=0.2, linewidth=0
        )


def mark_path(
    axes: Axes,
    x: pd.Series,
    y: pd.Series,
    critical: tuple[int, float] | None,
    colour: str,
    share: float = 0.4,
) -> None:
    """Mark time on the path (x, y), both indexed by step: an arrowhead, a ring at t_crit if it has one, and its end."""
    arrow_of_time(axes, x, y, colour, share)
    if critical and critical[0] in x.index:
        mark(axes, x[critical[0]], y[critical[0]], CRITICAL, colour)
    if len(x):
        mark(axes, x.iloc[-1], y.iloc[-1], END, colour)


def median_critical(
    critical_steps: pd.DataFrame, task_diversity: TaskDiversity, steps: NDArray[Any]
) -> int | None:
    """Index of the step next to the median t_crit over the seeds of an M; None if no seed has one."""
    points = critical_points(critical_steps, "smoothed").items()
    turns = [step for run, (step, _) in points if run.task_diversity == task_diversity]
    return int(np.abs(steps - np.median(turns)).argmin()) if turns else None


def farthest_from_end(run: pd.DataFrame) -> int:
    """The step at which the trajectory ``run`` lies farthest from its last point, over all components."""
    wide = run.pivot(index="step", columns="component", values="coordinate").sort_index()
    points = wide.to_numpy()
    return int(wide.index.to_numpy()[((points - points[-1]) ** 2).sum(axis=1).argmax()])


def circle_critical(
    axes: Axes, critical_steps: pd.DataFrame, curve: str, colours: DiversityColours
) -> None:
    """A ring at t_crit of every run, at the OOD loss there."""
    for run, (step, loss) in critical_points(critical_steps, curve).items():
        mark(axes, step, loss, CRITICAL, colours[run.task_diversity])


def loss_over_training(axes: Axes, frames: Frames, dataset: str, colours: DiversityColours) -> None:
    """Smoothed loss of each M on ``dataset``, mean and range over seeds, and the levels of the idealised predictors."""
    curves(axes, averages(frames["smoothed_losses"], dataset), "loss", colours)
    for (predictor, M), loss in idealised_levels(frames["idealised_losses"], dataset).items():
        level(axes, loss, predictor, M, colours)
    loss_axis(axes.yaxis)


def level(
    axes: Axes,
    value: float,
    predictor: str,
    task_diversity: TaskDiversity,
    colours: DiversityColours,
) -> None:
    """An idealised predictor's value: a faint dash at the right edge and a marker outside.

    Predictors that are the same for all M have their own column; those whose M is not in the grid are left out.
    """
    if not math.isinf(task_diversity) and task_diversity not in colours:
        return
    colour = colours[task_diversity]
    across = axes.get_yaxis_transform()
    at = 1.075 if math.isinf(task_diversity) else 1.03
    axes.plot(
        [0.94, at], [value, value], color=colour, transform=across, linewidth=0.7, alpha=0.6,
        zorder=1, clip_on=False,
    )  # fmt: skip
    mark(axes, at, value, predictor, colour, transform=across, markersize=4.2)


def component_label(variance: pd.DataFrame, component: int) -> str:
    """``PC1 (43.7 %)``, with its share of the variance if the table has it."""
    shares = variance.set_index("component")["explained_variance_ratio"]
    share = f" ({100 * shares[component]:.1f} %)" if component in shares.index else ""
    return f"PC{component}{share}"


def coordinates(run: pd.DataFrame, components: tuple[int, int]) -> pd.DataFrame:
    """Rows (steps, or predictors) of ``run`` with one column per component, complete rows only."""
    keys = [key for key in ("step", "predictor") if key in run]
    wide = run.pivot(index=keys, columns="component", values="coordinate")
    return wide.reindex(columns=list(components)).dropna()


def plane(
    axes: Axes, frames: Frames, colours: DiversityColours, components: tuple[int, int]
) -> None:
    """Trajectories of all runs in the plane of two components, with t_crit and the idealised predictors.

    Each starts where it is farthest from its end, because before that a run only learns the scale of its outputs.
    """
    first, second = components
    t_crit = critical_points(frames["critical_steps"], "smoothed")
    drawn = []
    for run, rows in by_run(frames["pca_trajectories"]):
        points = coordinates(rows[rows["step"] >= farthest_from_end(rows)], components)
        x, y = points[first], points[second]
        path(axes, x, y, run, colours)
        drawn.append((run, x, y))
    for run, x, y in drawn:
        mark_path(axes, x, y, t_crit.get(run), colours[run.task_diversity])
    for M, rows in by_diversity(frames["pca_idealised"]):
        for predictor, point in coordinates(rows, components).groupby("predictor"):
            if math.isinf(M) or M in colours:
                x, y = point.iloc[0]
                mark(axes, x, y, str(predictor), colours[M])
    axes.set_xlabel(component_label(frames["pca_variance"], first))
    axes.set_ylabel(component_label(frames["pca_variance"], second))
