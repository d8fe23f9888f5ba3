"""The refined LLC of parts of the model over training (after arXiv 2410.02984), a panel per M."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ....analysis.views import by_diversity, critical_points
from ....artefacts.tables import Frames
from ....figures.drawing.panels import panel_for_each, step_axis
from ....figures.drawing.picture import figure_of


@figure_of("llc", "critical_steps")
def draw(frames: Frames) -> Figure:
    """A line per part, mean over seeds; crosses are unhealthy estimates, the vertical lines t_crit of each seed."""
    llc, critical = frames["llc"], frames["critical_steps"]
    parts = llc[(llc["component"] != "all") & llc["token"].isna()].dropna(subset=["llc"])
    maps = by_diversity(parts)
    figure, panels = panel_for_each(
        [M for M, _ in maps], 0.6, 2.4, most=3, nothing="the LLC of no part was measured"
    )
    for axes in panels[:, 0]:
        axes.set_ylabel(r"refined $\hat\lambda$")
    if not maps:
        return figure
    looks = _looks(sorted(parts["component"].unique()))
    turns = critical_points(critical, "smoothed")
    for axes, (M, of_diversity) in zip(panels.flatten(), maps, strict=False):
        for run, (step, _) in turns.items():
            # At M = infinity the least OOD loss is where training ends, and nothing turns.
            if run.task_diversity == M and not math.isinf(M):
                axes.axvline(step, color="0.6", linewidth=0.7, linestyle=":", zorder=1)
        for component, of_part in of_diversity.groupby("component"):
            _line(axes, of_part, looks[str(component)])
        step_axis(axes, of_diversity["step"])
    handles = [Line2D([], [], label=name, **look) for name, look in looks.items()]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(len(handles), 6), borderaxespad=0.2
    )
    return figure


#: Options of a line.
Look = dict[str, Any]


def _looks(components: Sequence[str]) -> dict[str, Look]:
    """A colour for each part; MLPs are dashed."""
    return {
        name: {
            "color": to_hex(colormaps["tab10"](i % 10)),
            "linestyle": "--" if name.endswith("mlp") else "-",
        }
        for i, name in enumerate(components)
    }


def _line(axes: Axes, rows: pd.DataFrame, look: Look) -> None:
    at = rows.groupby("step")
    seeds = at["llc"].count()
    # Several seeds: the standard error between them; one seed: the Monte Carlo error of its chains.
    error = (at["llc"].std(ddof=1) / seeds**0.5).where(seeds > 1, at["standard_error"].mean())
    mean = at["llc"].mean()
    axes.errorbar(
        mean.index, mean, yerr=error, marker=".", markersize=3, linewidth=1.0, elinewidth=0.7, color=look["color"],
        linestyle=look["linestyle"],
    )  # fmt: skip
    unhealthy = rows[~rows["healthy"].astype(bool)]
    axes.plot(unhealthy["step"], unhealthy["llc"], "x", color=look["color"], markersize=5, zorder=4)
