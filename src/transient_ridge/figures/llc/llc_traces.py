"""SGLD traces at the end of training: the chains' paired losses, whose mean after the burn-in gives the LLC."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.views import by_run, last_step, whole_model
from ...artefacts.tables import Frames
from ..drawing.picture import figure_of
from ..drawing.style import NOT_MEASURED, colours_of, label, note, panels_for

#: SGLD steps averaged into one point, because minibatch noise would hide the drift.
WINDOW = 10
COLUMNS = 4


@figure_of("llc_traces", "llc")
def draw(frames: Frames) -> Figure:
    """A panel per M (first seed), a line per chain; the dotted line is l(w*)."""
    traces, llc = last_step(frames["llc_traces"]), last_step(whole_model(frames["llc"]))
    traces = traces[traces["component"] == "all"]
    colours = colours_of(frames["llc"])
    firsts = {run.task_diversity: run for run, _ in reversed(by_run(llc))}
    runs = sorted(firsts.values())
    places = max(len(runs), COLUMNS) if runs else 0  # so that a few panels are no wider than many
    figure, panels = panels_for(places, COLUMNS, 0.3, 1.5, sharex=True, sharey=True)
    if not runs:
        note(panels[0], NOT_MEASURED)
        return figure
    chains = dict(by_run(traces))
    for axes, run in zip(panels, runs, strict=False):
        if run in chains:
            draw_chains(axes, chains[run], colours[run.task_diversity])
        axes.set_title(f"$M$ = {label(run.task_diversity)}")
    for axes in panels[len(runs) :]:
        axes.remove()
    for axes in panels[: len(runs) : COLUMNS]:
        axes.set_ylabel(r"$\ell_B(w) - \ell_B(w^*)$")
    for axes in panels[: len(runs)][-COLUMNS:]:
        axes.set_xlabel("SGLD step")
        axes.tick_params(labelbottom=True)  # above an empty place, too
    return figure


def draw_chains(axes: Axes, traces: pd.DataFrame, colour: str) -> None:
    """Every chain's loss minus that of w* on the same minibatch, averaged over windows of steps."""
    for losses, centre_losses in zip(traces["losses"], traces["centre_losses"], strict=True):
        pairs = np.asarray(losses, dtype=float) - np.asarray(centre_losses, dtype=float)
        whole = len(pairs) // WINDOW * WINDOW
        means = pairs[:whole].reshape(-1, WINDOW).mean(axis=1)
        axes.plot(WINDOW * (np.arange(len(means)) + 0.5), means, color=colour, linewidth=0.7)
    axes.axhline(0, color="0.4", linestyle=":", linewidth=0.8)
