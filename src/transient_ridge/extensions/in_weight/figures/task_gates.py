"""The gate between ridge and dMMSE_M on each task over training: which tasks go in-weight first."""

from matplotlib.figure import Figure

from ....analysis.views import by_diversity
from ....artefacts.tables import Frames
from ....figures.drawing.frequencies import frequency_colours, frequency_key
from ....figures.drawing.panels import mean_and_range, panel_for_each, step_axis
from ....figures.drawing.picture import figure_of


@figure_of("task_gates")
def draw(frames: Frames) -> Figure:
    """A panel per finite M; a line per task, mean over seeds with their range, and dashes at ridge and dMMSE_M."""
    gates = frames["task_gates"]
    panels_of = by_diversity(gates)
    figure, panels = panel_for_each(
        [M for M, _ in panels_of], 0.6, 2.2, nothing="all tasks are equally frequent"
    )
    for axes in panels[:, 0]:
        axes.set_ylabel(r"gate $\alpha$ on the task")
    if not panels_of:
        return figure
    colours = frequency_colours(gates, "task")
    for axes, (_, of_diversity) in zip(panels.flatten(), panels_of, strict=False):
        for level in (0, 1):
            axes.axhline(level, color="0.6", linewidth=0.7, linestyle="--", zorder=1)
        for number, of_task in of_diversity.groupby("task"):
            mean_and_range(axes, of_task, "gate", colours[number])
        step_axis(axes, of_diversity["step"])
    frequency_key(figure, gates, "task", "share of the task in $T_M$")
    return figure
