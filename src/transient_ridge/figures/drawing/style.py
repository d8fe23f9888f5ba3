"""The style of all figures: sizes, fonts, colours of task diversities, markers and their keys."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from ...config.registries import PREDICTORS
from ...config.runs import TaskDiversity

SINGLE_COLUMN = 3.4  # inches
DOUBLE_COLUMN = 7.0

#: Deviations from matplotlib's defaults.
STYLE = Path(__file__).with_name("paper.mplstyle")


def styled() -> AbstractContextManager[None]:
    """Context for drawing and saving: :data:`STYLE` over matplotlib's defaults, regardless of any matplotlibrc."""
    return mpl.style.context(STYLE, after_reset=True)


CRITICAL, END = "critical", "end"

#: How to draw each kind of point; :func:`mark` adds the colour of its M.
_MARKERS: dict[str, dict[str, Any]] = {
    END: {"marker": "*", "markersize": 7.5, "markeredgewidth": 0.5, "zorder": 6},
    CRITICAL: {"marker": "o", "markersize": 5.5, "markeredgewidth": 1.0, "zorder": 5},
}
_NAMES = {
    CRITICAL: r"$t_{\mathrm{crit}}$",
    END: "end of training",
}


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, with constrained layout."""
    return Figure(figsize=(width, height), layout="constrained")


def new_panels(
    rows: int,
    columns: int,
    height: float,
    titles: Sequence[str] = (),
    *,
    width: float = DOUBLE_COLUMN,
    **grid: Any,
) -> tuple[Figure, list[Axes]]:
    """A figure of ``height`` inches and its panels, row by row, under lettered ``titles``.

    ``grid`` are options of matplotlib's `subplots`.
    """
    figure = new_figure(width, height)
    panels = figure.subplots(rows, columns, squeeze=False, **grid).flatten().tolist()
    panel_titles(panels, titles)
    return figure, panels


def panels_for(
    count: int, most: int, margin: float, height: float, **grid: Any
) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels, at most ``most`` to a row of ``height`` inches, and ``margin`` inches besides.

    Without any there is one panel, for a note.
    """
    columns = min(most, max(count, 1))
    rows = max(-(-count // columns), 1)
    figure, panels = new_panels(rows, columns, margin + height * rows, **grid)
    for axes in panels[max(count, 1) :]:
        axes.remove()
    return figure, panels[: max(count, 1)]


def label(task_diversity: TaskDiversity) -> str:
    """``16`` or the sign of infinity."""
    return "∞" if math.isinf(task_diversity) else str(int(task_diversity))


class DiversityColours:
    """Colour of each M of a grid, in even steps through a perceptually uniform map, dark to light; infinity is black.

    Even steps, rather than steps in log M, separate neighbours where the grid is dense. The map (plasma) is readable
    with any colour vision and in grey. Its lightest part is left out, because it vanishes on white; its dark end is
    blue, which differs from black.
    """

    RANGE = (0.04, 0.85)
    INFINITY = "#000000"

    def __init__(self, task_diversities: Iterable[TaskDiversity]) -> None:
        self.values: list[TaskDiversity] = sorted(set(task_diversities))
        self._finite = [M for M in self.values if not math.isinf(M)]

    def __contains__(self, task_diversity: object) -> bool:
        """Whether the grid has this M."""
        return task_diversity in self.values

    def __getitem__(self, task_diversity: TaskDiversity) -> str:
        """Hexadecimal colour of an M of the grid."""
        if math.isinf(task_diversity):
            return self.INFINITY
        steps = len(self._finite) - 1
        share = self._finite.index(task_diversity) / steps if steps else 0.5
        first, last = self.RANGE
        return to_hex(mpl.colormaps["plasma"](first + (last - first) * share))

    def key(self, figure: Figure, location: str = "bottom") -> None:
        """A strip with one labelled cell per M, at the ``bottom`` of all panels or to their ``right``."""
        count = len(self.values)
        if count == 0:
            return
        mappable = ScalarMappable(
            BoundaryNorm(np.arange(count + 1), count),
            ListedColormap([self[M] for M in self.values]),
        )
        flat = location == "bottom"
        extent = figure.get_figwidth() if flat else figure.get_figheight()
        length = min(0.34 if flat else 0.2, 0.85 * extent / count) * count
        bar = figure.colorbar(
            mappable,
            ax=figure.axes,
            location=location,
            ticks=np.arange(count) + 0.5,
            drawedges=count > 1,
            shrink=length / extent,
            aspect=length / 0.08,
            pad=0.02,
        )
        names = [label(M) for M in self.values]
        bar.set_ticklabels(names)
        bar.minorticks_off()
        cell = length / count
        wide = flat and 0.065 * max(map(len, names)) + 0.03 > cell
        size = 7.0 if flat else min(7.0, 65 * cell)
        bar.ax.tick_params(length=0, pad=2, labelsize=size, labelrotation=90 if wide else 0)
        if math.isinf(self.values[-1]):  # a small sign; turned on its side it would read as an 8
            (bar.ax.get_xticklabels() if flat else bar.ax.get_yticklabels())[-1].set(
                rotation=0, fontsize=size + 2
            )
        bar.outline.set_visible(False)
        bar.dividers.set(color="white", linewidth=1.0)
        if flat:
            bar.ax.set_ylabel("task diversity $M$", rotation=0, ha="right", va="center", labelpad=4)
        else:
            bar.ax.set_title("$M$", loc="center")


class DarkDiversityColours(DiversityColours):
    """The same map for a dark background: its dark end is left out instead, and infinity is white."""

    RANGE = (0.3, 1.0)
    INFINITY = "#ffffff"


def colours_of(*tables: pd.DataFrame) -> DiversityColours:
    """Colours for the grid that ``tables`` cover together."""
    return DiversityColours(float(M) for table in tables for M in table["task_diversity"].unique())


def mark(axes: Axes, x: float, y: float, kind: str, colour: str, **options: Any) -> None:
    """Draw one point in the marker of its ``kind``, the same in all figures."""
    axes.plot([x], [y], **{**_look(kind, colour), "clip_on": False, **options})


def predictors_in(*tables: pd.DataFrame) -> list[str]:
    """Names of the predictors in ``tables``, those of the task set before those for all M."""
    names = {str(name): None for table in tables for name in table["predictor"].unique()}
    return sorted(names, key=lambda name: not PREDICTORS.constant(name, "OF_TASK_SET"))


def name_of_kind(kind: str) -> str:
    """Name of a kind of point in keys; predictors bring theirs."""
    return _NAMES.get(kind) or str(PREDICTORS.constant(kind, "LABEL"))


def _marker(kind: str) -> dict[str, Any]:
    if kind in _MARKERS:
        return _MARKERS[kind]
    over = 0 if PREDICTORS.constant(kind, "OF_TASK_SET") else 1  # those for all M lie on top
    marker = PREDICTORS.constant(kind, "MARKER")
    size = 4.6 + 0.4 * over
    return {"marker": marker, "markersize": size, "markeredgewidth": 0.7, "zorder": 7 + over}


def _look(kind: str, colour: str) -> dict[str, Any]:
    ring = kind == CRITICAL
    return {
        "linestyle": "none",
        "markerfacecolor": "none" if ring else colour,
        "markeredgecolor": colour if ring else "white",
        **_marker(kind),
    }


def marker_key(
    figure: Figure, kinds: Sequence[str], extra: Mapping[str, Any] | None = None
) -> None:
    """Explain markers in a row under the figure, in grey; ``extra`` adds other looks by name."""
    grey = "0.35"
    looks = {name_of_kind(kind): {**_look(kind, grey), "markeredgecolor": grey} for kind in kinds}
    spacing: Any = {
        "handletextpad": 0.3,
        "columnspacing": 1.4,
        "borderaxespad": 0.2,
        "borderpad": 0.1,
    }
    key(figure, {**looks, **(extra or {})}, **spacing)


def key(
    figure: Figure, looks: Mapping[str, Mapping[str, Any]], most: int = 99, **options: Any
) -> None:
    """Explain ``looks``, options of a line by name, under the figure, at most ``most`` to a row."""
    handles = [Line2D([], [], label=name, **look) for name, look in looks.items()]
    ncols = min(len(handles), most)
    figure.legend(handles=handles, loc="outside lower center", ncols=ncols, **options)


def panel_titles(axes: Sequence[Axes], titles: Sequence[str]) -> None:
    """Titles, each after a bold letter."""
    for letter, panel, title in zip("abcdefgh", axes, titles, strict=False):
        panel.set_title(rf"$\mathbf{{{letter}}}$  {title}")


#: The note in a panel for LLCs that were not requested.
NOT_MEASURED = "LLC not measured"


def note(axes: Axes, text: str) -> None:
    """Write in an empty panel why it is empty, and remove its ticks."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.45", zorder=9
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(NullLocator())
        axis.set_minor_locator(NullLocator())
