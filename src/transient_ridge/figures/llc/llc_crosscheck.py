"""The LLC by our sampler against that by devinterp's, for the same checkpoints and settings."""

from typing import Any

from matplotlib.figure import Figure

from ...analysis.views import by_run
from ...artefacts.tables import Frames
from ..drawing.picture import figure_of
from ..drawing.style import SINGLE_COLUMN, colours_of, new_panels


@figure_of("llc_crosscheck")
def draw(frames: Frames) -> Figure:
    """A point per checkpoint, with the standard errors of both; they agree on the diagonal."""
    table = frames["llc_crosscheck"]
    colours = colours_of(table)
    figure, (axes,) = new_panels(1, 1, 3.0, width=SINGLE_COLUMN)
    for run, rows in by_run(table.dropna(subset=["llc"])):
        values = rows.pivot(index="step", columns="sampler", values=["llc", "standard_error"])
        for point in values.dropna().itertuples(index=False, name=None):
            theirs, ours, their_error, our_error = point
            colour = colours[run.task_diversity]
            axes.errorbar(
                [theirs], [ours], xerr=[their_error], yerr=[our_error], color=colour, linewidth=0.9, zorder=3
            )  # fmt: skip
            look: Any = {"markersize": 4.6, "markeredgecolor": "white", "zorder": 7}
            axes.plot([theirs], [ours], "o", color=colour, **look)
    low, high = axes.get_xlim()
    axes.axline((low, low), (high, high), color="0.5", linewidth=0.8, linestyle="--", zorder=1)
    axes.set_xlabel(r"$\hat\lambda$ by devinterp")
    axes.set_ylabel(r"$\hat\lambda$ by our sampler")
    colours.key(figure, "right")
    return figure
