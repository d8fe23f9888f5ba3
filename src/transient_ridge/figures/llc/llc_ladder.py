"""The ladder: sampled LLCs over n beta and r, beside what the curvature at w* implies."""

from matplotlib.figure import Figure

from ...analysis.views import by_run, last_step
from ...artefacts.tables import Frames
from ..drawing.panels import resolution_axis
from ..drawing.picture import figure_of
from ..drawing.style import DOUBLE_COLUMN, colours_of, label, new_figure, panel_titles
from .llc_by_resolution import draw_lines, draw_points

MARKERS = "osD^v"


@figure_of("llc_ladder", "quadratic_llc")
def draw(frames: Frames) -> Figure:
    """One panel per run: the line is quadratic, points are sampled, crossed out if they did not equilibrate."""
    table = frames["llc_ladder"].dropna(subset=["llc"])
    quadratic = last_step(frames["quadratic_llc"])
    colours = colours_of(frames["llc_ladder"])
    runs = by_run(table)
    figure = new_figure(DOUBLE_COLUMN, 2.6)
    panels = figure.subplots(1, max(1, len(runs)), sharey=True, squeeze=False)[0]
    panel_titles(panels, [f"$M$ = {label(run.task_diversity)}" for run, _ in runs])
    for axes, (run, cells) in zip(panels, runs, strict=False):
        own = quadratic[
            (quadratic["task_diversity"] == run.task_diversity) & (quadratic["seed"] == run.seed)
        ]
        if len(own):
            means = own.set_index(["task_diversity", "resolution"])["llc"].unstack()
            draw_lines(axes, means, colours)
        for marker, (n_beta, rows) in zip(MARKERS, cells.groupby("n_beta"), strict=False):
            draw_points(axes, rows, colours, marker=marker, label=rf"$n\beta$ = {n_beta:g}")
        axes.set_yscale("log")
        resolution_axis(axes)
    panels[0].set_ylabel(r"$\hat\lambda$")
    if runs:
        panels[0].legend()
    return figure
