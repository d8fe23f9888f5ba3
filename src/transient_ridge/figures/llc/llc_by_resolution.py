"""The LLC against the resolution r: quadratic (lines) and sampled (points), the order of the M, and the claims."""

import math
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.views import by_diversity, last_step, whole_model
from ...artefacts.tables import Frames, Rows
from ...scorecard.page import verdicts_by_resolution
from ..drawing.panels import resolution_axis
from ..drawing.picture import figure_of
from ..drawing.style import NOT_MEASURED, DiversityColours, colours_of, new_panels, note
from ..drawing.verdicts import VERDICTS, verdict_key

TITLES = ("LLC at the end", "order of the $M$", "claims 8 and 9")


@figure_of("quadratic_llc", "llc", "claims_by_resolution")
def draw(frames: Frames) -> Figure:
    """Means over seeds; r falls to the right, so that more directions count."""
    quadratic = last_step(frames["quadratic_llc"])
    sampled = last_step(whole_model(frames["llc"]).dropna(subset=["llc"]))
    colours = colours_of(quadratic, sampled)
    figure, panels = new_panels(1, 3, 2.9, TITLES, width_ratios=[1.25, 1, 1])
    if quadratic.empty:
        for axes in panels:
            note(axes, NOT_MEASURED)
        return figure
    means = quadratic.groupby(["task_diversity", "resolution"])["llc"].mean().unstack()
    draw_lines(panels[0], quadratic, colours)
    _draw_points(panels[0], sampled, colours)
    panels[0].set_yscale("log")
    panels[0].set_ylabel(r"$\hat\lambda$")
    _order(panels[1], means, colours)
    _claims(panels[2], frames["claims_by_resolution"])
    for axes in panels:
        resolution_axis(axes)
    colours.key(figure)
    verdict_key(figure)
    return figure


def draw_lines(axes: Axes, quadratic: pd.DataFrame, colours: DiversityColours) -> None:
    """The quadratic LLC of every M against r where it is resolved, mean over seeds with its standard error."""
    for M, rows in by_diversity(quadratic.dropna(subset=["llc"])):
        by_r = rows.groupby("resolution")
        mean = by_r["llc"].mean()
        error = by_r["standard_error"].agg(np.linalg.norm) / by_r.size()
        look: Any = {"color": colours[M]}
        axes.plot(mean.index, mean, linewidth=1.1, **look)
        axes.fill_between(mean.index, mean - error, mean + error, alpha=0.2, linewidth=0, **look)


def _draw_points(axes: Axes, sampled: pd.DataFrame, colours: DiversityColours) -> None:
    """Sampled estimates with one standard error; crosses are unhealthy ones."""
    for M, rows in by_diversity(sampled):
        axes.errorbar(
            rows["resolution"], rows["llc"], yerr=rows["standard_error"], color=colours[M],
            marker="o", markersize=3.5, markeredgecolor="white", linestyle="none",
        )  # fmt: skip
        bad = rows[~rows["healthy"].astype(bool)]
        axes.plot(bad["resolution"], bad["llc"], "x", color=colours[M], markersize=6, zorder=5)


def _order(axes: Axes, means: pd.DataFrame, colours: DiversityColours) -> None:
    """The rank of every M's LLC at each r, from 1, the least."""
    for M, row in means.rank().iterrows():
        axes.plot(
            row.index, row, color=colours[float(M)], marker="o", markersize=3, linewidth=1.1  # type: ignore[arg-type]
        )  # fmt: skip
    axes.set_yticks(range(1, len(means) + 1))
    axes.set_ylabel("rank of the LLC")


def _claims(axes: Axes, claims: pd.DataFrame) -> None:
    """A line per statement, from the top: each verdict once, over the range of r at which it holds."""
    found = verdicts_by_resolution(Rows.of("claims_by_resolution", claims).records())
    for height, verdicts in enumerate(found.values()):
        for verdict, same in groupby(verdicts, key=itemgetter(1)):
            ends = [r for r, _ in same]
            look = VERDICTS[verdict]
            span = [ends[0], ends[-1]]
            axes.plot(span, [height] * 2, color=look["color"], linewidth=2.5, alpha=0.35)
            axes.plot(math.sqrt(ends[0] * ends[-1]), height, markersize=5.5, **look)
    axes.set_yticks(range(len(found)), list(found))
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
