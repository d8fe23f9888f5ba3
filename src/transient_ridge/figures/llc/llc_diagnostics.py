"""Diagnostics of every LLC estimate."""

from matplotlib.figure import Figure

from ...analysis.views import by_run, whole_model
from ...artefacts.tables import Frames
from ..drawing.panels import path, step_axis
from ..drawing.picture import figure_of
from ..drawing.style import colours_of, new_panels

PANELS = {
    "heating_share": "share that minibatch noise adds",
    "r_hat": r"split $\hat R$",
    "ess": "effective sample size",
    "share_below": "share of draws below $\\ell(w^*)$",
    "distance": "distance from $w^*$",
    "relative": "paired - unpaired (in SE)",
}


@figure_of("llc")
def draw(frames: Frames) -> Figure:
    """A panel per diagnostic, a line per run; crosses are unhealthy estimates."""
    llc = whole_model(frames["llc"])
    colours = colours_of(llc)
    # The two share their draws; the unit is the error of the unpaired one, which is by far the larger.
    difference = (llc["llc"] - llc["llc_unpaired"]) / llc["standard_error_unpaired"]
    llc = llc.assign(relative=difference)
    figure, panels = new_panels(2, 3, 4.2, list(PANELS.values()), sharex=True)
    for axes, column in zip(panels, PANELS, strict=True):
        for run, rows in by_run(llc):
            path(axes, rows["step"], rows[column], run, colours)
            # A run with one estimate has no line.
            axes.plot(
                rows["step"], rows[column], ".", color=colours[run.task_diversity], markersize=4
            )
            bad = rows[~rows["healthy"].astype(bool)]
            axes.plot(
                bad["step"], bad[column], "x", color=colours[run.task_diversity], markersize=4
            )
        step_axis(axes, llc["step"])
    for axes in panels[:3]:
        axes.set_xlabel("")
    colours.key(figure)
    return figure
